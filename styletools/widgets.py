"""A panel for the notebook: controls for every knob of the lessons, Run and Stop, live preview."""

import io
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ipywidgets
from torch import Tensor

from styletools.config import FAST, OPTIMIZERS, STYLE_WEIGHTS, TransferConfig
from styletools.errors import ConfigError, StyletoolsError
from styletools.images import bundled, to_image
from styletools.transfer import Step, TransferResult, stylize

PREVIEW_SECONDS = 0.4  # between two previews
PREVIEW_WIDTH = "360px"


class TransferPanel(ipywidgets.VBox):
    """Choose, run, watch, stop. The run has its own thread, so that the notebook stays usable.

    Attributes:
        result: the last finished or stopped run; None before the first, and after an error.
        error: what ended the last run, if something did.

    Args:
        content: {name: path} to choose from; None takes the kit's pictures.
        style: likewise.
        max_size: longest side in pixels.
        defaults: where the controls stand at first.

    Raises:
        ConfigError: there is no picture to choose.
    """

    def __init__(
        self,
        content: Mapping[str, Path] | None = None,
        style: Mapping[str, Path] | None = None,
        max_size: int = 160,
        defaults: TransferConfig = FAST,
    ) -> None:
        super().__init__()
        self.result: TransferResult | None = None
        self.error: Exception | None = None
        self._max_size = max_size
        self._thread: threading.Thread | None = None
        self._stop_asked = threading.Event()
        self._shown = 0.0
        self.content = _chooser("Content", bundled("content") if content is None else content)
        self.style = _chooser("Style", bundled("style") if style is None else style)
        self.knobs = _knobs(defaults)
        self.layers = {
            layer: _slider(ipywidgets.FloatSlider, layer, weight, min=0, max=2, step=0.05)
            for layer, weight in (STYLE_WEIGHTS | dict(defaults.style_weights)).items()
        }
        self.run_button = ipywidgets.Button(description="Run", icon="play", button_style="success")
        self.stop_button = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.bar = ipywidgets.IntProgress(layout=ipywidgets.Layout(width=PREVIEW_WIDTH))
        self.status = ipywidgets.Label("Ready.")
        self.preview = ipywidgets.Image(
            format="jpeg", layout=ipywidgets.Layout(width=PREVIEW_WIDTH), value=_blank()
        )
        self.run_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self.stop())
        self.knobs["optimizer"].observe(self._show_learning_rate, "value")
        self._show_learning_rate()
        self.children = [self._layout()]

    @property
    def config(self) -> TransferConfig:
        """The settings that the controls stand for."""
        values = {name: knob.value for name, knob in self.knobs.items()}
        weights = {layer: slider.value for layer, slider in self.layers.items() if slider.value}
        return TransferConfig(**values, style_weights=weights, max_size=self._max_size)

    @property
    def running(self) -> bool:
        """Whether a run is going on."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin a run with the present settings; while one is running, do nothing."""
        if self.running:
            return
        try:
            config = self.config
        except ConfigError as error:
            self.status.value = str(error)
            return
        self.result = self.error = None
        self._stop_asked.clear()
        self.bar.value, self.bar.max = 0, config.steps
        self._busy(True)
        self.status.value = "Starting …"
        pictures = (self.content.value, self.style.value)
        self._thread = threading.Thread(target=self._work, args=(*pictures, config), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the run to end after its present step; the picture so far is kept."""
        self._stop_asked.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the run to end; returns whether it has."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.running

    def _work(self, content: Path, style: Path, config: TransferConfig) -> None:
        """The thread."""
        try:
            self.result = result = stylize(content, style, config, callback=self._on_step)
            self._show(result.image)
            last = result.loss_history[-1]
            self.status.value = (
                f"{result.stopped.capitalize()} after {len(result.loss_history)} steps: "
                f"content {last['content']:.3g}, style {last['style']:.3g} (before α and β)."
            )
        except StyletoolsError as error:
            self.error, self.status.value = error, str(error)
        except Exception as error:  # a thread's exception would vanish; the panel must show it
            self.error, self.status.value = error, f"{type(error).__name__}: {error}"
        finally:
            self._busy(False)

    def _on_step(self, step: Step) -> bool:
        now = time.monotonic()
        if step.step == 1 or now - self._shown > PREVIEW_SECONDS:
            self._shown = now
            self._show(step.image)
            self.bar.value = step.step
            left = step.seconds / step.step * (step.steps - step.step)
            loss = f"loss {step.losses['total']:.3g}"
            self.status.value = f"Step {step.step} of {step.steps}, {loss}, {left:.0f} s left"
        if step.step == step.steps:
            self.bar.value = step.step
        return self._stop_asked.is_set()

    def _show(self, image: Tensor) -> None:
        buffer = io.BytesIO()
        to_image(image).save(buffer, "JPEG", quality=90)
        self.preview.value = buffer.getvalue()

    def _busy(self, busy: bool) -> None:
        self.run_button.disabled, self.stop_button.disabled = busy, not busy

    def _show_learning_rate(self, _: Any = None) -> None:
        self.knobs["learning_rate"].disabled = self.knobs["optimizer"].value != "adam"

    def _layout(self) -> ipywidgets.HBox:
        caption = ipywidgets.HTML("<b>Weight of each style layer</b> (early: texture, deep: forms)")
        buttons = ipywidgets.HBox([self.run_button, self.stop_button])
        controls = [self.content, self.style, *self.knobs.values(), caption, *self.layers.values()]
        return ipywidgets.HBox(
            [
                ipywidgets.VBox(controls),
                ipywidgets.VBox([buttons, self.bar, self.status, self.preview]),
            ]
        )


def _chooser(name: str, pictures: Mapping[str, Path]) -> ipywidgets.Dropdown:
    if not pictures:
        raise ConfigError(f"There is no picture to choose for the {name.lower()}; give some.")
    return ipywidgets.Dropdown(options=dict(pictures), description=name, style=_DESCRIPTION)


def _knobs(defaults: TransferConfig) -> dict[str, Any]:
    """A control for each setting, under the setting's name."""
    log = ipywidgets.FloatLogSlider
    return {
        "content_weight": _slider(log, "α content", defaults.content_weight, min=-2, max=4),
        "style_weight": _slider(log, "β style", defaults.style_weight, min=2, max=9),
        "optimizer": ipywidgets.Dropdown(
            options=OPTIMIZERS,
            value=defaults.optimizer,
            description="optimiser",
            style=_DESCRIPTION,
        ),
        "learning_rate": _slider(log, "learning rate", defaults.learning_rate, min=-4, max=0),
        "steps": _slider(ipywidgets.IntSlider, "steps", defaults.steps, min=1, max=5000),
    }


def _slider(kind: type, name: str, value: float, **limits: float) -> Any:
    if kind is ipywidgets.FloatLogSlider:
        limits |= {"step": 0.1, "base": 10}
    options: dict[str, Any] = {"continuous_update": False, "style": _DESCRIPTION}
    if kind is not ipywidgets.IntSlider:
        options["readout_format"] = ".3g"
    return kind(value=value, description=name, **limits, **options)


def _blank() -> bytes:
    """A grey picture, so that the panel has its size from the start."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (36, 24), "#e4e4e4").save(buffer, "JPEG")
    return buffer.getvalue()


_DESCRIPTION = {"description_width": "90px"}
