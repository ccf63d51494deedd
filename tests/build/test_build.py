"""The build of the notebooks: what it makes of a small lesson, and what is committed."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.utils import compute_checksum

from coursekit.build import lesson as build
from coursekit.cli import main
from styletools.course.todos import TODOS

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
LESSONS = sorted(path.stem for path in (NOTEBOOKS / "lessons").glob("[!_]*.py"))

SMALL = """\
# %% [markdown]
# # A lesson

# %%
print(1 + 1)

# %% grade_id="double" solution=true
def double(x):
    result = None  # TODO
    ### BEGIN SOLUTION
    result = 2 * x
    ### END SOLUTION
    return result

# %% grade_id="check_double" points=2
assert double(4) == 8
### BEGIN HIDDEN TESTS
assert double(-1) == -2
### END HIDDEN TESTS

# %% [markdown] grade_id="why" solution=true points=3
# <!-- BEGIN SOLUTION -->
# Because two times a number is its double.
# <!-- END SOLUTION -->

# %% tags=["nbval-ignore-output", "output-not-kept"]
print("of this machine alone")
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "00_small.py").write_text(SMALL, "utf-8")
    return tmp_path


def edit(folder, old, new):
    path = folder / "lessons" / "00_small.py"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def built(folder, kind="student"):
    list(build.build(folder))
    return nbformat.read(folder / kind / "00_small.ipynb", as_version=4)


def by_grade_id(notebook):
    return {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}


# What the build makes


def test_a_stub_keeps_its_todo_line_and_does_not_raise(folder):
    cell = by_grade_id(built(folder))["double"]
    assert cell.source == "def double(x):\n    result = None  # TODO\n    return result"


def test_a_written_answer_becomes_a_place_to_write(folder):
    assert by_grade_id(built(folder))["why"].source == "*Write your answer here.*"


def test_hidden_tests_are_removed(folder):
    assert by_grade_id(built(folder))["check_double"].source == "assert double(4) == 8"


def test_the_reference_keeps_the_solution(folder):
    assert "result = 2 * x" in by_grade_id(built(folder, "reference"))["double"].source


def test_students_may_edit_answers_and_not_checks(folder):
    cells = by_grade_id(built(folder))
    assert cells["double"].metadata.get("editable", True)
    assert not cells["check_double"].metadata.editable
    assert not cells["double"].metadata.deletable


def test_a_student_version_has_no_outputs(folder):
    executed(folder)
    reference = nbformat.read(folder / "reference" / "00_small.ipynb", as_version=4)
    for cell in build._code(build.student_version(reference)):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_checksums_are_of_what_the_student_gets(folder):
    for cell in by_grade_id(built(folder)).values():
        assert cell.metadata.nbgrader.checksum == compute_checksum(cell)


def test_two_builds_are_equal(folder):
    built(folder)
    first = {p: p.read_bytes() for p in folder.rglob("*.ipynb")}
    built(folder)
    assert {p: p.read_bytes() for p in folder.rglob("*.ipynb")} == first
    assert len(first) == 2


def test_ids_stay_when_a_cell_comes_before_them(folder):
    before = [cell.id for cell in built(folder).cells]
    edit(folder, "# # A lesson\n", "# # A lesson\n\n# %%\nprint('new')\n")
    after = [cell.id for cell in built(folder).cells]
    assert [identity for identity in after if identity in before] == before
    assert len(after) == len(before) + 1


def test_an_answers_id_survives_a_new_solution(folder):
    before = by_grade_id(built(folder))["double"].id
    edit(folder, "result = 2 * x", "result = x + x")
    assert by_grade_id(built(folder))["double"].id == before == "00_small-double"


