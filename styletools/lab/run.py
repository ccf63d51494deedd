"""A run is a folder that anyone can read without the kit: JSON, CSV, PNG."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from PIL import Image

from styletools._files import atomic_path, user_path, write_text
from styletools.config import STYLE_WEIGHTS, TransferConfig
from styletools.errors import ConfigError
from styletools.images import read_config, read_rgb, save_image
from styletools.plots import plot_losses
from styletools.transfer import Ended, TransferResult


@dataclass(frozen=True)
class Run:
    """One run's folder in a store.

    Attributes:
        folder: holds run.json, picture.png, losses.csv, previews/step_*.png.
        key: `styletools.transfer.run_key` of it.
        description: what run.json holds.
        ended: why the run ended. Where it diverged, the picture is the last finite one.
        detail: more about why, for a reader; may be empty.
    """

    folder: Path
    key: str
    description: Mapping[str, Any]
    ended: Ended
    detail: str

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a run's folder.

        Raises:
            ConfigError: it is no whole run.
        """
        description = load_run(folder)
        missing = [name for name in ("key", "created") if name not in description]
        missing += [n for n in ("picture.png", "losses.csv") if not (folder / n).is_file()]
        if missing:
            raise ConfigError(f"{folder} is no whole run: {', '.join(missing)} missing.")
        try:
            ended, detail = Ended.read(description)
        except ValueError as error:
            raise ConfigError(f"{folder} does not say why its run ended ({error}).") from None
        return cls(folder, description["key"], description, ended, detail)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def config(self) -> TransferConfig:
        """The settings, as they were resolved."""
        return self.description["config"]

    @property
    def content(self) -> str:
        """Path or address of the content, as given; in this folder if it had none."""
        return self.description["content"] or str(self.folder / "content.png")

    @property
    def style(self) -> str:
        """Path or address of the style, likewise."""
        return self.description["style"] or str(self.folder / "style.png")

    @property
    def seconds(self) -> float:
        """Spent optimising."""
        return self.description["seconds"]

    @property
    def picture(self) -> Path:
        """The final picture."""
        return self.folder / "picture.png"

    @property
    def previews(self) -> list[Path]:
        """Pictures from on the way, in the order of their steps."""
        return preview_paths(self.folder / "previews")

    @property
    def created(self) -> str:
        """When it was saved, in ISO format, UTC."""
        return self.description["created"]

    @property
    def measures(self) -> Mapping[str, float | None]:
        """How much content is kept and style taken: `styletools.lab.measure.measure`."""
        return self.description.get("measures", {})

    def losses(self) -> list[dict[str, float]]:
        """The loss history: `TransferResult.loss_history`.

        Raises:
            ConfigError: losses.csv is missing or damaged.
        """
        path = self.folder / "losses.csv"
        try:
            with open(path, newline="", encoding="utf-8") as file:
                return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"{path} cannot be read ({error}).") from None

    def code(self) -> str:
        """The Python call that gives this picture."""
        plain, config = TransferConfig(), self.config
        names = [field.name for field in fields(config)]
        names = [name for name in names if getattr(config, name) != getattr(plain, name)]
        settings = "".join(f"    {name}={getattr(config, name)!r},\n" for name in names)
        return (
            "from styletools import TransferConfig, save_image, stylize\n\n"
            f"config = TransferConfig({chr(10) + settings if settings else ''})\n"
            f"result = stylize({self.content!r}, {self.style!r}, config)\n"
            'save_image(result.image, "picture.png")\n'
        )


def save_run(folder: str | Path, result: TransferResult, content: str, style: str) -> Path:
    """Write picture.png, loss_curve.png, losses.csv and, last, run.json.

    Args:
        folder: made where it is missing.
        result: a run.
        content: path or address of the content picture, so that run.json reproduces the run.
        style: likewise.

    Returns:
        The folder.
    """
    folder = Path(folder)
    if result.loss_history:
        alpha, beta = result.config.content_weight, result.config.style_weight
        figure = plot_losses(
            result.loss_history, parts=True, content_weight=alpha, style_weight=beta
        )
        with atomic_path(folder / "loss_curve.png") as temporary:
            figure.savefig(temporary, dpi=100)
    write_run(folder, result, describe(result, content, style))
    return folder


def load_run(path: str | Path) -> dict[str, Any]:
    """What `save_run` wrote: from a run's folder, its run.json, or a PNG that the kit saved.

    Returns:
        The description, with "config" as a `TransferConfig`.

    Raises:
        ConfigError: missing, or not a run.
    """
    path = user_path(path)
    path = path / "run.json" if path.is_dir() else path
    try:
        png = path.suffix.lower() == ".png"
        description = read_config(path) if png else json.loads(path.read_text("utf-8"))
        config = TransferConfig.from_dict(description["config"])
        return {**description, "config": config}
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; give a run.json or its folder.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}).") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ConfigError(f"{path} does not describe a run ({error}).") from None


def describe(result: TransferResult, content: str | None, style: str | None) -> dict[str, Any]:
    """What run.json holds; also the text in the picture."""
    return {
        "content": content,
        "style": style,
        "config": result.config.to_dict(),
        "environment": result.environment,
        "ended": result.ended.value,
        "detail": result.detail,
        "steps_done": len(result.loss_history),
        "seconds": round(result.seconds, 2),
        "final_losses": result.final_losses,
    }


def write_run(
    folder: Path,
    result: TransferResult,
    description: Mapping[str, Any],
    previews: Mapping[int, Image.Image] | None = None,
) -> None:
    """Write a run's files, the description last."""
    for step, picture in (previews or {}).items():
        save_image(picture, preview_path(folder / "previews", step))
    save_image(result.image, folder / "picture.png", description)
    names = list(result.loss_history[0]) if result.loss_history else ["step", "total"]
    with (
        atomic_path(folder / "losses.csv") as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(result.loss_history)
    write_text(folder / "run.json", json.dumps(description, indent=2, ensure_ascii=False) + "\n")


def preview_path(folder: Path, step: int) -> Path:
    """Where the picture of a step is kept."""
    return folder / f"step_{step:06d}.png"


def preview_paths(folder: Path) -> list[Path]:
    """The pictures of steps in a folder, in their order."""
    return sorted(folder.glob("step_*.png"))


def previews_of(place: Path) -> Path:
    """The folder of a run's pictures from on the way: in the run's, or beside its one picture."""
    return place / "previews" if place.is_dir() else place.with_name(f"{place.stem}-previews")


def load_previews(folder: Path) -> dict[int, Image.Image]:
    """{step: picture} of what was kept in a folder."""
    paths = preview_paths(folder)
    return {int(path.stem.removeprefix("step_")): read_rgb(path) for path in paths}


def short(value: Any) -> str:
    """A setting as a label shows it; different values differ."""
    if isinstance(value, Mapping):
        weights = set(value.values())
        if len(weights) == 1 and list(value) == list(STYLE_WEIGHTS):
            return f"all {short(weights.pop())}"
        return " ".join(f"{layer.removeprefix('conv')}:{short(w)}" for layer, w in value.items())
    if isinstance(value, (tuple, list)):
        return " ".join(value)
    if not isinstance(value, float):
        return str(value)
    digits, exponent = f"{value:e}".split("e")
    plain = -4 < int(exponent) < 4
    text = f"{value:g}" if plain else f"{float(digits):g}e{int(exponent)}"
    return text if float(text) == value else repr(value)
