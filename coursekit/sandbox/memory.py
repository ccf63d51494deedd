"""How much memory processes take together."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import psutil

LOOK_EVERY = 0.25  # seconds
MEMORY = 4 << 30  # bytes that all processes of one submission may take together


def memory_of(pid: int, alone: bool = False) -> int:
    """Bytes that a process takes, with all that belongs to it: an upper bound.

    Pages that processes share count for each of them: to count them once takes 25 ms a process.
    """
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in [process] if alone else _belonging(process):
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
    return total


def _belonging(process: Any) -> Iterator[Any]:
    """It and all below it; all of its user's, if it has one of its own."""
    user = process.uids().real
    if user == os.getuid():
        yield from (process, *process.children(recursive=True))
        return
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if one.uids().real == user:
                yield one
