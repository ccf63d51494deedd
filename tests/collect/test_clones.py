"""Students' repositories: twenty of them cloned by list and by prefix, and hostile ones."""

import csv
import json
import os
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner
from support.handins import ANSWERS, committed, notebook, save

from coursekit.cli import main
from coursekit.collect import collect
from coursekit.collect.clones import CloneError, clone
from coursekit.collect.layouts import find_handins

PREFIX = "cs1-style-"


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def repository(place, name, n=1, day=1):
    own = notebook(answers={"gram_matrix": f"def gram_matrix(tensor):\n    return {n}"})
    save(place / name / "notebooks" / "02_gram.ipynb", own)
    return committed(place / name, f"2026-11-{day:02}T12:00:00+01:00")


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    place = tmp_path_factory.mktemp("github")
    for n in range(20):
        repository(place, f"{PREFIX}user-{n:02}", n, day=n + 1)
    repository(place, "cs1-other-user-00", 99)
    return place


def answering(place, repositories, monkeypatch):
    """A `gh` that answers `gh repo list` as GitHub's does."""
    known = json.dumps([{"name": p.name, "url": str(p)} for p in repositories.iterdir()])
    (place / "known.json").write_text(known)
    program = place / "bin" / "gh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$3" = cs1 ] && cat "{place}/known.json"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


@pytest.fixture
def gh(tmp_path, monkeypatch, twenty):
    answering(tmp_path, twenty, monkeypatch)


def answers(folder):
    return {
        submission.student: submission.answers["02_gram", "gram_matrix"].source.split()[-1]
        for submission in collect([folder])
    }


EXPECTED = {f"user-{n:02}": str(n) for n in range(20)}


def test_twenty_repositories_with_a_prefix(tmp_path, gh):
    folder = tmp_path / "clones"
    done = run("clone", folder, "--organization", "cs1", "--prefix", PREFIX)
    assert done.exit_code == 0, done.output
    assert "20 repositories in" in done.stdout
    assert answers(folder) == EXPECTED
    found = find_handins([folder])
    assert list(found.layouts.values()) == ["github"]
    assert found.handins[4].submitted == "2026-11-05T12:00:00+01:00"


def test_twenty_repositories_of_a_list(tmp_path, twenty):
    lines = [f"{twenty}/{PREFIX}user-{n:02}" for n in range(20)]
    (tmp_path / "list.txt").write_text("# mine\n\n" + "\n".join(lines))
    done = run("clone", tmp_path / "clones", "--list", tmp_path / "list.txt")
    assert done.exit_code == 0, done.output
    assert set(answers(tmp_path / "clones").values()) == set(EXPECTED.values())


def test_the_same_command_takes_the_newest_state(tmp_path):
    place = repository(tmp_path, f"{PREFIX}ada", 1)
    clone([str(place)], tmp_path / "clones", PREFIX)
    save(place / "notebooks" / "02_gram.ipynb", notebook(
        answers={"gram_matrix": "def gram_matrix(tensor):\n    return 2"}))  # fmt: skip
    committed(place)
    clone([str(place)], tmp_path / "clones", PREFIX)
    assert answers(tmp_path / "clones") == {"ada": "2"}


def test_one_that_fails_stops_no_other(tmp_path, twenty):
    done = run("clone", tmp_path / "clones", twenty / f"{PREFIX}user-01", tmp_path / "gone")
    assert done.exit_code == 1
    assert "gone: " in done.stderr
    assert [path.name for path in (tmp_path / "clones").glob("[!.]*")] == [f"{PREFIX}user-01"]


def test_nothing_of_a_repository_is_followed_or_run(tmp_path):
    place = repository(tmp_path, f"{PREFIX}mallory")
    (place / "secret").symlink_to("/etc/passwd")
    (place / ".gitattributes").write_text("*.txt filter=lfs\n")
    (place / ".gitmodules").write_text('[submodule "x"]\n path = x\n url = /nowhere\n')
    hook = place / "hooks" / "post-checkout"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    committed(place)
    clone([str(place)], tmp_path / "clones", PREFIX)
    link = tmp_path / "clones" / place.name / "secret"
    assert stat.S_ISREG(link.lstat().st_mode)
    assert link.read_text() == "/etc/passwd"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("address", ["--upload-pack=x/y", "ext::sh -c id", "a/..", ""])
