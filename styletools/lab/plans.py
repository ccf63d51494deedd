"""What a sweep is to do: the assignment's runs and the paper's by name, grids, a file in TOML."""

import functools
import itertools
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styletools._files import is_address, source_stem, user_path
from styletools.backbones import Backbone, load_backbone
from styletools.config import ASSIGNMENT, PRESETS, STYLE_WEIGHTS, TransferConfig
from styletools.errors import ConfigError, StyletoolsError
from styletools.images import Source, bundled, load_image
from styletools.lab.run import Run, short
from styletools.lab.store import RunRequest, RunStore
from styletools.losses import content_loss, gram_matrix, layer_style_loss

Grid = Mapping[str, Sequence[Any]] | Mapping[str, Mapping[str, Any] | TransferConfig]
Sources = Source | Sequence[Source]


def part2(base: TransferConfig = ASSIGNMENT) -> dict[str, TransferConfig]:
    """The assignment's Part 2: the base run and (a) to (d).

    The steps of (c) and (d) are 2.5 times and half of the base run's: 5000 and 1000 for its 2000.
    """
    return {
        "base": base,
        "a": base.replace(content_weight=10, style_weight=1e5),
        "b": base.replace(learning_rate=0.001),
        "c": base.replace(steps=base.steps * 5 // 2),
        "d": base.replace(
            style_weights=dict.fromkeys(base.style_weights, 1.0), steps=max(1, base.steps // 2)
        ),
    }


def tradeoff(
    base: TransferConfig = ASSIGNMENT, backbone: Backbone | None = None
) -> dict[str, TransferConfig]:
    """The paper's four settings from much style to much content: α/β = 1e-4, 1e-3, 1e-2, 1e-1.

    With the paper's divisors, filters and layers (Gatys et al. 2016, fig. 4). Its ratios belong to
    one size, since eq. 1 is a sum over all values (docs/paper.md). So that the ratios span the
    same range everywhere, each loss is divided by its mean between two of the kit's photographs:
    at 10^-2.5, their middle, content and style weigh the same. The settings hold the weights that
    this comes to.

    Args:
        base: the other settings.
        backbone: already loaded weights, instead of the settings'.
    """
    backbone = backbone or load_backbone(base.backbone)
    paper = base.replace(convention="paper", content_layers=["conv4_2"])
    content, style = _between_photographs(backbone, paper)
    paper = paper.replace(
        style_weight=1.0,
        style_weights={layer: 1 / len(style) / loss for layer, loss in style.items()},
    )
    return {
        f"α/β = {ratio}": paper.replace(content_weight=float(ratio) * 10**2.5 / content)
        for ratio in ("1e-4", "1e-3", "1e-2", "1e-1")
    }


def _between_photographs(
    backbone: Backbone, config: TransferConfig
) -> tuple[float, dict[str, float]]:
    """The paper's content loss, and each layer's style loss, between two photographs, in mean."""
    layers = {"conv4_2", *STYLE_WEIGHTS}
    net = backbone.features(layers, config.pooling, config.has_normalised_filters)
    size = (config.max_size, config.max_size)
    with torch.inference_mode():
        maps = [net(load_image(path, size=size)) for path in bundled("content").values()]
        pairs = list(itertools.combinations(maps, 2))
        content = [content_loss(x["conv4_2"], y["conv4_2"], "paper") for x, y in pairs]
        style = {
            layer: [layer_style_loss(x[layer], gram_matrix(y[layer]), "paper") for x, y in pairs]
            for layer in STYLE_WEIGHTS
        }
    return _mean(content), {layer: _mean(losses) for layer, losses in style.items()}


def _mean(losses: list[Tensor]) -> float:
    return float(torch.stack(losses).mean())


PLANS: dict[str, Callable[[TransferConfig], dict[str, TransferConfig]]] = {
    "part2": part2,
    "tradeoff": tradeoff,
}
"""Plans by name; each makes {label: settings} of the base settings."""


def variants(base: TransferConfig, grid: Grid | None = None) -> dict[str, TransferConfig]:
    """{label: settings} of a grid.

    Args:
        base: what is not varied.
        grid: {setting: [values]} for every combination, or {label: {setting: value}} or
            {label: settings} for named variants. None: the base settings alone.

    Raises:
        ConfigError: an unknown setting, or a value outside its limits.
    """
    if not grid:
        return {"base": base}
    if all(isinstance(value, (Mapping, TransferConfig)) for value in grid.values()):
        named: Mapping[str, Any] = grid
        return {
            label: change if isinstance(change, TransferConfig) else base.replace(**change)
            for label, change in named.items()
        }
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise ConfigError(f"{name} is {values!r}; give a list of values, such as [{values!r}].")
    combinations = (
        dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
    )
    return {
        ", ".join(f"{name}={short(value)}" for name, value in changes.items()): base.replace(
            **changes
        )
        for changes in combinations
    }


def plan(
    base: TransferConfig, grid: Grid | None, contents: Sources, styles: Sources, store: RunStore
) -> tuple[list[RunRequest], dict[str, Run], dict[str, str]]:
    """All runs of a sweep; {label: run} of those that are there; {label: why it cannot be done}."""
    weights = functools.cache(load_backbone)
    pairs = list(itertools.product(_several(contents), _several(styles)))
    requests: dict[str, RunRequest] = {}
    runs: dict[str, Run] = {}
    failures: dict[str, str] = {}
    for number, (content, style) in enumerate(pairs, start=1):
        for variant, config in variants(base, grid).items():
            where = f"{_stem(content)}, {_stem(style)}: " if len(pairs) > 1 else ""
            label = where + variant
            if label in failures or label in requests:
                label = f"{label} ({number})"
            try:
                request = RunRequest(content, style, config, weights(config.backbone), label)
                if run := store.found(request):
                    runs[label] = run
                request.unload()
                requests[label] = request
            except StyletoolsError as error:
                failures[label] = str(error)
    return list(requests.values()), runs, failures


def read_plan(path: str | Path) -> tuple[TransferConfig, Grid | None, list[str], list[str]]:
    """A sweep's file, in TOML: `styletools sweep --help` shows one.

    Returns:
        Base settings, grid, contents, styles: the arguments of `sweep`.

    Raises:
        ConfigError: missing, not TOML, or not such a file.
    """
    path = user_path(path)
    try:
        text = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}).") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise ConfigError(f"{path} is no TOML file ({error}).") from None
    _check_plan(path, text)
    settings = dict(text.get("base", {}))
    preset = _choice(path, "preset", settings.pop("preset", "assignment"), PRESETS)
    base = preset.replace(**settings)
    grid = text.get("grid") or text.get("variants")
    if "plan" in text:
        grid = _choice(path, "plan", text["plan"], PLANS)(base)
    contents, styles = (
        [_picture(path.parent, name, kind) for name in _several(text[kind])]
        for kind in ("content", "style")
    )
    return base, grid, contents, styles


