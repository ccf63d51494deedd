"""VGG19's convolutions as a feature extractor, in torchvision's layout and of any width."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor, nn

from styletools.config import VGG19_LAYERS, check_layers
from styletools.errors import ConfigError, ImageError
from styletools.images import MIN_SIDE

ASSIGNMENT_LAYERS: dict[str, str] = {
    "0": "conv1_1",
    "5": "conv2_1",
    "10": "conv3_1",
    "19": "conv4_1",
    "21": "conv4_2",
    "28": "conv5_1",
}
"""The mapping that lesson 1 asks for: index in `vgg19().features` to the paper's name."""

POOLED_AFTER = ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4")
FULL_WIDTHS = (64, 64, 128, 128, *[256] * 4, *[512] * 8)
"""Output channels of VGG19's sixteen convolutions."""


class VGG19Features(nn.Sequential):
    """VGG19 up to the deepest layer asked for; calling it gives {layer: features after ReLU}.

    The modules stand at torchvision's indices, so `state_dict()` has the keys of
    `vgg19().features`. Parameters are frozen, and no ReLU works in place: torchvision's do, which
    overwrites a stored convolution with its ReLU one step later.

    Args:
        layers: names such as "conv4_2"; None takes the six of the assignment.
        weights: {"0.weight": (C, 3, 3, 3), "0.bias": (C,), "2.weight": …}; the widths come from
            here. None gives full width and PyTorch's random weights.
        pooling: "max", or "avg" as the paper prefers.

    Raises:
        ConfigError: an unknown layer or pooling, or a layer deeper than the weights go.
    """

    def __init__(
        self,
        layers: Iterable[str] | None = None,
        weights: Mapping[str, Tensor] | None = None,
        pooling: str = "max",
    ) -> None:
        super().__init__()
        layers = ASSIGNMENT_LAYERS.values() if layers is None else layers
        check_layers(layers)
        names = list(layers)
        if pooling not in ("max", "avg"):
            raise ConfigError(f"pooling is {pooling!r}; choose max or avg.")
        self.layers = {str(VGG19_LAYERS[name]): name for name in names}
        self.filter_scales: dict[str, Tensor] = {}  # filled by normalise_filters
        deepest = max((VGG19_LAYERS[name] for name in names), default=-1)
        channels = 3
        for (name, index), full_width in zip(VGG19_LAYERS.items(), FULL_WIDTHS, strict=True):
            if index > deepest:
                break
            width = full_width if weights is None else _width(weights, name)
            self.add_module(str(index), nn.Conv2d(channels, width, kernel_size=3, padding=1))
            self.add_module(str(index + 1), nn.ReLU(inplace=False))
            if name in POOLED_AFTER and index < deepest:
                pool = nn.MaxPool2d(2, 2) if pooling == "max" else nn.AvgPool2d(2, 2)
                self.add_module(str(index + 2), pool)
            channels = width
        if weights is not None:
            self.load_state_dict({key: weights[key] for key in self.state_dict()})
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """(1, 3, H, W), normalised → {layer: (1, C, h, w)}."""
        return get_features(image, self, self.layers)


def get_features(
    image: Tensor, model: nn.Module, layers: Mapping[str, str] | None = None
) -> dict[str, Tensor]:
    """One pass that collects the features after the ReLU of each named convolution.

    Works on `VGG19Features` and on torchvision's own `vgg19().features`, and stops at the deepest
    layer asked for. Taking each convolution's *ReLU* gives the same numbers from both: in
    torchvision's net the ReLU overwrites the convolution's output in place.

    Args:
        image: (1, 3, H, W), normalised; both sides at least 16 for conv5_1.
        model: a sequence of modules named by index.
        layers: {index of the convolution, as text: name}; None takes the assignment's six.

    Returns:
        {name: (1, C, h, w)}

    Raises:
        ConfigError: an index that is not a convolution of `model`.
        ImageError: the image has another shape, holds no floats, is too small, or is on another
            device than the net.
    """
    return dict(each_layer(image, model, ASSIGNMENT_LAYERS if layers is None else layers))


