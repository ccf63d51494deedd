"""The studio: choose, set, run, watch, compare. Everything works without a network."""

import html
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakSet

import ipywidgets
from anywidget import AnyWidget
from torch import Tensor

from styletools.config import FAST, LARGEST_SIZE, TransferConfig
from styletools.errors import StyletoolsError
from styletools.images import bundled, load_image, read_rgb, to_image
from styletools.lab.run import Run
from styletools.lab.store import RunStore
from styletools.lab.studio.chooser import STATIC, UPLOADS, PictureChooser, jpeg
from styletools.lab.studio.controls import Settings, button
from styletools.lab.studio.gallery import UNREADABLE, Gallery
from styletools.lab.studio.masks import MaskPainter
from styletools.lab.studio.thread import End, Forecast, Pace, RunThread, explain
from styletools.lab.studio.viewer import LossChart, Viewer
from styletools.transfer import Ended, Row, Step, TransferResult

VIEWED = 900  # pixels: longest side of what is sent to the browser
ENDINGS = {
    Ended.FLAT: "Flat, so done",
    Ended.CONVERGED: "No lower loss to be found, so done",
    Ended.INTERRUPTED: "Stopped",
}


class Frame(AnyWidget):
    """Gives the panel its looks and its name, and keeps the notebook's shortcuts out of it."""

    _esm, _css = STATIC / "studio.js", STATIC / "studio.css"


