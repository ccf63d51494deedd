"""What grading costs: a submission, and a class; and what nbgrader makes of the same class.

    python -m benchmarks.grading [class] [one]

Both: twelve minutes, on a machine that does nothing else. Writes grading.json, and the last
section of RESULTS.md; what is not named stays as it is there. Everything is inside: reading,
rebuilding, the expected text, pytest, the sandbox, the kernel's start, the import of torch, the
reports.
"""

import csv
import importlib.metadata
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from coursekit.collect import collect
from coursekit.grade import grader as grading
from tests.support.mutants import read_mutants

HERE = Path(__file__).parent
ROOT = HERE.parent
BIN = Path(sys.executable).parent
CLASS, WORKERS = 40, 2
WRONG_EVERY = 10  # students
MORE = re.compile(r"\b(nn|np|F|math)\.")  # what this lesson's notebook does not import
LESSON, TODO = "02_gram", "gram_matrix"
HEAD = "## Grading"


def main(*stages: str) -> None:
    page = HERE / "grading.json"
    result = json.loads(page.read_text("utf-8")) | {"cores": os.cpu_count()}
    for name in stages or STAGES:
        with tempfile.TemporaryDirectory() as folder:
            result |= STAGES[name](Path(folder))
        page.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    write_section(result)


# --- One submission ------------------------------------------------------------------------------


def one(folder: Path, times: int = 3) -> dict[str, Any]:
    """One student, in this process: seconds and kernel starts; and the front door."""
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
        for name in write_students(folder / "class"):
            [submission] = collect([folder / "class" / name])
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
    path = folder / f"{LESSON}.ipynb"
    shutil.copy(ROOT / "notebooks" / "reference" / path.name, path)
    command = [sys.executable, "-m", "pytest", "--nbval", "-p", "coursekit.plugin", path]
    door = summary([run(command, ROOT).seconds for _ in range(times)])
    return {"grader ready after": round(ready, 2), "submission": rows, "door": door}


def write_students(folder: Path) -> list[str]:
    """Hand-ins of a student each, made of the references; their names."""
    lesson = ["reference/02_gram.ipynb"]
    lessons = [f"reference/{name}.ipynb" for name in ("01_layers", LESSON, "03_losses")]
    [single] = (ROOT / "notebooks" / "single" / "reference").glob("*.ipynb")
    students = {
        f"{LESSON}, right": lesson, f"{LESSON}, wrong": lesson, "all lessons, right": lessons,
        "all lessons, one answer wrong": lessons,
        "single exercise, right": [f"single/reference/{single.name}"],
    }  # fmt: skip
    for name, notebooks in students.items():
        (folder / name).mkdir(parents=True)
        for notebook in notebooks:
            book = json.loads((ROOT / "notebooks" / notebook).read_bytes())
            for cell in book["cells"]:
                if cell["id"] == f"{LESSON}-{TODO}" and "right" not in name:
                    cell["source"] = "def gram_matrix(tensor):\n    return tensor"
            (folder / name / Path(notebook).name).write_text(json.dumps(book))
    return list(students)


def summary(seconds: list[float]) -> dict[str, float]:
    return {"seconds": round(statistics.median(seconds), 2), "slowest": round(max(seconds), 2)}


class Cost(NamedTuple):
    """Of a command: by the clock, and of all processors together."""

    seconds: float
    cpu_seconds: float


def run(command: list[Any], folder: Path) -> Cost:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    before, cpu_before = time.perf_counter(), cpu_seconds()
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    cost = Cost(time.perf_counter() - before, cpu_seconds() - cpu_before)
    print(*(getattr(word, "name", word) for word in command), cost, flush=True)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    return cost


