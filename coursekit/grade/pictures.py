"""Judges the pictures that a student chose; the kernel tells the names, and proves nothing.

The files are opened in the sandbox, where none of the student's code runs. This file is also the
script that does it; it needs Pillow, numpy and `styletools/_rgb.py`.
"""

import hashlib
import json
import runpy
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

SECONDS = 30
MIN_SIDE, MAX_PIXELS = 16, 100_000_000  # as in styletools.images
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
    mode: str = "bubblewrap",
) -> dict[str, Choice]:
    """Judge each picture.

    Args:
        names: {variable: {"kind": …, "path": …}}, as the kernel reports them.
        pictures: {name in the submission: file}, of all that were handed in.
        kit_pictures: {file name: SHA-256} of the kit's own.
        alone: whether the submission is a notebook without a folder.
        mode: of the sandbox in which the pictures are opened.
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
    choices |= _opened(chosen, kit_pictures, mode)
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
    chosen: Mapping[str, Path], kit_pictures: Mapping[str, str], mode: str
) -> dict[str, Choice]:
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in chosen.items()}
    choices: dict[str, Choice] = {}
    for variable, path in chosen.items():
        if digests[variable] in kit_pictures.values():
            choices[variable] = Choice("different", f"`{variable}` is one of the kit's pictures.")
        elif problem := _problem(path, mode):
            choices[variable] = Choice("wrong", f"`{variable}`: {problem}.")
        else:
            choices[variable] = Choice("passed")
    if len(digests) == 2 and len(set(digests.values())) == 1:
        last = list(chosen)[-1]
        choices[last] = Choice("wrong", f"`{last}` is the same picture as the other.")
    return choices


def _problem(path: Path, mode: str) -> str:
    """Why a file is no picture; empty if it is one."""
    import styletools
    from coursekit.sandbox import WORK, Sandbox

    here, tools = Path(__file__), Path(styletools.__file__).with_name("_rgb.py")
    inside = {WORK / here.name: here, WORK / tools.name: tools, WORK / "picture": path}
    try:
        with Sandbox(None, inside, mode=mode) as sandbox:
            arguments = [str(sandbox.path(place)) for place in inside]
            command = sandbox.command([sys.executable, "-I", *arguments])
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "it cannot be opened in time"
    text = done.stdout.decode("utf-8", "replace").strip()
    return "" if text == "a picture" else text[:200] or "it cannot be opened"


def _main(rgb: str, path: str) -> None:
    """In the sandbox: say what the file is."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    tools = runpy.run_path(rgb)
    try:
        with open(path, "rb") as file, tools["open_picture"](file) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                print(f"it has {width}×{height} pixels, more than {MAX_PIXELS}")
            elif min(width, height) < MIN_SIDE:
                print(f"it has {width}×{height} pixels; {MIN_SIDE} a side are the least")
            else:
                tools["to_rgb"](image, (MIN_SIDE, MIN_SIDE))
                print("a picture")
    except Exception as error:
        print(json.dumps(f"it cannot be opened ({type(error).__name__}: {error})")[1:-1])


if __name__ == "__main__":
    _main(*sys.argv[1:])
