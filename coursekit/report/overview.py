"""The class on one page: how each TODO went, and which mistakes to talk about in class."""

import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from coursekit.collect.names import file_name
from coursekit.records import Grade, Outcome, Status
from coursekit.report.likeness import Likeness
from coursekit.report.pages import render, todo_keys

BARS = 10
MOST_MISTAKES = 12
SHOWN_NAMES = 12


@dataclass(frozen=True)
class Mistake:
    """What several students got wrong in one way.

    Attributes:
        example: one student's outcome, with the diagnosis.
        students: all who have it.
    """

    example: Outcome
    students: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    """A piece of a bar.

    Attributes:
        status: that it stands for.
        count: of students.
        left: where it begins, in percent.
        width: in percent.
    """

    status: Status
    count: int
    left: float
    width: float


def class_page(
    grades: Sequence[Grade],
    likenesses: Mapping[str, Sequence[Likeness]] | None = None,
    refused: Mapping[str, str] | None = None,
    left_out: Sequence[str] = (),
) -> str:
    """The class overview as HTML; links lead to the students' pages beside it.

    Args:
        grades: of the class.
        likenesses: what `likeness.alike` found.
        refused: {student: why nothing of the submission was read}.
        left_out: what lay beside the submissions, and why it is none.
    """
    likenesses = likenesses or {}
    refused = {student: reason for student, reason in (refused or {}).items() if reason}
    grades = sorted(grades, key=lambda grade: (alphabetical(grade.student), grade.student))
    complete = [grade.points for grade in grades if grade.complete]
    return render(
        "overview.html",
        grades=grades,
        ranked=sorted(grades, key=lambda grade: -grade.points if grade.complete else math.inf),
        looked_at=[
            (grade, found)
            for grade in grades
            if (found := [o for o in grade.outcomes if o.status.looked_at])
            or grade.student in refused
        ],
        complete=complete,
        mean=mean(complete) if complete else None,
        median=median(complete) if complete else None,
        bars=histogram(grades),
        todos=[(key, distribution(grades, key)) for key in todo_keys(grades)],
        mistakes=mistakes(grades)[:MOST_MISTAKES],
        longest=SHOWN_NAMES,
        notes={g.student: len({*g.notes}) + len(likenesses.get(g.student, ())) for g in grades},
        alike={g.student: likenesses[g.student] for g in grades if g.student in likenesses},
        refused=refused,
        left_out=left_out,
        pages={grade.student: f"students/{file_name(grade.student)}.html" for grade in grades},
        sandboxes=sorted({grade.sandbox for grade in grades} - {"bubblewrap"}),
    )


def alphabetical(name: str) -> str:
    """A key that puts É beside E, and no matter the case."""
    letters = (c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return "".join(letters).casefold()


def distribution(grades: Sequence[Grade], todo: tuple[str, str]) -> list[_Part]:
    """How many students have which status, as pieces of one bar."""
    counts = Counter(
        o.status for grade in grades for o in grade.outcomes if (o.lesson, o.grade_id) == todo
    )
    parts, left = [], 0.0
    for status in Status:
        if counts[status]:
            width = 100 * counts[status] / counts.total()
            parts.append(_Part(status, counts[status], round(left, 3), round(width, 3)))
            left += width
    return parts


def histogram(grades: Sequence[Grade]) -> list[int]:
    """Students by tenths of the points that can be had; who is not fully graded is left out."""
    bars = [0] * BARS
    for grade in grades:
        if grade.complete and grade.possible:
            bars[min(BARS - 1, int(BARS * grade.points / grade.possible))] += 1
    return bars


def mistakes(grades: Sequence[Grade]) -> list[Mistake]:
    """What was diagnosed, commonest first; what nobody tried is in `distribution`."""
    found: dict[tuple[str, str, str], list[tuple[str, Outcome]]] = defaultdict(list)
    for grade in grades:
        for outcome in grade.outcomes:
            if outcome.status.tone in ("bad", "look") and not outcome.status.open:
                what = outcome.code or outcome.status
                found[outcome.lesson, outcome.grade_id, what].append((grade.student, outcome))
    sets = [Mistake(all_[0][1], tuple(name for name, _ in all_)) for all_ in found.values()]
    return sorted(sets, key=lambda m: (-len(m.students), m.example.lesson, m.example.grade_id))
