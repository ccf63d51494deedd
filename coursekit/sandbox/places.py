"""Where the system, Python and the course lie on this machine: what is shown, and what is not."""

import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")
SECRETS = (".git", "benchmarks", "coursekit", "notebooks", "styletools", "tests", "tools")
SAMPLE = 40  # files of a folder whose reading is tried


def temporary(kind: str) -> str:
    """How the name of a temporary file or folder begins: whose it is shows once it is left over."""
    return f"coursekit-{kind}-{os.getpid()}-"


def course() -> list[Path]:
    """What of the course no answer may read: its solutions, its code, its history."""
    return [path for name in SECRETS if (path := REPOSITORY / name).exists()]


def homes() -> set[Path]:
    """Where this interpreter and its packages lie."""
    packages = [Path(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    prefixes = [Path(sys.prefix), Path(sys.base_prefix)]
    found = (*prefixes, Path(sys.executable).resolve().parent.parent, *packages)
    return {path for path in found if path.is_dir()}


def outside_system(paths: set[Path]) -> set[Path]:
    """Those that are not shown with the system anyway."""
    return {path for path in paths if not any(path.is_relative_to(name) for name in SYSTEM)}


def covered(hidden: Sequence[Path]) -> set[Path]:
    """What lies in the system's folders or in Python's, and must not be seen there."""
    shown = [*map(Path, SYSTEM), *homes()]
    secret = {REPOSITORY, REPOSITORY / "styletools", REPOSITORY / "coursekit"}
    secret |= {path.resolve() for path in hidden}
    return {
        path
        for path in secret - homes()
        if path.exists() and any(path.is_relative_to(above) for above in shown)
    }


def samples(paths: Sequence[Path]) -> Iterator[Path]:
    """The paths, and some files in them, by the names under which they really lie."""
    skipped = homes()
    for path in paths:
        yield path
        yield from itertools.islice(_files_in(path, skipped), SAMPLE)


def _files_in(path: Path, skipped: set[Path]) -> Iterator[Path]:
    for top, folders, files in os.walk(path):
        folders[:] = [name for name in folders if Path(top, name) not in skipped]
        yield from (Path(top, name).resolve() for name in files)


def without_course(hidden: Sequence[Path]) -> tuple[list[str], list[str]]:
    """What a process needs of this machine, and folders of which it needs the names only.

    A folder with something secret in it is taken apart, since Landlock knows no exception.
    """
    shown = {path.resolve() for path in (*map(Path, SYSTEM), *homes()) if path.exists()}
    listed: set[Path] = set()
    for secret in [*course(), *(path.resolve() for path in hidden)]:
        while above := {path for path in shown if _is_in(secret, path)}:
            listed |= above
            # A link would show where it leads, and what is shown there has a path of its own.
            shown |= {one for path in above for one in path.iterdir() if not one.is_symlink()}
            shown -= {*above, secret}
        shown.discard(secret)
    return sorted(map(str, shown)), sorted(map(str, listed))


def _is_in(path: Path, folder: Path) -> bool:
    return path != folder and path.is_relative_to(folder)
