"""The losses of a student's pictures, computed by the kit itself and compared with a run's own.

Of honest runs the first losses are the same; of picture.png, clipped and rounded to 8 bits, content
is within 8 %, and the layers within 17 % and 3 % of where they started (conv1_1, which is tiny at
the end, at up to 650 times what the run ended with).
"""

import functools

import numpy as np
import torch
from torch import Tensor

from styletools import backbones
from styletools.backbones import Backbone
from styletools.config import TransferConfig
from styletools.course.handin.runs import Fault, History, Record, final_row, starts_as_content
from styletools.engine.objective import Objective
from styletools.engine.precision import network_for
from styletools.errors import BackboneError
from styletools.images import to_tensor

FIRST = 0.05  # relative: one start on two machines, in two precisions, of a JPEG file
LAST, LAST_CONTENT = 0.25, 0.2  # relative: picture.png is one step further, clipped, and rounded
LAST_OF_START = 0.1  # to 8 bits, which conv1_1 notices most: of its loss at the start, besides
LEFT = {0.2: 0.75, 0.5: 0.5, 1.0: 0.4}
"""{learning rate times steps, at least: of the first total, the most that is left}.

Adam moves no pixel further than that product. Twice what honest runs leave, and more.
"""
LEFT_OF_LBFGS = 0.4
MEASURED = ("vgg19", "small", "torchvision")

Losses = dict[str, float]
Pixels = np.ndarray
"""(H, W, 3), uint8."""


class Bench:
    """Measures runs; what several of them share is computed once."""

    def __init__(self) -> None:
        self._objectives: dict[tuple[object, ...], tuple[Objective, Losses]] = {}

    def losses(
        self, config: TransferConfig, picture: Pixels, content: Tensor, style: Tensor, net: Backbone
    ) -> tuple[Losses, Losses]:
        """The losses of the content and of a picture, under a run's settings.

        Args:
            config: of the run.
            picture: its final one.
            content: (1, 3, H, W), normalised, of the same size; the same object for runs that
                share it.
            style: likewise.
            net: that the run was done with.

        Raises:
            StyletoolsError: they cannot be measured: the network does not have these layers.
        """
        network = (net.sha256, config.pooling, config.has_normalised_filters)
        terms = (config.convention, config.content_layers, *config.style_weights)
        key = (id(content), id(style), *network, *terms)
        with torch.inference_mode():
            if key not in self._objectives:
                model = network_for(net, config, torch.device("cpu"), "float32")
                objective = Objective(model, content, style, config)
                self._objectives[key] = objective, _parts(objective, content)
            objective, start = self._objectives[key]
            end = _parts(objective, to_tensor(picture))
        return _with_total(config, start), _with_total(config, end)


def faults(record: Record, history: History, start: Losses, end: Losses) -> list[Fault]:
    """Where a history does not begin or end with the losses of its pictures."""
    found, row = [], final_row(record, history)
    styles = [*record.config.style_weights, "total"]
    for name in styles if starts_as_content(record.config) else ():
        if off := _off(history[name][0], start[name], FIRST * start[name]):
            text = f"At the first step {name} is {off} of these pictures and weights."
            found.append(Fault("first loss", text))
            break
    for name in ("content", *styles):
        told = float(history[name][row])
        slack = LAST_CONTENT * told if name == "content" else LAST * told
        if off := _off(told, end[name], slack + LAST_OF_START * start[name]):
            text = f"picture.png is not where the losses end: {name} is {off} of the picture."
            found.append(Fault("picture", text))
            break
    return found


def doubt(record: Record, start: Losses, end: Losses) -> str:
    """Why the losses do not show that a run was done; "" if they do."""
    config = record.config
    if not starts_as_content(config):
        return "it does not start as the content, so its first loss cannot be computed"
    travel = config.learning_rate * config.steps
    limits = [LEFT_OF_LBFGS] if config.optimizer == "lbfgs" else []
    limits += [left for least, left in LEFT.items() if travel >= least]
    if not limits:
        return f"{config.steps} steps of {config.learning_rate:g} are too short to tell"
    if end["total"] <= min(limits) * start["total"]:
        return ""
    left = end["total"] / start["total"]
    return (
        f"the picture has {left:.0%} of the first total loss; a run with these settings leaves "
        f"less than {min(limits):.0%}"
    )


def _off(told: float, found: float, slack: float) -> str:
    """Both numbers, where they differ by more than the slack."""
    return "" if abs(told - found) <= slack else f"{told:.3g} in losses.csv, and {found:.3g}"


def _parts(objective: Objective, picture: Tensor) -> Losses:
    return {name: float(value) for name, value in objective(picture)[1].items()}


def _with_total(config: TransferConfig, parts: Losses) -> Losses:
    style = sum(weight * parts[layer] for layer, weight in config.style_weights.items())
    total = config.content_weight * parts["content"] + config.style_weight * style
    return {**parts, "total": total + config.tv_weight * parts["tv"]}


def backbone_of(record: Record) -> Backbone | str:
    """The network that a run was done with, or why it is not here."""
    told, weights = record.config.backbone, record.text("backbone_sha256", "environment")
    name = backbones.OLD_NAMES.get(told, told)
    if name not in MEASURED:
        return "the network is a file of the student's own"
    if name == "torchvision" and not backbones.torchvision_file().exists():
        return "the weights of its network are not on this machine"
    try:
        backbone = _load(name)
    except BackboneError:
        return "the weights of its network are not on this machine"
    same = name == "torchvision" or backbone.sha256 == weights  # a class's copy is rounded
    return backbone if same else f"the {told} network was another one than the kit has now"


@functools.lru_cache(maxsize=2)
def _load(name: str) -> Backbone:
    return backbones.load_backbone(name)
