"""`coursekit grade`: from a folder of submissions to a folder of grades. (Grading itself is a stub;
test_grading.py and the red team run the real one.)"""

import csv
import io
import os
import signal
import subprocess
import sys
import tempfile

import pytest
from click.testing import CliRunner
from support.handins import notebook, pack, save

from coursekit import class_run as batch
from coursekit.cli import main
from coursekit.collect.names import file_name
from coursekit.grade.pool import default_workers
from coursekit.records import Grade, Outcome
from styletools.errors import StyletoolsError


@pytest.fixture
def graded(monkeypatch):
    """Grading replaced: five points for whoever's answer was read; notes the calls."""
    calls = []

    def grade_all(submissions, output, workers, unsafe_no_sandbox, again, **_):
        submissions = list(submissions)
        calls.append(([s.student for s in submissions], workers, again))
        for submission in submissions:
            broken = submission.student == "zoe"
            status = "infrastructure" if broken else "passed" if submission.answers else "wrong"
            points = 5.0 if status == "passed" else 0.0
            outcome = Outcome("02_gram", "gram_matrix", status, points, 5.0, message="why")
            sandbox = "none" if unsafe_no_sandbox else "bubblewrap"
            grade = Grade(submission.student, (outcome,), submission.notes, sandbox)
            output.mkdir(parents=True, exist_ok=True)
            (output / f"{file_name(grade.student)}.json").write_text(grade.to_json())
            yield grade

    monkeypatch.setattr(batch, "grade_all", grade_all)
    return calls


@pytest.fixture
def submissions(tmp_path):
    folder = tmp_path / "class"
    save(folder / "ada" / "02_gram.ipynb", notebook())
    pack(folder / "bob.zip", {"02_gram.ipynb": notebook()})
    pack(folder / "mallory.zip", {"../x.ipynb": "x"})
    (folder / "list.csv").write_text("x")
    return folder


def run(*arguments):
    return CliRunner().invoke(main, ["grade", *map(str, arguments)])


