"""The experiments of the tuning lesson, judged by the runs that were handed in.

Three questions for the assignment's base run and (a) to (d). Is there a finished run with these
settings? Does its history begin with the losses that the kit computes itself? Does it end with
those of the picture handed in, and far below the first? Where the kit cannot tell, a person looks:
the points are open. A run's files may be anything: they are read within limits, pictures are
decoded in the sandbox, and nothing is run, or opened by a name that is given in them.
"""

import functools
import math
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from torch import Tensor

from coursekit.course import this_course
from coursekit.grade.measuring import Bench, Losses, backbone_of, doubt, faults
from coursekit.grade.pictures import best_match
from coursekit.grade.pixels import Picture, decode
from coursekit.records import Grade, Outcome, Status, Submission
from coursekit.sandbox import Sandbox
from styletools.course.handin import runs as experiments
from styletools.course.handin.runs import (
    ASKED,
    DESCRIPTION,
    HISTORY,
    LIMITS,
    PICTURE,
    Fault,
    Finding,
    History,
    Record,
    RunError,
)
from styletools.engine.checkpoint import picture_sha256
from styletools.errors import StyletoolsError
from styletools.images import MIN_SIDE, bundled, load_image, to_tensor

LESSON = "04_tuning"
MOST_RUNS = 500  # whose descriptions are read
_MAX_PIXELS = 640_000  # of a picture that is measured
_MAX_SOURCE = 40_000_000  # bytes of a picture that a run was made of
PNG_BEGINS = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"

Size = tuple[int, int]
"""Width and height."""


def with_experiments(grade: Grade, submission: Submission, sandbox: Sandbox) -> Grade:
    """A grade with the experiments in it; what goes wrong here is never a zero."""
    if submission.single:
        return grade  # the lesson was not asked for
    try:
        if submission.refused:
            found = dict.fromkeys(ASKED, Finding("refused", submission.refused))
        else:
            found = judge(submission, sandbox)
    except Exception as error:
        message = f"The grader failed: {type(error).__name__}: {error}"[:500]
        found = dict.fromkeys(ASKED, Finding("infrastructure", message))
    outcomes = [
        _outcome(name, found[name], points) for name, points in this_course().experiments.items()
    ]
    return replace(grade, outcomes=(*grade.outcomes, *outcomes))


def judge(submission: Submission, sandbox: Sandbox) -> dict[str, Finding]:
    """Judge each experiment of a submission that could be read.

    Args:
        submission: of one student.
        sandbox: in which pictures are decoded.

    Raises:
        SandboxError: it does not work.
    """
    records, unreadable = _records(submission)
    chosen = experiments.choose(records)
    runs = _runs(submission, chosen)
    found = {name: list(_looks(run)) for name, run in runs.items()}
    decoded = _decoded(submission, [run for name, run in runs.items() if not found[name]], sandbox)
    bench, tensors = Bench(), _Tensors(decoded)
    for name, run in runs.items():
        if not found[name] and not run.doubt:
            found[name] += _measured(run, decoded, tensors, bench)
    for name, other in _twins(runs):
        runs[name].doubt = f"its picture is that of run {other}"
    histories = {name: run.history for name, run in runs.items()}
    findings = experiments.judge(chosen, histories, found)
    nothing = _nothing(submission, unreadable)
    return {
        name: _with_summary(finding, runs[name]) if name in runs else nothing
        for name, finding in findings.items()
    }


# --- Reading -------------------------------------------------------------------------------------


@dataclass
class _Run:
    """What there is of a run that was chosen.

    Attributes:
        record: its description.
        history: its losses, or why they cannot be read.
        picture: the name of its final picture in the submission; "" for none.
        size: of that.
        sources: {"content", "style": where it is: the kit's, or a name in the submission, or ""}.
        doubt: why measuring it does not show that it was done; "" if it does.
        end: the losses of its picture, once measured.
    """

    record: Record
    history: History | RunError
    picture: str
    size: Size
    sources: Mapping[str, Path | str]
    doubt: str = ""
    end: Losses = field(default_factory=dict)


