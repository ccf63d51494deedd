"""The optimisation: a target image follows the gradient of the losses. No plots, no widgets."""

import hashlib
import math
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styletools import losses
from styletools.backbones import Backbone, load_backbone
from styletools.config import STARTS, TransferConfig
from styletools.errors import CheckpointError, ConfigError, ImageError, StyletoolsError
from styletools.files import atomic_path
from styletools.images import Source, load_image
from styletools.vgg import VGG19Features

LBFGS_FIRST_LOSS = 1e6  # the loss is scaled to begin here, so that float32 holds its squares
LBFGS_FIRST_MOVE = 0.02  # root mean square, in the normalised image's units
LBFGS_EVALUATIONS = 26  # the most that one line search may take
LBFGS_HISTORY = 10  # PyTorch's 100 costs 600 MiB at 512² and gains nothing
CHECKPOINT_SECONDS = 10.0

Row = dict[str, float]
"""One step of the loss history: step, total, content, style, tv, and each style layer."""


@dataclass(frozen=True)
class Step:
    """What the callback gets after each evaluation of the loss.

    Attributes:
        step: 1 for the first evaluation.
        steps: the most there will be.
        losses: this step's row of the loss history.
        image: (1, 3, H, W), normalised, the target that was evaluated; copy it to keep it.
        seconds: since the run began, earlier parts of a resumed run included.
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
        image: (1, 3, H, W) float32 on the CPU, normalised.
        loss_history: one row for each step: step, total, content (before α), style (Σ w_l·loss,
            before β), tv (before its weight), and each style layer (before w_l).
        config: the settings, with backbone and pooling as they were resolved.
        environment: versions, device and backbone.
        seconds: spent optimising.
        stopped: "finished", or why the run ended before its steps.
    """

    image: Tensor
    loss_history: list[Row]
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
    config = config or TransferConfig()
    backbone = backbone or load_backbone(config.backbone)
    config = config.replace(backbone=backbone.name, pooling=config.pooling or backbone.pooling)
    device = resolve_device(config.device)
    content, style, start = _load_pictures(content, style, config)
    model = backbone.features({*config.content_layers, *config.style_weights}, config.pooling)
    objective = Objective(model.to(device), content.to(device), style.to(device), config)
    identity = _identity(config, content, style, start, backbone)
    run = _Run(objective, start.to(device), config, callback, identity)
    if checkpoint is not None and Path(checkpoint).exists():
        run.load(Path(checkpoint))
    environment = describe_environment(device, backbone)
    diverged = ""
    try:
        stopped = run.go(Path(checkpoint) if checkpoint is not None else None)
    except _NotFinite as error:
        stopped = diverged = str(error)
    image = run.image(diverged=bool(diverged))
    result = TransferResult(image, run.history, config, environment, run.seconds, stopped)
    if diverged:
        raise DivergedError(diverged, result)
    return result


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


