"""THIS course, as the instructor's side reads it: what it asks, hands out, and gives points for.

All of it comes from the built notebooks and course.toml.
"""

import ast
import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursekit.records import SINGLE
from styletools._files import file_sha256
from styletools.config import COURSE, COURSE_FILE
from styletools.course.todos import OPTIONAL
from styletools.errors import StyletoolsError

_ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = _ROOT / "notebooks"
EXPERIMENT = "experiment_"  # how the names of lesson 4's check cells begin
GRADED_WITH = ("collect", "grade", "inside", "sandbox")  # folders of coursekit
IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}  # as students have

Key = tuple[str, str]
"""(lesson, name of the question), as answers are kept."""


class CourseError(StyletoolsError, ValueError):
    """The course cannot be graded as it is."""


@dataclass(frozen=True)
class Question:
    """An answer cell that students get: code, which is graded by machine, or a text.

    Attributes:
        lesson: such as "02_gram".
        name: its grade_id, such as "gram_matrix".
        points: that it is worth.
        stub: what stands in the cell when it is handed out.
        reference: the instructor's answer.
        names: what the answer must define; none where it is a text.
        text: the question before it, with its rubric, where it is a text.
    """

    lesson: str
    name: str
    points: float
    stub: str
    reference: str
    names: tuple[str, ...] = ()
    text: str = ""

    @property
    def key(self) -> Key:
        """As answers are kept."""
        return self.lesson, self.name

    @property
    def cell_id(self) -> str:
        """The id of its cell."""
        return f"{self.lesson}-{self.name}"


@dataclass(frozen=True)
class Course:
    """What students were given, and what is asked of them.

    Attributes:
        questions: the answer cells, in the lessons' order.
        handed_out: {cell id: source} of all other cells.
        experiments: {experiment: points} of lesson 4's check cells, such as {"a": 2.0}.
        titles: {lesson: its heading}, such as {"02_gram": "2 · The Gram matrix"}.
    """

    questions: tuple[Question, ...]
    handed_out: Mapping[str, str]
    experiments: Mapping[str, float]
    titles: Mapping[str, str]

    @property
    def lessons(self) -> tuple[str, ...]:
        """Those that ask for something."""
        return tuple(dict.fromkeys(question.lesson for question in self.questions))

    @property
    def todos(self) -> tuple[Question, ...]:
        """The questions that a machine grades."""
        return tuple(question for question in self.questions if question.names)

    @property
    def written(self) -> tuple[Question, ...]:
        """The questions that a person reads."""
        return tuple(question for question in self.questions if not question.names)


@functools.lru_cache(maxsize=4)
def this_course(notebooks: Path = NOTEBOOKS) -> Course:
    """Read the built notebooks.

    Raises:
        FileNotFoundError: they are not built.
        CourseError: a TODO has no reference, or no check cell with points.
    """
    questions: list[Question] = []
    handed_out: dict[str, str] = {}
    experiments: dict[str, float] = {}
    titles: dict[str, str] = {}
    if not lesson_names(notebooks):
        remedy = "Build the lessons first: python -m coursekit build."
        raise FileNotFoundError(f"No student notebooks in {notebooks}. {remedy}")
    for lesson in lesson_names(notebooks):
        cells = _cells(notebooks / "student" / f"{lesson}.ipynb")
        references = {c["id"]: c for c in _cells(notebooks / "reference" / f"{lesson}.ipynb")}
        points = {c["id"]: _nbgrader(c)["points"] for c in cells if "points" in _nbgrader(c)}
        before = ""
        for cell in cells:
            source = "".join(cell["source"])
            if _nbgrader(cell).get("grade_id") in OPTIONAL:
                continue
            solution = _nbgrader(cell).get("solution")
            if solution:
                questions.append(_question(lesson, cell, before, points, references))
            else:
                handed_out[cell["id"]] = source
                if source.startswith("# ") and lesson not in titles:
                    titles[lesson] = source[2:].split("\n")[0]
            name = _nbgrader(cell).get("grade_id", "")
            if name.startswith(EXPERIMENT) and cell["id"] in points and not solution:
                experiments[name.removeprefix(EXPERIMENT)] = float(points[cell["id"]])
            before = source
    return Course(tuple(questions), handed_out, experiments, titles)


@functools.lru_cache(maxsize=4)
def lesson_names(notebooks: Path = NOTEBOOKS) -> tuple[str, ...]:
    """Of all lessons, such as "02_gram", whether they ask for something or not."""
    return tuple(sorted(path.stem for path in (notebooks / "student").glob("*.ipynb")))


@functools.lru_cache(maxsize=1)
def pictures_handed_out() -> Mapping[str, str]:
    """{file name: SHA-256} of the pictures that come with the kit; everybody has them."""
    files = sorted((_ROOT / "images").rglob("*"))
    return {path.name: file_sha256(path) for path in files if path.suffix.lower() in IMAGES}


def loss_history_asked() -> bool:
    """Whether the single exercise as this course hands it out asks for a list of losses."""
    return bool(COURSE.get("grading", {}).get("loss_history", True))


def allowed_libraries(settings: Mapping[str, Any] = COURSE) -> tuple[str, ...]:
    """The libraries that students may use besides the kit's own, as pip names them.

    Raises:
        CourseError: the setting is no list of such names.
    """
    libraries = settings.get("grading", {}).get("libraries", [])
    if not isinstance(libraries, list) or not all(map(_is_library, libraries)):
        raise CourseError(
            f"{COURSE_FILE}, [grading]: libraries is {libraries!r}; it must be a list of names as "
            'pip knows them, such as ["einops"].'
        )
    return tuple(libraries)


def course_digest(notebooks: Path = NOTEBOOKS, folders: tuple[str, ...] = GRADED_WITH) -> str:
    """Of the lessons, the kit, and the code that answers are graded with.

    Args:
        notebooks: the built lessons.
        folders: of coursekit; "" for all of it.
    """
    coursekit = Path(__file__).parent
    own = [path for name in folders for path in (coursekit / name).rglob("*.py")]
    kinds = ("reference", "student", f"{SINGLE}/reference", f"{SINGLE}/student")
    built = [path for kind in kinds for path in (notebooks / kind).glob("*.ipynb")]
    kit = [*(_ROOT / "styletools").rglob("*.py"), COURSE_FILE]
    files = sorted({*kit, *own, *built, Path(__file__)})
    parts = [f"{path.name} {file_sha256(path)}" for path in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _question(
    lesson: str,
    cell: dict[str, Any],
    before: str,
    points: Mapping[str, float],
    references: Mapping[str, dict[str, Any]],
) -> Question:
    name, stub = _nbgrader(cell)["grade_id"], "".join(cell["source"])
    reference = "".join(references.get(cell["id"], {}).get("source", ""))
    if cell["cell_type"] != "code":  # a person gives its points: the cell itself has them
        worth = float(points.get(cell["id"], 0))
        return Question(lesson, name, worth, stub, reference, text=before)
    check = f"{lesson}-check_{name}"
    if check not in points or not reference:
        raise CourseError(f"{cell['id']} has no reference, or no check cell with points.")
    names = tuple(_defined(stub))
    return Question(lesson, name, float(points[check]), stub, reference, names)


def _is_library(name: object) -> bool:
    return isinstance(name, str) and bool(re.fullmatch(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", name))


def _defined(stub: str) -> Iterator[str]:
    """The names that a stub defines at its top level."""
    for node in ast.parse(stub).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _cells(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_bytes())["cells"]) if path.is_file() else []


def _nbgrader(cell: dict[str, Any]) -> dict[str, Any]:
    return dict(cell["metadata"].get("nbgrader", {}))
