"""A student's notebooks → the answers in them, wherever in the notebooks they stand.

An answer is found by its cell's id, else by its `grade_id`, else by what it defines (code) or by
the question before it (text). Of several, one that answers something wins over an empty one; then
the lesson's own notebook over others, the one saved last or numbered higher by a browser, the id
over the grade_id over the name, and the last in the notebook, as for whoever runs it from the top.
What did not win is noted.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from coursekit.collect.archive import uncopied
from coursekit.collect.helpers import bound_names
from coursekit.collect.magics import FENCE, parsed, plain_python
from coursekit.collect.saved import Book, Cell, code_cells, words
from coursekit.course import Course, Key, Question
from coursekit.records import Answer, Code, Run

FOUND_BY = ("name", "prompt", "grade_id", "cell id")  # later is surer
EMPTY, BROKEN, ANSWERED = 0, 1, 2
MOST_PLACES = 5  # that a note names
_FEWEST_WORDS = 5  # of comments in code that may be a written answer


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
    def rank(self) -> tuple[int, int, tuple[bool, float], int, int, str, int]:
        surer, name = FOUND_BY.index(self.found_by), self.book.name
        _, number = uncopied(name)
        return self.worth, self.home, self.book.age, number, surer, name, self.position

    @property
    def where(self) -> str:
        return f"{self.book.name}, cell {self.position + 1}"


def find_answers(
    books: Iterable[Book], course: Course
) -> tuple[dict[Key, Answer], tuple[str, ...], tuple[Run, ...]]:
    """Find each answer of a student, and the notebooks that are run to grade them.

    Args:
        books: the student's notebooks.
        course: what was handed out.

    Returns:
        {(lesson, grade_id): answer}, of those that are there; what is worth a note; and what is
        to be run.
    """
    books = list(books)
    homes = {book.name: _homes(book, course) for book in books}
    answers: dict[Key, Answer] = {}
    notes: list[str] = []
    chosen: dict[str, _Candidate] = {}
    for question in course.questions:
        found = sorted(_candidates(question, books, homes, course), key=lambda c: c.rank)
        if found:
            best = found[-1]
            notes += _remarks(question, best, found[:-1])
            source = _without_stub(question, best.source)
            answers[question.key] = Answer(question.lesson, question.name, source, best.found_by)
            if question.names:
                chosen[question.name] = best
    return answers, tuple(notes), tuple(_runs(books, chosen, homes, course))


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
    stem, _ = uncopied(book.name)
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
        if not question.names:
            texts = list(_texts(question, book, foreign, course))
            if not any(text for _, _, text in texts):
                texts += _comments(question, book, foreign, course)
            for position, found_by, text in texts:
                yield _Candidate(book, position, found_by, text, _worth(question, text), home)
            continue
        for position, cell in enumerate(book.cells):
            found_by = ""
            if question.cell_id in cell.ids:
                found_by = "cell id"
            elif cell.grade_id == question.name and not foreign:
                found_by = "grade_id"
            elif cell.source not in given and _defines(question, cell, functions_only=foreign):
                found_by = "name"
            if found_by:
                worth = _worth(question, cell.source)
                yield _Candidate(book, position, found_by, cell.source, worth, home)


_Found = tuple[int, str, str]
"""Position of a cell, by what it was found, and the text."""


def _texts(question: Question, book: Book, foreign: bool, course: Course) -> Iterator[_Found]:
    """Written answers: in their cell, in the question's own, in those that follow."""
    given = set(course.handed_out.values()) | {q.stub for q in course.questions}
    asked = {key for key, source in course.handed_out.items() if source == question.text}
    typed = ""  # by the student into the question's cell
    prompted = False
    for position, cell in enumerate(book.cells):
        found_by = "prompt" if prompted and cell.kind != "code" and cell.source not in given else ""
        if question.cell_id in cell.ids:
            found_by = "cell id"
        elif cell.grade_id == question.name and not foreign:
            found_by = "grade_id"
        if found_by:
            own = _without_stub(question, cell.source)
            parts = [typed, "" if _same(own, question.stub) else own]
            parts += _below(question, book, position, given)
            yield position, found_by, "\n\n".join(filter(None, parts))
            typed = ""
        elif typed and prompted:
            yield position - 1, "prompt", typed
            typed = ""
        prompted = bool(question.text) and (
            bool(asked & set(cell.ids)) or words(cell.source).startswith(words(question.text))
        )
        if prompted:
            lines = {line.strip() for line in question.text.splitlines()}
            kept = [line for line in cell.source.splitlines() if line.strip() not in lines]
            typed = "\n".join(kept).strip()
    if typed:
        yield len(book.cells) - 1, "prompt", typed


def _below(question: Question, book: Book, position: int, given: set[str]) -> Iterator[str]:
    """What the student put right below a written answer: texts, and code of comments alone."""
    for cell in book.cells[position + 1 :]:
        if cell.source in given or cell.grade_id not in ("", question.name):
            return
        if cell.kind == "code":
            tree = parsed(cell.source)
            if tree is None or tree.body:
                return
        yield _uncommented(cell.source.splitlines()) if cell.kind == "code" else cell.source


