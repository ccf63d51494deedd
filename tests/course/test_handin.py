"""Handing in: what is missing is named, and what is written is whole, safe and the same twice."""

import base64
import dataclasses
import datetime
import io
import json
import os
import re
import shutil
import time
import warnings
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
from markupsafe import escape
from nbformat import v4
from PIL import Image, PngImagePlugin
from support.runs import keep

from styletools.course import handin
from styletools.course.handin import html, markdown, pdf, report
from styletools.course.handin import read as notebooks

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
AUTHOR = handin.Author(
    "CS 7643", "Zoë van der Müller", "Prof. Dr. Jürgen Weiß", "s1234567", "2026-11-30"
)
TEXT = "Enough words to be an explanation that somebody wrote by hand."


def picture(colour="red", size=(60, 40), kind="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


def named(cell, name, **more):
    cell.metadata["nbgrader"] = {"grade_id": name, "solution": True, "grade": False, **more}
    return cell


def code(source, name="", printed="", pictures=()):
    cell = v4.new_code_cell(source, execution_count=1)
    cell.outputs += [v4.new_output("stream", name="stdout", text=printed)] if printed else []
    for data in pictures:
        bundle = {"image/png": base64.b64encode(data).decode(), "text/plain": "Figure"}
        cell.outputs.append(v4.new_output("display_data", data=bundle))
    return named(cell, name) if name else cell


def text(name, source=TEXT):
    return named(v4.new_markdown_cell(source), name)


def todo(name):
    source = f"def {name}(tensor):\n    return tensor  # {name}"
    if name == "own_pictures":
        source = "my_content = 'images/cat.png'\nmy_style = 'https://example.org/style.jpg'"
    verdict = code(f"checks.check_{name}(globals())", printed=f"✓ {name}: visible checks passed\n")
    cells = [code(source, name), verdict]
    explained = notebooks.TODOS[name].explained
    return [*cells, text(f"{name}_explanation")] if explained else cells


def experiment(name):
    run = code(f"run({name!r})", name, printed="step 1\rstep 2\n")
    return [run, code("curve()", pictures=[picture("blue")]), text(f"{name}_inference")]


def lessons():
    """{lesson: cells} of a complete hand-in."""
    found = {lesson: [] for lesson in notebooks.LESSONS}
    for name, lesson in ((todo.name, todo.lesson) for todo in notebooks.TODOS.values()):
        if name == "own_pictures":
            found[lesson] += [code("run", pictures=[picture()]), text("base_run_inference")]
        found[lesson] += todo(name)
    found["03_losses"].append(code("show", pictures=[picture("green"), picture("black")]))
    for name in list(notebooks.RUNS)[1:]:
        found["04_tuning"] += experiment(name)
    found["04_tuning"] += [code("compare", pictures=[picture()]), text("impossible_claims")]
    for name in notebooks.OWN_RUNS:
        found["04_tuning"] += [code(f"run({name!r}, …)", pictures=[picture("grey")])]
        found["04_tuning"] += [text(f"{name}_inference")]
    return found


def write(folder, course):
    (folder / "images").mkdir(exist_ok=True)
    (folder / "images" / "cat.png").write_bytes(picture("orange"))
    for lesson, cells in course.items():
        nbformat.write(v4.new_notebook(cells=cells), folder / f"{lesson}.ipynb")


def change(folder, lesson, do):
    """Apply `do` to the cells of a saved notebook."""
    path = folder / f"{lesson}.ipynb"
    notebook = json.loads(path.read_text("utf-8"))
    notebook["cells"] = do(notebook["cells"])
    path.write_text(json.dumps(notebook), "utf-8")


def cell_of(cells, name):
    return next(c for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") == name)


@pytest.fixture(scope="session")
def complete(tmp_path_factory):
    folder = tmp_path_factory.mktemp("complete")
    write(folder, lessons())
    keep(folder / "runs")
    return folder


@pytest.fixture
def folder(complete, tmp_path):
    return shutil.copytree(complete, tmp_path / "work")


@pytest.fixture(scope="session")
def packed(complete, tmp_path_factory):
    """A submission, unpacked."""
    work = shutil.copytree(complete, tmp_path_factory.mktemp("packed") / "work")
    with zipfile.ZipFile(handin.submit(AUTHOR, work)) as archive:
        archive.extractall(work / "unpacked")
    return work / "unpacked" / "CS-7643_Zoe_van_der_Muller"


def problem(folder, where):
    """The one problem that is found, which must be about `where`."""
    problems = handin.check(folder)
    assert [p.where for p in problems] == [where], problems
    assert problems[0].remedy
    return problems[0].what


# What is missing


def test_complete_work_has_no_problems(folder, capsys):
    assert handin.check(folder) == []
    assert "Everything is there" in capsys.readouterr().out


def test_problems_are_printed_with_their_remedy(folder, capsys):
    (folder / "02_gram.ipynb").unlink()
    handin.check(folder)
    printed = capsys.readouterr().out
    assert "✗ 02_gram.ipynb: the notebook is missing\n    → Put 02_gram.ipynb" in printed


def test_empty_folder_names_every_lesson(tmp_path):
    assert [p.where for p in handin.check(tmp_path)] == [
        f"{lesson}.ipynb" for lesson in notebooks.LESSONS
    ]
    assert handin.submit(AUTHOR, tmp_path, allow_incomplete=True) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"cells": 3}', b"\xff\xfe\x00", b"null"])
def test_broken_notebook_is_named(folder, content):
    (folder / "02_gram.ipynb").write_bytes(content)
    assert "damaged" in problem(folder, "02_gram.ipynb")


def test_notebook_saved_without_outputs(folder):
    def clear(cells):
        for cell in cells:
            if cell["cell_type"] == "code":
                cell |= {"outputs": [], "execution_count": None}
        return cells

    change(folder, "02_gram", clear)
    assert "without its outputs" in problem(folder, "02_gram.ipynb")


def test_missing_cell(folder):
    change(folder, "02_gram", lambda cells: cells[1:])
    assert "not in the notebook" in problem(folder, "02_gram.ipynb · gram_matrix")


def test_copied_cell(folder):
    change(folder, "02_gram", lambda cells: [*cells, cells[0]])
    assert "2 cells" in problem(folder, "02_gram.ipynb · gram_matrix")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "*Write your answer here.*",
        "## Heading\n\nYOUR ANSWER HERE",
        "<!-- a b c d e f -->",
        "?",
    ],
)
def test_empty_explanation(folder, source):
    def empty(cells):
        cell_of(cells, "gram_matrix_explanation")["source"] = source
        return cells

    change(folder, "02_gram", empty)
    assert "to be written" in problem(folder, "02_gram.ipynb · gram_matrix_explanation")


