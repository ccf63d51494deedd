"""What other systems take: Gradescope's autograder bundle, GitHub's workflows."""

import zipfile
from pathlib import Path

from coursekit.build import ROOT, TEMPLATES
from coursekit.build.release import course_date, course_files
from styletools._files import add_to_zip, atomic_path, write_text

WORKFLOW = Path(".github") / "workflows"
WHOLE = ("LICENSE", "Makefile", "README.md", "environment.yml", "pyproject.toml")
SCRIPTS = {"setup.sh": "gradescope-setup.sh", "run_autograder": "gradescope-run.sh"}


def write_workflow(root: Path = ROOT) -> Path:
    """Put the workflow that grades into the course's own repository.

    Args:
        root: of the repository.

    Returns:
        The file; one that is there already is replaced.
    """
    path = root / WORKFLOW / "grade.yml"
    write_text(path, (TEMPLATES / "github-instructor.yml").read_text("utf-8"))
    return path


def write_bundle(output: Path) -> list[str]:
    """Write the ZIP file that Gradescope takes; the same course gives the same bytes.

    Args:
        output: the ZIP file; replaced, if it is there.

    Returns:
        The names of the files in it. They hold the solutions.
    """
    files = {name: (TEMPLATES / source).read_bytes() for name, source in SCRIPTS.items()}
    files |= {f"course/{name}": (ROOT / name).read_bytes() for name in WHOLE}
    for path in course_files(ROOT):
        files[f"course/{path.relative_to(ROOT).as_posix()}"] = path.read_bytes()
    date = course_date(ROOT)
    with atomic_path(output) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in sorted(files.items()):
            add_to_zip(archive, name, content, date, executable=name in SCRIPTS)
    return sorted(files)
