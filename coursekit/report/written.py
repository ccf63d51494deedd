"""Written answers, for a person to grade: pages to read, a CSV for the points, merged afterwards.

    GRADES/written/LESSON-QUESTION.html   every student's answer, with figures and rubric
    GRADES/written.csv                    a row for each: points and a comment go in here

Points that somebody entered are never overwritten, and `written.csv.bak` is the table as it was
before. Where an answer has changed since it was read, its points no longer count, and the row says
so. A row is known by its column `row`, which is of letters alone: a spreadsheet takes a name or a
digest of digits for a number, and writes it anew.
"""

import csv
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coursekit.collect.names import one_line
from coursekit.collect.saved import words
from coursekit.course import Key, Question, this_course
from coursekit.records import Grade, Outcome, Status, Submission
from coursekit.report.pages import csv_text, number, render
from coursekit.report.sheets import decoded, delimiter_of, unguarded
from styletools._files import atomic_path, write_text
from styletools.errors import StyletoolsError

COLUMNS = (
    "student", "lesson", "question", "possible", "points", "comment", "answer", "state", "row",
)  # fmt: skip
LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
ROUNDED = 1e-4  # relative: what a spreadsheet leaves of a long number


class WrittenError(StyletoolsError, ValueError):
    """A table of points that cannot be read."""


@dataclass(frozen=True)
class Mark:
    """What a person gave for an answer.

    Attributes:
        points: given, or None.
        comment: for the student.
        answer: the digest of the answer that was read.
        student: whose it is.
        question: that it answers.
    """

    points: float | None = None
    comment: str = ""
    answer: str = ""
    student: str = ""
    question: Key = ("", "")


Marks = Mapping[str, Mark]  # by `row_id`


def read_marks(path: Path) -> dict[str, Mark]:
    """Read `written.csv`, if it is there, as any spreadsheet saves it.

    Raises:
        WrittenError: points that are no number, or not between 0 and what the answer is worth; a
            column that is missing; a row that is there twice.
    """
    if not path.exists():
        return {}
    text, _ = decoded(path)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    if missing := set(COLUMNS[:7]) - set(table.fieldnames or ()):
        raise WrittenError(f"{path}: no column {', '.join(sorted(missing))}. Take it from a copy.")
    marks: dict[str, Mark] = {}
    for row, found in enumerate(table, start=2):
        cells = {name: unguarded(found.get(name) or "") for name in COLUMNS}
        if not any(cells.values()):
            continue  # spreadsheets leave some at the end
        student, question = cells["student"], (cells["lesson"], cells["question"])
        key = cells["row"] or row_id(student, question)
        if key in marks:
            raise WrittenError(f"{path}, row {row}: {student}, {question[1]} is there twice.")
        points = _points(cells["points"], cells["possible"], f"{path}, row {row}")
        marks[key] = Mark(points, cells["comment"], cells["answer"], student, question)
    return marks


def row_id(student: str, question: Key) -> str:
    """By which a row is known, whatever a spreadsheet makes of the student's name."""
    whole = "\n".join((one_line(student), *question))
    return hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:12].translate(LETTERS)


def with_marks(grade: Grade, submission: Submission, marks: Marks) -> Grade:
    """A grade with the written answers in it: "read", "to be read" or "not attempted"."""
    graded = [_looked_at(grade.student, outcome, marks) for outcome in grade.outcomes]
    if submission.single:
        return replace(grade, outcomes=tuple(graded))  # the lessons' questions were not asked
    outcomes = [
        _outcome(grade.student, submission, question, marks) for question in this_course().written
    ]
    return replace(grade, outcomes=tuple(sorted([*graded, *outcomes], key=_place)))


def _looked_at(student: str, outcome: Outcome, marks: Marks) -> Outcome:
    """What the grader left to a person, with that person's points once they are there."""
    key = outcome.lesson, outcome.grade_id
    mark = marks.get(row_id(student, key), Mark())
    if outcome.status is not Status.TO_BE_READ or mark.points is None:
        return outcome
    if _state(outcome.message, mark) != "read":
        return outcome
    message = mark.comment or outcome.message
    return replace(outcome, status=Status.READ, points=mark.points, message=message)


def _place(outcome: Outcome) -> float:
    """In the lessons' order; an experiment stands before what is concluded from it."""
    order = {question.key: place for place, question in enumerate(this_course().questions)}
    lesson, name = outcome.lesson, outcome.grade_id
    first = min((place for key, place in order.items() if key[0] == lesson), default=len(order))
    return order.get((lesson, name), order.get((lesson, f"{name}_inference"), first) - 0.5)


