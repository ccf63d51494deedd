"""The diagnosis that a student's own check gives, for the report; no point depends on it.

The check runs in the sandbox (see `inside/diagnose.py`); what comes back from there is in the
student's hands.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from coursekit.grade.kits import INSIDE
from coursekit.records import Run
from coursekit.sandbox import Sandbox

SECONDS = 60
LONGEST_CODE, LONGEST_MESSAGE = 80, 2_000
STATUSES = ("passed", "different", "not attempted", "wrong", "raised")


@dataclass(frozen=True)
class Told:
    """What the student's own check says."""

    status: str
    code: str
    message: str


def diagnose(runs: Sequence[Run], sandbox: Sandbox) -> dict[str, Told]:
    """Run notebooks, and in them the checks on what is wanted of each.

    Args:
        runs: the notebooks.
        sandbox: with the whole kit in it, see `kits.write_whole_kit`.

    Returns:
        {TODO: what its check says}; one whose check comes to no end is missing.
    """
    told: dict[str, Told] = {}
    waiting = [name for run in runs for name in run.wanted]
    while waiting:
        left = [
            replace(run, wanted=tuple(name for name in run.wanted if name in waiting))
            for run in runs
        ]
        told |= {name: one for name, one in _asked(left, sandbox) if name in waiting}
        waiting = [name for name in waiting if name not in told]
        waiting = waiting[1:]  # the first ended the process; the others have another try
    return told


def _asked(runs: Sequence[Run], sandbox: Sandbox) -> Iterator[tuple[str, Told]]:
    """What the checks say, in the order in which they stand."""
    request = {
        "runs": [
            {
                "wanted": run.wanted,
                "modules": dict(run.modules),
                "cells": [[cell.label, cell.source, cell.checks] for cell in run.cells],
            }
            for run in runs
        ]
    }
    for line in sandbox.call(INSIDE / "diagnose.py", request, SECONDS):
        if isinstance(line, list) and len(line) == 4 and line[1] in STATUSES:
            name, status, code, message = map(str, line)
            yield name, Told(status, code[:LONGEST_CODE], message[:LONGEST_MESSAGE])
