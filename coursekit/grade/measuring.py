"""The losses of a student's pictures, computed by the kit itself and compared with a run's own.

Seen on 15 honest runs (offline backbone, 96 and 160 pixels, (a) to (d), L-BFGS): the first losses
are the same; of picture.png, clipped and rounded to 8 bits, content is within 8 %, and the layers
within 17 % and 3 % of where they started, conv1_1 at up to 650 times what the run ended with. With
the backbone of 2026-11-26, 400 pixels, colours clipped as hard as they come (astronaut × stained
glass): content within 5 %, layers within 8 % of where they started.
"""

import functools

import numpy as np
import torch
from torch import Tensor

from styletools import backbones
from styletools.backbones import Backbone
from styletools.course.handin.runs import (
    FIRST_STEP,
    Fault,
    History,
    Record,
    final_row,
    starts_as_content,
)
from styletools.engine.objective import Objective
from styletools.engine.precision import network_for
from styletools.errors import BackboneError
from styletools.images import to_tensor

LAST, LAST_CONTENT = 0.25, 0.2  # relative: picture.png is one step further, clipped, and rounded
LAST_OF_START = 0.1  # to 8 bits, which conv1_1 notices most: of its loss at the start, besides
NOT_HERE = "the weights of its network are not on this machine"

Pixels = np.ndarray
"""(H, W, 3), uint8."""


class Bench:
    """Measures runs; what several of them share is computed once."""

    def __init__(self) -> None:
        self._objectives: dict[tuple[object, ...], Objective] = {}
        self._starts: dict[int, dict[str, float]] = {}

    def faults(
        self,
        record: Record,
        history: History,
        picture: Pixels,
        content: Tensor,
        style: Tensor,
        backbone: Backbone,
    ) -> list[Fault]:
        """Where a run's losses are not those of its pictures.

        Args:
            record: what the run says of itself.
            history: its losses.
            picture: the final one.
            content: (1, 3, H, W), normalised, of the same size; the same object for runs that
                share it.
            style: likewise.
            backbone: that the run was done with.

        Raises:
            StyletoolsError: they cannot be measured: the network does not have these layers.
        """
        config, faults = record.config, []
        network = (backbone.sha256, config.pooling, config.has_normalised_filters)
        key = (id(content), id(style), *network, config.convention,
               config.content_layers, *config.style_weights)  # fmt: skip
        with torch.inference_mode():
            if key not in self._objectives:
                model = network_for(backbone, config, torch.device("cpu"), "float32")
                self._objectives[key] = Objective(model, content, style, config)
            objective = self._objectives[key]
            if id(objective) not in self._starts:
                self._starts[id(objective)] = _losses(objective, content)
            start, end = self._starts[id(objective)], _losses(objective, to_tensor(picture))
        layers = list(config.style_weights)
        if starts_as_content(config):
            for layer in layers:
                told = float(history[layer][0])
                if off := _off(told, start[layer], FIRST_STEP * start[layer]):
                    text = f"At the first step {layer} is {off} of these pictures and weights."
                    faults.append(Fault("first loss", text))
                    break
        row = final_row(record, history)
        for name in ("content", *layers) if row is not None else ():
            told = float(history[name][row])
            slack = LAST * told + LAST_OF_START * start[name]
            slack = LAST_CONTENT * told if name == "content" else slack
            if off := _off(told, end[name], slack):
                text = f"picture.png is not where the losses end: {name} is {off} of the picture."
                faults.append(Fault("picture", text))
                break
        return faults


def _off(told: float, found: float, slack: float) -> str:
    """Both numbers, where they differ by more than the slack."""
    return "" if abs(told - found) <= slack else f"{told:.3g} in losses.csv, and {found:.3g}"


def _losses(objective: Objective, picture: Tensor) -> dict[str, float]:
    return {name: float(value) for name, value in objective(picture)[1].items()}


def backbone_of(record: Record) -> Backbone | str:
    """The network that a run was done with, or why it is not here."""
    told, weights = record.config.backbone, record.text("backbone_sha256", "environment")
    name = backbones.OLD_NAMES.get(told, told)
    if name not in ("vgg19", "small", "torchvision"):
        return "the network is a file of the student's own"
    if name == "torchvision" and not backbones.torchvision_file().exists():
        return NOT_HERE
    try:
        backbone = _load(name)
    except BackboneError:
        return NOT_HERE
    same = name == "torchvision" or backbone.sha256 == weights  # a class's copy is rounded
    return backbone if same else f"the {told} network was another one than the kit has now"


@functools.lru_cache(maxsize=2)
def _load(name: str) -> Backbone:
    return backbones.load_backbone(name)