def _check_plan(path: Path, text: Mapping[str, Any]) -> None:
    known = ("content", "style", "plan", "base", "grid", "variants")
    if unknown := [name for name in text if name not in known]:
        raise ConfigError(f"{path}: unknown {unknown[0]!r}; a sweep has {', '.join(known)}.")
    for name in ("content", "style"):
        if not text.get(name):
            raise ConfigError(f'{path} names no {name}; write {name} = "picture.jpg".')
        if not all(isinstance(source, str) for source in _several(text[name])):
            raise ConfigError(f"{path}: {name} is {text[name]!r}; give a name, or a list of names.")
    for name in ("base", "grid", "variants"):
        if not isinstance(text.get(name, {}), dict):
            raise ConfigError(f"{path}: {name} is {text[name]!r}; make it a table, [{name}].")
    if sum(name in text for name in ("plan", "grid", "variants")) > 1:
        raise ConfigError(f"{path}: give one of plan, grid and variants.")


def _several(sources: Any) -> list[Any]:
    return list(sources) if isinstance(sources, (list, tuple)) else [sources]


def _stem(source: Source) -> str:
    return source_stem(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else "picture"


def _choice(path: Path, what: str, name: str, choices: Mapping[str, Any]) -> Any:
    if name not in list(choices):
        raise ConfigError(f"{path}: {what} is {name!r}; choose one of {', '.join(choices)}.")
    return choices[name]


def _picture(folder: Path, name: str, kind: str) -> str:
    """A path from the file's folder, an address, or one of the kit's own pictures."""
    if is_address(name):
        return name
    ours = bundled(kind)
    return str(
        ours[name] if name in ours and not (folder / name).exists() else folder / user_path(name)
    )
