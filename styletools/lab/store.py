"""Runs that are kept: a `RunStore` is a folder of runs' folders.

It finds a run again by what the run was made of, so that nothing is computed twice, and a process
may be killed at any moment: a run's folder appears whole.
"""

import errno
import itertools
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from filelock import FileLock, Timeout
from PIL import Image
from torch import Tensor

from styletools._files import source_stem, sync_folder, user_path, when_free
from styletools.backbones import Backbone, load_backbone
from styletools.config import ASSIGNMENT, LARGEST_SIZE, PRECISIONS, TransferConfig
from styletools.engine.checkpoint import picture_sha256
from styletools.engine.pictures import load_pictures
from styletools.errors import CheckpointError, ConfigError, StyletoolsError
from styletools.images import Source, load_image, save_image, to_image
from styletools.lab.measure import measure
from styletools.lab.run import Run, describe, load_previews, preview_path, write_run
from styletools.transfer import (
    Callback,
    DivergedError,
    Ended,
    Step,
    TransferResult,
    run_key,
    stylize,
)

PREVIEWS = 10  # pictures kept on the way, at most
LOCK_SECONDS = 120.0  # that one run's files may take another process to write
NAME_DIGITS = 12  # of the key, in a folder's name
UNFINISHED_WORK = ".unfinished"  # folder of what interrupted runs go on from
HIDDEN = ".hidden-"  # begins the name of a folder that is being written or removed


class StoreError(StyletoolsError, OSError):
    """The store's folder cannot be read or written: disk full, no permission, a hanging lock."""


class RunStoppedError(StyletoolsError):
    """A run was stopped before its end; `result` is what there is, the next `run` goes on."""

    def __init__(self, result: TransferResult) -> None:
        done, steps = len(result.loss_history), result.config.steps
        how = "stopped by the callback" if result.ended is Ended.STOPPED else result.ended
        super().__init__(
            f"The run was {how} after {done} of at most {steps} steps; "
            "asked for again, it goes on from there."
        )
        self.result = result


@dataclass(frozen=True, eq=False)
class RunRequest:
    """A requested run. Its pictures and weights are loaded when they are needed.

    Attributes:
        content: path, address, picture, or tensor (1, 3, H, W), as `stylize` takes it.
        style: likewise.
        config: the settings.
        weights: already loaded ones, instead of `config.backbone`.
        label: what a sweep calls it.
    """

    content: Source | Tensor
    style: Source | Tensor
    config: TransferConfig = ASSIGNMENT
    weights: Backbone | None = None
    label: str = ""

    @cached_property
    def backbone(self) -> Backbone:
        """The weights."""
        return self.weights or load_backbone(self.config.backbone)

    @cached_property
    def pictures(self) -> tuple[Tensor, Tensor]:
        """Content and style, normalised: (1, 3, H, W), the content as `load_image` has it."""
        pictures = load_pictures(self.content, self.style, self.config)
        return pictures.content, pictures.styles[0].picture

    @cached_property
    def keys(self) -> dict[str, str]:
        """{precision: `run_key`}; precision="auto" may come to either."""
        here = self.config.replace(device="cpu")  # the run may be done on another machine
        return {
            precision: run_key(*self.pictures, here.replace(precision=precision), self.backbone)
            for precision in PRECISIONS
            if precision != "auto"
        }

    @property
    def answers(self) -> list[str]:
        """The keys of the runs that are what was asked for."""
        precision = self.config.precision
        return list(self.keys.values()) if precision == "auto" else [self.keys[precision]]

    @property
    def lock_name(self) -> str:
        """The same for all precisions, so that "auto" excludes the one that it comes to."""
        return self.keys["float32"][:32]

    def unload(self) -> None:
        """Let go of the pictures; whoever needs them again reads them as they are then."""
        for name in ("pictures", "keys"):
            vars(self).pop(name, None)


SweepOutcome = tuple[RunRequest, Run | str]
"""A request, and its run or why there is none."""


def reason(error: Exception) -> str:
    """An error in words."""
    return str(error) if isinstance(error, StyletoolsError) else f"{type(error).__name__}: {error}"


