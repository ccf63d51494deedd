"""What the lessons need, as far as it is needed to grade."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from styletools._withheld import Silent, silent

MOST_STEPS, MOST_PIXELS = 3, 32


def steps(number: int) -> int:
    """A few."""
    return min(number, MOST_STEPS)


def size(pixels: int) -> int:
    """Tiny."""
    return min(pixels, MOST_PIXELS)


class Progress(Silent):
    """Watches nothing."""

    pictures: dict[int, Any] = {}  # noqa: RUF012  # it stays empty

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def watch(self, loss_of: Callable[..., Any]) -> Callable[..., Any]:
        """The same loss."""
        return loss_of


def __getattr__(name: str) -> Any:
    try:
        return import_module(f"styletools.course.{name}")
    except ModuleNotFoundError:
        return silent(name)
