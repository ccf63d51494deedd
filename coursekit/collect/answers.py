"""A student's notebooks → the answers in them, wherever in the notebooks they stand.

An answer is found by its cell's id, else by its `grade_id`, else by what it defines (code) or by
the question before it (text). Of several, one that answers something wins over an empty one; then
the lesson's own notebook over others, the id over the grade_id over the name, and the last in the
notebook, as for whoever runs it from the top. What did not win is noted.
"""

import ast
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursekit.collect.helpers import bound_names, helpers_for
from coursekit.collect.magics import parsed, plain_python
from coursekit.collect.saved import Book, Cell, read_book, words
from coursekit.records import Answer

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
FOUND_BY = ("name", "prompt", "grade_id", "cell id")  # later is surer
EMPTY, BROKEN, ANSWERED = 0, 1, 2

Key = tuple[str, str]


@dataclass(frozen=True)
class Wanted:
    """An answer cell of the release.

    Attributes:
        lesson: such as "02_gram".
        grade_id: such as "gram_matrix".
        stub: what stands in it when it is handed out.
        names: what the answer must define; none where it is a text.
        prompt: the question before it, as words.
        question: the same, as it is written, with its rubric.
        points: that a person gives for a text; 0 for code, whose check cell has them.
    """

    lesson: str
    grade_id: str
    stub: str
    names: tuple[str, ...]
    prompt: str
    question: str = ""
    points: float = 0

    @property
    def key(self) -> Key:
        """As answers are kept."""
        return self.lesson, self.grade_id

    @property
    def cell_id(self) -> str:
        """The id of its cell."""
        return f"{self.lesson}-{self.grade_id}"


@dataclass(frozen=True)
class Release:
    """What students were given.

    Attributes:
        wanted: the answer cells, in the lessons' order.
        given: {cell id: source} of all other cells.
        statements: what the given code cells do, statement by statement, as `ast.dump` has it.
    """

    wanted: tuple[Wanted, ...]
    given: Mapping[str, str]
    statements: frozenset[str]

    @property
    def lessons(self) -> tuple[str, ...]:
        """Those that ask for something."""
        return tuple(dict.fromkeys(wanted.lesson for wanted in self.wanted))


@dataclass(frozen=True)
class _Candidate:
    """A cell that may be the answer."""

    book: Book
    position: int
    found_by: str
    source: str
    worth: int  # EMPTY, BROKEN or ANSWERED
    home: int  # how surely the notebook is the lesson's: 0 to 3

    @property
    def rank(self) -> tuple[int, int, int, str, int]:
        surer = FOUND_BY.index(self.found_by)
        return self.worth, self.home, surer, self.book.name, self.position

    @property
    def where(self) -> str:
        return f"{self.book.name}, cell {self.position + 1}"


@functools.lru_cache(maxsize=4)
def lesson_names(notebooks: Path = NOTEBOOKS) -> tuple[str, ...]:
    """Of all lessons, such as "02_gram", whether they ask for something or not."""
    return tuple(sorted(path.stem for path in (notebooks / "student").glob("*.ipynb")))


@functools.lru_cache(maxsize=4)
def read_release(notebooks: Path = NOTEBOOKS) -> Release:
    """Read what students were given from the built student notebooks.

    Raises:
        FileNotFoundError: they are not built.
    """
    paths = sorted((notebooks / "student").glob("*.ipynb"))
    if not paths:
        remedy = "Build the lessons first: python -m coursekit build."
        raise FileNotFoundError(f"No student notebooks in {notebooks}. {remedy}")
    wanted: list[Wanted] = []
    given: dict[str, str] = {}
    for path in paths:
        answers = _answer_cells(path)
        cells = read_book(path.name, path.read_bytes()).cells
        for before, cell in zip([Cell("raw", ""), *cells], cells, strict=False):
            if cell.ids[0] in answers:
                tree = parsed(cell.source) if cell.kind == "code" else None
                names = tuple(bound_names(tree.body)) if tree else ()
                prompt = "" if names else words(before.source)
                question = "" if names else before.source
                points = float(answers[cell.ids[0]].get("points", 0))
                wanted.append(
                    Wanted(path.stem, cell.grade_id, cell.source, names, prompt, question, points)
                )
            else:
                given[cell.ids[0]] = cell.source
    code = (tree for source in given.values() if (tree := parsed(source)))
    statements = frozenset(ast.dump(node) for tree in code for node in tree.body)
    return Release(tuple(wanted), given, statements)


