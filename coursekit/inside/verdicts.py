"""What verdict cells do: call an answer on inputs from a seed, and print rounded numbers.

It runs on both sides: in the student's kernel, on the student's answers, and in the grader's own
process, on the reference's, where its text becomes the expected output. There is nothing secret in
it, and no answer; it imports nothing of the kit.

A part's text shows what is right about an answer as numbers that nobody can print without having
computed them. Shapes with leading ones, float64 and one-element tensors are taken as they are
meant, as by the checks that the student sees.
"""

import math
import numbers
import os
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

_MARGIN = 1e-5  # relative: float32 sums in another order agree to about 1e-6
FAINT = 0.3  # of the largest entry of a matrix: smaller ones are not shown
NOTHING = 1e-6  # of a sum's terms: what is smaller is 0, give or take rounding
CONTENT_LAYER = "conv4_2"
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
LAYERS = (*STYLE_LAYERS[:4], CONTENT_LAYER, STYLE_LAYERS[4])
OTHER_LAYERS = {f"conv{b}_{n}" for b in range(1, 6) for n in range(2, 3 if b < 3 else 5)}
OTHER_LAYERS -= {CONTENT_LAYER}
TEXT = 300  # characters kept of an exception's text

Function = Callable[..., Any]
_Features = dict[str, Tensor]


class Number(NamedTuple):
    """A number of a text, and the size of what it was added up from (0 where it is exact)."""

    value: float
    scale: float = 0.0
    digits: int = 4

    def text(self, shift: float = 0.0) -> str:
        """Rounded, after a shift by so many margins."""
        value = self.value + shift * _MARGIN * self.scale
        return f"{value:.{self.digits - 1}e}" if value else "0"

    @property
    def steady(self) -> bool:
        """Whether it is far from where rounding goes the other way."""
        return math.isfinite(self.value) and self.text(-1) == self.text(1)


_Line = tuple[str, list[Number | str]]


class _Part(NamedTuple):
    """A part of a TODO: the share of its points, and what its verdict cell does."""

    share: float
    probe: Callable[[Any, random.Random], Iterator[_Line]]


class Verdict(NamedTuple):
    """What a verdict cell prints, and whether no number of it is near a rounding boundary."""

    text: str
    steady: bool


def verdict(name: str, part: str, answer: Any, seed: int) -> Verdict:
    """The text of one verdict cell.

    Args:
        name: of the TODO.
        part: of it, as in `PARTS`.
        answer: the student's, or the reference's.
        seed: of the inputs.
    """
    lines = list(PARTS[name][part].probe(answer, random.Random(f"{seed} {name} {part}")))
    shown = [
        f"{label}: {' '.join(x if isinstance(x, str) else x.text() for x in items)}\n"
        for label, items in lines
    ]
    all_numbers = [x for _, items in lines for x in items if isinstance(x, Number)]
    return Verdict("".join(shown), all(x.steady for x in all_numbers))


# --- In the kernel -------------------------------------------------------------------------------


@contextmanager
def quiet() -> Iterator[None]:
    """A clean state, and whatever the student's code says or sets goes no further."""
    from IPython.utils.capture import capture_output

    with ExitStack() as stack:
        stack.enter_context(capture_output())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(torch.enable_grad())
        stack.callback(torch.set_default_dtype, torch.float32)
        stack.callback(torch.set_default_device, None)
        yield


def described(error: BaseException) -> str:
    """An exception's type and text, on one line."""
    try:
        text = f"{type(error).__name__}: {error}"[:TEXT].replace("\n", " ")
        return text.encode("utf-8", "backslashreplace").decode()  # no message holds a surrogate
    except BaseException:  # an exception whose text raises another
        return type(error).__name__[:TEXT]


