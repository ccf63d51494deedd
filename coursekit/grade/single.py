"""Grades the single exercise by what its notebook does.

The notebook's own cells run in the sandbox, in miniature (`inside/single.py`), under weights, a
learning rate and a target that are drawn here. What comes back is data: pictures that went through
the net, and the loss and gradient there. For the same pictures the reference's losses are computed
here, in double precision, and compared here. Two runs are never compared.
"""

import base64
import contextlib
import json
import queue
import random
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from coursekit.course import Question
from coursekit.grade.diagnosis import Told
from coursekit.grade.kits import INSIDE
from coursekit.inside import doors
from coursekit.inside.verdicts import CONTENT_LAYER, LAYERS, OTHER_LAYERS, STYLE_LAYERS
from coursekit.records import Answer, Code, OneNotebook, Outcome, Run, Status
from coursekit.sandbox import Sandbox
from coursekit.sandbox.memory import MEMORY, memory_of

_TOLERANCE = 2e-4  # relative, of a gradient's norm, a value or a weight: float32 keeps to 2e-5
SEEN, LATER = 20, 3  # evaluations of the first run that are looked at: the first, and later ones
_DRAWN = (1, 2, 3, 5, 8)  # of a run under drawn weights
CELL_SECONDS, ALL_SECONDS, START_SECONDS = 20.0, 40.0, 120.0
_TRIES = 2
MOST_BYTES = 200_000_000  # that all runs of a notebook tell
_MOST_LOOPS = 4  # of a notebook, that are judged until one is right
INDEX = dict(zip(LAYERS, (0, 5, 10, 19, 21, 28), strict=True))
_HISTORY = 0.3  # of the points of `optimise`, where the exercise asks for it
MAPPED, WHOLE = 0.18, 0.1  # of the points of `layers`: a layer; all, and nothing else
WARM = (
    "numpy.random",
    "PIL.Image",
    "matplotlib.pyplot",
    "torchvision.models",
    "torchvision.transforms",
)
"""Modules that the process imports once."""
_CHANNELS = re.compile(r"(?<!\d)(64|128|256|512)(?!\d)")
"""In a message about shapes: the notebook counts on VGG19's own channels."""
ROLES = {
    "layer": re.compile(r"conv\d_\d$|:\d$"),
    "content": re.compile(r"content|alpha|α|^c_?w$|^w_?c$|^a$|inhalt|conten", re.IGNORECASE),
    "style": re.compile(r"style|beta|β|^s_?w$|^w_?s$|^b$|stil|estilo", re.IGNORECASE),
}
ALL = ("layers", "gram_matrix", "content_loss", "style_loss", "total_loss", "optimise")
_OFFERS = """
import torch, math, numpy as np
from torch import nn
import torch.nn.functional as F
from standins import layers_of, features_of, grams_of_another_style
from styletools import gram_matrix
device = torch.device("cpu")
"""
"""What the code that the structure gives may need."""

_GIVEN = """
import doors
INDEX = {index}
def net(image):
    found = {{}}
    for number, module in enumerate(doors.NETS[-1]):
        image = module(image)
        if number in INDEX:
            found[INDEX[number]] = image
    return found
def layers(image, *_, **__):
    return net(image)
picture = net
def gram(tensor):
    rows = tensor.reshape(tensor.shape[-3], -1)
    return rows @ rows.T
def still(number):
    quiet, run.quiet = run.quiet, True
    with torch.no_grad():
        found = net(run.images[number])
    run.quiet = quiet
    return found
def now(index):
    return run.outputs.get(index + 1, run.outputs[index])
def content():
    return ((now(21) - still({content})["conv4_2"]) ** 2).mean()
def style():
    known, total = still({style}), 0
    for index, name in INDEX.items():
        if name in {weights}:
            x = now(index)
            apart = ((gram(x) - gram(known[name])) ** 2).mean()
            total = total + {weights}[name] * apart / x.numel()
    return total
def total():
    return {alpha} * content() + {beta} * style()
"""
"""What answers that are judged already are replaced by, in later runs."""


AS_HANDED_OUT = "The answer is as it was handed out, or not there."


class LostError(RuntimeError):
    """Nothing can be said of the notebook: the runs did not come to an end."""


@dataclass(frozen=True)
class _Found:
    """What became of one TODO: the share of its points, a status, a sentence."""

    share: float
    status: str = "passed"
    message: str = ""


def judge(notebook: OneNotebook, sandbox: Sandbox) -> dict[str, _Found]:
    """Run a notebook in the sandbox; {TODO: what became of it}.

    Raises:
        LostError: nothing can be said of it.
    """
    for _ in range(_TRIES - 1):  # whatever ended the process may not have been the notebook
        with contextlib.suppress(LostError), Conversation(sandbox) as conversation:
            return Judge(notebook, conversation.ask).verdict()
    with Conversation(sandbox) as conversation:
        return Judge(notebook, conversation.ask).verdict()


