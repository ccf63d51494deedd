"""Grades a submission: one student's answers → `Grade`; many students': see `pool`.

What a student's answers print is compared in another process, at a seed that nobody knew before
(see `rebuild`). All notebooks of a student run in one kernel, one after the other, and what a
notebook defines is asked when it has run. A cell that ends or blocks the kernel is left out when it
is run again: what one answer does to the kernel takes no points from another.
"""

import contextlib
import json
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from coursekit.collect.one_notebook.find import read_single_todos
from coursekit.course import NOTEBOOKS, Question, course_digest, pictures_handed_out
from coursekit.grade import diagnosis, single
from coursekit.grade import pictures as ownpictures
from coursekit.grade.kits import write_kernel_kit, write_whole_kit
from coursekit.grade.libraries import missing_libraries
from coursekit.grade.nbval import CellResult, Seconds, run_notebook
from coursekit.grade.rebuild import Reference, is_stub, read_todos, rebuild_runs, verdict_id
from coursekit.inside import verdicts
from coursekit.records import SINGLE, Grade, OneNotebook, Outcome, Run, Status, Submission
from coursekit.sandbox import WORK, Plain, Sandbox, choose
from coursekit.sandbox.places import temporary

LOST = ("timed out", "died", "out of memory", "not reached")
MOST_LATER = 3  # values of a name below its check
_REMEDY = "No points are lost: a person decides."
UNSTARTED = "The grading kernel did not start, or a cell left something running that blocks it."
_MOST_RUNS = 12  # of a notebook, each without one more cell that ends the kernel
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
        others: results of cells that were left out, in which it may have stood.
        later: it is not what stood where the check stands.
    """

    parts: Mapping[str, CellResult]
    extra: CellResult | None
    report: CellResult | None
    started: bool
    others: tuple[CellResult, ...] = ()
    later: bool = False

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
        self._folder = Path(tempfile.mkdtemp(prefix=temporary("kit")))
        self._kits = ExitStack()
        self._kits.callback(shutil.rmtree, self._folder, ignore_errors=True)
        write_kernel_kit(self._folder / "kernel")
        write_whole_kit(self._folder / "whole")

    def __enter__(self) -> "Grader":
        return self

    def __exit__(self, *_: object) -> None:
        self._kits.close()

    def missing_libraries(self) -> list[str]:
        """See `libraries.missing_libraries`; none where no answer can be run anyway."""
        return [] if self.trouble else missing_libraries(self.sandbox)

    def grade(self, submission: Submission, lesson: str = "") -> Grade:
        """Grade one submission. What goes wrong here is "infrastructure", never a zero.

        Args:
            submission: of one student.
            lesson: whose TODOs count alone; all lessons', if left out. The single exercise has
                its own.
        """
        todos = self.todos_of(SINGLE if submission.single else lesson)
        if self.trouble:
            outcomes = [unknown(todo, self.trouble) for todo in todos]
        elif submission.refused:
            outcomes = [unknown(todo, submission.refused, Status.REFUSED) for todo in todos]
        elif submission.notebook is not None:
            outcomes = self._single(submission, submission.notebook, todos)
        else:
            outcomes, later = self._outcomes(submission, todos)
            says = "a definition below its check counts."
            remarks = tuple(f"{name}: {says}" for name in later)
            submission = replace(submission, notes=(*submission.notes, *remarks))
        return Grade(submission.student, tuple(outcomes), submission.notes, self.sandbox.name)

    def todos_of(self, lesson: str = "") -> tuple[Question, ...]:
        """The TODOs of a lesson, or of the single exercise; of all lessons, if none is named."""
        if lesson == SINGLE:
            return self.single_todos
        return tuple(todo for todo in self.todos if lesson in ("", todo.lesson))

    def _single(
        self, submission: Submission, notebook: OneNotebook, todos: Sequence[Question]
    ) -> list[Outcome]:
        """The single exercise is run; what is wrong of it is diagnosed as the lessons are."""
        attempted = {
            todo.name: answer
            for todo in todos
            if (answer := submission.answers.get(todo.key))
            and not is_stub(answer.source, todo.stub)
        }
        if not attempted:
            return [_nothing(todo) for todo in todos]
        try:
            found = single.judge(notebook, self.sandbox.furnished(self._folder / "kernel"))
        except single.LostError as error:
            return [unknown(todo, str(error)) for todo in todos]
        wrong = [one for name, one in attempted.items() if found[name].share < 1]
        told: dict[str, diagnosis.Told] = {}
        if wrong and self.diagnosed:
            sandbox = self.sandbox.furnished(self._folder / "whole")
            told = diagnosis.diagnose([single.as_run(answer) for answer in wrong], sandbox)
        return [
            single.outcome(todo, found[todo.name], told.get(todo.name), todo.name not in attempted)
            for todo in todos
        ]

    # --- Running ---------------------------------------------------------------------------------

    def _outcomes(
        self, submission: Submission, todos: Sequence[Question]
    ) -> tuple[list[Outcome], list[str]]:
        """What becomes of each TODO, and those of which a later definition counts."""
        runs = _of(submission.notebooks, {todo.name for todo in todos})
        answers = {todo.name: submission.answers.get(todo.key) for todo in todos}
        stubs = {
            todo.name
            for todo in todos
            if (answer := answers[todo.name]) is None or is_stub(answer.source, todo.stub)
        }
        asked = {name for run in runs for name in run.wanted}
        with tempfile.TemporaryDirectory(prefix=temporary("pictures")) as folder:
            pictures: dict[str, Path] = {}
            if submission.pictures and set(verdicts.REPORTED) & (asked or {*answers}):
                pictures = ownpictures.unpack_pictures(submission.files, Path(folder))
            judged = self._judge_runs(runs, pictures)
            told = self._diagnoses(runs, judged)
            outcomes = []
            for todo in todos:
                name = todo.name
                if name not in judged or (name in stubs and _defines_nothing(judged[name])):
                    outcomes.append(_nothing(todo))
                    continue
                one = self._outcome(todo, judged[name], told.get(name), submission, pictures)
                outcomes.append(one)
        return outcomes, [name for name, one in judged.items() if one.later]

    def _judge_runs(self, runs: Sequence[Run], pictures: Mapping[str, Path]) -> dict[str, Judged]:
        """Run the notebooks, together as long as none of them harms the kernel."""
        if not runs:
            return {}
        sandbox = self.sandbox.furnished(self._folder / "kernel", _in_work(pictures))
        final: dict[str, Judged] = {}
        skipped: dict[str, CellResult] = {}
        later: dict[str, int] = {}
        asked = {name: (0,) for run in runs for name in run.wanted}  # where its check stands
        results = self._run_notebooks(runs, asked, (), sandbox)
        for run in runs:
            found = {name: self._judged(name, results) for name in run.wanted}
            if results["setup"].passed and not any(one.lost for one in found.values()):
                final |= found
                later |= _claimed(results)
            else:
                final |= self._judge_alone(run, skipped, later, sandbox)
        return final | self._judge_later(runs, final, later, skipped, sandbox)

    def _judge_alone(
        self,
        run: Run,
        skipped: dict[str, CellResult],
        later: dict[str, int],
        sandbox: Sandbox,
    ) -> dict[str, Judged]:
        """Run a notebook until each TODO's result is its own, or for as often as that is tried.

        A cell that ends or blocks the kernel is left out the next time; an answer that does, when
        it is asked, is asked a second time, after the others.
        """
        final: dict[str, Judged] = {}
        waiting = list(run.wanted)
        blamed: Counter[str] = Counter()
        for _ in range(_MOST_RUNS):
            asked = [name for name in waiting if not blamed[name]] or waiting
            results = self._run_notebooks([run], dict.fromkeys(asked, (0,)), skipped, sandbox)
            found = {name: self._judged(name, results) for name in asked}
            if results["setup"].passed:
                final |= {name: one for name, one in found.items() if not one.lost}
                later |= _claimed(results)
            ended = next((key for key, cell in results.items() if cell.how in LOST), "")
            if ended.startswith("run-"):
                skipped[ended] = results[ended]
            elif culprit := next((name for name in asked if ended.startswith(f"{name}-")), ""):
                blamed[culprit] += 1
                if blamed[culprit] >= TRIES:
                    final[culprit] = found[culprit]
            elif ended:  # by no answer: by what a cell left running, or by this machine
                blamed.update(asked)
                if all(blamed[name] >= TRIES for name in asked):
                    break
            waiting = [name for name in waiting if name not in final]
            if not waiting:
                break
        final |= {name: Judged({}, None, None, False) for name in waiting}
        return {name: _with_lost(one, name, run, skipped) for name, one in final.items()}

    def _judge_later(
        self,
        runs: Sequence[Run],
        final: Mapping[str, Judged],
        later: Mapping[str, int],
        skipped: Mapping[str, CellResult],
        sandbox: Sandbox,
    ) -> dict[str, Judged]:
        """What a name holds below its check counts where it is right, and what stood there not."""
        asked = {
            name: range(1, 1 + min(later.get(name, 0), MOST_LATER))
            for name, one in final.items()
            if not one.full and later.get(name)
        }
        if not asked:
            return {}
        results = self._run_notebooks(runs, asked, skipped, sandbox)
        judged = {name: [self._judged(name, results, i) for i in asked[name]] for name in asked}
        return {
            name: replace(one, later=True)
            for name, several in judged.items()
            for one in several
            if one.full
        }

    def _run_notebooks(
        self,
        runs: Sequence[Run],
        asked: Mapping[str, Sequence[int]],
        skipped: Collection[str],
        sandbox: Sandbox,
    ) -> dict[str, CellResult]:
        with self._lock:
            drawn = {name: self._reference.draw(name) for name in asked}
        notebook = rebuild_runs(runs, asked, drawn, skipped)
        return run_notebook(notebook, sandbox, self.seconds)

    def _judged(self, name: str, results: Mapping[str, CellResult], which: int = 0) -> Judged:
        parts = verdicts.PARTS.get(name, {})
        cells = {part: results[verdict_id(name, part, which)] for part in parts}
        extra = verdicts.DIFFERENT.get(name)
        return Judged(
            parts={part: result for part, result in cells.items() if part != extra},
            extra=cells.get(extra) if extra else None,
            report=_shown(name, results),
            started=results["setup"].passed,
        )

    def _diagnoses(
        self, runs: Sequence[Run], judged: Mapping[str, Judged]
    ) -> dict[str, diagnosis.Told]:
        wanted = {
            name
            for name, one in judged.items()
            if not one.full and one.started and not one.lost and name in verdicts.PARTS
        }
        if not wanted or not self.diagnosed:
            return {}
        sandbox = self.sandbox.furnished(self._folder / "whole")
        return diagnosis.diagnose(_of(runs, wanted), sandbox)

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
            return unknown(todo, UNSTARTED)
        if one.report is not None and not one.lost:
            return self._chosen_pictures(todo, one.report, submission, pictures)
        status, message = status_of(one)
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
        if Status.TO_BE_READ in statuses:  # by whoever opens the address
            status, good = Status.TO_BE_READ, 0
        points = round(todo.points * good / len(statuses), 2)
        message = " ".join(choice.message for choice in choices if choice.message)
        code = "passed" if status is Status.PASSED else ""
        return Outcome(todo.lesson, todo.name, status, points, todo.points, code, message)


def unknown(todo: Question, message: str, status: Status = Status.INFRASTRUCTURE) -> Outcome:
    """What is said of a TODO whose points nobody knows: grading itself failed, as a rule."""
    return Outcome(todo.lesson, todo.name, status, 0.0, todo.points, "", message)


def _nothing(todo: Question) -> Outcome:
    return unknown(todo, single.AS_HANDED_OUT, Status.NOT_ATTEMPTED)


def status_of(one: Judged) -> tuple[Status, str]:
    """What became of an answer, and what to say of it."""
    if one.full:
        return Status.PASSED, ""
    printed = [cell.printed.strip() for cell in one.cells if not cell.passed]
    if called := next((text for text in printed if text.startswith("tampered: ")), ""):
        return Status.TAMPERED, called.removeprefix("tampered: ").splitlines()[0][:300]
    if lacking := next((text for text in printed if text.startswith("open ")), ""):
        return Status.INFRASTRUCTURE, f"{_sentence(lacking.removeprefix('open '))} {_REMEDY}"
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


def _sentence(text: str) -> str:
    """An exception's text without its type, for a page."""
    words = text.splitlines()[0].partition(": ")[2] or text
    return f"{words[:1].upper()}{words[1:300].rstrip('.')}."


