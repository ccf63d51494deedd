"""The optimiser's loop: a target image follows the gradient, from small sizes to the full one."""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styletools._files import atomic_path
from styletools.config import TransferConfig
from styletools.engine.objective import Objective
from styletools.errors import CheckpointError
from styletools.images import enlarge

LBFGS_FIRST_LOSS = 1e6  # the loss is scaled to begin here, so that float32 holds its squares
LBFGS_LEAST_LOSS = 1e-6  # a run that begins lower is done, and squares must not overflow
LBFGS_FIRST_MOVE = 0.02  # root mean square, in the normalised image's units
LBFGS_EVALUATIONS = 26  # the most that one line search may take
LBFGS_HISTORY = 10  # PyTorch's 100 costs 600 MiB at 512² and gains nothing
CHECKPOINT_SECONDS = 10.0
SMALL_STEPS = 20  # at most, at each size but the full one
FLAT_STEPS = 10  # the loss is flat where so many steps lower it by less than `tolerance`
ENDING_STEPS = 5  # in float32, after a lower precision

Row = dict[str, float]
"""One step of the loss history: step, size, total, content, style, tv, and each style layer."""


@dataclass(frozen=True)
class Step:
    """What the callback gets after each evaluation of the loss.

    Attributes:
        step: 1 for the first evaluation.
        steps: the most there will be.
        losses: this step's row of the loss history.
        image: (1, 3, h, w), normalised, the target that was evaluated, at the size the run works
            at now; copy it to keep it.
        seconds: spent optimising, earlier parts of a resumed run included, callbacks not.
    """

    step: int
    steps: int
    losses: Row
    image: Tensor
    seconds: float


Callback = Callable[[Step], bool | None]


class NotFiniteError(Exception):
    """The loss or its gradient is NaN or infinite."""


class _PhaseOver(Exception):  # noqa: N818
    """Every evaluation that the phase may take was made, in the middle of a line search."""


