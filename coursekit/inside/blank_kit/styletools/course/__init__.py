"""What the lessons need, as far as it is needed to grade."""

from importlib import import_module
from typing import Any

from styletools._withheld import silent


def __getattr__(name: str) -> Any:
    try:
        return import_module(f"styletools.course.{name}")
    except ModuleNotFoundError:
        return silent(name)
