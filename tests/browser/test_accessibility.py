"""axe-core on every kind of page that the kit writes: no violation of WCAG 2.1 A and AA.

The studio stands in JupyterLab, which is not the kit's page; test_studio.py looks at its contrast,
names and keyboard there.
"""

import shutil
from pathlib import Path

import pytest
from support.pages import opened, violations

from coursekit.records import Answer, Grade, Outcome, Status, Submission
from coursekit.report.likeness import Likeness
from coursekit.report.marking import Disagreement, Merged, mark_page, write_marking
from coursekit.report.overview import class_page
from coursekit.report.pages import render, student_page
from coursekit.report.written import Mark, row_id, write_pages
from styletools.course.handin import html, report
from styletools.course.handin.read import read_work

pytestmark = pytest.mark.chromium
KEY = ("02_gram", "gram_matrix_explanation")
ROOT = Path(__file__).parents[2]
WIDTHS = {"desktop": 1280, "phone": 390}


def grade(student="ada", **more):
    """One outcome of every status."""
    outcomes = [
        Outcome(
            "02_gram", f"part_{i}", status, 2, 5, "a-code", "Why.\nAnd how.", rule="Counts × 1."
        )
        for i, status in enumerate(Status)
    ]
    return Grade(
        student, tuple(outcomes), ("A note.",), sandbox="none", late="2 days late.", **more
    )


def submission(student):
    text = "# Heading\n\n| a | b |\n|--|--|\n| 1 | 2 |\n\n```\nlong code\n```\n\n> quoted"
    return Submission(student, Path("x"), {KEY: Answer(*KEY, text, "cell id")})


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """{kind of page: path}."""
    folder = tmp_path_factory.mktemp("pages")
    class_ = [submission(name) for name in ("ada", "ben", "cleo")]
    marks = {row_id("ada", KEY): Mark(2, "Which axis?")}
    write_pages(folder, class_, marks)
    write_marking(folder, class_, {}, {})
    whole = Grade("dora", (Outcome("02_gram", "part_0", "passed", 5, 5),))
    grades = [grade("ada"), grade("ben"), whole]
    same = {"ada": (Likeness("x: the same file", ("ben",)),)}
    disagreement = Disagreement("row", KEY, {"A": Mark(1, "No."), "B": Mark(2)}, 3.0)
    reference = tmp_path_factory.mktemp("work")
    for path in (ROOT / "notebooks" / "reference").glob("0[1-4]*.ipynb"):
        shutil.copy(path, reference)
    merged = Merged(3, 1, [disagreement], ["gram, row x"])
    author = report.Author("NST", "Ada", "Prof. X", "7", "2026-11-27")
    handed_in = report.compose(author, read_work(reference))
    written = {
        "student.html": student_page(grade(), submission("ada")),
        "index.html": class_page(grades, same, {"ben": "damaged"}),
        "disagreements.html": render("disagreements.html", merged=merged, page=mark_page),
        "report.html": html.report_page(handed_in),
    }
    for name, text in written.items():
        (folder / name).write_text(text, "utf-8")
    return {
        "student": folder / "student.html",
        "overview": folder / "index.html",
        "written answers": folder / "written" / "02_gram-gram_matrix_explanation.html",
        "marking": folder / "written" / mark_page(KEY),
        "disagreements": folder / "disagreements.html",
        "report": folder / "report.html",
    }


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "kind", ["student", "overview", "written answers", "marking", "disagreements", "report"]
)
def test_axe_finds_nothing(browser, pages, kind, width):
    viewport = {"width": WIDTHS[width], "height": 900}
    with opened(browser, pages[kind], viewport=viewport) as page:
        assert violations(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= WIDTHS[width] + 1  # nothing is cut off, nobody scrolls sideways


def test_axe_finds_what_is_wrong(browser, tmp_path):
    (tmp_path / "bad.html").write_text("<p style='color:#aaa'>faint</p><input>")
    with opened(browser, tmp_path / "bad.html") as page:
        found = {line.split(":")[0] for line in violations(page)}
    assert {"color-contrast", "label", "html-has-lang"} <= found
