"""The kit's fast preset against the assignment's loop, PyTorch's tutorial and pastiche.

    python -m benchmarks.speed [part of a case's name …]   # measures, then writes RESULTS.md
    python -m benchmarks.speed --report                     # writes RESULTS.md again

All ways have the same pictures, size and weights, and the assignment's weights of the losses. What
was measured is kept in speed.json, and is not measured again; delete the file to begin anew. The
judge of all pictures is the assignment's own loss in float32 (`benchmarks.literal`), which shares
no code with the kit. Times count from the call on: features, probes, small sizes.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.literal import (
    CASES,
    CONTENT_WEIGHT,
    DEVICE,
    HERE,
    LAYERS,
    STEPS,
    STYLE_WEIGHT,
    STYLE_WEIGHTS,
    Case,
    assignment_loop,
    assignment_loss,
    network,
    read_ends,
    tutorial_loop,
)  # fmt: skip
from styletools import FAST, load_backbone, load_image, save_image, stylize
from styletools._files import atomic_path, write_text
from styletools.engine.objective import Objective
from styletools.engine.precision import network_for

MEASURED = HERE / "speed.json"
LITERAL_STEPS, TUTORIAL_STEPS, PASTICHE_STEPS = 6, 60, 100
JUDGED_EVERY = 5  # evaluations
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
GRADING = "## Grading"
Track = list[tuple[float, float]]
"""[(seconds, the assignment's loss)]"""


class Watch:
    """Keeps some of the pictures that a run comes by, and when."""

    def __init__(self) -> None:
        self.kept: list[tuple[float, Tensor]] = []
        self.count, self.lost, self.started = 0, 0.0, time.perf_counter()

    def __call__(self, picture: Tensor) -> None:
        """The run is at this picture."""
        now = time.perf_counter()
        self.count += 1
        if self.count % JUDGED_EVERY == 1:
            self.kept.append((now - self.started - self.lost, picture.detach().clone()))
        self.lost += time.perf_counter() - now

    @torch.no_grad()
    def judged(self, loss_of: Callable[[Tensor], Tensor]) -> Track:
        """Each picture's loss."""
        return [(seconds, float(loss_of(picture))) for seconds, picture in self.kept]


def measure(case: Case, found: dict[str, Any]) -> Iterator[str]:
    """Fill in {way: what was measured} with the ways that are missing, and name each.

    Before each way the literal loop's step is timed, so that a ratio has both its sides from the
    same minutes; a machine that others use is not as fast an hour later.
    """
    content, style = (picture.to(DEVICE) for picture in case.pictures())
    model = network().to(DEVICE)
    loss_of = assignment_loss(model, content, style)
    ways: dict[str, Callable[[], dict[str, Any]]] = {
        "float32": lambda: kit(case, "float32", loss_of),
        "pastiche": lambda: pastiche(case, loss_of),
        "tutorial": lambda: tutorial(model, content, style, loss_of),
        "auto": lambda: kit(case, "auto", loss_of),
    }
    for way, work in ways.items():
        if way not in found:
            step = literal_step(model, content, style)
            found[way] = work() | {"step": step, "load": os.getloadavg()[0]}
            found[way] |= {"machine": machine(), "date": time.strftime("%Y-%m-%d")}
            yield way


def literal_step(model: torch.nn.Module, content: Tensor, style: Tensor) -> float:
    """Median seconds of a step of the assignment's loop."""
    times = [time.perf_counter()]
    each = lambda *_: times.append(time.perf_counter())  # noqa: E731
    assignment_loop(model, content, style, LITERAL_STEPS, each)
    return statistics.median(b - a for a, b in itertools.pairwise(times[1:]))


def kit(case: Case, precision: str, loss_of: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    """The fast preset: its track at full size, and the seconds of an evaluation there."""
    content, style = case.pictures()
    backbone, watch = load_backbone("vgg19"), Watch()

    def keep(step: Any) -> None:
        if step.image.shape == content.shape:
            watch(step.image)

    result = stylize(content, style, FAST.replace(precision=precision), keep, backbone=backbone)
    watch.count = 0  # the last picture counts too
    watch(result.image.to(DEVICE))
    used = result.config.precision
    return {"track": watch.judged(loss_of), "steps": len(result.loss_history), "precision": used,
            "evaluation": evaluation(case, used)}  # fmt: skip


def tutorial(
    model: torch.nn.Module, content: Tensor, style: Tensor, loss_of: Callable[[Tensor], Tensor]
) -> dict[str, Any]:
    """The way of PyTorch's tutorial."""
    watch = Watch()
    tutorial_loop(model, content, style, TUTORIAL_STEPS, lambda step, loss, x: watch(x))
    return {"track": watch.judged(loss_of), "steps": TUTORIAL_STEPS}


def pastiche(case: Case, loss_of: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    """Its command line, with weights that make its loss the assignment's.

    It prints that loss on its way; "saved" is the loss of the picture that it writes, in 8 bits.
    """
    content, style = case.pictures()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("content.png", "style.png", "out.png")]
        save_image(content, files[0])
        save_image(style, files[1])
        places = content.shape[-2] * content.shape[-1]
        weights = []
        for index, name in LAYERS.items():
            if name in STYLE_WEIGHTS:
                positions = places / 4 ** (int(name[4]) - 1)
                channels = model_channels(index)
                # Its features are 255 times as large, and its Gram matrices are means.
                factor = STYLE_WEIGHTS[name] * positions / channels / 255**4
                weights.append(f"{STYLE_WEIGHT * factor:.8g}")
        done = subprocess.run(
            [sys.executable, "-m", "pastiche", "-c", files[0], "-s", files[1], "-o", files[2],
             "--size", str(max(content.shape[-2:])), "--style-size", str(max(style.shape[-2:])),
             "--num-steps", str(PASTICHE_STEPS), "--info-step", "5",
             "--content-layer-weights", f"{CONTENT_WEIGHT / 255**2:.8g}",
             "--style-layer-weights", *weights],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        rows = (line.split() for line in done.stdout.splitlines())
        track = [(float(r[1]), float(r[2])) for r in rows if len(r) == 3 and r[0].isdigit()]
        picture = load_image(files[2], max(content.shape[-2:])).to(DEVICE)
    with torch.no_grad():
        saved = float(loss_of(picture))
    return {"track": track, "steps": PASTICHE_STEPS, "saved": saved}


def model_channels(index: str) -> int:
    return len(load_backbone("vgg19").weights[f"{index}.bias"])


def evaluation(case: Case, precision: str) -> tuple[float, float]:
    """Seconds of one evaluation of the fast preset, and of the machine's products for its work."""
    content, style = (picture.to(DEVICE) for picture in case.pictures())
    backbone = load_backbone("vgg19")
    model = network_for(backbone, FAST, DEVICE, precision)
    objective = Objective(model, content, style, FAST)
    target = content.clone().requires_grad_(True)
    work = lambda: torch.autograd.grad(objective(target)[0], target)  # noqa: E731
    with FlopCounterMode(display=False) as counter:
        work()
    a, b = torch.randn(2, 2048, 2048, device=DEVICE).to(PRECISIONS[precision])
    product = seconds_of(lambda: a @ b) / (2 * 2048**3)
    return seconds_of(work), counter.get_total_flops() * product


def seconds_of(work: Callable[[], object], rounds: int = 5) -> float:
    """The median, after one round that does not count."""
    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        work()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


# --- The report ----------------------------------------------------------------------------------


def reached(track: Track, goal: float) -> float:
    """Seconds until the goal; infinite where it was not reached."""
    return next((seconds for seconds, loss in track if loss <= goal), float("inf"))


def rows_of(cases: dict[str, Any]) -> list[dict[str, Any]]:
    """What the tables show of each run of the kit."""
    rows = []
    for name, found in cases.items():
        kits = [found[way] for way in ("float32", "auto") if way in found]
        if len(kits) == 2 and kits[1]["precision"] == "float32":
            kits = kits[:1]  # the machine has nothing faster
        for ours in kits:
            row: dict[str, Any] = {"case": name, **ours, "last": ours["track"][-1], "peers": {}}
            if end := read_ends().get(name):
                goal = end["curve"][-1][1]
                seconds = reached(ours["track"], goal)
                row["end"] = (goal, seconds, STEPS * ours["step"] / seconds)
            for peer in (peer for peer in ("tutorial", "pastiche") if peer in found):
                theirs = found[peer]
                seconds, loss = min(theirs["track"], key=lambda point: point[1])
                mine = reached(ours["track"], loss)
                # In steps of the literal loop, which was timed beside each.
                ratio = (seconds / theirs["step"]) / (mine / ours["step"])
                row["peers"][peer] = (seconds, loss, mine, ratio)
            rows.append(row)
    return rows


def draw(cases: dict[str, Any], path: Path) -> None:
    """Loss against seconds, one panel a case; all seconds as in the minutes of the first way."""
    figure = Figure(figsize=(5.5 * len(cases), 4.2), layout="constrained")
    panels = figure.subplots(1, len(cases), squeeze=False)[0]
    for axis, (name, found) in zip(panels, cases.items(), strict=True):
        step = next(iter(found.values()))["step"]
        if end := read_ends().get(name):
            steps, losses = zip(*end["curve"], strict=True)
            axis.plot([n * step for n in steps], losses, ".-", label="the assignment's loop")
        for way, measured in found.items():
            seconds, losses = zip(*measured["track"], strict=True)
            scale = step / measured["step"]
            label = f"kit, fast, {measured['precision']}" if "precision" in measured else way
            axis.plot([scale * s for s in seconds], losses, ".-", label=label)
        axis.set(xscale="log", yscale="log", xlabel="seconds", title=name)
        axis.grid(alpha=0.3)
    panels[0].set_ylabel("the assignment's loss")
    panels[0].legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=90)


def write_report() -> None:
    """RESULTS.md but for its last section, which `benchmarks.grading` writes."""
    kept = json.loads(MEASURED.read_text("utf-8"))
    draw(kept["cases"], HERE / "speed.png")
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string((HERE / "results.md.j2").read_text("utf-8"))
    page = HERE / "RESULTS.md"
    grading = page.read_text("utf-8").partition(GRADING)[2]
    text = template.render(kept, rows=rows_of(kept["cases"]), tutorial_steps=TUTORIAL_STEPS,
                           pastiche_steps=PASTICHE_STEPS)  # fmt: skip
    write_text(page, f"{text.rstrip()}\n\n{GRADING}{grading}")


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().split("\n")
    cpu = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")
    device = torch.cuda.get_device_name() if DEVICE.type == "cuda" else cpu or platform.processor()
    return f"{device}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}"


def peak_memory(case: Case) -> dict[str, float]:
    """MiB of each way, from a process of its own."""
    found = {}
    for way in ("literal", "float32"):
        command = [sys.executable, "-m", "benchmarks.memory", way, str(case.size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent)
        found |= json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the cases' names; none: all")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument("--memory", action="store_true", help="peak memory, at 400 and 800 pixels")
    arguments = parser.parse_args()
    kept = json.loads(MEASURED.read_text("utf-8")) if MEASURED.exists() else {"cases": {}}
    if arguments.memory:
        kept["memory"] = {size: peak_memory(Case(size, "chelsea", "impasto", square=False))
                          for size in (400, 800)}  # fmt: skip
    elif not arguments.report:
        for case in CASES:
            if not arguments.names or any(name in case.name for name in arguments.names):
                for way in measure(case, kept["cases"].setdefault(case.name, {})):
                    print(case.name, way, flush=True)
                    write_text(MEASURED, json.dumps(kept) + "\n")
    write_text(MEASURED, json.dumps(kept) + "\n")
    write_report()


if __name__ == "__main__":
    main()