def identity(value: Any) -> dict[str, str]:
    """A picture's path, as far as a value has one."""
    kind = type(value).__name__
    file = getattr(value, "filename", None) if kind.endswith("ImageFile") else value
    if value is None or value is ... or value == "":
        return {"kind": "nothing", "path": ""}
    if isinstance(file, (str, os.PathLike)):
        return {"kind": "path", "path": str(os.fspath(file))[:1000]}
    return {"kind": kind[:100], "path": ""}


# --- Inputs --------------------------------------------------------------------------------------


def features(
    draw: random.Random, channels: int, height: int, width: int, scale: float = 1.0
) -> Tensor:
    """(1, C, h, w), of the size `scale`; multiples of 1/1024 of it, the same everywhere."""
    generator = torch.Generator().manual_seed(draw.getrandbits(60))
    values = torch.randn(1, channels, height, width, generator=generator)
    return (values * 1024).round() / 1024 * scale


SHAPE_KINDS = ("wide", "long", "few")  # of shapes


def _scale(draw: random.Random, kind: str = "") -> float:
    """Of features: some are small, and most are as large as a network's. A power of 2.

    Gram matrices over many positions are too large for half precision; those of a few channels and
    positions are so small that a number added to them shows.
    """
    exponents = {"long": (3, 4, 5), "few": (-3, 2)}.get(kind, (-3, 2, 3, 4, 5))
    return 2.0 ** draw.choice(exponents)


def _sizes(draw: random.Random, kind: str) -> tuple[int, int, int]:
    """Channels, height and width, never a square: many channels, many positions, or few of both.

    Never many of both, so that plain loops come to an end as well.
    """
    if kind == "wide":
        height = draw.choice((1, 2))
        return draw.randint(65, 80), height, 3 - height
    if kind == "long":
        return draw.randint(2, 3), draw.randint(24, 30), draw.randint(42, 48)
    height, width = draw.sample(range(1, 6), 2)
    return draw.randint(2, 6), height, width


def _all_features(draw: random.Random, shapes: Mapping[str, tuple[int, int, int]]) -> _Features:
    return {name: features(draw, *shape, _scale(draw)) for name, shape in shapes.items()}


def _shapes(draw: random.Random) -> dict[str, tuple[int, int, int]]:
    kinds = ["wide", "long", "few", "few", "few", "few"]
    draw.shuffle(kinds)
    shapes = {name: _sizes(draw, kind) for name, kind in zip(LAYERS, kinds, strict=True)}
    shapes["conv4_1"] = shapes[CONTENT_LAYER]  # the same, as in VGG19
    return shapes


def _weight(draw: random.Random) -> float:
    """Exact in binary, and not near 1, where a weight that was left out would not show."""
    return draw.choice((draw.randint(30, 90), draw.randint(180, 400))) / 128


def _made_up_gram(draw: random.Random, channels: int, size: float) -> Tensor:
    """(C, C): the Gram matrix of other features, whose entries are of some size."""
    rows = features(draw, channels, 1, channels)[0, :, 0]
    return rows @ rows.T * (size / channels)


def _size(values: Tensor) -> float:
    """Of a Gram matrix's entries: what a channel has, all positions together."""
    return float(values.square().sum()) / values.shape[1]


class Given:
    """Arguments for an answer, with the leaves that they were copied from."""

    def __init__(self, *arguments: Any, tracked: tuple[int, ...] = ()) -> None:
        self.leaves: list[Tensor] = []
        self.arguments = tuple(
            self._copy(argument, leaf=place in tracked) for place, argument in enumerate(arguments)
        )

    def _copy(self, value: Any, leaf: bool) -> Any:
        if isinstance(value, dict):
            return {key: self._copy(item, leaf) for key, item in value.items()}
        if not isinstance(value, Tensor):
            return value
        if not leaf:
            return value.clone()
        self.leaves.append(value.clone().requires_grad_())
        return self.leaves[-1].clone()

    def changed(self) -> list[Number | str]:
        """What the arguments hold now, as numbers."""
        return [x for argument in self.arguments for x in _contents(argument)]


