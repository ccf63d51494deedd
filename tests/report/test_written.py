"""Written answers: shown to a person, points from a CSV, merged, never lost."""

import base64
import csv
import hashlib
import io
import re
from pathlib import Path

import pytest
from support.handins import code, find, notebook, save

from coursekit.collect import read_submission
from coursekit.collect.archive import read_material
from coursekit.collect.layouts import find_handins
from coursekit.course import this_course
from coursekit.records import Answer, Grade, Outcome, Submission
from coursekit.report.figures import save_figures
from coursekit.report.written import (
    COLUMNS,
    Mark,
    WrittenError,
    digest,
    read_marks,
    row_id,
    with_marks,
    write_pages,
)
from styletools.errors import StyletoolsError

KEY = ("02_gram", "gram_matrix_explanation")
PNG = b"\x89PNG\r\n\x1a\n not really"


def handed_in(student, text):
    return Submission(student, Path("x"), {KEY: Answer(*KEY, text, "cell id")})


def table(folder):
    text = (folder / "written.csv").read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def enter(folder, student, **cells):
    """What a person does in a spreadsheet."""
    rows = table(folder)
    for row in rows:
        if row["student"] == student and row["question"] == KEY[1]:
            row.update(cells)
    with open(folder / "written.csv", "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def marked(folder, submission):
    grade = Grade(submission.student, (Outcome("02_gram", "gram_matrix", "passed", 5, 5),))
    found = with_marks(grade, submission, read_marks(folder / "written.csv"))
    return found, {o.grade_id: o for o in found.outcomes}[KEY[1]]


def test_all_questions_of_the_lessons_have_points_and_rubric():
    assert len(this_course().written) >= 12
    for wanted in this_course().written:
        assert wanted.points > 0
        assert "graded" in wanted.text
    assert KEY in {wanted.key for wanted in this_course().written}


def test_a_row_for_each_student_and_question(tmp_path):
    class_ = [handed_in("ada", "Because."), handed_in("=bob", "")]
    write_pages(tmp_path, class_, {})
    rows = table(tmp_path)
    assert len(rows) == 2 * len(this_course().written)
    states = {r["student"]: r["state"] for r in rows if r["question"] == KEY[1]}
    assert states == {"ada": "to be read", "'=bob": "empty"}
    assert all(row["points"] == "" for row in rows)


def test_points_entered_are_merged_with_their_comment(tmp_path):
    ada = handed_in("ada", "Because.")
    write_pages(tmp_path, [ada], {})
    enter(tmp_path, "ada", points="3,5", comment="Which axis?")
    grade, outcome = marked(tmp_path, ada)
    assert (outcome.status, outcome.points, outcome.possible) == ("read", 3.5, 5)
    assert outcome.message == "Which axis?"
    others = [o for o in grade.outcomes if o.grade_id != KEY[1]]
    assert {o.status for o in others} == {"passed", "not attempted"}
    assert grade.complete
    names = [o.grade_id for o in grade.outcomes if o.lesson == "02_gram"]
    assert names == ["gram_matrix", "gram_matrix_explanation"]


def test_what_nobody_has_read_is_no_zero(tmp_path):
    ada = handed_in("ada", "Because.")
    write_pages(tmp_path, [ada], {})
    grade, outcome = marked(tmp_path, ada)
    assert outcome.status == "to be read"
    assert not grade.complete


def test_points_survive_being_written_again(tmp_path):
    ada, bob = handed_in("ada", "Because."), handed_in("=bob", "Since.")
    write_pages(tmp_path, [ada, bob], {})
    enter(tmp_path, "ada", points="0", comment="=1+1")
    enter(tmp_path, "'=bob", points="5")
    for _ in range(2):
        write_pages(tmp_path, [ada, bob], read_marks(tmp_path / "written.csv"))
    assert marked(tmp_path, ada)[1].points == 0
    assert marked(tmp_path, ada)[1].message == "=1+1"
    assert marked(tmp_path, bob)[1].points == 5
    write_pages(tmp_path, [ada], read_marks(tmp_path / "written.csv"))  # bob is not there today
    write_pages(tmp_path, [ada, bob], read_marks(tmp_path / "written.csv"))
    assert marked(tmp_path, bob)[1].points == 5


def test_an_answer_that_changed_is_read_again(tmp_path):
    write_pages(tmp_path, [handed_in("ada", "Because.")], {})
    enter(tmp_path, "ada", points="5")
    new = handed_in("ada", "Something else.")
    for _ in range(2):
        write_pages(tmp_path, [new], read_marks(tmp_path / "written.csv"))
        assert marked(tmp_path, new)[1].status == "to be read"
    (row,) = [row for row in table(tmp_path) if row["question"] == KEY[1]]
    assert row["points"] == "5"
    assert "changed" in row["state"]
    enter(tmp_path, "ada", answer="")  # read again, and confirmed
    write_pages(tmp_path, [new], read_marks(tmp_path / "written.csv"))
    assert marked(tmp_path, new)[1].points == 5


@pytest.mark.parametrize("points", ["six", "-1", "5.5", "nan", "inf"])
def test_points_that_cannot_be_are_refused(tmp_path, points):
    write_pages(tmp_path, [handed_in("ada", "Because.")], {})
    enter(tmp_path, "ada", points=points)
    with pytest.raises(WrittenError, match=r"written\.csv, row \d+: .*points"):
        read_marks(tmp_path / "written.csv")


def test_a_table_that_lost_a_column_is_refused(tmp_path):
    (tmp_path / "written.csv").write_text("student,points\nada,5\n")
    with pytest.raises(WrittenError, match="no column"):
        read_marks(tmp_path / "written.csv")


def test_semicolons_as_european_spreadsheets_save(tmp_path):
    ada = handed_in("ada", "Because.")
    write_pages(tmp_path, [ada], {})
    enter(tmp_path, "ada", points="4")
    text = (tmp_path / "written.csv").read_text("utf-8-sig")
    (tmp_path / "written.csv").write_text(text.replace(",", ";"))
    assert marked(tmp_path, ada)[1].points == 4


SPREADSHEETS = {  # what they save: (how cells are separated, the encoding)
    "Excel in Germany": (";", "cp1252"),
    "Excel in America": (",", "cp1252"),
    "Excel's Unicode text": ("\t", "utf-16"),
    "LibreOffice": (",", "utf-8"),
    "Excel, UTF-8": (";", "utf-8-sig"),
}


def save_as(folder, delimiter, encoding, change=lambda row: row):
    """Written anew, with decimal commas where they are usual, and an empty row at the end."""
    rows = [change(row) for row in table(folder)]
    with open(folder / "written.csv", "w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter=delimiter)
        writer.writeheader()
        writer.writerows([*rows, dict.fromkeys(COLUMNS, "")])


@pytest.mark.parametrize("saved", SPREADSHEETS)
def test_a_table_comes_back_from_every_spreadsheet(tmp_path, saved):
    delimiter, encoding = SPREADSHEETS[saved]
    class_ = [handed_in("Jörg Müller", "Because."), handed_in("007", "Since.")]
    write_pages(tmp_path, class_, {})
    enter(tmp_path, "Jörg Müller", points="4,5", comment="schön gemacht")
    enter(tmp_path, "007", points="3")

    def change(row):
        return row | {"student": row["student"].replace("007", "7"), "state": "…"}

    save_as(tmp_path, delimiter, encoding, change)
    before = (tmp_path / "written.csv").read_bytes()
    for submission, points in zip(class_, (4.5, 3), strict=True):
        outcome = marked(tmp_path, submission)[1]
        assert (outcome.status, outcome.points) == ("read", points)
    write_pages(tmp_path, class_, read_marks(tmp_path / "written.csv"))
    assert (tmp_path / "written.csv.bak").read_bytes() == before
    head, *rows = (tmp_path / "written.csv").read_text("utf-8-sig").splitlines()
    assert head.count(delimiter) == len(COLUMNS) - 1
    (row,) = [row for row in rows if row.startswith(f"Jörg Müller{delimiter}02_gram{delimiter}")]
    assert ("4.5" if delimiter == "," else "4,5") in row
    assert marked(tmp_path, class_[0])[1].message == "schön gemacht"


def test_a_line_that_names_the_separator_is_no_row(tmp_path):
    ada = handed_in("ada", "Because.")
    write_pages(tmp_path, [ada], {})
    enter(tmp_path, "ada", points="4,5")
    save_as(tmp_path, ";", "cp1252")
    path = tmp_path / "written.csv"
    path.write_bytes(b"sep=;\r\n" + path.read_bytes())
    assert marked(tmp_path, ada)[1].points == 4.5


@pytest.mark.parametrize("begin", [b"PK\3\4", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
def test_a_workbook_is_told_from_a_table(tmp_path, begin):
    (tmp_path / "written.csv").write_bytes(begin + bytes(100))
    with pytest.raises(StyletoolsError, match=r"written.csv is a workbook .* save it as CSV"):
        read_marks(tmp_path / "written.csv")


def test_no_column_looks_like_a_number_or_a_date(tmp_path):
    write_pages(tmp_path, [handed_in("ada", text) for text in map(str, range(300))][:1], {})
    for number in range(300):
        assert re.fullmatch("[a-p]{12}", digest(f"answer {number}"))
    assert all(re.fullmatch("[a-p]{12}", row["row"]) for row in table(tmp_path))


def test_digests_that_an_earlier_table_lost_digits_of(tmp_path):
    """As Excel left them: 6.24138E+11."""
    texts = (f"answer {number}" for number in range(9999))
    hexadecimal = {t: hashlib.sha256(t.encode()).hexdigest()[:12] for t in texts}
    text, old = next(item for item in hexadecimal.items() if item[1].isdigit())
    ada = handed_in("ada", text)
    write_pages(tmp_path, [ada], {})
    for kept in (old, f"{float(old):.5E}", f"{float(old):.5E}".replace(".", ",")):
        enter(tmp_path, "ada", points="4", answer=kept)
        assert marked(tmp_path, ada)[1].status == "read"
        assert marked(tmp_path, handed_in("ada", "Another."))[1].status == "to be read"


def test_a_table_without_the_column_of_rows_is_read_by_its_names(tmp_path):
    write_pages(tmp_path, [handed_in("ada", "Because.")], {})
    enter(tmp_path, "ada", points="4", row="")
    assert marked(tmp_path, handed_in("ada", "Because."))[1].points == 4


def test_the_page_shows_answer_rubric_and_figures_escaped(tmp_path):
    evil = "<script>alert(1)</script>\u202e"
    figures = {("ada", KEY): ["figures/a.png"]}
    marks = {row_id("ada", KEY): Mark(2, evil)}
    write_pages(tmp_path, [handed_in("ada", evil + " Because.")], marks, figures)
    page = (tmp_path / "written" / "02_gram-gram_matrix_explanation.html").read_text()
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩") == 2
    assert 'src="figures/a.png"' in page
    assert "what is forgotten" in page  # of the rubric
    assert len(list((tmp_path / "written").glob("*.html"))) == len(this_course().written)


def test_a_text_reads_as_it_was_meant_without_links_or_pictures(tmp_path):
    text = "One\nparagraph.\n\n- **a** list\n\n![x](figures/y.png) [z](https://example.org)"
    write_pages(tmp_path, [handed_in("ada", text)], {})
    page = (tmp_path / "written" / "02_gram-gram_matrix_explanation.html").read_text()
    assert "<p>One\nparagraph.</p>" in page
    assert "<strong>a</strong>" in page
    assert "![x](figures/y.png) [z](https://example.org)" in page
    assert "<img" not in page
    assert page.count("<a ") == 1  # ours, to the marking page


def test_the_reader_sees_what_became_of_the_code_or_the_run(tmp_path):
    key = ("04_tuning", "experiment_a_inference")
    ada = Submission("ada", Path("x"), {key: Answer(*key, "Because.", "cell id")})
    run = Outcome("04_tuning", "experiment_a", "wrong", 0, 2, "picture", "<b>Not</b> its picture.")
    grade = Grade("ada", (Outcome("04_tuning", "experiment_b", "passed", 2, 2), run))
    write_pages(tmp_path, [ada], {}, grades={"ada": grade})
    page = (tmp_path / "written" / "04_tuning-experiment_a_inference.html").read_text()
    assert "✗ wrong</span> &lt;b&gt;Not&lt;/b&gt; its picture." in page
    names = [o.grade_id for o in with_marks(grade, ada, {}).outcomes if o.lesson == "04_tuning"]
    assert names[:3] == ["experiment_a", "experiment_a_inference", "experiment_b"]


def picture(data, kind="image/png"):
    return {"output_type": "display_data", "metadata": {}, "data": {kind: data}}


def test_figures_of_the_run_above_are_shown_and_nothing_else(tmp_path):
    document = notebook()
    good = base64.b64encode(PNG).decode()
    fake = base64.b64encode(b"<svg onload=alert(1)>").decode()
    outputs = [picture(good), picture(fake), picture("%%%"), picture([1, None]), "x", None]
    place = document["cells"].index(find(document, "gram_matrix_explanation"))
    document["cells"].insert(place, code("plot()", outputs=outputs))
    early = base64.b64encode(PNG + b"early").decode()
    document["cells"].insert(0, code("plot()", outputs=[picture(early)]))
    save(tmp_path / "class/ada/02_gram.ipynb", document)
    (handin,) = find_handins([tmp_path / "class"]).handins
    found = save_figures("ada", read_material(handin.places).notebooks, tmp_path / "out")
    ((name,),) = found.values()
    assert list(found) == [("ada", KEY)]
    assert (tmp_path / "out" / name).read_bytes() == PNG
    assert len(list((tmp_path / "out").rglob("*.*"))) == 1


def test_what_cannot_be_read_has_no_figures(tmp_path):
    (tmp_path / "class").mkdir()
    (tmp_path / "class/ada.zip").write_bytes(b"PK")
    (tmp_path / "class/bob.ipynb").write_text('{"cells": [' + "[" * 100_000)
    for handin in find_handins([tmp_path / "class"]).handins:
        assert save_figures("ada", read_material(handin.places).notebooks, tmp_path) == {}
        assert read_submission(handin).refused
