"""The weaker sandbox: a process under a user of its own, with a folder of its own.

For containers, which forbid bubblewrap but let root change users. It sees this machine's files as
that user does: only what everybody may read, and where the kernel has Landlock, of that only the
system, Python and its own folder. Run as a script, by root, with nothing but the standard library:

    python -I -S launcher.py run SETTINGS [PLACE FILE]… COMMAND…
    python -I -S launcher.py end SETTINGS
"""

import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
SET_DEATH_SIGNAL, NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 1, 38, 22, 2  # of prctl
CAPABILITIES = 0x20080522  # the version of the sets that capset is given
_SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/dev/mqueue")  # where anybody may write
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
FACTS = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat")
ENDS, PAUSE = 20, 0.01  # tries, seconds

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same number on every machine
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
MAKE_DEVICES = 1 << 6 | 1 << 11
TRUNCATE, IOCTL = 1 << 14, 1 << 15
FIRST_VERSION = (1 << 13) - 1  # all rights of files that Landlock began with
SINCE = {2: 1 << 13, 3: TRUNCATE, 5: IOCTL}  # {version: right}
SCOPE_SINCE, SCOPES = 6, 3  # no signals and no abstract sockets to processes outside


def run(settings: dict[str, Any], words: list[str]) -> None:
    """Become the command, with nothing of this process's rights.

    Args:
        settings: see `OwnUid._settings`.
        words: the place and source of each file, and the command.
    """
    user, folder = int(settings["user"]), Path(settings["folder"])
    end(settings)  # what an earlier run left
    pairs, command = words[: 2 * settings["files"]], words[2 * settings["files"] :]
    _furnish(folder, user, settings["private"], dict(zip(pairs[::2], pairs[1::2], strict=True)))
    rules = _rules(settings["shown"], settings["listed"], folder)
    parent = os.getppid()
    os.chdir(folder / "handin")
    with contextlib.suppress(OSError):  # it leads a session already
        os.setsid()
    nothing, complaints = os.open(os.devnull, os.O_RDWR), os.dup(2)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _call(LIBC.capset, struct.pack("=Ii", CAPABILITIES, 0), bytes(24))  # none, of no kind
    _call(LIBC.prctl, SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    _call(LIBC.prctl, NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if rules is not None:
        _call(LIBC.syscall, RESTRICT_SELF, rules, 0)
        os.close(rules)
    _filter(bytes.fromhex(settings["filter"]))
    for name, limit in settings["limits"].items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
    for stream in (0, 1, 2) if settings["private"] else (2,):
        os.dup2(nothing, stream)
    try:
        if os.getppid() == parent:  # else it is an orphan already
            os.execve(command[0], command, settings["environment"])
    except OSError as error:
        os.write(complaints, str(error).encode())
        raise


def end(settings: dict[str, Any]) -> None:
    """End all that the user runs, and remove all that it left."""
    user = int(settings["user"])
    if (killer := os.fork()) == 0:
        try:
            os.setgroups([])
            # Its effective user alone is the student's: it may kill, and cannot be killed.
            os.setresuid(user + 1, user, user + 1)
            for _ in range(ENDS):
                os.kill(-1, signal.SIGKILL)
                time.sleep(PAUSE)
        finally:
            os._exit(0)
    os.waitpid(killer, 0)
    shared = [path for folder in _SHARED for path in Path(folder).glob("*")]
    left = [settings["folder"], *(path for path in shared if _owner(path) == user)]
    subprocess.run(["rm", "-rf", "--", *left], check=False)  # some are too deep for rmtree


def _owner(path: Path) -> int | None:
    """Of a file that others may remove meanwhile."""
    with contextlib.suppress(OSError):
        return path.lstat().st_uid
    return None


def _furnish(folder: Path, user: int, private: str, files: dict[str, str]) -> None:
    """Its folder, with copies of what it is given; it may write into `handin` and `tmp`."""
    os.umask(0o022)
    folder.mkdir(0o750)
    os.chown(folder, 0, user)
    for name in ("handin", "tmp"):
        (folder / name).mkdir(0o700)
        os.chown(folder / name, user, user)
    for place, source in files.items():
        _copy(Path(source), folder / place.lstrip("/"))
    if private:
        _copy(Path(private), folder / "tmp" / "private")


def _copy(source: Path, target: Path) -> None:
    """A file or folder that its user may read and nobody may change, whatever its rights were."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for entry in source.iterdir():
            _copy(entry, target / entry.name)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _rules(shown: Sequence[str], listed: Sequence[str], folder: Path) -> int | None:
    """A descriptor of Landlock's rules for files; None where the kernel has it not.

    Args:
        shown: what may be read and run.
        listed: folders of which only the names may be read.
        folder: its own.
    """
    version = LIBC.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return None
    known = [right for since, right in SINCE.items() if since <= version]
    handled = FIRST_VERSION + sum(known)
    scopes = SCOPES if version >= SCOPE_SINCE else 0
    # struct landlock_ruleset_attr: files, network, scopes
    attributes = struct.pack("=QQQ", handled, 0, scopes)[: 24 if scopes else 8]
    size = ctypes.c_size_t(len(attributes))
    rules: int = _call(LIBC.syscall, CREATE_RULESET, attributes, size, 0)
    read = EXECUTE | READ_FILE | READ_DIR
    for paths, rights in (
        (shown, read),
        (listed, READ_DIR),
        (FACTS, READ_FILE | READ_DIR),
        (DEVICES, READ_FILE | WRITE_FILE | TRUNCATE | IOCTL),
        ([str(folder)], read),
        ([str(folder / "handin"), str(folder / "tmp")], handled & ~(IOCTL | MAKE_DEVICES)),
    ):
        for path in filter(os.path.exists, paths):
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            of_files = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL
            mask = handled if os.path.isdir(path) else handled & of_files
            # struct landlock_path_beneath_attr
            rule = struct.pack("=Qi", rights & mask, opened)
            _call(LIBC.syscall, ADD_RULE, rules, 1, rule, 0)
            os.close(opened)
    return rules


def _filter(program: bytes) -> None:
    """Install a filter of system calls; see `seccomp`."""
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog
    given = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    _call(LIBC.prctl, SET_SECCOMP, FILTER, ctypes.c_char_p(given), 0, 0)


def _call(function: Any, *arguments: Any) -> Any:
    """A function of libc.

    Raises:
        OSError: it failed.
    """
    if (result := function(*arguments)) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


if __name__ == "__main__":
    what, given, *rest = sys.argv[1:]
    if what == "run":
        run(json.loads(given), rest)
    else:
        end(json.loads(given))
