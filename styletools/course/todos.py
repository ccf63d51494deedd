"""THE list of the TODOs: what the lessons ask for, and the kit's own answers.

The checks, the hand-in and the command line are made from it. To add a TODO: its cells in the
lesson, its entry here, its check in `checks`, its verdict, and answers to test them with. This
file imports no torch.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import styletools
from styletools.config import VGG19_LAYERS

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


class Meaning(NamedTuple):
    """What an exception of the student's code means: `pattern` is sought in "Type: text"."""

    pattern: str
    code: str
    says: str


@dataclass(frozen=True)
class AnswerTodo:
    """What students are to write.

    Attributes:
        name: of the answer in the lesson, and of its cell (grade_id).
        lesson: the notebook's name.
        title: in the report.
        prefix: of the codes of its check.
        answer: the kit's: an object, or for `own_pictures` a function that gives {name: path}.
        meanings: of exceptions, most specific first.
        changes: names of the arguments that an answer may change.
        explained: whether a written explanation is asked for, too.
    """

    name: str
    lesson: str
    title: str
    prefix: str
    answer: Any
    meanings: tuple[Meaning, ...] = ()
    changes: tuple[str, ...] = ()
    explained: bool = True

    @property
    def parameters(self) -> tuple[str, ...]:
        """Of the function that the student writes."""
        return tuple(inspect.signature(self.answer).parameters) if callable(self.answer) else ()


# --- The kit's own answers -----------------------------------------------------------------------


def gram_matrix(tensor: "Tensor") -> "Tensor":
    """(1, d, h, w) → (d, d): F Fᵀ, not normalised (Gatys et al. 2016, eq. 3)."""
    return styletools.gram_matrix(tensor)


def content_loss(
    target_features: "Mapping[str, Tensor]", content_features: "Mapping[str, Tensor]"
) -> "Tensor":
    """mean((F − P)²) at conv4_2."""
    return styletools.content_loss(target_features["conv4_2"], content_features["conv4_2"])


def layer_style_loss(target_feature: "Tensor", style_gram: "Tensor", weight: float) -> "Tensor":
    """w_l · mean((G − A)²), before it is divided by d·h·w."""
    return weight * ((gram_matrix(target_feature) - style_gram) ** 2).mean()


def style_loss(
    target_features: "Mapping[str, Tensor]",
    style_grams: "Mapping[str, Tensor]",
    style_weights: Mapping[str, float],
) -> "Tensor":
    """Σ over the layers of `style_weights` of w_l · mean((G − A)²) / (d·h·w)."""
    return styletools.style_loss(target_features, style_grams, style_weights)


def total_loss(
    content: "Tensor", style: "Tensor", content_weight: float, style_weight: float
) -> "Tensor":
    """α · content + β · style (Gatys et al. 2016, eq. 7)."""
    return styletools.total_loss(content, style, content_weight, style_weight)


def optimise(
    target: "Tensor", optimizer: "Optimizer", loss_of: "Callable[[Tensor], Tensor]", steps: int
) -> list[float]:
    """Change `target` for `steps` steps; returns the total loss before each of them."""
    loss_history = []
    for _ in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history


def paper_layer_loss(target_feature: "Tensor", style_gram: "Tensor") -> "Tensor":
    """E_l = Σ(G − A)² / (4·N²·M²) (Gatys et al. 2016, eq. 4), without a weight."""
    return styletools.losses.layer_style_loss(target_feature, style_gram, "paper")


def course_factor(d: int, h: int, w: int) -> float:
    """4M/N: by which E_l is multiplied to give the course's mean((G − A)²) / (d·h·w)."""
    return styletools.losses.style_factor(d, h * w)


def loss_growth(copies: int) -> dict[str, float]:
    """By which factor each loss grows where all pictures are laid beside themselves."""
    return {
        "content_loss": 1,
        "layer_style_loss": copies**2,
        "style_loss": copies,
        "paper_layer_loss": 1,
    }


def own_pictures() -> dict[str, Any]:
    """`my_content` and `my_style`: the first of the kit's pictures of each kind."""
    first = {
        f"my_{kind}": [*styletools.bundled(kind).values()][:1] for kind in ("content", "style")
    }
    return {name: paths[0] for name, paths in first.items() if paths}


