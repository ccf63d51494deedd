"""Settings: the assignment's defaults, and a clear error for each that is out of bounds."""

import dataclasses
import math

import pytest

from styletools.config import ASSIGNMENT, TransferConfig
from styletools.errors import ConfigError


def test_the_defaults_are_the_assignments():
    assert TransferConfig() == ASSIGNMENT
    assert ASSIGNMENT.style_weights == {
        "conv1_1": 1.0,
        "conv2_1": 0.75,
        "conv3_1": 0.2,
        "conv4_1": 0.2,
        "conv5_1": 0.2,
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