def test_text_that_is_still_the_release_s_is_unwritten():
    """By nbgrader's checksum, however many words the release has there."""
    utils = pytest.importorskip("nbgrader.utils")
    cell = named(v4.new_markdown_cell(TEXT), "why", grade=True, points=5, locked=False)
    cell.metadata.nbgrader["checksum"] = utils.compute_checksum(cell)
    assert notebooks.is_unwritten(notebooks._cell(cell))
    cell.source += " And more."
    assert not notebooks.is_unwritten(notebooks._cell(cell))


def verdict(folder, name, line):
    def say(cells):
        cells[1]["outputs"][0]["text"] = line
        return cells

    change(folder, "02_gram", say)


def test_not_attempted(folder):
    verdict(folder, "gram_matrix", "✗ gram_matrix: not attempted — still the stub.\n")
    assert "not attempted" in problem(folder, "02_gram.ipynb · gram_matrix")


def test_check_that_was_not_run(folder):
    verdict(folder, "gram_matrix", "")
    assert "check was not run" in problem(folder, "02_gram.ipynb · gram_matrix")


def test_wrong_answer_may_be_handed_in(folder, capsys):
    verdict(folder, "gram_matrix", "✗ gram_matrix: wrong — the shape is (2, 3), not (3, 3).\n")
    assert handin.check(folder) == []
    assert "! 02_gram.ipynb · gram_matrix: the check says “wrong”" in capsys.readouterr().out
    handin.submit(AUTHOR, folder)
    assert "visible checks: wrong" in (folder / "submission" / "report.html").read_text("utf-8")


def test_own_picture_that_does_not_exist(folder, capsys):
    def say(cells):
        cells[-2]["outputs"][0]["text"] = "✗ own_pictures: wrong — there is no such file\n"
        return cells

    change(folder, "03_losses", say)
    (folder / "images" / "cat.png").unlink()
    assert "cat.png" in problem(folder, "03_losses.ipynb · own_pictures")
    assert "!" not in capsys.readouterr().out  # said once


def test_experiment_without_picture(folder):
    def clear(cells):
        cells[1]["outputs"] = []
        return cells

    change(folder, "04_tuning", clear)
    assert "no picture" in problem(folder, "04_tuning.ipynb · experiment_a")


