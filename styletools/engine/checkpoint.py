"""What a run resumes from after an interruption, and what makes two runs the same."""

import hashlib
import json
import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from styletools._files import atomic_path
from styletools.config import LATER_SETTINGS, TransferConfig
from styletools.errors import CheckpointError

CHECKPOINT_SECONDS = 10.0

Row = dict[str, float]
"""One step of the loss history: step, size, total, content, style, tv, and each style layer."""


class Ended(StrEnum):
    """Why a run ended."""

    FINISHED = "finished"  # all its steps are done
    FLAT = "flat"  # the loss hardly fell any more, or the picture hardly changed
    CONVERGED = "converged"  # L-BFGS finds no lower loss
    STOPPED = "stopped"  # by the callback
    INTERRUPTED = "interrupted"  # by Ctrl-C
    DIVERGED = "diverged"  # the loss became NaN or infinite

    @property
    def done(self) -> bool:
        """Whether the run came to its own end."""
        return self in (Ended.FINISHED, Ended.FLAT, Ended.CONVERGED)

    @property
    def early(self) -> bool:
        """Whether somebody ended the run, which can go on."""
        return self in (Ended.STOPPED, Ended.INTERRUPTED)

    @classmethod
    def read(cls, description: Mapping[str, Any]) -> tuple[Self, str]:
        """Why a run ended, and more about it, as its run.json says.

        Raises:
            ValueError: it does not.
        """
        if "ended" in description:
            return cls(description["ended"]), str(description.get("detail", ""))
        sentence = str(description.get("stopped") or "nothing")  # before there was `Ended`
        if "not finite" in sentence:
            return cls("diverged"), sentence
        return cls(sentence.partition(" ")[0].rstrip(":")), sentence


class NotFiniteError(Exception):
    """The loss or its gradient is NaN or infinite."""


@dataclass
class State:
    """All that a run goes on from, bit for bit; a checkpoint holds it as it stands.

    Attributes:
        target: (1, 3, h, w), what the optimiser changes, at the size that the run works at.
        kept: the picture of the phase's lowest loss (L-BFGS) or last finite loss (Adam).
        precision: in which the convolutions run now.
        level: the size that the run works at; 0 is the smallest.
        phase_began: the steps done before the present phase.
        earlier: the picture to hand over as it was ten steps ago or less.
        earlier_step: the step of that picture.
        reason: why the full size ended, once the last steps in float32 have begun.
        detail: more about that, or about why the run ended.
        history: a row for each step.
        kept_row: the row of `kept`.
        seconds: spent optimising, without what the callback took.
        optimiser: what the optimiser remembers.
        ended: why the run ended; None while it goes on.
        whole: the run can go on from here; not so in the middle of a line search.
    """

    target: Tensor
    kept: Tensor
    precision: str
    level: int = 0
    phase_began: int = 0
    earlier: Tensor | None = None
    earlier_step: int = 0
    reason: str = ""
    detail: str = ""
    history: list[Row] = field(default_factory=list)
    kept_row: Row = field(default_factory=dict)
    seconds: float = 0.0
    optimiser: dict[str, Any] = field(default_factory=dict)
    ended: Ended | None = None
    whole: bool = True

    def add_row(self, total: Tensor, parts: Mapping[str, Tensor], config: TransferConfig) -> Row:
        """Write the losses of one step, whose gradient the target has, into the history.

        Raises:
            NotFiniteError: the loss or the gradient is NaN or infinite.
        """
        assert self.target.grad is not None
        row: Row = {"step": len(self.history) + 1, "size": max(self.target.shape[-2:])}
        row |= {name: float(loss.detach()) for name, loss in {"total": total, **parts}.items()}
        if not (math.isfinite(row["total"]) and torch.isfinite(self.target.grad).all()):
            last = f"{self.history[-1]['total']:.6g}" if self.history else "none"
            raise NotFiniteError(
                f"At step {row['step']} the loss is {row['total']} or its gradient not finite "
                f"(last finite loss: {last}); the last finite picture is kept. Lower learning_rate "
                f"(now {config.learning_rate:g}) or style_weight (now {config.style_weight:g}), or "
                "use optimizer='lbfgs'."
            )
        self.history.append(row)
        return row


