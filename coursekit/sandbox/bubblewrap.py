"""The full sandbox: bubblewrap, with nothing of this machine but the system, Python, what is named.

Its processes see no file else, no other process and no network, and change nothing but scratch
space that ends with them.
"""

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from coursekit.sandbox.base import ENVIRONMENT, KIT, WORK, Sandbox
from coursekit.sandbox.places import SYSTEM, covered, homes, outside_system, temporary
from coursekit.sandbox.seccomp import program

_TOOLS = ("bwrap", "prlimit", "sh")
COPY = "/tmp/private"
QUIET = 'exec "$@" 2>/dev/null'
COPIED = 'cp "$0" /tmp/private && chmod 644 /tmp/private && exec "$@" >/dev/null 2>&1 </dev/null'
FILTERED = 'exec "$@" 9<"$0"'  # bubblewrap reads a descriptor; sh knows those of one digit


@dataclass(frozen=True)
class Bubblewrap(Sandbox):
    """Namespaces of its own, a filter of system calls, and limits."""

    name: ClassVar[str] = "bubblewrap"

    def command(
        self, command: Sequence[str], private: str = "", network: bool = False
    ) -> list[str]:
        """See `Sandbox`."""
        words = [COPY if private and word == private else word for word in command]
        alone = [] if network else ["--unshare-net"]
        shell = ["sh", "-c", COPIED if private else QUIET, private or "sh"]
        inner = [*self._walls(private), *alone, "--", *shell, *self._limited(), *words]
        if not (path := _filter_file()):
            return ["bwrap", *inner]
        return ["sh", "-c", FILTERED, path, "bwrap", "--seccomp", "9", *inner]

    def offline(self, command: Sequence[str]) -> list[str]:
        """See `Sandbox`: a network of its own, of loopback alone."""
        options = ["--dev-bind", "/", "/", "--unshare-net", "--die-with-parent"]
        return ["bwrap", *options, "--", *command]

    def _walls(self, private: str) -> list[str]:
        scratch = str(self.limits.scratch)
        options = ["--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc"]
        options += ["--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL"]
        if os.geteuid() == 0:
            options += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        options += [*_system(), "--proc", "/proc", "--dev", "/dev"]
        for folder in ("/dev/shm", "/tmp", str(WORK)):
            options += ["--perms", "1777", "--size", scratch, "--tmpfs", folder]
        options += _python(self.hidden)
        if self.kit:
            options += ["--ro-bind", str(self.kit), str(KIT)]
        for inside, outside in self.files.items():
            options += [*parents(inside), "--ro-bind", str(outside), str(inside)]
        if private:
            options += ["--ro-bind", private, private]
        options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(WORK), "--clearenv"]
        for name, value in {**ENVIRONMENT, "PYTHONPATH": str(KIT)}.items():
            options += ["--setenv", name, value]
        return options

    def _limited(self) -> list[str]:
        limits = self.limits
        words = ["prlimit", f"--as={limits.memory}", f"--cpu={limits.cpu_seconds}"]
        words += [f"--nproc={limits.processes}", f"--fsize={limits.file_size}"]
        words += ["--nofile=256", "--core=0"]
        if os.geteuid() == 0:
            # A user of its own, since the kernel counts processes by user.
            words += ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
            words += ["--inh-caps=-all", "--no-new-privs"]
        return words

    @classmethod
    def lacks(cls) -> str:
        """See `Sandbox`."""
        tools = (*_TOOLS, "setpriv") if os.geteuid() == 0 else _TOOLS
        if missing := [tool for tool in tools if shutil.which(tool) is None]:
            remedy = "Install bubblewrap and util-linux (`make system` on Debian and Ubuntu)."
            return f"There is no {' and no '.join(missing)} here. {remedy}"
        return ""

    def failed(self, reason: str) -> str:
        """See `Sandbox`."""
        return (
            f"bubblewrap does not work here ({reason}). Containers and Ubuntu 24.04 often forbid "
            "it: allow user namespaces, or grade on another machine."
        )

    def fault(self, facts: Mapping[str, Any]) -> str:
        """See `Sandbox`."""
        return self.failed(f"it holds nothing back: {facts}") if facts["here"] else ""

    def exposed(self, path: str, among: Sequence[Path]) -> str:
        """See `Sandbox`."""
        named = " and ".join(map(str, among))
        return f"Every answer could read {path}. Move {named} out of the folders of the system."


@functools.lru_cache(maxsize=1)
def _filter_file() -> str:
    """A file with the filter of system calls, as long as this process lasts; "" for none."""
    if not (filtered := program()):
        return ""
    handle, path = tempfile.mkstemp(prefix=temporary("filter"))
    with os.fdopen(handle, "wb") as file:
        file.write(filtered)
    atexit.register(Path(path).unlink, missing_ok=True)
    return path


def _system() -> list[str]:
    """The system's programs and libraries, read-only."""
    options: list[str] = []
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink() and path.is_dir():
            options += ["--symlink", os.readlink(path), name]
        elif path.exists():
            options += ["--ro-bind", name, name]
    return options


def _python(hidden: Sequence[Path]) -> list[str]:
    """Python and its packages, read-only; what is secret there or in the system is covered.

    Shallow paths come first, since a later option covers an earlier one.
    """
    covers, python = covered(hidden), homes()
    shown = outside_system(python)
    shown |= {path for path in python if any(path.is_relative_to(above) for above in covers)}
    options: list[str] = []
    for path in sorted({*covers, *shown}, key=lambda path: (len(path.parts), path)):
        options += parents(path)
        if path in shown:
            options += ["--ro-bind", str(path), str(path)]
        elif path.is_dir():
            options += ["--tmpfs", str(path)]
        else:
            options += ["--ro-bind", os.devnull, str(path)]
    return options


def parents(path: Path) -> list[str]:
    """The folders above it, which everybody may pass (bubblewrap makes them private)."""
    return [word for parent in reversed(path.parents[:-1]) for word in ("--dir", str(parent))]
