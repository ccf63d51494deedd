"""The student's saved notebooks: the answers and outputs they hold, and what is missing."""

import ast
import base64
import binascii
import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from styletools.course.handin import markdown
from styletools.course.todos import LESSONS, OWN_RUNS, RUNS, TODOS, WRITTEN

# What the student release puts where an answer belongs.
PLACEHOLDER = re.compile(
    r"^\s*#+ .*$|\b(your (answer|explanation|inference)|write .*?) here\b.*$",
    re.IGNORECASE | re.MULTILINE,
)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
VERDICT = re.compile(r"^([✓✗≈]) (\w+): (.*)$", re.MULTILINE)
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PREDICTION = "**My prediction"
ITALICS = re.compile(r"\*[^*]*Write here\.\*", re.DOTALL)
KITS = ("own_pictures", "different")
KITS_PICTURES = "a picture of the kit stands where the assignment asks for one of your own."
_FEWEST_WORDS = 5  # fewer are no explanation


@dataclass(frozen=True)
class Problem:
    """Something that is not there yet, and what to do about it."""

    where: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Cell:
    """A cell as it was saved."""

    kind: str  # "code", "markdown" or "raw"
    source: str
    grade_id: str = ""
    execution_count: int | None = None
    outputs: tuple[dict[str, Any], ...] = ()
    attachments: dict[str, bytes] = field(default_factory=dict)  # pictures pasted into the text
    unchanged: bool = False  # it is what the student release holds, by nbgrader's checksum

    @property
    def printed(self) -> str:
        """Its standard output, as a terminal would show it in the end."""
        text = "".join(
            _text(o.get("text")) for o in self.outputs
            if o.get("output_type") == "stream" and o.get("name") == "stdout"
        )  # fmt: skip
        lines = ANSI.sub("", text).replace("\r\n", "\n").split("\n")
        return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines).strip("\n")

    @property
    def pictures(self) -> list[bytes]:
        """The PNG and JPEG pictures among its outputs."""
        found = []
        for output in self.outputs:
            data = output.get("data", {})
            for kind in ("image/png", "image/jpeg"):
                if kind in data:
                    found.append(_decode(data[kind]))
                    break
        return [picture for picture in found if picture]

    @property
    def failed(self) -> str:
        """The exception that ended it, or ''."""
        errors = (o.get("ename", "error") for o in self.outputs if o.get("output_type") == "error")
        return next(errors, "")


@dataclass(frozen=True)
class Notebook:
    """A saved notebook."""

    path: Path
    cells: tuple[Cell, ...]

    @property
    def executed(self) -> bool:
        """Whether any code cell was run before it was saved."""
        return any(cell.execution_count or cell.outputs for cell in self.cells)

    def find(self, grade_id: str) -> list[int]:
        """The positions of the cells with this name."""
        return [i for i, cell in enumerate(self.cells) if cell.grade_id == grade_id]


