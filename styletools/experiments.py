"""A run is a folder that anyone can read without the kit: JSON, CSV, PNG."""

import csv
import json
from pathlib import Path
from typing import Any

from styletools.config import TransferConfig
from styletools.errors import ConfigError
from styletools.files import atomic_path, write_text
from styletools.images import read_config, save_image
from styletools.plots import plot_losses
from styletools.transfer import TransferResult


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
    description = describe(result, content, style)
    save_image(result.image, folder / "picture.png", description)
    config = result.config
    if result.loss_history:
        figure = plot_losses(
            result.loss_history,
            parts=True,
            content_weight=config.content_weight,
            style_weight=config.style_weight,
        )
        with atomic_path(folder / "loss_curve.png") as temporary:
            figure.savefig(temporary, dpi=100)
        with (
            atomic_path(folder / "losses.csv") as temporary,
            open(temporary, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, list(result.loss_history[0]))
            writer.writeheader()
            writer.writerows(result.loss_history)
    write_text(folder / "run.json", json.dumps(description, indent=2, ensure_ascii=False) + "\n")
    return folder


def describe(result: TransferResult, content: str, style: str) -> dict[str, Any]:
    """What run.json holds; also the text in the picture."""
    last = result.loss_history[-1] if result.loss_history else {}
    return {
        "content": content,
        "style": style,
        "config": result.config.to_dict(),
        "environment": result.environment,
        "stopped": result.stopped,
        "steps_done": len(result.loss_history),
        "seconds": round(result.seconds, 2),
        "final_losses": {name: value for name, value in last.items() if name != "step"},
    }


def load_run(path: str | Path) -> dict[str, Any]:
    """What `save_run` wrote: from a run's folder, its run.json, or a PNG that the kit saved.

    Returns:
        The description, with "config" as a `TransferConfig`.

    Raises:
        ConfigError: missing, or not a run.
    """
    path = Path(path)
    path = path / "run.json" if path.is_dir() else path
    try:
        png = path.suffix.lower() == ".png"
        description = read_config(path) if png else json.loads(path.read_text("utf-8"))
        config = TransferConfig.from_dict(description["config"])
        return {**description, "config": config}
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; give a run.json or its folder.") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ConfigError(f"{path} does not describe a run ({error}).") from None