def each_layer(
    image: Tensor, model: nn.Module, layers: Mapping[str, str]
) -> Iterator[tuple[str, Tensor]]:
    """As `get_features`, layer by layer: (name, features), as soon as they are there."""
    modules = model._modules
    convolutions = [index for index, module in modules.items() if isinstance(module, nn.Conv2d)]
    for index in layers:
        if index not in convolutions:
            raise ConfigError(
                f"Layer {index!r} is not a convolution of this net; its convolutions are at "
                f"{', '.join(convolutions)} (as text)."
            )
    image = _as_input(image, modules[convolutions[0]].weight) if convolutions else image  # type: ignore[union-attr, arg-type]
    outputs = ((name, x) for name, x in each_output(image, modules, layers) if name)
    return islice(outputs, len(layers))


def each_output(
    x: Tensor, modules: Mapping[str, nn.Module | None], layers: Mapping[str, str]
) -> Iterator[tuple[str, Tensor]]:
    """Run the modules in order: each one's output, with its name where it is a layer's features.

    A layer's features are the ReLU's output, right after the named convolution.
    """
    previous = ""
    for index, module in modules.items():
        x = module(x)  # type: ignore[misc]
        yield (layers.get(previous, "") if isinstance(module, nn.ReLU) else ""), x
        previous = index


def normalise_filters(model: VGG19Features, images: Sequence[Tensor]) -> VGG19Features:
    """A copy of `model` in which each filter's mean activation over `images` is 1.

    Each filter and its bias are divided by its mean activation over all images and positions, and
    the next layer's input channels multiplied by it: ReLU and pooling commute with a positive
    scale, so the copy's features times `filter_scales[layer]` are the original's. A filter that
    never fires keeps its scale. Source: Gatys et al. 2016, section 2.

    Args:
        model: a net; it stays as it is.
        images: calibration pictures, each (1, 3, H, W), normalised.

    Returns:
        A net whose `filter_scales` are {layer: (C,)} for every convolution it has.

    Raises:
        ConfigError: no images are given.
    """
    if not images:
        raise ConfigError("normalise_filters needs one or more calibration pictures; got none.")
    result = copy.deepcopy(model)
    incoming = torch.ones(3)
    for name, mean in _mean_activations(model, images).items():
        scale = torch.where(mean > 0, mean, torch.ones_like(mean))
        conv = result._modules[str(VGG19_LAYERS[name])]
        assert isinstance(conv, nn.Conv2d)
        assert conv.bias is not None
        incoming = incoming.to(conv.weight)
        conv.weight.data *= incoming[None, :, None, None] / scale[:, None, None, None]
        conv.bias.data /= scale
        result.filter_scales[name] = incoming = scale
    return result


@torch.no_grad()
def _mean_activations(model: VGG19Features, images: Sequence[Tensor]) -> dict[str, Tensor]:
    """{layer: (C,)} for every convolution of the net."""
    layers = {str(i): name for name, i in VGG19_LAYERS.items() if str(i) in model._modules}
    totals: dict[str, Tensor] = {}
    positions = dict.fromkeys(layers.values(), 0)
    for image in images:
        for name, feature in each_layer(image, model, layers):  # (1, C, h, w)
            total = feature.sum(dim=(0, 2, 3), dtype=torch.float64)
            totals[name] = totals[name] + total if name in totals else total
            positions[name] += feature[0, 0].numel()
    return {name: (total / positions[name]).to(feature.dtype) for name, total in totals.items()}


def _width(weights: Mapping[str, Tensor], name: str) -> int:
    key = f"{VGG19_LAYERS[name]}.weight"
    if key not in weights:
        raise ConfigError(f"These weights end before {name} (no {key}); ask for earlier layers.")
    return weights[key].shape[0]


def _as_input(image: Tensor, weight: Tensor) -> Tensor:
    """The image in the weights' precision."""
    if not isinstance(image, Tensor) or not image.is_floating_point():
        kind = image.dtype if isinstance(image, Tensor) else type(image).__name__
        raise ImageError(f"An image is floats (1, 3, H, W), as load_image gives; this is {kind}.")
    if image.dim() != 4 or image.shape[1] != 3:
        raise ImageError(f"An image is (1, 3, H, W); this one is {tuple(image.shape)}.")
    if min(image.shape[-2:]) < MIN_SIDE:
        raise ImageError(
            f"The image is {image.shape[3]}×{image.shape[2]} pixels; give {MIN_SIDE}×{MIN_SIDE} "
            "or more, so that conv5_1 has a position."
        )
    if image.device != weight.device:
        raise ImageError(
            f"The image is on {image.device}, the net on {weight.device}; move the image: "
            f"image.to({str(weight.device)!r})."
        )
    return image.to(weight.dtype)
