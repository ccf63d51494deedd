"""The settings of a run. This file imports no torch, so that the command line starts at once."""

import csv
import dataclasses
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from styletools.errors import ConfigError

VGG19_LAYERS: dict[str, int] = {
    "conv1_1": 0, "conv1_2": 2,
    "conv2_1": 5, "conv2_2": 7,
    "conv3_1": 10, "conv3_2": 12, "conv3_3": 14, "conv3_4": 16,
    "conv4_1": 19, "conv4_2": 21, "conv4_3": 23, "conv4_4": 25,
    "conv5_1": 28, "conv5_2": 30, "conv5_3": 32, "conv5_4": 34,
}  # fmt: skip
"""The sixteen convolutions of VGG19: the paper's name to the index in `vgg19().features`."""

COURSE_FILE = Path(__file__).parent / "data" / "course.toml"
BASE_SETTINGS = ("content_weight", "style_weight", "steps", "learning_rate", "style_weights")


def read_course(path: Path = COURSE_FILE) -> dict[str, Any]:
    """The course's settings, {table: {name: value}}: the file that an instructor edits.

    Raises:
        ConfigError: the file is missing or is not TOML, or its table [base] does not hold exactly
            the `BASE_SETTINGS`.
    """
    try:
        course = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be read ({error}); correct it, or put the kit's own file back."
        ) from None
    base = course.get("base", {})
    unlike = sorted(set(base) ^ set(BASE_SETTINGS)) if isinstance(base, dict) else ["base"]
    if unlike:
        raise ConfigError(
            f"{path}: {unlike[0]!r} is unknown or missing; the table [base] holds "
            f"{', '.join(BASE_SETTINGS)}."
        )
    return course


COURSE = read_course()
"""The course's settings, as `styletools/data/course.toml` has them."""

BASE: dict[str, Any] = {
    name: float(value) if type(value) is int and name != "steps" else value
    for name, value in COURSE["base"].items()
}
STYLE_WEIGHTS: dict[str, float] = BASE["style_weights"]
"""The assignment's w_l for each style layer."""

LARGEST_SIZE = 16_384  # pixels, as `max_size`
STARTS = ("content", "style", "noise")
OPTIMIZERS = ("adam", "lbfgs")
CONVENTIONS = ("course", "paper")
POOLINGS = ("max", "avg")
PRECISIONS = ("auto", "float32", "bfloat16")
COLOUR_MODES = ("style", "match", "luminance")
STYLE_DISTANCES = ("gram", "moments", "wasserstein", "balanced")
CONTROLS: dict[str, Any] = {
    "colour": "style", "style_scale": None, "style_distance": "gram", "more_styles": {},
    "style_share": 1.0, "content_masks": [], "style_masks": [],
}  # fmt: skip
"""The settings of docs/control.md, with the values of a run that uses none of them."""

LATER_SETTINGS: dict[str, Any] = {
    "clamp": False, "normalise_filters": False, "picture_tolerance": 0.0,
    "transparency": False, **CONTROLS,
}  # fmt: skip
"""Settings that were added later, with what runs did before: so the keys of old runs hold."""


