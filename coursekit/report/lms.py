"""Grades back to where the hand-ins came from: Canvas's gradebook, Moodle's grading worksheet.

The file that the system exported is filled in and written anew, beside a ZIP file with the
students' pages, named as the system asks. A student is found by the number that the system put into
the names of its download, and by nothing that two students can share. Whoever is not found, or
found twice, is listed; cells of students whose points are unknown stay as they are.
"""

import re
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from coursekit.collect.names import file_name
from coursekit.report.pages import number
from coursekit.report.roster import Entry
from coursekit.report.sheets import Sheet, as_number, cells, read_sheet
from styletools._files import add_to_zip, atomic_path
from styletools.errors import StyletoolsError

CANVAS_IDS = ("ID", "SIS User ID", "SIS Login ID")
CANVAS_STUDENT = ("Student", *CANVAS_IDS, "Integration ID", "Root Account", "Section")
CANVAS_ASSIGNMENT = re.compile(r".+ \(\d+\)")
MOODLE_NEEDED = ("Identifier", "Grade", "Last modified (grade)")
MOODLE_IDS = ("Identifier", "ID number", "Username", "Email address")
PAGE = "feedback.html"
RETURNED = "returned"  # the folder, in that of the grades
MOODLE_TIMES = ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M")
RowKey = tuple[str, str]
"""("number" or "name", what it is)."""


class ReturnError(StyletoolsError, ValueError):
    """An export that cannot be filled in, or must not."""


@dataclass(frozen=True)
class Total:
    """What a student has in grades.csv.

    Attributes:
        points: None where something is not graded yet.
        possible: at most.
    """

    points: float | None
    possible: float


@dataclass
class Returned:
    """What was written.

    Attributes:
        sheet: the table, filled in.
        pages: the ZIP file of the students' pages.
        filled: {student: points as they stand in the table}.
        listed: students whose points a person has to enter, with the reason.
        notes: what else to know, a sentence each.
    """

    sheet: Path
    pages: Path
    filled: dict[str, str] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_totals(folder: Path) -> dict[str, Total]:
    """Each student's points, from grades.csv.

    Raises:
        ReturnError: it is not there, or somebody has changed it to what cannot be read.
    """
    path = folder / "grades.csv"
    if not path.exists():
        raise ReturnError(f"{path} is not there. Grade first: coursekit grade … -o {folder}")
    totals = {}
    for row in cells(read_sheet(path), ("student", "points", "possible")):
        points, possible = as_number(row["points"]), as_number(row["possible"])
        if possible is None or (points is None and row["points"].strip()):
            raise ReturnError(
                f"{path}: {row['student']} has {row['points']!r} of {row['possible']!r} points; "
                "these are numbers. Run coursekit grade again."
            )
        totals[row["student"]] = Total(points, possible)
    return totals


def return_canvas(
    folder: Path, export: Path, roster: Mapping[str, Entry], column: str = "", scale: bool = False
) -> Returned:
    """Fill in Canvas's gradebook export, of which only the columns that are needed are kept.

    Args:
        folder: of the grades.
        export: as Canvas exported it.
        roster: of the class.
        column: the assignment's, or its beginning; needed where there are several.
        scale: write points in proportion, where Canvas gives other points for the assignment.

    Raises:
        ReturnError: it is no such export, no assignment or several could be meant, or the points
            do not fit.
    """
    sheet, totals = _read(export), read_totals(folder)
    _need(sheet, ("Student", "ID"), export, "Grades → Export → Export Entire Gradebook")
    name = _assignment_column(sheet, column, export)
    kept = [
        sheet.columns.index(known) for known in (*CANVAS_STUDENT, name) if known in sheet.columns
    ]
    sheet.rows = [[row[place] for place in kept] for row in sheet.rows]
    most = next(
        (row[-1] for row in sheet.rows[1:] if row[0].strip() == "Points Possible"), ""
    )  # Canvas's second or third row
    factor = _factor(totals, as_number(most), scale, f"{export}, {name!r}")
    return _fill(folder, "canvas", sheet, totals, roster, factor)


