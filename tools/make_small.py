"""Make `small` preview `vgg19`: scale each of its layers to the strength of vgg19's.

    python tools/make_small.py NET.safetensors OUT.safetensors

NET is any net in VGG19's layout whose features keep their zeros, such as the shipped file, which
stays as it is then. Where the shipped net comes from: docs/small.md.
"""

import argparse
import math
from collections.abc import Mapping
from itertools import product

import torch
from torch import Tensor

from styletools.backbones import Backbone, load_backbone, write_weights
from styletools.config import VGG19_LAYERS
from styletools.images import bundled, load_image

LAYERS = [layer for layer, index in VGG19_LAYERS.items() if index <= VGG19_LAYERS["conv5_1"]]
SIZE = (176, 256)  # height and width of the bundled pictures here


def main() -> None:
    """Write the scaled net, and print each layer's factor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net", metavar="NET.safetensors")
    parser.add_argument("out", metavar="OUT.safetensors")
    arguments = parser.parse_args()
    net = load_backbone(arguments.net)
    factors = layer_factors(net, load_backbone("vgg19"))
    for layer, factor in factors.items():
        print(f"{layer} × {factor:.4g}")
    weights = {key: value.half() for key, value in scale_layers(net.weights, factors).items()}
    metadata = {"format": "styletools-backbone", "name": "small", "pooling": net.pooling}
    write_weights(arguments.out, weights, metadata)


def layer_factors(net: Backbone, teacher: Backbone) -> dict[str, float]:
    """What each layer's features must be multiplied by, to be as strong as the teacher's.

    A layer is as strong as another where √mean(((G − A)/M)²), the style loss but for its divisors,
    is as large, in the geometric mean over all pairs of a bundled photograph and style.
    """
    ours, theirs = _strengths(net), _strengths(teacher)
    return {layer: math.sqrt(theirs[layer] / ours[layer]) for layer in LAYERS}  # G grows as F²


def scale_layers(weights: Mapping[str, Tensor], factors: dict[str, float]) -> dict[str, Tensor]:
    """The net whose features are `factors[layer]` times as large, and otherwise the same."""
    scaled, incoming = {}, 1.0
    for layer, factor in factors.items():
        index = VGG19_LAYERS[layer]
        scaled[f"{index}.weight"] = weights[f"{index}.weight"] * (factor / incoming)
        scaled[f"{index}.bias"] = weights[f"{index}.bias"] * factor
        incoming = factor
    return scaled


@torch.inference_mode()
def _strengths(backbone: Backbone) -> dict[str, float]:
    model = backbone.features(LAYERS)
    contents, styles = (
        [_grams(model(load_image(path, size=SIZE))) for path in bundled(kind).values()]
        for kind in ("content", "style")
    )
    pairs = list(product(contents, styles))
    return {
        layer: _typical_difference([(a[layer], b[layer]) for a, b in pairs]) for layer in LAYERS
    }


def _grams(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """{layer: G/M}, (N, N)."""
    flat = {layer: feature[0].flatten(1) for layer, feature in features.items()}  # (N, M)
    return {layer: matrix @ matrix.T / matrix.shape[1] for layer, matrix in flat.items()}


def _typical_difference(pairs: list[tuple[Tensor, Tensor]]) -> float:
    differences = [(a - b).square().mean().sqrt() for a, b in pairs]
    return torch.stack(differences).log().mean().exp().item()


if __name__ == "__main__":
    main()
