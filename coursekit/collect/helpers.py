"""What a loss of the single exercise needs of other cells: imports, functions, plain constants.

The student's own check runs them before the loss, so nothing is taken along that would run for
long: no calls, but of a class or function without arguments that are computed.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator

from coursekit.collect.magics import parsed, plain_python
from coursekit.collect.saved import Book, code_cells

KIT = "styletools"
_BUILTINS = frozenset(dir(builtins))


def helpers_for(source: str, book: Book) -> tuple[str, tuple[str, ...]]:
    """Find what an answer takes from elsewhere in its notebook.

    Args:
        source: the answer, as plain Python.
        book: the notebook it stands in.

    Returns:
        The helpers' code, in the notebook's order, and their names; both empty if none is needed.
    """
    tree = parsed(source)
    if tree is None:
        return "", ()
    known = {
        name: (order, node)
        for order, node in enumerate(_helpers(book))
        for name in bound_names([node])
    }
    own = set(bound_names(tree.body))
    wanted, needed = used_names(tree) - own, {}
    while wanted:
        name = wanted.pop()
        if name in known and name not in needed:
            order, node = known[name]
            needed[name] = order
            wanted |= used_names(node) - own - set(needed)
    nodes = {known[name][0]: known[name][1] for name in needed}
    texts = [ast.unparse(nodes[order]) for order in sorted(nodes)]
    return "\n".join(texts), tuple(sorted(needed))


def bound_names(body: Iterable[ast.stmt]) -> Iterator[str]:
    """What statements at the top level define."""
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.Import(names=names):
                yield from ((a.asname or a.name).partition(".")[0] for a in names)
            case ast.ImportFrom(names=names):
                yield from (a.asname or a.name for a in names)
            case ast.Assign(targets=targets):
                yield from (n for target in targets for n in _stored(target))
            case ast.AnnAssign(target=target, value=value) if value is not None:
                yield from _stored(target)
            case ast.If(body=inner) | ast.With(body=inner) | ast.Try(body=inner):
                yield from bound_names(inner)


def used_names(node: ast.AST) -> set[str]:
    """The names that a piece of code reads."""
    read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return read - _BUILTINS


def _helpers(book: Book) -> Iterator[ast.stmt]:
    for _, cell in code_cells(book):
        tree = parsed(plain_python(cell.source))
        yield from filter(_is_helper, tree.body if tree else ())


def _is_helper(node: ast.stmt) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return True
        case ast.Import(names=names):
            return not any(a.name.partition(".")[0] == KIT for a in names)
        case ast.ImportFrom(module=module, names=names):
            kit = (module or "").partition(".")[0] == KIT
            return not kit and all(a.name != "*" for a in names)
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return _is_plain(value)
    return False


def _is_plain(value: ast.expr) -> bool:
    """A constant, a lambda, or a call such as `nn.MSELoss()` and `torch.device("cpu")`."""
    if isinstance(value, ast.Lambda):
        return True
    if isinstance(value, ast.Call):
        parts = [*value.args, *(keyword.value for keyword in value.keywords)]
        return _is_dotted(value.func) and all(_is_literal(part) for part in parts)
    return _is_literal(value)


def _is_dotted(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _stored(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
