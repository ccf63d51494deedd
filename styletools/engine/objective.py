"""The loss of a target image, and how it is computed: in which precision, in how much memory."""

import math
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from styletools import losses
from styletools.backbones import Backbone
from styletools.config import TransferConfig
from styletools.errors import ConfigError
from styletools.vgg import VGG19Features, each_layer

PROBE_PIXELS = 48 * 48  # at full width; more in a narrower net, for a time that can be measured
PROBE_TIMES = 2
FULL_PARAMETERS = 12_944_960  # of VGG19 to conv5_1
PROBE_COSINE = 0.99  # least agreement of the two precisions' gradients


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
        content = torch.zeros((), device=target.device)
        for name in self.content_features:
            content = content + contents[name]
        style, parts = torch.zeros((), device=target.device), {}
        for name in self.style_grams:
            parts[name] = grams[name]
            style = style + config.style_weights[name] * parts[name]
        total = losses.total_loss(content, style, config.content_weight, config.style_weight)
        variation = torch.zeros((), device=target.device)
        if config.tv_weight:
            variation = losses.total_variation(target)
            total = total + config.tv_weight * variation
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
            return _features_by_block(image, self.model)
        return each_layer(image, self.model, self.model.layers)


def lean_gram(features: Tensor) -> Tensor:
    """`losses.gram_matrix` without copies of the layer for the backward pass.

    The matrix is symmetric, so that its gradient takes one product and not two; it is made in the
    features' own precision, which it would be rounded to anyway. No second derivatives.

    Args:
        features: (1, C, h, w), best as channels_last.

    Returns:
        (C, C), float32.
    """
    gram: Tensor = _LeanGram.apply(features)
    return gram


class _LeanGram(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, features: Tensor) -> Tensor:
        context.save_for_backward(features)
        precise = _rows(features).float()
        return precise.T @ precise

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        (features,) = context.saved_tensors
        rows = _rows(features) @ (gradient + gradient.T).to(features)  # (h·w, C)
        return rows.view(1, *features.shape[2:], -1).permute(0, 3, 1, 2)


def _rows(features: Tensor) -> Tensor:
    """(1, C, h, w) → (h·w, C), which is a view of what is channels_last."""
    return features[0].permute(1, 2, 0).flatten(0, 1)


def _features_by_block(image: Tensor, model: VGG19Features) -> Iterator[tuple[str, Tensor]]:
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
    taken, previous = {}, ""
    for index, module in block.items():
        x = module(x)
        if isinstance(module, nn.ReLU) and previous in layers:
            taken[layers[previous]] = x
        previous = index
    return x, taken


def plan_memory(
    config: TransferConfig, backbone: Backbone, size: tuple[int, int]
) -> tuple[bool, bool]:
    """How the run stays within `config.max_memory`.

    Args:
        config: the settings, with their precision resolved.
        backbone: the weights.
        size: (H, W) of the picture.

    Returns:
        Whether the objective must save memory, and whether a low precision can end in float32.

    Raises:
        ConfigError: the picture is too large even so; the message says which size is not.
    """
    limit = config.max_memory
    if limit is None:
        return False, True
    exact = config.replace(precision="float32")
    can_end = memory_needed(exact, backbone, size, saving=True) <= limit * 2**30
    if memory_needed(config, backbone, size, saving=False) <= limit * 2**30:
        return False, can_end
    least = memory_needed(config, backbone, size, saving=True) / 2**30
    if least <= limit:
        return True, can_end
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

    An upper estimate: what the backward pass keeps of each layer, some seven copies of the
    largest layer that are there for a moment, and the net twice, since the convolutions keep their
    own arrangement of it. tests/test_objective.py measures it.
    """
    low = config.precision != "float32"
    item = 2 if low else 4
    model = net(backbone, config, torch.device("cpu"), config.precision)
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
    pixels, copies = size[0] * size[1], 9 if low else 7
    weights = sum(weight.numel() for weight in model.parameters())
    return int(item * (pixels * (kept + copies * largest) + 2 * weights))


def resolve_precision(config: TransferConfig, backbone: Backbone, device: torch.device) -> str:
    """What "auto" stands for here: bfloat16 where it is faster and accurate enough, else float32.

    A probe of a few small evaluations tells, so that it holds for this machine and these widths:
    bfloat16 must be faster, and its gradient agree with float32's (cosine of 0.99 or more).

    Returns:
        "float32" or "bfloat16".
    """
    if config.precision != "auto":
        return config.precision
    if device.type == "mps":
        return "float32"
    evaluate = {name: _probe(config, backbone, device, name) for name in ("float32", "bfloat16")}
    try:
        gradients = {name: evaluation() for name, evaluation in evaluate.items()}
    except RuntimeError:  # a device or a build without it
        return "float32"
    exact, low = (gradient.flatten() for gradient in gradients.values())
    if not float(torch.cosine_similarity(exact, low, dim=0)) >= PROBE_COSINE:
        return "float32"
    seconds = {name: _fastest(evaluation, device) for name, evaluation in evaluate.items()}
    return min(seconds, key=lambda name: seconds[name])


def _probe(
    config: TransferConfig, backbone: Backbone, device: torch.device, precision: str
) -> Callable[[], Tensor]:
    """An evaluation on noise that gives the target's gradient."""
    model = net(backbone, config, device, precision)
    narrower = FULL_PARAMETERS / sum(weight.numel() for weight in model.parameters())
    side = min(config.max_size, math.isqrt(int(PROBE_PIXELS * min(narrower, 6))))
    generator = torch.Generator().manual_seed(0)
    content, style, target = torch.randn((3, 1, 3, side, side), generator=generator).to(device)
    objective = Objective(model, content, style, config)
    target.requires_grad_(True)

    def evaluation() -> Tensor:
        total, _ = objective(target)
        (gradient,) = torch.autograd.grad(total, target)
        return gradient

    return evaluation


def net(
    backbone: Backbone, config: TransferConfig, device: torch.device, precision: str
) -> VGG19Features:
    """The net that an objective of `config` needs, in a precision, on a device."""
    model = backbone.features({*config.content_layers, *config.style_weights}, config.pooling)
    for module in model:
        if isinstance(module, nn.ReLU):
            module.inplace = True  # nobody reads what it overwrites: features are taken after it
    return model.to(device, getattr(torch, precision))


def _fastest(evaluation: Callable[[], Tensor], device: torch.device) -> float:
    """Seconds of the fastest of a few."""
    seconds = []
    for _ in range(PROBE_TIMES):
        started = time.perf_counter()
        evaluation()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return min(seconds)
