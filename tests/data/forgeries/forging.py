"""What forged submissions are made of: the student's notebooks, with cells of the forger's."""

import copy
import functools
import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"

Notebook = dict[str, Any]
Edit = Callable[[Notebook], None]

TODOS = {
    "layers": "01_layers",
    "gram_matrix": "02_gram",
    "content_loss": "03_losses",
    "layer_style_loss": "03_losses",
    "style_loss": "03_losses",
    "total_loss": "03_losses",
    "paper_layer_loss": "03_losses",
    "course_factor": "03_losses",
    "loss_growth": "03_losses",
    "optimise": "03_losses",
    "own_pictures": "03_losses",
}

WRONG_GRAM = """\
def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    rows = tensor.reshape(d, h * w)
    return rows @ rows.T / (d * h * w)
"""
RIGHT_GRAM = """\
def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    rows = tensor.reshape(d, h * w)
    return rows @ rows.T
"""


@dataclass(frozen=True)
class Forgery:
    """A submission that is wrong.

    Attributes:
        name: of the forgery, and of the student unless `student` says otherwise.
        why: in one line, what it hopes for.
        write: puts the submission into an empty folder.
        statuses: those that the attacked TODOs may get; "refused" for the whole submission.
        todos: the attacked ones; none of them may earn a point.
        plain: why it is left out of the plain run; none where it is run.
        student: the folder's name.
        soak: whether it is left to `make soak`, since CI tries another of its kind.
        group: the file of this package that it stands in.
    """

    name: str
    why: str
    write: Callable[[Path], None]
    statuses: tuple[str, ...] = ("wrong",)
    todos: tuple[str, ...] = ("gram_matrix",)
    plain: str = ""
    student: str = ""
    soak: bool = False
    group: str = ""


@functools.lru_cache
def _student(lesson: str) -> str:
    return (NOTEBOOKS / "student" / f"{lesson}.ipynb").read_text(encoding="utf-8")


def notebook(lesson: str, answers: Mapping[str, str | None]) -> Notebook:
    """The lesson's student notebook, cut to what the answers need, as if it had been run.

    Args:
        lesson: such as "02_gram".
        answers: {grade_id: source, or None for the stub}; every check says in its saved output
            that all is well.
    """
    book = json.loads(_student(lesson))
    kept = {cell["id"] for cell in code_cells(book)[:2]}  # they find the kit and import
    for name in answers:
        kept |= {f"{lesson}-{name}", f"{lesson}-check_{name}", f"{lesson}-{name}_explanation"}
    book["cells"] = [cell for cell in book["cells"] if cell["id"] in kept]
    for count, cell in enumerate(code_cells(book), start=1):
        name = cell["id"].removeprefix(f"{lesson}-")
        cell["execution_count"] = count
        if (answer := answers.get(name)) is not None:
            cell["source"] = textwrap.dedent(answer).strip("\n")
        if name.startswith("check_"):
            cell["outputs"] = [printed(f"✓ {name.removeprefix('check_')}: visible checks passed\n")]
    return book


def code_cells(book: Notebook) -> list[dict[str, Any]]:
    """The notebook's code cells."""
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def cell(book: Notebook, name: str) -> dict[str, Any]:
    """The cell whose id ends in `-name`."""
    (found,) = [cell for cell in book["cells"] if cell["id"].endswith(f"-{name}")]
    return found


def printed(text: str) -> dict[str, Any]:
    """A saved output."""
    return {"output_type": "stream", "name": "stdout", "text": text}


def new_cell(identity: str, source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    """A code cell that was run."""
    return {
        "cell_type": "code",
        "id": identity,
        "metadata": {},
        "execution_count": 1,
        "source": textwrap.dedent(source).strip("\n"),
        "outputs": list(outputs),
    }


def save(book: Notebook, path: Path) -> None:
    """Write a notebook, with folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(book, ensure_ascii=False), encoding="utf-8")


def edits(*several: Edit) -> Edit:
    """One after the other."""

    def edit(book: Notebook) -> None:
        for one in several:
            one(book)

    return edit


def answers(given: Mapping[str, str | None], edit: Edit | None = None) -> Callable[[Path], None]:
    """A submission with these answers, each in its lesson's notebook.

    Args:
        given: {grade_id: source, or None for the stub}.
        edit: changes each notebook.
    """

    def write(folder: Path) -> None:
        for lesson in dict.fromkeys(TODOS[name] for name in given):
            mine = {name: text for name, text in given.items() if TODOS[name] == lesson}
            book = copy.deepcopy(notebook(lesson, mine))
            if edit is not None:
                edit(book)
            save(book, folder / f"{lesson}.ipynb")

    return write


def gram(source: str, edit: Edit | None = None) -> Callable[[Path], None]:
    """A submission whose one answer is `gram_matrix`."""
    return answers({"gram_matrix": source}, edit)


def wrong_gram(before: str = "", after: str = "", edit: Edit | None = None) -> Callable:
    """A submission with a Gram matrix that is normalised, and code before and after it."""
    parts = (textwrap.dedent(before).strip("\n"), WRONG_GRAM, textwrap.dedent(after).strip("\n"))
    return gram("\n".join(part for part in parts if part), edit)


def beside(write: Callable[[Path], None], **files: str) -> Callable[[Path], None]:
    """Other files beside the notebook; `__` in a name stands for a dot."""

    def both(folder: Path) -> None:
        write(folder)
        for name, text in files.items():
            path = folder / name.replace("__", ".")
            path.write_text(textwrap.dedent(text).strip("\n") + "\n", encoding="utf-8")

    return both
