"""What plain `pytest --nbval` thinks of a submission as it came, in the plainest sandbox.

The disk is read-only but for the submission's own folder, there is no network, memory and file
sizes are limited; nothing else is done about the forgery.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .forging import RIGHT_GRAM, WRONG_GRAM, Forgery, gram

CELL_SECONDS = 12
WALL_SECONDS = 90
INSIDE = "/tmp/submission"

CONTROLS = {  # name: (submission, whether it is to be believed)
    "honest and right": (gram(RIGHT_GRAM), True),
    "honest and wrong": (gram(WRONG_GRAM), False),
}


def believed(write, seconds: int = WALL_SECONDS) -> tuple[bool, str]:
    """Run `pytest --nbval` over all notebooks of a submission.

    Args:
        write: puts the submission into a folder.
        seconds: after which the run is stopped.

    Returns:
        Whether pytest ended with exit code 0; and its last line, or what happened instead.
    """
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        names = sorted(path.name for path in Path(folder).glob("*.ipynb"))
        pytest = [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider"]
        options = ["--color=no", f"--nbval-cell-timeout={CELL_SECONDS}", *names]
        try:
            done = subprocess.run(
                [*_sandbox(folder), *pytest, *options],
                capture_output=True, text=True, errors="replace", timeout=seconds,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False, f"not at its end after {seconds} s"
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return done.returncode == 0, (lines or done.stderr.splitlines() or [""])[-1].strip("= ")


def check_controls() -> None:
    """See that the plain run tells right from wrong where nobody cheats.

    Raises:
        RuntimeError: it does not, so that its verdict on forgeries would mean nothing.
    """
    for name, (write, wanted) in CONTROLS.items():
        got, line = believed(write)
        if got != wanted:
            raise RuntimeError(f"A submission that is {name}: believed is {got} ({line}).")


def runs(forgery: Forgery) -> bool:
    """Whether the forgery is part of the plain run."""
    return not forgery.plain


def _sandbox(folder: str) -> list[str]:
    kept = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LANG": "C.UTF-8",
        "HOME": "/tmp",
        "OMP_NUM_THREADS": "1",
        "STYLETOOLS_STRICT": "1",
        "STYLETOOLS_BACKBONE": "small",
        "STYLETOOLS_QUICK": "1",
    }
    return [
        "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
        "--size", "500000000", "--tmpfs", "/tmp", "--bind", folder, INSIDE, "--chdir", INSIDE,
        "--unshare-pid", "--unshare-net", "--unshare-ipc", "--cap-drop", "ALL",
        "--die-with-parent", "--new-session", "--clearenv",
        *[part for name, value in kept.items() for part in ("--setenv", name, value)],
        "prlimit", "--as=12000000000", "--fsize=200000000", "--nofile=1024", "--core=0",
    ]  # fmt: skip
