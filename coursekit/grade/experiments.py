"""The experiments of the tuning lesson, judged by the runs that were handed in.

For the assignment's base run and (a) to (d): is there a finished run with these settings, and can
its losses and its picture be what they say? The kit measures the first loss and the final picture
itself. A run's files may be anything: they are read within limits, pictures are decoded in the
sandbox, and nothing is run, or opened by a name that is given in them.
"""

import functools
import hashlib
import json
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from torch import Tensor

from coursekit.course import this_course
from coursekit.grade.measuring import NOT_HERE, Bench, backbone_of
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
from styletools.errors import StyletoolsError
from styletools.images import MIN_SIDE, bundled, load_image, to_tensor
from styletools.transfer import picture_sha256

LESSON = "04_tuning"
MOST_RUNS = 500  # whose descriptions are read
MAX_PIXELS = 640_000  # of a picture that is measured
MAX_SOURCE = 40_000_000  # bytes of a picture that a run was made of
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
    faults = {name: list(_looks(run)) for name, run in runs.items()}
    decoded = _decoded(submission, [run for name, run in runs.items() if not faults[name]], sandbox)
    bench, tensors = Bench(), _Tensors(decoded)
    for name, run in runs.items():
        if not faults[name]:
            faults[name] += _measured(run, decoded, tensors, bench)
    for name, other in _twins(runs, decoded, faults):
        text = f"Its picture is that of run {other}."
        faults[name].append(Fault("picture", text))
    histories = {name: run.history for name, run in runs.items()}
    findings = experiments.judge(chosen, histories, faults)
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
        unmeasured: why it was not measured; "" if it was.
        resaved: the picture was written by another program.
    """

    record: Record
    history: History | RunError
    picture: str
    size: Size
    sources: Mapping[str, Path | str]
    unmeasured: str = ""
    resaved: bool = False


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
    if ours and own and min(size) >= MIN_SIDE and size[0] * size[1] <= MAX_PIXELS:
        same = _hash(ours, size) == record.text(f"{role}_sha256")
        return ours if same else own
    return ours or own


@functools.lru_cache(maxsize=8)
def _kit_picture(path: Path, size: Size) -> Tensor:
    return load_image(path, size=(size[1], size[0]))


def _hash(path: Path, size: Size) -> str:
    return picture_sha256(_kit_picture(path, size))


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
        if run.size[0] * run.size[1] > MAX_PIXELS:
            run.unmeasured = f"{run.size[0]}×{run.size[1]} pixels are more than {MAX_PIXELS}"
            continue
        sources = [source for source in run.sources.values() if isinstance(source, str)]
        wanted[run.size] |= {run.picture, *filter(None, sources)}
    files = _read(submission, dict.fromkeys(set().union(*wanted.values()), MAX_SOURCE))
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
    if run.unmeasured:
        return
    picture = decoded[run.picture, run.size]
    if isinstance(picture, str):
        yield Fault("picture", f"{PICTURE}: {picture}.")
        return
    key = _key(picture.told)
    run.resaved = not key
    if key and key != run.record.text("key"):
        yield Fault("picture", f"{PICTURE} says that it is of another run.")
    backbone = backbone_of(run.record)
    content, style = (tensors.of(run.sources[role], run.size) for role in ("content", "style"))
    if isinstance(backbone, str):
        run.unmeasured = backbone
    elif isinstance(content, str):
        run.unmeasured = f"of the content, {content}"
    elif isinstance(style, str):
        run.unmeasured = f"of the style, {style}"
    elif not isinstance(run.history, RunError):
        try:
            yield from bench.faults(
                run.record, run.history, picture.pixels, content, style, backbone
            )
        except StyletoolsError as error:
            run.unmeasured = str(error)[:200].rstrip(".")


def _key(told: str) -> str:
    """Of the run that a picture says it is of; "" where it says nothing."""
    try:
        key = json.loads(told)["key"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return key if isinstance(key, str) else ""


def _twins(
    runs: Mapping[str, _Run],
    decoded: Mapping[tuple[str, Size], Picture | str],
    faults: Mapping[str, Sequence[Fault]],
) -> Iterator[tuple[str, str]]:
    """Runs whose picture is another run's: those that are wrong; where none is, the later."""
    seen: dict[str, list[str]] = defaultdict(list)
    for name, run in runs.items():
        picture = decoded.get((run.picture, run.size))
        if isinstance(picture, Picture):
            seen[hashlib.sha256(picture.pixels.tobytes()).hexdigest()].append(name)
    for names in seen.values():
        owner = next((name for name in names if not faults[name]), names[0])
        yield from ((name, owner) for name in names if name != owner)


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
    """What the run is, and what could not be looked at: that costs nothing."""
    if finding.status == "wrong" or isinstance(run.history, RunError):
        return finding
    config, totals = run.record.config, run.history["total"]
    text = f"{config.steps} steps of {config.optimizer} at {max(run.size)} pixels, total loss "
    text = f"{text}{totals[0]:.3g} at first, {totals[-1]:.3g} at last. {finding.message}".strip()
    status = finding.status
    if run.unmeasured:
        text = f"{text} First loss and picture were not measured: {run.unmeasured}."
        status = status if run.unmeasured == NOT_HERE else "different"
    elif run.resaved:
        text, status = f"{text} {PICTURE} was not written by the kit, or saved anew.", "different"
    return replace(finding, status=status, message=text)
