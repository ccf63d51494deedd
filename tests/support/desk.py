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


def fresh_desk():
    """A kernel has one desk only; here they share the kit."""
    desk = verdicts.kernel_desk()
    for module in (desk.kit, desk.kit.losses):
        vars(module).pop("gram_matrix", None)
    return desk


def judged(name, source, drawn, desk, capsys) -> grading.Judged:
    """What running an answer's cells comes to, compared as nbval compares."""
    for needed in verdicts.NEEDS.get(name, ()):
        desk.give(needed, BY_NAME[needed].reference)
    desk.answer(name, rebuild.without_checks(source))
    capsys.readouterr()
    cells = {}
    for one in drawn[name]:
        desk.show(one.todo, one.part, one.seed)
        printed = capsys.readouterr().out
        right = printed == one.text
        cells[one.part] = CellResult(right, "" if right else "differs", printed)
    extra = verdicts.DIFFERENT.get(name)
    parts = {part: cell for part, cell in cells.items() if part != extra}
    return grading.Judged(parts, cells.get(extra), None, started=True)
