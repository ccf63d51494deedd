"""What the lessons need, and nothing else. Each part is imported when it is first used."""

from importlib import import_module
from typing import Any

_NOTEBOOK = ("Progress", "QUICK", "begin", "size", "steps")
__all__ = ["QUICK", "Progress", "begin", "checks", "diagrams", "doctor", "handin", "size", "steps"]


def __getattr__(name: str) -> Any:
    if name in _NOTEBOOK:
        return getattr(import_module(f"{__name__}.notebook"), name)
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
