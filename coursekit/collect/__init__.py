"""Submissions as they come → the answers in them. Nothing of a student's is run or unpacked here.

    for submission in collect([Path("submissions")]):
        print(submission.student, submission.refused or len(submission.answers))

What holds whatever a student does: saved outputs, tags, metadata and all files but notebooks are
never looked at (of pictures, the hash); and a hand-in that cannot be read is refused alone, with
the reason, while the others go on.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from coursekit.collect.answers import discarded, find_answers
from coursekit.collect.archive import Files, SubmissionError, read_all, shown
from coursekit.collect.layouts import Handin, find_handins
from coursekit.collect.one_notebook.find import find_single, single_answers
from coursekit.collect.saved import Book, read_book
from coursekit.course import Course, this_course
from coursekit.records import Submission

SHOWN_FILES = 8


def collect(
    paths: Iterable[Path], layout: str = "auto", course: Course | None = None
) -> Iterator[Submission]:
    """Read the submissions, one after the other, sorted by student.

    Args:
        paths: see `layouts.find_handins`.
        layout: see there.
        course: what was handed out; this course's own, if none is given.

    Raises:
        LayoutError: there is no submission.
    """
    for handin in find_handins(paths, layout).handins:
        yield read_submission(handin, course)


def read_submission(handin: Handin, course: Course | None = None) -> Submission:
    """Read one student's files; whatever is wrong with them ends in `refused`."""
    course = course or this_course()
    path = handin.paths[0]
    try:
        files = read_all(handin.places)
        books, notes = _books(files)
        found = find_single(books, course, handin.single)
        answers, remarks = single_answers(books, found) if found else find_answers(books, course)
        notes += [*remarks, *discarded(books, course)]
    except SubmissionError as error:
        return Submission(handin.student, path, {}, handin.notes, refused=str(error))
    except (RecursionError, MemoryError) as error:
        reason = f"Its code is nested deeper than a person would write it ({type(error).__name__})."
        return Submission(handin.student, path, {}, handin.notes, refused=reason)
    return Submission(
        handin.student,
        path,
        answers,
        (*handin.notes, *notes),
        pictures=files.pictures,
        runs=files.runs,
        places=handin.places,
    )


def _books(files: Files) -> tuple[list[Book], list[str]]:
    """The notebooks that can be read, and notes on all else.

    Raises:
        SubmissionError: there is none.
    """
    books: list[Book] = []
    notes = list(files.notes)
    damaged: list[str] = []
    for name in sorted(files.notebooks):
        try:
            books.append(read_book(name, files.notebooks.pop(name)))  # frees it
        except SubmissionError as error:
            damaged.append(str(error))
    if not books:
        raise SubmissionError(" ".join(damaged) or "There is no notebook (.ipynb) in it.")
    notes += [f"Left out: {reason}" for reason in damaged]
    if files.others:
        steering = [name for name in files.others if name.endswith((".py", ".ini", ".toml"))]
        names = [*sorted(steering), *sorted(set(files.others) - set(steering))]
        more = f" and {len(names) - SHOWN_FILES} more" if len(names) > SHOWN_FILES else ""
        listed = ", ".join(shown(name) for name in names[:SHOWN_FILES])
        notes.append(f"Files that are not looked at: {listed}{more}.")
    return books, notes