def test_a_changed_cell_loses_its_output_and_the_others_keep_theirs(folder):
    notebook = built(folder, "reference")
    for count, cell in enumerate(build._code(notebook), start=1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{count}\n")]
    nbformat.write(notebook, folder / "reference" / "00_small.ipynb")
    edit(folder, "result = 2 * x", "result = x + x")
    counts = [cell.execution_count for cell in build._code(built(folder, "reference"))]
    assert counts == [1, None, 3, 4]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (' solution=true\ndef', "\ndef", "go together"),
        ("    ### BEGIN SOLUTION\n", "", "go together"),
        ('points=2', "worth=2", "unknown worth"),
        ('grade_id="check_double"', 'grade_id="double"', "double"),
        ('grade_id="check_double" ', "", "without a grade_id"),
        ('grade_id="check_double"', 'grade_id="check double"', "letters, digits"),
        ('# %% tags=["nbval-ignore-output", "output-not-kept"]\nprint("of this machine alone")',
         "# %%\nprint(1 + 1)", "two cells"),
    ],
)  # fmt: skip
def test_a_malformed_lesson_is_refused_and_nothing_written(folder, old, new, message):
    edit(folder, old, new)
    with pytest.raises(build.BuildError, match=message):
        list(build.build(folder))
    assert not list(folder.rglob("*.ipynb"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("### BEGIN SOLUTION\n    result", "### BEGIN SOLUTION\n    # BEGIN SOLUTON\n    result"),
        ("    return result", "    ### begin solution\n    return result\n    ### end solution"),
        ("    return result", "    return 2 * x  # SOLUTION"),
        ("    return result", "    return 2 * x  # SOLUTION NO PROMPT"),
        ("    return result", "    #BEGIN_SOLUTION\n    return 2 * x"),
        ("    return result", "    ### BEGN SOLUTION\n    return 2 * x"),
        ("    return result", "    ### START SOLUTION\n    return 2 * x"),
        ("    ### END SOLUTION\n", ""),
        ("    ### END SOLUTION\n", "    ### END SOLUTIN\n"),
        ("    ### END SOLUTION\n", "    ### END SOLUTION\n    result = 3\n    ### END SOLUTION\n"),
        ("    ### END SOLUTION\n", "    ### BEGIN SOLUTION\n    ### END SOLUTION\n"),
        ("### BEGIN HIDDEN TESTS", "### BEGIN HIDEN TESTS"),
        ("### END HIDDEN TESTS", "### END HIDDEN TEST"),
        ("<!-- END SOLUTION -->", "<!-- END SOLUTIN -->"),
    ],
)
def test_a_misspelt_mark_is_named_with_lesson_and_cell(folder, old, new):
    edit(folder, old, new)
    cell = "check_double" if "HIDDEN" in old else "why" if "<!--" in old else "double"
    with pytest.raises(build.BuildError, match=f"00_small, cell 00_small-{cell}: .*(mark|END)"):
        list(build.build(folder))
    assert not list(folder.rglob("*.ipynb"))


@pytest.mark.parametrize("line", ["# the solution of the equation", "# end of the loop", "# tests"])
def test_a_comment_is_no_mark(folder, line):
    edit(folder, "    return result", f"    {line}\n    return result")
    assert list(build.build(folder))


def test_an_unknown_lesson_is_named_with_the_known_ones(folder):
    with pytest.raises(build.BuildError, match=r"'07_x'.*00_small"):
        list(build.build(folder, ["07_x"]))


def test_a_notebook_over_the_limit_is_refused(folder, monkeypatch):
    monkeypatch.setattr(build, "MAX_BYTES", 500)
    with pytest.raises(build.BuildError, match="limit is 500"):
        list(build.build(folder))


# Executing


def test_executing_stores_outputs_without_times_and_paths(folder):
    list(build.build(folder, execute=True))
    text = (folder / "reference" / "00_small.ipynb").read_text("utf-8")
    cells = build._code(nbformat.reads(text, as_version=4))
    assert cells[0].outputs[0].text == "2\n"
    assert [cell.execution_count for cell in cells] == [1, 2, 3, 4]
    assert cells[-1].outputs == []  # tagged output-not-kept
    assert "execution" not in text.replace("execution_count", "")
    assert str(folder) not in text
    assert sys.prefix not in text
    assert build.check(folder) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; print('careful', file=sys.stderr)", "stderr"),
        ("import os; print(os.getcwd() + '/x')", "of this machine"),
    ],
)
def test_a_run_that_must_not_be_kept_leaves_the_old_notebook(folder, line, message):
    before = built(folder, "reference")
    edit(folder, "print(1 + 1)", line)
    with pytest.raises(build.BuildError, match=message):
        list(build.build(folder, execute=True))
    assert nbformat.read(folder / "reference" / "00_small.ipynb", as_version=4) == before


# Comparing with what is committed


