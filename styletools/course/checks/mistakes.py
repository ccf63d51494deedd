"""What known mistakes give in place of each loss, on any input; the likelier mistakes first."""

import math
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from styletools.config import STYLE_WEIGHTS
from styletools.course.checks.values import KnownMistake
from styletools.course.todos import gram_matrix

UDACITYS = {"conv1_1": 1.0, "conv2_1": 0.75, "conv3_1": 0.2, "conv4_1": 0.2, "conv5_1": 0.2}
"""The layer weights of Udacity's solution, which many copy."""


def distance_mistakes(a: Tensor, b: Tensor, k: float = 1.0) -> Iterator[KnownMistake]:
    """Mistakes in k · mean((a − b)²)."""
    difference = a - b
    right = k * (difference**2).mean()
    yield KnownMistake(
        "compared-with-itself",
        0 * right,
        "Both sides of the difference are the same. What should the target be compared with?",
    )
    yield KnownMistake(
        "summed",
        right * a.numel(),
        "The squares are summed. Take their mean, or a layer with more values counts more.",
    )
    yield KnownMistake(
        "half-sum",
        right * a.numel() / 2,
        "This is the paper's convention (half the sum). The course takes the average.",
    )
    yield KnownMistake(
        "halved", right / 2, "Half of what is expected: this TODO has no factor ½. Where is it?"
    )
    yield KnownMistake(
        "squared-after-mean",
        k * difference.mean() ** 2,
        "First averaged, then squared: by then differences of both signs have cancelled. Which "
        "comes first?",
    )
    for sign in (1, -1):
        for value in (difference.mean(), difference.sum()):
            yield KnownMistake(
                "not-squared",
                sign * k * value,
                "The differences are not squared, so that those of both signs cancel each other.",
            )
        for value in ((a - b**2).mean(), (b - a**2).mean(), (a - b**2).sum(), (b - a**2).sum()):
            yield KnownMistake(
                "squared-too-early",
                sign * k * value,
                "Only one of the two was squared, before the difference was taken: the power binds "
                "more tightly than the minus.",
            )
        for value in ((a**2 - b**2).mean(), (a**2 - b**2).sum()):
            yield KnownMistake(
                "difference-of-squares",
                sign * k * value,
                "Each was squared by itself, and then the difference taken. Which comes first?",
            )
    for value in (difference.abs().mean(), difference.abs().sum()):
        yield KnownMistake(
            "absolute",
            k * value,
            "These are absolute differences; the paper's loss weighs large ones more severely.",
        )
    for value in (difference.norm(), (difference**2).mean().sqrt()):
        yield KnownMistake("root", k * value, "A root was taken. The loss is what stands under it.")
    yield KnownMistake(
        "added", k * ((a + b) ** 2).mean(), "The two were added. What says how far apart they are?"
    )
    yield KnownMistake(
        "negated",
        -right,
        "The sign is turned round: the optimiser makes the loss smaller, and so the distance "
        "larger.",
    )
    for one in (a, b):
        yield KnownMistake(
            "one-side",
            k * (one**2).mean(),
            "Only one of the two is in it. What should the target be compared with?",
        )


def content_mistakes(
    target: Mapping[str, Tensor], content: Mapping[str, Tensor]
) -> Iterator[KnownMistake]:
    """Mistakes in `content_loss`."""
    distances = {name: ((target[name] - content[name]) ** 2).mean() for name in target}
    for name, distance in distances.items():
        if name != "conv4_2":
            yield KnownMistake(
                "wrong-layer",
                distance,
                f"This is the loss at {name}; the assignment names another layer for the content.",
            )
    every = torch.stack(list(distances.values()))
    for value in (every.sum(), every.mean()):
        yield KnownMistake(
            "all-layers",
            value,
            "All layers went into it; the content is taken from one, and a deep one. Which?",
        )
    a, b = target["conv4_2"], content["conv4_2"]
    yield from distance_mistakes(a, b)
    yield KnownMistake(
        "of-grams",
        ((gram_matrix(a) - gram_matrix(b)) ** 2).mean(),
        "Gram matrices were compared; they forget where things are, which is what content means.",
    )


