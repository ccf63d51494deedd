"""From one source a lesson to two notebooks: the reference with outputs, the student's with stubs.

A source is a Python file in jupytext's percent format. Beside jupytext's own `tags`, a cell's
header may carry what nbgrader needs, in short:

    # %% grade_id="gram_matrix" solution=true              an answer cell
    # %% grade_id="check_gram_matrix" points=5             its check cell: read-only, graded
    # %% [markdown] grade_id="why" solution=true points=5  a written answer, graded by hand
    # %% grade_id="experiment_a"                           read-only
    # %% setup=true                                        `_setup.py`, folded: the same everywhere

What stands between `### BEGIN SOLUTION` and `### END SOLUTION` (in text: the same words in HTML
comments) is in the reference alone.
"""

import copy
import difflib
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode
from nbgrader.nbgraderformat import MetadataValidator, ValidationError
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions, ComputeChecksums, LockCells
from traitlets.config import Config

from styletools._files import write_text
from styletools.errors import StyletoolsError

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
HEADER_KEYS = {"grade_id", "solution", "points", "tags"}
SETUP = "_setup.py"  # beside the lessons: the cell that makes the kit ready
FOLDED = {"jupyter": {"source_hidden": True}}  # JupyterLab shows its first line
STUB = "# removed by coursekit"  # stands for a solution until its line is dropped
TEXT_STUB = "*Write your answer here.*"
MAX_BYTES = 3_000_000
CELL_SECONDS = 3600
MARKS = tuple(
    f"{edge} {what}" for what in ("SOLUTION", "HIDDEN TESTS") for edge in ("BEGIN", "END")
)
ALIKE = 0.85  # of difflib's ratio: a comment that is so close to a mark is a misspelt mark
NOT_KEPT = "output-not-kept"  # tag of a cell whose output is of this machine alone, or live


class BuildError(StyletoolsError):
    """A lesson that cannot be built; the message names lesson and cell."""


def build(folder: Path, names: Sequence[str] = (), execute: bool = False) -> Iterator[str]:
    """Build the lessons named (all, if none is) and write both notebooks of each.

    Args:
        folder: holds `lessons/`; `reference/` and `student/` are written beside it.
        names: such as "02_gram".
        execute: run the references; else a cell that did not change keeps its stored output.

    Yields:
        A line for each lesson.

    Raises:
        BuildError: a source is malformed, a cell fails, or a notebook would be too large.
    """
    for source in _sources(folder, names):
        reference = read_lesson(source)
        student = student_version(reference)
        target = folder / "reference" / f"{source.stem}.ipynb"
        if execute:
            run(reference, source.stem)
        elif target.exists():
            keep_outputs(reference, nbformat.read(target, as_version=4))
        missing = sum(cell.execution_count is None for cell in _code(reference))
        _write(folder / "student" / f"{source.stem}.ipynb", student)
        _write(target, reference)
        note = f"; {missing} cells without output: build with --execute" if missing else ""
        yield f"{source.stem}: {len(reference.cells)} cells{note}"


def check(folder: Path, names: Sequence[str] = ()) -> list[str]:
    """Compare the committed notebooks with what their sources give, executing nothing.

    Returns:
        A line for each difference, naming notebook and cell; of a reference's outputs only
        that they are there and hold no error.
    """
    differences: list[str] = []
    sources = _sources(folder, names)
    for source in sources:
        reference = read_lesson(source)
        student = student_version(reference)
        name = f"{source.stem}.ipynb"
        differences += _differences(folder / "student" / name, student)
        differences += _differences(folder / "reference" / name, reference, outputs_may_differ=True)
    if not names:
        known = {source.stem for source in sources}
        for path in sorted(folder.glob("reference/*.ipynb")) + sorted(
            folder.glob("student/*.ipynb")
        ):
            if path.stem not in known:
                differences.append(f"{path.parent.name}/{path.name}: has no lesson; delete it.")
    return differences


def read_lesson(path: Path) -> NotebookNode:
    """A source as a notebook with solutions, cell ids and nbgrader's metadata; no outputs.

    Raises:
        BuildError: a malformed header, or two cells that cannot be told apart.
    """
    read = jupytext.reads(path.read_text("utf-8"), fmt="py:percent")
    notebook = nbformat.v4.new_notebook(metadata=copy.deepcopy(METADATA))
    notebook.nbformat_minor = 5
    ids: set[str] = set()
    for cell in read.cells:
        metadata = {k: v for k, v in cell.metadata.items() if k != "lines_to_next_cell"}
        setup = metadata.pop("setup", False)
        if setup:
            cell.source = _setup_of(path, cell.source)
        identity = _cell_id(path.stem, metadata.get("grade_id"), cell)
        if identity in ids:
            raise BuildError(f"{path.stem}: two cells are {identity!r}:\n{cell.source[:200]}")
        ids.add(identity)
        make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
        if cell.cell_type not in make:
            raise BuildError(f"{path.stem}: a {cell.cell_type} cell; use code or markdown.")
        expanded = _expand(f"{path.stem}, cell {identity}", metadata, cell.source)
        expanded |= copy.deepcopy(FOLDED) if setup else {}
        notebook.cells.append(make[cell.cell_type](cell.source, id=identity, metadata=expanded))
    try:
        MetadataValidator().validate_nb(notebook)
    except ValidationError as error:
        raise BuildError(f"{path.stem}: {error}") from None
    return notebook


