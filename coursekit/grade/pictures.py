"""Judges the pictures that a student chose; the kernel tells the names, and proves nothing.

The files are opened in the sandbox, where none of the student's code runs.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from coursekit.grade.pixels import Picture, decode
from coursekit.sandbox import Sandbox
from styletools.images import MIN_SIDE

LOOKED_AT = (64, 64)
MAX_BYTES, MAX_FILES = 120_000_000, 200


def unpack_pictures(files: Mapping[str, bytes], folder: Path) -> dict[str, Path]:
    """Copy a submission's pictures into a folder, under names of ours, for a sandbox to show.

    Args:
        files: {name: bytes}, of the submission.
        folder: exists, and is empty.

    Returns:
        {name in the submission: file}; of very many, or very large ones, the first.
    """
    from coursekit.collect.archive import PICTURES

    copies: dict[str, Path] = {}
    left = MAX_BYTES
    for name, data in files.items():
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in PICTURES and len(copies) < MAX_FILES and len(data) <= left:
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
        kit_pictures: {file name: SHA-256} of the kit's own.
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
            says = f"`{variable}` is an address, which is not looked up here."
            choices[variable] = Choice("different", says)
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
    choices |= _opened(chosen, kit_pictures, sandbox)
    return {variable: choices[variable] for variable in names}


def best_match(path: str, names: Iterable[str], least: int = 1) -> str:
    """The name that shares most parts with the path, from its end; "" for none.

    Args:
        path: as a student wrote it; the notebook's own place is not known.
        names: in the submission.
        least: parts that must be the same.
    """
    wanted = PurePosixPath(path.replace("\\", "/")).parts
    best = (least - 1, "")
    for name in names:
        parts = PurePosixPath(name).parts
        same = 0
        while same < min(len(parts), len(wanted)) and parts[-1 - same] == wanted[-1 - same]:
            same += 1
        if same > best[0]:
            best = (same, name)
    return best[1]


def _opened(
    chosen: Mapping[str, Path], kit_pictures: Mapping[str, str], sandbox: Sandbox
) -> dict[str, Choice]:
    pictures = {variable: path.read_bytes() for variable, path in chosen.items()}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in pictures.items()}
    decoded = decode(pictures, LOOKED_AT, sandbox)
    choices: dict[str, Choice] = {}
    for variable in chosen:
        if digests[variable] in kit_pictures.values():
            choices[variable] = Choice("different", f"`{variable}` is one of the kit's pictures.")
        elif problem := _problem(decoded[variable]):
            choices[variable] = Choice("wrong", f"`{variable}`: {problem}.")
        else:
            choices[variable] = Choice("passed")
    if len(digests) == 2 and len(set(digests.values())) == 1:
        last = list(chosen)[-1]
        choices[last] = Choice("wrong", f"`{last}` is the same picture as the other.")
    return choices


def _problem(picture: Picture | str) -> str:
    """Why a file is no picture to work with; empty if it is one."""
    if isinstance(picture, str):
        return picture
    width, height = picture.size
    if min(width, height) < MIN_SIDE:
        return f"it has {width}×{height} pixels; {MIN_SIDE} a side are the least"
    return ""
