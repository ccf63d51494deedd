"""The marking page in Chromium: thirty answers with the keyboard alone, and two graders merged."""

import csv
import io
import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.pages import opened

from coursekit.cli import main
from coursekit.collect.names import file_name
from coursekit.course import this_course
from coursekit.records import Answer, Submission
from coursekit.report.marking import rubric, write_marking
from coursekit.report.written import COLUMNS, read_marks, write_pages

pytestmark = pytest.mark.chromium
KEY = ("02_gram", "gram_matrix_explanation")
PAGE = "02_gram-gram_matrix_explanation.mark.html"
HOSTILE = (
    "<script>document.title = 'owned'</script>",
    "</article></main><img src=x onerror=\"document.title='owned'\">",
    "[link](javascript:document.title='owned') ![x](http://example.org/x.png)",
    "\u202emirrored\u202c and \u0000 and \u200bhidden",
    '=HYPERLINK("http://example.org")',
    "# Heading\n\n```\n</script><script>document.title='owned'</script>\n```",
)


def student(n):
    return f"Pupil{n:02} Zebrowski"


def text(n):
    if n < len(HOSTILE):
        return f"{HOSTILE[n]} number {n}"
    return f"Entry (i, j) says how channels i and j fire together; by {student(n)}, number {n}."


def submission(n):
    return Submission(student(n), Path("x"), {KEY: Answer(*KEY, text(n), "cell id")})


@pytest.fixture
def class_of_30(tmp_path):
    class_ = [submission(n) for n in range(30)]
    write_pages(tmp_path, class_, {})
    write_marking(tmp_path, class_, {}, {})
    return tmp_path


def press(page, keys):
    for key in keys.split():
        page.keyboard.press(key)


def saved(page, folder):
    with page.expect_download() as download:
        page.keyboard.press("s")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def mark_all(page, keys_of):
    """With keys alone; `keys_of` takes the answer's number and gives the rubric's keys."""
    for _ in range(30):
        shown = page.locator("article:visible").inner_text()
        number = int(shown.rsplit("number ", 1)[1].rstrip("."))
        press(page, f"{keys_of(number)} n")


def merged(folder, *tables):
    return CliRunner().invoke(main, ["merge", str(folder), *map(str, tables)])


def points(folder):
    table = (folder / "written.csv").read_text("utf-8-sig")
    rows = csv.DictReader(io.StringIO(table, newline=""))
    return {row["student"]: row["points"] for row in rows if row["question"] == KEY[1]}


def test_thirty_answers_with_the_keyboard_alone(browser, class_of_30, capsys):
    """Rubric: 1, 2, 1, 1. Keys 1 and 2 give 3 points; a third of the class gets 4."""
    with opened(browser, class_of_30 / "written" / PAGE) as page:
        press(page, "Tab Tab")  # past the question's summary, into the name
        page.keyboard.type("Ada L.")
        page.keyboard.press("Escape")
        began = time.monotonic()
        mark_all(page, lambda n: "1 2 3" if n % 3 == 0 else "1 2")
        seconds = time.monotonic() - began
        assert page.locator("#progress").inner_text() == "30 of 30 marked"
        table = saved(page, class_of_30)
        assert page.title() == "Marking: gram matrix explanation"  # no script of an answer ran
    with capsys.disabled():
        print(f"\n30 answers marked in {seconds:.1f} s")
    assert table.name == "gram_matrix_explanation-Ada-L-.csv"
    assert merged(class_of_30, table).exit_code == 0
    assert points(class_of_30) == {student(n): "4" if n % 3 == 0 else "3" for n in range(30)}


def test_no_name_is_on_the_page(class_of_30):
    source = (class_of_30 / "written" / PAGE).read_text("utf-8")
    assert "Zebrowski" not in source
    assert "Pupil" not in source
    assert file_name(student(3)) not in source
    assert source.count("⟨name⟩") == 24


def test_the_order_is_no_list_of_the_class(class_of_30):
    source = (class_of_30 / "written" / PAGE).read_text("utf-8")
    order = [int(n) for n in re.findall(r"number (\d+)", source)]
    assert sorted(order) == list(range(30))
    assert order != sorted(order)


