"""Runs the single exercise's own cells, in miniature, and says what its loop does.

One process imports torch, and forks for each run that it is asked for (a line of JSON on standard
input, lines of JSON back). In a run the student's cells are executed in order, with the doors of
`doors` open. At each evaluation of the loss there is told: the picture that went through the net,
the total and its gradient with respect to that picture, and what the optimiser then does. Nothing
here knows what is right, but where an answer that is judged already is replaced by what the
request brings (`fix`), so that what comes after it can be seen.
"""

import ast
import base64
import contextlib
import copy
import json
import math
import os
import random
import re
import select
import signal
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cells as runner  # type: ignore[import-not-found]  # copies, beside this script
import doors  # type: ignore[import-not-found]
import numpy as np
import state  # type: ignore[import-not-found]
import torch
from torch import Tensor, nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

_CELL = "<cell"  # how the names of the cells' code begin
WEIGHT = re.compile(
    r"content|style|alpha|beta|weight|gewicht|poids|peso|^[cs]_?w$|^w_?[cs]$|^[αβab]$|conv\d_\d",
    re.IGNORECASE,
)
"""Names that may hold a weight; others are tried where these are none."""
MOST_NAMED, MOST_LISTS, MOST_IMAGES, MOST_SITES = 14, 12, 12, 60


class Enough(BaseException):
    """The loop was seen for long enough."""


