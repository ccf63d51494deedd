"""The single exercise notebook: found, taken apart, and graded on the lessons' TODOs."""

import json

import pytest
import torch
from handins import save
from single import ANSWERS, document
from test_grading import drawn, judged, kernel, reference  # noqa: F401  # fixtures too

from coursekit import diagnosis, grading, rebuild, standins, verdicts
from coursekit.collect import read_submission
from coursekit.layouts import find_handins
from styletools import checks

TODOS = rebuild.read_single_todos()


def handed_in(folder, notebook, layout="auto"):
    """A student's submission, as collecting reads it."""
    path = save(folder / "anna" / "Style_Transfer_Exercise.ipynb", notebook)
    [handin] = find_handins([path], layout).handins
    return read_submission(handin)


def told(name, source):
    """What the student's own check says, as in `diagnosis`."""
    offers = {"STYLE_WEIGHTS": None, **standins.OFFERS}
    desk = verdicts.Desk(offers)
    for needed in verdicts.NEEDS.get(name, ()):
        desk.give(needed, next(t.reference for t in rebuild.read_todos() if t.name == needed))
    desk.answer(name, source)
    if name not in desk.names or desk.names[name] is desk.offers.get(name):
        return diagnosis.Told("not attempted", "", "")
    found = checks.DIAGNOSES[name](desk.names[name])
    return diagnosis.Told(found.status, found.code, found.message)


KNOWN = {}  # most cells are the same in most notebooks


def examined(todo, source, drawn, kernel, capsys):  # noqa: F811
    """Points, status and diagnosis, as `Grader` has them."""
    if (todo.name, source) not in KNOWN:
        one = judged(todo.name, source, drawn, kernel(), capsys)
        torch.set_grad_enabled(True)
        status, _ = grading.status_of(todo.name, one)
        points, code = grading.earned(todo, one, status), ""
        if status in ("wrong", "raised"):
            found = told(todo.name, source)
            status, code = found.status, found.code
        KNOWN[todo.name, source] = points, status, code
    return KNOWN[todo.name, source]


@pytest.mark.parametrize("student", ANSWERS, ids=lambda student: student.title)
def test_each_todo_by_itself(student, tmp_path, drawn, kernel, capsys):  # noqa: F811
    """Right ones get full marks; wrong ones lose exactly their points, and are named."""
    submission = handed_in(tmp_path, document(student.cells))
    assert submission.single
    answers = {key[1]: answer.source for key, answer in submission.answers.items()}
    assert list(answers) == [todo.name for todo in TODOS]
    lost, statuses, codes = {}, {}, {}
    for todo in TODOS:
        points, status, code = examined(todo, answers[todo.name], drawn, kernel, capsys)
        if points < todo.points:
            lost[todo.name] = todo.points - points
        if status in ("wrong", "raised"):
            codes[todo.name] = code
        elif status != "passed":
            statuses[todo.name] = status
    wanted = {name: points for name, points in student.lost.items() if points}
    assert lost == pytest.approx(wanted), answers
    assert statuses == student.statuses
    named = {name: code for name, code in student.codes.items() if code}
    assert {name: code for name, code in codes.items() if name in named} == named, answers
