"""What the report says, in order, for both the HTML file and the PDF."""

import datetime
import io
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

from PIL import Image

from styletools._files import file_sha256
from styletools._rgb import open_picture, to_rgb, upright_size
from styletools.course.handin import markdown
from styletools.course.handin.read import (
    COMMENT,
    Cell,
    Notebook,
    Work,
    cells_after,
    cells_before,
    is_prediction,
    is_unwritten,
    linked_files,
    named_pictures,
    prediction_before,
)
from styletools.course.todos import CLAIMS, OWN_RUNS, RUNS, TODOS

WIDEST = 1400  # pixels of a picture in the report
TALLEST = 1800
LARGE_PNG = 500_000  # bytes; a larger one becomes a JPEG
MARKED = {"icc_profile", "exif"}  # what may turn a picture, or change its colours
LONGEST_OUTPUT = 40  # lines
SOLUTION_MARK = re.compile(r"#\s*(BEGIN|END) SOLUTION")


@dataclass(frozen=True)
class Author:
    """Who hands in, as the title page says it. The date reads 2026-11-30."""

    course: str
    author: str
    professor: str
    student_id: str
    date: str

    def __post_init__(self) -> None:
        for entry in fields(self):  # an ID is often written as a number
            object.__setattr__(self, entry.name, str(getattr(self, entry.name)).strip())


@dataclass(frozen=True)
class ReportPicture:
    """An encoded picture with its size in pixels."""

    data: bytes
    kind: str  # "png" or "jpeg"
    width: int
    height: int
    caption: str = ""


@dataclass(frozen=True)
class Heading:
    """A section (level 1) or subsection (2)."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Prose:
    """Markdown; `pictures` are those pasted into it, by name."""

    markdown: str
    pictures: dict[str, ReportPicture] = field(default_factory=dict)


@dataclass(frozen=True)
class Label:
    """A small heading within a subsection."""

    text: str


@dataclass(frozen=True)
class Listing:
    """The student's Python."""

    source: str


@dataclass(frozen=True)
class Output:
    """What a cell printed."""

    text: str


@dataclass(frozen=True)
class Figures:
    """Pictures: side by side if they are small and alike, else one below the other."""

    pictures: tuple[ReportPicture, ...]

    @property
    def side_by_side(self) -> bool:
        """Whether they fit into one row."""
        wide = any(picture.width > 1.7 * picture.height for picture in self.pictures)
        return 1 < len(self.pictures) <= 3 and not wide


@dataclass(frozen=True)
class Note:
    """One line about the work: good, bad or plain."""

    tone: str
    text: str


Block = Heading | Prose | Label | Listing | Output | Figures | Note


@dataclass(frozen=True)
class Report:
    """The whole report."""

    author: Author
    cover: ReportPicture | None
    missing: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """Its words and code, in no particular form."""
        words = (
            getattr(b, name, "") for b in self.blocks for name in ("markdown", "source", "text")
        )
        return "\n".join([*astuple(self.author), *words, *self.missing])

    @property
    def date(self) -> str:
        """The date as one writes it: 30 November 2026."""
        try:
            date = datetime.date.fromisoformat(self.author.date)
        except ValueError:
            return self.author.date
        return f"{date.day} {date:%B} {date.year}"


