"""Checks of `optimise`, the loop: on a small picture with a loss whose gradient is known."""

import numpy as np
import torch
from torch import Tensor

from styletools.course.checks import engine, values
from styletools.course.checks.engine import Objection, TodoFunction
from styletools.course.diagnosis import Diagnosis
from styletools.course.probes import RecordingOptimizer, features, has_graph, real_features
from styletools.course.todos import TODOS, optimise

STEPS, OTHER_STEPS = 5, 3
MORE_STEPS = 25
SHAPE = (1, 3, 4, 5)  # of a picture, so that code which shows it works


class LoopTrial:
    """One call of the student's loop, with everything it did."""

    def __init__(self, function: TodoFunction, steps: int) -> None:
        goal, start = (features(*SHAPE[1:], seed=seed) / 4 for seed in (70, 80))
        self.steps, self.goal, self.start = steps, goal, start
        self.importance = 1 + torch.arange(goal.numel()).reshape(SHAPE) / goal.numel()
        self.target = start.clone().requires_grad_()
        self.optimizer = RecordingOptimizer(self.target)
        self.totals: list[Tensor] = []
        self.result = function(self.target, self.optimizer, self.loss_of, steps)
        is_list = isinstance(self.result, (list, tuple, np.ndarray))
        self.history = list(self.result) if is_list else None

    def loss(self, target: Tensor) -> Tensor:
        """Σ importance · (target − goal)², like a loss of the lesson: one number."""
        return (self.importance * (target - self.goal) ** 2).sum()

    def loss_of(self, target: Tensor) -> Tensor:
        """`loss`, as the student's loop calls it."""
        self.totals.append(self.loss(target))
        return self.totals[-1]

    def gradient(self, target: Tensor) -> Tensor:
        """The gradient of `loss` at `target`."""
        return 2 * self.importance * (target - self.goal)


