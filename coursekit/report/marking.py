"""Written answers marked quickly and blindly: a page a question, and graders' tables merged.

    GRADES/written/QUESTION.mark.html   one answer at a time, without names, for the keyboard

The page needs no server. It saves a table in the form of `written.csv`, with the rows of one
question and one grader. `merge_marks` puts such tables into `written.csv`, where graders agree,
and lists where they do not.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coursekit.course import Key, Question, this_course
from coursekit.records import Submission
from coursekit.report.pages import guarded, number, render
from coursekit.report.pseudonyms import name_pattern
from coursekit.report.sheets import cells, read_sheet
from coursekit.report.written import (
    COLUMNS,
    Mark,
    Marks,
    WrittenError,
    answer_text,
    digest,
    read_marks,
    row_id,
)
from styletools._files import atomic_path, write_text

RUBRIC = re.compile(r"\*How this is graded \([\d.]+ points?\):\*\s*(.+)", re.DOTALL)
ITEM = re.compile(r"(?:^|,\s+)(\d+(?:\.\d+)?)\s+(.+?)(?=,\s+\d+(?:\.\d+)?\s|\.?\s*\Z)", re.DOTALL)
MOST_ITEMS = 9  # of a rubric: as many as there are digits
HIDDEN_NAME = "⟨name⟩"
DISAGREEMENTS = "disagreements.html"


@dataclass(frozen=True)
class Item:
    """A line of a rubric.

    Attributes:
        points: that it is worth.
        text: what they are for.
    """

    points: float
    text: str


@dataclass(frozen=True)
class Shown:
    """An answer on a marking page.

    Attributes:
        row: by which written.csv knows it.
        text: the student's, without the name.
        digest: of the whole text.
        pictures: paths, relative to the page.
        read: somebody has marked it already.
    """

    row: str
    text: str
    digest: str
    pictures: Sequence[str]
    read: bool


@dataclass(frozen=True)
class Disagreement:
    """An answer that graders gave different points.

    Attributes:
        row: of written.csv.
        question: the answer's.
        given: {table: what stands in it}.
        kept: the points that written.csv has, if any.
    """

    row: str
    question: Key
    given: Mapping[str, Mark]
    kept: float | None


@dataclass
class Merged:
    """What `merge_marks` did.

    Attributes:
        entered: rows that have points now and had none.
        same: rows on which at least two tables agree.
        disagreements: rows on which they do not.
        changed: rows whose answer is another now than the grader read; nothing was entered.
    """

    entered: int = 0
    same: int = 0
    disagreements: list[Disagreement] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def rubric(question: Question) -> list[Item]:
    """The lines of a question's rubric: "2 the pictures, 1 the reason." → two of them."""
    found = RUBRIC.search(question.text)
    text = " ".join(found[1].split()) if found else ""
    return [Item(float(points), what) for points, what in ITEM.findall(text)][:MOST_ITEMS]


def write_marking(
    folder: Path,
    submissions: Sequence[Submission],
    marks: Marks,
    figures: Mapping[tuple[str, Key], Sequence[str]],
    seed: int = 0,
) -> None:
    """Write a marking page for each question.

    Args:
        folder: of the grades.
        submissions: of the class.
        marks: what is in written.csv now; a page does not show it.
        figures: {(student, question): paths of pictures, relative to the pages}.
        seed: of the order, which is another for each question and is no student's place in a list.
    """
    for question in this_course().written:
        answers = []
        for submission in submissions:
            if not submission.single and (text := answer_text(submission, question)):
                row = row_id(submission.student, question.key)
                hidden = name_pattern(submission.student).sub(HIDDEN_NAME, text)
                pictures = figures.get((submission.student, question.key), ())
                read = marks.get(row, Mark()).points is not None
                answers.append(Shown(row, hidden, digest(text), pictures, read))
        answers.sort(key=lambda shown: _shuffled(shown.row, seed))
        page = render(
            "marking.html",
            images=True,
            script="marking.js",
            question=question,
            columns=COLUMNS,
            answers=answers,
            items=rubric(question),
        )
        write_text(folder / "written" / mark_page(question.key), page)


def mark_page(question: Key) -> str:
    """The name of a question's marking page."""
    return f"{question[0]}-{question[1]}.mark.html"


def merge_marks(folder: Path, tables: Sequence[Path]) -> Merged:
    """Put graders' tables into written.csv; points that are there stay.

    Args:
        folder: of the grades.
        tables: as the marking pages save them.

    Returns:
        What was entered, and on what the graders disagree; `written/disagreements.html` shows it.

    Raises:
        WrittenError: a table cannot be read, or is of another class.
    """
    path = folder / "written.csv"
    if not path.exists():
        raise WrittenError(f"{path} is not there. Grade first: coursekit grade … -o {folder}")
    now = read_marks(path)
    given: dict[str, dict[str, Mark]] = {}
    for table in tables:
        for row, mark in read_marks(table).items():
            if row not in now:
                raise WrittenError(
                    f"{table}: its row {row} is not of this class; nothing is merged."
                )
            if mark.points is not None or mark.comment:
                given.setdefault(row, {})[table.stem] = mark
    merged, entered = Merged(), {}
    for row, marks in sorted(given.items()):
        chosen = _agreed(row, now[row], marks, merged)
        if chosen is not None:
            entered[row] = chosen
    _enter(path, entered)
    merged.entered = len(entered)
    page = render("disagreements.html", merged=merged, page=mark_page)
    write_text(folder / "written" / DISAGREEMENTS, page)
    return merged


def _agreed(row: str, now: Mark, given: Mapping[str, Mark], merged: Merged) -> Mark | None:
    """What is to be entered, if anything."""
    if any(mark.answer and now.answer and mark.answer != now.answer for mark in given.values()):
        merged.changed.append(f"{now.question[1]}, row {row}")
        return None
    points = {mark.points for mark in given.values() if mark.points is not None}
    if len(points | ({now.points} - {None})) > 1:
        merged.disagreements.append(Disagreement(row, now.question, given, now.points))
        return None
    merged.same += len(given) > 1
    if now.points is not None or not points:
        return None
    comments = dict.fromkeys(mark.comment for mark in given.values() if mark.comment)
    return Mark(points.pop(), now.comment or " / ".join(comments), now.answer)


def _enter(path: Path, marks: Mapping[str, Mark]) -> None:
    """Change the two cells of each row, and nothing else; the table before is kept beside."""
    sheet = read_sheet(path)
    before = path.read_bytes()
    known = cells(sheet, COLUMNS)
    points, comment = sheet.columns.index("points"), sheet.columns.index("comment")
    for place, row in enumerate(known, start=1):
        key = row["row"] or row_id(row["student"], (row["lesson"], row["question"]))
        if mark := marks.get(key):
            text = number(mark.points or 0.0)
            sheet.rows[place][points] = text.replace(".", ",") if sheet.delimiter == ";" else text
            sheet.rows[place][comment] = guarded(mark.comment)
    if marks:
        with atomic_path(path.with_name(f"{path.name}.bak")) as temporary:
            temporary.write_bytes(before)
        sheet.save(path)


def _shuffled(row: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {row}".encode()).hexdigest()