def _contents(value: Any) -> list[Number | str]:
    if isinstance(value, Mapping):
        inner = [_contents(item) for item in value.values()]
        return [",".join(map(str, value)), *(x for items in inner for x in items)]
    if isinstance(value, Tensor):
        flat = value.detach().double().flatten()
        weights = torch.arange(1, flat.numel() + 1).double()
        shape = "x".join(map(str, value.shape)) or "number"
        return [shape, Number(float(flat @ weights)), Number(float(flat @ flat))]
    return [Number(float(value))]


# --- What is shown of results ---------------------------------------------------------------------


def _tensor(result: Any) -> Tensor:
    if not isinstance(result, Tensor):
        raise TypeError(f"gave back {type(result).__name__} where a tensor is wanted")
    return result


def _loss(result: Any) -> Tensor:
    """One number; a Python number's value counts, but it has no gradient."""
    if isinstance(result, numbers.Real) and not isinstance(result, bool):
        return torch.tensor(float(result), dtype=torch.float64)
    loss = _tensor(result)
    if loss.numel() != 1:
        raise ValueError(f"gave back {loss.numel()} numbers where one is wanted")
    return loss.reshape(())


ENTRIES = 4  # of a matrix, that are shown


def _matrix(result: Any) -> list[Number | str]:
    """The shape, without leading ones, some entries, and what all come to.

    Entries beside the diagonal are sums in which much cancels; what counts is how large the
    channels are.
    """
    matrix = _tensor(result).detach().double()
    shape = list(matrix.shape)
    while shape and shape[0] == 1:
        shape.pop(0)
    flat = matrix.flatten()
    places = [int(x * (flat.numel() - 1)) for x in _spread(ENTRIES)] if flat.numel() else []
    size = float(flat.abs().max()) if flat.numel() else 0.0
    entries = [_entry(float(flat[place]), size) for place in places]
    return [
        "x".join(map(str, shape)),
        *entries,
        *_both_signs(flat, torch.arange(1.0, 1 + len(flat))),
    ]


def _spread(count: int) -> list[float]:
    """Numbers from 0 to 1, the ends among them."""
    return [0.0, 1.0, *((0.61803398875 * i) % 1 for i in range(1, count - 1))]


def _entry(value: float, size: float) -> Number:
    """What is tiny beside the largest is shown as 0, give or take rounding."""
    return Number(value, size) if abs(value) > FAINT * size else Number(0.0)


def _gradients(
    draw: random.Random, value: Tensor, leaves: list[Tensor]
) -> Iterator[tuple[str, list[Number | str]]]:
    """Of a weighted sum of the entries, seen from a random direction for each leaf."""
    weights = torch.tensor([float(draw.randint(1, 9)) for _ in range(value.numel())])
    total = (value.flatten() * weights.to(value)).sum()
    found = torch.autograd.grad(total, leaves, allow_unused=True)
    for leaf, gradient in zip(leaves, found, strict=True):
        directions = torch.tensor([float(draw.randint(1, 9)) for _ in range(leaf.numel())])
        seen = leaf.new_zeros(leaf.numel()) if gradient is None else gradient.flatten()
        yield "gradient", _both_signs(seen, directions)


def _both_signs(values: Tensor, weights: Tensor) -> list[Number | str]:
    """Weighted sums of the positive and of the negative values, so that nothing cancels."""
    terms = values.double() * weights.double()
    sums = [float(terms.clamp(min=0).sum()), float((-terms).clamp(min=0).sum())]
    size = sum(sums)
    return [Number(x, size, 3) if x > NOTHING * size else Number(0.0) for x in sums]


def _value(result: Any, scale: float = 1.0) -> list[Number | str]:
    loss = float(_loss(result).detach())
    return [Number(loss, scale * abs(loss))]


# --- The TODOs -----------------------------------------------------------------------------------


