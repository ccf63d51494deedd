"""Judges the pictures that a student chose; the kernel tells the names, and proves nothing.

The files are opened in the sandbox, where none of the student's code runs.
"""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from coursekit.collect.archive import PICTURES as SUFFIXES
from coursekit.grade.pixels import Picture, decode
from coursekit.sandbox import Sandbox
from styletools._rgb import open_picture, to_rgb
from styletools.images import MIN_SIDE, PICTURES

LOOKED_AT = (64, 64)
MAX_BYTES, MAX_FILES = 120_000_000, 200
NUMBERED = re.compile(r"[ _]?\(\d+\)(?=\.\w+$)|-\d+(?=\.\w+$)")  # by a browser or an LMS
SAME = 2.0  # grey levels of 255 between two picture files that show one picture


def unpack_pictures(files: Mapping[str, bytes], folder: Path) -> dict[str, Path]:
    """Copy a submission's pictures into a folder, under names of ours, for a sandbox to show.

    Args:
        files: {name: bytes}, of the submission.
        folder: exists, and is empty.

    Returns:
        {name in the submission: file}; of very many, or very large ones, the first, and those of
        folders with few.
    """
    copies: dict[str, Path] = {}
    left = MAX_BYTES
    beside = Counter(PurePosixPath(name).parent for name in files)
    for name, data in sorted(files.items(), key=lambda one: beside[PurePosixPath(one[0]).parent]):
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in SUFFIXES and len(copies) < MAX_FILES and len(data) <= left:
            left -= len(data)
            copies[name] = folder / f"{len(copies)}{suffix}"
            copies[name].write_bytes(data)
    return copies


@dataclass(frozen=True)
class Choice:
    """What is known of one picture."""

    status: str
    message: str = ""


def judge(
    names: Mapping[str, Mapping[str, str]],
    pictures: Mapping[str, Path],
    kit_pictures: Mapping[str, str],
    alone: bool,
    sandbox: Sandbox,
) -> dict[str, Choice]:
    """Judge each picture.

    Args:
        names: {variable: {"kind": …, "path": …}}, as the kernel reports them.
        pictures: {name in the submission: file}, of all that were handed in.
        kit_pictures: {file name: SHA-256} of the kit's own; a name alone is one of them, too.
        alone: whether the submission is a notebook without a folder.
        sandbox: in which the pictures are opened.
    """
    choices: dict[str, Choice] = {}
    chosen: dict[str, Path] = {}
    for variable, told in names.items():
        kind, path = str(told.get("kind")), str(told.get("path")).replace("\\", "/")
        name = PurePosixPath(path).name
        if kind == "nothing":
            choices[variable] = Choice("not attempted", f"`{variable}` is still empty.")
        elif kind != "path" or not name:
            says = f"`{variable}` is of type {kind}; give the path of a picture that you hand in."
            choices[variable] = Choice("wrong", says)
        elif path.lower().startswith(("http:/", "https:/")):
            says = f"`{variable}` is an address, which a person has to look up."
            choices[variable] = Choice("to be read", says)
        elif found := best_match(path, pictures):
            chosen[variable] = pictures[found]
        elif name in kit_pictures:
            choices[variable] = Choice("different", f"`{variable}` is the kit's own {name}.")
        elif alone:
            says = f"`{variable}` is {name}; a notebook alone cannot show it."
            choices[variable] = Choice("different", says)
        else:
            says = f"`{variable}` is {name}, which was not handed in."
            choices[variable] = Choice("wrong", says)
    choices |= _opened(chosen, sandbox)
    return {variable: choices[variable] for variable in names}


def best_match(path: str, names: Iterable[str], least: int = 1) -> str:
    """The name that shares most parts with the path, from its end; "" for none.

    Capitals do not count, as on Windows and macOS, nor does how an accent is stored, nor the
    number that a browser or an LMS adds to a name; of several, the most alike is taken.

    Args:
        path: as a student wrote it; the notebook's own place is not known.
        names: in the submission.
        least: parts that must be the same.
    """
    best, found = (least - 1, 0, 0), ""
    for name in names:
        for likeness, read in enumerate((_plain, _without_number), start=1):
            same = _shared(read(path), read(name))
            rank = same, -likeness, _shared(path, name)
            if same >= least and rank > best:
                best, found = rank, name
    return found


def _shared(one: str, other: str) -> int:
    """Parts that two paths end with."""
    pairs = zip(_parts(one)[::-1], _parts(other)[::-1], strict=False)
    same = [first == second for first, second in pairs]
    return same.index(False) if False in same else len(same)


def _parts(path: str) -> tuple[str, ...]:
    return PurePosixPath(path.replace("\\", "/")).parts


def _plain(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _without_number(path: str) -> str:
    return NUMBERED.sub("", _plain(path))


def _opened(chosen: Mapping[str, Path], sandbox: Sandbox) -> dict[str, Choice]:
    pictures = {variable: path.read_bytes() for variable, path in chosen.items()}
    decoded = decode(pictures, LOOKED_AT, sandbox)
    choices: dict[str, Choice] = {}
    seen: list[np.ndarray] = []
    for variable in chosen:
        picture = decoded[variable]
        if problem := _problem(picture):
            choices[variable] = Choice("wrong", f"`{variable}`: {problem}.")
            continue
        pixels = picture.pixels  # type: ignore[union-attr]  # there is no problem
        if any(_same(pixels, other) for other in seen):
            says = f"`{variable}` is the same picture as the other."
            choices[variable] = Choice("wrong", says)
        elif any(_same(pixels, other) for other in _kit_pixels()):
            choices[variable] = Choice("different", f"`{variable}` is one of the kit's pictures.")
        else:
            choices[variable] = Choice("passed")
        seen.append(pixels)
    return choices


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two files show one picture, saved again perhaps."""
    return float(np.abs(one.astype(float) - other).mean()) <= SAME


@functools.lru_cache(maxsize=1)
def _kit_pixels() -> list[np.ndarray]:
    """The kit's own pictures, in the size in which pictures are compared."""
    found = []
    for path in sorted(PICTURES.glob("*/*.*")):
        with open(path, "rb") as file, open_picture(file) as image:
            found.append(np.asarray(to_rgb(image, LOOKED_AT)))
    return found


def _problem(picture: Picture | str) -> str:
    """Why a file is no picture to work with; empty if it is one."""
    if isinstance(picture, str):
        return picture
    width, height = picture.size
    if min(width, height) < MIN_SIDE:
        return f"it has {width}×{height} pixels; {MIN_SIDE} a side are the least"
    return ""