def cpu_seconds() -> float:
    """Used by this process's control group: exact on an idle machine, or in a group of its own."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, group = line.split(":", 2)
        if "cpuacct" in kinds.split(","):
            return int(Path(f"/sys/fs/cgroup/cpuacct{group}/cpuacct.usage").read_text()) / 1e9
    stat = Path(f"/sys/fs/cgroup{group}/cpu.stat").read_text().split()
    return int(stat[stat.index("usage_usec") + 1]) / 1e6


# --- A class -------------------------------------------------------------------------------------


def against_nbgrader(folder: Path) -> dict[str, Any]:
    """The same hand-ins through `nbgrader autograde` and through `coursekit grade`."""
    course = hand_in(folder / "nbgrader", CLASS)
    theirs = run(["nbgrader", "autograde", "lesson"], course)
    run(["nbgrader", "export"], course)
    passed = {student: float(score) == 5 for student, score in column(course, "score").items()}
    ours = {}
    for workers in (1, WORKERS):
        output = folder / f"grades-{workers}"
        ours[f"{workers} worker{'s' if workers > 1 else ''}"] = coursekit(course, output, workers)
        points = column(output, f"{LESSON}/{TODO} points", "student")
        assert passed == {student: float(text) == 5 for student, text in points.items()}
    rows = {"nbgrader autograde": theirs} | {f"coursekit grade, {k}": v for k, v in ours.items()}
    return {
        "class": {
            "submissions": CLASS,
            "wrong": CLASS // WRONG_EVERY,
            "nbgrader": importlib.metadata.version("nbgrader"),
            "seconds": {name: round(cost.seconds, 1) for name, cost in rows.items()},
            "cpu seconds": {name: round(cost.cpu_seconds, 1) for name, cost in rows.items()},
        }
    }


def release(course: Path) -> None:
    """The lesson as nbgrader releases it, without the cells that the answer does not need."""
    book = json.loads((ROOT / "notebooks" / "reference" / f"{LESSON}.ipynb").read_bytes())
    kept = {f"{LESSON}-{name}" for name in (TODO, f"check_{TODO}")}
    book["cells"] = [
        cell for cell in book["cells"]
        if cell["id"] in kept or "".join(cell["source"]).startswith("import")
    ]  # fmt: skip
    place = course / "source" / "lesson" / f"{LESSON}.ipynb"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(book))
    (course / "nbgrader_config.py").write_text("c.CourseDirectory.course_id = 'nst'\n")
    run(["nbgrader", "generate_assignment", "lesson"], course)


def hand_in(course: Path, count: int) -> Path:
    """A course of nbgrader's, with notebooks made of its own release; every tenth is wrong."""
    release(course)
    released = (course / "release" / "lesson" / f"{LESSON}.ipynb").read_text("utf-8")
    answers = [m for m in read_mutants() if m.name == TODO and not MORE.search(m.source)]
    right = [mutant.source for mutant in answers if mutant.status == "passed"]
    wrong = [mutant.source for mutant in answers if mutant.status == "wrong"]
    for number in range(count):
        book = json.loads(released)
        chosen = wrong if number % WRONG_EVERY == WRONG_EVERY - 1 else right
        for cell in book["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == TODO:
                cell["source"] = chosen[number % len(chosen)]
        place = course / "submitted" / f"student{number:03}" / "lesson"
        place.mkdir(parents=True)
        (place / f"{LESSON}.ipynb").write_text(json.dumps(book), "utf-8")
    return course


def coursekit(course: Path, output: Path, workers: int) -> Cost:
    place = course / "submitted"
    return run(["coursekit", "grade", place, "-o", output, "--workers", str(workers)], ROOT)


def column(folder: Path, name: str, key: str = "student_id") -> dict[str, str]:
    """Of the grades.csv that both programs write."""
    with open(folder / "grades.csv", encoding="utf-8-sig", newline="") as file:
        return {row[key]: row[name] for row in csv.DictReader(file)}


# --- The report ----------------------------------------------------------------------------------


def write_section(result: dict[str, Any]) -> None:
    """The last section of RESULTS.md."""
    of = result["class"]
    seconds, cpu = of["seconds"], of["cpu seconds"]
    theirs, *ours = seconds
    rows = [
        f"| {name} | {seconds[name]} | **{seconds[theirs] / seconds[name]:.2f}** "
        f"| {cpu[name]} | **{cpu[theirs] / cpu[name]:.2f}** |"
        for name in ours
    ]
    lines = [
        HEAD, "",
        f"Written by `python -m benchmarks.grading`, {time.strftime('%Y-%m-%d')}, "
        f"{result['cores']} cores, one run.", "",
        f"The same {of['submissions']} hand-ins of lesson 2, {of['wrong']} of them wrong, from "
        "hand-ins to scores; each whole command. The notebook is cut to the cells that the answer "
        "and its check need, which is in nbgrader's favour: it runs whole notebooks, and the "
        f"lesson as it is handed out has more. `nbgrader autograde` {of['nbgrader']} runs them one "
        "after the other, as it ships, and without a sandbox. `coursekit grade` runs answers in "
        "the sandbox on numbers of its own, asks the same check what is wrong with those that "
        "fail, and writes its pages. Both find the same students right.", "",
        "| | s | nbgrader ÷ it | s of all cores | nbgrader ÷ it |", "|---|---|---|---|---|",
        f"| {theirs} | {seconds[theirs]} | | {cpu[theirs]} | |", *rows, "",
        "One student: "
        + "; ".join(f"{name} {row['seconds']} s" for name, row in result["submission"].items())
        + f". `pytest --nbval -p coursekit.plugin {LESSON}.ipynb`: {result['door']['seconds']} s.",
    ]  # fmt: skip
    page = HERE / "RESULTS.md"
    before = page.read_text("utf-8").partition(HEAD)[0].rstrip()
    page.write_text(before + "\n\n" + "\n".join(lines) + "\n", "utf-8")


STAGES = {"class": against_nbgrader, "one": one}


if __name__ == "__main__":
    main(*sys.argv[1:])
