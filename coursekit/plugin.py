"""The front door: `pytest --nbval -p coursekit.plugin SUBMISSION.ipynb`.

Each notebook named stands for a submission: its code is run in the sandbox (see `grade.grader`),
never the file as it came. There is a test for each TODO: of one lesson, if the file's name says
which, else of all. Exit code 0 means full marks of everything that was given.

Without `-p` this file does nothing. It is no entry point, so that a plain
`pytest --nbval notebooks/reference` stays what it is.
"""

from collections.abc import Generator, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from coursekit.collect.archive import NOT_LOOKED_AT, RENAMED
from coursekit.collect.layouts import find_handins
from coursekit.course import lesson_names
from coursekit.grade.experiments import LESSON as EXPERIMENTS
from coursekit.grade.grader import Grader
from coursekit.reading import Reader
from coursekit.records import SINGLE, Grade, Outcome, Submission
from coursekit.sandbox.places import REPOSITORY

GRADER = pytest.StashKey[Grader]()
FILES = pytest.StashKey[list["SubmissionFile"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """For submissions that you trust."""
    parser.getgroup("coursekit").addoption(
        "--unsafe-no-sandbox",
        action="store_true",
        help="Run the answers unprotected, for submissions that you trust.",
    )
    parser.getgroup("coursekit").addoption(
        "--allow-weaker-sandbox",
        action="store_true",
        help="Where bubblewrap does not work, run each answer as a user of its own (as root only).",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """What lies beside or above a submission steers nothing, and no conftest.py is run.

    Raises:
        UsageError: there are settings of pytest that are not the course's, nor named.
    """
    early_config.known_args_namespace.noconftest = True
    found = early_config.inipath
    given = early_config.invocation_params.args
    named = any(arg.startswith(("-c", "--config-file")) for arg in given)
    if found is not None and not named and found.resolve().parent != REPOSITORY:
        raise pytest.UsageError(
            f"pytest would take its settings from {found}, which may be the student's. If they are "
            f"yours: -c {found}. If not: -c FILE with some of your own, which may be empty."
        )


def pytest_configure(config: pytest.Config) -> None:
    """Start the grader.

    Raises:
        UsageError: there is no sandbox.
    """
    config.stash[FILES] = []
    config.stash[GRADER] = grader = Grader(
        unsafe_no_sandbox=config.option.unsafe_no_sandbox,
        allow_weaker_sandbox=config.option.allow_weaker_sandbox,
        hidden=[path for arg in config.args if (path := Path(arg)).exists()],
    )
    config.add_cleanup(grader.__exit__)
    if grader.trouble:
        raise pytest.UsageError(
            f"{grader.trouble} Or, for submissions that you trust: --unsafe-no-sandbox."
        )


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which libraries that students may use cannot be imported."""
    return config.stash[GRADER].missing_libraries()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Any, parent: pytest.Collector
) -> Generator[None, list[Any], list[Any]]:
    """Instead of nbval's reading of the notebook, and of everything else there."""
    found = yield
    if file_path.suffix.lower() == ".ipynb":
        file = SubmissionFile.from_parent(parent, path=file_path)
        parent.config.stash[FILES].append(file)
        return [file]
    return [] if file_path.suffix == ".py" else found


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """No option, and no `-k` or `--collect-only`, makes less than full marks a success."""
    if session.exitstatus == pytest.ExitCode.OK and _not_full(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what does not have full marks: no test failed for a file that nobody asked."""
    for path in _not_full(config):
        terminalreporter.write_line(f"Not graded here, or without full marks: {path}")


def _not_full(config: pytest.Config) -> list[Path]:
    """The files given that do not have full marks."""
    files = {file.path.resolve(): file for file in config.stash[FILES]}
    given = [Path(argument.partition("::")[0]) for argument in config.args]
    inside = (one for path in given for one in ([path] if path.is_file() else path.rglob("*")))
    asked = {
        path.resolve()
        for path in inside
        if path in given or (_is_handed_in(path) and not NOT_LOOKED_AT & set(path.parts))
    }
    lacking = [path for path in {*asked, *files} if path not in files or not files[path].full]
    return sorted(lacking) if files else sorted(asked) or given


def _is_handed_in(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith((".ipynb", ".zip", *RENAMED))


class SubmissionFile(pytest.File):
    """A notebook that a student handed in."""

    grade: Grade | None = None

    @cached_property
    def submission(self) -> Submission:
        """The notebook, read."""
        [handin] = find_handins([self.path]).handins
        with Reader() as reader:
            return reader.read(handin)[0]

    @property
    def lesson(self) -> str:
        """The lesson that the file is named like, or the single exercise; empty for neither."""
        if self.submission.single:
            return SINGLE
        stem = self.path.stem.lower()
        return next((name for name in lesson_names() if name in stem), "")

    def collect(self) -> Iterator["TodoItem"]:
        """A test for each TODO."""
        for todo in self.config.stash[GRADER].todos_of(self.lesson):
            yield TodoItem.from_parent(self, name=todo.name)

    def graded(self) -> Grade:
        """The grade; the first test that asks has it made."""
        if self.grade is None:
            self.grade = self.config.stash[GRADER].grade(self.submission, self.lesson)
        return self.grade

    @property
    def full(self) -> bool:
        """Whether it has full marks; a lesson without points needs none."""
        if self.grade is not None:
            return self.grade.complete and self.grade.points >= self.grade.possible
        todos = self.config.stash[GRADER].todos_of(self.lesson)
        return not todos and self.lesson != EXPERIMENTS


class NotFullMarks(Exception):  # noqa: N818
    """A TODO that does not have all its points."""

    def __init__(self, outcome: Outcome) -> None:
        points = f"{outcome.points:g} of {outcome.possible:g} points"
        code = f" ({outcome.code})" if outcome.code else ""
        says = f"{outcome.status}{code}: {points}. {outcome.message}"
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in says.strip()))


class TodoItem(pytest.Item):
    """One TODO of a submission."""

    parent: SubmissionFile

    def runtest(self) -> None:
        """Pass if it has full marks."""
        [outcome] = [one for one in self.parent.graded().outcomes if one.grade_id == self.name]
        self.add_report_section("call", "points", f"{outcome.points:g} of {outcome.possible:g}")
        if outcome.status == "infrastructure" or outcome.points < outcome.possible:
            raise NotFullMarks(outcome)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What became of it, without a traceback."""
        if isinstance(excinfo.value, NotFullMarks):
            return f"{self.name}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Named like the TODO."""
        return self.path, None, self.name
