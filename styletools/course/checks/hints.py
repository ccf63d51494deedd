"""Hints for a TODO, one after the other: where to look, what is meant, a worked step.

They answer to the mistake that the TODO's check found last. Their texts are in `data/hints.toml`.
"""

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

from styletools.course.diagnosis import Diagnosis
from styletools.course.todos import CHECKED
from styletools.errors import StyletoolsError

HINTS_FILE = Path(__file__).parents[2] / "data" / "hints.toml"
STAGES = {"look": "where to look", "meant": "what is meant", "step": "a worked step"}
NO_MISTAKE_SEEN = "not-attempted"  # what counts as the mistake where no check was run


class NoHintError(StyletoolsError, ValueError):
    """There is no TODO of that name, or no hint for it."""


@dataclass(frozen=True)
class Hints:
    """The three hints for some mistakes.

    Attributes:
        codes: of the mistakes, without the TODO's prefix.
        todos: names of the TODOs that the entry is for; empty for all.
        texts: one for each of `STAGES`.
    """

    codes: frozenset[str]
    todos: frozenset[str]
    texts: tuple[str, ...]


@functools.cache
def all_hints() -> tuple[Hints, ...]:
    """The entries of the file, in order."""
    entries = tomllib.loads(HINTS_FILE.read_text("utf-8"))["hint"]
    return tuple(
        Hints(
            frozenset(entry["codes"]),
            frozenset(entry.get("todos", ())),
            tuple(entry[stage] for stage in STAGES),
        )
        for entry in entries
    )


def hints_for(name: str, code: str) -> Hints | None:
    """The first entry for a mistake in a TODO.

    Args:
        name: of the TODO.
        code: of the mistake, without the TODO's prefix.
    """
    fitting = (h for h in all_hints() if code in h.codes and (not h.todos or name in h.todos))
    return next(fitting, None)


class HintDesk:
    """Remembers, for each TODO, the mistake last seen and how many hints were given on it."""

    def __init__(self) -> None:
        self._code: dict[str, str] = {}
        self._given: dict[str, tuple[Hints, int]] = {}

    def saw(self, diagnosis: Diagnosis) -> None:
        """A check has spoken."""
        prefix = CHECKED[diagnosis.name].prefix
        self._code[diagnosis.name] = diagnosis.code.removeprefix(f"{prefix}-")

    def next(self, name: str) -> str:
        """The next hint; the third is repeated. Another kind of mistake begins with the first.

        Raises:
            NoHintError: no TODO has that name.
        """
        if name not in CHECKED:
            raise NoHintError(f"There is no TODO {name!r}; the TODOs are {', '.join(CHECKED)}.")
        code = self._code.get(name, NO_MISTAKE_SEEN)
        if code == "passed":
            return f"{name}: its check passes, so it needs no hint."
        hints = hints_for(name, code) or hints_for(name, NO_MISTAKE_SEEN)
        if hints is None:
            raise NoHintError(
                f"{HINTS_FILE.name} has no hint for {name}; add one for {NO_MISTAKE_SEEN!r}."
            )
        before, given = self._given.get(name, (hints, 0))
        number = min(given + 1, len(STAGES)) if before == hints else 1
        self._given[name] = hints, number
        stage = list(STAGES.values())[number - 1]
        return f"Hint {number} of {len(STAGES)} on {name}, {stage}: {hints.texts[number - 1]}"


DESK = HintDesk()
"""Of this session."""


def hint(name: str) -> None:
    """Print the next hint on a TODO, such as `hint("gram_matrix")`.

    There are three for each kind of mistake: where to look, what is meant, and a worked step on
    other numbers. They answer to what the TODO's check found last: run the check first.

    Raises:
        NoHintError: no TODO has that name; the message lists the names.
    """
    print(DESK.next(name))
