"""Submissions graded by the workers of a dask scheduler; their grades are kept by the caller.

A worker needs nothing but this course, installed: answers and pictures are sent to it. It is asked
first which course it has, and gets no more submissions at a time than it has room for. What a
worker had when it went away is graded by another.
"""

import contextlib
import pickle
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from coursekit.collect.names import one_line
from coursekit.course import course_digest
from coursekit.grade.grader import Grader
from coursekit.grade.pictures import MAX_BYTES
from coursekit.grade.rebuild import read_todos
from coursekit.grade.worker import Workers, not_graded, settings_of
from coursekit.records import Grade, Submission
from coursekit.sandbox.memory import MEMORY
from styletools.lab.dask import LOOK_SECONDS, ClusterError, check_scheduler, machine

if TYPE_CHECKING:
    from distributed import Client, Future

_TRIES = 3  # of a submission whose worker goes away
PATIENCE = 600.0  # seconds without any worker
DIGITS = 12  # shown of a course's digest
OF_THIS_MACHINE = ("notebooks", "hidden")  # settings of a grader
_KEPT = "What is graded is kept"


class Order(Protocol):
    """Something to grade, with whatever the caller needs besides."""

    @property
    def submission(self) -> Submission:
        """Of one student."""


Kind = TypeVar("Kind", bound=Order)


@dataclass(frozen=True)
class _Place:
    """What a worker says of itself.

    Attributes:
        course: digest of the course that it has; "" for none.
        trouble: why it cannot grade; "" if it can.
        room: submissions that it can grade at the same time.
        cores: of its machine.
        lacks: sentences on libraries that students may use and it cannot import.
    """

    course: str
    trouble: str = ""
    room: int = 1
    cores: int = 1
    lacks: Sequence[str] = ()


class _Waiting:
    """Orders that wait; they are asked for when there is room, since each holds its files."""

    def __init__(self, orders: Iterable[Any]) -> None:
        self.back: deque[Any] = deque()  # whose worker went away
        self._orders = iter(orders)

    @property
    def empty(self) -> bool:
        """Whether none is left."""
        if not self.back:
            self.back.extend(islice(self._orders, 1))
        return not self.back

    def take(self) -> Any:
        """The next one."""
        return self.back.popleft()


