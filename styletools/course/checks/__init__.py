"""Feedback on the lessons' TODOs: the check cell after each is one line.

    checks.check_gram_matrix(globals())

A check prints its verdict. Where the answer is not accepted, it puts the kit's version into the
notebook under the same name, so that the lesson goes on; with `STYLETOOLS_STRICT=1`, as under
pytest, it then raises `CheckFailed`. `diagnose_*` are the same without any effect.
`checks.hint("gram_matrix")` prints the next hint on the mistake that the check found last.
"""

import difflib
import os
from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from styletools.course.checks import control, gram, loop, losses, mapping
from styletools.course.checks.engine import Objection
from styletools.course.checks.hints import DESK, hint
from styletools.course.checks.pictures import diagnose_own_pictures, examine_pictures
from styletools.course.diagnosis import AnswerStatus, Diagnosis
from styletools.course.todos import CHECKED, KIT, TODOS, AnswerTodo

__all__ = [
    "DIAGNOSES",
    "KIT",
    "TODOS",
    "AnswerStatus",
    "CheckFailed",
    "Diagnosis",
    "diagnose_own_pictures",
    "hint",
]

Namespace = MutableMapping[str, Any]
_FOUND: Mapping[str, Any] = ChainMap(*map(vars, (control, gram, loop, losses, mapping)))
DIAGNOSES: dict[str, Callable[[object], Diagnosis]] = {
    name: _FOUND[f"diagnose_{name}"] for name in CHECKED if name != "own_pictures"
}
"""{name in the lesson: its diagnosis}; `diagnose_own_pictures` takes two objects."""


class CheckFailed(AssertionError):  # noqa: N818
    """Raised by a check in strict mode; the text is what the check printed."""


def _check_of(todo: AnswerTodo) -> Callable[[Namespace], None]:
    """The function that a lesson's check cell calls, such as `check_gram_matrix`."""

    def check(namespace: Namespace) -> None:
        if todo.name == "own_pictures":
            names = namespace.get("my_content"), namespace.get("my_style")
            diagnosis, bad = examine_pictures(*names)
            instead = {name: path for name, path in todo.answer().items() if name in bad}
        else:
            known = todo.name in namespace
            diagnosis = (
                DIAGNOSES[todo.name](namespace[todo.name]) if known else _missing(todo, namespace)
            )
            instead = {todo.name: todo.answer}
        _report(diagnosis, namespace, instead)

    check.__name__ = check.__qualname__ = f"check_{todo.name}"
    check.__doc__ = f"Check the notebook's `{todo.name}`; where it is wrong, the kit's stands in."
    return check


_MADE: dict[str, Any] = {f"diagnose_{name}": diagnose for name, diagnose in DIAGNOSES.items()}
_MADE |= {f"check_{todo.name}": _check_of(todo) for todo in CHECKED.values()}
globals().update(_MADE)
__all__ += [*_MADE]


def _missing(todo: AnswerTodo, namespace: Namespace) -> Diagnosis:
    mine = [key for key, value in namespace.items() if callable(value) and key not in KIT]
    similar = difflib.get_close_matches(todo.name, mine, n=1)
    looked_for = f"Later cells look for `{todo.name}`."
    renamed = f" Is `{similar[0]}` your answer? {looked_for}" if similar else ""
    message = f"There is no `{todo.name}`.{renamed} Run the cell that defines it."
    return Objection("missing", message, AnswerStatus.NOT_ATTEMPTED).of(todo)


def _report(diagnosis: Diagnosis, namespace: Namespace, instead: dict[str, Any]) -> None:
    print(diagnosis)
    DESK.saw(diagnosis)
    if diagnosis.accepted:
        return
    names = " and ".join(f"`{name}`" for name in instead)
    if names:
        print(
            f"  The lesson goes on with the kit's {names}. Change your cell, run it, and run this "
            f'check again. For a hint, run checks.hint("{diagnosis.name}") in a cell of your own.'
        )
    namespace.update(instead)
    if _strict():
        raise CheckFailed(str(diagnosis))


def _strict() -> bool:
    """Under pytest (notebooks/conftest.py) and nbgrader a failed check must fail its cell."""
    return os.environ.get("STYLETOOLS_STRICT") == "1" or "NBGRADER_EXECUTION" in os.environ
