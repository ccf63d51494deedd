"""What one graded submission costs: seconds and kernel starts, on this machine.

    python -m benchmarks.grading [TIMES]

Writes benchmarks/grading.json. Everything is inside: rebuilding, the expected text, pytest, the
sandbox, the kernel's start, the import of torch.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from coursekit import grading
from coursekit.records import Answer, Submission

HERE = Path(__file__).parent
ROOT = HERE.parent


def main(times: int = 5) -> None:
    starts = []
    plain = grading.run_notebook

    def counted(*arguments, **named):
        starts.append(1)
        return plain(*arguments, **named)

    grading.run_notebook = counted
    before = time.perf_counter()
    with grading.Grader() as grader:
        ready = time.perf_counter() - before
        right = {todo.name: todo.reference for todo in grader.todos}
        wrong = right | {"gram_matrix": "def gram_matrix(tensor):\n    return tensor"}
        rows = {}
        for name, sources in (("right", right), ("one answer wrong", wrong)):
            found = {t.key: Answer(*t.key, sources[t.name], "cell id") for t in grader.todos}
            submission = Submission("anna", Path("anna.ipynb"), found)
            seconds = []
            starts.clear()
            for _ in range(times):
                before = time.perf_counter()
                grade = grader.grade(submission)
                seconds.append(time.perf_counter() - before)
            rows[name] = {
                "seconds": round(statistics.median(seconds), 2),
                "slowest": round(max(seconds), 2),
                "kernel starts": len(starts) / times,
                "points": grade.points,
            }
    result = {
        "cores": os.cpu_count(),
        "grader ready after": round(ready, 2),
        "submission": rows,
        "pytest --nbval 02_gram.ipynb": door(times),
    }
    (HERE / "grading.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def door(times: int) -> dict[str, float]:
    """The front door as a command, from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "02_gram.ipynb"
        path.write_bytes((ROOT / "notebooks" / "reference" / path.name).read_bytes())
        command = [sys.executable, "-m", "pytest", "--nbval", "-p", "coursekit.plugin"]
        seconds = []
        for _ in range(times):
            before = time.perf_counter()
            subprocess.run([*command, path], check=True, capture_output=True)
            seconds.append(time.perf_counter() - before)
    return {"seconds": round(statistics.median(seconds), 2), "slowest": round(max(seconds), 2)}


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
