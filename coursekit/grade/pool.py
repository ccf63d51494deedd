"""Many students' submissions → their grades, several at the same time, with resume.

On this machine each is graded by one of several processes; on others, see `dask`. A submission
that ends its process, or a worker of the cluster, stops no other.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from coursekit.collect.names import file_name
from coursekit.grade.dask import Cluster
from coursekit.grade.grader import Grader
from coursekit.grade.worker import Workers, graded, settings_of
from coursekit.records import Grade, Status, Submission
from coursekit.sandbox import SandboxError
from coursekit.sandbox.memory import MEMORY
from styletools._files import write_text
from styletools.backbones import torchvision_file

if TYPE_CHECKING:
    from distributed import Client

TRY_AGAIN = (Status.INFRASTRUCTURE, Status.REFUSED)
CONTAINER_MEMORY = (  # its limit, by the kernel's control groups of either version
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True)
class _Order:
    """A submission to be graded, and where its grade is kept."""

    submission: Submission
    path: Path
    key: str

    def keep(self, grade: Grade) -> Grade:
        """The grade, once it is on disk."""
        grade = replace(grade, key=self.key)
        write_text(self.path, grade.to_json())
        return grade


def default_workers() -> int:
    """How many submissions this machine can grade at once: by its cores, and 4 GB for each."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    memory = psutil.virtual_memory().total
    for limit in CONTAINER_MEMORY:
        with suppress(OSError, ValueError):
            memory = min(memory, int(limit.read_text()))
    return max(1, min(cores, memory // MEMORY))


def grade_all(
    submissions: Iterable[Submission],
    output: Path,
    workers: int = 1,
    unsafe_no_sandbox: bool = False,
    again: bool = False,
    grader: Grader | None = None,
    client: "Client | None" = None,
    say: Callable[[str], None] = print,
    allow_weaker_sandbox: bool = False,
    hidden: Sequence[Path] = (),
) -> Iterator[Grade]:
    """Grade submissions; each grade is kept in `output` as soon as it is known.

    Called again after an interruption, or with more submissions, it keeps what is graded: a grade
    is made anew where the answers, the lessons or the kit have changed since, or where the grader
    itself had failed.

    Args:
        submissions: of different students.
        output: folder for a JSON file a student.
        workers: submissions that are graded at the same time, each by a process of its own.
        unsafe_no_sandbox: run answers unprotected: for submissions that you trust.
        again: grade all of them anew.
        grader: does it all in this process, if it is given.
        client: of a `dask.distributed` scheduler, whose workers grade instead of this machine.
        say: takes what is to be known about them.
        allow_weaker_sandbox: see `Grader`.
        hidden: see `Grader`.

    Yields:
        The grades, as they come; those that were there already too.

    Raises:
        SandboxError: bubblewrap does not work here.
        CourseError: the lessons cannot be graded as they are.
        ClusterError: the scheduler does not answer, or no worker can grade.
    """
    with ExitStack() as stack:
        ours = grader or stack.enter_context(
            Grader(
                unsafe_no_sandbox=unsafe_no_sandbox,
                allow_weaker_sandbox=allow_weaker_sandbox,
                hidden=tuple(hidden),
            )
        )
        if ours.trouble and client is None:
            remedy = "Or, for submissions that you trust: --unsafe-no-sandbox."
            raise SandboxError(f"{ours.trouble} {remedy}")
        for line in ours.missing_libraries() if client is None else ():
            say(line)
        weights = torchvision_file().exists()  # runs on them count once they are here
        course = f"{ours.digest} {ours.sandbox.name} {weights}"
        known: list[Grade] = []

        def orders() -> Iterator[_Order]:
            for submission in submissions:
                path = output / f"{file_name(submission.student)}.json"
                order = _Order(submission, path, _digest(course, submission))
                kept = None if again else _known(order)
                if kept is None:
                    yield order
                else:
                    known.append(kept)

        pool = stack.enter_context(ThreadPoolExecutor(max(1, workers)))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        grades: Iterator[Grade]
        if client is not None:
            grades = (order.keep(g) for order, g in Cluster(client, ours, say).grade(orders()))
        elif grader is not None:
            grades = _graded_here(orders(), partial(graded, grader), pool, workers)
        else:
            processes = Workers(settings_of(ours), ours.todos)
            stack.callback(processes.close)  # before the threads that wait for them
            grades = _graded_here(orders(), processes.grade, pool, workers)
        for grade in grades:
            yield from known
            known.clear()
            yield grade
        yield from known


def _graded_here(
    orders: Iterable[_Order],
    grade_one: Callable[[Submission], Grade],
    pool: ThreadPoolExecutor,
    most: int,
) -> Iterator[Grade]:
    """Grades as they come; of what is waiting, no more is read than can be graded at once."""
    running: set[Future[Grade]] = set()
    for order in orders:
        running.add(pool.submit(lambda order: order.keep(grade_one(order.submission)), order))
        if len(running) > most:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    yield from (future.result() for future in as_completed(running))


def _known(order: _Order) -> Grade | None:
    """A grade that is there already, if it is whole and of the same answers."""
    try:
        grade = Grade.from_json(order.path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    failed = any(outcome.status in TRY_AGAIN for outcome in grade.outcomes)
    return grade if grade.key == order.key and not failed else None


def _digest(course: str, submission: Submission) -> str:
    """Of all that a grade depends on."""
    answers = [[*key, answer.source] for key, answer in sorted(submission.answers.items())]
    runs = [
        [run.wanted, [cell.source for cell in run.cells], sorted(run.modules.items())]
        for run in submission.notebooks
    ]
    files = [sorted(submission.pictures.items()), sorted(submission.runs.items())]
    whole = [course, submission.student, answers, runs, files, submission.notes, submission.refused]
    if (one := submission.notebook) is not None:
        whole.append(repr((one.cells, sorted(one.names.items()), one.history, one.modules)))
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()
