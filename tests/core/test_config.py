"""Settings: the assignment's defaults, and a clear error for each that is out of bounds."""

import dataclasses
import math
import os
import shutil
import subprocess
import sys

import pytest

from styletools.config import (
    ASSIGNMENT,
    COURSE_FILE,
    LATER_SETTINGS,
    TransferConfig,
    read_course,
)
from styletools.errors import ConfigError


def test_the_defaults_are_the_assignments():
    assert TransferConfig() == ASSIGNMENT
    assert ASSIGNMENT.style_weights == {
        "conv1_1": 1.0,
        "conv2_1": 0.8,
        "conv3_1": 0.5,
        "conv4_1": 0.3,
        "conv5_1": 0.1,
    }
    expected = {
        "content_weight": 1,
        "style_weight": 1e6,
        "steps": 2000,
        "optimizer": "adam",
        "learning_rate": 0.003,
        "max_size": 400,
        "start": "content",
        "content_layers": ("conv4_2",),
        "convention": "course",
        "tv_weight": 0,
    }
    assert {name: getattr(ASSIGNMENT, name) for name in expected} == expected


def test_frozen_and_not_shared():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ASSIGNMENT.steps = 3
    weights = {"conv1_1": 1.0}
    config = TransferConfig(style_weights=weights)
    weights["conv1_1"] = 5.0
    assert config.style_weights == {"conv1_1": 1.0}


def test_there_and_back_through_a_dictionary():
    config = TransferConfig(steps=7, style_weights={"conv3_4": 0.5}, pooling="avg")
    assert TransferConfig.from_dict(config.to_dict()) == config


def test_filters_go_with_the_divisors_unless_they_are_named():
    course, paper = (TransferConfig(convention=name) for name in ("course", "paper"))
    assert (course.has_normalised_filters, paper.has_normalised_filters) == (False, True)
    assert course.replace(normalise_filters=True).has_normalised_filters is True
    assert paper.replace(normalise_filters=False).has_normalised_filters is False


def test_settings_saved_before_a_setting_came_mean_what_they_meant():
    before = TransferConfig(convention="paper").to_dict()
    for name in LATER_SETTINGS:
        del before[name]
    config = TransferConfig.from_dict(before)
    assert (config.has_normalised_filters, config.clamp) == (False, False)
    assert not config.may_end_early
    assert config.colour == "style"


def test_every_setting_has_help():
    assert all(len(field.metadata["help"]) > 10 for field in dataclasses.fields(TransferConfig))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"content_weight": -1}, "content_weight is -1; give a number 0 or more"),
        ({"style_weight": math.nan}, "style_weight is nan; give a finite number"),
        ({"style_weight": math.inf}, "style_weight is inf; give a finite number"),
        ({"style_weight": "1e6"}, "style_weight is '1e6'; give a finite number"),
        ({"tv_weight": -0.1}, "tv_weight is -0.1"),
        ({"learning_rate": 0}, "learning_rate is 0; give a number more than 0 and at most 10"),
        ({"learning_rate": 11}, "learning_rate is 11"),
        ({"steps": 0}, "steps is 0; give a whole number from 1 to"),
        ({"steps": 2.5}, "steps is 2.5; give a whole number"),
        ({"steps": True}, "steps is True"),
        ({"max_size": 8}, "max_size is 8; give a whole number from 16 to 16384"),
        ({"seed": -1}, "seed is -1"),
        ({"optimizer": "sgd"}, "optimizer is 'sgd'; choose one of adam, lbfgs"),
        ({"convention": "mine"}, "convention is 'mine'; choose one of course, paper"),
        ({"picture_tolerance": -1}, "picture_tolerance is -1; give a number 0 or more and at most"),
        ({"normalise_filters": "yes"}, "normalise_filters is 'yes'; choose one of False, True"),
        ({"colour": "grey"}, "colour is 'grey'; choose one of style, match, luminance"),
        ({"pooling": "mean"}, "pooling is 'mean'; choose one of max, avg"),
        ({"style_weights": {"conv1": 1}}, "Unknown layer 'conv1'; .* conv1_1, conv1_2"),
        ({"style_weights": {"conv1_1": -1}}, r"style_weights\['conv1_1'\] is -1; give a number 0"),
        ({"style_weights": [1, 2]}, r"style_weights is \[1, 2\]; give a dict"),
        ({"content_layers": "conv4_2"}, r"give a list of names such as \['conv4_2'\]"),
        ({"content_layers": ["relu"]}, "Unknown layer 'relu'"),
        ({"start": ""}, "start is ''; give a name or a path"),
        ({"backbone": None}, "backbone is None; give a name or a path"),
        ({"content_weight": 0, "style_weight": 0}, "are both 0, so nothing would be optimised"),
        ({"content_weight": 0, "style_weights": {}}, "nothing would be optimised"),
    ],
)
def test_settings_out_of_bounds(settings, message):
    with pytest.raises(ConfigError, match=message):
        TransferConfig(**settings)


