"""Feedback on the lessons' TODOs: the check cell after each is one line.

    checks.check_gram_matrix(globals())

A check prints its verdict. Where the answer is not accepted, it puts the kit's version into the
notebook under the same name, so that the lesson goes on; with `STYLETOOLS_STRICT=1`, as under
pytest, it then raises `CheckFailed`. `diagnose_*` are the same without any effect.
"""

import difflib
import os
from collections.abc import Callable, MutableMapping
from typing import Any

from styletools.course.checks.engine import Diagnosis, Finding
from styletools.course.checks.gram import GRAM, diagnose_gram_matrix
from styletools.course.checks.loop import OPTIMISE, diagnose_optimise
from styletools.course.checks.losses import (
    CONTENT,
    LAYER_STYLE,
    STYLE,
    TOTAL,
    diagnose_content_loss,
    diagnose_layer_style_loss,
    diagnose_style_loss,
    diagnose_total_loss,
)
from styletools.course.checks.mapping import LAYERS, diagnose_layers
from styletools.course.checks.pictures import diagnose_own_pictures, examine_pictures
from styletools.course.todos import KIT, kit_pictures

__all__ = [
    "DIAGNOSES",
    "KIT",
    "CheckFailed",
    "Diagnosis",
    "check_content_loss",
    "check_gram_matrix",
    "check_layer_style_loss",
    "check_layers",
    "check_optimise",
    "check_own_pictures",
    "check_style_loss",
    "check_total_loss",
    "diagnose_content_loss",
    "diagnose_gram_matrix",
    "diagnose_layer_style_loss",
    "diagnose_layers",
    "diagnose_optimise",
    "diagnose_own_pictures",
    "diagnose_style_loss",
    "diagnose_total_loss",
]

Namespace = MutableMapping[str, Any]
TODOS = {todo.name: todo for todo in (LAYERS, GRAM, CONTENT, LAYER_STYLE, STYLE, TOTAL, OPTIMISE)}
DIAGNOSES: dict[str, Callable[[object], Diagnosis]] = {
    "layers": diagnose_layers,
    "gram_matrix": diagnose_gram_matrix,
    "content_loss": diagnose_content_loss,
    "layer_style_loss": diagnose_layer_style_loss,
    "style_loss": diagnose_style_loss,
    "total_loss": diagnose_total_loss,
    "optimise": diagnose_optimise,
}
"""{name in the lesson: its diagnosis}; `diagnose_own_pictures` takes two objects."""


class CheckFailed(AssertionError):  # noqa: N818
    """Raised by a check in strict mode; the text is what the check printed."""


def check_layers(namespace: Namespace) -> None:
    """Check the notebook's `layers`."""
    _check("layers", namespace)


def check_gram_matrix(namespace: Namespace) -> None:
    """Check the notebook's `gram_matrix`."""
    _check("gram_matrix", namespace)


def check_content_loss(namespace: Namespace) -> None:
    """Check the notebook's `content_loss`."""
    _check("content_loss", namespace)


def check_layer_style_loss(namespace: Namespace) -> None:
    """Check the notebook's `layer_style_loss`."""
    _check("layer_style_loss", namespace)


def check_style_loss(namespace: Namespace) -> None:
    """Check the notebook's `style_loss`."""
    _check("style_loss", namespace)


def check_total_loss(namespace: Namespace) -> None:
    """Check the notebook's `total_loss`."""
    _check("total_loss", namespace)


def check_optimise(namespace: Namespace) -> None:
    """Check the notebook's `optimise`."""
    _check("optimise", namespace)


def check_own_pictures(namespace: Namespace) -> None:
    """Check the notebook's `my_content` and `my_style`; the kit's stands in for each bad one."""
    diagnosis, bad = examine_pictures(namespace.get("my_content"), namespace.get("my_style"))
    _report(diagnosis, namespace, {n: path for n, path in kit_pictures().items() if n in bad})


def _check(name: str, namespace: Namespace) -> None:
    known = name in namespace
    diagnosis = DIAGNOSES[name](namespace[name]) if known else _missing(name, namespace)
    _report(diagnosis, namespace, {name: KIT[name]})


def _missing(name: str, namespace: Namespace) -> Diagnosis:
    mine = [key for key, value in namespace.items() if callable(value) and key not in KIT]
    similar = difflib.get_close_matches(name, mine, n=1)
    renamed = f" Is `{similar[0]}` your answer? Later cells look for `{name}`." if similar else ""
    message = f"There is no `{name}`.{renamed} Run the cell that defines it."
    return TODOS[name].diagnosis(Finding("missing", message, "not attempted"))


def _report(diagnosis: Diagnosis, namespace: Namespace, instead: dict[str, Any]) -> None:
    print(diagnosis)
    if diagnosis.accepted:
        return
    names = " and ".join(f"`{name}`" for name in instead)
    if names:
        print(
            f"  The lesson goes on with the kit's {names}. Change your cell, run it, then this one."
        )
    namespace.update(instead)
    if _strict():
        raise CheckFailed(str(diagnosis))


def _strict() -> bool:
    """Under pytest (notebooks/conftest.py) and nbgrader a failed check must fail its cell."""
    return os.environ.get("STYLETOOLS_STRICT") == "1" or "NBGRADER_EXECUTION" in os.environ
