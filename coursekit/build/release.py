"""What students get, as a folder or a ZIP file: the same course gives the same bytes.

In it: the student notebooks, styletools, pictures, environment.yml, pyproject.toml, README.md,
LICENSE, a GitHub workflow that runs the visible checks, and what a container needs. Not in it:
lessons, references, coursekit, tests.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from coursekit.build import ROOT, TEMPLATES
from coursekit.build import lesson as build
from coursekit.build.environments import environment_files, with_links
from styletools._files import add_to_zip, atomic_path
from styletools.errors import StyletoolsError

FOLDER = "style-transfer"  # what the ZIP file unpacks to
PACKAGE = {".py", ".pyi", ".typed", ".safetensors", ".toml", ".js", ".css", ".j2", ".typ"}
SETTINGS_FILE = "styletools/data/course.toml"
PICTURES = {".jpg", ".png", ".md"}


class ReleaseError(StyletoolsError, ValueError):
    """A release that cannot be made, or must not."""


def write_release(
    output: Path, root: Path = ROOT, repository: str = "", branch: str = "main", hub: str = ""
) -> list[str]:
    """Write the students' folder, or the ZIP file of it where `output` ends in .zip.

    Args:
        output: a ZIP file (replaced, if it is there), or a folder that is new or empty.
        root: of the course.
        repository: OWNER/NAME on GitHub, where it will be: links to Colab, Binder and Codespaces
            are put in. None, if "".
        branch: of the repository.
        hub: the address of a JupyterHub with nbgitpuller, for a link to it.

    Returns:
        The names of the files in it.

    Raises:
        LinkError: the repository, the branch or the hub is malformed.
        ReleaseError: the student notebooks are not current or hold a line of a solution, or the
            folder is not empty.
    """
    if stale := [line for line in build.check(root / "notebooks") if line.startswith("student/")]:
        raise ReleaseError(
            f"The student notebooks are not what the lessons give ({stale[0]}). Build them first: "
            "python -m coursekit build."
        )
    files = release_files(root)
    if repository:
        files = with_links(files, repository, branch, hub)
    files = dict(sorted(files.items()))
    if output.suffix.lower() == ".zip":
        with atomic_path(output) as temporary:
            _write_zip(temporary, files, course_date(root))
    else:
        _write_folder(output, files)
    return list(files)


def release_files(root: Path = ROOT) -> dict[str, bytes]:
    """{name: content} of all that students get.

    Raises:
        ReleaseError: a notebook holds a line of a solution.
    """
    files = {name: (root / name).read_bytes() for name in ("LICENSE", "environment.yml")}
    files["README.md"] = (TEMPLATES / "student-readme.md").read_bytes()
    files["pyproject.toml"] = student_pyproject((root / "pyproject.toml").read_text()).encode()
    files[".github/workflows/checks.yml"] = (TEMPLATES / "github-student.yml").read_bytes()
    files |= environment_files(root)
    for path in sorted((root / "notebooks" / "student").glob("*.ipynb")):
        files[f"notebooks/{path.name}"] = path.read_bytes()
        _refuse_solutions(path, root)
    for folder, suffixes in (("styletools", PACKAGE), ("images", PICTURES)):
        for path in _files(root / folder):
            if path.suffix in suffixes:
                files[path.relative_to(root).as_posix()] = path.read_bytes()
    if (root / SETTINGS_FILE).is_file():
        files[SETTINGS_FILE] = student_course((root / SETTINGS_FILE).read_text("utf-8")).encode()
    return files


def student_course(text: str) -> str:
    """The course's settings without `[grading]` and the comment above it.

    Raises:
        ReleaseError: the file is no TOML, or the tables cannot be cut out.
    """
    try:
        course = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ReleaseError(f"{SETTINGS_FILE} is not TOML ({error}); correct it.") from None
    course.pop("grading", None)
    kept = ""
    for section in re.split(r"^(?=[ \t]*\[)", text, flags=re.MULTILINE):
        if re.match(r"""\s*\[+\s*["']?grading\b""", section):
            kept = re.sub(r"^(?:[ \t]*(?:#.*)?\n)+\Z", "", kept, flags=re.MULTILINE)
        else:
            kept += section
    with suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(kept) == course:
            return kept
    raise ReleaseError(
        f"{SETTINGS_FILE}: the table [grading] cannot be left out. Begin it with a line [grading], "
        "and begin none of its other lines with a bracket."
    )


def course_files(root: Path) -> Iterator[Path]:
    """All of the course that grading needs, with the solutions."""
    for folder in ("coursekit", "styletools", "images", "notebooks"):
        yield from _files(root / folder)


def student_pyproject(text: str) -> str:
    """The project's file, cut down to what installs styletools alone."""
    kept = []
    for section in re.split(r"^(?=\[)", text, flags=re.MULTILINE):
        title = section.split("\n")[0]
        if title == "[project.optional-dependencies]":
            lines = [line for line in section.split("\n") if line.startswith("cluster")]
            kept.append("\n".join([title, *lines]) + "\n\n" if lines else "")
        elif title == "[project.scripts]" or title.startswith("[tool.setuptools"):
            section = section.replace(', "coursekit*"', "")
            lines = [line for line in section.split("\n") if not line.startswith("coursekit")]
            kept.append("\n".join(lines))
        elif title in ("[build-system]", "[project]"):
            kept.append(re.sub(r"^#.*\n", "", section, flags=re.MULTILINE))
    return "".join(kept).rstrip("\n") + "\n"


def _refuse_solutions(path: Path, root: Path) -> None:
    """A last look: the build takes solutions out, and here nobody relies on it."""
    reference = build.read_lesson(root / "notebooks" / "lessons" / f"{path.stem}.py")
    given = build.solution_lines(reference, outside=True)  # such as `import torch`
    secret = build.solution_lines(reference) - given
    cells = json.loads(path.read_bytes())["cells"]
    lines = {line.strip() for cell in cells for line in "".join(cell["source"]).split("\n")}
    if found := sorted(secret & lines):
        raise ReleaseError(f"{path.name} holds a line of a solution: {found[0]!r}. Build it again.")
    if any(cell.get("outputs") for cell in cells):
        raise ReleaseError(f"{path.name} holds outputs. Build it again: python -m coursekit build.")


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "__pycache__")) for part in inside)
        if path.is_file() and not path.is_symlink() and not hidden:
            yield path


def course_date(root: Path) -> time.struct_time:
    """The course's date, in UTC, for what is packed: the same course gives the same bytes.

    It is `SOURCE_DATE_EPOCH` (seconds), else of the newest commit, else of the newest file.
    """
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not seconds.isdecimal() and (root / ".git").exists():
        command = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
        with suppress(OSError):  # no git
            seconds = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    if not seconds.isdecimal():
        seconds = str(int(max(path.stat().st_mtime for path in course_files(root))))
    return time.gmtime(int(seconds))


def _write_zip(path: Path, files: dict[str, bytes], date: time.struct_time) -> None:
    """One date, no owners, one order."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            add_to_zip(archive, f"{FOLDER}/{name}", content, date)


def _write_folder(output: Path, files: dict[str, bytes]) -> None:
    """All or nothing: filled beside, and moved there at the end."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ReleaseError(f"{output} is not empty. Name a new folder, or a ZIP file.")
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        temporary.chmod(0o755)
        for name, content in files.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            (temporary / name).write_bytes(content)
        if output.exists():
            output.rmdir()
        temporary.replace(output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
