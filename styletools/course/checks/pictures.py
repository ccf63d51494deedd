"""Checks of `my_content` and `my_style`."""

import difflib
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from styletools.course.checks.engine import Objection
from styletools.course.diagnosis import AnswerStatus, Diagnosis
from styletools.course.todos import TODOS
from styletools.errors import ImageError
from styletools.images import bundled, load_image


def diagnose_own_pictures(my_content: object, my_style: object) -> Diagnosis:
    """Whether the student's own two pictures can be used; the first problem is reported."""
    return examine_pictures(my_content, my_style)[0]


def examine_pictures(my_content: object, my_style: object) -> tuple[Diagnosis, list[str]]:
    """The diagnosis, and which of the two names cannot be used."""
    found = findings(my_content, my_style)
    bad = {name: one for name, one in found.items() if not one.status.accepted}
    first = next(iter([*bad.values(), *found.values()]), None)
    if first is None:
        return Diagnosis("own_pictures", AnswerStatus.PASSED), []
    return first.of(TODOS["own_pictures"]), list(bad)


def findings(my_content: object, my_style: object) -> dict[str, Objection]:
    """{name: what is wrong or odd about it}."""
    both = {"my_content": my_content, "my_style": my_style}
    found: dict[str, Objection] = {}
    for name, source in both.items():
        try:
            _examine(name, source)
        except Objection as one:
            found[name] = one
    if not found and _same_picture(my_content, my_style):
        says = "`my_content` and `my_style` are one file, expected two: which style do you like?"
        found["my_style"] = Objection("same-file", says)
    return found


def _examine(name: str, source: Any) -> None:
    if source is None or source is ... or (isinstance(source, str) and not source):
        raise Objection(
            "not-attempted",
            f"`{name}` is still {source!r}; give a picture's path.",
            AnswerStatus.NOT_ATTEMPTED,
        )
    if isinstance(source, Tensor):
        raise Objection(
            "tensor",
            f"`{name}` is a tensor of shape {tuple(source.shape)}, expected the path of a picture: "
            "the lesson loads it.",
        )
    if isinstance(source, str):
        _check_text(name, source)
    elif not isinstance(source, (os.PathLike, Image.Image, np.ndarray)):
        raise Objection(
            "not-a-path",
            f"`{name}` is of type {type(source).__name__}, expected the path of a picture.",
        )
    try:
        load_image(source)
    except (OSError, ValueError) as error:  # an ImageError is a ValueError
        code = _code(source, error)
        raise Objection(code, f"`{name}`: {error}{_advice(code, source)}") from None
    if _is_bundled(source):
        raise Objection(
            "bundled",
            f"`{name}` is the kit's own {Path(source).name}. It works, but the assignment asks for "
            "a picture of yours.",
            AnswerStatus.DIFFERENT,
        )


def _check_text(name: str, source: str) -> None:
    if any(ord(letter) < 32 for letter in source):
        raise Objection(
            "backslash",
            f"`{name}` is {source!r}: Python reads a backslash with a letter after it as a sign of "
            "its own. Write / between folders; it works on Windows too.",
        )


def _code(source: Any, error: Exception) -> str:
    code = error.code if isinstance(error, ImageError) else "not-a-picture"
    if "://" in str(source):
        return "url"
    heic = Path(str(source)).suffix.lower() in (".heic", ".heif")
    return "heic" if heic and code == "not-a-picture" else code


def _advice(code: str, source: Any) -> str:
    if code == "missing-file":
        return _near_names(Path(source))
    return {
        "heic": " Telephones save HEIC; export the photograph as JPEG.",
        "not-a-picture": " A file keeps its kind when only its name is changed.",
    }.get(code, "")


def _near_names(path: Path) -> str:
    """Files of that folder with a similar name, or the folder that is missing."""
    if not path.parent.is_dir():
        return f" There is no folder {str(path.parent)!r} either."
    files = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    close = difflib.get_close_matches(path.name, files, n=3)
    close = close or [name for name in files if name.lower().startswith(path.stem.lower())][:3]
    return f" Similar names there: {', '.join(close)}." if close else ""


def _is_bundled(source: Any) -> bool:
    if not isinstance(source, (str, os.PathLike)) or not Path(source).is_file():
        return False
    ours = [*bundled("content").values(), *bundled("style").values()]
    return any(os.path.samefile(source, path) for path in ours)


def _same_picture(one: Any, other: Any) -> bool:
    if not all(isinstance(x, (str, os.PathLike)) and Path(x).is_file() for x in (one, other)):
        return one is other
    return Path(one).read_bytes() == Path(other).read_bytes()
