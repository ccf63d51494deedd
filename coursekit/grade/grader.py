"""Grades a submission: one student's answers → `Grade`; many students': see `pool`.

What a student's answers print is compared in another process, at a seed that nobody knew before
(see `rebuild`). All answers run in one kernel. One that fails there without being the first is run
again where it is the first, and one that ends or blocks the kernel is run a second time: what
one answer does to torch, or to the kernel, takes no points from another.
"""

import json
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from coursekit.collect.one_notebook.find import read_single_todos
from coursekit.course import NOTEBOOKS, Question, course_digest, pictures_handed_out
from coursekit.grade import diagnosis
from coursekit.grade import pictures as ownpictures
from coursekit.grade.kits import write_kernel_kit, write_whole_kit
from coursekit.grade.nbval import CellResult, Seconds, run_notebook
from coursekit.grade.rebuild import (
    Reference,
    is_stub,
    read_todos,
    rebuild,
    verdict_id,
)
from coursekit.inside import verdicts
from coursekit.records import SINGLE, Grade, Outcome, Status, Submission
from coursekit.sandbox import WORK, Plain, Sandbox, choose

LOST = ("timed out", "died", "out of memory", "not reached")
TRIES = 2  # of an answer that ends or blocks the kernel, and of a kernel that does not start
NO_MEMORY = ("MemoryError", "allocate memory", "not enough memory")
ENDS = 4  # of a picture's name, at which the kernel is shown it
MOST_WORDS = 6_000  # of bubblewrap's command for them; it takes 9,000 in all


@dataclass(frozen=True)
class Judged:
    """One answer's cells, as they ran.

    Attributes:
        parts: {part: result}, of the verdict cells that give points.
        extra: the result of the part that shows a deliberate extension, if there is one.
        report: what the kernel reports of names, if the TODO asks for it.
        started: whether the kernel got ready for it.
        others: results of the answer's other cells.
    """

    parts: Mapping[str, CellResult]
    extra: CellResult | None
    report: CellResult | None
    started: bool
    others: tuple[CellResult, ...] = ()

    @property
    def cells(self) -> list[CellResult]:
        """All of them."""
        found = [*self.others, *self.parts.values(), self.extra, self.report]
        return [cell for cell in found if cell is not None]

    @property
    def full(self) -> bool:
        """Whether it earned all points."""
        needed = [*self.parts.values(), *([self.report] if self.report else [])]
        return self.started and all(cell.passed for cell in needed)

    @property
    def lost(self) -> str:
        """What became of the kernel, if it was lost in one of its cells."""
        return next((cell.how for cell in self.cells if cell.how in LOST), "")