def test_experiment_that_failed(folder):
    def fail(cells):
        error = {"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []}
        cells[1]["outputs"] = [error]
        return cells

    change(folder, "04_tuning", fail)
    assert "ValueError" in problem(folder, "04_tuning.ipynb · experiment_a")


def test_an_experiment_whose_run_is_not_there(folder, capsys):
    shutil.rmtree(folder / "runs" / "photo-painting-c")
    assert "not there" in problem(folder, "runs · experiment_c")
    printed = capsys.readouterr().out
    assert "runs: base, a, b, d are there and agree with what is asked for" in printed
    assert "Run its cell in 04_tuning.ipynb" in printed


def test_a_run_that_cannot_be_is_handed_in_as_it_is(folder, capsys):
    path = folder / "runs" / "photo-painting-a" / "losses.csv"
    path.write_text("".join(path.read_text("utf-8").splitlines(True)[:-1]), "utf-8")
    assert handin.check(folder) == []
    assert "! runs · experiment_a: wrong: photo-painting-a: losses.csv has 499 rows" in (
        capsys.readouterr().out
    )
    with zipfile.ZipFile(handin.submit(AUTHOR, folder)) as archive:
        assert any(name.endswith("runs/photo-painting-a/run.json") for name in archive.namelist())


def test_a_lesson_that_was_not_run_is_not_asked_for_its_runs(folder):
    shutil.rmtree(folder / "runs")
    change(folder, "04_tuning", lambda cells: [c for c in cells if c["cell_type"] != "code"])
    assert not [p for p in handin.check(folder) if p.where.startswith("runs")]


def test_two_copies_of_a_lesson_under_other_names(folder):
    source = folder / "02_gram.ipynb"
    shutil.copy(source, folder / "copy.ipynb")
    assert handin.check(folder) == []  # the one with the lesson's name counts
    source.rename(folder / "other.ipynb")
    assert "copy.ipynb and other.ipynb" in problem(folder, "02_gram")


def test_renamed_lesson_is_found_by_its_cells(folder):
    (folder / "02_gram.ipynb").rename(folder / "My Gram (final).ipynb")
    assert handin.check(folder) == []


@pytest.mark.parametrize("field", ["course", "author", "professor", "student_id", "date"])
def test_title_page_must_be_filled_in(folder, field, capsys):
    author = handin.Author(**{**vars(AUTHOR), field: " "})
    assert handin.submit(author, folder) is None
    assert f"✗ title page · {field}: empty" in capsys.readouterr().out


def test_author_may_be_given_as_numbers_and_dates():
    author = handin.Author("CS", "Ada", "Prof", 1815, datetime.date(2026, 11, 30))
    assert (author.student_id, author.date) == ("1815", "2026-11-30")


def test_problems_with_one_remedy_are_one_entry(folder, capsys):
    change(folder, "02_gram", lambda cells: cells[1:2])
    handin.check(folder)
    printed = capsys.readouterr().out
    assert "✗ 02_gram.ipynb · gram_matrix, gram_matrix_explanation: the cell is not" in printed
    assert printed.count("→") == 1


def test_hidden_copies_of_pictures_stay_behind(folder):
    hidden = folder / "images" / ".ipynb_checkpoints"
    hidden.mkdir()
    shutil.copy(folder / "images" / "cat.png", hidden)
    with zipfile.ZipFile(handin.submit(AUTHOR, folder)) as archive:
        assert not [name for name in archive.namelist() if "checkpoints" in name]


@pytest.mark.parametrize("minor", range(6))
def test_every_minor_version_of_the_format(folder, minor):
    for path in folder.glob("*.ipynb"):
        notebook = json.loads(path.read_text("utf-8"))
        notebook["nbformat_minor"] = minor
        for cell in notebook["cells"]:
            cell.pop("id", None)  # 4.5 asks for ids; files without them exist
        path.write_text(json.dumps(notebook), "utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert handin.check(folder) == []


# What is written


def test_incomplete_work_is_written_only_on_request(folder, capsys):
    (folder / "02_gram.ipynb").unlink()
    before = sorted(folder.rglob("*"))
    assert handin.submit(AUTHOR, folder) is None
    assert sorted(folder.rglob("*")) == before
    assert "allow_incomplete=True" in capsys.readouterr().out
    handin.submit(AUTHOR, folder, allow_incomplete=True)
    page = (folder / "submission" / "report.html").read_text("utf-8")
    first_page = page.partition("</header>")[0]
    assert "Incomplete hand-in" in first_page
    assert "02_gram.ipynb: the notebook is missing" in first_page


def test_complete_report_does_not_say_incomplete(packed):
    assert "Incomplete" not in (packed / "report.html").read_text("utf-8")


def test_layout_of_the_package(packed):
    names = sorted(str(path.relative_to(packed)) for path in packed.rglob("*") if path.is_file())
    runs = [name for name in names if name.startswith("runs/")]
    assert len(runs) == 5 * 3
    assert "runs/photo-painting-a/losses.csv" in runs
    assert [name for name in names if not name.startswith(("images/report", "runs/"))] == [
        "01_layers.ipynb",
        "02_gram.ipynb",
        "03_losses.ipynb",
        "04_tuning.ipynb",
        "README.md",
        "images/cat.png",
        "report.html",
        "report.pdf",
    ]
    assert (packed / "images/report/experiment_a_1.png").is_file()
    assert "Zoë van der Müller (s1234567)" in (packed / "README.md").read_text("utf-8")


def test_notebooks_go_along_unchanged(packed, complete):
    for lesson in notebooks.LESSONS:
        name = f"{lesson}.ipynb"
        assert (packed / name).read_bytes() == (complete / name).read_bytes()


def test_files_in_it_have_the_notebooks_dates(complete, tmp_path):
    folder = shutil.copytree(complete, tmp_path / "work")
    for day, lesson in enumerate(notebooks.LESSONS):
        at = time.mktime((2026, 11, 10 + day, 12, 0, 0, 0, 0, -1))
        os.utime(folder / f"{lesson}.ipynb", (at, at))
    handin.submit(AUTHOR, folder)
    with zipfile.ZipFile(folder / "submission.zip") as archive:
        days = {Path(one.filename).name: one.date_time[:3] for one in archive.infolist()}
    assert days["01_layers.ipynb"] == (2026, 11, 10)
    assert days["04_tuning.ipynb"] == days["report.html"] == (2026, 11, 13)


def test_report_holds_all_that_the_assignment_asks_for(packed):
    page = (packed / "report.html").read_text("utf-8")
    plain = re.sub(r"<[^>]*>", "", page)
    for value in [*list(vars(AUTHOR).values())[:-1], "30 November 2026"]:
        assert value in plain
    for name, title in ((todo.name, todo.title) for todo in notebooks.TODOS.values()):
        assert escape(title) in page
        assert name == "own_pictures" or f"# {name}" in plain
    for _, title in notebooks.RUNS.values():
        assert escape(title) in page
    assert plain.count(TEXT) == len(notebooks.WRITTEN)
    # cover, own content, 2 results, base run, 4 experiments, comparison, 2 own experiments
    assert page.count("<img") == 12


def test_html_is_self_contained_and_has_no_scripts(packed):
    page = (packed / "report.html").read_text("utf-8")
    assert not re.search(r"<script|<link|<iframe|@import|url\(", page)
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]*)"', page))


