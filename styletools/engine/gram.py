"""The Gram matrix as the fast path takes it: without copies of the layer."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def lean_gram(features: Tensor) -> Tensor:
    """`losses.gram_matrix` without copies of the layer for the backward pass.

    The matrix is symmetric, so that its gradient takes one product and not two; it is made in the
    features' own precision, which it would be rounded to anyway. No second derivatives.

    Args:
        features: (1, C, h, w), best as channels_last.

    Returns:
        (C, C), float32, or float64 for float64 features.
    """
    gram: Tensor = _LeanGram.apply(features)
    return gram


class _LeanGram(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, features: Tensor) -> Tensor:
        context.save_for_backward(features)
        precise = _rows(features).to(torch.promote_types(features.dtype, torch.float32))
        return precise.T @ precise

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        (features,) = context.saved_tensors
        rows = _rows(features) @ (gradient + gradient.T).to(features)  # (h·w, C)
        return rows.view(1, *features.shape[2:], -1).permute(0, 3, 1, 2)


def _rows(features: Tensor) -> Tensor:
    """(1, C, h, w) → (h·w, C), which is a view of what is channels_last."""
    return features[0].permute(1, 2, 0).flatten(0, 1)
