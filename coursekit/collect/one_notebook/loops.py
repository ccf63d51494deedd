"""A loop that is written out in a notebook → its losses as functions. Nothing is run here.

The single exercise has its losses inline, in one loop. Each is taken out of it: what its value
depends on becomes the body of a function with the lessons' name and parameters. A report
shows it, and the student's own check says what is wrong with it; points come from running the loop.

What is what is seen from the structure (whatever has `.backward()` is the total; it is made of the
content and the style loss), and from the assignment's names where they are used.
"""

import ast
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coursekit.collect.one_notebook.slicing import (
    bodies,
    changed,
    reads,
    root,
    sliced,
    stores,
    with_bodies,
)

FEATURES = {name: f"{name}_features" for name in ("content", "style", "target")}
GIVEN = {
    "content_loss": ("target_features", "content_features"),
    "style_loss": ("target_features", "style_grams", "style_weights"),
    "total_loss": ("content_loss", "style_loss", "content_weight", "style_weight"),
    "optimise": ("target", "optimizer", "loss_of", "steps"),
}
"""{TODO: parameters of its function}; the total's first two are called as in the loop."""
_WEIGHTS = ("content_weight", "style_weight")
NAMES = {*FEATURES.values(), *FEATURES, "style_grams", "style_weights", *_WEIGHTS, "optimizer"}
STEPPING = {"range", "tqdm", "trange", "count"}  # what a loop over steps goes through
MOST_PARTS = 6  # that a total has, or a loop calls functions for
LONGEST = 100  # statements of a function that computes the losses


@dataclass(frozen=True)
class Loop:
    """A loop over steps.

    Attributes:
        node: the loop.
        body: the statements in it among which the total is computed.
        function: that it stands in, if it does.
        before: statements before it, in the same cell or function.
    """

    node: ast.For | ast.While
    body: list[ast.stmt]
    function: ast.FunctionDef | None
    before: tuple[ast.stmt, ...]


@dataclass(frozen=True)
class Names:
    """What a student's names stand for.

    Attributes:
        features: the function that collects features; "" if there is none.
        roles: {name: the assignment's name for it}.
        others: {name: "style_features" or "style_grams"}, of a second style.
    """

    features: str
    roles: dict[str, str]
    others: dict[str, str]


def find_loops(body: Sequence[ast.stmt]) -> list[Loop]:
    """The loops over steps in some code, in its order; of nested ones, the innermost."""
    return list(_loops(body, None, ()))


def inlined(loop: Loop, functions: Mapping[str, ast.FunctionDef], features: str) -> Loop:
    """The loop with the functions written out in it that collect the target's features themselves.

    Args:
        loop: as `find_loops` gives it.
        functions: of the notebook.
        features: name of the function that collects features.
    """
    whole = {
        name: function
        for name, function in functions.items()
        if _calls(function, features) and isinstance(function.body[-1], ast.Return)
    }
    loop = copy.deepcopy(loop)
    calls = [one for one in loop.body if _called(one) in whole][:MOST_PARTS]
    for statement in calls:
        place = loop.body.index(statement)
        new = _written_out(statement, whole[_called(statement)])
        loop.body[place : place + 1] = new if len(new) < LONGEST else [statement]
    return loop


def _called(statement: ast.stmt) -> str:
    """`f` of `x, y = f(…)`."""
    match statement:
        case ast.Assign(value=ast.Call(func=ast.Name(name))):
            return name
    return ""


def _written_out(statement: Any, function: ast.FunctionDef) -> list[ast.stmt]:
    """The function's statements, with the arguments in place of its parameters."""
    call = statement.value
    names = [arg.arg for arg in function.args.args]
    defaults = function.args.defaults
    given = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    given |= dict(zip(names, call.args, strict=False))
    given |= {one.arg: one.value for one in call.keywords if one.arg}
    body = [_Filled(given).visit(one) for one in copy.deepcopy(function.body)]
    statement.value = body[-1].value
    return [*body[:-1], statement]


class _Filled(ast.NodeTransformer):
    """Code with names replaced by what is given for them."""

    def __init__(self, given: Mapping[str, ast.expr]) -> None:
        self.given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self.given:
            return copy.deepcopy(self.given[node.id])
        return node