def test_pdf_has_all_its_fonts_and_its_title(packed):
    document = (packed / "report.pdf").read_bytes()
    assert document.startswith(b"%PDF-")
    assert document.rstrip().endswith(b"%%EOF")
    assert b"/FontFile2" in document
    assert b"/StructTreeRoot" in document  # tagged, for screen readers


def test_same_input_gives_the_same_bytes(folder, tmp_path):
    first = handin.submit(AUTHOR, folder, output="first").read_bytes()
    again = handin.submit(AUTHOR, folder, output="again").read_bytes()
    assert first == again


def test_failure_leaves_what_was_there(folder, monkeypatch):
    target = handin.submit(AUTHOR, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(pdf, "report_pdf", fail)
    with pytest.raises(OSError, match="full"):
        handin.submit(AUTHOR, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert target.is_file()


def test_broken_picture_is_left_out(folder):
    def damage(cells):
        cells[1]["outputs"][0]["data"]["image/png"] = "bm90IGEgcGljdHVyZQ=="
        return cells

    change(folder, "04_tuning", damage)
    handin.submit(AUTHOR, folder, allow_incomplete=True)
    page = (folder / "submission" / "report.html").read_text("utf-8")
    assert "No picture was saved." in page


@pytest.mark.parametrize(
    ("author", "name"),
    [
        (AUTHOR, "CS-7643_Zoe_van_der_Muller"),
        (handin.Author("../../etc", "..", "", "", ""), "etc"),
        (handin.Author("ML", "Anna-Lena Groß", "", "", ""), "ML_Anna-Lena_Gross"),
        (handin.Author("ML", "王小明", "", "", ""), "ML_王小明"),
        (handin.Author("ML", "आदित्य शर्मा", "", "", ""), "ML_आदित्य_शर्मा"),
        (handin.Author("ML", "สมชาย ใจดี", "", "", ""), "ML_สมชาย_ใจดี"),
        (handin.Author("ML", "Андрей", "", "", ""), "ML_Андрей"),
        (handin.Author("/", "\\", "", "", ""), "submission"),
    ],
)
def test_name_of_the_folder(author, name):
    assert handin._folder_name(author) == name


# What students write

HOSTILE = """<script>alert(1)</script> <img src=x onerror=alert(1)> **bold**
[bad](javascript:alert(1)) [data](data:text/html,x) ![far](https://example.org/x.png)
<b onclick="x()">html</b> `<i>code</i>` [good](https://example.org/?a=1&b="2")

1. one
   - two

$\\alpha \\leq \\frac{1}{2}$ and $\\unknowncommand<b>$ and $x <script>$

| a | b |
|---|---|
| 1 | ä |

```python
x = "<script>"
```

# Heading
> Grüße, Ελληνικά, 王小明, ✓, 😀, \u202e, \x07
"""


def composed(source, pictures=None):
    prose = report.Prose(source, pictures or {})
    return report.Report(AUTHOR, None, (), (prose, report.Listing(source), report.Output(source)))


def test_students_html_stays_text():
    page = html.report_page(composed(HOSTILE)).partition("<main>")[2]
    assert not re.search(r"<script|<img src=x|<b onclick|<i>|href=.(javascript|data)", page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "example.org/x.png" not in re.sub(r"<pre.*?</pre>", "", page, flags=re.DOTALL)


def test_markdown_is_rendered():
    page = html.report_page(composed(HOSTILE)).partition("<main>")[2]
    for tag in ("<strong>bold</strong>", "<ol>", "<ul>", "<table>", "<blockquote>", "<h4>"):
        assert tag in page
    assert 'class="formula"' in page


def test_anything_can_be_printed():
    assert pdf.report_pdf(composed(HOSTILE)).startswith(b"%PDF-")
    assert pdf.report_pdf(composed("x" * 5000 + "\n" + "word " * 3000)).startswith(b"%PDF-")
    assert pdf.report_pdf(composed(f"| a |\n|---|\n| {'word ' * 3000} |"))
    odd = ["- " * 40, "> " * 40, "*" * 99, "|" * 99, "$$", "["]
    assert pdf.report_pdf(composed("\n".join(odd)))


def test_long_code_wraps():
    line = "    value = function(" + ", ".join(f"argument_{i}" for i in range(30)) + ")"
    pieces = pdf._wrapped(line).split("\n")
    assert max(map(len, pieces)) <= pdf.CODE_COLUMNS
    joined = "".join(piece.strip().removeprefix("↪ ") for piece in pieces)
    assert joined.replace(" ", "") == line.replace(" ", "")


def expecting(folder, source):
    """The report of a hand-in with a text before experiment (a), as a page."""
    course = lessons()
    place = next(i for i, c in enumerate(course["04_tuning"]) if "run('exp" in c.source)
    course["04_tuning"].insert(place, v4.new_markdown_cell(source))
    write(folder, course)
    return html.report_page(report.compose(AUTHOR, notebooks.read_work(folder)))


def test_what_was_expected_of_an_experiment_stands_in_the_report(tmp_path):
    page = expecting(tmp_path, "**My prediction for (a):** More of the fur will stay as it is.")
    assert "More of the fur will stay as it is." in page
    assert page.count("Expectation") == 1
    assert page.count("More of the fur") == 1


def test_a_prediction_that_nobody_wrote_does_not(tmp_path):
    source = "**My prediction for (a):** *What of the fur\nwill stay as it is? Write here.*"
    assert "Expectation" not in expecting(tmp_path, source)


def test_the_other_predictions_stand_in_the_report_once_each(tmp_path):
    course = lessons()
    written = "**My prediction for the texture:** The strokes will come back, the moon will not."
    asked = "**My prediction for the feature maps:** *In which row is it lost? Write here.*"
    course["02_gram"].insert(0, v4.new_markdown_cell(written))
    course["01_layers"].insert(0, v4.new_markdown_cell(asked))
    write(tmp_path, course)
    page = html.report_page(report.compose(AUTHOR, notebooks.read_work(tmp_path)))
    assert page.count("The strokes will come back, the moon will not.") == 1
    assert "In which row is it lost?" not in page


def test_an_experiment_of_ones_own_needs_a_picture_and_words(tmp_path):
    course = lessons()
    for cell in course["04_tuning"]:
        if cell.source.startswith("run('my_experiment_2'"):
            cell.outputs = []
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "my_experiment_1_inference":
            cell.source = "*Write your answer here.*"
    write(tmp_path, course)
    found = {p.where: p.what for p in notebooks.read_work(tmp_path).problems}
    where = "04_tuning.ipynb · my_experiment"
    assert found[f"{where}_1_inference"] == "the text is still to be written"
    assert found[f"{where}_2_inference"] == "there is no picture of the result"


def test_a_cell_of_the_lesson_is_no_experiment_of_ones_own(tmp_path):
    course = lessons()
    cells = course["04_tuning"]
    place = next(i for i, c in enumerate(cells) if c.source.startswith("run('my_experiment_1'"))
    cells.insert(place, code("first_losses()", "first_losses", printed="the ratio is 0.1"))
    write(tmp_path, course)
    page = html.report_page(report.compose(AUTHOR, notebooks.read_work(tmp_path)))
    assert "the ratio is 0.1" not in page
    assert "my_experiment_1" in page


def test_who_hands_in_the_kits_own_pictures_is_told(tmp_path):
    course = lessons()
    for cell in course["03_losses"]:
        for output in cell.get("outputs", ()):
            if output.get("text", "").startswith("✓ own_pictures"):
                output.text = "≈ own_pictures: different — `my_content` is the kit's own cat.jpg.\n"
    write(tmp_path, course)
    [note] = notebooks.read_work(tmp_path).notes
    assert note == f"03_losses.ipynb · own_pictures: {notebooks.KITS_PICTURES}"


def test_pasted_picture_is_shown():
    shown = report.encode(picture())
    page = html.report_page(composed("![mine](attachment:a.png)", {"a.png": shown}))
    assert page.count("<img") == 1
    assert pdf.report_pdf(composed("![mine](attachment:a.png)", {"a.png": shown}))


@pytest.mark.parametrize(
    "tex",
    [
        r"G = F F^\top",
        r"\mathcal{L}_{content} = \operatorname{mean}\big((T - C)^2\big)",
        r"\mathcal{L}_{total} = \alpha\,\mathcal{L}_{content} + \beta\,\mathcal{L}_{style}",
        r"E_l = \frac{1}{4N_l^2M_l^2} \sum_{i,j} \left(G^l_{ij} - A^l_{ij}\right)^2",
        r"\text{loss} \leq 10^{-3}",
    ],
)
def test_formulas_of_the_lessons_are_drawn(tex):
    drawn = markdown.formula(tex)
    assert drawn is not None
    assert drawn.width > drawn.height > drawn.depth >= 0


def test_unknown_formula_is_shown_as_it_was_written():
    assert markdown.formula(r"\begin{aligned} x \end{aligned}") is None


LINKED = (
    TEXT
    + """

![my loss curve](figures/my%20curve.png) and, in code, `<img src="nothing.png">`

<img width=300 src="figures/second.png">
"""
)


def explain(folder, source):
    def write(cells):
        cell_of(cells, "gram_matrix_explanation")["source"] = source
        return cells

    change(folder, "02_gram", write)


def test_linked_pictures_are_shown_and_packed(folder):
    (folder / "figures").mkdir()
    for name, colour in (("my curve.png", "lime"), ("second.png", "navy")):
        (folder / "figures" / name).write_bytes(picture(colour))
    explain(folder, LINKED)
    assert handin.check(folder) == []
    with zipfile.ZipFile(handin.submit(AUTHOR, folder)) as archive:
        root = archive.namelist()[0].split("/")[0]
        for name, colour in (("my curve.png", "lime"), ("second.png", "navy")):
            assert archive.read(f"{root}/figures/{name}") == picture(colour)
            shown = base64.b64encode(picture(colour))
            assert shown in archive.read(f"{root}/report.html")
        assert "&lt;img src=" in archive.read(f"{root}/report.html").decode()
        with_pictures = archive.read(f"{root}/report.pdf")
    explain(folder, TEXT)
    with zipfile.ZipFile(handin.submit(AUTHOR, folder)) as archive:
        assert (
            with_pictures.count(b"/Image")
            == archive.read(f"{root}/report.pdf").count(b"/Image") + 2
        )


def test_linked_pictures_that_cannot_go_along_are_named(folder, capsys):
    explain(folder, TEXT + " ![a](figures/gone.png) ![b](https://example.org/b.png)")
    problems = handin.check(folder)
    assert [p.what for p in problems] == [
        "its picture figures/gone.png does not exist",
        "its picture https://example.org/b.png is not a file, so it is not fetched",
    ]
    assert {p.where for p in problems} == {"02_gram.ipynb · gram_matrix_explanation"}
    assert handin.submit(AUTHOR, folder, allow_incomplete=True)
    page = (folder / "submission" / "report.html").read_text("utf-8")
    assert "The picture figures/gone.png could not be shown." in page
    (folder / "figures").mkdir()
    (folder / "figures" / "gone.png").write_text("no picture")
    explain(folder, TEXT + " ![a](figures/gone.png)")
    assert handin.submit(AUTHOR, folder)
    page = (folder / "submission" / "report.html").read_text("utf-8")
    assert "The picture figures/gone.png could not be shown." in page


SCRIPTS = {  # a text, and the font that has its letters
    "ग्राम मैट्रिक्स शैली को मापता है।": "NotoSansDevanagari",
    "เมทริกซ์แกรมวัดสไตล์": "NotoSansThai",
    "مصفوفة غرام تقيس الأسلوب": "NotoSansArabic",
    "மாத்திரி": "NotoSansTamil",
    "格拉姆矩阵": "NotoSansCJKsc",
    "グラム行列": "NotoSansCJKjp",
    "그람 행렬": "NotoSansCJKkr",
    "🎨👍": "NotoEmoji",
    "מטריצת גראם": "Libertinus",
    "Грам, Ελληνικά, Zoë → ⇒ ≈ ✓": "Libertinus",
    "⬢ ☚": "DejaVuSans",
}


@pytest.mark.parametrize("text", SCRIPTS)
@pytest.mark.parametrize("place", ["prose", "name", "code"])
def test_the_pdf_shows_the_scripts_of_the_world(text, place):
    author = dataclasses.replace(AUTHOR, author=text) if place == "name" else AUTHOR
    block = report.Listing(f"# {text}") if place == "code" else report.Prose(text)
    blocks = () if place == "name" else (block,)
    assert pdf.lacking(text) == ""
    document = pdf.report_pdf(report.Report(author, None, (), blocks))
    font = SCRIPTS[text]
    if place == "code" and font in ("NotoSansArabic", "Libertinus"):
        font = "DejaVuSansMono"  # which has these letters
    assert re.search(rb"/FontName/[A-Z]{6}\+" + font.encode(), document.replace(b" ", b""))


def test_text_from_the_right_begins_at_the_right():
    for text in ("مصفوفة Gram", "(מטריצת) Gram", "1. אחת"):
        assert pdf._from_right(text)
    for text in ("Gram مصفوفة", "123", "行列"):
        assert not pdf._from_right(text)


@pytest.fixture
def few_fonts(monkeypatch):
    """A machine without Noto's fonts, and with none of its own."""
    monkeypatch.setattr(pdf, "NOTO", {"no_such_fonts": "no-such-fonts"})
    monkeypatch.setattr(pdf, "_system_files", list)


@pytest.mark.usefixtures("few_fonts")
@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("ग्राम मैट्रिक्स", ["Devanagari letters"]),
        ("เมทริกซ์ 🎨👍", ["Thai letters", "emoji"]),
        ("그람 行列", ["Cjk letters", "Hangul letters"]),
        ("Грам, Ελληνικά, Zoë → ⇒ ≈ ✓", []),
    ],
)
def test_what_the_pdf_cannot_show_is_said_before_handing_in(folder, capsys, text, scripts):
    assert pdf.unshown_scripts(text) == scripts
    says = (
        f"! report.pdf cannot show {', '.join(scripts)}; report.html can. "
        "Fonts for it: pip install no-such-fonts. Hand in both."
    )
    explain(folder, f"{TEXT} {text}")
    handin.check(folder)
    assert (says in capsys.readouterr().out) == bool(scripts)
    explain(folder, TEXT)
    handin.submit(dataclasses.replace(AUTHOR, professor=text), folder)
    assert (says in capsys.readouterr().out) == bool(scripts)
    assert text in (folder / "submission" / "report.html").read_text("utf-8")


def test_half_a_character_does_not_stop_a_hand_in(folder):
    explain(folder, TEXT + " \ud83c and \udfa8")
    assert handin.submit(AUTHOR, folder)
    assert "\ufffd and \ufffd" in (folder / "submission" / "report.html").read_text("utf-8")


def test_without_a_pdf_the_page_is_handed_in(folder, monkeypatch, capsys):
    handin.submit(AUTHOR, folder)

    def fail(*_):
        raise RuntimeError("no such glyph")

    monkeypatch.setattr(pdf, "report_pdf", fail)
    with zipfile.ZipFile(handin.submit(AUTHOR, folder)) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
    assert "report.html" in names
    assert "report.pdf" not in names
    assert not (folder / "submission" / "report.pdf").exists()
    assert "report.pdf could not be written (no such glyph)" in capsys.readouterr().out


def deep(marks, times):
    return marks * times + "end"


@pytest.mark.parametrize(
    "source",
    [
        deep("- ", 40), deep("> ", 40), deep("1. ", 40), deep("> - ", 30),
        "*a **b " * 60 + "end" + "** c*" * 60, "\x00\x07\u202e\ufeff#set text(red) $x$ @a <b> end",
    ],
)  # fmt: skip
def test_the_pdf_takes_what_is_deep_or_odd(source):
    assert pdf.report_pdf(composed(source)).startswith(b"%PDF-")


# Pictures of the report

PICTURES = Path(__file__).resolve().parents[1] / "data" / "trouble" / "images"
IN_SRGB = "p3-as-it-should-look.png"


def test_a_picture_of_the_report_has_its_profiles_colours():
    shown = report.encode((PICTURES / "p3.png").read_bytes())
    with Image.open(io.BytesIO(shown.data)) as image, Image.open(PICTURES / IN_SRGB) as right:
        distance = np.abs(np.asarray(image, int) - np.asarray(right.convert("RGB"), int))
    assert distance.max() <= 2


@pytest.mark.parametrize("size", [2_000, 3_000_000])
def test_a_picture_with_much_text_stands_in_the_report(size):
    info = PngImagePlugin.PngInfo()
    info.add_text("history", "x" * size, zip=True)
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), "teal").save(buffer, "PNG", pnginfo=info)
    shown = report.encode(buffer.getvalue())
    assert (shown.width, shown.height) == (60, 40)
    assert pdf.report_pdf(composed("![a](a.png)", {"a.png": shown}))


