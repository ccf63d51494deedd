"""The loss of a target image: its targets computed once, then one forward pass a call."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from styletools import losses
from styletools.config import TransferConfig
from styletools.engine.distances import DISTANCES, Distance, Sums
from styletools.engine.gram import lean_gram
from styletools.engine.memory import features_by_block, layer_strides
from styletools.engine.pictures import GuidedStyle
from styletools.vgg import VGG19Features, each_layer

Place = tuple[slice, slice]
"""Rows and columns of a layer."""

_ALL: Place = (slice(None), slice(None))


class Objective:
    """The loss of a target image: targets computed once, then one forward pass a call.

    The convolutions run in the net's own precision, Gram matrices and losses in float32.

    Args:
        model: a net that gives all the layers that `config` names.
        content: (1, 3, H, W), normalised.
        style: likewise; or several, with shares and masks.
        config: weights, layers, convention and distance.
        saving: keep less for the backward pass and compute it again there: about a third slower.
    """

    def __init__(
        self,
        model: VGG19Features,
        content: Tensor,
        style: Tensor | Sequence[GuidedStyle],
        config: TransferConfig,
        saving: bool = False,
    ) -> None:
        self.config, self.saving = config, saving
        # channels_last is faster, and rounds otherwise. Adam blows rounding up, since it divides
        # each pixel's gradient by its size; so the assignment's loop keeps PyTorch's own order.
        fast = config.optimizer == "lbfgs"
        self.gram = lean_gram if fast else losses.gram_matrix
        self.order = torch.channels_last if fast else torch.contiguous_format
        self.model = model.to(memory_format=self.order)
        self.dtype = next(model.parameters()).dtype
        styles = [GuidedStyle(style)] if isinstance(style, Tensor) else style
        styles = [guided for guided in styles if guided.share]
        whole = sum(guided.share for guided in styles)
        self.shares = [guided.share / whole for guided in styles]
        self.sizes = _layer_sizes(model, (content.shape[-2], content.shape[-1]))
        self.content_features = self._content(content)
        self.guides = self._guides([guided.painted for guided in styles], self.sizes)
        self.goals = self._goals(styles)

    def __call__(self, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, with its graph, and its parts without weights."""
        # Each loss is begun at its layer, and not at the end, so that the backward pass comes to
        # it there, and does not hold all their gradients from the beginning.
        found = {
            name: self._losses(name, self._parts(name, features, place))
            for name, features, place in self._pieces(target)
        }
        return self._with_variation(target, *self._total(found))

    def _pieces(self, image: Tensor) -> Iterator[tuple[str, Tensor, Place]]:
        """Each layer's features, and which part of the layer they are: here, all of it."""
        # L-BFGS wants the picture itself contiguous, so it is converted here, at each call.
        image = image.to(dtype=self.dtype, memory_format=self.order)
        if self.saving and torch.is_grad_enabled():
            layers = features_by_block(image, self.model)
        else:
            layers = each_layer(image, self.model, self.model.layers)
        return ((name, features, _ALL) for name, features in layers)

    def _parts(self, name: str, features: Tensor, place: Place) -> list[Tensor]:
        """What a layer's losses are made of, as sums over the positions of a place.

        The content loss, where the layer has one, then two sums for each style.
        """
        parts: list[Tensor] = []
        if (wanted := self.content_features.get(name)) is not None:
            here = wanted[..., place[0], place[1]]
            loss = losses.content_loss(features, here, self.config.convention)
            mean = self.config.convention == "course"
            parts.append(loss * (here.numel() / wanted.numel()) if mean and place != _ALL else loss)
        if name in self.goals:
            guides = self.guides[name]
            plain = self._sums(features, None) if None in guides else ()
            for guide in guides:
                at = guide if guide is None else guide[..., place[0], place[1]]
                parts.extend(plain if at is None else self._sums(features, at))
        return parts

    def _losses(self, name: str, parts: Sequence[Tensor]) -> tuple[Tensor | None, Tensor | None]:
        """The layer's content loss and style loss, None where it has none."""
        content = parts[0] if name in self.content_features else None
        if name not in self.goals:
            return content, None
        sums = parts[len(parts) % 2 :]  # two for each style
        style = torch.zeros(())
        for share, distance, second, first in zip(
            self.shares, self.goals[name], sums[::2], sums[1::2], strict=True
        ):
            loss = distance((second, first))
            style = style.to(loss) + share * loss
        return content, style

    def _total(
        self, found: Mapping[str, tuple[Tensor | None, Tensor | None]]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The total without the variation, and its parts, from each layer's losses."""
        config = self.config
        contents = {name: loss for name, (loss, _) in found.items() if loss is not None}
        styles = {name: loss for name, (_, loss) in found.items() if loss is not None}
        content = losses.weighted_sum(contents, dict.fromkeys(config.content_layers, 1.0))
        style = losses.weighted_sum(styles, config.style_weights)
        total = losses.total_loss(content, style, config.content_weight, config.style_weight)
        parts = {layer: styles[layer] for layer in config.style_weights}
        return total, {"content": content, "style": style, **parts}

    def _with_variation(
        self, target: Tensor, total: Tensor, parts: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        variation = torch.zeros((), device=target.device)
        if self.config.tv_weight:
            variation = losses.total_variation(target)
            total = total + self.config.tv_weight * variation
        content, style = parts.pop("content"), parts.pop("style")
        return total, {"content": content, "style": style, "tv": variation, **parts}

    def _sums(self, features: Tensor, guide: Tensor | None) -> Sums:
        """Σ T² f fᵀ and Σ T² f; where the Gram matrix is all that is needed, no second one."""
        means = self.config.style_distance in ("moments", "wasserstein")
        if guide is None:
            first = self._first(features) if means else features.new_zeros(0)
            return self.gram(features), first
        guide = guide.to(features)
        guided = (features * guide).contiguous(memory_format=self.order)
        first = self._first(guided * guide) if means else features.new_zeros(0)
        return self.gram(guided), first

    @staticmethod
    def _first(features: Tensor) -> Tensor:
        exact = torch.promote_types(features.dtype, torch.float32)
        return features.sum(dim=(0, 2, 3), dtype=exact)

    @torch.no_grad()
    def _content(self, image: Tensor) -> dict[str, Tensor]:
        """The content's features, {layer: (1, C, h, w)}."""
        found: dict[str, Tensor] = {}
        for name, features, place in self._pieces(image):
            if name not in self.config.content_layers:
                continue
            if place == _ALL:
                found[name] = features
                continue
            if name not in found:
                empty = features.new_empty((1, features.shape[1], *self.sizes[name]))
                found[name] = empty.contiguous(memory_format=self.order)
            found[name][..., place[0], place[1]] = features
        return {name: found[name] for name in self.config.content_layers}

    @torch.no_grad()
    def _goals(self, styles: Sequence[GuidedStyle]) -> dict[str, list[Distance]]:
        """The distance to each style, for each layer."""
        goals: dict[str, list[Distance]] = {name: [] for name in self.config.style_weights}
        make = DISTANCES[self.config.style_distance]
        for style in styles:
            sizes = _layer_sizes(self.model, (style.picture.shape[-2], style.picture.shape[-1]))
            guides = self._guides([style.taken], sizes)
            sums: dict[str, Sums] = {}
            for name, features, place in self._pieces(style.picture):
                if name in goals:
                    (guide,) = guides[name]
                    guide = guide if guide is None else guide[..., place[0], place[1]]
                    here = self._sums(features, guide)
                    if name in sums:
                        here = (sums[name][0] + here[0], sums[name][1] + here[1])
                    sums[name] = here
            for name in goals:
                rows, columns = self.sizes[name]
                positions = rows * columns
                if style.rescaled and style.taken is None:
                    factor = positions / (sizes[name][0] * sizes[name][1])
                    sums[name] = (sums[name][0] * factor, sums[name][1] * factor)
                goals[name].append(make(sums[name], positions, self.config.convention))
        return goals

    def _guides(
        self, masks: Sequence[Tensor | None], sizes: dict[str, tuple[int, int]]
    ) -> dict[str, list[Tensor | None]]:
        """T of each mask at each layer, with Σ T² = M of the target, so that it counts as a whole.

        The mask is averaged down to the layer's size (Gatys et al. 2017, section 3, where Σ T² is
        1).
        """
        guides: dict[str, list[Tensor | None]] = {name: [] for name in self.config.style_weights}
        for name, kept in guides.items():
            positions = self.sizes[name][0] * self.sizes[name][1]
            for mask in masks:
                if mask is None:
                    kept.append(None)
                else:
                    pooled = adaptive_avg_pool2d(mask, sizes[name])  # (1, 1, h, w)
                    kept.append(pooled * (positions / pooled.square().sum()).sqrt())
        return guides


def _layer_sizes(model: VGG19Features, size: tuple[int, int]) -> dict[str, tuple[int, int]]:
    """(h, w) of each layer that the net gives."""
    strides = layer_strides(model)
    return {name: (size[0] // stride, size[1] // stride) for name, stride in strides.items()}
