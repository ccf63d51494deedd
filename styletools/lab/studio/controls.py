"""Every setting of a run as a control, and a `TransferConfig` of where the controls stand."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import ipywidgets
import torch
import traitlets
from anywidget import AnyWidget

from styletools.config import (
    ASSIGNMENT,
    CONVENTIONS,
    FAST,
    OPTIMIZERS,
    POOLINGS,
    PRECISIONS,
    STARTS,
    STYLE_WEIGHTS,
    VGG19_LAYERS,
    TransferConfig,
    read_entries,
    read_shares,
    write_entries,
)
from styletools.errors import ConfigError, StyletoolsError
from styletools.lab.studio.chooser import STATIC
from styletools.lab.studio.masks import MaskPainter

HELP: dict[str, str] = {field.name: field.metadata["help"] for field in fields(TransferConfig)} | {
    "optimizer": "How the picture is changed step by step. lbfgs, the paper's, paints the same "
    "picture in far fewer steps than adam. Steps, sizes and tolerance follow.",
    "steps": "How long to paint, at most. More steps take over more of the style, until the curves "
    "are flat.",
    "max_size": "Longest side of the picture in pixels. Larger: finer strokes, and more time. "
    "Never more than the photograph has.",
    "start": "What is painted over. The content keeps its shapes best; from noise, every shape has "
    "to be found again.",
    "seed": "Which noise the painting starts from: another seed, another picture.",
    "tolerance": "A size is done when ten steps lower its loss by less than this share. Larger: "
    "sooner done, less style. 0: never.",
    "picture_tolerance": "A size is done when ten steps change the picture by less than so many "
    "of its 255 levels, on average. Larger: sooner done, less style. 0: never.",
    "colour": "Whose colours it gets. Matched: the style is recoloured like the photo first, "
    "so strokes keep their contrast. Brightness only: every pixel keeps its colour.",
    "style_scale": "The style keeps its own shape, and its longest side is so many times the "
    "content's: larger, broader strokes. Empty: stretched to the content's size.",
    "style_distance": "What makes two styles alike. With balanced, take a style weight β of "
    "10 000; with the deviation 1000; with Wasserstein 10.",
    "more_styles": "Paths of other style pictures, with shares: painting.jpg=1, print.jpg=0.5.",
    "style_share": "How much the style chosen above counts beside the other ones.",
    "content_masks": "Paths of pictures, one for each style: white, where it is painted; black, "
    "where the photograph stays. Or paint one below.",
    "style_masks": "Paths of pictures, one for each style: only what is white there is taken. "
    "Or paint one below.",
    "backbone": "The network that judges the picture: vgg19 is the paper's; small is ten times "
    "faster and coarser; torchvision is 548 MB to download.",
    "pooling": "How the network shrinks its maps. avg: smoother strokes; max: harder edges.",
    "convention": "What the losses are divided by. course's: the divisors favour early layers; "
    "paper's: all layers alike, with filters rescaled to a mean of 1.",
    "transparency": "What a photograph's transparent parts become: white, or clear again.",
    "save_every": "Keep a picture every so many steps, for a film of the run. Empty: ten pictures.",
    "precision": "How exactly it computes. The picture hardly changes; bfloat16 may be faster.",
    "max_memory": "GiB that the run may take; the picture stays the same, a large one takes a "
    "third longer. Empty: no limit.",
    "device": "Where it computes; the picture stays the same.",
}
PAPER, OWN = "The paper's", "Your own"
WEIGHT_PRESETS: dict[str, Mapping[str, float]] = {
    "The assignment's": STYLE_WEIGHTS,
    "Equal": dict.fromkeys(STYLE_WEIGHTS, 1.0),
    "Early only": dict.fromkeys(STYLE_WEIGHTS, 0.0) | {"conv1_1": 1.0, "conv2_1": 1.0},
    "Deep only": dict.fromkeys(STYLE_WEIGHTS, 0.0) | {"conv4_1": 1.0, "conv5_1": 1.0},
}
FILTERS = (("as the divisors'", None), ("as they were trained", False), ("mean of 1", True))
COLOUR_CHOICES = (
    ("the style's", "style"), ("matched to the photograph", "match"),
    ("the photograph's, brightness only", "luminance"),
)  # fmt: skip
DISTANCE_CHOICES = (
    ("Gram matrices", "gram"), ("Gram, balanced", "balanced"),
    ("mean and deviation", "moments"), ("Wasserstein", "wasserstein"),
)  # fmt: skip
_WRITTEN: dict[str, Callable[[str], Any]] = {
    "more_styles": read_shares, "content_masks": read_entries, "style_masks": read_entries,
}  # fmt: skip
"""{setting that is typed as text: what reads it}."""

BASE_OF = {"adam": ASSIGNMENT, "lbfgs": FAST}
PRESET_HELP = (
    "Which layers the style is taken from. Early only: colours and fine grain. Deep only: large "
    "forms and strokes. The paper's: all five alike, with the paper's divisors and α/β = 1e-3."
)
LAYER_HELP = {
    "conv1_1": "Colours and the finest grain: a few pixels.",
    "conv2_1": "Fine texture: dots, hatching, edges of strokes.",
    "conv3_1": "Strokes and small patterns.",
    "conv4_1": "Larger motifs: how strokes join into forms.",
    "conv5_1": "The largest forms and their arrangement; it bends the photograph most.",
}


class Knob(AnyWidget):
    """A number that is slid or typed.

    ipywidgets' sliders cut a value to their range without a word, cannot stand at 0 on a log
    scale, and have no name for a screen reader.

    Attributes:
        value: the number, whole where `step` is; None where it is `optional` and empty.
        low: the slider's left end; any number may be typed. No slider where `high` is no more.
        high: its right end.
        log: whether its scale is logarithmic.
        step: of the slider (on a log scale: 1 for whole numbers).
    """

    _esm = STATIC / "knob.js"
    label = traitlets.Unicode().tag(sync=True)
    help = traitlets.Unicode().tag(sync=True)
    value = traitlets.Any(0.0).tag(sync=True)
    low = traitlets.Float(0.0).tag(sync=True)
    high = traitlets.Float(0.0).tag(sync=True)
    step = traitlets.Float(0.01).tag(sync=True)
    log = traitlets.Bool(False).tag(sync=True)
    optional = traitlets.Bool(False).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    @traitlets.validate("value")
    def _number(self, proposal: Any) -> float | int | None:
        value = proposal["value"]
        if value is None:
            return None
        return int(value) if self.step >= 1 and value == int(value) else float(value)


class Settings(ipywidgets.VBox):
    """All settings as controls.

    Attributes:
        knobs: {setting: control}; each has a `value`.
        layers: {style layer: control of its weight}.
        preset: the choice of ready layer weights.

    Args:
        config: where the controls stand at first.
        on_change: called after each change, with what is wrong with the settings, or "".
        painters: {setting: what paints its masks}, shown below its control.
    """

    def __init__(
        self,
        config: TransferConfig,
        on_change: Callable[[str], object],
        painters: Mapping[str, MaskPainter],
    ) -> None:
        super().__init__()
        self.add_class("st-settings")
        self._on_change, self._quiet = on_change, True
        self._course = {name: getattr(config, name) for name in PAPERS}
        self._paper: Mapping[str, float] | None = None  # the layers' weights there
        self.knobs, self.painters = _knobs(config), painters
        self.layers: dict[str, Knob] = {}
        self.preset = _dropdown("preset", [*WEIGHT_PRESETS, PAPER, OWN], OWN, PRESET_HELP)
        self._layer_box = ipywidgets.VBox()
        self.more = ipywidgets.Button(tooltip="Settings that are rarely changed.")
        self.more.add_class("st-more").on_click(lambda _: self._show_more(self._hidden))
        self._rest = ipywidgets.VBox([self.knobs[name] for name in MORE])
        self._show_more(False)
        self.children = [
            heading("Balance", "How much of the photograph stays, how much style is taken."),
            *(self.knobs[name] for name in ("content_weight", "style_weight")),
            heading("Style layers", PRESET_HELP),
            self.preset,
            self._layer_box,
            heading("Control", "Whose colours, how large the style is, and where it is painted."),
            *(
                control
                for name in PAINTERLY
                for control in (self.knobs[name], painters.get(name))
                if control
            ),
            heading("Run", "How, how long and how large."),
            *(self.knobs[name] for name in RUN),
            self.more,
            self._rest,
        ]
        self._show_layers(config.style_weights)
        self.knobs["optimizer"].observe(self._take_optimizer, "value")
        for control in self.knobs.values():
            control.observe(self._changed, "value")
        self.preset.observe(self._take_preset, "value")
        self._follow()
        self._quiet = False

    @property
    def config(self) -> TransferConfig:
        """The settings that the controls stand for.

        Raises:
            ConfigError: a value outside its limits.
        """
        values = {
            name: _WRITTEN[name](control.value) if name in _WRITTEN else control.value
            for name, control in self.knobs.items()
        }
        weights = {layer: knob.value for layer, knob in self.layers.items() if knob.value}
        return TransferConfig(**values, style_weights=weights)

    @config.setter
    def config(self, config: TransferConfig) -> None:
        with self._in_one():
            self._stand({name: getattr(config, name) for name in self.knobs}, config.style_weights)

    def take_mask(self, name: str, place: int, path: Path) -> None:
        """Put a mask among those of a setting.

        Args:
            name: of the setting.
            place: index of the style that it is for; beyond the last mask, it becomes the next.
            path: of the mask.
        """
        masks = list(read_entries(self.knobs[name].value))
        masks[place : place + 1] = [str(path)]
        self.knobs[name].value = write_entries(masks)

    @property
    def problem(self) -> str:
        """What is wrong with the settings, or ""."""
        try:
            self.config  # noqa: B018
        except ConfigError as error:
            return str(error)
        return ""

    @property
    def _hidden(self) -> bool:
        return self._rest.layout.display == "none"

    def _show_more(self, shown: bool) -> None:
        self._rest.layout.display = None if shown else "none"
        self.more.description = "Fewer settings" if shown else "More settings"
        self.more.icon = "caret-down" if shown else "caret-right"

    def _show_layers(self, weights: Mapping[str, float]) -> None:
        """A slider for each layer of the assignment, and for any other that has a weight."""
        names = [n for n in VGG19_LAYERS if n in STYLE_WEIGHTS or n in weights]
        if list(self.layers) != names:
            self.layers = {name: self.layers.get(name) or self._layer(name) for name in names}
            self._layer_box.children = list(self.layers.values())
        for name, knob in self.layers.items():
            knob.value = weights.get(name, 0.0)

    def _layer(self, name: str) -> Knob:
        text = LAYER_HELP.get(name, f"Like its neighbour {name[:5]}_1, after more convolutions.")
        knob = Knob(label=name, help=f"w of {name}. {text} 0: not used.", high=2.0, step=0.05)
        knob.observe(self._changed, "value")
        return knob

    def _take_optimizer(self, change: Any) -> None:
        """Move what stands at one preset's value to the other's: L-BFGS's tolerance stops Adam."""
        if self._quiet or not {change["old"], change["new"]} <= set(BASE_OF):
            return
        old, new = BASE_OF[change["old"]], BASE_OF[change["new"]]
        with self._in_one():
            for name in ("steps", "levels", "picture_tolerance"):
                if self.knobs[name].value == getattr(old, name):
                    self.knobs[name].value = getattr(new, name)

    def _take_preset(self, _: Any) -> None:
        name = self.preset.value
        if self._quiet or name == OWN:
            return
        away = self.knobs["convention"].value == "paper"
        if name == PAPER:
            try:
                paper = paper_settings(self.config)
            except StyletoolsError as error:  # a setting, or weights that are not there
                self._follow()
                self._on_change(str(error))
                return
        with self._in_one():
            if name == PAPER:
                self._course = self._course if away else self._now()
                self._paper = paper.style_weights
                self._stand({n: getattr(paper, n) for n in PAPERS}, paper.style_weights)
            else:  # the divisors decide what α and β mean, so the three change together
                self._stand(self._course if away else self._now(), WEIGHT_PRESETS[name])

    def _now(self) -> dict[str, Any]:
        return {name: self.knobs[name].value for name in PAPERS}

    def _stand(self, settings: Mapping[str, Any], weights: Mapping[str, float]) -> None:
        for name, value in settings.items():
            _stand(self.knobs[name], value)
        self._show_layers(weights)

    @contextmanager
    def _in_one(self) -> Iterator[None]:
        """Several changes are told as one."""
        outer, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = outer
            self._changed()

    def _changed(self, _: Any = None) -> None:
        if not self._quiet:
            self._follow()
            self._on_change(self.problem)

    def _follow(self) -> None:
        """What follows from the other controls: the preset's name, and what has no effect."""
        self.knobs["learning_rate"].disabled = self.knobs["optimizer"].value != "adam"
        self.knobs["seed"].disabled = self.knobs["start"].value != "noise"
        styles = 1 + self.knobs["more_styles"].value.count("=")
        self.painters["content_masks"].places = [f"for style {n}" for n in range(1, styles + 1)]
        weights = {layer: knob.value for layer, knob in self.layers.items()}
        paper = self.knobs["convention"].value == "paper"
        known = {PAPER: self._paper} if paper else WEIGHT_PRESETS
        before, self._quiet = self._quiet, True
        self.preset.value = next((name for name in known if known[name] == weights), OWN)
        self._quiet = before