def compose(author: Author, work: Work) -> Report:
    """Put the student's work into the order that the assignment asks for."""
    losses, tuning = (work.notebooks.get(name) for name in ("03_losses", "04_tuning"))
    chosen = _own_pictures(losses, work.folder) if losses else []
    results = _shown(cells_after(losses, "own_pictures")) if losses else []
    blocks: list[Block] = [Heading(1, "My pictures", "pictures")]
    blocks += [Figures(tuple(chosen))] if chosen else []
    blocks += [Figures(tuple(results))] if results else []
    if not results:
        blocks.append(Note("bad", "No picture of a style transfer was saved in lesson 03."))
    blocks.append(Heading(1, "What I built, and why it works", "todos"))
    for notebook in work.notebooks.values():
        blocks += _todos(notebook, work.verdicts)
    blocks += _predictions(work)
    blocks.append(Heading(1, "Experiments", "experiments"))
    for name, (lesson, title) in RUNS.items():
        blocks.append(Heading(2, title, name))
        blocks += _run(work.notebooks.get(lesson), name)
    compared = _shown(cells_before(tuning, CLAIMS)) if tuning else []
    if compared:
        blocks += [Heading(2, "All runs compared", "compared"), Figures(tuple(compared))]
    blocks.append(Heading(1, "Two impossible claims", "claims"))
    blocks += _written(tuning, CLAIMS)
    blocks.append(Heading(1, "My own experiments", "own"))
    for name, title in OWN_RUNS.items():
        blocks.append(Heading(2, title, name))
        blocks += _run(tuning, name)
    more = _shown(cells_after(tuning, f"{[*OWN_RUNS][-1]}_inference")) if tuning else []
    if more:
        blocks += [Heading(2, "More pictures", "more"), Figures(tuple(more))]
    blocks += [Heading(1, "Files", "files"), Prose(_files(work))]
    missing = tuple(f"{problem.where}: {problem.what}" for problem in work.problems)
    cover = next(iter([*results, *chosen]), None)
    return Report(author, cover, missing, tuple(blocks))


def encode(data: bytes, caption: str = "") -> ReportPicture | None:
    """A picture fit for the report: upright sRGB, no larger than it needs. None if it is broken."""
    try:
        with open_picture(io.BytesIO(data)) as opened:
            width, height = upright_size(opened)
            scale = min(1.0, WIDEST / width, TALLEST / height)
            kind = (opened.format or "").lower()
            plain = kind in ("png", "jpeg") and opened.mode in ("RGB", "RGBA", "L")
            if plain and scale == 1 and len(data) <= LARGE_PNG and not MARKED & opened.info.keys():
                opened.load()  # it is whole
            else:
                size = (max(1, round(width * scale)), max(1, round(height * scale)))
                image = to_rgb(opened, size)
                (width, height), (data, kind) = image.size, _saved(image)
    except Exception:  # whatever a broken file makes Pillow raise
        return None
    return ReportPicture(data, kind, width, height, caption)


def all_pictures(report: Report) -> Iterator[tuple[str, ReportPicture]]:
    """Each picture of the report with a file name that says where it stands."""
    section, count = "", 0
    for block in report.blocks:
        if isinstance(block, Heading):
            section, count = block.anchor, 0
        shown = block.pictures if isinstance(block, Figures) else ()
        for picture in shown:
            count += 1
            suffix = "jpg" if picture.kind == "jpeg" else "png"
            yield f"{section}_{count}.{suffix}", picture


def _todos(notebook: Notebook, verdicts: dict[str, str]) -> Iterator[Block]:
    """Each TODO of a notebook with its code, what the check said, and the explanations."""
    for cell in notebook.cells:
        name = cell.grade_id
        if name in TODOS:
            yield Heading(2, TODOS[name].title, name)
            yield Listing(_source(cell))
            status = verdicts.get(name, "not run")
            tone = {"passed": "good", "not run": "plain", "different": "plain"}.get(status, "bad")
            text = "visible checks passed" if status == "passed" else f"visible checks: {status}"
            yield Note(tone, text)
        elif name.endswith("_explanation"):
            yield Label("Explanation")
            yield from _written(notebook, name)


def _predictions(work: Work) -> Iterator[Block]:
    """What the student expected, where no experiment shows it."""
    texts = [
        cell.source
        for notebook in work.notebooks.values()
        for cell in notebook.cells
        if is_prediction(cell) and cell not in [prediction_before(notebook, name) for name in RUNS]
    ]
    if texts:
        yield Heading(1, "What I predicted", "predictions")
        yield from map(Prose, texts)


