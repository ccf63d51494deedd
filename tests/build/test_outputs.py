"""What other systems read, and the class on one page."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from coursekit.records import Grade, Outcome
from coursekit.report.likeness import Likeness
from coursekit.report.overview import class_page, distribution, histogram, mistakes
from coursekit.report.tables import NBGRADER, ExportError, gradescope_json, nbgrader_csv

EVIL = "<script>alert(1)</script>"


def outcome(name="gram_matrix", status="passed", points=5.0, lesson="02_gram", **more):
    return Outcome(lesson, name, status, points, 5.0, **more)


def grade(student, *outcomes, **more):
    return Grade(student, outcomes or (outcome(),), **more)


# Gradescope


def test_gradescope_adds_up():
    wrong = outcome("b", "wrong", 2.5, message="Look <here>.")
    results = json.loads(gradescope_json(grade("ada", outcome(), wrong, notes=("odd",))))
    assert results["score"] == 7.5
    tests = {test["name"]: test for test in results["tests"]}
    assert tests["02_gram: gram_matrix"]["score"] == 5
    assert tests["02_gram: gram_matrix"]["status"] == "passed"
    bad = tests["02_gram: b"]
    assert (bad["score"], bad["max_score"], bad["status"]) == (2.5, 5, "failed")
    assert "Look <here>." in bad["output"]
    assert sum(test["score"] for test in results["tests"]) == results["score"]


def test_gradescope_shows_text_as_text_and_notes_to_the_instructor_alone():
    results = json.loads(gradescope_json(grade("ada", notes=(EVIL,)), ["same text as bob"]))
    formats = {v for k, v in walk(results) if k in ("output_format", "test_output_format")}
    assert formats == {"text"}
    (notes,) = [test for test in results["tests"] if "bob" in test["output"]]
    assert notes["visibility"] == "hidden"


def walk(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


@pytest.mark.parametrize("status", ["infrastructure", "to be read"])
def test_gradescope_gets_no_score_for_what_nobody_graded(status):
    with pytest.raises(ExportError, match="Not graded yet: b"):
        gradescope_json(grade("ada", outcome(), outcome("b", status, 0)))


def test_gradescope_says_that_there_was_no_sandbox():
    assert "sandbox" in json.loads(gradescope_json(grade("ada", sandbox="none")))["output"]
    assert json.loads(gradescope_json(grade("ada")))["output"] == ""


# nbgrader


def test_nbgrader_has_a_row_for_each_lesson_and_student():
    losses = outcome("total_loss", "wrong", 1, lesson="03_losses")
    grades = [grade("b", outcome(), outcome("x", "raised", 0), losses), grade("=a", outcome())]
    rows = list(csv.DictReader(io.StringIO(nbgrader_csv(grades))))
    assert tuple(rows[0]) == NBGRADER
    found = {(r["assignment"], r["student_id"]): (r["score"], r["max_score"]) for r in rows}
    assert found == {
        ("02_gram", "'=a"): ("5", "5"),
        ("02_gram", "b"): ("5", "10"),
        ("03_losses", "b"): ("1", "5"),
    }


def test_nbgrader_columns_are_those_of_its_own_export():
    import inspect

    from nbgrader.plugins.export import CsvExportPlugin

    source = inspect.getsource(CsvExportPlugin.export)
    keys = re.search(r"keys = \[(.*?)\]", source, re.DOTALL)[1]
    assert tuple(re.findall(r'"(\w+)"', keys)) == NBGRADER


def test_nbgrader_score_is_empty_where_nobody_knows_it():
    text = nbgrader_csv([grade("a", outcome(), outcome("x", "infrastructure", 0))])
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["score"], row["raw_score"], row["max_score"]) == ("", "", "10")


# The class


def class_of_ten():
    """Seven right, two with one mistake, one that could not be graded."""
    wrong = outcome(status="wrong", points=1, code="gram-shape", message=f"Wrong shape {EVIL}")
    broken = outcome(status="infrastructure", points=0)
    grades = [grade(f"s{i}") for i in range(7)]
    return [*grades, grade("w1", wrong), grade("w2", wrong), grade("x", broken)]


def test_distribution_counts_every_student_once():
    parts = distribution(class_of_ten(), ("02_gram", "gram_matrix"))
    assert [(p.status, p.count) for p in parts] == [
        ("passed", 7), ("wrong", 2), ("infrastructure", 1),
    ]  # fmt: skip
    assert [p.left for p in parts] == [0, 70, 90]
    assert sum(p.width for p in parts) == pytest.approx(100)


def test_histogram_leaves_out_who_is_not_fully_graded():
    assert histogram(class_of_ten()) == [0, 0, 2, 0, 0, 0, 0, 0, 0, 7]


def test_commonest_mistakes_come_first_with_their_diagnosis():
    once = grade("z", outcome("total_loss", "raised", 0, code="", lesson="03_losses"))
    found = mistakes([once, *class_of_ten()])
    codes = [(mistake.example.code, mistake.students) for mistake in found]
    assert codes == [("gram-shape", ("w1", "w2")), ("", ("z",))]


def test_the_page_shows_all_that_and_escapes_it():
    text = class_page([*class_of_ten(), grade(EVIL)])
    assert EVIL not in text
    assert "&lt;script&gt;" in text
    assert "<strong>11</strong> submissions, 10 fully graded" in text
    assert "1 not fully graded" in text
    assert "2 students" in text
    assert 'href="students/w1.html"' in text
    assert "gram-shape" in text
    assert 'style="' not in text


def test_the_refused_and_what_is_alike_are_named():
    same = Likeness("cat.jpg: the same file", ("b",))
    text = class_page([grade("a"), grade("b")], {"a": (same,)}, {"a": "", "b": "a bomb"})
    assert "1 refused." in text
    assert text.count(">refused<") == 1
    assert "cat.jpg: the same file as b." in text


def test_a_long_class_is_sorted_by_name_and_by_points():
    """Whoever is to be looked at comes first; nobody is missing."""
    broken = outcome(status="infrastructure", points=0)
    tampered = outcome(status="tampered", points=0)
    class_ = [grade("Zoë"), grade("émile", tampered), grade("Eva"), grade("Dan", broken)]
    text = class_page([*class_, *(grade(f"s{i:03}") for i in range(200))])
    _, looked_at, by_name, by_points = re.split("To look at|All students|In the order", text)
    assert re.findall(r">(\w+)</a>", looked_at) == ["Dan", "émile"]
    names = ["Dan", "émile", "Eva", *(f"s{i:03}" for i in range(200)), "Zoë"]
    assert re.findall(r">(\w+)</a>", by_name) == names
    assert re.findall(r">(\w+)</a>", by_points) == [*names[2:], "émile", "Dan"]


def test_what_was_not_attempted_is_no_mistake():
    assert mistakes([grade("a", outcome(status="not attempted", points=0))]) == []


def test_the_page_of_a_class_without_grades_is_a_page():
    assert "<strong>0</strong> submissions" in class_page([])
    assert "Left out" not in class_page([grade("a")])
    noted = replace(grade("a"), notes=("A link <b> was not followed.",))
    text = class_page([noted], left_out=["bob.rar is no submission."])
    assert "bob.rar is no submission." in text
    assert "A link &lt;b&gt; was not followed." in text
    broken = outcome(status="infrastructure", points=0)
    assert "not fully graded" in class_page([grade("x", broken)])


def test_the_page_warns_where_there_was_no_sandbox():
    assert "without a sandbox" in class_page([grade("a"), grade("b", sandbox="none")])
    assert "sandbox" not in class_page([grade("a")]).partition("</style>")[2]
