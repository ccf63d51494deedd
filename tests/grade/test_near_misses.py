"""How wrong an answer may be before a verdict shows it: near misses of every kind, ever smaller."""

import itertools
import random

import pytest
import torch
from support.desk import reference  # noqa: F401

from coursekit.inside import verdicts

ERRORS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
MOST = 1e-3  # relative: an error of this size or more shows in every draw
DRAWS = 4


def outcome(change):
    """A near miss that changes what a function gives."""

    def family(right, error):
        def function(*arguments):
            result = right(*arguments)
            if isinstance(result, dict):
                return {name: change(value, error) for name, value in result.items()}
            return change(result, error)

        return function

    return family


def intake(change):
    """A near miss that changes what a function is given: all features, but none of the weights."""

    def changed(value, error):
        if isinstance(value, dict):
            return {name: changed(one, error) for name, one in value.items()}
        return change(value, error) if isinstance(value, torch.Tensor) else value

    def family(right, error):
        return lambda first, *others: right(changed(first, error), *others)

    return family


def ridge(matrix, error):
    return matrix + error * matrix.diagonal().mean().detach() * torch.eye(len(matrix))


def cut_off(features, error):
    """Cut off to multiples of a step, twice the error; the gradient is that of a copy."""
    step = 2 * error * features.detach().abs().mean()
    return features + ((features / step).trunc() * step - features).detach()


def capped(features, error):
    """So low that the sum of squares falls by a share of about the error."""
    squares = features.detach().square().flatten().sort(descending=True).values
    lost = [float((squares - cap).clamp(min=0).sum() / squares.sum()) for cap in squares[:60]]
    place = next((i for i, share in enumerate(lost) if share >= error), None)
    if place is None:
        return features * 0
    most = float(squares[place].sqrt())
    return features.clamp(-most, most)


def stepped(right, error):
    """A loop whose gradient is a little too large; the history stays."""

    def optimise(target, optimizer, loss_of, steps):
        def scaled(picture):
            loss = loss_of(picture)
            return loss + error * (loss - loss.detach())

        return right(target, optimizer, scaled, steps)

    return optimise


def told(right, error):
    return lambda *arguments: [loss * (1 + error) for loss in right(*arguments)]


SCALED = outcome(lambda value, error: value * (1 + error))
FAMILIES = {
    "layer_style_loss": {"scaled": SCALED, "cut off": intake(cut_off), "capped": intake(capped)},
    "course_factor": {"scaled": SCALED},
    "loss_growth": {"scaled": SCALED},
    "total_loss": {"scaled": SCALED},
    "optimise": {"gradient scaled": stepped, "history scaled": told},
    "gram_matrix": {
        "scaled": SCALED,
        "ridge": outcome(ridge),
        "constant": outcome(lambda g, error: g + error * g.abs().mean().detach()),
        "cut off": intake(cut_off),
        "capped": intake(capped),
    },
}
for other in ("content_loss", "style_loss", "paper_layer_loss"):
    FAMILIES[other] = FAMILIES["layer_style_loss"]
BLIND = {"optimise": {"gradient scaled": ("history",), "history scaled": ("steps", "cost")}}
"""Parts that do not ask for what is wrong."""


def accepted(answer, name, part, drawn):
    try:
        return verdicts.verdict(name, part, answer, drawn.seed).text == drawn.text
    except (RuntimeError, ValueError, TypeError):
        return False


def largest_accepted(reference, name, family, seeds):  # noqa: F811
    """{part: the largest error of `ERRORS` that some draw accepts; 0 for none}."""
    right = reference.answers[name]
    found = dict.fromkeys(verdicts.PARTS[name], 0.0)
    for part, _ in itertools.product(found, range(DRAWS)):
        if verdicts.DIFFERENT.get(name) == part:
            continue
        drawn = reference._draw(name, part, seeds)
        for error in ERRORS:
            if accepted(FAMILIES[name][family](right, error), name, part, drawn):
                found[part] = max(found[part], error)
                break
    return found


def test_every_verdict_has_its_near_misses():
    assert set(FAMILIES) == set(verdicts.PARTS) - {*verdicts.MAPPINGS}


@pytest.mark.parametrize(
    ("name", "family"), [(name, family) for name, kinds in FAMILIES.items() for family in kinds]
)
def test_no_verdict_accepts_an_error_of_a_thousandth(reference, name, family):  # noqa: F811
    found = largest_accepted(reference, name, family, lambda: random.getrandbits(64))
    for part in BLIND.get(name, {}).get(family, ()):
        del found[part]
    assert max(found.values()) < MOST, found


def test_the_right_answers_are_accepted(reference):  # noqa: F811
    """So that the search above does not compare with nothing."""
    for name in FAMILIES:
        for drawn in reference.draw(name):
            assert accepted(reference.answers[name], name, drawn.part, drawn)
