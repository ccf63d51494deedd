"""What lies on Python's path in the sandbox: the blank kit for verdicts, the whole one for checks.

In the blank kit (`inside/blank_kit`) pictures can be opened; figures, checks and the like say
nothing; the losses and the mapping raise when they are used. What an answer calls of them while it
is asked is noted. Their code is not in it at all.
"""

import shutil
from pathlib import Path

import styletools
from styletools.config import BASE_SETTINGS, STYLE_WEIGHTS, TransferConfig

KIT = Path(styletools.__file__).parent
INSIDE = Path(__file__).parents[1] / "inside"
REAL = ("errors", "_files", "images", "_rgb")  # modules of the kit that answers may use
BESIDE = (
    "verdicts.py", "standins.py", "cells.py", "lessons.py", "state.py", "syntax.py", "doors.py",
)  # fmt: skip


def write_kernel_kit(folder: Path) -> None:
    """Write the blank kit into an empty folder, with the scripts that run beside it."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(INSIDE / "blank_kit", folder, dirs_exist_ok=True, ignore=ignore)
    package = folder / "styletools"
    for name in REAL:
        shutil.copy(KIT / f"{name}.py", package)
    weights = dict(STYLE_WEIGHTS)
    base = {name: getattr(TransferConfig(), name) for name in BASE_SETTINGS}
    base["style_weights"] = weights
    facts = {"__version__": styletools.__version__, "STYLE_WEIGHTS": weights, "BASE": base}
    lines = [f"{name} = {value!r}\n" for name, value in facts.items()]
    (package / "_course.py").write_text("".join(lines), encoding="utf-8")
    shutil.copytree(KIT.parent / "images", folder / "images", dirs_exist_ok=True)
    _write_beside(folder)


def write_whole_kit(folder: Path) -> None:
    """Write the kit into an empty folder, with the scripts that run beside it."""
    ignore = shutil.ignore_patterns("*.safetensors", "__pycache__")
    shutil.copytree(KIT, folder / "styletools", ignore=ignore)
    _write_beside(folder)


def _write_beside(folder: Path) -> None:
    for name in BESIDE:
        shutil.copy(INSIDE / name, folder)
