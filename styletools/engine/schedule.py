"""From small sizes to the full one: the pictures at each size, and when a phase is over."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from styletools.config import TransferConfig
from styletools.engine.checkpoint import Ended, State
from styletools.engine.optimisers import LBFGS, Adam, PhaseOver, in_range
from styletools.engine.pictures import GuidedStyle, RunPictures
from styletools.images import MIN_SIDE, denormalise, enlarge, shrink

MAX_GAIN = 4.0  # of a picture's detail: a blurred photograph's noise should not become visible
MIN_LEVEL_SIDE = 48  # pixels; in smaller pictures the deep layers see nothing but the border
SMALL_STEPS = 20  # at most, at each size but the full one
FLAT_STEPS = 10  # over which `tolerance` and `picture_tolerance` look
ENDING_STEPS = 5  # in float32, after a lower precision


class Schedule:
    """The phases of a run, and the pictures of each.

    A phase is a size, smallest first, and where the precision is low, a few steps in float32 at the
    end. A phase ends when its steps are used, when its loss is flat, when its picture stands still,
    or when L-BFGS finds no lower loss; in a low precision the same size then goes on in float32.

    Args:
        pictures: content, styles and start at the full size.
        config: the settings, with their precision resolved.
        exact_ending: whether a low precision ends with a few steps in float32.

    Attributes:
        levels: the pictures at each size, smallest first.
    """

    def __init__(self, pictures: RunPictures, config: TransferConfig, exact_ending: bool) -> None:
        self.config, self.exact_ending = config, exact_ending
        self.levels = _levels(pictures, config)
        starts = [level.start for level in self.levels]
        self._details = _details(starts, [level.styles[0] for level in self.levels], config)

    def begin(self) -> State:
        """The state before the first step."""
        start = self.levels[0].start.contiguous()
        return State(
            start.clone().requires_grad_(True), start.clone(), precision=self.config.precision
        )

    def limit(self, state: State) -> int:
        """The step at which the present phase ends."""
        left = self.config.steps - state.phase_began
        if state.level < len(self._details):  # half of what is left, at the most
            return state.phase_began + min(left // 2, SMALL_STEPS)
        if state.reason and self.config.may_end_early:
            return state.phase_began + min(left, ENDING_STEPS)
        return self.config.steps - (ENDING_STEPS if self._ending_due(state) else 0)

    def check(self, state: State) -> None:
        """Raise `PhaseOver` where the phase may take no more evaluations."""
        if len(state.history) >= self.limit(state):
            raise PhaseOver

    def advance(self, state: State, optimiser: Adam | LBFGS) -> bool:
        """Where a phase is over, begin the next, or end the run; tell whether it was over."""
        ended, detail = self._phase_ended(state, optimiser)
        if ended is None:
            return False
        picture = optimiser.image
        if optimiser.stuck and state.precision != "float32":
            state.precision = "float32"  # the line search fails in the noise of the lower one
        elif state.level < len(self._details):
            picture = self.at_next_size(picture, state.level)
            state.level += 1
        elif self._ending_due(state):
            state.precision, state.reason, state.detail = "float32", ended.value, detail
        else:
            state.ended, state.detail = ended, detail
            return True
        state.phase_began, state.earlier = len(state.history), None
        optimiser.begin(picture)
        return True

    def at_full_size(self, picture: Tensor, level: int) -> Tensor:
        """The picture at the full size, wherever the run was stopped."""
        for smaller in range(level, len(self._details)):
            picture = self.at_next_size(picture, smaller)
        return picture

    def at_next_size(self, picture: Tensor, level: int) -> Tensor:
        """The picture of a size at the next, with the detail that belongs there."""
        detail = self._details[level]
        larger = enlarge(picture, detail) + detail
        return in_range(larger) if self.config.clamp else larger

    def _phase_ended(self, state: State, optimiser: Adam | LBFGS) -> tuple[Ended | None, str]:
        if optimiser.stuck:
            why = "L-BFGS finds no lower loss, from a fresh start either"
            return Ended.CONVERGED, f"at step {len(state.history)} {why}"
        if why := self._done(state, optimiser.image):
            return Ended.FLAT, f"the last {FLAT_STEPS} steps {why}"
        if len(state.history) < self.limit(state):
            return None, ""
        return Ended(state.reason or Ended.FINISHED), state.detail

    def _done(self, state: State, picture: Tensor) -> str:
        """What the last ten steps hardly did; empty unless all tolerances that are set hold."""
        config, reasons = self.config, []
        if config.picture_tolerance:
            if not self._still(state, picture):
                return ""
            change = f"{config.picture_tolerance:g} of 255 levels"
            reasons.append(f"changed the picture by less than {change}")
        if config.tolerance:
            if not self._flat(state):
                return ""
            reasons.append(f"lowered the loss by less than {100 * config.tolerance:g} %")
        return " and ".join(reasons)

    def _flat(self, state: State) -> bool:
        totals = [row["total"] for row in state.history[state.phase_began :]]
        if len(totals) <= FLAT_STEPS:
            return False
        return min(totals) > (1 - self.config.tolerance) * min(totals[:-FLAT_STEPS])

    def _still(self, state: State, picture: Tensor) -> bool:
        """Whether the picture hardly changed; looks at it every ten steps."""
        step, earlier = len(state.history), state.earlier
        if earlier is not None and step < state.earlier_step + FLAT_STEPS:
            return False
        state.earlier, state.earlier_step = picture.clone(), step
        if earlier is None:
            return False
        change = (denormalise(picture) - denormalise(earlier)).abs().mean()
        return float(255 * change) < self.config.picture_tolerance

    def _ending_due(self, state: State) -> bool:
        return self.exact_ending and state.precision != "float32"


def _levels(pictures: RunPictures, config: TransferConfig) -> list[RunPictures]:
    """The pictures at each size that the run works at, smallest first."""
    side = min(pictures.content.shape[-2:])
    least = min(min(style.picture.shape[-2:]) for style in pictures.styles)
    levels = [pictures]
    for halvings in range(1, config.levels):
        if side >> halvings < MIN_LEVEL_SIDE or least >> halvings < MIN_SIDE:
            break
        levels.insert(0, pictures.map(lambda picture, times=2**halvings: shrink(picture, times)))
    return levels


def _details(
    starts: list[Tensor], styles: list[GuidedStyle], config: TransferConfig
) -> list[Tensor]:
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
            wanted = _energy(
                style_large.picture - enlarge(style_small.picture, style_large.picture)
            )
            gain = (wanted / _energy(detail).clamp(min=1e-12)).sqrt().clamp(max=MAX_GAIN)
            detail = detail * gain
        details.append(detail)
    return details


def _energy(detail: Tensor) -> Tensor:
    return detail.square().mean(dim=(2, 3), keepdim=True)  # (1, 3, 1, 1)


@contextmanager
def interrupts(state: State) -> Iterator[None]:
    """Ctrl-C lets the step end; a second one interrupts at once. Only in the main thread."""
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is None:
        yield
        return

    def on_interrupt(number: int, frame: object) -> None:
        state.ended = Ended.INTERRUPTED
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
