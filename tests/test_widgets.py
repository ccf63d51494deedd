"""The panel, without a browser: its controls, and runs in its thread."""

import threading

import pytest

from styletools import stylize, widgets
from styletools.config import FAST, TransferConfig
from styletools.errors import ConfigError
from styletools.transfer import DivergedError
from styletools.widgets import TransferPanel

WAIT = 60  # seconds, for a machine that does much else


@pytest.fixture
def panel(photo, noise):
    """Tiny pictures, and a few steps of Adam."""
    settings = TransferConfig(steps=3)
    return TransferPanel({"photo": photo}, {"noise": noise}, max_size=32, defaults=settings)


@pytest.fixture
def held(monkeypatch):
    """A run that waits after its first step until it is let go on."""
    reached, go_on = threading.Event(), threading.Event()

    def slow(*arguments, callback, **settings):
        def wait(step):
            reached.set()
            assert go_on.wait(WAIT)
            return callback(step)

        return stylize(*arguments, callback=wait, **settings)

    monkeypatch.setattr(widgets, "stylize", slow)
    return reached, go_on


def test_at_first_the_controls_stand_at_the_fast_preset(photo, noise):
    panel = TransferPanel({"photo": photo}, {"noise": noise}, max_size=FAST.max_size)
    assert panel.config == FAST


def test_every_control_changes_its_setting(panel):
    values = {"content_weight": 7.0, "style_weight": 1e4, "learning_rate": 0.02, "steps": 9}
    for name, value in {**values, "optimizer": "lbfgs"}.items():
        panel.knobs[name].value = value
        assert getattr(panel.config, name) == value
    panel.layers["conv3_1"].value = 1.5
    panel.layers["conv5_1"].value = 0
    assert panel.config.style_weights["conv3_1"] == 1.5
    assert "conv5_1" not in panel.config.style_weights


def test_a_run_ends_with_its_result_and_picture(panel):
    before = bytes(panel.preview.value)
    panel.run_button.click()
    assert panel.wait(WAIT)
    assert len(panel.result.loss_history) == 3
    assert panel.result.config.steps == 3
    assert bytes(panel.preview.value) != before
    assert bytes(panel.preview.value).startswith(b"\xff\xd8")  # a JPEG
    assert panel.status.value.startswith("Finished after 3 steps")
    assert panel.bar.value == panel.bar.max == 3


def test_starting_returns_at_once_and_the_buttons_follow(panel, held):
    reached, go_on = held
    panel.run_button.click()
    assert reached.wait(WAIT)
    assert panel.running
    assert (panel.run_button.disabled, panel.stop_button.disabled) == (True, False)
    go_on.set()
    assert panel.wait(WAIT)
    assert (panel.run_button.disabled, panel.stop_button.disabled) == (False, True)


def test_stop_keeps_what_is_there(panel, held):
    reached, go_on = held
    panel.run_button.click()
    assert reached.wait(WAIT)
    panel.stop_button.click()
    go_on.set()
    assert panel.wait(WAIT)
    assert len(panel.result.loss_history) == 1
    assert "Stopped" in panel.status.value


def test_a_second_start_does_not_begin_a_second_run(panel, held):
    reached, go_on = held
    panel.start()
    assert reached.wait(WAIT)
    first = panel._thread
    panel.start()
    assert panel._thread is first
    go_on.set()
    assert panel.wait(WAIT)


def test_a_run_after_a_stop_is_not_stopped(panel):
    panel.stop()
    panel.start()
    assert panel.wait(WAIT)
    assert len(panel.result.loss_history) == 3


def test_settings_that_cannot_be_are_explained_and_nothing_runs(panel):
    panel.layers["conv1_1"].value = 1
    panel.knobs["content_weight"].min = panel.knobs["style_weight"].min = -9
    for slider in panel.layers.values():
        slider.value = 0
    panel._max_size = 1
    panel.start()
    assert not panel.running
    assert "max_size is 1" in panel.status.value


def test_an_error_in_the_thread_is_shown(panel, noise):
    noise.unlink()
    panel.start()
    assert panel.wait(WAIT)
    assert "does not exist" in panel.status.value
    assert panel.result is None
    assert not panel.run_button.disabled


def test_a_run_that_diverges_says_what_to_do(panel, monkeypatch):
    def diverge(*arguments, **settings):
        raise DivergedError("At step 2 the loss is nan; lower learning_rate.", None)

    monkeypatch.setattr(widgets, "stylize", diverge)
    panel.start()
    assert panel.wait(WAIT)
    assert isinstance(panel.error, DivergedError)
    assert "lower learning_rate" in panel.status.value


def test_the_learning_rate_is_adams_alone(panel):
    assert not panel.knobs["learning_rate"].disabled
    panel.knobs["optimizer"].value = "lbfgs"
    assert panel.knobs["learning_rate"].disabled


def test_without_pictures_there_is_no_panel(photo):
    with pytest.raises(ConfigError, match="style"):
        TransferPanel({"photo": photo}, {})
