"""A folder of photographs, and a run as a film."""

import signal

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from styletools import cli
from styletools.config import TransferConfig
from styletools.errors import ConfigError, ImageError
from styletools.images import read_config, to_image
from styletools.lab import RunStore, save_film, stylize_folder
from styletools.lab.progress import StepBar
from styletools.lab.store import RunStoppedError
from styletools.transfer import stylize

QUICK = TransferConfig(max_size=32, steps=6, backbone="small")


@pytest.fixture
def photographs(tmp_path, photo, rng):
    """Three whose names would meet, one that is broken, and files that are no photographs."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.open(photo).save(folder / "a.jpg", quality=95)
    for name in ("a.png", "a_jpg.PNG"):
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).save(folder / name)
    (folder / "broken.jpg").write_bytes((folder / "a.jpg").read_bytes()[:700])
    for name in ("notes.txt", ".hidden.png"):
        (folder / name).write_text("no picture")
    (folder / "more.jpg").mkdir()
    return folder


@pytest.fixture
def steps(monkeypatch):
    """(photograph, step) of all that was computed."""
    seen = []
    monkeypatch.setattr(StepBar, "report", lambda self, name, step, loss: seen.append((name, step)))
    return seen


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def paint(photographs, noise, config=QUICK, **options):
    output = photographs.parent / "out"
    return output, stylize_folder(photographs, str(noise), output, config, **options)


def test_each_photograph_gets_a_picture_of_its_own(photographs, noise):
    output, done = paint(photographs, noise)
    assert names(output) == ["a_jpg.png", "a_jpg_PNG.png", "a_png.png"]
    assert [(p.name, place.name) for p, place in done.pictures.items()] == [
        ("a.jpg", "a_jpg.png"),
        ("a.png", "a_png.png"),
        ("a_jpg.PNG", "a_jpg_PNG.png"),
    ]
    for photograph, place in done.pictures.items():
        expected = to_image(stylize(photograph, noise, QUICK).image)
        assert Image.open(place).tobytes() == expected.tobytes()
        assert read_config(place)["content"] == str(photograph)
    [(broken, reason)] = done.failures.items()
    assert broken.name == "broken.jpg"
    assert "damaged or cut off" in reason


def test_what_is_there_is_not_painted_again(photographs, noise, steps):
    output, first = paint(photographs, noise)
    (output / "a_png.png").unlink()
    steps.clear()
    _, again = paint(photographs, noise)
    assert (again.pictures, set(again.failures)) == (first.pictures, set(first.failures))
    assert steps == [("a.png", step) for step in range(1, 7)]


def test_an_interruption_costs_nothing(photographs, noise, monkeypatch, tmp_path):
    seen = []

    def report(self, name, step, loss):
        seen.append((name, step))
        if seen[-1] == ("a.png", 3) and seen.count(("a.png", 3)) == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(StepBar, "report", report)
    with pytest.raises(RunStoppedError):
        paint(photographs, noise)
    assert names(tmp_path / "out") == [".unfinished", "a_jpg.png"]
    stopped = len(seen)
    output, done = paint(photographs, noise)
    assert seen[stopped : stopped + 3] == [("a.png", 4), ("a.png", 5), ("a.png", 6)]
    expected = to_image(stylize(photographs / "a.png", noise, QUICK).image)
    assert Image.open(output / "a_png.png").tobytes() == expected.tobytes()
    assert len(done.pictures) == 3
    assert names(output)[0] == "a_jpg.png"


def test_pictures_of_other_settings_are_replaced_only_when_asked(photographs, noise):
    output, _ = paint(photographs, noise)
    before = (output / "a_png.png").read_bytes()
    other = QUICK.replace(style_weight=10.0)
    _, refused = paint(photographs, noise, other)
    assert (len(refused.pictures), len(refused.failures)) == (0, 4)
    assert "of another photograph, style or settings" in refused.failures[photographs / "a.png"]
    assert (output / "a_png.png").read_bytes() == before
    _, done = paint(photographs, noise, other, overwrite=True)
    assert len(done.pictures) == 3
    assert read_config(output / "a_png.png")["config"]["style_weight"] == 10


def test_a_loss_that_is_not_finite_is_told_each_time(photographs, noise):
    hot = QUICK.replace(style_weight=1e38, style_weights={"conv1_1": 1e9})
    for _ in range(2):
        _, done = paint(photographs, noise, hot)
        assert len(done.pictures) == 3
        assert "last finite picture is kept" in done.failures[photographs / "a.png"]


def test_what_is_wrong_for_all_is_said_at_once(photographs, noise, tmp_path):
    with pytest.raises(ImageError, match=r"gone\.jpg does not exist"):
        stylize_folder(photographs, "gone.jpg", tmp_path / "out", QUICK)
    with pytest.raises(ConfigError, match="the photographs' own folder"):
        stylize_folder(photographs, str(noise), photographs, QUICK)
    with pytest.raises(ConfigError, match="holds no pictures"):
        stylize_folder(photographs / "more.jpg", str(noise), tmp_path / "out", QUICK)
    assert not (tmp_path / "out").exists()


def test_what_reads_a_telephones_picture_may_be_missing(tmp_path, photo, noise, bare_pillow):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    done = stylize_folder(tmp_path / "photos", str(noise), tmp_path / "out", QUICK)
    assert "pip install" in done.failures[tmp_path / "photos" / "a.HEIC"]


def test_one_command_paints_a_folder(photographs, noise, tmp_path):
    command = ["stylize", str(photographs), str(noise), "-o", str(tmp_path / "out")]
    command += ["--max-size", "32", "--steps", "4", "--backbone", "small", "--save-every", "2"]
    done = CliRunner().invoke(cli.main, command)
    assert done.exit_code == 1
    assert "Failed: broken.jpg: " in done.output
    assert f"3 pictures in {tmp_path / 'out'}." in done.output
    assert names(tmp_path / "out" / "a_png-previews") == ["step_000002.png", "step_000004.png"]
    (photographs / "broken.jpg").unlink()
    assert CliRunner().invoke(cli.main, command).exit_code == 0
    command[4] = str(tmp_path / "out.png")
    done = CliRunner().invoke(cli.main, command)
    assert done.exit_code == 2
    assert "give a folder as -o" in " ".join(done.output.split())


# --- Pictures on the way, and a film of them -----------------------------------------------------


def test_pictures_on_the_way_are_what_the_callback_sees(photo, noise, tmp_path):
    seen = {}
    config = QUICK.replace(save_every=2)
    stylize(photo, noise, config, lambda step: seen.update({step.step: to_image(step.image)}))
    run = RunStore(tmp_path / "runs").run(photo, noise, config)
    assert [path.name for path in run.previews] == [f"step_{n:06d}.png" for n in (2, 4, 6)]
    for number, path in zip((2, 4, 6), run.previews, strict=True):
        assert Image.open(path).tobytes() == seen[number].tobytes()
    assert RunStore(tmp_path / "runs").run(photo, noise, QUICK).name == run.name  # the same run


@pytest.mark.parametrize("out", ["out", "out.png"])
def test_the_command_line_keeps_pictures_on_the_way(photo, noise, tmp_path, out, monkeypatch):
    monkeypatch.chdir(tmp_path)
    previews = tmp_path / ("out/previews" if out == "out" else "out-previews")
    command = ["stylize", str(photo), str(noise), "-o", out, "--max-size", "32", "--steps", "6"]
    command += ["--backbone", "small", "--overwrite"]
    for every in (2, 3):
        done = CliRunner().invoke(cli.main, [*command, "--save-every", str(every)])
        assert done.exit_code == 0, done.output
        steps = range(every, 7, every)
        assert names(previews) == [f"step_{step:06d}.png" for step in steps]  # none of before
    film = CliRunner().invoke(cli.main, ["film", out, "-o", "run.gif"])
    assert (film.exit_code, film.output) == (0, "run.gif: 3 pictures\n")
    assert CliRunner().invoke(cli.main, command).exit_code == 0
    film = CliRunner().invoke(cli.main, ["film", out])
    assert film.exit_code == 2
    assert "has no pictures on the way; do the run again with save_every" in film.output


COLOURS = [(200, 30, 30), (30, 160, 30), (30, 30, 200), (230, 230, 60)]


@pytest.fixture
def coloured(tmp_path):
    """A run's folder whose pictures have one colour each; those on the way are smaller."""
    (tmp_path / "run" / "previews").mkdir(parents=True)
    for step, colour in zip((5, 10, 15), COLOURS, strict=False):
        path = tmp_path / "run" / "previews" / f"step_{step:06d}.png"
        Image.new("RGB", (16, 12), colour).save(path)
    Image.new("RGBA", (32, 24), (*COLOURS[-1], 128)).save(tmp_path / "run" / "picture.png")
    return tmp_path / "run"


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_a_film_shows_the_pictures_in_their_order(coloured, tmp_path, suffix):
    assert save_film(coloured, tmp_path / f"film.{suffix}", seconds=1.5) == 4
    with Image.open(tmp_path / f"film.{suffix}") as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (4, (32, 24), 0)
        shown, ends = [], []
        for number in range(4):
            film.seek(number)
            film.load()
            shown.append(film.convert("RGB").getpixel((16, 12)))
            ends.append(film.info["duration"] if suffix == "gif" else film.info["timestamp"])
    assert np.array(shown) == pytest.approx(np.array(COLOURS), abs=6)
    assert ends == ([500, 500, 500, 2000] if suffix == "gif" else [0, 500, 1000, 1500])


def test_a_film_that_cannot_be_made_says_why(coloured, tmp_path):
    with pytest.raises(ConfigError, match=r"film.mp4: a film is written as .gif or .webp"):
        save_film(coloured, tmp_path / "film.mp4")
    (coloured / "picture.png").unlink()
    with pytest.raises(ConfigError, match="has no pictures on the way"):
        save_film(coloured, tmp_path / "film.gif")
