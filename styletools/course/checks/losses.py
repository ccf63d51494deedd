"""Checks of the four loss functions of lesson 3.

The weights are odd on purpose: with a content weight of 1 a missing α would pass. Content and
target differ: the content loss of a target that has not moved is 0 whatever is written.
"""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from styletools.course import probes
from styletools.course.checks import engine, mistakes, values
from styletools.course.checks.engine import Objection, TodoFunction
from styletools.course.checks.values import KnownMistake
from styletools.course.diagnosis import Diagnosis
from styletools.course.todos import TODOS, gram_matrix

Shapes = Mapping[str, tuple[int, int, int]]
Features = dict[str, Tensor]

# Every layer of its own shape, but for conv4_1 and conv4_2, which have the same in VGG19 too.
SHAPES = {
    "conv1_1": (2, 7, 11),
    "conv2_1": (3, 5, 7),
    "conv3_1": (5, 4, 3),
    "conv4_1": (7, 2, 3),
    "conv4_2": (7, 2, 3),
    "conv5_1": (4, 2, 1),
}
OTHER_SHAPES = {name: (d + 1, w + 2, h) for name, (d, h, w) in SHAPES.items()}
WEIGHTS = {"conv1_1": 1.7, "conv2_1": 0.7, "conv3_1": 2.3, "conv4_1": 0.35, "conv5_1": 3.1}
OTHER_WEIGHTS = {"conv2_1": 0.45, "conv4_1": 2.6, "conv5_1": 1.3}  # fewer layers too


def diagnose_content_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `content_loss(target_features, …)`."""

    def probe(function: TodoFunction, shapes: Shapes) -> None:
        content = made_up(shapes, seed=13)
        leaves, target = values.tracked(made_up(shapes, seed=20))
        known = mistakes.content_mistakes(target, content)
        _probe_loss(function, TODOS["content_loss"].answer, leaves, (target, content), known)

    return _diagnose_twice("content_loss", answer, probe)


def diagnose_layer_style_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `layer_style_loss(target_feature, …)`."""

    def probe(function: TodoFunction, shapes: Shapes) -> None:
        shape, weight = shapes["conv2_1"], WEIGHTS["conv2_1"] if shapes is SHAPES else 1.9
        gram = gram_matrix(probes.features(*shape, seed=30))
        leaves, target = values.tracked({"the features": probes.features(*shape, seed=40)})
        arguments = (target["the features"], gram, weight)
        known = mistakes.layer_style_mistakes(*arguments)
        _probe_loss(function, TODOS["layer_style_loss"].answer, leaves, arguments, known)

    return _diagnose_twice("layer_style_loss", answer, probe)


def diagnose_style_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `style_loss(target_features, …)`."""

    def probe(function: TodoFunction, shapes: Shapes) -> None:
        weights = dict(WEIGHTS if shapes is SHAPES else OTHER_WEIGHTS)
        grams = {name: gram_matrix(x) for name, x in made_up(shapes, seed=50).items()}
        leaves, target = values.tracked(made_up(shapes, seed=60))
        known = mistakes.style_mistakes(target, grams, weights)
        _probe_loss(function, TODOS["style_loss"].answer, leaves, (target, grams, weights), known)

    return _diagnose_twice("style_loss", answer, probe)


def diagnose_total_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `total_loss(content, style, …)`."""

    def probe(function: TodoFunction, shapes: Shapes) -> None:
        alpha, beta = (3.5, 0.7) if shapes is SHAPES else (0.3, 2100.0)
        losses = {"the content loss": torch.tensor(1.9), "the style loss": torch.tensor(5.3)}
        leaves, copies = values.tracked(losses)
        content, style = copies.values()
        known = mistakes.total_mistakes(content, style, alpha, beta)
        given = f"content 1.9, style 5.3 and weights {alpha:g}, {beta:g}"
        _probe_loss(
            function,
            TODOS["total_loss"].answer,
            leaves,
            (content, style, alpha, beta),
            known,
            given,
        )

    return _diagnose_twice("total_loss", answer, probe)


def made_up(shapes: Shapes, seed: int) -> Features:
    """Features for every layer: {layer: (1, C, h, w)}."""
    shapes_of = enumerate(shapes.items())
    return {name: probes.features(*shape, seed + i) for i, (name, shape) in shapes_of}


def _diagnose_twice(
    name: str, answer: object, probe: Callable[[TodoFunction, Shapes], None]
) -> Diagnosis:
    """At made-up sizes and weights, then at others: what is written as a number shows."""

    def again(function: TodoFunction) -> None:
        try:
            probe(function, OTHER_SHAPES)
        except Objection as finding:
            raise Objection(
                "hard-coded",
                "Right for the check's first sizes and weights, but not for others. What is fixed "
                f"in the code, or kept from the call before? {finding.message}",
            ) from None

    return engine.diagnose(TODOS[name], answer, [lambda function: probe(function, SHAPES), again])


def _probe_loss(
    function: TodoFunction,
    right: TodoFunction,
    leaves: Features,
    arguments: tuple,
    known: Iterable[KnownMistake],
    given: str = "small made-up features",
) -> None:
    """Value, then gradient, of a loss against the kit's."""
    result = function(*arguments)
    got, expected = values.scalar(result), right(*arguments)
    values.compare(got, expected, known, given)
    values.gradient(result, got, expected, leaves)
