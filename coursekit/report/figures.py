"""The figures above a written answer, as the student's notebook holds them: for a reader, no proof.

They are copied as they are, if they begin like a PNG or JPEG file; nothing here decodes them.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coursekit.course import Key, Question, this_course

KINDS = {"image/png": (b"\x89PNG\r\n\x1a\n", ".png"), "image/jpeg": (b"\xff\xd8\xff", ".jpg")}
MOST_FIGURES = 8  # of one answer: the last ones
_MAX_BYTES = 3_000_000  # of one figure
_MAX_BRACKETS = 1_000_000


def save_figures(
    student: str, notebooks: Mapping[str, bytes], folder: Path
) -> dict[tuple[str, Key], list[str]]:
    """Copy a student's figures into `folder/figures`.

    Args:
        student: whose they are.
        notebooks: {name: bytes}.
        folder: of the pages that show them.

    Returns:
        {(student, question): paths relative to the folder}; nothing of what cannot be read.
    """
    found: dict[tuple[str, Key], list[str]] = {}
    for name in sorted(notebooks):
        cells = _cells(notebooks[name])
        for question in this_course().written:
            pictures = list(_above(cells, question))[-MOST_FIGURES:]
            if pictures:
                key = student, question.key
                found[key] = [_save(*picture, folder) for picture in pictures]
    return found


def _cells(data: bytes) -> list[dict[str, Any]]:
    """The cells of a notebook of format 4; none of anything else."""
    try:
        if data.count(b"[") + data.count(b"{") > _MAX_BRACKETS:
            return []
        return [cell for cell in json.loads(data)["cells"] if isinstance(cell, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _above(cells: list[dict[str, Any]], question: Question) -> Iterator[tuple[bytes, str]]:
    """Pictures and their suffixes, from the named cell before up to the answer."""
    places = [i for i, cell in enumerate(cells) if question.cell_id in _ids(cell)]
    places = places or [i for i, cell in enumerate(cells) if _grade_id(cell) == question.name]
    if not places:
        return
    start = places[-1]
    while start > 0:
        start -= 1
        if _grade_id(cells[start]):
            break
    for cell in cells[start : places[-1]]:
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            data = output.get("data") if isinstance(output, dict) else None
            if not isinstance(data, dict):
                continue
            for kind in KINDS:
                if picture := _decoded(data.get(kind), kind):
                    yield picture, KINDS[kind][1]
                    break


def _ids(cell: dict[str, Any]) -> tuple[Any, Any]:
    metadata = cell.get("metadata")
    return cell.get("id"), metadata.get("id") if isinstance(metadata, dict) else None


def _grade_id(cell: dict[str, Any]) -> Any:
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None


def _decoded(text: Any, kind: str) -> bytes:
    lines = text if isinstance(text, list) else [text]
    joined = "".join(line for line in lines if isinstance(line, str))
    if len(joined) > _MAX_BYTES * 4 // 3:
        return b""
    try:
        picture = base64.b64decode(joined)
    except (binascii.Error, ValueError):
        return b""
    return picture if picture.startswith(KINDS[kind][0]) else b""


def _save(picture: bytes, suffix: str, folder: Path) -> str:
    """Under a name that says nothing of the student's."""
    name = f"figures/{hashlib.sha256(picture).hexdigest()[:24]}{suffix}"
    path = folder / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    return name
