"""The assignment's experiments among the runs that a student kept: is each what was asked for?

A run is judged by its files, run.json and losses.csv, which may be anything: what is read is
bounded, and nothing is opened by a name that they give. A student learns what is wrong before
handing in; the grader asks the same, and measures the pictures as well.
"""

import csv
import io
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from styletools.config import EXPERIMENTS, TransferConfig
from styletools.engine.checkpoint import picture_sha256
from styletools.errors import StyletoolsError
from styletools.images import PICTURES, load_image, read_rgb, to_image
from styletools.lab.plans import part2
from styletools.lab.run import short
from styletools.transfer import Ended

ASKED: Mapping[str, TransferConfig] = part2(EXPERIMENTS)
"""{"base", "a", "b", "c" and "d": the settings that the assignment asks for}."""

DESCRIPTION, HISTORY, PICTURE = "run.json", "losses.csv", "picture.png"
LIMITS = {DESCRIPTION: 50_000, HISTORY: 12_000_000, PICTURE: 20_000_000}
"""Bytes of a run's file; 5000 steps at 400 pixels have 3 kB, 1 MB and 0.4 MB."""

_MAX_BRACKETS = 5_000
MAX_VALUES = 1_200_000  # of a history
SMALLEST_SIDE = 96  # pixels; smaller ones are of the fast mode, in which the kit is tested
FEWEST_STEPS = {"adam": 1 / 4, "lbfgs": 1 / 100}  # as a share of the requested steps
MOST_BASES, MOST_STEPS = 20, 1_000_000  # of runs that may be a student's own base run
RUN_PICTURES = "pictures"  # a folder beside the runs: what they were made of, named by hash
COMPARED = (
    "content_weight", "style_weight", "style_weights", "content_layers", "tv_weight", "steps",
    "optimizer", "learning_rate", "start", "levels", "tolerance", "picture_tolerance",
    "convention", "clamp",
)  # fmt: skip
KNOBS = ("content_weight", "style_weight", "style_weights", "learning_rate")

History = Mapping[str, np.ndarray]
"""{column of losses.csv: its values}."""


class RunError(StyletoolsError, ValueError):
    """A run's file that is missing or damaged, or that the kit does not write."""


@dataclass(frozen=True)
class Fault:
    """Something wrong with a run: a word or two for it, and a sentence."""

    code: str
    text: str


@dataclass(frozen=True)
class Finding:
    """What became of an experiment.

    Attributes:
        status: "passed", "different", "wrong" or "not attempted"; of a grader also "to be read".
        message: why, for the student.
        code: of what is wrong.
        folder: of its run.
    """

    status: str
    message: str = ""
    code: str = ""
    folder: str = ""


@dataclass(frozen=True)
class Record:
    """What a run's run.json says.

    Attributes:
        folder: of the run.
        told: all of it.
        config: its settings.
    """

    folder: str
    told: Mapping[str, Any]
    config: TransferConfig

    @classmethod
    def read(cls, folder: str, data: bytes) -> Self:
        """Read a run.json.

        Raises:
            RunError: it does not describe a run.
        """
        if len(data) > LIMITS[DESCRIPTION] or data.count(b"[") + data.count(b"{") > _MAX_BRACKETS:
            raise RunError(f"{DESCRIPTION} is larger than that of any run.")
        try:
            told = json.loads(data)
            return cls(folder, told, TransferConfig.from_dict(told["config"]))
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise RunError(f"{DESCRIPTION} does not describe a run ({_said(error)}).") from None
        except RecursionError:
            raise RunError(f"{DESCRIPTION} is nested too deep to describe a run.") from None

    def text(self, name: str, within: str = "") -> str:
        """An entry, if it is a text; else ""."""
        told = self.told.get(within) if within else self.told
        value = told.get(name) if isinstance(told, Mapping) else None
        return value if isinstance(value, str) else ""

    @property
    def material(self) -> tuple[str, ...]:
        """What runs must share to be compared: pictures in their size, weights as they are used."""
        pictures = [self.text(f"{name}_sha256") or self.text(name) for name in ("content", "style")]
        weights = self.text("backbone_sha256", "environment")
        filters = "normalised" if self.config.has_normalised_filters else "as trained"
        return (*pictures, weights, str(self.config.pooling), filters)

    @property
    def ended(self) -> tuple[Ended | None, str]:
        """Why it ended, None where that is not said, and more about it."""
        try:
            return Ended.read(self.told)
        except ValueError:
            return None, ""


