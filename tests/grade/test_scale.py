"""Many submissions: several processes, a cluster, kills in the middle; nobody's grade is another's.

Where no grade matters, answers are not run: what the student is called says what happens.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from support.classes import make_class
from support.dask_cluster import DaskCluster
from support.handins import notebook, pack, save

from coursekit.class_run import grade_class
from coursekit.cli import main
from coursekit.collect import collect
from coursekit.collect.layouts import find_handins
from coursekit.grade import dask as cluster
from coursekit.grade import pool
from coursekit.grade.pictures import unpack_pictures
from coursekit.reading import read
from coursekit.records import Grade
from styletools.cli import runs as cli_runs
from styletools.lab.dask import ClusterError

ROOT = Path(__file__).parents[2]
STAND_IN = '''
"""Instead of grading: what the student's name asks for. (Python runs this at its start.)"""
import importlib.util, os, sys, time
from pathlib import Path

def grade(self, submission, lesson=""):
    import torch
    from coursekit.records import Grade, Outcome
    once = Path(__file__).with_name(submission.student)
    if submission.student.startswith("fatal") or (
        submission.student.startswith("once") and not once.exists()
    ):
        once.touch()
        os._exit(1)
    if submission.student.startswith("endless") and not once.exists():
        once.touch()
        time.sleep(600)
    note = f"{os.getpid()} {torch.get_num_threads()} {os.getcwd()}"
    return Grade(submission.student, (Outcome("02_gram", "gram_matrix", "passed", 5, 5),), (note,))

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "coursekit.grade.grader":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        plain = spec.loader.exec_module
        def exec_module(module):
            plain(module)
            module.Grader.grade = grade
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
'''

pytestmark = [pytest.mark.bubblewrap, pytest.mark.slow]


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Processes that are started now grade as `STAND_IN` says."""
    folder = tmp_path / "stand-in"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


def students(folder, *names):
    for name in names:
        save(folder / name / "02_gram.ipynb", notebook())
    return list(collect([folder]))


def command(*words):
    return [sys.executable, "-P", "-m", "coursekit", "grade", *map(str, words)]


def wait_for(condition):
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("it did not come")


def below(process):
    """All that a process has started, and what they have."""
    return psutil.Process(process.pid).children(recursive=True)


def lives(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


# --- A class -------------------------------------------------------------------------------------


def kept(output):
    return {path.name: path.read_bytes() for path in (output / "kept").iterdir()}


def check_grades(pupils, output):
    """Everybody has one, of what they handed in."""
    grades = [Grade.from_json(data.decode()) for data in kept(output).values()]
    by_name = {grade.student: grade for grade in grades}
    assert sorted(by_name) == sorted(pupil.name for pupil in pupils)
    assert len(grades) == len(pupils)
    for pupil in pupils:
        found = {outcome.grade_id: outcome for outcome in by_name[pupil.name].outcomes}
        points = {todo: outcome.points for todo, outcome in found.items() if todo in pupil.points}
        assert points == pytest.approx(pupil.points), (pupil, found)
        assert "infrastructure" not in {outcome.status for outcome in found.values()}
        for todo in pupil.forgery.todos if pupil.forgery else ():
            assert found[todo].status in pupil.forgery.statuses, (pupil, found)


def on_this_machine(folder, output):
    """Killed in the middle, and gone on with."""
    with subprocess.Popen(
        command(folder, "-o", output, "--workers", 2), stdout=subprocess.PIPE, text=True
    ) as first:
        while not next(first.stdout).startswith("2/"):
            pass
        started = below(first)
        first.kill()
    wait_for(lambda: not any(map(lives, started)))
    before = kept(output)
    grade_class([folder], output, workers=2)
    assert before.items() <= kept(output).items()


def on_a_cluster(folder, output, tmp_path):
    """One of two workers is killed in the middle."""
    lines = []
    with DaskCluster(tmp_path) as started, contextlib.ExitStack() as stack:
        first, _ = started.worker(), started.worker()
        client = stack.enter_context(started.client(2))

        def kill():
            wait_for(lambda: (output / "kept").exists() and len(kept(output)) >= 2)
            first.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        grade_class([folder], output, client=client, say=lines.append)
        killer.join()
        assert len(client.nthreads()) == 1
    return [line for line in lines if line[0].isdigit()]


def check_class(size, forged, tmp_path):
    pupils = make_class(tmp_path / "class", size, forged)
    here, there = tmp_path / "here", tmp_path / "there"
    on_this_machine(tmp_path / "class", here)
    check_grades(pupils, here)
    lines = on_a_cluster(tmp_path / "class", there, tmp_path)
    check_grades(pupils, there)
    assert len(lines) == size  # nobody was graded twice
    assert kept(there) == kept(here)
    for name in ("grades.csv", "index.html"):
        assert (there / name).read_bytes() == (here / name).read_bytes()


@pytest.mark.timeout(1800)
def test_six_students(tmp_path):
    check_class(6, 0.2, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_two_hundred_students(tmp_path):
    check_class(200, 0.1, tmp_path)


# --- Processes -----------------------------------------------------------------------------------


def test_what_ends_its_process_stops_no_other(stand_in, tmp_path, monkeypatch):
    """And nothing is imported from the working directory, which may be a student's."""
    (tmp_path / "torch.py").write_text("raise SystemExit('a student's file')")
    monkeypatch.chdir(tmp_path)
    found = students(tmp_path / "class", "ada", "bob", "fatal", "once")
    grades = {g.student: g for g in pool.grade_all(found, tmp_path / "kept", workers=2)}
    assert {name for name, grade in grades.items() if grade.complete} == {"ada", "bob", "once"}
    assert "ended 2 times" in grades["fatal"].outcomes[0].message
    notes = [grade.notes[0].split() for grade in grades.values() if grade.complete]
    assert os.getpid() not in {int(pid) for pid, _, _ in notes}
    assert {threads for _, threads, _ in notes} == {"1"}
    left = filter(lives, psutil.Process().children())
    assert not [process for process in left if "coursekit.grade.worker" in process.cmdline()]


def test_ctrl_c_ends_it_at_once_and_keeps_what_is_whole(stand_in, tmp_path):
    students(tmp_path / "class", "ada", "endless")
    words = command(tmp_path / "class", "-o", tmp_path / "grades", "--workers", 2)
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as first:
        wait_for((tmp_path / "grades/kept/ada.json").exists)
        wait_for((tmp_path / "stand-in/endless").exists)
        started = below(first)
        os.killpg(first.pid, signal.SIGINT)
        output, _ = first.communicate(timeout=200)
    assert first.returncode == 130, output
    assert "Interrupted. The same command goes on." in output
    assert "Traceback" not in output
    wait_for(lambda: not any(map(lives, started)))
    assert list(kept(tmp_path / "grades")) == ["ada.json"]


def test_as_many_as_cores_and_memory_allow(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(pool, "CONTAINER_MEMORY", (tmp_path / "not there", limit))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    memory = psutil.virtual_memory()._replace(total=64 << 30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    for text, workers in (("max", 6), (str(9 << 30), 2), (str(1 << 30), 1)):
        limit.write_text(text)
        assert pool.default_workers() == workers


# --- A cluster -----------------------------------------------------------------------------------


def another_course(folder):
    """A copy of this one, with one letter changed."""
    folder.mkdir()
    for name in ("styletools", "notebooks", "images"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "coursekit", folder / "coursekit")
    with open(folder / "coursekit" / "inside" / "verdicts.py", "a") as file:
        file.write("# \n")
    return folder


def test_who_can_grade_is_asked_and_lost_workers_are_done_without(stand_in, tmp_path):
    """Two workers that cannot grade, and one that is killed; one comes; the scheduler goes."""
    (tmp_path / "none/coursekit").mkdir(parents=True)
    (tmp_path / "none/coursekit/__init__.py").write_text("raise ImportError('nothing here')")
    others = another_course(tmp_path / "other"), tmp_path / "none"
    found = students(tmp_path / "class", "ada", "endless", "fatal")
    said, grades = [], {}
    with DaskCluster(tmp_path) as started:
        for folder in others:
            started.worker(PYTHONPATH=f"{folder}{os.pathsep}{os.environ['PYTHONPATH']}")
        good = started.worker()
        with started.client(3) as client:
            coming = pool.grade_all(found, tmp_path / "kept", client=client, say=said.append)

            def replace():
                wait_for((tmp_path / "stand-in/endless").exists)
                good.kill()
                wait_for(lambda: any("waiting for one" in line for line in said))
                started.worker()

            helper = threading.Thread(target=replace)
            helper.start()
            for grade in coming:
                assert grade.student not in grades
                grades[grade.student] = grade
            helper.join()
            assert len(client.nthreads()) == 3
            before = {path: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
            started.scheduler.kill()
            with pytest.raises(ClusterError, match=r"does not answer.*What is graded is kept"):
                list(pool.grade_all(found, tmp_path / "kept", again=True, client=client))
    assert before == {path: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    assert sorted(grades) == ["ada", "endless", "fatal"]
    assert [name for name, grade in grades.items() if not grade.complete] == ["fatal"]
    assert {grade.notes[0].split()[1] for grade in grades.values() if grade.complete} == {"1"}
    left_out = [line for line in said if "is left out" in line]
    assert len(left_out) == 2
    assert all("The worker tcp://127.0.0.1:" in line for line in left_out)
    assert any("has another course" in line and "here is" in line for line in left_out)
    assert any("nothing here" in line and "pip install" in line for line in left_out)


def test_no_scheduler(tmp_path, monkeypatch):
    monkeypatch.setattr(cli_runs, "CONNECT_SECONDS", 1)
    save(tmp_path / "class/ada/02_gram.ipynb", notebook())
    words = ["grade", str(tmp_path / "class"), "-o", str(tmp_path / "grades")]
    address = "tcp://127.0.0.1:9"
    answer = CliRunner().invoke(main, [*words, "--scheduler", address])
    assert answer.exit_code == 2
    assert f"No scheduler answers at {address}" in answer.output
    assert "start one with `dask scheduler`" in answer.output
    answer = CliRunner().invoke(main, [*words, "--scheduler", address, "--workers", "2"])
    assert answer.exit_code == 2
    assert "Give --workers or --scheduler" in answer.output


def test_what_is_sent_is_what_was_handed_in(tmp_path, monkeypatch):
    photo = (ROOT / "images/content/chelsea.jpg").read_bytes()
    files = {"02_gram.ipynb": notebook(), "b/Ä.JPG": photo, "a/x.png": photo[:99], "notes.txt": "x"}
    pack(tmp_path / "class" / "ada.zip", files)
    [submission] = collect([tmp_path / "class"])
    parcel = cluster.pack(submission)
    assert str(tmp_path).encode() not in parcel
    received = cluster.unpacked(parcel)
    assert received.answers == submission.answers
    assert received.pictures == submission.pictures
    assert received.path.suffix == ".zip"
    assert received.files == {"b/Ä.JPG": photo, "a/x.png": photo[:99]}
    copies = unpack_pictures(received.files, tmp_path)
    assert {name: path.read_bytes() for name, path in copies.items()} == received.files
    monkeypatch.setattr(cluster, "MAX_BYTES", 100)
    assert list(cluster.unpacked(cluster.pack(submission)).files) == ["a/x.png"]


# --- Reading and telling -------------------------------------------------------------------------


def test_each_hand_in_is_opened_once(tmp_path):
    """Whatever layout, answers, pictures, runs and figures ask of it."""
    students(tmp_path / "class", "ada", "bob", "carla")
    (tmp_path / "class/ada/mine.png").write_bytes(b"png")
    (tmp_path / "class/ada/runs/1").mkdir(parents=True)
    (tmp_path / "class/ada/runs/1/run.json").write_text("{}")
    pack(tmp_path / "class/dora.zip", {"02_gram.ipynb": notebook(), "mine.png": b"png"})
    opened = Counter()

    def note(event, arguments):
        if event == "open" and str(arguments[0]).startswith(str(tmp_path / "class")):
            opened[Path(arguments[0]).relative_to(tmp_path / "class").as_posix()] += noting[0]

    noting = [1]
    sys.addaudithook(note)
    for handin in find_handins([tmp_path / "class"]).handins:
        read(handin, tmp_path / "written")
    noting[0] = 0
    files = {p.relative_to(tmp_path / "class").as_posix()
             for p in (tmp_path / "class").rglob("*") if p.is_file()}  # fmt: skip
    assert {name: opened[name] for name in files} == dict.fromkeys(files, 1)


def test_what_waits_is_not_read(stand_in, tmp_path):
    """Files of no more submissions are in memory than are graded at the same time, and one."""
    found = students(tmp_path / "class", *"abcdefgh")
    read, graded = [], []

    def coming():
        for submission in found:
            read.append(submission.student)
            assert len(read) - len(graded) <= 2 + 2
            yield submission

    for grade in pool.grade_all(coming(), tmp_path / "kept", workers=2):
        graded.append(grade.student)
    assert sorted(graded) == read == list("abcdefgh")


def test_a_terminal_has_a_bar(stand_in, tmp_path, monkeypatch, capfd):
    students(tmp_path / "class", "ada", "bob")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    lines = []
    grade_class([tmp_path / "class"], tmp_path / "grades", workers=1, say=lines.append)
    assert [line.split()[0] for line in lines if line[0].isdigit()] == ["1/2", "2/2"]
    assert "2/2" in capfd.readouterr().err
