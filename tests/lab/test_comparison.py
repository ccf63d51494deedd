"""Runs compared: what differs is the label, and no ranking by another ruler."""

import csv
import json

import pytest
from PIL import Image

from styletools.config import TransferConfig
from styletools.errors import ConfigError
from styletools.lab.compare import labels, overlay_losses, picture_grid, scatter, table
from styletools.lab.run import Run, short

HISTORY = [
    {"step": step, "total": 100 / step, "content": 1.0, "style": 9 / step, "conv1_1": 5 / step}
    for step in range(1, 6)
]


def lines(axis):
    return {line.get_label(): list(line.get_ydata()) for line in axis.get_lines()}


@pytest.fixture
def make(tmp_path):
    """A run's folder, without the run."""

    def make_run(
        name,
        content="photo.jpg",
        picture="c",
        network="0",
        size=400,
        measures=(0.5, 0.6),
        **settings,
    ):
        folder = tmp_path / name
        folder.mkdir()
        Image.new("RGB", (30, 20), "teal").save(folder / "picture.png")
        with open(folder / "losses.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, HISTORY[0])
            writer.writeheader()
            writer.writerows(HISTORY)
        description = {
            "key": name, "created": name, "content": content, "style": "style.jpg",
            "config": TransferConfig(**settings).to_dict(),
            "content_sha256": picture, "style_sha256": "s",
            "environment": {"backbone_sha256": network},
            "stopped": "finished", "steps_done": 5, "seconds": 1.5,
            "final_losses": {**HISTORY[-1], "size": size},
            "measures": {"content_kept": measures[0], "style_taken": measures[1], "ssim": 0.7},
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(description))
        return Run.read(folder)

    return make_run


def test_labels_are_what_differs(make):
    runs = [make("a"), make("b", style_weight=1e5, content="other.jpg"), make("c", steps=3)]
    assert list(labels(runs)) == [
        "content photo\nβ 1e6\nsteps 2000",
        "content other\nβ 1e5\nsteps 2000",
        "content photo\nβ 1e6\nsteps 3",
    ]
    assert list(labels([runs[0]])) == ["a"]
    assert list(labels([runs[0], make("same")])) == ["a", "same"]
    assert list(labels({"mine": runs[0]})) == ["mine"]


def test_two_settings_are_rows_and_columns(make):
    grid = [(weight, rate) for weight in (1e4, 1e5) for rate in (0.001, 0.01, 0.1)]
    runs = [make(f"{w}{r}", style_weight=w, learning_rate=r) for w, r in grid]
    axes = picture_grid(runs[::-1]).axes  # as a store gives them, newest first
    assert [axis.get_title() for axis in axes[:3]] == [
        "learning_rate 0.001", "learning_rate 0.01", "learning_rate 0.1",
    ]  # fmt: skip
    assert [axis.get_ylabel() for axis in axes[::3]] == ["β 1e4", "β 1e5"]
    assert all(axis.get_images() for axis in axes)
    incomplete = picture_grid(runs[:5])
    assert incomplete.axes[4].get_title() == "β 1e5\nlearning_rate 0.01"
    assert [axis.get_title() for axis in picture_grid({"x": runs[0]}).axes] == ["x"]


def test_curves_lie_over_each_other(make):
    figure = overlay_losses([make("a"), make("b", learning_rate=0.1)])
    content, style = figure.axes
    assert lines(style)["learning_rate 0.1"] == [row["style"] for row in HISTORY]
    assert set(lines(content)) >= {"learning_rate 0.003", "learning_rate 0.1"}
    assert style.get_title() == "style loss, before its weight"
    other = overlay_losses([make("c"), make("d", style_weights={"conv1_1": 1})])
    assert "different units" in other.axes[1].get_title()
    assert "different units" not in other.axes[0].get_title()


def test_scatter_puts_each_run_at_its_measures(make):
    runs = {
        "one": make("a"),
        "two": make("b", measures=(0.9, 0.1)),
        "n": make("c", measures=(0, None)),
    }
    (axis,) = scatter(runs).axes
    places = {line.get_label(): (*line.get_xdata(), *line.get_ydata()) for line in axis.get_lines()}
    assert places == {"one": (0.6, 0.5), "two": (0.1, 0.9)}
    assert len(axis.artists) == 2  # their pictures
    assert not scatter(runs, pictures=False).axes[0].artists


def test_a_table_sorts_and_exports(make, tmp_path):
    runs = [make("a", measures=(0.2, 0.8)), make("b", measures=(0.6, 0.3), learning_rate=0.1)]
    frame = table(runs)
    assert list(frame.index) == ["a", "b"]
    assert list(frame["learning_rate"]) == [0.003, 0.1]
    assert "style_weight" not in frame  # does not differ
    assert list(frame["total"]) == [20, 20]
    assert frame.attrs["note"] == ""
    assert list(table(runs, "content_kept", ascending=False).index) == ["b", "a"]
    frame.to_csv(tmp_path / "table.csv")
    with open(tmp_path / "table.csv") as file:
        assert [row["run"] for row in csv.DictReader(file)] == ["a", "b"]
    with pytest.raises(ConfigError, match="no column 'beauty'; there are learning_rate, steps"):
        table(runs, "beauty")
    assert table([]).empty


@pytest.mark.parametrize(
    ("change", "left_out"),
    [
        ({"content_weight": 10}, {"total"}),
        ({"style_weight": 1e5}, {"total"}),
        ({"tv_weight": 1e-3}, {"total"}),
        ({"style_weights": {"conv1_1": 1}}, {"total", "style_loss"}),
        ({"content_layers": ["conv3_1"]}, {"total", "content_loss"}),
        ({"convention": "paper"}, {"total", "style_loss", "content_loss"}),
        ({"picture": "d"}, {"total", "style_loss", "content_loss"}),
        ({"network": "1"}, {"total", "style_loss", "content_loss"}),
        ({"pooling": "max"}, {"total", "style_loss", "content_loss"}),
        ({"size": 100}, {"total", "style_loss", "content_loss"}),
        ({"learning_rate": 0.1, "steps": 3, "optimizer": "lbfgs", "start": "noise"}, set()),
        ({"content": "moved/photo.jpg", "max_size": 200, "max_memory": 1.0}, set()),
    ],
)
def test_a_table_never_ranks_by_another_ruler(make, change, left_out):
    runs = [make("a"), make("b", **change)]
    frame = table(runs)
    assert {"total", "style_loss", "content_loss"} - set(frame.columns) == left_out
    for column in left_out:
        assert column in frame.attrs["note"]
        with pytest.raises(ConfigError, match="a lower total does not mean a better picture"):
            table(runs, column)
    assert {"content_kept", "style_taken", "ssim"} <= set(frame.columns)
    assert ("different ones" in frame.attrs["note"]) == ("network" in change)


def test_nothing_to_compare():
    for draw in (picture_grid, overlay_losses, scatter):
        with pytest.raises(ConfigError, match="There are no runs to show"):
            draw([])


def test_values_as_labels_show_them():
    values = [1e6, 2.5e5, 1234.0, 10, 1.0, 0.003, 1e-4, 0.0]
    assert [short(value) for value in values] == [
        "1e6", "2.5e5", "1234", "10", "1", "0.003", "1e-4", "0",
    ]  # fmt: skip
    assert short(1234567.0) == "1234567.0"
    assert short(("conv4_2", "conv5_2")) == "conv4_2 conv5_2"
