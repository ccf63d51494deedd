"""Runs as lesson 4 keeps them, of full length and made up in a moment: nothing is optimised."""

import csv
import json

from PIL import Image

from styletools.config import EXPERIMENTS
from styletools.lab import part2
from styletools.transfer import identity_of, key_of

SIDE = 160


def keep(folder):
    """Write runs of lesson 4's settings; their losses add up, and their keys are right."""
    for name, config in part2(EXPERIMENTS).items():
        keep_one(folder / f"photo-painting-{name}", config.replace(max_size=SIDE))


def keep_one(folder, config):
    """Write one run."""
    folder.mkdir(parents=True)
    rate = config.learning_rate * (1 + sum(config.style_weights.values()) / config.content_weight)
    rows = []
    for step in range(1, config.steps + 1):
        layers = {layer: 1e-7 / (1 + rate * (step - 1)) for layer in config.style_weights}
        style = sum(weight * layers[layer] for layer, weight in config.style_weights.items())
        content = 1e-5 * (1 - 1 / step)
        total = config.content_weight * content + config.style_weight * style
        parts = {"total": total, "content": content, "style": style, "tv": 0.0}
        rows.append({"step": step, "size": SIDE, **parts, **layers})
    with open(folder / "losses.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    pictures = {"content": "c" * 64, "style": "d" * 64}
    identity = identity_of(config.to_dict(), {**pictures, "start": pictures["content"]}, "e" * 64)
    told = {
        "content": "photo.jpg", "style": "painting.jpg", "config": config.to_dict(),
        "environment": {"backbone_sha256": "e" * 64}, "stopped": "finished",
        "steps_done": config.steps, "seconds": 1.0, "final_losses": rows[-1],
        "key": key_of(identity, config.steps), "created": "2026-11-30",
        **{f"{role}_sha256": digest for role, digest in pictures.items()},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(told), "utf-8")
    Image.new("RGB", (SIDE, SIDE), "grey").save(folder / "picture.png")
