"""Objects that stand for what is not in the grading kernel, and modules of nothing else."""

import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

from cells import WithheldError  # type: ignore[import-not-found]  # it lies beside the kit

from styletools._course import BASE, STYLE_WEIGHTS

SILENT = ("course.diagrams", "course.notebook", "lab.studio", "plots")
SILENT += ("diagrams", "lessons", "widgets")  # where hand-ins of an earlier release look
WITHHELD = ("config", "course.checks", "course.todos", "engine", "losses", "transfer", "vgg")
WITHHELD += ("checks", "objective", "optimisation")

calls: list[str] = []  # made while an answer is asked
asking: list[bool] = []  # not empty while answers are asked
closed: set[str] = set()  # TODOs that are judged in the notebook that runs
given: dict[str, Callable[..., Any]] = {}  # the kit's versions of TODOs that were judged before


class Withheld:
    """Whoever uses it is told no; and noted, where an answer is asked."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def _refuse(self, *arguments: Any, **named: Any) -> NoReturn:
        name = object.__getattribute__(self, "_name")
        if asking:
            calls.append(name)
        raise WithheldError(f"{name} is the kit's; the grader asks for an answer of your own.")

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        name = object.__getattribute__(self, "_name").rpartition(".")[2]
        if name not in given:
            self._refuse()
        return given[name](*arguments, **named)

    __getitem__ = __iter__ = __len__ = __contains__ = _refuse

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()


class Check(Withheld):
    """A check or a diagnosis, which a notebook may ask for, and an answer that is asked may not."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._refuse() if asking else Silent()


class Silent:
    """Takes every call and does nothing."""

    def __call__(self, *arguments: Any, **named: Any) -> "Silent":
        return self

    def __getattr__(self, name: str) -> "Silent":
        return silent(name)


def withheld(module: str) -> Callable[[str], Withheld]:
    """`__getattr__` of a module without its content."""

    def attribute(name: str) -> Withheld:
        if name.startswith("__"):
            raise AttributeError(name)
        kind = Check if name.startswith(("check_", "diagnose_", "hint")) else Withheld
        return kind(f"{module}.{name}")

    return attribute


def silent(name: str) -> Silent:
    """`__getattr__` of a module whose functions do nothing here."""
    if name.startswith("__"):
        raise AttributeError(name)
    return Silent()


class Settings(SimpleNamespace):
    """A configuration, which nothing here runs with."""

    def replace(self, **changes: Any) -> "Settings":
        """Another, with other values."""
        return Settings(**{**vars(self), **changes})


def settings(**changes: Any) -> Settings:
    """The assignment's, with other values."""
    return Settings(**BASE).replace(**changes)


SETTINGS = {
    "STYLE_WEIGHTS": STYLE_WEIGHTS,
    "TransferConfig": settings,
    "ASSIGNMENT": settings(),
    "FAST": settings(),
}


class BlankModules(MetaPathFinder, Loader):
    """Makes the modules that are silent or withheld, with all modules below them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Of a module of the kit that is no file here."""
        if _is_below(name, SILENT) or _is_below(name, WITHHELD):
            return spec_from_loader(name, self, is_package=True)
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Any name is in it."""
        if module.__name__ == "styletools.config":
            vars(module).update(SETTINGS)
        refuses = _is_below(module.__name__, WITHHELD)
        module.__getattr__ = withheld(module.__name__) if refuses else silent  # type: ignore[method-assign]


def install() -> None:
    """Have such modules found, once."""
    if not any(type(finder).__name__ == "BlankModules" for finder in sys.meta_path):
        sys.meta_path.insert(0, BlankModules())  # before the finder of an editable install


def _is_below(name: str, modules: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"styletools.{module}.") for module in modules)
