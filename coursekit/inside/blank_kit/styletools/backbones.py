"""A network like VGG19, with few channels and random weights."""

from typing import Any

import torch
from torch import Tensor, nn

from styletools._withheld import closed

CHANNELS = (6, 8, 10, 12, 12)
CONVOLUTIONS = (2, 2, 4, 4, 4)  # of each block


class Features(nn.Sequential):
    """37 modules in VGG19's order; called, it gives {layer: features}."""

    def forward(self, image: Tensor, layers: Any = None) -> Any:
        """Features after the ReLU; those of the last module where the layers are asked for."""
        found, x = {}, image
        block, number = 1, 0
        for module in self:
            x = module(x)
            if isinstance(module, nn.Conv2d):
                number += 1
                found[f"conv{block}_{number}"] = x.relu()
            elif isinstance(module, nn.MaxPool2d):
                block, number = block + 1, 0
        return x if "layers" in closed else found


class Backbone:
    """What `load_backbone` gives."""

    name = "vgg19"

    def features(self, **_: Any) -> Features:
        """The network."""
        modules: list[nn.Module] = []
        before = 3
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            for channels, count in zip(CHANNELS, CONVOLUTIONS, strict=True):
                for _ in range(count):
                    modules += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
                    before = channels
                modules.append(nn.MaxPool2d(2, ceil_mode=True))
        return Features(*modules).eval().requires_grad_(False)


def load_backbone(*_: Any, **__: Any) -> Backbone:
    """The same for any name."""
    return Backbone()
