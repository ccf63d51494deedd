"""How much memory a run needs, and how it gets by with less."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from styletools.backbones import Backbone
from styletools.config import VGG19_LAYERS, TransferConfig
from styletools.errors import ConfigError
from styletools.vgg import VGG19Features, each_output

NATIVE_COPIES = 9  # of the largest layer, in a low precision
GRID = 16  # pixels: four poolings join as many
UNFOLDED_COPIES = 32  # PyTorch's own convolutions lay each 3×3 window out, nine values for one
TILES = (1024, 768, 512, 384, 256)  # pixels: larger ones have less halo to compute twice
COPIES_OF_PICTURE = {"adam": 16, "lbfgs": 42}  # float32: the optimiser's history, styles, levels


class MemoryPlan(NamedTuple):
    """How a run stays within its memory limit.

    Attributes:
        saving: keep less for the backward pass and compute it again there: about a third slower.
        exact_ending: there is room to end a run of low precision with a few steps in float32.
        tile: the most pixels of a tile's side, where the picture is taken in tiles; else None.
    """

    saving: bool
    exact_ending: bool
    tile: int | None = None


def plan_memory(config: TransferConfig, backbone: Backbone, size: tuple[int, int]) -> MemoryPlan:
    """How the run stays within `config.max_memory`: whole, saving, or in tiles.

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
    needs: list[tuple[int, int]] = []  # the whole, and what of it does not grow with the picture
    for tile in (None, *(tile for tile in TILES if tile < max(size))):
        for saving in (False, True):
            needs.append(_needed_and_fixed(config, backbone, size, saving, tile))
            if needs[-1][0] <= limit * 2**30:
                ending = _needed_and_fixed(exact, backbone, size, True, tile)[0]
                return MemoryPlan(saving, ending <= limit * 2**30, tile)
    least, fixed = min(needs)
    share = max(limit * 2**30 - fixed, 0) / (least - fixed)
    raise ConfigError(
        f"max_memory is {limit:g} GiB, but {size[1]}×{size[0]} pixels need {least / 2**30:.2f} GiB "
        f"on the {backbone.name} backbone; give max_size={int(max(size) * math.sqrt(share) * 0.99)}"
        " or less, or more memory."
    )


def _needed_and_fixed(
    config: TransferConfig,
    backbone: Backbone,
    size: tuple[int, int],
    saving: bool,
    tile: int | None,
) -> tuple[int, int]:
    """Bytes that a run takes, whole or in tiles, and how many of them do not grow with its size.

    In tiles, the pictures, the optimiser's history and the content's features count, too.
    """
    if tile is None:
        whole = memory_needed(config, backbone, size, saving)
        return whole, memory_needed(config, backbone, (0, 0), saving)
    model = backbone.features({*config.content_layers, *config.style_weights}, config.pooling)
    halo, strides = halo_of(model), layer_strides(model)
    crop = (min(size[0], tile + 2 * halo), min(size[1], tile + 2 * halo))
    fixed = memory_needed(config, backbone, crop, saving)
    values = 3.0 * COPIES_OF_PICTURE[config.optimizer] * (1 + len(config.more_styles) / 4)
    for name in config.content_layers:
        conv = model._modules[str(VGG19_LAYERS[name])]
        assert isinstance(conv, nn.Conv2d)
        values += conv.out_channels / strides[name] ** 2
    return int(fixed + 4 * values * size[0] * size[1]), fixed


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


def layer_strides(model: VGG19Features) -> dict[str, int]:
    """Pixels a side that a position of each layer stands for, for the layers that a net gives."""
    strides, stride = {}, 1
    for index, module in model._modules.items():
        if isinstance(module, nn.Conv2d) and index in model.layers:
            strides[model.layers[index]] = stride
        elif not isinstance(module, nn.Conv2d | nn.ReLU):
            stride *= 2
    return strides


def halo_of(model: nn.Sequential) -> int:
    """Pixels around a tile that its deepest layer sees, as a multiple of `GRID`."""
    reach = 0
    for module in reversed(model):
        if isinstance(module, nn.Conv2d):
            reach += 1
        elif not isinstance(module, nn.ReLU):
            reach *= 2
    return GRID * -(-reach // GRID)


def native_bfloat16() -> bool:
    """Whether this machine's convolutions compute in bfloat16 itself."""
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