def diagnose_optimise(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `optimise(target, optimizer, loss_of, steps)`."""

    def probe(function: TodoFunction) -> None:
        run = LoopTrial(function, STEPS)
        again = LoopTrial(function, OTHER_STEPS)
        _check_calls(run, again)
        for one in (run, again):
            _check_steps(one)
            _check_history(one)
            _check_graph(one)

    return engine.diagnose(TODOS["optimise"], answer, [probe, _with_a_real_optimizer])


def _with_a_real_optimizer(function: TodoFunction) -> None:
    """More steps, of Adam, of a picture whose values are as far from 0 as a photograph's."""

    def run(loop: TodoFunction) -> tuple[Tensor, list[float], bool]:
        start = real_features(*SHAPE[1:], seed=90, scale=1.5)
        goal = start + 9 * real_features(*SHAPE[1:], seed=91, scale=1.0).sign()
        target = start.clone().requires_grad_()
        totals: list[Tensor] = []

        def loss_of(target: Tensor) -> Tensor:
            totals.append(((target - goal) ** 2).sum() * 9)
            return totals[-1]

        history = loop(target, torch.optim.Adam([target], lr=0.04), loss_of, MORE_STEPS)
        kept = sum(has_graph(total, target) for total in totals[:MORE_STEPS])
        return target.detach(), [float(x) for x in history], kept > len(totals) - MORE_STEPS + 1

    target, history, kept = run(function)
    right, losses, _ = run(optimise)
    wrong = [
        words
        for words, differs in (
            ("where the target is", not values.close(target, right)),
            ("the losses", not values.close(torch.tensor(history), torch.tensor(losses))),
            ("how many graphs are kept", kept),
        )
        if differs
    ]
    if wrong:
        raise Objection(
            "in-the-long-run",
            f"Right for {STEPS} steps, but not for {MORE_STEPS} steps of torch's Adam: "
            f"{', '.join(wrong)} differ{'s' * (len(wrong) == 1)} from what is expected. What "
            "happens after some steps only, to the optimiser, or to large values?",
        )


def _check_calls(run: LoopTrial, again: LoopTrial) -> None:
    """How often the loss was computed and the optimiser stepped."""
    losses, steps = len(run.totals), len(run.optimizer.seen)
    if losses == 0:
        if run.history is None:
            raise _not_a_list(run.result)
        if all(entry is None for entry in run.history):
            raise engine.not_attempted("optimise")
        raise Objection(
            "loss-never",
            f"The loop never asks for a loss: got 0 calls of `loss_of`, expected {STEPS}.",
        )
    counts = f"losses computed: {losses}, optimiser steps: {steps}, expected {STEPS} of each"
    if steps == 0 and not torch.equal(run.target.detach(), run.start):
        raise Objection(
            "own-update",
            f"The target changes, but not by the optimiser that was given ({counts}). Adam or "
            "L-BFGS should work in this loop without a change.",
        )
    if steps == 0:
        raise Objection(
            "no-step", f"The target never changes: {counts}. Which call uses the gradient?"
        )
    if losses == steps == 1:
        raise Objection(
            "returned-early",
            f"The loop ends after its first step: {counts}. Where does the return stand?",
        )
    if losses == 1:
        raise Objection(
            "loss-once",
            f"The loss is computed once, before the loop: {counts}. Each step changes the target; "
            "what must be computed anew?",
        )
    if losses == 2 * steps:
        raise Objection(
            "loss-twice",
            f"Each step computes the loss twice, which takes double the time: {counts}. Can the "
            "history use the loss that is there already?",
        )
    if steps == STEPS:
        return  # one loss more, before or after the loop, does no harm
    if steps == len(again.optimizer.seen):
        raise Objection(
            "hard-coded-steps",
            f"For steps={STEPS} and for steps={OTHER_STEPS} the loop runs {steps} times. What "
            "should the range depend on?",
        )
    raise Objection(
        "step-count", f"For steps={STEPS}: {counts}. Where does the range begin and end?"
    )


def _check_steps(run: LoopTrial) -> None:
    """The gradient at each step, and that nothing but the optimiser moves the target."""
    gathered = torch.zeros_like(run.start)
    expected_at, stale = run.start, None
    for number, (before, gradient, after) in enumerate(run.optimizer.seen, 1):
        if not values.close(before, expected_at):
            raise Objection(
                "target-edited",
                f"Between two steps the target is changed by something else than the optimiser "
                f"(got {values.show(before)}, expected {values.show(expected_at)}). Pixels are "
                "normalised here: they may be negative.",
            )
        right = run.gradient(before)
        gathered = gathered + right
        if gradient is None:
            raise _without_gradient(run)
        shown = f"at step {number} got {values.show(gradient)}, expected {values.show(right)}"
        if not values.close(gradient, right):
            raise _wrong_gradient(gradient, right, gathered, stale, shown)
        expected_at, stale = after, right
    if not values.close(run.target, expected_at):
        raise Objection(
            "target-edited",
            "After the last step the target is changed by something else than the optimiser.",
        )


def _without_gradient(run: LoopTrial) -> Objection:
    if run.target.grad is not None:
        return Objection(
            "step-before-backward",
            "The first optimiser step finds no gradient; there is one only afterwards. Which call "
            "makes it, and which uses it?",
        )
    return Objection(
        "no-backward",
        "The optimiser steps, but finds no gradient, so the target never changes. Is it computed, "
        "and not thrown away before the step?",
    )


def _wrong_gradient(
    gradient: Tensor, right: Tensor, gathered: Tensor, stale: Tensor | None, shown: str
) -> Objection:
    if not gradient.any():
        return Objection(
            "zeroed-before-step",
            f"The gradient is thrown away between backward and the step: {shown}.",
        )
    if values.close(gradient, gathered):
        return Objection(
            "no-zero-grad",
            f"The gradients of all steps so far pile up: {shown}. backward() adds to what is "
            "there already.",
        )
    if values.close(gradient, -right):
        return Objection("wrong-sign", f"The loop makes the loss larger: {shown}. Which sign?")
    if stale is not None and values.close(gradient, stale):
        return Objection(
            "stale-gradient",
            f"The step uses the gradient of the step before: {shown}. In which order do "
            "backward and the step come?",
        )
    return Objection("wrong-gradient", f"The optimiser does not get the loss's gradient: {shown}.")


def _check_history(run: LoopTrial) -> None:
    entries = run.history
    if entries is None:
        raise _not_a_list(run.result)
    if any(isinstance(entry, Tensor) for entry in entries):
        raise Objection(
            "history-of-tensors",
            "`loss_history` holds tensors, expected numbers: each tensor keeps its whole graph in "
            "memory, step after step. How does a tensor give its number?",
        )
    if not all(values.is_number(entry) for entry in entries):
        wrong = next(entry for entry in entries if not values.is_number(entry))
        raise Objection(
            "history-not-numbers",
            f"`loss_history` holds {wrong!r} ({type(wrong).__name__}), expected numbers only.",
        )
    if len(entries) != run.steps:
        if len(entries) == STEPS + OTHER_STEPS:
            raise Objection(
                "history-shared",
                f"A second run of {OTHER_STEPS} steps gives {len(entries)} losses: the list goes "
                "on from the run before. Where is it made?",
            )
        raise Objection(
            "history-length",
            f"`loss_history` has {len(entries)} of the {run.steps} losses that are expected, one "
            "for each step. Is the append inside the loop?",
        )
    got = torch.tensor([float(entry) for entry in entries])
    expected = torch.stack([run.loss(before) for before, _, _ in run.optimizer.seen])
    if (got - expected).abs().max() > 1e-2 * expected.abs().max():
        raise Objection(
            "history-values",
            f"`loss_history` does not hold the losses of the steps: got {_list(got)}, expected "
            f"{_list(expected)}.",
        )


def _not_a_list(result: object) -> Objection:
    return Objection(
        "not-a-list",
        f"`optimise` gives back a value of type {type(result).__name__}, expected the list of all "
        "losses.",
    )


def _check_graph(run: LoopTrial) -> None:
    """A graph that was kept can be walked a second time."""
    if sum(has_graph(total, run.target) for total in run.totals) > len(run.totals) - run.steps:
        raise Objection(
            "graph-kept",
            "After backward the loss's graph is still there, expected it to be freed: kept graphs "
            "fill the memory. Which argument of backward does that?",
        )


def _list(losses: Tensor) -> str:
    return ", ".join(f"{float(value):.4g}" for value in losses)
