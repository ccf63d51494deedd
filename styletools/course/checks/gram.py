"""Checks of `gram_matrix`."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from styletools.course import probes
from styletools.course.checks import engine, values
from styletools.course.checks.engine import Objection, TodoFunction
from styletools.course.checks.values import KnownMistake
from styletools.course.diagnosis import Diagnosis
from styletools.course.todos import TODOS, gram_matrix

D, H, W = 3, 5, 7  # odd primes, all different: a swapped pair gives another shape


def diagnose_gram_matrix(answer: object) -> Diagnosis:
    """What is right or wrong with a student's `gram_matrix(tensor)`."""
    found = [_gram_at_one_size, _gram_at_another_size, _gram_of_a_network]
    return engine.diagnose(TODOS["gram_matrix"], answer, found)


def _gram_at_one_size(function: TodoFunction) -> None:
    leaves, given = values.tracked({"the features": probes.features(D, H, W, seed=1)})
    [leaf] = leaves.values()
    result = function(*given.values())
    got = values.tensor(result, f"a tensor of shape ({D}, {D})")
    expected = gram_matrix(leaf)
    _check_scale(got, expected)
    values.compare(got, expected, _mistakes(leaf.detach()), f"features (1, {D}, {H}, {W})")
    values.gradient(result, got, expected, leaves)


def _gram_at_another_size(function: TodoFunction) -> None:
    """No second batch: what works for one picture is right."""
    features = probes.features(5, 2, 3, seed=2)
    try:
        got = values.tensor(function(features), "a tensor of shape (5, 5)")
        values.compare(got, gram_matrix(features), [], "these")
    except Objection as finding:
        raise Objection(
            "hard-coded",
            f"Right for features (1, {D}, {H}, {W}), but not for (1, 5, 2, 3): {finding.message} "
            "Which size is written as a number, or taken from elsewhere?",
        ) from None


def _gram_of_a_network(function: TodoFunction) -> None:
    """Real numbers, large and small; many channels, and many positions."""
    for seed, (shape, scale) in enumerate(values.LIKE_A_NETWORK):
        features = probes.real_features(*shape, seed=seed, scale=scale)
        leaves, given = values.tracked({"the features": features})
        with values.like_a_network(shape):
            result = function(*given.values())
            got, expected = values.tensor(result, "a tensor"), gram_matrix(features)
            values.compare(got, expected, [], "these")
            values.gradient(result, got, gram_matrix(*leaves.values()), leaves)


def _check_scale(got: Tensor, expected: Tensor) -> None:
    """Name a Gram matrix that is right but for one factor."""
    if got.numel() != expected.numel():
        return
    factor = float(got.detach().flatten()[0]) / float(expected.flatten()[0])
    if factor > 0 and abs(factor - 1) > 1e-3 and values.close(got, expected * factor):
        raise Objection(
            "normalised",
            f"Each entry is {factor:.4g} times what is expected: the Gram matrix of this TODO is "
            "not divided by anything. Sizes come in later, in the loss. (for features "
            f"(1, {D}, {H}, {W}): got {values.show(got)}, expected {values.show(expected)})",
        )


def _mistakes(x: Tensor) -> Iterator[KnownMistake]:
    """What known mistakes make of features (1, D, H, W)."""
    rows = x.reshape(D, H * W)  # (D, H*W)

    def by_channels(flat: Tensor) -> Tensor:
        return flat @ flat.T

    yield KnownMistake(
        "over-positions",
        rows.T @ rows,
        "These are products between positions. The Gram matrix compares channels with channels, "
        "over all positions: which side of the product belongs where?",
    )
    for flat in (
        x.reshape(H * W, D).T,
        x.reshape(H * W, D),
        x.permute(0, 2, 3, 1).reshape(D, H * W),
        x.transpose(1, 2).reshape(D, H * W),
        x.transpose(1, 3).reshape(D, H * W),
        x.permute(0, 3, 1, 2).reshape(D, H * W),
        x.reshape(D * H, W),
        x.reshape(H, D * W),
        x.reshape(W, D * H),
        x.transpose(2, 3).reshape(D * W, H),
    ):
        yield KnownMistake(
            "wrong-reshape",
            by_channels(flat),
            "The rows do not hold one channel each: reshape keeps the values in the order in which "
            "they lie, so the channels must stay in front. Try it on two small channels by hand.",
        )
    for product in (x @ x.mT, x.mT @ x):
        yield KnownMistake(
            "not-flattened",
            product,
            "Each channel was multiplied by itself, height and width still there. A Gram matrix "
            "compares every channel with every other: what must become one long row first?",
        )
    for product in (rows * rows, x * x):
        yield KnownMistake(
            "elementwise",
            product,
            "Every value was multiplied by itself. The sum over positions of two channels' "
            "products is wanted: which operator is the matrix product?",
        )
    for same in (x, rows, rows.T):
        yield KnownMistake(
            "only-reshaped",
            same,
            "These are still the features, in another shape at most. What is multiplied by what?",
        )
    yield KnownMistake(
        "only-diagonal",
        (rows**2).sum(1),
        "These are each channel's products with itself alone; those between channels are missing.",
    )
    for summed in ((rows**2).sum(), by_channels(rows).sum(), by_channels(rows).mean()):
        yield KnownMistake(
            "summed-up",
            summed,
            "One number is left. The Gram matrix keeps one for each pair of channels.",
        )
    centred = rows - rows.mean(1, keepdim=True)
    yield KnownMistake(
        "centred",
        by_channels(centred),
        "The channels' means were taken off first (a covariance). The Gram matrix takes the "
        "features as they are.",
    )
    for unit in (F.normalize(rows, dim=1), F.normalize(rows, dim=0), torch.softmax(rows, 1)):
        yield KnownMistake(
            "normalised",
            by_channels(unit),
            "The features were normalised first. The Gram matrix takes them as they are.",
        )
