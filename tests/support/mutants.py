"""The answers of tests/mutants, for the tests of the checks and of grading."""

import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[1] / "data" / "answers"
TITLE = re.compile(
    r"^# %% (passed|different|not attempted|wrong|raised)(?: ([a-z-]+))?: (.+)$", re.MULTILINE
)


class Mutant(NamedTuple):
    """One cell of a file of answers."""

    name: str
    status: str
    code: str
    title: str
    source: str


def read_mutants() -> list[Mutant]:
    """All of them, in order."""
    mutants = []
    for path in sorted(FOLDER.glob("*.py")):
        _, *parts = TITLE.split(path.read_text(encoding="utf-8"))
        for status, code, title, source in zip(*[iter(parts)] * 4, strict=True):
            mutants.append(Mutant(path.stem, status, code or "passed", title, source))
    return mutants
