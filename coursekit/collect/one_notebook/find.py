"""The single exercise notebook, in which many courses have this assignment → the lessons' answers.

It has no check cells and no ids: one function that collects features, one that makes a Gram
matrix, and one loop with the losses written out in it. They are found by their names or, renamed,
by what they do; `loops` makes functions of the losses. The notebook that the course can hand out,
and its reference, are in notebooks/single.
"""

import ast
import copy
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coursekit.collect.helpers import helpers_for
from coursekit.collect.magics import parsed, plain_python
from coursekit.collect.one_notebook.loops import (
    GIVEN,
    Loop,
    OnCpu,
    find_loops,
    find_names,
    functions_of,
    inlined,
)
from coursekit.collect.saved import Book, code_cells, read_book, words
from coursekit.course import NOTEBOOKS, Course, Key, Question, loss_history_asked
from coursekit.records import SINGLE, Answer, OneNotebook

TITLE = "Style transfer in one notebook"
POINTS = dict.fromkeys(("layers", "gram_matrix", *GIVEN), 5.0)
"""{TODO: its points}; the TODOs are the lessons', as far as they are in this notebook."""
_LOSSES = ("content_loss", "style_loss", "total_loss")
MOST_NODES = 30_000  # of the syntax trees of a notebook, more than a person writes
_MOST_LOOPS = 12  # that are looked at
MODULES = {"_modules", "named_children", "children", "named_modules"}
PRODUCTS = {"mm", "matmul", "bmm", "einsum", "tensordot"}
_HISTORY = "loss_history"
HANDED_OUT = 2  # cells that no other exercise has
PROMPT = 8  # words of a text that no two notebooks have by chance


@dataclass(frozen=True)
class Pieces:
    """What a notebook holds of the exercise.

    Attributes:
        sources: {TODO: what its answer comes to, as it can be run}.
        notes: how it was found, where that is not plain.
        own_mapping: whether the function that collects features has its own dictionary.
        names: what is called how, see `records.OneNotebook`.
    """

    sources: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    own_mapping: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_exercise(self) -> bool:
        """Whether it is this notebook, solved or not."""
        found = set(self.sources)
        losses = len(found & set(_LOSSES)) > 1
        return (losses and bool(found & {"layers", "gram_matrix"})) or (
            self.own_mapping and "gram_matrix" in found
        )


def find_single(books: Iterable[Book], course: Course, wanted: bool) -> tuple[Book, Pieces] | None:
    """The notebook of a student that is the single exercise; of several, the fullest.

    Args:
        books: the student's notebooks.
        course: the lessons; who handed in one of those is graded on them.
        wanted: somebody says that it is this exercise; then anything of it is enough.
    """
    books = list(books)
    if not wanted and any(_is_lesson(book, course) for book in books):
        return None
    read = [(book, pieces_of(book)) for book in books]
    found = [one for one in read if one[1].is_exercise or (wanted and one[1].sources)]
    return max(found, key=lambda one: (len(one[1].sources), one[0].name), default=None)


def single_answers(books: Sequence[Book], found: tuple[Book, Pieces]) -> tuple[dict, tuple]:
    """The answers of a single exercise notebook, as `answers.find_answers` gives them."""
    book, pieces = found
    answers: dict[Key, Answer] = {
        (SINGLE, name): Answer(SINGLE, name, source, "structure")
        for name, source in pieces.sources.items()
    }
    how = "its loop is run, and each loss of it is shown here as a function"
    notes = [f"{book.name}: read as the single exercise notebook, not as lessons; {how}."]
    others = ", ".join(other.name for other in books if other.name != book.name)
    notes += [f"Other notebooks, which are not graded: {others}."] if others else []
    return answers, (*notes, *pieces.notes)


def notebook_of(book: Book, pieces: Pieces) -> OneNotebook:
    """What is run of a single exercise notebook."""
    cells = tuple(cell.source for _, cell in code_cells(book))
    return OneNotebook(cells, pieces.names, asks_for_history(cells), book.modules)