def layer_style_mistakes(
    feature: Tensor, style_gram: Tensor, weight: float
) -> Iterator[KnownMistake]:
    """Mistakes in `layer_style_loss`."""
    gram = gram_matrix(feature)
    distance, size = ((gram - style_gram) ** 2).mean(), feature.numel()
    yield KnownMistake(
        "weight-missing", distance, "The layer's weight is not in it: every layer counts alike."
    )
    yield KnownMistake(
        "weight-twice",
        weight**2 * distance,
        "The layer's weight is in it twice: two factors, or one inside the square.",
    )
    yield KnownMistake(
        "weight-divides",
        distance / weight,
        "Divided by the layer's weight: so a layer that should count more counts less.",
    )
    yield KnownMistake(
        "weight-added", distance + weight, "The layer's weight is added. How does it make more?"
    )
    for value in (weight * gram - style_gram, gram - weight * style_gram):
        yield KnownMistake(
            "weight-inside",
            (value**2).mean(),
            "The weight is on one of the two matrices only, so that they no longer compare.",
        )
    for fixed in sorted({*STYLE_WEIGHTS.values(), *UDACITYS.values()} - {1.0}):
        yield KnownMistake(
            "hard-coded",
            fixed * distance,
            f"The layer's weight is {weight} here, but the loss was made with {fixed}.",
        )
    yield KnownMistake(
        "divided-already",
        weight * distance / size,
        "The division by the layer's size is here already. It belongs into the sum over layers, "
        "the next TODO, and must not come twice.",
    )
    for value in (gram / size - style_gram, (gram - style_gram) / size):
        yield KnownMistake(
            "gram-normalised",
            weight * (value**2).mean(),
            "The Gram matrix of the target is divided by its size. In this lesson none is.",
        )
    yield KnownMistake(
        "gram-recomputed",
        0 * distance,
        "Both Gram matrices are the target's. `style_gram` is what it should come to resemble; it "
        "is given, and not computed here.",
    )
    yield from distance_mistakes(gram, style_gram, weight)


