"""A student's code in a sandbox: unprivileged, without network, within limits.

In bubblewrap it is alone: with the interpreter and its packages, read-only, and the folders that
are named; without this machine's files, the course's sources and references, other processes,
other submissions. Containers forbid that. The weaker sandbox, "own uid" (see `own_uid`), is for
them; `choose` says which works here. See docs/instructors.md for what each holds back.
"""

import atexit
import functools
import itertools
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from coursekit.sandbox.seccomp import program
from styletools.errors import StyletoolsError

REPOSITORY = Path(__file__).resolve().parents[2]
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")
TOOLS = ("bwrap", "prlimit", "sh")
GIBIBYTE = 1 << 30
PROBE_SECONDS = 60
BUBBLEWRAP, OWN_UID, NONE = "bubblewrap", "own uid", "none"
LAUNCHER = Path(__file__).with_name("own_uid.py")
SECRETS = (".git", "benchmarks", "coursekit", "notebooks", "styletools", "tests", "tools")
SAMPLE = 40  # files of a folder whose reading is tried
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


SAYS = {
    OWN_UID: "Graded in a weaker sandbox, as a container allows it: each answer ran as a user of "
    "its own, with limits and without network, but beside this machine's other processes.",
    NONE: "Graded without a sandbox: the answers ran with the grader's own rights "
    "(--unsafe-no-sandbox), and the points prove nothing about a student who wants to cheat.",
}
"""A sentence for whoever reads grades, of each mode that is not the full one."""


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
        mode: `BUBBLEWRAP`, `OWN_UID`, or `NONE`, which runs everything as this user, unprotected.
        user: whose processes they are, if this one is root.

    Used as a context, it ends at its end whatever still runs in it.
    """

    kit: Path | None
    files: Mapping[Path, Path] = field(default_factory=dict)
    limits: Limits = Limits()
    mode: str = BUBBLEWRAP
    user: int = field(default_factory=lambda: _fresh_user())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.mode == OWN_UID:
            subprocess.run([*_launcher("end"), self._settings()], check=False)

    def path(self, inside: Path) -> Path:
        """Where a process in it finds a file of `files` or of the kit."""
        if self.mode == OWN_UID:
            return self._folder / inside.relative_to("/")
        if self.mode == NONE:
            given = {KIT: self.kit, **self.files}
            place = next(one for one in (inside, *inside.parents) if given.get(one))
            return Path(str(given[place])) / inside.relative_to(place)
        return inside

    def command(
        self, command: Sequence[str], private: str = "", network: bool = False
    ) -> list[str]:
        """The command line that runs `command` in it.

        Args:
            command: with paths as `path` says them.
            network: whether it has that of its caller, and not one of its own without anything.
            private: a file that only this user may read; the command's `PRIVATE` is a copy of it.
        """
        if self.mode == OWN_UID:
            return self._own_uid(command, private)
        if self.mode == NONE:
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
            words += ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
            words += ["--inh-caps=-all", "--no-new-privs"]
        return words

    # --- A user of its own -----------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        """Not in TMPDIR, which that user may not be able to enter."""
        return Path("/tmp") / f"coursekit-{self.user}"

    def _own_uid(self, command: Sequence[str], private: str) -> list[str]:
        named = [str(self._folder / "tmp/private") if w == "PRIVATE" else w for w in command]
        files = {KIT: self.kit, **self.files} if self.kit else self.files
        words = [str(word) for pair in files.items() for word in pair]
        settings = self._settings(private, len(files))
        return [*_launcher("run"), settings, *words, *named]

    def _settings(self, private: str = "", files: int = 0) -> str:
        """What `own_uid` is to know, as JSON."""
        limits, folder = self.limits, self._folder
        shown, listed = _without_course()
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


def offline(command: Sequence[str], mode: str = BUBBLEWRAP) -> list[str]:
    """The command line that runs a command of ours with a network of its own: loopback alone.

    Without bubblewrap it has this machine's.
    """
    if mode != BUBBLEWRAP:
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


def choose(allow_weaker: bool = False, hidden: Sequence[Path] = ()) -> tuple[str, str]:
    """The strongest mode that works here.

    Args:
        allow_weaker: than bubblewrap.
        hidden: files and folders that nobody in it may read, besides the course.

    Returns:
        The mode, and why it does not work; empty if it does.
    """
    trouble = probe()
    if not trouble:
        return BUBBLEWRAP, ""
    if not allow_weaker:
        return BUBBLEWRAP, f"{trouble} Or, as root in a container: --allow-weaker-sandbox."
    if weaker := probe_own_uid(hidden):
        return OWN_UID, f"{trouble} The weaker sandbox: {weaker}"
    return OWN_UID, ""


@functools.lru_cache(maxsize=1)
def probe() -> str:
    """Why bubblewrap does not work here; empty if it does."""
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


TRIAL = """
    import json, os, socket, sys
    seen = []
    for path in json.load(sys.stdin):
        try:
            (os.listdir if os.path.isdir(path) else open)(path)
            seen.append(path)
        except OSError:
            pass
    alone = []
    for attempt in (lambda: socket.create_connection(("127.0.0.1", 9)), lambda: os.kill(1, 0)):
        try:
            attempt()
        except PermissionError:
            alone.append(True)
        except OSError:
            pass
    print(json.dumps([os.getuid(), os.getgroups(), len(alone), os.listdir("."), seen]))
    """


def probe_own_uid(hidden: Sequence[Path] = ()) -> str:
    """Why the weaker sandbox does not work here; empty if it does.

    Args:
        hidden: files and folders that nobody in it may read, besides the course.
    """
    if os.geteuid() != 0:
        return "only root can give each answer a user of its own. Grade in a container, as root."
    if not program(network=False):
        return "the system calls of this kind of machine are not known to the kit."
    private = [*_course(), *(path.resolve() for path in hidden)]
    secrets = list(_samples(private))
    with Sandbox(None, mode=OWN_UID) as sandbox:
        command = sandbox.command([sys.executable, "-c", textwrap.dedent(TRIAL)])
        try:
            done = subprocess.run(
                command,
                input=json.dumps([str(path) for path in secrets]),
                capture_output=True,
                text=True,
                timeout=PROBE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"it cannot be started ({error})."
    try:
        user, groups, walls, here, seen = json.loads(done.stdout)
    except ValueError:
        reason = " ".join(done.stderr.split())[-300:] or f"exit code {done.returncode}"
        return f"Python does not start as another user ({reason}). {_how_to_pass()}"
    if (user, groups, walls, here) != (sandbox.user, [], 2, []):
        return f"it holds nothing back here ({done.stdout.strip()[:200]})."
    if seen:
        named = dict.fromkeys(f for f in private for p in seen if Path(p).is_relative_to(f))
        return (
            f"every user of this machine can read {seen[0]}. Take that right away, and give the "
            f"same command again: chmod o-rwx {' '.join(map(str, named))}"
        )
    return ""


def _launcher(what: str) -> list[str]:
    return [sys.executable, "-I", "-S", str(LAUNCHER), what]


def _fresh_user() -> int:
    """A number that no user has; it and the next belong to the sandbox."""
    low, high = 1_000_000, 2_000_000_000
    if (mapping := Path("/proc/self/uid_map")).exists():  # a container may have few of them
        mapped = [line.split() for line in mapping.read_text().splitlines()]
        most = max(int(first) + int(count) for first, _, count in mapped)
        low, high = (low, high) if most > high else (20_000, min(most, 65_000))
    return random.SystemRandom().randrange(low, high, 2)


def _course() -> list[Path]:
    """What of the course no answer may read: its solutions, its code, its history."""
    return [path for name in SECRETS if (path := REPOSITORY / name).exists()]


def _how_to_pass() -> str:
    above = {folder for path in _python_folders() for folder in (path, *path.parents)}
    closed = sorted(str(folder) for folder in above if not folder.stat().st_mode & 1)
    if not closed:
        return "Let every user read this Python and its packages."
    return f"Let every user pass: chmod o+x {' '.join(closed)}. Or install Python in /opt."


def _samples(paths: Sequence[Path]) -> Iterator[Path]:
    """The paths, and some files in them."""
    for path in paths:
        yield path
        yield from itertools.islice((p for p in path.rglob("*") if p.is_file()), SAMPLE)


def _without_course() -> tuple[list[str], list[str]]:
    """What a process needs of this machine, and folders of which it needs the names only.

    A folder with something of the course's in it is taken apart, since Landlock knows no exception.
    """
    shown = {Path(name) for name in SYSTEM if Path(name).exists()} | _python_folders()
    listed: set[Path] = set()
    for hidden in _course():
        while above := {path for path in shown if hidden.is_relative_to(path)}:
            listed |= above - {hidden}
            shown |= {one for path in above - {hidden} for one in path.iterdir()}
            shown -= {*above, hidden}
    return sorted(map(str, shown)), sorted(map(str, listed))


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
