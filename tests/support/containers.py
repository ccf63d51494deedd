"""A container as Docker makes it, for the tests: root, with Docker's rights and no others.

bubblewrap and `unshare` really fail in it. What every user may enter is as in an image: Python lies
where all can read it, and the course where only root can.
"""

import os
import shutil
import struct
from pathlib import Path

import pytest

from coursekit.sandbox.bubblewrap import parents
from coursekit.sandbox.places import course, homes, outside_system
from coursekit.sandbox.seccomp import ALLOW, EQUAL, LOAD, NO_SUCH_CALL, NUMBER, RETURN

CAPABILITIES = (  # Docker's own list
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
    "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
)  # fmt: skip
NEEDED = ("coursekit", "notebooks", "styletools", "tests")  # of the course, to grade and to test


def container(command, scratch, landlock=True):
    """The command line that runs a command in one.

    Args:
        command: with this machine's paths.
        scratch: a folder for what it needs.
        landlock: False hides it, as an older kernel does, and lets root alone read the course.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can play a container")
    options = ["bwrap", "--dev-bind", "/", "/", "--die-with-parent", "--cap-drop", "ALL"]
    for name in CAPABILITIES:
        options += ["--cap-add", f"CAP_{name}"]
    for folder in sorted(outside_system(homes())):
        closed = [path for path in reversed(folder.parents) if not path.stat().st_mode & 1]
        if closed:
            options += ["--perms", "0755", "--tmpfs", str(closed[0])]
            options += [*parents(folder), "--ro-bind", str(folder), str(folder)]
    if landlock:
        return [*options, "--", *command]
    for folder in course():
        if folder.name in NEEDED:
            private = scratch / folder.name
            if not private.exists():
                shutil.copytree(folder, private, ignore=shutil.ignore_patterns("__pycache__"))
            private.chmod(0o700)
            options += ["--bind", str(private), str(folder)]
        elif folder.is_dir():
            options += ["--perms", "0700", "--tmpfs", str(folder)]
        else:  # .git, in a worktree
            private = Path(shutil.copy(folder, scratch))
            private.chmod(0o600)
            options += ["--bind", str(private), str(folder)]
    lines = [(LOAD, 0, 0, NUMBER), (EQUAL, 0, 1, 444), (RETURN, 0, 0, NO_SUCH_CALL)]
    lines += [(RETURN, 0, 0, ALLOW)]
    path = Path(scratch) / "without-landlock"
    path.write_bytes(b"".join(struct.pack("<HBBI", *line) for line in lines))
    run = ["sh", "-c", f'exec "$@" 9<{path}', "sh", options[0], "--seccomp", "9", *options[1:]]
    return [*run, "--", *command]