def match_colours(style: "Tensor", content: "Tensor") -> "Tensor":
    """The style with the content's mean and covariance of colours (Gatys et al. 2017)."""
    from styletools.engine import colour

    return colour.match_colours(style, content)


def style_size(
    style_shape: tuple[int, int], content_shape: tuple[int, int], scale: float
) -> tuple[int, int]:
    """(H, W) of a style that keeps its shape, its longest side `scale` times the content's."""
    factor = scale * max(content_shape) / max(style_shape)
    return round(style_shape[0] * factor), round(style_shape[1] * factor)


def guided_gram(features: "Tensor", mask: "Tensor") -> "Tensor":
    """The Gram matrix of T · F with Σ T² = 1, for a mask T (Gatys et al. 2017, section 3)."""
    from torch.nn.functional import adaptive_avg_pool2d

    pooled = adaptive_avg_pool2d(mask, (features.shape[-2], features.shape[-1]))
    return gram_matrix(features * pooled / pooled.square().sum().sqrt())


# --- What exceptions mean ------------------------------------------------------------------------

UNPACKING = Meaning(
    r"(too many|not enough) values to unpack",
    "unpacking",
    "A feature tensor has four sizes: batch, channels, height, width.",
)
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
WHOLE_DICT = r"'dict'|dict object|type dict|\(dict|(?:not|got) dict"

WRONG_SIZES = "-1|1|3|5|7|15|21|35|105"  # the sizes of the check's features, and their products

_OF_GRAM = (
    Meaning(
        r"builtin_function_or_method",
        "size-not-called",
        "`size` of a tensor is a method: to get its answer it must be called.",
    ),
    SHAPE_CALLED,
    UNPACKING,
    Meaning(
        rf"shape '\[(?:{WRONG_SIZES})(?:, (?:{WRONG_SIZES}))*\]' is invalid",
        "wrong-reshape",
        "The tensor is (1, 3, 5, 7); one row for each channel is wanted. How long is a row?",
    ),
    Meaning(
        r"shape '\[.*\]' is invalid",
        "hard-coded",
        "Here the tensor is (1, 3, 5, 7); every layer has other sizes. Ask the tensor "
        "for them instead of writing numbers.",
    ),
    Meaning(
        r"view size is not compatible",
        "view-of-permuted",
        "After a permute or transpose the values do not lie in a row, so that `view` cannot "
        "work. Are the channels not in front already?",
    ),
    Meaning(
        r"shapes cannot be multiplied \((\d+x\d+) and \1\)|to be: \[1, \d+\]",
        "not-transposed",
        "In a matrix product the inner sizes must agree. How must the second factor lie?",
    ),
    Meaning(
        r"shapes cannot be multiplied",
        "factors-do-not-fit",
        "In a matrix product the inner sizes must agree; both factors hold the same features.",
    ),
    Meaning(
        r"to be: \[\d+, \d+\]|t\(\) expects a tensor with <= 2 dim",
        "not-flattened",
        "The tensor still has its height and width. A matrix of features has one row for each "
        "channel, and all positions in it.",
    ),
    Meaning(
        r"must be a matrix|must be a 3D tensor|[12]D tensors? expected|2D tensor",
        "wrong-dimensions",
        "This product takes tensors with another number of dimensions; print their shapes.",
    ),
)
_OF_CONTENT = (
    INDEX_FOR_NAME,
    UNKNOWN_LAYER,
    Meaning(
        WHOLE_DICT,
        "whole-dict",
        "Both arguments are dicts with the features of all layers. Which layer stands for the "
        "content?",
    ),
)
_OF_LAYER_STYLE = (
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
)
_OF_STYLE = (
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
)
_OF_LOOP = (
    Meaning(
        r"backward through the graph a second time",
        "loss-once",
        "One loss is used for several steps. Each step changes the target; what must be "
        "computed anew?",
    ),
    Meaning(
        r"'(?:float|int)' object has no attribute 'backward'",
        "python-float",
        "backward() belongs to the loss tensor; a plain number does not know how it was made.",
    ),
    Meaning(
        r"does not require grad",
        "detached",
        "The loss does not know that it depends on `target`: what was cut off (detach, data, "
        "a new tensor, no_grad)?",
    ),
    Meaning(
        r"'function' object has no attribute|'function' and",
        "loss-not-called",
        "`loss_of` is a function: give it the target, and it gives the loss.",
    ),
    Meaning(
        r"loss_of\(\) missing|loss_of\(\) takes",
        "loss-arguments",
        "`loss_of` takes one argument: the picture whose loss is wanted.",
    ),
    Meaning(
        r"0-d tensor|0-dim tensor|not iterable",
        "total-is-one-number",
        "`loss_of` gives one number, the total loss.",
    ),
)

