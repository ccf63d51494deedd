"""The package `styletools` as the grading kernel has it: without what the TODOs ask for.

Pictures can be opened there; figures and the like say nothing; the losses, the mapping and the
checks raise when they are used, and the call is noted. Their code is not in it at all.
"""

import shutil
from pathlib import Path

import styletools

KIT = Path(styletools.__file__).parent
REAL = ("errors", "_files", "images", "_rgb")
SILENT = ("course.diagrams", "course.notebook", "plots", "lab.studio")
WITHHELD = ("course.checks", "course.todos", "config", "losses", "engine", "transfer", "vgg")
OLDER = {  # where hand-ins of an earlier release of the kit look for them
    "checks": "course.checks", "diagrams": "course.diagrams", "lessons": "course.notebook",
}  # fmt: skip

HELPERS = '''\
"""Objects that stand for what is not in the grading kernel."""

calls = []


class Withheld:
    """Whoever uses it is told no, and noted."""

    def __init__(self, name):
        object.__setattr__(self, "_name", name)

    def _refuse(self, *arguments, **named):
        name = object.__getattribute__(self, "_name")
        calls.append(name)
        raise RuntimeError(f"{name} is the kit's; the grader asks for an answer of your own.")

    __call__ = __getitem__ = __iter__ = __len__ = __contains__ = _refuse

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()


class Silent:
    """Takes every call and does nothing."""

    def __call__(self, *arguments, **named):
        return self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self


def withheld(module):
    """`__getattr__` of a module without its content."""

    def attribute(name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Withheld(f"{module}.{name}")

    return attribute


def silent(name):
    """`__getattr__` of a module whose functions do nothing here."""
    if name.startswith("__"):
        raise AttributeError(name)
    return Silent()
'''

PACKAGE = '''\
"""The kit, as far as it is needed to grade."""

from importlib import import_module

__version__ = {version!r}
_HOME = {home!r}
_MODULES = {modules!r}
__all__ = []


def __getattr__(name):
    if name in _HOME:
        return getattr(import_module(f"styletools.{{_HOME[name]}}"), name)
    if name in _MODULES:
        return import_module(f"styletools.{{_MODULES[name]}}")
    raise AttributeError(f"module 'styletools' has no attribute {{name!r}} in the grading kernel")
'''


COURSE = '''\
"""What the lessons need, as far as it is needed to grade."""

from importlib import import_module

from styletools._withheld import silent


def __getattr__(name):
    try:
        return import_module(f"styletools.course.{name}")
    except ModuleNotFoundError:
        return silent(name)
'''


def write_kernel_kit(folder: Path) -> None:
    """Write it into an empty folder, with the files that the verdict cells import.

    Args:
        folder: will be on the kernel's `sys.path`.
    """
    package = folder / "styletools"
    modules = (*REAL, *SILENT, *WITHHELD)
    home = {name: home for name, home in styletools._HOME.items() if home in modules}
    moved = {**{name: name for name in modules if "." not in name}, **OLDER}
    settings = {"version": styletools.__version__, "home": home, "modules": moved}
    for name in ("course", "lab"):
        _write(package / name / "__init__.py", "")
    _write(package / "course" / "__init__.py", COURSE)
    _write(package / "__init__.py", PACKAGE.format(**settings))
    _write(package / "_withheld.py", HELPERS)
    for name in REAL:
        shutil.copy(KIT / f"{name}.py", package)
    for name in SILENT:
        source = "from styletools._withheld import silent as __getattr__  # noqa\n"
        _write(package / f"{name.replace('.', '/')}.py", source)
    for path in sorted(KIT.rglob("*.py")):
        module = ".".join(path.relative_to(KIT).with_suffix("").parts).removesuffix(".__init__")
        if any(f"{module}.".startswith(f"{name}.") for name in WITHHELD):
            module = f"styletools.{module}"
            source = (
                f"from styletools._withheld import withheld\n__getattr__ = withheld({module!r})\n"
            )
            if module == "styletools.config":
                source += f"STYLE_WEIGHTS = {styletools.STYLE_WEIGHTS!r}\n"
            _write(package / path.relative_to(KIT), source)
    for name in ("verdicts.py", "standins.py"):
        shutil.copy(Path(__file__).with_name(name), folder)
    shutil.copytree(KIT.parent / "images", folder / "images", dirs_exist_ok=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