class Objective:
    """The loss of a target image: targets computed once, then one forward pass a call."""

    def __init__(
        self, model: VGG19Features, content: Tensor, style: Tensor, config: TransferConfig
    ) -> None:
        self.model, self.config = model, config
        with torch.no_grad():
            content_features, style_features = model(content), model(style)
            self.content_features = {name: content_features[name] for name in config.content_layers}
            self.style_grams = {
                name: losses.gram_matrix(style_features[name]) for name in config.style_weights
            }

    def __call__(self, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, with its graph, and its parts without weights."""
        config = self.config
        features = self.model(target)
        content = torch.zeros((), device=target.device)
        for name, wanted in self.content_features.items():
            content = content + losses.content_loss(features[name], wanted, config.convention)
        style, parts = torch.zeros((), device=target.device), {}
        for name, gram in self.style_grams.items():
            parts[name] = losses.layer_style_loss(features[name], gram, config.convention)
            style = style + config.style_weights[name] * parts[name]
        total = losses.total_loss(content, style, config.content_weight, config.style_weight)
        variation = torch.zeros((), device=target.device)
        if config.tv_weight:
            variation = losses.total_variation(target)
            total = total + config.tv_weight * variation
        return total, {"content": content, "style": style, "tv": variation, **parts}


class _StepsUsed(Exception):  # noqa: N818
    """Every evaluation allowed was made, in the middle of a line search."""


class _NotFinite(Exception):  # noqa: N818
    """The loss or its gradient is NaN or infinite."""


class _Run:
    """The state of one optimisation, and what a checkpoint must hold of it."""

    def __init__(
        self,
        objective: Objective,
        start: Tensor,
        config: TransferConfig,
        callback: Callback | None,
        identity: dict[str, Any],
    ) -> None:
        self.objective, self.config, self.callback = objective, config, callback
        self.identity = identity
        self.target = start.clone().contiguous().requires_grad_(True)
        self.optimizer = self._new_optimizer()
        self.history: list[Row] = []
        self.seconds = 0.0
        self.stop = ""
        # Adam: the last target whose loss was finite. L-BFGS: the one with the lowest loss.
        self.kept, self.kept_total = start.clone(), math.inf
        # L-BFGS: the last point with its gradient, so that no point is evaluated twice in a row.
        self.last: dict[str, Tensor] = {}
        self.failed_searches = 0

    def go(self, checkpoint: Path | None) -> str:
        """Run to the end or to a stop; returns why it ended."""
        self.started = time.monotonic() - self.seconds
        saved = time.monotonic()
        advance = self._adam_step if self.config.optimizer == "adam" else self._lbfgs_iteration
        with _interrupts(self):
            while len(self.history) < self.config.steps and not self.stop:
                try:
                    advance()
                except _StepsUsed:
                    return "finished"
                if checkpoint and time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self.save(checkpoint)
                    saved = time.monotonic()
        if checkpoint:
            self.save(checkpoint)
        return self.stop or "finished"

    def image(self, diverged: bool) -> Tensor:
        """The picture to hand over: (1, 3, H, W) float32 on the CPU."""
        final = self.target if self.config.optimizer == "adam" and not diverged else self.kept
        return final.detach().float().cpu().clone()

    def save(self, path: Path) -> None:
        """Write a checkpoint, atomically. Only between iterations is the state whole."""
        state = {name: getattr(self, name) for name in _PLAIN_STATE}
        state |= {"target": self.target.detach(), "optimizer": self.optimizer.state_dict()}
        with atomic_path(path) as temporary:
            torch.save({"identity": self.identity, **state}, temporary)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same run."""
        device = self.target.device
        try:
            state = torch.load(path, map_location=device, weights_only=True)
            identity = state["identity"]
            differing = [k for k, v in self.identity.items() if identity.get(k) != v]
        except Exception as error:  # whatever a broken or foreign file makes it raise
            raise CheckpointError(
                f"{path} is no whole checkpoint ({type(error).__name__}); delete it to start anew."
            ) from None
        if differing:
            raise CheckpointError(
                f"{path} belongs to another run: {', '.join(differing)} differ. Use the settings "
                "and pictures it was made with, or delete it to start anew."
            )
        for name in _PLAIN_STATE:
            setattr(self, name, state[name])
        self.target.data.copy_(state["target"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _new_optimizer(self) -> torch.optim.Optimizer:
        if self.config.optimizer == "adam":
            return torch.optim.Adam([self.target], lr=self.config.learning_rate)
        # One iteration a call, so that a run can stop and be saved after each; no tolerances,
        # since gradients of a mean over pixels are small long before the picture is done.
        return torch.optim.LBFGS(
            [self.target],
            max_iter=1,
            max_eval=LBFGS_EVALUATIONS,
            history_size=LBFGS_HISTORY,
            line_search_fn="strong_wolfe",
            tolerance_grad=0.0,
            tolerance_change=0.0,
        )

    def _adam_step(self) -> None:
        self._evaluate()
        self.kept.copy_(self.target.detach())
        self.optimizer.step()

    def _lbfgs_iteration(self) -> None:
        """One iteration. A line search that fails drops the history; two in a row end the run."""
        before = self.kept_total
        try:
            self._scale_first_move()
            self.optimizer.step(self._remembered)  # type: ignore[arg-type]
        except _NotFinite:
            if math.isinf(self.kept_total) or self.failed_searches:
                raise
        if self.kept_total < before:
            self.failed_searches = 0
            return
        self.failed_searches += 1
        self.target.data.copy_(self.kept)
        self.optimizer = self._new_optimizer()
        if self.failed_searches > 1:
            self.stop = (
                f"converged: at step {len(self.history)} L-BFGS finds no lower loss, "
                "from a fresh start either"
            )

    def _scale_first_move(self) -> None:
        """Begin each fresh search with a visible move along the gradient.

        PyTorch begins with a move whose absolute values add up to 1, far too little for a picture:
        a dozen evaluations would go into lengthening it.
        """
        group = self.optimizer.param_groups[0]
        group["lr"] = 1.0
        if not self.optimizer.state:
            self._remembered()
            gradient = self.target.grad
            assert gradient is not None
            wanted = LBFGS_FIRST_MOVE / gradient.square().mean().sqrt().clamp(min=1e-30)
            group["lr"] = float(wanted * gradient.abs().sum().clamp(min=1.0))

    def _remembered(self) -> Tensor:
        """L-BFGS's closure: each iteration begins where the last one ended, mostly."""
        if self.last and torch.equal(self.last["target"], self.target.detach()):
            self.target.grad = self.last["gradient"].clone()
            return self.last["total"]
        total = self._evaluate()
        assert self.target.grad is not None
        scale = LBFGS_FIRST_LOSS / (self.history[0]["total"] or LBFGS_FIRST_LOSS)
        total, self.target.grad = total * scale, self.target.grad * scale
        here = self.target.detach().clone()
        self.last = {"target": here, "gradient": self.target.grad.clone(), "total": total}
        if float(total) < self.kept_total:
            self.kept, self.kept_total = here, float(total)
        return total

    def _evaluate(self) -> Tensor:
        """One step: loss and gradient at the target, a row of history, the callback."""
        step = len(self.history) + 1
        if step > self.config.steps:
            raise _StepsUsed
        self.target.grad = None
        total, parts = self.objective(self.target)
        total.backward()
        total = total.detach()
        assert self.target.grad is not None
        row: Row = {"step": step, "total": float(total)}
        row |= {name: float(value.detach()) for name, value in parts.items()}
        if not (math.isfinite(row["total"]) and torch.isfinite(self.target.grad).all()):
            last = f"{self.history[-1]['total']:.6g}" if self.history else "none"
            raise _NotFinite(
                f"At step {step} the loss is {row['total']} or its gradient not finite (last "
                f"finite loss: {last}); the last finite picture is kept. Lower learning_rate "
                f"(now {self.config.learning_rate:g}) or style_weight "
                f"(now {self.config.style_weight:g}), or use optimizer='lbfgs'."
            )
        self.history.append(row)
        self.seconds = time.monotonic() - self.started
        if self.callback is not None and not self.stop:
            record = Step(step, self.config.steps, row, self.target.detach(), self.seconds)
            if self.callback(record) is True:
                self.stop = "stopped by the callback"
        return total


_PLAIN_STATE = ("history", "seconds", "kept", "kept_total", "last", "failed_searches")


@contextmanager
def _interrupts(run: _Run) -> Iterator[None]:
    """Ctrl-C lets the step end; a second one interrupts at once. Only in the main thread."""
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is None:
        yield
        return

    def on_interrupt(number: int, frame: object) -> None:
        run.stop = "interrupted"
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


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
    """What makes two runs the same: settings but for steps and device, pictures, weights."""
    identity = config.to_dict()
    for name in ("steps", "device", "backbone", "max_size", "start", "seed"):
        del identity[name]  # the pictures and the weights themselves stand for the last four
    for name, picture in (("content", content), ("style", style), ("start", start)):
        identity[name] = hashlib.sha256(picture.float().cpu().numpy().tobytes()).hexdigest()
    identity["backbone"] = backbone.sha256
    return identity