def executed(folder):
    """As after a build with --execute, without the wait."""
    notebook = built(folder, "reference")
    for count, cell in enumerate(build._code(notebook), start=1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{count}\n")]
    build._write(folder / "reference" / "00_small.ipynb", notebook)


def change_notebook(folder, kind, change):
    path = folder / kind / "00_small.ipynb"
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    build._write(path, notebook)


def test_a_current_build_passes_the_check(folder):
    executed(folder)
    assert build.check(folder) == []


def test_the_check_names_the_cell_that_differs(folder):
    executed(folder)
    edit(folder, "result = None  # TODO", "result = None  # TODO: think")
    for kind in ("student", "reference"):
        expected = f"{kind}/00_small.ipynb: cell 00_small-double differs in its source."
        assert expected in build.check(folder)


@pytest.mark.parametrize("kind", ["student", "reference"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda nb: nb.cells.pop(1), "is missing"),
        (lambda nb: nb.cells.reverse(), "another order"),
        (lambda nb: nb.metadata.update(author="x"), "metadata differ"),
        (lambda nb: nb.cells[1].metadata.update(tags=["nbval-skip"]), "differs in its metadata"),
        (
            lambda nb: nb.cells.append(nbformat.v4.new_code_cell("x", id="more")),
            "not in the source",
        ),
    ],
)
def test_the_check_finds_a_change_by_hand(folder, kind, change, message):
    executed(folder)
    change_notebook(folder, kind, change)
    assert any(message in line and line.startswith(kind) for line in build.check(folder))


def test_the_check_finds_outputs_in_a_student_notebook(folder):
    executed(folder)
    output = nbformat.v4.new_output("stream", text="8")
    change_notebook(folder, "student", lambda nb: nb.cells[1].outputs.append(output))
    assert any("outputs" in line for line in build.check(folder))


def test_the_check_finds_a_reference_that_was_not_executed(folder):
    built(folder)
    assert any("was not executed" in line for line in build.check(folder))


def test_the_check_finds_an_error_in_a_reference(folder):
    executed(folder)
    error = nbformat.v4.new_output("error", ename="NameError", evalue="x", traceback=[])
    change_notebook(folder, "reference", lambda nb: nb.cells[1].outputs.append(error))
    assert any("holds an error" in line for line in build.check(folder))


def test_the_check_finds_missing_and_stray_notebooks(folder):
    executed(folder)
    (folder / "student" / "00_small.ipynb").rename(folder / "student" / "09_old.ipynb")
    found = "\n".join(build.check(folder))
    assert "student/00_small.ipynb: missing" in found
    assert "student/09_old.ipynb: has no lesson" in found


def test_the_command_fails_on_a_difference_and_writes_nothing(folder):
    executed(folder)
    arguments = ["build", "--notebooks", str(folder)]
    assert CliRunner().invoke(main, [*arguments, "--check"]).exit_code == 0
    edit(folder, "print(1 + 1)", "print(1 + 2)")
    before = {p: p.read_bytes() for p in folder.rglob("*.ipynb")}
    result = CliRunner().invoke(main, [*arguments, "--check"])
    assert result.exit_code == 1
    assert "differs" in result.output or "missing" in result.output
    assert {p: p.read_bytes() for p in folder.rglob("*.ipynb")} == before


# The committed notebooks


def load(kind, lesson):
    return nbformat.read(NOTEBOOKS / kind / f"{lesson}.ipynb", as_version=4)


def test_the_committed_notebooks_are_current():
    assert build.check(NOTEBOOKS) == []


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_trace_of_a_solution_in_a_student_notebook(lesson):
    reference = build.read_lesson(NOTEBOOKS / "lessons" / f"{lesson}.py")
    student = load("student", lesson)
    everything = re.sub(r"\s+", " ", "\n".join(_texts(student)))
    for line in build.solution_lines(reference):
        assert re.sub(r"\s+", " ", line) not in everything, line
    checksums = {compute_checksum(c) for c in by_grade_id(reference).values() if
                 c.metadata.nbgrader.solution}  # fmt: skip
    assert not checksums & {c.metadata.nbgrader.checksum for c in by_grade_id(student).values()}
    assert all(not cell.get("attachments") for cell in student.cells)
    assert all(not cell.outputs and cell.execution_count is None for cell in build._code(student))