class Run:
    """One run of the cells.

    Args:
        request: what to run and how; see `grade.single`.
        tell: takes what is told, a value that is JSON.
    """

    def __init__(self, request: Mapping[str, Any], tell: Callable[[Any], None]) -> None:
        self.request = request
        self.tell = tell
        self.wanted = set(request["evaluations"])
        self.last = max(self.wanted)
        self.count = self.skipped = 0  # evaluations so far
        self.cell = -1
        self.images: list[Tensor] = []  # without a gradient, that went through the net
        self.image: Tensor | None = None  # the last one, with or without
        self.outputs: dict[int, Tensor] = {}  # of the last pass
        self.known: dict[int, tuple[Tensor, int]] = {}  # {address: (tensor, module)}
        self.parameter: Tensor | None = None
        self.perturbed: list[Tensor] = []
        self.sites: dict[str, Any] = {}
        self.fixes: dict[str, Any] = {}
        self.net: nn.Module | None = None
        self.quiet = False
        self.channels = doors.VGG19 if request["wide"] else doors.FEW
        self.draw = np.random.default_rng(request["noise"])

    def go(self) -> None:
        """Run all cells, then ask what is to be asked."""
        doors.open_doors(self.channels, self.request["net"])
        self._open_kit()
        self._watch()
        cells = Rewritten(self)
        if source := self.request["given"]:
            exec(compile(source, "<given>", "exec"), fixed := {"run": self, "torch": torch})
            self.fixes = {name: fixed[name] for name in self.request["fix"]}
        try:
            for number, source in enumerate(self.request["cells"]):
                self.cell, self.skipped = number, 0
                failure = cells.run(source, f"cell {number}")
                if failure is not None and failure.error != "Enough":
                    self.tell({"failed": [failure.kind, failure.error, failure.message]})
                if self.count >= self.last or self.stopped_by_itself(number):
                    break
        finally:
            self.quiet = True
        self._report(cells)

    def stopped_by_itself(self, number: int) -> bool:
        """Whether a loop of this cell came to its end."""
        return bool(self.count) and number > self.request["after"]

    def _open_kit(self) -> None:
        """The kit's own doors to the net, and as many steps as are asked for."""
        try:
            import styletools
            from styletools import course
        except ImportError:
            return
        net = doors.network(self.channels, self.request["net"])
        for module in net.features:
            if isinstance(module, nn.ReLU):
                module.inplace = False  # as the kit's

        def load_backbone(*_: Any, **__: Any) -> Any:
            return types.SimpleNamespace(features=lambda *_, **__: net.features, name="small")

        kit: Any = styletools
        kit.load_backbone = load_backbone
        lessons: Any = course
        lessons.MOST_STEPS, lessons.MOST_PIXELS = 10_000, doors.LIMIT

    # --- What is watched -------------------------------------------------------------------------

    def _watch(self) -> None:
        real_backward, real_grad = torch.autograd.backward, torch.autograd.grad

        def backward(tensors: Any, *arguments: Any, **named: Any) -> Any:
            note = self._evaluated(tensors)
            result = real_backward(tensors, *arguments, **named)
            note(self.parameter)
            return result

        def grad(outputs: Any, inputs: Any, *arguments: Any, **named: Any) -> Any:
            if self.quiet or not self._is_loss(outputs):
                return real_grad(outputs, inputs, *arguments, **named)
            note = self._evaluated(outputs)
            result = real_grad(outputs, inputs, *arguments, **named)
            note(None)
            return result

        torch.autograd.backward, torch.autograd.grad = backward, grad
        self.real_grad = real_grad
        nn.modules.module.register_module_forward_hook(self._passed)
        nn.modules.module.register_module_forward_pre_hook(self._enters)
        real_init = torch.optim.Optimizer.__init__

        def init(optimizer: Any, params: Any, defaults: Any) -> None:
            real_init(optimizer, params, defaults)
            for group in optimizer.param_groups:
                if isinstance(group.get("lr"), float):
                    group["lr"] *= self.request["rate"]
                for one in group["params"]:
                    if is_picture(one):
                        self.parameter = one
                        self._perturb(one)

        changed: Any = torch.optim.Optimizer
        changed.__init__ = init
        register_optimizer_step_pre_hook(self._steps)
        register_optimizer_step_post_hook(self._stepped)

    def _perturb(self, image: Tensor) -> None:
        if not any(image is one for one in self.perturbed):
            self.perturbed.append(image)
            noise = self.draw.normal(0, self.request["strength"], tuple(image.shape))
            image.data.add_(torch.from_numpy(noise).to(image.dtype))

    def _enters(self, module: nn.Module, inputs: Any) -> Any:
        index = self._index(module)
        if index != 0 or self.quiet:
            return None
        (image, *_) = inputs
        if self.parameter is not None and "picture" in self.fixes and not image.requires_grad:
            image = self.parameter
        if image.requires_grad and image.is_leaf and is_picture(image):
            self._perturb(image)
        self.image, self.outputs = image, {}
        if not image.requires_grad and len(self.images) < MOST_IMAGES:
            self.images.append(image.detach().clone())
            self.tell({"image": _listed(image), "looping": self.parameter is not None})
        if self.count > self.last:
            raise Enough
        return (image,)

    def _passed(self, module: nn.Module, inputs: Any, output: Any) -> None:
        index = self._index(module)
        if index is not None and not self.quiet and isinstance(output, Tensor):
            self.outputs[index] = output
            if self.count < 2 and len(self.known) < 37 * MOST_IMAGES:
                self.known[output.untyped_storage().data_ptr()] = (output, index)

    def _index(self, module: nn.Module) -> int | None:
        place = getattr(module, "vgg_index", None)
        if place is None and isinstance(module, (nn.MaxPool2d, nn.AvgPool2d, nn.ReLU)):
            place = self._replaced(module)
        return place

    def _replaced(self, module: nn.Module) -> int | None:
        """A module that the student put in another's place."""
        for index, one in enumerate(doors.NETS[-1] if doors.NETS else ()):
            if one is module:
                module.vgg_index = index
                return index
        return None

    def _is_loss(self, outputs: Any) -> bool:
        root = outputs[0] if isinstance(outputs, (list, tuple)) else outputs
        return isinstance(root, Tensor) and root.numel() == 1 and root.requires_grad

    def _evaluated(self, tensors: Any) -> Callable[[Any], None]:
        """Tell of an evaluation; what is returned is called with the parameter afterwards."""
        nothing: Callable[[Any], None] = lambda _: None  # noqa: E731
        if self.quiet or self.parameter is None or not self._is_loss(tensors):
            return nothing
        if self.cell <= self.request["after"]:  # a loop that was judged before
            self.skipped += 1
            if self.skipped > 2:
                raise Enough
            return nothing
        if self.count >= self.last:
            self._lists(sys._getframe(2))
            raise Enough
        self.count += 1
        parts = [*tensors] if isinstance(tensors, (list, tuple)) else [tensors]
        total = sum(part.sum() for part in parts)
        told: dict[str, Any] = {"evaluation": self.count, "total": float(total.detach())}
        if self.count not in self.wanted or self.image is None:
            self.tell(told)
            return nothing
        self.quiet = True
        try:
            told["picture"] = _listed(self.image)
            told["gradient"] = self._gradient(total, self.image)
            told["parameter"] = _listed(self.parameter)
            told["cell"] = self.cell
            told["leaf"] = self.image.is_leaf and self.image.requires_grad
            if self.count == 1:
                told |= self._named(sys._getframe(2))
                told["modules"] = self._modules()
        finally:
            self.quiet = False

        def after(parameter: Tensor | None) -> None:
            given = None if parameter is None else parameter.grad
            told["kept"] = None if given is None else _listed(given)
            self.tell(told)

        return after

    def _gradient(self, value: Tensor, image: Tensor) -> Any:
        if not (value.requires_grad and image.requires_grad):
            return None
        (found,) = self.real_grad(value, [image], retain_graph=True, allow_unused=True)
        return None if found is None else _listed(found)

    def _named(self, frame: Any) -> dict[str, Any]:
        """The losses and features that have a name in the code that is running."""
        scalars: dict[str, Any] = {}
        mappings: dict[str, dict[str, int]] = {}
        for name, value in names_of(frame):
            if isinstance(value, Tensor) and value.numel() == 1 and len(scalars) < MOST_NAMED:
                if self.image is not None and value.requires_grad and name not in scalars:
                    with contextlib.suppress(RuntimeError):
                        slope = self._gradient(value, self.image)
                        scalars[name] = [float(value.detach()), slope]
            elif isinstance(value, Mapping) and name not in mappings:
                if places := self._places(value):
                    mappings[name] = places
            elif value is None and "loss" in name.lower():
                scalars.setdefault(name, None)
        return {"scalars": scalars, "mappings": mappings}

    def _places(self, value: Mapping[Any, Any]) -> dict[str, int]:
        found = {}
        for key, one in list(value.items())[:40]:
            if isinstance(key, str) and isinstance(one, Tensor) and one.dim() == 4:
                kept = self.known.get(one.untyped_storage().data_ptr())
                if kept is not None:
                    found[key] = kept[1]
        return found

    def _modules(self) -> list[str]:
        """What of the net is another thing than what was handed out."""
        changed = []
        for index, one in enumerate(doors.NETS[-1] if doors.NETS else ()):
            if isinstance(one, nn.AvgPool2d):
                changed.append(f"{index} avg")
            if isinstance(one, nn.ReLU) and not one.inplace:
                changed.append(f"{index} raw")
        return changed

    def _lists(self, frame: Any) -> None:
        """Tell of the lists of numbers that grow in the loop."""
        lists: dict[str, Any] = {}
        for name, value in names_of(frame):
            for key, one in _within(name, value):
                if len(lists) < MOST_LISTS and key not in lists:
                    entries = _entries(one, self.count)
                    if entries:
                        lists[key] = entries
        self.tell({"lists": lists})

    def _steps(self, optimizer: Any, arguments: Any, named: Any) -> None:
        if self.parameter is None or self.quiet:
            return
        if not any(one is self.parameter for g in optimizer.param_groups for one in g["params"]):
            return
        self.before = self.parameter.detach().clone()

    def _stepped(self, optimizer: Any, arguments: Any, named: Any) -> None:
        if self.parameter is None or self.quiet or not hasattr(self, "before"):
            return
        if self.count in self.wanted:
            given = self.parameter.grad
            self.tell({
                "step": self.count,
                "kind": type(optimizer).__name__,
                "before": _listed(self.before),
                "after": _listed(self.parameter),
                "grad": None if given is None else _listed(given),
                "options": _options(optimizer),
            })  # fmt: skip

    # --- What is asked afterwards ----------------------------------------------------------------

    def _report(self, cells: "Rewritten") -> None:
        if self.count < self.last:
            self._lists(types.SimpleNamespace(f_code=None, f_locals=cells.names, f_back=None))
        self.tell({"sites": {name: _plain(value) for name, value in self.sites.items()}})
        gram = cells.names.get(self.request["gram"])
        for shape, seed in self.request["grams"]:
            self.tell({"gram": self._ask_gram(gram, shape, seed)})
        features = cells.names.get(self.request["features"])
        self.tell({"marked": self._ask_features(features) if callable(features) else None})

    def _ask_gram(self, function: Any, shape: Any, seed: int) -> Any:
        draw = np.random.default_rng(seed)
        given = torch.from_numpy(draw.normal(0.4, 1, shape).astype(np.float32))
        given = given.clamp(min=0).requires_grad_()
        try:
            result = function(given)
            if result is None:
                return {"nothing": True}
            slope = torch.from_numpy(draw.normal(0, 1, (shape[1],) * 2).astype(np.float32))
            value = (
                result.reshape(shape[1], shape[1]) if result.numel() == shape[1] ** 2 else result
            )
            (found,) = self.real_grad((value * slope).sum(), [given])
            return {"value": _listed(value), "gradient": _listed(found)}
        except BaseException as error:
            return {"error": [type(error).__name__, runner.said(error)]}

    def _ask_features(self, function: Callable[..., Any]) -> Any:
        """Which module's output the function keeps under which name, asked with a marking net."""
        import standins  # type: ignore[import-not-found]

        try:
            return standins.layers_of(function)
        except BaseException as error:
            return {"": f"{type(error).__name__}: {runner.said(error)}"}