def as_run(answer: Answer) -> Run:
    """What the structure gives of an answer, for the student's own check to look at."""
    cells = [Code("offers", _OFFERS), Code("answer", answer.source, (answer.grade_id,))]
    return Run((answer.grade_id,), tuple(cells))


def outcome(todo: Question, found: _Found, told: Told | None, stub: bool) -> Outcome:
    """What is kept of a TODO: points by what was seen, words by the student's own check."""
    status, code, message = Status(found.status), "", found.message
    if stub and not found.share:
        status = Status.NOT_ATTEMPTED
        return Outcome(todo.lesson, todo.name, status, 0.0, todo.points, "", AS_HANDED_OUT)
    points = round(todo.points * found.share, 2)
    if status is Status.PASSED:
        code = "passed"
    elif told is not None and told.status in (Status.WRONG, Status.RAISED):
        status = status if status is Status.NOT_ATTEMPTED else Status(told.status)
        code, message = told.code, told.message or message
    return Outcome(todo.lesson, todo.name, status, points, todo.points, code, message)


class Conversation:
    """The process in the sandbox that runs notebooks; used as a context.

    Args:
        sandbox: with the kernel's kit in it.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._running = sandbox.running(
            INSIDE / "single.py", stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._taken = 0

    def __enter__(self) -> "Conversation":
        self._process = self._running.__enter__()
        threading.Thread(target=self._read, daemon=True).start()
        self._send(WARM)
        if self._next(time.monotonic() + START_SECONDS) != "ready":
            self.__exit__(None, None, None)
            raise LostError("The grading process did not start.")
        return self

    def __exit__(self, *_: Any) -> None:
        self._running.__exit__(None, None, None)

    def ask(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Have one run made; what it told, and how it ended.

        Raises:
            LostError: the process ended.
        """
        self._send(request)
        told: list[dict[str, Any]] = []
        limit = time.monotonic() + request["all_seconds"] + 2 * CELL_SECONDS
        while True:
            line = self._next(limit)
            if isinstance(line, dict):
                told.append(line)
                if "end" in line:
                    return told

    def _send(self, value: Any) -> None:
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(value).encode() + b"\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]

    def _next(self, limit: float) -> Any:
        while True:
            try:
                line = self._lines.get(timeout=0.25)
            except queue.Empty:
                late = time.monotonic() > limit
                if late or memory_of(self._process.pid) > MEMORY:
                    raise LostError("The notebook takes more time or memory than it may.") from None
                continue
            if not line:
                raise LostError("The notebook ended the grading process.")
            with contextlib.suppress(ValueError, RecursionError):
                return json.loads(line)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._taken += len(line)
            if self._taken > MOST_BYTES:
                break
            self._lines.put(line)
        self._lines.put(b"")


# --- The reference --------------------------------------------------------------------------------


class _Reference:
    """The miniature's features and losses, in double precision.

    Args:
        wide: whether the net has VGG19's own channels.
        seed: of the net.
        changed: what the student made other of it: "4 avg" or "1 raw", by index.
    """

    def __init__(self, wide: bool, seed: int, changed: Sequence[str]) -> None:
        net = doors.features(doors.VGG19 if wide else doors.FEW, seed, inplace=False).double()
        self.raw = set()
        for change in changed[:40]:
            index, _, what = str(change).partition(" ")
            if what == "avg" and index.isdecimal() and int(index) < len(net):
                net[int(index)] = nn.AvgPool2d(2)
            elif what == "raw" and index.isdecimal():
                self.raw.add(int(index))
        self.net = net.requires_grad_(False)

    def features(self, image: Tensor, mapping: Mapping[str, int]) -> dict[str, Tensor]:
        """{name: features}; what a ReLU in place made of them, as the assignment's loop gives."""
        outputs, last = [], max(mapping.values(), default=0)
        for module in self.net[: last + 2]:
            image = module(image)
            outputs.append(image)
        found = {}
        for name, index in mapping.items():
            relu = isinstance(self.net[min(index + 1, 36)], nn.ReLU)
            over = relu and index + 1 not in self.raw
            found[name] = outputs[index + 1 if over else index]
        return found


