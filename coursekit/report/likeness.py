"""What two students handed in word for word, or file for file: a note, never a verdict."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from coursekit.collect.names import one_line
from coursekit.collect.saved import words
from coursekit.course import Key, pictures_handed_out, this_course
from coursekit.records import Submission

_FEWEST_WORDS = 8  # shorter texts are the same by chance
NAMED = 4  # students in one note
TEXT, FILE = "the same text, word for word,", "the same file"
_LOSSES = "the same losses, number for number (machines of one kind may give that),"
COMMON = 0.2  # a picture that so many have was handed out, or is what everybody's run gives


@dataclass(frozen=True)
class Likeness:
    """What one student has that others have, too.

    Attributes:
        what: such as "gram_matrix_explanation: the same text, word for word,".
        others: the other students.
    """

    what: str
    others: tuple[str, ...]

    @property
    def named(self) -> str:
        """For the instructor."""
        names = ", ".join(one_line(other) for other in self.others[:NAMED])
        more = f" and {len(self.others) - NAMED} others" if len(self.others) > NAMED else ""
        return f"{self.what} as {names}{more}."

    @property
    def anonymous(self) -> str:
        """For the student's own page."""
        return f"{self.what} as another submission."


def alike(submissions: Iterable[Submission]) -> dict[str, tuple[Likeness, ...]]:
    """Compare the written answers, the picture files and the runs of all submissions.

    Args:
        submissions: of the class.

    Returns:
        {student: what is the same}, for those of whom there is something to say.
    """
    prose: dict[tuple[Key, str], set[str]] = defaultdict(set)
    files: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    written = {question.key for question in this_course().written}
    known = set(pictures_handed_out().values())
    count = 0
    for submission in submissions:
        count += 1
        for key, answer in submission.answers.items():
            text = words(answer.source) if key in written else ""
            if text.count(" ") + 1 >= _FEWEST_WORDS:
                prose[key, _digest(text)].add(submission.student)
        for name, digest in {**submission.pictures, **submission.runs}.items():
            kind = _LOSSES if name.endswith(".csv") else FILE
            folder = str(PurePosixPath(name).parent)
            thing = folder if f"{folder}/run.json" in submission.runs else name
            files[kind, digest].setdefault(submission.student, thing)
    found: dict[str, dict[tuple[str, frozenset[str]], list[str]]] = {}
    for ((_, question), _), students in prose.items():
        for student in students if len(students) > 1 else ():
            same = found.setdefault(student, {})
            same.setdefault((TEXT, frozenset(students)), []).append(question)
    for (kind, digest), names in files.items():
        if digest not in known and 1 < len(names) <= max(NAMED, COMMON * count):
            for student, name in names.items():
                same = found.setdefault(student, {})
                same.setdefault((kind, frozenset(names)), []).append(one_line(name))
    for same in found.values():  # equal losses say nothing new of files that are equal
        for (kind, who), things in list(same.items()):
            copied = same.get((FILE, who), []) if kind == _LOSSES else []
            same[kind, who] = [thing for thing in things if thing not in copied]
    return {student: tuple(_likenesses(student, same)) for student, same in found.items()}


def _likenesses(
    student: str, same: dict[tuple[str, frozenset[str]], list[str]]
) -> Iterator[Likeness]:
    for (kind, students), things in sorted(same.items(), key=lambda item: (item[0][0], item[1])):
        if not things:
            continue
        others = tuple(sorted(students - {student}))
        yield Likeness(f"{', '.join(sorted(set(things)))}: {kind}", others)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