def find_names(trees: Iterable[ast.Module], loop: Loop, features: str, gram: str) -> Names:
    """What the names in a loop stand for.

    Args:
        trees: of all cells.
        loop: one of theirs.
        features: name of the function that collects features.
        gram: name of the function that makes a Gram matrix.
    """
    nodes = [node for tree in trees for node in ast.walk(tree)]
    found: dict[str, list[str]] = {}  # {the assignment's name: the student's}
    for role, name in _known(nodes, features, gram):
        found.setdefault(role, []).append(name)
    roles: dict[str, str] = {gram: "gram_matrix"} if gram else {}
    others: dict[str, str] = {}
    for role, own in found.items():
        first = role if role in own else own[0]
        for name in own:
            if name != first and role in ("style_features", "style_grams"):
                others[name] = role
            elif name not in NAMES:
                roles.setdefault(name, role)
    inside = _known(ast.walk(loop.node), features, gram)
    roles |= {name: role for role, name in inside if name not in NAMES}
    if loop.function is not None:
        roles |= _parameters(loop.function, nodes, roles, features)
    for call in _calls(loop.node, features):
        if call.args and _kind(call.args[0]) == "target":
            roles[root(call.args[0])] = "target"
    assigned = {n.id for n in ast.walk(loop.node) if stores(n)}
    for name in sorted(reads(loop.node) - assigned - NAMES - set(roles) - set(others)):
        if role := _guessed(name):
            roles[name] = role
    return Names(features, roles, others)