class Cluster:
    """The workers of a scheduler.

    Args:
        client: of the scheduler.
        grader: of this process; it says how to grade, and grades nothing.
        say: takes what is to be known about the workers.
    """

    def __init__(self, client: "Client", grader: Grader, say: Callable[[str], None]) -> None:
        self.client = client
        self.grader = grader
        self.say = say
        settings = settings_of(grader).items()
        self.settings = pickle.dumps({k: v for k, v in settings if k not in OF_THIS_MACHINE})
        self.course = course_digest(grader.notebooks, ("",))
        self.asked: dict[str, Future] = {}  # {worker: what it says of itself}
        self.places: dict[str, _Place] = {}  # of the workers that can grade
        self.refused: set[str] = set()  # workers that cannot
        self.missing_since: float | None = None
        self.ended = threading.Event()  # something has

    def grade(self, orders: Iterable[Kind]) -> Iterator[tuple[Kind, Grade]]:
        """Grade submissions, in any order; each comes back once.

        Raises:
            ClusterError: the scheduler does not answer any more, or nobody grades.
        """
        waiting = _Waiting(orders)
        busy: dict[Future, tuple[Kind, str]] = {}
        tries: Counter[str] = Counter()
        try:
            while busy or not waiting.empty:
                there = self._look()
                self._hand_out(waiting, busy)
                self.ended.wait(LOOK_SECONDS)
                self.ended.clear()
                for future, (order, address) in list(busy.items()):
                    text, problem = _result(future, address in there)
                    if problem:
                        future.cancel()
                        tries[order.submission.student] += 1
                    if problem and tries[order.submission.student] < _TRIES:
                        waiting.back.append(order)
                    elif problem:
                        message = f"The worker {address} failed: {problem}."
                        yield order, not_graded(order.submission, self.grader.todos, message)
                    elif text is not None:
                        yield order, Grade.from_json(text)
                    else:
                        continue
                    del busy[future]
        finally:
            if self.client.status == "running":
                self.client.cancel([*busy, *self.asked.values()])

    def _look(self) -> set[str]:
        """Who is there; newcomers are asked which course they have."""
        check_scheduler(self.client, _KEPT)
        try:
            there = set(self.client.nthreads())
        except OSError as error:
            raise ClusterError(f"The scheduler does not answer ({error}). {_KEPT}.") from None
        for address in {*self.places, *self.refused} - there:
            self.places.pop(address, None)
            self.refused.discard(address)  # another may get its address
        for address, future in list(self.asked.items()):
            place, problem = _result(future, address in there)
            if place or problem:
                del self.asked[address]
            if (place or problem) and address in there:
                self._meet(address, place, problem)
        for address in there - {*self.places, *self.refused, *self.asked}:
            self.asked[address] = self._submit("introduce", address, self.settings)
        self._miss()
        return there

    def _meet(self, address: str, said: Any, problem: str) -> None:
        """Take a worker, or say why not."""
        if said and said["course"] and said["course"] != self.course:
            problem = (
                f"it has another course ({said['course'][:DIGITS]}, and here is "
                f"{self.course[:DIGITS]}); install the same one there, and start it again"
            )
        elif said:
            problem = said["trouble"]
        if not problem:
            self.places[address] = place = _Place(**said)
            for line in place.lacks:
                self.say(f"The worker {address}: {line}")
            return
        self.refused.add(address)
        self.say(f"The worker {address} is left out: {one_line(problem)}.")

    def _miss(self) -> None:
        """Wait for somebody who can grade, and say so; not for ever."""
        if self.places or self.asked:
            self.missing_since = None
            return
        address = self.client.scheduler.address
        if self.missing_since is None:
            self.missing_since = time.monotonic()
            self.say(
                f"No worker is there that can grade; waiting for one (dask worker {address} "
                "--nthreads 1). Ctrl-C ends this, and the same command goes on."
            )
        if time.monotonic() - self.missing_since > PATIENCE:
            raise ClusterError(
                f"No worker of {address} could grade for {PATIENCE / 60:.0f} minutes. {_KEPT}; "
                "start workers, and give the same command again."
            )

    def _hand_out(self, waiting: "_Waiting", busy: "dict[Future, tuple[Kind, str]]") -> None:
        """Give every worker as much as it has room for, and every machine as it has cores."""
        while not waiting.empty:
            taken = Counter(address for _, address in busy.values())
            on = Counter(machine(address) for address in taken.elements())
            free = [
                address
                for address, place in self.places.items()
                if taken[address] < place.room and on[machine(address)] < place.cores
            ]
            if not free:
                return
            address = min(free, key=lambda one: taken[one])
            order = waiting.take()
            future = self._submit("work", address, self.settings, pack(order.submission))
            busy[future] = order, address

    def _submit(self, function: str, address: str, *arguments: bytes) -> "Future":
        """To one worker alone: who is not the fault of its end has not to bear it."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            future = self.client.submit(
                _sent(function), *arguments,
                workers=[address], allow_other_workers=False, pure=False,
            )  # fmt: skip
        future.add_done_callback(lambda _: self.ended.set())
        return future


def _result(future: "Future", is_there: bool) -> tuple[Any, str]:
    """What came of a task, and why nothing will: neither, while it is being done."""
    if future.status == "finished":
        with contextlib.suppress(TimeoutError):  # its worker may end before it hands it over
            return future.result(LOOK_SECONDS), ""
    elif future.status == "error":
        error = future.exception()
        return None, f"{type(error).__name__}: {error}"[:500]
    elif future.status != "pending":
        return None, f"its task was {future.status}"
    return None, "" if is_there else "it went away"


def pack(submission: Submission) -> bytes:
    """A submission with its pictures and runs, without a path of this machine."""
    files, left = {}, MAX_BYTES
    for name, data in submission.files.items():
        if len(data) <= left:
            files[name] = data
            left -= len(data)
    sent = {place.name: getattr(submission, place.name) for place in fields(submission)}
    return pickle.dumps({**sent, "path": submission.path.name, "files": files})


def unpacked(parcel: bytes) -> Submission:
    """The submission that was packed."""
    sent = pickle.loads(parcel)
    return Submission(**{**sent, "path": Path(sent["path"])})


# --- On a worker ---------------------------------------------------------------------------------


def _sent(name: str) -> Callable[..., Any]:
    """A function of this module that is sent as code, and not by its name.

    The scheduler needs no course, and a worker without one can say so.
    """

    def call(*arguments: bytes) -> Any:
        try:
            from coursekit.grade import dask as cluster
        except Exception as error:
            remedy = "pip install -e '.[cluster,grading]'"
            says = f"the course cannot be imported there ({error}); {remedy}"
            return {"course": "", "trouble": says}
        return getattr(cluster, name)(*arguments)

    return call


def introduce(settings: bytes) -> dict[str, Any]:
    """What a worker says of itself; see `_Place`."""
    from dask.system import CPU_COUNT
    from distributed import get_worker

    worker = get_worker()
    memory = worker.memory_manager.memory_limit or MEMORY * CPU_COUNT
    room = max(1, min(worker.state.nthreads, memory // MEMORY))
    said = {"course": course_digest(folders=("",)), "trouble": "", "room": room, "cores": CPU_COUNT}
    try:
        with Grader(**pickle.loads(settings)) as grader:
            return {**said, "trouble": grader.trouble, "lacks": grader.missing_libraries()}
    except Exception as error:
        return {**said, "trouble": f"{type(error).__name__}: {error}"}


def work(settings: bytes, parcel: bytes) -> str:
    """The grade of a submission, as JSON."""
    return _workers(settings).grade(unpacked(parcel)).to_json()


@lru_cache(maxsize=1)
def _workers(settings: bytes) -> Workers:
    """Processes that this worker has; they end with it."""
    return Workers(pickle.loads(settings), read_todos())