def test_what_is_no_repository(tmp_path, address):
    with pytest.raises(CloneError, match="is no repository"):
        clone([address], tmp_path)


def test_two_of_one_name(tmp_path):
    with pytest.raises(CloneError, match="Several repositories are called x"):
        clone(["a/x", "b/x"], tmp_path)


def test_what_is_missing_is_said(tmp_path, gh, monkeypatch):
    assert "--prefix" in run("clone", tmp_path / "c", "--organization", "cs1").stderr
    none = run("clone", tmp_path / "c", "--organization", "cs1", "--prefix", "zz")
    assert "no repository whose name begins with 'zz'" in none.stderr
    monkeypatch.setenv("PATH", "/nonexistent")
    gone = run("clone", tmp_path / "c", "--organization", "cs1", "--prefix", PREFIX)
    assert "The program gh is not there" in gone.stderr


@pytest.mark.parametrize("mark", [".git", ".classroom50.yml"])
def test_the_folder_that_classroom_50_makes(tmp_path, mark):
    folder = tmp_path / "cs1-style_submissions_2026_11_27_T_14_30_45"
    for n, login in enumerate(("ada", "alan")):
        place = folder / f"{PREFIX}{login}"
        own = notebook(answers={"gram_matrix": f"def gram_matrix(tensor):\n    return {n}"})
        save(place / "02_gram.ipynb", own)
        (place / mark).mkdir() if mark == ".git" else (place / mark).write_text("x")
    (folder / "scores.csv").write_text("username,score\n")
    assert answers(folder) == {"ada": "0", "alan": "1"}


GRAM = {  # and the points that each of them earns
    ANSWERS["gram_matrix"]: 5,
    ANSWERS["gram_matrix"].replace("flat, flat.t()", "flat.t(), flat"): 0,
    "def gram_matrix(tensor):\n    raise ValueError('by zebrowska')": 0,
}


@pytest.mark.soak
@pytest.mark.bubblewrap
@pytest.mark.timeout(3600)
def test_twenty_are_cloned_graded_and_removed(tmp_path_factory, monkeypatch):
    """By the three commands, with home, caches and temporary files in one folder to be searched."""
    github, machine = tmp_path_factory.mktemp("github"), tmp_path_factory.mktemp("machine")
    expected = {}
    for n in range(20):
        login, (answer, points) = f"zebrowska-{n:02}", list(GRAM.items())[n % 3]
        own = {**ANSWERS, "gram_matrix": answer, "gram_matrix_explanation": f"By {login}."}
        save(github / f"{PREFIX}{login}" / "02_gram.ipynb", notebook(answers=own))
        committed(github / f"{PREFIX}{login}")
        expected[login] = str(points)
    answering(tmp_path_factory.mktemp("gh"), github, monkeypatch)
    places = {name: machine / name for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR")}
    for place in places.values():
        place.mkdir()

    def coursekit(*arguments):
        command = [sys.executable, "-m", "coursekit", *map(str, arguments)]
        environment = {**os.environ, **{name: str(place) for name, place in places.items()}}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=3000
        )

    def named():
        """Files in whose name, or in whose bytes, a student is named."""
        files = [path for path in machine.rglob("*") if path.is_file()]
        return [p for p in files if "zebrowska" in str(p) or b"zebrowska" in p.read_bytes()]

    clones, grades = machine / "clones", machine / "GRADES"
    done = coursekit("clone", clones, "--organization", "cs1", "--prefix", PREFIX)
    assert done.returncode == 0, done.stderr
    done = coursekit("grade", clones, "-o", grades)
    assert done.returncode == 0, done.stderr
    with open(grades / "grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["student"]: row["02_gram/gram_matrix points"] for row in rows} == expected
    assert len([path for path in named() if path.is_relative_to(grades)]) > 60
    done = coursekit("purge", grades, clones, "--yes")
    assert done.returncode == 0, done.stderr
    assert named() == []