def read_history(record: Record, data: bytes) -> dict[str, np.ndarray]:
    """Read a run's losses.csv.

    Raises:
        RunError: its columns are not those of such a run, or a value is no finite number.
    """
    names = ["step", "size", "total", "content", "style", "tv", *record.config.style_weights]
    if len(data) > LIMITS[HISTORY] or data.count(b",") + data.count(b"\n") > MAX_VALUES:
        raise RunError(f"{HISTORY} is larger than that of any run.")
    try:
        header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        if sorted(header) != sorted(names):
            raise RunError(f"{HISTORY} does not have the columns {', '.join(names)}.")
        values = np.array(rows, dtype=np.float64)  # (rows, columns)
    except RunError:
        raise
    except (ValueError, csv.Error) as error:
        raise RunError(f"{HISTORY} is no table of numbers ({_said(error)}).") from None
    if values.shape[1:] != (len(names),):
        raise RunError(f"{HISTORY} has no rows.")
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise RunError(f"{HISTORY}: {header[column]} is {values[row, column]} in row {row + 1}.")
    return {name: values[:, place] for place, name in enumerate(header)}


def choose(records: Iterable[Record]) -> dict[str, Record]:
    """The runs that stand for the experiments; of several, the newest.

    First those of one set of pictures, the set with the most; what is missing there is taken from
    the others.
    """
    newest = sorted(records, key=lambda record: record.text("created"), reverse=True)
    sets: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in newest:
        sets[record.material].append(record)
    chosen = max(map(_chosen, sets.values()), key=_worth, default={})
    rest = [record for record in newest if record not in chosen.values()]
    more = {name: run for name, run in _chosen(rest).items() if name not in chosen}
    return {name: run for name in ASKED if (run := {**more, **chosen}.get(name))}


def judge(
    chosen: Mapping[str, Record],
    histories: Mapping[str, History | RunError],
    more: Mapping[str, Sequence[Fault]],
) -> dict[str, Finding]:
    """Judge each experiment.

    Args:
        chosen: {experiment: its run}.
        histories: {experiment: its losses, or why they cannot be read}.
        more: {experiment: what else was found wrong}.
    """
    faults: dict[str, list[Fault]] = {name: [] for name in chosen}
    for name, record in chosen.items():
        history = histories[name]
        if isinstance(history, RunError):
            faults[name].append(Fault("damaged", str(history)))
        else:
            faults[name] += _faults(name, record, history)
    for name, found in more.items():
        faults[name] += found
    common = Counter(record.material for record in chosen.values()).most_common(1)
    return {
        name: _finding(name, chosen[name], faults[name], common[0][0])
        if name in chosen
        else Finding("not attempted", "It is not among the runs.")
        for name in ASKED
    }


def differences(name: str, record: Record) -> list[str]:
    """In which settings a run differs from what the assignment asks for."""
    return _unlike(record.config, ASKED[name])


def _unlike(config: TransferConfig, asked: TransferConfig) -> list[str]:
    ignored = "learning_rate" if config.optimizer == "lbfgs" else ""  # which searches its own
    return [
        f"{setting} is {short(value)}, not {short(wanted)}"
        for setting in COMPARED
        if (value := getattr(config, setting)) != (wanted := getattr(asked, setting))
        and setting != ignored
    ]


# --- In the student's folder -------------------------------------------------------------------


