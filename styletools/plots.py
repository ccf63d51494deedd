"""Figures: pictures side by side, and loss curves. Each returns its figure; nothing is shown."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image
from torch import Tensor

from styletools.config import VGG19_LAYERS
from styletools.errors import ConfigError
from styletools.images import to_image

LossHistory = Sequence[Mapping[str, float] | float]
LAYER_COLOURS = ("#440154", "#3b528b", "#21918c", "#5ec962", "#c8b400")  # early to deep


def show_images(
    pictures: Mapping[str, Tensor | Image.Image], columns: int = 4, width: float = 3.2
) -> Figure:
    """Pictures side by side, each under its title.

    Args:
        pictures: {title: (1, 3, H, W) normalised, or a PIL image}.
        columns: the most in a row.
        width: of one picture, in inches.

    Raises:
        ConfigError: there are no pictures.
        ImageError: one is something else.
    """
    if not pictures:
        raise ConfigError("show_images got no pictures; give {title: picture}.")
    images = [p if isinstance(p, Image.Image) else to_image(p) for p in pictures.values()]
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    tallest = max(image.height / image.width for image in images)
    figure = Figure(figsize=(width * columns, (width * tallest + 0.35) * rows), layout="tight")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes:
        axis.set_axis_off()
    for axis, title, image in zip(axes, pictures, images, strict=False):
        axis.imshow(image)
        axis.set_title(title, fontsize=10)
    return figure


def plot_losses(
    loss_history: LossHistory,
    title: str = "Total Loss Over Iterations",
    parts: bool = False,
    log: bool = True,
    content_weight: float = 1.0,
    style_weight: float = 1.0,
) -> Figure:
    """The loss at each step.

    Args:
        loss_history: rows of `TransferResult.loss_history`, or the totals alone.
        title: above the figure.
        parts: also draw α·content and β·style, and each style layer in a second panel.
        log: logarithmic loss axis.
        content_weight: α, to draw the content loss as it enters the total.
        style_weight: β, likewise.

    Raises:
        ConfigError: an empty history, or parts asked of totals alone.
    """
    rows = _rows(loss_history)
    layers = [name for name in VGG19_LAYERS if name in rows[0]]
    if parts and "content" not in rows[0]:
        raise ConfigError("This history holds totals alone; draw it with parts=False.")
    figure = Figure(figsize=(10, 5), layout="tight")
    axes = figure.subplots(1, 2 if parts and layers else 1, squeeze=False)[0]
    steps = [row["step"] for row in rows]
    axes[0].plot(steps, [row["total"] for row in rows], color="black", label="total")
    if parts:
        weights = {"content": content_weight, "style": style_weight}
        for name, colour in (("content", "#1f77b4"), ("style", "#d62728")):
            values = [weights[name] * row[name] for row in rows]
            axes[0].plot(steps, values, color=colour, label=f"weighted {name}")
        axes[0].legend()
        for layer, colour in zip(layers, cycle(LAYER_COLOURS), strict=False):
            axes[-1].plot(steps, [row[layer] for row in rows], color=colour, label=layer)
        if layers:
            axes[-1].set_title("Style loss of each layer (before w_l)")
            axes[-1].legend()
    axes[0].set_title(title)
    for axis in axes:
        positive = any(y > 0 for line in axis.get_lines() for y in line.get_ydata())
        axis.set(xlabel="Iteration", ylabel="Loss", yscale="log" if log and positive else "linear")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(True, alpha=0.4)
    return figure


def _rows(history: LossHistory) -> list[Mapping[str, float]]:
    if not len(history):
        raise ConfigError("The loss history is empty; run some steps first.")
    return [
        row if isinstance(row, Mapping) else {"step": step, "total": float(row)}
        for step, row in enumerate(history, start=1)
    ]
