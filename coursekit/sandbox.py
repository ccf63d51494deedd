"""A student's code in bubblewrap: alone, unprivileged, without network, within limits.

What is in it: the interpreter and its packages, read-only, and the folders that are named. What is
not: this machine's files, the course's sources and references, other processes, other submissions.
"""

import atexit
import functools
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coursekit.seccomp import program
from styletools.errors import StyletoolsError

REPOSITORY = Path(__file__).resolve().parent.parent
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")
TOOLS = ("bwrap", "prlimit", "sh")
GIBIBYTE = 1 << 30
PROBE_SECONDS = 60
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
    "STYLETOOLS_BACKBONE": "offline",
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

    memory: int = 6 * GIBIBYTE
    cpu_seconds: int = 60
    processes: int = 100
    file_size: int = 32 << 20
    scratch: int = 64 << 20


@dataclass(frozen=True)
class Sandbox:
    """How processes are kept apart.

    Attributes:
        kit: the folder that is `/kit` in it, and on Python's path; None for none.
        files: {path in it: file or folder of this machine}, read-only.
        limits: of a process.
        walls: False runs everything as this user, unprotected.
    """

    kit: Path | None
    files: Mapping[Path, Path] = field(default_factory=dict)
    limits: Limits = Limits()
    walls: bool = True

    def command(
        self, command: Sequence[str], private: str = "", network: bool = False
    ) -> list[str]:
        """The command line that runs `command` in it.

        Args:
            command: with paths as they are in the sandbox.
            network: whether it has that of its caller, and not one of its own without anything.
            private: a file that only this user may read; the command's `PRIVATE` is a copy of it.
        """
        if not self.walls:
            settings = {**ENVIRONMENT, "HOME": os.environ.get("HOME", "/tmp")}
            settings |= {"PATH": os.environ.get("PATH", "")}
            settings |= {"PYTHONPATH": str(self.kit)} if self.kit else {}
            named = [private if word == "PRIVATE" else word for word in command]
            return ["env", *(f"{name}={value}" for name, value in settings.items()), *named]
        named = ["/tmp/private" if word == "PRIVATE" else word for word in command]
        copy = 'cp "$0" /tmp/private && chmod 644 /tmp/private && ' if private else ""
        script = f"{copy}exec {shlex.join([*self._limited(), *named])} >/dev/null 2>&1 </dev/null"
        if not private:
            script = f"exec {shlex.join([*self._limited(), *named])} 2>/dev/null"
        alone = [] if network else ["--unshare-net"]
        run = [*self._walls(private), *alone, "--", "sh", "-c", script, private or "sh"]
        if not (path := _filter_file()):
            return run
        # bubblewrap reads the filter from a descriptor, and sh knows those of one digit.
        here = ["sh", "-c", f'exec "$@" 9<{shlex.quote(path)}', "sh"]
        return [*here, run[0], "--seccomp", "9", *run[1:]]

    def _walls(self, private: str) -> list[str]:
        scratch = str(self.limits.scratch)
        options = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc"]
        options += ["--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL"]
        if os.geteuid() == 0:
            options += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        options += [*_system(), "--proc", "/proc", "--dev", "/dev"]
        for folder in ("/dev/shm", "/tmp", str(WORK)):
            options += ["--perms", "1777", "--size", scratch, "--tmpfs", folder]
        options += _python()
        if self.kit:
            options += ["--ro-bind", str(self.kit), str(KIT)]
        for inside, outside in self.files.items():
            options += [*_parents(inside), "--ro-bind", str(outside), str(inside)]
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
            user = random.SystemRandom().randint(1_000_000, 2_000_000_000)
            words += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
            words += ["--inh-caps=-all", "--no-new-privs"]
        return words


def offline(command: Sequence[str], walls: bool = True) -> list[str]:
    """The command line that runs a command of ours with a network of its own: loopback alone."""
    if not walls:
        return list(command)
    return ["bwrap", "--dev-bind", "/", "/", "--unshare-net", "--die-with-parent", "--", *command]


@functools.lru_cache(maxsize=1)
def _filter_file() -> str:
    """A file with the filter of system calls, as long as this process lasts; "" for none."""
    if not (filtered := program()):
        return ""
    handle, path = tempfile.mkstemp(prefix="coursekit-filter-")
    with os.fdopen(handle, "wb") as file:
        file.write(filtered)
    atexit.register(Path(path).unlink, missing_ok=True)
    return path


@functools.lru_cache(maxsize=1)
def probe() -> str:
    """Why the sandbox does not work here; empty if it does."""
    tools = (*TOOLS, "setpriv") if os.geteuid() == 0 else TOOLS
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        remedy = "Install bubblewrap and util-linux (`make system` on Debian and Ubuntu)."
        return f"There is no {' and no '.join(missing)} here. {remedy}"
    code = "import os; print(os.getuid(), os.listdir('/handin'))"
    inner = Sandbox(None).command([sys.executable, "-I", "-c", code])
    try:
        done = subprocess.run(
            offline(inner), capture_output=True, text=True, timeout=PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap cannot be started ({error})."
    if done.returncode == 0 and done.stdout.endswith("[]\n"):
        return ""
    reason = " ".join(done.stderr.split())[:300] or f"exit code {done.returncode}"
    return (
        f"bubblewrap does not work here ({reason}). Containers and Ubuntu 24.04 often forbid it: "
        "allow user namespaces, or grade on another machine."
    )


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


def _python() -> list[str]:
    """Python and its packages, read-only; what is the course's in there is covered.

    Shallow paths come first, since a later option covers an earlier one.
    """
    options: list[str] = []
    shown = {path: "--ro-bind" for path in _python_folders()}
    covered = {path: "--tmpfs" for path in _course_folders(shown)}
    for path, how in sorted({**shown, **covered}.items(), key=lambda item: len(item[0].parts)):
        options += _parents(path)
        options += [how, str(path)] if how == "--tmpfs" else [how, str(path), str(path)]
    return options


def _parents(path: Path) -> list[str]:
    """The folders above it, which everybody may pass (bubblewrap makes them private)."""
    return [word for parent in reversed(path.parents[:-1]) for word in ("--dir", str(parent))]


def _python_folders() -> set[Path]:
    """Where this interpreter and its packages lie, as far as that is not the system."""
    packages = [Path(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    homes = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent]
    folders = {path for path in (*homes, *packages) if path.is_dir()}
    return {path for path in folders if not any(path.is_relative_to(name) for name in SYSTEM)}


def _course_folders(shown: Mapping[Path, str]) -> Iterator[Path]:
    """The course's own code, where it would be seen: installed, or beside the interpreter."""
    roots = [*map(Path, SYSTEM), *shown]
    packages = {REPOSITORY / "styletools", REPOSITORY / "coursekit"}
    for folder in {REPOSITORY, *packages} - set(shown):
        is_installed = folder == REPOSITORY and folder.name.endswith("-packages")
        if not is_installed and any(folder.is_relative_to(root) for root in roots):
            yield folder
