"""A bar over the steps of one run or many, for a terminal or a notebook."""

import sys
from collections.abc import Mapping
from typing import Self


class StepBar:
    """Steps, loss and the time left.

    Args:
        steps: {label of a run: the most steps that it takes}; the label may be empty.
        shown: False for a bar that nobody sees.
    """

    def __init__(self, steps: Mapping[str, int], shown: bool = True) -> None:
        from tqdm.auto import tqdm

        self.steps, self.at = dict(steps), dict.fromkeys(steps, 0)
        self.bar = tqdm(
            total=sum(steps.values()),
            unit="step",
            disable=not (shown and steps),
            dynamic_ncols=True,
        )
        self._count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def report(self, label: str, step: int, loss: float) -> None:
        """A run's state."""
        if self.bar.disable or label not in self.steps:
            return
        new = step - self.at[label]
        if self.at[label] == 0 and new > 1:  # a run that goes on: its old steps took no time now
            self.bar.initial += new - 1
            name = f"{label}: g" if label else "G"
            self.bar.write(f"{name}oing on after step {step - 1}.", sys.stderr)
        self.at[label] = step
        text = f"{label}: step {step} of {self.steps[label]}, " if label else ""
        self.bar.set_postfix_str(f"{text}loss {loss:.3g}", refresh=False)
        self.bar.update(new)

    def done(self, label: str) -> None:
        """A run is over, perhaps before its last step."""
        if not self.bar.disable:
            del self.steps[label]
            self.bar.total = sum({**self.at, **self.steps}.values())
            self._count()

    def _count(self) -> None:
        if len(self.at) > 1:
            self.bar.set_description(f"{len(self.at) - len(self.steps)} of {len(self.at)} runs")