def earned(todo: Question, one: Judged, status: Status) -> float:
    """The points for an answer's parts."""
    if status in (Status.PASSED, Status.DIFFERENT):
        return todo.points
    if status in (Status.TAMPERED, Status.INFRASTRUCTURE):
        return 0.0
    parts = verdicts.PARTS.get(todo.name, {})  # pictures that were chosen have none
    share = sum(parts[part].share for part, cell in one.parts.items() if cell.passed)
    return round(todo.points * share, 2)


def _of(runs: Iterable[Run], names: Collection[str]) -> list[Run]:
    """The notebooks, as far as they are wanted for some TODOs."""
    cut = [replace(run, wanted=tuple(n for n in run.wanted if n in names)) for run in runs]
    return [run for run in cut if run.wanted]


def _claimed(results: Mapping[str, CellResult]) -> dict[str, int]:
    """How many later values each name had, as the kernel says: they are judged all the same."""
    return {name: count for told in _told(results) for name, count in told["later"].items()}


def _shown(name: str, results: Mapping[str, CellResult]) -> CellResult | None:
    """What the kernel says of the names that a TODO asks for, if it is of that kind."""
    wanted = verdicts.REPORTED.get(name)
    if not wanted:
        return None
    for told in _told(results):
        if {*wanted} <= {*told["shown"]}:
            return CellResult(True, "", json.dumps(told["shown"]))
    lost = [cell for key, cell in results.items() if key.startswith("report-") and cell.how]
    return lost[0] if lost else CellResult(False, "raised")


def _told(results: Mapping[str, CellResult]) -> Iterator[dict[str, Any]]:
    for key, cell in results.items():
        if key.startswith("report-"):
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError, IndexError):
                told = json.loads(cell.printed.strip().splitlines()[-1])
                later = {str(n): max(0, int(count)) for n, count in told["later"].items()}
                yield {"later": later, "shown": dict(told["shown"])}


def _with_lost(one: Judged, name: str, run: Run, skipped: Mapping[str, CellResult]) -> Judged:
    """With the cells that had to be left out, if the answer may have stood in one of them."""
    if one.full or one.lost:
        return one
    lost = [
        skipped[cell.identity]
        for cell in run.cells
        if cell.identity in skipped and name in cell.source
    ]
    return replace(one, others=(*one.others, *lost))


def _defines_nothing(one: Judged) -> bool:
    """Whether no part of an answer was anything but the stub's nothing."""
    printed = [cell.printed for cell in one.parts.values()]
    return not any(cell.passed for cell in one.parts.values()) and not any(
        text.startswith("tampered") for text in printed
    )


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
