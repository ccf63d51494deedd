"""Peak memory of one way of doing it, above what was there before; a process of its own each.

python -m benchmarks.memory literal random 400
python -m benchmarks.memory fast random 400 bfloat16
"""

import gc
import sys
from pathlib import Path

from benchmarks.literal import Case, assignment_loop
from styletools import FAST, stylize


def status(what: str) -> int:
    """A line of Linux's /proc/self/status, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


def main() -> None:
    way, weights, size, *precision = sys.argv[1:]
    case = Case(weights, int(size), "chelsea", "impasto")
    tiny = Case(weights, 32, "chelsea", "impasto")

    def work(case: Case, steps: int) -> None:
        if way == "literal":
            assignment_loop(case.net(), *case.pictures(), steps, lambda *_: None)
        else:
            config = FAST.replace(precision=precision[0], steps=steps)
            stylize(*case.pictures(), config, backbone=case.backbone())

    work(tiny, 2)  # so that the libraries' own buffers are there
    gc.collect()
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    work(case, 20)
    print((status("VmHWM") - before) / 1024)


if __name__ == "__main__":
    main()
