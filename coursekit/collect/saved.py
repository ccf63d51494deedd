"""Saved notebooks of students: of any format version, without the outputs, damaged or not."""

import copy
import functools
import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import nbformat

from coursekit.collect.archive import REMEDY, SubmissionError, shown

_MAX_DIGITS = 4000
_MAX_BRACKETS = 1_000_000  # each costs some 60 bytes once it is read
MAX_CELLS = 2_000
_MAX_SOURCE = 200_000  # characters of one cell, pictures pasted into its text left out
MAX_SOURCES = 1_000_000  # characters of all cells together
PASTED = re.compile(r"data:image/[\w.+-]{1,40};base64,([A-Za-z0-9+/=]+)")  # Colab pastes so


@dataclass(frozen=True)
class Cell:
    """What grading looks at of a cell."""

    kind: str  # "code", "markdown", "raw"
    source: str
    ids: tuple[str, ...] = ()  # its id; Colab keeps one in the metadata too
    grade_id: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Book:
    """A notebook, and {name: source} of the modules beside it that it imports."""

    name: str
    cells: tuple[Cell, ...]
    modules: Mapping[str, str] = field(default_factory=dict)
    age: tuple[bool, float] = (False, 0.0)  # not in a folder of old states; minute of saving


def read_book(name: str, data: bytes) -> Book:
    """Read a notebook of nbformat 2 to 4, whatever its minor version, with or without cell ids.

    Args:
        name: of the file.
        data: its bytes.

    Raises:
        SubmissionError: it is no notebook, or larger than a person would write one.
    """
    try:
        document = _document(data)
        cells = [cell for cell in _cells(document) if isinstance(cell, dict)]
    except SubmissionError as error:
        raise SubmissionError(f"{shown(name)}: {error}") from None
    except Exception as error:  # nbformat raises many kinds, for files broken in many ways
        what = f"{type(error).__name__}: {error}"[:120]
        raise SubmissionError(f"{shown(name)} is no notebook ({shown(what)}). {REMEDY}") from None
    if len(cells) > MAX_CELLS:
        raise SubmissionError(f"{shown(name)} has {len(cells)} cells; at most {MAX_CELLS}.")
    book = Book(name, tuple(_cell(name, cell) for cell in cells))
    if (total := sum(len(cell.source) for cell in book.cells)) > MAX_SOURCES:
        raise SubmissionError(
            f"{shown(name)} has {total} characters in all; at most {MAX_SOURCES}. {REMEDY}"
        )
    return book


def _document(data: bytes) -> Any:
    if data.count(b"[") + data.count(b"{") > _MAX_BRACKETS:
        raise SubmissionError(f"more than {_MAX_BRACKETS} lists in it: no notebook. {REMEDY}")
    document = json.loads(data, parse_int=_whole)
    if not isinstance(document, dict) or not ({"cells", "worksheets"} & set(document)):
        raise SubmissionError(f"it holds no cells. {REMEDY}")
    return document


def _whole(digits: str) -> int:
    """A number in an output may have more digits than Python reads; nobody needs it."""
    return int(digits[:_MAX_DIGITS])


def _cells(document: dict[str, Any]) -> list[Any]:
    """The cells, as nbformat 4 has them; older formats by nbformat's own upgrade."""
    if "cells" in document:
        return list(document["cells"])
    for sheet in document["worksheets"]:
        for cell in sheet["cells"]:
            cell["outputs"] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        upgraded = nbformat.convert(nbformat.from_dict(copy.deepcopy(document)), 4)
    return list(upgraded["cells"])


def _cell(name: str, cell: dict[str, Any]) -> Cell:
    metadata = _dict(cell.get("metadata"))
    source = PASTED.sub(_pasted, _text(cell.get("source")))
    source = source.replace("\r\n", "\n").replace("\r", "\n")  # as Python reads it
    if len(source) > _MAX_SOURCE:
        raise SubmissionError(
            f"{shown(name)} has a cell of {len(source)} characters; at most {_MAX_SOURCE}. {REMEDY}"
        )
    ids = (cell.get("id"), metadata.get("id"))
    tags = metadata.get("tags")
    return Cell(
        kind=str(cell.get("cell_type")),
        source=source,
        ids=tuple(identity for identity in ids if isinstance(identity, str)),
        grade_id=_text(_dict(metadata.get("nbgrader")).get("grade_id")),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
    )


@functools.lru_cache(maxsize=4096)
def words(text: str) -> str:
    """A text as it reads: capitals, spaces, punctuation and markup do not count."""
    return " ".join(re.findall(r"[^\W_]+", _without_comments(text))).lower()


def _without_comments(text: str) -> str:
    """Without HTML comments, in one pass (a lazy pattern takes long where none is closed)."""
    kept, start = [], 0
    while (begin := text.find("<!--", start)) >= 0:
        end = text.find("-->", begin + 4)
        if end < 0:
            break
        kept.append(text[start:begin])
        start = end + 3
    return "".join([*kept, text[start:]])


def _pasted(found: re.Match[str]) -> str:
    return f"pasted-picture-{hashlib.sha256(found[1].encode()).hexdigest()[:12]}"


def code_cells(book: Book) -> Iterator[tuple[int, Cell]]:
    """Position and cell of all code."""
    return ((i, cell) for i, cell in enumerate(book.cells) if cell.kind == "code")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """Nbformat stores a text as one string, or as its lines."""
    lines = value if isinstance(value, list) else [value]
    text = "".join(line for line in lines if isinstance(line, str))
    return text.encode("utf-8", "replace").decode()  # lone surrogates cannot be written again
