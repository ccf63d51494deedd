"""What every sandbox has: a kit, files, limits; and what it is asked: run this, read its lines."""

import contextlib
import functools
import json
import os
import random
import subprocess
import sys
import tempfile
import textwrap
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from coursekit.sandbox.memory import LOOK_EVERY, MEMORY, memory_of
from coursekit.sandbox.places import course, samples, temporary
from styletools.errors import StyletoolsError

TRIAL_SECONDS = 60
TAIL = 1_000_000  # bytes of a script's output that are read
KIT = Path("/kit")  # in the sandbox
WORK = Path("/handin")

ENVIRONMENT = {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "agg",  # figures are not shown
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
    "PATH": "/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONSAFEPATH": "1",
    "STYLETOOLS_BACKBONE": "small",
}


class SandboxError(StyletoolsError, RuntimeError):
    """Nothing can be run apart from the rest of this machine."""


@dataclass(frozen=True)
class Limits:
    """What one process of a student may take.

    Attributes:
        memory: bytes of address space; torch needs 4 GiB. Twice as much real memory is too much
            for all processes together.
        cpu_seconds: of computing.
        processes: and threads.
        file_size: bytes of a file.
        scratch: bytes of each temporary folder.
    """

    memory: int = 6 << 30
    cpu_seconds: int = 60
    processes: int = 100
    file_size: int = 32 << 20
    scratch: int = 64 << 20


@dataclass(frozen=True)
class Sandbox(ABC):
    """How processes are kept apart; used as a context, it ends at its end whatever still runs.

    Attributes:
        kit: the folder that is `/kit` in it, and on Python's path; None for none.
        files: {path in it: file or folder of this machine}, read-only.
        limits: of a process.
        hidden: files and folders that nobody in it may read, besides the course.
        user: whose processes they are, if this one is root.
        name: as grades say it.
        says: a sentence for whoever reads grades, of a sandbox that is not the full one.
    """

    kit: Path | None = None
    files: Mapping[Path, Path] = field(default_factory=dict)
    limits: Limits = Limits()
    hidden: tuple[Path, ...] = ()
    user: int = field(default_factory=lambda: fresh_user())
    name: ClassVar[str]
    says: ClassVar[str] = ""

    def furnished(self, kit: Path | None = None, files: Mapping[Path, Path] | None = None) -> Self:
        """Another of the same kind, with these things in it and a user of its own."""
        return replace(self, kit=kit, files=files or {}, user=fresh_user())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:  # noqa: B027  # bubblewrap's processes end with it
        """End whatever still runs in it."""

    def path(self, inside: Path) -> Path:
        """Where a process in it finds a file of `files` or of the kit."""
        return inside

    @abstractmethod
    def command(
        self, command: Sequence[str], private: str = "", network: bool = False
    ) -> list[str]:
        """The command line that runs `command` in it.

        Args:
            command: with paths as `path` says them.
            private: a word of `command`: a file that only this user may read. In the sandbox, the
                word names a copy.
            network: whether it has that of its caller, and not one of its own without anything.
        """

    def offline(self, command: Sequence[str]) -> list[str]:
        """The command line that runs a command of ours beside it, without this machine's network.

        Only bubblewrap can do that.
        """
        return list(command)

    def trouble(self) -> str:
        """Why it does not work here, or does not hide what it must; empty if all is well."""
        return _trouble(type(self), self.hidden)

    def call(self, script: Path, request: Any, seconds: float = 30, tail: int = TAIL) -> list[Any]:
        """Run a Python script in it, and read lines from it.

        Args:
            script: a file of this machine; in it, `request` is on standard input, as JSON.
            request: anything that is JSON, with paths as `path` says them.
            seconds: after which it is ended; as soon as it takes too much memory, too.
            tail: bytes that are read, from the end of what it printed.

        Returns:
            What it printed, a value for each line that is JSON.
        """
        # Files, which the sandbox limits in size; a pipe would fill this process's memory.
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as taken:
            given.write(json.dumps(request).encode())
            given.seek(0)
            with self.running(script, stdin=given, stdout=taken) as process:
                end = time.monotonic() + seconds
                while process.poll() is None:
                    if time.monotonic() > end or memory_of(process.pid) > MEMORY:
                        process.kill()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(LOOK_EVERY)
            taken.seek(max(0, taken.seek(0, os.SEEK_END) - tail))
            lines = taken.read().split(b"\n")
        values = []
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):
                values.append(json.loads(line))
        return values

    @contextlib.contextmanager
    def running(self, script: Path, **streams: Any) -> Iterator["subprocess.Popen[bytes]"]:
        """A Python script that runs in it, in an empty folder; at the end it is ended.

        Args:
            script: a file of this machine.
            streams: `stdin` and `stdout` of `subprocess.Popen`.
        """
        place = WORK / script.name
        with (
            replace(self, files={**self.files, place: script}) as room,
            tempfile.TemporaryDirectory(prefix=temporary("run")) as folder,
        ):
            command = room.command([sys.executable, str(room.path(place))])
            process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, **streams)
            try:
                yield process
            finally:
                process.kill()  # with all that it started: they die with their parent
                process.wait()

    # --- Whether it works ------------------------------------------------------------------------

    @classmethod
    def lacks(cls) -> str:
        """What is missing here for it; empty if it can be tried."""
        return ""

    def failed(self, reason: str) -> str:
        """What to say of a trial that did not run."""
        return f"Python cannot be started ({reason})."

    def fault(self, facts: Mapping[str, Any]) -> str:
        """What is wrong with what a process in it found; empty for nothing."""
        return ""

    def exposed(self, path: str, among: Sequence[Path]) -> str:
        """What to say of a path that can be read in it, and of the secrets that it is of."""
        return ""


