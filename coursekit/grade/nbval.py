"""Runs a rebuilt notebook: `pytest --nbval`, unmodified, with the kernel in a sandbox."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from coursekit.grade.recorder import read_record
from coursekit.sandbox import Sandbox

INI = "[pytest]\naddopts =\n"  # trusted, so that none is looked for elsewhere
KERNEL = "coursekit"
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
        cell: for a cell; the first imports torch, on a machine that does other things too.
        run: for a notebook.
    """

    cell: float = 20
    run: float = 150


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
    notebook: NotebookNode,
    sandbox: Sandbox,
    seconds: Seconds = Seconds(),
    memory: int = 4 << 30,
) -> dict[str, CellResult]:
    """Run it, in a folder of its own.

    Args:
        notebook: with the expected outputs.
        sandbox: for its kernel.
        seconds: time limits.
        memory: bytes that the kernel and all it starts may take together.

    Returns:
        {cell id: result}, of all its cells; "not reached" where pytest got to no verdict.
    """
    found: dict[str, CellResult] = {}
    with sandbox, _folder(notebook, sandbox) as folder:
        command = sandbox.offline(_pytest(folder, seconds, memory))
        _wait(command, folder, seconds.run)
        for line in read_record(folder / "record.jsonl"):
            identity = str(line.pop("cell"))
            if identity not in found or found[identity].passed:
                found[identity] = CellResult(**line)
    unreached = CellResult(False, "not reached")
    return {cell.id: found.get(cell.id, unreached) for cell in notebook.cells}


@contextmanager
def _folder(notebook: NotebookNode, sandbox: Sandbox) -> Iterator[Path]:
    """A folder with all that pytest needs; `tmp` in it is for the kernel's connection file."""
    folder = Path(tempfile.mkdtemp(prefix="coursekit-run-"))
    try:
        (folder / "tmp").mkdir()
        (folder / "pytest.ini").write_text(INI)
        nbformat.write(notebook, folder / "rebuilt.ipynb")
        kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", CONNECTION]
        argv = sandbox.command(
            [*kernel, *KERNEL_OPTIONS], private=CONNECTION, network=True
        )  # pytest's, which is none but the loopback
        spec = {"argv": argv, "display_name": KERNEL, "language": "python"}
        place = folder / "data" / "kernels" / KERNEL
        place.mkdir(parents=True)
        (place / "kernel.json").write_text(json.dumps(spec))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pytest(folder: Path, seconds: Seconds, memory: int) -> list[str]:
    options = ["--nbval", "--nbval-kernel-name", KERNEL, "--runxfail", "--noconftest"]
    options += ["--nbval-cell-timeout", str(seconds.cell), "--color", "no", "-q", "--tb", "no"]
    options += ["-c", str(folder / "pytest.ini"), "--rootdir", str(folder)]
    options += ["-p", "coursekit.grade.recorder", "-p", "nbval.plugin", "-p", "no:cacheprovider"]
    options += ["--record", str(folder / "record.jsonl"), "--kernel-memory", str(memory)]
    return [sys.executable, "-m", "pytest", *options, str(folder / "rebuilt.ipynb")]


def _environment(folder: Path) -> Mapping[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        "JUPYTER_PATH": str(folder / "data"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TMPDIR": str(folder / "tmp"),
    }


def _wait(command: Sequence[str], folder: Path, seconds: float) -> None:
    """Run the command to its end, or to the end of its time."""
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(_environment(folder)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()  # with all that it started: they die with their parents
            process.wait()