def asks_for_history(cells: Sequence[str]) -> bool:
    """Whether what was handed out has a list of losses in it.

    The widely used exercise has none. This course's notebook has; it is known by the code that
    comes with it, and the list by its name.
    """
    if any(_HISTORY in cell for cell in cells):
        return loss_history_asked()
    [path] = (NOTEBOOKS / SINGLE / "student").glob("*.ipynb")
    book = read_book(path.name, path.read_bytes())
    given = {words(cell.source) for _, cell in code_cells(book)}
    own = sum(words(cell) in given for cell in cells)
    return own >= HANDED_OUT and loss_history_asked()


@functools.lru_cache(maxsize=4)
def read_built(kind: str, notebooks: Path = NOTEBOOKS) -> dict[str, str]:
    """{TODO: source} of the course's own notebook.

    Args:
        kind: "student" or "reference".
        notebooks: the folder with `single` in it.
    """
    sources: dict[str, str] = {}
    for path in sorted((notebooks / SINGLE / kind).glob("*.ipynb")):
        sources |= pieces_of(read_book(path.name, path.read_bytes())).sources
    return sources


def read_single_todos(notebooks: Path = NOTEBOOKS) -> tuple[Question, ...]:
    """The TODOs of the single exercise, in the lessons' order."""
    stubs, references = (read_built(kind, notebooks) for kind in ("student", "reference"))
    return tuple(
        Question(SINGLE, name, points, stubs.get(name, ""), references[name], (name,))
        for name, points in POINTS.items()
        if name in references
    )