@dataclass
class Grader:
    """Grades one submission after the other; may be used by several threads.

    Attributes:
        notebooks: holds the built `reference` and `student`.
        unsafe_no_sandbox: run answers unprotected: for submissions that you trust.
        diagnosed: also ask the student's own checks what is wrong.
        seconds: time limits.
        allow_weaker_sandbox: than bubblewrap, where that does not work; see `sandbox.choose`.
        hidden: files and folders that no answer may read, besides the course.
        sandbox: what answers run in; found out.
        trouble: why they cannot be run; "" if they can.
    """

    notebooks: Path = NOTEBOOKS
    unsafe_no_sandbox: bool = False
    diagnosed: bool = True
    seconds: Seconds = field(default_factory=Seconds)
    allow_weaker_sandbox: bool = False
    hidden: Sequence[Path] = ()
    sandbox: Sandbox = field(init=False)
    trouble: str = field(init=False)

    def __post_init__(self) -> None:
        """Read the lessons, and run the reference.

        Raises:
            CourseError: the lessons cannot be graded as they are.
        """
        self.todos = read_todos(self.notebooks)
        self.single_todos = read_single_todos(self.notebooks)
        self.sandbox, self.trouble = Plain(), ""
        if not self.unsafe_no_sandbox:
            self.sandbox, self.trouble = choose(self.allow_weaker_sandbox, self.hidden)
        self.digest = course_digest(self.notebooks)
        self._reference = Reference(self.todos)
        self._lock = threading.Lock()  # of the reference: it is run by one thread at a time
        self._folder = Path(tempfile.mkdtemp(prefix="coursekit-kit-"))
        self._kits = ExitStack()
        self._kits.callback(shutil.rmtree, self._folder, ignore_errors=True)
        write_kernel_kit(self._folder / "kernel")
        write_whole_kit(self._folder / "whole")

    def __enter__(self) -> "Grader":
        return self

    def __exit__(self, *_: object) -> None:
        self._kits.close()

    def grade(self, submission: Submission, lesson: str = "") -> Grade:
        """Grade one submission. What goes wrong here is "infrastructure", never a zero.

        Args:
            submission: of one student.
            lesson: whose TODOs count alone; all lessons', if left out. The single exercise has
                its own.
        """
        todos = self.todos_of(SINGLE if submission.single else lesson)
        if self.trouble:
            outcomes = [self.unknown(todo, self.trouble) for todo in todos]
        elif submission.refused:
            outcomes = [self.unknown(todo, submission.refused, Status.REFUSED) for todo in todos]
        else:
            outcomes = self._outcomes(submission, todos)
        return Grade(submission.student, tuple(outcomes), submission.notes, self.sandbox.name)

    def todos_of(self, lesson: str = "") -> tuple[Question, ...]:
        """The TODOs of a lesson, or of the single exercise; of all lessons, if none is named."""
        if lesson == SINGLE:
            return self.single_todos
        return tuple(todo for todo in self.todos if lesson in ("", todo.lesson))

    # --- Running ---------------------------------------------------------------------------------

    def _outcomes(self, submission: Submission, todos: Sequence[Question]) -> list[Outcome]:
        found = {key: answer.source for key, answer in submission.answers.items()}
        answers = {
            todo.name: found[todo.key]
            for todo in todos
            if todo.key in found and not is_stub(found[todo.key], todo.stub)
        }
        with tempfile.TemporaryDirectory(prefix="coursekit-pictures-") as folder:
            pictures: dict[str, Path] = {}
            if submission.pictures and set(verdicts.REPORTED) & set(answers):
                pictures = ownpictures.unpack_pictures(submission.files, Path(folder))
            judged = self._judge(answers, pictures)
            told = self._diagnoses(answers, judged)
            return [
                self._outcome(todo, judged[todo.name], told.get(todo.name), submission, pictures)
                if todo.name in judged
                else self._nothing(todo, "The answer is as it was handed out, or not there.")
                for todo in todos
            ]

    def _judge(self, answers: Mapping[str, str], pictures: Mapping[str, Path]) -> dict[str, Judged]:
        """Run all answers, until each one's result is its own."""
        sandbox = self.sandbox.furnished(self._folder / "kernel", _in_work(pictures))
        final: dict[str, Judged] = {}
        tries = dict.fromkeys(answers, 0)
        queue = [list(answers)] if answers else []
        while queue:
            batch = queue.pop(0)
            found = self._run({name: answers[name] for name in batch}, sandbox)
            final |= {name: one for name, one in found.items() if one.full}
            failed = [name for name in batch if not found[name].full]
            if not failed:
                continue
            first, *others = failed
            one = found[first]
            tries[first] += bool(one.lost) or not one.started
            enough = tries[first] >= TRIES or (one.started and not one.lost)
            if enough and not one.started:
                final |= {name: found[name] for name in failed}  # no kernel starts at all
                continue
            if enough and batch[0] == first:
                final[first] = one
            else:
                queue.append([first])
            if others:
                queue.append(others)
        return final

    def _run(self, answers: Mapping[str, str], sandbox: Sandbox) -> dict[str, Judged]:
        """Run some answers in one kernel."""
        with self._lock:
            drawn = {name: self._reference.draw(name) for name in answers}
        notebook = rebuild(answers, self.todos, drawn)
        results = run_notebook(notebook, sandbox, self.seconds)
        return {name: self._judged(name, results) for name in answers}

    def _judged(self, name: str, results: Mapping[str, CellResult]) -> Judged:
        parts = verdicts.PARTS.get(name, {})
        cells = {part: results[verdict_id(name, part)] for part in parts}
        extra = verdicts.DIFFERENT.get(name)
        needed = [f"{one}-reference" for one in verdicts.NEEDS.get(name, ())]
        others = [results[key] for key in (*needed, f"{name}-answer") if key in results]
        return Judged(
            parts={part: result for part, result in cells.items() if part != extra},
            extra=cells.get(extra) if extra else None,
            report=results.get(f"{name}-report"),
            started=results["setup"].passed,
            others=tuple(others),
        )

    def _diagnoses(
        self, answers: Mapping[str, str], judged: Mapping[str, Judged]
    ) -> dict[str, diagnosis.Told]:
        wanted = {
            name: answers[name]
            for name, one in judged.items()
            if not one.full and one.started and not one.lost and name in verdicts.PARTS
        }
        if not wanted or not self.diagnosed:
            return {}
        needs = dict.fromkeys(need for name in wanted for need in verdicts.NEEDS.get(name, ()))
        return diagnosis.diagnose(wanted, needs, self.sandbox.furnished(self._folder / "whole"))

    # --- What it comes to ------------------------------------------------------------------------

    def _outcome(
        self,
        todo: Question,
        one: Judged,
        told: diagnosis.Told | None,
        submission: Submission,
        pictures: Mapping[str, Path],
    ) -> Outcome:
        if not one.started:
            return self.unknown(todo, "The grading kernel did not start.")
        if one.report is not None and not one.lost:
            return self._chosen_pictures(todo, one.report, submission, pictures)
        status, message = status_of(todo.name, one)
        points = earned(todo, one, status)
        code = ""
        if told is not None and status in (Status.WRONG, Status.RAISED):
            code = "" if told.status == "passed" else told.code
            message = told.message or "The visible check passes; on other inputs it is wrong."
            if told.status in (Status.WRONG, Status.RAISED) or (
                told.status != "passed" and not points
            ):
                status = Status(told.status)
        if status is Status.PASSED:
            code = "passed"
        return Outcome(todo.lesson, todo.name, status, points, todo.points, code, message)

    def _chosen_pictures(
        self,
        todo: Question,
        report: CellResult,
        submission: Submission,
        pictures: Mapping[str, Path],
    ) -> Outcome:
        names = {name: {"kind": "nothing", "path": ""} for name in verdicts.REPORTED[todo.name]}
        try:
            names |= {
                name: {"kind": str(one["kind"]), "path": str(one["path"])}
                for name, one in json.loads(report.printed.strip().splitlines()[-1]).items()
                if name in names
            }
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            message = "The cell defines no pictures."
            return Outcome(todo.lesson, todo.name, Status.WRONG, 0.0, todo.points, "", message)
        alone = submission.path.suffix.lower() == ".ipynb" and not submission.pictures
        choices = ownpictures.judge(
            names, pictures, pictures_handed_out(), alone, self.sandbox
        ).values()
        statuses = [Status(choice.status) for choice in choices]
        good = sum(status in (Status.PASSED, Status.DIFFERENT) for status in statuses)
        if len(set(statuses)) == 1 or good == len(statuses):
            status = Status.DIFFERENT if Status.DIFFERENT in statuses else statuses[0]
        else:
            status = Status.WRONG
        points = round(todo.points * good / len(statuses), 2)
        message = " ".join(choice.message for choice in choices if choice.message)
        code = "passed" if status is Status.PASSED else ""
        return Outcome(todo.lesson, todo.name, status, points, todo.points, code, message)

    def unknown(
        self, todo: Question, message: str, status: Status = Status.INFRASTRUCTURE
    ) -> Outcome:
        """What is said of a TODO whose points nobody knows: grading itself failed, as a rule."""
        return Outcome(todo.lesson, todo.name, status, 0.0, todo.points, "", message)

    def _nothing(self, todo: Question, message: str) -> Outcome:
        return Outcome(todo.lesson, todo.name, Status.NOT_ATTEMPTED, 0.0, todo.points, "", message)


