"""The panel, without a browser: its controls, its runs in their threads, its gallery."""

import io
import re
import subprocess
import sys
import threading
from dataclasses import fields

import ipywidgets
import numpy as np
import pytest
from PIL import Image
from support.pictures import LONG_TEXT, with_chunks

import styletools
from styletools import stylize
from styletools.config import ASSIGNMENT, FAST, STYLE_WEIGHTS, TransferConfig
from styletools.errors import ConfigError
from styletools.lab.plans import tradeoff
from styletools.lab.run import Run, load_run
from styletools.lab.store import RunStore
from styletools.lab.studio import Studio, TransferPanel
from styletools.lab.studio import thread as worker
from styletools.lab.studio.chooser import STATIC, PictureChooser, keep_picture
from styletools.lab.studio.controls import OWN, PAPER, Knob
from styletools.lab.studio.gallery import Cards, table_html
from styletools.lab.studio.panel import Frame, duration
from styletools.lab.studio.thread import Forecast, Pace, explain
from styletools.lab.studio.viewer import CURVE_POINTS, LossChart
from styletools.transfer import DivergedError, Ended

WAIT = 60  # seconds, for a machine that does much else
STEPS = 4


@pytest.fixture
def make(photo, noise, tmp_path):
    """A panel with tiny pictures and a few steps of Adam; all panels share one folder of runs."""

    def make_panel(**settings):
        defaults = TransferConfig(**{"steps": STEPS, "learning_rate": 0.05} | settings)
        folder = tmp_path / "runs"
        return TransferPanel({"photo": photo}, {"noise": noise}, 32, defaults, folder)

    return make_panel


@pytest.fixture
def panel(make):
    return make()


class Gate:
    """Holds a panel's run after each step until it is let go on."""

    def __init__(self, panel):
        self.panel, self.reached, self.go = panel, threading.Event(), threading.Event()
        self.steps = []
        inner = panel.worker.on_step

        def on_step(step):
            inner(step)
            self.steps.append(step.step)
            self.reached.set()
            assert self.go.wait(WAIT)

        panel.worker.on_step = on_step

    def start(self):
        """Start the run and wait for its first step."""
        self.panel.run_button.click()
        assert self.reached.wait(WAIT), said(self.panel)


def done(panel):
    """Run to the end."""
    panel.run_button.click()
    assert panel.wait(WAIT)
    return panel.run


def said(panel):
    return re.sub("<[^>]*>", "", panel.notice.value)


def status(panel):
    return re.sub("<[^>]*>", "", panel.progress.value)


def parts(widget):
    """A widget and all that is in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from parts(child)


def totals(losses):
    return [row["total"] for row in losses]


def jpeg_pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


# Controls


def test_at_first_the_controls_stand_at_the_fast_preset(tmp_path):
    panel = styletools.studio(tmp_path)
    assert panel.config == FAST
    assert len(panel.content.pictures) >= 4
    assert len(panel.style.pictures) >= 8
    assert all(Image.open(io.BytesIO(p["thumb"])).size == (96, 96) for p in panel.style.pictures)


def test_every_setting_has_a_control(panel):
    assert {*panel.settings.knobs, "style_weights"} == {f.name for f in fields(TransferConfig)}
    shown = set(map(id, parts(panel)))
    assert all(id(control) in shown for control in panel.settings.knobs.values())


def test_every_control_says_what_it_does(panel):
    controls = [p for p in parts(panel) if not isinstance(p, (ipywidgets.Box, Frame, Cards))]
    tips = []
    for control in controls:
        if type(control) in (ipywidgets.Button, ipywidgets.Dropdown, ipywidgets.Text):
            tips.append(control.tooltip)
        elif isinstance(control, (Knob, PictureChooser)):
            assert control.label
            tips.append(control.help)
    assert len(tips) > 35
    assert all(tip and len(tip) > 15 and tip.rstrip(")").endswith(".") for tip in tips)
    assert len(set(tips)) == len(tips)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content_weight", 7.0),
        ("style_weight", 12345.0),
        ("steps", 9),
        ("learning_rate", 0.02),
        ("max_size", 200),
        ("start", "noise"),
        ("seed", 12),
        ("colour", "luminance"),
        ("style_scale", 0.5),
        ("style_distance", "moments"),
        ("style_share", 2.0),
        ("levels", 2),
        ("tolerance", 0.25),
        ("picture_tolerance", 2.5),
        ("tv_weight", 0.5),
        ("content_layers", ("conv3_1",)),
        ("convention", "paper"),
        ("backbone", "small"),
        ("pooling", "max"),
        ("normalise_filters", True),
        ("precision", "bfloat16"),
        ("max_memory", 1.5),
        ("device", "cpu"),
    ],
)
def test_every_control_changes_its_setting_alone(panel, name, value):
    before = panel.config
    panel.settings.knobs[name].value = value
    assert panel.config == before.replace(**{name: value})


def test_styles_and_masks_are_written_as_text(panel):
    knobs, before = panel.settings.knobs, panel.config
    knobs["more_styles"].value = "a.png=1, b c.png=0.5"
    knobs["content_masks"].value = "x.png,y.png , z.png"
    masks, styles = ("x.png", "y.png", "z.png"), {"a.png": 1.0, "b c.png": 0.5}
    config = before.replace(more_styles=styles, content_masks=masks)
    assert panel.config == config
    panel.settings.config = before
    assert knobs["more_styles"].value == knobs["content_masks"].value == ""
    panel.settings.config = config
    assert panel.config == config
    knobs["more_styles"].value = "a.png"
    assert "write painting.jpg=1,print.jpg=0.5" in said(panel)


def test_the_optimiser_brings_its_own_end(tmp_path):
    """10 steps of Adam hardly lower the loss: with L-BFGS's tolerance, they would be the last."""
    panel = styletools.studio(tmp_path)
    panel.settings.knobs["optimizer"].value = "adam"
    assert panel.config == ASSIGNMENT.replace(precision=FAST.precision)
    panel.settings.knobs["steps"].value = 77
    panel.settings.knobs["optimizer"].value = "lbfgs"
    assert panel.config == FAST.replace(steps=77)