def _setup_of(path: Path, source: str) -> str:
    """The set-up cell of a lesson."""
    setup = path.with_name(SETUP)
    if source.strip():
        raise BuildError(f"{path.stem}: the set-up cell is {SETUP}'s; leave it empty here.")
    if not setup.is_file():
        raise BuildError(
            f"{path.stem}: there is no {SETUP} beside it, which `setup=true` asks for."
        )
    return setup.read_text("utf-8").strip("\n")


def student_version(reference: NotebookNode) -> NotebookNode:
    """A copy without solutions and outputs, locked and with checksums, as nbgrader releases it."""
    student = copy.deepcopy(reference)
    for cell in _code(student):
        cell.outputs, cell.execution_count = [], None
    settings = {"code_stub": {"python": STUB}, "text_stub": TEXT_STUB}
    resources: Any = {}
    for step in (ClearSolutions(config=Config(ClearSolutions=settings)), ClearHiddenTests()):
        student, resources = step.preprocess(student, resources)
    for cell in student.cells:
        lines = [line for line in cell.source.split("\n") if line.strip() != STUB]
        cell.source = "\n".join(lines)
    for step in (LockCells(), ComputeChecksums()):
        student, resources = step.preprocess(student, resources)
    return student


def run(notebook: NotebookNode, name: str) -> None:
    """Execute in place, in an empty folder, with VGG19's own weights; failing checks raise.

    Raises:
        BuildError: a cell raises or writes to stderr, or an output holds a path of this machine.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    environment = {**os.environ, "STYLETOOLS_BACKBONE": "vgg19", "STYLETOOLS_STRICT": "1"}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute(env=environment)
        except CellExecutionError as error:
            raise BuildError(f"{name}: {error}") from None
        for cell in _code(notebook):
            cell.outputs = [] if NOT_KEPT in cell.metadata.get("tags", []) else _tidy(cell.outputs)
            _check_outputs(f"{name}, cell {cell.id}", cell.outputs, folder)
    notebook.metadata = nbformat.from_dict(copy.deepcopy(METADATA))


def keep_outputs(notebook: NotebookNode, old: NotebookNode) -> None:
    """Copy the outputs of an earlier build to the cells whose source is the same."""
    stored = {cell.id: cell for cell in _code(old)}
    for cell in _code(notebook):
        before = stored.get(cell.id)
        if before is not None and before.source == cell.source:
            cell.outputs, cell.execution_count = before.outputs, before.execution_count


def solution_lines(reference: NotebookNode, outside: bool = False) -> set[str]:
    """Every line that stands in a solution, or outside of one, stripped."""
    lines: set[str] = set()
    for cell in reference.cells:
        inside = False
        for line in map(str.strip, cell.source.split("\n")):
            if "BEGIN SOLUTION" in line or "END SOLUTION" in line:
                inside = "BEGIN SOLUTION" in line
            elif line and inside is not outside:
                lines.add(line)
    return lines


def folders(notebooks: Path, names: Sequence[str] = ()) -> list[Path]:
    """The folders that hold the sources named: the lessons', and the single exercise's."""
    both = [notebooks, *(path.parent for path in notebooks.glob("single/lessons"))]
    named = [one for one in both if any((one / "lessons" / f"{n}.py").exists() for n in names)]
    return named if len(named) == 1 else both


def _sources(folder: Path, names: Sequence[str]) -> list[Path]:
    known = {path.stem: path for path in sorted((folder / "lessons").glob("[!_]*.py"))}
    for name in names:
        if name not in known:
            raise BuildError(f"No lesson {name!r}; the lessons are {', '.join(known)}.")
    return [known[name] for name in names or known]


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _cell_id(lesson: str, grade_id: str | None, cell: NotebookNode) -> str:
    """Stable where cells are moved, added or removed: from the grade_id, else from the source."""
    if grade_id:
        return f"{lesson}-{grade_id}"
    text = f"{cell.cell_type}\n{cell.source}"
    return f"{lesson}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _expand(where: str, header: dict[str, Any], source: str) -> dict[str, Any]:
    """A header's short form → the cell's metadata, with nbgrader's (schema 3)."""
    if unknown := set(header) - HEADER_KEYS:
        raise BuildError(f"{where}: unknown {', '.join(sorted(unknown))} in the header.")
    metadata: dict[str, Any] = {"tags": header["tags"]} if header.get("tags") else {}
    grade_id, solution = header.get("grade_id"), bool(header.get("solution", False))
    if ("BEGIN SOLUTION" in source) != solution:
        raise BuildError(f"{where}: `solution=true` and BEGIN SOLUTION go together.")
    _check_marks(where, source)
    if grade_id is None:
        if solution or "points" in header:
            raise BuildError(f"{where}: solution or points without a grade_id.")
        return metadata
    if not re.fullmatch(r"\w+", grade_id):
        raise BuildError(f"{where}: a grade_id is made of letters, digits and _.")
    nbgrader = {
        "grade": "points" in header,
        "grade_id": grade_id,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if "points" in header:
        nbgrader["points"] = header["points"]
    return {**metadata, "nbgrader": nbgrader}


def _check_marks(where: str, source: str) -> None:
    """Refuse a cell in which a mark is misspelt, or has no partner: its lines would be handed out.

    Raises:
        BuildError: names the lesson, the cell and the line.
    """
    inside = ""
    for line in source.split("\n"):
        mark = next((mark for mark in MARKS if mark in line), "")
        if not mark and _is_like_a_mark(line):
            raise BuildError(
                f"{where}: {line.strip()!r} is like a mark, and is none. Write ### BEGIN SOLUTION "
                "and ### END SOLUTION on lines of their own (in text: in <!-- -->)."
            )
        edge, _, what = mark.partition(" ")
        if mark and (inside != ("" if edge == "BEGIN" else what)):
            raise BuildError(f"{where}: {line.strip()!r} has no partner: BEGIN and END alternate.")
        inside = {"BEGIN": what, "END": "", "": inside}[edge]
    if inside:
        raise BuildError(f"{where}: BEGIN {inside} has no END {inside}.")


def _is_like_a_mark(line: str) -> bool:
    """Whether a comment is close to a mark: other spelling or case, or otter's line marks."""
    comment = re.search(r"(?:#|<!--)(.*)", line)
    text = re.sub(r"[^A-Z]", "", comment.group(1).upper()) if comment else ""
    known = ["".join(mark.split()) for mark in MARKS]
    known += ["SOLUTION", "STARTSOLUTION", "STOPSOLUTION", "SOLUTIONBEGIN", "SOLUTIONEND"]
    known += ["SOLUTIONNOPROMPT", "BEGINSOLUTIONNOPROMPT"]
    return any(difflib.SequenceMatcher(None, text, mark).ratio() >= ALIKE for mark in known)


def _tidy(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs without what differs from run to run: split streams, and views of live widgets."""
    tidied: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            if tidied and tidied[-1].get("name") == output.name:
                tidied[-1].text += output.text
                continue
        elif "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
            continue
        if output.output_type == "display_data":
            output.pop("transient", None)
        tidied.append(output)
    return tidied


def _check_outputs(where: str, outputs: list[NotebookNode], folder: str) -> None:
    for output in outputs:
        if output.get("name") == "stderr":
            raise BuildError(f"{where} writes to stderr:\n{output.text}")
        text = json.dumps(output, ensure_ascii=False)
        for path in (folder, str(Path.cwd()), str(Path.home()), sys.prefix):
            if len(path) > 3 and f"{path}/" in text:
                raise BuildError(f"{where}: its output holds the path {path} of this machine.")


def _text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def _write(path: Path, notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    text = _text(notebook)
    if len(text.encode()) > MAX_BYTES:
        raise BuildError(f"{path.name} has {len(text.encode())} bytes; the limit is {MAX_BYTES}.")
    write_text(path, text)


def _differences(
    path: Path, wanted: NotebookNode, outputs_may_differ: bool = False
) -> Iterator[str]:
    """What differs between a committed notebook and the one its source gives."""
    name = f"{path.parent.name}/{path.name}"
    if not path.exists():
        yield f"{name}: missing."
        return
    text = path.read_text("utf-8")
    found = nbformat.reads(text, as_version=4)
    stored = {cell.get("id"): cell for cell in found.cells}
    for cell in wanted.cells:
        if cell.id not in stored:
            yield f"{name}: cell {cell.id} is missing."
            continue
        before = stored.pop(cell.id)
        for key in sorted({*cell, *before}):
            if outputs_may_differ and key in ("outputs", "execution_count"):
                continue
            if cell.get(key) != before.get(key):
                yield f"{name}: cell {cell.id} differs in its {key}."
        if outputs_may_differ and cell.cell_type == "code":
            if before.execution_count is None:
                yield f"{name}: cell {cell.id} was not executed."
            if any(output.output_type == "error" for output in before.outputs):
                yield f"{name}: cell {cell.id} holds an error."
            cell.outputs, cell.execution_count = before.outputs, before.execution_count
    for identity in stored:
        yield f"{name}: cell {identity} is not in the source."
    order = [cell.get("id") for cell in found.cells]
    if not stored and order != [cell.id for cell in wanted.cells]:
        yield f"{name}: its cells stand in another order."
    if wanted.metadata != found.metadata or wanted.nbformat_minor != found.nbformat_minor:
        yield f"{name}: its metadata differ."
