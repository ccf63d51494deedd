"""A sweep's runs on the workers of a dask scheduler; results are kept in this process's store."""

import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import torch
from PIL import Image
from torch import Tensor

from styletools.backbones import Backbone
from styletools.config import TransferConfig
from styletools.errors import StyletoolsError
from styletools.lab.store import (
    Previews,
    RunRequest,
    RunStore,
    StoreError,
    SweepOutcome,
    finite,
    reason,
)
from styletools.transfer import Step, TransferResult

if TYPE_CHECKING:
    from distributed import Client, Future

REPORT_SECONDS = 1.0  # between two reports of a worker
LOOK_SECONDS = 1.0  # between two looks at what another process holds, and at the scheduler
QUEUED = 2  # runs handed to each place of a cluster, so that none has to wait for the next


class ClusterError(StyletoolsError):
    """The scheduler does not answer."""


class DaskSweep:
    """A sweep on the workers of a scheduler.

    Args:
        client: of the scheduler.
    """

    def __init__(self, client: "Client") -> None:
        self.client = client
        self.topic = f"styletools-{uuid.uuid4().hex}"
        self.backbones: dict[str, Future] = {}
        self.busy: dict[Future, tuple[RunRequest, ExitStack]] = {}

    def outcomes(
        self,
        store: RunStore,
        requests: list[RunRequest],
        report: Callable[[str, int, float], None],
    ) -> Iterator[SweepOutcome]:
        """Do the runs, in any order."""
        waiting = deque(requests)
        self.client.subscribe_topic(self.topic, lambda event: report(*event[1]))
        try:
            while waiting or self.busy:
                yield from self._submit(store, waiting)
                for future in self._finished():
                    yield self._collect(store, future)
        finally:
            if self.client.status == "running":
                self.client.unsubscribe_topic(self.topic)
                self.client.cancel(list(self.busy))
            for _, claim in self.busy.values():
                claim.close()

    def _submit(self, store: RunStore, waiting: deque[RunRequest]) -> Iterator[SweepOutcome]:
        """Hand over as many runs as the workers can take."""
        places = _places(self.client)
        for _ in range(len(waiting)):
            if len(self.busy) >= max(1, QUEUED * sum(places.values())):
                return
            request = waiting.popleft()
            with ExitStack() as claim:
                try:
                    if not claim.enter_context(store.claim(request)):
                        waiting.append(request)
                    elif run := store.found(request):
                        yield request, run
                    else:
                        future = self._send(request, places)
                        self.busy[future] = (request, claim.pop_all())
                except StoreError:
                    raise
                except StyletoolsError as error:
                    yield request, reason(error)

    def _send(self, request: RunRequest, places: Mapping[str, int]) -> "Future":
        weights = self._hand_over(request.backbone)
        return self.client.submit(
            _work, request.label, *request.pictures, request.config, weights,
            dict(places), self.topic, pure=False,
        )  # fmt: skip

    def _hand_over(self, backbone: Backbone) -> "Future":
        """The weights, as a task, which is repeated should all workers that hold them die."""
        if backbone.sha256 not in self.backbones:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
                self.backbones[backbone.sha256] = self.client.submit(_same, backbone, pure=False)
        return self.backbones[backbone.sha256]

    def _finished(self) -> set["Future"]:
        """The runs that have ended; waits a little for the first."""
        from distributed import wait

        if not self.busy:
            time.sleep(LOOK_SECONDS)  # all that is left is being done by another process
            return set()
        try:
            return wait(list(self.busy), LOOK_SECONDS, "FIRST_COMPLETED").done
        except TimeoutError:
            return set()
        finally:
            self._check()

    def _collect(self, store: RunStore, future: "Future") -> SweepOutcome:
        request, claim = self.busy.pop(future)
        with claim:
            try:
                result, previews = future.result()
                return request, store.keep(request, result, previews)
            except StoreError:
                raise
            except Exception as error:  # whatever it is, the other runs are done
                self._check()
                return request, reason(error)
            finally:
                request.unload()

    def _check(self) -> None:
        check_scheduler(self.client, "All finished runs are kept")


def check_scheduler(client: "Client", kept: str) -> None:
    """Notice that the scheduler is gone.

    Args:
        client: of the scheduler.
        kept: what is not lost, for the message.

    Raises:
        ClusterError: it is.
    """
    if client.status != "running":
        raise ClusterError(
            f"The scheduler does not answer any more. {kept}; start it again, and do the same."
        )


def _work(
    label: str,
    content: Tensor,
    style: Tensor,
    config: TransferConfig,
    backbone: Backbone,
    places: Mapping[str, int],
    topic: str,
) -> tuple[TransferResult, dict[int, Image.Image]]:
    """What a worker does; `places` says how many runs each machine does at once."""
    from dask.system import CPU_COUNT
    from distributed import Reschedule, get_worker

    worker = get_worker()
    key = worker.get_current_task()
    torch.set_num_threads(max(1, CPU_COUNT // places.get(machine(worker.address), 1)))
    reported = 0.0

    def report(step: Step) -> None:
        nonlocal reported
        if worker.state.tasks[key].state == "cancelled":  # nobody waits for it any more
            raise Reschedule
        if time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            worker.log_event(topic, (label, step.step, step.losses["total"]))

    pictures: dict[int, Image.Image] = {}
    keep = Previews(config, pictures.__setitem__, report)
    return finite(content, style, config, keep, None, backbone), pictures


def _same(backbone: Backbone) -> Backbone:
    return backbone


def _places(client: "Client") -> dict[str, int]:
    """{machine: how many runs it does at once}."""
    places: dict[str, int] = {}
    for address, threads in client.nthreads().items():
        places[machine(address)] = places.get(machine(address), 0) + threads
    return places


def machine(address: str) -> str:
    """The host of a worker's address."""
    return urlparse(address).hostname or address
