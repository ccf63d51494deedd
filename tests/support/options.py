"""Every option and argument of every command, once right and once wrong, made from the parsers."""

import contextlib
import csv
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from support.handins import notebook, save

import coursekit.cli
from coursekit import class_run
from coursekit.collect.names import file_name
from coursekit.course import NOTEBOOKS
from coursekit.records import Grade, Outcome, Submission
from styletools import cli
from styletools.images import bundled

PROGRAMS = {"styletools": cli.main, "coursekit": coursekit.cli.main}
FEW = ["chelsea.jpg", "impasto.jpg", "--max-size", "24", "--steps", "2", "--backbone", "small"]
BEFORE = {  # words that a command needs, whatever option is tried
    "stylize": FEW,
    "sweep": ["plan.toml"],
    "film": ["runs/RUN"],
    "runs export": ["out.csv"],
    "runs delete": ["RUN", "--yes"],
    "backbone export": ["net.safetensors", "--backbone", "small"],
    "build": ["02_gram", "--notebooks", "notebooks"],
    "grade": ["class", "-o", "new"],
    "clone": ["clones", "repository"],
    "return": ["grades", "--canvas", "canvas.csv"],
    "purge": ["grades", "--yes"],
    "release": ["-o", "course.zip", "--repository", "me/nst"],
    "book": ["-o", "site"],
    "gradescope": ["-o", "bundle.zip"],
}
INSTEAD = {  # where an option needs others
    "runs delete --yes": ["RUN"],
    "backbone export --backbone": ["net.safetensors"],
    "build --notebooks": ["02_gram"],
    "clone --list": ["clones"],
    "clone --organization": ["clones", "--prefix", "nst-"],
    "return --moodle": ["grades"],
    "return --canvas": ["grades"],
    "purge --yes": ["grades"],
    "grade --output": ["class"],
    "grade --student": ["class", "-o", "grades"],
    "release --output": [],
    "release --repository": ["-o", "course.zip"],
    "book --output": [],
    "gradescope --output": [],
}
ALSO = {  # the options that a command needs, whatever argument is tried
    "stylize": ["--max-size", "24", "--steps", "2", "--backbone", "small"],
    "runs delete": ["--yes"],
    "backbone export": ["--backbone", "small"],
    "build": ["--notebooks", "notebooks"],
    "grade": ["-o", "new"],
    "return": ["--canvas", "canvas.csv"],
    "purge": ["--yes"],
}
BEGIN = (
    (cli.main, ["sweep", "plan.toml", "--store", "runs"]),
    (coursekit.cli.main, ["grade", "class", "-o", "grades"]),
)
RIGHT = {
    "store": "runs", "sort": "seconds", "names": "RUN", "output": "new", 
    "sweep file": "plan.toml", "backbone export file": "net.safetensors", "export name": "small",
    "backbone export name": "small", 
    "folder": ".", "content": "chelsea.jpg", "style": "impasto.jpg", "run": "runs/RUN",
    "stylize output": "new.png", "lessons": "02_gram", "notebooks": "notebooks",
    "submissions": "class", "students": "ada", "times": "moodle.csv", "pseudonyms": "key.json",
    "clone folder": "clones", "repositories": "repository", "listed": "list.txt", "prefix": "repo",
    "organization": "nobody", "grades": "grades", "canvas": "canvas.csv", "moodle": "moodle.csv",
    "column": "Style transfer", "tables": "marks.csv", "more": "class", "release output": "c.zip",
    "repository": "me/nst", "branch": "dev", "hub": "https://hub.example", "book output": "site",
    "film output": "f.gif", "gradescope output": "b.zip", "scheduler": None,
    "style_weights": "conv1_1=1,conv2_1=0.5",
    "content_layers": "conv4_2,conv3_1", "start": "noise", "backbone": "small", "device": "cpu",
    "more_styles": "chelsea.jpg=0.5", "content_masks": "chelsea.jpg", "style_masks": "impasto.jpg",
    "style_scale": "1", "max_size": "32", "max_memory": "8", "return pseudonyms": None,
    "release branch": "dev",
    "backbone import file": None, "runs export output": "out.csv",
}  # fmt: skip
WRONG = {  # of texts; None: whatever is given may be right
    "store": "plan.toml", "sort": "nonsense", "runs export output": "t.txt",
    "runs compare output": "plan.toml", "export name": "gone.pth", "seed": "-1",
    "stylize output": "new.gif", "times": "plan.toml", "canvas": "plan.toml",
    "moodle": "plan.toml", "pseudonyms": "plan.toml", "tables": "plan.toml", "listed": "class",
    "scheduler": "nonsense", "branch": "no branch", "repository": "nonsense", "hub": "nonsense",
    "prefix": None, "organization": "no body", "release output": "grades", "book output": "grades",
    "film output": "f.mp4",
    "more_styles": "0.5", "content_masks": "gone.png", "style_masks": "chelsea.jpg,impasto.jpg",
    "start": "gone.png", "device": "tpu", "style_weights": "conv1_1", "content_layers": "conv9_9",
    "backbone import file": "plan.toml", "sweep file": "list.txt", "grades": "class",
    "submissions": "empty", "more": None,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A call of a program.

    Attributes:
        program: "styletools" or "coursekit".
        words: after it; "RUN" is the name of a run.
        kind: "right", "wrong", "gone" (a path that is not there), "no value" or "unknown".
        tried: the command and the option or argument.
    """

    program: str
    words: tuple[str, ...]
    kind: str
    tried: str

    @property
    def name(self) -> str:
        return f"{self.program} {self.tried}: {self.kind}"


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """(its words, itself) of each command."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def cases() -> Iterator[Case]:
    """Each option and argument, with a right value and wrong ones."""
    for program, group in PROGRAMS.items():
        for words, command in commands(group):
            path = " ".join(words)
            for parameter in command.params:
                tried = f"{path} {shown(parameter)}"
                before = INSTEAD.get(tried, BEFORE.get(path, []))
                for kind, given in _given(path, parameter):
                    if isinstance(parameter, click.Argument):
                        yield Case(program, (*words, *_among(command, path, parameter, given)),
                                   kind, tried)  # fmt: skip
                    else:
                        yield Case(program, (*words, *before, *given), kind, tried)


def _given(path: str, parameter: click.Parameter) -> Iterator[tuple[str, list[str]]]:
    option = [parameter.opts[-1]] if isinstance(parameter, click.Option) else []
    right, wrong = _right(path, parameter), _wrong(path, parameter)
    if option and getattr(parameter, "is_flag", False):
        yield "right", option
        yield "wrong", [f"{option[0]}=yes"]
    else:
        yield from [("right", [*option, right])] if right else []
        yield from [("wrong", [*option, wrong])] if wrong else []
        if isinstance(parameter.type, click.Path) and parameter.type.exists:
            yield "gone", [*option, "gone"]
        if option:
            yield "no value", option
    if option:
        yield "unknown", [f"{option[0]}-nonsense"]


def _right(path: str, parameter: click.Parameter) -> str | None:
    for name in (f"{path} {parameter.name}", parameter.name or ""):
        if name in RIGHT:
            return RIGHT[name]
    if isinstance(parameter.type, click.Choice):
        return str(parameter.type.choices[-1])
    return "3" if parameter.type in (click.INT,) or _least(parameter) else "0.5"


def _wrong(path: str, parameter: click.Parameter) -> str | None:
    for name in (f"{path} {parameter.name}", parameter.name or ""):
        if name in WRONG:
            return WRONG[name]
    if (least := _least(parameter)) is not None:
        return str(least - 1)
    if isinstance(parameter.type, click.Path):
        return "class" if not parameter.type.dir_okay else "plan.toml"
    return "nonsense"


def _least(parameter: click.Parameter) -> int | None:
    return int(parameter.type.min or 0) if isinstance(parameter.type, click.IntRange) else None


def shown(parameter: click.Parameter) -> str:
    """An option's name, or an argument's in capitals."""
    if isinstance(parameter, click.Option):
        return parameter.opts[-1]
    return (parameter.name or "").upper()


def _among(command: click.Command, path: str, tried: click.Argument, given: list[str]) -> list[str]:
    """All arguments of a command, the one that is tried as given and the others right."""
    options = ALSO.get(path, [])
    for one in command.params:
        if isinstance(one, click.Argument):
            right = _right(path, one)
            options = [*options, *(given if one is tried else [right] if right else [])]
    return options


def prepare(folder: Path) -> str:
    """Fill a folder with what the cases need; returns the name of its run."""
    shutil.copy(bundled("content")["chelsea"], folder / "chelsea.jpg")
    shutil.copy(bundled("style")["impasto"], folder / "impasto.jpg")
    (folder / "plan.toml").write_text(
        'content = "chelsea.jpg"\nstyle = "impasto.jpg"\n[base]\nmax_size = 24\nsteps = 2\n'
        'backbone = "small"\n'
    )
    (folder / "list.txt").write_text("repository\n")
    (folder / "empty").mkdir()
    name = "ada_101_900001_02_gram.ipynb"
    save(folder / "class" / name, notebook())
    shutil.copytree(NOTEBOOKS / "lessons", folder / "notebooks" / "lessons")
    for kind in ("reference", "student"):
        (folder / "notebooks" / kind).mkdir()
        shutil.copy(NOTEBOOKS / kind / "02_gram.ipynb", folder / "notebooks" / kind)
    save(folder / "repository" / "02_gram.ipynb", notebook())
    _git(folder / "repository", "init", "-q")
    _git(folder / "repository", "add", ".")
    _git(folder / "repository", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x")
    _table(
        folder / "canvas.csv",
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Style transfer (502)"],
        ["    Points Possible", "", "", "", "", "5.0"],
        ["ada", "101", "U1", "l1", "A", ""],
    )
    _table(
        folder / "moodle.csv",
        ["Identifier", "Full name", "Status", "Grade", "Maximum Grade", "Grade can be changed",
         "Last modified (submission)", "Last modified (grade)", "Feedback comments"],
        ["Participant 101", "ada", "Submitted for grading", "", "5.00", "Yes",
         "Friday, 20 November 2026, 3:00 PM", "-", ""],
    )  # fmt: skip
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_run, "grade_all", grade_all)
        for program, words in BEGIN:
            done = CliRunner().invoke(program, words)
            assert done.exit_code == 0, done.output
    shutil.copy(folder / "grades" / "written.csv", folder / "marks.csv")
    return next(path.name for path in (folder / "runs").iterdir() if path.name[0] != ".")


def grade_all(
    submissions: Iterable[Submission], output: Path, *_: object, **__: object
) -> Iterator[Grade]:
    """Grading replaced: full points."""
    for submission in submissions:
        outcome = Outcome("02_gram", "gram_matrix", "passed", 5.0, 5.0, message="why")
        grade = Grade(submission.student, (outcome,))
        output.mkdir(parents=True, exist_ok=True)
        (output / f"{file_name(grade.student)}.json").write_text(grade.to_json())
        yield grade


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def _table(path: Path, *rows: list[str]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
