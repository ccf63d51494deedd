"""Names kept out of a folder of grades: a key file, apart from it, says who is who.

A pseudonym is drawn at random, so nobody finds the name from it, or from its place in a list. In
what students wrote, and in file names that notes quote, their own names are replaced, too, word for
word: names of others, nicknames and what pictures show are not found that way.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from coursekit.collect.layouts import Handin
from coursekit.collect.names import one_line
from coursekit.records import Grade, Submission
from coursekit.report.pages import csv_text
from coursekit.report.roster import Entry
from coursekit.report.sheets import cells, read_sheet
from styletools._files import write_text
from styletools.errors import StyletoolsError

COLUMNS_OF_KEY = ("pseudonym", "student", "label", "id", "prefix")
LETTERS_OF_PSEUDONYM = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
SHORTEST_WORD = 3  # letters of a part of a name that is replaced
FEWEST_DIGITS = 4  # of a number that is replaced


class PseudonymError(StyletoolsError, ValueError):
    """A key file that cannot be used."""


@dataclass(frozen=True)
class Known:
    """A row of the key file.

    Attributes:
        pseudonym: in the grades.
        student: whose it is.
        label: of the hand-in, which tells students of one name apart.
        id: the system's number of the student.
        prefix: what the system put before the names of the student's files.
    """

    pseudonym: str
    student: str
    label: str
    id: str = ""
    prefix: str = ""


class Pseudonyms:
    """Who is who.

    Args:
        path: of the key file; it is made if it is not there, for its owner's eyes alone.
        grades: the folder of grades, in which it must not lie.

    Raises:
        PseudonymError: it lies there, or cannot be read.
    """

    def __init__(self, path: Path, grades: Path) -> None:
        if path.resolve().is_relative_to(grades.resolve()):
            raise PseudonymError(
                f"{path} lies in {grades}, which is to hold no names; keep it elsewhere."
            )
        self.path = path
        self.known = {row.pseudonym: row for row in _read(path)}

    def hide(self, handins: Iterable[Handin]) -> list[Handin]:
        """Give each a pseudonym, the same as before where there is one, and save the key file.

        Their notes can still name a student, until `without_names` has seen them.
        """
        known = {(row.student, row.label): row.pseudonym for row in self.known.values()}
        hidden = []
        for handin in handins:
            pseudonym = known.get((handin.student, handin.label)) or self._new()
            self.known[pseudonym] = Known(
                pseudonym, handin.student, handin.label, handin.id, handin.prefix
            )
            hidden.append(replace(handin, student=pseudonym, id="", prefix=""))
        self._save()
        return sorted(hidden, key=lambda handin: handin.student)

    def pseudonym_of(self, student: str) -> str:
        """Of a student, by name; a pseudonym, and a name that is unknown, stay."""
        found = [row.pseudonym for row in self.known.values() if row.student == student]
        return found[0] if len(found) == 1 else student

    def without_names(self, submission: Submission) -> Submission:
        """What is shown of a submission, the student's own name replaced."""

        def clean(text: str) -> str:
            return self._without(text, submission.student)

        return replace(
            submission,
            answers={
                key: replace(answer, source=clean(answer.source))
                for key, answer in submission.answers.items()
            },
            notes=tuple(map(clean, submission.notes)),
            refused=clean(submission.refused),
            pictures={clean(name): digest for name, digest in submission.pictures.items()},
            runs={clean(name): digest for name, digest in submission.runs.items()},
        )

    def cleaned(self, grade: Grade) -> Grade:
        """A grade, the student's own name replaced in messages and notes."""

        def clean(text: str) -> str:
            return self._without(text, grade.student)

        outcomes = tuple(replace(o, message=clean(o.message)) for o in grade.outcomes)
        return replace(grade, outcomes=outcomes, notes=tuple(map(clean, grade.notes)))

    def entries(self, roster: Mapping[str, Entry]) -> dict[str, Entry]:
        """A roster with the numbers and file names that the key file keeps."""
        return {
            student: replace(entry, id=row.id, prefix=row.prefix)
            if (row := self.known.get(student))
            else entry
            for student, entry in roster.items()
        }

    def _without(self, text: str, pseudonym: str) -> str:
        row = self.known.get(pseudonym)
        return _pattern(row).sub(pseudonym, text) if row else text

    def _new(self) -> str:
        while True:
            name = "student-" + "".join(secrets.choice(LETTERS_OF_PSEUDONYM) for _ in range(6))
            if name not in self.known:
                return name

    def _save(self) -> None:
        rows: list[list[str]] = [list(COLUMNS_OF_KEY)]
        for row in sorted(self.known.values(), key=lambda row: row.student):
            rows.append([row.pseudonym, row.student, row.label, row.id, row.prefix])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch(mode=0o600)
        write_text(self.path, csv_text(rows))
        self.path.chmod(0o600)


def name_pattern(student: str) -> re.Pattern[str]:
    """A student's name and its words, wherever they stand as words of their own."""
    return _pattern(Known("", student, ""))


def _pattern(row: Known) -> re.Pattern[str]:
    """The whole name, its words, the login and the number, as words of their own."""
    login = re.sub(r"_(LATE_)?$", "", row.prefix).split("_")[0]
    number = row.id if len(row.id) >= FEWEST_DIGITS else ""
    whole = [row.student, one_line(row.student), row.label, login, number]
    words = [w for w in re.split(r"[^\w]+|_", row.student) if len(w) >= SHORTEST_WORD]
    names = sorted({name for name in (*whole, *words) if len(name) >= SHORTEST_WORD}, key=len)
    either = "|".join(re.escape(name) for name in reversed(names)) or r"(?!)"
    return re.compile(rf"(?<![^\W_])(?:{either})(?![^\W_])", re.IGNORECASE)


def _read(path: Path) -> list[Known]:
    if not path.exists():
        return []
    sheet = read_sheet(path)
    if missing := [name for name in COLUMNS_OF_KEY if name not in sheet.columns]:
        raise PseudonymError(f"{path} is no key file: it has no column {missing[0]!r}.")
    return [Known(**row) for row in cells(sheet, COLUMNS_OF_KEY)]
