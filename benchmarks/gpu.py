"""On a GPU, at 512²: seconds to the loss where the assignment's 2000 steps end.

    python -m benchmarks.gpu benchmarks/GPU.md

The assignment's loop runs whole, on the same card, with PyTorch's own settings (TensorFloat-32 in
convolutions). The judge of all pictures is the assignment's loss in float32.
"""

import argparse
import contextlib
import itertools
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.literal import PAIRS, STEPS, Case, assignment_loop, assignment_loss
from benchmarks.speed import DEVICE, ROUNDS, fast_run, tutorial_run
from styletools._files import write_text

SIZE = 512


@contextlib.contextmanager
def exact_float32() -> Iterator[None]:
    """Without TensorFloat-32."""
    kept = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = kept


def compare(case: Case) -> str:
    """A line of the table."""
    model = case.net().to(DEVICE)
    content, style = (picture.to(DEVICE) for picture in case.pictures())
    with exact_float32():
        loss_of = assignment_loss(model, content, style)
    times = [time.perf_counter()]
    each = lambda *_: times.append(time.perf_counter())  # noqa: E731
    ended = assignment_loop(model, content, style, STEPS, each)
    literal = STEPS * statistics.median(b - a for a, b in itertools.pairwise(times))
    with exact_float32(), torch.no_grad():
        goal = float(loss_of(ended))
    cells = [f"{literal:.1f}"]
    for precision in ("auto", "float32"):
        runs = [fast_run(case, precision) for _ in range(ROUNDS)]
        with exact_float32():
            seconds = statistics.median(track.judge(loss_of, goal) for track, _, _ in runs)
        whole = statistics.median(seconds for _, _, seconds in runs)
        cells += [f"{seconds:.2f}", f"**{literal / seconds:.0f}**", f"{whole:.2f}"]
    track = tutorial_run(case)
    with exact_float32():
        cells.append(f"{track.judge(loss_of, goal):.1f}")
    return f"| {case.name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    if DEVICE.type != "cuda":
        parser.error("PyTorch sees no CUDA device here; python -m benchmarks.speed takes the CPU.")
    lines = [
        "# On a GPU",
        "",
        f"`python -m benchmarks.gpu`, {torch.cuda.get_device_name()}, PyTorch {torch.__version__}, "
        f"{time.strftime('%Y-%m-%d')}; {SIZE}². Literal: 2000 × the median step of a whole run. "
        f"Each fast figure is the median of {ROUNDS} runs in a process that has used the GPU.",
        "",
        "| case | literal, s | fast, s | literal ÷ fast | whole, s "
        "| float32, s | literal ÷ float32 | whole, s | tutorial, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for weights in ("random", "offline"):
        lines.append(compare(Case(weights, SIZE, *PAIRS[0])))
        print(lines[-1], flush=True)
        write_text(arguments.out, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
