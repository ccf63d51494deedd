"""Forged submissions (tests/data/forgeries) through the real grader, in one batch with honest ones.

In CI most of them; `make soak` has the others, each also examined by the student's own check.
"""

import contextlib
import ctypes
import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path

import psutil
import pytest
from data.forgeries import FORGERIES
from data.forgeries.forging import RIGHT_GRAM, answers, wrong_gram
from data.forgeries.packages import SECOND_VICTIM, VICTIM
from data.forgeries.table import PAGE, read_outcomes, render
from support.containers import container

from coursekit.collect import collect
from coursekit.grade import diagnosis
from coursekit.grade import grader as grading
from coursekit.grade.grader import Grader
from coursekit.grade.nbval import Seconds
from coursekit.grade.pool import grade_all
from coursekit.records import Grade
from coursekit.report.pages import write_reports
from coursekit.report.purge import left_behind
from coursekit.sandbox import choose
from coursekit.sandbox.places import temporary

LIMITS = Seconds(cell=8, run=30)
DIAGNOSIS_SECONDS = 8
MOST_MEMORY = 1.35 * (4 << 30)  # of a kernel, as coursekit.grade.nbval has it; and of its pytest
WORKERS = 2
SANDBOX = {"allow_weaker_sandbox": True}  # so that the batch can be run in a container too
SUBREAPER = 36  # prctl

NEIGHBOURS = ("fork-bomb", "memory-in-children", "disk", "plant", "kill-all", "threads", "delete")
HONEST = {
    "gram_matrix": RIGHT_GRAM,
    "content_loss": "def content_loss(target_features, content_features):\n"
    "    return (target_features['conv4_2'] - content_features['conv4_2']).mean()\n",
    "total_loss": "def total_loss(content, style, content_weight, style_weight):\n"
    "    return content_weight * content + style_weight * style\n",
}
EARNED = {"gram_matrix": ("passed", 5), "content_loss": ("wrong", 0), "total_loss": ("passed", 5)}

DIAGNOSED = ("diagnosis-forged", "diagnosis-flood", "diagnosis-memory", "sockets", "odd-exception")
pytestmark = [pytest.mark.timeout(3600), pytest.mark.slow]


def cases():
    """In CI those that are not left to the soak."""
    for forgery in FORGERIES:
        marks = [pytest.mark.soak] if forgery.soak else []
        yield pytest.param(forgery, marks=marks, id=forgery.name)


class Batch:
    """All submissions, graded; and what was seen while and after."""

    def __init__(self, folder, forgeries, diagnosed):
        self.folder = folder
        self.forgeries = forgeries
        self.diagnosed = diagnosed  # names
        self.handed_in = folder / "class"
        self.temporary = folder / "tmp"
        self.grades = {}  # {folder name: (submission, grade)}
        self.most_memory = 0  # of one run, with all that it started
        self.processes_before = set(processes())  # of earlier tests

    def write(self):
        self.temporary.mkdir()
        for name in honest():
            place = self.handed_in / name
            place.mkdir(parents=True)
            answers(HONEST)(place)
        for forgery in self.forgeries:
            place = self.handed_in / (forgery.student or forgery.name)
            place.mkdir()
            forgery.write(place)

    def grade(self):
        before = self.tree()
        submissions = list(collect([self.handed_in]))
        names = {submission.student: submission.path.name for submission in submissions}
        by_name = {submission.student: submission for submission in submissions}
        ended = threading.Event()
        watch = threading.Thread(target=self._watch, args=(ended,))
        watch.start()
        try:
            for diagnosed in (False, True):
                some = [s for s in submissions if (s.path.name in self.diagnosed) == diagnosed]
                with Grader(seconds=LIMITS, diagnosed=diagnosed, **SANDBOX) as grader:
                    for grade in grade_all(some, self.folder / "grades", WORKERS, grader=grader):
                        self.grades[names[grade.student]] = by_name[grade.student], grade
        finally:
            ended.set()
            watch.join()
        self.unchanged = self.tree() == before

    def _watch(self, ended):
        while not ended.wait(0.3):
            for process in psutil.Process().children():
                self.most_memory = max(self.most_memory, memory_of(process))

    def tree(self):
        """Names, sizes and targets of all that was handed in (some is too deep for os.walk)."""
        command = ["find", self.handed_in, "-printf", r"%p %s %l\0"]
        return sorted(subprocess.run(command, capture_output=True, check=True).stdout.split(b"\0"))


