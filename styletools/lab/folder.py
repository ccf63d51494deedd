"""A folder of photographs in one style; the same call again does what is missing."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from styletools._files import user_path
from styletools.backbones import load_backbone
from styletools.config import FAST, TransferConfig
from styletools.errors import ConfigError, ImageError
from styletools.images import MIN_SIDE, load_image, read_config, save_image
from styletools.lab.progress import StepBar
from styletools.lab.run import describe, preview_paths, previews_of
from styletools.lab.store import (
    UNFINISHED_WORK,
    RunRequest,
    RunStoppedError,
    go_on,
    previews_in,
)
from styletools.transfer import Callback, Ended, Step

PHONE_SUFFIXES = (".heic", ".heif", ".hif", ".avif")  # also where what reads them is missing


@dataclass(frozen=True)
class PaintedFolder:
    """What became of a folder.

    Attributes:
        pictures: {photograph: picture}, also of those that were there before.
        failures: {photograph: why it has no picture, or why its loss was not finite}.
    """

    pictures: Mapping[Path, Path]
    failures: Mapping[Path, str]


def stylize_folder(
    folder: str | Path,
    style: str,
    output: str | Path,
    config: TransferConfig = FAST,
    overwrite: bool = False,
    progress: bool = True,
) -> PaintedFolder:
    """Paint each photograph of a folder; after an interruption, the same call resumes.

    A photograph that cannot be read is recorded, and the others are painted. Folders inside the
    folder are left alone.

    Args:
        folder: of the photographs.
        style: path or address of the style.
        output: folder for the pictures: beach.jpg becomes beach_jpg.png, so that no two share a
            name. Each holds its settings.
        config: the settings.
        overwrite: whether to replace pictures of other settings, or of another photograph or style.
        progress: show a bar over all steps, with the time left.

    Raises:
        RunStoppedError: Ctrl-C.
        ConfigError: no photographs, or `output` is their folder.
        ImageError, BackboneError: the style or the weights cannot be read.
        OSError: a picture cannot be written.
    """
    folder, output = user_path(folder), user_path(output)
    photographs = photographs_in(folder)
    if not photographs:
        raise ConfigError(f"{folder} holds no pictures; give a folder of photographs.")
    if output.resolve() == folder.resolve():
        raise ConfigError(f"{output} is the photographs' own folder; give another.")
    load_image(style, size=(MIN_SIDE, MIN_SIDE))  # a wrong style is wrong for all
    backbone = load_backbone(config.backbone)
    pictures: dict[Path, Path] = {}
    failures: dict[Path, str] = {}
    with StepBar({path.name: config.steps for path in photographs}, shown=progress) as bar:
        for path in photographs:

            def tell(step: Step, name: str = path.name) -> None:
                bar.report(name, step.step, step.losses["total"])

            request = RunRequest(str(path), style, config, backbone)
            place = output / f"{path.stem}_{path.suffix[1:]}.png"
            try:
                told = _earlier(place, request, overwrite) or _paint(request, place, tell)
                ended, detail = Ended.read(told)
                pictures[path] = place
                if ended is Ended.DIVERGED:
                    failures[path] = detail
            except (ConfigError, ImageError) as error:
                failures[path] = str(error)
            bar.done(path.name)
    with suppress(OSError):  # another process may be painting here
        (output / UNFINISHED_WORK).rmdir()
    return PaintedFolder(pictures, failures)


def photographs_in(folder: Path) -> list[Path]:
    """The files whose names end as a picture's, by name; hidden ones are not among them."""
    known = Image.registered_extensions()
    suffixes = {suffix for suffix, name in known.items() if name in Image.OPEN}
    suffixes.update(PHONE_SUFFIXES)
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name[0] != "."]
    return [path for path in files if path.suffix.lower() in suffixes]


def _earlier(place: Path, request: RunRequest, overwrite: bool) -> dict[str, Any] | None:
    """What the finished picture says of itself; None where it is to be painted.

    Raises:
        ConfigError: another picture is there, and is not to be replaced.
        ImageError: the photograph cannot be read.
    """
    answers = request.answers
    if not place.exists():
        return None
    with suppress(ImageError):  # no picture of the kit
        told = read_config(place)
        if told.get("key") in answers:
            return told
    if overwrite:
        return None
    raise ConfigError(
        f"{place} is there already, of another photograph, style or settings; give another folder "
        "(-o), or --overwrite to replace it."
    )


def _paint(request: RunRequest, place: Path, tell: Callback) -> dict[str, Any]:
    """Paint one photograph, from where it was left; returns what the picture says of itself."""
    work = place.parent / UNFINISHED_WORK / place.stem
    work.mkdir(parents=True, exist_ok=True)
    keep = previews_in(work, request.config, tell) if request.config.save_every else tell
    result = go_on(request, keep, work)
    if result.ended.early:
        raise RunStoppedError(result)
    told = {
        **describe(result, str(request.content), str(request.style)),
        "key": request.keys[result.config.precision],
    }
    save_image(result.image, place, told)
    for path in preview_paths(previews_of(place)):
        path.unlink()
    for path in preview_paths(work):
        previews_of(place).mkdir(exist_ok=True)
        path.replace(previews_of(place) / path.name)
    shutil.rmtree(work)
    return told
