"""The offline backbone's training pictures: a few free photographs, many procedural ones.

Run it alone to look at them: ``python tools/training_pictures.py pictures.zip sheet.png``.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import painters
import skimage.data
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree

from styletools._files import atomic_path

SIZE = 512

# Licences as scikit-image's own notes on its data state them; see docs/offline-backbone.md.
FREE_PHOTOGRAPHS = (
    "astronaut.png",  # NASA, public domain
    "chelsea.png",  # CC0
    "coffee.png",  # CC0
    "rocket.jpg",  # SpaceX, CC0
    "hubble_deep_field.jpg",  # NASA, public domain
    "retina.jpg",  # CC0
    "brick.png",  # CC0
    "grass.png",  # CC0
    "gravel.png",  # CC0
)

Painter = Callable[[np.random.Generator], np.ndarray]


def photographs() -> list[np.ndarray]:
    """The free photographs that scikit-image ships, RGB uint8 (H, W, 3)."""
    folder = Path(skimage.data.__file__).parent
    paths = [folder / name for name in FREE_PHOTOGRAPHS]
    return [np.asarray(_shortest_side(Image.open(path).convert("RGB"))) for path in paths]


def _shortest_side(picture: Image.Image, side: int = SIZE) -> Image.Image:
    """Shrink a picture so that its shorter side is at most `side` pixels."""
    scale = min(1.0, side / min(picture.size))
    width, height = (round(scale * n) for n in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def smooth_noise(rng: np.random.Generator, power: float, size: int = SIZE) -> np.ndarray:
    """Noise whose amplitude falls with frequency as 1/f^power; mean 0, deviation 1; square."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    spectrum = (
        np.fft.rfft2(rng.normal(size=(size, size))) / np.maximum(frequency, 1 / size) ** power
    )
    noise = np.fft.irfft2(spectrum)
    return (noise - noise.mean()) / noise.std()


def palette(rng: np.random.Generator, colours: int) -> np.ndarray:
    """Random colours around a few hues, (colours, 3) in 0..1, from dull to vivid."""
    vivid = rng.uniform(0.3, 1.0)
    colour = rng.random((colours, 3))
    return np.clip(colour.mean(1, keepdims=True) * (1 - vivid) + colour * vivid, 0, 1)


def leaves(rng: np.random.Generator, textured: bool = True) -> np.ndarray:
    """Shapes that hide one another, of all sizes (dead leaves); plain or striped."""
    picture = np.ones((SIZE, SIZE, 3)) * palette(rng, 1)
    colours = palette(rng, int(rng.integers(3, 9)))
    for _ in range(int(rng.integers(300, 900))):
        radius = min(200.0, rng.uniform(5, 16) / (rng.random() ** 0.5 + 0.04))
        _draw_leaf(rng, picture, colours, radius, textured)
    return picture


def _draw_leaf(
    rng: np.random.Generator,
    picture: np.ndarray,
    colours: np.ndarray,
    radius: float,
    textured: bool,
) -> None:
    centre, angle, aspect = rng.random(2) * SIZE, rng.random() * np.pi, rng.uniform(0.25, 1)
    box, along, across = _local_axes(centre, radius * 1.45, angle)
    u, v = along / radius, across / (radius * aspect)
    outline = (np.hypot(u, v), np.maximum(abs(u), abs(v)), abs(u) + abs(v))[rng.integers(3)]
    inside = np.clip((1 - outline) * radius * aspect + 0.5, 0, 1)[..., None]  # soft edge, 1 px
    colour = colours[rng.integers(len(colours))] + rng.normal(0, 0.06, 3)
    if textured and rng.random() < 0.8:
        other = colours[rng.integers(len(colours))] + rng.normal(0, 0.2, 3)
        colour = colour + (other - colour) * _stripes(rng, along, across)[..., None]
    picture[box] += inside * (np.clip(colour, 0, 1) - picture[box])


