"""Peak memory of one way of doing it, above what was there before; a process of its own each.

python -m benchmarks.memory literal 400
python -m benchmarks.memory bfloat16 400
"""

import gc
import json
import sys
from pathlib import Path

from benchmarks.literal import Case, assignment_loop, network
from styletools import FAST, load_backbone, stylize
from styletools.engine.memory import memory_needed

STEPS = 14  # at full size: L-BFGS then remembers all that it ever does


def status(what: str) -> int:
    """A line of Linux's /proc/self/status, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


def main() -> None:
    way, size = sys.argv[1], int(sys.argv[2])
    case = Case(size, "chelsea", "impasto", square=False)
    config = FAST.replace(precision="float32" if way == "literal" else way, levels=1)
    backbone = load_backbone("vgg19")

    def work(case: Case, steps: int) -> None:
        if way == "literal":
            assignment_loop(network(), *case.pictures(), steps, lambda *_: None)
        else:
            stylize(*case.pictures(), config.replace(steps=steps), backbone=backbone)

    work(Case(32, "chelsea", "impasto"), 2)  # so that the libraries' own buffers are there
    gc.collect()
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    work(case, 3 if way == "literal" else STEPS)
    found = {way: (status("VmHWM") - before) / 1024}
    if way != "literal":
        height, width = case.pictures()[0].shape[-2:]
        needed = memory_needed(config, backbone, (height, width), saving=False)
        found[f"{way} needed"] = needed / 2**20
    print(json.dumps(found))


if __name__ == "__main__":
    main()
