"""Submissions as they come → the answers in them. Nothing of a student's is run or unpacked here.

    for submission in collect([Path("submissions")]):
        print(submission.student, submission.refused or len(submission.answers))

What holds whatever a student does: saved outputs are never looked at; of files beside the notebooks
only the Python modules that they import, the pictures and the runs; and a hand-in that cannot be
read is refused alone, with the reason, while the others go on.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from coursekit.collect.answers import discarded, find_answers
from coursekit.collect.archive import (
    MODULES,
    OLD,
    PICTURES,
    RUN_FILES,
    Material,
    SubmissionError,
    read_material,
    shown,
)
from coursekit.collect.helpers import KIT
from coursekit.collect.layouts import Handin, find_handins
from coursekit.collect.one_notebook.find import find_single, notebook_of, single_answers
from coursekit.collect.saved import MAX_SOURCES, Book, read_book
from coursekit.course import this_course
from coursekit.records import OneNotebook, Run, Submission

SHOWN_FILES = 8


def collect(paths: Iterable[Path]) -> Iterator[Submission]:
    """Read the submissions, one after the other, sorted by student.

    Args:
        paths: see `layouts.find_handins`.

    Raises:
        LayoutError: there is no submission.
    """
    for handin in find_handins(paths).handins:
        yield read_submission(handin)


def read_submission(handin: Handin) -> Submission:
    """Read one student's files; whatever is wrong with them ends in `refused`."""
    return submission_of(handin, read_material(handin.places))


def submission_of(handin: Handin, material: Material) -> Submission:
    """The answers in what a student handed in, with the pictures and the runs."""
    course = this_course()
    refused = partial(Submission, handin.student, handin.paths[0], {}, handin.notes)
    try:
        if material.refused:
            raise SubmissionError(material.refused)
        books, notes = _books(material)
        found = find_single(books, course, handin.single)
        if found:
            answers, remarks = single_answers(books, found)
            runs: tuple[Run, ...] = ()
            notebook: OneNotebook | None = notebook_of(*found)
        else:
            notebook = None
            answers, remarks, runs = find_answers(books, course)
        notes += [*remarks, *discarded(books, course)]
    except SubmissionError as error:
        return refused(refused=str(error))
    except (RecursionError, MemoryError) as error:
        reason = f"Its code is nested deeper than a person would write it ({type(error).__name__})."
        return refused(refused=reason)
    return Submission(
        handin.student,
        handin.paths[0],
        answers,
        (*handin.notes, *notes),
        pictures=material.digests(PICTURES),
        runs=material.digests(RUN_FILES),
        files=material.files,
        notebooks=runs,
        notebook=notebook,
    )


def _books(material: Material) -> tuple[list[Book], list[str]]:
    """The notebooks that can be read, and notes on all else.

    Raises:
        SubmissionError: there is none.
    """
    books: list[Book] = []
    notes = list(material.notes)
    damaged = list(material.damaged)
    for name in sorted(material.notebooks):
        try:
            book = read_book(name, material.notebooks[name])
            current = not OLD & {part.lower() for part in PurePosixPath(name).parts[:-1]}
            minute = material.times.get(name, 0.0) // 60  # a copied folder's files differ by less
            books.append(replace(book, age=(current, minute)))
        except SubmissionError as error:
            damaged.append(str(error))
    if not books:
        raise SubmissionError(" ".join(damaged) or "There is no notebook (.ipynb) in it.")
    modules = {
        name: data.decode("utf-8", "replace")
        for name, data in material.files.items()
        if name.endswith(MODULES)
    }
    among = _named("\n".join(modules.values()))
    imported = [_imported(book, modules, among) for book in books]
    books = [
        replace(book, modules={module: modules[name] for name, module in found.items()})
        for book, found in zip(books, imported, strict=True)
    ]
    notes += [f"Left out: {reason}" for reason in damaged]
    if material.hidden:
        notes.append(f"Folders that are not looked at: {', '.join(sorted(material.hidden))}.")
    if others := {*material.others, *modules}.difference(*imported):
        steering = [name for name in others if name.endswith((".py", ".ini", ".toml"))]
        names = [*sorted(steering), *sorted(others - {*steering})]
        more = f" and {len(names) - SHOWN_FILES} more" if len(names) > SHOWN_FILES else ""
        listed = ", ".join(shown(name) for name in names[:SHOWN_FILES])
        notes.append(f"Files that are not looked at: {listed}{more}.")
    return books, notes


def _imported(book: Book, files: Mapping[str, str], among: set[str]) -> dict[str, str]:
    """{file: module}, of the Python files beside a notebook that it or another of them imports.

    Args:
        book: the notebook.
        files: {name: source}.
        among: the names that the files import.
    """
    home = PurePosixPath(book.name).parent
    code = "\n".join(cell.source for cell in book.cells if cell.kind == "code")
    named = (_named(code) | among) - {KIT}
    found: dict[str, str] = {}
    left = MAX_SOURCES
    for file, source in files.items():
        path = PurePosixPath(file).with_suffix("")
        parts = path.relative_to(home).parts if path.is_relative_to(home) else ()
        left -= len(source)
        if {*parts[:1]} & named and left >= 0:
            found[file] = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return found


def _named(code: str) -> set[str]:
    """The words of import statements."""
    return set(re.findall(r"\w+", " ".join(re.findall(r"^\s*(?:from|import)\b.*", code, re.M))))
