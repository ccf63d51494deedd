"""How far a class is graded: a bar on a terminal, and the time left on each line elsewhere."""

import math
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tqdm import tqdm


class Progress:
    """Counts submissions.

    Args:
        total: of them.
        say: takes a line for each.
    """

    def __init__(self, total: int, say: Callable[[str], None]) -> None:
        self.total, self.count = total, 0
        self.bar: tqdm[Any] | None = None
        self._say = say
        self._before, self._began = 0, math.inf

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def begin(self, waiting: int) -> None:
        """Grading begins; what was counted before was there already, and took no time."""
        if self.count and waiting:
            self.say(f"{self.count} were graded before; {waiting} are to be graded.")
        self._before, self._began = self.count, time.monotonic()
        if waiting and sys.stderr.isatty():
            self.bar = tqdm(
                total=self.total,
                initial=self.count,
                unit=" graded",
                smoothing=0,
                dynamic_ncols=True,
            )

    def done(self, line: str) -> None:
        """One more is graded."""
        self.count += 1
        self.say(f"{self.count}/{self.total} {line}{self._time_left()}")
        if self.bar is not None:
            self.bar.update()

    def say(self, line: str) -> None:
        """A line, above the bar."""
        with tqdm.external_write_mode():
            self._say(line)

    def _time_left(self) -> str:
        """In words, where no bar shows it."""
        new, left = self.count - self._before, self.total - self.count
        if self.bar is not None or self._began == math.inf or not left:
            return ""
        each = (time.monotonic() - self._began) / new
        return f" ({each:.1f} s each, {timedelta(seconds=round(each * left))} left)"