# --- The list ------------------------------------------------------------------------------------

_LIST = (
    AnswerTodo(
        "layers",
        "01_layers",
        "From a module's index to the paper's name",
        "mapping",
        {
            str(VGG19_LAYERS[name]): name
            for name in ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1")
        },
    ),
    AnswerTodo("gram_matrix", "02_gram", "The Gram matrix", "gram", gram_matrix, _OF_GRAM),
    AnswerTodo(
        "content_loss", "03_losses", "The content loss", "content", content_loss, _OF_CONTENT
    ),
    AnswerTodo(
        "layer_style_loss",
        "03_losses",
        "The style loss of one layer",
        "layer-style",
        layer_style_loss,
        _OF_LAYER_STYLE,
    ),
    AnswerTodo(
        "style_loss", "03_losses", "The style loss over all layers", "style", style_loss, _OF_STYLE
    ),
    AnswerTodo("total_loss", "03_losses", "The total loss", "total", total_loss),
    AnswerTodo(
        "paper_layer_loss",
        "03_losses",
        "The paper's loss of a layer, E_l",
        "paper",
        paper_layer_loss,
        _OF_LAYER_STYLE,
        explained=False,
    ),
    AnswerTodo(
        "course_factor",
        "03_losses",
        "From the paper's loss to the course's",
        "factor",
        course_factor,
        explained=False,
    ),
    AnswerTodo(
        "loss_growth",
        "03_losses",
        "The losses of a picture twice as large",
        "growth",
        loss_growth,
        explained=False,
    ),
    AnswerTodo(
        "optimise",
        "03_losses",
        "The optimisation loop",
        "optimise",
        optimise,
        _OF_LOOP,
        changes=("target", "optimizer", "loss_of"),
    ),
    AnswerTodo(
        "own_pictures", "03_losses", "My own pictures", "pictures", own_pictures, explained=False
    ),
)
_OPTIONAL = tuple(
    AnswerTodo(answer.__name__, "08_control", title, prefix, answer, explained=False)
    for title, prefix, answer in (
        ("The photograph's colours", "colours", match_colours),
        ("The size of the strokes", "size", style_size),
        ("The Gram matrix of a region", "guided", guided_gram),
    )
)
TODOS: dict[str, AnswerTodo] = {todo.name: todo for todo in _LIST}
OPTIONAL: dict[str, AnswerTodo] = {todo.name: todo for todo in _OPTIONAL}
"""They have checks and hints, no points, and are not handed in."""

CHECKED = TODOS | OPTIONAL
KIT: dict[str, Any] = {t.name: t.answer for t in CHECKED.values() if t.name != "own_pictures"}
"""{name in the lesson: the kit's answer}; `own_pictures` gives two more."""

RUNS = {  # their inference's grade_id ends in _inference: (lesson, title in the report)
    "base_run": ("03_losses", "The base run: the assignment's settings"),
    "experiment_a": ("04_tuning", "(a) More content, less style: α = 10, β = 10⁵"),
    "experiment_b": ("04_tuning", "(b) A smaller learning rate: 0.001"),
    "experiment_c": ("04_tuning", "(c) More steps: two and a half times as many"),
    "experiment_d": ("04_tuning", "(d) All layer weights 1.0, half as many steps"),
}
OWN_RUNS = {  # their inference's grade_id ends in _inference: title in the report
    "my_experiment_1": "My first experiment",
    "my_experiment_2": "My second experiment",
}
CLAIMS = "impossible_claims"
WRITTEN = {  # grade_id of each answer in words: lesson
    **{f"{todo.name}_explanation": todo.lesson for todo in _LIST if todo.explained},
    **{f"{name}_inference": lesson for name, (lesson, _) in RUNS.items()},
    **{f"{name}_inference": "04_tuning" for name in OWN_RUNS},
    CLAIMS: "04_tuning",
}
LESSONS = tuple(dict.fromkeys([*(todo.lesson for todo in _LIST), *WRITTEN.values()]))
"""The lessons in which something is to be answered."""
