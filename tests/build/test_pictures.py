"""The pictures in images/: listed, large enough, and really made by tools/paint_styles.py."""

import functools
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import paint_styles  # noqa: E402
import painters  # noqa: E402

IMAGES = ROOT / "images"
CONTENTS = sorted((IMAGES / "content").iterdir())
STYLES = sorted((IMAGES / "style").iterdir())
each_painter = pytest.mark.parametrize("name", painters.PAINTERS)


def paint(name, seed=0, palette=None):
    return painters.PAINTERS[name](np.random.default_rng(seed), 64, 88, palette)


@pytest.fixture(scope="module")
def picture():
    """A picture by each painter, painted once: they are what takes time here."""
    return functools.cache(paint)


def test_every_picture_is_listed_and_every_listed_picture_exists():
    there = {p.relative_to(IMAGES).as_posix() for p in IMAGES.rglob("*") if p.is_file()}
    rows = re.findall(r"^\| `([^`]+)` \|", (IMAGES / "SOURCES.md").read_text("utf-8"), re.M)
    assert len(rows) == len(set(rows))
    assert set(rows) == there - {"SOURCES.md"}


def test_there_are_enough_pictures():
    assert len(CONTENTS) >= 4
    assert len(STYLES) >= 6


@pytest.mark.parametrize("path", [*CONTENTS, *STYLES], ids=lambda path: path.stem)
def test_picture_opens_as_rgb_and_has_a_fitting_size(path):
    with Image.open(path) as image:
        image.load()
        assert image.mode == "RGB"
        assert max(image.size) <= 768
        assert min(image.size) >= (512 if path in STYLES else 256)
    assert path.stat().st_size < 350_000


@each_painter
def test_painter_keeps_to_the_size(name, picture):
    assert picture(name).shape == (64, 88, 3)
    assert picture(name).dtype == np.uint8


@each_painter
def test_same_seed_paints_the_same_picture(name, picture):
    assert np.array_equal(picture(name), paint(name))


@each_painter
def test_another_seed_paints_another_picture_with_the_same_palette(name):
    pictures = [paint(name, seed, painters.PALETTES["ebru"]).astype(int) for seed in (0, 1)]
    assert np.abs(np.subtract(*pictures)).mean() > 10


@each_painter
def test_painter_keeps_to_the_palette(name):
    for channel in (0, 2):
        palette = np.full((4, 3), [[0.05], [0.1], [0.2], [0.6]])
        palette[:, channel] = [0.25, 0.6, 0.9, 1.0]
        means = paint(name, palette=palette.tolist()).mean(axis=(0, 1))
        assert means.argmax() == channel
        assert means[channel] > np.sort(means)[1] + 20


@pytest.mark.parametrize("palette", [[(1, 0, 0)], [(0, 0), (1, 1)], [(0, 0, 0), (255, 255, 255)]])
def test_bad_palette_is_refused(palette):
    with pytest.raises(ValueError, match=r"[Pp]alette"):
        paint("impasto", palette=palette)


@pytest.mark.parametrize("name", ["woodblock", "chelsea"])
def test_script_makes_the_shipped_picture(name, capsys):
    assert paint_styles.main(["--only", name, "--check"]) == 0
    assert "[OK]" in capsys.readouterr().out


def test_script_writes_the_same_file_twice(tmp_path):
    arguments = ["--only", "coffee", "--images", str(tmp_path)]
    files = []
    for _ in range(2):
        assert paint_styles.main(arguments) == 0
        files.append((tmp_path / "content" / "coffee.jpg").read_bytes())
    assert files[0] == files[1]
    assert len(list(tmp_path.rglob("*.*"))) == 1  # no temporary file is left


def test_check_notices_another_picture_and_a_missing_one(tmp_path, capsys):
    check = ["--only", "coffee", "--check", "--images", str(tmp_path)]
    assert paint_styles.main(check) == 1
    assert "no such file" in capsys.readouterr().out
    paint_styles.main(["--only", "coffee", "--images", str(tmp_path)])
    path = tmp_path / "content" / "coffee.jpg"
    with Image.open(path) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    assert paint_styles.main(check) == 1
    assert "[FAIL]" in capsys.readouterr().out


def test_every_shipped_picture_has_its_recipe():
    assert {p.stem for p in STYLES} == set(paint_styles.PAINTINGS)
    assert {p.stem for p in CONTENTS} == set(paint_styles.PHOTOGRAPHS)