def find_answers(
    books: Iterable[Book], release: Release
) -> tuple[dict[Key, Answer], tuple[str, ...]]:
    """Find each answer of a student.

    Args:
        books: the student's notebooks.
        release: what was handed out.

    Returns:
        {(lesson, grade_id): answer}, of those that are there; and what is worth a note.
    """
    books = list(books)
    homes = {book.name: _homes(book, release) for book in books}
    answers: dict[Key, Answer] = {}
    notes: list[str] = []
    for wanted in release.wanted:
        found = sorted(_candidates(wanted, books, homes, release), key=lambda c: c.rank)
        if found:
            best = found[-1]
            notes += _remarks(wanted, best, found[:-1])
            source, remarks = _complete(wanted, best, books, release)
            notes += [f"{wanted.grade_id}: {remark}" for remark in remarks]
            answers[wanted.key] = Answer(wanted.lesson, wanted.grade_id, source, best.found_by)
    return answers, tuple(notes)


def discarded(books: Iterable[Book], release: Release) -> Iterator[str]:
    """What the notebooks hold that grading takes no notice of, and somebody may want to know."""
    checks = {key: source for key, source in release.given.items() if "-check_" in key}
    for book in books:
        own = {identity: cell for cell in book.cells for identity in cell.ids}
        changed = [
            key.partition("-")[2]
            for key, source in checks.items()
            if key in own and words(own[key].source) != words(source)
        ]
        if changed:
            yield f"{book.name}: changed check cells are not used: {', '.join(changed)}."
        tags = sorted({t for cell in book.cells for t in cell.tags if _steers(t, cell, release)})
        if tags:
            yield f"{book.name}: tags that steer a test run are dropped: {', '.join(tags)}."


def _steers(tag: str, cell: Cell, release: Release) -> bool:
    """Whether the student put the tag there (some cells are handed out with one)."""
    known = any(identity in release.given for identity in cell.ids)
    return tag.lower().startswith(("nbval", "raises-exception")) and not known


def _answer_cells(path: Path) -> dict[str, dict[str, Any]]:
    """{id: nbgrader's metadata} of a built notebook's answer cells."""
    nbgrader = {
        cell["id"]: cell["metadata"].get("nbgrader", {})
        for cell in json.loads(path.read_bytes())["cells"]
    }
    return {key: found for key, found in nbgrader.items() if found.get("solution")}


def _homes(book: Book, release: Release) -> dict[str, int]:
    """{lesson: how surely this is its notebook}: by its name, or else by the cells it holds."""
    stem = book.name.rpartition("/")[2].removesuffix(".ipynb")
    ids = {identity for cell in book.cells for identity in (*cell.ids, f"?-{cell.grade_id}")}
    texts = {words(cell.source) for cell in book.cells}
    homes = {}
    for lesson in release.lessons:
        wanted = [w for w in release.wanted if w.lesson == lesson]
        known = {w.cell_id for w in wanted} | {f"?-{w.grade_id}" for w in wanted}
        if stem == lesson:
            homes[lesson] = 3
        elif lesson in stem:
            homes[lesson] = 2
        elif known & ids or {w.prompt for w in wanted if w.prompt} & texts:
            homes[lesson] = 1
    return homes