def _load_image(path: Any, max_size: int = 400, size: Any = None, shape: Any = None) -> Tensor:
    """A picture, as the function does that is handed out: for who has lost it."""
    from PIL import Image

    picture = Image.open(path).convert("RGB")
    if (wanted := shape or size) is not None:
        picture = picture.resize(tuple(wanted)[::-1])
    values = torch.from_numpy(np.array(picture, dtype=np.float32) / 255).permute(2, 0, 1)[None]
    return ((values - values.mean()) / values.std()).contiguous()  # for L-BFGS, as a photograph is


def im_convert(tensor: Tensor) -> np.ndarray:
    """A picture's tensor as an array, (H, W, 3), from 0 to 1: for who has lost it."""
    return tensor.detach().squeeze(0).permute(1, 2, 0).clamp(0, 1).numpy()


def bar(steps: Any = None, *_: Any, **named: Any) -> Any:
    """What a progress bar goes through."""
    return range(named.get("total", 0)) if steps is None else steps


class Rewritten(runner.Cells):
    """The cells, with weights that can be set, and losses that can be replaced."""

    def __init__(self, run: Run) -> None:
        asked = run.request
        super().__init__(asked["modules"], asked["seconds"], asked["all_seconds"])
        self.watched = run
        self.names |= {"torch": torch, "nn": nn, "F": nn.functional, "np": np, "math": math}
        self.names |= {"load_image": _load_image, "im_convert": im_convert, "tqdm": bar}
        self.names["__weight__"] = self._weight
        self.names["__loss__"] = self._loss

    def _statement(self, statement: ast.stmt, file: str) -> None:
        statement = Weights(self.watched.request["all_names"]).visit(copy.deepcopy(statement))
        if {"content", "style", "total", "picture"} & set(self.watched.fixes):
            statement = _Losses().visit(statement)
        ast.fix_missing_locations(statement)
        try:
            super()._statement(statement, file)
        except Enough:
            raise
        except Exception as error:
            self._tell_of(error)
            raise
        for part, name in (("gram", "gram"), ("layers", "features")):
            own = self.watched.request[name]
            if part in self.watched.fixes and own in self.names:
                self.names[own] = self.watched.fixes[part]

    def _tell_of(self, error: BaseException) -> None:
        """What could be seen where a loop ended with an error."""
        watched = self.watched
        if watched.parameter is None or watched.count or watched.quiet:
            return
        if watched.cell <= watched.request["after"]:
            return
        trace, frame = error.__traceback__, None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename.startswith(_CELL):
                frame = trace.tb_frame
            trace = trace.tb_next
        if frame is not None:
            watched.quiet = True
            try:
                told = watched._named(frame)
                image = None if watched.image is None else _listed(watched.image)
                grad = watched.image is not None and watched.image.requires_grad
                told |= {"picture": image, "tracked": grad, "modules": watched._modules()}
                told["parameter"] = _listed(watched.parameter)
                watched.tell({"stopped": told})
            finally:
                watched.quiet = False

    def _weight(self, site: str, value: Any) -> Any:
        """What stands in the place of a number, or of each number of a dictionary or list."""
        if type(value) is dict:
            return {
                k: self._weight(f"{site}:{k}", v) if _is_number(v) else v for k, v in value.items()
            }
        if isinstance(value, list) and len(value) > 2 and all(map(_is_number, value)):
            return [self._weight(f"{site}:{i}", v) for i, v in enumerate(value)]
        if not _is_number(value) or len(self.watched.sites) > MOST_SITES:
            return value
        self.watched.sites[site] = value
        weights = self.watched.request["weights"]
        return weights.get(site, value)

    def _loss(self, names: str, made: Callable[[], Any]) -> Any:
        """What an assignment in a loop or function gives, where losses are replaced."""
        watched, name = self.watched, names.partition(",")[0]
        roles = watched.request["roles"]
        looping = watched.parameter is not None and not watched.quiet
        role = roles.get(names) if looping else None
        if role in watched.fixes and watched.outputs:
            return watched.fixes[role]()
        try:
            value = made()
        except Exception:
            if not looping or not names or not {"content", "style", "picture"} & set(watched.fixes):
                raise
            value = None
        if value is None and looping and "picture" in watched.fixes and "feature" in name.lower():
            return watched.fixes["picture"](watched.parameter)
        return value


