"""What a probe does with numbers: make them, compare them, and find out which mistake gave them."""

import math
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import dropwhile
from typing import NamedTuple

import torch
from torch import Tensor

from styletools.course.checks.engine import Objection
from styletools.course.probes import gradients

_TOLERANCE = 1e-5  # relative: float32 sums in another order agree to about 1e-6

LIKE_A_NETWORK = (((70, 1, 2), 0.125), ((3, 26, 45), 16.0), ((5, 2, 3), 32.0))
"""((channels, height, width), size of the features), as in the verdicts of grading."""


class KnownMistake(NamedTuple):
    """A known mistake: the value that it gives on the probe's input, and how to speak of it."""

    code: str
    value: Tensor
    says: str


def tracked(values: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Leaves that collect gradients, and copies of them that may be handed to a student."""
    leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
    return leaves, {name: leaf.clone() for name, leaf in leaves.items()}


@contextmanager
def like_a_network(shape: Sequence[int]) -> Iterator[None]:
    """Say of what is found here that it shows only on features such as a network gives.

    Args:
        shape: (channels, height, width).
    """
    try:
        yield
    except Objection as finding:
        raise Objection(
            "wrong-value",
            "Right for small whole numbers, but not for features such as a network gives, here "
            f"(1, {', '.join(map(str, shape))}): is anything cut off, rounded, limited or added? "
            f"{finding.message}",
            finding.status,
        ) from None


def scalar(result: object) -> Tensor:
    """A loss as a 0-dimensional tensor; a Python number passes here, and fails in `gradient`."""
    if isinstance(result, numbers.Real):
        return torch.tensor(float(result))
    loss = tensor(result, "a tensor with one number")
    if loss.numel() != 1:
        raise Objection(
            "not-reduced",
            f"Your answer has shape {tuple(loss.shape)}, expected one number: a loss says with a "
            "single number how far two things are apart.",
        )
    return loss.reshape(())


def tensor(result: object, expected: str) -> Tensor:
    """The result, if it is a tensor."""
    if not isinstance(result, Tensor):
        raise Objection(
            "not-a-tensor",
            f"Your answer is of type {type(result).__name__}, expected {expected}. Stay in torch: "
            "what leaves it has no gradient.",
        )
    return result


def compare(got: Tensor, expected: Tensor, mistakes: Iterable[KnownMistake], given: str) -> None:
    """Pass if the values are equal; else name the mistake that gives the value that was got.

    Args:
        got: the student's.
        expected: the kit's.
        mistakes: what known mistakes give, the likelier ones first.
        given: the input in words.
    """
    if close(got, expected):
        return
    values = f"for {given}: got {show(got)}, expected {show(expected)}"
    if not torch.isfinite(got.detach()).all():
        raise Objection("not-finite", f"The answer is not finite. What is divided by 0? ({values})")
    for mistake in mistakes:
        if close(got, mistake.value):
            raise Objection(mistake.code, f"{mistake.says} ({values})")
    if got.numel() != expected.numel():
        raise Objection("wrong-shape", f"The shape does not fit. ({values})")
    raise Objection("wrong-value", f"Go through the formula again, term by term. ({values})")


def gradient(result: object, got: Tensor, expected: Tensor, leaves: Mapping[str, Tensor]) -> None:
    """Pass if the gradient of `got` is that of `expected`.

    Args:
        result: what the student's function gave.
        got: the same as a tensor.
        expected: the kit's value of the same leaves.
        leaves: {name: what both were computed from}.
    """
    if not isinstance(result, Tensor):
        raise Objection(
            "python-float",
            f"The value is right, but of type {type(result).__name__}, expected a tensor: a plain "
            "number does not know how it was computed, so that backward has no way back.",
        )
    if not got.requires_grad:
        raise Objection(
            "detached",
            "The value is right, but it has no gradient, so that the target would never change. "
            f"{_WHICH_LINE}",
        )
    ours, theirs = (gradients(value, leaves.values()) for value in (got, expected))
    for name, mine, right in zip(leaves, ours, theirs, strict=True):
        if not close(mine, right):
            raise Objection(
                "wrong-gradient",
                f"The value is right, but its gradient is not: with respect to {name} got "
                f"{show(mine)}, expected {show(right)}. {_WHICH_LINE}",
            )


_WHICH_LINE = (
    "Which of your lines cuts the way back (detach, data, item, no_grad, numpy, or a new tensor "
    "made of numbers)?"
)


def close(a: Tensor, b: Tensor) -> bool:
    """Equal shapes but for leading sides of 1, and equal values, relative to the largest of `b`."""
    a, b = (x.detach().cpu().double() for x in (a, b))
    one, other = ([*dropwhile(lambda side: side == 1, x.shape)] for x in (a, b))
    if one != other:
        return False
    scale = float(b.abs().max()) if b.numel() else 0.0
    return bool(((a.flatten() - b.flatten()).abs() <= _TOLERANCE * scale + 1e-9).all())


def show(value: Tensor) -> str:
    """A number, or the shape with the first entries."""
    value = value.detach().cpu()
    if value.dim() == 0:
        return f"{float(value):.5g}"
    first = ", ".join(f"{float(x):.4g}" for x in value.flatten()[:3])
    return f"shape {tuple(value.shape)} that begins with {first}"


def is_number(value: object) -> bool:
    """Whether `value` is a plain finite number."""
    return isinstance(value, numbers.Real) and math.isfinite(float(value))
