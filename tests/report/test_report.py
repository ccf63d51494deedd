"""Reports: nothing hidden, nothing run, no formula, and never a zero for the grader's failure."""

import csv
import io
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest

from coursekit.collect.names import file_name, one_line, visible
from coursekit.records import Answer, Grade, Outcome, Status, Submission
from coursekit.report import likeness
from coursekit.report.pages import class_csv, junit_xml, student_page, write_reports

EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</pre></main><h1>Full marks</h1>",
    "{{ 7 * 7 }}{% include 'page.css' %}",
    "javascript:alert(1)",
    "<style>article{display:none}</style>",
    "]]></failure><testcase/>",
]
HIDDEN = "\u202e\u200b\u2066\u00ad\x00\x1b[8m\ud800\ufeff\u2028\U000e0041"


def outcome(name="gram_matrix", status="passed", points=5.0, **more):
    return Outcome("02_gram", name, status, points, 5.0, **more)


def grade(*outcomes, student="ada", **more):
    return Grade(student, outcomes or (outcome(),), **more)


class Page(HTMLParser):
    """What a browser makes of a page: its tags, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("evil", EVIL)
def test_everything_of_the_student_is_escaped(evil):
    bad = Outcome("02_gram", evil, "wrong", 0, 5, code=evil, message=evil)
    submission = Submission(
        evil, Path("x"), {("02_gram", evil): Answer("02_gram", evil, evil, "name")}, refused=evil
    )
    harmless = grade(outcome(status="wrong", points=0, code="c", message="m"), notes=("n",))
    page = Page(student_page(grade(bad, student=evil, notes=(evil,)), submission, [evil + "2"]))
    plain = Submission("a", Path("x"), {("02_gram", "gram_matrix"): None}, refused="r")
    plain.answers[("02_gram", "gram_matrix")] = Answer("02_gram", "gram_matrix", "c", "name")
    assert page.tags == Page(student_page(harmless, plain, ["n2"])).tags
    assert page.text.count(evil) >= 6


def test_no_scripts_and_nothing_from_elsewhere():
    text = student_page(grade(outcome(status="wrong", message="x")))
    page = Page(text)
    assert not {"script", "img", "iframe", "link", "object", "form", "details"} & set(page.tags)
    assert not [a for a in page.attributes if a[1].startswith("on") or a[1] in ("src", "style")]
    (policy,) = [v for tag, _, v in page.attributes if tag == "meta" and v and "default-src" in v]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = text.replace(".stacked thead { display: none; }", "")  # headings of columns, on a phone
    assert not re.search(r"display:\s*none|visibility|font-size:\s*0|opacity", text)


def test_characters_that_do_not_show_are_shown():
    text = student_page(grade(outcome(status="wrong", message=f"a{HIDDEN}b"), student=HIDDEN))
    assert not set(HIDDEN) & set(text) - set("[8m")
    for code in ("U+202E", "U+200B", "U+2066", "U+00AD", "U+0000", "U+001B", "U+E0041"):
        assert text.count(f"⟨{code}⟩") == 3  # the message, the heading, the title


def test_what_no_file_can_hold_is_escaped_where_it_comes_in():
    bad = outcome(status="wrong", code="\ud800", message="x\udfff")
    text = grade(bad, student="\ud800", notes=("\ud801",)).to_json()
    text.encode()
    assert Grade.from_json(text).outcomes[0].message == "x\\udfff"
    Submission("\ud800", Path("x"), {}, ("\ud800",), refused="\ud800").refused.encode()


def test_long_and_piled_up_text_is_cut_and_said():
    assert visible("x" * 5_000).endswith("\n… and 1000 characters more")
    assert visible("é = 数 → 🎨\n\tü") == "é = 数 → 🎨\n\tü"
    assert visible("a" + "\u0301" * 10).count("⟨U+0301⟩") == 6
    assert one_line("a\nb\tc") == "a b c"


@pytest.mark.parametrize("status", Status)
def test_every_status_is_on_the_page(status):
    found = grade(outcome(status=status, points=2, message="The diagnosis."))
    text = Page(student_page(found)).text
    assert ("not graded" if status == "infrastructure" else status) in text
    assert "The diagnosis." in text


def test_the_graders_failure_is_never_a_zero():
    broken = grade(outcome(), outcome("loss", "infrastructure", 0), student="b")
    text = " ".join(Page(student_page(broken)).text.split())
    assert "Not fully graded" in text
    assert "5 of the 5 points graded so far; 5 are open" in text
    assert "– of 5" in text
    assert "0 of 5" not in text
    head, row = rows(class_csv([broken]))
    found = dict(zip(head, row, strict=True))
    assert found["points"] == found["02_gram/loss points"] == ""
    assert found["graded"] == "incomplete"
    assert found["02_gram/gram_matrix points"] == "5"
    suite = ElementTree.fromstring(junit_xml([broken]))[0]
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert suite[1].find("error").get("type") == "infrastructure"


def test_without_a_sandbox_every_page_says_so_in_red(tmp_path):
    unsafe = [grade(student=name, sandbox="none") for name in "ab"]
    for path in write_reports(tmp_path, [*unsafe, grade(student="safe")]):
        if path.suffix == ".html":
            page = Page(path.read_text())
            assert ("without a sandbox" in page.text) == (path.stem != "safe")
            assert (("p", "class", "alarm") in page.attributes) == (path.stem != "safe")
    sandboxes = {row[0]: row[-2] for row in rows((tmp_path / "grades.csv").read_text())}
    assert sandboxes == {"student": "sandbox", "a": "none", "b": "none", "safe": "bubblewrap"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "＝", "  ="])
def test_no_formula_in_the_spreadsheet(start):
    evil = start + 'HYPERLINK("https://x.example")'
    text = class_csv([grade(student=evil, notes=(evil,))])
    for row in rows(text):
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))
    assert "HYPERLINK" in text


def test_csv_has_every_todo_in_one_column(tmp_path):
    first = grade(outcome(), outcome("b", "wrong", 2.5), student='ä, "b"\nc')
    second = grade(outcome("b", "not attempted", 0), student="d")
    head, one, two = rows(class_csv([first, second]))
    assert head[:5] == ["student", "points", "possible", "graded", "02_gram/gram_matrix points"]
    assert one[:6] == ['ä, "b" c', "7.5", "10", "complete", "5", "2.5"]
    assert two[:6] == ["d", "0", "5", "complete", "", "0"]
    assert two[6:8] == ["", "not attempted"]


def rows(text):
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def test_junit_xml_reads_back():
    message = f"{EVIL[-1]}{HIDDEN}&"
    text = junit_xml([grade(outcome(), outcome("b", "wrong", 2, message=message))])
    suite = ElementTree.fromstring(text.encode())[0]
    assert [suite.get(key) for key in ("tests", "failures", "errors")] == ["2", "1", "0"]
    failure = suite[1][0]
    assert failure.get("message") == "wrong: 2 of 5 points"
    assert EVIL[-1] in failure.text
    assert len(suite) == 2


def test_the_same_grades_give_the_same_bytes_in_any_order(tmp_path):
    grades = [grade(student=name) for name in "cab"]
    write_reports(tmp_path / "1", grades)
    write_reports(tmp_path / "2", grades[::-1])
    files = sorted(p.relative_to(tmp_path / "1") for p in (tmp_path / "1").rglob("*.*"))
    assert len(files) == 5
    for name in files:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_file_names_are_safe_and_no_two_are_equal():
    names = ["ada", "Ada", "a/b", "a_b", "../x", "", ".", "con", "CON.x", "ä", "a" * 300, "a" * 301,
             "\ud800", "a b", "a\u202eb", "[x]"]  # fmt: skip
    found = [file_name(name).casefold() for name in names if name != "Ada"]
    assert len(set(found)) == len(found)
    for name in names:
        assert re.fullmatch(r"[\w.-]{1,100}", file_name(name))
        assert not file_name(name).startswith(".")
    for whole in ("ada", "Jörg", "सुमित", "สมชาย"):
        assert file_name(whole) == whole
    other = file_name("Grace Hopper")
    assert len({other, file_name(other), file_name(file_name(other))}) == 3


# Likeness


def handed_in(student, text="", pictures=None):
    key = ("02_gram", "gram_matrix_explanation")
    return Submission(
        student, Path("x"), {key: Answer(*key, text, "cell id")}, pictures=pictures or {}
    )


LONG = "The matrix keeps which channels fire together and forgets where they do so."


def test_identical_prose_is_noted_on_both_sides():
    found = likeness.alike([
        handed_in("a", LONG), handed_in("b", LONG.upper().replace(" ", "\n")),
        handed_in("c", LONG + " Mine."), handed_in("d", "It says how much."),
        handed_in("e", "It says how much."),
    ])  # fmt: skip
    assert set(found) == {"a", "b"}
    (same,) = found["a"]
    assert same.named == "gram_matrix_explanation: the same text, word for word, as b."
    assert same.others == ("b",)


def test_who_the_others_are_is_not_on_the_students_page(tmp_path):
    class_ = [handed_in("a", LONG), handed_in("Grace Hopper", LONG)]
    grades = [grade(student=submission.student) for submission in class_]
    write_reports(tmp_path, grades, None, likeness.alike(class_))
    page = (tmp_path / "students" / "a.html").read_text()
    assert "the same text, word for word, as another submission" in page
    assert "Grace" not in page
    assert "as Grace Hopper" in (tmp_path / "grades.csv").read_text()


def test_identical_pictures_are_noted_but_not_those_everybody_has(tmp_path):
    kit = Path(__file__).parents[2] / "images" / "content" / "chelsea.jpg"
    import hashlib

    given = {"images/cat.jpg": hashlib.sha256(kit.read_bytes()).hexdigest(), "base.png": "77"}
    class_ = [handed_in(str(i), pictures=dict(given)) for i in range(20)]
    class_[3].pictures["images/own.png"] = class_[7].pictures["mine.png"] = "99"
    found = likeness.alike(class_)
    assert set(found) == {"3", "7"}
    assert [same.named for same in found["3"]] == ["images/own.png: the same file as 7."]


def test_a_kept_grade_keeps_its_bytes():
    """What an earlier version kept is read, and written again byte for byte."""
    text = """{
 "student": "ada",
 "outcomes": [
  {
   "lesson": "02_gram",
   "grade_id": "gram_matrix",
   "status": "not attempted",
   "points": 0.0,
   "possible": 5.0,
   "code": "",
   "message": ""
  }
 ],
 "notes": [],
 "sandbox": "bubblewrap",
 "key": "4f"
}
"""
    found = Grade.from_json(text)
    assert found.outcomes[0].status is Status.NOT_ATTEMPTED
    assert found.to_json() == text
    with pytest.raises(ValueError, match="one of passed, wrong"):
        Grade.from_json(text.replace("not attempted", "Status.WRONG"))