def _run(notebook: Notebook | None, name: str) -> Iterator[Block]:
    """A run: its settings, its pictures, its numbers, and what the student concludes."""
    before = cells_before(notebook, f"{name}_inference") if notebook else []
    cells = [cell for cell in before if cell.grade_id in ("", name)]  # not the lesson's own
    if expected := prediction_before(notebook, name) if notebook else None:
        yield Label("Expectation")
        yield Prose(expected.source.partition(":**")[2].strip())
    free = name in OWN_RUNS  # its cells have no names: students write them
    yield from (Listing(_source(cell)) for cell in cells if free or cell.grade_id == name)
    pictures = _shown(cells)
    yield Figures(tuple(pictures)) if pictures else Note("bad", "No picture was saved.")
    printed = "\n".join(filter(None, map(_printed, cells)))
    if printed:
        yield Output(printed)
    yield Label("Inference")
    yield from _written(notebook, f"{name}_inference")


def _written(notebook: Notebook | None, name: str) -> Iterator[Block]:
    position = notebook.find(name) if notebook else []
    cell = notebook.cells[position[0]] if notebook and position else None
    if notebook is None or cell is None or is_unwritten(cell):
        yield Note("bad", "Not written yet.")
        return
    text = markdown.with_pictures(COMMENT.sub("", cell.source).strip())
    pictures = {name: encode(data, name) for name, data in cell.attachments.items()}
    linked = [source for source in markdown.linked_pictures(text) if source not in pictures]
    for source, file in linked_files(notebook, linked).items():
        pictures[source] = encode(file.read_bytes(), source) if file.is_file() else None
    yield Prose(text, {name: picture for name, picture in pictures.items() if picture})
    for source in dict.fromkeys([*cell.attachments, *linked]):
        if not pictures.get(source):
            yield Note("bad", f"The picture {source} could not be shown.")


def _source(cell: Cell) -> str:
    """A cell's source without nbgrader's marks."""
    lines = [line for line in cell.source.split("\n") if not SOLUTION_MARK.search(line)]
    return "\n".join(lines).strip("\n")


def _shown(cells: list[Cell]) -> list[ReportPicture]:
    """The pictures that cells show."""
    return [shown for cell in cells for data in cell.pictures if (shown := encode(data))]


def _printed(cell: Cell) -> str:
    """What a cell printed and returned, as far as it is text."""
    texts = [cell.printed]
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/plain" in data and not any(k.startswith(("image/", "application/")) for k in data):
            text = data["text/plain"]
            texts.append("".join(text) if isinstance(text, list) else str(text))
    lines = [
        line
        for text in texts
        if text and not re.fullmatch(r"<.*>", text, re.DOTALL)
        for line in text.split("\n")
    ]
    if len(lines) > LONGEST_OUTPUT:
        left = len(lines) - LONGEST_OUTPUT
        lines = [*lines[:LONGEST_OUTPUT], f"… {left} more lines in the notebook"]
    return "\n".join(lines)


def _own_pictures(notebook: Notebook, folder: Path) -> list[ReportPicture]:
    """The student's content and style, where the notebook names them as files."""
    found = []
    for role, path in named_pictures(notebook).items():
        file = folder / path
        picture = encode(file.read_bytes(), f"My {role}: {file.name}") if file.is_file() else None
        if picture:
            found.append(picture)
    return found


def _files(work: Work) -> str:
    rows = [
        f"| {notebook.path.name} | `{file_sha256(notebook.path)[:16]}` |"
        for notebook in work.notebooks.values()
    ]
    return "\n".join(["| notebook | SHA-256 begins with |", "|---|---|", *rows])


def _saved(image: Image.Image) -> tuple[bytes, str]:
    """As PNG if that is small (figures), else as JPEG (photographs)."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    if buffer.tell() <= LARGE_PNG:
        return buffer.getvalue(), "png"
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, optimize=True)
    return buffer.getvalue(), "jpeg"
