"""A network like VGG19, with few channels and random weights."""

from typing import Any

import torch
from torch import Tensor, nn

from styletools._withheld import closed


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
        import doors  # lies beside the kit

        with torch.random.fork_rng([]):  # the student's own draws stay as they are
            modules = doors.features(inplace=False)
        for module in modules:
            if isinstance(module, nn.MaxPool2d):
                module.ceil_mode = True  # a picture may be smaller than five poolings take
        return Features(*modules).eval().requires_grad_(False)


def load_backbone(*_: Any, **__: Any) -> Backbone:
    """The same for any name."""
    return Backbone()
