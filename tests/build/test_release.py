"""The students' release holds all they need, and nothing of the instructor's."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from coursekit.build import lesson as build
from coursekit.build import release
from coursekit.build.release import ReleaseError, release_files, student_pyproject, write_release
from coursekit.cli import main

ROOT = Path(__file__).parents[2]
LESSON = """# %% [markdown]
# # A lesson

# %% grade_id="double" solution=true
import math


def double(x):
    result = None  # TODO
    ### BEGIN SOLUTION
    result = x + x
    ### END SOLUTION
    return result


# %% grade_id="check_double" points=5
assert double(2) == 4
"""


@pytest.fixture(scope="module")
def files():
    return release_files(ROOT)


@pytest.fixture
def course(tmp_path):
    """A course of one lesson, built."""
    root = tmp_path / "course"
    (root / "notebooks" / "lessons").mkdir(parents=True)
    (root / "notebooks" / "lessons" / "01_double.py").write_text(LESSON)
    for name in ("LICENSE", "environment.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    (root / "styletools").mkdir()
    (root / "styletools" / "__init__.py").write_text('"""A kit."""\n')
    (root / "images").mkdir()
    (root / "images" / "SOURCES.md").write_text("None.\n")
    list(build.build(root / "notebooks"))
    return root


def test_everything_a_student_needs_is_in_it(files):
    built = {path.stem for path in (ROOT / "notebooks" / "student").glob("*.ipynb")}
    assert {Path(n).stem for n in files if n.startswith("notebooks/")} == built > {"02_gram"}
    tracked = subprocess.run(
        ["git", "ls-files", "styletools", "images"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    assert set(tracked) <= set(files)
    assert {"README.md", "LICENSE", "pyproject.toml", "environment.yml"} < set(files)


def test_nothing_of_the_instructors_is_in_it(files):
    for name, content in files.items():
        assert not re.search(
            r"coursekit|tests|lessons/|reference|solution|bench|\.git(?!hub/workflows/checks)|pycache",
            name,
        )
        if name.endswith((".ipynb", ".py", ".toml", ".md")):
            assert b"coursekit" not in content, name
            assert b"BEGIN SOLUTION" not in content, name


def test_no_line_of_a_solution_is_in_a_notebook(files):
    for notebook in (ROOT / "notebooks" / "student").glob("*.ipynb"):
        path = ROOT / "notebooks" / "lessons" / f"{notebook.stem}.py"
        inside, secret, given = False, set(), set()
        for line in path.read_text().split("\n"):  # told apart without coursekit
            plain = line.removeprefix("# ").strip()
            inside = inside and "END SOLUTION" not in line
            (secret if inside else given).add(plain)
            inside = inside or "BEGIN SOLUTION" in line
        found = json.loads(files[f"notebooks/{path.stem}.ipynb"])["cells"]
        lines = {line.strip() for cell in found for line in "".join(cell["source"]).split("\n")}
        assert not (secret - given) & lines
        assert secret or path.stem not in ("01_layers", "02_gram", "03_losses", "04_tuning")


def test_pyproject_installs_styletools_alone(files):
    project = tomllib.loads(files["pyproject.toml"].decode())
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dependencies"] == whole["project"]["dependencies"]
    assert project["project"]["scripts"] == {"styletools": "styletools.cli:main"}
    assert project["build-system"] == whole["build-system"]
    assert project["tool"]["setuptools"]["packages"]["find"]["include"] == ["styletools*"]
    assert set(project["tool"]["setuptools"]["package-data"]) == {"styletools"}
    assert set(project["tool"]) == {"setuptools"}
    assert "dev" not in project["project"].get("optional-dependencies", {})
    for name in (project["project"]["readme"], *project["project"]["license-files"]):
        assert name in files


def test_unpacked_it_works_without_this_checkout(tmp_path, files):
    release._write_zip(tmp_path / "students.zip", files, release.course_date(ROOT))
    with zipfile.ZipFile(tmp_path / "students.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / release.FOLDER
    code = """
import styletools, styletools.cli, sys
from pathlib import Path
assert Path(styletools.__file__).is_relative_to(Path.cwd()), styletools.__file__
print(len(styletools.bundled("content")), len(styletools.bundled("style")))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True
    )
    assert answer.stdout.split() == ["5", "11"], answer.stderr


def test_the_package_builds_from_it(tmp_path, files):
    """setuptools, as pip calls it, finds styletools and its data, and nothing else."""
    release._write_folder(tmp_path / "students", files)
    code = "from setuptools import setup; setup()"
    command = [sys.executable, "-c", code, "-q", "build", "--build-lib", str(tmp_path / "lib")]
    subprocess.run(command, cwd=tmp_path / "students", check=True, capture_output=True)
    built = {p.relative_to(tmp_path / "lib").as_posix() for p in (tmp_path / "lib").rglob("*.*")}
    assert {n for n in files if n.startswith("styletools/")} <= built
    assert {name.split("/")[0] for name in built} == {"styletools"}


def test_zip_and_folder_hold_the_same_and_bytes_are_reproducible(course, tmp_path):
    names = write_release(tmp_path / "a.zip", course)
    write_release(tmp_path / "b.zip", course)
    write_release(tmp_path / "folder", course)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        for entry, name in zip(archive.infolist(), names, strict=True):
            assert entry.filename == f"{release.FOLDER}/{name}"
            assert stat.S_IMODE(entry.external_attr >> 16) == 0o644
            assert archive.read(entry) == (tmp_path / "folder" / name).read_bytes()