class Run:
    """The state of one optimisation, and what a checkpoint must hold of it.

    It goes through phases: each size, smallest first, and where the precision is low, a few steps
    in float32 at the end. A phase ends when its steps are used, when its loss is flat, or when
    L-BFGS finds no lower loss; in a low precision the same size then goes on in float32.

    Args:
        objectives: makes the loss at a size and in a precision.
        start: the picture to start from, (1, 3, h, w), at the smallest size.
        details: what to add to the enlarged picture at each next size, (1, 3, H, W).
        config: the settings, with their precision resolved.
        callback: called after each evaluation; returning True stops the run.
        identity: what makes two runs the same, for the checkpoint.
        exact_ending: whether a low precision ends with a few steps in float32.
    """

    def __init__(
        self,
        objectives: Callable[[int, str], Objective],
        start: Tensor,
        details: Sequence[Tensor],
        config: TransferConfig,
        callback: Callback | None,
        identity: dict[str, Any],
        exact_ending: bool = True,
    ) -> None:
        self.exact_ending = exact_ending
        self.objectives, self.details = objectives, details
        self.config, self.callback, self.identity = config, callback, identity
        self.history: list[Row] = []
        self.seconds = 0.0
        self.stop = ""
        self.level, self.precision, self.ending = 0, config.precision, False
        self.why = ""  # it came to the ending
        self.kept_row: Row = {}
        self.target = start.new_empty(0)
        self._begin(start)

    def go(self, checkpoint: Path | None) -> str:
        """Run to the end or to a stop; returns why it ended."""
        self.started = time.monotonic() - self.seconds
        saved = time.monotonic()
        self.objective = self.objectives(self.level, self.precision)
        advance = self._adam_step if self.config.optimizer == "adam" else self._lbfgs_iteration
        whole = True  # the state can go on from here, bit for bit
        with _interrupts(self):
            while not self.stop:
                if over := self._phase_over():
                    if not self._next_phase(over):
                        return self._finish(checkpoint if whole else None, over)
                    continue
                try:
                    advance()
                    whole = True
                except _PhaseOver:
                    whole = False
                if whole and checkpoint and time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self.save(checkpoint)
                    saved = time.monotonic()
        return self._finish(checkpoint, self.stop)

    def _finish(self, checkpoint: Path | None, why: str) -> str:
        if checkpoint:
            self.save(checkpoint)
        return why

    def image(self, diverged: bool = False) -> Tensor:
        """The picture to hand over: (1, 3, H, W) float32 on the CPU."""
        picture = self.kept if diverged else self._picture()
        for level in range(self.level, len(self.details)):  # stopped before the full size
            picture = self._enlarged(picture, level)
        return picture.detach().float().cpu().clone()

    def _picture(self) -> Tensor:
        return self.target.detach() if self.config.optimizer == "adam" else self.kept

    def _enlarged(self, picture: Tensor, level: int) -> Tensor:
        """The picture at the next size, with the detail that belongs there."""
        detail = self.details[level]
        return enlarge(picture, detail) + detail

    def _begin(self, picture: Tensor) -> None:
        """Start a phase at its picture."""
        self.began = len(self.history)
        if not torch.equal(picture, self.target.detach()):  # else L-BFGS keeps what it has learnt
            self.target = picture.clone().contiguous().requires_grad_(True)
            self.optimizer = self._new_optimizer()
            self.scale = 0.0
        # Adam: the last target whose loss was finite. L-BFGS: the one with the lowest loss.
        self.kept, self.kept_total = picture.clone(), math.inf
        # L-BFGS: the last point with its gradient, so that no point is evaluated twice in a row.
        self.last: dict[str, Tensor] = {}
        self.failed_searches = 0
        # A smaller size gets half of what is left, at the most; the full one gets all of it.
        left = self.config.steps - self.began
        self.share = self.began + min(left // 2, SMALL_STEPS)

    def _limit(self) -> int:
        """The step at which the present phase ends."""
        if self.level < len(self.details):
            return self.share
        if self.ending and self.config.tolerance:
            return min(self.config.steps, self.began + ENDING_STEPS)
        return self.config.steps - (ENDING_STEPS if self._ending_due() else 0)

    def _ending_due(self) -> bool:
        return self.exact_ending and self.precision != "float32"

    def _phase_over(self) -> str:
        """Why the phase ends now; "" while it goes on."""
        if self.failed_searches > 1:
            return (
                f"converged: at step {len(self.history)} L-BFGS finds no lower loss, "
                "from a fresh start either"
            )
        if self._flat():
            fall = f"{100 * self.config.tolerance:g} %"
            return f"flat: the last {FLAT_STEPS} steps lowered the loss by less than {fall}"
        if len(self.history) < self._limit():
            return ""
        return self.why or "finished"

    def _flat(self) -> bool:
        totals = [row["total"] for row in self.history[self.began :]]
        if not self.config.tolerance or len(totals) <= FLAT_STEPS:
            return False
        return min(totals) > (1 - self.config.tolerance) * min(totals[:-FLAT_STEPS])

    def _next_phase(self, over: str) -> bool:
        """Go to the next size, or to float32; False where the run is over."""
        picture = self._picture()
        if self.failed_searches > 1 and self.precision != "float32":
            self.precision = "float32"  # the line search fails in the noise of the lower one
        elif self.level < len(self.details):
            picture = self._enlarged(picture, self.level)
            self.level += 1
        elif self._ending_due():
            self.precision, self.ending, self.why = "float32", True, over.replace("finished", "")
        else:
            return False
        self._begin(picture)
        self.objective = self.objectives(self.level, self.precision)
        return True

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
        self.target = state["target"].requires_grad_(True)
        self.optimizer = self._new_optimizer()
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
        self.kept_row = self.history[-1]
        self.optimizer.step()

    def _lbfgs_iteration(self) -> None:
        """One iteration. A line search that fails drops the history; two in a row end the phase."""
        before = self.kept_total
        try:
            self._scale_first_move()
            self.optimizer.step(self._remembered)  # type: ignore[arg-type]
        except NotFiniteError:
            if math.isinf(self.kept_total) or self.failed_searches:
                if self.precision == "float32":
                    raise
                self.failed_searches = 1  # with this one, enough to go on in float32
        if self.kept_total < before:
            self.failed_searches = 0
            return
        self.failed_searches += 1
        self.target.data.copy_(self.kept)
        self.optimizer = self._new_optimizer()

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
        if not self.scale:
            self.scale = LBFGS_FIRST_LOSS / max(float(total), LBFGS_LEAST_LOSS)
        total, self.target.grad = total * self.scale, self.target.grad * self.scale
        here = self.target.detach().clone()
        self.last = {"target": here, "gradient": self.target.grad.clone(), "total": total}
        if float(total) < self.kept_total:
            self.kept, self.kept_total, self.kept_row = here, float(total), self.history[-1]
        return total

    def _evaluate(self) -> Tensor:
        """One step: loss and gradient at the target, a row of history, the callback."""
        step = len(self.history) + 1
        if step > self._limit():
            raise _PhaseOver
        self.target.grad = None
        total, parts = self.objective(self.target)
        total.backward()
        total = total.detach()
        assert self.target.grad is not None
        row: Row = {"step": step, "size": max(self.target.shape[-2:]), "total": float(total)}
        row |= {name: float(value.detach()) for name, value in parts.items()}
        if not (math.isfinite(row["total"]) and torch.isfinite(self.target.grad).all()):
            last = f"{self.history[-1]['total']:.6g}" if self.history else "none"
            raise NotFiniteError(
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
            self.started = time.monotonic() - self.seconds
        return total


def saved_precision(checkpoint: Path | None) -> str | None:
    """The precision of the run that a checkpoint is of; None where there is none to read."""
    if checkpoint is None or not checkpoint.exists():
        return None
    try:
        return torch.load(checkpoint, weights_only=True)["identity"]["precision"]
    except Exception:  # `Run.load` says what is wrong with it
        return None


_PLAIN_STATE = (
    "history", "seconds", "level", "precision", "ending", "why", "began", "share", "kept",
    "kept_total", "kept_row", "last", "failed_searches", "scale",
)  # fmt: skip


@contextmanager
def _interrupts(run: Run) -> Iterator[None]:
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
