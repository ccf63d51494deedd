"""What an answer is tried on: made-up features, and an optimiser that writes down what it saw.

The checks use it, and the verdicts of grading; the latter have this file alone beside them, without
the kit. So it imports nothing but torch.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


def features(channels: int, height: int, width: int, seed: int) -> Tensor:
    """(1, C, h, w) of whole numbers from −4 to 4, so that Grams are exact; the same everywhere."""
    state, values = 2 * seed + 1, []
    for _ in range(channels * height * width):
        state = (1103515245 * state + 12345) % 2**31
        values.append(float((state >> 16) % 9 - 4))
    return torch.tensor(values, dtype=torch.float32).reshape(1, channels, height, width)


def real_features(channels: int, height: int, width: int, seed: int, scale: float) -> Tensor:
    """(1, C, h, w) of real numbers of the size `scale`, as a network's are; the same everywhere."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(1, channels, height, width, generator=generator)
    return (values * 1024).round() / 1024 * scale


def gradients(value: Tensor, leaves: Iterable[Tensor]) -> list[Tensor]:
    """Of a weighted sum of the entries, so that each entry's gradient counts; 0 where none comes.

    Raises:
        RuntimeError: the value has no graph.
    """
    weights = torch.arange(1.0, value.numel() + 1).to(value).reshape(value.shape)
    inputs = list(leaves)
    found = torch.autograd.grad((value * weights).sum(), inputs, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def has_graph(total: Tensor, target: Tensor) -> bool:
    """Whether the way back from the loss to the target can be walked (once more)."""
    try:
        torch.autograd.grad(total, target)
    except RuntimeError:
        return False
    return True


class RecordingOptimizer:
    """Gradient descent that keeps what it saw: (target, gradient, target afterwards) a step.

    Not one of torch's optimisers: the first of those takes a second to import what it never needs.
    """

    def __init__(self, target: Tensor) -> None:
        self.target, self.rate = target, 0.05
        self.param_groups = [{"params": [target], "lr": self.rate}]
        self.seen: list[tuple[Tensor, Tensor | None, Tensor]] = []

    def zero_grad(self, set_to_none: bool = True) -> None:
        """As torch's."""
        if set_to_none or self.target.grad is None:
            self.target.grad = None
        else:
            self.target.grad = torch.zeros_like(self.target)

    def step(self, closure: Any = None) -> Any:
        """One step; a closure is evaluated first, as torch's optimisers do."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        before, gradient = self.target.detach().clone(), self.target.grad
        if gradient is not None:
            gradient = gradient.detach().clone()
            self.target.data.sub_(gradient, alpha=self.rate)
        self.seen.append((before, gradient, self.target.detach().clone()))
        return loss