class RunStore:
    """A folder of runs.

    Any number of processes may use it at once, and each may be killed at any moment.

    Args:
        folder: None takes `STYLETOOLS_RUNS`, else ./runs. Made when the first run is kept.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = user_path(folder or os.environ.get("STYLETOOLS_RUNS") or "runs")

    def runs(self) -> list[Run]:
        """The runs, newest first; unfinished ones that were saved are among them."""
        runs = [run for run in self._read().values() if isinstance(run, Run)]
        return sorted(runs, key=lambda run: (run.created, run.name), reverse=True)

    def damaged(self) -> dict[Path, str]:
        """Folders that are no whole runs, and why not. They are left alone."""
        return {path: str(run) for path, run in self._read().items() if not isinstance(run, Run)}

    def find(self, key: str) -> Run | None:
        """The finished run of this key, whatever its folder is called."""
        for path in self.folder.glob("[!.]*/run.json"):
            with suppress(OSError, ConfigError):  # removed meanwhile, or damaged
                if key.encode() not in path.read_bytes():
                    continue
                run = Run.read(path.parent)
                if run.key == key and not run.ended.early:
                    return run
        return None

    def get(self, name: str) -> Run:
        """A run by its folder's name, or by the first digits of its key.

        Raises:
            ConfigError: there is none, or more than one.
        """
        runs = self.runs()
        named = [run for run in runs if run.name == name]
        found = named or [run for run in runs if name and run.key.startswith(name)]
        if len(found) != 1:
            which = "several runs" if found else "no run"
            known = ", ".join(run.name for run in found or runs) or "none yet"
            raise ConfigError(f"{name!r} names {which} in {self.folder}; there are: {known}.")
        return found[0]

    def run(
        self,
        content: Source | Tensor,
        style: Source | Tensor,
        config: TransferConfig | None = None,
        callback: Callback | None = None,
        backbone: Backbone | None = None,
    ) -> Run:
        """The run of these pictures and settings: found, or computed and kept.

        While another process computes it, this one waits for it. A run that diverges is kept as
        well, with its last finite picture; `Run.ended` tells.

        Args:
            content: as `stylize`; so are the others.
            style: likewise.
            config: likewise.
            callback: likewise; not called where the run is found.
            backbone: likewise.

        Raises:
            RunStoppedError: Ctrl-C, or the callback returned True. The next call goes on.
            StoreError: the folder cannot be written.
            ImageError, BackboneError, ConfigError: wrong input.
        """
        request = RunRequest(content, style, config or ASSIGNMENT, backbone)
        if found := self.found(request):
            return found
        with self.claim(request, wait=True):
            return self.found(request) or self.compute(request, callback)

    def save(
        self,
        result: TransferResult,
        content: Source | Tensor,
        style: Source | Tensor,
        previews: Mapping[int, Image.Image] | None = None,
        backbone: Backbone | None = None,
    ) -> Run:
        """Keep a result that was computed elsewhere, unless its run is there already.

        Args:
            result: finished, or stopped on the way, which `find` then never finds.
            content: what `stylize` got.
            style: likewise.
            previews: {step: picture}.
            backbone: what `stylize` got.

        Raises:
            StoreError: the folder cannot be written.
        """
        request = RunRequest(content, style, result.config, backbone)
        return self.keep(request, result, previews or {})

    def delete(self, run: Run) -> None:
        """Remove a run."""
        with self._writing(), suppress(FileNotFoundError):
            # At once, so that nobody sees half of it.
            when_free(run.folder.rename, self.folder / f"{HIDDEN}{uuid.uuid4().hex}")

    def forget_unfinished(self) -> int:
        """Remove what interrupted runs would go on from; those going on now are left alone.

        Returns:
            How many were forgotten.
        """
        count = 0
        for work in (self.folder / UNFINISHED_WORK).glob("*-*"):
            with self._lock(work.name.rpartition("-")[0], wait=False) as ours:
                if ours:
                    with self._on_disk():
                        when_free(shutil.rmtree, work)
                    count += 1
        return count

    # The parts of `run`, also for sweeps and the studio

    def found(self, request: RunRequest) -> Run | None:
        """The finished run that was asked for."""
        return next((run for key in request.answers if (run := self.find(key))), None)

    def claim(self, request: RunRequest, wait: bool = False) -> AbstractContextManager[bool]:
        """Keep other processes from computing the same run; freed by the system at a kill.

        Args:
            request: the run.
            wait: for as long as another process holds it.

        Returns:
            A context that gives whether it is ours.
        """
        return self._lock(request.lock_name, wait)

    def compute(self, request: RunRequest, callback: Callback | None) -> Run:
        """Do a claimed run, from where it was left, and keep it."""
        work = self.folder / UNFINISHED_WORK / f"{request.lock_name}-{request.config.precision}"
        with self._on_disk():
            work.mkdir(parents=True, exist_ok=True)
            result = go_on(request, previews_in(work, request.config, callback), work)
            if result.ended.early:
                raise RunStoppedError(result)
            run = self.keep(request, result, load_previews(work))
            shutil.rmtree(work, ignore_errors=True)
            return run

    def keep(
        self, request: RunRequest, result: TransferResult, previews: Mapping[int, Image.Image]
    ) -> Run:
        """Write a run's folder, so that it appears whole; return the run that is there already."""
        key = request.keys[result.config.precision]
        content, style = request.content, request.style
        x, p, a = (picture[:, :3] for picture in (result.image, *request.pictures))
        description = {
            **describe(result, _path(content), _path(style)),
            "key": key,
            "created": datetime.now(UTC).isoformat(timespec="microseconds"),
            "content_sha256": picture_sha256(request.pictures[0]),
            "style_sha256": picture_sha256(request.pictures[1]),
            "measures": measure(x, p, a, request.backbone),
        }
        with self._writing():
            if not result.ended.early and (found := self.find(key)):
                return found
            folder = self.folder / f"{HIDDEN}{uuid.uuid4().hex}"
            for name, source in (("content.png", content), ("style.png", style)):
                if isinstance(source, Tensor):
                    save_image(source, folder / name)
                elif _path(source) is None:
                    save_image(load_image(source, LARGEST_SIZE), folder / name)
            write_run(folder, result, description, previews)
            for path in (folder, *(path for path in folder.iterdir() if path.is_dir())):
                sync_folder(path)
            name = _name(content, style, key)
            return Run.read(self._settle(folder, f"{name}-stopped" if result.ended.early else name))

    def _settle(self, folder: Path, name: str) -> Path:
        """Give the folder its name, or the next one that is free."""
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        place = next(place for n in names if not (place := self.folder / n).exists())
        when_free(folder.rename, place)
        sync_folder(self.folder)
        return place

    @contextmanager
    def _lock(self, name: str, wait: bool) -> Iterator[bool]:
        """Lock a run against other processes; yields whether it is ours."""
        with self._on_disk():
            (self.folder / ".locks").mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".locks" / f"{name}.lock", poll_interval=0.2)
        try:
            with self._on_disk():
                lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One process at a time changes the folder, so whatever is hidden there is left over."""
        with self._on_disk():
            (self.folder / ".locks").mkdir(parents=True, exist_ok=True)
            try:
                with FileLock(self.folder / ".locks" / "folder.lock", timeout=LOCK_SECONDS):
                    self._sweep_up()
                    try:
                        yield
                    finally:
                        self._sweep_up()
            except Timeout:
                raise StoreError(
                    f"Another process has been writing to {self.folder} for {LOCK_SECONDS:g} s; "
                    "if it hangs, end it."
                ) from None

    def _sweep_up(self) -> None:
        for left_over in self.folder.glob(f"{HIDDEN}*"):
            shutil.rmtree(left_over, ignore_errors=True)

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        """Turn an error of the disk into a `StoreError`."""
        try:
            yield
        except (StyletoolsError, Timeout):
            raise
        except OSError as error:
            raise self._disk_error(error.strerror or str(error)) from error
        except RuntimeError as error:  # torch.save's way of saying that the disk is full
            if "PytorchStreamWriter" not in str(error) and "unexpected pos" not in str(error):
                raise
            raise self._disk_error(os.strerror(errno.ENOSPC)) from error

    def _disk_error(self, reason: str) -> StoreError:
        return StoreError(
            f"{self.folder} cannot be written: {reason}. All finished runs are kept; make room, "
            "or take another folder, and do the same again."
        )

    def _read(self) -> dict[Path, "Run | ConfigError"]:
        runs: dict[Path, Run | ConfigError] = {}
        for folder in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if folder.is_dir() and not folder.name.startswith("."):
                try:
                    runs[folder] = Run.read(folder)
                except ConfigError as error:
                    runs[folder] = error
        return runs


class Previews:
    """A callback that keeps pictures on the way, and hands each step on.

    Args:
        config: of the run; where `save_every` is unset, ten pictures are taken.
        keep: takes a step and its picture.
        callback: called with each step.
    """

    def __init__(
        self,
        config: TransferConfig,
        keep: Callable[[int, Image.Image], object],
        callback: Callback | None,
    ) -> None:
        self.every = config.save_every or -(-config.steps // PREVIEWS)
        self.keep, self.callback = keep, callback

    def __call__(self, step: Step) -> bool | None:
        """One step of `stylize`."""
        if step.step % self.every == 0:
            self.keep(step.step, to_image(step.image))
        return self.callback(step) if self.callback else None


def previews_in(folder: Path, config: TransferConfig, callback: Callback | None) -> Previews:
    """`Previews` that are saved in a folder."""
    return Previews(
        config, lambda step, picture: save_image(picture, preview_path(folder, step)), callback
    )


def finite(
    content: Tensor,
    style: Tensor,
    config: TransferConfig,
    callback: Callback | None,
    checkpoint: Path | None,
    backbone: Backbone,
) -> TransferResult:
    """`stylize`, where a loss that is not finite ends the run with the last finite picture."""
    try:
        return stylize(content, style, config, callback, checkpoint, backbone)
    except DivergedError as error:
        return error.result


def go_on(request: RunRequest, callback: Callback, work: Path) -> TransferResult:
    """Go on from a folder's checkpoint; one that is damaged or of another run is thrown away."""
    checkpoint = work / "run.checkpoint"
    content, style = request.pictures
    arguments = (content, style, request.config, callback, checkpoint, request.backbone)
    try:
        return finite(*arguments)
    except CheckpointError:
        for path in work.iterdir():
            when_free(path.unlink)
        return finite(*arguments)


def _path(source: Source | Tensor) -> str | None:
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else None


def _name(content: Source | Tensor, style: Source | Tensor, key: str) -> str:
    """A folder name that a person can tell from others: photo-painting-1a2b3c4d5e6f."""
    stems = [source_stem(_path(source) or "picture") for source in (content, style)]
    plain = [re.sub(r"[^\w.]+", "_", stem)[:40].strip("._") or "picture" for stem in stems]
    return "-".join([*plain, key[:NAME_DIGITS]])