def return_moodle(
    folder: Path, worksheet: Path, roster: Mapping[str, Entry], scale: bool = False
) -> Returned:
    """Fill in Moodle's grading worksheet.

    Args:
        folder: of the grades.
        worksheet: as Moodle exported it, in English.
        roster: of the class.
        scale: write points in proportion, where Moodle's maximum grade is another.

    Raises:
        ReturnError: a column is missing without which Moodle would lose grades, or the points do
            not fit.
    """
    sheet, totals = _read(worksheet), read_totals(folder)
    _need(
        sheet, MOODLE_NEEDED, worksheet,
        "the assignment's grading page → Download grading worksheet, with Moodle in English",
    )  # fmt: skip
    most = {as_number(row["Maximum Grade"]) for row in cells(sheet, ("Maximum Grade",))} - {None}
    if len(most) > 1:
        raise ReturnError(
            f"{worksheet}: several maximum grades {sorted(most, key=str)}; export it again."
        )
    factor = _factor(totals, next(iter(most), None), scale, f"{worksheet}, Maximum Grade")
    return _fill(folder, "moodle", sheet, totals, roster, factor)


def _fill(
    folder: Path,
    system: str,
    sheet: Sheet,
    totals: Mapping[str, Total],
    roster: Mapping[str, Entry],
    factor: float,
) -> Returned:
    """Put the points into the sheet's column, and the pages into a ZIP file."""
    returned = Returned(folder / RETURNED / f"{system}.csv", folder / RETURNED / f"{system}.zip")
    names, find, column = {
        "canvas": (CANVAS_IDS, _canvas_ids, sheet.columns[-1]),
        "moodle": ((*MOODLE_IDS, "Grade can be changed"), _moodle_ids, "Grade"),
    }[system]
    known, target = cells(sheet, names), sheet.columns.index(column)
    rows_of: dict[RowKey, set[int]] = defaultdict(set)
    for place, row in enumerate(known):
        for key in find(row):
            rows_of[key].add(place)
    entries = {student: Entry(student) for student in totals} | dict(roster)
    claimed = Counter(place for entry in entries.values() for place in rows_of[_by(entry)])
    pages: dict[str, Path] = {}
    taken: set[int] = set()
    for student in sorted(totals):
        entry = entries[student]
        rows = rows_of[_by(entry)]
        trouble = _trouble(entry, totals[student], rows, max((claimed[p] for p in rows), default=0))
        if trouble:
            returned.listed.append(f"{student}: {trouble}")
            continue
        (place,) = rows
        if known[place].get("Grade can be changed", "").strip().lower() in ("no", "0"):
            returned.listed.append(f"{student}: {system.capitalize()} says that it is locked.")
            continue
        if sheet.rows[place + 1][target].strip().upper() == "EX":
            returned.listed.append(f"{student}: excused in Canvas; the cell is unchanged.")
            continue
        taken.add(place)
        points = number((totals[student].points or 0.0) * factor)
        cell = points.replace(".", ",") if sheet.delimiter == ";" else points
        sheet.rows[place + 1][target] = cell
        returned.filled[student] = points
        if entry.prefix:
            pages[_page_name(system, entry)] = folder / "students" / f"{file_name(student)}.html"
    rest = sum(1 for place, row in enumerate(known) if find(row) and place not in taken)
    if rest:
        returned.notes.append(f"{rest} rows of the export have no points from here; unchanged.")
    if len(pages) < len(returned.filled):
        count = len(returned.filled) - len(pages)
        returned.notes.append(f"{count} pages are not packed: the download had no file names.")
    sheet.save(returned.sheet)
    _pack(returned.pages, pages)
    return returned


def _trouble(entry: Entry, total: Total, rows: set[int], claims: int) -> str:
    """Why a student's points are not entered; "" where they can be."""
    number_of = f"number {entry.id}" if entry.id else "no number of the system's"
    if total.points is None:
        return "not fully graded; the cell is unchanged."
    if not rows:
        return f"in no row of the export ({number_of} in the download)."
    if len(rows) > 1:
        return f"in {len(rows)} rows of the export ({number_of}); enter the points there yourself."
    if claims > 1:
        return f"{claims} hand-ins have its row ({number_of}); enter the points there yourself."
    return ""