def style_mistakes(
    target: Mapping[str, Tensor], grams: Mapping[str, Tensor], weights: Mapping[str, float]
) -> Iterator[KnownMistake]:
    """Mistakes in `style_loss`: in the sum itself, then those of one layer, in every layer."""
    distance = {n: ((gram_matrix(target[n]) - grams[n]) ** 2).mean() for n in target}
    weighted = {name: weight * distance[name] for name, weight in weights.items()}
    size = {name: target[name].numel() for name in target}
    right = {name: weighted[name] / size[name] for name in weights}

    yield KnownMistake(
        "division-missing",
        _sum(weighted.values()),
        "No layer's loss is divided by that layer's size, channels times height times width.",
    )
    yield KnownMistake(
        "division-doubled",
        _sum(right[n] / size[n] for n in weights),
        "Each layer's loss is divided by its size twice. One of the two functions does it already?",
    )
    yield KnownMistake(
        "weight-and-division-missing",
        _sum(distance[n] for n in weights),
        "Neither the layers' weights nor their sizes are in it.",
    )
    for divisor in (*(size[n] for n in weights), sum(size[n] for n in weights)):
        yield KnownMistake(
            "divided-once",
            _sum(weighted.values()) / divisor,
            "The sum was divided once, by one size. Every layer has a size of its own: where in "
            "the loop does the division belong?",
        )
    for powers in _OTHER_DIVISORS:
        divisors = {n: math.prod(map(pow, target[n].shape[1:], powers)) for n in weights}
        yield KnownMistake(
            "division-incomplete",
            _sum(weighted[n] / divisors[n] for n in weights),
            "Each layer's loss is divided, but not by the number of values in its feature tensor. "
            "Check the brackets, and what is multiplied.",
        )
    yield KnownMistake(
        "paper-convention",
        _sum(weighted[n] * grams[n].numel() / (4 * size[n] ** 2) for n in weights),
        "This is the paper's divisor. The course averages, and divides by the size once.",
    )
    names = list(weights)
    yield KnownMistake(
        "only-first-layer",
        right[names[0]],
        "This is the first layer's loss alone. Does the function return inside its loop?",
    )
    yield KnownMistake(
        "only-last-layer",
        right[names[-1]],
        "This is the last layer's loss alone. What becomes of the ones before it in the loop?",
    )
    for count in (len(weights), sum(weights.values())):
        yield KnownMistake(
            "averaged-over-layers",
            _sum(right.values()) / count,
            "Averaged over the layers; their sum is asked for.",
        )
    for weight in weights.values():
        yield KnownMistake(
            "one-weight",
            _sum(weight * distance[n] / size[n] for n in weights),
            f"One weight, {weight}, was used for every layer. Each has its own.",
        )
    for known in (STYLE_WEIGHTS, UDACITYS):
        yield KnownMistake(
            "hard-coded",
            _sum(known.get(n, 0) * distance[n] / size[n] for n in weights),
            "Made with the assignment's weights, where `style_weights` says others here.",
        )
    yield KnownMistake(
        "content-layer-included",
        _sum(right.values()) + distance["conv4_2"] / size["conv4_2"],
        "conv4_2 is in it too; it stands for the content, and has no style weight.",
    )
    layers = [layer_style_mistakes(target[n], grams[n], weights[n]) for n in weights]
    for same in zip(*layers, strict=True):
        value = _sum(m.value / size[n] for m, n in zip(same, weights, strict=True))
        yield KnownMistake(same[0].code, value, f"In each layer: {same[0].says}")


_OTHER_DIVISORS = (
    (1, 0, 0), (0, 1, 1), (1, 1, 0), (1, 0, 1), (0, 1, 0), (0, 0, 1), (2, 0, 0), (2, 1, 1),
    (1, -1, -1),  # what `/ d * h * w` does
    (-1, -1, -1),  # multiplied
)  # fmt: skip
"""Powers of d, h and w in divisors that are not d·h·w."""


def paper_mistakes(feature: Tensor, style_gram: Tensor) -> Iterator[KnownMistake]:
    """Mistakes in `paper_layer_loss`."""
    gram = gram_matrix(feature)
    _, n, h, w = feature.shape
    m = h * w
    squares = ((gram - style_gram) ** 2).sum()
    yield KnownMistake(
        "course-convention",
        squares / n**2 / (n * m),
        "This is the course's loss of the layer. Equation 4 divides a sum, and by other numbers.",
    )
    yield KnownMistake(
        "not-divided", squares, "This is the sum of the squares. What does equation 4 divide it by?"
    )
    for value in (squares / n**2, squares / n**2 / (4 * n**2 * m**2)):
        yield KnownMistake(
            "averaged", value, "A mean was taken where equation 4 has a sum: it divides once more."
        )
    yield KnownMistake(
        "four-missing",
        squares / (n * m) ** 2,
        "The sizes are right. Which number stands in front of them in equation 4?",
    )
    for divisor in (4 * n * m, n * m, 4 * n**2 * m, 4 * n * m**2, 2 * n * m):
        yield KnownMistake(
            "sizes-not-squared", squares / divisor, "In equation 4 both sizes are squared."
        )
    for divisor in (4, 4 * n**2, 4 * m**2):
        yield KnownMistake(
            "size-missing", squares / divisor, "Equation 4 divides by both sizes. Which is missing?"
        )
    for positions in (h, w, h + w):
        yield KnownMistake(
            "positions",
            squares / (4 * n**2 * positions**2),
            "M is the number of all positions of the map. Which one does your M count?",
        )
    scale = 1 / (4.0 * m**2)  # E_l is this times the mean
    for mistake in distance_mistakes(gram, style_gram, scale):
        if mistake.code not in ("summed", "half-sum", "halved"):  # the divisors have better names
            yield mistake