def _texts(value):
    """Every text in a notebook, keys included, as it reads (not as JSON escapes it)."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)


@pytest.mark.parametrize("kind", ["reference", "student"])
@pytest.mark.parametrize("lesson", LESSONS)
def test_nothing_of_this_machine_is_stored(kind, lesson):
    text = (NOTEBOOKS / kind / f"{lesson}.ipynb").read_text("utf-8")
    assert len(text.encode()) <= 3_000_000
    for path in (str(ROOT), str(Path.home()) + "/", sys.prefix, "/tmp/"):
        assert path not in text
    assert set(json.loads(text)["metadata"]) == {"kernelspec", "language_info"}


@pytest.mark.parametrize("lesson", LESSONS)
def test_nbgrader_accepts_the_student_notebook(lesson):
    MetadataValidator().validate_nb(load("student", lesson))


def test_each_todo_has_its_cells():
    cells = {}
    for lesson in LESSONS:
        cells |= by_grade_id(load("student", lesson))
    todos = [
        "layers", "gram_matrix", "content_loss", "layer_style_loss", "style_loss", "total_loss",
        "paper_layer_loss", "course_factor", "loss_growth", "optimise", "own_pictures",
    ]  # fmt: skip
    for name in todos:
        assert cells[name].metadata.nbgrader.solution
        assert not cells[name].metadata.nbgrader.grade
        check = cells[f"check_{name}"]
        assert check.source == f"checks.check_{name}(globals())"
        assert check.metadata.nbgrader.points > 0
    explained = [name for name in todos if TODOS[name].explained]
    written = [f"{name}_explanation" for name in explained]
    written += [f"experiment_{x}_inference" for x in "abcd"] + ["impossible_claims"]
    for name in written:
        answer = cells[name].metadata.nbgrader
        assert (answer.cell_type, answer.grade, answer.solution) == ("markdown", True, True)
    assert {f"experiment_{x}" for x in "abcd"} < set(cells)


# The first cell


def first_code(lesson):
    return build._code(build.read_lesson(NOTEBOOKS / "lessons" / f"{lesson}.py"))[0].source


def test_all_lessons_begin_with_the_same_cell():
    assert len({first_code(lesson) for lesson in LESSONS}) == 1


def test_the_set_up_cell_is_folded_and_its_first_line_says_what_it_is(folder):
    for kind in ("student", "reference"):
        cell = nbformat.read(NOTEBOOKS / kind / f"{LESSONS[0]}.ipynb", as_version=4).cells[1]
        assert cell.metadata.jupyter.source_hidden
        assert re.match("# Set-up.*what to do", cell.source)


@pytest.mark.parametrize(
    ("cell", "setup", "message"),
    [
        ("# %% setup=true", None, "00_small: there is no _setup.py beside it"),
        ("# %% setup=true\nimport os", "import sys", "the set-up cell is _setup.py's; leave it"),
    ],
)
def test_a_set_up_cell_that_cannot_be_put_in(folder, cell, setup, message):
    edit(folder, "# %%\nprint(1 + 1)", cell)
    if setup:
        (folder / "lessons" / "_setup.py").write_text(setup)
    with pytest.raises(build.BuildError, match=message):
        built(folder)


def test_the_set_up_cell_is_put_in(folder):
    edit(folder, "# %%\nprint(1 + 1)", "# %% setup=true")
    (folder / "lessons" / "_setup.py").write_text("print('ready')\n")
    assert built(folder).cells[1].source == "print('ready')"
    assert [path.stem for path in folder.glob("student/*")] == ["00_small"]


WITHOUT_THE_KIT = """
import sys
class NotInstalled:  # until a folder with the kit is on the path
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "styletools" and not any("a_clone" in p for p in sys.path):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NotInstalled())
import subprocess
subprocess.run = lambda command, **options: print("ran", *command[1:])
"""


def run_first_cell(folder):
    code = WITHOUT_THE_KIT + first_code(LESSONS[0])
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=600
    )


def test_the_first_cell_says_what_to_do_where_the_kit_is_nowhere(tmp_path):
    done = run_first_cell(tmp_path)
    assert done.returncode == 1
    assert "git clone" in done.stderr
    assert "run this cell again" in done.stderr


def test_the_first_cell_installs_a_kit_beside_the_notebook(tmp_path):
    shutil.copytree(ROOT / "styletools", tmp_path / "a_clone" / "styletools")
    done = run_first_cell(tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"ran -m pip install .*-e .*a_clone", done.stdout)


def test_streams_are_joined_and_live_widgets_left_out():
    new = nbformat.v4.new_output
    outputs = [
        new("stream", name="stdout", text="a\n"),
        new("stream", name="stdout", text="b\n"),
        new("display_data", {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "x"}),
        new("display_data", {"text/plain": "y"}),
    ]
    tidied = build._tidy(outputs)
    assert [o.get("text") or o.data["text/plain"] for o in tidied] == ["a\nb\n", "y"]