def _records(submission: Submission) -> tuple[list[Record], list[str]]:
    """What the runs' descriptions say, and which of them cannot be read."""
    names = [name for name in submission.runs if PurePosixPath(name).name == DESCRIPTION]
    records, unreadable = [], []
    limits = dict.fromkeys(names[:MOST_RUNS], LIMITS[DESCRIPTION])
    for name, data in _read(submission, limits).items():
        folder = str(PurePosixPath(name).parent)
        try:
            records.append(Record.read(folder, data))
        except RunError as error:
            unreadable.append(f"{folder}: {error}")
    if len(names) > MOST_RUNS:
        unreadable.append(f"Of {len(names)} runs the first {MOST_RUNS} were read.")
    return records, unreadable


def _runs(submission: Submission, chosen: Mapping[str, Record]) -> dict[str, _Run]:
    """All that is there of the chosen runs."""
    pictures = {name: _picture(name, run, submission) for name, run in chosen.items()}
    tables = {name: f"{run.folder}/{HISTORY}" for name, run in chosen.items()}
    limits = dict.fromkeys(tables.values(), LIMITS[HISTORY])
    files = _read(submission, limits | dict.fromkeys(pictures.values(), len(PNG_BEGINS) + 8))
    found = {}
    for name, record in chosen.items():
        history: History | RunError
        try:
            history = experiments.read_history(record, files[tables[name]])
        except RunError as error:
            history = error
        except KeyError:
            history = RunError(f"{HISTORY} is missing.")
        size = _png_size(files.get(pictures[name], b""))
        sources = {role: _source(record, role, submission, size) for role in ("content", "style")}
        found[name] = _Run(record, history, pictures[name], size, sources)
    return found


def _read(submission: Submission, limits: Mapping[str, int]) -> dict[str, bytes]:
    """Files of a submission, each as far as its limit, and a byte more."""
    files = submission.files
    return {name: files[name][: most + 1] for name, most in limits.items() if name in files}


def _picture(name: str, record: Record, submission: Submission) -> str:
    """The run's own, or the one that the lesson saves."""
    saved = best_match(f"images/target_{name}.png", submission.pictures, 2)
    own = f"{record.folder}/{PICTURE}"
    return own if own in submission.pictures else saved


def _source(record: Record, role: str, submission: Submission, size: Size) -> Path | str:
    """Where a run's content or style is."""
    above = PurePosixPath(record.folder).parent
    packed = str(above / experiments.picture_name(record.text(f"{role}_sha256")))
    told = record.text(role) or f"{record.folder}/{role}.png"
    name = PurePosixPath(told.replace("\\", "/")).name
    if packed in submission.pictures:
        return packed
    own = best_match(told, submission.pictures)
    ours = next((path for path in bundled(role).values() if path.name == name), None)
    if ours and own and min(size) >= MIN_SIDE and size[0] * size[1] <= _MAX_PIXELS:
        same = picture_sha256(_kit_picture(ours, size)) == record.text(f"{role}_sha256")
        return ours if same else own
    return ours or own


@functools.lru_cache(maxsize=8)
def _kit_picture(path: Path, size: Size) -> Tensor:
    return load_image(path, size=(size[1], size[0]))


def _png_size(data: bytes) -> Size:
    """As the file's first bytes say; (0, 0) where it is no PNG."""
    if not data.startswith(PNG_BEGINS) or len(data) < len(PNG_BEGINS) + 8:
        return 0, 0
    width, height = struct.unpack(">II", data[len(PNG_BEGINS) : len(PNG_BEGINS) + 8])
    return width, height


# --- Looking -------------------------------------------------------------------------------------


def _looks(run: _Run) -> Iterator[Fault]:
    """What is wrong with the picture before it is opened."""
    if not run.picture:
        yield Fault("no picture", f"{PICTURE} is missing.")
    elif not min(run.size):
        yield Fault("picture", f"{PICTURE} is no PNG file.")
    elif not isinstance(run.history, RunError) and max(run.size) != run.history["size"][-1]:
        width, height = run.size
        says = f"{run.history['size'][-1]:g}"
        yield Fault("picture", f"{PICTURE} has {width}×{height} pixels; {HISTORY} says {says}.")
    elif min(run.size) < MIN_SIDE:
        yield Fault("picture", f"{PICTURE} is {run.size[0]}×{run.size[1]}: no run gives that.")


