"""The project's files agree with each other."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import styletools
import styletools.course

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}  # where conda-forge differs


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_conda_environment_is_the_pip_one(project):
    lines = re.findall(r"^ +- (\S+)\s*(# .+)?$", (ROOT / "environment.yml").read_text(), re.M)
    conda = {line for line, _ in lines if line not in ("conda-forge", "pip", "pip:")}
    expected = {f"python{project['requires-python']}"}
    for requirement in project["dependencies"]:
        name = re.match(r"[\w-]+", requirement)[0]
        expected.add(CONDA_NAMES.get(name, name) + requirement.removeprefix(name))
    assert conda == expected
    assert all(comment for line, comment in lines if line != "conda-forge")


def test_every_dependency_says_what_needs_it():
    text = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|grading|dev) = \[\n(.*?)^\]", text, re.M | re.S)
    assert len(lists) == 3
    for line in "".join(lists).splitlines():
        assert re.fullmatch(r'\s+"[^"]+",\s+# \S.*', line), line


def test_public_names_exist_and_are_documented():
    assert len(styletools.__all__) <= 22
    for package in (styletools, styletools.lab, styletools.course):
        for name in package.__all__:
            thing = getattr(package, name)
            assert isinstance(thing, bool) or thing.__doc__.strip(), name
            assert name in dir(package)
    assert callable(styletools.studio)
    assert callable(styletools.lab.sweep)
    with pytest.raises(AttributeError, match="attribute stylise"):
        styletools.stylise  # noqa: B018


def test_types_of_public_names_reach_a_student(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import styletools\nstyletools.gram_matrix(3)\nstyletools.lab.sweep(4)\n"
    )
    command = [sys.executable, "-m", "mypy", str(tmp_path / "mine.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert '"gram_matrix" has incompatible type "int"; expected "Tensor"' in done.stdout
    assert '"sweep" has incompatible type "int"; expected "TransferConfig"' in done.stdout


def test_import_does_not_wait_for_torch():
    code = "import sys, styletools; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "False\n"


def test_planted_imports_are_found(tmp_path):
    for package in ("styletools", "coursekit"):
        ignored = shutil.ignore_patterns("__pycache__", "data", "static")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(ROOT / ".importlinter", tmp_path)
    planted = {
        "styletools.images": "styletools.transfer",
        "styletools.newcomer": "styletools.errors",
        "styletools.lab.run": "coursekit",
        "styletools.vgg": "tqdm",
        "styletools.engine.objective": "pandas",
        "coursekit.records": "coursekit.report",
        "coursekit.inside.standins": "styletools.config",
    }
    for module, other in planted.items():
        with (tmp_path / f"{module.replace('.', '/')}.py").open("a") as file:
            file.write(f"\nimport {other}\n")
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Contracts: 0 kept, 5 broken" in done.stdout
    assert "styletools.newcomer" in done.stdout  # it has no floor
    for module, other in planted.items():
        if module != "styletools.newcomer":
            assert f"{module} -> {other} (l." in done.stdout


@pytest.mark.parametrize("ci", ["", "true"])
def test_what_is_missing_is_skipped_and_said_and_fails_in_ci(ci):
    """Run where there is neither bubblewrap nor Chromium."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, "tests/grade/test_sandbox.py", "-k", "users_are"],
        cwd=ROOT, env=os.environ | {"CI": ci, "PATH": "/nowhere"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == bool(ci), done.stdout
    assert ("which CI does not allow" in done.stdout) == bool(ci)
    last = done.stdout.splitlines()[-1]
    assert last.startswith("Skipped: the tests that need bubblewrap and chromium. `make system`")


def test_no_machine_path_or_registry_host_is_committed():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    suspicious = re.compile(
        r"/(?:home|root|Users|opt(?!/course))/\w|/work/|files\.pythonhosted|pypi\.org/simple"
    )
    for name in tracked.stdout.split("\n"):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yml", ".ipynb", ".json", ""} and path.is_file():
            text = path.read_text(errors="ignore")
            assert path == Path(__file__) or not suspicious.search(text), name


@pytest.mark.parametrize("name", styletools.course.__all__)
def test_a_part_of_the_course_loads_alone(name):
    """What needs no torch does not wait for it, and no part brings the others along."""
    import subprocess
    import sys

    parts = ["checks", "chosen", "diagrams", "doctor", "handin", "notebook"]
    code = (
        f"import sys; from styletools.course import {name} as part; assert part is not None; "
        f"print(*(p for p in {parts} if 'styletools.course.' + p in sys.modules), "
        "'torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    home = name if name in parts else "chosen" if name.endswith("_pictures") else "notebook"
    light = home in ("doctor", "handin")
    assert answer.stdout == f"{home} {not light}\n", answer.stderr
