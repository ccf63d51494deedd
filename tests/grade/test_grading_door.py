"""Grading through the real door: nbval, a kernel, the sandbox."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.desk import BY_NAME, TODOS
from support.mutants import read_mutants, share
from support.submissions import WRONG, some_submissions, submission

from coursekit.grade import grader as grading
from coursekit.grade import pool
from coursekit.records import Grade

ROOT = Path(__file__).resolve().parents[2]
STUDENT = ROOT / "notebooks" / "student"
MUTANTS = [m for m in read_mutants() if m.name != "own_pictures"]

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]


@pytest.fixture(scope="module")
def grader():
    with grading.Grader() as grader:
        assert grader.trouble == ""
        yield grader


def statuses(grade):
    return {outcome.grade_id: outcome.status for outcome in grade.outcomes}


def lost(grade):
    """{TODO: points lost}, of those with any."""
    return {o.grade_id: o.possible - o.points for o in grade.outcomes if o.points < o.possible}


def test_the_reference_gets_full_marks(grader):
    grade = grader.grade(submission())
    assert grade.points == grade.possible == 50
    assert statuses(grade) == {
        **{todo.name: "passed" for todo in TODOS},
        "own_pictures": "different",  # the kit's own pictures
    }
    assert grade.sandbox == "bubblewrap"


def test_the_stubs_get_nothing(grader):
    grade = grader.grade(submission(**{todo.name: todo.stub for todo in TODOS}))
    assert grade.points == 0
    assert set(statuses(grade).values()) == {"not attempted"}


def test_wrong_answers_lose_their_own_points_and_are_explained(grader):
    grade = grader.grade(submission(**WRONG))
    assert lost(grade) == pytest.approx(
        {"layers": 4.1, "gram_matrix": 5, "content_loss": 5, "total_loss": 1.5}
    )
    told = {o.grade_id: (o.status, o.code) for o in grade.outcomes}
    assert told["layers"] == ("wrong", "mapping-other-relu")
    assert told["gram_matrix"] == ("wrong", "gram-wrong-value")
    assert told["content_loss"] == ("raised", "content-raised")
    assert told["total_loss"] == ("wrong", "total-detached")


HARMFUL = {
    "ends the kernel": ("import os\ndef gram_matrix(tensor):\n    os._exit(0)", ("raised",)),
    "kills it from a thread": (
        "import os, threading\nthreading.Timer(1, os._exit, [0]).start()\n"
        "def gram_matrix(tensor):\n    import time; time.sleep(3)",
        ("raised", "timed out", "infrastructure"),
    ),
    "never ends": ("def gram_matrix(tensor):\n    while True: pass", ("timed out",)),
    "swallows interrupts": (
        "def gram_matrix(tensor):\n    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass",
        ("timed out",),
    ),
    "takes all memory": (
        "def gram_matrix(tensor):\n    return torch.ones(10**10)",
        ("out of memory",),
    ),
    "breaks torch for the others": (
        "torch.Tensor.__mul__ = torch.Tensor.__sub__ = torch.mean = lambda *a, **k: 1 / 0\n"
        "def gram_matrix(tensor):\n    return torch.eye(tensor.shape[1])",
        ("wrong",),
    ),
    "calls the kit": (
        "import styletools\ndef gram_matrix(tensor):\n    return styletools.gram_matrix(tensor)",
        ("tampered",),
    ),
}


@pytest.mark.parametrize("harm", [*HARMFUL])
def test_harm_hurts_no_other_answer(harm, grader, monkeypatch):
    monkeypatch.setattr(grader, "seconds", grading.Seconds(cell=8, run=60))
    monkeypatch.setattr(grader, "diagnosed", False)
    source, status = HARMFUL[harm]
    grade = grader.grade(submission(gram_matrix=source))
    assert lost(grade) == {"gram_matrix": 5}
    assert statuses(grade)["gram_matrix"] in status


def test_two_harmful_answers(grader, monkeypatch):
    monkeypatch.setattr(grader, "diagnosed", False)
    ending = HARMFUL["ends the kernel"][0]
    grade = grader.grade(
        submission(gram_matrix=ending, style_loss=ending.replace("gram_matrix(tensor)",
                                                                 "style_loss(*_)"))
    )  # fmt: skip
    assert lost(grade) == {"gram_matrix": 5, "style_loss": 5}


SAMPLE = MUTANTS[:: len(MUTANTS) // 11]


def rows(mutants):
    """The mutants in rows of one answer to each TODO, so that a kernel grades several."""
    waiting = {name: [m for m in mutants if m.name == name] for name in BY_NAME}
    while any(waiting.values()):
        yield {name: ones.pop(0) for name, ones in waiting.items() if ones}


def through_the_door(grader, mutants):
    for row in rows(mutants):
        grade = grader.grade(submission(**{name: m.source for name, m in row.items()}))
        for outcome in grade.outcomes:
            if outcome.grade_id in row:
                mutant = row[outcome.grade_id]
                points = outcome.possible * share(mutant)
                assert outcome.points == pytest.approx(points), (mutant, outcome)
                if mutant.status == "passed":
                    assert outcome.status == "passed", mutant


def test_some_mutants_through_the_door(grader):
    through_the_door(grader, SAMPLE)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_all_mutants_through_the_door(grader):
    through_the_door(grader, MUTANTS)


# --- Many students -------------------------------------------------------------------------------


def test_order_and_workers_change_nothing(grader, tmp_path, monkeypatch):
    monkeypatch.setattr(grader, "diagnosed", False)
    students = some_submissions()
    found = []
    for name, order, workers in (("one", students, 1), ("two", students[::-1], 2)):
        for _ in pool.grade_all(order, tmp_path / name, workers=workers, grader=grader):
            pass
        paths = sorted((tmp_path / name).iterdir())
        found.append({path.name: path.read_bytes() for path in paths})
    assert found[0] == found[1]
    assert sorted(found[0]) == ["anna.json", "ben.json", "cleo.json", "dora.json"]


BATCH = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from coursekit.grade import grader as grading, pool
from support.submissions import some_submissions
with grading.Grader(diagnosed=False) as grader:
    for grade in pool.grade_all(some_submissions(), Path({output!r}), grader=grader):
        print(grade.student, flush=True)
"""


