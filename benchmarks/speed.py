"""The kit's fast preset against the assignment's loop: `make bench` writes RESULTS.md.

Every figure is a ratio of two things measured in this run, one after the other. The judge of a
picture is the assignment's own loss, evaluated in float32 by `benchmarks.literal`, which shares no
code with the kit. A time to a loss counts everything from the call on: the probe of the precision,
the targets, the small sizes.
"""

import argparse
import itertools
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.literal import (
    CASES,
    HERE,
    PICTURES,
    STEPS,
    Case,
    assignment_loop,
    assignment_loss,
    end_of,
    read_ends,
    tutorial_loop,
)  # fmt: skip
from styletools import FAST, bundled, load_backbone, stylize, to_image
from styletools._files import atomic_path, write_text
from styletools.engine.objective import Objective
from styletools.engine.precision import network_for

ROUNDS = 3
LITERAL_STEPS = 50
TUTORIAL_STEPS = 200
SLIM = HERE.parent.parent / "shared" / "weights" / "vgg19_slim_16x.safetensors"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass
class Track:
    """Where a run was at each time: seconds, picture (or loss, once judged)."""

    seconds: list[float] = field(default_factory=list)
    pictures: list[Tensor] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)
    lost: float = 0.0  # seconds that keeping the pictures took

    def keep(self, picture: Tensor) -> None:
        """A copy of the picture at this moment."""
        now = time.perf_counter()
        self.seconds.append(now - self.started - self.lost)
        self.pictures.append(picture.detach().clone())
        self.lost += time.perf_counter() - now

    def judge(self, loss_of: Callable[[Tensor], Tensor], goal: float) -> float:
        """Seconds until the goal; infinite where it was not reached."""
        with torch.no_grad():
            self.losses = [float(loss_of(picture)) for picture in self.pictures]
        reached = (s for s, loss in zip(self.seconds, self.losses, strict=True) if loss <= goal)
        return next(reached, float("inf"))


def median_seconds(work: Callable[[], object], rounds: int = 7) -> float:
    """After one round that does not count."""
    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        work()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def matmul_rate(dtype: torch.dtype) -> float:
    """Floating-point operations a second in a product of 2048² matrices: the machine's limit."""
    a, b = torch.randn(2, 2048, 2048, device=DEVICE).to(dtype)
    return 2 * 2048**3 / median_seconds(lambda: a @ b)


def literal_step(case: Case) -> float:
    """Median seconds of a step of the assignment's loop."""
    times = [time.perf_counter()]
    model, (content, style) = case.net().to(DEVICE), case.pictures()
    each = lambda *_: times.append(time.perf_counter())  # noqa: E731
    assignment_loop(model, content.to(DEVICE), style.to(DEVICE), LITERAL_STEPS, each)
    return statistics.median(b - a for a, b in itertools.pairwise(times[1:]))


def fast_run(case: Case, precision: str) -> tuple[Track, Tensor, float]:
    """Its track at full size, its picture, and its seconds in all."""
    content, style = case.pictures()
    config = FAST.replace(precision=precision)
    backbone = case.backbone()
    track = Track()

    def keep(step: object) -> None:
        if step.image.shape[-1] == case.size:  # type: ignore[attr-defined]
            track.keep(step.image)  # type: ignore[attr-defined]

    result = stylize(content, style, config, keep, backbone=backbone)
    return track, result.image, time.perf_counter() - track.started - track.lost


def tutorial_run(case: Case) -> Track:
    content, style = (picture.to(DEVICE) for picture in case.pictures())
    model, track = case.net().to(DEVICE), Track()
    tutorial_loop(model, content, style, TUTORIAL_STEPS, lambda step, loss, x: track.keep(x))
    return track


