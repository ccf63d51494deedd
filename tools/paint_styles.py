"""Write the kit's pictures: paintings to ``images/style``, photographs to ``images/content``.

The same pixels every time: the seeds are fixed, the photographs come from scikit-image's wheel.

    python tools/paint_styles.py                  # all of them
    python tools/paint_styles.py --only mosaic
    python tools/paint_styles.py --check          # compare with the files, write nothing
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import skimage.data
from painters import PAINTERS, PALETTES
from PIL import Image

from styletools._files import atomic_path

IMAGES = Path(__file__).resolve().parent.parent / "images"
LONG_SIDE = 768
TOLERANCE = 3.0  # mean difference in grey levels; Pillow versions differ by less


@dataclass(frozen=True)
class Painting:
    """A style picture: who paints it, from which seed and palette."""

    painter: str
    seed: int
    palette: str

    def paint(self) -> Image.Image:
        """The picture, before compression."""
        rng = np.random.default_rng(self.seed)
        palette = PALETTES[self.palette]
        return Image.fromarray(PAINTERS[self.painter](rng, LONG_SIDE, LONG_SIDE, palette))


PAINTINGS = {
    "impasto": Painting("impasto", 7, "night"),
    "woodblock": Painting("woodblock", 3, "prussian"),
    "stained_glass": Painting("stained_glass", 8, "cathedral"),
    "pointillism": Painting("pointillism", 4, "wheat"),
    "marbling": Painting("marbling", 4, "ebru"),
    "abstraction": Painting("abstraction", 2, "bauhaus"),
    "mosaic": Painting("mosaic", 5, "lagoon"),
    "engraving": Painting("engraving", 1, "sepia"),
    "cubist": Painting("cubist", 4, "wheat"),
    "watercolour": Painting("watercolour", 2, "lagoon"),
    "dotwork": Painting("dotwork", 1, "dusk"),
}

# Only files that lie in scikit-image's wheel, so that nothing is downloaded.
PHOTOGRAPHS = {
    "astronaut": "astronaut.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
    "camera": "camera.png",
}


def photograph(name: str) -> Image.Image:
    """One of scikit-image's photographs, as RGB, at most ``LONG_SIDE`` long."""
    with Image.open(Path(skimage.data.__file__).parent / PHOTOGRAPHS[name]) as original:
        image = original.convert("RGB")
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return image


def encode(image: Image.Image, quality: int) -> bytes:
    """A picture as JPEG, with nothing but its pixels in it."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def difference(a: Image.Image, b: Image.Image) -> float:
    """Mean absolute difference in grey levels; infinite if the sizes differ."""
    if a.size != b.size:
        return float("inf")
    pair = (np.asarray(image.convert("RGB"), dtype=np.int16) for image in (a, b))
    return float(np.abs(np.subtract(*pair)).mean())


def write(path: Path, data: bytes) -> None:
    """Write a whole file or none."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    print(f"{path}: {len(data) / 1000:.0f} kB")


def agrees(path: Path, data: bytes) -> bool:
    """Say whether the file at a path shows the picture in ``data``."""
    if not path.exists():
        print(f"[FAIL] {path}: there is no such file; run this script without --check")
        return False
    with Image.open(path) as there, Image.open(io.BytesIO(data)) as made:
        apart = difference(there, made)
    print(f"[{'OK' if apart <= TOLERANCE else 'FAIL'}] {path}: {apart:.2f} (at most {TOLERANCE})")
    return apart <= TOLERANCE


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pictures; 1 if a check found a difference."""
    names = [*PAINTINGS, *PHOTOGRAPHS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", metavar="NAME", choices=names, help=", ".join(names))
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--images", type=Path, default=IMAGES, help="folder (default: images)")
    options = parser.parse_args(arguments)

    jobs: list[tuple[str, Callable[[], Image.Image], int]] = [
        *((f"style/{name}.jpg", painting.paint, 88) for name, painting in PAINTINGS.items()),
        *((f"content/{name}.jpg", partial(photograph, name), 92) for name in PHOTOGRAPHS),
    ]
    differ = 0
    for place, make, quality in jobs:
        if options.only in (None, Path(place).stem):
            path, data = options.images / place, encode(make(), quality)
            if not options.check:
                write(path, data)
            elif not agrees(path, data):
                differ = 1
    return differ


if __name__ == "__main__":
    sys.exit(main())