def status_of(name: str, one: Judged) -> tuple[Status, str]:
    """What became of an answer, and what to say of it."""
    if one.full:
        return Status.PASSED, ""
    printed = [cell.printed.strip() for cell in one.cells if not cell.passed]
    if called := next((text for text in printed if text.startswith("tampered: ")), ""):
        return Status.TAMPERED, called.removeprefix("tampered: ").splitlines()[0][:300]
    lost = one.lost
    if lost == "out of memory" or any(sign in text for text in printed for sign in NO_MEMORY):
        return Status.OUT_OF_MEMORY, "The answer takes more memory than there is."
    if lost in ("timed out", "not reached"):
        return Status.TIMED_OUT, "The answer does not come to an end in time."
    if lost:
        return Status.RAISED, "The answer ends the kernel."
    extension = one.extra is not None and one.extra.passed
    if extension and not one.parts["values"].passed:
        return Status.DIFFERENT, "A second style is blended in; with one style it is right."
    if printed and printed[0].startswith("raised "):
        return Status.RAISED, printed[0].removeprefix("raised ").splitlines()[0][:300]
    return Status.WRONG, ""


def earned(todo: Question, one: Judged, status: Status) -> float:
    """The points for an answer's parts."""
    if status in (Status.PASSED, Status.DIFFERENT):
        return todo.points
    if status is Status.TAMPERED:
        return 0.0
    parts = verdicts.PARTS[todo.name]
    share = sum(parts[part].share for part, cell in one.parts.items() if cell.passed)
    return round(todo.points * share, 2)


def _in_work(pictures: Mapping[str, Path]) -> dict[Path, Path]:
    """Where the kernel finds the student's pictures: at every end of their names.

    The notebook's own folder is not known; "a/b/c.jpg" may be "b/c.jpg" or "c.jpg" for it.
    """
    files: dict[Path, Path] = {}
    folders: set[Path] = set()
    words = 0
    for name, path in pictures.items():
        parts = PurePosixPath(name).parts
        for start in {0, *range(max(0, len(parts) - ENDS), len(parts))}:
            place = WORK.joinpath(*parts[start:])
            above = set(place.parents)
            words += 2 * len(above) + 3
            if words > MOST_WORDS:
                return files
            if place not in files and place not in folders and not above & files.keys():
                files[place] = path
                folders |= above
    return files