def pieces_of(book: Book) -> Pieces:
    """What a notebook holds of the exercise; nothing where it is no code that a person wrote."""
    plain = [plain_python(cell.source) for _, cell in code_cells(book)]
    trees = [tree for source in plain if (tree := parsed(source))]
    if sum(1 for tree in trees for _ in ast.walk(tree)) > MOST_NODES:
        return Pieces()
    functions = {
        (place, node.name): OnCpu().visit(copy.deepcopy(node))
        for place, tree in enumerate(trees)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    features = _best(functions.values(), _collects_features)
    gram = _best([one for one in functions.values() if one is not features], _makes_gram)
    sources: dict[str, str] = {}
    notes: list[str] = []
    if features is not None:
        sources["layers"] = _layers(features, book)
    if gram is not None:
        sources["gram_matrix"] = _gram(gram, book)
    names = {
        "get_features": features.name if features else "",
        "gram_matrix": gram.name if gram else "",
    }
    notes += _renamed(names)
    called: dict[str, str] = {}
    if loops := [loop for tree in trees for loop in find_loops(tree.body)][:_MOST_LOOPS]:
        found, called, remarks = _losses(loops, trees, names, book)
        sources |= found
        notes += remarks
    for source in plain:
        if parsed(source) is None:
            sources |= dict.fromkeys(_broken(source, set(sources)), source)
    ordered = {name: sources[name] for name in POINTS if name in sources}
    known = {"features": names["get_features"], "gram": names["gram_matrix"], **called}
    own_mapping = features is not None and bool(_mapping(features))
    return Pieces(
        ordered, tuple(notes), own_mapping, {key: name for key, name in known.items() if name}
    )


def _losses(
    loops: Sequence[Loop], trees: Sequence[ast.Module], names: Mapping[str, str], book: Book
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """The functions of the loop that is most finished, its losses' names, notes."""
    taken: set[str] = set()

    def helpers(source: str) -> str:
        text, found = helpers_for(source, book)
        taken.update(found)
        return text

    known = {n.name: n for tree in trees for n in tree.body if isinstance(n, ast.FunctionDef)}
    read = []
    for loop in loops:
        loop = inlined(loop, known, names["get_features"])
        meaning = find_names(trees, loop, names["get_features"], names["gram_matrix"])
        read.append(functions_of(loop, meaning, helpers))
    sources, called = max(read, key=lambda one: _finished(one[0]))  # the first of the best
    notes = [*_renamed(called)]
    if taken:
        notes.append(f"Taken along from other cells: {', '.join(sorted(taken))}.")
    if others := sum(other != sources and len(other) > 1 for other, _ in read):
        notes.append(f"{others} other loops compute something else; the first full one is shown.")
    return sources, {todo.removesuffix("_loss"): name for todo, name in called.items()}, notes


def _renamed(names: Mapping[str, str]) -> Iterator[str]:
    for wanted, own in names.items():
        if own not in ("", wanted):
            yield f"{wanted} is called `{own}`."


def _finished(sources: dict[str, str]) -> tuple[int, int]:
    """More is better: losses that are there, and no `None` left in them."""
    left = sum(source.count("= None") for source in sources.values())
    return len(sources), -left


def _layers(node: ast.FunctionDef, book: Book) -> str:
    """The mapping, as what the function makes of a net: a function has it under any name."""
    node.args.defaults = [
        one if isinstance(one, ast.Constant) else ast.Constant(None) for one in node.args.defaults
    ]
    source = ast.unparse(node)
    needed, _ = helpers_for(source, book)
    written = _mapping(node) or _mapping(parsed(needed) or ast.Module([], []))
    call = f"layers = layers_of({node.name}, {written or '{}'})"
    return "\n".join(part for part in (needed, source, call) if part)


def _gram(node: ast.FunctionDef, book: Book) -> str:
    source = ast.unparse(node)
    needed, _ = helpers_for(source, book)
    named = "" if node.name == "gram_matrix" else f"gram_matrix = {node.name}"
    return "\n".join(part for part in (needed, source, named) if part)


def _mapping(node: ast.AST) -> str:
    """The longest dictionary with names of convolutions in it."""
    texts = [
        ast.unparse(one) for one in ast.walk(node)
        if isinstance(one, ast.Dict) and "conv" in (text := ast.unparse(one)) and len(text) < 2000
        and all(isinstance(part, ast.Constant) for part in (*one.keys, *one.values))
    ]  # fmt: skip
    return max(texts, key=len, default="")


def _best(
    functions: Iterable[ast.FunctionDef], fits: Callable[[ast.FunctionDef], int]
) -> ast.FunctionDef | None:
    """The surest; of several, one that is finished, and the last."""
    found = [one for one in functions if fits(one)]
    finished = {place: -ast.unparse(one).count("= None") for place, one in enumerate(found)}
    best = max(finished, key=lambda p: (fits(found[p]), finished[p], p), default=None)
    return None if best is None else found[best]


def _collects_features(node: ast.FunctionDef) -> int:
    if node.name == "get_features":
        return 3
    words_of = set(_attributes(node))
    loops = any(isinstance(one, ast.For) for one in ast.walk(node))
    two = len(node.args.args) > 1
    if not (loops and two):
        return 0
    return 2 if words_of & MODULES else int(bool(_mapping(node)))


def _makes_gram(node: ast.FunctionDef) -> int:
    if node.name == "gram_matrix":
        return 3
    if len(node.args.args) != 1:
        return 0
    multiplies = any(isinstance(one, ast.MatMult) for one in ast.walk(node))
    multiplies = multiplies or bool(set(_attributes(node)) & PRODUCTS)
    return 2 * ("gram" in node.name.lower()) or int(multiplies)


def _attributes(node: ast.AST) -> Iterator[str]:
    return (one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute))


def _broken(source: str, found: set[str]) -> Iterator[str]:
    """The TODOs that stand in a cell that is no Python; they fail as it does."""
    signs = {
        "layers": ("def get_features",),
        "gram_matrix": ("def gram_matrix",),
        **dict.fromkeys(GIVEN, ("total_loss", ".backward(")),
    }
    for name, texts in signs.items():
        if name not in found and any(text in source for text in texts):
            yield name


def _is_lesson(book: Book, course: Course) -> bool:
    """Whether cells of the lessons are in it."""
    known = set(course.handed_out) | {question.cell_id for question in course.questions}
    if any(known & set(cell.ids) for cell in book.cells):
        return True
    texts = _texts(tuple(course.handed_out.values()))
    return any(cell.kind != "code" and words(cell.source) in texts for cell in book.cells)


@functools.lru_cache(maxsize=2)
def _texts(given: tuple[str, ...]) -> frozenset[str]:
    return frozenset(text for source in given if (text := words(source)).count(" ") + 1 >= PROMPT)
