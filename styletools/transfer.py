"""The optimisation: a target image follows the gradient of the losses. No plots, no widgets."""

import functools
import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styletools.backbones import Backbone, load_backbone
from styletools.config import STARTS, TransferConfig
from styletools.engine.objective import Objective, net, plan_memory, resolve_precision
from styletools.engine.optimisers import Callback, NotFiniteError, Row, Run, Step, saved_precision
from styletools.errors import ConfigError, ImageError, StyletoolsError
from styletools.images import Source, enlarge, load_image, shrink
from styletools.vgg import VGG19Features

__all__ = [
    "Callback", "DivergedError", "Row", "Step", "TransferResult",
    "describe_environment", "resolve_device", "run_key", "stylize",
]  # fmt: skip

MAX_GAIN = 4.0  # of a picture's detail: a blurred photograph's noise should not become visible
MIN_LEVEL_SIDE = 48  # pixels; in smaller pictures the deep layers see nothing but the border


@dataclass(frozen=True)
class TransferResult:
    """A finished or stopped run.

    Attributes:
        image: (1, 3, H, W) float32 on the CPU, normalised.
        loss_history: one row for each step: step, size (longest side that it worked at), total,
            content (before α), style (Σ w_l·loss, before β), tv (before its weight), and each
            style layer (before w_l). Losses at different sizes do not compare.
        final_losses: the row of the picture handed over (L-BFGS: its best step's; Adam: the last
            step's, which was evaluated just before the picture's last move).
        config: the settings, with backbone, pooling and precision as they were resolved.
        environment: versions, device and backbone.
        seconds: spent optimising, without what the callback took.
        stopped: "finished", or why the run ended before its steps.
    """

    image: Tensor
    loss_history: list[Row]
    final_losses: Row
    config: TransferConfig
    environment: dict[str, Any]
    seconds: float
    stopped: str


class DivergedError(StyletoolsError, ArithmeticError):
    """The loss became NaN or infinite; `result` holds the last finite picture."""

    def __init__(self, message: str, result: TransferResult) -> None:
        super().__init__(message)
        self.result = result


def stylize(
    content: Source | Tensor,
    style: Source | Tensor,
    config: TransferConfig | None = None,
    callback: Callback | None = None,
    checkpoint: str | Path | None = None,
    backbone: Backbone | None = None,
) -> TransferResult:
    """Paint the content in the style, as Gatys et al. 2016.

    Ctrl-C (the stop button of a notebook) ends the run after the step and keeps what is there.

    Args:
        content: a picture as in `load_image`, or its tensor (1, 3, H, W), normalised.
        style: likewise; a picture is resized to the content's size, a tensor taken as it is.
        config: the settings; None takes the assignment's.
        callback: called after each evaluation; returning True stops the run.
        checkpoint: a file that is written every ten seconds and at a stop. Where it exists, the
            run goes on from it, as if it had never been stopped; `steps` may have been raised.
        backbone: already loaded weights, instead of `config.backbone`.

    Returns:
        Picture, loss history, settings, environment.

    Raises:
        DivergedError: the loss became NaN or infinite.
        CheckpointError: the checkpoint is damaged or of another run.
        ImageError, BackboneError, ConfigError: wrong input.
    """
    place = Path(checkpoint) if checkpoint is not None else None
    config, backbone, device = _resolve(config, backbone, place)
    content, style, start = _load_pictures(content, style, config)
    identity = _identity(config, content, style, start, backbone)
    contents, styles, starts = (
        _levels(picture.to(device), content, config) for picture in (content, style, start)
    )

    saving, exact_ending = plan_memory(config, backbone, (content.shape[-2], content.shape[-1]))

    @functools.lru_cache(maxsize=1)  # one net for all sizes; another precision's can go
    def model(precision: str) -> VGG19Features:
        return net(backbone, config, device, precision)

    def objectives(level: int, precision: str) -> Objective:
        # The few last steps in float32 may be slower, and should not double the memory.
        lean = saving or precision != config.precision
        return Objective(model(precision), contents[level], styles[level], config, lean)

    details = _details(starts, styles, config)
    run = Run(objectives, starts[0], details, config, callback, identity, exact_ending)
    if place is not None and place.exists():
        run.load(place)
    environment = describe_environment(device, backbone)
    diverged = ""
    try:
        stopped = run.go(place)
    except NotFiniteError as error:
        stopped = diverged = str(error)
    image = run.image(diverged=bool(diverged))
    result = TransferResult(
        image, run.history, run.kept_row, config, environment, run.seconds, stopped
    )
    if diverged:
        raise DivergedError(diverged, result)
    return result


def run_key(
    content: Source | Tensor,
    style: Source | Tensor,
    config: TransferConfig | None = None,
    backbone: Backbone | None = None,
) -> str:
    """What identifies a run: a hash of its pictures, weights and settings, wherever it runs.

    Two calls of `stylize` with the same key do the same work. Arguments and errors are
    `stylize`'s.

    Returns:
        64 hexadecimal digits.
    """
    config, backbone, _ = _resolve(config, backbone)
    identity = _identity(config, *_load_pictures(content, style, config), backbone)
    return key_of(identity, config.steps)


