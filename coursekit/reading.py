"""Reads hand-ins in a process of its own, within limits: what ends it ends no batch.

Nothing of a student's runs there; but a file may be made to take long, or much memory, wherever a
ZIP file, a notebook or Python's own parser is read.
"""

import multiprocessing
import resource
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from coursekit.collect import submission_of
from coursekit.collect.archive import read_material
from coursekit.collect.layouts import Handin
from coursekit.course import Key
from coursekit.records import Submission
from coursekit.report.figures import save_figures
from styletools.errors import StyletoolsError

CPU_SECONDS, SECONDS = 15, 60  # that reading one hand-in may take; the second for a slow disk
_MEMORY = 4 << 30  # bytes of address space
START_SECONDS = 120
LONG = (
    f"Reading it took more than {CPU_SECONDS} seconds, or {_MEMORY >> 30} GiB of memory: no honest "
    "hand-in does. Look at what is in it."
)


class ReadingError(StyletoolsError, RuntimeError):
    """The grader's own process does not run: no fault of a hand-in's."""


FigurePaths = dict[tuple[str, Key], list[str]]


def read(handin: Handin, written: Path | None = None) -> tuple[Submission, FigurePaths]:
    """Read one hand-in, and keep the figures of its written answers.

    Args:
        handin: of one student.
        written: folder of the pages that show the figures; None keeps none.
    """
    material = read_material(handin.places)
    submission = submission_of(handin, material)
    if written is None:
        return submission, {}
    return submission, save_figures(handin.student, material.notebooks, written)


class Reader:
    """The process; it starts when it is needed, and again after a hand-in that ended it.

    Args:
        work: what it does with a hand-in; importable by name.
    """

    def __init__(self, work: Callable[..., Any] = read) -> None:
        self.work = work
        self._process: Any = None
        self._pipe: Connection | None = None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, handin: Handin, written: Path | None = None) -> tuple[Submission, FigurePaths]:
        """See the function; a hand-in that breaks the limits is refused, with the reason.

        Raises:
            ReadingError: the process does not start.
        """
        pipe = self._pipe or self._start()
        try:
            pipe.send((handin, written))
            if pipe.poll(SECONDS):
                found = pipe.recv()
                if isinstance(found, tuple):
                    return found
            else:
                found = LONG
                self.close()
        except (EOFError, OSError):
            found = LONG
            self.close()
        return Submission(handin.student, handin.paths[0], {}, handin.notes, refused=found), {}

    def close(self) -> None:
        """End it, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def _start(self) -> Connection:
        context = multiprocessing.get_context("forkserver")  # threads grade meanwhile
        context.set_forkserver_preload([__name__])
        pipe, other = context.Pipe()
        self._pipe = pipe
        self._process = context.Process(target=_serve, args=(other, self.work), daemon=True)
        self._process.start()
        other.close()
        if not pipe.poll(START_SECONDS):
            raise ReadingError("The process that reads hand-ins does not start. Try again.")
        pipe.recv()
        return pipe


def _serve(pipe: Connection, work: Callable[..., Any]) -> None:
    """In the process: a hand-in after the other, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the grader ends this process, without a word
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    pipe.send("ready")
    while True:
        try:
            asked = pipe.recv()
        except EOFError:
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        whole = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (whole, most))
        try:
            found = work(*asked)
        except MemoryError:
            found = LONG
        except Exception as error:
            found = f"It cannot be read ({type(error).__name__}: {error})"[:300]
        try:
            pipe.send(found)
        except BrokenPipeError:  # the grader was killed
            return
