"""What collecting hands to grading, and grading to the report; nothing here runs anything."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

SINGLE = "single"  # the lesson of the answers in a single exercise notebook


class Status(StrEnum):
    """What can become of a TODO, in the order in which reports count it.

    Points are open where nobody knows them: "infrastructure" is the grader's own failure; of a
    hand-in that is "refused" nothing could be read, and a damaged archive of an honest student
    costs nothing until a person decides. The last two are of what a person reads and gives points
    for.

    Attributes:
        mark: a character before it.
        tone: "good", "bad", "look" or "none": the colour of what it stands on.
        colour: of its part of a bar.
        meaning: a sentence for the student.
        open: nobody knows the points yet.
        looked_at: a person should look at it.
        label: the status in the words of a report.
    """

    mark: str
    tone: str
    colour: str
    meaning: str
    open: bool
    looked_at: bool
    label: str

    def __new__(
        cls,
        value: str,
        looks: tuple[str, str, str] = ("", "", ""),
        meaning: str = "",
        more: str = "",
        label: str = "",
    ) -> "Status":
        """`looks` is mark, tone and colour; `more` holds the words "open" and "look"."""
        status = str.__new__(cls, value)
        status._value_ = value
        status.mark, status.tone, status.colour = looks
        status.meaning, status.label = meaning, label or value
        status.open, status.looked_at = "open" in more, "look" in more
        return status

    PASSED = "passed", ("✓", "good", "#3b8f55"), "Every test passed."
    WRONG = (
        "wrong", ("✗", "bad", "var(--bad)"), "It runs, and its results are not those asked for.",
    )  # fmt: skip
    DIFFERENT = (
        "different", ("?", "look", "#d79400"),
        "It does something else, perhaps on purpose: a person has to look at it.", "look",
    )  # fmt: skip
    NOT_ATTEMPTED = (
        "not attempted", ("–", "none", "#b9c1cb"),
        "The answer is as it was handed out, or is not there.",
    )  # fmt: skip
    RAISED = "raised", ("✗", "bad", "#d9695f"), "It stopped with an error."
    TIMED_OUT = "timed out", ("✗", "bad", "#8f4a8a"), "It did not end in the time that it had."
    OUT_OF_MEMORY = (
        "out of memory", ("✗", "bad", "#5c4a8f"), "It took more memory than it had.",
    )  # fmt: skip
    TAMPERED = (
        "tampered", ("✗", "bad", "#1c2430"),
        "It calls what it should be itself, or interferes with the grading.", "look",
    )  # fmt: skip
    INFRASTRUCTURE = (
        "infrastructure", ("!", "look", "#f0cf73"),
        "The grader failed, not the student: no points are lost; grade it again.",
        "open, look", "not graded",
    )  # fmt: skip
    REFUSED = (
        "refused", ("!", "look", "#b08a2e"),
        "Nothing of the hand-in could be read: no points are lost until a person decides.", "open",
    )  # fmt: skip
    READ = "read", ("✎", "good", "#4f86c6"), "A person has read it."
    TO_BE_READ = "to be read", ("…", "look", "#c9d9ee"), "A person will read it.", "open"


@dataclass(frozen=True)
class Answer:
    """One answer cell of a submission.

    Attributes:
        lesson: such as "02_gram".
        grade_id: such as "gram_matrix".
        source: the student's.
        found_by: "cell id", "grade_id", "name", or, for a text, "prompt"; "structure" in the single
            exercise.
    """

    lesson: str
    grade_id: str
    source: str
    found_by: str


@dataclass(frozen=True)
class Code:
    """A code cell that is run.

    Attributes:
        label: as errors name it, such as "cell 7".
        source: the student's.
        checks: TODOs whose check stands in it.
        identity: of its cell in the notebook that is graded, such as "run-2-7".
    """

    label: str
    source: str
    checks: tuple[str, ...] = ()
    identity: str = ""


@dataclass(frozen=True)
class Run:
    """A notebook that is run to be graded.

    Attributes:
        wanted: TODOs that are judged by what it defines.
        cells: as far as they are needed.
        modules: {name: source} of Python files beside it that it imports.
    """

    wanted: tuple[str, ...]
    cells: tuple[Code, ...]
    modules: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OneNotebook:
    """A single exercise notebook, which is graded by what it does.

    Attributes:
        cells: the code cells' source, in order.
        names: what is called how in it: "features" and "gram", functions; "content", "style" and
            "total", losses in the loop. One that is not known is missing.
        history: whether the exercise that was handed out asks for a list of losses.
        modules: {name: source} of Python files beside it that it imports.
    """

    cells: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    history: bool = True
    modules: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    Attributes:
        student: the name that the grade is kept under.
        path: where it came from.
        answers: {(lesson, grade_id): answer}, of code and of written answers.
        notes: what was discarded or looks odd.
        notebooks: those of the lessons, which are run.
        refused: why nothing of it could be read, if so.
        pictures: {name: SHA-256 in hexadecimal digits} of the picture files in it.
        runs: likewise, of the files that describe runs.
        files: {name: bytes} of both, as long as it is not graded.
        notebook: the single exercise notebook, if it is this.
    """

    student: str
    path: Path
    answers: Mapping[tuple[str, str], Answer]
    notes: tuple[str, ...] = ()
    refused: str = ""
    pictures: Mapping[str, str] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    notebook: OneNotebook | None = None
    notebooks: tuple[Run, ...] = ()

    def __post_init__(self) -> None:
        _make_writable(self)

    @property
    def single(self) -> bool:
        """Whether it is the single exercise notebook, and not the lessons."""
        return any(lesson == SINGLE for lesson, _ in self.answers)


