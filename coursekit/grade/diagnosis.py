"""The diagnosis that a student's own check gives, for the report; no point depends on it.

This file is also the script that runs in the sandbox, beside the whole kit; what comes back from
there is in the student's hands.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 60
MEMORY = 4 << 30  # bytes of all its processes
LONGEST_OUTPUT = 1_000_000
LONGEST_CODE, LONGEST_MESSAGE = 80, 2_000
MARK = "diagnosis: "
STATUSES = ("passed", "different", "not attempted", "wrong", "raised")


@dataclass(frozen=True)
class Told:
    """What the student's own check says."""

    status: str
    code: str
    message: str


def write_whole_kit(folder: Path) -> None:
    """Write the kit and this script into an empty folder, for the sandbox."""
    from coursekit.inside.kernelkit import KIT

    unneeded = shutil.ignore_patterns("*.safetensors", "__pycache__")
    shutil.copytree(KIT, folder / "styletools", ignore=unneeded)
    shutil.copy(__file__, folder)
    for script in ("verdicts.py", "standins.py"):
        shutil.copy(Path(__file__).parents[1] / "inside" / script, folder)


def diagnose(
    answers: Mapping[str, str], needs: Mapping[str, str], kit: Path, mode: str = "bubblewrap"
) -> dict[str, Told]:
    """Run the checks on some answers, in the sandbox.

    Args:
        answers: {TODO: source}.
        needs: {earlier TODO: source of the reference} that they may call.
        kit: see `write_whole_kit`.
        mode: as in `Sandbox`.

    Returns:
        {TODO: what its check says}; one whose check comes to no end is missing.
    """
    from coursekit.sandbox import KIT, Sandbox

    sandbox = Sandbox(kit, mode=mode)
    command = sandbox.command([sys.executable, str(sandbox.path(KIT / "diagnosis.py"))])
    told: dict[str, Told] = {}
    waiting = dict(answers)
    while waiting:
        with sandbox:
            found = _ask(command, {"answers": waiting, "needs": dict(needs)})
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
        taken.seek(max(0, taken.seek(0, os.SEEK_END) - LONGEST_OUTPUT))
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


def _main() -> None:
    """In the sandbox: a line for each answer, as soon as its check has ended."""
    import standins  # type: ignore[import-not-found]  # copies, beside this script
    import verdicts  # type: ignore[import-not-found]

    import styletools
    from styletools.course import checks

    request = json.load(sys.stdin)
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what answers print is not wanted
    given = ("STYLE_WEIGHTS", "bundled", "load_image", "save_image", "to_image")
    offers = {name: getattr(styletools, name) for name in given}
    desk = verdicts.Desk({**offers, "checks": checks, **standins.OFFERS})
    for name, source in request["needs"].items():
        desk.give(name, source)
    for name, source in request["answers"].items():
        desk.answer(name, source)
        if name in desk.names and desk.names[name] is not desk.offers.get(name):
            found = checks.DIAGNOSES[name](desk.names[name])
            told = [name, found.status, found.code, found.message]
        else:
            told = [name, "not attempted", "", f"No `{name}`. {' '.join(desk.errors)}".strip()]
        os.write(out, f"{MARK}{json.dumps(told)}\n".encode())


if __name__ == "__main__":
    _main()
