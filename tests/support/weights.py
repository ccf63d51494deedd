"""What several test files make their inputs with."""

import torch

from styletools.config import VGG19_LAYERS


def vgg_weights(widths=(4, 4, 5, 5, *[6] * 4, *[7] * 8), seed=0, deepest="conv5_1"):
    """Random weights in VGG19's layout, of any width."""
    generator = torch.Generator().manual_seed(seed)
    weights, channels = {}, 3
    for (name, index), width in zip(VGG19_LAYERS.items(), widths, strict=True):
        deviation = (2 / (9 * channels)) ** 0.5
        weight = torch.randn(width, channels, 3, 3, generator=generator) * deviation
        weights[f"{index}.weight"] = weight
        weights[f"{index}.bias"] = torch.rand(width, generator=generator) * 0.1
        channels = width
        if name == deepest:
            break
    return weights
