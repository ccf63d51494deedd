"""The lessons' own figures: the network, feature maps, Gram matrices, details side by side.

Each function returns its figure and shows nothing, as in `plots`.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from styletools.config import VGG19_LAYERS
from styletools.images import to_image
from styletools.vgg import FULL_WIDTHS, POOLED_AFTER

STYLE_COLOUR, CONTENT_COLOUR, PLAIN_COLOUR = "#3b528b", "#d1495b", "#c9ced6"
RELU_COLOUR, POOL_COLOUR = "#8fd0a5", "#444444"
GRAM_CHANNELS = 24  # the most that are shown of a matrix
_Picture = Tensor | Image.Image


def draw_vgg19(style_layers: Sequence[str] = (), content_layers: Sequence[str] = ()) -> Figure:
    """VGG19's modules from the image to the last pooling, in the order in which PyTorch counts.

    A box's height stands for the feature map's side, its width for the channels. The names are
    the paper's; indices stand below the first five modules only, for the reader to go on counting.

    Args:
        style_layers: drawn in the style's colour.
        content_layers: drawn in the content's.
    """
    figure = Figure(figsize=(12, 4), layout="tight")
    axis = figure.subplots()
    colours = dict.fromkeys(style_layers, STYLE_COLOUR)
    colours |= dict.fromkeys(content_layers, CONTENT_COLOUR)
    x, side = 0.5, 1.0
    _box(axis, 0, 0.12, side, "#f2d9a0", "image")
    for (name, index), channels in zip(VGG19_LAYERS.items(), FULL_WIDTHS, strict=True):
        shown = index < 5
        width = 0.16 + 0.24 * math.sqrt(channels / 512)
        _box(axis, x, width, side, colours.get(name, PLAIN_COLOUR), name, index if shown else None)
        x += width + 0.05
        _box(axis, x, 0.07, side, RELU_COLOUR, "", index + 1 if shown else None)
        x += 0.2
        if name in POOLED_AFTER:
            side *= 0.68
            _box(axis, x, 0.07, side, POOL_COLOUR, "", index + 2 if shown else None)
            x += 0.33
    legend = {"convolution": PLAIN_COLOUR, "ReLU": RELU_COLOUR, "pooling": POOL_COLOUR}
    legend |= {"for style": STYLE_COLOUR} if style_layers else {}
    legend |= {"for content": CONTENT_COLOUR} if content_layers else {}
    for label, colour in legend.items():
        axis.add_patch(Rectangle((0, 0), 0, 0, color=colour, label=label))
    axis.legend(loc="upper right", frameon=False, ncols=len(legend))
    axis.set(xlim=(-0.2, x), ylim=(-0.75, 1.0))
    axis.set_axis_off()
    return figure


def _box(
    axis: Axes,
    x: float,
    width: float,
    side: float,
    colour: str,
    name: str,
    index: int | None = None,
) -> None:
    axis.add_patch(Rectangle((x, -side / 2), width, side, facecolor=colour, edgecolor="#555555"))
    middle = x + width / 2
    axis.text(middle, side / 2 + 0.03, name, rotation=90, ha="center", va="bottom", fontsize=8)
    if index is not None:
        axis.text(middle, -side / 2 - 0.03, f"{index}", ha="center", va="top", fontsize=8)


def show_channels(image: Tensor) -> Figure:
    """A picture beside its red, green and blue, each as a grey map of the normalised values."""
    figure = Figure(figsize=(11, 2.9), layout="tight")
    axes = figure.subplots(1, 4)
    axes[0].imshow(to_image(image))
    axes[0].set_title("the picture")
    for axis, values, name in zip(axes[1:], image[0], ("red", "green", "blue"), strict=True):
        drawn = axis.imshow(values.cpu().numpy(), cmap="gray", vmin=-2.2, vmax=2.7)
        axis.set_title(f"{name}: {tuple(values.shape)}")
        figure.colorbar(drawn, ax=axis, fraction=0.046)
    for axis in axes:
        axis.set_axis_off()
    return figure


def show_maps(maps: Mapping[str, Tensor], numbers: bool = False, width: float = 2.4) -> Figure:
    """Matrices (h, w) side by side as heat maps.

    Args:
        maps: {title: (h, w)}.
        numbers: write each value into its square; all squares are then of one size.
        width: of the widest map, in inches.
    """
    arrays = {title: values.detach().float().cpu().numpy() for title, values in maps.items()}
    columns = [array.shape[1] if numbers else 1 for array in arrays.values()]
    unit = width / max(columns)
    heights = [u * a.shape[0] / a.shape[1] for u, a in zip(columns, arrays.values(), strict=True)]
    figure = Figure(figsize=(unit * sum(columns) * 1.15, unit * max(heights) + 0.5), layout="tight")
    axes = figure.subplots(1, len(arrays), squeeze=False, width_ratios=columns)[0]
    for axis, (title, array) in zip(axes, arrays.items(), strict=True):
        axis.imshow(array, cmap="viridis", interpolation="nearest")
        axis.set_title(title, fontsize=10)
        axis.set(xticks=[], yticks=[])
        middle = (array.max() + array.min()) / 2
        for (row, column), value in np.ndenumerate(array) if numbers else ():
            colour = "white" if value <= middle else "black"
            axis.text(column, row, f"{value:g}", ha="center", va="center", color=colour)
    return figure


def show_features(features: Mapping[str, Tensor], channels: int = 8) -> Figure:
    """The most varied channels of each layer: a row for a layer, brightest where it fires most.

    The border does not count: some channels answer to the zeros beyond it, and to nothing else.
    """
    h, w = next(iter(features.values())).shape[2:]
    figure = Figure(figsize=(1.35 * channels, (1.35 * h / w + 0.08) * len(features)))
    figure.set_layout_engine("constrained", h_pad=0.02, w_pad=0.02)
    rows = figure.subplots(len(features), channels, squeeze=False)
    for axes, (layer, feature) in zip(rows, features.items(), strict=True):
        maps = feature[0].detach()  # (C, h, w)
        inside = maps[:, 1:-1, 1:-1]
        order = inside.flatten(1).std(dim=1).argsort(descending=True)[:channels]
        for axis in axes:
            axis.set(xticks=[], yticks=[])
        for axis, channel in zip(axes, order.tolist(), strict=False):
            axis.imshow(maps[channel].cpu().numpy(), cmap="magma", interpolation="nearest")
        h, w = maps.shape[1:]
        axes[0].set_ylabel(f"{layer}\n{h}×{w}", fontsize=9)
    return figure


def show_fields(picture: _Picture, fields: Mapping[str, int]) -> Figure:
    """What one position of each layer sees: squares of the given sides around the middle."""
    image = to_image(picture) if isinstance(picture, Tensor) else picture
    figure = Figure(figsize=(5.5, 5.5 * image.height / image.width + 0.4), layout="tight")
    axis = figure.subplots()
    axis.imshow(image)
    x, y = image.width / 2, image.height / 2
    for (layer, side), colour in zip(
        fields.items(), ("#ffffff", "#ffe066", "#ffa94d", "#ff6b6b", "#cc5de8"), strict=False
    ):
        corner, label = (x - side / 2, y - side / 2), f"{layer}: {side} px"
        axis.add_patch(Rectangle(corner, side, side, fill=False, ec=colour, lw=2, label=label))
    axis.set(xlim=(0, image.width), ylim=(image.height, 0))
    axis.set_axis_off()
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), facecolor="#999999")
    return figure


def show_grams(grams: Mapping[str, Tensor], pictures: Mapping[str, _Picture]) -> Figure:
    """Pictures, and below each its Gram matrix's part that differs most between them.

    These are the channels whose energy varies most from picture to picture. All matrices share one
    colour scale, of the square roots.

    Args:
        grams: {title: (C, C)}, of pictures of equal size.
        pictures: {title: picture}, the same titles.
    """
    energies = torch.stack([gram.diagonal() for gram in grams.values()])  # (pictures, C)
    varied = energies.sqrt().std(dim=0).argsort(descending=True)[:GRAM_CHANNELS].sort().values
    parts = {title: gram[varied][:, varied].clamp_min(0).sqrt() for title, gram in grams.items()}
    brightest = max(float(part.quantile(0.98)) for part in parts.values())
    figure = Figure(figsize=(2.6 * len(grams), 5.0), layout="tight")
    above, below = figure.subplots(2, len(grams), squeeze=False)
    for axis, heat, (title, part) in zip(above, below, parts.items(), strict=True):
        picture = pictures[title]
        axis.imshow(to_image(picture) if isinstance(picture, Tensor) else picture)
        axis.set_title(title)
        axis.set_axis_off()
        heat.imshow(
            part.cpu().numpy(), cmap="magma", vmin=0, vmax=brightest, interpolation="nearest"
        )
        heat.set(xticks=[], yticks=[], xlabel="channel", ylabel="channel")
    return figure


def show_bars(
    values: Mapping[str, Mapping[str, float]],
    title: str = "",
    log: bool = False,
    bottom: float | None = None,
) -> Figure:
    """Groups of bars: {series: {group: value}}; every series has the same groups."""
    figure = Figure(figsize=(9, 3.6), layout="tight")
    axis = figure.subplots()
    groups = list(next(iter(values.values())))
    width = 0.8 / len(values)
    colours = ("#222222", "#3b528b", "#21918c", "#5ec962", "#d1495b", "#e09f3e")
    for place, (series, heights) in enumerate(values.items()):
        x = [group + place * width for group in range(len(groups))]
        colour = colours[place % len(colours)]
        axis.bar(x, [heights[group] for group in groups], width, label=series, color=colour)
    middle = 0.4 - width / 2
    axis.set_xticks([group + middle for group in range(len(groups))], groups)
    axis.set(title=title, yscale="log" if log else "linear")
    axis.set_ylim(bottom=bottom)
    axis.grid(True, axis="y", alpha=0.4)
    if len(values) > 1:
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure


def blurred(image: Tensor, radius: int) -> Tensor:
    """(1, 3, H, W) with each pixel replaced by the mean of the square around it."""
    side = 2 * radius + 1
    padded = torch.nn.functional.pad(image, [radius] * 4, mode="reflect")
    return torch.nn.functional.avg_pool2d(padded, side, stride=1)


def show_pair(
    pictures: Mapping[str, _Picture], middle: tuple[float, float] = (0.45, 0.5)
) -> Figure:
    """Two pictures, large, and below each the same detail at three times its size.

    Args:
        pictures: {title: picture}, two of equal shape.
        middle: of the detail, as shares of width and height.
    """
    shown = {t: to_image(p) if isinstance(p, Tensor) else p for t, p in pictures.items()}
    tallest = max(image.height / image.width for image in shown.values())
    figure = Figure(figsize=(5.2 * len(shown), 10.4 * tallest + 0.8), layout="tight")
    for column, (title, image) in enumerate(shown.items(), start=1):
        w, h = image.width / 3, image.height / 3
        left = min(max(middle[0] * image.width - w / 2, 0), image.width - w)
        top = min(max(middle[1] * image.height - h / 2, 0), image.height - h)
        detail = image.crop((round(left), round(top), round(left + w), round(top + h)))
        for row, (part, name) in enumerate(((image, title), (detail, "detail, three times"))):
            axis = figure.add_subplot(2, len(shown), row * len(shown) + column)
            axis.imshow(part, interpolation="nearest")
            axis.set_title(name)
            axis.set_axis_off()
    return figure
