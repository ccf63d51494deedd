"""The files of a submission, read where they lie: nothing is unpacked to disk, nothing followed.

A student may send anything. Notebooks are kept as bytes, pictures and runs as their hash, of all
else only the name; what no honest hand-in holds (links, paths that lead out, bombs) refuses the
whole.
"""

import errno
import hashlib
import io
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from styletools.errors import StyletoolsError

MEGABYTE = 1_000_000
MAX_ENTRIES = 5_000
MAX_DIRECTORY = 2 * MEGABYTE  # bytes of a ZIP file's table of contents
MAX_NOTEBOOK = 40 * MEGABYTE
MAX_NOTEBOOKS = 60
MAX_PICTURE = 40 * MEGABYTE
MAX_READ = 400 * MEGABYTE  # bytes of all notebooks and pictures together
MAX_UNPACKED = 4_000 * MEGABYTE
MAX_RATIO, RATIO_MATTERS = 200, 20 * MEGABYTE
MAX_NAME = 400
CHUNK = 1 << 20

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
RUN_FILES = {"run.json": MEGABYTE, "losses.csv": 20 * MEGABYTE}  # bytes that are looked at
PREVIEW = re.compile(r"(.*/)?previews/step_\d+\.png")  # a run's, from on the way: of no interest
NOT_LOOKED_AT = {
    "__MACOSX", ".git", ".ipynb_checkpoints", ".locks", ".unfinished", ".venv", "venv",
    "__pycache__",
}  # fmt: skip
MISLEADING = re.compile("[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")  # control, turned direction
REMEDY = "Hand in the notebooks themselves, or a plain ZIP file of their folder."


class SubmissionError(StyletoolsError, ValueError):
    """A hand-in that cannot be read, or that no honest student makes."""


@dataclass
class Files:
    """What was found.

    Attributes:
        notebooks: {name: bytes}.
        pictures: {name: SHA-256 in hexadecimal digits}.
        runs: likewise, of the files that describe runs.
        others: the names of all else.
        notes: what was left out, and why.
    """

    notebooks: dict[str, bytes] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _left: int = MAX_READ

    def add(self, name: str, file: BinaryIO, size: int) -> None:
        """Read one file, as far as its kind asks for it.

        Raises:
            SubmissionError: it is larger than any notebook, or there are too many.
        """
        suffix = PurePosixPath(name).suffix.lower()
        if suffix == ".ipynb":
            if len(self.notebooks) == MAX_NOTEBOOKS:
                raise SubmissionError(f"More than {MAX_NOTEBOOKS} notebooks. {REMEDY}")
            self.notebooks[name] = b"".join(self._chunks(name, file, MAX_NOTEBOOK))
        elif suffix in PICTURES and size <= MAX_PICTURE:
            self.pictures[name] = self._hash(name, file, MAX_PICTURE)
        elif size <= RUN_FILES.get(PurePosixPath(name).name, -1):
            self.runs[name] = self._hash(name, file, size)
        else:
            self.others.append(name)

    def _hash(self, name: str, file: BinaryIO, limit: int) -> str:
        digest = hashlib.sha256()
        for chunk in self._chunks(name, file, limit):
            digest.update(chunk)
        return digest.hexdigest()

    def _chunks(self, name: str, file: BinaryIO, limit: int) -> Iterator[bytes]:
        """The file in pieces; what it really holds counts, not what an archive says."""
        while chunk := file.read(CHUNK):
            limit -= len(chunk)
            self._left -= len(chunk)
            if limit < 0:
                raise SubmissionError(
                    f"{shown(name)} is larger than {MAX_NOTEBOOK / MEGABYTE:.0f} MB. Clear the "
                    "outputs of its largest cells, and save it again."
                )
            if self._left < 0:
                raise SubmissionError(f"More than {MAX_READ / MEGABYTE:.0f} MB in all. {REMEDY}")
            yield chunk


def read_files(path: Path, files: Files | None = None, name: str = "") -> Files:
    """Read a folder, a ZIP file or a single notebook; a folder's ZIP files are read too.

    Args:
        path: of the submission.
        files: where to put what is found, if there is something already.
        name: for a notebook or picture, instead of its own; put before the names in a folder or
            ZIP file.

    Raises:
        SubmissionError: it is too large, damaged, or hostile; nothing of it is to be used.
    """
    files = files or Files()
    prefix = f"{name}/" if name else ""
    try:
        if path.is_dir() and not path.is_symlink():
            _read_folder(path, files, prefix)
        else:
            with _opened(path) as file:
                suffix = path.suffix.lower()
                if suffix == ".zip":
                    read_zip(file, files, prefix)
                elif suffix == ".ipynb" or is_material(name or path.name):
                    files.add(name or path.name, file, path.stat().st_size)
                else:
                    kind = shown(suffix) or "without a suffix"
                    raise SubmissionError(f"A file of kind {kind} is no submission. {REMEDY}")
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SubmissionError(f"It is a link, which is not followed. {REMEDY}") from None
        raise SubmissionError(f"Cannot be read ({error.strerror or error}).") from None
    return files


def read_all(places: Iterable[tuple[Path, str]], files: Files | None = None) -> Files:
    """Read all that a student handed in: paths, and the names under which they are read.

    Raises:
        SubmissionError: as `read_files`.
    """
    files = files or Files()
    for path, name in places:
        read_files(path, files, name)
    return files