@dataclass(frozen=True)
class Work:
    """All that a folder holds: {lesson: notebook}, what is missing, and what is only odd."""

    folder: Path
    notebooks: dict[str, Notebook]
    others: tuple[Path, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    verdicts: dict[str, str]  # name of a TODO: "passed", "not attempted", "wrong", "raised", …
    runs: str = ""  # a line on the experiments


def read_notebook(path: Path) -> Notebook:
    """Read a notebook of nbformat 3 or 4, whatever its minor version, with or without cell ids.

    Raises:
        ValueError: the file is no notebook.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing ids and the like: repaired by nbformat
            document = nbformat.reads(path.read_text("utf-8-sig"), as_version=4)
        return Notebook(path, tuple(_cell(cell) for cell in document["cells"]))
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror or error})") from error
    except Exception as error:  # nbformat raises many kinds, for files broken in many ways
        raise ValueError("is damaged: it does not hold a notebook") from error


def read_work(folder: str | Path) -> Work:
    """Read every notebook of `folder`, and find out what a complete hand-in still lacks."""
    folder = Path(folder)
    problems: list[Problem] = []
    notes: list[str] = []
    readable: list[Notebook] = []
    for path in sorted(folder.glob("*.ipynb")):
        try:
            readable.append(read_notebook(path))
        except ValueError as error:
            remedy = (
                "Open it in JupyterLab; if that fails, get a fresh copy of the lesson, put your "
                "answers in again, run all cells and save."
                if path.stem in LESSONS
                else "Move it out of the folder, or delete it."
            )
            problems.append(Problem(path.name, str(error), remedy))
    notebooks: dict[str, Notebook] = {}
    damaged = {Path(problem.where).stem for problem in problems}
    for lesson in LESSONS:
        candidates = _candidates(lesson, readable)
        if len(candidates) > 1:
            names = " and ".join(notebook.path.name for notebook in candidates)
            remedy = f"Keep the one to hand in as {lesson}.ipynb and move the others away."
            problems.append(Problem(lesson, f"there is more than one copy: {names}", remedy))
        if candidates:
            notebooks[lesson] = candidates[0]
        elif lesson not in damaged:
            remedy = f"Put {lesson}.ipynb, with your answers, into the folder “{folder}”."
            problems.append(Problem(f"{lesson}.ipynb", "the notebook is missing", remedy))
    verdicts: dict[str, str] = {}
    for lesson, notebook in notebooks.items():
        missing = list(_missing(lesson, notebook, folder))
        named = {problem.where for problem in missing}
        problems += missing
        for name, status in _verdicts(notebook).items():
            verdicts[name] = status
            where = f"{notebook.path.name} · {name}"
            if status not in ("passed", "not attempted") and where not in named:
                says = f"the check says “{status}”; the answer is handed in unchanged."
                notes.append(f"{where}: {KITS_PICTURES if (name, status) == KITS else says}")
    used = {notebook.path for notebook in notebooks.values()}
    others = tuple(n.path for n in readable if n.path not in used)
    return Work(folder, notebooks, others, tuple(problems), tuple(notes), verdicts)


def is_unwritten(cell: Cell) -> bool:
    """Whether a text cell still holds no more than the student release put there."""
    if cell.unchanged:
        return True
    text = PLACEHOLDER.sub("", COMMENT.sub("", cell.source))
    return len(re.findall(r"[^\W_]+", text)) < _FEWEST_WORDS and not cell.attachments


def cells_before(notebook: Notebook, grade_id: str) -> list[Cell]:
    """The code cells from the last named one up to this cell: the run that it is about."""
    found: list[Cell] = []
    for position in notebook.find(grade_id)[:1]:
        for cell in reversed(notebook.cells[:position]):
            found += [cell] if cell.kind == "code" else []
            if cell.grade_id:
                break
    return found[::-1]


def prediction_before(notebook: Notebook, grade_id: str) -> Cell | None:
    """What the student expected of a run: the text right before its cell, if it was written."""
    for position in notebook.find(grade_id)[:1]:
        before = notebook.cells[position - 1] if position else None
        return before if before and is_prediction(before) else None
    return None


def is_prediction(cell: Cell) -> bool:
    """Whether a cell says what the student expects, and not only what it was handed out with."""
    written = ITALICS.sub("", cell.source.partition(":**")[2])
    words = re.findall(r"[^\W_]+", written)
    starts = cell.kind == "markdown" and cell.source.startswith(PREDICTION)
    return starts and len(words) >= _FEWEST_WORDS


def cells_after(notebook: Notebook, grade_id: str) -> list[Cell]:
    """The code cells after this one, to the end."""
    start = notebook.find(grade_id)
    return [c for c in notebook.cells[start[0] + 1 :] if c.kind == "code"] if start else []


def named_pictures(notebook: Notebook) -> dict[str, str]:
    """{'content': path, 'style': path}, as far as the answer names them as plain texts."""
    found = {}
    for position in notebook.find("own_pictures"):
        for target, value in _assignments(notebook.cells[position].source):
            if target in ("my_content", "my_style") and isinstance(value, str):
                found[target.removeprefix("my_")] = value
    return found


def linked_files(notebook: Notebook, sources: Iterable[str]) -> dict[str, Path]:
    """{source: file} of the pictures that a text shows by their paths; addresses are left out."""
    local = [source for source in sources if not re.match(r"[a-z][a-z0-9+.-]+:", source, re.I)]
    return {source: notebook.path.parent / Path(source).expanduser() for source in local}


def linked_in(work: Work) -> list[Path]:
    """The files of all pictures that written answers show by their paths."""
    found = []
    for notebook in work.notebooks.values():
        for cell in notebook.cells:
            if cell.kind == "markdown" and cell.grade_id in WRITTEN:
                sources = markdown.linked_pictures(markdown.with_pictures(cell.source))
                found += [path.resolve() for path in linked_files(notebook, sources).values()]
    return [path for path in dict.fromkeys(found) if path.is_file()]


def _missing(lesson: str, notebook: Notebook, folder: Path) -> Iterator[Problem]:
    """What one lesson lacks."""
    file = notebook.path.name
    if not notebook.executed:
        remedy = f"Open {file}, choose Run → Run All Cells, wait until it is done, and save."
        yield Problem(file, "it was saved without its outputs, so no cell seems to be run", remedy)
    written = [name for name, home in WRITTEN.items() if home == lesson]
    wanted = [todo.name for todo in TODOS.values() if todo.lesson == lesson]
    wanted += [name for name, (home, _) in RUNS.items() if home == lesson == "04_tuning"]
    for name in [*wanted, *written]:
        where = f"{file} · {name}"
        positions = notebook.find(name)
        if not positions:
            remedy = "It was deleted, or lost its name: take it from a fresh copy of the lesson."
            yield Problem(where, "the cell is not in the notebook", remedy)
        elif len(positions) > 1:
            remedy = "A copied cell keeps its name: delete the copies, keep the answer that counts."
            yield Problem(where, f"{len(positions)} cells carry this name", remedy)
        elif name in written:
            if is_unwritten(notebook.cells[positions[0]]):
                remedy = "Double-click the cell, write your answer, press Shift+Enter and save."
                yield Problem(where, "the text is still to be written", remedy)
            else:
                yield from _unlinked(where, notebook, notebook.cells[positions[0]])
            if name.removesuffix("_inference") in OWN_RUNS and notebook.executed:
                yield from _unshown(where, cells_before(notebook, name))
        elif notebook.executed:
            yield from _unanswered(name, where, notebook, notebook.cells[positions[0]], folder)


def _unlinked(where: str, notebook: Notebook, cell: Cell) -> Iterator[Problem]:
    """Pictures that a text shows, and that cannot be handed in with it."""
    sources = markdown.linked_pictures(markdown.with_pictures(COMMENT.sub("", cell.source)))
    files = linked_files(notebook, sources)
    for source in dict.fromkeys(sources):
        if source not in files:
            remedy = "Save the picture beside the notebook, and give its path instead."
            yield Problem(
                where, f"its picture {source} is not a file, so it is not fetched", remedy
            )
        elif not files[source].is_file():
            remedy = "Put the file there, correct the path, or paste the picture into the text."
            yield Problem(where, f"its picture {source} does not exist", remedy)


def _unanswered(
    name: str, where: str, notebook: Notebook, cell: Cell, folder: Path
) -> Iterator[Problem]:
    verdict = _verdicts(notebook).get(name)
    again = "Then run the cell and the check below it again, and save."
    if verdict == "not attempted":
        yield Problem(where, "not attempted yet", f"Complete the TODO. {again}")
    elif name in TODOS and verdict is None:
        remedy = "Run the notebook from the top (Run → Run All Cells) and save."
        yield Problem(where, "its check was not run", remedy)
    elif name == "own_pictures":
        for role, path in named_pictures(notebook).items():
            if "://" not in path and not (folder / path).is_file():
                remedy = f"Put the file where my_{role} says, or correct my_{role}. {again}"
                yield Problem(where, f"my_{role} = {path!r} does not exist", remedy)
    elif name in RUNS:
        yield from _unshown(where, cells_before(notebook, f"{name}_inference"))


def _unshown(where: str, cells: list[Cell]) -> Iterator[Problem]:
    """An experiment whose cells failed, or show no picture."""
    error = next((c.failed for c in cells if c.failed), "")
    if error:
        remedy = "Read the last line of the error, put it right, run the cell again and save."
        yield Problem(where, f"the experiment ended with {error}", remedy)
    elif not any(c.pictures for c in cells):
        remedy = "Run this experiment's cells, wait for the pictures, and save."
        yield Problem(where, "there is no picture of the result", remedy)


def _candidates(lesson: str, notebooks: list[Notebook]) -> list[Notebook]:
    """The notebook named like the lesson, or else those which hold its cells."""
    named = [n for n in notebooks if n.path.stem == lesson]
    names = {name for name, home in WRITTEN.items() if home == lesson}
    return named or [n for n in notebooks if any(c.grade_id in names for c in n.cells)]


def _verdicts(notebook: Notebook) -> dict[str, str]:
    """{name: status} from the lines that `checks` printed; the last one counts."""
    found = {}
    for cell in notebook.cells:
        for mark, name, rest in VERDICT.findall(cell.printed):
            found[name] = "passed" if mark == "✓" else rest.partition("—")[0].strip()
    return found


def _cell(cell: Any) -> Cell:
    metadata = cell.get("metadata", {})
    nbgrader = metadata.get("nbgrader", {})
    nbgrader = nbgrader if isinstance(nbgrader, dict) else {}
    attachments = {
        name: _decode(data)
        for name, bundle in (cell.get("attachments") or {}).items()
        for kind, data in bundle.items()
        if kind.startswith("image/")
    }
    return Cell(
        kind=cell["cell_type"],
        source=_text(cell.get("source")),
        grade_id=str(nbgrader.get("grade_id", "")),
        execution_count=cell.get("execution_count"),
        outputs=tuple(cell.get("outputs") or ()),
        attachments={name: data for name, data in attachments.items() if data},
        unchanged=nbgrader.get("checksum") == _checksum(cell, nbgrader),
    )


def _checksum(cell: Any, nbgrader: dict[str, Any]) -> str:
    """As nbgrader's `compute_checksum`, which the student release was stamped with."""
    parts = [_text(cell.get("source")), cell["cell_type"]]
    parts += [str(nbgrader.get(key, False)) for key in ("grade", "solution", "locked")]
    parts.append(str(nbgrader.get("grade_id", "")))
    if nbgrader.get("grade"):
        parts.append(str(float(nbgrader.get("points") or 0)))
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def _assignments(source: str) -> Iterator[tuple[str, Any]]:
    """The `name = constant` lines of a cell."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return
    for statement in statements:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, statement.value.value


def _text(value: Any) -> str:
    """Nbformat stores a text as one string, or as its lines; halves of characters become �."""
    text = "".join(value) if isinstance(value, list) else str(value or "")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(data: Any) -> bytes:
    try:
        return base64.b64decode(_text(data))
    except (binascii.Error, ValueError):
        return b""