def _candidates(
    wanted: Wanted, books: list[Book], homes: Mapping[str, Mapping[str, int]], release: Release
) -> Iterator[_Candidate]:
    given = set(release.given.values())
    for book in books:
        known = homes[book.name]
        home = known.get(wanted.lesson, 0)
        foreign = bool(known) and not home  # of another lesson
        prompted = False
        for position, cell in enumerate(book.cells):
            found_by = ""
            if wanted.cell_id in cell.ids:
                found_by = "cell id"
            elif cell.grade_id == wanted.grade_id and not foreign:
                found_by = "grade_id"
            elif not wanted.names:
                found_by = "prompt" if prompted and cell.kind != "code" else ""
            elif cell.source not in given and _defines(wanted, cell, functions_only=foreign):
                found_by = "name"
            if found_by:
                source = cell.source if wanted.names else _with_continuation(book, position, given)
                yield _Candidate(book, position, found_by, source, _worth(wanted, source), home)
            prompted = bool(wanted.prompt) and words(cell.source) == wanted.prompt


def _defines(wanted: Wanted, cell: Cell, functions_only: bool) -> bool:
    """Whether a cell defines what is wanted; text that happens to be such code counts too."""
    if not any(name in cell.source for name in wanted.names):
        return False
    tree = parsed(plain_python(cell.source)[0])
    body = tree.body if tree else []
    if functions_only:
        body = [node for node in body if isinstance(node, ast.FunctionDef)]
    return set(wanted.names) <= set(bound_names(body))


def _worth(wanted: Wanted, source: str) -> int:
    if not source.strip() or _same(source, wanted.stub):
        return EMPTY
    if not wanted.names:
        return ANSWERED
    tree = parsed(plain_python(source)[0])
    bound = set(bound_names(tree.body)) if tree else set()
    return ANSWERED if set(wanted.names) & bound else BROKEN


def _same(source: str, stub: str) -> bool:
    """Whether it is the stub, whatever became of spaces and comments."""
    one, other = parsed(source), parsed(stub)
    if one is not None and other is not None and one.body:
        return ast.dump(one) == ast.dump(other)
    return words(source) == words(stub)


def _with_continuation(book: Book, position: int, given: set[str]) -> str:
    """A written answer, and the texts that the student put right below it."""
    texts = [book.cells[position].source]
    for cell in book.cells[position + 1 :]:
        if cell.kind == "code" or cell.source in given or cell.grade_id:
            break
        texts.append(cell.source)
    return "\n\n".join(texts)


def _remarks(wanted: Wanted, best: _Candidate, others: list[_Candidate]) -> Iterator[str]:
    if not best.home:
        yield f"{wanted.grade_id}: found in {best.where}."
    if best.found_by in ("name", "prompt"):
        how = "its name" if best.found_by == "name" else "the question before it"
        yield f"{wanted.grade_id}: its cell is not there any more; found by {how}, {best.where}."
    kind = best.book.cells[best.position].kind
    if (kind == "code") != bool(wanted.names):
        yield f"{wanted.grade_id}: the cell's type was changed to {kind}; it is read all the same."
    rivals = [c for c in others if c.worth and not _same(c.source, best.source)]
    if rivals and best.worth:
        places = "; ".join(rival.where for rival in rivals)
        yield f"{wanted.grade_id}: answered more than once; {best.where} counts, not {places}."


def _complete(
    wanted: Wanted, best: _Candidate, books: list[Book], release: Release
) -> tuple[str, list[str]]:
    """The answer as it can be run: without magics, with the helpers that it needs."""
    if not wanted.names:
        stub = re.escape(wanted.stub)
        return re.sub(rf"^\s*{stub}\s*\n\n(?=\S)", "", best.source), []
    source, removed = plain_python(best.source)
    remarks = [f"taken out: {', '.join(dict.fromkeys(removed))}."] if removed else []
    if best.worth != ANSWERED:
        return source, remarks
    own = {w.cell_id for w in release.wanted}
    helpers, names = helpers_for(source, best.book, own, release.statements)
    if names:
        remarks.append(f"taken along from other cells of the student: {', '.join(names)}.")
        source = f"{helpers}\n\n\n{source}"
    return source, remarks
