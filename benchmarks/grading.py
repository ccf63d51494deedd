"""What grading costs: a submission, and a class; and what nbgrader makes of the same class.

    python -m benchmarks.grading [TIMES]

Twelve minutes, on a machine that does nothing else. Writes grading.json, and the last section of
RESULTS.md. Everything is inside: reading, rebuilding, the expected text, pytest, the sandbox, the
kernel's start, the import of torch, the reports.
"""

import csv
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from coursekit import grading
from coursekit.records import Answer, Submission
from tests.mutant_answers import read_mutants
from tests.redteam.forging import NEEDED

HERE = Path(__file__).parent
ROOT = HERE.parent
BIN = Path(sys.executable).parent
CLASS, FLAT, WORKERS = 40, (10, 40, 200), 2
WRONG_EVERY = 10  # students
LESSON, TODO = "02_gram", "gram_matrix"
HEAD = "## Grading"


def main(times: int = 3) -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = {"cores": os.cpu_count(), **classes(Path(folder))}
    result |= {**one(times), "door": door(times)}
    (HERE / "grading.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    write_section(result)


# --- One submission ------------------------------------------------------------------------------


def one(times: int) -> dict[str, Any]:
    """All TODOs, in this process: seconds and kernel starts."""
    starts = []
    plain = grading.run_notebook

    def counted(*arguments, **named):
        starts.append(1)
        return plain(*arguments, **named)

    grading.run_notebook = counted
    before = time.perf_counter()
    rows = {}
    with grading.Grader() as grader:
        ready = time.perf_counter() - before
        right = {todo.name: todo.reference for todo in grader.todos}
        wrong = right | {TODO: "def gram_matrix(tensor):\n    return tensor"}
        for name, sources in (("right", right), ("one answer wrong", wrong)):
            found = {t.key: Answer(*t.key, sources[t.name], "cell id") for t in grader.todos}
            submission = Submission("anna", Path("anna.ipynb"), found)
            seconds = []
            starts.clear()
            for _ in range(times):
                before = time.perf_counter()
                grade = grader.grade(submission)
                seconds.append(time.perf_counter() - before)
            points = sum(outcome.points for outcome in grade.outcomes)
            rows[name] = summary(seconds) | {
                "kernel starts": len(starts) / times,
                "points": points,
            }
    grading.run_notebook = plain
    return {"grader ready after": round(ready, 2), "submission": rows}


def door(times: int) -> dict[str, float]:
    """`pytest --nbval` as a command, from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{LESSON}.ipynb"
        path.write_bytes((ROOT / "notebooks" / "reference" / path.name).read_bytes())
        command = [sys.executable, "-m", "pytest", "--nbval", "-p", "coursekit.plugin", path]
        return summary([run(command, ROOT) for _ in range(times)])


def summary(seconds: list[float]) -> dict[str, float]:
    return {"seconds": round(statistics.median(seconds), 2), "slowest": round(max(seconds), 2)}


def run(command: list[Any], folder: Path) -> float:
    """Seconds that it takes."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    before = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    seconds = time.perf_counter() - before
    print(*(getattr(word, "name", word) for word in command), f"{seconds:.1f} s", flush=True)
    return seconds


# --- A class -------------------------------------------------------------------------------------


def classes(folder: Path) -> dict[str, Any]:
    """The same hand-ins through nbgrader and through `coursekit grade`; and 10 to 200 of them."""
    course = folder / "nbgrader"
    release(course)
    students = hand_in(course, max(FLAT))
    handed_in = {count: folder / f"class-{count}" for count in FLAT}
    for count, place in handed_in.items():
        for student in students[:count]:
            shutil.copytree(course / "submitted" / student, place / "submitted" / student)
    for student in students[CLASS:]:
        shutil.rmtree(course / "submitted" / student)
    theirs = run(["nbgrader", "autograde", "lesson"], course)
    run(["nbgrader", "export"], course)
    passed = {student: float(score) == 5 for student, score in column(course, "score").items()}
    ours: dict[str, float] = {}
    for workers in (1, WORKERS):
        output = folder / f"grades-{workers}"
        ours[f"{workers} workers"] = coursekit(handed_in[CLASS], output, workers)
        points = column(output, f"{LESSON}/{TODO} points", "student")
        assert passed == {student: float(text) == 5 for student, text in points.items()}
    flat = {
        count: ours[f"{WORKERS} workers"]
        if count == CLASS
        else coursekit(handed_in[count], folder / f"flat-{count}", WORKERS)
        for count in FLAT
    }
    return {
        "class": {
            "submissions": CLASS,
            "wrong": CLASS // WRONG_EVERY,
            "nbgrader": importlib.metadata.version("nbgrader"),
            "nbgrader autograde, s": round(theirs, 1),
            "coursekit grade, s": {name: round(seconds, 1) for name, seconds in ours.items()},
            "nbgrader / coursekit": {
                name: round(theirs / seconds, 2) for name, seconds in ours.items()
            },
        },
        f"seconds a submission, {WORKERS} workers": {
            count: round(seconds / count, 2) for count, seconds in flat.items()
        },
    }


def release(course: Path) -> None:
    """The lesson as nbgrader releases it, without the cells that the answer does not need."""
    book = json.loads((ROOT / "notebooks" / "reference" / f"{LESSON}.ipynb").read_bytes())
    kept = {f"{LESSON}-{name}" for name in (*NEEDED[LESSON], TODO, f"check_{TODO}")}
    book["cells"] = [cell for cell in book["cells"] if cell["id"] in kept]
    place = course / "source" / "lesson" / f"{LESSON}.ipynb"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(book))
    (course / "nbgrader_config.py").write_text("c.CourseDirectory.course_id = 'nst'\n")
    run(["nbgrader", "generate_assignment", "lesson"], course)