def memory_of(process):
    """Bytes, with all processes below it; pages that they share count once where it matters.

    The sum of resident sizes counts a page for every process that has it, which after a `fork` are
    many: 14 processes with 4.3 GB between them had 1.0 GB.
    """
    below = [process]
    with contextlib.suppress(psutil.Error):
        below += process.children(recursive=True)
    resident = sum(size_of(one, "memory_info", "rss") for one in below)
    if resident < MOST_MEMORY:
        return resident
    return sum(size_of(one, "memory_full_info", "pss") for one in below)  # 25 ms each


def size_of(process, measure, kind):
    """0 for a process that is gone."""
    try:
        return getattr(getattr(process, measure)(), kind)
    except psutil.Error:
        return 0


def honest():
    return (VICTIM, SECOND_VICTIM, *(f"{name}-neighbour" for name in NEIGHBOURS))


def processes():
    """All that this one has started, and what they have; some last as long as it."""
    return psutil.Process().children(recursive=True)


def planted():
    """Files of the forgers' in the machine's folders, and memory that belongs to no process."""
    places = [
        "/tmp",
        "/var/tmp",
        "/dev/shm",
        "/usr/bin",
        Path.home(),
        sysconfig.get_path("purelib"),
    ]
    marks = ("redteam", "sitecustomize", "usercustomize", "00-redteam")
    files = [name for place in places for name in os.listdir(place) if name.startswith(marks)]
    try:
        keys = [line.split()[0] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    except OSError:
        keys = []
    return [*files, *(key for key in keys if int(key) >> 16 == 0x5EED)]


@pytest.fixture(scope="module")
def batch(request):
    chosen = [item.callspec.params["forgery"] for item in request.session.items if is_case(item)]
    diagnosed = {f.student or f.name for f in chosen}
    if not any(forgery.soak for forgery in chosen):
        diagnosed &= set(DIAGNOSED)
    if reason := choose(allow_weaker=True)[1]:
        pytest.skip(reason)
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)  # what is orphaned comes back to this process
    for place in left_behind():  # by a run that was killed
        subprocess.run(["rm", "-rf", "--", place], check=False)
    # Not in pytest's own folder, whose folders it removes: some of these are too deep for that.
    batch = Batch(Path(tempfile.mkdtemp(prefix=temporary("redteam"))), chosen, diagnosed)
    batch.write()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(batch.temporary))
        patch.setattr(diagnosis, "SECONDS", DIAGNOSIS_SECONDS)
        patch.setattr(grading, "TRIES", 1)
        batch.planted_before = planted()
        batch.grade()
    yield batch
    subprocess.run(["rm", "-rf", batch.folder], check=True)
    ctypes.CDLL(None).prctl(SUBREAPER, 0, 0, 0, 0)


def is_case(item):
    return getattr(item, "originalname", "") == "test_earns_nothing"


@pytest.mark.parametrize("forgery", list(cases()))
def test_earns_nothing(batch, forgery):
    submission, grade = batch.grades[forgery.student or forgery.name]
    assert grade.points == 0
    if submission.refused:
        assert "refused" in forgery.statuses, submission.refused
        return
    found = {outcome.grade_id: outcome for outcome in grade.outcomes}
    for todo in forgery.todos:
        assert found[todo].status in forgery.statuses, found[todo]
    others = {o.status for name, o in found.items() if name not in forgery.todos}
    assert others <= {"not attempted", "tampered"}  # a thread is there when the next is asked, too


@pytest.mark.parametrize("name", honest())
def test_honest_grades_are_what_they_are(batch, name):
    submission, grade = batch.grades[name]
    assert not submission.refused
    found = {o.grade_id: (o.status, o.points) for o in grade.outcomes if o.grade_id in HONEST}
    assert found == EARNED


def test_every_submission_has_a_grade_of_its_own(batch):
    files = sorted((batch.folder / "grades").glob("*.json"))
    students = sorted(Grade.from_json(path.read_text("utf-8")).student for path in files)
    assert students == sorted(grade.student for _, grade in batch.grades.values())
    assert len(students) == len(batch.forgeries) + len(honest())


