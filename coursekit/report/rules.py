"""What a course takes off for late hand-ins, and which parts count less: its table `[grading]`.

    [grading]
    deadline = 2026-12-01T23:59:00+01:00
    grace_minutes = 15        # later than this is late, and then late from the deadline on
    late_percent = 10         # of all points, for each day that has begun
    late_percent_cap = 50     # and no more than this

    [grading.scale]           # a lesson, or one part of it; 0 drops it
    "04_tuning" = 0.5
    "01_layers/layers" = 0

    [[grading.drop_lowest]]   # parts worth the same; * and [ab] as in file names
    parts = ["04_tuning/experiment_[abcd]"]
    count = 1

All of it is optional. What a rule changed is said on the student's page.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from coursekit.course import this_course
from coursekit.records import SINGLE, Grade, Outcome
from coursekit.report.pages import number
from coursekit.report.roster import Entry, time_of
from styletools.config import COURSE_FILE
from styletools.errors import StyletoolsError

DAY = timedelta(days=1)
SETTINGS_OF_RULES = (
    "deadline", "grace_minutes", "late_percent", "late_percent_cap", "scale", "drop_lowest",
    "loss_history", "libraries",  # see course.toml
)  # fmt: skip
TIME_UNKNOWN = (
    "Marked as late, but the time of the hand-in is not known, and so neither is the penalty: "
    "whoever grades enters the time in roster.csv."
)


class RulesError(StyletoolsError, ValueError):
    """A table `[grading]` that cannot be applied."""


@dataclass(frozen=True)
class DropLowest:
    """Of these parts, so many with the fewest points do not count.

    Attributes:
        parts: patterns of "lesson/part".
        count: of the parts that do not count.
    """

    parts: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Rules:
    """A course's rules.

    Attributes:
        deadline: with its offset from UTC; None where nothing is late.
        grace: after the deadline, in which a hand-in is not late.
        percent: of all points, taken off for each day that has begun after the deadline.
        cap: percent of all points that a late hand-in can cost.
        scale: {lesson, or lesson/part: factor of its points}.
        drops: parts of which the lowest do not count.
    """

    deadline: datetime | None = None
    grace: timedelta = timedelta(0)
    percent: float = 0.0
    cap: float = 100.0
    scale: Mapping[str, float] | None = None
    drops: tuple[DropLowest, ...] = ()


def read_rules(settings: Mapping[str, Any]) -> Rules:
    """The rules in this course's settings.

    Args:
        settings: as `styletools.config.read_course` gives them.

    Raises:
        RulesError: a setting that is unknown or cannot be; a part that the course does not have.
    """
    table = settings.get("grading", {})
    if not isinstance(table, dict):
        raise _wrong("grading", table, "a table: begin it with a line [grading]")
    if unknown := sorted(set(table) - set(SETTINGS_OF_RULES)):
        raise _wrong(unknown[0], table[unknown[0]], f"one of {', '.join(SETTINGS_OF_RULES)}")
    deadline = table.get("deadline")
    timed = isinstance(deadline, datetime) and deadline.tzinfo is not None
    if deadline is not None and not timed:
        raise _wrong("deadline", deadline, "a time with its offset: 2026-12-01T23:59:00+01:00")
    minutes = _number(table, "grace_minutes", 0.0, 60.0 * 24 * 365)
    percent = _number(table, "late_percent", 0.0, 100.0)
    cap = _number(table, "late_percent_cap", 100.0, 100.0)
    if percent and deadline is None:
        raise _wrong("late_percent", percent, "used with a deadline: add one, or leave it out")
    known = _parts()
    scale = table.get("scale", {})
    if not isinstance(scale, dict):
        raise _wrong("scale", scale, "a table: begin it with a line [grading.scale]")
    for name in scale:
        _number(scale, name, 1.0, 100.0)
        _known(name, {*known, *(part.split("/")[0] for part in known)})
    drops = tuple(_drop(drop, known) for drop in _list(table))
    return Rules(deadline, timedelta(minutes=minutes), percent, cap, scale, drops)


def apply_rules(grade: Grade, rules: Rules, entry: Entry | None = None) -> Grade:
    """A grade as the course's rules count it.

    Args:
        grade: as graded.
        rules: of the course.
        entry: of the student in the roster; none where nothing is late.

    Raises:
        RulesError: parts of which the lowest is to be dropped are worth different points.
    """
    outcomes = [_scaled(outcome, rules.scale or {}) for outcome in grade.outcomes]
    for drop in rules.drops:
        outcomes = _without_lowest(outcomes, drop)
    counted = replace(grade, outcomes=tuple(outcomes))
    if entry is None or rules.deadline is None:
        return counted
    penalty, text = _lateness(counted.possible, rules, entry, rules.deadline)
    return replace(counted, penalty=penalty, late=text)


def days_late(submitted: datetime, deadline: datetime, grace: timedelta) -> int:
    """Days that have begun since the deadline; 0 up to the end of the grace."""
    late = submitted - deadline
    return 0 if late <= max(grace, timedelta(0)) else math.ceil(late / DAY)


def _lateness(
    possible: float, rules: Rules, entry: Entry, deadline: datetime
) -> tuple[float | None, str]:
    submitted = time_of(entry.submitted, f"roster.csv, {entry.student}")
    if submitted is None:
        unknown = entry.late and rules.percent > 0
        return (None, TIME_UNKNOWN) if unknown else (0.0, "")
    if submitted.tzinfo is None:  # the systems' own: local time
        submitted = submitted.replace(tzinfo=deadline.tzinfo)
    deadline += timedelta(days=entry.extension_days)
    days = days_late(submitted, deadline, rules.grace)
    if days == 0:
        return 0.0, ""
    percent = min(days * rules.percent, rules.cap)
    points = possible * percent / 100
    capped = f", at most {rules.cap:g} %" if days * rules.percent > rules.cap else ""
    plural = "s" if days > 1 else ""
    return points, (
        f"Handed in on {submitted:%d %b %Y, %H:%M}, {days} day{plural} after the deadline of "
        f"{deadline:%d %b %Y, %H:%M}: {days} × {rules.percent:g} %{capped}, that is "
        f"{number(points)} of {number(possible)} points off."
    )


def _scaled(outcome: Outcome, scale: Mapping[str, float]) -> Outcome:
    name = f"{outcome.lesson}/{outcome.grade_id}"
    factor = scale.get(name, scale.get(outcome.lesson, 1.0))
    if factor == 1.0:
        return outcome
    points, possible = outcome.points * factor, outcome.possible * factor
    was = f"{number(outcome.points)} of {number(outcome.possible)}"
    text = f"Counts × {factor:g}: {was} points before." if factor else "Does not count."
    return replace(outcome, points=points, possible=possible, rule=text)


def _without_lowest(outcomes: list[Outcome], drop: DropLowest) -> list[Outcome]:
    """While one of them is unknown, nobody knows the lowest, and the total is open anyway."""
    group = [o for o in outcomes if o.possible and _named(o, drop.parts)]
    if len({o.possible for o in group}) > 1:
        names = ", ".join(f"{o.grade_id} ({number(o.possible)})" for o in group)
        raise _wrong("drop_lowest", list(drop.parts), f"parts worth the same points, not {names}")
    if len(group) <= drop.count or any(o.status.open for o in group):
        return outcomes
    lowest = sorted(group, key=lambda o: (o.points, -group.index(o)))[: drop.count]
    text = "Does not count: of {} such parts the lowest {} dropped ({} of {} points before)."
    verb = "is" if drop.count == 1 else f"{drop.count} are"
    return [
        _dropped(o, text.format(len(group), verb, number(o.points), number(o.possible)))
        if o in lowest
        else o
        for o in outcomes
    ]


def _dropped(outcome: Outcome, why: str) -> Outcome:
    return replace(outcome, points=0.0, possible=0.0, rule=f"{outcome.rule} {why}".strip())


def _named(outcome: Outcome, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(f"{outcome.lesson}/{outcome.grade_id}", p) for p in patterns)


def _parts() -> set[str]:
    """The names of all parts, "lesson/part"."""
    course = this_course()
    asked = {f"{question.lesson}/{question.name}" for question in course.questions}
    tuning = {f"04_tuning/experiment_{name}" for name in course.experiments}
    single = {f"{SINGLE}/{question.name}" for question in course.todos}
    return asked | tuning | single


def _known(pattern: str, names: set[str]) -> None:
    if not any(fnmatchcase(name, pattern) for name in names):
        raise RulesError(
            f"{COURSE_FILE}, [grading]: the course has no part {pattern!r}; its parts are "
            f"{', '.join(sorted(names))}."
        )


def _list(table: Mapping[str, Any]) -> list[Any]:
    drops = table.get("drop_lowest", [])
    if not isinstance(drops, list):
        raise _wrong("drop_lowest", drops, "begun with a line [[grading.drop_lowest]]")
    return drops


def _drop(drop: Any, known: set[str]) -> DropLowest:
    if not isinstance(drop, dict) or set(drop) - {"parts", "count"} or not drop.get("parts"):
        raise _wrong("drop_lowest", drop, "a table with `parts` and `count`")
    count = drop.get("count", 1)
    if type(count) is not int or count < 1:
        raise _wrong("drop_lowest.count", count, "a whole number, 1 or more")
    parts = drop["parts"]
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise _wrong("drop_lowest.parts", parts, 'a list such as ["04_tuning/experiment_[abcd]"]')
    for part in parts:
        _known(part, known)
    return DropLowest(tuple(parts), count)


def _number(table: Mapping[str, Any], name: str, default: float, most: float) -> float:
    value = table.get(name, default)
    if type(value) not in (int, float) or not 0 <= value <= most:
        raise _wrong(name, value, f"a number from 0 to {most:g}")
    return float(value)


def _wrong(name: str, value: object, allowed: str) -> RulesError:
    return RulesError(f"{COURSE_FILE}, [grading]: {name} is {value!r}; it must be {allowed}.")