def write_pages(
    folder: Path,
    submissions: Sequence[Submission],
    marks: Marks,
    figures: Mapping[tuple[str, Key], Sequence[str]] | None = None,
    grades: Mapping[str, Grade] | None = None,
) -> None:
    """Write the pages and the table; points and comments that are there stay.

    Args:
        folder: of the grades.
        submissions: of the class.
        marks: what is in the table now.
        figures: {(student, question): paths of pictures, relative to the pages}.
        grades: {student: grade}, by which the reader sees what became of the code; what the
            grader left to a person has a row, too.
    """
    figures, grades = figures or {}, grades or {}
    asked = (submission for submission in submissions if not submission.single)
    submissions = sorted(asked, key=lambda submission: submission.student)
    rows: list[list[str]] = [list(COLUMNS)]
    pages: dict[Question, list[tuple[Any, ...]]] = {}
    for question in this_course().written:
        entries = pages.setdefault(question, [])
        for submission in submissions:
            text = answer_text(submission, question)
            mark = marks.get(row_id(submission.student, question.key), Mark())
            rows.append(_row(submission.student, question.key, question.points, text, mark))
            if text:
                pictures = figures.get((submission.student, question.key), ())
                about = _about(question, grades.get(submission.student))
                entries.append((submission.student, text, mark, rows[-1][-2], pictures, about))
    for student, grade in sorted(grades.items()):
        for outcome in grade.outcomes:
            if outcome.status is Status.TO_BE_READ:
                asked_of = outcome.lesson, outcome.grade_id
                mark = marks.get(row_id(student, asked_of), Mark())
                rows.append(_row(student, asked_of, outcome.possible, outcome.message, mark))
    known = {row[-1] for row in rows}
    for key, mark in marks.items():  # of students who are not here now
        if key not in known:
            points = "" if mark.points is None else number(mark.points)
            gone = [mark.student, *mark.question, "", points, mark.comment, mark.answer, "gone"]
            rows.append([*gone, key])
    _write_table(folder / "written.csv", csv_text(rows))  # at once: a person may write it, too
    for question, entries in pages.items():
        page = render(
            "written.html",
            images=True,
            question=question,
            entries=entries,
            empty=len(submissions) - len(entries),
            read=sum(entry[3] == "read" for entry in entries),
        )
        write_text(folder / "written" / f"{question.cell_id}.html", page)


def _write_table(path: Path, text: str) -> None:
    """As the last spreadsheet separated its cells; what was there before is kept beside."""
    if path.exists():
        before = path.read_bytes()
        delimiter = delimiter_of(decoded(path)[0])
        if delimiter != ",":
            table = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
            text = csv_text([_with_commas(row) for row in table], delimiter)
        if before != text.encode():
            with atomic_path(path.with_name(f"{path.name}.bak")) as temporary:
                temporary.write_bytes(before)
    write_text(path, text)


def _with_commas(row: list[str]) -> list[str]:
    """Points as the spreadsheets write them that separate cells by semicolons."""
    return [c.replace(".", ",") if place in (3, 4) else c for place, c in enumerate(row)]


def _about(question: Question, grade: Grade | None) -> Outcome | None:
    """What became of the code or the run that a text is about."""
    name = question.name.removesuffix("_explanation").removesuffix("_inference")
    outcomes = grade.outcomes if grade else ()
    return next((o for o in outcomes if (o.lesson, o.grade_id) == (question.lesson, name)), None)


def answer_text(submission: Submission, question: Question) -> str:
    """The student's text; "" where nothing but what was handed out is there."""
    answer = submission.answers.get(question.key)
    if answer is None or words(answer.source) in ("", words(question.stub)):
        return ""
    return answer.source


def digest(text: str) -> str:
    """By which a changed answer is noticed; spaces do not count."""
    return _hexadecimal(text).translate(LETTERS)


def _hexadecimal(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:12]


def _is_of(kept: str, text: str) -> bool:
    """Whether a digest is of this text; earlier ones were of digits, and may have been rounded."""
    earlier = _hexadecimal(text)
    if kept in (digest(text), earlier):
        return True
    try:
        return math.isclose(float(kept.replace(",", ".")), float(earlier), rel_tol=ROUNDED)
    except ValueError:
        return False


def _row(student: str, question: Key, possible: float, text: str, mark: Mark) -> list[str]:
    points = "" if mark.points is None else number(mark.points)
    state = _state(text, mark)
    if mark.points is None or state == "read":
        mark = replace(mark, answer=digest(text))
    name = one_line(student)
    about = [mark.comment, mark.answer, state, row_id(name, question)]
    return [name, *question, number(possible), points, *about]


def _state(text: str, mark: Mark) -> str:
    if mark.points is None:
        return Status.TO_BE_READ if text else "empty"
    if mark.answer and not _is_of(mark.answer, text):
        return "changed since it was read: read it again, then empty `answer` in this row"
    return "read"


def _outcome(student: str, submission: Submission, question: Question, marks: Marks) -> Outcome:
    mark = marks.get(row_id(student, question.key), Mark())
    text = answer_text(submission, question)
    lesson, name = question.key
    state = _state(text, mark)
    if state == "read" and mark.points is not None:
        return Outcome(lesson, name, Status.READ, mark.points, question.points, "", mark.comment)
    if state == "empty" and submission.refused:
        return Outcome(lesson, name, Status.REFUSED, 0, question.points, "", submission.refused)
    if state == "empty":
        return Outcome(lesson, name, Status.NOT_ATTEMPTED, 0, question.points)
    message = "The answer has changed since it was read." if mark.points is not None else ""
    return Outcome(lesson, name, Status.TO_BE_READ, 0, question.points, "", message)


def _points(text: str, possible: str, where: str) -> float | None:
    if not text.strip():
        return None
    try:
        points, most = float(text.replace(",", ".")), float(possible.replace(",", ".") or "inf")
    except ValueError:
        raise WrittenError(f"{where}: points {text!r}; write a number, or nothing.") from None
    if not 0 <= points <= most:
        raise WrittenError(f"{where}: {text} points; from 0 to {possible} can be given.")
    return points