def rows(folder):
    text = (folder / "grades.csv").read_text("utf-8-sig")
    return {row["student"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def test_every_file_is_written_and_the_refused_are_said(graded, submissions, tmp_path):
    output = tmp_path / "grades"
    answer = run(submissions, "-o", output)
    assert answer.exit_code == 0, answer.output
    names = {path.relative_to(output).as_posix() for path in output.rglob("*.*")}
    for name in ("ada", "bob", "mallory"):
        assert {f"students/{name}.html", f"gradescope/{name}.json", f"kept/{name}.json"} <= names
    assert {"index.html", "grades.csv", "grades.xml", "nbgrader.csv", "written.csv"} <= names
    assert "3 submissions, read as plain" in answer.output
    assert "list.csv is no submission" in answer.output
    assert "mallory: refused: The archive's entry" in answer.output
    page = (tmp_path / "grades/students/mallory.html").read_text()
    assert "Nothing of this submission was read" in page
    assert rows(tmp_path / "grades")["ada"]["points"] == "5"


def test_what_could_not_be_graded_ends_with_1_and_no_zero(graded, submissions, tmp_path):
    save(submissions / "zoe" / "02_gram.ipynb", notebook())
    answer = run(submissions, "-o", tmp_path / "grades")
    assert answer.exit_code == 1
    assert "Not fully graded: zoe" in answer.output
    assert rows(tmp_path / "grades")["zoe"]["points"] == ""
    assert not (tmp_path / "grades/gradescope/zoe.json").exists()


def test_one_student_alone_leaves_the_others_as_they_are(graded, submissions, tmp_path):
    assert run(submissions, "-o", tmp_path / "grades").exit_code == 0
    answer = run(submissions, "-o", tmp_path / "grades", "--student", "bob")
    assert answer.exit_code == 0
    workers = default_workers()
    assert graded == [(["ada", "bob", "mallory"], workers, False), (["bob"], workers, True)]
    assert set(rows(tmp_path / "grades")) == {"ada", "bob", "mallory"}
    pages = {name: (tmp_path / "grades" / "students" / f"{name}.html").read_text("utf-8")
             for name in ("ada", "bob")}  # fmt: skip
    assert {name: batch.UNSEEN in text for name, text in pages.items()} == {
        "ada": True, "bob": False
    }  # fmt: skip


def test_a_student_who_is_not_there(graded, submissions, tmp_path):
    answer = run(submissions, "-o", tmp_path / "grades", "--student", "eve")
    assert answer.exit_code == 2
    assert "No submission of eve; there are those of ada, bob, mallory." in answer.output


def test_without_a_sandbox_it_is_said_everywhere(graded, submissions, tmp_path):
    answer = run(submissions, "-o", tmp_path / "grades", "--unsafe-no-sandbox", "--workers", 2)
    assert "No sandbox" in answer.output
    assert graded[0][1] == 2
    pages = [*(tmp_path / "grades/students").glob("*.html"), tmp_path / "grades/index.html"]
    assert len(pages) == 4
    for page in pages:
        assert "Graded without a sandbox" in page.read_text()


def test_layout_can_be_overridden_and_is_said(graded, tmp_path):
    save(tmp_path / "c" / "doejane_1_2_02_gram.ipynb", notebook())
    answer = run(tmp_path / "c", "-o", tmp_path / "g")
    assert "1 submissions, read as canvas" in answer.output
    assert graded[-1][0] == ["doejane"]
    run(tmp_path / "c", "-o", tmp_path / "g", "--layout", "plain")
    assert graded[-1][0] == ["doejane_1_2_02_gram"]
    assert run(tmp_path / "c", "-o", tmp_path / "g", "--layout", "x").exit_code == 2


def test_points_of_written_answers_are_merged(graded, submissions, tmp_path):
    run(submissions, "-o", tmp_path / "grades")
    path = tmp_path / "grades/written.csv"
    lines = path.read_text("utf-8-sig").splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if line.startswith("ada,02_gram,"))
    lines[place] = lines[place].replace(",5,,,", ",5,4,Good,")
    path.write_text("".join(lines))
    answer = run(submissions, "-o", tmp_path / "grades")
    assert answer.exit_code == 0, answer.output
    assert "1 written answers are still to be read" in answer.output  # bob's
    found = rows(tmp_path / "grades")
    assert found["ada"]["points"] == "9"
    assert found["bob"]["points"] == ""
    path.write_text(path.read_text().replace(",5,4,Good,", ",5,40,Good,"))
    answer = run(submissions, "-o", tmp_path / "grades")
    assert answer.exit_code == 2
    assert "from 0 to 5 can be given" in answer.output


def test_points_entered_while_it_runs_are_kept(graded, submissions, tmp_path, monkeypatch):
    output = tmp_path / "grades"
    run(submissions, "-o", output)
    path, grade_all = output / "written.csv", batch.grade_all

    def slow(*arguments, **more):
        yield from grade_all(*arguments, **more)
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
        rows[1][4:6] = ["0", "Read meanwhile."]
        with open(path, "w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows(rows)

    monkeypatch.setattr(batch, "grade_all", slow)
    run(submissions, "-o", output)
    assert "Read meanwhile." in path.read_text("utf-8-sig")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StyletoolsError("No sandbox."), 2, "No sandbox."),
        (KeyboardInterrupt(), 130, "goes on"),
        (OSError(28, "No space left on device", "x/ada.json"), 1, "No space left on device (x/ada"),
    ],
)
def test_errors_have_their_exit_codes(monkeypatch, submissions, tmp_path, error, code, said):
    def grade_all(*_, **__):
        raise error

    monkeypatch.setattr(batch, "grade_all", grade_all)
    answer = run(submissions, "-o", tmp_path / "grades")
    assert answer.exit_code == code
    assert said in answer.output
    assert run(tmp_path / "nothing", "-o", tmp_path / "grades").exit_code == 2


def test_sigterm_ends_it_as_ctrl_c_does(monkeypatch, submissions, tmp_path):
    def grade_all(*_, **__):
        signal.raise_signal(signal.SIGTERM)
        yield

    monkeypatch.setattr(batch, "grade_all", grade_all)
    before = signal.getsignal(signal.SIGTERM)
    answer = run(submissions, "-o", tmp_path / "grades")
    assert (answer.exit_code, "goes on" in answer.output) == (130, True)
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_a_killed_call_left_is_removed_at_the_next(graded, submissions, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    deep = tmp_path / f"coursekit-run-{ended.pid}-x"
    os.makedirs(deep / "/".join(["d"] * 900))
    alive = tmp_path / f"coursekit-run-{os.getpid()}-x"
    alive.mkdir()
    run(submissions, "-o", tmp_path / "grades")
    assert (deep.exists(), alive.exists()) == (False, True)


def test_help_names_the_exit_codes():
    text = run("--help").output
    for words in (
        "130  interrupted",
        "2    wrong input",
        "--unsafe-no-sandbox",
        "GRADES/index.html",
    ):
        assert words in text


def test_the_console_script_is_this_command():
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["scripts"]["coursekit"] == "coursekit.cli:main"
    assert "*/templates/*" in project["tool"]["setuptools"]["package-data"]["coursekit"]