def paper_settings(config: TransferConfig) -> TransferConfig:
    """The paper's divisors and equal layers at α/β = 1e-3, for these settings' backbone.

    `styletools.lab.plans.tradeoff`, with all weights divided so that α is 1 and the layers' add up
    to 1.
    """
    from styletools.lab.plans import tradeoff

    paper = tradeoff(config)["α/β = 1e-3"]
    whole = sum(paper.style_weights.values())
    return paper.replace(
        content_weight=1.0,
        style_weight=float(f"{paper.style_weight * whole / paper.content_weight:.4g}"),
        style_weights={n: float(f"{w / whole:.3g}") for n, w in paper.style_weights.items()},
    )


PAPERS = ("convention", "content_weight", "style_weight", "content_layers")
PAINTERLY = (
    "colour", "style_distance", "style_scale", "more_styles", "style_share", "content_masks",
    "style_masks",
)  # fmt: skip
RUN = ("optimizer", "steps", "learning_rate", "max_size", "start", "seed")
MORE = (
    "levels", "picture_tolerance", "tolerance", "tv_weight", "clamp", "content_layers",
    "convention", "backbone", "pooling", "normalise_filters", "transparency", "save_every",
    "precision", "max_memory", "device",
)  # fmt: skip


def _knobs(config: TransferConfig) -> dict[str, Any]:
    """A control for each setting but the layers' weights, under the setting's name."""
    devices = ["auto", "cpu"]
    devices += ["cuda"] if torch.cuda.is_available() else []
    devices += ["mps"] if torch.backends.mps.is_available() else []
    unset = [("as the backbone's", None), *((name, name) for name in POOLINGS)]
    layers = [(name, (name,)) for name in VGG19_LAYERS]
    controls = {
        "content_weight": _knob("α content", "content_weight", 1e-2, 1e4, log=True),
        "style_weight": _knob("β style", "style_weight", 1e2, 1e9, log=True),
        "colour": _choice("colours", "colour", COLOUR_CHOICES),
        "style_distance": _choice("styles alike by", "style_distance", DISTANCE_CHOICES),
        "style_scale": _knob("style's own size", "style_scale", optional=True),
        "more_styles": _text("more styles", "more_styles"),
        "style_share": _knob("style's share", "style_share", 0, 4, step=0.25),
        "content_masks": _text("paint where", "content_masks"),
        "style_masks": _text("take from where", "style_masks"),
        "optimizer": _choice("optimiser", "optimizer", OPTIMIZERS),
        "steps": _knob("steps", "steps", 1, 10_000, log=True, step=1),
        "learning_rate": _knob("learning rate", "learning_rate", 1e-4, 1, log=True),
        "max_size": _knob("size in pixels", "max_size", 64, 1024, step=16),
        "start": _choice("start from", "start", STARTS),
        "seed": _knob("seed", "seed", step=1),
        "levels": _knob("sizes", "levels", 1, 5, step=1),
        "picture_tolerance": _knob("done at levels", "picture_tolerance", 0, 10, step=0.25),
        "tolerance": _knob("done at loss", "tolerance", 0, 0.9, step=0.05),
        "tv_weight": _knob("smoothing", "tv_weight"),
        "clamp": _choice("values", "clamp", (("free", False), ("black to white", True))),
        "content_layers": _choice("content layer", "content_layers", layers),
        "convention": _choice("divisors", "convention", CONVENTIONS),
        "backbone": _choice("backbone", "backbone", ("auto", "vgg19", "small", "torchvision")),
        "pooling": _choice("pooling", "pooling", unset),
        "normalise_filters": _choice("filters", "normalise_filters", FILTERS),
        "transparency": _choice("background", "transparency", (("white", False), ("clear", True))),
        "save_every": _knob("picture every", "save_every", optional=True, step=1),
        "precision": _choice("precision", "precision", PRECISIONS),
        "max_memory": _knob("memory in GiB", "max_memory", optional=True),
        "device": _choice("device", "device", devices),
    }  # fmt: skip
    for name, control in controls.items():
        _stand(control, getattr(config, name))
    return controls


