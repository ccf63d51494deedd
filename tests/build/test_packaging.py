"""The project's files agree with each other."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

import styletools

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}  # where conda-forge differs


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_conda_environment_is_the_pip_one(project):
    lines = re.findall(r"^  - (\S+)\s*(# .+)?$", (ROOT / "environment.yml").read_text(), re.M)
    conda = {line for line, _ in lines if line not in ("conda-forge", "pip")}
    expected = {f"python{project['requires-python']}"}
    for requirement in project["dependencies"]:
        name = re.match(r"[\w-]+", requirement)[0]
        expected.add(CONDA_NAMES.get(name, name) + requirement.removeprefix(name))
    assert conda == expected
    assert all(comment for line, comment in lines if line != "conda-forge")


def test_every_dependency_says_what_needs_it():
    text = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|dev) = \[\n(.*?)^\]", text, re.M | re.S)
    assert len(lists) == 2
    for line in "".join(lists).splitlines():
        assert re.fullmatch(r'\s+"[^"]+",\s+# \S.*', line), line


def test_public_names_exist_and_are_documented():
    for name in styletools.__all__:
        thing = getattr(styletools, name)
        assert thing.__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'stylise'"):
        styletools.stylise  # noqa: B018


def test_import_does_not_wait_for_torch():
    import subprocess
    import sys

    code = "import sys, styletools; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "False\n"


def test_styletools_never_imports_coursekit():
    for path in (ROOT / "styletools").rglob("*.py"):
        assert not re.search(r"^\s*(import|from) coursekit", path.read_text(), re.M), path


@pytest.mark.parametrize("lower", ["images", "vgg", "losses", "transfer", "config", "backbones"])
def test_imports_run_one_way(lower):
    source = (ROOT / "styletools" / f"{lower}.py").read_text()
    assert not re.search(r"(matplotlib|ipywidgets|styletools\.(plots|widgets|cli|exper))", source)
    importlib.import_module(f"styletools.{lower}")


def test_no_machine_path_or_registry_host_is_committed():
    import subprocess

    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    suspicious = re.compile(
        r"/(?:home|root|Users|opt)/\w|/work/|files\.pythonhosted|pypi\.org/simple"
    )
    for name in tracked.stdout.split("\n"):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".yml", ".ipynb", ".json", ""} and path.is_file():
            text = path.read_text(errors="ignore")
            assert name == "tests/test_packaging.py" or not suspicious.search(text), name
