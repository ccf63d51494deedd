"""Runs the notebook that is graded: `pytest --nbval`, unmodified, its kernel in a sandbox."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from coursekit.grade.recorder import read_record
from coursekit.sandbox import Sandbox
from coursekit.sandbox.memory import LOOK_EVERY
from coursekit.sandbox.places import temporary

INI = "[pytest]\naddopts =\n"  # trusted, so that none is looked for elsewhere
_KERNEL = "coursekit"
RECORD = "record.jsonl"
CONNECTION = "{connection_file}"  # where Jupyter puts the file's name
KERNEL_OPTIONS = (
    "--IPKernelApp.capture_fd_output=False",  # what is written past Python goes nowhere
    "--HistoryManager.enabled=False",
    "--InteractiveShell.cache_size=0",
)


@dataclass(frozen=True)
class Seconds:
    """Time limits.

    Attributes:
        cell: for a cell.
        run: for a notebook, once its kernel is ready.
        start: for the kernel and its first cell, which imports torch, however busy this machine is.
    """

    cell: float = 20
    run: float = 150
    start: float = 120


@dataclass(frozen=True)
class CellResult:
    """What became of a cell.

    Attributes:
        passed: it ran, and printed what it should (where anything is expected).
        how: "" or "differs", "raised", "timed out", "died", "out of memory", "not reached".
        printed: by the student's kernel: a claim, no proof.
    """

    passed: bool
    how: str = ""
    printed: str = ""


def run_notebook(
    notebook: NotebookNode, sandbox: Sandbox, seconds: Seconds = Seconds()
) -> dict[str, CellResult]:
    """Run it, in a folder of its own.

    Args:
        notebook: with the expected outputs.
        sandbox: for its kernel.
        seconds: time limits.

    Returns:
        {cell id: result}, of all its cells; "not reached" where pytest got to no verdict.
    """
    found: dict[str, CellResult] = {}
    with sandbox, _folder(notebook, sandbox) as folder:
        command = sandbox.offline(_pytest(folder, seconds))
        _wait(command, folder, seconds)
        for line in read_record(folder / RECORD):
            identity = str(line.pop("cell"))
            if identity not in found or found[identity].passed:
                found[identity] = CellResult(**line)
    unreached = CellResult(False, "not reached")
    return {cell.id: found.get(cell.id, unreached) for cell in notebook.cells}


@contextmanager
def _folder(notebook: NotebookNode, sandbox: Sandbox) -> Iterator[Path]:
    """A folder with all that pytest needs; `tmp` in it is for the kernel's connection file."""
    folder = Path(tempfile.mkdtemp(prefix=temporary("run")))
    try:
        (folder / "tmp").mkdir()
        (folder / "pytest.ini").write_text(INI)
        nbformat.write(notebook, folder / "rebuilt.ipynb")
        kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", CONNECTION]
        argv = sandbox.command(
            [*kernel, *KERNEL_OPTIONS], private=CONNECTION, network=True
        )  # pytest's, which is none but the loopback
        spec = {"argv": argv, "display_name": _KERNEL, "language": "python"}
        place = folder / "data" / "kernels" / _KERNEL
        place.mkdir(parents=True)
        (place / "kernel.json").write_text(json.dumps(spec))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pytest(folder: Path, seconds: Seconds) -> list[str]:
    options = ["--nbval", "--nbval-kernel-name", _KERNEL, "--runxfail", "--noconftest"]
    options += ["--nbval-kernel-startup-timeout", str(seconds.start)]
    options += ["--first-cell-timeout", str(seconds.start)]
    options += ["--nbval-cell-timeout", str(seconds.cell), "--color", "no", "-q", "--tb", "no"]
    options += ["-c", str(folder / "pytest.ini"), "--rootdir", str(folder)]
    options += ["-p", "coursekit.grade.recorder", "-p", "nbval.plugin", "-p", "no:cacheprovider"]
    options += ["--record", str(folder / RECORD)]
    return [sys.executable, "-m", "pytest", *options, str(folder / "rebuilt.ipynb")]


def _environment(folder: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "JUPYTER_PATH": str(folder / "data"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TMPDIR": str(folder / "tmp"),
    }


def _wait(command: Sequence[str], folder: Path, seconds: Seconds) -> None:
    """Run the command to its end, or to the end of its time, which begins after the first cell."""
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        end, ready = time.monotonic() + seconds.start, False
        try:
            while process.poll() is None and time.monotonic() < end:
                if not ready and (folder / RECORD).exists():
                    end, ready = time.monotonic() + seconds.run, True
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_EVERY)
        finally:
            process.kill()  # with all that it started: they die with their parents
            process.wait()
