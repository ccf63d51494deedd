"""What a check says of an answer."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class AnswerStatus(StrEnum):
    """How an answer stands.

    Attributes:
        mark: the character with which a check's line begins.
        accepted: the answer stays in place.
    """

    mark: str
    accepted: bool

    PASSED = "passed", "✓", True
    DIFFERENT = "different", "≈", True  # not what was asked for, but no mistake
    NOT_ATTEMPTED = "not attempted", "✗", False
    WRONG = "wrong", "✗", False
    RAISED = "raised", "✗", False  # an exception

    def __new__(cls, value: str, mark: str, accepted: bool) -> Self:
        """A text, with what belongs to it."""
        status = str.__new__(cls, value)
        status._value_, status.mark, status.accepted = value, mark, accepted
        return status


@dataclass(frozen=True)
class Diagnosis:
    """What a check found.

    Attributes:
        name: of the TODO, as in the lesson.
        status: how the answer stands.
        code: stable identifier of the mistake, such as "gram-not-transposed".
        message: the mistake, what was got and expected, and a hint.
    """

    name: str
    status: AnswerStatus
    code: str = "passed"
    message: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the student's answer stays in place."""
        return self.status.accepted

    def __str__(self) -> str:
        passed = self.status is AnswerStatus.PASSED
        found = "visible checks passed" if passed else f"{self.status} — {self.message}"
        return f"{self.status.mark} {self.name}: {found}"
