"""Whatever an honest student does to a notebook, the answer that went in comes out."""

import copy
import json
import random

import pytest
from support.handins import (
    ANSWERS,
    STUDENT,
    code,
    find,
    grade_id_of,
    markdown,
    notebook,
    older,
    pack,
    save,
    without_names,
)

from coursekit.collect import collect
from coursekit.collect.layouts import LayoutError
from coursekit.collect.saved import read_book
from coursekit.course import this_course
from styletools.course.todos import OPTIONAL

GRAM = ("02_gram", "gram_matrix")
TEXT = ("02_gram", "gram_matrix_explanation")
CONTENT = ("03_losses", "content_loss")


def collected(path):
    """The only submission there."""
    (submission,) = collect([path])
    return submission


def answer(path, key=GRAM):
    submission = collected(path)
    assert not submission.refused
    return submission.answers[key].source


def saved(tmp_path, document, name="ada/02_gram.ipynb"):
    save(tmp_path / "class" / name, document)
    return tmp_path / "class"


# Where submissions are, and what they are called


def test_folder_zip_and_notebook_are_named_by_student(tmp_path):
    folder = tmp_path / "class"
    save(folder / "Ada Lovelace" / "02_gram.ipynb", notebook())
    pack(folder / "Alan Turing.zip", {"work/02_gram.ipynb": notebook()})
    save(folder / "Grace Hopper.ipynb", notebook())
    (folder / "list.csv").write_text("not a submission")
    found = list(collect([folder]))
    assert [s.student for s in found] == ["Ada Lovelace", "Alan Turing", "Grace Hopper"]
    for submission in found:
        assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]
        assert submission.answers[GRAM].found_by == "cell id"
        assert submission.answers[TEXT].source == ANSWERS["gram_matrix_explanation"]


@pytest.mark.parametrize("inside", ["", "notebooks/"])
def test_a_folder_with_a_lesson_in_it_is_one_submission(tmp_path, inside):
    save(tmp_path / "ada" / f"{inside}02_gram.ipynb", notebook())
    save(tmp_path / "ada" / f"{inside}03_losses.ipynb", notebook("03_losses"))
    submission = collected(tmp_path / "ada")
    assert submission.student == "ada"
    assert submission.answers[CONTENT].source == ANSWERS["content_loss"]
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]


def test_all_cells_are_known_and_no_others(tmp_path):
    for path in STUDENT.glob("*.ipynb"):
        save(tmp_path / "ada" / path.name, json.loads(path.read_text()))
    submission = collected(tmp_path / "ada")
    expected = {
        (path.stem, grade_id_of(cell))
        for path in STUDENT.glob("*.ipynb")
        for cell in json.loads(path.read_text())["cells"]
        if cell["metadata"].get("nbgrader", {}).get("solution")
        and grade_id_of(cell) not in OPTIONAL
    }
    assert set(submission.answers) == expected
    assert not submission.notes


def test_two_submissions_of_one_name_are_kept_apart_and_said(tmp_path):
    other = "def gram_matrix(tensor):\n    return 2"
    saved(tmp_path, notebook())
    pack(tmp_path / "class/ada.zip", {"02_gram.ipynb": notebook(answers={"gram_matrix": other})})
    archive, folder = collect([tmp_path / "class"])
    assert [folder.student, archive.student] == ["ada [ada]", "ada [ada.zip]"]
    assert folder.answers[GRAM].source == ANSWERS["gram_matrix"]
    assert archive.answers[GRAM].source == other
    assert "ada [ada.zip]" in folder.notes[0]
    assert "ada [ada]" in archive.notes[0]


def test_names_that_look_alike_are_kept_apart(tmp_path):
    for name in ("Ada", "ada", "ａda"):
        saved(tmp_path, notebook(), f"{name}/02_gram.ipynb")
    names = [submission.student for submission in collect([tmp_path / "class"])]
    assert len(set(names)) == 3
    assert all("[" in name for name in names)


def test_a_folder_named_like_what_tells_others_apart(tmp_path):
    for name in ("ada", "ADA", "ada [ada]", "ADA [ada]", "ada [ada] 2"):
        saved(tmp_path, notebook(), f"{name}/02_gram.ipynb")
    names = [submission.student.casefold() for submission in collect([tmp_path / "class"])]
    assert len(set(names)) == 5