def factor_mistakes(d: int, h: int, w: int) -> Iterator[KnownMistake]:
    """Mistakes in `course_factor`."""
    n, m = d, h * w
    for code, value, says in (
        ("inverted", n / (4 * m), "Turned round: this leads from course to paper."),
        ("four-missing", m / n, "A number is missing that stands in equation 4."),
        ("mean-missing", 4 * n * m, "The course's mean divides too: by how many entries?"),
        ("size-missing", 4 * m**2, "The course also divides by the layer's size, d · h · w."),
        ("positions", 4 * h / n, "M counts all positions of the map, not its height."),
        ("positions", 4 * w / n, "M counts all positions of the map, not its width."),
        ("content-factor", 2 / (n * m), "This is the factor of the content losses."),
    ):
        yield KnownMistake(code, torch.tensor(float(value)), says)


GROWTH_SAYS = {
    "content_loss": ("content-grows", "The content loss is a mean over positions."),
    "layer_style_loss": (
        "layer-style-growth",
        "Both Gram matrices are sums over positions, and their difference is squared.",
    ),
    "style_loss": (
        "style-growth",
        "Each layer's loss is divided once by its size, which grows with the picture, too.",
    ),
    "paper_layer_loss": ("paper-growth", "Equation 4 divides by the square of M."),
}
"""{loss: the code where its growth is wrong, and what to think of}."""


def total_mistakes(c: Tensor, s: Tensor, alpha: float, beta: float) -> Iterator[KnownMistake]:
    """Mistakes in `total_loss`."""
    right = alpha * c + beta * s
    ones = "unnoticed only where it is 1"
    for code, value, says in (
        ("swapped-weights", beta * c + alpha * s, "Does each loss have its own weight?"),
        ("no-weights", c + s, "Both weights are missing. What are α and β there for?"),
        ("content-weight-missing", c + beta * s, f"The content's weight is missing, {ones}."),
        ("style-weight-missing", alpha * c + s, f"The style's weight is missing, {ones}."),
        ("style-missing", alpha * c, "The style is missing. What became of it?"),
        ("content-missing", beta * s, "The content is missing. What became of it?"),
        ("multiplied", alpha * c * beta * s, "The two parts are multiplied. Do they add up?"),
        ("multiplied", (alpha + c) * (beta + s), "Sums are multiplied. Which comes first?"),
        ("subtracted", alpha * c - beta * s, "One part is subtracted: more of it seems better."),
        ("subtracted", beta * s - alpha * c, "One part is subtracted: more of it seems better."),
        ("halved", right / 2, "Half of what is expected: a sum is asked for, not an average."),
        ("normalised-weights", right / (alpha + beta), "Divided by the sum of the weights."),
        ("one-weight-for-both", alpha * (c + s), "The content's weight is on both parts."),
        ("one-weight-for-both", beta * (c + s), "The style's weight is on both parts."),
        ("one-weight-for-both", (alpha + beta) * (c + s), "Both weights are on both parts."),
        ("weights-twice", alpha**2 * c + beta**2 * s, "Each weight is in it twice."),
        ("divided", c / alpha + s / beta, "Divided by the weights: more weight counts less."),
        ("weights-added", alpha + c + beta + s, "The weights are added. How do they make more?"),
        ("hard-coded", c + 1e6 * s, "Made with the assignment's weights, not those given."),
        ("hard-coded", 10 * c + 1e5 * s, "Made with an experiment's weights, not those given."),
    ):
        yield KnownMistake(code, value, says)


def _sum(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(losses)).sum()
