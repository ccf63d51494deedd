"""The files of a submission, read where they lie: nothing is unpacked to disk, nothing followed.

A student may send anything. Each hand-in is read once: notebooks, pictures and runs are kept as
bytes in memory, of all else only the name. A notebook that is too large is left out; what no honest
hand-in holds (links, paths that lead out, bombs) refuses the whole.
"""

import errno
import hashlib
import io
import os
import re
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from styletools.errors import StyletoolsError

MEGABYTE = 1_000_000
MAX_ENTRIES = 5_000
MAX_DOWNLOADED = 100_000  # files of a whole class
MAX_DIRECTORY = 2 * MEGABYTE  # bytes of a ZIP file's table of contents
MAX_NOTEBOOK = 40 * MEGABYTE
MAX_NOTEBOOKS = 60
MAX_PICTURE = 40 * MEGABYTE
MAX_READ = 400 * MEGABYTE  # bytes of all notebooks and pictures together
MAX_UNPACKED = 4_000 * MEGABYTE
MAX_RATIO, RATIO_MATTERS = 200, 20 * MEGABYTE
MAX_NAME = 400
CHUNK = 1 << 20

PICTURES = {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
PICTURES |= {".heic", ".heif", ".avif"}
MAX_INNER = 200 * MEGABYTE  # of a ZIP file in a ZIP file
RENAMED = (".ipynb.txt", ".ipynb.json")
_COPY = re.compile(  # what a browser, an LMS or a file manager adds to the name of a copy
    r"^copy of |[ _-]+copy[ \d()]*$|[ _-]?\((?P<round>\d{1,3})\)$|[ _-](?P<plain>\d{1,3})$", re.I
)
MODULES, MAX_MODULE = ".py", MEGABYTE // 4
RUN_FILES = {"run.json": MEGABYTE, "losses.csv": 20 * MEGABYTE}  # bytes that are looked at
PREVIEW = re.compile(r"(.*/)?previews/step_\d+\.png")  # a run's, from on the way: of no interest
NOTED = {"__MACOSX", ".git", ".ipynb_checkpoints", ".venv", "venv", "__pycache__"}
NOT_LOOKED_AT = NOTED | {".locks", ".unfinished"}  # these are the kit's own, beside runs
OLD = {"old", "backup", "backups", "archive", "copy", "copies", "checkpoints", "submission.zip"}
MISLEADING = re.compile("[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")  # control, turned direction
REMEDY = "Hand in the notebooks themselves, or a plain ZIP file of their folder."


class SubmissionError(StyletoolsError, ValueError):
    """A hand-in that cannot be read, or that no honest student makes."""


class _TooLargeError(Exception):
    """A file is larger than its limit."""


@dataclass
class Material:
    """What a hand-in holds, read once.

    Attributes:
        notebooks: {name: bytes}.
        files: likewise, of the pictures, the Python files and the files that describe runs.
        others: the names of all else.
        notes: what was left out, and why.
        damaged: why a notebook could not be read.
        times: {name: when a notebook was saved, as far as its folder or ZIP file says}.
        hidden: the folders of tools, and hidden files, which nobody looks into.
        refused: why nothing of it is to be used, if so.
    """

    notebooks: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    refused: str = ""
    _left: int = MAX_READ
    _entries: int = 0

    def counted(self, entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
        """The entries of one more ZIP file.

        Raises:
            SubmissionError: all of its ZIP files together hold too many.
        """
        self._entries += len(entries)
        if self._entries > MAX_ENTRIES:
            raise SubmissionError(
                f"{self._entries} files in its ZIP files; at most {MAX_ENTRIES} are read. {REMEDY}"
            )
        return entries

    def digests(self, suffixes: Collection[str]) -> dict[str, str]:
        """{name: SHA-256 in hexadecimal digits} of the files whose names end so."""
        return {
            name: hashlib.sha256(data).hexdigest()
            for name, data in self.files.items()
            if name.lower().endswith(tuple(suffixes))
        }

    def add(self, name: str, file: BinaryIO, size: int, saved: float = 0.0) -> None:
        """Read one file, as far as its kind asks for it.

        Raises:
            SubmissionError: there are too many notebooks, or too much in all.
        """
        plain = name
        if name.lower().endswith(RENAMED):  # by a browser or a mail program
            plain = name.rpartition(".")[0]
            self.notes.append(f"{shown(name)} is read as {shown(plain)}.")
        suffix = PurePosixPath(plain).suffix.lower()
        if plain in self.notebooks:
            plain = f"{name} (again)"
        if suffix == ".ipynb":
            if len(self.notebooks) == MAX_NOTEBOOKS:
                raise SubmissionError(f"More than {MAX_NOTEBOOKS} notebooks. {REMEDY}")
            try:
                self.notebooks[plain] = self._read(file, MAX_NOTEBOOK)
                self.times[plain] = saved
            except _TooLargeError:
                self.damaged.append(
                    f"{shown(name)} is larger than {MAX_NOTEBOOK / MEGABYTE:.0f} MB. Clear the "
                    "outputs of its largest cells, and save it again."
                )
        elif size <= (MAX_PICTURE if suffix in PICTURES else _limit(name)):
            try:
                self.files[name] = self._read(file, size)
            except _TooLargeError:
                raise SubmissionError(
                    f"{shown(name)} is larger than the archive says. {REMEDY}"
                ) from None
        else:
            self.others.append(name)

    def add_zip(self, name: str, file: BinaryIO, size: int, saved: float) -> None:
        """Read a ZIP file in a ZIP file."""
        try:
            data = self._read(file, MAX_INNER)
        except _TooLargeError:
            self.notes.append(f"{shown(name)} is larger than {MAX_INNER / MEGABYTE:.0f} MB.")
            self.others.append(name)
            return
        _read_zip(io.BytesIO(data), self, f"{name}/", nested=True)

    def _read(self, file: BinaryIO, limit: int) -> bytes:
        """A file whole; what it really holds counts, not what an archive says."""
        pieces = []
        while chunk := file.read(CHUNK):
            limit -= len(chunk)
            self._left -= len(chunk)
            if self._left < 0:
                raise SubmissionError(f"More than {MAX_READ / MEGABYTE:.0f} MB in all. {REMEDY}")
            if limit < 0:
                raise _TooLargeError
            pieces.append(chunk)
        return b"".join(pieces)


def read_material(places: Iterable[tuple[Path, str]]) -> Material:
    """Read all that a student handed in, each file once; what is wrong ends in `refused`.

    Args:
        places: folders, ZIP files (those in a folder or in a ZIP file are read too), notebooks and
            pictures; and the names under which they are read: for a file, instead of its own;
            before the names in a folder or ZIP file. "" for their own.
    """
    material = Material()
    try:
        for path, name in places:
            _read_place(path, material, name)
    except SubmissionError as error:
        return Material(refused=str(error))
    except (RecursionError, MemoryError) as error:
        says = f"Its folders are nested deeper than a person would make them ({error!r})."
        return Material(refused=f"{says} {REMEDY}")
    return material


def _read_place(path: Path, material: Material, name: str) -> None:
    prefix = f"{name}/" if name else ""
    try:
        if path.is_dir() and not path.is_symlink():
            _read_folder(path, material, prefix)
            return
        with _opened(path) as file:
            if path.suffix.lower() == ".zip":
                _read_zip(file, material, prefix)
            elif _is_read(name or path.name):
                about = path.stat()
                material.add(name or path.name, file, about.st_size, about.st_mtime)
            else:
                kind = shown(path.suffix.lower()) or "without a suffix"
                raise SubmissionError(f"A file of kind {kind} is no submission. {REMEDY}")
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SubmissionError(f"It is a link, which is not followed. {REMEDY}") from None
        raise SubmissionError(f"Cannot be read ({error.strerror or error}).") from None


def _read_zip(file: BinaryIO, material: Material, prefix: str, nested: bool = False) -> None:
    """Read a ZIP file and the ZIP files in it; those in these stay closed.

    Raises:
        SubmissionError: it is damaged or hostile.
    """
    try:
        with zipfile.ZipFile(_Bounded(file)) as archive:
            for entry in material.counted(_checked(archive.infolist())):
                name = prefix + _plain(entry.orig_filename)
                if entry.is_dir() or not _of_interest(name):
                    material.hidden |= NOTED & set(PurePosixPath(name).parts)
                    continue
                add = material.add_zip if name.lower().endswith(".zip") else material.add
                if add == material.add_zip and nested:
                    material.others.append(name)
                    continue
                with archive.open(entry) as member:
                    add(name, member, entry.file_size, _time(entry))  # type: ignore[arg-type]
    except SubmissionError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        text = f"{type(error).__name__}: {error}"[:200]
        raise SubmissionError(f"The ZIP file is damaged ({shown(text)}). {REMEDY}") from None
    except (NotImplementedError, OverflowError, MemoryError) as error:
        text = f"{type(error).__name__}: {error}"[:200]
        raise SubmissionError(f"No ordinary ZIP file ({shown(text)}). {REMEDY}") from None


def top_names(path: Path) -> set[str]:
    """What a ZIP file holds at its top, or in the one folder there; nothing if it is damaged."""
    try:
        with _opened(path) as file, zipfile.ZipFile(_Bounded(file)) as archive:
            parts = [PurePosixPath(name).parts for name in archive.namelist()]
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, NotImplementedError):
        return set()
    top = {part[0] for part in parts if part}
    return top if len(top) != 1 else {part[1] for part in parts if len(part) > 1} or top


def unpack_download(path: Path, folder: Path) -> Path:
    """Unpack a ZIP file that a system made of a class's hand-ins; theirs in it stay closed.

    Args:
        path: of the ZIP file.
        folder: exists, and is empty.

    Returns:
        The folder of the hand-ins.

    Raises:
        SubmissionError: it is damaged, or no such file.
    """
    try:
        with _opened(path) as file, zipfile.ZipFile(_Bounded(file)) as archive:
            for entry in _checked(archive.infolist(), MAX_DOWNLOADED):
                target = folder / _plain(entry.orig_filename)
                if not entry.is_dir():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(entry) as member, target.open("wb") as copy:
                        shutil.copyfileobj(member, copy)
    except SubmissionError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
        raise SubmissionError(f"{path} cannot be unpacked ({error}); unpack it yourself.") from None
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _time(entry: zipfile.ZipInfo) -> float:
    """When an entry was saved, in seconds; 0 where it does not say."""
    try:
        return datetime(*entry.date_time).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def _limit(name: str) -> int:
    """Bytes that are read of a file that is neither a notebook nor a picture."""
    return MAX_MODULE if name.endswith(MODULES) else RUN_FILES.get(PurePosixPath(name).name, -1)


def _is_read(name: str) -> bool:
    """Whether a file is looked at: a notebook, a picture, or of a run."""
    suffix = PurePosixPath(name).suffix.lower()
    notebook = suffix == ".ipynb" or name.lower().endswith(RENAMED)
    return notebook or suffix in PICTURES or _limit(name) >= 0


def uncopied(name: str) -> tuple[str, int]:
    """A notebook's name without folder, suffix and the mark of a copy; and the copy's number.

    A browser counts its downloads from 1. The number is 0 where there is no mark, and -1 for a
    file manager's copy, which is older or younger than the original.
    """
    stem = re.sub(r"\.ipynb(\.txt|\.json)?$", "", name.rpartition("/")[2], flags=re.I)
    if not (mark := _COPY.search(stem)):
        return stem, 0
    return _COPY.sub("", stem), int(mark["round"] or mark["plain"] or -1)


def shown(name: str) -> str:
    """A name from a student's archive, fit for a message: what would mislead is escaped."""
    plain = MISLEADING.sub(lambda found: ascii(found[0])[1:-1], name)
    plain = plain.encode("utf-8", "backslashreplace").decode()  # lone surrogates
    return plain if len(plain) <= 120 else f"{plain[:117]}…"


def _checked(entries: Iterable[zipfile.ZipInfo], most: int = MAX_ENTRIES) -> list[zipfile.ZipInfo]:
    """The entries, if all of them are what an honest archive holds."""
    entries = list(entries)
    if len(entries) > most:
        raise SubmissionError(f"{len(entries)} files; at most {most} are read. {REMEDY}")
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


def _read_folder(folder: Path, material: Material, prefix: str) -> None:
    """All regular files, sorted; links are not followed."""
    count = 0
    for place, folders, names in os.walk(folder, followlinks=False):
        material.hidden |= NOTED & set(folders)
        folders[:] = sorted(name for name in folders if name not in NOT_LOOKED_AT)
        for name in [*folders, *sorted(names)]:
            count += 1
            if count > MAX_ENTRIES:
                raise SubmissionError(f"More than {MAX_ENTRIES} files. {REMEDY}")
            path = Path(place, name)
            relative = path.relative_to(folder).as_posix()
            kind = path.lstat().st_mode
            if stat.S_ISLNK(kind):
                material.notes.append(f"The link {shown(relative)} was not followed.")
            elif stat.S_ISREG(kind) and _of_interest(relative):
                with _opened(path) as file:
                    if path.suffix.lower() == ".zip":
                        _read_zip(file, material, f"{prefix}{relative}/")
                    else:
                        about = path.lstat()
                        material.add(prefix + relative, file, about.st_size, about.st_mtime)


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