def _local_axes(
    centre: np.ndarray, reach: float, angle: float
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """The box around a centre, and coordinates in it along and across a direction, in pixels."""
    low = np.maximum(0, np.floor(centre - reach)).astype(int)
    high = np.minimum(SIZE, np.ceil(centre + reach)).astype(int)
    y, x = np.mgrid[low[0] : high[0], low[1] : high[1]] - centre[:, None, None]
    cos, sin = np.cos(angle), np.sin(angle)
    return (slice(low[0], high[0]), slice(low[1], high[1])), x * cos + y * sin, y * cos - x * sin


def _stripes(rng: np.random.Generator, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Stripes, wavy or straight, sharp or soft, or a checked or dotted pattern; 0..1."""
    period, phase = np.exp(rng.uniform(np.log(4), np.log(50))), rng.random() * 6
    wave = rng.uniform(0, 0.3) * period * np.sin(2 * np.pi * across / rng.uniform(20, 90))
    pattern = np.sin(2 * np.pi * (along + wave) / period + phase)
    if rng.random() < 0.4:
        pattern = pattern * np.sin(2 * np.pi * across / period)
    sharp = rng.choice([1.0, 3.0, 12.0])
    return 1 / (1 + np.exp(-2 * sharp * (pattern - rng.uniform(-0.5, 0.5))))


def flow(rng: np.random.Generator) -> np.ndarray:
    """Marbled contours of smooth noise."""
    first, second = (smooth_noise(rng, rng.uniform(1.6, 2.2)) for _ in range(2))
    bands = rng.uniform(3, 14)
    a = 0.5 + 0.5 * np.sin(bands * first)
    b = 0.5 + 0.5 * np.sin(0.7 * bands * second + 2 * first)
    colours = palette(rng, 3)
    picture = a[..., None] * colours[0] + b[..., None] * colours[1] + 0.3 * colours[2]
    return picture / picture.max()


def smear(rng: np.random.Generator) -> np.ndarray:
    """Noise smeared along a smooth field of directions, over soft colours: fine brushwork."""
    direction = smooth_noise(rng, 2.2) * rng.uniform(1, 3)
    grain = int(rng.integers(1, 5))
    noise = np.kron(rng.normal(size=(SIZE // grain + 1,) * 2 + (3,)), np.ones((grain, grain, 1)))
    noise, streaks = noise[:SIZE, :SIZE], np.zeros((SIZE, SIZE, 3))
    length = int(rng.integers(8, 28))
    for sign in (1, -1):
        y, x = np.mgrid[0:SIZE, 0:SIZE].astype(float)
        for _ in range(length):
            row, column = y.astype(int) % SIZE, x.astype(int) % SIZE
            streaks += noise[row, column]
            x += sign * np.cos(direction[row, column])
            y += sign * np.sin(direction[row, column])
    streaks = (streaks - streaks.mean((0, 1))) / streaks.std((0, 1))
    streaks = streaks @ (0.6 * np.ones((3, 3)) / 3 + 0.6 * np.eye(3))
    base = np.stack([smooth_noise(rng, 1.8) for _ in range(3)], -1) @ rng.normal(size=(3, 3))
    return 0.5 + rng.uniform(0.08, 0.18) * streaks + 0.12 * base + rng.normal(0, 0.15, 3)


def strokes(rng: np.random.Generator) -> np.ndarray:
    """Overlapping strokes with bristle marks, from broad to fine, along a smooth field."""
    direction = smooth_noise(rng, 2.0) * rng.uniform(0.5, 2) + rng.random() * np.pi
    soft = np.stack([smooth_noise(rng, 1.6) for _ in range(3)], -1)
    colours = palette(rng, int(rng.integers(4, 12)))
    choice = (soft[..., 0] * 1.5 + 50).astype(int) % len(colours)
    picture = np.ones((SIZE, SIZE, 3)) * palette(rng, 1)
    width, ratio, jitter = rng.uniform(5, 16), rng.uniform(2.5, 8), rng.uniform(0.02, 0.12)
    for n in range(int(min(6000, 4 * SIZE**2 / (width**2 * ratio)))):
        centre = rng.random(2) * SIZE
        row, column = centre.astype(int)
        half = width * (1.5 if n < 200 else rng.uniform(0.5, 1.1)) / 2
        angle = direction[row, column] + rng.normal(0, 0.15)
        colour = colours[choice[row, column]] + 0.08 * soft[row, column] + rng.normal(0, jitter, 3)
        _draw_stroke(rng, picture, colour, centre, half, half * ratio, angle)
    return picture


def _draw_stroke(
    rng: np.random.Generator,
    picture: np.ndarray,
    colour: np.ndarray,
    centre: np.ndarray,
    half_width: float,
    half_length: float,
    angle: float,
) -> None:
    box, along, across = _local_axes(centre, half_length + half_width, angle)
    across = across + rng.normal(0, 0.3) * along**2 / half_length
    inside = 1 - np.hypot(np.maximum(abs(along) - half_length, 0), across) / half_width
    bristles = np.interp(across, np.linspace(-20, 20, 41), rng.normal(0, 0.09, 41))
    inside = np.clip(inside * half_width + 0.5, 0, 1)[..., None]
    picture[box] += inside * (np.clip(colour + bristles[..., None], 0, 1) - picture[box])


def cells(rng: np.random.Generator) -> np.ndarray:
    """Cells around random points: mosaic or stained glass, with or without dark borders."""
    count = int(np.exp(rng.uniform(np.log(60), np.log(2500))))
    points = rng.random((count, 2)) * SIZE
    grid = np.moveaxis(np.mgrid[0:SIZE, 0:SIZE], 0, -1).reshape(-1, 2)
    warp = np.stack([smooth_noise(rng, 2).ravel() for _ in range(2)], -1) * rng.uniform(0, 8)
    distance, index = cKDTree(points).query(grid + warp, k=2)
    colours = palette(rng, int(rng.integers(4, 12)))
    soft = (smooth_noise(rng, 1.8) * 1.2 + 50).astype(int)
    at = np.clip(points.astype(int), 0, SIZE - 1)
    own = colours[(soft[at[:, 0], at[:, 1]] + rng.integers(0, 2, count)) % len(colours)]
    own = own + rng.normal(0, 0.06, own.shape)
    picture = own[index[:, 0]]
    border = np.clip((distance[:, 1] - distance[:, 0]) / rng.uniform(1, 5), 0, 1)[:, None]
    picture = picture * border + palette(rng, 1) * 0.4 * (1 - border)
    return picture.reshape(SIZE, SIZE, 3)


OWN_PAINTERS: dict[str, tuple[Painter, int]] = {
    "plain leaves": (lambda rng: leaves(rng, textured=False), 12),
    "striped leaves": (leaves, 24),
    "flow": (flow, 16),
    "smear": (smear, 24),
    "strokes": (strokes, 28),
    "cells": (cells, 16),
}
TEXTURES = (
    "flow",
    "smear",
    "strokes",
    "cells",
    "striped leaves",
    "stained_glass",
    "marbling",
)
STYLE_PAINTINGS = 12  # by each of tools/painters.py


def paint(task: tuple[str, int]) -> np.ndarray:
    """One picture, uint8 (SIZE, SIZE, 3), by a painter's name and a seed."""
    name, seed = task
    rng = np.random.default_rng([seed, *name.encode()])
    if name in OWN_PAINTERS:
        picture = OWN_PAINTERS[name][0](rng)
        return (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)
    colours = None if seed % 2 else palette(rng, int(rng.integers(4, 10)))
    return painters.PAINTERS[name](rng, SIZE, SIZE, colours)


def training_pictures(
    file: Path, photos: list[np.ndarray], seed: int = 0
) -> tuple[list[np.ndarray], list[bool]]:
    """The photographs and all painted pictures, and whether each is one texture throughout.

    Pictures are painted once, and kept in `file`, a zip of JPEG files.
    """
    if not file.exists():
        counts = {name: count for name, (_, count) in OWN_PAINTERS.items()}
        counts |= dict.fromkeys(painters.PAINTERS, STYLE_PAINTINGS)
        tasks = [(name, 1000 * seed + 500 + n) for name in counts for n in range(counts[name])]
        with (
            Pool() as pool,
            atomic_path(file) as temporary,
            zipfile.ZipFile(temporary, "w") as kept,
        ):
            for (name, number), picture in zip(tasks, pool.imap(paint, tasks), strict=True):
                data = io.BytesIO()
                Image.fromarray(picture).save(data, "JPEG", quality=90)
                kept.writestr(f"{name}-{number}.jpg", data.getvalue())
    with zipfile.ZipFile(file) as kept:
        names = kept.namelist()
        pictures = [np.asarray(Image.open(kept.open(name))) for name in names]
    texture = [name.rsplit("-", 1)[0] in TEXTURES for name in names]
    return photos + pictures, [False] * len(photos) + texture


def half_size(picture: np.ndarray) -> np.ndarray:
    """A picture at half its size, blurred first so that nothing aliases."""
    blurred = ndimage.gaussian_filter(picture.astype(np.float32), (0.8, 0.8, 0), mode="reflect")
    return blurred[::2, ::2].round().astype(np.uint8)


def contact_sheet(pictures: list[np.ndarray], columns: int = 12, side: int = 160) -> Image.Image:
    """A corner of every picture, to look at."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * side, rows * side))
    for n, picture in enumerate(pictures):
        thumb = Image.fromarray(picture).crop((0, 0, 2 * side, 2 * side)).resize((side, side))
        sheet.paste(thumb, (n % columns * side, n // columns * side))
    return sheet


if __name__ == "__main__":
    contact_sheet(training_pictures(Path(sys.argv[1]), photographs())[0]).save(sys.argv[2])
