"""Students' picture files → their pixels, decoded in the sandbox, where none of their code runs.

This file is also the script that does it; in there it needs Pillow, numpy and `styletools/_rgb.py`.
"""

import contextlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SECONDS = 30
MAX_PIXELS = 100_000_000  # of a file, as in styletools.images
MAX_TOLD = 200_000  # characters
READY = b"ready\n"


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: (H, W, 3), uint8.
        told: what the kit wrote into the file about its run; "" for nothing.
    """

    pixels: np.ndarray
    told: str


def decode(
    files: Mapping[str, bytes], size: tuple[int, int], mode: str
) -> dict[str, Picture | str]:
    """Decode pictures.

    Args:
        files: {name: a picture file}.
        size: (width, height) that all of them are wanted in.
        mode: of the sandbox.

    Returns:
        {name: the picture, or why there is none}.

    Raises:
        SandboxError: the sandbox does not work.
    """
    found: dict[str, Picture | str] = {}
    with tempfile.TemporaryDirectory(prefix="coursekit-pixels-") as folder:
        paths = {name: Path(folder, str(number)) for number, name in enumerate(files)}
        for name, data in files.items():
            paths[name].write_bytes(data)
        while waiting := [name for name in files if name not in found]:
            answers = _ask([paths[name] for name in waiting], size, mode)
            found |= dict(zip(waiting, answers, strict=False))
            if len(answers) < len(waiting):  # that one ended the decoder
                found[waiting[len(answers)]] = "it cannot be opened"
    return found


def _ask(paths: list[Path], size: tuple[int, int], mode: str) -> list[Picture | str]:
    """The first pictures of these, as far as the decoder got."""
    import styletools
    from coursekit.sandbox import WORK, Sandbox, SandboxError

    tools = Path(styletools.__file__).with_name("_rgb.py")
    here = Path(__file__)
    inside = {WORK / path.name: path for path in [here, tools, *paths]}
    with tempfile.TemporaryFile() as taken, Sandbox(None, inside, mode=mode) as sandbox:
        script, rgb, *pictures = (str(sandbox.path(place)) for place in inside)
        arguments = [script, rgb, *map(str, size), *pictures]
        command = sandbox.command([sys.executable, "-I", *arguments])
        with contextlib.suppress(subprocess.TimeoutExpired), open(os.devnull, "r+b") as nothing:
            subprocess.run(
                command, stdin=nothing, stdout=taken, stderr=nothing, timeout=SECONDS, check=False
            )
        taken.seek(0)
        if taken.readline(100) != READY:
            raise SandboxError("The sandbox in which pictures are opened does not start.")
        answers: list[Picture | str] = []
        for _ in paths:
            try:
                head = json.loads(taken.readline(10 * MAX_TOLD))
            except ValueError:
                break
            pixels = taken.read(head["bytes"])
            if len(pixels) < head["bytes"]:
                break
            shape = (size[1], size[0], 3)
            answers.append(
                head["problem"]
                or Picture(np.frombuffer(pixels, np.uint8).reshape(shape), head["told"])
            )
    return answers


def _main(rgb: str, width: str, height: str, *paths: str) -> None:
    """In the sandbox: a line of JSON for each picture, then its pixels."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    tools = runpy.run_path(rgb)
    out = sys.stdout.buffer
    out.write(READY)
    for path in paths:
        told, pixels, problem = "", b"", ""
        try:
            with open(path, "rb") as file, tools["open_picture"](file) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ValueError(f"{image.width}×{image.height} pixels are too many")
                told = str(image.info.get("styletools", ""))[:MAX_TOLD]
                pixels = tools["to_rgb"](image, (int(width), int(height))).tobytes()
        except Exception as error:
            problem = f"it cannot be opened ({type(error).__name__}: {error})"[:200]
        head = {"problem": problem, "told": told, "bytes": len(pixels)}
        out.write(json.dumps(head).encode() + b"\n" + pixels)
        out.flush()


if __name__ == "__main__":
    _main(*sys.argv[1:])