def read_zip(file: BinaryIO, files: Files, prefix: str = "") -> None:
    """Read a ZIP file; ZIP files in it stay closed.

    Args:
        file: an open ZIP file.
        files: where to put what is found.
        prefix: put before each name.

    Raises:
        SubmissionError: it is damaged or hostile.
    """
    try:
        with zipfile.ZipFile(_Bounded(file)) as archive:
            for entry in _checked(archive.infolist()):
                name = prefix + _plain(entry.orig_filename)
                if _of_interest(name) and not entry.is_dir():
                    with archive.open(entry) as member:
                        files.add(name, member, entry.file_size)  # type: ignore[arg-type]
    except SubmissionError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        text = f"{type(error).__name__}: {error}"[:200]
        raise SubmissionError(f"The ZIP file is damaged ({shown(text)}). {REMEDY}") from None
    except (NotImplementedError, OverflowError, MemoryError) as error:
        text = f"{type(error).__name__}: {error}"[:200]
        raise SubmissionError(f"No ordinary ZIP file ({shown(text)}). {REMEDY}") from None


def is_material(name: str) -> bool:
    """Whether grading may need the file itself, besides the notebooks: pictures and runs."""
    path = PurePosixPath(name)
    return path.suffix.lower() in PICTURES or path.name in RUN_FILES


def shown(name: str) -> str:
    """A name from a student's archive, fit for a message: what would mislead is escaped."""
    plain = MISLEADING.sub(lambda found: ascii(found[0])[1:-1], name)
    plain = plain.encode("utf-8", "backslashreplace").decode()  # lone surrogates
    return plain if len(plain) <= 120 else f"{plain[:117]}…"


def _checked(entries: Iterable[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The entries, if all of them are what an honest archive holds."""
    entries = list(entries)
    if len(entries) > MAX_ENTRIES:
        raise SubmissionError(f"{len(entries)} files; at most {MAX_ENTRIES} are read. {REMEDY}")
    total, names = 0, set()
    for entry in entries:
        name = _plain(entry.orig_filename)
        where = f"The archive's entry {shown(entry.filename)!r}"
        mode = entry.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise SubmissionError(f"{where} is a link or a device, and no file. {REMEDY}")
        if entry.flag_bits & 0x1:
            raise SubmissionError(f"{where} is encrypted. Hand in an archive without a password.")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SubmissionError(f"{where} is packed in an unusual way. {REMEDY}")
        if name.rstrip("/") in names:
            raise SubmissionError(f"{where} is in it twice; which one counts? {REMEDY}")
        names.add(name.rstrip("/"))
        total += entry.file_size
        ratio = entry.file_size / max(1, entry.compress_size)
        if (ratio > MAX_RATIO and entry.file_size > RATIO_MATTERS) or total > MAX_UNPACKED:
            raise SubmissionError(
                f"{where} unpacks to {entry.file_size / MEGABYTE:.0f} MB, all entries to more than "
                f"{total / MEGABYTE:.0f} MB: an archive bomb. {REMEDY}"
            )
    return entries


def _plain(name: str) -> str:
    """An entry's name with / between folders, if it leads nowhere else.

    Raises:
        SubmissionError: it is absolute, leads out of the archive, or misleads.
    """
    plain = unicodedata.normalize("NFC", name.replace("\\", "/"))
    parts = PurePosixPath(plain).parts
    if plain.startswith("/") or re.match(r"[A-Za-z]:", plain) or ".." in parts:
        raise SubmissionError(f"The archive's entry {shown(name)!r} leads out of it. {REMEDY}")
    if MISLEADING.search(plain) or len(plain) > MAX_NAME or len(parts) > 30:
        raise SubmissionError(f"The archive's entry {shown(name)!r} is an odd name. {REMEDY}")
    return plain


def _of_interest(name: str) -> bool:
    parts = PurePosixPath(name).parts
    hidden = not parts or NOT_LOOKED_AT & set(parts) or parts[-1].startswith("._")
    return not hidden and not PREVIEW.fullmatch(name)


def _read_folder(folder: Path, files: Files, prefix: str) -> None:
    """All regular files, sorted; links are not followed."""
    count = 0
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in NOT_LOOKED_AT)
        for name in [*folders, *sorted(names)]:
            count += 1
            if count > MAX_ENTRIES:
                raise SubmissionError(f"More than {MAX_ENTRIES} files. {REMEDY}")
            path = Path(place, name)
            relative = path.relative_to(folder).as_posix()
            kind = path.lstat().st_mode
            if stat.S_ISLNK(kind):
                files.notes.append(f"The link {shown(relative)} was not followed.")
            elif stat.S_ISREG(kind) and _of_interest(relative):
                with _opened(path) as file:
                    if path.suffix.lower() == ".zip":
                        read_zip(file, files, f"{prefix}{relative}/")
                    else:
                        files.add(prefix + relative, file, path.lstat().st_size)


def _opened(path: Path) -> BinaryIO:
    """A regular file, open for reading; what became a link or a pipe since is refused."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(handle, "rb")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise SubmissionError(f"{shown(path.name)} is no regular file. {REMEDY}")
    return file


class _Bounded(io.BufferedIOBase):
    """A file of which `zipfile` reads the table of contents only where that is of honest size.

    `ZipFile` reads that table in one go, and makes an object of each entry, before anybody can
    count them: a million entries would be half a gigabyte.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int | None = -1, /) -> bytes:
        whole = size is None or size < 0
        data = self._file.read(MAX_DIRECTORY + 1 if whole else min(size or 0, MAX_DIRECTORY + 1))
        if len(data) > MAX_DIRECTORY:
            raise SubmissionError(
                f"The archive's table of contents alone is larger than {MAX_DIRECTORY} bytes: it "
                f"lists far more than {MAX_ENTRIES} files. {REMEDY}"
            )
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True