def test_files_have_the_courses_date(course, tmp_path, monkeypatch):
    def dates(name):
        write_release(tmp_path / name, course)
        with zipfile.ZipFile(tmp_path / name) as archive:
            return {entry.date_time for entry in archive.infolist()}

    for path in release.course_files(course):
        os.utime(path, (1_720_000_000, 1_720_000_000))
    assert dates("files.zip") == {(2024, 7, 3, 9, 46, 40)}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert dates("given.zip") == {(2023, 11, 14, 22, 13, 20)}
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    for words in (
        ["init", "-q"], ["add", "-A"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x", "--date", "@1"],
    ):  # fmt: skip
        subprocess.run(["git", "-C", course, *words], check=True,
                       env={**os.environ, "GIT_COMMITTER_DATE": "@1710000000 +0000"})  # fmt: skip
    assert dates("commit.zip") == {(2024, 3, 9, 16, 0, 0)}


def test_students_pushes_install_no_cuda(files):
    workflow = files[".github/workflows/checks.yml"].decode()
    install = workflow.index("pip install --quiet torch torchvision --index-url")
    assert install < workflow.index("pip install --quiet -e .")
    assert "/whl/cpu" in workflow


def test_files_nobody_meant_stay_out(course):
    for name in ("styletools/.secret.py", "styletools/__pycache__/a.py", "images/.x.jpg"):
        (course / name).parent.mkdir(exist_ok=True)
        (course / name).write_text("x")
    (course / "styletools" / "link.py").symlink_to(course / "pyproject.toml")
    (course / "notebooks" / "student" / "notes.txt").write_text("x")
    assert set(release_files(course)) == {
        "LICENSE", "README.md", "environment.yml", "images/SOURCES.md", "notebooks/01_double.ipynb",
        "pyproject.toml", "styletools/__init__.py", ".github/workflows/checks.yml",
    }  # fmt: skip


def test_notebooks_that_are_not_current_are_not_released(course, tmp_path):
    source = course / "notebooks" / "lessons" / "01_double.py"
    source.write_text(source.read_text().replace("# A lesson", "# Another"))
    with pytest.raises(ReleaseError, match="Build them first"):
        write_release(tmp_path / "a.zip", course)
    assert not (tmp_path / "a.zip").exists()


def test_a_solution_in_a_student_notebook_is_not_released(course):
    path = course / "notebooks" / "student" / "01_double.ipynb"
    path.write_text(path.read_text().replace("result = None  # TODO", "result = x + x"))
    with pytest.raises(ReleaseError, match=r"result = x \+ x"):
        release_files(course)


def test_a_folder_in_use_is_left_alone(course, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("mine")
    with pytest.raises(ReleaseError, match="is not empty"):
        write_release(tmp_path / "there", course)
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert write_release(tmp_path / "empty", course)
    assert (tmp_path / "empty" / "README.md").exists()


SECRETS = """
# The penalty is
# nobody's business.

[grading]  # SECRET
late = 0.5
libraries = ["SECRET"]

[grading.points]
gram = "SECRET"

# for everybody
[extra]
"""


def handed_out_settings():
    """The course's file without the table that only the instructor has, and its comment."""
    whole = (ROOT / release.SETTINGS_FILE).read_text("utf-8")
    before, comment, _ = whole.partition("\n# Whether the single exercise asks")
    assert comment
    return before


@pytest.mark.parametrize("place", ["at the end", "at the beginning", "in the middle"])
def test_what_only_the_instructor_knows_stays_out(course, place):
    whole = handed_out_settings()
    base, weights = whole.split("[base.style_weights]")
    text = {
        "at the end": f"{whole}{SECRETS}",
        "at the beginning": f"{SECRETS}{whole}",
        "in the middle": f"{base}{SECRETS}[base.style_weights]{weights}",
    }[place]
    (course / "styletools" / "data").mkdir()
    (course / release.SETTINGS_FILE).write_text(text, "utf-8")
    handed_out = release_files(course)[release.SETTINGS_FILE].decode()
    assert tomllib.loads(handed_out) == tomllib.loads(whole) | {"extra": {}}
    assert not re.search("SECRET|late|penalty|nobody", handed_out)
    assert "# of Adam" in handed_out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grading.late = 0.5\n", r"the table \[grading\] cannot be left out. Begin it"),
        ("[grading]\nlate = [\n [1, 2],\n]\n", "cannot be left out"),
        ("[base\n", r"course.toml is not TOML \(.*line 1"),
    ],
)
def test_what_cannot_be_left_out_is_not_released(course, text, message):
    (course / "styletools" / "data").mkdir()
    (course / release.SETTINGS_FILE).write_text(text, "utf-8")
    with pytest.raises(ReleaseError, match=message):
        release_files(course)


def test_the_courses_file_is_handed_out_as_it_is(files):
    assert files[release.SETTINGS_FILE].decode() == handed_out_settings()


def test_pyproject_of_the_release_keeps_why_each_dependency_is_there():
    text = student_pyproject((ROOT / "pyproject.toml").read_text())
    assert re.search(r'"torch>=[\d.]+",\s+# \S', text)


def test_command_line(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "coursekit.build.lesson.check", lambda *_: []
    )  # lessons may be in the making
    answer = CliRunner().invoke(main, ["release", "-o", str(tmp_path / "s.zip")])
    assert answer.exit_code == 0, answer.output
    assert "s.zip" in answer.output
    answer = CliRunner().invoke(main, ["release", "-o", str(tmp_path)])
    assert answer.exit_code == 2
    assert "is not empty" in answer.output