def _gram_given(draw: random.Random, kind: str) -> Given:
    return Given(features(draw, *_sizes(draw, kind), _scale(draw, kind)), tracked=(0,))


def _content_given(draw: random.Random, kind: str) -> Given:
    shapes = _shapes(draw)
    shapes[CONTENT_LAYER] = shapes["conv4_1"] = _sizes(draw, kind)
    return Given(_all_features(draw, shapes), _all_features(draw, shapes), tracked=(0,))


def _target_and_gram(draw: random.Random, kind: str) -> tuple[Tensor, Tensor]:
    target = features(draw, *_sizes(draw, kind), _scale(draw))
    return target, _made_up_gram(draw, target.shape[1], _size(target))


def _layer_given(draw: random.Random, kind: str) -> Given:
    return Given(*_target_and_gram(draw, kind), _weight(draw), tracked=(0,))


def _style_given(draw: random.Random, kind: str = "", layers: int = 5) -> Given:
    target = {n: features(draw, *shape) for n, shape in _shapes(draw).items()}
    # As strong as one another, so that each layer shows in the sum.
    target = {n: x * (x[0].numel() / _size(x) ** 2) ** 0.25 for n, x in target.items()}
    grams = {n: _made_up_gram(draw, x.shape[1], _size(x)) for n, x in target.items()}
    weights = {name: _weight(draw) for name in draw.sample(STYLE_LAYERS, layers)}
    return Given(target, grams, weights, tracked=(0,))


def _total_given(draw: random.Random, kind: str) -> Given:
    size = 2.0 ** (draw.randint(-12, -8) if kind == "few" else draw.randint(-3, 10))
    content, style = (torch.tensor(size * draw.randint(200, 900) / 64) for _ in range(2))
    return Given(content, style / 128, _weight(draw), 128 * _weight(draw), tracked=(0, 1))


def _paper_given(draw: random.Random, kind: str) -> Given:
    return Given(*_target_and_gram(draw, kind), tracked=(0,))


def _factor(function: Function, draw: random.Random) -> Iterator[_Line]:
    """From a layer's sizes to a number."""
    for kind in SHAPE_KINDS:
        yield "value", _value(function(*_sizes(draw, kind)))


def _growth_of(name: str) -> Callable[[Any, random.Random], Iterator[_Line]]:
    """One loss's factor, for two numbers of copies."""

    def probe(function: Function, draw: random.Random) -> Iterator[_Line]:
        for copies in draw.sample(range(4, 10), 2):
            yield name, _value(function(copies)[name])

    return probe


def _values(
    given: Callable[..., Given], shown: Function
) -> Callable[[Function, random.Random], Iterator[_Line]]:
    """Right on several inputs, of which the second shows what was kept from the first."""

    def probe(function: Function, draw: random.Random) -> Iterator[_Line]:
        for kind in SHAPE_KINDS:
            yield "value", shown(function(*given(draw, kind).arguments))

    return probe


def _gradient(
    given: Callable[..., Given], shown: Function, read: Function
) -> Callable[[Function, random.Random], Iterator[_Line]]:
    """Right, with the right gradient."""

    def probe(function: Function, draw: random.Random) -> Iterator[_Line]:
        for kind in SHAPE_KINDS:
            one = given(draw, kind)
            result = function(*one.arguments)
            yield "value", shown(result)
            yield from _gradients(draw, read(result), one.leaves)

    return probe


def _inputs(
    given: Callable[..., Given], shown: Function
) -> Callable[[Function, random.Random], Iterator[_Line]]:
    """Right, and the arguments are what they were."""

    def probe(function: Function, draw: random.Random) -> Iterator[_Line]:
        for kind in SHAPE_KINDS:
            one = given(draw, kind)
            yield "value", shown(function(*one.arguments))
            yield "arguments", one.changed()

    return probe


