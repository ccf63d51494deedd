"""The losses of Gatys et al. 2016, as pure functions, in the course's convention and the paper's.

With N channels and M = h·w positions, F the features (N, M) and G = F Fᵀ:

| | course | paper | course ÷ paper |
|---|---|---|---|
| content | mean((F − P)²) | ½ Σ (F − P)² (eq. 1) | 2 / (N·M) |
| style of a layer | mean((G − A)²) / (N·h·w) | Σ (G − A)² / (4·N²·M²) (eq. 4) | 4·M / N |
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from styletools.config import CONVENTIONS
from styletools.errors import ConfigError


def gram_matrix(features: Tensor) -> Tensor:
    """Correlations between channels, summed over positions; not divided by anything.

    Source: Gatys et al. 2016, eq. 3. Half-precision features are summed in float32, since float16
    overflows at usual sizes.

    Args:
        features: (1, C, h, w).

    Returns:
        (C, C), float32, or float64 for float64 features.

    Raises:
        ConfigError: another shape, such as a batch of several images.
    """
    features = _precise(features)
    if features.dim() != 4 or features.shape[0] != 1:
        raise ConfigError(
            f"gram_matrix takes one image's features, (1, C, h, w); got {tuple(features.shape)}."
        )
    _, channels, height, width = features.shape
    flat = features.reshape(channels, height * width)  # (C, M)
    return flat @ flat.T


def content_loss(features: Tensor, content_features: Tensor, convention: str = "course") -> Tensor:
    """How far the features are from the content's.

    Args:
        features: (1, C, h, w) of the target.
        content_features: the same shape, of the content.
        convention: "course" for the mean of the squared differences, "paper" for half their sum
            (Gatys et al. 2016, eq. 1).

    Returns:
        A scalar.

    Raises:
        ConfigError: the shapes differ, or an unknown convention.
    """
    features, content_features = _precise(features), _precise(content_features)
    _check(convention, features.shape, content_features.shape)
    squares = (features - content_features) ** 2
    return squares.mean() if convention == "course" else squares.sum() / 2


def layer_style_loss(features: Tensor, style_gram: Tensor, convention: str = "course") -> Tensor:
    """How far one layer's Gram matrix is from the style's, before the layer's weight.

    Args:
        features: (1, C, h, w) of the target.
        style_gram: (C, C), `gram_matrix` of the style's features.
        convention: "course" for mean((G − A)²) / (C·h·w), "paper" for Σ(G − A)² / (4·C²·(h·w)²)
            (Gatys et al. 2016, eq. 4).

    Returns:
        A scalar.

    Raises:
        ConfigError: the shapes do not fit, or an unknown convention.
    """
    return gram_loss(gram_matrix(features), style_gram, features[0, 0].numel(), convention)


def gram_loss(
    gram: Tensor, style_gram: Tensor, positions: int, convention: str = "course"
) -> Tensor:
    """`layer_style_loss` of a Gram matrix that is known already.

    Args:
        gram: (C, C) of the target.
        style_gram: (C, C) of the style.
        positions: h·w of the features that `gram` is of.
        convention: as in `layer_style_loss`.

    Returns:
        A scalar.

    Raises:
        ConfigError: the shapes differ, or an unknown convention.
    """
    _check(convention, gram.shape, style_gram.shape)
    channels = gram.shape[0]
    squares = (gram - style_gram) ** 2
    if convention == "course":
        return squares.mean() / (channels * positions)
    return squares.sum() / (4 * channels**2 * positions**2)


def style_loss(
    features: Mapping[str, Tensor],
    style_grams: Mapping[str, Tensor],
    style_weights: Mapping[str, float],
    convention: str = "course",
) -> Tensor:
    """Σ over layers of w_l times `layer_style_loss` (Gatys et al. 2016, eq. 5).

    Args:
        features: {layer: (1, C, h, w)} of the target.
        style_grams: {layer: (C, C)} of the style.
        style_weights: {layer: w_l}.
        convention: as in `layer_style_loss`.

    Returns:
        A scalar; 0 where there are no weights.
    """
    layers = {
        layer: layer_style_loss(features[layer], style_grams[layer], convention)
        for layer in style_weights
    }
    return weighted_sum(layers, style_weights)


def weighted_sum(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Σ over the layers of `weights` of w_l times the layer's loss; 0 where there are none."""
    total = torch.zeros(())
    for layer, weight in weights.items():
        total = total.to(losses[layer]) + weight * losses[layer]
    return total


def total_loss(
    content: Tensor, style: Tensor, content_weight: float = 1.0, style_weight: float = 1e6
) -> Tensor:
    """α · content + β · style (Gatys et al. 2016, eq. 7)."""
    return content_weight * content + style_weight * style


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference between neighbouring pixels, down plus across; not in the paper.

    Args:
        image: (1, 3, H, W).

    Returns:
        A scalar in squared units of the normalised image.
    """
    down = (image[..., 1:, :] - image[..., :-1, :]) ** 2
    across = (image[..., :, 1:] - image[..., :, :-1]) ** 2
    return down.mean() + across.mean()


def content_factor(channels: int, positions: int) -> float:
    """The course's content loss ÷ the paper's: 2 / (N·M)."""
    return 2 / (channels * positions)


def style_factor(channels: int, positions: int) -> float:
    """The course's style loss of a layer ÷ the paper's E_l: 4·M / N."""
    return 4 * positions / channels


def _precise(features: Tensor) -> Tensor:
    if not isinstance(features, Tensor) or features.is_complex():
        kind = features.dtype if isinstance(features, Tensor) else type(features).__name__
        raise ConfigError(f"The losses take tensors of real numbers; got {kind}.")
    return features if features.dtype == torch.float64 else features.float()


def _check(convention: str, got: torch.Size, expected: torch.Size) -> None:
    if convention not in CONVENTIONS:
        raise ConfigError(f"convention is {convention!r}; choose one of {', '.join(CONVENTIONS)}.")
    if got != expected:
        raise ConfigError(
            f"Shapes differ: {tuple(got)} against {tuple(expected)}. Both must come from the same "
            "layer, and for the content loss from images of the same size."
        )