def test_same_folder_names_in_two_places_are_kept_apart(tmp_path):
    for place in ("monday", "tuesday"):
        save(tmp_path / place / "ada" / "02_gram.ipynb", notebook())
    names = {s.student for s in collect([tmp_path / "monday", tmp_path / "tuesday"])}
    assert len(names) == 2


def test_names_that_would_mislead_are_escaped(tmp_path):
    saved(tmp_path, notebook(), "ada\u202egpj\n/02_gram.ipynb")
    (submission,) = collect([tmp_path / "class"])
    assert submission.student == "ada\\u202egpj\\n"


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(LayoutError, match="not there"):
        list(collect([tmp_path / "nowhere"]))
    with pytest.raises(LayoutError, match="No submissions in"):
        list(collect([tmp_path]))


def test_the_order_does_not_depend_on_how_they_are_given(tmp_path):
    paths = [save(tmp_path / f"{name}.ipynb", notebook()) for name in "dbca"]
    names = [s.student for s in collect(paths)]
    assert names == [s.student for s in collect(paths[::-1])] == list("abcd")


# Cells that were moved, copied, added, deleted, retyped


def test_added_cells_cost_nothing(tmp_path):
    document = notebook()
    for position in range(0, len(document["cells"]) * 2, 2):
        document["cells"].insert(position, code(f"x = {position}\nprint(x)"))
    assert answer(saved(tmp_path, document)) == ANSWERS["gram_matrix"]


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_cells_cost_nothing(tmp_path, seed):
    document = notebook()
    random.Random(seed).shuffle(document["cells"])
    folder = saved(tmp_path, document)
    assert answer(folder) == ANSWERS["gram_matrix"]
    assert answer(folder, TEXT) == ANSWERS["gram_matrix_explanation"]


def test_everything_but_the_answer_deleted_costs_nothing(tmp_path):
    document = notebook()
    document["cells"] = [find(document, "gram_matrix")]
    submission = collected(saved(tmp_path, document))
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]
    assert set(submission.answers) == {GRAM}


def test_ids_lost_the_grade_id_is_enough(tmp_path):
    submission = collected(saved(tmp_path, older(notebook())))
    assert submission.answers[GRAM].found_by == "grade_id"
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]


def test_all_metadata_lost_the_name_is_enough(tmp_path):
    submission = collected(saved(tmp_path, without_names(notebook()), "ada/Untitled.ipynb"))
    assert submission.answers[GRAM].found_by == "name"
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]
    assert submission.answers[TEXT].source == ANSWERS["gram_matrix_explanation"]
    assert any("found by its name" in note for note in submission.notes)


def test_answer_in_a_new_cell_while_the_stub_stays(tmp_path):
    document = notebook(answers={})
    document["cells"].append(code(ANSWERS["gram_matrix"]))
    assert answer(saved(tmp_path, document)) == ANSWERS["gram_matrix"]


def test_a_copied_cell_and_the_stub(tmp_path):
    document = notebook(answers={})
    copied = copy.deepcopy(find(document, "gram_matrix"))  # a copy keeps grade_id, and gets an id
    copied |= {"id": "0123abcd", "source": ANSWERS["gram_matrix"]}
    document["cells"].insert(0, copied)
    assert answer(saved(tmp_path, document)) == ANSWERS["gram_matrix"]


def test_of_two_answers_the_id_counts_and_it_is_said(tmp_path):
    document = notebook()
    document["cells"].append(code("def gram_matrix(tensor):\n    return 'tried'"))
    submission = collected(saved(tmp_path, document))
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]
    assert any("answered more than once" in note for note in submission.notes)


def test_of_two_cells_with_one_id_the_last_counts(tmp_path):
    document = notebook(answers={"gram_matrix": "def gram_matrix(t):\n    return 'first try'"})
    again = copy.deepcopy(find(document, "gram_matrix")) | {"source": ANSWERS["gram_matrix"]}
    document["cells"].append(again)
    assert answer(saved(tmp_path, document)) == ANSWERS["gram_matrix"]


def test_an_empty_cell_loses_against_an_older_copy_of_the_notebook(tmp_path):
    saved(tmp_path, notebook(answers={}))
    folder = saved(tmp_path, notebook(), "ada/02_gram-Copy1.ipynb")
    submission = collected(folder / "ada")
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]
    assert "02_gram-Copy1" in " ".join(submission.notes) or submission.notes == ()


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_code_that_became_text_is_read_all_the_same(tmp_path, kind):
    document = notebook()
    cell = find(document, "gram_matrix")
    cell["cell_type"] = kind
    del cell["outputs"], cell["execution_count"]
    submission = collected(saved(tmp_path, document))
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]
    assert any(f"changed to {kind}" in note for note in submission.notes)