def _by(entry: Entry) -> RowKey:
    """By what a student is looked for: never by a name, where there is a number."""
    return ("number", entry.id) if entry.id else ("name", entry.student)


def _canvas_ids(row: dict[str, str]) -> tuple[RowKey, ...]:
    """The rows about the columns have no number."""
    number_of = row["ID"].strip()
    others = (("name", row[name].strip()) for name in CANVAS_IDS if row[name].strip())
    return (("number", number_of), *others) if number_of else ()


def _moodle_ids(row: dict[str, str]) -> tuple[RowKey, ...]:
    participant = re.search(r"(\d+)\s*$", row["Identifier"])
    others = (("name", row[name].strip()) for name in MOODLE_IDS[1:] if row[name].strip())
    return (("number", participant[1]), *others) if participant else ()


def _page_name(system: str, entry: Entry) -> str:
    """As each system asks for it; the student's name in it is for people."""
    if system == "canvas":
        return f"{entry.prefix}{PAGE}"
    person = re.sub(r"[^\w .-]+|_", " ", entry.prefix.split("_")[0]) or "Student"
    return f"{person}_{entry.id}_assignsubmission_file_/{PAGE}"


def _pack(path: Path, pages: Mapping[str, Path]) -> None:
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, page in sorted(pages.items()):
            if page.is_file():
                add_to_zip(archive, name, page.read_bytes(), time.localtime())


def _read(path: Path) -> Sheet:
    try:
        return read_sheet(path)
    except OSError as error:
        raise ReturnError(f"{path} cannot be read ({error.strerror or error}).") from None


def _need(sheet: Sheet, names: tuple[str, ...], path: Path, where: str) -> None:
    if missing := [name for name in names if name not in sheet.columns]:
        raise ReturnError(
            f"{path} has no column {missing[0]!r}; nothing is written, since an import would lose "
            f"grades. Export it again: {where}."
        )


def _assignment_column(sheet: Sheet, wanted: str, path: Path) -> str:
    """The assignment's column.

    Raises:
        ReturnError: none or several could be meant.
    """
    there = [name for name in sheet.columns if CANVAS_ASSIGNMENT.fullmatch(name)]
    named = [name for name in there if name == wanted] or [
        name for name in there if name.startswith(wanted)
    ]
    if len(named) != 1:
        raise ReturnError(
            f"{path}: {len(named)} of its assignments could be meant by {wanted!r}; name the "
            f"column with --column. There are {', '.join(map(repr, there)) or 'none'}."
        )
    return named[0]


def _factor(totals: Mapping[str, Total], most: float | None, scale: bool, where: str) -> float:
    """By which points are multiplied.

    Raises:
        ReturnError: the system gives other points, and nobody asked for a proportion.
    """
    possible = {total.possible for total in totals.values()}
    if most is None or possible == {most}:
        return 1.0
    if not scale or len(possible) != 1 or not most or not min(possible):
        have = ", ".join(number(one) for one in sorted(possible))
        raise ReturnError(
            f"{where}: the system counts {number(most)} points, this course {have}. Change the "
            "system's, or give --scale for points in proportion (for courses of one total)."
        )
    return most / min(possible)


def times_in(worksheet: Path) -> dict[str, str]:
    """{participant's number: time of the hand-in} of Moodle's grading worksheet, in ISO 8601.

    Raises:
        ReturnError: a column is missing, or a time is not as Moodle writes it in English.
    """
    sheet, column = _read(worksheet), "Last modified (submission)"
    _need(sheet, ("Identifier", column), worksheet, "Download grading worksheet, in English")
    times = {}
    for row in cells(sheet, (*MOODLE_IDS, column)):
        for kind, known in _moodle_ids(row)[:1]:
            if kind == "number" and row[column].strip(" -"):
                times[known] = _moodle_time(row[column].strip(), worksheet)
    return times


def _moodle_time(text: str, worksheet: Path) -> str:
    for form in MOODLE_TIMES:
        with suppress(ValueError):
            return datetime.strptime(text, form).isoformat(" ")
    raise ReturnError(
        f"{worksheet}: {text!r} is no time as Moodle writes it in English "
        "(Friday, 27 November 2026, 8:15 PM)."
    )
