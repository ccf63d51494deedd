"""Figures show what they are given, and change nothing global."""

import matplotlib as mpl
import pytest
import torch

from styletools.errors import ConfigError
from styletools.plots import plot_losses, show_images

HISTORY = [
    {"step": step, "total": 100 / step, "content": 1.0, "style": 9 / step, "conv1_1": 5 / step}
    for step in range(1, 6)
]


def lines(axis):
    return {line.get_label(): list(line.get_ydata()) for line in axis.get_lines()}


def test_the_assignments_figure():
    figure = plot_losses([50.0, 20.0, 10.0])
    (axis,) = figure.axes
    assert figure.get_size_inches().tolist() == [10, 5]
    assert axis.get_title() == "Total Loss Over Iterations"
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("Iteration", "Loss")
    assert axis.get_lines()[0].get_xdata().tolist() == [1, 2, 3]
    assert lines(axis) == {"total": [50, 20, 10]}
    assert axis.get_yscale() == "log"


def test_parts_and_layers():
    total, layers = plot_losses(HISTORY, parts=True, content_weight=2, style_weight=10).axes
    assert lines(total)["weighted content"] == [2.0] * 5
    assert lines(total)["weighted style"][:2] == [90, 45]
    assert lines(layers) == {"conv1_1": [5, 2.5, 5 / 3, 1.25, 1]}


def test_images_under_their_titles():
    pictures = {"photo": torch.zeros(1, 3, 20, 30), "style": torch.zeros(1, 3, 20, 20)}
    figure = show_images(pictures | {"third": torch.zeros(1, 3, 16, 16)}, columns=2)
    assert [axis.get_title() for axis in figure.axes] == ["photo", "style", "third", ""]
    assert [len(axis.get_images()) for axis in figure.axes] == [1, 1, 1, 0]


def test_global_state_stays():
    from matplotlib import pyplot

    settings, open_figures = dict(mpl.rcParams), pyplot.get_fignums()
    plot_losses(HISTORY, parts=True)
    show_images({"a": torch.zeros(1, 3, 16, 16)})
    assert dict(mpl.rcParams) == settings
    assert pyplot.get_fignums() == open_figures


def test_nothing_to_draw():
    with pytest.raises(ConfigError, match="history is empty; run some steps first"):
        plot_losses([])
    with pytest.raises(ConfigError, match="got no pictures"):
        show_images({})
    with pytest.raises(ConfigError, match="holds totals alone; draw it with parts=False"):
        plot_losses([1.0, 2.0], parts=True)
