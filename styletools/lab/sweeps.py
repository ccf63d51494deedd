"""Many runs: every combination of settings and pictures, here or on a cluster.

A sweep may be interrupted in any way: the same call then does what is missing.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from styletools.config import TransferConfig
from styletools.lab.dask import DaskSweep
from styletools.lab.plans import Grid, Sources, plan
from styletools.lab.progress import StepBar
from styletools.lab.run import Run
from styletools.lab.store import (
    RunRequest,
    RunStoppedError,
    RunStore,
    StoreError,
    SweepOutcome,
    reason,
)
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
    """Do all missing runs; after an interruption, the same call resumes.

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
        RunStoppedError: Ctrl-C.
        StoreError: the store cannot be written, for instance because the disk is full.
        ClusterError: the scheduler does not answer any more.
        ConfigError: a wrong grid.
    """
    store = store if isinstance(store, RunStore) else RunStore(store)
    requests, runs, failures = plan(base, grid, contents, styles, store)
    missing = [request for request in requests if request.label not in runs]
    outcomes = DaskSweep(client).outcomes if client else _here
    with StepBar({each.label: each.config.steps for each in missing}, shown=progress) as bar:
        for request, outcome in outcomes(store, missing, bar.report):
            if isinstance(outcome, Run):
                runs[request.label] = outcome
            else:
                failures[request.label] = outcome
            bar.done(request.label)
    failures |= {k: run.detail for k, run in runs.items() if run.ended is Ended.DIVERGED}
    labels = [request.label for request in requests if request.label in runs]
    return Sweep({label: runs[label] for label in labels}, failures)


def _here(
    store: RunStore,
    requests: list[RunRequest],
    report: Callable[[str, int, float], None],
) -> Iterator[SweepOutcome]:
    """One run after the other, in this process."""
    waiting = deque(requests)
    held_elsewhere = 0  # of those at the end of the queue
    while waiting:
        request = waiting.popleft()

        def tell(step: Step, label: str = request.label) -> None:
            report(label, step.step, step.losses["total"])

        try:
            # The last ones are waited for; before that, others can be done meanwhile.
            with store.claim(request, wait=held_elsewhere > len(waiting)) as ours:
                if not ours:
                    waiting.append(request)
                    held_elsewhere += 1
                    continue
                run = store.found(request) or store.compute(request, tell)
        except (RunStoppedError, StoreError):
            raise
        except Exception as error:  # whatever it is, the other runs are done
            yield request, reason(error)
        else:
            yield request, run
        finally:
            request.unload()
        held_elsewhere = 0