def run_sources(path, name="gram_matrix"):
    """The code that is run to grade a TODO."""
    submission = collected(path)
    [run] = [run for run in submission.notebooks if name in run.wanted]
    return [cell.source for cell in run.cells]


def test_fenced_code_in_a_text_cell(tmp_path):
    document = notebook()
    cell = find(document, "gram_matrix")
    cell |= {"cell_type": "markdown", "source": f"```python\n{ANSWERS['gram_matrix']}\n```"}
    del cell["outputs"], cell["execution_count"]
    assert ANSWERS["gram_matrix"] in run_sources(saved(tmp_path, document))


def test_written_answer_that_became_code(tmp_path):
    document = notebook()
    find(document, "gram_matrix_explanation")["cell_type"] = "code"
    assert answer(saved(tmp_path, document), TEXT) == ANSWERS["gram_matrix_explanation"]


def test_written_answer_in_a_cell_of_its_own_below(tmp_path):
    document = notebook()
    stub = find(document, "gram_matrix_explanation")
    stub["source"] = "*Write your answer here.*"
    document["cells"].insert(document["cells"].index(stub) + 1, markdown("My own words, below."))
    assert answer(saved(tmp_path, document), TEXT) == "My own words, below."


TYPED = "It is F times F transposed."


def _in_the_question_s_cell(cells, place):
    cells[place - 1]["source"] = "".join(cells[place - 1]["source"]) + f"\n\n{TYPED}"


def _and_their_cell_deleted(cells, place):
    _in_the_question_s_cell(cells, place)
    del cells[place]


def _in_two_cells(cells, place):
    first, _, second = TYPED.partition(" F ")
    copied = {**cells[place], "id": "abcd", "source": f"F {second}"}
    cells[place]["source"] = first
    cells.insert(place + 1, copied)  # *Split cell* copies the metadata


def _as_a_comment_below(cells, place):
    cells.insert(place + 1, code(f"# {TYPED}"))


def _as_a_comment_in_the_code(cells, place):
    [cell] = [cell for cell in cells if cell["id"] == "02_gram-gram_matrix"]
    cell["source"] = f"{ANSWERS['gram_matrix']}\n# {TYPED}"


@pytest.mark.parametrize(
    "write",
    [
        _in_the_question_s_cell, _and_their_cell_deleted, _in_two_cells, _as_a_comment_below,
        _as_a_comment_in_the_code,
    ],
)  # fmt: skip
def test_a_written_answer_wherever_it_was_typed(tmp_path, write):
    document = notebook("02_gram", answers={})
    ids = [cell["id"] for cell in document["cells"]]
    write(document["cells"], ids.index("02_gram-gram_matrix_explanation"))
    save(tmp_path / "ada" / "02_gram.ipynb", document)
    [ada] = collect([tmp_path / "ada"])
    source = ada.answers["02_gram", "gram_matrix_explanation"].source
    assert " ".join(source.split()) == TYPED
    assert not any("more than once" in note for note in ada.notes)


def test_comments_that_were_handed_out_are_no_answer(tmp_path):
    save(tmp_path / "ada" / "02_gram.ipynb", notebook("02_gram", answers={}))
    [ada] = collect([tmp_path / "ada"])
    assert ada.answers["02_gram", "gram_matrix_explanation"].source == ""


def test_all_lessons_in_one_notebook(tmp_path):
    document = notebook()
    document["cells"] += notebook("03_losses")["cells"]
    submission = collected(saved(tmp_path, document, "ada/everything.ipynb"))
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]
    assert submission.answers[CONTENT].source == ANSWERS["content_loss"]


def test_all_code_is_run_up_to_the_last_cell_that_counts(tmp_path):
    document = notebook()
    mine = [code("import torch.nn.functional as F"), code("def rows(x):\n    return F.relu(x)")]
    document["cells"][3:3] = mine
    submission = collected(saved(tmp_path, document))
    [run] = submission.notebooks
    assert run.wanted == ("gram_matrix",)
    assert run.cells[-1].checks == ("gram_matrix",)  # the rest was handed out
    sources = [cell.source for cell in run.cells]
    for cell in mine:
        assert "".join(cell["source"]) in sources
    document["cells"].append(code("def gram_matrix(t):\n    return 2"))
    [run] = collected(saved(tmp_path, document)).notebooks
    assert len(run.cells) > len(sources) + 1
    assert run.cells[-1].source.endswith("return 2")