@pytest.mark.parametrize(("mode", "value"), [("I;16", 40_000), ("I", 200), ("F", 0.5)])
def test_deep_grey_stands_in_the_report_by_the_kits_rule(mode, value):
    buffer = io.BytesIO()
    Image.new(mode, (60, 40), value).save(buffer, "TIFF")
    shown = report.encode(buffer.getvalue())
    with Image.open(io.BytesIO(shown.data)) as image:
        assert 100 < image.convert("L").getpixel((5, 5)) < 210


def test_a_turned_photograph_stands_upright_and_without_its_place():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at home"
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), "teal").save(buffer, "JPEG", exif=exif)
    shown = report.encode(buffer.getvalue())
    assert (shown.width, shown.height) == (40, 60)
    assert b"taken at home" not in shown.data


def test_a_picture_that_is_none_leaves_a_note(folder):
    def paste(cells):
        cell = cell_of(cells, "gram_matrix_explanation")
        cell["source"] = TEXT + " ![a](attachment:a.gif) ![b](attachment:b.svg)"
        gif = base64.b64encode(picture(kind="GIF")).decode()
        svg = base64.b64encode(b"<svg/>").decode()
        cell["attachments"] = {"a.gif": {"image/gif": gif}, "b.svg": {"image/svg+xml": svg}}
        return cells

    change(folder, "02_gram", paste)
    handin.submit(AUTHOR, folder)
    page = (folder / "submission" / "report.html").read_text("utf-8")
    assert "The picture b.svg could not be shown." in page
    assert "a.gif could not" not in page