def look(folder: Path) -> dict[str, Finding]:
    """What is there of the experiments in a folder of runs; their pictures are not measured."""
    chosen = _kept(folder)
    histories: dict[str, History | RunError] = {}
    more: dict[str, list[Fault]] = {}
    for name, record in chosen.items():
        place = folder / record.folder
        try:
            histories[name] = read_history(record, (place / HISTORY).read_bytes())
        except RunError as error:
            histories[name] = error
        except OSError as error:
            histories[name] = RunError(f"{HISTORY} cannot be read ({_said(error)}).")
        picture = place / PICTURE
        if not picture.is_file() or picture.stat().st_size > LIMITS[PICTURE]:
            says = f"{PICTURE} is missing, or larger than {LIMITS[PICTURE] / 1e6:.0f} MB."
            more[name] = [Fault("no picture", says)]
    return judge(chosen, histories, more)


def packed(folder: Path) -> dict[str, bytes]:
    """The files by which the experiments are graded, as the hand-in holds them.

    Of each experiment's run its description, losses and final picture (see `LIMITS`; no pictures
    from on the way); and the student's own content and style in the size that the runs have, once.

    Returns:
        {path below the folder: bytes}.
    """
    files: dict[str, bytes] = {}
    for record in _kept(folder).values():
        for name, limit in LIMITS.items():
            path = folder / record.folder / name
            if path.is_file() and path.stat().st_size <= limit:
                files[f"{record.folder}/{name}"] = path.read_bytes()
        files |= _run_pictures(folder, record)
    return files


def _kept(folder: Path) -> dict[str, Record]:
    records = []
    for path in sorted(folder.glob(f"[!.]*/{DESCRIPTION}")):
        with suppress(OSError, RunError):
            records.append(Record.read(path.parent.name, path.read_bytes()))
    return choose(records)


def _run_pictures(folder: Path, record: Record) -> Iterator[tuple[str, bytes]]:
    """Content and style as the run had them, where they are not the kit's, and still there."""
    try:
        width, height = read_rgb(folder / record.folder / PICTURE).size
    except StyletoolsError:
        return
    for role in ("content", "style"):
        told = record.text(role) or f"{folder.name}/{record.folder}/{role}.png"
        source = folder.parent / told  # as the notebook has it
        if source.is_file() and not source.resolve().is_relative_to(PICTURES):
            with suppress(StyletoolsError):
                tensor = load_image(source, size=(height, width))
                digest = picture_sha256(tensor)
                if digest == record.text(f"{role}_sha256"):
                    buffer = io.BytesIO()
                    to_image(tensor).save(buffer, "PNG")
                    yield picture_name(digest), buffer.getvalue()


def picture_name(digest: str) -> str:
    """Where a hand-in has a picture that runs were made of, below its folder of runs."""
    return f"{RUN_PICTURES}/{digest[:16]}.png"


# --- What a run is meant to be -------------------------------------------------------------------


def _chosen(records: Sequence[Record]) -> dict[str, Record]:
    """The runs as requested; then those that fit a base run of the student's; then the rest."""
    left, chosen = list(records), {}
    own = _own_plan(records)
    for fits in (
        lambda name, record: not differences(name, record),
        lambda name, record: not _unlike(record.config, own[name]),
        _is_meant,
    ):
        for name in ASKED:
            found = [record for record in left if name not in chosen and fits(name, record)]
            if found:
                best = min(found, key=lambda record: _distance(name, record))
                chosen[name] = best
                left.remove(best)
    return chosen


def _own_plan(records: Sequence[Record]) -> Mapping[str, TransferConfig]:
    """The experiments on a base run, such as a shorter one: on that of which most are there."""
    there = [record.config for record in records]
    bases = [r.config for r in records if _is_meant("base", r) and r.config.steps <= MOST_STEPS]
    plans = map(part2, bases[:MOST_BASES])

    def count(plan: Mapping[str, TransferConfig]) -> int:
        return sum(any(not _unlike(one, asked) for one in there) for asked in plan.values())

    return max(plans, key=count, default=ASKED)


