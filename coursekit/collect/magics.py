"""A notebook cell as plain Python: what only IPython or Colab understand is taken out.

The lines keep their numbers (but for a `%%` line, which goes), so that an error's line is found.
"""

import ast
import functools
import re
import tokenize
import warnings

from IPython.core.inputtransformer2 import TransformerManager

from coursekit.inside.cells import MAGIC, MOST_MAGICS, RUNS_ITS_CODE

FENCE = re.compile(r"^\s*```\w*\n(.*?)\n?```\s*$", re.DOTALL)
COLAB = "google.colab"
DEEPEST = 5  # magics within magics
MAX_TRANSFORMED = 10_000  # characters of a cell: IPython's reader starts anew at each magic

_Place = tuple[int, int]  # start and end, in characters
Edit = tuple[_Place, str]


@functools.lru_cache(maxsize=2048)
def plain_python(source: str) -> str:
    """A cell without magics, shell lines and Colab's own calls; what is no Python stays."""
    if fenced := FENCE.match(source):  # a code cell that was made text
        source = fenced[1]
    return _without_colab(_without_magics(source))


def parsed(source: str) -> ast.Module | None:
    """The syntax tree; None if it is no Python, or nested too deeply to be looked at."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the student's own business
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _without_magics(source: str, depth: int = 0) -> str:
    tree = parsed(source)
    if tree is None and depth < DEEPEST:
        changed = _transformed(source)
        tree = parsed(changed)
        source = changed if tree is not None else source
    if tree is None or "get_ipython" not in source:
        return source
    place = _Places(source)
    edits: list[Edit] = []
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        magic = _magic(node)
        if magic is not None and isinstance(node, ast.Call):
            kind, name, code = magic
            code = _without_magics(code, depth + 1) if name in RUNS_ITS_CODE else ""
            if kind != "%%" and id(node) not in alone:
                code = f"({code})" if code.strip() else "None"
            edits.append((place(node), code if _fits(code) else "pass"))
    return _edited(source, edits)


def _transformed(source: str) -> str:
    """IPython's own reading: magics and shell lines become calls of `get_ipython()`."""
    if len(source) > MAX_TRANSFORMED or len(MAGIC.findall(source)) > MOST_MAGICS:
        return source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return TransformerManager().transform_cell(source)
    except (SyntaxError, ValueError, RuntimeError, tokenize.TokenError, IndexError):
        return source


def _magic(node: ast.AST) -> tuple[str, str, str] | None:
    """(kind, name, code) of a call such as `get_ipython().run_line_magic("time", "x = 1")`."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=method)
        ):
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            given = [text if isinstance(text, str) else "" for text in texts] + ["", "", ""]
            if method == "run_cell_magic":
                return "%%", given[0], given[2]
            if method == "run_line_magic":
                return "%", given[0], given[1]
            if method in ("system", "getoutput", "getoutput_original"):
                return "!", "", ""
    return None


def _fits(code: str) -> bool:
    """Whether the code can stand where a statement stood."""
    tree = parsed(code)
    return tree is not None and bool(tree.body)


def _without_colab(source: str) -> str:
    """Without imports from `google.colab` and the statements that call what they bring."""
    tree = parsed(source)
    if tree is None or not ("colab" in source or "drive.mount" in source):
        return source
    place = _Places(source)
    names, edits = {"drive"} if "drive.mount" in source else set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(COLAB):
            names |= {alias.asname or alias.name for alias in node.names}
            edits.append((place(node), "pass"))
        elif isinstance(node, ast.Import) and any(a.name.startswith(COLAB) for a in node.names):
            kept = [a for a in node.names if not a.name.startswith(COLAB)]
            names.add("google")
            edits.append((place(node), ast.unparse(ast.Import(kept)) if kept else "pass"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr | ast.Assign) and isinstance(node.value, ast.Call):
            root: ast.AST = node.value.func
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in names and root is not node.value.func:
                edits.append((place(node), "pass"))
    return _edited(source, edits)


class _Places:
    """From a node to its place in the source, in characters (`ast` counts bytes)."""

    def __init__(self, source: str) -> None:
        self.lines = source.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)

    def __call__(self, node: ast.expr | ast.stmt) -> _Place:
        first, last = node.lineno, node.end_lineno or node.lineno
        start, end = node.col_offset, node.end_col_offset or 0
        return self._at(first, start), self._at(last, end)

    def _at(self, row: int, column: int) -> int:
        return self.starts[row - 1] + len(self.lines[row - 1].encode()[:column].decode())


def _edited(source: str, edits: list[Edit]) -> str:
    """The source with each place replaced; of nested places, the outermost."""
    end = len(source) + 1
    outer: list[Edit] = []
    for place, text in sorted(edits, key=lambda edit: (edit[0][0], -edit[0][1])):
        if not outer or place[0] >= outer[-1][0][1]:
            outer.append((place, text))
    for (start, end), text in reversed(outer):
        source = source[:start] + text + source[end:]
    return source
