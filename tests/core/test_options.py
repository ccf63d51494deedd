"""Every option and argument of every command, right and wrong: exit codes, and never a traceback.

test_cli.py holds what each setting of a run does.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import pytest
from click.testing import CliRunner
from support import options

from coursekit import class_run

CASES = list(options.cases())
ENDS_WITH_1 = {  # as the help says
    "styletools check FOLDER: right",  # no notebook is there
    "coursekit clone REPOSITORIES: wrong",  # one could not be cloned
}
HEAVY = ("build --execute: right", "book", "gradescope", "release")
QUICK = [
    case
    for case in CASES
    if case.kind in ("right", "wrong", "gone")
    and not case.tried.startswith(("stylize --", *HEAVY))
    and "--execute" not in case.words
]
MODULES = {"styletools": "styletools.cli", "coursekit": "coursekit"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("options")
    return folder, options.prepare(folder)


@pytest.fixture
def work(prepared, tmp_path, monkeypatch):
    """A folder with the files of the cases; what it gives calls one of them there."""
    folder, run = prepared
    shutil.copytree(folder, tmp_path / "work")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))  # `purge` looks there
    monkeypatch.setenv("STYLETOOLS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.chdir(tmp_path / "work")
    return lambda case: [word.replace("RUN", run) for word in case.words]


def expected(case):
    if case.name in ENDS_WITH_1:
        return 1
    if case.tried == "clone --organization" and not shutil.which("gh"):
        return 2
    return 0 if case.kind == "right" else 2


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_an_option_ends_as_documented(case, work, monkeypatch):
    monkeypatch.setattr(class_run, "grade_all", options.grade_all)
    done = CliRunner().invoke(options.PROGRAMS[case.program], work(case))
    assert done.exit_code == expected(case), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.output or case.tried == "build --check"


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_through_a_shell(case, work):
    """The same as a user gives it; each line of the table goes into $OPTIONS_TABLE, if set."""
    command = [sys.executable, "-m", MODULES[case.program], *work(case)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    said = " ".join((done.stderr or done.stdout).split())
    if table := os.environ.get("OPTIONS_TABLE"):
        with open(table, "a", encoding="utf-8") as file:
            file.write(f"{done.returncode}\t{case.name}\t{' '.join(case.words)}\t{said[-300:]}\n")
    assert done.returncode == expected(case), said
    assert "Traceback" not in said


def test_every_parameter_is_tried():
    tried = {case.tried for case in CASES}
    for group in options.PROGRAMS.values():
        for words, command in options.commands(group):
            for parameter in command.params:
                assert f"{' '.join(words)} {options.shown(parameter)}" in tried
