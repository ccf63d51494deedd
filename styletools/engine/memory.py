"""How much memory a run needs, and how it gets by with less."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from styletools.backbones import Backbone
from styletools.config import TransferConfig
from styletools.errors import ConfigError
from styletools.vgg import VGG19Features, each_output

NATIVE_COPIES = 9  # of the largest layer, in a low precision
UNFOLDED_COPIES = 32  # PyTorch's own convolutions lay each 3×3 window out, nine values for one


class MemoryPlan(NamedTuple):
    """How a run stays within its memory limit.

    Attributes:
        saving: keep less for the backward pass and compute it again there: about a third slower.
        exact_ending: there is room to end a run of low precision with a few steps in float32.
    """

    saving: bool
    exact_ending: bool


def plan_memory(config: TransferConfig, backbone: Backbone, size: tuple[int, int]) -> MemoryPlan:
    """How the run stays within `config.max_memory`.

    Args:
        config: the settings, with their precision resolved.
        backbone: the weights.
        size: (H, W) of the picture.

    Raises:
        ConfigError: the picture is too large even so; the message says which size is not.
    """
    limit = config.max_memory
    if limit is None:
        return MemoryPlan(saving=False, exact_ending=True)
    exact = config.replace(precision="float32")
    can_end = memory_needed(exact, backbone, size, saving=True) <= limit * 2**30
    if memory_needed(config, backbone, size, saving=False) <= limit * 2**30:
        return MemoryPlan(saving=False, exact_ending=can_end)
    least = memory_needed(config, backbone, size, saving=True) / 2**30
    if least <= limit:
        return MemoryPlan(saving=True, exact_ending=can_end)
    fixed = memory_needed(config, backbone, (0, 0), saving=True) / 2**30
    side = int(max(size) * math.sqrt(max(limit - fixed, 0) / (least - fixed)) * 0.99)
    raise ConfigError(
        f"max_memory is {limit:g} GiB, but {size[1]}×{size[0]} pixels need {least:.2f} GiB on the "
        f"{backbone.name} backbone; give max_size={side} or less, or more memory."
    )


def memory_needed(
    config: TransferConfig, backbone: Backbone, size: tuple[int, int], saving: bool
) -> int:
    """About the most bytes that a run takes, besides Python, the libraries and the weights' file.

    An upper estimate: what the backward pass keeps of each layer, some copies of the largest layer
    that are there for a moment, and the net twice, since the convolutions keep their own
    arrangement of it. tests/engine/test_objective.py measures it.
    """
    low = config.precision != "float32"
    item = 2 if low else 4
    model = backbone.features({*config.content_layers, *config.style_weights}, config.pooling)
    kept, side, largest, taken = 0.0, 1.0, 0.0, 0.0
    for module in model:
        if isinstance(module, nn.Conv2d):
            here = module.out_channels * side**2  # values for each pixel of the picture
            kept, largest = kept + here, max(largest, here)
        elif not isinstance(module, nn.ReLU):
            side /= 2
            kept += here / 4
            taken += here * (1 - 1 / 4)  # saving keeps a pooled layer only as it is pooled
    if saving:
        kept -= taken
    pixels = size[0] * size[1]
    copies = 5 if not low else NATIVE_COPIES if native_bfloat16() else UNFOLDED_COPIES
    weights = sum(weight.numel() for weight in model.parameters())
    return int(item * (pixels * (kept + copies * largest) + 2 * weights))


def native_bfloat16() -> bool:
    """Whether this machine's convolutions take bfloat16 as it is."""
    return torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def features_by_block(image: Tensor, model: VGG19Features) -> Iterator[tuple[str, Tensor]]:
    """As `each_layer`, keeping only the blocks' inputs and the layers asked for."""
    x = image
    for block in _blocks(model):
        x, taken = checkpoint(_run_block, x, block, model.layers, use_reentrant=False)
        yield from taken.items()


def _blocks(model: VGG19Features) -> list[dict[str, nn.Module]]:
    """Each convolution with what follows it, up to the next one."""
    blocks: list[dict[str, nn.Module]] = []
    for index, module in model._modules.items():
        assert module is not None
        if isinstance(module, nn.Conv2d):
            blocks.append({})
        blocks[-1][index] = module
    return blocks


def _run_block(
    x: Tensor, block: dict[str, nn.Module], layers: dict[str, str]
) -> tuple[Tensor, dict[str, Tensor]]:
    taken = {}
    for name, x in each_output(x, block, layers):  # noqa: B020
        if name:
            taken[name] = x
    return x, taken