def compare(case: Case) -> dict:
    """One case: the seconds of each way to the loss where the literal loop ends."""
    goal = end_of(case)["loss"]
    model, (content, style) = case.net().to(DEVICE), case.pictures()
    loss_of = assignment_loss(model, content.to(DEVICE), style.to(DEVICE))
    literal = STEPS * literal_step(case)
    row: dict = {"case": case, "literal": literal, "goal": goal}
    for precision in ("auto", "float32"):
        runs = [fast_run(case, precision) for _ in range(ROUNDS)]
        times = [track.judge(loss_of, goal) for track, _, _ in runs]
        row[precision] = statistics.median(times)
        row[f"{precision} all"] = statistics.median(seconds for _, _, seconds in runs)
        row[f"{precision} track"], row[f"{precision} picture"] = runs[0][:2]
    track = tutorial_run(case)
    row["tutorial"], row["tutorial track"] = track.judge(loss_of, goal), track
    row["ssim"] = similarity(case, row["auto picture"])
    print(
        f"{case.name}: literal {literal:.0f} s, fast {row['auto']:.2f} s, "
        f"float32 {row['float32']:.2f} s, tutorial {row['tutorial']:.1f} s"
    )
    return row


def similarity(case: Case, picture: Tensor) -> float:
    """Structural similarity to the picture of the literal loop."""
    literal = Image.open(PICTURES / f"{case.name}.jpg").convert("L")
    ours = to_image(picture).convert("L")
    return structural_similarity(*(np.asarray(p)
                                   for p in (literal, ours)), data_range=255)  # fmt: skip


def evaluation(case: Case, precision: str) -> tuple[float, float]:
    """Seconds of one evaluation of the fast preset, and its floating-point operations."""
    content, style = (picture.to(DEVICE) for picture in case.pictures())
    backbone = case.backbone()
    config = FAST.replace(pooling=backbone.pooling)
    objective = Objective(network_for(backbone, config, DEVICE, precision), content, style, config)
    target = content.clone().requires_grad_(True)
    work = lambda: torch.autograd.grad(objective(target)[0], target)  # noqa: E731
    with FlopCounterMode(display=False) as counter:
        work()
    return median_seconds(work), counter.get_total_flops()


