"""Who handed in, when, and under which number the learning system knows them: `GRADES/roster.csv`.

The table is written anew at each call of `coursekit grade`. A person may enter two things, which
stay: `submitted`, where the download says no time, and `extension_days`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from coursekit.collect.layouts import Handin
from coursekit.collect.names import one_line
from coursekit.report.pages import csv_text, number
from coursekit.report.sheets import as_number, cells, read_sheet
from styletools._files import write_text
from styletools.errors import StyletoolsError

ROSTER = "roster.csv"
COLUMNS_OF_ROSTER = ("student", "id", "submitted", "late", "extension_days", "prefix")


class RosterError(StyletoolsError, ValueError):
    """A roster that cannot be read."""


@dataclass(frozen=True)
class Entry:
    """A student's row.

    Attributes:
        student: as in the grades.
        id: the system's number of the student; "" where the download has none.
        submitted: when, in ISO 8601; "" where nobody knows.
        late: the system marks it as late.
        extension_days: by which this student's deadline is later.
        prefix: what the system put before the names of the student's files.
    """

    student: str
    id: str = ""
    submitted: str = ""
    late: bool = False
    extension_days: float = 0.0
    prefix: str = ""


def read_roster(folder: Path) -> dict[str, Entry]:
    """The roster of a folder of grades, by student; empty where there is none.

    Raises:
        RosterError: a time or a number of days that is none; a student who is there twice.
    """
    path = folder / ROSTER
    if not path.exists():
        return {}
    entries: dict[str, Entry] = {}
    for row, found in enumerate(cells(read_sheet(path), COLUMNS_OF_ROSTER), start=2):
        where, student = f"{path}, row {row}", found["student"]
        if student in entries:
            raise RosterError(f"{where}: {student} is there twice; delete one row.")
        time_of(found["submitted"], where)
        days = as_number(found["extension_days"] or "0")
        if days is None or not 0 <= days < 1000:
            raise RosterError(
                f"{where}: extension_days is {found['extension_days']!r}; write a number of days, "
                "0 or more, or nothing."
            )
        late = bool(found["late"])
        entries[student] = Entry(
            student, found["id"], found["submitted"], late, days, found["prefix"]
        )
    return entries


def make_roster(
    handins: Iterable[Handin], before: Mapping[str, Entry], times: Mapping[str, str]
) -> dict[str, Entry]:
    """The roster of what was handed in now.

    Args:
        handins: of the class.
        before: the roster that is there; what a person entered is taken from it.
        times: {id or student: time} from another file of the system.
    """
    entries = {}
    for handin in handins:
        student = one_line(handin.student)
        old = before.get(student, Entry(student))
        submitted = handin.submitted or times.get(handin.id or student) or old.submitted
        entries[student] = Entry(
            student, handin.id, submitted, handin.late, old.extension_days, handin.prefix
        )
    return entries


def write_roster(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Write the roster into a folder of grades."""
    rows: list[list[str]] = [list(COLUMNS_OF_ROSTER)]
    for entry in sorted(entries.values(), key=lambda entry: entry.student):
        days = number(entry.extension_days) if entry.extension_days else ""
        late = "late" if entry.late else ""
        rows.append([entry.student, entry.id, entry.submitted, late, days, entry.prefix])
    write_text(folder / ROSTER, csv_text(rows))


def time_of(text: str, where: str) -> datetime | None:
    """A time in ISO 8601, with or without an offset; None of "".

    Raises:
        RosterError: it is none; the message begins with `where`.
    """
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        raise RosterError(
            f"{where}: submitted is {text!r}; write a time such as 2026-12-01 23:59, or nothing."
        ) from None