class Checkpoint:
    """The file that a run goes on from.

    Args:
        path: where it is, or None to keep nothing.
        identity: what makes two runs the same (`identity_of`).
    """

    def __init__(self, path: Path | None, identity: Mapping[str, Any]) -> None:
        self.path, self.identity = path, identity
        self._saved = time.monotonic()
        self._failed = False

    def save(self, state: State) -> None:
        """Write the file, atomically, unless the state is in the middle of a line search.

        Where there is no room for it, the run goes on, and a warning says so once.
        """
        if self.path is None or not state.whole:
            return
        fields = {**vars(state), "target": state.target.detach(), "ended": None}
        self._saved = time.monotonic()
        try:
            with atomic_path(self.path) as temporary, open(temporary, "wb") as file:
                torch.save({"identity": self.identity, "state": fields}, file)
        except (OSError, RuntimeError) as error:
            cause = error if isinstance(error, OSError) else error.__context__  # torch's own on top
            if not isinstance(cause, OSError):
                raise
            if not self._failed:
                warnings.warn(
                    f"{self.path} cannot be written: {cause.strerror or cause}. The run goes on, "
                    "but after an interruption it cannot go on from here. Make room, or choose "
                    "another place.",
                    stacklevel=2,
                )
            self._failed = True

    def save_if_due(self, state: State) -> None:
        """Write the file if the last one is ten seconds old."""
        if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
            self.save(state)

    def load(self, device: torch.device) -> State | None:
        """The state that the file holds; None where there is no file.

        Raises:
            CheckpointError: the file is damaged, of another version, or of another run.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            saved = torch.load(self.path, map_location=device, weights_only=True)
            state, identity = State(**saved["state"]), saved["identity"]
            differing = [k for k, v in self.identity.items() if identity.get(k) != v]
        except Exception as error:  # whatever a broken or foreign file makes it raise
            raise CheckpointError(
                f"{self.path} is no whole checkpoint of this version ({type(error).__name__}); "
                "delete it to start anew."
            ) from None
        if differing:
            raise CheckpointError(
                f"{self.path} belongs to another run: {', '.join(differing)} differ. Use the "
                "settings and pictures it was made with, or delete it to start anew."
            )
        state.target.requires_grad_(True)
        return state


def saved_precision(path: Path | None) -> str | None:
    """The precision of the run that a checkpoint is of; None where there is none to read."""
    if path is None or not path.exists():
        return None
    try:
        return torch.load(path, weights_only=True)["identity"]["precision"]
    except Exception:  # `Checkpoint.load` says what is wrong with it
        return None


def key_of(identity: Mapping[str, Any], steps: int) -> str:
    """The key of a run, from what `identity_of` gives."""
    text = json.dumps({**identity, "steps": steps}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def identity_of(
    settings: Mapping[str, Any], pictures: Mapping[str, Any], backbone: str
) -> dict[str, Any]:
    """What makes two runs the same: pictures, weights, and settings but for steps and machine.

    Args:
        settings: `TransferConfig.to_dict()` of the resolved settings.
        pictures: {"content", "style" and "start": `picture_sha256` of it}, and what the run has of
            other styles and masks.
        backbone: SHA-256 of the weights' file.
    """
    # The pictures and the weights themselves stand for all but the first four.
    left_out = (
        "steps", "device", "max_memory", "save_every", "backbone", "max_size", "start", "seed",
        "more_styles", "content_masks", "style_masks",
    )  # fmt: skip
    identity = {
        name: value
        for name, value in settings.items()
        if name not in left_out and (name, value) not in LATER_SETTINGS.items()
    }
    return {**identity, **pictures, "backbone": backbone}


def picture_sha256(picture: Tensor) -> str:
    """Of a picture as the network gets it, (1, 3, H, W)."""
    return hashlib.sha256(picture.float().cpu().numpy().tobytes()).hexdigest()
