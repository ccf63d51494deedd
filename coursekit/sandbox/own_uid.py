"""The weaker sandbox, for containers, which forbid bubblewrap: a user of its own for each answer.

See `launcher`, which becomes that user, and docs/instructors.md for what it holds back.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from coursekit.sandbox.base import ENVIRONMENT, KIT, Sandbox
from coursekit.sandbox.places import homes, outside_system, without_course
from coursekit.sandbox.seccomp import program

LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True)
class OwnUid(Sandbox):
    """A user of its own, with a folder of its own, a filter of system calls, and limits."""

    name: ClassVar[str] = "own uid"
    says: ClassVar[str] = (
        "Graded in a weaker sandbox, as a container allows it: each answer ran as a user of its "
        "own, with limits and without network, but beside this machine's other processes."
    )

    def end(self) -> None:
        """See `Sandbox`."""
        subprocess.run([*_launcher("end"), self._settings()], check=False)

    def path(self, inside: Path) -> Path:
        """See `Sandbox`."""
        return self._folder / inside.relative_to("/")

    def command(
        self, command: Sequence[str], private: str = "", network: bool = False
    ) -> list[str]:
        """See `Sandbox`; it never has a network."""
        copy = str(self._folder / "tmp" / "private")
        words = [copy if private and word == private else word for word in command]
        files = {KIT: self.kit, **self.files} if self.kit else self.files
        pairs = [str(path) for pair in files.items() for path in pair]
        return [*_launcher("run"), self._settings(private, len(files)), *pairs, *words]

    @property
    def _folder(self) -> Path:
        """Not in TMPDIR, which that user may not be able to enter."""
        return Path("/tmp") / f"coursekit-{self.user}"

    def _settings(self, private: str = "", files: int = 0) -> str:
        """What the launcher is to know, as JSON."""
        limits, folder = self.limits, self._folder
        shown, listed = without_course(self.hidden)
        places = {"HOME": folder / "tmp", "TMPDIR": folder / "tmp", "PYTHONPATH": folder / "kit"}
        settings = {
            "user": self.user,
            "folder": str(folder),
            "private": private,
            "files": files,
            "shown": shown,
            "listed": listed,
            "filter": program(network=False).hex(),
            "environment": {**ENVIRONMENT, **{name: str(path) for name, path in places.items()}},
            "limits": {
                "RLIMIT_CPU": limits.cpu_seconds,
                "RLIMIT_NPROC": limits.processes,
                "RLIMIT_FSIZE": limits.file_size,
                "RLIMIT_NOFILE": 256,
                "RLIMIT_CORE": 0,
                "RLIMIT_AS": limits.memory,
            },
        }
        return json.dumps(settings)

    @classmethod
    def lacks(cls) -> str:
        """See `Sandbox`."""
        if os.geteuid() != 0:
            return (
                "only root can give each answer a user of its own. Grade in a container, as root."
            )
        if not program(network=False):
            return "the system calls of this kind of machine are not known to the kit."
        return ""

    def failed(self, reason: str) -> str:
        """See `Sandbox`."""
        return f"Python does not start as another user ({reason}). {_how_to_pass()}"

    def fault(self, facts: Mapping[str, Any]) -> str:
        """See `Sandbox`."""
        found = {name: value for name, value in facts.items() if name != "seen"}
        if found == {"user": self.user, "groups": [], "refused": 2, "here": []}:
            return ""
        return f"it holds nothing back here ({json.dumps(found)[:200]})."

    def exposed(self, path: str, among: Sequence[Path]) -> str:
        """See `Sandbox`."""
        return (
            f"every user of this machine can read {path}. Take that right away, and give the "
            f"same command again: chmod o-rwx {' '.join(map(str, among))}"
        )


def _launcher(what: str) -> list[str]:
    return [sys.executable, "-I", "-S", str(LAUNCHER), what]


def _how_to_pass() -> str:
    python = outside_system(homes())
    above = {folder for path in python for folder in (path, *path.parents)}
    closed = sorted(str(folder) for folder in above if not folder.stat().st_mode & 1)
    if not closed:
        return "Let every user read this Python and its packages."
    return f"Let every user pass: chmod o+x {' '.join(closed)}. Or install Python in /opt."
