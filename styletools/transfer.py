"""The optimisation: a target image follows the gradient of the losses. No plots, no widgets."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styletools.backbones import Backbone, load_backbone
from styletools.config import TransferConfig
from styletools.engine.checkpoint import (
    Checkpoint,
    Ended,
    NotFiniteError,
    Row,
    identity_of,
    key_of,
    saved_precision,
)
from styletools.engine.colour import prepare, recolour
from styletools.engine.memory import plan_memory
from styletools.engine.objective import Objective
from styletools.engine.optimisers import OPTIMISERS
from styletools.engine.pictures import load_pictures
from styletools.engine.precision import (
    describe_environment,
    network_for,
    resolve_device,
    resolve_precision,
)
from styletools.engine.schedule import Schedule, interrupts
from styletools.engine.tiles import TiledObjective
from styletools.errors import StyletoolsError
from styletools.images import Source
from styletools.vgg import VGG19Features

__all__ = [
    "Callback", "DivergedError", "Ended", "Row", "Step", "TransferResult",
    "describe_environment", "resolve_device", "run_key", "stylize",
]  # fmt: skip


@dataclass(frozen=True)
class Step:
    """What the callback gets after each evaluation of the loss.

    Attributes:
        step: 1 for the first evaluation.
        steps: the most there will be.
        losses: this step's row of the loss history.
        image: (1, 3, h, w), normalised, the target that was evaluated, at the size the run works
            at now, with the content's colours where `colour` is "luminance"; copy it to keep it.
        seconds: spent optimising, earlier parts of a resumed run included, callbacks not.
    """

    step: int
    steps: int
    losses: Row
    image: Tensor
    seconds: float


Callback = Callable[[Step], bool | None]


@dataclass(frozen=True)
class TransferResult:
    """A finished or stopped run.

    Attributes:
        image: (1, 3, H, W) float32 on the CPU, normalised; with `transparency` (1, 4, H, W), as
            `load_image` has it.
        loss_history: one row for each step: step, size (longest side that it worked at), total,
            content (before α), style (Σ w_l·loss, before β), tv (before its weight), and each
            style layer (before w_l). Losses at different sizes do not compare.
        final_losses: the row of the picture handed over (L-BFGS: its best step's; Adam: the last
            step's, which was evaluated just before the picture's last move).
        config: the settings, with backbone, pooling, filters and precision as they were resolved.
        environment: versions, device and backbone.
        seconds: spent optimising, without what the callback took.
        ended: why the run ended.
        detail: more about why, for a reader; may be empty.
    """

    image: Tensor
    loss_history: list[Row]
    final_losses: Row
    config: TransferConfig
    environment: dict[str, Any]
    seconds: float
    ended: Ended
    detail: str


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
        content: a picture as in `load_image`, or its tensor (1, 3, H, W), normalised; with
            `transparency` its tensor may be (1, 4, H, W).
        style: likewise; a picture is resized to the content's size, unless `style_scale` says
            otherwise; a tensor is taken as it is.
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
    pictures = load_pictures(content, style, config)
    kept = Checkpoint(place, identity_of(config.to_dict(), pictures.hashes(), backbone.sha256))
    photograph, alpha = pictures.content[:, :3], pictures.content[:, 3:].cpu()  # 3; 0 or 1 channel
    pictures = pictures._replace(content=photograph)
    plan = plan_memory(config, backbone, (photograph.shape[-2], photograph.shape[-1]))
    pictures = prepare(pictures, config).map(lambda picture: picture.to(device))
    schedule = Schedule(pictures, config, plan.exact_ending)
    state = kept.load(device) or schedule.begin()
    optimiser = OPTIMISERS[config.optimizer](state, config)
    started = time.monotonic() - state.seconds

    @functools.lru_cache(maxsize=1)  # one net for all sizes; another precision's can go
    def model(precision: str) -> VGG19Features:
        return network_for(backbone, config, device, precision)

    @functools.lru_cache(maxsize=1)
    def objective(level: int, precision: str) -> Objective:
        # The few last steps in float32 may be slower, and should not double the memory.
        saving = plan.saving or precision != config.precision
        content, styles, _ = schedule.levels[level]
        if plan.tile and max(content.shape) > plan.tile:
            return TiledObjective(model(precision), content, styles, config, saving, tile=plan.tile)
        return Objective(model(precision), content, styles, config, saving)

    def finished(image: Tensor) -> Tensor:
        return recolour(image, photograph) if config.colour == "luminance" else image

    def evaluate(target: Tensor) -> Tensor:
        """One step: the loss and its gradient, a row of the history, the callback."""
        nonlocal started
        schedule.check(state)
        target.grad = None
        total, parts = objective(state.level, state.precision)(target)
        total.backward()
        row = state.add_row(total, parts, config)
        state.seconds = time.monotonic() - started
        if callback is not None and state.ended is None:
            image = finished(target.detach())
            step = Step(len(state.history), config.steps, row, image, state.seconds)
            if callback(step) is True:
                state.ended = Ended.STOPPED
            started = time.monotonic() - state.seconds
        return total.detach()

    try:
        with interrupts(state):
            while state.ended is None:
                if not schedule.advance(state, optimiser):
                    optimiser.step(evaluate)
                    kept.save_if_due(state)
        kept.save(state)
    except NotFiniteError as error:
        state.ended, state.detail = Ended.DIVERGED, str(error)
    image = finished(schedule.at_full_size(optimiser.image, state.level).float().cpu())
    image = torch.cat([image, alpha], 1)
    result = TransferResult(
        image, state.history, state.kept_row, config, describe_environment(device, backbone),
        state.seconds, state.ended, state.detail,
    )  # fmt: skip
    if state.ended is Ended.DIVERGED:
        raise DivergedError(state.detail, result)
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
    hashes = load_pictures(content, style, config).hashes()
    return key_of(identity_of(config.to_dict(), hashes, backbone.sha256), config.steps)


def _resolve(
    config: TransferConfig | None, backbone: Backbone | None, checkpoint: Path | None = None
) -> tuple[TransferConfig, Backbone, torch.device]:
    """The settings as this machine takes them, the weights, and the device.

    A run that is resumed keeps the precision that it began with.
    """
    config = config or TransferConfig()
    backbone = backbone or load_backbone(config.backbone)
    device = resolve_device(config.device)
    config = config.replace(
        backbone=backbone.name,
        pooling=config.pooling or backbone.pooling,
        normalise_filters=config.has_normalised_filters,
    )
    precision = saved_precision(checkpoint) if config.precision == "auto" else None
    precision = precision or resolve_precision(config, backbone, device)
    return config.replace(precision=precision), backbone, device
