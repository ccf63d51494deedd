"""Adam and L-BFGS: each changes a run's target, and says which picture it would hand over."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from styletools.config import TransferConfig
from styletools.engine.checkpoint import NotFiniteError, State
from styletools.images import normalise

LBFGS_FIRST_LOSS = 1e6  # the loss is scaled to begin here, so that float32 holds its squares
LBFGS_LEAST_LOSS = 1e-6  # a run that begins lower is done, and squares must not overflow
LBFGS_FIRST_MOVE = 0.02  # root mean square, in the normalised image's units
LBFGS_EVALUATIONS = 26  # the most that one line search may take
LBFGS_HISTORY = 10  # PyTorch's 100 costs 600 MiB at 512² and gains nothing

Evaluate = Callable[[Tensor], Tensor]
"""The loss at a target, whose `grad` it sets; it adds a row to the history."""


class PhaseOver(Exception):  # noqa: N818
    """Every evaluation that the phase may take was made, in the middle of a line search."""


class Adam:
    """One step along each gradient. It hands over the target, where its last step went."""

    stuck = False  # it never ends by itself

    def __init__(self, state: State, config: TransferConfig) -> None:
        self.state, self.rate, self.clamp = state, config.learning_rate, config.clamp
        self._adam = torch.optim.Adam([state.target], lr=self.rate)
        if state.optimiser:
            self._adam.load_state_dict(state.optimiser)

    @property
    def image(self) -> Tensor:
        """The picture to hand over, (1, 3, h, w)."""
        return self.state.target.detach()

    def begin(self, picture: Tensor) -> None:
        """Start a phase at a picture."""
        if not torch.equal(picture, self.image):
            self.state.target = _target(picture)
            self._adam = torch.optim.Adam([self.state.target], lr=self.rate)
            self.state.optimiser = {}
        self.state.kept = picture.clone()

    def step(self, evaluate: Evaluate) -> None:
        """One step; after an infinite loss the target is the last one with a finite loss."""
        state = self.state
        self._hold()
        try:
            evaluate(state.target)
        except NotFiniteError:
            state.target.data.copy_(state.kept)
            raise
        state.kept.copy_(self.image)
        state.kept_row = state.history[-1]
        self._adam.step()
        self._hold()
        state.optimiser = self._adam.state_dict()

    def _hold(self) -> None:
        if self.clamp:
            self.state.target.data.copy_(in_range(self.image))


class LBFGS:
    """The paper's optimiser, with a line search. It hands over the picture of the lowest loss.

    A search that fails drops what was learnt of the curvature; after two in a row it is stuck.
    """

    def __init__(self, state: State, config: TransferConfig) -> None:
        self.state, self.clamp = state, config.clamp
        self.lowest = math.inf  # the (scaled) loss of the picture that is kept
        self.failures = 0  # searches that failed in a row
        self.scale = 0.0  # of the loss and its gradient; 0 until the first loss is known
        # The last point with its loss and gradient, so that none is evaluated twice in a row.
        self.last: dict[str, Tensor] = {}
        self._lbfgs = _fresh(state.target)
        if state.optimiser:
            saved = dict(state.optimiser)
            self._lbfgs.load_state_dict(saved.pop("curvature"))
            vars(self).update(saved)

    @property
    def image(self) -> Tensor:
        """The picture to hand over, (1, 3, h, w)."""
        return self.state.kept

    @property
    def stuck(self) -> bool:
        """No lower loss is found, from a fresh start either."""
        return self.failures > 1

    def begin(self, picture: Tensor) -> None:
        """Start a phase at a picture; where it is the target's, L-BFGS keeps what it has learnt."""
        state = self.state
        if not torch.equal(picture, state.target.detach()):
            state.target = _target(picture)
            self._lbfgs, self.scale = _fresh(state.target), 0.0
        state.kept = picture.clone()
        self.lowest, self.failures, self.last = math.inf, 0, {}
        self._remember()

    def step(self, evaluate: Evaluate) -> None:
        """One iteration; where the phase is over in its middle, the state is not whole."""
        before, self.state.whole = self.lowest, True
        try:
            self._scale_first_move(evaluate)
            self._lbfgs.step(lambda: self._remembered(evaluate))
        except PhaseOver:
            self.state.whole = False
            return
        except NotFiniteError:
            if math.isinf(self.lowest) or self.failures:
                if self.state.precision == "float32":
                    raise
                self.failures = 1  # with this one, enough to go on in float32
        if self.lowest < before:
            self.failures = 0
        else:
            self.failures += 1
            self.state.target.data.copy_(self.state.kept)
            self._lbfgs = _fresh(self.state.target)
        self._remember()

    def _remember(self) -> None:
        """Put into the state what the next iteration needs."""
        self.state.optimiser = {
            "curvature": self._lbfgs.state_dict(), "lowest": self.lowest, "last": self.last,
            "failures": self.failures, "scale": self.scale,
        }  # fmt: skip

    def _scale_first_move(self, evaluate: Evaluate) -> None:
        """Begin each fresh search with a visible move along the gradient.

        PyTorch begins with a move whose absolute values add up to 1, far too little for a picture:
        a dozen evaluations would go into lengthening it.
        """
        group = self._lbfgs.param_groups[0]
        group["lr"] = 1.0
        if not self._lbfgs.state:
            self._remembered(evaluate)
            gradient = self.state.target.grad
            assert gradient is not None
            wanted = LBFGS_FIRST_MOVE / gradient.square().mean().sqrt().clamp(min=1e-30)
            group["lr"] = float(wanted * gradient.abs().sum().clamp(min=1.0))

    def _remembered(self, evaluate: Evaluate) -> Tensor:
        """L-BFGS's closure: each iteration begins where the last one ended, mostly."""
        state, target = self.state, self.state.target
        if self.clamp:
            target.data.copy_(in_range(target.data))
        if self.last and torch.equal(self.last["target"], target.detach()):
            target.grad = self.last["gradient"].clone()
            return self.last["total"]
        total = evaluate(target)
        assert target.grad is not None
        if self.clamp:  # the line search should expect nothing of what cannot move
            target.grad[in_range(target.data - target.grad.sign()) == target.data] = 0
        if not self.scale:
            self.scale = LBFGS_FIRST_LOSS / max(float(total), LBFGS_LEAST_LOSS)
        total, target.grad = total * self.scale, target.grad * self.scale
        here = target.detach().clone()
        self.last = {"target": here, "gradient": target.grad.clone(), "total": total}
        if float(total) < self.lowest:
            self.lowest = float(total)
            state.kept, state.kept_row = here, state.history[-1]
        return total


OPTIMISERS: dict[str, type[Adam] | type[LBFGS]] = {"adam": Adam, "lbfgs": LBFGS}


def in_range(picture: Tensor) -> Tensor:
    """The picture with its values between black and white, as a file holds them."""
    black, white = (normalise(torch.full((3, 1, 1), level).to(picture)) for level in (0.0, 1.0))
    return picture.clamp(black, white)


def _target(picture: Tensor) -> Tensor:
    return picture.clone().contiguous().requires_grad_(True)


def _fresh(target: Tensor) -> torch.optim.LBFGS:
    # One iteration a call, so that a run can stop and be saved after each; no tolerances,
    # since gradients of a mean over pixels are small long before the picture is done.
    return torch.optim.LBFGS(
        [target],
        max_iter=1,
        max_eval=LBFGS_EVALUATIONS,
        history_size=LBFGS_HISTORY,
        line_search_fn="strong_wolfe",
        tolerance_grad=0.0,
        tolerance_change=0.0,
    )