class Weights(ast.NodeTransformer):
    """Numbers that may be weights go through `__weight__`, but for those within loops."""

    def __init__(self, all_names: bool) -> None:
        self.all = all_names

    def _fits(self, name: str) -> bool:
        return self.all or bool(WEIGHT.search(name))

    def visit_For(self, node: ast.AST) -> ast.AST:
        """Loops are left as they are."""
        return node

    visit_While = visit_AsyncFor = visit_For  # noqa: N815

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """A name, or several, and what they are."""
        match node.targets:
            case [ast.Name(name)]:
                node.value = self._wrapped(name, node.value)
            case [ast.Tuple(targets)] if isinstance(node.value, ast.Tuple):
                if len(targets) == len(node.value.elts):
                    node.value.elts = [
                        self._wrapped(t.id, v) if isinstance(t, ast.Name) else v
                        for t, v in zip(targets, node.value.elts, strict=True)
                    ]
            case _:
                self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """A name with its type."""
        if isinstance(node.target, ast.Name) and node.value is not None:
            node.value = self._wrapped(node.target.id, node.value)
        return node

    def _wrapped(self, name: str, value: ast.expr) -> ast.expr:
        read = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
        made = isinstance(value, (ast.Lambda, ast.Await, ast.Yield))
        if not self._fits(name) or made or any(WEIGHT.search(one) for one in read - {"layer"}):
            return self.visit(value)
        if isinstance(value, ast.Constant) and not _is_number(value.value):
            return value
        return _call("__weight__", name, value)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Arguments with a name."""
        self.generic_visit(node)
        for keyword in node.keywords:
            if keyword.arg and self._fits(keyword.arg) and _is_number_node(keyword.value):
                keyword.value = _call("__weight__", keyword.arg, keyword.value)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        """Values under a name."""
        self.generic_visit(node)
        for place, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            name = key.value if isinstance(key, ast.Constant) else None
            if isinstance(name, str) and self._fits(name) and _is_number_node(value):
                node.values[place] = _call("__weight__", name, value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Defaults, and the body."""
        arguments = node.args
        plain = [*arguments.posonlyargs, *arguments.args]
        named = plain[len(plain) - len(arguments.defaults) :]
        arguments.defaults = [
            self._default(one.arg, value)
            for one, value in zip(named, arguments.defaults, strict=True)
        ]
        arguments.kw_defaults = [
            value if value is None else self._default(one.arg, value)
            for one, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        ]
        node.body = [self.visit(one) for one in node.body]
        return node

    def _default(self, name: str, value: ast.expr) -> ast.expr:
        fits = self._fits(name) and _is_number_node(value)
        return _call("__weight__", name, value) if fits else value


