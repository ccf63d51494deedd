"""What makes two styles alike in a layer: the Gram matrix, or another statistic of its features.

Each is a function of two sums over the layer's M positions, Σ f fᵀ and Σ f, for a layer's N
channels; so each can be summed over the tiles of a large picture, and over a masked region. Of the
style, the sums are brought to the target's M. docs/control.md has the formulas and sources.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from styletools.losses import gram_loss

Sums = tuple[Tensor, Tensor]
"""Σ f fᵀ, (C, C), and Σ f, (C,), over M positions."""

Distance = Callable[[Sums], Tensor]
"""From the target's sums to a scalar; the style's are inside."""

_LEAST_VARIANCE = 1e-10  # of a channel: below, its deviation counts as 0, whose root has no slope
_LEAST_SHARE = 1e-7  # of the largest eigenvalue: likewise, and all that rounding leaves


def gram_distance(style: Sums, positions: int, convention: str) -> Distance:
    """`losses.gram_loss`, the assignment's and Gatys et al. 2016's."""
    return lambda own: gram_loss(own[0], style[0], positions, convention)


def balanced_distance(style: Sums, positions: int, convention: str) -> Distance:
    """|G − A|² / (|G|² + |A|²), from 0 to 1: no style counts more than another.

    Features are not negative after a ReLU, so |G|² + |A|² is the most that |G − A|² can be.
    Source: Cheng, Jaiswal, Wu, Natarajan & Natarajan, Style-Aware Normalized Loss for Improving
    Arbitrary Style Transfer, CVPR 2021.
    """
    # The matrices are divided by M, so that their squares stay in the range of float32.
    goal = style[0] / positions

    def distance(own: Sums) -> Tensor:
        gram = own[0] / positions
        most = gram.square().sum() + goal.square().sum()
        return (gram - goal).square().sum() / most.clamp(min=1e-30)

    return distance


def moments_distance(style: Sums, positions: int, convention: str) -> Distance:
    """Mean over channels of (μ − μ′)² + (σ − σ′)².

    Source: Li, Wang, Liu & Hou, Demystifying Neural Style Transfer, IJCAI 2017, section 4.2.
    """
    mean, deviation = _deviations(style, positions)

    def distance(own: Sums) -> Tensor:
        here, spread = _deviations(own, positions)
        return ((here - mean).square() + (spread - deviation).square()).mean()

    return distance


def wasserstein_distance(style: Sums, positions: int, convention: str) -> Distance:
    """(|μ − μ′|² + tr(Σ + Σ′ − 2 (Σ′^½ Σ Σ′^½)^½)) / C, for the channels as Gaussians.

    The square of their 2-Wasserstein distance, with correlations, where `moments_distance` has
    none. Source: Olkin & Pukelsheim, The distance between two random vectors with given dispersion
    matrices, 1982, eq. 3.
    """
    mean, covariance = _moments(style, positions)
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T  # Σ′^½

    def distance(own: Sums) -> Tensor:
        here, spread = _moments(own, positions)
        shared = torch.linalg.eigvalsh(root @ spread @ root)
        shared = shared[shared > _LEAST_SHARE * shared.detach().max().clamp(min=1e-30)]
        apart = (here - mean).square().sum()
        whole = apart + spread.trace() + covariance.trace() - 2 * shared.sqrt().sum()
        return (whole / len(mean)).to(own[0].dtype)

    return distance


DISTANCES: dict[str, Callable[[Sums, int, str], Distance]] = {
    "gram": gram_distance,
    "moments": moments_distance,
    "wasserstein": wasserstein_distance,
    "balanced": balanced_distance,
}


def _deviations(sums: Sums, positions: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, (C,) each."""
    mean = sums[1].double() / positions
    variance = sums[0].diagonal().double() / positions - mean.square()
    return mean.to(sums[0].dtype), variance.clamp(min=_LEAST_VARIANCE).sqrt().to(sums[0].dtype)


def _moments(sums: Sums, positions: int) -> tuple[Tensor, Tensor]:
    """Mean (C,) and covariance (C, C), float64."""
    second, first = (part.double() for part in sums)
    mean = first / positions
    return mean, second / positions - torch.outer(mean, mean)
