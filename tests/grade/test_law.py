"""The law: the visible check and the grade agree on every notebook, whatever became of its cells.

Notebooks are drawn anew: an answer, right or wrong, is split, moved, renamed, wrapped, corrected
below or hidden behind a value. Where the student's own check says ✓, at its place or at the end of
the notebook, the answer earns all points; where it does not, it does not.
"""

import ast
import builtins
import contextlib
import io
import random
import secrets
import textwrap

import pytest
from support.desk import BY_NAME, PRELUDE, asked, run_cells
from support.mutants import read_mutants

from coursekit.inside import verdicts
from styletools.course import checks

BLOCK, BLOCKS = 50, 40  # `make test` takes one block, `make soak` all
ANSWERS = {
    name: {
        good: [m.source for m in read_mutants() if m.name == name and (m.status == "passed") == good
               and m.status in ("passed", "wrong", "raised")]
        for good in (True, False)
    }
    for name in verdicts.PARTS
}  # fmt: skip


def split(chance, name, cells):
    """Each statement in a cell of its own."""
    return [ast.unparse(one) for cell in cells for one in ast.parse(cell).body]


def merged(chance, name, cells):
    return ["\n".join(["size = 3", *cells, "size += 1"])]


def doubled(chance, name, cells):
    return [*cells, *cells]


def renamed(chance, name, cells):
    """Under a name of the student's own, and then under the name that is asked for."""
    *above, last = cells
    return [*above, f"{last}\nmine = {name}\ndel {name}", f"{name} = mine"]


def wrapped(chance, name, cells):
    head = chance.choice(
        ("if True:", "for _ in range(1):", "with __import__('contextlib').suppress():")
    )
    *above, last = cells
    return [*above, f"{head}\n{textwrap.indent(last, '    ')}"]


def tried(chance, name, cells):
    *above, last = cells
    return [*above, f"try:\n{textwrap.indent(last, '    ')}\nexcept NameError:\n    pass"]


def imported(chance, name, cells):
    """Under other names, in a cell of their own."""
    return ["import torch as th", *(cell.replace("torch.", "th.") for cell in cells)]


def disturbed(chance, name, cells):
    """A cell that fails stands above and below."""
    return ["1 / 0", *cells, f"print({name})\nundefined_name"]


def corrected(chance, name, cells):
    """What stands at the check is another answer; this one comes below."""
    return [chance.choice(ANSWERS[name][chance.random() < 0.5]), None, *cells]


def spoilt(chance, name, cells):
    """Below the check another answer follows."""
    return [*cells, None, chance.choice(ANSWERS[name][False])]


def overwritten(chance, name, cells):
    """Below the check the name holds a value that is no answer."""
    return [*cells, None, f"{name} = 3.5"]


EDITS = (split, merged, doubled, renamed, wrapped, tried, imported, disturbed)
LAST_EDITS = (corrected, spoilt, overwritten)


def make(seed):
    """(TODO, cells, place of the check among them, what was done)."""
    chance = random.Random(seed)
    name = chance.choice([*ANSWERS])
    cells = [chance.choice(ANSWERS[name][chance.random() < 0.6])]
    edits = chance.sample(EDITS, chance.randint(1, 3))
    edits += chance.sample(LAST_EDITS, chance.randint(0, 1))
    for edit in edits:
        with contextlib.suppress(SyntaxError):  # an answer that is none cannot be taken apart
            cells = edit(chance, name, cells)
    place = cells.index(None) - 1 if None in cells else len(cells) - 1
    titles = [edit.__name__ for edit in edits]
    return name, [cell for cell in cells if cell is not None], place, titles


def imports(name):
    return "\n".join(
        [PRELUDE, *(f"from styletools import {n}" for n in verdicts.NEEDS.get(name, ()))]
    )


def visible(name, cells, place):
    """Whether the student's own check says ✓, at its place or at the end."""
    names = {"__name__": "__main__", "__builtins__": builtins}
    names |= {need: checks.KIT[need] for need in verdicts.NEEDS.get(name, ())}
    said = []
    for number, source in enumerate([PRELUDE, *cells]):
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            for one in ast.parse(source).body:
                exec(compile(ast.Module([one], []), f"<cell {number}>", "exec"), names)
        if number in (place + 1, len(cells)):
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                getattr(checks, f"check_{name}")(dict(names))
            said.append(printed.getvalue().startswith("✓"))
    return any(said)


@pytest.fixture(scope="module")
def cases(request):
    """{block: [(seed, notebook, what the check says)]}, while the kit still has its answers."""
    first = secrets.randbits(40)
    blocks = {item.callspec.params["block"] for item in request.session.items
              if item.originalname == "test_the_check_and_the_grade_agree"}  # fmt: skip
    return {
        block: [
            (seed, made, visible(*made[:3]))
            for seed in range(first + block * BLOCK, first + (block + 1) * BLOCK)
            for made in [make(seed)]
        ]
        for block in blocks
    }


@pytest.mark.parametrize(
    "block", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, BLOCKS))]
)
def test_the_check_and_the_grade_agree(block, cases, kernel, drawn, capsys):
    apart, full = [], 0
    for seed, (name, cells, place, titles), ticked in cases[block]:
        desk = kernel()
        run_cells(desk, name, imports(name), *cells, places=[place + 1])
        capsys.readouterr()
        values = range(max(1, len(desk.kept[name])))
        graded = any(asked(name, drawn, desk, capsys, which).full for which in values)
        full += graded
        if graded != ticked:
            apart.append((seed, name, titles, "check" if ticked else "grade", cells))
    assert apart == []
    assert 0 < full < BLOCK  # both kinds were there


def test_the_same_seed_makes_the_same_notebook():
    assert make(7) == make(7)
    assert BY_NAME.keys() >= {make(seed)[0] for seed in range(40)}