def test_large_picture_becomes_smaller():
    noise = Image.effect_noise((3000, 2000), 90)
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    shown = report.encode(buffer.getvalue())
    assert (shown.width, shown.kind) == (report.WIDEST, "jpeg")
    assert len(shown.data) < len(buffer.getvalue())


def test_terminal_output_is_shown_as_a_terminal_shows_it():
    cell = notebooks._cell(code("x", printed="10 %\r50 %\rdone\n\x1b[31mred\x1b[0m\n"))
    assert cell.printed == "done\nred"


# The tables here and the lessons


@pytest.mark.parametrize("lesson", notebooks.LESSONS)
def test_tables_name_the_answers_of_the_lessons(lesson):
    notebook = nbformat.read(NOTEBOOKS / "student" / f"{lesson}.ipynb", as_version=4)
    graders = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    answers = {g["grade_id"] for g in graders if g.get("solution")}
    known = {name: todo.lesson for name, todo in notebooks.TODOS.items()} | notebooks.WRITTEN
    assert answers == {name for name, home in known.items() if home == lesson}
    runs = {name for name, (home, _) in notebooks.RUNS.items() if home == lesson == "04_tuning"}
    assert runs <= {g.get("grade_id") for g in graders}


def test_untouched_release_lacks_every_text():
    problems = handin.check(NOTEBOOKS / "student")
    unwritten = {p.where.partition(" · ")[2] for p in problems if "to be written" in p.what}
    assert unwritten == set(notebooks.WRITTEN)
