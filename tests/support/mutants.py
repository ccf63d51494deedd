"""The answers of tests/mutants, for the tests of the checks and of grading."""

import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[1] / "data" / "answers"
OPTIONAL = FOLDER / "optional"
TITLE = re.compile(
    r"^# %% (passed|different|not attempted|wrong|raised)(?: ([a-z-]+))?: (.+)$", re.MULTILINE
)

# The shares of points that partly right answers keep, by hand; all others keep nothing.
VALUE, GRADIENT, ARGUMENTS = 0.5, 0.3, 0.2
NO_GRADIENT, CHANGES_ARGUMENTS = VALUE + ARGUMENTS, VALUE + GRADIENT
A_LAYER = 0.18
A_GROWTH = 0.25
STEPS, HISTORY, COST = 0.5, 0.3, 0.2
PARTLY = {
    ("gram_matrix", "detach"): NO_GRADIENT,
    ("gram_matrix", "no_grad"): NO_GRADIENT,
    ("gram_matrix", "by way of numpy and back"): NO_GRADIENT,
    ("gram_matrix", "one factor's data"): NO_GRADIENT,
    ("gram_matrix", "the batch squeezed in place"): CHANGES_ARGUMENTS,
    ("content_loss", "the target detached"): NO_GRADIENT,
    ("content_loss", "wrapped in a new tensor"): NO_GRADIENT,
    ("content_loss", "item"): NO_GRADIENT,
    ("content_loss", "in place"): CHANGES_ARGUMENTS,
    ("content_loss", "taken out of the dict"): CHANGES_ARGUMENTS,
    ("layer_style_loss", "the target's Gram detached"): NO_GRADIENT,
    ("layer_style_loss", "item"): NO_GRADIENT,
    ("layer_style_loss", "the style Gram changed in place"): CHANGES_ARGUMENTS,
    ("style_loss", "a list of layers"): VALUE + GRADIENT,
    ("style_loss", "each layer's number added"): NO_GRADIENT,
    ("style_loss", "made a tensor again"): NO_GRADIENT,
    ("style_loss", "one layer's gradient cut"): NO_GRADIENT,
    ("total_loss", "items"): NO_GRADIENT,
    ("total_loss", "a new tensor"): NO_GRADIENT,
    ("total_loss", "the content detached"): NO_GRADIENT,
    ("total_loss", "in place"): CHANGES_ARGUMENTS,
    ("layers", "20, the ReLU after conv4_1 for conv4_2's neighbour"): 4 * A_LAYER,
    ("layers", "20, the ReLU after conv4_1, for conv4_2"): 4 * A_LAYER,
    ("layers", "index 1 gives the same features as index 0"): 5 * A_LAYER,
    ("layers", "one entry"): 4 * A_LAYER,
    ("layers", "content and style layer of block 4 exchanged"): 3 * A_LAYER,
    ("layers", "conv4_3 for conv4_2"): 4 * A_LAYER,
    ("layers", "the pooling before the block"): A_LAYER,
    ("layers", "no content layer"): 4 * A_LAYER,
    ("layers", "a hyphen"): 4 * A_LAYER,
    ("layers", "beyond the net"): 4 * A_LAYER,
    ("layers", "the key of a state dict"): 4 * A_LAYER,
    ("layers", "a raised digit"): 4 * A_LAYER,
    ("layers", "a zero in front"): 4 * A_LAYER,
    ("layers", "ReLUs mapped too"): 5 * A_LAYER,
    ("optimise", "keeps graphs after a while"): STEPS,
    ("paper_layer_loss", "cut off"): NO_GRADIENT,
    ("loss_growth", "one is left"): 3 * A_GROWTH,
    ("loss_growth", "a text"): A_GROWTH,
    ("loss_growth", "a sum in mind"): 3 * A_GROWTH,
    ("loss_growth", "the square forgotten"): 3 * A_GROWTH,
    ("loss_growth", "the division makes sizes equal"): 3 * A_GROWTH,
    ("loss_growth", "as the course's"): 3 * A_GROWTH,
    ("loss_growth", "for three copies"): 2 * A_GROWTH,
    ("optimise", "no return"): STEPS + COST,
    ("optimise", "tensors with their graphs"): STEPS + COST,
    ("optimise", "detached tensors"): STEPS + COST,
    ("optimise", "put back at the end"): HISTORY,
    ("optimise", "once for the gradient, once for the history"): STEPS,
    ("optimise", "retain_graph"): STEPS + HISTORY,
    ("optimise", "the last loss only"): STEPS + COST,
    ("optimise", "the target"): STEPS + COST,
    ("optimise", "the last total, as a tensor"): STEPS + COST,
    ("optimise", "appended after the loop"): STEPS + COST,
    ("optimise", "a list of the notebook"): STEPS + COST,
    ("optimise", "the numbers of the steps"): STEPS + COST,
    ("optimise", "text"): STEPS + COST,
    ("optimise", "not a number"): STEPS + COST,
}


class Mutant(NamedTuple):
    """One cell of a file of answers."""

    name: str
    status: str
    code: str
    title: str
    source: str


def read_mutants(folder: Path = FOLDER) -> list[Mutant]:
    """All that a folder has, in order; `OPTIONAL` has those of TODOs without points.

    Code above the first title is what the lesson gives: each answer begins with it.
    """
    mutants = []
    for path in sorted(folder.glob("*.py")):
        above, *parts = TITLE.split(path.read_text(encoding="utf-8"))
        given = re.sub(r"^#.*\n", "", above, flags=re.MULTILINE).strip()
        for status, code, title, source in zip(*[iter(parts)] * 4, strict=True):
            source = f"\n{given}\n{source}" if given else source
            mutants.append(Mutant(path.stem, status, code or "passed", title, source))
    return mutants


def share(mutant: Mutant) -> float:
    """Of its TODO's points, what it must earn."""
    if mutant.status in ("passed", "different"):
        return 1.0
    return PARTLY.get((mutant.name, mutant.title), 0.0)
