"""Peak memory of `styletools stylize` on a large picture, and the CPU time of one evaluation.

(ulimit -d 8388608; python -m benchmarks.tiles 4096 --max-memory 8)   # refused any more than 8 GiB
python -m benchmarks.tiles 2048 --tile 1024                          # 0: the whole picture

The first evaluations are of a cheap loss, so that L-BFGS's history is full, as late in a run. With
`--tiles 2` only two tiles from the middle are computed: enough for the peak, in far less time.
"""

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps
from torch import Tensor

from benchmarks.memory import status
from styletools import bundled, cli, transfer
from styletools.engine import tiles
from styletools.engine.memory import MemoryPlan
from styletools.engine.objective import Objective
from styletools.engine.optimisers import LBFGS_HISTORY
from styletools.engine.tiles import TiledObjective

CHEAP = LBFGS_HISTORY + 3


def cheap_loss(target: Tensor) -> Tensor:
    """Far from its end for long, since pixels differ in how much they count."""
    counts = torch.linspace(0.03, 1, target.shape[-1]) ** 2
    return (target.square() * counts).mean()


def watched(kind: type[Objective], found: dict[str, Any]) -> Any:
    """`kind.__call__`, cheap at first; then it notes the CPU time at which an evaluation begins."""
    evaluate, calls = kind.__call__, itertools.count()

    def call(self: Objective, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        if next(calls) < CHEAP:
            loss = cheap_loss(target)
            layers = dict.fromkeys(self.config.style_weights, loss.detach())
            return loss, {**dict.fromkeys(("content", "style", "tv"), loss.detach()), **layers}
        for features in self.content_features.values():
            features.nan_to_num_()  # memory counts once it is written to
        found["began"].append(time.process_time())
        found["history"] = len(found["lbfgs"]["state"][0]["old_dirs"])
        return evaluate(self, target)

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", type=int)
    parser.add_argument("--max-memory", default="1000")
    parser.add_argument("--tile", type=int, help="this tile, whatever the limit; 0: none")
    parser.add_argument("--evaluations", type=int, default=2, help="of the real loss")
    parser.add_argument("--tiles", type=int, help="so many of them, from the middle")
    parser.add_argument("--backbone", default="vgg19")
    arguments = parser.parse_args()
    found: dict[str, Any] = {"began": [], "plan": None}
    cut, plan_memory = tiles.cut, transfer.plan_memory
    optimiser = transfer.OPTIMISERS["lbfgs"]

    def plan(*args: Any) -> MemoryPlan:
        tile = arguments.tile
        found["plan"] = (
            plan_memory(*args) if tile is None else MemoryPlan(False, True, tile or None)
        )
        return found["plan"]

    class Seen(optimiser):  # type: ignore[misc, valid-type]
        def _remember(self) -> None:
            super()._remember()
            found["lbfgs"] = self.state.optimiser["curvature"]

    def some(*args: Any) -> list[tiles.Tile]:
        every = cut(*args)
        middle = len(every) // 2
        return every[middle : middle + arguments.tiles] if arguments.tiles else every

    tiles.cut = some  # type: ignore[assignment]
    transfer.plan_memory = plan  # type: ignore[assignment]
    transfer.OPTIMISERS["lbfgs"] = Seen
    for kind in (TiledObjective, Objective):
        kind.__call__ = watched(kind, found)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "photo.png")
        size = (arguments.size, arguments.size * 3 // 4)
        ImageOps.fit(Image.open(bundled("content")["chelsea"]), size).save(photo)
        cli.main(
            ["stylize", str(photo), str(bundled("style")["impasto"]), "-o", f"{folder}/out",
             "--backbone", arguments.backbone, "--precision", "float32", "--levels", "1",
             "--max-size", str(arguments.size), "--max-memory", arguments.max_memory,
             "--steps", str(CHEAP + arguments.evaluations)],
            standalone_mode=False,
        )  # fmt: skip
    began = found["began"]
    print(json.dumps({
        "size": size, "plan": found["plan"]._asdict(), "history": found["history"],
        "peak GiB": round(status("VmHWM") / 2**20, 2),
        "evaluation, CPU s": [round(b - a, 1) for a, b in itertools.pairwise(began)],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