def test_unknown_settings():
    with pytest.raises(ConfigError, match="Unknown setting 'beta'; the settings are content_weig"):
        ASSIGNMENT.replace(beta=1)
    with pytest.raises(ConfigError, match="Unknown setting 'epochs'"):
        TransferConfig.from_dict({"epochs": 3})


# --- The file that an instructor edits -------------------------------------------------------


def course_file(tmp_path, change):
    path = tmp_path / "course.toml"
    path.write_text(change(COURSE_FILE.read_text("utf-8")), "utf-8")
    return path


def test_the_defaults_stand_in_the_courses_file():
    base = read_course()["base"]
    assert {name: getattr(ASSIGNMENT, name) for name in base} == base


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps", "step", r"course\.toml: 'step' is unknown or missing; the table \[base\] holds"),
        ("learning_rate = 0.003", "", "'learning_rate' is unknown or missing"),
        ("[base]", "[basis]", "'content_weight' is unknown or missing"),
        ("0.003", "3 thousandths", r"course\.toml cannot be read \(.*line 12"),
    ],
)
def test_a_wrong_courses_file_is_named(tmp_path, old, new, message):
    path = course_file(tmp_path, lambda text: text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        read_course(path)
    with pytest.raises(ConfigError, match=r"gone\.toml cannot be read"):
        read_course(tmp_path / "gone.toml")


def in_a_copy_of_the_kit(tmp_path, old, new, code):
    """Run Python with a kit whose course's file was edited."""
    kit = shutil.copytree(COURSE_FILE.parents[1], tmp_path / "styletools")
    text = (kit / "data" / "course.toml").read_text("utf-8")
    assert old in text
    (kit / "data" / "course.toml").write_text(text.replace(old, new), "utf-8")
    return subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=600,
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False,
    )  # fmt: skip


def test_an_instructors_base_reaches_presets_and_experiments(tmp_path):
    code = """
from styletools.config import FAST, STYLE_WEIGHTS, TransferConfig
from styletools.lab.plans import part2
from styletools.lab.studio.controls import WEIGHT_PRESETS as PRESETS
print(TransferConfig().steps, STYLE_WEIGHTS["conv2_1"], FAST.style_weights["conv2_1"])
print(part2()["c"].steps, part2()["base"].style_weights == PRESETS["The assignment's"])
"""
    done = in_a_copy_of_the_kit(tmp_path, "conv2_1 = 0.8", "conv2_1 = 7", code)
    assert done.stdout == "2000 7 7.0\n5000 True\n", done.stderr
    shutil.rmtree(tmp_path / "styletools")
    done = in_a_copy_of_the_kit(tmp_path, "steps = 2000", "steps = 300", code)
    assert done.stdout == "300 0.8 0.8\n750 True\n", done.stderr


def test_a_value_out_of_bounds_names_the_file(tmp_path):
    done = in_a_copy_of_the_kit(tmp_path, "1e6", "-1", "import styletools.config")
    assert "course.toml, [base]: style_weight is -1.0; give a number 0 or more" in done.stderr


def test_settings_do_not_wait_for_torch():
    code = "import sys, styletools.config; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