def functions_of(
    loop: Loop, names: Names, helpers: Callable[[str], str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The losses of a loop, and the loop around them, as functions.

    Args:
        loop: as `find_loops` gives it.
        names: as `find_names` gives them.
        helpers: code that some code needs from elsewhere in the notebook.

    Returns:
        {TODO: source}, of those that are in it; {TODO: name of the loss in the loop}.
    """
    loop = _with_total_named(loop)
    roles = names.roles
    plain = _Rewrite(names).all(loop.body)
    total = _total(plain)
    plain = _with_content_named(plain, total)
    content, style = _parts(plain, total)
    roles |= _weights(plain, total, content, style)
    plain = _Rewrite(names).all(plain)
    sources: dict[str, str] = {}
    called = {"content_loss": content, "style_loss": style, "total_loss": total}
    for todo, goal in called.items():
        given = GIVEN[todo]
        if todo == "total_loss":
            given = (content or given[0], style or given[1], *_WEIGHTS)
        body, needed = sliced(plain, goal, {*given, "gram_matrix"})
        if not body:
            continue
        before, _ = sliced(_plain_before(loop, names, plain), needed, {*given, "gram_matrix"})
        sources[todo] = _function(todo, given, [*before, *body], goal, names, helpers)
    if total:
        sources["optimise"] = _optimise(loop, names, total)
    return sources, called


# --- Finding -------------------------------------------------------------------------------------


def _loops(
    body: Sequence[ast.stmt], function: ast.FunctionDef | None, before: tuple[ast.stmt, ...]
) -> Iterator[Loop]:
    for place, node in enumerate(body):
        earlier = (*before, *body[:place])
        if isinstance(node, ast.FunctionDef):
            yield from _loops(node.body, node, ())
            continue
        found = [loop for inner in bodies(node) for loop in _loops(inner, function, earlier)]
        if found:
            yield from found
        elif isinstance(node, (ast.For, ast.While)) and _steps(node):
            inside = _inside(node.body)
            yield from [Loop(node, inside, function, earlier)] if inside else []


def _steps(node: ast.For | ast.While) -> bool:
    """Whether a loop counts steps, and does not go through layers."""
    if isinstance(node, ast.While) or _words(node.iter) & STEPPING:
        return True
    layers = any(
        "layer" in word or word in NAMES for word in _words(node.iter) | _words(node.target)
    )
    return not layers and any(_backward(statement) for statement in node.body)


def _inside(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements among which the gradient, or else a total, is computed; none, if nowhere."""
    if any(_backward(statement) for statement in body):
        return body
    for statement in body:
        for inner in [] if isinstance(statement, (ast.For, ast.While)) else bodies(statement):
            if found := _inside(inner):
                return found
    nodes = [node for statement in body for node in ast.walk(statement)]
    stored = {node.id for node in nodes if stores(node)}
    gradient = any(isinstance(node, ast.Attribute) and node.attr == "backward" for node in nodes)
    return body if gradient or stored & {"total_loss", "content_loss"} else []


def _backward(statement: ast.stmt) -> ast.expr | None:
    """What a statement calls `backward` of."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=value, attr="backward"))):
            return value
    return None


def _with_total_named(loop: Loop) -> Loop:
    """The loop, with `(a + b).backward()` as two statements."""
    loop = copy.deepcopy(loop)
    for place, statement in enumerate(loop.body):
        value = _backward(statement)
        if value is not None and not isinstance(value, ast.Name):
            new = ast.parse("total_loss = None\ntotal_loss.backward()").body
            new[0].value = value  # type: ignore[attr-defined]
            loop.body[place : place + 1] = new
            break
    return loop


def _with_content_named(body: list[ast.stmt], total: str) -> list[ast.stmt]:
    """The statements, with a content loss that is computed within the total before it."""
    for place, statement in enumerate(body):
        if isinstance(statement, ast.Assign) and total in changed(statement):
            holder: Any = statement
            field = "value"
            while isinstance(part := getattr(holder, field), ast.BinOp):
                sides = [side for side in ("left", "right") if _of_content(getattr(part, side))]
                if len(sides) != 1 or not isinstance(part.op, (ast.Add, ast.Mult)):
                    break
                holder, field = part, sides[0]
            if _of_content(part):
                setattr(holder, field, ast.Name("content_loss", ast.Load()))
                first = ast.Assign([ast.Name("content_loss", ast.Store())], part)
                return [*body[:place], first, *body[place:]]
    return body


def _of_content(node: ast.expr) -> bool:
    return "content_features" in reads(node)


def _total(body: list[ast.stmt]) -> str:
    """The name of the total."""
    for statement in body:
        for node in ast.walk(statement):
            value = _backward(node) if isinstance(node, ast.stmt) else None
            if isinstance(value, ast.Name):
                return value.id
    stored = {name for statement in body for name in changed(statement)}
    return next((name for name in ("total_loss", "total", "loss") if name in stored), "")


def _parts(body: list[ast.stmt], total: str) -> tuple[str, str]:
    """The names of the content and the style loss."""
    stored = {name for statement in body for name in changed(statement)} - NAMES - {total}
    made_of = {name for one in _giving(body, total) for name in reads(one)} & stored
    found = {}
    for part in ("content", "style"):
        likely = [n for n in sorted(stored, key=len) if part in n.lower() and "layer" not in n]
        best = [n for n in likely if n in made_of] or [n for n in likely if "loss" in n.lower()]
        found[part] = f"{part}_loss" if f"{part}_loss" in stored else "".join(best[:1])
    rest = sorted(made_of - set(found.values()))[:MOST_PARTS]
    for part in found:
        for name in rest if not found[part] else ():
            needed = sliced(body, name, set(FEATURES.values()) | {"style_grams", "gram_matrix"})[1]
            if ("content_features" in needed) == (part == "content"):
                found[part] = name
    return found["content"], found["style"]


def _weights(body: list[ast.stmt], total: str, content: str, style: str) -> dict[str, str]:
    """{name: "content_weight" or "style_weight"}: by what it is multiplied with."""
    roles = {}
    losses = {content: "content_weight", style: "style_weight"}
    for product in (node for one in _giving(body, total) for node in ast.walk(one)):
        match product:
            case ast.BinOp(ast.Name(one), ast.Mult(), ast.Name(other)):
                for loss, weight in ((one, other), (other, one)):
                    if loss in losses and weight not in _WEIGHTS:
                        roles[weight] = losses[loss]
    return roles


def _giving(body: Iterable[ast.AST], name: str) -> list[ast.Assign | ast.AugAssign]:
    """The assignments that give a name a value."""
    nodes = (node for statement in body for node in ast.walk(statement))
    return [n for n in nodes if isinstance(n, (ast.Assign, ast.AugAssign)) and name in changed(n)]


def _known(nodes: Iterable[ast.AST], features: str, gram: str) -> Iterator[tuple[str, str]]:
    """(the assignment's name, the student's) of what is given one."""
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(name)], value=value):
                if role := _role(value, features, gram):
                    yield role, name


def _role(value: ast.expr, features: str, gram: str) -> str:
    """What a value that is computed before the loop, or in it, is for the assignment."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        value = value.func.value  # such as `.detach()`
    match value:
        case ast.Call(func=ast.Name(name), args=[image, *_]) if name == features:
            return FEATURES[_kind(image)]
        case ast.DictComp():
            if _calls(value, gram):
                return "style_grams"
            for call in _calls(value, features):
                return FEATURES[_kind(call.args[0])] if call.args else ""
        case ast.Dict(
            keys=[ast.Constant(str(first)), *_], values=[ast.Constant(int() | float()), *_]
        ):
            return "style_weights" if first.startswith("conv") else ""
    return ""


def _parameters(
    function: ast.FunctionDef, nodes: list[ast.AST], roles: dict[str, str], features: str
) -> dict[str, str]:
    """What a function's parameters stand for, from the call of it."""
    names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == function.name:
            given = dict(zip(names, node.args, strict=False))
            given |= {one.arg: one.value for one in node.keywords if one.arg}
            for name, value in given.items():
                role = _role(value, features, "") or root(value)
                if (role := roles.get(role, role)) in NAMES and name not in NAMES:
                    found[name] = role
    return found


def _guessed(name: str) -> str:
    words = name.lower()
    for kind in ("content", "style"):
        if kind in words and "feat" in words:
            return FEATURES[kind]
    if "gram" in words and "style" in words:
        return "style_grams"
    if "style" in words and "weights" in words:
        return "style_weights"
    weights = {"content_weight": ("content_w", "alpha"), "style_weight": ("style_w", "beta")}
    return next((role for role, signs in weights.items() if words.startswith(signs)), "")


def _kind(image: ast.expr) -> str:
    """Of which picture features are asked for."""
    name = root(image).lower()
    return "content" if "content" in name else "style" if "style" in name else "target"


# --- Functions -----------------------------------------------------------------------------------


class OnCpu(ast.NodeTransformer):
    """Code without `.cuda()`; `.to("cuda")` goes to `device`, which there is."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """The object itself, for `.cuda()` of it."""
        match self.generic_visit(node):
            case ast.Call(func=ast.Attribute(value=value, attr="cuda")):
                return value
            case ast.Call(func=ast.Attribute(attr="to"), args=[ast.Constant(str(where))]) as call:
                call.args = [ast.Name("device", ast.Load())] if "cuda" in where else call.args
        return node


class _Rewrite(OnCpu):
    """A loop in the assignment's names; features that are asked for in it are those given.

    With `images`, the features of a picture are the picture.
    """

    def __init__(self, names: Names, images: bool = False) -> None:
        self.names, self.images = names, images

    def all(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """The same of all statements, in copies."""
        return [self.visit(copy.deepcopy(statement)) for statement in body]

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.roles.get(node.id, node.id)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        is_features = isinstance(node.func, ast.Name) and node.func.id == self.names.features
        if is_features and node.args:
            kind = _kind(node.args[0])
            return ast.Name(kind if self.images else FEATURES[kind], ast.Load())
        return super().visit_Call(node)


def _plain_before(loop: Loop, names: Names, body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Statements before a loop in its function, but for what the loop gives a value itself."""
    own = {name for statement in body for name in changed(statement)} | NAMES
    before = _Rewrite(names).all(loop.before if loop.function is not None else ())
    return [one for one in before if not changed(one) & own]


def _function(
    name: str,
    parameters: Sequence[str],
    body: list[ast.stmt],
    result: str,
    names: Names,
    helpers: Callable[[str], str],
) -> str:
    code = "\n".join(ast.unparse(ast.fix_missing_locations(statement)) for statement in body)
    masked = " = ".join((*parameters, "gram_matrix", *sorted(NAMES), "torch", "np"))
    needed = helpers(f"{masked} = None\n{code}")
    outside, made = [], []
    used = {word for statement in body for word in reads(statement)}
    if "style_features" in used and "style_features" not in parameters:
        made.append("style_features = features_of(style_grams)")
    for other, role in names.others.items():
        if other in used:
            grams = other if role == "style_grams" else f"grams_of_{other}"
            outside.append(f"{grams} = grams_of_another_style()")
            made += [f"{other} = features_of({grams})"] if grams != other else []
    lines = [line for text in (needed, *made, code) for line in text.split("\n") if line]
    lines = [f"def {name}({', '.join(parameters)}):", *(f"    {line}" for line in lines)]
    return "\n".join([*outside, *lines, f"    return {result}"])


def _optimise(loop: Loop, names: Names, total: str) -> str:
    """The loop with a loss that is given, and nothing in it but what concerns the optimiser."""
    node: Any = _Rewrite(names, images=True).visit(copy.deepcopy(loop.node))
    nodes = list(ast.walk(node))
    totals = _giving([node], total)
    made = [n for n in nodes if isinstance(n, ast.Assign) and total in reads(n.value)]
    numbers = {total} | {name for one in made for name in changed(one)}
    appends = [call for call in nodes if _appends(call, numbers)]
    history = root(appends[0].func.value) if appends else "loss_history"  # type: ignore[attr-defined]
    extra = {name for call in appends for name in reads(call)} - {total, history}
    optimizer = _optimizer(nodes)
    features = False

    def kept(body: Sequence[ast.stmt]) -> list[ast.stmt]:
        nonlocal features
        found: list[ast.stmt] = []
        for statement in body:
            inner = bodies(statement)
            if statement in totals:
                if statement is totals[-1]:
                    picture = "target_features" if features else "target"
                    found += ast.parse(f"{total} = loss_of({picture})").body
            elif inner:
                pruned = [kept(one) for one in inner]
                if any(pruned):
                    found.append(with_bodies(statement, pruned))
            elif isinstance(statement, ast.Return):
                found += [statement] if reads(statement) == {total} else []
            elif "target_features" in changed(statement):
                features = True
                found.append(statement)
            elif _concerns(statement, optimizer, appends) or changed(statement) & extra:
                found.append(statement)
        return found

    body = kept(node.body)
    counters = [n.id for n in ast.walk(node.target) if stores(n)] if hasattr(node, "target") else []
    counter = counters[0] if counters else "_"
    lines = ["def optimise(target, optimizer, loss_of, steps):"]
    if {"content", "style"} & {word for statement in body for word in reads(statement)}:
        lines.append("    content = style = target.detach().clone()")
    lines += [f"    {optimizer} = optimizer"] if optimizer != "optimizer" else []
    lines += [f"    {history} = []", f"    for {counter} in range(1, steps + 1):"]
    for statement in body or [ast.Pass()]:
        code = ast.unparse(ast.fix_missing_locations(statement))
        lines += [f"        {line}" for line in code.split("\n")]
    return "\n".join([*lines, f"    return {history}"])


def _appends(node: ast.AST, numbers: set[str]) -> bool:
    """Whether the total, or a number made of it, is put into a list."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="append"), args=[value]):
            return bool(reads(value) & numbers)
    return False


def _optimizer(nodes: list[ast.AST]) -> str:
    """The name of what steps."""
    stepping = [
        root(node.value)
        for node in nodes
        if isinstance(node, ast.Attribute) and node.attr in ("step", "zero_grad")
    ]
    likely = [name for name in stepping if "opt" in name.lower()] or stepping
    return likely[0] if likely else "optimizer"


def _concerns(statement: ast.stmt, optimizer: str, appends: list[ast.AST]) -> bool:
    for node in ast.walk(statement):
        if node in appends:
            return True
        if isinstance(node, ast.Attribute):
            steps = node.attr in ("step", "zero_grad") and root(node.value) == optimizer
            if steps or node.attr in ("backward", "grad"):
                return True
    return False


def _calls(node: ast.AST, name: str) -> list[ast.Call]:
    """The calls of a function."""
    return [
        n for n in ast.walk(node)
        if name and isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name
    ]  # fmt: skip


def _words(node: ast.AST) -> set[str]:
    named = (one for one in ast.walk(node) if isinstance(one, (ast.Name, ast.Attribute)))
    return {one.id if isinstance(one, ast.Name) else one.attr for one in named}