@dataclass(frozen=True)
class Outcome:
    """What became of one TODO.

    Attributes:
        lesson: such as "02_gram".
        grade_id: of the answer cell, such as "gram_matrix".
        status: what became of it.
        points: earned; 0 where they are open.
        possible: what the TODO is worth.
        code: of the diagnosis that the student's own check gives; information, not proof.
        message: its text, in the student's hands: escape it.
        rule: how the course's rules change what it counts, in words; "" if they do not.
    """

    lesson: str
    grade_id: str
    status: Status
    points: float
    possible: float
    code: str = ""
    message: str = ""
    rule: str = ""

    def __post_init__(self) -> None:
        if self.status not in set(Status):
            raise ValueError(f"status {self.status!r}; it is one of {', '.join(Status)}.")
        _make_writable(self)
        object.__setattr__(self, "status", Status(self.status))


@dataclass(frozen=True)
class Grade:
    """A student's outcomes.

    Attributes:
        student: as in the submission.
        outcomes: of every TODO, in the lessons' order.
        notes: the submission's, and what grading noticed.
        sandbox: what the answers ran in: "bubblewrap", "own uid" or "none"; see `sandbox.SAYS`.
        key: of the answers and the course it was made with; grading skips what has not changed.
        penalty: points that are taken off for a late hand-in; None where nobody knows how many.
        late: how late it was, and what that costs, in words.
    """

    student: str
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = field(default=())
    sandbox: str = "bubblewrap"
    key: str = ""
    penalty: float | None = 0.0
    late: str = ""

    def __post_init__(self) -> None:
        _make_writable(self)

    @property
    def points(self) -> float:
        """All points earned, less the penalty, and never less than 0."""
        return max(0.0, self.earned - (self.penalty or 0.0))

    @property
    def earned(self) -> float:
        """All points earned, before a penalty."""
        return sum(outcome.points for outcome in self.outcomes)

    @property
    def possible(self) -> float:
        """All points there are."""
        return sum(outcome.possible for outcome in self.outcomes)

    @property
    def complete(self) -> bool:
        """Whether neither a TODO's points nor the penalty are unknown."""
        return self.penalty is not None and not any(o.status.open for o in self.outcomes)

    def to_json(self) -> str:
        """As graded, as text; the same grade gives the same bytes.

        What the course's rules make of it is left out: they are applied anew at each call.
        """
        record = asdict(self)
        for name in ("penalty", "late"):
            del record[name]
        for outcome in record["outcomes"]:
            del outcome["rule"]
        return json.dumps(record, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Grade":
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            read = json.loads(text)
            outcomes = tuple(Outcome(**outcome) for outcome in read.pop("outcomes"))
            return cls(outcomes=outcomes, notes=tuple(read.pop("notes")), **read)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"Not a grade ({type(error).__name__}: {error}).") from None


def _make_writable(record: Any) -> None:
    """Replace lone surrogates, which no file can hold, in texts and lists of texts."""
    for place in fields(record):
        value = getattr(record, place.name)
        if isinstance(value, str):
            object.__setattr__(record, place.name, _writable(value))
        elif isinstance(value, tuple) and all(isinstance(one, str) for one in value):
            object.__setattr__(record, place.name, tuple(_writable(one) for one in value))


def _writable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