def peak_memory(*arguments: str) -> float:
    """MiB, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent)
    return float(done.stdout)


def slim_seconds() -> float:
    """`stylize` at 400 pixels with the slim trained file, from the call to the picture."""
    backbone = load_backbone(str(SLIM))
    pictures = bundled("content")["chelsea"], bundled("style")["impasto"]
    config = FAST.replace(max_size=400)
    return median_seconds(lambda: stylize(*pictures, config, backbone=backbone), rounds=3)


def draw_curves(rows: list[dict], path: Path) -> None:
    """Loss against time, one panel a case."""
    figure = Figure(figsize=(5 * len(rows), 4), layout="constrained")
    for axis, row in zip(figure.subplots(1, len(rows), squeeze=False)[0], rows, strict=True):
        step = row["literal"] / STEPS
        curve = end_of(row["case"])["curve"]
        axis.plot([s * step for s, _ in curve], [loss for _, loss in curve], label="assignment")
        for name, label in (("tutorial", "PyTorch's tutorial"), ("float32", "fast, float32"),
                            ("auto", "fast")):  # fmt: skip
            track = row[f"{name} track"]
            lowest = [min(track.losses[: i + 1]) for i in range(len(track.losses))]
            axis.plot(track.seconds, lowest, label=label)
        axis.axhline(row["goal"], color="grey", linewidth=0.8, linestyle=":")
        axis.set(xscale="log", yscale="log", xlabel="seconds", title=row["case"].name)
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("the assignment's loss, lowest so far")
    figure.axes[0].legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=90)


def side_by_side(rows: list[dict], path: Path) -> None:
    """The literal loop's pictures above the fast preset's."""
    size = max(row["case"].size for row in rows)
    sheet = Image.new("RGB", (size * len(rows), 2 * size))
    for column, row in enumerate(rows):
        literal = Image.open(PICTURES / f"{row['case'].name}.jpg")
        for line, picture in enumerate((literal, to_image(row["auto picture"]))):
            sheet.paste(picture.resize((size, size)), (column * size, line * size))
    with atomic_path(path) as temporary:
        sheet.save(temporary, "JPEG", quality=88)


def report(cases: list[Case]) -> str:
    rates = {name: matmul_rate(dtype) for name, dtype in DTYPES.items()}
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().split("\n")
                if line.startswith("model name")), platform.processor())  # fmt: skip
    device = torch.cuda.get_device_name() if DEVICE.type == "cuda" else cpu
    lines = [
        "# What was measured", "",
        "Written by `make bench`; `benchmarks/speed.py` says how. Ratios of one run, one machine.",
        "",
        f"{device}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}, "
        f"{time.strftime('%Y-%m-%d')}. Matrix products (2048²): float32 "
        f"{rates['float32'] / 1e9:.0f} GFLOP/s, bfloat16 {rates['bfloat16'] / 1e9:.0f} GFLOP/s.",
        "", "## Time to the loss where the assignment's 2000 steps end", "",
        "| case | literal, s | fast, s | literal ÷ fast | float32 only, s | literal ÷ float32 "
        "| tutorial ÷ fast | whole fast run, s | SSIM |", "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    rows = []
    for case in cases:
        rows.append(row := compare(case))
        literal = row["literal"]
        lines.append(
            f"| {case.name} | {literal:.0f} | {row['auto']:.2f} | **{literal / row['auto']:.0f}** "
            f"| {row['float32']:.2f} | **{literal / row['float32']:.0f}** "
            f"| {row['tutorial'] / row['auto']:.1f} | {row['auto all']:.2f} | {row['ssim']:.2f} |"
        )
    lines += [
        "",
        "Literal: 2000 × the median of 50 steps. SSIM: the fast run's last picture against the "
        "literal loop's; low, since the fast run goes on to a far lower loss, and works from small "
        "sizes up. `inf`: not reached in 200 evaluations.",
        "", "![Loss against time](speed.png)", "",
        "![Above the assignment's 2000 steps, below the fast preset](pictures.jpg)", "",
        "## One evaluation against the machine's limit", "",
        "Seconds ÷ (floating-point operations ÷ the rate of matrix products above).", "",
        "| weights, size | float32 | bfloat16 |", "|---|---|---|",
    ]  # fmt: skip
    for weights in ("random", "offline"):
        for size in (256, 400):
            case, cells = Case(weights, size, "chelsea", "impasto"), []
            for name in DTYPES:
                seconds, flops = evaluation(case, name)
                cells.append(f"{seconds * rates[name] / flops:.2f} ({seconds * 1e3:.0f} ms)")
            lines.append(f"| {weights}, {size}² | {' | '.join(cells)} |")
    lines += ["", "## Seconds a megapixel of one evaluation, ÷ that at 256²", "",
              "| weights | 128² | 256² | 512² | 1024² |", "|---|---|---|---|---|"]  # fmt: skip
    for weights in ("random", "offline"):
        for name in DTYPES:
            cost = {size: evaluation(Case(weights, size, "chelsea", "impasto"), name)[0] / size**2
                    for size in (128, 256, 512, 1024)}  # fmt: skip
            cells = [f"{value / cost[256]:.2f}" for value in cost.values()]
            lines.append(f"| {weights}, {name} | {' | '.join(cells)} |")
    if DEVICE.type == "cpu":
        lines += [
            "", "## Peak memory, fast ÷ literal", "",
            "Resident memory above what was there before, in a process of its own.", "",
            "| weights, size | literal, MiB | bfloat16 | float32 |", "|---|---|---|---|",
        ]  # fmt: skip
        for weights in ("random", "offline"):
            for size in ("400", "800"):
                literal = peak_memory("literal", weights, size)
                cells = [f"{peak_memory('fast', weights, size, name) / literal:.2f}"
                         for name in ("bfloat16", "float32")]  # fmt: skip
                lines.append(f"| {weights}, {size}² | {literal:.0f} | {' | '.join(cells)} |")
    if SLIM.exists():
        lines += [
            "",
            f"`stylize` at 400 pixels with the slim trained file: {slim_seconds():.1f} s.",
        ]
    draw_curves([row for row in rows if row["case"].content == "chelsea"], HERE / "speed.png")
    side_by_side([row for row in rows if row["case"].size == 256], HERE / "pictures.jpg")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the cases' names; none: all known")
    arguments = parser.parse_args()
    known = [case for case in CASES if case.name in read_ends()]
    wanted = [c for c in known if not arguments.names or any(n in c.name for n in arguments.names)]
    print(json.dumps([case.name for case in wanted]))
    write_text(HERE / "RESULTS.md", report(wanted))


if __name__ == "__main__":
    main()