def _comments(question: Question, book: Book, foreign: bool, course: Course) -> Iterator[_Found]:
    """Comments in the code that a question is about, where the answer is nowhere else."""
    about = question.name.removesuffix("_explanation")
    stubs = {line.strip() for q in course.todos if q.name == about for line in q.stub.splitlines()}
    for position, cell in enumerate(book.cells):
        named = f"{question.lesson}-{about}" in cell.ids or (cell.grade_id == about and not foreign)
        if named and about != question.name and cell.kind == "code":
            lines = [line.strip() for line in cell.source.splitlines()]
            own = [line for line in lines if line.startswith("#") and line not in stubs]
            text = _uncommented(own)
            if len(text.split()) >= _FEWEST_WORDS:
                yield position, "name", text


def _uncommented(lines: list[str]) -> str:
    return "\n".join(line.strip().lstrip("#").strip() for line in lines).strip()


def _defines(question: Question, cell: Cell, functions_only: bool) -> bool:
    """Whether a cell defines what is wanted; text that happens to be such code counts too."""
    if not any(name in cell.source for name in question.names):
        return False
    tree = parsed(plain_python(cell.source))
    body = tree.body if tree else []
    if functions_only:
        body = [node for node in body if isinstance(node, ast.FunctionDef)]
    return set(question.names) <= set(bound_names(body))


def _worth(question: Question, source: str) -> int:
    if not source.strip() or _same(source, question.stub):
        return EMPTY
    if not question.names:
        return ANSWERED
    tree = parsed(plain_python(source))
    bound = set(bound_names(tree.body)) if tree else set()
    return ANSWERED if set(question.names) & bound else BROKEN


def _same(source: str, stub: str) -> bool:
    """Whether it is the stub, whatever became of spaces and comments."""
    one, other = parsed(source), parsed(stub)
    if one is not None and other is not None and one.body:
        return ast.dump(one) == ast.dump(other)
    return words(source) == words(stub)


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
    if not question.names:  # part of it
        rivals = [c for c in rivals if c.source not in best.source]
    if rivals and best.worth:
        places = "; ".join(rival.where for rival in rivals[:MOST_PLACES])
        places += f" and {more} more" if (more := len(rivals) - MOST_PLACES) > 0 else ""
        yield f"{question.name}: answered more than once; {best.where} counts, not {places}."


def _without_stub(question: Question, source: str) -> str:
    """A written answer without the text that stood in its cell."""
    if question.names:
        return source
    return re.sub(rf"^\s*{re.escape(question.stub)}\s*\n\n(?=\S)", "", source)


# --- The notebooks that are run -------------------------------------------------------------------


def _runs(
    books: list[Book],
    best: Mapping[str, _Candidate],
    homes: Mapping[str, Mapping[str, int]],
    course: Course,
) -> Iterator[Run]:
    """Those in which something is answered, in the lessons' order."""
    wanted: dict[str, list[str]] = {}
    for todo in course.todos:
        known = [book for book in books if homes[book.name].get(todo.lesson)]
        found = best.get(todo.name)
        home = max(known, key=lambda b: (homes[b.name][todo.lesson], b.age, b.name), default=None)
        book = found.book if found is not None and found.worth else home
        if book is not None and (_is_touched(book, course) or (found and found.worth)):
            wanted.setdefault(book.name, []).append(todo.name)
    for number, (name, todos) in enumerate(wanted.items()):
        [book] = [one for one in books if one.name == name]
        extra = {c.position for c in best.values() if c.book is book}
        cells = _cells(book, course, todos, extra)
        numbered = (replace(c, identity=f"run-{number}-{i}") for i, c in enumerate(cells))
        yield Run(tuple(todos), tuple(numbered), book.modules)


def _is_touched(book: Book, course: Course) -> bool:
    """Whether there is any code in it that was not handed out."""
    return any(not _is_given(cell, course) for _, cell in code_cells(book))


def _is_given(cell: Cell, course: Course) -> bool:
    if cell.source in course.handed_out.values() or not cell.source.strip():
        return True
    return any(_same(cell.source, question.stub) for question in course.todos)


def _cells(book: Book, course: Course, todos: list[str], extra: set[int]) -> Iterator[Code]:
    """The code, up to the last cell that is a check's place or the student's own.

    Args:
        book: the notebook.
        course: what was handed out.
        todos: that are judged in it.
        extra: positions of cells that are no code, and are read as such.
    """
    found: list[Code] = []
    end = 0
    given = [todo for todo in todos if any(_is_check(todo, cell) for cell in book.cells)]
    for position, cell in enumerate(book.cells):
        if cell.kind != "code" and position not in extra:
            continue
        source = cell.source
        if fenced := FENCE.match(source):
            source = fenced[1]
        checks = tuple(
            todo
            for todo in todos
            if (_is_check(todo, cell) if todo in given else f"check_{todo}(" in source)
        )
        found.append(Code(f"cell {position + 1}", source, checks))
        if checks or not _is_given(cell, course):
            end = len(found)
    yield from found[:end]


def _is_check(todo: str, cell: Cell) -> bool:
    name = f"check_{todo}"
    return cell.grade_id == name or any(one.endswith(f"-{name}") for one in cell.ids)