def _second_style(function: Function, draw: random.Random) -> Iterator[_Line]:
    """Two styles blended: the same as one where the second is the first, and both count.

    A blend adds losses: of a style's Gram matrices times a number it is a square of that number.

    The notebook's own tensors of the second style are replaced for it.
    """
    one = _style_given(draw)
    _, grams, _ = one.arguments
    _replace_outside(function, grams)
    result = function(*one.arguments)
    yield "value", _value(result)
    yield from _gradients(draw, _loss(result), one.leaves)
    for _ in range(8):
        target, style, weights = _style_given(draw).arguments
        _replace_outside(function, {name: gram.clone() for name, gram in style.items()})
        losses = [
            float(_loss(function(target, _times(style, factor), weights)).detach())
            for factor in (-3, 1, 5, 9)
        ]
        near, far = losses[1], losses[draw.choice((0, 2))]
        yield "counts", ["more" if far > near else "less" if far < near else "same"]
        third = losses[3] - 3 * losses[2] + 3 * losses[1] - losses[0]
        yield "square", ["yes" if abs(third) < 1e-3 * max(map(abs, losses)) else "no"]


def _times(grams: Mapping[str, Tensor], factor: float) -> _Features:
    return {name: gram * factor for name, gram in grams.items()}


def _replace_outside(function: Any, grams: Mapping[str, Tensor]) -> None:
    scope = function.__globals__
    for name, value in list(scope.items()):
        if isinstance(value, Mapping) and any(isinstance(x, Tensor) for x in value.values()):
            scope[name] = dict(grams)


def _layer_named(name: str) -> Callable[[Any, random.Random], Iterator[_Line]]:
    def probe(layers: Any, draw: random.Random) -> Iterator[_Line]:
        yield name, [repr(key) for key, value in layers.items() if value == name]

    return probe


def _whole_mapping(layers: Any, draw: random.Random) -> Iterator[_Line]:
    """All six, and nothing else but other convolutions."""
    for key, value in sorted(layers.items(), key=lambda item: int(item[0])):
        if value not in OTHER_LAYERS:
            yield repr(key), [repr(value)]


class Run:
    """One call of an answer to `optimise`, on a small picture with a loss of known gradient.

    The optimiser is one of torch's. The goal is so far away that no gradient changes its sign.
    """

    def __init__(self, function: Function, draw: random.Random, steps: int, adam: bool) -> None:
        shape = (3, *draw.sample(range(4, 9), 2))
        start = features(draw, *shape)
        goal = 9 * features(draw, *shape).sign() + start
        importance = 8 + features(draw, *shape).abs()
        self.steps = steps
        self.directions = features(draw, *shape).abs() + 1
        self.target = start.clone().requires_grad_()
        self.totals: list[Tensor] = []
        self.seen: list[Tensor] = []
        rate = draw.randint(24, 64) / 1024
        if adam:
            self.optimizer: Any = torch.optim.Adam([self.target], lr=rate)
        else:
            self.optimizer = torch.optim.SGD([self.target], lr=rate / 64, momentum=0.5)
        self.optimizer.register_step_post_hook(self._look)

        def loss_of(target: Tensor) -> Tensor:
            self.totals.append((importance * (target - goal) ** 2).sum())
            return self.totals[-1]

        self.result = function(self.target, self.optimizer, loss_of, steps)

    def _look(self, *_: Any) -> None:
        """Keep the gradient that a step has used."""
        gradient = self.target.grad
        self.seen.append(torch.zeros(()) if gradient is None else gradient.detach().clone())

    def path(self) -> Iterator[_Line]:
        """The gradient at each step, and where the target is in the end."""
        for gradient in self.seen:
            yield "step", _both_signs(gradient, self.directions)
        yield "target", _both_signs(self.target.detach(), self.directions)

    def history(self) -> Iterator[_Line]:
        """The list of losses."""
        if not isinstance(self.result, (list, tuple, np.ndarray)):
            raise TypeError(f"gave back {type(self.result).__name__} where a list is wanted")
        for entry in self.result:
            if not isinstance(entry, numbers.Real):
                raise TypeError(f"the history holds {type(entry).__name__}, not numbers")
            yield "loss", [Number(float(entry), abs(float(entry)))]

    def cost(self) -> Iterator[_Line]:
        """One loss a step (and one before or after), and no graph that is kept."""
        asked = len(self.totals)
        yield "losses", ["one a step" if self.steps <= asked <= self.steps + 2 else str(asked)]
        kept = sum(_has_graph(total, self.target) for total in self.totals)
        yield "graphs kept", [str(max(0, kept - (asked - self.steps)))]