def test_the_place_of_a_check_is_found_without_its_cell(tmp_path):
    document = notebook()
    cell = find(document, "check_gram_matrix")
    document["cells"].remove(cell)
    document["cells"].append(code("checks.check_gram_matrix(globals())"))
    [run] = collected(saved(tmp_path, document)).notebooks
    assert run.cells[-1].checks == ("gram_matrix",)


def test_a_notebook_as_it_was_handed_out_is_not_run(tmp_path):
    document = json.loads((STUDENT / "02_gram.ipynb").read_text("utf-8"))
    assert collected(saved(tmp_path, document)).notebooks == ()


# Other programs, other versions


@pytest.mark.parametrize("minor", [0, 1, 2, 3, 4, 5])
def test_minor_versions(tmp_path, minor):
    document = notebook() if minor == 5 else older(notebook(), minor)
    assert answer(saved(tmp_path, document)) == ANSWERS["gram_matrix"]


def test_nbformat_3(tmp_path):
    cells = [{"cell_type": "heading", "level": 1, "metadata": {}, "source": "Gram"}]
    for cell in older(notebook())["cells"]:
        if cell["cell_type"] == "code":
            cells.append({
                "cell_type": "code", "language": "python", "metadata": cell["metadata"],
                "input": cell["source"], "outputs": [{"output_type": "nonsense"}],
                "prompt_number": 3, "collapsed": False,
            })  # fmt: skip
        else:
            cells.append({k: cell[k] for k in ("cell_type", "metadata", "source")})
    document = {
        "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""},
        "worksheets": [{"cells": cells, "metadata": {}}],
    }  # fmt: skip
    folder = saved(tmp_path, document)
    assert answer(folder) == ANSWERS["gram_matrix"]
    assert answer(folder, TEXT) == ANSWERS["gram_matrix_explanation"]


def test_sources_as_one_string(tmp_path):
    document = notebook()
    for cell in document["cells"]:
        cell["source"] = "".join(cell["source"])
    assert answer(saved(tmp_path, document)) == ANSWERS["gram_matrix"]


def test_colab(tmp_path):
    """As Colab saves: nbformat 4.0, the id in the metadata, a form, a drive mount, its widgets."""
    document = older(notebook(), 0)
    for cell, before in zip(document["cells"], notebook()["cells"], strict=True):
        cell["metadata"] |= {"id": before["id"], "colab": {"base_uri": "https://x.example"}}
    document["metadata"] |= {
        "colab": {"provenance": [], "gpuType": "T4"}, "accelerator": "GPU",
        "widgets": {"application/vnd.jupyter.widget-state+json": {}},
    }  # fmt: skip
    mount = "from google.colab import drive\ndrive.mount('/content/drive')\n%cd /content/drive\n"
    document["cells"].insert(0, code(mount))
    picture = "data:image/png;base64," + "iVBORw0KGgo" * 100_000
    document["cells"].insert(1, markdown(f"![pasted]({picture})"))
    submission = collected(saved(tmp_path, document))
    assert submission.answers[GRAM].found_by == "cell id"
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]


def test_vs_code(tmp_path):
    """As VS Code saves: ids kept, its own metadata, another kernel, a language in each cell."""
    document = notebook()
    document["metadata"] = {
        "kernelspec": {"display_name": "nst-env (3.9.1)", "language": "python", "name": "nst"},
        "language_info": {"name": "python", "version": "3.9.1"}, "orig_nbformat": 4,
    }  # fmt: skip
    for cell in document["cells"]:
        cell["metadata"]["vscode"] = {"languageId": "python"}
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")
    assert answer(saved(tmp_path, document)) == ANSWERS["gram_matrix"]


def test_byte_order_mark(tmp_path):
    path = tmp_path / "ada.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(notebook()).encode())
    assert answer(path) == ANSWERS["gram_matrix"]