class Studio(ipywidgets.VBox):
    """The control panel. The run has its own thread, so that the notebook stays usable.

    Attributes:
        run: the last run that ended, as it is kept; None before the first, and after an error.
        error: what made the last run fail, if it did.
        content: chooser of the content; `content.value` is a path.
        style: likewise.
        settings: the controls; `settings.config` reads and sets all of them.

    Args:
        folder: of the runs; None takes `STYLETOOLS_RUNS`, else ./runs.
        content: {name: path} to choose from; None takes the kit's pictures.
        style: likewise.
        defaults: where the controls stand at first.

    Raises:
        ConfigError: there is no picture to choose.
    """

    _all: ClassVar["WeakSet[Studio]"] = WeakSet()

    def __init__(
        self,
        folder: str | Path | None = None,
        content: Mapping[str, Path] | None = None,
        style: Mapping[str, Path] | None = None,
        defaults: TransferConfig = FAST,
    ) -> None:
        super().__init__()
        self.add_class("st-studio")
        self.store = RunStore(RunStore(folder).folder.absolute())
        self.run: Run | None = None
        self.error: Exception | None = None
        self.pace = Pace()
        self._rows: list[Row] = []
        self._part = 0.0  # of the run that is done
        self._forecast = Forecast(defaults, 0)
        self._config = defaults
        self.content, self.style = (
            PictureChooser(
                kind.capitalize(),
                tip,
                bundled(kind) if given is None else given,
                self.store.folder / UPLOADS / kind,
            )
            for kind, tip, given in (
                ("content", "The photograph whose shapes are kept.", content),
                ("style", "The picture whose colours and strokes are taken.", style),
            )
        )
        painters = {
            name: MaskPainter(chooser.label, chooser, partial(self._take_mask, name))
            for name, chooser in (("content_masks", self.content), ("style_masks", self.style))
        }
        self.settings = Settings(defaults, lambda problem: self._say(problem, "error"), painters)
        self.worker = RunThread(
            self.store, self._on_step, self._on_pause, self._on_wait, self._on_end
        )
        self.viewer = Viewer(after_label="picture", before_label="content")
        self.chart = LossChart(steps=defaults.steps)
        self.progress, self.notice = ipywidgets.HTML(), ipywidgets.HTML()
        self.run_button = button("Run", "play", "Paint with these settings.", "success")
        self.pause_button = button("Pause", "pause", "Wait after the present step.")
        self.stop_button = button("Stop", "stop", "End now; the picture so far is kept.")
        self.others_button = button("Stop that run", "stop", "Its picture so far is kept.")
        self.gallery = Gallery(self.store, self.load)
        self.others_button.layout.display = "none"
        self._wire()
        self._lay_out()
        self._show_content()
        self._follow("Ready.", 0.0)
        self._tell_others()
        self._all.add(self)

    @property
    def config(self) -> TransferConfig:
        """The settings that the controls stand for.

        Raises:
            ConfigError: a value outside its limits.
        """
        return self.settings.config

    @property
    def result(self) -> TransferResult | None:
        """The last run as `stylize` would have returned it (its picture in 8 bits)."""
        return None if self.run is None else as_result(self.run)

    @property
    def running(self) -> bool:
        """Whether a run is going on, paused or not."""
        return self.worker.running

    def start(self) -> None:
        """Begin a run with the present settings; while one is running, do nothing."""
        if self.running:
            return
        try:
            config = self.config
            load_image(self.content.value, config.max_size)
            load_image(self.style.value, config.max_size)
        except StyletoolsError as error:
            self._say(str(error), "error")
            return
        self.run = self.error = None
        self._config, self._rows = config, []
        self._forecast = Forecast(config, min(config.max_size, max(self.content.size)))
        self.pace = Pace()
        self._show_content()
        self.chart.steps, self.chart.points = config.steps, b""
        self._say("")
        self._busy(True)
        self._follow("Starting …", 0.0)
        self.worker.start(self.content.value, self.style.value, config)

    def pause(self) -> None:
        """Wait after the present step; or go on, if it waits."""
        if not self.running:
            return
        if self.worker.paused:
            self.worker.resume()
            self._follow("Going on …")
        else:
            self._follow("Pausing …")  # before it does: then it says so itself
            self.worker.pause()
        self._name_pause()

    def stop(self) -> None:
        """End after the present step; what is there is kept, and Run goes on from it."""
        if self.running:
            self._follow("Stopping …")
        self.worker.stop()
        self._name_pause()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the run to end; returns whether it has."""
        return self.worker.wait(timeout)

    def load(self, run: Run) -> None:
        """Set every control as a run had it, and show its picture and losses."""
        if self.running:
            self._say("Stop the run first, then load settings.", "error")
            return
        self.settings.config = run.config
        missing = [c.label.lower() for c, source in ((self.content, run.content),
                   (self.style, run.style)) if not c.choose(source)]  # fmt: skip
        if missing:
            which = " and ".join(missing)
            self._say(f"The settings are loaded, but the {which} of {run.name} is gone.", "error")
            return
        try:
            self._show_run(run)
        except UNREADABLE as error:
            self._say(f"The settings are loaded; but {error}", "error")
            return
        self._say(f"The settings of {run.name} are loaded.")

    # The run's thread calls these

    def _on_step(self, step: Step) -> None:
        self._rows.append(step.losses)
        self._forecast.add(step.losses, step.seconds)
        if self.pace.due or step.step == step.steps:
            with self.pace.drawing():
                self._draw(step.image)
                self._show_step()

    def _on_pause(self, step: Step) -> None:
        self._draw(step.image)
        part = step.step / step.steps
        self._follow(f"Paused at step {step.step} of {step.steps}.", part)

    def _on_wait(self) -> None:
        self._follow("Waiting: another panel or sweep is computing this very run …")

    def _on_end(self, end: End) -> None:
        self.run, self.error = end.run, end.error
        self._busy(False)
        self._tell_end(end)
        try:
            if end.run:
                self.gallery.refresh()
                self._show_run(end.run)
        except Exception as error:  # the run is kept; the panel must stay usable
            self._say(f"The run is kept, but cannot be shown: {explain(error)}", "error")

    def _tell_end(self, end: End) -> None:
        self._follow("Failed." if end.error else "Stopped.")
        broken = self.worker.drawing_error
        if end.error:
            self._say(explain(end.error), "error")
        elif end.run and end.run.ended is Ended.DIVERGED:
            self._say(end.run.detail, "error")
        elif broken:
            self._say(f"The run is done, but the live view broke off: {explain(broken)}", "error")
        elif end.kind == "found":
            self._say("You have made this picture before; the gallery has it.")
        elif end.kind == "stopped" and end.run:
            self._say("What is there is in the gallery; Run goes on from it.")

    # What is seen

    def _draw(self, image: Tensor) -> None:
        picture = to_image(image)
        picture.thumbnail((VIEWED, VIEWED))
        self.viewer.after = jpeg(picture)
        self.chart.show(self._rows, self._config)

    def _show_step(self) -> None:
        row, config = self._rows[-1], self._config
        step, left = int(row["step"]), self._forecast.seconds_left()
        about = "at most " if config.may_end_early else ""
        time_left = f" · {about}{duration(left)} left" if left is not None else ""
        text = f"Step {step} of {config.steps} · {row['size']:.0f} px{time_left}"
        self._follow(text, step / config.steps)

    def _show_run(self, run: Run) -> None:
        after = read_rgb(run.picture)
        after.thumbnail((VIEWED, VIEWED))
        before = to_image(load_image(run.content, VIEWED))
        self.viewer.aspect = after.width / after.height
        self.viewer.before, self.viewer.after = jpeg(before), jpeg(after)
        rows = run.losses()
        self.chart.steps = len(rows)
        self.chart.show(rows, run.config)
        last = run.description["final_losses"]
        losses = f"content {last['content']:.3g}, style {last['style']:.3g} (before α and β)"
        ending = ENDINGS.get(run.ended, run.ended.capitalize())
        self._follow(
            f"{ending} after {len(rows)} steps, {duration(run.seconds)}: {losses}.",
            1.0 if run.ended.done else len(rows) / run.config.steps,
        )

    def _show_content(self) -> None:
        """The content on both sides, until there is something to compare it with."""
        try:
            picture = to_image(load_image(self.content.value, VIEWED))
        except StyletoolsError as error:
            self._say(str(error), "error")
            return
        self.viewer.aspect = picture.width / picture.height
        self.viewer.before = self.viewer.after = jpeg(picture)

    def _tell_others(self) -> None:
        """Offer to stop the run of a panel whose cell was run again, so its buttons are gone."""
        if any(other.running for other in self._all):
            self._say("A run of another panel in this notebook is still going on.")
            self.others_button.layout.display = None

    def _stop_others(self, _: Any) -> None:
        for other in self._all - {self}:
            other.stop()
        self._say("")

    def _say(self, text: str, kind: str = "note") -> None:
        role = "alert" if kind == "error" else "status"
        mark = f'<div class="st-message st-{kind}" role="{role}">{html.escape(text)}</div>'
        self.notice.value = mark if text else ""
        self.others_button.layout.display = "none"

    def _follow(self, text: str, part: float | None = None) -> None:
        """Say what is going on; without a `part`, the bar stays where it is."""
        self._part = self._part if part is None else part
        self.progress.value = (
            f'<progress max="1" value="{self._part:.4f}" aria-label="Progress"></progress>'
            f'<span class="st-status">{html.escape(text)}</span>'
        )

    def _busy(self, busy: bool) -> None:
        self.run_button.disabled = busy
        self.pause_button.disabled = self.stop_button.disabled = not busy
        self._name_pause()

    def _name_pause(self) -> None:
        paused = self.worker.paused
        self.pause_button.description = "Resume" if paused else "Pause"
        self.pause_button.icon = "play" if paused else "pause"

    # Made once

    def _wire(self) -> None:
        self.run_button.on_click(lambda _: self.start())
        self.pause_button.on_click(lambda _: self.pause())
        self.stop_button.on_click(lambda _: self.stop())
        self.others_button.on_click(self._stop_others)
        self.content.observe(self._choose_content, "value")
        self._busy(False)

    def _take_mask(self, name: str, place: int, path: Path) -> None:
        self.settings.take_mask(name, place, path)

    def _choose_content(self, _: Any) -> None:
        if not self.running:
            self._show_content()
            self.chart.points = b""
            self._follow("Ready.", 0.0)

    def _lay_out(self) -> None:
        buttons = ipywidgets.HBox([self.run_button, self.pause_button, self.stop_button])
        bar = ipywidgets.HBox([buttons, self.progress])
        side = ipywidgets.VBox([self.content, self.style, self.settings])
        main = ipywidgets.VBox([bar, self.notice, self.others_button, self.viewer, self.chart])
        body = ipywidgets.HBox([side, main])
        classes = {
            "st-buttons": buttons,
            "st-bar": bar,
            "st-side": side,
            "st-main": main,
            "st-body": body,
            "st-progress": self.progress,
            "st-notice": self.notice,
        }
        for name, part in classes.items():
            part.add_class(name)
        self.children = [body, self.gallery, Frame()]


class TransferPanel(Studio):
    """The studio as a lesson shows it: few pictures, a size that is quickly done.

    Args:
        content: {name: path} to choose from; None takes the kit's pictures.
        style: likewise.
        max_size: longest side in pixels.
        defaults: where the other controls stand at first.
        folder: of the runs; None takes `STYLETOOLS_RUNS`, else ./runs.

    Raises:
        ConfigError: there is no picture to choose, or `max_size` is outside its limits.
    """

    def __init__(
        self,
        content: Mapping[str, Path] | None = None,
        style: Mapping[str, Path] | None = None,
        max_size: int = 160,
        defaults: TransferConfig = FAST,
        folder: str | Path | None = None,
    ) -> None:
        super().__init__(folder, content, style, defaults.replace(max_size=max_size))


def studio(folder: str | Path | None = None) -> Studio:
    """Open the control panel: `styletools.studio()` as the last line of a notebook's cell.

    Args:
        folder: keeps the runs; None takes `STYLETOOLS_RUNS`, else ./runs.
    """
    return Studio(folder)


def as_result(run: Run) -> TransferResult:
    """A kept run as `stylize` would have returned it (its picture in 8 bits).

    Raises:
        ConfigError, ImageError: its files are damaged.
    """
    return TransferResult(
        image=load_image(run.picture, LARGEST_SIZE, transparency=run.config.transparency),
        loss_history=run.losses(),
        final_losses=run.description["final_losses"],
        config=run.config,
        environment=run.description["environment"],
        seconds=run.seconds,
        ended=run.ended,
        detail=run.detail,
    )


def duration(seconds: float) -> str:
    """45 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
