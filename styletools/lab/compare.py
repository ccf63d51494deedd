"""Runs compared: their pictures, their losses, a map of what they keep and take, a table."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.ticker import MaxNLocator, PercentFormatter

from styletools.config import ASSIGNMENT, TransferConfig
from styletools.errors import ConfigError
from styletools.images import read_rgb
from styletools.lab.run import Run, short
from styletools.plots import show_images

if TYPE_CHECKING:
    from pandas import DataFrame

Runs = Mapping[str, Run] | Iterable[Run]

RULERS = {
    "total": ("content_weight", "style_weight", "tv_weight", "content_layers", "style_weights"),
    "content_loss": ("content_layers",),
    "style_loss": ("style_weights",),
}
"""A loss compares only between runs in which these settings are the same; and see `_ruler`."""
DIVISORS_AND_NET = ("convention", "pooling", "normalise_filters")  # and these, for every loss

MEASURES = {
    "content_kept": "content kept",
    "style_taken": "style taken",
    "ssim": "similarity (SSIM)",
}
SYMBOLS = {"content_weight": "α", "style_weight": "β", "style_weights": "layers"}
MACHINE = ("device", "max_memory")  # settings that change nothing about the picture
CONTENT_RANGE = 1e4  # of the axis of content losses, which begin at 0 from the content
COLOURS = (
    "#222222", "#3b528b", "#21918c", "#5ec962", "#d1495b", "#e09f3e", "#7a5195", "#8c6d46"
)  # fmt: skip


def labels(runs: Runs) -> dict[str, Run]:
    """{label: run}: the settings in which the runs differ, unless they have labels already."""
    if isinstance(runs, Mapping):
        return dict(runs)
    runs = list(runs)
    varied = _varied(map(_settings, runs))
    labelled: dict[str, Run] = {}
    for run in runs:
        settings = _settings(run)
        label = "\n".join(_label(name, settings[name]) for name in varied) or run.name
        labelled[label if label not in labelled else f"{label}\n{run.name}"] = run
    return labelled


def picture_grid(runs: Runs, columns: int = 4, width: float = 3.0) -> Figure:
    """The runs' pictures, each under the settings in which it differs from the others.

    Where exactly two settings are varied, in every combination, they are rows and columns.

    Args:
        runs: of a store; or {label: run}.
        columns: the most in a row.
        width: of one picture, in inches.

    Raises:
        ConfigError: there are no runs.
    """
    labelled = _some(labels(runs))
    cells = {} if isinstance(runs, Mapping) else _crossed(list(labelled.values()))
    if not cells:
        pictures = {label: read_rgb(run.picture) for label, run in labelled.items()}
        return show_images(pictures, columns, width)
    rows, tops = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    first = read_rgb(next(iter(cells.values())).picture)
    size = (width * len(tops) + 0.4, width * first.height / first.width * len(rows) + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), len(tops), squeeze=False)
    for (row, top), run in cells.items():
        axis = axes[rows.index(row), tops.index(top)]
        axis.imshow(read_rgb(run.picture))
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for axis, row in zip(axes[:, 0], rows, strict=True):
        axis.set_ylabel(row, fontsize=11)
    for axis, top in zip(axes[0], tops, strict=True):
        axis.set_title(top, fontsize=11)
    return figure


def overlay_losses(runs: Runs) -> Figure:
    """Content loss and style loss of all runs over their steps, before α and β.

    Where pictures, network or layers differ, the losses of two runs are in different units: the
    title says so, and only their shapes compare.

    Raises:
        ConfigError: there are no runs.
    """
    labelled = _some(labels(runs))
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for number, (label, run) in enumerate(labelled.items()):
        rows = run.losses()
        for axis, part in zip(axes, ("content", "style"), strict=True):
            points = [(row["step"], row[part]) for row in rows if row[part] > 0]
            x, y = zip(*points, strict=True) if points else ((), ())
            # Runs with equal beginnings lie on each other: the shorter ones on top.
            style: dict[str, Any] = {"color": _colour(number), "zorder": 3 - len(rows) / 1e8}
            axis.plot(x, y, lw=1.6, label=label.replace("\n", ", "), **style)
            axis.plot(x[-1:], y[-1:], "o", ms=5, **style)
    for axis, part in zip(axes, ("content", "style"), strict=True):
        comparable = _one_ruler(labelled.values(), f"{part}_loss")
        unit = ", before its weight" if comparable else ": in different units, compare shapes only"
        axis.set(title=f"{part} loss{unit}", xlabel="step", yscale="log")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        _plain(axis)
    lowest, highest = axes[0].get_ylim()
    axes[0].set_ylim(bottom=max(lowest, highest / CONTENT_RANGE))
    axes[1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure


def scatter(runs: Runs, pictures: bool = True, width: float = 1.0) -> Figure:
    """Style taken against content kept: one ruler for all runs, whatever their weights.

    To the right is closer to the painting, up is closer to the photograph
    (`styletools.lab.measure.measure`).

    Args:
        runs: of a store; or {label: run}.
        pictures: draw each run's picture at its place, else a dot.
        width: of each picture, in inches.

    Raises:
        ConfigError: there are no runs, or none with measures.
    """
    measured = _some({label: run for label, run in labels(runs).items() if _place(run)})
    figure = Figure(figsize=(9, 6.2), layout="constrained")
    axis = figure.subplots()
    for number, (label, run) in enumerate(measured.items()):
        place = _place(run)
        assert place is not None
        axis.plot(*place, "o", color=_colour(number), ms=9, label=label.replace("\n", ", "))
        if pictures:
            _thumbnail(axis, run.picture, place, width, _colour(number))
    axis.set(xlabel="style taken  →", ylabel="content kept  →")
    axis.margins(0.18)
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    _plain(axis)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure


def table(runs: Runs, sort: str | None = None, ascending: bool = True) -> "DataFrame":
    """The runs as a table: what differs between them, how they ended, and what they measure.

    There is a column `total` only where all runs have the same weights, pictures and network. A
    total is α · content + β · style: with other weights it is measured with another ruler, so that
    one and the same picture has two totals, and the lower one is no better. `style_loss` likewise,
    since the layers' weights are in it. `attrs["note"]` of the table says what was left out, and
    why. The measures compare any runs on the same backbone.

    Args:
        runs: of a store; or {label: run}.
        sort: a column.
        ascending: the least first.

    Returns:
        A row for each run; `to_csv` exports it.

    Raises:
        ConfigError: no such column; for `total`, with the reason.
    """
    from pandas import DataFrame

    labelled = dict(runs) if isinstance(runs, Mapping) else {run.name: run for run in runs}
    found = list(labelled.values())
    varied = _varied(map(_settings, found))
    left_out = [loss for loss in RULERS if not _one_ruler(found, loss)]
    rows = {
        label: {name: value if isinstance(value, (int, float, NoneType)) else short(value)
                for name, value in row_of(run, varied).items() if name not in left_out}
        for label, run in labelled.items()
    }  # fmt: skip
    frame = DataFrame.from_dict(rows, orient="index")
    frame.index.name = "run"
    frame.attrs["note"] = _note(found, left_out)
    if sort is None or frame.empty:
        return frame
    if sort in left_out:
        raise ConfigError(frame.attrs["note"])
    if sort not in frame:
        raise ConfigError(f"There is no column {sort!r}; there are {', '.join(frame.columns)}.")
    return frame.sort_values(sort, ascending=ascending)


def row_of(run: Run, settings: Iterable[str]) -> dict[str, Any]:
    """These settings of a run, how it ended, and what it measures."""
    losses, values = run.description["final_losses"], _settings(run)
    return {
        **{name: values[name] for name in settings},
        "steps_done": run.description["steps_done"],
        "seconds": run.seconds,
        "ended": run.ended.value,
        **{name: run.measures.get(name) for name in MEASURES},
        **{name: losses.get(name.removesuffix("_loss")) for name in RULERS},
    }


def unlike(run: Run, other: Run | None) -> list[str]:
    """The settings in which a run differs from another; from the assignment, if there is none."""
    return _varied([_settings(run), _settings(other) if other else _settings(run, ASSIGNMENT)])


def _note(runs: list[Run], left_out: list[str]) -> str:
    notes = []
    if left_out:
        notes.append(
            f"Not compared: {', '.join(left_out)}. These runs differ in weights, pictures or "
            "network, so their losses are measured with different rulers: a lower total does not "
            "mean a better picture. Compare content_kept, style_taken and ssim, and look."
        )
    if len({run.description["environment"]["backbone_sha256"] for run in runs}) > 1:
        notes.append(
            "Each run's own network judges content_kept and style_taken, and these runs have "
            "different ones: compare them only where the backbone is the same."
        )
    return " ".join(notes)


def _one_ruler(runs: Iterable[Run], loss: str) -> bool:
    """Whether a loss means the same in all runs."""
    return len({_ruler(run, loss) for run in runs if run.description["final_losses"]}) < 2


def _ruler(run: Run, loss: str) -> str:
    """What a loss is measured with: pictures, network, divisors, size, and settings."""
    told, settings = run.description, run.config.to_dict()
    return json.dumps(
        [
            told.get("content_sha256", run.content),
            told.get("style_sha256", run.style),
            told["environment"]["backbone_sha256"],
            told["final_losses"].get("size"),  # smaller where the run was stopped early
            *(settings[name] for name in (*DIVISORS_AND_NET, *RULERS[loss])),
        ],
        sort_keys=True,
    )


def _settings(run: Run, config: TransferConfig | None = None) -> dict[str, Any]:
    """Pictures and settings of a run, or its pictures and other settings."""
    config = config or run.config
    names = [field.name for field in dataclasses.fields(TransferConfig)]
    settings = {name: getattr(config, name) for name in names if name not in MACHINE}
    return {"content": Path(run.content).stem, "style": Path(run.style).stem, **settings}


def _varied(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of the settings in which runs differ."""
    settings = list(settings)
    names = settings[0] if settings else {}
    return [name for name in names if len({short(values[name]) for values in settings}) > 1]


