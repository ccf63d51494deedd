"""What other systems take, run as they would run it: GitHub's workflows, Gradescope's bundle."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from support.containers import container
from support.handins import ANSWERS, committed, notebook, save

from coursekit.build.bundles import write_bundle, write_workflow
from coursekit.build.release import write_release
from coursekit.cli import main
from coursekit.sandbox import SAYS, Bubblewrap, OwnUid

ROOT = Path(__file__).parents[2]
VENV = Path(sys.executable).parent.parent
TEMPLATES = ROOT / "coursekit" / "build" / "templates"
WORKFLOWS = ("github-student.yml", "github-instructor.yml")


def bash(script, folder, tools, **environment):
    """Run a script as GitHub and Gradescope do: `bash -e`, with `tools` before all programs."""
    environment = {**os.environ, "PATH": f"{tools}:{VENV / 'bin'}:{os.environ['PATH']}"} | {
        name: str(value) for name, value in environment.items()
    }
    return subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip


@pytest.fixture
def tools(tmp_path):
    """Stands for what cannot be run here; every call is noted in `calls`."""
    folder = tmp_path / "tools"
    folder.mkdir()

    def stub(name, script="exit 0"):
        note = f'echo "{name} $@" >> "{folder}/calls"'
        (folder / name).write_text(f"#!/bin/sh\n{note}\n{script}\n")
        (folder / name).chmod(0o755)

    for name in ("sudo", "make", "apt-get"):
        stub(name)
    stub("python", f'case "$*" in *"-m pip install"*) ;; *) exec {sys.executable} "$@" ;; esac')
    return folder


# --- GitHub --------------------------------------------------------------------------------------


def test_the_workflows_are_as_github_reads_them():
    command = [VENV / "bin" / "check-jsonschema", "--builtin-schema", "vendor.github-workflows"]
    command += [TEMPLATES / name for name in WORKFLOWS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_no_rights_and_no_holes(name):
    """What somebody types or names a branch is never part of a script."""
    read = yaml.safe_load((TEMPLATES / name).read_text("utf-8"))
    assert read["permissions"] == {"contents": "read"}
    for step in steps(read):
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def steps(workflow):
    [job] = workflow["jobs"].values()
    return job["steps"]


def test_students_run_the_visible_checks(tmp_path, tools):
    """In the folder that students get, half done: what is missing is said, and in the summary."""
    write_release(tmp_path / "repository")
    folder = tmp_path / "repository" / "notebooks"
    for path in folder.glob("0[13]*.ipynb"):
        path.unlink()  # lesson 2 alone, for the time it takes
    save(folder / "02_gram.ipynb", notebook())
    workflow = yaml.safe_load(
        (tmp_path / "repository" / ".github" / "workflows" / "checks.yml").read_text("utf-8")
    )
    scripts = [step["run"] for step in steps(workflow) if "run" in step]
    assert len(scripts) == 2
    summary = tmp_path / "summary.md"
    install, check = (
        bash(script, folder.parent, tools, GITHUB_STEP_SUMMARY=summary) for script in scripts
    )
    assert install.returncode == 0
    assert "pip install --quiet -e ." in (tools / "calls").read_text()
    assert check.returncode == 1
    for text in (check.stdout, summary.read_text("utf-8")):
        assert "✓ gram_matrix: visible checks passed" in text
        assert "✗ 01_layers.ipynb: the notebook is missing" in text
        assert "✗ 04_tuning.ipynb · experiment_a_inference: the text is still to be written" in text


@pytest.mark.bubblewrap
def test_the_instructors_workflow_grades_a_classroom(tmp_path, tools):
    repository = tmp_path / "course"
    repository.mkdir()
    (repository / ".venv").symlink_to(VENV)
    path = write_workflow(repository)
    student = tmp_path / "nst-gram-ada"
    save(student / "notebooks" / "02_gram.ipynb", notebook())
    committed(student)
    listed = json.dumps([{"name": student.name, "url": str(student)}])
    (tools / "gh").write_text(
        f'#!/bin/sh\necho "gh $@" >> "{tools}/calls"\n[ "$1" = auth ] || echo \'{listed}\'\n'
    )
    (tools / "gh").chmod(0o755)
    given = {"SUBMISSIONS": "submissions", "ORGANIZATION": "nst", "PREFIX": "nst-gram-"}
    given["RUNNER_TEMP"] = tmp_path / "temp"
    settings = tmp_path / "settings"
    for step in steps(yaml.safe_load(path.read_text("utf-8"))):
        if "run" in step:
            done = bash(step["run"], repository, tools, GITHUB_ENV=settings, **given)
            assert done.returncode == 0, (step["name"], done.stdout, done.stderr)
        if settings.exists():
            given |= dict(line.split("=", 1) for line in settings.read_text().splitlines())
    calls = (tools / "calls").read_text()
    assert "sudo apt-get install -y -qq bubblewrap" in calls
    assert "make TORCH=cpu .venv/installed-grading" in calls
    assert "gh repo list nst " in calls
    table = (tmp_path / "temp" / "GRADES" / "grades.csv").read_text("utf-8-sig").splitlines()
    assert table[1].startswith("ada,5,")
    assert "bubblewrap" in table[1]


def test_the_workflow_is_named_where_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("coursekit.build.bundles.write_workflow", lambda: write_workflow(tmp_path))
    done = CliRunner().invoke(main, ["workflow"])
    assert ".github/workflows/grade.yml" in done.output
    assert (tmp_path / ".github" / "workflows" / "grade.yml").exists()


# --- Gradescope ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "autograder.zip"
    write_bundle(path)
    return path


@pytest.fixture
def autograder(bundle, tmp_path):
    """Gradescope's folder, with the bundle in it."""
    root = tmp_path / "autograder"
    for name in ("source", "submission", "results"):
        (root / name).mkdir(parents=True)
    subprocess.run(["unzip", "-q", bundle, "-d", root / "source"], check=True)
    (root / "run_autograder").symlink_to("source/run_autograder")
    users = [{"name": "Ada Lovelace", "email": "ada@example.org", "id": 1}]
    (root / "submission_metadata.json").write_text(json.dumps({"id": 1, "users": users}))
    return root


