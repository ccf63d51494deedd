"""The loss and gradient of a picture that is too large for memory, tile by tile, and exactly.

All that the losses need of a layer are sums over its positions (`Objective._parts`). A first pass
adds them up over the tiles; their gradient follows from the sums alone. A second pass takes each
tile through the net again, and its sums' gradients back to its pixels. A tile is cut with a halo as
wide as its deepest layer sees, at multiples of what pooling joins, so that in its core every
feature is the whole picture's.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from styletools.engine.memory import GRID, halo_of, layer_strides
from styletools.engine.objective import Objective, Place
from styletools.vgg import VGG19Features


class Tile(NamedTuple):
    """Rows and columns of a picture: the core, and the crop that sees enough around it."""

    core: Place
    crop: Place

    def at(self, stride: int, size: tuple[int, int]) -> tuple[Place, Place]:
        """The core at a layer of a stride and size: in the whole layer, and in the crop's."""
        whole, inside = [], []
        for core, crop, length in zip(self.core, self.crop, size, strict=True):
            last = crop.stop == core.stop  # at the picture's edge, which may be off the grid
            stop = length if last else core.stop // stride
            whole.append(slice(core.start // stride, stop))
            begin = crop.start // stride
            inside.append(slice(core.start // stride - begin, stop - begin))
        return (whole[0], whole[1]), (inside[0], inside[1])


class TiledObjective(Objective):
    """`Objective` in the memory of a tile; the features of the content are kept whole.

    Args:
        model: this and what follows are `Objective`'s.
        tile: the most pixels that a side of a tile's core has.
    """

    def __init__(self, model: VGG19Features, *others: Any, tile: int) -> None:
        self.tile, self.halo, self.strides = tile, halo_of(model), layer_strides(model)
        super().__init__(model, *others)

    def __call__(self, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, with a graph of one step to the target, and its parts without weights."""
        sums: dict[str, list[Tensor]] = {}
        with torch.no_grad():
            for name, features, place in self._pieces(target):
                here = self._parts(name, features, place)
                if name in sums:
                    here = [a + b for a, b in zip(sums[name], here, strict=True)]
                sums[name] = here
        leaves = [part.requires_grad_() for parts in sums.values() for part in parts]
        total, parts = self._total({n: self._losses(n, here) for n, here in sums.items()})
        if not torch.is_grad_enabled():
            return self._with_variation(target, total, parts)
        slopes = iter(torch.autograd.grad(total, leaves, allow_unused=True))
        slope = {name: [next(slopes) for _ in here] for name, here in sums.items()}
        gradient = torch.zeros_like(target)
        for tile in cut(target, self.tile, self.halo):
            rows, columns = tile.crop
            crop = target[..., rows, columns].detach().requires_grad_()
            value = torch.zeros((), device=target.device)
            for name, features, place in self._inside(crop, tile, target):
                here = self._parts(name, features, place)
                for part, its in zip(here, slope[name], strict=True):
                    if its is not None and part.requires_grad:
                        value = value + (part * its).sum()
            if value.requires_grad:
                (its,) = torch.autograd.grad(value, crop)
                gradient[..., rows, columns] += its
        total = _Known.apply(target, total.detach(), gradient)
        return self._with_variation(target, total, {n: p.detach() for n, p in parts.items()})

    def _pieces(self, image: Tensor) -> Iterator[tuple[str, Tensor, Place]]:
        for tile in cut(image, self.tile, self.halo):
            yield from self._inside(image[..., tile.crop[0], tile.crop[1]], tile, image)

    def _inside(
        self, crop: Tensor, tile: Tile, image: Tensor
    ) -> Iterator[tuple[str, Tensor, Place]]:
        layers = ((name, features) for name, features, _ in super()._pieces(crop))
        return cores(layers, tile, image, self.strides)


class _Known(torch.autograd.Function):
    """A scalar whose gradient is known."""

    @staticmethod
    def forward(context: Any, target: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        context.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(context: Any, outer: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = context.saved_tensors
        return gradient * outer, None, None


def cores(
    layers: Iterable[tuple[str, Tensor]], tile: Tile, image: Tensor, strides: Mapping[str, int]
) -> Iterator[tuple[str, Tensor, Place]]:
    """The features of a tile's core, and where they are in each layer.

    Args:
        layers: the features of the tile's crop.
        tile: of the image.
        image: the whole picture, for its size.
        strides: `layer_strides` of the net.
    """
    for name, features in layers:
        stride = strides[name]
        size = (image.shape[-2] // stride, image.shape[-1] // stride)
        whole, (rows, columns) = tile.at(stride, size)
        core = features[..., rows, columns]
        if core.numel():
            yield name, core, whole


def cut(image: Tensor, tile: int, halo: int) -> list[Tile]:
    """Tiles of about the same size, at most `tile` pixels a side, with their halos."""
    height, width = image.shape[-2:]
    return [
        Tile((rows, columns), (crop_rows, crop_columns))
        for rows, crop_rows in _cut_side(height, tile, halo)
        for columns, crop_columns in _cut_side(width, tile, halo)
    ]


def _cut_side(length: int, tile: int, halo: int) -> list[tuple[slice, slice]]:
    parts = -(-length // tile)
    side = GRID * -(-length // (parts * GRID))
    starts = [start for start in range(0, length, side) if start == 0 or length - start >= GRID]
    stops = [*starts[1:], length]
    return [
        (slice(start, stop), slice(max(0, start - halo), min(length, stop + halo)))
        for start, stop in zip(starts, stops, strict=True)
    ]