def _crossed(runs: Sequence[Run]) -> dict[tuple[str, str], Run]:
    """{(setting and value, another setting and value): run}; empty where that is no full grid."""
    names = _varied(map(_settings, runs))
    if len(names) != 2:
        return {}
    settings = {id(run): _settings(run) for run in runs}
    for name in reversed(names):  # a store's runs come newest first
        if all(isinstance(values[name], (int, float)) for values in settings.values()):
            runs = sorted(runs, key=lambda run: settings[id(run)][name])
    cells = {tuple(_label(name, settings[id(run)][name]) for name in names): run for run in runs}
    sides = [len(set(side)) for side in zip(*cells, strict=True)]
    whole = len(cells) == len(runs) == sides[0] * sides[1]
    return cells if whole else {}  # type: ignore[return-value]


def _label(name: str, value: Any) -> str:
    return f"{SYMBOLS.get(name, name)} {short(value)}"


def _place(run: Run) -> tuple[float, float] | None:
    """Style taken and content kept; None where they were not measured."""
    x, y = run.measures.get("style_taken"), run.measures.get("content_kept")
    return None if x is None or y is None else (x, y)


def _thumbnail(
    axis: Axes, path: Path, place: tuple[float, float], width: float, colour: str
) -> None:
    image = read_rgb(path)
    image.thumbnail((int(width * 200), int(width * 200)))
    box = OffsetImage(image, zoom=72 * width / image.width)  # type: ignore[arg-type]
    frame = {"edgecolor": colour, "lw": 2.0, "boxstyle": "square,pad=0.08"}
    axis.add_artist(AnnotationBbox(box, place, pad=0.1, bboxprops=frame))


def _plain(axis: Axes) -> None:
    axis.grid(True, alpha=0.35)
    axis.spines[["top", "right"]].set_visible(False)


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _some(runs: dict[str, Run]) -> dict[str, Run]:
    if not runs:
        raise ConfigError("There are no runs to show; do some first, or take other ones.")
    return runs
