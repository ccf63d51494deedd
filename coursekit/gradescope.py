"""Grades one submission in Gradescope's container: what the bundle's `run_autograder` calls.

    python -m coursekit.gradescope /autograder

`submission/` and `submission_metadata.json` → `results/results.json`. Where grading itself fails,
no such file is written, and the exit code is 1: Gradescope then says that the autograder failed,
and gives no points. (It has no way to write a result without points.)
"""

import json
import sys
from pathlib import Path

from coursekit.collect.layouts import Handin
from coursekit.grade.grader import Grader
from coursekit.grade.worker import graded
from coursekit.reading import Reader
from coursekit.report.rules import apply_rules, read_rules
from coursekit.report.tables import ExportError, gradescope_json
from styletools._files import write_text
from styletools.config import read_course

_REFUSED = (
    "Nothing of this submission could be read. {reason} The 0 stands for that alone, and not for "
    "your answers: hand in again."
)


def main(root: Path) -> int:
    """Grade what was handed in.

    Args:
        root: Gradescope's folder.

    Returns:
        The exit code.
    """
    results = root / "results" / "results.json"
    results.unlink(missing_ok=True)
    hidden = [root / name for name in ("submission", "submission_metadata.json")]
    for path in hidden:
        if path.exists():
            path.chmod(path.stat().st_mode & ~0o007)
    rules = read_rules(read_course())
    handin = Handin(student_name(root), (root / "submission",), "")
    with Reader() as reader:
        submission, _ = reader.read(handin)
    if submission.refused:  # its student is there to hand in again
        said = _REFUSED.format(reason=submission.refused)
        write_text(results, json.dumps({"score": 0, "output": said, "output_format": "text"}))
        return 0
    with Grader(allow_weaker_sandbox=True, hidden=hidden) as grader:
        for line in grader.missing_libraries():
            print(line)
        grade = apply_rules(graded(grader, submission), rules)  # Gradescope knows what is late
    try:
        write_text(results, gradescope_json(grade))
    except ExportError as error:
        for message in dict.fromkeys(outcome.message for outcome in grade.outcomes):
            print(message)
        print(f"The grader failed, not the student. {error}")
        results.unlink(missing_ok=True)  # nobody else's either
        return 1
    print(f"{grade.student}: {grade.points:g} of {grade.possible:g} points ({grade.sandbox}).")
    return 0


def student_name(root: Path) -> str:
    """Who handed in, from Gradescope's metadata; "student" where it does not say."""
    try:
        read = json.loads((root / "submission_metadata.json").read_text("utf-8"))
        return ", ".join(str(user["name"]) for user in read["users"]) or "student"
    except (OSError, ValueError, KeyError, TypeError):
        return "student"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
