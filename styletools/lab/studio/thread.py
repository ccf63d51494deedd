"""A run in a thread of its own: started, paused, resumed, stopped. Knows no widgets."""

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from styletools.config import TransferConfig
from styletools.errors import StyletoolsError, is_out_of_memory
from styletools.images import Source
from styletools.lab.run import Run
from styletools.lab.store import RunRequest, RunStoppedError, RunStore, reason
from styletools.transfer import Row, Step

WAIT_SECONDS = 0.5  # between two looks whether another panel is done with the same run


@dataclass(frozen=True)
class End:
    """How a run ended.

    Attributes:
        kind: how; "found": it was in the store already.
        run: its folder, unless it failed or was stopped before its first step.
        error: what made it fail.
    """

    kind: Literal["finished", "found", "stopped", "failed"]
    run: Run | None = None
    error: Exception | None = None


class RunThread:
    """One run at a time, found in the store or computed into it.

    Args:
        store: where runs are kept.
        on_step: called in the thread after each step. If it raises, the run goes on without it.
        on_pause: likewise, with the step at which the run now waits.
        on_wait: called while another panel or process computes the same run.
        on_end: called in the thread at the end, whatever happened.
    """

    def __init__(
        self,
        store: RunStore,
        on_step: Callable[[Step], object],
        on_pause: Callable[[Step], object],
        on_wait: Callable[[], object],
        on_end: Callable[[End], object],
    ) -> None:
        self.store = store
        self.on_step, self.on_pause = on_step, on_pause
        self.on_wait, self.on_end = on_wait, on_end
        self.drawing_error: Exception | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop, self._go = threading.Event(), threading.Event()

    @property
    def running(self) -> bool:
        """Whether there is a run, paused or not."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def paused(self) -> bool:
        """Whether the run waits, or will after its present step."""
        return self.running and not self._go.is_set()

    def start(self, content: Source, style: Source, config: TransferConfig) -> None:
        """Begin a run; while one is running, do nothing."""
        with self._lock:
            if self.running:
                return
            self._stop.clear()
            self._go.set()
            self.drawing_error = None
            end_idle_threads()
            arguments = (content, style, config)
            self._thread = threading.Thread(target=self._work, args=arguments, daemon=True)
            self._thread.start()

    def pause(self) -> None:
        """Wait after the present step, until `resume`."""
        self._go.clear()

    def resume(self) -> None:
        """Go on after a pause."""
        self._go.set()

    def stop(self) -> None:
        """End after the present step; what is there is kept, and the next start goes on."""
        self._stop.set()
        self._go.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most `timeout` seconds; returns whether it came."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.running

    def _work(self, content: Source, style: Source, config: TransferConfig) -> None:
        """The thread."""
        try:
            request = RunRequest(content, style, config)
            try:
                end = self._obtain(request)
            except RunStoppedError as error:
                end = End("stopped", self.store.keep(request, error.result, {}))
            self._drop_parts(end.run)
        except Exception as error:  # a thread's exception would vanish; the panel shows it
            end = End("failed", error=error)
        self.on_end(end)

    def _obtain(self, request: RunRequest) -> End:
        """Find the run or compute it; where another process does that just now, wait for it."""
        while not self._stop.is_set():
            with self.store.claim(request) as ours:
                if found := self.store.found(request):
                    return End("found", found)
                if ours:
                    return End("finished", self.store.compute(request, self._step))
            self.on_wait()
            self._stop.wait(WAIT_SECONDS)
        return End("stopped")

    def _step(self, step: Step) -> bool:
        self._tell(self.on_step, step)
        if not self._go.is_set():
            self._tell(self.on_pause, step)
            self._go.wait()
        return self._stop.is_set() and step.step < step.steps

    def _tell(self, draw: Callable[[Step], object], step: Step) -> None:
        if self.drawing_error is None:
            try:
                draw(step)
            except Exception as error:  # a run is worth more than its drawing
                self.drawing_error = error

    def _drop_parts(self, whole: Run | None) -> None:
        """Remove what earlier stops of the same run left: the later run has it all."""
        if whole is None:
            return
        for run in self.store.runs():
            if run.key == whole.key and run.name != whole.name and run.ended.early:
                self.store.delete(run)


def end_idle_threads() -> None:
    """End the threads that torch keeps for the calling one; it starts them again when needed.

    With those of the notebook's and those of the run's there are more than cores, and GNU's OpenMP
    then lets all of them sleep after each operation: a run took half as long again.
    """
    for path in (Path(torch.__file__).parent / "lib").glob("libgomp*"):
        library = ctypes.CDLL(str(path))  # torch has loaded it; elsewhere there is none
        if hasattr(library, "omp_pause_resource_all"):
            library.omp_pause_resource_all(1)  # omp_pause_soft


class Pace:
    """When to draw, so that drawing takes a small share of the time.

    Attributes:
        seconds: spent drawing.

    Args:
        share: of the time that drawing may take.
        least: seconds between two drawings, since the browser has work with each, too.
    """

    def __init__(self, share: float = 0.03, least: float = 0.5) -> None:
        self.share, self.least = share, least
        self.seconds, self._next = 0.0, 0.0

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._next

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Around a drawing: what takes long is done less often."""
        began = time.monotonic()
        yield
        now = time.monotonic()
        self.seconds += now - began
        self._next = now + max(self.least, (now - began) / self.share)


class Forecast:
    """How long a run still takes, at most: a step costs as much as it has pixels.

    Args:
        config: the run's settings.
        longest: side of the finished picture, in pixels.
    """

    def __init__(self, config: TransferConfig, longest: int) -> None:
        self.config, self.longest = config, longest
        self._size, self._began, self._done = 0.0, 0, 0
        self._times: list[float] = []  # at the end of the latest steps of this size

    def add(self, row: Row, seconds: float) -> None:
        """Take in a step: its row of the history, and the seconds of the run until its end."""
        self._done = int(row["step"])
        if row["size"] != self._size:
            self._size, self._began = row["size"], self._done - 1
            self._times = self._times[-1:] if self._began else []
        self._times = [*self._times[-10:], seconds]

    def seconds_left(self) -> float | None:
        """The estimate; None before the second step."""
        if len(self._times) < 2:
            return None
        cost = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
        began, done, size, total = self._began, self._done, self._size, 0.0
        while True:
            last = size * 1.5 > self.longest
            end = self.config.steps if last else began + (self.config.steps - began) // 2
            total += cost * max(0, end - done)
            if last:
                return total
            began = done = max(end, done)
            size, cost = size * 2, cost * 4


def explain(error: Exception) -> str:
    """What to tell whoever pressed Run."""
    if is_out_of_memory(error) and not isinstance(error, StyletoolsError):
        return "The memory of this machine is too small for the run; take a smaller size."
    return reason(error)
