"""How wrong an answer may be before a verdict shows it: near misses of every kind, ever smaller."""

import pytest
import torch

from coursekit.inside import verdicts

ERRORS = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
MOST = 1e-3  # relative: an error of this size or more shows in every draw
DRAWS = 3


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
    """A near miss that changes what a function is given: all tensors, but none of the weights."""

    def changed(value, error):
        if isinstance(value, dict):
            return {name: changed(one, error) for name, one in value.items()}
        return change(value, error) if isinstance(value, torch.Tensor) else value

    def family(right, error):
        return lambda *arguments: right(*(changed(one, error) for one in arguments))

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


@pytest.fixture(scope="module")
def draws(reference):
    """{(TODO, part): verdicts on it}."""
    found = {}
    for name in FAMILIES:
        for one in [one for _ in range(DRAWS) for one in reference.draw(name)]:
            found.setdefault((name, one.part), []).append(one)
    return found


def largest_accepted(right, name, family, draws, errors=ERRORS):
    """{part: the largest error that some draw accepts; 0 for none}."""
    found = {}
    for (todo, part), several in draws.items():
        if todo == name and verdicts.DIFFERENT.get(name) != part:
            found[part] = max(
                (
                    error
                    for error in errors
                    for drawn in several
                    if accepted(FAMILIES[name][family](right, error), name, part, drawn)
                ),
                default=0.0,
            )
    return found


def test_every_verdict_has_its_near_misses():
    assert set(FAMILIES) == set(verdicts.PARTS) - {*verdicts.MAPPINGS}


@pytest.mark.parametrize(
    ("name", "family"), [(name, family) for name, kinds in FAMILIES.items() for family in kinds]
)
def test_no_verdict_accepts_an_error_of_a_thousandth(reference, draws, name, family):
    errors = [error for error in ERRORS if error >= MOST]
    found = largest_accepted(reference.answers[name], name, family, draws, errors)
    for part in BLIND.get(name, {}).get(family, ()):
        del found[part]
    assert found
    assert max(found.values()) == 0, found


def test_the_right_answers_are_accepted(reference, draws):
    """So that the search above does not compare with nothing."""
    for (name, part), several in draws.items():
        assert all(accepted(reference.answers[name], name, part, drawn) for drawn in several)