def hand_in(course: Path, count: int) -> list[str]:
    """Students' notebooks, made of nbgrader's own release; every tenth is wrong."""
    released = (course / "release" / "lesson" / f"{LESSON}.ipynb").read_text("utf-8")
    answers = [mutant for mutant in read_mutants() if mutant.name == TODO]
    right = [mutant.source for mutant in answers if mutant.status == "passed"]
    wrong = [mutant.source for mutant in answers if mutant.status == "wrong"]
    names = []
    for number in range(count):
        book = json.loads(released)
        chosen = wrong if number % WRONG_EVERY == WRONG_EVERY - 1 else right
        for cell in book["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == TODO:
                cell["source"] = chosen[number % len(chosen)]
        names.append(f"student{number:03}")
        place = course / "submitted" / names[-1] / "lesson"
        place.mkdir(parents=True)
        (place / f"{LESSON}.ipynb").write_text(json.dumps(book), "utf-8")
    return names


def coursekit(handed_in: Path, output: Path, workers: int) -> float:
    words = ["coursekit", "grade", handed_in, "-o", output, "--workers", str(workers)]
    return run(words, ROOT)


def column(folder: Path, name: str, key: str = "student_id") -> dict[str, str]:
    """Of the grades.csv that both programs write."""
    with open(folder / "grades.csv", encoding="utf-8-sig", newline="") as file:
        return {row[key]: row[name] for row in csv.DictReader(file)}


# --- The report ----------------------------------------------------------------------------------


def write_section(result: dict[str, Any]) -> None:
    """The last section of RESULTS.md."""
    of = result["class"]
    ours, ratio = of["coursekit grade, s"], of["nbgrader / coursekit"]
    flat = result[f"seconds a submission, {WORKERS} workers"]
    lines = [
        HEAD, "",
        f"Written by `python -m benchmarks.grading`, {time.strftime('%Y-%m-%d')}, "
        f"{platform.machine()}, {result['cores']} cores, one run.", "",
        f"The same {of['submissions']} hand-ins of lesson 2, {of['wrong']} of them wrong, with the "
        "same check cell, from hand-ins to scores: each whole command, from its start to its end.",
        "The notebook is cut to the cells that the answer needs, which is in nbgrader's favour: it "
        "runs a whole notebook, and the lesson as it is handed out has more. `nbgrader autograde` "
        f"({of['nbgrader']}) runs them one after the other, as it ships, without a sandbox; "
        "`coursekit grade` runs answers in a sandbox, on numbers of its own, diagnoses the wrong "
        "ones with that check cell's check, and writes its pages. Both find the same students "
        "right.", "",
        "| | s | nbgrader ÷ coursekit |", "|---|---|---|",
        f"| nbgrader autograde | {of['nbgrader autograde, s']} | |",
        *(f"| coursekit grade, {name} | {ours[name]} | **{ratio[name]}** |" for name in ours), "",
        f"Seconds a submission with {WORKERS} workers: "
        + ", ".join(f"{seconds} at {count}" for count, seconds in flat.items()) + ".", "",
        "One submission of all TODOs: "
        + "; ".join(f"{name} {row['seconds']} s" for name, row in result["submission"].items())
        + f". `pytest --nbval -p coursekit.plugin {LESSON}.ipynb`: {result['door']['seconds']} s.",
    ]  # fmt: skip
    page = HERE / "RESULTS.md"
    before = page.read_text("utf-8").partition(HEAD)[0].rstrip()
    page.write_text(before + "\n\n" + "\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
