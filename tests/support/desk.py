"""A grading kernel's desk in this process, and what it is asked: fixtures, without a kernel."""

import importlib
import sys

import pytest

import styletools
from coursekit.grade import grader as grading
from coursekit.grade import kits, rebuild
from coursekit.grade.nbval import CellResult
from coursekit.inside import verdicts

TODOS = rebuild.read_todos()
BY_NAME = {todo.name: todo for todo in TODOS}


@pytest.fixture(scope="session")
def reference():
    return rebuild.Reference(TODOS)


@pytest.fixture(scope="session")
def drawn(reference):
    return {name: reference.draw(name) for name in verdicts.PARTS}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """The modules of a grading kernel, in this process."""
    folder = tmp_path_factory.mktemp("kernel")
    kits.write_kernel_kit(folder)
    for name in styletools.__all__:  # lazy names are imported now, while the real kit is in place
        getattr(styletools, name)
    real = {name: module for name, module in sys.modules.items() if name.startswith("styletools")}
    for name in real:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield fresh_desk
    finally:
        sys.path.remove(str(folder))
        sys.meta_path[:] = [one for one in sys.meta_path if type(one).__name__ != "BlankModules"]
        for name in [name for name in sys.modules if name.startswith("styletools")]:
            del sys.modules[name]
        sys.modules.update(real)


PRELUDE = """
import math
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from styletools import bundled, load_image, save_image, show_images, to_image
from styletools.config import STYLE_WEIGHTS
from styletools.course import checks, diagrams
device = torch.device("cpu")
"""


def fresh_desk():
    """A kernel has one desk only; here they share the kit."""
    import lessons

    desk = lessons.lesson_desk()
    desk.kit.given.clear()
    return desk


def run_cells(desk, name, *sources, places=None):
    """Cells of a notebook, of which the last is the place of the check; what comes next asks."""
    desk.open([name])
    for needed in verdicts.NEEDS.get(name, ()):
        desk.give(needed, rebuild.kit_source(needed))
    for number, source in enumerate(sources):
        here = number in (places or [len(sources) - 1])
        desk.run(source, f"cell {number}", [name] if here else [])
    desk.judge()


def judged(name, source, drawn, desk, capsys, prelude=PRELUDE) -> grading.Judged:
    """What a notebook with an answer comes to, compared as nbval compares."""
    imports = [f"from styletools import {n}" for n in verdicts.NEEDS.get(name, ())]
    run_cells(desk, name, "\n".join([prelude, *imports]), source)
    capsys.readouterr()
    return asked(name, drawn, desk, capsys)


def asked(name, drawn, desk, capsys, *which) -> grading.Judged:
    """What the verdict cells come to."""
    cells = {}
    for one in drawn[name]:
        desk.show(name, one.part, one.seed, *which)
        printed = capsys.readouterr().out
        right = printed == one.text
        cells[one.part] = CellResult(right, "" if right else "differs", printed)
    extra = verdicts.DIFFERENT.get(name)
    parts = {part: cell for part, cell in cells.items() if part != extra}
    return grading.Judged(parts, cells.get(extra), None, started=True)
