"""Students' picture files → their pixels, decoded in the sandbox (see `inside/decode.py`)."""

import base64
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from coursekit.grade.kits import INSIDE, KIT
from coursekit.inside.decode import READY
from coursekit.sandbox import WORK, Sandbox, SandboxError
from coursekit.sandbox.places import temporary


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: (H, W, 3), uint8.
        size: (width, height) of the file.
    """

    pixels: np.ndarray
    size: tuple[int, int]


def decode(
    files: Mapping[str, bytes], size: tuple[int, int], sandbox: Sandbox
) -> dict[str, Picture | str]:
    """Decode pictures.

    Args:
        files: {name: a picture file}.
        size: (width, height) that all of them are wanted in.
        sandbox: in which they are opened.

    Returns:
        {name: the picture, or why there is none}.

    Raises:
        SandboxError: the sandbox does not work.
    """
    found: dict[str, Picture | str] = {}
    with tempfile.TemporaryDirectory(prefix=temporary("pixels")) as folder:
        paths = {name: Path(folder, str(number)) for number, name in enumerate(files)}
        for name, data in files.items():
            paths[name].write_bytes(data)
        while waiting := [name for name in files if name not in found]:
            answers = _ask([paths[name] for name in waiting], size, sandbox)
            found |= dict(zip(waiting, answers, strict=False))
            if len(answers) < len(waiting):  # that one ended the decoder
                found[waiting[len(answers)]] = "it cannot be opened"
    return found


def _ask(paths: list[Path], size: tuple[int, int], sandbox: Sandbox) -> list[Picture | str]:
    """The first pictures of these, as far as the decoder got."""
    rgb = KIT / "_rgb.py"
    inside = {WORK / path.name: path for path in (rgb, *paths)}
    most = (len(paths) + 1) * (4 * size[0] * size[1] + 1_000)  # bytes, in base 64
    limits = replace(sandbox.limits, file_size=max(sandbox.limits.file_size, most))
    room = replace(sandbox.furnished(files=inside), limits=limits)
    where = {path: str(room.path(place)) for place, path in inside.items()}
    request = {"rgb": where[rgb], "size": size, "pictures": [where[path] for path in paths]}
    ready, *lines = room.call(INSIDE / "decode.py", request, tail=most) or [None]
    if ready != READY:
        raise SandboxError("The sandbox in which pictures are opened does not start.")
    return [line["problem"] or _picture(line, size) for line in lines]


def _picture(line: dict, size: tuple[int, int]) -> Picture:
    pixels = np.frombuffer(base64.b64decode(line["pixels"]), np.uint8)
    width, height = line["size"]
    return Picture(pixels.reshape(size[1], size[0], 3), (width, height))
