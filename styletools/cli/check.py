"""The visible checks on saved notebooks, outside of them: what `styletools check` does.

A notebook is run from top to bottom in a process of its own, as Jupyter and the grader run it: an
error ends its cell and not the notebook. A cell that takes longer than a few seconds is ended, too,
so that no run of 2000 steps is waited for.
"""

import contextlib
import io
import os
import subprocess
import sys
import time
import traceback
from _thread import interrupt_main
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

from IPython.core.interactiveshell import InteractiveShell

from styletools.course.handin.read import Notebook, read_notebook, read_work
from styletools.course.todos import TODOS

_SECONDS = 300.0  # for a notebook
_CELL_SECONDS, _CELLS_SECONDS = 5.0, 30.0  # for a cell, and for all but the answers
CHECK = "check_"


def check_folder(folder: Path, seconds: float = _SECONDS) -> Iterator[tuple[str, bool]]:
    """Run the checks of the lessons in a folder.

    Args:
        folder: holds the notebooks.
        seconds: after which a notebook is ended.

    Yields:
        A line to print, and whether all is well as far as it goes.
    """
    work = read_work(folder)
    for notebook in work.notebooks.values():
        if any(cell.grade_id in TODOS for cell in notebook.cells):
            yield from _check_apart(notebook.path, seconds)
    for problem in work.problems:
        if problem.where.rpartition(" · ")[2] not in TODOS:  # those have just been checked
            yield f"✗ {problem.where}: {problem.what}", False


def _check_apart(path: Path, seconds: float) -> Iterator[tuple[str, bool]]:
    yield path.name, True
    command = [sys.executable, "-m", "styletools.cli.check", path.name]
    settings = {"MPLBACKEND": "agg", "PYTHONIOENCODING": "utf-8", "STYLETOOLS_QUICK": "1"}
    environment = {**os.environ, **settings}
    environment.pop("STYLETOOLS_STRICT", None)
    try:
        done = subprocess.run(
            command,
            cwd=path.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        yield f"✗ {path.name}: its answers do not come to an end in {seconds:g} seconds.", False
        return
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        if not line.startswith("  The lesson goes on"):
            yield line, not line.startswith("✗")
    if done.returncode:
        ends = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        yield f"✗ {path.name}: its answers end Python ({' '.join(ends)[:300]}).", False


def check_notebook(notebook: Notebook) -> None:
    """Run its cells and print what the checks say.

    As for the grade, what a TODO's name holds in the end counts where it passes, and what it held
    at its check did not.
    """
    from styletools.course import checks

    shell = InteractiveShell.instance()
    shell.system = lambda *_: None  # type: ignore[method-assign]  # `!pip install …` does nothing
    names = shell.user_ns
    refused: dict[str, str] = {}
    waiting = {f"{CHECK}{name}" for name in TODOS} & {cell.grade_id for cell in notebook.cells}
    left = _CELLS_SECONDS
    for cell in notebook.cells:
        name = cell.grade_id.removeprefix(CHECK)
        if cell.grade_id in waiting:
            waiting.remove(cell.grade_id)
            said = _printed(shell, cell.grade_id)
            if said.startswith("✗"):
                refused[name] = said
            else:
                print(said, flush=True)
        elif cell.kind == "code" and (
            name in TODOS or any(one in cell.source for one in refused) or (waiting and left > 0)
        ):
            began = time.monotonic()
            if (error := _run(shell, cell.source)) and name in TODOS:
                print(f"✗ {name}: its cell raises {error}")
            left -= time.monotonic() - began
    for name, said in refused.items():
        own = name in checks.DIAGNOSES and names.get(name) is not checks.KIT[name]
        again = _printed(shell, f"{CHECK}{name}") if own else "✗"
        print(said if again.startswith("✗") else again)


def _printed(shell: InteractiveShell, check: str) -> str:
    """What a check says of the names in the notebook."""
    from styletools.course import checks

    with contextlib.redirect_stdout(io.StringIO()) as said:
        getattr(checks, check)(shell.user_ns)
    return said.getvalue().rstrip()


def _run(shell: InteractiveShell, source: str) -> str:
    """Run a cell; the error that ended it, or ""."""
    timer = Timer(_CELL_SECONDS, interrupt_main)
    error: BaseException | None
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            timer.start()
            done = shell.run_cell(source, silent=True)
            error = done.error_before_exec or done.error_in_exec
        except KeyboardInterrupt as late:
            error = late
        finally:
            timer.cancel()
    if isinstance(error, KeyboardInterrupt):
        return f"no error, and takes longer than {_CELL_SECONDS:g} seconds"
    return traceback.format_exception_only(error)[-1].strip() if error else ""


if __name__ == "__main__":
    check_notebook(read_notebook(Path(sys.argv[1])))