def test_no_process_is_left(batch):
    """Orphans come to this process; ended ones wait to be asked for their exit codes."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    left = set(processes()) - batch.processes_before
    assert [str(process) for process in left] == []


def test_no_file_is_left_and_none_is_changed(batch):
    left = [name for name in os.listdir(batch.temporary) if not name.startswith("torchinductor")]
    assert left == []  # torch makes that folder, in this process
    assert planted() == batch.planted_before
    assert batch.unchanged


def test_memory_stayed_within_limits(batch):
    assert batch.most_memory < MOST_MEMORY


def test_reports_hold_no_markup_and_no_formula(batch):
    grades = [grade for _, grade in batch.grades.values()]
    submissions = {s.student: s for s, _ in batch.grades.values()}
    paths = write_reports(batch.folder / "reports", grades, submissions)
    pages = [path for path in paths if path.suffix == ".html"]
    assert len(set(pages)) == len(grades)
    for path in paths:
        text = path.read_text("utf-8")
        assert not {"\x1b", "\x00", "\u202e"} & set(text), path
        if path.suffix != ".csv":
            assert "<script" not in text.lower(), path
            assert "<img" not in text.lower(), path
    for line in (batch.folder / "reports" / "grades.csv").read_text("utf-8-sig").splitlines():
        assert not line.strip('"').startswith(("=", "@", "+", "-", "\t")), line


STEERING = {
    "conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
    "torch.py": "raise SystemExit(0)\n",
    "psutil.py": "raise SystemExit(0)\n",
}


@pytest.mark.parametrize("beside", [{}, STEERING], ids=["alone", "files beside"])
def test_front_door_stays_shut(batch, tmp_path, beside):
    wrong_gram()(tmp_path)
    for name, text in beside.items():
        (tmp_path / name).write_text(text)
    done = front_door(tmp_path / "02_gram.ipynb", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "gram_matrix: wrong" in done.stdout


@pytest.mark.parametrize("where", [".", ".."], ids=["beside", "above"])
def test_settings_of_a_submission_harm_nobody(batch, tmp_path, where):
    """`--debug=FILE` among pytest's options empties the file before any plugin is asked."""
    victim = tmp_path / "victim.ipynb"
    victim.write_text("hers")
    done = with_settings(tmp_path, where, f"--debug={victim} --collect-only")
    assert done.returncode not in (0, 5), done.stdout
    assert victim.read_text() == "hers"


@pytest.mark.parametrize("where", [".", ".."], ids=["beside", "above"])
def test_settings_of_a_submission_open_no_wall(batch, tmp_path, where):
    escaped = tmp_path / "escaped"
    done = with_settings(tmp_path, where, "--unsafe-no-sandbox", f"open({str(escaped)!r}, 'w')")
    assert done.returncode != 0
    assert not escaped.exists()


def with_settings(folder, where, options, code=""):
    """The front door, for a notebook of a student who handed in a pytest.ini too."""
    place = folder / "student" / "notebooks"
    place.mkdir(parents=True)
    wrong_gram(after=code)(place)
    (place / where / "pytest.ini").write_text(f"[pytest]\naddopts = {options}\n")
    return front_door(place / "02_gram.ipynb", cwd=folder)


def front_door(path, cwd):
    command = ["pytest", "--nbval", "-p", "coursekit.plugin", "-p", "no:cacheprovider", str(path)]
    command += ["--allow-weaker-sandbox"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        cwd=cwd, env=kept, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("landlock", [True, False])
def test_the_same_in_a_container(tmp_path, landlock):
    """All of CI's choice, in the weaker sandbox; see the table's end for what is left out."""
    here = Path(__file__)
    command = [sys.executable, "-m", "pytest", str(here), "-q", "-p", "no:cacheprovider"]
    command += [] if landlock else ["-k", "not machine-files"]
    done = subprocess.run(
        container(command, tmp_path, landlock), cwd=here.parents[1], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-5000:]


def test_names_are_told_apart():
    names = [forgery.name for forgery in FORGERIES]
    assert len(set(names)) == len(names)
    students = [forgery.student for forgery in FORGERIES if forgery.student]
    assert len({*students, *names, *honest()}) == len(students) + len(names) + len(honest())


def test_table_in_the_docs_is_current():
    built = render(read_outcomes())
    assert PAGE.read_text("utf-8") == built, "python -m tests.data.forgeries.table --render"