def test_layers_of_weight_zero_are_left_out(panel):
    panel.settings.layers["conv3_1"].value = 1.5
    panel.settings.layers["conv5_1"].value = 0
    weights = {**STYLE_WEIGHTS, "conv3_1": 1.5}
    del weights["conv5_1"]
    assert panel.config.style_weights == weights
    assert panel.settings.preset.value == OWN


@pytest.mark.parametrize(
    ("preset", "weights"),
    [
        ("Equal", [1, 1, 1, 1, 1]),
        ("Early only", [1, 1, 0, 0, 0]),
        ("Deep only", [0, 0, 0, 1, 1]),
        ("The assignment's", [1, 0.8, 0.5, 0.3, 0.1]),
    ],
)
def test_presets_set_the_layers(panel, preset, weights):
    panel.settings.layers["conv1_1"].value = 0.3
    panel.settings.preset.value = preset
    assert [knob.value for knob in panel.settings.layers.values()] == weights
    assert panel.settings.preset.value == preset
    assert panel.config.content_weight == ASSIGNMENT.content_weight


def test_the_papers_preset_weighs_as_the_papers_row(panel):
    course = panel.config
    panel.settings.preset.value = PAPER
    config, row = panel.config, tradeoff(course)["α/β = 1e-3"]
    assert (config.convention, config.content_layers) == ("paper", ("conv4_2",))
    for layer, weight in row.style_weights.items():
        ours = config.content_weight / (config.style_weight * config.style_weights[layer])
        assert ours == pytest.approx(row.content_weight / (row.style_weight * weight), rel=0.01)
    panel.settings.preset.value = "Equal"
    assert panel.config == course.replace(style_weights=dict.fromkeys(STYLE_WEIGHTS, 1.0))


def test_a_preset_that_cannot_be_is_said(panel):
    panel.settings.knobs["backbone"].options = ["auto", "nowhere.safetensors"]
    panel.settings.knobs["backbone"].value = "nowhere.safetensors"
    panel.settings.preset.value = PAPER
    assert "nowhere.safetensors" in said(panel)
    assert panel.settings.preset.value == "The assignment's"
    assert panel.config.convention == "course"


@pytest.mark.parametrize(
    "config",
    [
        ASSIGNMENT,
        FAST,
        TransferConfig(style_weights={"conv2_2": 0.7}, content_layers=("conv1_1", "conv3_1")),
        TransferConfig(style_weight=0.0, start="mine.png", max_memory=2.5, backbone="mine.st"),
        TransferConfig(convention="paper", content_weight=3e-7, steps=12_345, tv_weight=1e-9),
    ],
)
def test_any_settings_can_be_loaded(panel, config):
    panel.settings.config = config
    assert panel.config == config.replace(
        style_weights={k: w for k, w in config.style_weights.items() if w}
    )


