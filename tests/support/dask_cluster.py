"""A dask scheduler and workers on this machine, in processes of their own."""

import os
import subprocess
import sys
import time
from pathlib import Path


class DaskCluster:
    """Ends all of it at the end of a `with`.

    Args:
        folder: for its files; exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes = []

    def __enter__(self) -> "DaskCluster":
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait(30)

    def worker(self, **environment: str) -> subprocess.Popen:
        """Start one, of one thread."""
        options = ["--nthreads", "1", "--no-nanny", "--death-timeout", "60"]
        return self._start("worker", *options, "--local-directory", str(self.folder), **environment)

    def client(self, workers: int):
        """Connected, once so many workers are there."""
        from distributed import Client

        for _ in range(300):
            if self.file.exists():
                break
            time.sleep(0.2)
        client = Client(scheduler_file=str(self.file), timeout=600)
        client.wait_for_workers(workers, timeout=600)
        return client

    def _start(self, kind: str, *options: str, **environment: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "dask", kind, *options, "--no-dashboard"]
        process = subprocess.Popen(
            [*command, "--scheduler-file", str(self.file)],
            cwd=self.folder,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process
