"""CSV files of spreadsheets and learning systems, read as they come and written back alike."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coursekit.report.pages import guarded
from styletools._files import atomic_path
from styletools.errors import StyletoolsError

DELIMITERS = ",;\t"
WORKBOOKS = (b"PK\3\4", b"\xd0\xcf\x11\xe0")  # what .xlsx and .ods, or .xls, begin with


class SheetError(StyletoolsError, ValueError):
    """A file that is no table of text."""


@dataclass
class Sheet:
    """A table, with what is needed to write it as it was.

    Attributes:
        rows: of cells; the first holds the names of the columns.
        delimiter: that separates the cells.
        encoding: "utf-8-sig", "utf-8", "utf-16" or "cp1252".
        newline: that ends a row.
    """

    rows: list[list[str]]
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    newline: str = "\r\n"

    @property
    def columns(self) -> list[str]:
        """Their names."""
        return [cell.strip() for cell in self.rows[0]] if self.rows else []

    def save(self, path: Path) -> None:
        """Write the table; the folder is made."""
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=self.delimiter, lineterminator=self.newline).writerows(
            self.rows
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_bytes(buffer.getvalue().encode(self.encoding))


def read_sheet(path: Path) -> Sheet:
    """Read a table; every row gets as many cells as the first.

    Raises:
        OSError: it cannot be read.
        SheetError: it is a spreadsheet's own file.
    """
    text, encoding = decoded(path)
    delimiter = delimiter_of(text)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    width = len(rows[0]) if rows else 0
    rows = [[*row, *[""] * (width - len(row))] for row in rows]
    newline = "\r\n" if "\r\n" in text else "\n"
    return Sheet(rows, delimiter, encoding, newline)


def decoded(path: Path) -> tuple[str, str]:
    """A table's text and its encoding: UTF-8, UTF-16 with its mark, or Excel's of Western Europe.

    Raises:
        OSError: it cannot be read.
        SheetError: it is a spreadsheet's own file.
    """
    data = path.read_bytes()
    if data.startswith(WORKBOOKS):
        raise SheetError(f"{path} is a workbook and no table; save it as CSV.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text, encoding = data.decode("utf-16", "replace"), "utf-16"
    else:
        encoding = "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            text, encoding = data.decode("cp1252", "replace"), "cp1252"
    return re.sub(r"^sep=.\r?\n", "", text), encoding  # a line that Excel reads, and never writes


def delimiter_of(text: str) -> str:
    """What separates the cells of a table's first line."""
    return max(DELIMITERS, key=text.partition("\n")[0].count)


def unguarded(cell: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    return cell[1:] if cell.startswith("'") and guarded(cell[1:]) == cell else cell


def as_number(text: str) -> float | None:
    """A number with a decimal point or comma; None of anything else."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None


def cells(sheet: Sheet, names: Sequence[str]) -> list[dict[str, str]]:
    """The rows as {name of the column: cell}; "" where there is no such column."""
    places = {name: sheet.columns.index(name) for name in names if name in sheet.columns}
    return [
        {name: unguarded(row[places[name]]) if name in places else "" for name in names}
        for row in sheet.rows[1:]
    ]