# Magics, shell lines, comments to nbval


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("%%time\n", ""),
        ("%matplotlib inline\n", ""),
        ("!pip install torch\n", ""),
        ("from google.colab import drive\ndrive.mount('/content/drive')\n", ""),
        ("# NBVAL_SKIP\n", ""),
        ("", "\n%timeit 1 + 1"),
        ("files = !ls\n", ""),
        ("", "\n!wget https://x.example/cat.jpg -O cat.jpg"),
        ("%%capture out\n", ""),
    ],
)
def test_magics_are_left_to_whoever_runs_the_cells(tmp_path, before, after):
    source = before + ANSWERS["gram_matrix"] + after
    path = saved(tmp_path, notebook(answers={"gram_matrix": source}))
    submission = collected(path)
    assert submission.answers[GRAM].source == source
    assert source in run_sources(path)
    assert not submission.notes


def test_shell_lines_elsewhere_cost_nothing(tmp_path):
    document = notebook()
    document["cells"][0:0] = [code("!rm -rf /\n%load_ext x"), code("%%bash\necho hello")]
    assert answer(saved(tmp_path, document)) == ANSWERS["gram_matrix"]


# What is handed in besides: never looked at


def test_outputs_and_counts_are_never_graded(tmp_path):
    plain = collected(saved(tmp_path / "plain", notebook()))
    document = notebook()
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = 99
            cell["outputs"] = [
                {"output_type": "stream", "name": "stdout", "text": "✓ gram_matrix — all right"},
                {"output_type": "error", "ename": "NameError", "evalue": "x", "traceback": ["x"]},
            ]
    full = collected(saved(tmp_path / "full", document))
    assert full.answers == plain.answers
    assert full.notes == plain.notes == ()


def test_tags_changed_checks_and_other_files_are_said(tmp_path):
    document = notebook()
    find(document, "gram_matrix")["metadata"]["tags"] = ["raises-exception", "mine"]
    extra = code("1 / 0", metadata={"tags": ["nbval-skip", "raises-exception"]})
    document["cells"].append(extra)
    find(document, "check_gram_matrix")["source"] = "print('passed')"
    folder = saved(tmp_path, document)
    (folder / "ada" / "conftest.py").write_text("raise SystemExit(0)")
    (folder / "ada" / "README.md").write_text("Hello")
    submission = collected(folder / "ada")
    notes = " ".join(submission.notes)
    for expected in ("nbval-skip", "check_gram_matrix", "conftest.py, README.md"):
        assert expected in notes
    assert submission.answers[GRAM].source == ANSWERS["gram_matrix"]


def test_pictures_are_kept_by_their_hash(tmp_path):
    folder = saved(tmp_path, notebook())
    (folder / "ada/images").mkdir()
    (folder / "ada/images/cat.JPG").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
    assert collected(folder / "ada").pictures == {"images/cat.JPG": expected}


def test_the_release_is_read_from_the_student_notebooks_alone():
    course = this_course()
    for path in STUDENT.glob("*.ipynb"):
        stubs = {c["id"]: "".join(c["source"]) for c in json.loads(path.read_text())["cells"]}
        for question in course.questions:
            if question.lesson == path.stem:
                assert question.stub == stubs[question.cell_id]


def test_a_number_of_many_digits_in_an_output_refuses_no_notebook():
    text = json.dumps(notebook()).replace(
        '"nbformat_minor"', '"x": ' + "7" * 5000 + ', "nbformat_minor"'
    )
    assert read_book("02_gram.ipynb", text.encode()).cells


def test_python_files_that_a_notebook_imports_come_with_it(tmp_path):
    """Others are listed; the kit's own modules are never taken from a hand-in."""
    document = notebook(answers={"gram_matrix": "from my_tools import gram\ngram_matrix = gram"})
    folder = saved(tmp_path, document, "ada/term/02_gram.ipynb")
    files = {
        "term/my_tools.py": "import our.grams as g\ngram = g.gram",
        "term/our/__init__.py": "",
        "term/our/grams.py": "gram = 1",
        "term/conftest.py": "1 / 0",
        "term/styletools/losses.py": "import styletools",
        "elsewhere/my_tools.py": "gram = 2",
    }
    for name, source in files.items():
        path = folder / "ada" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    submission = collected(folder)
    [run] = submission.notebooks
    assert run.modules == {
        "my_tools": files["term/my_tools.py"], "our": "", "our.grams": "gram = 1",
    }  # fmt: skip
    [note] = [note for note in submission.notes if note.startswith("Files that are not")]
    assert "conftest.py" in note
    assert "elsewhere/my_tools.py" in note
    assert "our" not in note
