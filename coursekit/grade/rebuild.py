"""The notebook that is graded: a student's code cells, and verdict cells behind them.

Of the submission it holds the source of code cells and modules, and nothing else. What the verdict
cells must print is computed here, by the reference, at a seed drawn now, and stored as their
output, so that nbval compares in pytest's process, out of the student's reach.
"""

import ast
import functools
import inspect
import math
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import torch
from nbformat import NotebookNode
from torch import nn

from coursekit.collect.magics import parsed
from coursekit.course import NOTEBOOKS, CourseError, Question, this_course
from coursekit.inside import state, verdicts
from coursekit.inside.cells import Cells
from coursekit.records import Run
from styletools import losses
from styletools.config import STYLE_WEIGHTS
from styletools.course.todos import TODOS

MAX_DRAWS = 4_000
SEED_BITS = 96
_IMPORTED: dict[str, Any] = {"torch": torch, "nn": nn, "F": nn.functional, "np": np, "math": math}
_IMPORTED |= {"STYLE_WEIGHTS": STYLE_WEIGHTS}  # by lessons, for their references
_KERNEL = {"kernelspec": {"name": "coursekit", "display_name": "coursekit", "language": "python"}}


@dataclass(frozen=True)
class _Verdict:
    """A verdict cell: what it shows, at which seed, and what it must print."""

    part: str
    seed: int
    text: str


def verdict_id(todo: str, part: str, which: int = 0) -> str:
    """The id of a verdict cell, on one of the values of a name."""
    return f"{todo}-{part.replace(' ', '-')}" + (f"-{which}" if which else "")


def read_todos(notebooks: Path = NOTEBOOKS) -> tuple[Question, ...]:
    """The TODOs of the built lessons, in their order.

    Raises:
        CourseError: one of them cannot be graded: no points, no reference, no verdict.
    """
    todos = this_course(notebooks).todos
    for todo in todos:
        if todo.name not in verdicts.PARTS and todo.name not in verdicts.REPORTED:
            raise CourseError(f"{todo.cell_id}: inside/verdicts.py has no verdict on it.")
    return todos


class Reference:
    """The reference's answers, run in this process; computes what verdict cells must print."""

    def __init__(self, todos: Iterable[Question]) -> None:
        state.spare_dynamo()
        self.answers: dict[str, Any] = {}
        for todo in todos:
            if todo.name not in verdicts.PARTS:
                continue
            book = Cells()
            book.names |= {**_IMPORTED, **self.answers}
            failure = book.run(todo.reference, todo.name)
            if todo.name not in book.names:
                raise CourseError(f"The reference of {todo.name} fails: {failure}.")
            self.answers[todo.name] = book.names[todo.name]

    def draw(self, name: str, seeds: Callable[[], int] | None = None) -> list[_Verdict]:
        """Verdicts on a TODO, at fresh seeds where no number is near a rounding boundary.

        Args:
            name: of the TODO.
            seeds: gives them; secret random ones, if left out.

        Raises:
            CourseError: no seed is good.
        """
        seeds = seeds or (lambda: secrets.randbits(SEED_BITS))
        return [self._draw(name, part, seeds) for part in verdicts.PARTS.get(name, ())]

    def _draw(self, name: str, part: str, seeds: Callable[[], int]) -> _Verdict:
        for _ in range(MAX_DRAWS):
            seed = seeds()
            found = verdicts.verdict(name, part, self.answers[name], seed)
            if found.steady:
                return _Verdict(part, seed, found.text)
        raise CourseError(f"None of {MAX_DRAWS} seeds gives steady numbers: {name}, {part}.")


def rebuild_runs(
    runs: Sequence[Run],
    asked: Mapping[str, Sequence[int]],
    verdicts_on: Mapping[str, Sequence[_Verdict]],
    skipped: Collection[str] = (),
) -> NotebookNode:
    """The notebook that runs a student's notebooks, and asks what they define.

    Args:
        runs: the notebooks.
        asked: {TODO: which of the values of its name}; see `inside.lessons`.
        verdicts_on: {TODO: its verdict cells}.
        skipped: ids of cells that are left out.
    """
    setup = (
        "import doors, lessons\ndoors.open_files()\ndoors.open_web()\ndesk = lessons.lesson_desk()"
    )
    cells = [_code("setup", setup)]
    given: set[str] = set()

    def give(names: Iterable[str]) -> None:
        for name in names:
            if name not in given:
                given.add(name)
                cells.append(_code(f"{name}-given", f"desk.give({name!r}, {kit_source(name)!r})"))

    needed = [name for names in verdicts.NEEDS.values() for name in names]
    give(name for name in dict.fromkeys(needed) if name not in asked)
    for number, run in enumerate(runs):
        wanted = [name for name in run.wanted if name in asked]
        if not wanted:
            continue
        cells.append(_code(f"open-{number}", f"desk.open({wanted!r}, {dict(run.modules)!r})"))
        for cell in run.cells:
            if cell.identity not in skipped:
                call = f"desk.run({cell.source!r}, {cell.label!r}, {cell.checks!r})"
                cells.append(_code(cell.identity, call))
        cells.append(_code(f"judge-{number}", "desk.judge()"))
        for name in wanted:
            for which in asked[name]:
                for one in verdicts_on.get(name, ()):
                    call = f"desk.show({name!r}, {one.part!r}, {one.seed}, {which})"
                    cells.append(_code(verdict_id(name, one.part, which), call, one.text))
            give([name] if name in needed else [])
        cells.append(_code(f"report-{number}", "desk.report()"))
    return nbformat.v4.new_notebook(cells=cells, metadata=_KERNEL)


@functools.lru_cache(maxsize=8)
def kit_source(name: str) -> str:
    """What students have of an earlier TODO's answer: the kit's, and not the instructor's."""
    functions = {"gram_matrix": (losses._precise, losses.gram_matrix)}
    found = functions.get(name) or (TODOS[name].answer,)
    return "\n".join(["from __future__ import annotations", *map(inspect.getsource, found)])


def is_stub(source: str, stub: str) -> bool:
    """Whether nothing was answered: comments and spaces do not count."""
    one, other = parsed(source), parsed(stub)
    if one is None or other is None:
        return not source.strip()
    return not one.body or ast.dump(one) == ast.dump(other)


def _code(identity: str, source: str, expected: str | None = None) -> NotebookNode:
    """A cell; nbval compares its output only where there is an execution count."""
    cell = nbformat.v4.new_code_cell(source, id=identity)
    if expected is not None:
        cell.execution_count = 1
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=expected)]
    return cell
