"""Checks of lesson 3's losses, and of what is asked about them.

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
_Features = dict[str, Tensor]

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

# Many channels, many positions, few of both; the content's layer is large.
REAL_SHAPES = {
    "conv1_1": (2, 26, 45),
    "conv2_1": (70, 1, 2),
    "conv3_1": (2, 1, 2),
    "conv4_1": (5, 2, 3),
    "conv4_2": (5, 26, 45),
    "conv5_1": (2, 3, 1),
}
SCALES = {"conv2_1": 4.0, "conv4_2": 16.0}  # of features in these shapes; 1 for the others


def diagnose_content_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `content_loss(target_features, …)`."""

    def probe(function: TodoFunction, shapes: Shapes) -> None:
        content = made_up(shapes, 13, shapes is REAL_SHAPES)
        leaves, target = values.tracked(made_up(shapes, 20, shapes is REAL_SHAPES))
        known = mistakes.content_mistakes(target, content)
        _probe_loss(function, TODOS["content_loss"].answer, leaves, (target, content), known)

    return _diagnose_twice("content_loss", answer, probe)


def diagnose_layer_style_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `layer_style_loss(target_feature, …)`."""

    def probe(function: TodoFunction, shapes: Shapes) -> None:
        shape, weight = shapes["conv2_1"], WEIGHTS["conv2_1"] if shapes is SHAPES else 1.9
        gram = gram_matrix(made_up({"conv2_1": shape}, 30, shapes is REAL_SHAPES)["conv2_1"])
        features = made_up({"conv2_1": shape}, 40, shapes is REAL_SHAPES)["conv2_1"]
        leaves, target = values.tracked({"the features": features})
        arguments = (target["the features"], gram, weight)
        known = mistakes.layer_style_mistakes(*arguments)
        _probe_loss(function, TODOS["layer_style_loss"].answer, leaves, arguments, known)

    return _diagnose_twice("layer_style_loss", answer, probe)


def diagnose_style_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `style_loss(target_features, …)`."""

    def probe(function: TodoFunction, shapes: Shapes) -> None:
        weights, real = dict(WEIGHTS if shapes is SHAPES else OTHER_WEIGHTS), shapes is REAL_SHAPES
        grams = {name: gram_matrix(x) for name, x in made_up(shapes, 50, real).items()}
        leaves, target = values.tracked(made_up(shapes, 60, real))
        known = mistakes.style_mistakes(target, grams, weights)
        _probe_loss(function, TODOS["style_loss"].answer, leaves, (target, grams, weights), known)

    return _diagnose_twice("style_loss", answer, probe)


def diagnose_total_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `total_loss(content, style, …)`."""

    def probe(function: TodoFunction, shapes: Shapes) -> None:
        alpha, beta = (3.5, 0.7) if shapes is SHAPES else (0.3, 2100.0)
        size = 2.0**-12 if shapes is REAL_SHAPES else 1.0
        found = {"the content loss": 1.9 * size, "the style loss": 5.3 * size}
        losses = {name: torch.tensor(value) for name, value in found.items()}
        leaves, copies = values.tracked(losses)
        content, style = copies.values()
        known = mistakes.total_mistakes(content, style, alpha, beta)
        first, second = found.values()
        given = f"content {first:.4g}, style {second:.4g} and weights {alpha:g}, {beta:g}"
        arguments = (content, style, alpha, beta)
        _probe_loss(function, TODOS["total_loss"].answer, leaves, arguments, known, given)

    return _diagnose_twice("total_loss", answer, probe)


def diagnose_paper_layer_loss(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `paper_layer_loss(target_feature, style_gram)`."""

    def probe(function: TodoFunction, shapes: Shapes) -> None:
        real = shapes is REAL_SHAPES
        layer = "conv2_1" if real else "conv3_1"
        shape = shapes[layer]
        gram = gram_matrix(made_up({layer: shape}, 30, real)[layer])
        features = made_up({layer: shape}, 40, real)[layer]
        leaves, target = values.tracked({"the features": features})
        arguments = (target["the features"], gram)
        known = mistakes.paper_mistakes(*arguments)
        right, given = TODOS["paper_layer_loss"].answer, f"features {(1, *shape)}"
        _probe_loss(function, right, leaves, arguments, known, given)

    return _diagnose_twice("paper_layer_loss", answer, probe)