def test_kill_in_the_middle_and_start_again(tmp_path):
    """No grade is changed, none is lost, and no process is left over."""
    code = BATCH.format(tests=str(ROOT / "tests"), output=str(tmp_path))
    command = [sys.executable, "-c", code]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert first.stdout.readline() == "anna\n"
    first.send_signal(signal.SIGKILL)
    first.wait()
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("*.json")}
    assert "anna.json" in kept
    assert len(kept) < 4
    wait_for(lambda: not running_kernels(first.pid))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == ["anna", "ben", "cleo", "dora"]
    for name, data in kept.items():
        assert (tmp_path / name).read_bytes() == data
    grades = [Grade.from_json(path.read_text("utf-8")) for path in tmp_path.glob("*.json")]
    assert all(grade.complete for grade in grades)
    assert len(grades) == 4


def running_kernels(session):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            found.append(path)
    return found


def wait_for(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("it did not come")


# --- pytest --nbval ------------------------------------------------------------------------------


def notebook(path, lesson, **sources):
    """A student's notebook with some answers."""
    book = json.loads((STUDENT / f"{lesson}.ipynb").read_bytes())
    for cell in book["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in sources:
            cell["source"] = sources[name]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(book), encoding="utf-8")
    return path


def door(path, *options, cwd=None):
    command = [sys.executable, "-m", "pytest", "--nbval", "-p", "coursekit.plugin", *options]
    return subprocess.run(
        [*command, str(path)],
        capture_output=True, text=True, timeout=600, check=False, cwd=cwd or ROOT,
    )  # fmt: skip


def right(lesson):
    return {todo.name: todo.reference for todo in TODOS if todo.lesson == lesson}


def test_full_marks_give_exit_code_0(tmp_path):
    path = notebook(tmp_path / "02_gram.ipynb", "02_gram", **right("02_gram"))
    done = door(path)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_a_wrong_answer_gives_exit_code_1_and_says_what(tmp_path):
    path = notebook(
        tmp_path / "anna_02_gram.ipynb", "02_gram", gram_matrix=WRONG["gram_matrix"]
    )  # fmt: skip
    done = door(path)
    assert done.returncode == 1
    assert "gram_matrix: wrong (gram-wrong-value): 0 of 5 points." in done.stdout


def test_a_notebook_of_another_name_is_asked_for_all(tmp_path):
    path = notebook(tmp_path / "all.ipynb", "02_gram", **right("02_gram"))
    done = door(path)
    assert done.returncode == 1
    assert "10 failed, 1 passed" in done.stdout


@pytest.mark.parametrize("trick", ["conftest", "skip", "select", "collect", "ini"])
def test_tricks_at_the_door(trick, tmp_path):
    source = WRONG["gram_matrix"]
    if trick == "skip":
        source = f"# NBVAL_SKIP\n{source}"
    path = notebook(tmp_path / "02_gram.ipynb", "02_gram", gram_matrix=source)
    mark = tmp_path / "was-here"
    if trick == "conftest":
        (tmp_path / "conftest.py").write_text(f"open({str(mark)!r}, 'w')")
    options = {"select": ["-k", "nothing"], "collect": ["--collect-only"]}.get(trick, [])
    if trick == "ini":
        (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n")
        command = [sys.executable, "-m", "pytest", "--nbval", "-p", "coursekit.plugin", str(path)]
        done = subprocess.run(command, capture_output=True, cwd=tmp_path, timeout=600, check=False)
    else:
        done = door(path, *options)
    assert done.returncode != 0
    assert not mark.exists()


@pytest.mark.parametrize("more", ["zip", "ignored", "experiments", "nothing asked"])
def test_full_marks_are_of_everything_that_was_given(more, tmp_path):
    notebook(tmp_path / "class" / "02_gram.ipynb", "02_gram", **right("02_gram"))
    options = []
    if more == "zip":
        (tmp_path / "class" / "other.zip").write_bytes(b"")
    elif more == "ignored":
        other = notebook(tmp_path / "class" / "03_losses.ipynb", "03_losses")
        options = [f"--ignore={other}"]
    elif more == "experiments":
        notebook(tmp_path / "class" / "04_tuning.ipynb", "04_tuning")
    else:
        notebook(tmp_path / "class" / "00_setup.ipynb", "00_setup")
    done = door(tmp_path / "class", *options)
    assert "1 passed" in done.stdout, done.stdout
    assert done.returncode == (0 if more == "nothing asked" else 1)
    assert ("Not graded here" in done.stdout) == (more != "nothing asked")


def test_without_the_plugin_nothing_changes(tmp_path):
    path = notebook(tmp_path / "02_gram.ipynb", "02_gram")
    command = [sys.executable, "-m", "pytest", "--nbval", "--collect-only", "-q", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=600,
                          check=False)  # fmt: skip
    assert "Cell 0" in done.stdout


def test_without_bubblewrap_the_door_stays_closed(tmp_path):
    """An empty PATH stands for a machine without it."""
    path = notebook(tmp_path / "02_gram.ipynb", "02_gram", **right("02_gram"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "-p", "coursekit.plugin", str(path)],
        capture_output=True, text=True, timeout=600, check=False, cwd=tmp_path,
        env={**os.environ, "PATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 4
    assert "--unsafe-no-sandbox" in done.stderr


def test_unprotected_only_when_asked(tmp_path):
    with grading.Grader(unsafe_no_sandbox=True, diagnosed=False) as grader:
        grade = grader.grade(submission(gram_matrix=WRONG["gram_matrix"]))
    assert lost(grade) == {"gram_matrix": 5}
    assert grade.sandbox == "none"