def test_what_has_no_effect_is_disabled(panel):
    rate, seed = panel.settings.knobs["learning_rate"], panel.settings.knobs["seed"]
    assert (rate.disabled, seed.disabled) == (False, True)
    panel.settings.knobs["optimizer"].value = "lbfgs"
    panel.settings.knobs["start"].value = "noise"
    assert (rate.disabled, seed.disabled) == (True, False)


def test_rare_settings_are_a_button_away(panel):
    rest = panel.settings.children[-1]
    assert rest.layout.display == "none"
    panel.settings.more.click()
    assert rest.layout.display is None
    panel.settings.more.click()
    assert rest.layout.display == "none"


def test_without_pictures_there_is_no_panel(photo, tmp_path):
    with pytest.raises(ConfigError, match="no picture to choose for the style"):
        TransferPanel({"photo": photo}, {}, folder=tmp_path)


# Runs


def test_a_run_is_what_stylize_does(panel, photo, noise):
    run = done(panel)
    alone = stylize(photo, noise, panel.config)
    assert totals(run.losses()) == pytest.approx(totals(alone.loss_history), rel=1e-5)
    assert panel.result.config.steps == STEPS
    assert panel.result.image.shape == alone.image.shape
    assert abs(panel.result.image - alone.image).max() < 0.02  # 8 bits
    assert status(panel).startswith("Finished after 4 steps")
    assert "content" in status(panel)


def test_picture_and_curves_are_those_of_the_run(panel, photo):
    run = done(panel)
    for data, path in ((panel.viewer.after, run.picture), (panel.viewer.before, photo)):
        with Image.open(path) as picture:
            wanted = np.asarray(picture.convert("RGB"), dtype=float)
        assert abs(jpeg_pixels(data) - wanted).mean() < 15  # JPEG
    points = np.frombuffer(panel.chart.points, "<f4").reshape(-1, 5)
    config, rows = run.config, run.losses()
    assert list(points[:, 0]) == [1, 2, 3, 4]
    assert points[:, 2] == pytest.approx([config.content_weight * r["content"] for r in rows])
    assert points[:, 3] == pytest.approx([config.style_weight * r["style"] for r in rows])
    assert points[:, 4] == pytest.approx(totals(rows))


def test_starting_returns_at_once_and_the_view_is_live(panel):
    gate = Gate(panel)
    gate.start()
    assert panel.running
    buttons = panel.run_button, panel.pause_button, panel.stop_button
    assert [button.disabled for button in buttons] == [True, False, False]
    assert status(panel).startswith("Step 1 of 4 · 32 px")
    assert len(panel.chart.points) == 5 * 4
    gate.go.set()
    assert panel.wait(WAIT)
    assert [button.disabled for button in buttons] == [False, True, True]


def test_pause_waits_and_resume_gives_the_same_picture(panel, photo, noise):
    gate = Gate(panel)
    gate.start()
    panel.pause_button.click()
    assert panel.pause_button.description == "Resume"
    assert status(panel) == "Pausing …"
    gate.go.set()
    assert not panel.wait(0.5)
    assert gate.steps == [1]
    assert status(panel) == "Paused at step 1 of 4."
    panel.pause_button.click()
    assert panel.wait(WAIT)
    assert panel.pause_button.description == "Pause"
    alone = stylize(photo, noise, panel.config)
    assert totals(panel.run.losses()) == pytest.approx(totals(alone.loss_history), rel=1e-5)


def test_stop_keeps_what_is_there_and_run_goes_on_from_it(panel, photo, noise):
    gate = Gate(panel)
    gate.start()
    panel.stop_button.click()
    gate.go.set()
    assert panel.wait(WAIT)
    assert len(panel.run.losses()) == 1
    assert "Run goes on from it" in said(panel)
    assert [card["flag"] for card in panel.gallery.cards.cards] == ["stopped"]
    gate.steps.clear()
    done(panel)
    assert gate.steps == [2, 3, 4]
    alone = stylize(photo, noise, panel.config)
    assert totals(panel.run.losses()) == pytest.approx(totals(alone.loss_history), rel=1e-5)
    assert [card["flag"] for card in panel.gallery.cards.cards] == [""]


def test_stop_ends_a_pause(panel):
    gate = Gate(panel)
    gate.start()
    panel.pause_button.click()
    gate.go.set()
    panel.stop_button.click()
    assert panel.wait(WAIT)
    assert len(panel.run.losses()) == 1


