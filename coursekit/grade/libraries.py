"""Which of the libraries that students may use no answer can import, said before grading."""

import sys
from collections.abc import Sequence

from coursekit.course import allowed_libraries
from coursekit.grade.kits import INSIDE
from coursekit.inside.importable import MISSING
from coursekit.sandbox import Sandbox

IMPORT_SECONDS = 120  # to import them all


def missing_libraries(sandbox: Sandbox, libraries: Sequence[str] | None = None) -> list[str]:
    """A sentence with its remedy for each library that cannot be imported in the sandbox.

    Args:
        sandbox: of the kind in which answers run.
        libraries: as pip names them; those that the course allows, if left out.

    Raises:
        CourseError: the course's list cannot be.
    """
    libraries = allowed_libraries() if libraries is None else libraries
    if not libraries:
        return []
    lines = sandbox.furnished().call(INSIDE / "importable.py", libraries, IMPORT_SECONDS)
    said = {line[0]: line[1] for line in lines if isinstance(line, list) and len(line) == 2}
    problems = {name: said.get(name, "it comes to no end") for name in libraries}
    return [_sentence(name, problem) for name, problem in problems.items() if problem]


def _sentence(library: str, problem: str) -> str:
    whose = f"The course lets students use `{library}`, which"
    if problem != MISSING:
        return f"{whose} cannot be imported where answers are graded ({problem}). Repair it first."
    return (
        f"{whose} is not installed where answers are graded; answers that need it would stay open. "
        f"Install it first: {sys.executable} -m pip install {library}"
    )