def _is_meant(name: str, record: Record) -> bool:
    """Whether a run turns the knobs that the experiment turns, and no others."""
    base = ASKED["base"]
    asked = {knob for knob in KNOBS if getattr(ASKED[name], knob) != getattr(base, knob)}
    turned = {knob for knob in KNOBS if getattr(record.config, knob) != getattr(base, knob)}
    if record.config.convention != base.convention:
        return False
    if not asked:
        return not turned and (name == "base" or record.config.steps > base.steps)
    return bool(turned) and turned <= asked


def _distance(name: str, record: Record) -> tuple[bool, int, float]:
    """How far a run is from the requested one."""
    steps = abs(math.log(record.config.steps / ASKED[name].steps))
    return not (record.ended[0] and record.ended[0].done), len(differences(name, record)), steps


def _worth(chosen: Mapping[str, Record]) -> tuple[int, str]:
    """Of a set of runs: how many there are and how many as requested, and how new it is."""
    exact = sum(not differences(name, record) for name, record in chosen.items())
    newest = max((record.text("created") for record in chosen.values()), default="")
    return len(chosen) + exact, newest


# --- What is wrong with a run --------------------------------------------------------------------


def _finding(
    name: str, record: Record, faults: Sequence[Fault], common: tuple[str, ...]
) -> Finding:
    if faults:
        text = " ".join(fault.text for fault in faults)
        return Finding("wrong", text, faults[0].code, record.folder)
    unlike = differences(name, record)
    if record.material != common:
        unlike.append("its pictures, their size or the network are not those of the other runs")
    text = f"{'; '.join(unlike)}." if unlike else ""
    return Finding("different" if unlike else "passed", text, "", record.folder)


def _faults(name: str, record: Record, history: History) -> Iterator[Fault]:
    """What is wrong with a run on its own."""
    config, asked, rows = record.config, ASKED[name], len(history["step"])
    ended, detail = record.ended
    if ended is None or not ended.done:
        text = f"The run did not come to its end ({(detail or ended or 'unknown')[:200]})."
        yield Fault("not finished", f"{text} Run its cell again.")
        return
    if config.steps < asked.steps * FEWEST_STEPS[config.optimizer]:
        text = f"{config.steps} steps instead of {asked.steps} are too few to show anything."
        yield Fault("too short", text)
    elif history["size"][-1] < SMALLEST_SIDE:
        text = f"A picture of {history['size'][-1]:g} pixels is too small to show anything"
        yield Fault("too small", f"{text}; {SMALLEST_SIDE} are the least.")
    bounded = ended is Ended.FINISHED and not config.may_end_early
    if rows > config.steps or (bounded and rows < config.steps):
        text = f"{HISTORY} has {rows} rows, but the run has {config.steps} steps."
        yield Fault("rows", text)
    elif record.told.get("steps_done") != rows or (history["step"] != np.arange(1, rows + 1)).any():
        yield Fault("rows", f"The rows of {HISTORY} are not the steps that were done.")
    if starts_as_content(config) and history["content"][0] > 1e-3 * history["content"].max():
        text = "The content loss does not begin at 0, although the target starts as the content."
        yield Fault("first loss", text)


def starts_as_content(config: TransferConfig) -> bool:
    """Whether the first step's target is the content, in its full size."""
    return config.start == "content" and config.levels == 1


def final_row(record: Record, history: History) -> int:
    """Where the history has the losses of the final picture: its end; L-BFGS keeps the best."""
    told = record.told.get("final_losses")
    step = told.get("step") if isinstance(told, Mapping) else None
    rows = len(history["step"])
    if record.config.optimizer == "lbfgs" and isinstance(step, (int, float)) and 1 <= step <= rows:
        return int(step) - 1
    return rows - 1


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