def test_a_second_start_does_not_begin_a_second_run(panel):
    gate = Gate(panel)
    gate.start()
    panel.start()
    gate.go.set()
    assert panel.wait(WAIT)
    assert gate.steps == [1, 2, 3, 4]
    assert len(panel.gallery.cards.cards) == 1


def test_the_same_run_is_not_computed_twice(panel):
    first = done(panel)
    gate = Gate(panel)
    assert done(panel).name == first.name
    assert gate.steps == []
    assert "before" in said(panel)


def test_two_panels_do_not_disturb_each_other(make):
    one, two = make(), make(style_weight=1e3)
    gate = Gate(one)
    gate.start()
    two.settings.preset.value = "Equal"
    two_alone = done(two)
    assert one.running
    assert one.settings.preset.value == "The assignment's"
    assert status(one).startswith("Step 1 of 4")
    gate.go.set()
    assert one.wait(WAIT)
    assert one.run.config.style_weight == ASSIGNMENT.style_weight
    assert two.run is two_alone
    assert two_alone.config.style_weight == 1e3


def test_a_run_whose_panel_was_replaced_can_be_stopped(make):
    """As when the panel's cell is run again."""
    one = make()
    assert one.others_button.layout.display == "none"
    gate = Gate(one)
    gate.start()
    two = make()
    assert "still going on" in said(two)
    assert two.others_button.layout.display != "none"
    two.others_button.click()
    assert said(two) == ""
    assert two.others_button.layout.display == "none"
    gate.go.set()
    assert one.wait(WAIT)
    assert one.run.ended is Ended.STOPPED
    assert said(make()) == ""


def test_two_panels_that_ask_for_one_run_compute_it_once(make, monkeypatch):
    monkeypatch.setattr(worker, "WAIT_SECONDS", 0.05)
    one, two = make(), make()
    gate, other = Gate(one), Gate(two)
    gate.start()
    waits, inner = threading.Event(), two.worker.on_wait
    two.worker.on_wait = lambda: (inner(), waits.set())
    two.start()
    assert waits.wait(WAIT)
    assert status(two).startswith("Waiting: another panel")
    gate.go.set()
    assert one.wait(WAIT)
    assert two.wait(WAIT)
    assert one.run.name == two.run.name
    assert other.steps == []
    assert len(one.store.runs()) == 1


def test_a_wait_for_another_panel_can_be_stopped(make, monkeypatch):
    monkeypatch.setattr(worker, "WAIT_SECONDS", 0.05)
    one, two = make(), make()
    gate = Gate(one)
    gate.start()
    two.start()
    two.stop()
    assert two.wait(WAIT)
    assert (two.run, status(two)) == (None, "Stopped.")
    gate.go.set()
    assert one.wait(WAIT)


# What goes wrong


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("max_size", 5, "max_size is 5; give a whole number from 16"),
        ("max_size", 18, "conv5_1 needs 16×16 or more"),
        ("steps", 2.5, "steps is 2.5; give a whole number"),
        ("learning_rate", 0, "learning_rate is 0"),
        ("content_weight", -1, "content_weight is -1"),
    ],
)
def test_settings_that_cannot_be_are_said_and_nothing_runs(panel, name, value, words):
    panel.settings.knobs[name].value = value
    panel.start()
    assert not panel.running
    assert words in said(panel)
    assert 'role="alert"' in panel.notice.value
    panel.settings.knobs[name].value = getattr(TransferConfig(steps=STEPS, max_size=32), name)
    assert said(panel) == ""
    assert done(panel)


def test_settings_are_checked_as_they_change(panel):
    panel.settings.knobs["steps"].value = 0
    assert "steps is 0" in said(panel)
    panel.settings.knobs["steps"].value = 7
    assert said(panel) == ""


