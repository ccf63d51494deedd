"""Libraries that a course lets students use: tried where answers run, said before grading."""

import sys
import tomllib

import pytest
from click.testing import CliRunner

from coursekit.cli import main
from coursekit.course import CourseError, allowed_libraries
from coursekit.grade import grader, libraries, pool
from coursekit.inside.importable import MISSING, problem
from coursekit.sandbox import Bubblewrap, Plain

REMEDY = f"{sys.executable} -m pip install nobody-has-this"
BROKEN = {
    "brok-en": ("ImportError: libGL.so.1 is missing", "raise ImportError('libGL.so.1 is missing')"),
    "Whole": ("", "X = 1"),
}


@pytest.fixture
def allowed(monkeypatch):
    """The course lets students use this, and nobody has it."""
    monkeypatch.setattr(libraries, "allowed_libraries", lambda: ("tqdm", "nobody-has-this"))


@pytest.mark.bubblewrap
def test_a_library_that_is_installed_can_be_imported_in_the_sandbox():
    """One whose module has another name than pip gives it, too."""
    [line] = libraries.missing_libraries(
        Bubblewrap(), ["tqdm", "scikit-image", "pillow", "nobody-has-this"]
    )
    assert "`nobody-has-this`, which is not installed where answers are graded" in line
    assert line.endswith(REMEDY)


@pytest.mark.parametrize("library", BROKEN)
def test_a_library_that_is_installed_may_still_not_run(library, tmp_path, monkeypatch):
    says, source = BROKEN[library]
    module = f"module_of_{library.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(source)
    information = tmp_path / f"{library.replace('-', '_')}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {library}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert problem(library, {"tqdm": ["tqdm"], module: [library]}) == says
    assert problem("nobody-has-this", {}) == MISSING


def test_it_is_said_before_the_first_answer_is_graded(allowed, tmp_path):
    class Grader:
        """As far as `grade_all` asks it before it grades."""

        sandbox, trouble, digest = Plain(), "", ""
        missing_libraries = grader.Grader.missing_libraries

    said = []

    def submissions():
        said.append("read")
        yield from ()

    list(pool.grade_all(submissions(), tmp_path, grader=Grader(), say=said.append))
    assert [REMEDY in line for line in said] == [True, False]


@pytest.mark.bubblewrap
def test_the_command_for_the_sandbox_says_it(allowed):
    done = CliRunner().invoke(main, ["sandbox"])
    assert done.exit_code == 1
    assert f"Install it first: {REMEDY}\n" in done.output


@pytest.mark.parametrize("value", ['"einops"', "[1]", '["-r/etc/passwd"]', '["a b"]', '[""]'])
def test_a_list_that_cannot_be(value):
    settings = tomllib.loads(f"[grading]\nlibraries = {value}")
    with pytest.raises(CourseError, match=r"libraries is .*; it must be a list of names"):
        allowed_libraries(settings)


def test_the_course_allows_what_its_file_says():
    assert allowed_libraries({"grading": {"libraries": ["einops", "scikit-learn"]}}) == (
        "einops", "scikit-learn",
    )  # fmt: skip
    assert allowed_libraries({}) == ()
