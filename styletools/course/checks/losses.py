"""Checks of the four loss functions of lesson 3.

The weights are odd on purpose: with a content weight of 1 a missing α would pass. Content and
target differ: the content loss of a target that has not moved is 0 whatever is written.
"""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from styletools.course import todos as kit
from styletools.course.checks import engine, mistakes, values
from styletools.course.checks.engine import Diagnosis, Finding, Function, Meaning, Todo
from styletools.course.checks.gram import UNPACKING
from styletools.course.checks.values import Mistake

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

SHAPE_CALLED = Meaning(
    r"'torch.Size' object is not callable",
    "shape-called",
    "`shape` is no method, but the sizes themselves.",
)
INDEX_FOR_NAME = Meaning(
    r"KeyError: '?\d+'?$",
    "index-for-name",
    "The features are kept by layer name, such as 'conv1_1', no longer by index.",
)
UNKNOWN_LAYER = Meaning(
    r"KeyError: ",
    "unknown-layer",
    "The dict has no such layer. Its keys are names such as 'conv1_1': letter by letter.",
)
WHOLE_DICT = r"'dict'|dict object|type dict|\(dict|not dict"

CONTENT = Todo(
    "content_loss",
    "content",
    ("target_features", "content_features"),
    (
        INDEX_FOR_NAME,
        UNKNOWN_LAYER,
        Meaning(
            WHOLE_DICT,
            "whole-dict",
            "Both arguments are dicts with the features of all layers. Which layer stands for the "
            "content?",
        ),
    ),
)

LAYER_STYLE = Todo(
    "layer_style_loss",
    "layer-style",
    ("target_feature", "style_gram", "weight"),
    (
        Meaning(
            r"takes one image's features, \(1, C, h, w\); got \(\d+, \d+\)|not enough values",
            "gram-of-gram",
            "`style_gram` is a Gram matrix already, computed once before the loop.",
        ),
        Meaning(
            r"size of tensor|shapes cannot be multiplied",
            "shapes-differ",
            "Features of one layer, (1, d, h, w), and a Gram matrix, (d, d), cannot be compared. "
            "What must be done with the features first?",
        ),
        Meaning(
            r"'float' object is not subscriptable|'float' object has no attribute",
            "weight-is-a-number",
            "`weight` is this layer's weight, one number; the function sees one layer only.",
        ),
        Meaning(
            r"'Tensor' object is not callable",
            "tensor-called",
            "A tensor is used like a function. Did you give a result the name of the function?",
        ),
    ),
)

STYLE = Todo(
    "style_loss",
    "style",
    ("target_features", "style_grams", "style_weights"),
    (
        Meaning(
            r"KeyError: 'conv4_2'",
            "loops-over-all-layers",
            "conv4_2 is there for the content; it has no style weight. Which of the three dicts "
            "says which layers count?",
        ),
        INDEX_FOR_NAME,
        UNKNOWN_LAYER,
        Meaning(
            WHOLE_DICT,
            "whole-dict",
            "A whole dict is handed over where one layer's entry is wanted. Which layer is it in "
            "this round of the loop?",
        ),
        Meaning(
            r"size of tensor|shapes cannot be multiplied|Shapes differ",
            "layers-mixed",
            "Features and Gram matrix do not come from the same layer, or one of them was not "
            "made a Gram matrix.",
        ),
        UNPACKING,
        SHAPE_CALLED,
    ),
)

TOTAL = Todo("total_loss", "total", ("content", "style", "content_weight", "style_weight"))


def diagnose_content_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `content_loss(target_features, …)`."""

    def probe(function: Function, shapes: Shapes) -> None:
        content = made_up(shapes, seed=13)
        leaves, target = values.tracked(made_up(shapes, seed=20))
        known = mistakes.content_mistakes(target, content)
        _probe_loss(function, kit.content_loss, leaves, (target, content), known)

    return _diagnose_twice(CONTENT, answer, probe)


def diagnose_layer_style_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `layer_style_loss(target_feature, …)`."""

    def probe(function: Function, shapes: Shapes) -> None:
        shape, weight = shapes["conv2_1"], WEIGHTS["conv2_1"] if shapes is SHAPES else 1.9
        gram = kit.gram_matrix(values.features(*shape, seed=30))
        leaves, target = values.tracked({"the features": values.features(*shape, seed=40)})
        arguments = (target["the features"], gram, weight)
        known = mistakes.layer_style_mistakes(*arguments)
        _probe_loss(function, kit.layer_style_loss, leaves, arguments, known)

    return _diagnose_twice(LAYER_STYLE, answer, probe)


def diagnose_style_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `style_loss(target_features, …)`."""

    def probe(function: Function, shapes: Shapes) -> None:
        weights = dict(WEIGHTS if shapes is SHAPES else OTHER_WEIGHTS)
        grams = {name: kit.gram_matrix(x) for name, x in made_up(shapes, seed=50).items()}
        leaves, target = values.tracked(made_up(shapes, seed=60))
        known = mistakes.style_mistakes(target, grams, weights)
        _probe_loss(function, kit.style_loss, leaves, (target, grams, weights), known)

    return _diagnose_twice(STYLE, answer, probe)


def diagnose_total_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `total_loss(content, style, …)`."""

    def probe(function: Function, shapes: Shapes) -> None:
        alpha, beta = (3.5, 0.7) if shapes is SHAPES else (0.3, 2100.0)
        losses = {"the content loss": torch.tensor(1.9), "the style loss": torch.tensor(5.3)}
        leaves, copies = values.tracked(losses)
        content, style = copies.values()
        known = mistakes.total_mistakes(content, style, alpha, beta)
        given = f"content 1.9, style 5.3 and weights {alpha:g}, {beta:g}"
        _probe_loss(function, kit.total_loss, leaves, (content, style, alpha, beta), known, given)

    return _diagnose_twice(TOTAL, answer, probe)


def made_up(shapes: Shapes, seed: int) -> Features:
    """Features for every layer: {layer: (1, C, h, w)}."""
    shapes_of = enumerate(shapes.items())
    return {name: values.features(*shape, seed + i) for i, (name, shape) in shapes_of}


def _diagnose_twice(
    todo: Todo, answer: object, probe: Callable[[Function, Shapes], None]
) -> Diagnosis:
    """At made-up sizes and weights, then at others: what is written as a number shows."""

    def again(function: Function) -> None:
        try:
            probe(function, OTHER_SHAPES)
        except Finding as finding:
            raise Finding(
                "hard-coded",
                "Right for the check's first sizes and weights, but not for others. What is fixed "
                f"in the code, or kept from the call before? {finding.message}",
            ) from None

    return engine.diagnose(todo, answer, [lambda function: probe(function, SHAPES), again])


def _probe_loss(
    function: Function,
    right: Function,
    leaves: Features,
    arguments: tuple,
    known: Iterable[Mistake],
    given: str = "small made-up features",
) -> None:
    """Value, then gradient, of a loss against the kit's."""
    result = function(*arguments)
    got, expected = values.scalar(result), right(*arguments)
    values.compare(got, expected, known, given)
    values.gradient(result, got, expected, leaves)