def _decoded(
    submission: Submission, runs: Sequence[_Run], sandbox: Sandbox
) -> dict[tuple[str, Size], Picture | str]:
    """The pictures of runs, and what they were made of, in their size."""
    wanted: dict[Size, set[str]] = defaultdict(set)
    for run in runs:
        if run.size[0] * run.size[1] > _MAX_PIXELS:
            run.doubt = f"{run.size[0]}×{run.size[1]} pixels are more than {_MAX_PIXELS}"
            continue
        sources = [source for source in run.sources.values() if isinstance(source, str)]
        wanted[run.size] |= {run.picture, *filter(None, sources)}
    files = _read(submission, dict.fromkeys(set().union(*wanted.values()), _MAX_SOURCE))
    decoded: dict[tuple[str, Size], Picture | str] = {}
    for size, names in wanted.items():
        found = decode({name: files[name] for name in sorted(names)}, size, sandbox)
        decoded |= {(name, size): picture for name, picture in found.items()}
    return decoded


class _Tensors:
    """Pictures as the network gets them; the same picture is the same object."""

    def __init__(self, decoded: Mapping[tuple[str, Size], Picture | str]) -> None:
        self.decoded = decoded
        self.made: dict[tuple[str, Size], Tensor] = {}

    def of(self, source: Path | str, size: Size) -> Tensor | str:
        """The picture in this size, or why there is none."""
        if isinstance(source, Path):
            return _kit_picture(source, size)
        picture = self.decoded.get((source, size), "no file was handed in")
        if isinstance(picture, str):
            return picture
        return self.made.setdefault((source, size), to_tensor(picture.pixels))


def _measured(
    run: _Run,
    decoded: Mapping[tuple[str, Size], Picture | str],
    tensors: _Tensors,
    bench: Bench,
) -> Iterator[Fault]:
    """What is wrong with the pixels."""
    picture = decoded[run.picture, run.size]
    if isinstance(picture, str):
        yield Fault("picture", f"{PICTURE}: {picture}.")
        return
    backbone = backbone_of(run.record)
    content, style = (tensors.of(run.sources[role], run.size) for role in ("content", "style"))
    if used := run.record.config.controls:
        run.doubt = f"it uses {', '.join(used)}, which are not computed again"
    elif isinstance(backbone, str):
        run.doubt = backbone
    elif isinstance(content, str):
        run.doubt = f"of the content, {content}"
    elif isinstance(style, str):
        run.doubt = f"of the style, {style}"
    elif not isinstance(run.history, RunError):
        try:
            start, run.end = bench.losses(
                run.record.config, picture.pixels, content, style, backbone
            )
        except StyletoolsError as error:
            run.doubt = str(error)[:200].rstrip(".")
        else:
            run.doubt = doubt(run.record, start, run.end)
            yield from faults(run.record, run.history, start, run.end)


def _twins(runs: Mapping[str, _Run]) -> Iterator[tuple[str, str]]:
    """Runs whose picture is another's: two that differ in anything give two pictures."""
    measured = [(name, run.end) for name, run in runs.items() if run.end]
    for place, (name, end) in enumerate(measured):
        for other, before in measured[:place]:
            same = end.keys() & before.keys() - {"total", "style", "tv"}
            if all(math.isclose(end[one], before[one], rel_tol=1e-6) for one in same):
                yield from ((name, other), (other, name))


# --- Saying --------------------------------------------------------------------------------------


def _outcome(name: str, finding: Finding, possible: float) -> Outcome:
    points = possible if finding.status in ("passed", "different") else 0.0
    code = "passed" if finding.status == "passed" else finding.code
    where = f"{finding.folder}: " if finding.folder else ""
    message = where + finding.message
    return Outcome(
        LESSON, f"experiment_{name}", Status(finding.status), points, possible, code, message
    )


def _nothing(submission: Submission, unreadable: Sequence[str]) -> Finding:
    if submission.runs:
        text = " ".join(["It is not among the runs that were handed in.", *unreadable[:3]])
    else:
        text = "No run was handed in. submission.zip of lesson 5 holds them, and the folder `runs`."
    return Finding("not attempted", text)


def _with_summary(finding: Finding, run: _Run) -> Finding:
    """What the run is, and why a person has to look at it."""
    if finding.status == "wrong" or isinstance(run.history, RunError):
        return finding
    config, totals = run.record.config, run.history["total"]
    text = f"{config.steps} steps of {config.optimizer} at {max(run.size)} pixels, total loss "
    text = f"{text}{totals[0]:.3g} at first, {totals[-1]:.3g} at last. {finding.message}".strip()
    if not run.doubt:
        return replace(finding, message=text)
    text = f"{text} A person looks at picture, curve and settings: {run.doubt}."
    return replace(finding, status=Status.TO_BE_READ, message=text)
