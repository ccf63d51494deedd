"""Many runs: every combination of settings and pictures, here or on a cluster.

A sweep may be ended by anything. Done again, it goes on with what is missing.
"""

import functools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from styletools.backbones import Backbone, load_backbone
from styletools.config import TransferConfig
from styletools.lab.dask import Cluster
from styletools.lab.plans import Grid, Item, Outcome, Sources, plan, reason
from styletools.lab.run import Run
from styletools.lab.store import RunStore, StoppedError, StoreError
from styletools.transfer import Ended, Step

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class Sweep:
    """What a sweep came to.

    Attributes:
        runs: {label: run}, in the order of the plan.
        failures: {label: why there is no run, or why its loss was not finite}.
    """

    runs: Mapping[str, Run]
    failures: Mapping[str, str]


def sweep(
    base: TransferConfig,
    grid: Grid | None,
    contents: Sources,
    styles: Sources,
    store: RunStore | str | Path | None = None,
    client: "Client | None" = None,
    progress: bool = True,
) -> Sweep:
    """Do every run that is not there yet; ended by anything, the same call goes on.

    An error in one run is recorded, and the others are done. Several processes may do the same
    sweep on the same folder: they share the runs.

    Args:
        base: settings that are not varied.
        grid: as in `variants`; also `part2(base)` and `tradeoff(base)`.
        contents: a picture, or several.
        styles: likewise; every content is painted in every style.
        store: where runs are kept and found, or its folder.
        client: of a `dask.distributed` scheduler; pictures and weights are sent to its workers,
            results come back to the store. None: on this machine, one run after the other.
        progress: show a bar over all steps, with the time left.

    Raises:
        StoppedError: Ctrl-C.
        StoreError: the store cannot be written, for instance because the disk is full.
        ClusterError: the scheduler does not answer any more.
        ConfigError: a wrong grid.
    """
    store = store if isinstance(store, RunStore) else RunStore(store)
    weights = functools.cache(load_backbone)
    items, failures = plan(base, grid, contents, styles, store, weights)
    runs = {item.label: item.run for item in items if item.run}
    todo = [item for item in items if not item.run]
    do = Cluster(client).outcomes if client else _here
    with _Progress(todo, shown=progress) as bar:
        for item, outcome in do(store, todo, weights, bar.report):
            if isinstance(outcome, Run):
                runs[item.label] = outcome
            else:
                failures[item.label] = outcome
            bar.done(item.label)
    failures |= {k: run.detail for k, run in runs.items() if run.ended is Ended.DIVERGED}
    return Sweep({i.label: runs[i.label] for i in items if i.label in runs}, failures)


def _here(
    store: RunStore,
    items: list[Item],
    weights: Callable[[str], Backbone],
    report: Callable[[str, int, float], None],
) -> Iterator[Outcome]:
    """One run after the other, in this process."""
    waiting = deque(items)
    held_elsewhere = 0  # of those at the end of the queue
    while waiting:
        item = waiting.popleft()

        def tell(step: Step, label: str = item.label) -> None:
            report(label, step.step, step.losses["total"])

        try:
            order = item.order(weights)
            # The last ones are waited for; before that, others can be done meanwhile.
            with store.claim(order, wait=held_elsewhere > len(waiting)) as ours:
                if not ours:
                    waiting.append(item)
                    held_elsewhere += 1
                    continue
                run = store.found(order) or store.compute(order, tell)
        except (StoppedError, StoreError):
            raise
        except Exception as error:  # whatever it is, the other runs are done
            yield item, reason(error)
        else:
            yield item, run
        held_elsewhere = 0


class _Progress:
    """A bar over the steps of all runs, with the time left."""

    def __init__(self, items: list[Item], shown: bool) -> None:
        from tqdm.auto import tqdm

        self.steps = {item.label: item.config.steps for item in items}
        self.at = dict.fromkeys(self.steps, 0)
        self.finished = 0
        self.total = sum(self.steps.values())
        self.bar = tqdm(
            total=self.total,
            unit="step",
            disable=not (shown and items),
            dynamic_ncols=True,
        )
        self._count()

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def report(self, label: str, step: int, loss: float) -> None:
        """A run's state."""
        if self.bar.disable or label not in self.steps:
            return
        new = step - self.at[label]
        if self.at[label] == 0:  # a run that goes on: its old steps took no time now
            self.bar.initial += new - 1
        self.at[label] = step
        text = f"{label}: step {step} of {self.steps[label]}, loss {loss:.3g}"
        self.bar.set_postfix_str(text, refresh=False)
        self.bar.update(new)

    def done(self, label: str) -> None:
        """A run is over, perhaps before its last step."""
        self.finished += 1
        if not self.bar.disable:
            self.total -= self.steps.pop(label) - self.at[label]
            self.bar.total = self.total
            self._count()

    def _count(self) -> None:
        self.bar.set_description(f"{self.finished} of {len(self.at)} runs")