def _has_graph(total: Tensor, target: Tensor) -> bool:
    try:
        torch.autograd.grad(total, target)
    except RuntimeError:
        return False
    return True


def _runs(
    *shown: Callable[[Run], Iterator[_Line]],
) -> Callable[[Function, random.Random], Iterator[_Line]]:
    """Two runs, a short and a longer one; one is of Adam, which knows no loss's scale."""

    def probe(function: Function, draw: random.Random) -> Iterator[_Line]:
        counts = draw.randint(3, 7), draw.randint(12, 30)
        for steps, adam in zip(counts, draw.sample((True, False), 2), strict=True):
            run = Run(function, draw, steps, adam)
            for show in shown:
                yield from show(run)

    return probe


def _function_parts(
    given: Callable[..., Given],
    shown: Function,
    read: Function,
    last: Callable[..., Given] | None = None,
) -> dict[str, _Part]:
    """A function's value is half of it, its gradient most of the rest."""
    return {
        "values": _Part(0.5, _values(given, shown)),
        "gradient": _Part(0.3, _gradient(given, shown, read)),
        "arguments": _Part(0.2, _inputs(last or given, shown)),
    }


PARTS: dict[str, dict[str, _Part]] = {
    "layers": {
        **{name: _Part(0.18, _layer_named(name)) for name in LAYERS[1:]},
        "whole": _Part(0.1, _whole_mapping),
    },
    "gram_matrix": _function_parts(_gram_given, _matrix, _tensor),
    "content_loss": _function_parts(_content_given, _value, _loss),
    "layer_style_loss": _function_parts(_layer_given, _value, _loss),
    "style_loss": {
        **_function_parts(
            _style_given, _value, _loss, last=lambda draw, kind: _style_given(draw, kind, 3)
        ),
        "second style": _Part(0.0, _second_style),
    },
    "total_loss": _function_parts(_total_given, _value, _loss),
    "paper_layer_loss": _function_parts(_paper_given, _value, _loss),
    "course_factor": {"values": _Part(1.0, _factor)},
    "loss_growth": {
        name: _Part(0.25, _growth_of(name))
        for name in ("content_loss", "layer_style_loss", "style_loss", "paper_layer_loss")
    },
    "optimise": {
        "steps": _Part(0.5, _runs(Run.path)),
        "history": _Part(0.3, _runs(Run.history)),
        "cost": _Part(0.2, _runs(Run.path, Run.cost)),
    },
}
"""{TODO: {part: its share and its probe}}; a part without a share is for a person to look at."""

DIFFERENT = {"style_loss": "second style"}
"""{TODO: the part that shows a deliberate extension}."""

MAPPINGS = ("layers",)
"""TODOs whose answer is a dictionary, and no function."""

NEEDS = {
    "layer_style_loss": ("gram_matrix",),
    "style_loss": ("gram_matrix", "layer_style_loss"),
    "paper_layer_loss": ("gram_matrix", "layer_style_loss"),
    "loss_growth": ("gram_matrix", "layer_style_loss"),
}
"""{TODO: earlier TODOs whose reference its answer may call}."""

REPORTED = {"own_pictures": ("my_content", "my_style")}
"""{TODO: names that the kernel reports, and the grader looks at}."""