class _Losses(ast.NodeTransformer):
    """Assignments within loops and functions go through `__loss__`."""

    def __init__(self) -> None:
        self.depth = 0

    def _deeper(self, node: ast.AST) -> ast.AST:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
        return node

    visit_For = visit_While = visit_FunctionDef = _deeper  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Left as it is."""
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """A name, or several, and what they are."""
        match node.targets:
            case [ast.Name(name)] if self.depth:
                node.value = _lazy(name, node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """`x += y` as `x = iadd(x, y)`."""
        if not self.depth or not isinstance(node.target, ast.Name):
            return node
        name = node.target.id
        symbol = {ast.Add: "iadd", ast.Sub: "isub", ast.Mult: "imul", ast.Div: "itruediv"}
        if type(node.op) not in symbol:
            return node
        module = ast.Call(ast.Name("__import__", ast.Load()), [ast.Constant("operator")], [])
        function = ast.Attribute(module, symbol[type(node.op)], ast.Load())
        value = ast.Call(function, [ast.Name(name, ast.Load()), node.value], [])
        return ast.Assign([ast.Name(name, ast.Store())], _lazy(name, value))


def _lazy(name: str, value: ast.expr) -> ast.expr:
    if any(isinstance(n, (ast.Await, ast.Yield, ast.NamedExpr)) for n in ast.walk(value)):
        return value
    empty = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    made = ast.Lambda(empty, value)
    return ast.Call(ast.Name("__loss__", ast.Load()), [ast.Constant(name), made], [])


def _call(function: str, name: str, value: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(function, ast.Load()), [ast.Constant(name), value], [])


def _is_number_node(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Constant) and _is_number(node.value)


def _is_number(value: Any) -> bool:
    """Whether it is a number that can be a weight."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_picture(value: Any) -> bool:
    """Whether a tensor has a picture's shape."""
    return isinstance(value, Tensor) and value.dim() in (3, 4) and value.shape[-3] == 3


