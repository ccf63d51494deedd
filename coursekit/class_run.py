"""A class's submissions → a folder of grades: what `coursekit grade` does.

GRADES/index.html           the class on one page
GRADES/students/NAME.html   a page for each student
GRADES/grades.csv           for a spreadsheet
GRADES/grades.xml           JUnit, for CI
GRADES/nbgrader.csv         scores, as nbgrader exports them
GRADES/gradescope/NAME.json Gradescope's results
GRADES/written/*.html       the written answers, to be read by a person
GRADES/written/*.mark.html  the same without names, to be marked with the keyboard
GRADES/written.csv          where that person enters points; the next call merges them
GRADES/roster.csv           who handed in, and when; extensions are entered here
GRADES/kept/NAME.json       what a later call goes on from
"""

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from coursekit.collect.archive import unpack_download
from coursekit.collect.layouts import Found, Handin, LayoutError, find_handins, is_download
from coursekit.collect.names import file_name, one_line
from coursekit.course import Key
from coursekit.grade.pool import default_workers, grade_all
from coursekit.reading import Reader
from coursekit.records import Grade, Submission
from coursekit.report.likeness import alike
from coursekit.report.lms import times_in
from coursekit.report.marking import write_marking
from coursekit.report.overview import class_page
from coursekit.report.pages import number, write_reports
from coursekit.report.pseudonyms import Pseudonyms
from coursekit.report.purge import left_behind
from coursekit.report.roster import make_roster, read_roster, write_roster
from coursekit.report.rules import apply_rules, read_rules
from coursekit.report.tables import EXPORTS, ExportError, gradescope_json
from coursekit.report.written import read_marks, with_marks, write_pages
from coursekit.sandbox.places import temporary
from styletools._files import write_text
from styletools.config import read_course

if TYPE_CHECKING:
    from distributed import Client

_KEPT = "kept"
UNSEEN = (
    "Graded by an earlier call. This call looked only at other students (--student), and did not "
    "check whether this hand-in changed."
)


def grade_class(
    paths: Sequence[Path],
    output: Path,
    layout: str = "auto",
    workers: int | None = None,
    unsafe_no_sandbox: bool = False,
    students: Sequence[str] = (),
    say: Callable[[str], None] = print,
    client: "Client | None" = None,
    allow_weaker_sandbox: bool = False,
    times: Path | None = None,
    key: Path | None = None,
) -> list[Grade]:
    """Grade submissions and write the reports; what was graded before is kept.

    Args:
        paths: of the submissions; see `layouts.find_handins`.
        output: folder for all results.
        layout: how the submissions are arranged, one of `layouts.LAYOUTS`.
        workers: submissions that are graded at the same time; see `pool.default_workers`.
        unsafe_no_sandbox: run answers unprotected: for submissions that you trust.
        students: grade these anew, and no others; the reports are of the whole class.
        say: takes the lines that tell how far it is.
        client: of a `dask.distributed` scheduler, whose workers grade instead of this machine.
        allow_weaker_sandbox: than bubblewrap, where that does not work.
        times: Moodle's grading worksheet, which says when each student handed in.
        key: a file of pseudonyms, which keeps names out of `output`.

    Returns:
        The grades that are known now, of the class.

    Raises:
        LayoutError: there is no submission, or none of a student named.
        WrittenError: points in written.csv that cannot be.
        RosterError: times or extensions in roster.csv that cannot be.
        PseudonymError: the key file cannot be used.
        RulesError: the course's table [grading] cannot be applied.
        SandboxError: answers cannot be run safely here.
        CourseError: the lessons cannot be graded as they are.
        ClusterError: the scheduler does not answer any more, or no worker can grade.
    """
    read_marks(output / "written.csv")  # what cannot be is said before anything is run
    rules, roster = read_rules(read_course()), read_roster(output)
    known_times = times_in(times) if times else {}
    names = Pseudonyms(key, output) if key else None
    for place in left_behind():  # by calls that were killed; answers may nest folders too deep
        subprocess.run(["rm", "-rf", "--", str(place)], check=False)
    output.mkdir(parents=True, exist_ok=True)  # it is tried whether answers can read it
    with (
        tempfile.TemporaryDirectory(prefix=temporary("download")) as scratch,
        Reader() as reader,
    ):
        unpacked = _unpacked(paths, Path(scratch))
        found = find_handins([unpacked.get(path, path) for path in paths], layout)
        if names and found.skipped:  # their names may be students'
            count = f"{len(found.skipped)} files are no submissions; they were left out."
            found = replace(found, skipped=(count,))
        _describe(found, say, {folder: path for path, folder in unpacked.items()})
        if names:
            known_times |= _by_pseudonym(found.handins, known_times, names)
            found = replace(found, handins=tuple(names.hide(found.handins)))
            students = [names.pseudonym_of(student) for student in students]
        chosen = _chosen(found.handins, students)
        roster = make_roster(found.handins, roster, known_times)
        submissions: dict[str, Submission] = {}
        figures: dict[tuple[str, Key], list[str]] = {}

        def read(handins: Iterable[Handin]) -> Iterator[Submission]:
            """Each when it is needed; what is kept of it holds no files."""
            for handin in handins:
                submission, its_figures = reader.read(handin, output / "written")
                shown = names.without_names(submission) if names else submission
                submissions[handin.student] = replace(shown, files={})
                submission = replace(submission, notes=shown.notes)
                figures.update(its_figures)
                yield submission

        bar = tqdm(total=len(chosen), unit=" graded", disable=None, dynamic_ncols=True)

        def tell(line: str) -> None:
            """Above the bar."""
            with tqdm.external_write_mode():
                say(line)

        grades: dict[str, Grade] = {}
        with bar:
            coming = grade_all(
                read(chosen), output / _KEPT, workers or default_workers(), unsafe_no_sandbox,
                again=bool(students), client=client, say=tell,
                allow_weaker_sandbox=allow_weaker_sandbox, hidden=(*paths, Path(scratch), output),
            )  # fmt: skip
            for number, grade in enumerate(coming, start=1):
                if names:
                    grade = names.cleaned(grade)
                    write_text(_kept_path(output, grade.student), grade.to_json())
                grades[grade.student] = grade
                tell(f"{number}/{len(chosen)} {_line(grade, submissions[grade.student])}")
                bar.update()
        for _ in read(handin for handin in found.handins if handin.student not in submissions):
            pass  # the others, for the pages of the class
    if students:
        grades = _kept(submissions, output) | grades
    marks = read_marks(output / "written.csv")  # somebody may have entered points meanwhile
    write_pages(output, list(submissions.values()), marks, figures, grades)
    write_marking(output, list(submissions.values()), marks, figures)
    known = [grades[student] for student in sorted(grades)]
    if any(mark.points is not None for mark in marks.values()):  # somebody has begun to read
        known = [with_marks(grade, submissions[grade.student], marks) for grade in known]
    write_roster(output, roster)
    known = [apply_rules(grade, rules, roster.get(one_line(grade.student))) for grade in known]
    write_all(output, known, submissions, found.skipped)
    return known


