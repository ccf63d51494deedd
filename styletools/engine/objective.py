"""The loss of a target image: its targets computed once, then one forward pass a call."""

from collections.abc import Callable, Collection, Iterator

import torch
from torch import Tensor

from styletools import losses
from styletools.config import TransferConfig
from styletools.engine.gram import lean_gram
from styletools.engine.memory import features_by_block
from styletools.vgg import VGG19Features, each_layer


class Objective:
    """The loss of a target image: targets computed once, then one forward pass a call.

    The convolutions run in the net's own precision, Gram matrices and losses in float32.

    Args:
        model: a net that gives all the layers that `config` names.
        content: (1, 3, H, W), normalised.
        style: likewise.
        config: weights, layers and convention.
        saving: keep less for the backward pass and compute it again there: about a third slower.
    """

    def __init__(
        self,
        model: VGG19Features,
        content: Tensor,
        style: Tensor,
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
        self.content_features = self._targets(content, config.content_layers, lambda layer: layer)
        self.style_grams = self._targets(style, config.style_weights, self.gram)

    def __call__(self, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, with its graph, and its parts without weights."""
        config = self.config
        # Each loss is begun at its layer, and not at the end, so that the backward pass comes to
        # it there, and does not hold all their gradients from the beginning.
        contents, grams = {}, {}
        for name, features in self._features(target):
            if (wanted := self.content_features.get(name)) is not None:
                contents[name] = losses.content_loss(features, wanted, config.convention)
            if (gram := self.style_grams.get(name)) is not None:
                positions = features[0, 0].numel()
                own = self.gram(features)
                grams[name] = losses.gram_loss(own, gram, positions, config.convention)
        content = losses.weighted_sum(contents, dict.fromkeys(config.content_layers, 1.0))
        style = losses.weighted_sum(grams, config.style_weights)
        total = losses.total_loss(content, style, config.content_weight, config.style_weight)
        variation = torch.zeros((), device=target.device)
        if config.tv_weight:
            variation = losses.total_variation(target)
            total = total + config.tv_weight * variation
        parts = {layer: grams[layer] for layer in config.style_weights}
        return total, {"content": content, "style": style, "tv": variation, **parts}

    @torch.no_grad()
    def _targets(
        self, image: Tensor, names: Collection[str], keep: Callable[[Tensor], Tensor]
    ) -> dict[str, Tensor]:
        found = {name: keep(layer) for name, layer in self._features(image) if name in names}
        return {name: found[name] for name in names}

    def _features(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        # L-BFGS wants the picture itself contiguous, so it is converted here, at each call.
        image = image.to(dtype=self.dtype, memory_format=self.order)
        if self.saving and torch.is_grad_enabled():
            return features_by_block(image, self.model)
        return each_layer(image, self.model, self.model.layers)