def key_of(identity: Mapping[str, Any], steps: int) -> str:
    """The key of a run, from what `identity_of` gives."""
    text = json.dumps({**identity, "steps": steps}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def identity_of(
    settings: Mapping[str, Any], pictures: Mapping[str, str], backbone: str
) -> dict[str, Any]:
    """What makes two runs the same: pictures, weights, and settings but for steps and machine.

    Args:
        settings: `TransferConfig.to_dict()`, as they were resolved.
        pictures: {"content", "style" and "start": `picture_sha256` of it}.
        backbone: SHA-256 of the weights' file.
    """
    # The pictures and the weights themselves stand for the last four.
    left_out = ("steps", "device", "max_memory", "backbone", "max_size", "start", "seed")
    identity = {name: value for name, value in settings.items() if name not in left_out}
    return {**identity, **pictures, "backbone": backbone}


def picture_sha256(picture: Tensor) -> str:
    """Of a picture as the network gets it, (1, 3, H, W)."""
    return hashlib.sha256(picture.float().cpu().numpy().tobytes()).hexdigest()


def resolve_device(name: str = "auto") -> torch.device:
    """The device of a name; "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        ConfigError: an unknown device, or one that this machine does not have.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available()}
    available["mps"] = torch.backends.mps.is_available()
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available.get(name.split(":")[0], False):
        known = ", ".join(kind for kind, there in available.items() if there)
        raise ConfigError(f"device is {name!r}; this machine has {known}. Use device='auto'.")
    return torch.device(name)


def describe_environment(device: torch.device, backbone: Backbone) -> dict[str, Any]:
    """What a run depends on besides its settings and pictures."""
    import torchvision

    import styletools

    return {
        "styletools": styletools.__version__,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "backbone": backbone.name,
        "backbone_sha256": backbone.sha256,
    }


def _resolve(
    config: TransferConfig | None, backbone: Backbone | None, checkpoint: Path | None = None
) -> tuple[TransferConfig, Backbone, torch.device]:
    """The settings as this machine takes them, the weights, and the device.

    A run that is resumed keeps the precision that it began with.
    """
    config = config or TransferConfig()
    backbone = backbone or load_backbone(config.backbone)
    device = resolve_device(config.device)
    config = config.replace(backbone=backbone.name, pooling=config.pooling or backbone.pooling)
    precision = saved_precision(checkpoint) if config.precision == "auto" else None
    precision = precision or resolve_precision(config, backbone, device)
    return config.replace(precision=precision), backbone, device


def _levels(picture: Tensor, content: Tensor, config: TransferConfig) -> list[Tensor]:
    """A picture at each size that the run works at, smallest first."""
    levels = [picture]
    for halvings in range(1, config.levels):
        if min(content.shape[-2:]) >> halvings < MIN_LEVEL_SIDE:
            break
        levels.insert(0, shrink(picture, 2**halvings))
    return levels


def _details(starts: list[Tensor], styles: list[Tensor], config: TransferConfig) -> list[Tensor]:
    """What each next size adds to the enlarged picture of the one before.

    It is the start's own fine detail, each colour as strong as in the style at that size, so that
    the early layers begin near their goal: that saves a third of the evaluations at full size.
    """
    details = []
    for small, large, style_small, style_large in zip(
        starts, starts[1:], styles, styles[1:], strict=False
    ):
        detail = large - enlarge(small, large)
        if config.style_weight:
            wanted = _energy(style_large - enlarge(style_small, style_large))
            gain = (wanted / _energy(detail).clamp(min=1e-12)).sqrt().clamp(max=MAX_GAIN)
            detail = detail * gain
        details.append(detail)
    return details


def _energy(detail: Tensor) -> Tensor:
    return detail.square().mean(dim=(2, 3), keepdim=True)  # (1, 3, 1, 1)


def _load_pictures(
    content: Source | Tensor, style: Source | Tensor, config: TransferConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Content, style and the picture to start from, each (1, 3, H, W)."""
    if not isinstance(content, Tensor):
        content = load_image(content, config.max_size)
    size = (content.shape[-2], content.shape[-1])
    if not isinstance(style, Tensor):
        style = load_image(style, size=size)
    if config.start == "noise":
        generator = torch.Generator().manual_seed(config.seed)
        start = torch.randn(content.shape, generator=generator)
    elif config.start in STARTS:
        start = content if config.start == "content" else style
    else:
        start = load_image(config.start, size=size)
    if start.shape != content.shape:
        raise ImageError(
            f"The run starts from {config.start}, {tuple(start.shape)}, but the content is "
            f"{tuple(content.shape)}; load it with size={size}."
        )
    for name, picture in (("content", content), ("style", style)):
        if not torch.isfinite(picture).all():
            raise ImageError(f"The {name} holds NaN or infinity, so it is no picture.")
    return content.detach(), style.detach(), start.detach()


def _identity(
    config: TransferConfig, content: Tensor, style: Tensor, start: Tensor, backbone: Backbone
) -> dict[str, Any]:
    pictures = {"content": content, "style": style, "start": start}
    hashes = {name: picture_sha256(picture) for name, picture in pictures.items()}
    return identity_of(config.to_dict(), hashes, backbone.sha256)
