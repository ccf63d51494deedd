"""Paint docs/control.jpg: each setting of docs/control.md on the kit's pictures.

python tools/control_gallery.py        # about ten minutes on two cores
"""

import tempfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from torch import Tensor

from styletools import FAST, bundled, load_backbone, load_image, stylize
from styletools.plots import show_images

CONTENT, STYLE, OTHER, SIZE = "chelsea", "impasto", "stained_glass", 192
QUICK = FAST.replace(levels=2, steps=40, max_size=SIZE, precision="float32", backbone="vgg19")
OUT = Path(__file__).resolve().parent.parent / "docs" / "control.jpg"


def main() -> None:
    """Write the sheet, four pictures a row."""
    photo, painting, glass = (
        bundled("content")[CONTENT],
        bundled("style")[STYLE],
        str(bundled("style")[OTHER]),
    )
    backbone = load_backbone("vgg19")
    pictures: dict[str, Tensor] = {"the photograph": load_image(photo, SIZE)}
    height, width = pictures["the photograph"].shape[-2:]
    with tempfile.TemporaryDirectory() as folder:
        inside, outside = masks(Path(folder), width, height)
        settings: dict[str, dict[str, Any]] = {
            "the defaults": {},
            "colour=match": {"colour": "match"},
            "colour=luminance": {"colour": "luminance"},
            "style_scale=0.5": {"style_scale": 0.5},
            "style_scale=2": {"style_scale": 2.0},
            "balanced": {"style_distance": "balanced", "style_weight": 1e4},
            "moments": {"style_distance": "moments", "style_weight": 1e3},
            "wasserstein": {"style_distance": "wasserstein", "style_weight": 10.0},
            "two styles": {"more_styles": {glass: 1.0}},
            "a content mask": {"content_masks": (outside,)},
            "a style for each region": {
                "more_styles": {glass: 1.0}, "content_masks": (outside, inside),
            },
        }  # fmt: skip
        for name, changes in settings.items():
            config = QUICK.replace(**changes)
            pictures[name] = stylize(photo, painting, config, backbone=backbone).image
            print(name, flush=True)
            show_images(pictures, columns=4, width=3).savefig(
                OUT, dpi=80, pil_kwargs={"quality": 88}
            )


def masks(folder: Path, width: int, height: int) -> tuple[str, str]:
    """An ellipse in the middle, white inside, and the same the other way round."""
    mask = Image.new("L", (width, height))
    box = (width * 0.2, height * 0.1, width * 0.85, height * 0.95)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    mask.save(folder / "inside.png")
    mask.point(lambda level: 255 - level).save(folder / "outside.png")
    return str(folder / "inside.png"), str(folder / "outside.png")


if __name__ == "__main__":
    main()
