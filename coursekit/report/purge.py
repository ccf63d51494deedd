"""Removing what is kept of a class."""

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from styletools.errors import StyletoolsError

OURS = "coursekit-"  # how the names of all temporary files and folders of grading begin
MADE_BY = re.compile(rf"{OURS}[a-z]+-(\d+)-")  # see `sandbox.places.temporary`
SIGNS = ("grades.csv", "kept", "written.csv", "roster.csv")  # one of them is in a folder of grades


class PurgeError(StyletoolsError, ValueError):
    """A folder that is not one of grades."""


def left_behind() -> list[Path]:
    """What runs of this user that were killed left in the folder for temporary files."""
    return sorted(filter(_is_left, Path(tempfile.gettempdir()).glob(f"{OURS}*")))


def _is_left(path: Path) -> bool:
    """Whether nobody uses a file of this user's; it may be removed meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return path.lstat().st_uid == os.getuid() and not _in_use(path)
    return False


def remove(grades: Path, places: list[Path]) -> list[str]:
    """Remove files and folders; links themselves, never what they lead to.

    Args:
        grades: the folder of grades, which is among the places.
        places: to be removed.

    Returns:
        A line for each that is still there.

    Raises:
        PurgeError: `grades` is no folder of grades; nothing was removed.
    """
    if not any((grades / sign).exists() for sign in SIGNS):
        raise PurgeError(
            f"{grades} holds none of {', '.join(SIGNS)}: no folder of grades. Nothing was removed."
        )
    failed = []
    for place in places:
        try:
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        except OSError as error:
            failed.append(f"{place} is still there: {error.strerror or error}")
    return failed


def _in_use(place: Path) -> bool:
    """Whether a process that still runs made it, works in it or names it, as far as is seen."""
    if maker := MADE_BY.match(place.name):
        return Path("/proc", maker[1]).exists()
    target = str(place.resolve())
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if target.encode() in (process / "cmdline").read_bytes():
                return True
            links = [process / "cwd", *(process / "fd").iterdir()]
            if any(os.readlink(link).startswith(target) for link in links):
                return True
        except OSError:  # of another user, or gone meanwhile
            continue
    return False