def diagnose_course_factor(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `course_factor(d, h, w)`."""

    def probe(function: TodoFunction, shapes: Shapes) -> None:
        shape = shapes["conv2_1"]
        got = _number("the factor", function(*shape))
        expected = torch.tensor(float(TODOS["course_factor"].answer(*shape)))
        given = "d = {}, h = {}, w = {}".format(*shape)
        values.compare(got, expected, mistakes.factor_mistakes(*shape), given)

    return _diagnose_twice("course_factor", answer, probe)


def diagnose_loss_growth(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `loss_growth(copies)`."""

    def probe(function: TodoFunction, copies: int) -> None:
        found = function(copies)
        if not isinstance(found, Mapping):
            raise Objection(
                "not-a-dict",
                f"Your answer is of type {type(found).__name__}, expected a dict from the name of "
                "each loss to its factor.",
            )
        if all(value is None or value is ... for value in found.values()):
            raise engine.not_attempted("loss_growth")
        for name, right in TODOS["loss_growth"].answer(copies).items():
            if found.get(name) is None:
                raise Objection("missing-entry", f"There is no factor for {name!r}.")
            got = _number(f"the factor of {name}", found[name])
            code, says = mistakes.GROWTH_SAYS[name]
            if not values.close(got, torch.tensor(float(right))):
                shown = f"for copies={copies}: {name!r} got {values.show(got)}"
                raise Objection(code, f"{says} What does that make of it? ({shown})")

    def again(function: TodoFunction) -> None:
        try:
            probe(function, 5)
        except Objection as finding:
            raise Objection(
                "hard-coded",
                f"Right for three copies, but not for five. {finding.message} How does each "
                "factor depend on the number of copies?",
            ) from None

    todo = TODOS["loss_growth"]
    return engine.diagnose(todo, answer, [lambda function: probe(function, 3), again])


def _number(what: str, value: object) -> Tensor:
    """A plain number, or a tensor with one number in it."""
    if isinstance(value, Tensor) and value.numel() == 1:
        return value.detach().reshape(()).float()
    if not values.is_number(value):
        says = f"{what} is {value!r} ({type(value).__name__}), expected a number."
        raise Objection("not-a-number", says[0].upper() + says[1:])
    return torch.tensor(float(value))  # type: ignore[arg-type]


def made_up(shapes: Shapes, seed: int, real: bool) -> _Features:
    """Features for every layer: {layer: (1, C, h, w)}; `real` for numbers such as a network's."""
    found = {}
    for number, (name, shape) in enumerate(shapes.items(), start=seed):
        if real:
            found[name] = probes.real_features(*shape, number, SCALES.get(name, 1.0))
        else:
            found[name] = probes.features(*shape, number)
    return found


def _diagnose_twice(
    name: str, answer: object, probe: Callable[[TodoFunction, Shapes], None]
) -> Diagnosis:
    """At made-up sizes and weights, at others, and on features such as a network gives."""

    def again(function: TodoFunction) -> None:
        try:
            probe(function, OTHER_SHAPES)
        except Objection as finding:
            raise Objection(
                "hard-coded",
                "Right for the check's first sizes and weights, but not for others. What is fixed "
                f"in the code, or kept from the call before? {finding.message}",
            ) from None

    def last(function: TodoFunction) -> None:
        with values.like_a_network(REAL_SHAPES["conv4_2"]):
            probe(function, REAL_SHAPES)

    first: TodoFunction = lambda function: probe(function, SHAPES)  # noqa: E731
    return engine.diagnose(TODOS[name], answer, [first, again, last])


def _probe_loss(
    function: TodoFunction,
    right: TodoFunction,
    leaves: _Features,
    arguments: tuple,
    known: Iterable[KnownMistake],
    given: str = "small made-up features",
) -> None:
    """Value, then gradient, of a loss against the kit's."""
    result = function(*arguments)
    got, expected = values.scalar(result), right(*arguments)
    values.compare(got, expected, known, given)
    values.gradient(result, got, expected, leaves)