def _setting(default: Any, text: str) -> Any:
    """A field whose help text the command line and the control panel show."""
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata={"help": text})
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class TransferConfig:
    """Every setting of a run; the defaults are the assignment's.

    Raises:
        ConfigError: a setting is outside its limits; the message gives the value and the limits.
    """

    content_weight: float = _setting(
        BASE["content_weight"], "α: weight of the content loss. More keeps the photograph's shapes."
    )
    style_weight: float = _setting(
        BASE["style_weight"], "β: weight of the style loss. More takes over strokes and colours."
    )
    style_weights: Mapping[str, float] = _setting(
        STYLE_WEIGHTS, "w_l: weight of each style layer. Early layers: fine texture; deep: shapes."
    )
    content_layers: tuple[str, ...] = _setting(
        ("conv4_2",), "Layers whose features should match the photograph's. Deeper is looser."
    )
    tv_weight: float = _setting(
        0.0, "Weight of the total variation, which smooths pixel noise (not in the paper)."
    )
    colour: str = _setting(
        "style",
        "Whose colours: style; match: the style is first given the photograph's mean and "
        "covariance of colours; luminance: only brightness is painted (Gatys et al. 2017).",
    )
    style_scale: float | None = _setting(
        None,
        "Keep the style's own shape, its longest side so many times the content's (never "
        "enlarged). Unset: stretched to the content's size, as in the assignment.",
    )
    style_distance: str = _setting(
        "gram",
        "What makes two styles alike in a layer: gram, balanced (as strong for every style), "
        "moments or wasserstein. docs/control.md: their formulas, and style weights that fit.",
    )
    more_styles: Mapping[str, float] = _setting(
        {}, "Other style pictures beside STYLE, with their shares: {path or address: share}."
    )
    style_share: float = _setting(
        1.0, "Share of STYLE itself beside `more_styles`; all shares are divided by their sum."
    )
    content_masks: tuple[str, ...] = _setting(
        (), "Where each style is painted, STYLE first: pictures, white: there, black: not there."
    )
    style_masks: tuple[str, ...] = _setting(
        (), "Which part of each style picture is taken, STYLE first: white: taken, black: not."
    )
    steps: int = _setting(BASE["steps"], "Evaluations of the loss and its gradient.")
    optimizer: str = _setting("adam", "adam, or lbfgs: the paper's, far fewer steps.")
    learning_rate: float = _setting(
        BASE["learning_rate"],
        "Adam's step size. Larger is faster and rougher. (L-BFGS searches its own.)",
    )
    start: str = _setting("content", "Where the target starts: content, style, noise or a picture.")
    seed: int = _setting(0, "Seed of the noise that `start=noise` begins with.")
    levels: int = _setting(
        1, "Sizes to paint at, each half the next: large shapes come first, and cheaply."
    )
    tolerance: float = _setting(
        0.0, "A size is done when ten steps lower its loss by less than this share. 0: never."
    )
    picture_tolerance: float = _setting(
        0.0,
        "A size is done when ten steps change the picture by less than this, in levels of 0 to 255 "
        "and on average. 0: never. If `tolerance` is set too, both must hold.",
    )
    clamp: bool = _setting(
        False,
        "Cut values beyond black and white off at each step, and not only in the saved picture.",
    )
    transparency: bool = _setting(
        False, "Give the picture the photograph's transparency back (PNG, WebP, TIFF)."
    )
    save_every: int | None = _setting(
        None,
        "Keep a picture every so many steps. Unset: ten in a store of runs, none elsewhere.",
    )
    max_size: int = _setting(400, "Longest side of the picture in pixels; never enlarged.")
    backbone: str = _setting(
        "auto", "auto, vgg19, small, torchvision, or a file of weights in VGG19's layout."
    )
    pooling: str | None = _setting(None, "max or avg; unset: as the backbone was trained.")
    convention: str = _setting("course", "Divisors of the losses: course's or paper's.")
    normalise_filters: bool | None = _setting(
        None,
        "Rescale each filter to a mean activation of 1 over the kit's pictures, as in the paper. "
        "Unset: with the paper's divisors.",
    )
    precision: str = _setting(
        "float32", "float32, bfloat16, or auto: bfloat16 where it is faster and accurate enough."
    )
    max_memory: float | None = _setting(
        None,
        "GiB that the run may take; a large picture then takes a third longer, a very large one is "
        "taken in tiles. Unset: no limit.",
    )
    device: str = _setting("auto", "auto (CUDA, then MPS, then CPU), cuda, mps or cpu.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "style_weights", _layer_weights(self.style_weights))
        check_layers(self.content_layers)
        object.__setattr__(self, "content_layers", tuple(self.content_layers))
        for name in ("content_weight", "style_weight", "tv_weight"):
            _check_number(name, getattr(self, name))
        _check_number("tolerance", self.tolerance, high=0.99)
        _check_number("picture_tolerance", self.picture_tolerance, high=255.0)
        _check_number("learning_rate", self.learning_rate, high=10.0, above_0=True)
        _check_integer("steps", self.steps, low=1, high=10_000_000)
        _check_integer("levels", self.levels, low=1, high=8)
        _check_integer("seed", self.seed, low=0, high=2**63 - 1)
        _check_integer("max_size", self.max_size, low=16, high=LARGEST_SIZE)
        _check_choice("optimizer", self.optimizer, OPTIMIZERS)
        _check_choice("precision", self.precision, PRECISIONS)
        _check_choice("convention", self.convention, CONVENTIONS)
        _check_choice("colour", self.colour, COLOUR_MODES)
        _check_choice("style_distance", self.style_distance, STYLE_DISTANCES)
        self._check_styles()
        _check_choice("clamp", self.clamp, (False, True))
        _check_choice("transparency", self.transparency, (False, True))
        if self.save_every is not None:
            _check_integer("save_every", self.save_every, low=1, high=10_000_000)
        if self.normalise_filters is not None:
            _check_choice("normalise_filters", self.normalise_filters, (False, True))
        if self.max_memory is not None:
            _check_number("max_memory", self.max_memory, above_0=True)
        if self.pooling is not None:
            _check_choice("pooling", self.pooling, POOLINGS)
        for name in ("start", "backbone", "device"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ConfigError(f"{name} is {getattr(self, name)!r}; give a name or a path.")
        has_style = self.style_weight > 0 and any(self.style_weights.values())
        if not has_style and not (self.content_weight > 0 and self.content_layers):
            raise ConfigError(
                "Content weight and style weight are both 0, so nothing would be optimised; "
                "give content_weight, or style_weight and one of style_weights, more than 0."
            )

    def _check_styles(self) -> None:
        if self.style_scale is not None:
            _check_number("style_scale", self.style_scale, high=100.0, above_0=True)
        if not isinstance(self.more_styles, Mapping):
            raise ConfigError(
                f"more_styles is {self.more_styles!r}; give a dict such as {{'painting.jpg': 0.5}}."
            )
        for picture, share in self.more_styles.items():
            _check_number(f"more_styles[{picture!r}]", share)
        _check_number("style_share", self.style_share)
        if not any((self.style_share, *self.more_styles.values())):
            raise ConfigError(
                "style_share and all shares of more_styles are 0, so there is no style; give one "
                "of them more than 0."
            )
        object.__setattr__(self, "more_styles", {p: float(w) for p, w in self.more_styles.items()})
        styles = 1 + len(self.more_styles)
        for name in ("content_masks", "style_masks"):
            masks = getattr(self, name)
            if isinstance(masks, str) or not all(isinstance(mask, str) and mask for mask in masks):
                raise ConfigError(f"{name} is {masks!r}; give a list of paths: one for each style.")
            if len(masks) not in (0, styles):
                raise ConfigError(
                    f"{name} has {len(masks)} pictures, but there are {styles} styles; give one "
                    "for each style, STYLE first and then more_styles, or none."
                )
            object.__setattr__(self, name, tuple(masks))

    @property
    def controls(self) -> dict[str, Any]:
        """Those of the `CONTROLS` that these settings use."""
        settings = self.to_dict()
        return {n: settings[n] for n, unused in CONTROLS.items() if settings[n] != unused}

    @property
    def may_end_early(self) -> bool:
        """Whether a run with these settings may be done before its last step."""
        return bool(self.tolerance or self.picture_tolerance)

    @property
    def has_normalised_filters(self) -> bool:
        """`normalise_filters`, or what the convention says where that is unset."""
        if self.normalise_filters is None:
            return self.convention == "paper"
        return self.normalise_filters

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed (an unknown name is an error)."""
        _check_names(changes)
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, for JSON."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """The reverse of `to_dict`; reads what was written before the `LATER_SETTINGS`, too."""
        _check_names(settings)
        return cls(**{**LATER_SETTINGS, **settings})


def read_shares(
    text: str, name: str = "more_styles", example: str = "painting.jpg=1,print.jpg=0.5"
) -> dict[str, float]:
    """A number for each picture or layer, as a person writes it: "painting.jpg=1, print.jpg=0.5".

    Args:
        text: what was written.
        name: of the setting.
        example: for the error.

    Raises:
        ConfigError: a name has no number, or a number no name.
    """
    pairs = [pair.rpartition("=") for pair in read_entries(text)]
    with suppress(ValueError):
        shares = {one.strip(): float(share) for one, _, share in pairs}
        if "" not in shares:
            return shares
    raise ConfigError(f"{name} is {text!r}; write {example}")


def read_entries(text: str) -> tuple[str, ...]:
    """Read "sky.png, ground.png" as a person writes it; quotation marks protect a comma."""
    rows = csv.reader(text.splitlines(), skipinitialspace=True)
    return tuple(entry.strip() for row in rows for entry in row if entry.strip())


def write_entries(entries: Iterable[str]) -> str:
    """The reverse of `read_entries`."""
    return ", ".join(f'"{entry}"' if "," in entry else entry for entry in entries)


def check_layers(names: object) -> None:
    """Raise `ConfigError` unless all `names` are convolutions of VGG19."""
    if isinstance(names, str) or not hasattr(names, "__iter__"):
        raise ConfigError(f"Layers are {names!r}; give a list of names such as ['conv4_2'].")
    unknown = [name for name in names if name not in VGG19_LAYERS]
    if unknown:
        raise ConfigError(
            f"Unknown layer {unknown[0]!r}; VGG19's convolutions are {', '.join(VGG19_LAYERS)}."
        )


def _layer_weights(weights: object) -> dict[str, float]:
    if not isinstance(weights, Mapping):
        raise ConfigError(f"style_weights is {weights!r}; give a dict such as {STYLE_WEIGHTS}.")
    check_layers(weights)
    for layer, weight in weights.items():
        _check_number(f"style_weights[{layer!r}]", weight)
    return {layer: float(weight) for layer, weight in weights.items()}


def _check_number(name: str, value: object, high: float = math.inf, above_0: bool = False) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value):  # type: ignore[arg-type]
        raise ConfigError(f"{name} is {value!r}; give a finite number.")
    if value < 0 or value > high or (above_0 and value == 0):  # type: ignore[operator]
        limits = "more than 0" if above_0 else "0 or more"
        limits += f" and at most {high:g}" if math.isfinite(high) else ""
        raise ConfigError(f"{name} is {value}; give a number {limits}.")


def _check_integer(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}; give a whole number from {low} to {high}.")


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices or isinstance(value, bool) != isinstance(choices[0], bool):
        known = ", ".join(map(str, choices))
        raise ConfigError(f"{name} is {value!r}; choose one of {known}.")


def _check_names(settings: Mapping[str, Any]) -> None:
    known = [setting.name for setting in dataclasses.fields(TransferConfig)]
    for name in settings:
        if name not in known:
            raise ConfigError(f"Unknown setting {name!r}; the settings are {', '.join(known)}.")


def _assignment() -> TransferConfig:
    try:
        return TransferConfig()
    except ConfigError as error:
        raise ConfigError(f"{COURSE_FILE}, [base]: {error}") from None


ASSIGNMENT = _assignment()
"""The course's settings: Adam, with what `course.toml` says."""

EXPERIMENTS = ASSIGNMENT.replace(steps=COURSE["experiments"]["steps"])
"""The base run of lesson 4: the assignment's, with the steps that a laptop has time for."""

FAST = TransferConfig(
    optimizer="lbfgs", steps=150, levels=3, picture_tolerance=5.0, precision="auto"
)
"""The same losses by the paper's optimiser, L-BFGS, from coarse to fine: done far sooner."""

PRESETS: dict[str, TransferConfig] = {"assignment": ASSIGNMENT, "fast": FAST}