def names_of(frame: Any) -> Iterator[tuple[str, Any]]:
    """Names and values of the cells' code that is running, innermost first."""
    while frame is not None:
        if frame.f_code is None or frame.f_code.co_filename.startswith(_CELL):
            for name, value in list(frame.f_locals.items()):
                if not name.startswith("__"):
                    yield name, value
                    if name == "self":
                        yield from list(getattr(value, "__dict__", {}).items())
        frame = frame.f_back


def _within(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, one in list(value.items())[:MOST_LISTS]:
            yield f"{name}.{key}", one
    elif hasattr(value, "__dict__") and type(value).__module__ == "__main__":
        for key, one in list(vars(value).items())[:MOST_LISTS]:
            yield f"{name}.{key}", one
    else:
        yield name, value


def _entries(value: Any, count: int) -> list[Any]:
    """The first numbers of a list, an array or a deque; "graph" for a tensor that keeps its own."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy() if value.dim() == 1 else []
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__len__"):
        return []
    with contextlib.suppress(Exception):
        if count - 2 <= len(value):
            return [_entry(one) for one in list(value)[: count + 2]]
    return []


def _entry(value: Any) -> Any:
    if isinstance(value, Tensor):
        return "graph" if value.requires_grad else float(value)
    if isinstance(value, (tuple, list)):
        return [_entry(one) for one in value[:4]]
    return float(value)


def _options(optimizer: Any) -> dict[str, Any]:
    group = optimizer.param_groups[0]
    return {name: _plain(value) for name, value in group.items() if name != "params"}


def _plain(value: Any) -> Any:
    if isinstance(value, (int, float, str, bool)) or value is None:
        return value
    return [_plain(one) for one in value] if isinstance(value, (tuple, list)) else repr(value)[:80]


def _listed(value: Tensor) -> list[Any]:
    """A tensor's shape and float32 values."""
    whole = value.detach().to(torch.float32).cpu().contiguous().numpy()
    return [list(whole.shape), base64.b64encode(whole.tobytes()).decode()]


# --- The process ----------------------------------------------------------------------------------


def main() -> None:
    """Run what is asked for, each run in a process of its own, until the input ends."""
    torch.set_num_threads(1)
    out = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    state.spare_dynamo()

    def tell(value: Any) -> None:
        line = memoryview(json.dumps(value).encode() + b"\n")
        while line:
            line = line[os.write(out, line) :]

    for module in json.loads(sys.stdin.readline()):
        with contextlib.suppress(Exception):
            __import__(module)
    tell("ready")
    for line in sys.stdin:
        request = json.loads(line)
        if (child := os.fork()) == 0:
            try:
                os.dup2(nothing, 0)
                random.seed(request["noise"])
                torch.manual_seed(request["noise"])
                Run(request, tell).go()
            except BaseException as error:
                with contextlib.suppress(BaseException):
                    tell({"trouble": f"{type(error).__name__}: {runner.said(error)}"})
            finally:
                os._exit(0)
        tell({"end": _waited(child, request["all_seconds"] + 5)})


def _waited(child: int, seconds: float) -> str:
    """How the process ended: "", "timed out" or "died"."""
    watched = os.pidfd_open(child)
    try:
        if not select.select([watched], [], [], seconds)[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "timed out"
    finally:
        os.close(watched)
    return "died" if os.waitpid(child, 0)[1] else ""


if __name__ == "__main__":
    sys.modules["single"] = sys.modules["__main__"]
    main()
