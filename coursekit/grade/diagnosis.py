"""The diagnosis that a student's own check gives, for the report; no point depends on it.

The check runs in the sandbox (see `inside/diagnose.py`); what comes back from there is in the
student's hands.
"""

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursekit.inside.diagnose import MARK

SECONDS = 60
MEMORY = 4 << 30  # bytes of all its processes
LONGEST_OUTPUT = 1_000_000
LONGEST_CODE, LONGEST_MESSAGE = 80, 2_000
STATUSES = ("passed", "different", "not attempted", "wrong", "raised")


@dataclass(frozen=True)
class Told:
    """What the student's own check says."""

    status: str
    code: str
    message: str


def diagnose(
    answers: Mapping[str, str], needs: Iterable[str], kit: Path, mode: str = "bubblewrap"
) -> dict[str, Told]:
    """Run the checks on some answers, in the sandbox.

    Args:
        answers: {TODO: source}.
        needs: earlier TODOs that they may call; they get the kit's own.
        kit: see `write_whole_kit`.
        mode: as in `Sandbox`.

    Returns:
        {TODO: what its check says}; one whose check comes to no end is missing.
    """
    from coursekit.sandbox import KIT, Sandbox

    sandbox = Sandbox(kit, mode=mode)
    command = sandbox.command([sys.executable, str(sandbox.path(KIT / "diagnose.py"))])
    told: dict[str, Told] = {}
    waiting = dict(answers)
    while waiting:
        with sandbox:
            found = _ask(command, {"answers": waiting, "needs": list(needs)})
        told |= {name: one for name, one in found.items() if name in waiting}
        waiting = {name: source for name, source in waiting.items() if name not in told}
        if waiting:
            waiting.pop(next(iter(waiting)))  # it ended the process; the others have another try
    return told


def _ask(command: list[str], request: Mapping[str, Any]) -> dict[str, Told]:
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as taken:
        given.write(json.dumps(request).encode())
        given.seek(0)
        # A file, which the sandbox limits in size; a pipe would fill this process's memory.
        process = subprocess.Popen(command, stdin=given, stdout=taken, stderr=subprocess.DEVNULL)
        _wait(process, SECONDS)
        taken.seek(max(0, taken.seek(0, io.SEEK_END) - LONGEST_OUTPUT))
        output = taken.read()
    told = {}
    for line in output.decode("utf-8", "replace").splitlines():
        if line.startswith(MARK):
            try:
                name, status, code, message = map(str, json.loads(line.removeprefix(MARK)))
            except (ValueError, TypeError, RecursionError):
                continue
            if status in STATUSES:
                told[name] = Told(status, code[:LONGEST_CODE], message[:LONGEST_MESSAGE])
    return told


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for its end; what takes too long, or too much memory, is ended."""
    from coursekit.grade.recorder import LOOK_EVERY, memory_of

    end = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > end or memory_of(process.pid) > MEMORY:
            process.kill()  # with all that it started: they die with their parent
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_EVERY)
