"""Files that are either whole or not there."""

import hashlib
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # that a ZIP file can hold
HELD_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)  # waits for a file that another program holds


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it to `path` at the end, remove it on an error.

    The temporary file keeps the suffix of `path`, since it tells the format of a picture.
    """
    path = user_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "r+b") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's files are private
        when_free(os.replace, temporary, path)
    except BaseException:
        with suppress(FileNotFoundError, PermissionError):
            temporary.unlink()
        raise


def user_path(path: str | os.PathLike[str]) -> Path:
    """A path as a user writes it: ~ is the home folder."""
    return Path(os.path.expanduser(path))


def source_stem(source: str) -> str:
    """The name of a picture's file without its suffix; an address may have a query after it."""
    return Path(urlsplit(source).path if is_address(source) else source).stem or "picture"


def is_address(source: str) -> bool:
    """Whether a source is a web address; everything else is a path, whatever it contains."""
    return source.lower().startswith(("http://", "https://"))


def when_free(change: Callable[..., object], *places: object) -> None:
    """Change a file or folder; try again while a virus scanner or a synchronising program holds it.

    Raises:
        OSError: what `change(*places)` raises; a `PermissionError` only after about two seconds.
    """
    for wait in HELD_SECONDS:
        try:
            change(*places)
            return
        except PermissionError:
            time.sleep(wait)
    change(*places)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path`, atomically, as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def add_to_zip(
    archive: zipfile.ZipFile,
    name: str,
    content: bytes,
    date: time.struct_time,
    executable: bool = False,
) -> None:
    """Add a file to a ZIP archive as if it were written at a date, and on Linux."""
    year, month, day, hour, minute, second = date[:6]
    entry = zipfile.ZipInfo(name, max((year, month, day, hour, minute, second), FIRST_DATE))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = (0o755 if executable else 0o644) << 16
    archive.writestr(entry, content)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder as durable as its files (Windows cannot, and does it itself)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
