"""What a value depends on, in some statements: found by names, without running anything."""

import ast
import builtins
import copy
from collections.abc import Sequence
from typing import TypeGuard

MUTATORS = {"append", "extend", "insert", "update", "add", "setdefault"}
_BUILTINS = set(dir(builtins))
MOST_ROUNDS = 30  # in which what a name depends on is looked for; a person's code needs three

BODIES = ("body", "orelse", "finalbody")

Bodies = list[list[ast.stmt]]


def sliced(
    body: Sequence[ast.stmt], goals: str | set[str], given: set[str]
) -> tuple[list[ast.stmt], set[str]]:
    """The statements that some names depend on, and what else they read.

    Args:
        body: statements, in order.
        goals: the names.
        given: names that come from elsewhere, whatever the statements give them.
    """
    needed = ({goals} if isinstance(goals, str) else set(goals)) - given
    kept: list[ast.stmt] = []
    for _ in range(MOST_ROUNDS):
        before = set(needed)
        kept = _kept(body, needed, given)
        if needed == before:
            break
    made = {name for statement in kept for name in changed(statement)}
    return kept, needed - made


def _kept(
    body: Sequence[ast.stmt], needed: set[str], given: set[str], inside: bool = False
) -> list[ast.stmt]:
    """What changes something that is needed; what it reads is needed too."""
    kept: list[ast.stmt] = []
    for statement in reversed(body):
        inner = bodies(statement)
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)) or not inner:
            if changed(statement) & needed:
                needed |= reads(statement) - given
                kept.append(statement)
            continue
        pruned = [_kept(one, needed, given, inside=True) for one in inner]
        skips = inside and _skips(statement)
        if any(pruned) or skips:
            needed |= reads(_head(statement)) - given
            kept.append(statement if skips else with_bodies(statement, pruned))
    return [] if all(_skips(one) for one in kept) else kept[::-1]


def _skips(statement: ast.stmt) -> bool:
    """`if …: continue`, which matters wherever it stands in a loop that is kept."""
    return isinstance(statement, ast.If) and [type(one) for one in statement.body] == [ast.Continue]


def changed(statement: ast.AST) -> set[str]:
    """The names that a statement gives a value to, or changes the value of."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    found: set[str] = set()
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                found.add(root(node))
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=value, attr=attr))):
                if attr in MUTATORS or attr.endswith("_"):
                    found.add(root(value))
            case ast.alias(name=name, asname=other):
                found.add((other or name).partition(".")[0])
    return found - _bound(statement)


def reads(node: ast.AST) -> set[str]:
    """The names that a piece of code reads, but for builtins and what it binds for itself."""
    found = {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    for one in ast.walk(node):
        if isinstance(one, ast.AugAssign):
            found.add(root(one.target))
    return found - _BUILTINS - _bound(node)


def _bound(node: ast.AST) -> set[str]:
    """Names of comprehensions, lambdas and functions within."""
    found: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.comprehension):
            found |= {n.id for n in ast.walk(one.target) if isinstance(n, ast.Name)}
        elif isinstance(one, ast.arg):
            found.add(one.arg)
    return found


def bodies(statement: ast.stmt) -> Bodies:
    """The lists of statements in a statement."""
    found = [getattr(statement, name, None) for name in BODIES]
    found += [handler.body for handler in getattr(statement, "handlers", ())]
    return [body for body in found if isinstance(body, list) and body]


def with_bodies(statement: ast.stmt, new: Bodies) -> ast.stmt:
    """The statement with other lists of statements, as many as `bodies` gives."""
    copied, rest = copy.copy(statement), list(new)
    for name in BODIES:
        if getattr(copied, name, None):
            setattr(copied, name, rest.pop(0) or [ast.Pass()])
    if isinstance(copied, ast.Try):
        copied.handlers = [copy.copy(handler) for handler in copied.handlers]
        for handler in copied.handlers:
            handler.body = rest.pop(0) or [ast.Pass()]
    return copied


def _head(statement: ast.stmt) -> ast.AST:
    """A compound statement without what is in it."""
    return with_bodies(statement, [[] for _ in bodies(statement)])


def stores(node: ast.AST) -> TypeGuard[ast.Name]:
    """Whether a node gives a name a value."""
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def root(node: ast.AST) -> str:
    """`x` of `x.y[0].z()`."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
