"""Grades as other systems read them: Gradescope's results.json, nbgrader's CSV of scores.

What could not be graded gets no number in either: a file or a field that is empty or missing is
asked for again, a zero is believed.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from coursekit.collect.names import one_line, visible
from coursekit.records import Grade, Outcome, Status
from coursekit.report.pages import csv_text, number
from coursekit.sandbox import SAYS
from styletools.errors import StyletoolsError

NBGRADER = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
    "raw_score", "late_submission_penalty", "score", "max_score",
)  # fmt: skip


class ExportError(StyletoolsError, ValueError):
    """A grade that cannot be written in another system's form."""


def gradescope_json(grade: Grade, notes: Sequence[str] = ()) -> str:
    """A grade as Gradescope's `results.json`.

    Args:
        grade: of one student, complete.
        notes: more notes. They name other students, so they go where the student does not see
            them.

    Raises:
        ExportError: something could not be graded; Gradescope would take that for a zero.
    """
    if not grade.complete:
        names = ", ".join(o.grade_id for o in grade.outcomes if o.status.open) or "the late penalty"
        raise ExportError(f"Not graded yet: {names}. No results.json is written.")
    tests: list[dict[str, Any]] = [_test(outcome) for outcome in grade.outcomes]
    hidden = "\n".join(visible(note) for note in (*grade.notes, *notes))
    if hidden:
        test = {"name": "Notes for the instructor", "output": hidden, "visibility": "hidden"}
        tests.append({"score": 0, "max_score": 0, "output_format": "text", **test})
    results = {
        "score": round(grade.points, 2),
        "output": SAYS.get(grade.sandbox, ""),
        "output_format": "text",
        "test_output_format": "text",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
    return json.dumps(results, ensure_ascii=False, indent=1) + "\n"


def nbgrader_csv(grades: Sequence[Grade]) -> str:
    """The columns of `nbgrader export`: a row for each lesson and student."""
    rows: list[list[str]] = [list(NBGRADER)]
    lessons = dict.fromkeys(o.lesson for grade in grades for o in grade.outcomes)
    for lesson in lessons:
        for grade in sorted(grades, key=lambda grade: grade.student):
            found = [o for o in grade.outcomes if o.lesson == lesson]
            if found:
                known = not any(o.status.open for o in found)
                known = known and grade.penalty is not None
                raw = sum(o.points for o in found)
                off = (grade.penalty or 0.0) * raw / grade.earned if grade.earned else 0.0
                off = min(off, raw)  # each lesson its part: together the whole penalty
                most = number(sum(o.possible for o in found))
                student = one_line(grade.student)
                gained = [number(raw), number(off), number(raw - off)] if known else ["", "0", ""]
                rows.append([lesson, "", "", student, "", "", "", *gained, most])
    return csv_text(rows).removeprefix("\ufeff")  # programs read this one


EXPORTS: dict[str, Callable[[Sequence[Grade]], str]] = {"nbgrader.csv": nbgrader_csv}
"""{file in GRADES: makes its text}, of what is written of a whole class for other systems."""


def _test(outcome: Outcome) -> dict[str, Any]:
    said = [] if outcome.status is Status.PASSED else [outcome.status.meaning]
    said += filter(None, [outcome.rule])
    return {
        "name": f"{outcome.lesson}: {one_line(outcome.grade_id)}",
        "score": round(outcome.points, 2),
        "max_score": round(outcome.possible, 2),
        "status": "passed" if outcome.points == outcome.possible else "failed",
        "output": "\n".join([*said, *filter(None, [visible(outcome.message)])]),
        "output_format": "text",
        "visibility": "visible",
    }
