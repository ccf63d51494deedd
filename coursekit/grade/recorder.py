"""A plugin for the pytest that runs a graded notebook: what became of each cell, as JSON lines.

It also watches the kernel while a cell runs. A kernel that ended, or that takes too much memory
with all its processes, ends the wait, which nbval would go on with until the cell's time is up.
"""

import contextlib
import json
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from coursekit.sandbox.memory import LOOK_EVERY, MEMORY, memory_of

SHOWN = 4_000  # characters of what a cell printed
HOW = {"Cell outputs differ": "differs", "Timeout of": "timed out"}


class KernelLost(Exception):  # noqa: N818
    """The kernel is gone; `how` says by what."""

    def __init__(self, how: str) -> None:
        super().__init__(f"The kernel is gone: {how}.")
        self.how = how


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where to write, and how long to wait."""
    parser.addoption("--record", help="file that gets a line of JSON for each cell")
    parser.addoption("--first-cell-timeout", type=float, help="seconds for the first cell")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Generator[None, object, object]:
    """Watch the kernel while a cell runs; the first cell has time of its own."""
    option = item.config.option
    limit = option.nbval_cell_timeout
    if item is item.session.items[0]:
        option.nbval_cell_timeout = option.first_cell_timeout
    try:
        with _watched(item.parent.kernel):
            return (yield)
    finally:
        option.nbval_cell_timeout = limit


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: Any, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write a line for the cell."""
    report = yield
    if report.when == "call" or report.failed:
        line = {
            "cell": item.cell.id,
            "passed": report.when == "call" and report.passed and not hasattr(report, "wasxfail"),
            "how": _how(item, call.excinfo),
            "printed": _printed(item),
        }
        with open(item.config.option.record, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return report


@contextlib.contextmanager
def _watched(kernel: Any) -> Iterator[None]:
    """Raise `KernelLost` in the main thread when the kernel is gone."""

    def look(*_: object) -> None:
        process = getattr(getattr(kernel, "km", None), "provisioner", None)
        process = getattr(process, "process", None)
        if process is None:
            return
        if process.poll() is not None:
            raise KernelLost("died")
        if max(memory_of(process.pid), memory_of(os.getpid(), alone=True)) > MEMORY:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            raise KernelLost("out of memory")

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, LOOK_EVERY, LOOK_EVERY)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _how(item: Any, raised: pytest.ExceptionInfo[BaseException] | None) -> str:
    """What happened, in a word or two; empty where nothing did."""
    if raised is None:
        return ""
    error = raised.value
    if isinstance(error, KernelLost):
        return "timed out" if item.parent.timed_out else error.how
    for start, how in HOW.items():
        if str(error).startswith(start):
            return how
    if "Kernel dead" in str(error):
        return "not reached"
    return "timed out" if item.parent.timed_out else "raised"


def _printed(item: Any) -> str:
    """What the cell printed, or the text of its exception."""
    outputs = getattr(item, "test_outputs", None) or ()
    return "".join(str(o.get("text") or o.get("evalue") or "") for o in outputs)[:SHOWN]


def read_record(path: Path) -> list[dict[str, Any]]:
    """The lines that were written; none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
