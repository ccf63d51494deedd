"""Names, answers, comments, notes with markup, scripts, formulas, turned letters, in Chromium.

A page that gave in would have another title, run a script, ask the network, or have an element of a
student's. `opened` fails on requests and on errors, those of a blocked script included.
"""

import csv
import io
import shutil
from pathlib import Path

import pytest
from support.handins import markdown, notebook, save
from support.pages import opened

from coursekit.records import Answer, Grade, Outcome, Submission
from coursekit.report.likeness import Likeness
from coursekit.report.marking import mark_page, merge_marks, write_marking
from coursekit.report.overview import class_page
from coursekit.report.pages import student_page
from coursekit.report.tables import nbgrader_csv
from coursekit.report.written import Mark, row_id, write_pages
from styletools.course.handin import html, report
from styletools.course.handin.read import read_work

pytestmark = pytest.mark.chromium
KEY = ("02_gram", "gram_matrix_explanation")
OWNED = "document.title='owned'"
HOSTILE = (
    f"<script>{OWNED}</script>",
    f'"><img src=x class=theirs onerror="{OWNED}">',
    f"' onfocus='{OWNED}' autofocus tabindex=1 x='",
    f"</title></style></main></article><svg class=theirs onload={OWNED}>",
    f"[a](javascript:{OWNED}) ![b](http://example.org/b.png) <http://example.org/>",
    "<iframe class=theirs src=http://example.org/></iframe><base href=http://example.org/>",
    "{{ 7 * 7 }}{% raw %}${7 * 7}",
    '=HYPERLINK("http://example.org")',
    "\u202edlrow\u202c\u2066\u200b\u00ad\ufeff",
)
TURNED = "".join(map(chr, (0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069)))
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A class in which everything that a student, or a grader, can write is hostile."""
    folder = tmp_path_factory.mktemp("grades")
    class_, grades, marks = [], [], {}
    for n, evil in enumerate(HOSTILE):
        student = f"{evil} {n}"
        outcomes = (
            Outcome("02_gram", "gram_matrix", "wrong", 0, 5, evil, evil, rule=evil),
            Outcome(*KEY, "to be read", 0, 5),
        )
        grades.append(Grade(student, outcomes, (evil,), late=evil))
        code = Answer("02_gram", "gram_matrix", f"# {evil}", "cell id")
        text = Answer(*KEY, f"{evil}\n\n```\n{evil}\n```\n\n> {evil}", "cell id")
        class_.append(Submission(student, Path("x"), {("02_gram", "gram_matrix"): code, KEY: text}))
        marks[row_id(student, KEY)] = Mark(1, evil)
        (folder / f"student-{n}.html").write_text(
            student_page(grades[-1], class_[-1], [evil]), "utf-8"
        )
    names = [grade.student for grade in grades]
    alike = {name: (Likeness(f"{name}: the same file", tuple(names)),) for name in names}
    refused = dict.fromkeys(names, HOSTILE[0])
    (folder / "index.html").write_text(class_page(grades, alike, refused, HOSTILE), "utf-8")
    (folder / "nbgrader.csv").write_text(nbgrader_csv(grades), "utf-8")
    write_pages(folder, class_, marks)
    write_marking(folder, class_, {}, {})
    tables = []
    for grader, points in ((f"<img src=x onerror={OWNED}>", "2"), ("=cmd", "3")):
        tables.append(folder / f"{grader}.csv")
        table = io.StringIO((folder / "written.csv").read_text("utf-8-sig"), newline="")
        reader = csv.DictReader(table)
        with open(tables[-1], "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, reader.fieldnames)
            writer.writeheader()
            writer.writerows(row | {"points": points} for row in reader if row["comment"])
    merge_marks(folder, tables)
    for n, evil in enumerate(HOSTILE):
        work = folder / f"work-{n}"
        document = notebook(answers={"gram_matrix_explanation": evil})
        document["cells"].append(markdown(evil))
        save(work / "02_gram.ipynb", document)
        author = report.Author(evil, evil, evil, evil, "2026-11-27")
        page = html.report_page(report.compose(author, read_work(work)))
        (folder / f"report-{n}.html").write_text(page, "utf-8")
        shutil.rmtree(work)
    return folder


def test_no_page_gives_in(browser, folder):
    pages = sorted(folder.rglob("*.html"))
    assert len(pages) > 2 * len(HOSTILE) + 4
    assert folder / "written" / "disagreements.html" in pages
    for path in pages:
        with opened(browser, path) as page:
            page.wait_for_timeout(50)
            assert page.title() != "owned", path.name
            foreign = (
                ".theirs, iframe, base, [autofocus], [onfocus], a[href^=javascript], [src*=http]"
            )
            assert page.locator(foreign).count() == 0, path.name
            assert page.locator("script").count() == path.name.endswith(".mark.html"), path.name
            text = page.evaluate("document.documentElement.textContent")
            own = path.name.startswith("report")  # the student's own page, in whatever script
            assert own or not set(TURNED) & set(text), path.name
    shown = (folder / "student-6.html").read_text("utf-8")
    assert shown.count("{{ 7 * 7 }}{% raw %}${7 * 7}") >= 4  # as it was written, and not 49


def test_marking_hostile_answers_saves_no_formula(browser, folder):
    with opened(browser, folder / "written" / mark_page(KEY)) as page:
        for _ in HOSTILE:
            page.keyboard.press("c")
            page.keyboard.type("=1+1")
            page.keyboard.press("Escape")
            page.keyboard.press("1")
            page.keyboard.press("n")
        with page.expect_download() as download:
            page.keyboard.press("s")
        download.value.save_as(folder / "saved.csv")
    for name in ("saved.csv", "written.csv", "nbgrader.csv"):
        rows = list(csv.reader(io.StringIO((folder / name).read_text("utf-8-sig"), newline="")))
        assert len(rows) > len(HOSTILE)
        assert not [cell for row in rows for cell in row if cell.startswith(FORMULA)], name