TRIAL = """
    import json, os, socket, sys
    seen = []
    for path in json.load(sys.stdin):
        try:
            folder = os.path.isdir(path)
            if os.listdir(path) if folder else open(path, "rb").read(1):  # else it is covered
                seen.append(path)
        except OSError:
            pass
    refused = []
    for attempt in (lambda: socket.create_connection(("127.0.0.1", 9)), lambda: os.kill(1, 0)):
        try:
            attempt()
        except PermissionError:
            refused.append(True)
        except OSError:
            pass
    facts = {"user": os.getuid(), "groups": os.getgroups(), "refused": len(refused)}
    print(json.dumps({**facts, "here": os.listdir("."), "seen": seen}))
    """


@functools.lru_cache(maxsize=8)
def _trouble(kind: type[Sandbox], hidden: tuple[Path, ...]) -> str:
    if lacking := kind.lacks():
        return lacking
    private = [*course(), *(path.resolve() for path in hidden)]
    with kind(hidden=hidden) as room:
        command = room.command([sys.executable, "-c", textwrap.dedent(TRIAL)])
        try:
            done = subprocess.run(
                room.offline(command),
                input=json.dumps([str(path) for path in samples(private)]),
                capture_output=True,
                text=True,
                timeout=TRIAL_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{kind.name} cannot be started ({error})."
    try:
        facts = json.loads(done.stdout)
    except ValueError:
        return room.failed(" ".join(done.stderr.split())[-300:] or f"exit code {done.returncode}")
    if problem := room.fault(facts):
        return problem
    if seen := facts["seen"]:
        named = dict.fromkeys(f for f in private for p in seen if Path(p).is_relative_to(f))
        return room.exposed(seen[0], list(named))
    return ""


def fresh_user() -> int:
    """A number that no user has; it and the next belong to the sandbox."""
    low, high = 1_000_000, 2_000_000_000
    if (mapping := Path("/proc/self/uid_map")).exists():  # a container may have few of them
        mapped = [line.split() for line in mapping.read_text().splitlines()]
        most = max(int(first) + int(count) for first, _, count in mapped)
        low, high = (low, high) if most > high else (20_000, min(most, 65_000))
    return random.SystemRandom().randrange(low, high, 2)
