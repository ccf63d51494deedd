"""What lessons share: descriptions of figures, pairs of pictures, and the student's own two."""

import os

import nbclient
import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from styletools import bundled, course, plot_losses, show_images
from styletools.course import diagrams, notebook
from styletools.transfer import Step


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save("photo.jpg")
    Image.fromarray(255 - noise).save("painting.png")
    return tmp_path


# --- Descriptions --------------------------------------------------------------------------------


def test_pictures_are_described_by_their_titles():
    picture = Image.new("RGB", (8, 8))
    figure = show_images({"content": picture, "target": picture})
    assert notebook.alt_text(figure) == "Pictures: content; target."


def test_a_curve_is_described_by_its_ends_and_its_axis():
    text = notebook.alt_text(plot_losses([100.0, 10.0, 2.5], title="Total"))
    assert text == "Total (Loss over Iteration, logarithmic axis): total from 100 to 2.5."
    assert "linear axis" in notebook.alt_text(plot_losses([100.0, 2.5], log=False))


def test_bars_are_described_by_their_heights():
    figure = diagrams.show_bars({"base": {"conv1_1": 0.5, "conv2_1": 2.0}}, title="Left")
    assert "base: conv1_1 0.5, conv2_1 2" in notebook.alt_text(figure)


def test_a_drawing_is_described_by_its_legend():
    assert "for style" in notebook.alt_text(diagrams.draw_vgg19(style_layers=("conv1_1",)))


def test_a_figure_comes_with_its_description():
    data, metadata = notebook._jpeg(show_images({"cat": Image.new("RGB", (8, 8), "red")}))
    assert data.startswith(b"\xff\xd8")
    assert metadata == {"alt": "Pictures: cat."}


def test_a_students_own_figure_is_described_too():
    """Also after `%matplotlib inline`, which sets formatters of its own."""
    sources = (
        "import matplotlib.pyplot as plt\nfrom styletools import course\ncourse.begin()",
        "%matplotlib inline",
        "figure, axis = plt.subplots()\naxis.plot([3, 1])\naxis.set_title('mine')",
    )
    book = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, sources)))
    nbclient.NotebookClient(book, timeout=120).execute()
    [metadata] = [o.metadata for o in book.cells[-1].outputs if "image/png" in o.get("data", {})]
    assert metadata == {"image/png": {"alt": "mine (linear axis): a line from 3 to 1."}}


def test_progress_goes_on_where_a_run_was_resumed():
    progress = course.Progress(steps=500, show_every=4)
    for step in range(363, 365):
        losses, image = {"total": 1.0}, torch.zeros(1, 3, 4, 4)
        progress(Step(step, 500, losses, image, seconds=0.0))
    assert progress.step == 364
    assert list(progress.pictures) == [364]


# --- A pair --------------------------------------------------------------------------------------


def test_a_channel_that_answers_to_the_border_alone_is_not_shown():
    maps = torch.full((1, 2, 6, 6), 9.0)  # the first: a bright rim
    maps[0, 0, 1:-1, 1:-1] = 0
    maps[0, 1] = torch.eye(6)
    [axis] = diagrams.show_features({"conv1_1": maps}, channels=1).axes
    assert axis.get_images()[0].get_array().max() == 1


@pytest.mark.parametrize("middle", [(0.5, 0.5), (0.0, 0.0), (1.0, 1.0)])
def test_the_detail_is_a_third_of_each_side(middle):
    picture = Image.new("RGB", (90, 60))
    figure = diagrams.show_pair({"a": picture, "b": picture}, middle)
    shapes = [axis.get_images()[0].get_array().shape[:2] for axis in figure.axes]
    assert sorted(shapes) == [(20, 30)] * 2 + [(60, 90)] * 2


# --- Own pictures --------------------------------------------------------------------------------


def test_chosen_pictures_are_kept_for_later_lessons(folder, capsys):
    course.choose_pictures("photo.jpg", "painting.png")
    assert capsys.readouterr().out == "✓ my_content: photo.jpg\n✓ my_style: painting.png\n"
    assert course.my_pictures() == ("photo.jpg", "painting.png")


def test_until_pictures_are_chosen_the_kits_stand_in(folder, capsys):
    course.choose_pictures(None, None)
    assert "not chosen yet" in capsys.readouterr().out
    kits = bundled("content")["chelsea"], bundled("style")["impasto"]
    assert course.my_pictures() == kits


def test_a_wrong_file_is_named_with_its_reason_and_the_good_one_is_kept(folder, capsys):
    course.choose_pictures("foto.jpg", "painting.png")
    said = capsys.readouterr().out
    assert "✗ `my_content`" in said
    assert "Similar names there: photo.jpg" in said
    assert course.my_pictures() == (bundled("content")["chelsea"], "painting.png")


def test_a_file_that_is_gone_is_not_used(folder):
    course.choose_pictures("photo.jpg", "painting.png")
    os.remove("photo.jpg")
    assert course.my_pictures()[0] == bundled("content")["chelsea"]
