"""Many students' submissions → their grades, several at the same time, with resume."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from coursekit.grading import Grader
from coursekit.names import file_name
from coursekit.records import Grade, Submission
from coursekit.sandbox import SandboxError
from styletools.files import write_text


def grade_all(
    submissions: Iterable[Submission],
    output: Path,
    workers: int = 1,
    unsafe_no_sandbox: bool = False,
    again: bool = False,
    grader: Grader | None = None,
) -> Iterator[Grade]:
    """Grade submissions; each grade is kept in `output` as soon as it is known.

    Called again after an interruption, or with more submissions, it keeps what is graded: a grade
    is made anew where the answers, the lessons or the kit have changed since, or where the grader
    itself had failed.

    Args:
        submissions: of different students.
        output: folder for a JSON file a student.
        workers: submissions that are graded at the same time.
        unsafe_no_sandbox: run answers unprotected: for submissions that you trust.
        again: grade all of them anew.
        grader: to be used, if there is one already.

    Yields:
        The grades, as they come; those that were there already too.

    Raises:
        SandboxError: bubblewrap does not work here.
        RebuildError: the lessons cannot be graded as they are.
    """
    with ExitStack() as stack:
        if grader is None:
            grader = stack.enter_context(Grader(unsafe_no_sandbox=unsafe_no_sandbox))
        if grader.trouble:
            remedy = "Or, for submissions that you trust: --unsafe-no-sandbox."
            raise SandboxError(f"{grader.trouble} {remedy}")
        course = f"{grader.digest} {grader.unsafe_no_sandbox}"
        pool = stack.enter_context(ThreadPoolExecutor(max(1, workers)))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        waiting = []
        for submission in submissions:
            path = output / f"{file_name(submission.student)}.json"
            key = _digest(course, submission)
            known = None if again else _known(path, key)
            if known is not None:
                yield known
            else:
                waiting.append(pool.submit(_grade_one, grader, submission, path, key))
        for future in as_completed(waiting):
            yield future.result()


def _grade_one(grader: Grader, submission: Submission, path: Path, key: str) -> Grade:
    try:
        grade = grader.grade(submission)
    except Exception as error:  # one submission never stops the others
        message = f"The grader failed: {type(error).__name__}: {error}"[:500]
        outcomes = tuple(grader.unknown(todo, message) for todo in grader.todos)
        grade = Grade(submission.student, outcomes, submission.notes)
    grade = replace(grade, key=key)
    write_text(path, grade.to_json())
    return grade


def _known(path: Path, key: str) -> Grade | None:
    """A grade that is there already, if it is whole and of the same answers."""
    try:
        grade = Grade.from_json(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return grade if grade.key == key and grade.complete else None


def _digest(course: str, submission: Submission) -> str:
    """Of all that a grade depends on."""
    answers = [[*key, answer.source] for key, answer in sorted(submission.answers.items())]
    pictures = sorted(submission.pictures.items())
    whole = [course, submission.student, answers, pictures, submission.notes, submission.refused]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()
