"""Whose colours a picture gets: the two ways of Gatys et al. 2017 to keep the photograph's.

Source: Gatys, Ecker, Bethge, Hertzmann & Shechtman, Controlling Perceptual Factors in Neural Style
Transfer, CVPR 2017, section 4.
"""

import torch
from torch import Tensor

from styletools.config import TransferConfig
from styletools.engine.pictures import RunPictures
from styletools.images import denormalise, normalise, shrink_to

LUMA = (0.299, 0.587, 0.114)  # Y of YIQ: the brightness of R, G and B
_LEAST_VARIANCE = 1 / (12 * 255**2)  # what rounding to 8 bits gives: less than that is no colour


def prepare(pictures: RunPictures, config: TransferConfig) -> RunPictures:
    """Content, styles and start as `config.colour` has the network see them."""
    if config.colour == "style":
        return pictures
    content, styles, start = pictures
    change = match_colours if config.colour == "match" else match_luminance
    styles = [style._replace(picture=change(style.picture, content)) for style in styles]
    if config.start == "style":
        start = change(start, content)
    elif config.colour == "luminance":
        start = luminance(start)
    return RunPictures(
        luminance(content) if config.colour == "luminance" else content, styles, start
    )


def match_colours(style: Tensor, content: Tensor) -> Tensor:
    """The style with the content's mean and covariance of colours.

    Each pixel x becomes A (x − μ_S) + μ_C with A = Σ_C^½ Σ_S^−½, so that A Σ_S Aᵀ = Σ_C (Gatys et
    al. 2017, section 4.2). Where the style varies less than rounding to 8 bits does, as a grey
    picture's colours, nothing is stretched. Values beyond black and white are clipped at the end.

    Args:
        style: (1, 3, H, W), normalised.
        content: (1, 3, h, w), normalised.

    Returns:
        (1, 3, H, W), normalised.
    """
    return _matched(denormalise(style), denormalise(content))


def luminance(image: Tensor) -> Tensor:
    """(1, 3, H, W), normalised → the grey picture of its brightness Y, likewise; not clipped."""
    return normalise(_luma(denormalise(image, clip=False)).expand(-1, 3, -1, -1))


def match_luminance(style: Tensor, content: Tensor) -> Tensor:
    """The style's brightness with the content's mean and deviation, as a grey picture.

    L becomes (L − μ_S) σ_C / σ_S + μ_C (Gatys et al. 2017, section 4.1). Arguments and result are
    those of `match_colours`.
    """
    return _matched(_luma(denormalise(style)), _luma(denormalise(content)))


def recolour(image: Tensor, content: Tensor) -> Tensor:
    """The image's brightness Y with the content's colours I and Q.

    Back in RGB, Y adds the same to R, G and B, so each pixel is the content's plus Y − Y_C.

    Args:
        image: (1, 3, h, w), normalised.
        content: (1, 3, H, W), normalised; brought to the image's size.

    Returns:
        (1, 3, h, w), normalised.
    """
    if content.shape != image.shape:
        content = shrink_to(content, (image.shape[-2], image.shape[-1]))
    content = denormalise(content.to(image), clip=False)
    change = _luma(denormalise(image, clip=False)) - _luma(content)
    return normalise(content + change)


def _luma(rgb: Tensor) -> Tensor:
    """(1, 3, H, W) → (1, 1, H, W)."""
    weights = torch.tensor(LUMA, dtype=rgb.dtype, device=rgb.device)
    return (rgb * weights[:, None, None]).sum(dim=1, keepdim=True)


def _matched(style: Tensor, content: Tensor) -> Tensor:
    """(1, C, H, W) from 0 to 1 with the mean and covariance of another, normalised."""
    (mean, covariance), (goal, wanted) = _statistics(style), _statistics(content)
    turn = _power(wanted, 0.5) @ _power(covariance, -0.5)  # A, (C, C)
    flat = turn.to(style) @ (style[0].flatten(1) - mean) + goal
    return normalise(flat.view_as(style).clamp(0, 1).expand(-1, 3, -1, -1))


def _statistics(picture: Tensor) -> tuple[Tensor, Tensor]:
    """(1, C, H, W) → mean (C, 1) and covariance (C, C)."""
    flat = picture[0].flatten(1)
    mean = flat.mean(dim=1, keepdim=True)
    return mean, (flat - mean) @ (flat - mean).T / flat.shape[1]


def _power(covariance: Tensor, exponent: float) -> Tensor:
    """Σ to a power, in the directions in which the colours vary."""
    values, vectors = torch.linalg.eigh(covariance.double())
    powers = torch.where(values > _LEAST_VARIANCE, values.clamp(min=1e-30) ** exponent, 0.0)
    return vectors @ torch.diag(powers) @ vectors.T
