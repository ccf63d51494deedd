"""A process that grades for another: what ends it ends neither the batch nor another submission.

`python -P -m coursekit.grade.worker`, started by `Worker` alone, reads pickled submissions from
its standard input, writes a grade on a line of its own for each, and ends with its input: however
the other process ends, none is left over.
"""

import contextlib
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, BinaryIO

from coursekit.collect.one_notebook.find import read_single_todos
from coursekit.course import Question
from coursekit.grade.experiments import with_experiments
from coursekit.grade.grader import Grader, unknown
from coursekit.records import Grade, Submission

_TRIES = 2  # of a submission whose process ends
IDLE_SECONDS = 600.0  # after which a process that is asked nothing ends
END_SECONDS = 10.0  # that it has to clean up
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}  # a core each, not all


class _LostError(RuntimeError):
    """The process ended before it had graded what it was asked to."""


class StoppedError(RuntimeError):
    """Nothing is graded any more."""


class Worker:
    """The process, for its owner; it starts when it is needed.

    Args:
        settings: of its `Grader`.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)
        self.process: subprocess.Popen[bytes] | None = None

    def grade(self, submission: Submission) -> Grade:
        """Have a submission graded.

        Raises:
            _LostError: the process ended.
        """
        if self.process is None or self.process.poll() is not None:
            self.process = _start(self.settings)
        try:
            _send(self.process.stdin, submission)
            answer = self.process.stdout.readline()  # type: ignore[union-attr]  # it is a pipe
            return Grade.from_json(json.loads(answer))
        except (OSError, ValueError):  # a closed pipe; an answer that ends in the middle
            self.close()
            raise _LostError(f"The grader's process ended ({self.process.returncode}).") from None

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Workers:
    """As many processes as threads ask for at the same time.

    Args:
        settings: see `settings_of`.
        todos: of the course.
    """

    def __init__(self, settings: Mapping[str, Any], todos: Sequence[Question]) -> None:
        self.settings = settings
        self.todos = todos
        self._lock = threading.Lock()
        self._all: list[Worker] = []
        self._free: list[Worker] = []
        self._closed = False

    def grade(self, submission: Submission) -> Grade:
        """Have a submission graded; one that ends its process again and again is not graded.

        Raises:
            StoppedError: `close` was called.
        """
        with self._taken() as worker:
            for _ in range(_TRIES):
                with contextlib.suppress(_LostError):
                    return worker.grade(submission)
                if self._closed:
                    raise StoppedError
        message = f"The grader's process ended {_TRIES} times in the middle of it."
        return not_graded(submission, self.todos, message)

    def close(self) -> None:
        """End all of them; what they are doing is not kept."""
        with self._lock:
            self._closed = True
            workers = list(self._all)
        for worker in workers:
            worker.close()

    @contextlib.contextmanager
    def _taken(self) -> Iterator[Worker]:
        with self._lock:
            if self._closed:
                raise StoppedError
            worker = self._free.pop() if self._free else Worker(self.settings)
            if worker not in self._all:
                self._all.append(worker)
        try:
            yield worker
        finally:
            with self._lock:
                self._free.append(worker)
            if self._closed:
                worker.close()


def _start(settings: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """A process that waits for submissions."""
    process = subprocess.Popen(
        # -P: nothing is imported from the working directory, which may hold submissions.
        [sys.executable, "-P", "-m", "coursekit.grade.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **_ENVIRONMENT},
        start_new_session=True,  # Ctrl-C at the terminal is for its owner, and for no kernel
    )
    with contextlib.suppress(OSError):  # it ended at once: whoever asks it notices
        _send(process.stdin, settings)
    return process


def settings_of(grader: Grader) -> dict[str, Any]:
    """What makes another grader like this one."""
    return {place.name: getattr(grader, place.name) for place in fields(grader) if place.init}


def graded(grader: Grader, submission: Submission) -> Grade:
    """Grade a submission; where the grader fails, it is not graded, and the others go on."""
    try:
        grade = grader.grade(submission)
    except Exception as error:
        message = f"The grader failed: {type(error).__name__}: {error}"[:500]
        grade = not_graded(submission, grader.todos, message)
    return with_experiments(grade, submission, grader.sandbox)


def not_graded(submission: Submission, todos: Sequence[Question], message: str) -> Grade:
    """The grade of which no point is known, by no fault of the student's."""
    todos = read_single_todos() if submission.single else todos
    outcomes = tuple(unknown(todo, message) for todo in todos)
    return Grade(submission.student, outcomes, submission.notes)


# --- In the process ------------------------------------------------------------------------------


def main() -> None:
    """Grade what is asked for, until the input ends."""
    given, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # for whatever else is printed
    signal.signal(signal.SIGTERM, _end)
    asked: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_listen, args=(given, asked), daemon=True).start()
    with Grader(**asked.get()) as grader, contextlib.suppress(queue.Empty):
        while True:
            grade = graded(grader, asked.get(timeout=IDLE_SECONDS))
            print(json.dumps(grade.to_json()), file=answers, flush=True)


def _end(*_: object) -> None:
    """Clean up on the way out, undisturbed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit()


def _listen(source: BinaryIO, asked: "queue.Queue[Any]") -> None:
    """In a thread: hand on what comes, and end the process with its input, whatever it does."""
    with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            asked.put(pickle.load(source))
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def _send(pipe: Any, thing: Any) -> None:
    pickle.dump(thing, pipe)
    pipe.flush()


if __name__ == "__main__":
    main()
