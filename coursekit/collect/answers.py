"""A student's notebooks → the answers in them, wherever in the notebooks they stand.

An answer is found by its cell's id, else by its `grade_id`, else by what it defines (code) or by
the question before it (text). Of several, one that answers something wins over an empty one; then
the lesson's own notebook over others, the id over the grade_id over the name, and the last in the
notebook, as for whoever runs it from the top. What did not win is noted.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from coursekit.collect.helpers import bound_names, helpers_for
from coursekit.collect.magics import parsed, plain_python
from coursekit.collect.saved import Book, Cell, words
from coursekit.course import Course, Key, Question
from coursekit.records import Answer

FOUND_BY = ("name", "prompt", "grade_id", "cell id")  # later is surer
EMPTY, BROKEN, ANSWERED = 0, 1, 2


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
    def rank(self) -> tuple[int, int, tuple[bool, float], int, str, int]:
        surer = FOUND_BY.index(self.found_by)
        return self.worth, self.home, self.book.age, surer, self.book.name, self.position

    @property
    def where(self) -> str:
        return f"{self.book.name}, cell {self.position + 1}"


def find_answers(
    books: Iterable[Book], course: Course
) -> tuple[dict[Key, Answer], tuple[str, ...]]:
    """Find each answer of a student.

    Args:
        books: the student's notebooks.
        course: what was handed out.

    Returns:
        {(lesson, grade_id): answer}, of those that are there; and what is worth a note.
    """
    books = list(books)
    homes = {book.name: _homes(book, course) for book in books}
    answers: dict[Key, Answer] = {}
    notes: list[str] = []
    for question in course.questions:
        found = sorted(_candidates(question, books, homes, course), key=lambda c: c.rank)
        if found:
            best = found[-1]
            notes += _remarks(question, best, found[:-1])
            source, remarks = _complete(question, best, books, course)
            notes += [f"{question.name}: {remark}" for remark in remarks]
            answers[question.key] = Answer(question.lesson, question.name, source, best.found_by)
    return answers, tuple(notes)


def discarded(books: Iterable[Book], course: Course) -> Iterator[str]:
    """What the notebooks hold that grading takes no notice of, and somebody may want to know."""
    checks = {key: source for key, source in course.handed_out.items() if "-check_" in key}
    for book in books:
        own = {identity: cell for cell in book.cells for identity in cell.ids}
        changed = [
            key.partition("-")[2]
            for key, source in checks.items()
            if key in own and words(own[key].source) != words(source)
        ]
        if changed:
            yield f"{book.name}: changed check cells are not used: {', '.join(changed)}."
        tags = sorted({t for cell in book.cells for t in cell.tags if _steers(t, cell, course)})
        if tags:
            yield f"{book.name}: tags that steer a test run are dropped: {', '.join(tags)}."


def _steers(tag: str, cell: Cell, course: Course) -> bool:
    """Whether the student put the tag there (some cells are handed out with one)."""
    known = any(identity in course.handed_out for identity in cell.ids)
    return tag.lower().startswith(("nbval", "raises-exception")) and not known


def _homes(book: Book, course: Course) -> dict[str, int]:
    """{lesson: how surely this is its notebook}: by its name, or else by the cells it holds."""
    stem = book.name.rpartition("/")[2].removesuffix(".ipynb")
    ids = {identity for cell in book.cells for identity in (*cell.ids, f"?-{cell.grade_id}")}
    texts = {words(cell.source) for cell in book.cells}
    homes = {}
    for lesson in course.lessons:
        wanted = [w for w in course.questions if w.lesson == lesson]
        known = {w.cell_id for w in wanted} | {f"?-{w.name}" for w in wanted}
        if stem == lesson:
            homes[lesson] = 3
        elif lesson in stem:
            homes[lesson] = 2
        elif known & ids or {words(w.text) for w in wanted if w.text} & texts:
            homes[lesson] = 1
    return homes


def _candidates(
    question: Question, books: list[Book], homes: Mapping[str, Mapping[str, int]], course: Course
) -> Iterator[_Candidate]:
    given = set(course.handed_out.values())
    for book in books:
        known = homes[book.name]
        home = known.get(question.lesson, 0)
        foreign = bool(known) and not home  # of another lesson
        prompted = False
        for position, cell in enumerate(book.cells):
            found_by = ""
            if question.cell_id in cell.ids:
                found_by = "cell id"
            elif cell.grade_id == question.name and not foreign:
                found_by = "grade_id"
            elif not question.names:
                found_by = "prompt" if prompted and cell.kind != "code" else ""
            elif cell.source not in given and _defines(question, cell, functions_only=foreign):
                found_by = "name"
            if found_by:
                source = (
                    cell.source if question.names else _with_continuation(book, position, given)
                )
                yield _Candidate(book, position, found_by, source, _worth(question, source), home)
            prompted = bool(question.text) and words(cell.source) == words(question.text)


def _defines(question: Question, cell: Cell, functions_only: bool) -> bool:
    """Whether a cell defines what is wanted; text that happens to be such code counts too."""
    if not any(name in cell.source for name in question.names):
        return False
    tree = parsed(plain_python(cell.source)[0])
    body = tree.body if tree else []
    if functions_only:
        body = [node for node in body if isinstance(node, ast.FunctionDef)]
    return set(question.names) <= set(bound_names(body))


def _worth(question: Question, source: str) -> int:
    if not source.strip() or _same(source, question.stub):
        return EMPTY
    if not question.names:
        return ANSWERED
    tree = parsed(plain_python(source)[0])
    bound = set(bound_names(tree.body)) if tree else set()
    return ANSWERED if set(question.names) & bound else BROKEN


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


def _remarks(question: Question, best: _Candidate, others: list[_Candidate]) -> Iterator[str]:
    if not best.home:
        yield f"{question.name}: found in {best.where}."
    if best.found_by in ("name", "prompt"):
        how = "its name" if best.found_by == "name" else "the question before it"
        yield f"{question.name}: its cell is not there any more; found by {how}, {best.where}."
    kind = best.book.cells[best.position].kind
    if (kind == "code") != bool(question.names):
        yield f"{question.name}: the cell's type was changed to {kind}; it is read all the same."
    rivals = [c for c in others if c.worth and not _same(c.source, best.source)]
    if rivals and best.worth:
        places = "; ".join(rival.where for rival in rivals)
        yield f"{question.name}: answered more than once; {best.where} counts, not {places}."


def _complete(
    question: Question, best: _Candidate, books: list[Book], course: Course
) -> tuple[str, list[str]]:
    """The answer as it can be run: without magics, with the helpers that it needs."""
    if not question.names:
        stub = re.escape(question.stub)
        return re.sub(rf"^\s*{stub}\s*\n\n(?=\S)", "", best.source), []
    source, removed = plain_python(best.source)
    remarks = [f"taken out: {', '.join(dict.fromkeys(removed))}."] if removed else []
    if best.worth != ANSWERED:
        return source, remarks
    own = {w.cell_id for w in course.questions}
    helpers, names = helpers_for(source, best.book, own, course.statements)
    if names:
        remarks.append(f"taken along from other cells of the student: {', '.join(names)}.")
        source = f"{helpers}\n\n\n{source}"
    return source, remarks
