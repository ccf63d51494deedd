"""Checks of `layers`, by index: index 0 and index 1 give equal features (in-place ReLU)."""

import re
from collections.abc import Mapping
from typing import Any

from styletools.config import VGG19_LAYERS
from styletools.course.checks import engine
from styletools.course.checks.engine import Objection
from styletools.course.diagnosis import AnswerStatus, Diagnosis
from styletools.course.todos import TODOS
from styletools.vgg import ASSIGNMENT_LAYERS, POOLED_AFTER

NAME_AT = {index: name for name, index in VGG19_LAYERS.items()}
POOLING_INDICES = {VGG19_LAYERS[name] + 2 for name in POOLED_AFTER}
MODULE_COUNT = 37


def diagnose_layers(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `layers`; more layers than asked for are right."""
    try:
        _examine(answer)
    except Objection as found:
        return found.of(TODOS["layers"])
    return Diagnosis("layers", AnswerStatus.PASSED)


def _examine(answer: object) -> None:
    if answer is TODOS["layers"].answer:
        raise engine.kit_version("layers")
    if answer is None or answer is ...:
        raise engine.not_attempted("layers")
    if not isinstance(answer, Mapping):
        raise Objection(
            "not-a-dict",
            f"`layers` is of type {type(answer).__name__}, expected a dict from index, as text, to "
            "name. Which brackets and signs make one?",
        )
    filled = {key: name for key, name in answer.items() if name is not None and name is not ...}
    if filled in ({}, {"0": "conv1_1"}):
        raise engine.not_attempted("layers")
    _check_kinds(filled)
    mapping = {int(key): name for key, name in filled.items()}
    _check_counting(mapping)
    _check_exchange(mapping)
    for index, name in mapping.items():
        _check_entry(index, name)
    missing = [name for name in ASSIGNMENT_LAYERS.values() if name not in filled.values()]
    if missing:
        raise Objection(
            "missing-layer",
            f"Got {len(filled)} layers, expected {len(ASSIGNMENT_LAYERS)}; missing: "
            f"{', '.join(missing)}. Print the net and find their indices.",
        )


def _check_kinds(mapping: Mapping[Any, Any]) -> None:
    """Keys are indices as text, values are text."""
    for key, name in mapping.items():
        if isinstance(key, str) and key.strip().lower().startswith("conv"):
            raise Objection(
                "inverted",
                f"Got {key!r}: {name!r}, expected index: name. The loop goes through the net's "
                "indices; what does it look up in `layers`?",
            )
        if not isinstance(key, str):
            raise Objection(
                "integer-keys",
                f"Got the key {key!r} ({type(key).__name__}), expected text such as '0'. The net "
                "numbers its modules with text, and 0 == '0' is False.",
            )
        if not (key.isdecimal() and str(int(key)) == key and int(key) < MODULE_COUNT):
            raise Objection(
                "no-such-index",
                f"Got the key {key!r}, expected an index of the net as it prints it, from '0' to "
                f"'{MODULE_COUNT - 1}'.",
            )
        if not isinstance(name, str):
            raise Objection(
                "name-not-text",
                f"Got {name!r} ({type(name).__name__}) as a name, expected text such as 'conv1_1'.",
            )


def _check_counting(mapping: Mapping[int, str]) -> None:
    """Indices that count something else than the net's modules."""
    wanted = list(ASSIGNMENT_LAYERS.values())
    given = sorted((index, name) for index, name in mapping.items() if name in wanted[1:])
    indices = [index for index, _ in given]
    if len(given) < 2:
        return
    got = ", ".join(f"'{index}': '{name}'" for index, name in given)
    if indices in ([wanted.index(name) + k for _, name in given] for k in (0, 1)):
        raise Objection(
            "counted",
            f"Got {got}: the wanted layers numbered one after the other. An index is the place in "
            "the net, where ReLUs and poolings count too. Print the net.",
        )
    convolutions = list(VGG19_LAYERS)
    if indices in ([convolutions.index(name) + k for _, name in given] for k in (0, 1)):
        raise Objection(
            "counted-convolutions",
            f"Got {got}: only convolutions were counted. ReLUs and poolings have indices too. "
            "Print the net.",
        )


def _check_exchange(mapping: Mapping[int, str]) -> None:
    """Right indices and right names, but two of them exchanged."""
    for index, name in mapping.items():
        own = NAME_AT.get(index)
        if own and name in VGG19_LAYERS and name != own:
            other = VGG19_LAYERS[name]
            if mapping.get(other) == own:
                low, high = sorted((index, other))
                raise Objection(
                    "swapped-names",
                    f"Got '{low}': '{mapping[low]}' and '{high}': '{mapping[high]}': these two are "
                    "exchanged. The second number of a name counts within its block.",
                )


def _check_entry(index: int, name: str) -> None:
    if name not in VGG19_LAYERS:
        _check_name(index, name)
    if NAME_AT.get(index) == name:
        return
    got = f"Got '{index}': '{name}', but index {index} is"
    if NAME_AT.get(index - 1) == name:
        raise Objection(
            "relu-index",
            f"{got} the ReLU after {name}, expected the convolution itself. In the net as it "
            "comes both give the same numbers, since the ReLU works in place; the name belongs to "
            "the convolution.",
        )
    if index in POOLING_INDICES:
        raise Objection("pooling-index", f"{got} a pooling, expected the convolution. {_COUNT}")
    if index not in NAME_AT:
        raise Objection("other-relu", f"{got} the ReLU after {NAME_AT[index - 1]}. {_COUNT}")
    actual = NAME_AT[index]
    if actual[4] != name[4]:
        raise Objection(
            "off-by-a-block",
            f"{got} {actual}, of another block. A block ends with a pooling: count those above it.",
        )
    raise Objection(
        "wrong-convolution",
        f"{got} {actual}: the right block, another convolution. The second number of a name counts "
        "within the block.",
    )


_COUNT = "Print the net and count within the block."


def _check_name(index: int, name: str) -> None:
    if re.search(r"relu|pool", name, re.IGNORECASE):
        raise Objection(
            "not-a-convolution",
            f"Got '{index}': '{name}', expected only convolutions here, 'conv1_1' to 'conv5_4': "
            "other modules have no features of their own in this kit.",
        )
    raise Objection(
        "misspelt",
        f"Got the name {name!r}, expected one like 'conv1_1' (small letters, block, underscore, "
        "number). The losses look for exactly these names.",
    )