def graded(root, around=lambda command: command):
    """Run it on what was handed in; what it printed, and the result."""
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root), "COURSEKIT_VENV": str(VENV)}
    done = subprocess.run(
        around([str(root / "run_autograder")]), cwd=root, env=environment, capture_output=True,
        text=True, timeout=600, check=False,
    )  # fmt: skip
    path = root / "results" / "results.json"
    return done, json.loads(path.read_text("utf-8")) if path.exists() else None


def scores(results):
    return {test["name"]: test["score"] for test in results["tests"]}


HOSTILE = """def gram_matrix(tensor):
    import glob, os, pathlib
    root = pathlib.Path({root!r})
    found = []
    for path in (root / "source/course/notebooks/reference/02_gram.ipynb",
                 root / "source/course/styletools/losses.py", root / "submission_metadata.json"):
        try:
            found.append(path.read_text()[:9])
        except OSError:
            pass
    try:
        (root / "results" / "results.json").write_text('{{"score": 100}}')
        found.append("written")
    except OSError:
        pass
    raise RuntimeError(f"found {{found}}, uid {{os.getuid() > 1000}}")
"""


def test_the_bundle_is_the_same_each_time_and_small(bundle, tmp_path):
    names = write_bundle(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()
    assert {"setup.sh", "run_autograder", "course/notebooks/reference/02_gram.ipynb"} <= {*names}
    assert not [name for name in names if name.startswith(("course/tests", "course/.git"))]
    assert bundle.stat().st_size < 20_000_000
    with zipfile.ZipFile(bundle) as archive:
        assert archive.getinfo("run_autograder").external_attr >> 16 & 0o111


def test_its_setup_makes_the_course_private(autograder, tools):
    (tools / "apt-get").write_text(
        f'#!/bin/sh\necho "apt-get $@" >> "{tools}/calls"\n'
        'case "$*" in *python3.13*|*python3.12*) exit 100 ;; esac\n'
    )
    done = bash(
        f"exec bash {autograder}/source/setup.sh", autograder, tools,
        AUTOGRADER_ROOT=autograder, COURSEKIT_VENV=VENV,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PYTHON=python3.11" in (tools / "calls").read_text()
    course = autograder / "source" / "course"
    assert not [path for path in (course, *course.rglob("*")) if path.stat().st_mode & 0o007]


@pytest.mark.bubblewrap
@pytest.mark.soak  # the workflow above grades in bubblewrap too
def test_a_right_answer_with_bubblewrap(autograder):
    save(autograder / "submission" / "02_gram.ipynb", notebook())
    done, results = graded(autograder)
    assert done.returncode == 0, done.stderr
    assert "Ada Lovelace: 5 of" in done.stdout
    assert results["score"] == scores(results)["02_gram: gram_matrix"] == 5
    assert results["output"] == ""


@pytest.mark.bubblewrap
@pytest.mark.parametrize("landlock", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_in_a_container_each_answer_gets_what_it_earns(autograder, tmp_path, landlock):
    """Hostile, right, wrong and missing, in one hand-in."""
    course = autograder / "source" / "course"
    subprocess.run(["chmod", "-R", "o-rwx", course], check=True)  # as setup.sh does
    answers = {
        "gram_matrix": HOSTILE.format(root=str(autograder)),
        "content_loss": ANSWERS["content_loss"],
        "total_loss": "def total_loss(content, style, content_weight, style_weight):\n"
        "    return content + style",
    }
    for lesson in ("02_gram", "03_losses"):
        path = autograder / "submission" / "deep" / f"{lesson}.ipynb"
        save(path, notebook(lesson, answers))
    done, results = graded(autograder, lambda command: container(command, tmp_path, landlock))
    assert done.returncode == 0, done.stdout + done.stderr
    earned = {name: score for name, score in scores(results).items() if score}
    assert earned == {"03_losses: content_loss": 5}
    assert results["score"] == 5
    assert results["output"] == SAYS["own uid"]
    [test] = [test for test in results["tests"] if test["name"] == "02_gram: gram_matrix"]
    assert "found [], uid True" in test["output"]


@pytest.mark.bubblewrap
def test_a_broken_hand_in_says_so(autograder):
    (autograder / "submission" / "02_gram.ipynb").write_text("{")
    done, results = graded(autograder)
    assert done.returncode == 0, done.stderr
    assert "Nothing of this submission could be read" in results["output"]
    assert "hand in again" in results["output"]


@pytest.mark.bubblewrap
def test_the_graders_own_failure_is_no_result(autograder):
    """No sandbox at all: Gradescope then says that the autograder failed."""
    save(autograder / "submission" / "02_gram.ipynb", notebook())
    (autograder / "results" / "results.json").write_text('{"score": 1}')  # of an earlier run
    powerless = ["bwrap", "--dev-bind", "/", "/", "--cap-drop", "ALL", "--"]
    done, results = graded(autograder, lambda command: [*powerless, *command])
    assert done.returncode == 1
    assert results is None
    assert "The grader failed, not the student" in done.stdout


# --- The command line ----------------------------------------------------------------------------


def test_the_weaker_sandbox_is_asked_for_on_the_command_line(tmp_path, monkeypatch):
    """And what no answer may read is named: the submissions and the grades."""
    given = {}
    monkeypatch.setattr(
        "coursekit.class_run.grade_all", lambda *_, **more: given.update(more) or []
    )
    save(tmp_path / "class" / "ada" / "02_gram.ipynb", notebook())
    command = ["grade", str(tmp_path / "class"), "-o", str(tmp_path / "GRADES")]
    CliRunner().invoke(main, [*command, "--allow-weaker-sandbox"], catch_exceptions=False)
    assert given["allow_weaker_sandbox"] is True
    [download] = {*given["hidden"]} - {tmp_path / "class", tmp_path / "GRADES"}
    assert download.name.startswith("coursekit-download-")  # where an LMS's ZIP file is unpacked
    assert {tmp_path / "class", tmp_path / "GRADES"} < {*given["hidden"]}


def test_sandbox_says_what_works(monkeypatch):
    monkeypatch.setattr(Bubblewrap, "trouble", lambda self: "It is forbidden.")
    monkeypatch.setattr(OwnUid, "trouble", lambda self: "")
    for options, code in (([], 1), (["--allow-weaker-sandbox"], 0)):
        done = CliRunner().invoke(main, ["sandbox", *options])
        assert done.exit_code == code
        assert "[FAIL] bubblewrap: It is forbidden." in done.output
        assert "[OK]   own uid" in done.output
