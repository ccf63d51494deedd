"""What the lessons share: figures that show in a notebook, progress of a run, and a quick mode."""

import io
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from styletools.images import to_image
from styletools.transfer import Step

QUICK = os.environ.get("STYLETOOLS_QUICK", "") not in ("", "0")
"""True where the kit's tests or `styletools check` run the lessons: smaller, with fewer steps."""

DOTS_PER_INCH = 80


def begin() -> None:
    """Make figures appear below the cell that returns them; the first cell of a lesson calls it.

    Outside a notebook it does nothing.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    if hasattr(shell, "kernel"):  # before the formatters, which it would replace later
        shell.enable_matplotlib("inline")
    _show_figures()
    shell.events.register("pre_run_cell", _show_figures)  # after a student's `%matplotlib inline`


def _show_figures(*_: object) -> None:
    """Have notebooks show figures as the kit does, described in words."""
    from IPython import get_ipython

    formatters = get_ipython().display_formatter.formatters
    formatters["image/jpeg"].for_type(Figure, _jpeg)
    formatters["image/png"].for_type(Figure, _png)
    formatters["text/plain"].for_type(Figure, lambda _, printer, __: printer.text("Figure"))


def steps(number: int) -> int:
    """`number`; a twentieth of it in the quick mode."""
    return max(1, number // 20) if QUICK else number


def size(pixels: int) -> int:
    """`pixels`; at most 64 in the quick mode."""
    return min(pixels, 64) if QUICK else pixels


class Progress:
    """A line that is rewritten as a run goes on, and pictures kept on the way.

    It is a callback for `stylize`; a loop written by hand takes `watch(loss_of)` for its loss.

    Attributes:
        pictures: {step: PIL image} of every `show_every`-th step.
    """

    def __init__(self, steps: int, show_every: int = 400) -> None:
        self.steps, self.show_every = steps, show_every
        self.step = 0
        self.pictures: dict[int, Image.Image] = {}
        self._handle: Any = None
        self._shown = time.monotonic()
        self._size: tuple[int, ...] = ()

    def __call__(self, record: Step) -> None:
        """One step of `stylize`, which may have resumed a run."""
        self.step = record.step - 1
        self.update(record.image, record.losses["total"])

    def watch(self, loss_of: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """The same loss, with each call counted as a step."""

        def watched(target: Tensor) -> Tensor:
            total = loss_of(target)
            self.update(target, total)
            return total

        return watched

    def update(self, target: Tensor, total: Tensor | float) -> None:
        """Count a step; `target` is (1, 3, H, W), normalised, and `total` its loss."""
        self.step += 1
        if self.step % self.show_every == 0:
            self.pictures[self.step] = to_image(target)
        now, last = time.monotonic(), self.step == self.steps
        if target.shape != self._size:  # the pace is that of the present size
            self._size, self._began, self._first = target.shape, now, self.step
        if last or now - self._shown > 0.5:
            self._shown = now
            value = float(total.detach() if isinstance(total, Tensor) else total)
            pace = (now - self._began) / max(1, self.step - self._first)
            rest = "" if last else f", at most {pace * (self.steps - self.step):.0f} s left"
            self._say(f"step {self.step} of {self.steps}: loss {value:.3g}{rest}")

    def _say(self, text: str) -> None:
        from IPython.display import display

        bundle = {"text/plain": text}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def alt_text(figure: Figure) -> str:
    """What a figure shows, in words, for whoever cannot see it: made from the figure itself."""
    pictures, plots = [], []
    for axis in figure.axes:
        title = axis.get_title() or axis.get_ylabel().replace("\n", ", ")
        values = [*_lines(axis), *_bars(axis)]
        if axis.get_images():
            pictures += [title.replace("\n", ", ")] if title else []
        elif values:
            about = " over ".join(filter(None, (axis.get_ylabel(), axis.get_xlabel())))
            scale = "logarithmic axis" if axis.get_yscale() == "log" else "linear axis"
            axes = ", ".join(filter(None, (about, scale)))
            plots.append(f"{title or 'Plot'} ({axes}): {'; '.join(values)}")
    shown = [f"Pictures: {'; '.join(pictures)}"] if pictures else []
    labels = [str(patch.get_label()) for axis in figure.axes for patch in axis.patches]
    named = "; ".join(dict.fromkeys(one for one in labels if one and not one.startswith("_")))
    shown += [f"Drawing with {named}"] if named and not plots else []
    return ". ".join([*shown, *plots]) + "." if shown or plots else "A figure without text."


def _lines(axis: Axes) -> list[str]:
    """Of each labelled line, or of the only one: where it begins and ends."""
    values = {line: np.asarray(line.get_ydata(), dtype=float) for line in axis.get_lines()}
    lines = {line: y for line, y in values.items() if len(y)}
    named = {line: y for line, y in lines.items() if not str(line.get_label()).startswith("_")}
    if not named:
        return [f"a line from {y[0]:.3g} to {y[-1]:.3g}" for y in [*lines.values()][:1]]
    return [f"{line.get_label()} from {y[0]:.3g} to {y[-1]:.3g}" for line, y in named.items()]


def _bars(axis: Axes) -> list[str]:
    """Of each group of bars: the heights."""
    groups = [tick.get_text() for tick in axis.get_xticklabels()]
    told = []
    for container in axis.containers:
        heights = [patch.get_height() for patch in container if isinstance(patch, Rectangle)]
        named = [f"{g} {h:.3g}" for g, h in zip(groups, heights, strict=False)]
        told.append(f"{container.get_label()}: {', '.join(named)}")
    return told


def _jpeg(figure: Figure) -> tuple[bytes, dict[str, str]] | None:
    """Figures with photographs: a tenth of the size of a PNG."""
    return _encode(figure, "jpeg") if _has_photograph(figure) else None


def _png(figure: Figure) -> tuple[bytes, dict[str, str]] | None:
    return None if _has_photograph(figure) else _encode(figure, "png")


def _has_photograph(figure: Figure) -> bool:
    images = [image for axis in figure.axes for image in axis.get_images()]
    return any((array := image.get_array()) is not None and array.ndim == 3 for image in images)


def _encode(figure: Figure, kind: str) -> tuple[bytes, dict[str, str]]:
    """The picture, and the metadata from which nbconvert takes its description."""
    buffer = io.BytesIO()
    options: dict[str, Any] = {"pil_kwargs": {"quality": 85}}
    if kind == "png":
        options = {"metadata": {"Software": None}}  # matplotlib's version changes
    figure.savefig(buffer, format=kind, dpi=DOTS_PER_INCH, bbox_inches="tight", **options)
    return buffer.getvalue(), {"alt": alt_text(figure)}
