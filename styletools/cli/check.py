"""The visible checks on saved notebooks, outside of them: what `styletools check` does.

The answers are run anew, with the cells that they need (imports, functions, constants) and no
others: no run of 2000 steps. Each notebook has a process of its own.
"""

import ast
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from styletools.course.handin.read import Cell, Notebook, read_notebook, read_work
from styletools.course.todos import TODOS

_SECONDS = 300.0  # for a notebook
CHECK = "check_"
LIGHT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


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
    yield f"{path.name}", True
    command = [sys.executable, "-m", "styletools.cli.check", path.name]
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONIOENCODING": "utf-8"}
    environment.pop("STYLETOOLS_STRICT", None)
    try:
        done = subprocess.run(
            command, cwd=path.parent, env=environment, capture_output=True, timeout=seconds
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
    """Run its answers and print what the checks say."""
    from styletools.course import checks

    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in notebook.cells:
        name = cell.grade_id.removeprefix(CHECK)
        if cell.grade_id.startswith(CHECK) and name in TODOS:
            getattr(checks, cell.grade_id)(names)
        elif cell.kind == "code" and (name in TODOS or _is_light(cell)):
            try:
                exec(compile(cell.source, f"the cell {cell.grade_id or '?'}", "exec"), names)
            except Exception as error:
                if name in TODOS:
                    said = traceback.format_exception_only(error)[-1].strip()
                    print(f"✗ {name}: its cell raises {said}")


def _is_light(cell: Cell) -> bool:
    """Whether it only defines things."""
    try:
        statements = ast.parse(cell.source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(isinstance(one, LIGHT) or _is_constant(one) for one in statements)


def _is_constant(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Assign):
        return False
    calls = (ast.Call, ast.Attribute, ast.Await, ast.BinOp)
    return not any(isinstance(node, calls) for node in ast.walk(statement.value))


if __name__ == "__main__":
    check_notebook(read_notebook(Path(sys.argv[1])))