def test_a_picture_that_is_gone_is_said(panel, noise):
    noise.unlink()
    panel.start()
    assert panel.wait(WAIT)
    assert "noise.png does not exist" in said(panel)
    assert not panel.run_button.disabled


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "memory of this machine is too small"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "take a smaller size"),
        (ValueError("<b>odd</b>"), "ValueError: &lt;b&gt;odd"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_a_run_that_fails_is_said_and_the_next_one_works(panel, monkeypatch, error, words):
    def fail(*_):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr("styletools.lab.store.stylize", fail)
        done(panel)
    assert words in panel.notice.value
    assert panel.error is not None
    assert status(panel) == "Failed."
    assert done(panel).ended is Ended.FINISHED
    assert said(panel) == ""


def test_a_run_that_diverges_is_kept_and_says_what_to_do(panel, monkeypatch):
    def diverge(*arguments):
        result = stylize(*arguments)
        message = "At step 4 the loss is not finite; lower learning_rate."
        changed = {**vars(result), "ended": Ended.DIVERGED, "detail": message}
        raise DivergedError(message, type(result)(**changed))

    monkeypatch.setattr("styletools.lab.store.stylize", diverge)
    assert done(panel).ended is Ended.DIVERGED
    assert "lower learning_rate" in said(panel)
    assert [card["flag"] for card in panel.gallery.cards.cards] == ["diverged"]


def test_a_drawing_that_fails_does_not_end_the_run(panel, monkeypatch):
    draw = panel._draw
    monkeypatch.setattr(panel, "_draw", lambda image: draw("no picture"))
    assert done(panel).ended is Ended.FINISHED
    assert "the live view broke off" in said(panel)


def test_a_content_that_vanishes_on_the_way_leaves_the_panel_usable(panel, photo):
    gate = Gate(panel)
    gate.start()
    kept = photo.read_bytes()
    photo.unlink()
    gate.go.set()
    assert panel.wait(WAIT)
    assert "photo.png does not exist" in said(panel)
    assert (panel.run_button.disabled, panel.stop_button.disabled) == (False, True)
    assert len(panel.store.runs()) == 1
    photo.write_bytes(kept)
    assert "before" in (done(panel) and said(panel))


# Pictures


def png(colour="teal", size=(40, 30)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def send(chooser, name, data, size=100):
    """As the browser does: in parts."""
    pieces = [data[i : i + size] for i in range(0, len(data), size)] or [b""]
    for piece in pieces:
        content = {"kind": "part", "upload": "1", "name": name, "last": piece is pieces[-1]}
        chooser._handle_custom_msg(content, [memoryview(piece)])


def test_an_upload_comes_in_parts_and_is_chosen(panel):
    send(panel.content, "my cat.png", png())
    assert panel.content.message == ""
    assert panel.content.size == (40, 30)
    assert [p["name"] for p in panel.content.pictures] == ["photo", "my cat.png"]
    run = done(panel)
    assert run.content == panel.content.value
    assert panel.viewer.aspect == pytest.approx(4 / 3, abs=0.02)


def test_uploads_are_there_in_the_next_panel_once(make):
    for _ in range(2):
        send(make().style, "paint.png", png("red"))
    assert [p["name"] for p in make().style.pictures] == ["noise", "paint.png"]
    assert len(make().content.pictures) == 1


@pytest.mark.parametrize("data", [b"", b"no picture", png()[:60]], ids=["empty", "text", "cut off"])
def test_a_broken_upload_is_said_and_not_kept(panel, data):
    before = panel.content.value
    send(panel.content, "holiday.jpg", data)
    assert panel.content.message.startswith("holiday.jpg is ")
    assert (panel.content.value, len(panel.content.pictures)) == (before, 1)
    assert not [p for p in panel.content.folder.rglob("*") if p.is_file()]
    send(panel.content, "good.png", png())
    assert panel.content.message == ""


def test_an_upload_with_much_text_is_chosen_and_shown(panel, tmp_path):
    image = Image.new("RGB", (40, 30), "red")
    path = with_chunks(tmp_path / "from-a-phone.png", image, LONG_TEXT)
    send(panel.content, path.name, path.read_bytes())
    assert (panel.content.message, panel.content.size) == ("", (40, 30))
    thumb = Image.open(io.BytesIO(panel.content.pictures[-1]["thumb"]))
    assert thumb.getpixel((48, 48))[0] > 200


def paint(panel, setting, data, place=0):
    """As the browser does: one message with a PNG."""
    painter = panel.settings.painters[setting]
    painter._handle_custom_msg({"kind": "mask", "place": place}, [memoryview(data)])
    return painter


def test_a_painted_mask_is_kept_and_becomes_the_setting(panel):
    painter = paint(panel, "content_masks", png("white"))
    [kept] = panel.config.content_masks
    assert panel.config.style_masks == ()
    assert Image.open(kept).getpixel((3, 3)) == (255, 255, 255)
    assert painter.message == ""
    paint(panel, "content_masks", png("grey"))  # instead of the first
    [other] = panel.config.content_masks
    assert other != kept
    assert painter.places == ["for style 1"]


def test_each_style_has_its_mask(panel, noise):
    panel.settings.knobs["more_styles"].value = f"{noise}=1"
    assert panel.settings.painters["content_masks"].places == ["for style 1", "for style 2"]
    paint(panel, "content_masks", png("white"))
    assert "has 1 pictures, but there are 2 styles" in said(panel)
    painter = paint(panel, "content_masks", png("grey"), place=1)
    assert said(panel) == painter.message == ""
    assert len(set(panel.config.content_masks)) == 2


def test_a_broken_mask_is_said_and_changes_nothing(panel):
    painter = paint(panel, "style_masks", b"no picture")
    assert painter.message.startswith("mask.png is not a picture")
    assert panel.config.style_masks == ()


def test_the_painter_shows_the_chosen_picture_once_it_is_opened(panel):
    painter = panel.settings.painters["content_masks"]
    send(panel.content, "teal.png", png("teal", (60, 30)))
    assert painter.picture == b""
    painter.opened = True
    assert Image.open(io.BytesIO(painter.picture)).size == (60, 30)
    send(panel.content, "red.png", png("red", (30, 60)))
    assert Image.open(io.BytesIO(painter.picture)).size == (30, 60)


def test_an_upload_that_is_too_large_is_said_and_not_held(panel, monkeypatch):
    monkeypatch.setattr("styletools.lab.studio.chooser.MAX_DOWNLOAD", 2_000_000)
    send(panel.content, "huge.tif", bytes(3_000_000), size=1 << 20)
    assert panel.content.message == "huge.tif is larger than 2 MB; upload a smaller copy."


@pytest.mark.parametrize("name", ["../../evil.png", "/etc/passwd", "..", "a\0b.png", "ü ñ.png"])
def test_an_upload_stays_in_its_folder(tmp_path, name):
    path = keep_picture(tmp_path / "up", name, png())
    assert path.parent == tmp_path / "up"
    assert not path.name.startswith(".")


def test_a_path_is_chosen_or_what_is_wrong_with_it_said(panel, tmp_path):
    (tmp_path / "own.png").write_bytes(png("navy"))
    panel.content._handle_custom_msg({"kind": "path", "path": f' "{tmp_path}/own.png" '}, [])
    assert panel.content.value == str(tmp_path / "own.png")
    before = jpeg_pixels(panel.viewer.before)
    assert before.mean(axis=(0, 1)) == pytest.approx([0, 0, 128], abs=4)  # it is shown
    panel.content._handle_custom_msg({"kind": "path", "path": "nowhere.png"}, [])
    assert "nowhere.png does not exist" in panel.content.message
    assert panel.content.value == str(tmp_path / "own.png")


# Gallery


@pytest.fixture
def gallery(make):
    """A new panel, as after a restart of the kernel, with two earlier runs."""
    for weight in (1e4, 1e6):
        done(make(style_weight=weight))
    return make().gallery


def names(gallery):
    return [card["key"] for card in gallery.cards.cards]


def rows(runs):
    """{name: values} of the table."""
    found = re.findall("<tr[^>]*><th>(.*?)</th>(.*?)</tr>", table_html(runs))
    return {name: re.findall("<td>(.*?)</td>", cells) for name, cells in found}


def test_runs_are_there_after_a_restart_newest_first(gallery):
    assert [gallery._runs[name].config.style_weight for name in names(gallery)] == [1e6, 1e4]
    assert gallery.cards.cards[0]["title"] == "photo × noise"
    assert gallery.cards.cards[0]["detail"] == "α 1 · β 1e6 · 4 steps"
    assert Image.open(io.BytesIO(gallery.cards.cards[0]["thumb"])).size == (180, 132)


def test_two_runs_are_compared_where_they_differ(gallery):
    assert gallery.detail.layout.display == "none"
    gallery.cards.chosen = names(gallery)
    assert gallery.detail.layout.display is None
    assert (gallery.viewer.before_label, gallery.viewer.after_label) == ("A", "B")
    a, b = (gallery.store.get(name) for name in names(gallery))
    for data, run in ((gallery.viewer.before, a), (gallery.viewer.after, b)):
        with Image.open(run.picture) as picture:
            wanted = np.asarray(picture.convert("RGB"), dtype=float)
        assert abs(jpeg_pixels(data) - wanted).mean() < 15
    shown = rows([a, b])
    assert shown["β"] == ["1e6", "1e4"]
    assert "learning rate" not in shown
    assert shown["style taken"] == [f"{run.measures['style_taken']:.2f}" for run in (a, b)]
    assert "loss" not in table_html([a, b])  # totals of different weights do not compare


def test_one_run_is_shown_beside_its_content(gallery, photo):
    gallery.cards.chosen = names(gallery)[:1]
    assert gallery.viewer.before_label == "content"
    assert rows(gallery.chosen)["learning rate"] == ["0.05"]  # not the assignment's
    photo.unlink()
    gallery.cards.chosen = names(gallery)[1:]
    assert gallery.viewer.before_label == "the content is gone"
    assert gallery.notice.value == ""


def test_a_runs_settings_are_loaded_back(gallery, make):
    panel = make(steps=50, optimizer="lbfgs", style_weights={"conv1_2": 1})
    run = panel.store.get(names(gallery)[1])
    panel.gallery.cards.chosen = [run.name]
    panel.gallery.load.click()
    assert panel.config == run.config
    assert panel.chart.steps == STEPS
    assert "are loaded" in said(panel)
    assert done(panel).name == run.name  # nothing else than that very run


def test_load_says_if_a_picture_is_gone_or_a_file_damaged(gallery, make, noise):
    panel = make()
    name = names(gallery)[0]
    (panel.store.folder / name / "losses.csv").write_text("step\nx")
    panel.gallery.cards.chosen = [name]
    panel.gallery.load.click()
    assert "losses.csv cannot be read" in said(panel)
    noise.unlink()
    panel.gallery.load.click()
    panel.style.pictures = []
    panel.gallery.load.click()
    assert "the style of" in said(panel)
    assert "is gone" in said(panel)


def test_load_waits_for_the_end_of_a_run(gallery, make):
    panel = make(steps=3)
    gate = Gate(panel)
    gate.start()
    panel.gallery.cards.chosen = names(gallery)[:1]
    panel.gallery.load.click()
    assert "Stop the run first" in said(panel)
    assert panel.config.steps == 3
    gate.go.set()
    assert panel.wait(WAIT)


def test_the_code_gives_the_picture(gallery, tmp_path, monkeypatch):
    gallery.cards.chosen = names(gallery)[1:]
    gallery.show.click()
    monkeypatch.chdir(tmp_path)
    exec(gallery.code.text, {})
    with Image.open("picture.png") as ours, Image.open(gallery.chosen[0].picture) as kept:
        difference = np.asarray(ours.convert("RGB"), int) - np.asarray(kept.convert("RGB"), int)
    assert abs(difference).max() <= 1
    gallery.show.click()
    assert gallery.code.layout.display == "none"


def test_saving_never_replaces_a_file(gallery, tmp_path):
    gallery.cards.chosen = names(gallery)[:1]
    for _ in range(2):
        gallery.path.value = str(tmp_path / "out" / "mine.jpg")
        gallery.save.click()
    saved = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in saved] == ["mine.jpg-2.png", "mine.jpg.png"]
    assert load_run(saved[0])["config"] == gallery.chosen[0].config
    gallery.path.value = str(tmp_path / "out" / "mine.gif")
    gallery.save.click()
    with Image.open(tmp_path / "out" / "mine.gif") as film:
        assert film.n_frames > 1
    gallery.path.value = str(tmp_path / "out" / "mine.jpg.png" / "below")
    gallery.save.click()
    assert gallery.notice.value.startswith("Not done")


def test_deleting_asks_once(gallery):
    name = names(gallery)[0]
    gallery.cards.chosen = [name]
    gallery.remove.click()
    assert name in names(gallery)
    gallery.remove.click()
    assert name not in names(gallery)
    assert [run.name for run in gallery.store.runs()] == names(gallery)
    assert gallery.detail.layout.display == "none"


def test_a_damaged_run_is_said(gallery):
    run = gallery.store.get(names(gallery)[0])
    run.picture.write_bytes(run.picture.read_bytes()[:200])
    gallery.cards.chosen = [run.name]
    assert "cannot be shown" in gallery.notice.value
    gallery.cards.chosen = names(gallery)[1:]
    assert gallery.notice.value == ""


def test_older_runs_are_a_button_away(gallery, monkeypatch):
    monkeypatch.setattr(gallery, "_limit", 1)
    gallery.again.click()
    assert len(names(gallery)) == 1
    assert gallery.more.layout.display is None
    gallery.more.click()
    assert len(names(gallery)) == 2
    assert gallery.more.layout.display == "none"


def test_runs_of_others_appear(panel, photo, noise):
    assert "Runs appear here" in panel.gallery.notice.value
    RunStore(panel.store.folder).run(photo, noise, panel.config)
    panel.gallery.again.click()
    assert len(names(panel.gallery)) == 1


def test_names_are_text_and_never_markup(tmp_path, noise):
    bad = tmp_path / "<img src=x onerror=alert(1)>.png"
    Image.new("RGB", (40, 40), "red").save(bad)
    panel = TransferPanel(
        {"<b>": bad}, {"n": noise}, 32, TransferConfig(steps=1), tmp_path / "runs"
    )
    run = done(panel)
    panel.gallery.cards.chosen = [run.name]
    bad.unlink()
    panel.start()
    for box in (panel.notice, panel.progress, panel.gallery.notice, panel.gallery.table):
        assert "<img" not in box.value
    assert "&lt;img" in panel.notice.value


# The clock and the curves


class Clock:
    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr("styletools.lab.studio.thread.time.monotonic", lambda: self.now)


@pytest.mark.parametrize("cost", [0.001, 0.05, 2.0])
def test_drawing_takes_a_small_share_of_the_time(monkeypatch, cost):
    clock = Clock(monkeypatch)
    pace, drawn, began = Pace(share=0.03, least=0.25), 0, clock.now
    while clock.now < began + 1000:
        clock.now += 0.1  # a step
        if pace.due:
            with pace.drawing():
                clock.now += cost
            drawn += 1
    assert pace.seconds == pytest.approx(drawn * cost)
    assert pace.seconds / (clock.now - began) <= 0.032
    assert drawn <= 1000 / 0.25
    assert drawn >= 10


@pytest.mark.parametrize("levels", [1, 3])
def test_time_left_is_right_where_a_step_costs_as_many_pixels(levels):
    config = TransferConfig(steps=80, levels=levels, optimizer="lbfgs")
    sizes, begun, plan = [400 >> k for k in reversed(range(levels))], 0, []
    for size in sizes:  # each size takes half of the steps that are left, the last all
        many = 80 - begun if size == 400 else (80 - begun) // 2
        plan += [size] * many
        begun += many
    ends = np.cumsum([(size / 400) ** 2 for size in plan])
    forecast = Forecast(config, 400)
    for step, (size, end) in enumerate(zip(plan, ends, strict=True), 1):
        forecast.add({"step": step, "size": size}, end)
        if step > 1 and plan[step - 2] == size:
            assert forecast.seconds_left() == pytest.approx(ends[-1] - end, rel=0.1, abs=0.3)
    assert Forecast(config, 400).seconds_left() is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_are_easy_to_read(seconds, text):
    assert duration(seconds) == text


def test_a_long_history_is_thinned_and_ends_at_its_last_step():
    rows = [{"step": n, "size": 9, "content": n, "style": 2, "total": 3} for n in range(1, 5002)]
    chart = LossChart()
    chart.show(rows, TransferConfig(content_weight=10, style_weight=100))
    points = np.frombuffer(chart.points, "<f4").reshape(-1, 5)
    assert len(points) <= CURVE_POINTS + 1
    assert list(points[0]) == [1, 9, 10, 200, 3]
    assert list(points[-1]) == [5001, 9, 50010, 200, 3]
    chart.show([], TransferConfig())
    assert chart.points == b""


def test_an_error_of_the_kit_is_said_in_its_own_words():
    assert explain(ConfigError("steps is 0.")) == "steps is 0."


def test_nothing_is_fetched_from_elsewhere():
    """Scripts and styles name no address but that of the SVG namespace."""
    files = [path for path in STATIC.iterdir() if path.suffix in (".js", ".css")]
    assert len(files) >= 8
    for path in files:
        addresses = re.findall(r"(?:https?:)?//[\w.]+\.\w+[\w/.]*", path.read_text("utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, path.name
        assert not re.search(r"@import|\bimport\b.*\bfrom\b|import\(", path.read_text("utf-8"))


def test_a_studio_is_what_studio_opens(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLETOOLS_RUNS", str(tmp_path / "elsewhere"))
    panel = styletools.studio()
    assert isinstance(panel, Studio)
    assert panel.store.folder == tmp_path / "elsewhere"
    assert not panel.store.folder.exists()  # until there is something to keep
    assert isinstance(panel.run, Run | None)


THREADS = """
import os, torch
from styletools.lab.studio.thread import end_idle_threads
torch.set_num_threads(2)
multiply = lambda: torch.randn(600, 600) @ torch.randn(600, 600)
counts = []
for work in (multiply, end_idle_threads, multiply):
    work()
    counts.append(len(os.listdir("/proc/self/task")))
print(counts[1] - counts[0], counts[2] - counts[0])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="GNU's OpenMP, and /proc")
def test_a_run_does_not_share_the_cores_with_idle_threads():
    command = [sys.executable, "-c", THREADS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.split() == ["-1", "0"]