def test_two_graders_and_where_they_disagree(browser, class_of_30):
    tables = []
    for who, keys in (("A", "1 2"), ("B", "1")):
        with opened(browser, class_of_30 / "written" / PAGE) as page:
            page.fill("#grader", who)
            page.keyboard.press("Escape")
            mark_all(page, lambda n, keys=keys: keys if n % 10 == 0 else "1 2")
            tables.append(saved(page, class_of_30))
    done = merged(class_of_30, *tables)
    assert done.exit_code == 1
    assert "27 answers have points now; graders agree on 27" in done.stdout
    assert "disagree on 3" in done.stderr
    assert points(class_of_30) == {student(n): "" if n % 10 == 0 else "3" for n in range(30)}
    with opened(browser, class_of_30 / "written" / "disagreements.html") as page:
        assert page.locator("tbody tr").count() == 6
        page.locator("tbody a").first.click()
        page.wait_for_url("**/*.mark.html#*")
        row = page.url.partition("#")[2]
        assert page.locator("article:visible").get_attribute("id") == row


def test_comments_bank_points_and_a_table_that_goes_on(browser, class_of_30):
    with opened(browser, class_of_30 / "written" / PAGE) as page:
        press(page, "c")
        page.keyboard.type('=1+1, "quoted", and\nthe n key is text here')
        press(page, "Escape b n Shift+Digit1 + + - 2")
        first, second = (page.locator("article").nth(i).get_attribute("id") for i in (0, 1))
        assert page.input_value("#points") == "2"
        page.fill("#points", "2.5")
        page.fill("#points", "99")
        assert page.get_attribute("#points", "aria-invalid") == "true"
        press(page, "Escape")
        table = saved(page, class_of_30)
    marks = read_marks(table)
    assert marks[first].comment.startswith('=1+1, "quoted"')
    assert marks[second].comment == " ".join(marks[first].comment.split("\n")) or (
        marks[second].comment == marks[first].comment
    )
    assert marks[second].points == 2.5
    assert "'=1+1" in table.read_text("utf-8-sig")  # no formula for a spreadsheet
    with opened(browser, class_of_30 / "written" / PAGE) as page:  # another browser: nothing kept
        assert page.input_value("#comment") == ""
        page.set_input_files("#load", table)
        page.wait_for_function("() => document.getElementById('comment').value !== ''")
        press(page, "u")
        assert page.locator("#progress").inner_text() == "1 of 30 marked"


def test_single_keys_can_be_turned_off(browser, class_of_30):
    with opened(browser, class_of_30 / "written" / PAGE) as page:
        page.focus("#keys")
        press(page, "Space")
        press(page, "1 2 n")
        assert page.locator("#progress").inner_text() == "0 of 30 marked"
        assert page.locator("article").first.is_visible()


def test_points_that_are_there_stay(class_of_30):
    rows = read_marks(class_of_30 / "written.csv")
    key = next(key for key, mark in rows.items() if mark.question == KEY)
    table = class_of_30 / "other.csv"
    for given in ("5", "1"):
        line = dict.fromkeys(COLUMNS, "") | {
            "lesson": KEY[0], "question": KEY[1], "possible": "5", "points": given, "row": key,
            "answer": rows[key].answer,
        }  # fmt: skip
        with open(table, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerow(line)
        done = merged(class_of_30, table)
    assert done.exit_code == 1
    assert points(class_of_30)[rows[key].student] == "5"
    foreign = table.read_text("utf-8").replace(key, "nobody")
    table.write_text(foreign, "utf-8")
    assert "is not of this class" in merged(class_of_30, table).stderr
    changed = foreign.replace("nobody", key).replace(rows[key].answer, "another")
    table.write_text(changed, "utf-8")
    assert "the answer has changed" in merged(class_of_30, table).stderr


def test_every_rubric_has_lines():
    for question in this_course().written:
        items = rubric(question)
        assert 3 <= len(items) <= 5, question.name
        assert sum(item.points for item in items) in (question.points, question.points - 1)
    gram = next(q for q in this_course().written if q.key == KEY)
    assert [(i.points, i.text[:15]) for i in rubric(gram)] == [
        (1, "the reshape (wh"), (2, "the meaning of "),
        (1, "what is forgott"), (1, "why that suits "),
    ]  # fmt: skip
