"""Checks of lesson 8's TODOs, which give no points."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from styletools import gram_matrix
from styletools.course import probes
from styletools.course.checks import engine, values
from styletools.course.checks.engine import Objection, TodoFunction
from styletools.course.checks.values import KnownMistake
from styletools.course.diagnosis import Diagnosis
from styletools.course.todos import OPTIONAL, style_size
from styletools.course.todos import guided_gram as right_gram

WIDE, TALL = ((300, 700), (280, 400), 0.5), ((600, 300), (266, 400), 1.5)
"""(style's (H, W), content's (H, W), scale)."""


def diagnose_match_colours(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `match_colours(style, content)`."""
    return engine.diagnose(OPTIONAL["match_colours"], answer, [_colours])


def diagnose_style_size(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `style_size(style_shape, content_shape, scale)`."""
    return engine.diagnose(OPTIONAL["style_size"], answer, [_wide, _tall])


def diagnose_guided_gram(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `guided_gram(features, mask)`."""
    return engine.diagnose(OPTIONAL["guided_gram"], answer, [_region])


def _colours(function: TodoFunction) -> None:
    """Any matrix that gives the covariance is right, the formula's or another."""
    style, content = _picture(5, 7, seed=1), _picture(4, 9, seed=2)
    got = values.tensor(function(style.clone(), content.clone()), "a picture, (1, 3, H, W)")
    if got.shape != style.shape:
        raise Objection(
            "wrong-shape",
            f"Your answer has shape {tuple(got.shape)}, expected the style's, "
            f"{tuple(style.shape)}: every pixel of the style gets another colour.",
        )
    (mean, covariance), (_, given), (goal, wanted) = map(_statistics, (got, style, content))
    values.compare(covariance, wanted, _colour_mistakes(given, wanted), "the covariance")
    says = "The covariance is right, the mean is not: take the style's off first, add the content's"
    values.compare(mean, goal, [KnownMistake("mean", mean, f"{says} last.")], "the mean")


def _picture(height: int, width: int, seed: int) -> Tensor:
    """(1, 3, H, W) whose colours go together, though not strictly."""
    plain = probes.real_features(3, height, width, seed, 0.5)
    mix = torch.eye(3) + probes.real_features(1, 3, 3, seed + 10, 0.25)[0, 0]
    return torch.einsum("cd,bdhw->bchw", mix, plain) + torch.tensor([0.3, -0.2, 0.1])[:, None, None]


def _statistics(picture: Tensor) -> tuple[Tensor, Tensor]:
    """(1, 3, H, W) → mean (3,) and covariance (3, 3), float64."""
    flat = picture.detach().cpu().double()[0].flatten(1)
    mean = flat.mean(dim=1, keepdim=True)
    return mean[:, 0], (flat - mean) @ (flat - mean).T / flat.shape[1]


def _colour_mistakes(given: Tensor, wanted: Tensor) -> Iterator[KnownMistake]:
    """The covariances that wrong matrices give, for a style's and a content's."""

    def power(matrix: Tensor, exponent: float) -> Tensor:
        found, vectors = torch.linalg.eigh(matrix)
        return vectors @ torch.diag(found**exponent) @ vectors.T

    matrices = (
        ("matrix-missing", torch.eye(3), "The colours still vary as the style's. Where is A?"),
        ("exchanged", power(given, 0.5) @ power(wanted, -0.5), _WHICH),
        ("order", power(given, -0.5) @ power(wanted, 0.5), "The order of A's factors counts."),
        ("roots", wanted @ power(given, -1), "A is made of the roots of the covariances."),
        ("one-root", power(wanted, 0.5), f"One of A's two factors is missing. {_WHICH}"),
        ("one-root", power(given, -0.5), f"One of A's two factors is missing. {_WHICH}"),
    )
    for code, matrix, says in matrices:
        turn = matrix.to(given)
        yield KnownMistake(code, turn @ given @ turn.T, says)


_WHICH = "A takes the style's covariance away first, and brings the content's."


def _wide(function: TodoFunction) -> None:
    style, content, scale = WIDE
    factors = (
        ("scale-missing", max(content) / max(style), "`scale` has no effect."),
        ("own-size", scale, "It is `scale` times the style. The content's longest side counts."),
        ("other-side", scale * min(content) / min(style), "Longest side goes with longest side."),
    )
    known = [(code, [side * factor for side in style], says) for code, factor, says in factors]
    stretched = "The style must keep its own shape: both sides take the same factor."
    known += [("stretched", [side * k for side in content], stretched) for k in (scale, 1.0)]
    _compare_sizes(function(style, content, scale), WIDE, known)


def _tall(function: TodoFunction) -> None:
    style, content, scale = TALL
    wrong = [side * scale * content[1] / style[1] for side in style]
    says = "Right for a wide style, but not for a tall one: which of its sides is the longest?"
    _compare_sizes(function(style, content, scale), TALL, [("tall", wrong, says)])


def _compare_sizes(
    result: object,
    given: tuple[tuple[int, int], tuple[int, int], float],
    known: list[tuple[str, list[float], str]],
) -> None:
    pair = list(result) if isinstance(result, tuple | list) else []
    if len(pair) != 2 or not all(values.is_number(side) for side in pair):
        raise Objection(
            "not-a-pair",
            f"Your answer is of type {type(result).__name__}, expected two numbers: (height, "
            "width).",
        )
    right = style_size(*given)
    said = f"(for {given[0]}, {given[1]} and {given[2]:g}: got {tuple(pair)}, expected {right})"

    def is_near(sizes: list[float]) -> bool:
        return all(abs(side - size) <= 1 for side, size in zip(pair, sizes, strict=True))

    if is_near([*right]):
        if not all(isinstance(side, int) for side in pair):
            raise Objection("not-whole", f"A picture has whole numbers of pixels. {said}")
        return
    for code, sizes, says in known:
        if is_near(sizes):
            raise Objection(code, f"{says} {said}")
    raise Objection("wrong-value", f"Go through the sentence again, part by part. {said}")


def _region(function: TodoFunction) -> None:
    features = probes.features(3, 5, 7, seed=3)
    mask = probes.real_features(1, 10, 14, seed=4, scale=1.0).abs().clamp(0, 1)
    got = values.tensor(function(features.clone(), mask.clone()), "a matrix, (C, C)")
    known = _region_mistakes(features, adaptive_avg_pool2d(mask, (5, 7)))
    values.compare(got, right_gram(features, mask), known, "features (1, 3, 5, 7)")


def _region_mistakes(features: Tensor, pooled: Tensor) -> Iterator[KnownMistake]:
    """What known mistakes make of features and a mask of their size."""
    squares = pooled.square().sum()
    unscaled = "The mask's values are not scaled yet, so a large region counts more. What must add "
    for code, guide, says in (
        ("mask-unused", torch.ones_like(pooled), "The mask has no effect on the result."),
        ("not-scaled", pooled, f"{unscaled}up to 1?"),
        ("values-scaled", pooled / pooled.sum(), "The values add up to 1. Their squares should."),
        ("root", pooled / squares, "Squares grow with the square of a factor, so take its root."),
    ):
        yield KnownMistake(code, gram_matrix(features * guide), says)
    flat, once = features[0].flatten(1), (features * pooled / squares.sqrt())[0].flatten(1)
    says = "Only one of the two factors was guided. Both sides of the product are."
    for product in (once @ flat.T, flat @ once.T):
        yield KnownMistake("one-side", product, says)