@dataclass
class _Losses:
    """The reference's losses at some picture, each with its gradient there.

    Attributes:
        values: content, then each style layer.
        slopes: likewise, flat.
    """

    values: np.ndarray
    slopes: np.ndarray

    def total(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient of a weighted sum."""
        return float(weights @ self.values), weights @ self.slopes


class Goal:
    """Content and style pictures, and a mapping: gives the losses at any picture."""

    def __init__(
        self, reference: _Reference, mapping: Mapping[str, int], content: Tensor, style: Tensor
    ) -> None:
        self.reference, self.photo = reference, content
        self.mapping = {name: mapping[name] for name in LAYERS if name in mapping}
        with torch.no_grad():
            kept = reference.features(content, self.mapping)
            self.content = kept.get(CONTENT_LAYER)
            painted = reference.features(style, self.mapping)
        self.grams = {name: gram(x) for name, x in painted.items() if name in STYLE_LAYERS}

    def at(self, picture: Tensor) -> _Losses:
        """The losses at a picture, and their gradients; 0 where the mapping lacks a layer."""
        image = picture.double().requires_grad_()
        found = self.reference.features(image, self.mapping)
        losses: list[Tensor | None] = [None] * 6
        if self.content is not None and self.content.shape == found[CONTENT_LAYER].shape:
            losses[0] = ((found[CONTENT_LAYER] - self.content) ** 2).mean()
        for place, name in enumerate(STYLE_LAYERS, start=1):
            if name in self.grams:
                difference = gram(found[name]) - self.grams[name]
                losses[place] = (difference**2).mean() / found[name].numel()
        values, slopes = np.zeros(6), np.zeros((6, image.numel()))
        for place, loss in enumerate(losses):
            if loss is not None:
                values[place] = float(loss.detach())
                (slope,) = torch.autograd.grad(loss, image, retain_graph=True)
                slopes[place] = slope.flatten().numpy()
        return _Losses(values, slopes)


def gram(features: Tensor) -> Tensor:
    """(1, d, h, w) → (d, d), not divided by anything."""
    rows = features.reshape(features.shape[-3], -1)
    return rows @ rows.T


def _tensor_told(told: Any) -> Tensor | None:
    """A tensor that was told; None if there is none."""
    try:
        shape, data = told
        values = np.frombuffer(base64.b64decode(data), np.float32).reshape(shape)
        return torch.from_numpy(values.copy()) if np.isfinite(values).all() else None
    except (TypeError, ValueError):
        return None


def near(one: float, other: float, tolerance: float = _TOLERANCE) -> bool:
    """Whether two numbers agree."""
    return bool(abs(one - other) <= tolerance * max(abs(one), abs(other)) + 1e-30)


def _alike(one: np.ndarray, other: np.ndarray, tolerance: float = _TOLERANCE) -> bool:
    """Whether two gradients agree, and are something."""
    if one.shape != other.shape:
        return False
    size = float(np.linalg.norm(other))
    return size > 0 and float(np.linalg.norm(one - other)) <= tolerance * size


def fitted(gradient: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, float]:
    """The weights with which slopes add up to a gradient, and what is left over, relative."""
    sizes = np.linalg.norm(slopes, axis=1)
    used = sizes > 0
    weights = np.zeros(len(slopes))
    if used.any():
        scaled = slopes[used] / sizes[used, None]
        weights[used] = np.linalg.lstsq(scaled.T, gradient, rcond=None)[0] / sizes[used]
    left = np.linalg.norm(gradient - weights @ slopes)
    return weights, float(left / max(float(np.linalg.norm(gradient)), 1e-300))


# --- One run, as it was told ----------------------------------------------------------------------


class Seen:
    """What one run told, by kind."""

    def __init__(self, told: Sequence[Mapping[str, Any]]) -> None:
        def of(key: str) -> list[Mapping[str, Any]]:
            return [one for one in told if key in one]

        self.evaluations = {int(one["evaluation"]): one for one in of("picture") if "total" in one}
        self.totals = [float(one["total"]) for one in of("total")]
        self.cell = next((int(one["cell"]) for one in of("cell")), -1)
        self.steps = {int(one["step"]): one for one in of("step")}
        self.images = [(_tensor_told(one["image"]), one["looping"]) for one in of("image")]
        self.stopped = next((one["stopped"] for one in of("stopped")), None)
        self.failed = [one["failed"] for one in of("failed")]  # kind, error, message
        self.sites: dict[str, Any] = next((one["sites"] for one in of("sites")), {})
        self.lists: dict[str, Any] = next((one["lists"] for one in of("lists")), {})
        self.grams = [one["gram"] for one in of("gram")]
        self.marked = next((one["marked"] for one in of("marked")), None)
        self.end = told[-1]["end"] if told else "died"
        self.trouble = next((one["trouble"] for one in of("trouble")), "")

    @property
    def first(self) -> Mapping[str, Any]:
        """The first evaluation, or else where the loop ended with an error."""
        return self.evaluations.get(1) or self.stopped or {}

    @property
    def late(self) -> bool:
        """Whether it ended for lack of time."""
        return self.end == "timed out" or any(one[0] == "timed out" for one in self.failed)

    def mapping(self) -> dict[str, int]:
        """{name of a layer: index of the module} of the features that the loop has."""
        found = [m for m in self.first.get("mappings", {}).values() if isinstance(m, dict)]
        best = max(found, key=len, default={})
        return {str(k): int(v) for k, v in best.items() if isinstance(v, int) and 0 <= v < 37}


# --- Judging --------------------------------------------------------------------------------------


class Judge:
    """One notebook.

    Args:
        notebook: what is run.
        ask: has a run made, see `Conversation.ask`.
    """

    def __init__(self, notebook: OneNotebook, ask: Callable[[Mapping[str, Any]], list]) -> None:
        self.notebook = notebook
        self.ask = ask
        self.random = random.Random(secrets.randbits(96))
        self.wide = False
        self.net = self.random.getrandbits(48)
        self.after = -1
        self.fixes: set[str] = set()

    def verdict(self) -> dict[str, _Found]:
        """{TODO: what became of it}, of the first loop that is right, or the best.

        Raises:
            LostError: nothing can be said.
        """
        best: dict[str, _Found] = {}
        for _ in range(_MOST_LOOPS):
            found, cell = self._loop()
            if not found:
                break
            if sum(one.share for one in found.values()) > sum(o.share for o in best.values()):
                best = found
            best = best or found
            if cell < 0 or all(one.share >= 1 for one in found.values()):
                break
            self.after = cell
        return best

    # --- Runs ------------------------------------------------------------------------------------

    def _run(
        self,
        evaluations: Sequence[int],
        weights: Mapping[str, float] | None = None,
        all_names: bool = False,
        given: str = "",
    ) -> Seen:
        shapes = [[1, d, self.random.randint(5, 40), self.random.randint(5, 40)] for d in (3, 70)]
        self.grams = [(shape, self.random.getrandbits(40)) for shape in shapes]
        names = self.notebook.names
        losses = {part: names.get(part, f"{part}_loss") for part in ("content", "style", "total")}
        request = {
            "cells": list(self.notebook.cells),
            "modules": dict(self.notebook.modules),
            "after": self.after,
            "evaluations": list(evaluations),
            "weights": dict(weights or {}),
            "all_names": all_names,
            "rate": self.random.uniform(0.5, 0.99) if weights else 1.0,
            "noise": self.random.getrandbits(40),
            "strength": 0.6,
            "net": self.net,
            "wide": self.wide,
            "fix": sorted(self.fixes),
            "given": given,
            "roles": {name: role for role, name in losses.items()},
            "features": names.get("features", "get_features"),
            "gram": names.get("gram", "gram_matrix"),
            "grams": self.grams,
            "seconds": CELL_SECONDS,
            "all_seconds": ALL_SECONDS,
        }
        return Seen(self.ask(request))

    def _loop(self) -> tuple[dict[str, _Found], int]:  # noqa: C901
        """What became of each TODO of one loop, and the cell that it stands in."""
        self.fixes = set()
        later = self.random.sample(range(SEEN + 1, SEEN + 15), LATER)
        evaluations = [*range(1, SEEN + 1), *sorted(later)]
        own = self._run(evaluations)
        if (
            not own.evaluations
            and not self.wide
            and any(_CHANNELS.search(one[2]) for one in own.failed)
        ):
            self.wide = True
            own = self._run(evaluations)
        if self.after >= 0 and not own.evaluations and own.stopped is None:
            return {}, -1  # there is no other loop
        found: dict[str, _Found] = {}
        mapping = own.mapping() or _marked(own.marked)
        found["layers"] = _judged_mapping(mapping, own)
        found["gram_matrix"] = self._judged_grams(own)
        if found["gram_matrix"].share < 1:
            self.fixes.add("gram")
        if not {*LAYERS} <= {*mapping} and not own.evaluations:
            self.fixes.add("layers")
        if self.fixes:
            mapping = mapping if "layers" not in self.fixes else dict(INDEX)
            own = self._again(own, evaluations)
        strange = not own.evaluations and _strange(own)
        if not own.evaluations and not _tracked(own):
            self.fixes.add("picture")
            own = self._again(own, evaluations)
            mapping = own.mapping() or mapping
        drawn, weights, goal = self._drawn(own, mapping)
        shown = self._shown(drawn, weights, goal)
        for part in ("content", "style", "total"):
            if not drawn.evaluations and not shown[part]:
                self.fixes.add(part)
                known = {one: is_shown for one, is_shown in shown.items() if one in self.fixes}
                drawn, weights, goal = self._drawn(own, mapping)
                shown = self._shown(drawn, weights, goal) | known
        for part in ("content", "style", "total"):
            found[f"{part}_loss"] = _found(shown[part], drawn, own, part)
        if strange or not self._is_target(own, drawn):
            for part in ("content", "style"):
                found[f"{part}_loss"] = _Found(0.0, "wrong", "The loss is not the target's.")
        if self.fixes & {"content", "style", "total"}:
            own = self._again(own, evaluations)
        found["optimise"] = self._judged_steps(own)
        if own.late and len(own.evaluations) < SEEN:
            raise LostError("The loop does not come to 20 steps in the time that it has.")
        return {name: found[name] for name in ALL}, own.cell

    def _again(self, seen: Seen, evaluations: Sequence[int]) -> Seen:
        """The run with the student's own weights, with what is known to be wrong replaced."""
        sites = {name: value for name, value in seen.sites.items() if _is_number(value)}
        return self._run(evaluations, given=self._given(seen, sites))

    def _given(self, seen: Seen, values: Mapping[str, float]) -> str:
        if not self.fixes:
            return ""
        content, style = _pictures(seen)
        alpha = [v for k, v in values.items() if _role(k) == "content"] or [1.0]
        beta = [v for k, v in values.items() if _role(k) == "style"] or [1e6]
        layers = {k[-7:]: v for k, v in values.items() if k[-7:] in STYLE_LAYERS}
        return _GIVEN.format(
            index={index: name for name, index in INDEX.items()},
            content=content, style=style, alpha=alpha[0], beta=beta[0],
            weights=layers or dict.fromkeys(STYLE_LAYERS, 1.0),
        )  # fmt: skip

    # --- The losses ------------------------------------------------------------------------------

    def _drawn(
        self, own: Seen, mapping: Mapping[str, int]
    ) -> tuple[Seen, dict[str, float], Goal | None]:
        """A run under weights that are drawn here, such that each part has its share."""
        goal = self._goal(own, mapping)
        if goal is None:
            return own, {}, None
        picture = _tensor_told(own.first.get("picture"))
        if picture is None:  # then one near which the loop works
            noise = np.random.default_rng(0).normal(0, 0.6, goal.photo.shape)
            picture = goal.photo + torch.from_numpy(noise)
        sizes = np.linalg.norm(goal.at(picture).slopes, axis=1)
        sites = {name: v for name, v in own.sites.items() if _is_number(v)}
        weights = self._draw(sites, sizes)
        drawn = self._run(_DRAWN, weights, given=self._given(own, weights))
        unnamed = not {"content", "style", "layer"} <= {_role(site) for site in sites}
        if unnamed and drawn.evaluations and not self._shown(drawn, weights, goal)["total"]:
            wider = self._run(_DRAWN, weights, True, self._given(own, weights))
            sites = {name: v for name, v in wider.sites.items() if _is_number(v)}
            more = {**self._draw(sites, sizes), **weights}
            wider = self._run(_DRAWN, more, True, self._given(own, more))
            if self._shown(wider, more, goal)["total"]:
                return wider, more, goal
        return drawn, weights, goal

    def _draw(self, sites: Mapping[str, Any], sizes: np.ndarray) -> dict[str, float]:
        """A value for each number that may be a weight; `sizes` are of the losses' gradients."""
        drawn: dict[str, float] = {}
        beta = 10 ** self.random.uniform(2, 4)
        order = {name: place for place, name in enumerate(STYLE_LAYERS, start=1)}
        for site, value in sites.items():
            role = _role(site)
            jitter = self.random.uniform(0.75, 1.4)
            place = order.get(site[-7:], 0) or (int(site[-1]) + 1 if site[-1:].isdecimal() else 0)
            if role == "layer" and 0 < place < 6 and sizes[place]:
                drawn[site] = jitter / (beta * float(sizes[place]))
            elif role == "content" and sizes[0]:
                drawn[site] = jitter / float(sizes[0])
            elif role == "style":
                drawn[site] = beta * jitter
            elif isinstance(value, int):
                drawn[site] = value * self.random.choice((1, 3)) if value > 1 else value
            else:
                drawn[site] = value * self.random.uniform(1.1, 1.9)
        return drawn

    def _goal(self, seen: Seen, mapping: Mapping[str, int]) -> Goal | None:
        content, style = _pictures(seen)
        pictures = [image for image, _ in seen.images]
        photo = pictures[content] if content >= 0 else None
        painting = pictures[style] if style >= 0 else None
        if photo is None or painting is None:
            return None
        reference = _Reference(self.wide, self.net, seen.first.get("modules", ()))
        return Goal(reference, mapping or INDEX, photo.double(), painting.double())

    def _shown(
        self, seen: Seen, weights: Mapping[str, float], goal: Goal | None
    ) -> dict[str, bool]:
        """Which losses show in a run, in values and gradients."""
        shown = dict.fromkeys(("content", "style", "total"), False)
        picture = _tensor_told(seen.first.get("picture"))
        if goal is None or picture is None:
            return shown
        losses = goal.at(picture)
        gradient = _tensor_told(seen.first.get("gradient"))
        alphas, style_sites = _candidates(weights)
        if gradient is not None and seen.evaluations:
            found, left = fitted(gradient.flatten().numpy().astype(float), losses.slopes)
            expected = _expected(found, weights, alphas, style_sites)
            if left < _TOLERANCE and expected is not None:
                good = all(self._agrees(one, goal, expected) for one in seen.evaluations.values())
                if good and (expected[1:] > 0).all() and expected[0] > 0:
                    return dict.fromkeys(shown, True)
        scalars = {k: v for k, v in seen.first.get("scalars", {}).items() if v}
        called = self.notebook.names
        content = [k for k, v in scalars.items() if _is(v, *losses.total(np.eye(6)[0]))]
        layers = np.array([0.0, *(_layer(weights, name) for name in STYLE_LAYERS)])
        style = [k for k, v in scalars.items() if _is(v, *losses.total(layers))]
        shown["content"], shown["style"] = bool(content), bool(style)
        own: dict[str, Any] = {
            part: scalars.get(called.get(part, "")) or scalars.get(f"{part}_loss")
            for part in ("content", "style")
        }
        if content:
            own["content"] = scalars[content[0]]
        if style:
            own["style"] = scalars[style[0]]
        if gradient is not None and seen.evaluations and all(own.values()):
            total = float(seen.first["total"])
            for alpha in alphas or [1.0]:
                for beta in style_sites:
                    value = alpha * own["content"][0] + beta * own["style"][0]
                    slopes = [_tensor_told(own[part][1]) for part in ("content", "style")]
                    slope = sum(
                        w * s.flatten().numpy().astype(float)
                        for w, s in zip((alpha, beta), slopes, strict=True)
                        if s is not None
                    )
                    if near(value, total) and _alike(gradient.flatten().numpy(), np.asarray(slope)):
                        shown["total"] = not _swapped(weights, alpha, beta)
        return shown

    def _agrees(self, one: Mapping[str, Any], goal: Goal, weights: np.ndarray) -> bool:
        picture, gradient = _tensor_told(one["picture"]), _tensor_told(one["gradient"])
        if picture is None or gradient is None:
            return False
        value, slope = goal.at(picture).total(weights)
        return near(float(one["total"]), value) and _alike(gradient.flatten().numpy(), slope)

    def _is_target(self, own: Seen, drawn: Seen) -> bool:
        """Whether the picture that is judged is the one that the optimiser changes, or a leaf."""
        seen = drawn if drawn.evaluations else own
        picture, parameter = (_tensor_told(seen.first.get(k)) for k in ("picture", "parameter"))
        if not seen.evaluations or picture is None:
            return True
        return bool(seen.first.get("leaf")) or _related(picture, parameter)

    # --- The others ------------------------------------------------------------------------------

    def _judged_grams(self, seen: Seen) -> _Found:
        if len(seen.grams) < len(self.grams):
            return _Found(0.0, "raised", "The notebook ended before the function could be asked.")
        for (shape, seed), told in zip(self.grams, seen.grams, strict=False):
            if "nothing" in told:
                return _Found(0.0, "not attempted")
            if "error" in told:
                return _Found(0.0, "raised", ": ".join(map(str, told["error"]))[:300])
            draw = np.random.default_rng(seed)
            values = draw.normal(0.4, 1, shape).astype(np.float32)
            given = torch.from_numpy(values).double().clamp(min=0).requires_grad_()
            slope = torch.from_numpy(draw.normal(0, 1, (shape[1],) * 2).astype(np.float32))
            result = gram(given)
            (gradient,) = torch.autograd.grad((result * slope).sum(), given)
            value, own = _tensor_told(told.get("value")), _tensor_told(told.get("gradient"))
            if value is None or own is None or value.numel() != result.numel():
                return _Found(0.0, "wrong")
            if not _alike(value.flatten().numpy(), result.detach().flatten().numpy(), 2e-5):
                return _Found(0.0, "wrong")
            if not _alike(own.flatten().numpy(), gradient.flatten().numpy(), 2e-5):
                return _Found(0.0, "wrong")
        return _Found(1.0)

    def _judged_steps(self, seen: Seen) -> _Found:
        """Whether the target is changed by what the optimiser makes of the gradient."""
        if "picture" in self.fixes:
            return _Found(0.0, "wrong", "The loss does not depend on the target.")
        if not seen.evaluations:
            message = f"{seen.failed[0][1]}: {seen.failed[0][2]}" if seen.failed else ""
            return _Found(0.0, "raised" if message else "wrong", message or "No loop was seen.")
        if len(seen.totals) < SEEN:
            return _Found(0.0, "wrong", f"The loop ends after {len(seen.totals)} steps.")
        problem = _path(seen)
        if problem:
            return _Found(0.0, "wrong", problem)
        if self.notebook.history and not _has_history(seen):
            return _Found(1 - _HISTORY, "wrong", "No list holds the total of each step.")
        return _Found(1.0)


def _is(told: Any, value: float, slope: np.ndarray) -> bool:
    gradient = _tensor_told(told[1])
    if gradient is None or not near(told[0], value):
        return False
    return _alike(gradient.flatten().numpy(), slope)


def _role(site: str) -> str:
    return next((role for role, pattern in ROLES.items() if pattern.search(site)), "")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _candidates(weights: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """Numbers that may be α, and that may be β; those that are called so come first."""

    def by(role: str) -> list[float]:
        ordered = sorted(weights, key=lambda site: _role(site) != role)
        return list(dict.fromkeys(weights[s] for s in ordered if _role(s) != "layer"))

    return by("content"), by("style")


def _layer(weights: Mapping[str, float], name: str) -> float:
    place = STYLE_LAYERS.index(name)
    keys = (name, f":{place}")
    return next((v for site, v in weights.items() if site.endswith(keys)), 0.0)


def _swapped(weights: Mapping[str, float], alpha: float, beta: float) -> bool:
    """Whether α has the name of β, and β that of α; single letters say nothing."""
    roles = [{_role(s) for s, v in weights.items() if v == one and s[1:]} for one in (alpha, beta)]
    return roles == [{"style"}, {"content"}]


def _expected(
    found: np.ndarray,
    weights: Mapping[str, float],
    alphas: Sequence[float],
    betas: Sequence[float],
) -> np.ndarray | None:
    """The drawn weights that the fitted ones are; None if they are none of them."""
    layers = np.array([_layer(weights, name) for name in STYLE_LAYERS])
    close = 5 * _TOLERANCE
    alpha = next((one for one in alphas if near(one, found[0], close)), None)
    for beta in betas:
        wanted = beta * layers
        if (
            alpha is not None
            and not _swapped(weights, alpha, beta)
            and all(near(*p, close) for p in zip(wanted, found[1:], strict=True))
        ):
            return np.array([alpha, *wanted])
    return None


def _pictures(seen: Seen) -> tuple[int, int]:
    """Which of the pictures that went through the net are the content and the style; else -1."""
    still = [n for n, (image, looping) in enumerate(seen.images) if image is not None]
    before = [n for n in still if not seen.images[n][1]]
    if len(before) < 2:
        before = still
    distinct: list[int] = []
    for number in before:
        image = seen.images[number][0]
        if not any(_same(image, seen.images[other][0]) for other in distinct):
            distinct.append(number)
    if len(distinct) < 2:
        return (distinct[0] if distinct else -1), -1
    return distinct[0], distinct[1]


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is not None and other is not None and torch.equal(one, other)


def _marked(told: Any) -> dict[str, int]:
    """{name: index} of what the function that collects features was asked."""
    found = {}
    for key, name in told.items() if isinstance(told, dict) else ():
        if isinstance(key, str) and key.isdecimal() and int(key) < 37:
            found[str(name)] = int(key)
    return found


def _judged_mapping(mapping: Mapping[str, int], seen: Seen) -> _Found:
    if not mapping:
        text = seen.marked.get("", "") if isinstance(seen.marked, dict) else ""
        return _Found(0.0, "raised" if text else "not attempted", text)
    if mapping == {"conv1_1": 0}:
        return _Found(0.0, "not attempted")
    right = [name for name in LAYERS[1:] if mapping.get(name) == INDEX[name]]
    whole = {name: place for name, place in mapping.items() if name not in OTHER_LAYERS} == INDEX
    share = MAPPED * len(right) + WHOLE * whole
    return _Found(round(share, 4), "passed" if share > 0.999 else "wrong")


def _tracked(seen: Seen) -> bool:
    """Whether the picture that the loop looks at is one that gradients lead to."""
    return bool(seen.stopped and seen.stopped.get("tracked"))


def _strange(seen: Seen) -> bool:
    """Whether the loop looks at a picture that is none of the notebook's."""
    looping = [image for image, within in seen.images if within]
    known = [image for image, within in seen.images if not within]
    parameter = _tensor_told(seen.first.get("parameter"))
    return bool(looping) and not any(_same(looping[0], other) for other in [*known, parameter])


def _found(right: bool, drawn: Seen, own: Seen, part: str) -> _Found:
    if right:
        return _Found(1.0)
    scalars = own.first.get("scalars", {})
    if scalars.get(f"{part}_loss", ...) is None:
        return _Found(0.0, "not attempted")
    if not drawn.evaluations and own.failed:
        return _Found(0.0, "raised", f"{own.failed[0][1]}: {own.failed[0][2]}"[:300])
    return _Found(0.0, "wrong")


def _related(picture: Tensor | None, parameter: Tensor | None) -> bool:
    """Whether a picture is the parameter, up to a linear change of a colour and a clamp."""
    if picture is None or parameter is None or picture.numel() != parameter.numel():
        return False
    for one, other in zip(picture.reshape(3, -1), parameter.reshape(3, -1), strict=True):
        x, y = other.double().numpy(), one.double().numpy()
        inner = (x > np.quantile(x, 0.2)) & (x < np.quantile(x, 0.8))
        if inner.sum() < 3 or y[inner].std() == 0:
            return False
        slope, offset = np.polyfit(x[inner], y[inner], 1)
        if slope <= 0 or (abs(y - slope * x - offset) < 1e-4 * y.std()).mean() < 0.5:
            return False
    return True


def _path(seen: Seen) -> str:  # noqa: C901
    """What is wrong with the steps; empty for nothing."""
    one = seen.evaluations[1]
    picture, parameter = _tensor_told(one["picture"]), _tensor_told(one["parameter"])
    if not _related(picture, parameter):
        return "The optimiser does not have the picture that the loss is of."
    direct = _same(picture, parameter)
    adam = _Adam()
    before: Mapping[str, Any] | None = None
    if not seen.steps:
        return "The optimiser never steps."
    for number in range(1, SEEN + 1):
        evaluation = seen.evaluations[number]
        gradient, kept = _tensor_told(evaluation["gradient"]), _tensor_told(evaluation["kept"])
        step = seen.steps.get(number)
        if gradient is None:
            return "There is no gradient."
        if step is None or step["kind"] == "LBFGS":
            if kept is not None and direct and not _is_scaled(kept, gradient):
                return "The gradient is not the loss's: earlier ones are added to it."
            if step is None and "LBFGS" not in {s["kind"] for s in seen.steps.values()}:
                return f"The optimiser does not step after evaluation {number}."
            continue
        given, start, after = (_tensor_told(step[name]) for name in ("grad", "before", "after"))
        if given is None or start is None or after is None:
            return "The optimiser has no gradient."
        if direct and not _is_scaled(given, gradient):
            return "The gradient that the optimiser uses is not the loss's."
        if not direct and float((given != 0).float().mean()) < 0.3:
            return "The gradient that the optimiser uses is not the loss's."
        if float((after - start).abs().max()) < 1e-7:
            return "The optimiser changes nothing."
        if not adam.agrees(step, given, start, after):
            return "The target does not change by what the optimiser makes of the gradient."
        if before is not None:
            last = _tensor_told(before["after"])
            if last is None or float(((start - last).abs() < 1e-6).float().mean()) < 0.5:
                return "The target is put back between steps."
        before = step
    return ""


def _is_scaled(one: Tensor, other: Tensor) -> bool:
    """Whether a gradient is another, or a part of it (clipped)."""
    x, y = (t.flatten().double().numpy() for t in (one, other))
    scale = float(x @ y / max(y @ y, 1e-300))
    return 0 < scale < 1 + _TOLERANCE and _alike(x, scale * y, 5 * _TOLERANCE)


class _Adam:
    """Torch's Adam, computed again; other optimisers have to go down at first."""

    def __init__(self) -> None:
        self.count, self.mean, self.square = 0, 0.0, 0.0

    def agrees(
        self, step: Mapping[str, Any], gradient: Tensor, start: Tensor, after: Tensor
    ) -> bool:
        """Whether a step is what the optimiser makes of the gradient."""
        self.count += 1
        options, g = step["options"], gradient.double()
        moved = after.double() - start.double()
        if (
            step["kind"] == "Adam"
            and not options.get("weight_decay")
            and not options.get("amsgrad")
        ):
            first, second = options["betas"]
            self.mean = first * self.mean + (1 - first) * g
            self.square = second * self.square + (1 - second) * g**2
            mean = self.mean / (1 - first**self.count)
            square = self.square / (1 - second**self.count)
            wanted = -options["lr"] * mean / (square.sqrt() + options["eps"])
            off = float((moved - wanted).norm() / wanted.norm())
            return off < 0.02  # float32 at the picture's size, of a small step
        if self.count > 1:
            return True
        return float((moved.sign() == -g.sign()).double().mean()) > 0.9


def _has_history(seen: Seen) -> bool:
    """Whether a list holds the totals, in their order."""
    wanted = seen.totals
    lbfgs = any(step["kind"] == "LBFGS" for step in seen.steps.values())
    for entries in seen.lists.values():
        columns = (
            zip(*entries, strict=False) if entries and isinstance(entries[0], list) else [entries]
        )
        for column in columns:
            numbers = [one for one in column if _is_number(one)]
            for start in (0, 1):
                pairs = [*zip(numbers[start:], wanted, strict=False)]
                if len(pairs) >= SEEN - 1 and all(near(a, b) for a, b in pairs[:-2]):
                    return True
            if lbfgs and numbers and all(any(near(a, b) for b in wanted) for a in numbers[:2]):
                return True
    return False