def _stand(control: Any, value: Any) -> None:
    """Set a control; a choice that does not offer the value will from now on."""
    if isinstance(control, ipywidgets.Dropdown):
        known = [o[1] if isinstance(o, tuple) else o for o in control.options]
        if value not in known:
            name = ", ".join(value) if isinstance(value, tuple) else str(value)
            control.options = [*control.options, (name, value)]
    elif isinstance(control, ipywidgets.Text):
        pairs = value.items() if isinstance(value, Mapping) else ()
        value = write_entries([f"{path}={share!r}" for path, share in pairs] or value)
    control.value = value


def _knob(label: str, name: str, low: float = 0, high: float = 0, **options: Any) -> Knob:
    return Knob(label=label, help=HELP[name], low=low, high=high, **options)


def _text(label: str, name: str) -> ipywidgets.Text:
    control = ipywidgets.Text(
        description=label, tooltip=HELP[name], continuous_update=False,
        description_allow_html=False,
    )  # fmt: skip
    control.add_class("st-choice")
    return control


def _choice(label: str, name: str, options: Any) -> ipywidgets.Dropdown:
    options = [o if isinstance(o, tuple) else (o, o) for o in options]
    return _dropdown(label, options, options[0][1], HELP[name])


def _dropdown(label: str, options: Any, value: Any, text: str) -> ipywidgets.Dropdown:
    control = ipywidgets.Dropdown(
        options=options, value=value, description=label, tooltip=text, description_allow_html=False
    )
    control.add_class("st-choice")
    return control


def heading(text: str, tip: str) -> ipywidgets.HTML:
    """A section's title."""
    return ipywidgets.HTML(f'<div class="st-title" role="heading" aria-level="3">{text}</div>',
                           tooltip=tip)  # fmt: skip


def button(text: str, icon: str, tip: str, kind: str = "") -> ipywidgets.Button:
    """A button in the panel's looks."""
    made = ipywidgets.Button(description=text, icon=icon, tooltip=tip, button_style=kind)
    return made.add_class("st-button")