def write_all(
    output: Path,
    grades: Sequence[Grade],
    submissions: dict[str, Submission],
    left_out: Sequence[str],
) -> None:
    """Write every report and export of a class."""
    found = alike(submissions.values())
    refused = {student: submission.refused for student, submission in submissions.items()}
    write_reports(output, grades, submissions, found)
    write_text(output / "index.html", class_page(grades, found, refused, left_out))
    for name, export in EXPORTS.items():
        write_text(output / name, export(grades))
    for grade in grades:
        path = output / "gradescope" / f"{file_name(grade.student)}.json"
        path.unlink(missing_ok=True)
        with contextlib.suppress(ExportError):  # not fully graded: no file, and the report says so
            named = [likeness.named for likeness in found.get(grade.student, ())]
            write_text(path, gradescope_json(grade, named))


def _unpacked(paths: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """{ZIP file of a whole class, as a system lets an instructor download: folder}."""
    unpacked: dict[Path, Path] = {}
    for path in filter(is_download, paths):
        place = folder / str(len(unpacked))
        place.mkdir()
        unpacked[path] = unpack_download(path, place)
    return unpacked


def _describe(found: Found, say: Callable[[str], None], sources: Mapping[Path, Path]) -> None:
    for folder, layout in found.layouts.items():
        count = sum(handin.paths[0].is_relative_to(folder) for handin in found.handins)
        place = sources.get(folder, folder)
        say(f"{place}: {count} submissions, read as {layout} (another: --layout NAME).")
    for line in found.skipped:
        say(line)


def _chosen(handins: Sequence[Handin], students: Sequence[str]) -> list[Handin]:
    named = {handin.student: handin for handin in handins}
    if missing := [student for student in students if student not in named]:
        raise LayoutError(
            f"No submission of {', '.join(missing)}; there are those of {', '.join(named)}."
        )
    return [named[student] for student in dict.fromkeys(students or named)]


def _kept(submissions: dict[str, Submission], output: Path) -> dict[str, Grade]:
    """What an earlier call found out of the others."""
    grades = {}
    for student in submissions:
        with contextlib.suppress(OSError, ValueError):
            grade = Grade.from_json(_kept_path(output, student).read_text("utf-8"))
            grades[student] = replace(grade, notes=(*grade.notes, UNSEEN))
    return grades


def _kept_path(output: Path, student: str) -> Path:
    return output / _KEPT / f"{file_name(student)}.json"


def _by_pseudonym(
    handins: Sequence[Handin], times: Mapping[str, str], names: Pseudonyms
) -> dict[str, str]:
    """The times of an LMS's file, for hand-ins that are about to lose their numbers."""
    hidden = {handin.paths: handin.student for handin in names.hide(handins)}
    return {hidden[h.paths]: times[h.id] for h in handins if h.id in times}


def _line(grade: Grade, submission: Submission) -> str:
    student = one_line(grade.student)
    if submission.refused:
        return f"{student}: refused: {one_line(submission.refused)}"
    if not grade.complete:
        why = next((o.message for o in grade.outcomes if o.status == "infrastructure"), grade.late)
        return f"{student}: not fully graded: {one_line(why)}"
    return f"{student}: {number(grade.points)} of {number(grade.possible)} points"
