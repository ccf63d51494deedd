"""Procedural painters: pictures with the texture of art, from a seed and a palette.

Every painter has the same signature, ``NAME(rng, height, width, palette=None)``, and returns a
``(height, width, 3)`` uint8 array. The same seed, size and palette always give the same picture.
``PAINTERS`` maps names to painters, ``PALETTES`` names to palettes.

Inside, a painter works on a canvas of twice the size, which is then halved: that is what smooths
the edges. Lengths are in *units* of the canvas's short side, so a small picture shows the same
kind of composition as a large one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree

Array = NDArray[Any]
Shape = tuple[int, int]
Window = tuple[slice, slice]
Palette = Sequence[Sequence[float]]  # RGB triples, each channel in 0..1
Painter = Callable[..., NDArray[np.uint8]]

SUPERSAMPLING = 2
TAU = 2 * np.pi


def _hexes(codes: str) -> list[tuple[float, float, float]]:
    """Parse ``"a1b2c3 ..."`` into RGB triples in 0..1."""
    return [tuple(int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)) for code in codes.split()]  # type: ignore[misc]


PALETTES: dict[str, Palette] = {
    "night": _hexes("0b1433 16306b 2a5caa 5d93c9 a9cfd8 f4e9b5 f6c544 e8912d 1e3b2f 47663f"),
    "wheat": _hexes("20365c 3f74a8 8fc0cf e9e3b0 f2c230 dd8a1f a94a1c 5b6b2a 2e4427 f5edd6"),
    "dusk": _hexes("1d1238 4b2467 8f3d7f d9577a f58a5b fcc46c f7ead0 2c5a7a 173a4f 6fa8a6"),
    "prussian": _hexes("10223f 1f4172 3c6ea5 8db6cd c9dad3 efe4c8 dcc79b d9603b b08a5a 2b2a33"),
    "cathedral": _hexes("0f2f8c 1c62c4 39a7d9 b3122d e2482d f39a1e f7d548 0d6b45 3fa45b 6a1f86"),
    "orchard": _hexes("2d4a8a 5c8fd0 a7cbe8 f6ecc9 f3c34e ec8a3c d5503f 7a3b78 3f7d4e 94bf5a"),
    "ebru": _hexes("0f1f3d 17517e 1f8a8c 9fd0c0 f4ead2 e9b44c d1572f 8c1f2b 3d1a2b 5a7d4a"),
    "bauhaus": _hexes("1b1b26 23418c 2f86b5 d8352a f08a24 f6c62d efe6d2 2f7d5b 8f3f71 b9b3a1"),
    "ravenna": _hexes("0e2a47 1d5b79 2f93a0 88c3b1 e8dcb5 d8a73b b4642c 7e2a22 3a4a2c f3efe0"),
    "desert": _hexes("1c0f0d 5b1a12 a8321b d9692a eda640 f5dfae f7f3e6 2f5d62 7a8f5a 3c2a4d"),
    "studio": _hexes("1f1d1c 3f3a33 6f5b40 a6814d cfb27a ece0c2 5d7783 32485a 8a4a2f 9aa08c"),
    "garden": _hexes("26345e 4b68a8 93b4dc d83a56 f0787a f7b59f f4d35e 3d7a4c 86b45c 6b3f86"),
    "sepia": _hexes("1a1411 3b2a20 6b4a31 a87f4f d2b384 f1e4c6 7c3124 2f4a4f b65a34 8c8c6a"),
    "lagoon": _hexes("06283d 0f5c7a 1c9aa6 7fd1c2 e6f3dc ffd166 f78c4a e0475b 5c2a5e 2a7f4f"),
}


# --- colour ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Colours:
    """A palette, sorted from dark to light.

    Attributes:
        rgb: ``(n, 3)`` colours in 0..1, by rising luminance.
    """

    rgb: Array

    @classmethod
    def of(cls, palette: Palette) -> Colours:
        """Sort a palette of two or more RGB triples.

        Raises:
            ValueError: if it is not a list of at least two triples in 0..1.
        """
        rgb = np.asarray(palette, dtype=np.float64)
        if rgb.ndim != 2 or rgb.shape[1] != 3 or len(rgb) < 2:
            raise ValueError(f"A palette is two or more RGB triples, not an array of {rgb.shape}.")
        if rgb.min() < 0 or rgb.max() > 1:
            raise ValueError(f"Palette values lie in 0..1, not {rgb.min():g}..{rgb.max():g}.")
        return cls(rgb[np.argsort(luminance(rgb), kind="stable")])

    def ramp(self, position: Array | float) -> Array:
        """Colours along the palette: 0 is the darkest, 1 the lightest."""
        place = np.clip(position, 0, 1) * (len(self.rgb) - 1)
        stops = np.arange(len(self.rgb))
        return np.stack([np.interp(place, stops, self.rgb[:, c]) for c in range(3)], axis=-1)

    def pure(self, position: float) -> Array:
        """The unmixed colour nearest to a place along the palette."""
        return self.rgb[round(min(1.0, max(0.0, position)) * (len(self.rgb) - 1))]

    def _half(self, order: Array) -> Colours:
        count = max(2, (len(self.rgb) + 1) // 2)
        return Colours(self.rgb[np.sort(np.argsort(order, kind="stable")[:count])])

    @property
    def cool(self) -> Colours:
        """The half of the palette nearest to blue."""
        return self._half(self.rgb[:, 0] - self.rgb[:, 2])

    @property
    def warm(self) -> Colours:
        """The half of the palette farthest from blue."""
        return self._half(self.rgb[:, 2] - self.rgb[:, 0])

    @property
    def vivid(self) -> Colours:
        """The most saturated half of the palette."""
        return self._half(self.rgb.min(axis=1) - self.rgb.max(axis=1))

    @property
    def ink(self) -> Array:
        """The darkest colour, darkened until it can draw a line."""
        return self.rgb[0] * min(1.0, 0.13 / max(float(luminance(self.rgb[0])), 1e-6))

    @property
    def paper(self) -> Array:
        """The lightest colour, lightened until it can be a ground."""
        lack = max(0.0, 0.84 - float(luminance(self.rgb[-1])))
        return mix(self.rgb[-1], np.ones(3), min(1.0, 2.2 * lack))

    def pick(self, rng: np.random.Generator, count: int) -> Array:
        """``(count, 3)`` colours, in runs without repeats."""
        runs = -(-count // len(self.rgb))
        order = np.concatenate([rng.permutation(len(self.rgb)) for _ in range(runs)])
        return self.rgb[order[:count]]


def luminance(rgb: Array) -> Array:
    """Perceived brightness of ``(..., 3)`` colours."""
    return np.asarray(rgb @ np.array([0.299, 0.587, 0.114], dtype=np.asarray(rgb).dtype))


def mix(a: Array, b: Array, share: Array | float) -> Array:
    """``a`` where share is 0, ``b`` where it is 1; a share of any shape spreads over channels."""
    weight = np.asarray(share)
    return a + (b - a) * (weight[..., None] if weight.ndim else weight)


# --- fields ---------------------------------------------------------------------------------


def grid(shape: Shape) -> tuple[Array, Array]:
    """``y, x`` of every pixel, in units of the short side."""
    unit = min(shape)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return (y + 0.5) / unit, (x + 0.5) / unit


def resize(field: Array, shape: Shape) -> Array:
    """A 2-D float field, bicubically resized."""
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def noise(
    rng: np.random.Generator,
    shape: Shape,
    cells: float,
    octaves: int = 1,
    stretch: float = 1.0,
) -> Array:
    """Smooth noise from 0 to 1.

    Args:
        rng: where the noise comes from.
        shape: its height and width in pixels.
        cells: blobs along the short side, of the coarsest octave.
        octaves: each next one has blobs half as large and half as strong.
        stretch: how much longer than high the blobs are.
    """
    total = np.zeros(shape, dtype=np.float32)
    for octave in range(octaves):
        pitch = min(shape) / (cells * 2**octave)
        rows, columns = (
            max(2, round(n / p) + 2) for n, p in zip(shape, (pitch, pitch * stretch), strict=True)
        )
        lattice = rng.standard_normal((rows, columns))
        total += resize(lattice, shape) / 2**octave
    return rescale(total)


def rescale(field: Array) -> Array:
    """The field, moved and scaled to span 0 to 1."""
    low, high = float(field.min()), float(field.max())
    return (field - low) / max(high - low, 1e-9)


def step(field: Array, edge: float, softness: float) -> Array:
    """0 below the edge, 1 above it, smooth over ``softness`` on either side."""
    t = np.clip((field - edge) / (2 * softness) + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def flow(potential: Array) -> Array:
    """Direction (radians) of the lines along which a potential stays constant."""
    down, across = np.gradient(potential)
    return np.arctan2(-across, down)


def ridge(rng: np.random.Generator, x: Array, waves: float, octaves: int = 4) -> Array:
    """A hilly line, about -1 to 1, as a function of ``x``."""
    line = np.zeros_like(x)
    for octave in range(octaves):
        phase, pace = rng.uniform(0, TAU), rng.uniform(0.8, 1.25)
        line += np.sin(x * TAU * waves * pace * 2**octave + phase) / 2.1**octave
    return line / 1.6


def scatter(rng: np.random.Generator, shape: Shape, spacing: float, jitter: float = 1.0) -> Array:
    """``(n, 2)`` points ``x, y`` in units, one per cell of a jittered grid, in random order."""
    height, width = (n / min(shape) for n in shape)
    rows, columns = int(height / spacing) + 3, int(width / spacing) + 3
    y, x = np.mgrid[:rows, :columns].astype(np.float64) - 1
    x += 0.5 * (np.arange(rows) % 2)[:, None]  # brick offset: no visible columns
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    points += jitter * rng.uniform(-0.5, 0.5, points.shape)
    return rng.permutation(points * spacing)


def sample(field: Array, points: Array) -> Array:
    """Values of a field (any resolution) at ``(..., 2)`` points in units."""
    unit = min(field.shape[:2])
    column = np.clip((points[..., 0] * unit).astype(int), 0, field.shape[1] - 1)
    row = np.clip((points[..., 1] * unit).astype(int), 0, field.shape[0] - 1)
    return np.asarray(field[row, column])


def turned(
    x: Array, y: Array, centre: Sequence[float] | Array, angle: float
) -> tuple[Array, Array]:
    """Coordinates along and across a direction (radians), from a centre ``x, y``."""
    dx, dy = x - float(centre[0]), y - float(centre[1])
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * dx + sin * dy, cos * dy - sin * dx


def window(shape: Shape, centre: Array, reach: float) -> Window:
    """The rows and columns within reach of a centre ``x, y`` in units; it may be empty."""
    low, high = ((centre + way * reach) * min(shape) for way in (-1, 1))
    rows, columns = (slice(max(0, int(low[k])), max(0, int(high[k]) + 1)) for k in (1, 0))
    return rows, columns


def edge_distance(labels: Array) -> Array:
    """Distance in units of every pixel to the nearest border between labels."""
    inside = np.ones(labels.shape, dtype=bool)
    inside[:, 1:] &= labels[:, 1:] == labels[:, :-1]
    inside[1:] &= labels[1:] == labels[:-1]
    return (ndimage.distance_transform_edt(inside) / min(labels.shape)).astype(np.float32)


# --- surface --------------------------------------------------------------------------------


def relief(height: Array, depth: float) -> Array:
    """Light on a raised surface: 0 where flat, positive towards the sun."""
    sun = -2.2  # radians
    down, across = np.gradient(height * depth)
    facing = -(across * np.cos(sun) + down * np.sin(sun))
    return facing / np.sqrt(1 + across**2 + down**2)


def weave(shape: Shape, rng: np.random.Generator) -> Array:
    """The height of a canvas's threads, 0 to 1."""
    y, x = grid(shape)
    wobble = 0.35 * noise(rng, shape, 60)
    return 0.5 + 0.25 * (np.sin(TAU * (190 * x + wobble)) + np.sin(TAU * (190 * y + wobble)))


def fibres(shape: Shape, rng: np.random.Generator) -> Array:
    """The grain of hand-made paper, 0 to 1."""
    long = noise(rng, shape, 90, stretch=6) + noise(rng, shape, 14, stretch=0.15)
    return rescale(long + 1.2 * noise(rng, shape, 160, octaves=2))


def lit(canvas: Array, light: Array, gain: float = 1.0) -> Array:
    """A canvas with shadows multiplied in and highlights screened on."""
    light = (gain * light)[..., None]
    dark = canvas * (1 + np.minimum(light, 0))
    return 1 - (1 - dark) * (1 - np.clip(light, 0, 0.9))


def painter(*palettes: str) -> Callable[[Callable[..., Array]], Painter]:
    """Turn ``paint(rng, shape, colours) -> canvas`` into a painter with the public signature.

    Args:
        palettes: names in ``PALETTES``, of which the rng picks one if none is given.
    """

    def decorate(paint: Callable[..., Array]) -> Painter:
        def painted(
            rng: np.random.Generator, height: int, width: int, palette: Palette | None = None
        ) -> NDArray[np.uint8]:
            name = palettes[int(rng.integers(len(palettes)))]
            colours = Colours.of(PALETTES[name] if palette is None else palette)
            canvas = paint(rng, (height * SUPERSAMPLING, width * SUPERSAMPLING), colours)
            pixels = np.round(np.clip(canvas, 0, 1) * 255).astype(np.uint8)
            small = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
            return np.asarray(small).copy()

        painted.__name__ = painted.__qualname__ = paint.__name__
        painted.__doc__ = paint.__doc__
        return painted

    return decorate


def to_fill(colour: Iterable[float]) -> tuple[int, ...]:
    """A colour in 0..1 as Pillow wants it."""
    return tuple(round(255 * min(1.0, max(0.0, float(c)))) for c in colour)


def to_canvas(image: Image.Image) -> Array:
    """A Pillow image as float32 in 0..1."""
    return np.asarray(image, dtype=np.float32) / 255


# --- brush strokes --------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """What strokes are laid over: a colour and a direction everywhere, at any resolution."""

    colour: Array  # (h, w, 3)
    angle: Array  # (h, w), radians


@dataclass(frozen=True)
class Brush:
    """One size of brush. Lengths in units."""

    length: float
    width: float
    bristles: int = 7
    coverage: float = 2.5  # how often the strokes cover the canvas
    vary: float = 0.06  # how far strokes stray from the scene's colour


def trace(angle: Array, starts: Array, length: float, points: int = 9) -> Array:
    """Follow a direction field both ways from ``(n, 2)`` starts: ``(n, points, 2)``."""

    def walk(stride: float, count: int) -> list[Array]:
        path, place = [], starts
        heading = np.zeros(len(starts))
        for index in range(count):
            turn = sample(angle, place)
            flip = (np.cos(turn - heading) < 0) & (
                index > 0
            )  # a line has no front: never turn back
            heading = turn + np.pi * flip
            place = place + stride * np.stack([np.cos(heading), np.sin(heading)], axis=1)
            path.append(place)
        return path

    stride, half = length / (points - 1), (points - 1) // 2
    return np.stack([*walk(-stride, half)[::-1], starts, *walk(stride, points - 1 - half)], axis=1)


def lay_strokes(image: Image.Image, rng: np.random.Generator, scene: Scene, brush: Brush) -> None:
    """Cover an RGBA canvas with strokes of bristles; alpha keeps the height of the paint."""
    shape = (image.height, image.width)
    spacing = np.sqrt(brush.length * brush.width / brush.coverage)
    starts = scatter(rng, shape, spacing, jitter=1.3)
    count, bristles = len(starts), brush.bristles
    lengths = brush.length * rng.uniform(0.6, 1.2, (count, 1, 1))
    paths = starts[:, None] + (trace(scene.angle, starts, brush.length) - starts[:, None]) * (
        lengths / brush.length
    )
    along = np.gradient(paths, axis=1)
    along /= np.linalg.norm(along, axis=2, keepdims=True) + 1e-9
    normals = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    across = np.linspace(-0.5, 0.5, bristles) * brush.width
    lines = paths[:, None] + across[None, :, None, None] * normals[:, None]

    tones = sample(scene.colour, starts) + rng.normal(0, brush.vary, (count, 1))
    tones = tones + rng.normal(0, 0.6 * brush.vary, (count, 3))
    tones = tones[:, None] + rng.normal(0, 0.045, (count, bristles, 1))
    heights = rng.uniform(90, 165, (count, bristles)) + rng.uniform(-30, 30, (count, 1))
    heights[:, [0, -1]] += 55  # paint piles up at the sides of a stroke
    fills = np.concatenate([tones * 255, heights[..., None]], axis=2)
    trims = rng.integers(0, 3, (count, bristles, 2))  # ragged ends

    draw = ImageDraw.Draw(image)
    thickness = max(1, round(1.35 * brush.width / bristles * min(shape)))
    _draw_lines(draw, lines * min(shape), np.clip(fills, 0, 255).astype(int), trims, thickness)


def _draw_lines(
    draw: ImageDraw.ImageDraw, lines: Array, fills: Array, trims: Array, thickness: int
) -> None:
    """Draw ``(strokes, bristles, points, 2)`` polylines, stroke after stroke."""
    last = lines.shape[2]
    flat = np.round(lines).astype(int).reshape(-1, last, 2)
    ends = trims.reshape(-1, 2).tolist()
    for line, fill, (head, tail) in zip(
        flat, fills.reshape(-1, fills.shape[2]).tolist(), ends, strict=True
    ):
        draw.line(line[head : last - tail].ravel().tolist(), fill=tuple(fill), width=thickness)


# --- painters -------------------------------------------------------------------------------


def _night_sky(rng: np.random.Generator, shape: Shape, colours: Colours) -> Scene:
    """A sky that streams around glowing stars, two great swirls and one large moon."""
    y, x = grid(shape)
    width = shape[1] / min(shape)
    potential = 1.1 * y + 0.2 * noise(rng, shape, 2.5, octaves=2)
    glow, rings = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    places = [(rng.uniform(0.76, 0.88) * width, rng.uniform(0.13, 0.2), 0.14)]
    places += [(px, py, rng.uniform(0.04, 0.075)) for px, py in _stars(rng, width)]
    for px, py, radius in places:
        distance = np.hypot(x - px, y - py)
        halo = np.exp(-((distance / radius) ** 2))
        potential += 3.6 * radius * np.exp(-((distance / radius / 1.25) ** 2))
        rings = np.where(halo > glow, distance / radius, rings)
        glow = np.maximum(glow, halo)
    for px, py in ((0.36, 0.42), (0.58, 0.5)):
        distance = np.hypot((x - (px + rng.uniform(-0.06, 0.06)) * width) / 1.4, y - py)
        potential += 0.7 * np.exp(-((distance / 0.12) ** 2))
    bands = 0.5 + 0.5 * np.sin(48 * potential + 4 * noise(rng, shape, 5))
    sky = colours.cool.ramp(0.1 + 0.75 * bands * (0.5 + 0.5 * y / 0.6))
    warmth = colours.warm.ramp(1.05 - 0.45 * rings + 0.14 * np.cos(TAU * 2.2 * rings))
    return Scene(mix(sky, warmth, np.clip(1.7 * glow, 0, 1)), flow(potential))


def _stars(rng: np.random.Generator, width: float) -> Array:
    """Places for stars in the upper half, well apart."""
    points = scatter(rng, (100, 100), 0.24, jitter=0.8) * [width, 0.55]
    inside = (points[:, 0] > 0.02) & (points[:, 0] < 0.7 * width) & (points[:, 1] > 0.03)
    return points[inside][:9]


def _add_hills(rng: np.random.Generator, scene: Scene, colours: Colours, horizon: float) -> Scene:
    """Rolling land below the horizon, each ridge with strokes along its own furrows."""
    shape = (scene.angle.shape[0], scene.angle.shape[1])
    y, x = grid(shape)
    colour, angle = scene.colour, scene.angle
    for index, base in enumerate(np.linspace(horizon, 1.0, 6)[:-1]):
        depth = y - base - (0.05 - 0.004 * index) * ridge(rng, x, 0.8)
        furrow = depth + rng.uniform(-0.25, 0.25) * x + 0.12 * noise(rng, shape, 3, octaves=2)
        stripes = 0.5 + 0.5 * np.sin(120 * furrow)
        low, source = rng.uniform(0.02, 0.3), colours.cool if index % 2 == 0 else colours.warm
        tint = source.ramp(low + 0.35 * stripes + 0.3 * (noise(rng, shape, 4) - 0.3))
        colour = mix(colour, tint, step(depth, 0, 0.003))
        angle = np.where(depth > 0, flow(furrow), angle)
    return Scene(colour, angle)


def _add_cypress(rng: np.random.Generator, scene: Scene, colours: Colours, place: float) -> Scene:
    """A dark tree like a flame, from the lower edge nearly to the upper one."""
    shape = (scene.angle.shape[0], scene.angle.shape[1])
    y, x = grid(shape)
    top = rng.uniform(0.06, 0.2)
    rise = np.clip((y - top) / (1.02 - top), 0, 1)
    axis = place + 0.02 * np.sin(9 * y + rng.uniform(0, TAU))
    reach = 0.15 * rise**0.8 * (1 - 0.5 * rise**3) * (0.7 + 0.6 * noise(rng, shape, 9, octaves=2))
    flame = x - axis + 0.04 * noise(rng, shape, 6) * np.sin(13 * y)
    licks = 0.5 + 0.5 * np.sin(130 * flame + 6 * noise(rng, shape, 6))
    inside = step(reach - np.abs(flame), 0, 0.002)
    dark = mix(colours.ink, colours.ramp(0.1 + 0.3 * licks**2), 0.35 + 0.55 * licks)
    return Scene(mix(scene.colour, dark, inside), np.where(inside > 0.5, flow(flame), scene.angle))


@painter("night", "wheat", "dusk", "lagoon")
def impasto(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """A streaming night over hills, in thick strokes whose bristles catch the light."""
    half = (shape[0] // 2, shape[1] // 2)
    scene = _night_sky(rng, half, colours)
    scene = _add_hills(rng, scene, colours, horizon=rng.uniform(0.64, 0.74))
    place = rng.uniform(0.12, 0.25) * shape[1] / min(shape)
    scene = _add_cypress(rng, scene, colours, place)
    image = Image.new("RGBA", (shape[1], shape[0]), (*to_fill(colours.rgb[0]), 60))
    for brush in (
        Brush(0.16, 0.034, bristles=9, coverage=2.5),
        Brush(0.10, 0.021, bristles=7, coverage=2.2, vary=0.07),
        Brush(0.06, 0.012, bristles=5, coverage=1.1, vary=0.09),
    ):
        lay_strokes(image, rng, scene, brush)
    canvas = to_canvas(image)
    height = ndimage.gaussian_filter(canvas[..., 3], 1.0)
    return lit(canvas[..., :3], relief(height, 5.0), 0.62)


def _window_panes(rng: np.random.Generator, shape: Shape) -> Array:
    """The panes of a window as keys: a sun with rays over hills with flowers, in a border.

    A key's thousands say what the pane belongs to, see ``_pane_colour``.
    """
    y, x = grid(shape)
    height, width = (n / min(shape) for n in shape)
    sun_x, sun_y = rng.uniform(0.35, 0.65) * width, rng.uniform(0.3, 0.4) * height
    distance, bearing = np.hypot(x - sun_x, y - sun_y), np.arctan2(y - sun_y, x - sun_x)
    ring = np.searchsorted(np.cumsum([0.07, 0.055, 0.09, 0.11, 0.13, 0.16, 0.19, 0.2]), distance)
    sectors = np.array([1, 12, 12, 24, 24, 24, 36, 36, 36])
    turn = (bearing / TAU + 0.5 * (ring % 2) / sectors[ring] + 0.03 * np.sin(14 * distance)) % 1
    pane = 1000 * ring + (turn * sectors[ring]).astype(int)
    for index, base in enumerate(np.linspace(0.62, 0.86, 4) * height):
        line = base + 0.05 * ridge(rng, x, 0.8, octaves=2)
        slant = x * rng.uniform(6, 9) + rng.uniform(-4, 4) * (y - line)
        rows = ((y - line) / 0.062).astype(int)
        pane = np.where(
            y > line, 10_000 + 1000 * index + 40 * rows + (20 + slant).astype(int), pane
        )
    for index in range(5):
        cx, cy = (index + rng.uniform(0.3, 0.7)) * width / 5, rng.uniform(0.68, 0.88) * height
        pane = _rosette(pane, x - cx, y - cy, rng.uniform(0.06, 0.085), 15_000 + 100 * index)
    rim = np.minimum.reduce([x, y, width - x, height - y])
    along = np.where(np.minimum(x, width - x) < np.minimum(y, height - y), y, x)
    diamonds = np.floor((along + rim) / 0.07) * 31 + np.floor((along - rim) / 0.07)
    pane = np.where(rim < 0.066, 20_000 + diamonds.astype(int) % 1000, pane)
    return np.where(rim < 0.016, 21_000 + (along / 0.125).astype(int), pane)


def _rosette(pane: Array, dx: Array, dy: Array, radius: float, key: int) -> Array:
    """A round flower of eight petals laid over the panes."""
    distance, bearing = np.hypot(dx, dy) / radius, np.arctan2(dy, dx)
    petal = ((bearing / TAU + 0.5) * 8).astype(int) % 8
    outline = 0.78 + 0.22 * np.abs(np.cos(4 * bearing + np.pi / 2))
    pane = np.where(distance < outline, key + 10 + petal, pane)
    return np.where(distance < 0.36, key, pane)


def _pane_colour(rng: np.random.Generator, key: int, colours: Colours) -> Array:
    """A colour for a pane, as bright as glass against the light."""
    band = key // 1000
    warm, cool = colours.vivid.warm, colours.cool
    if band < 3:
        tint = warm.pure(1.0 - 0.25 * band + rng.uniform(-0.12, 0.12))
    elif band < 10:
        rays = warm if key % 3 == 0 else cool
        tint = rays.pure(0.95 - 0.13 * (band - 3) + rng.uniform(-0.3, 0.2))
    elif band == 15:
        tint = warm.pure(1.0 if key % 100 < 10 else 0.3 * (key // 100 % 3))
    elif band < 15:
        tint = (cool, warm, cool, colours.vivid)[band % 4].pure(rng.uniform(0, 0.9))
    else:
        tint = colours.vivid.pick(rng, 1)[0]
    bright = max(float(np.max(tint)), 0.3)
    return np.clip(tint * (0.25 + 0.75 * rng.uniform(0.8, 1.05) / bright), 0, 1)


def _crack(rng: np.random.Generator, panes: Array, spacing: float) -> Array:
    """Split panes of sky and hills further, along the borders of random cells."""
    shape = (panes.shape[0], panes.shape[1])
    points = scatter(rng, shape, spacing)
    small = (shape[0] // 2, shape[1] // 2)
    y, x = grid(shape)
    warp = [0.02 * noise(rng, small, 5) for _ in range(2)]
    _, cell = cKDTree(points).query(
        np.stack([x + resize(warp[0], shape), y + resize(warp[1], shape)], axis=-1)
    )
    band = panes // 1000
    large = ((band >= 5) & (band < 15)).astype(np.int64)
    return panes.astype(np.int64) * (len(points) + 1) + large * (cell + 1)


@painter("cathedral", "lagoon", "garden")
def stained_glass(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """A window of leaded glass: a sun with rays over hills, light coming through."""
    panes = _window_panes(rng, shape)
    keys, index = np.unique(panes, return_inverse=True)
    tints = np.stack([_pane_colour(rng, int(key), colours) for key in keys])
    glass: Array = tints.astype(np.float32)[index.reshape(shape)]
    pieces = _renumber(_crack(rng, panes, 0.15))
    lead = edge_distance(pieces)
    shade = rng.uniform(0.75, 1.2, int(pieces.max()) + 1).astype(np.float32)[pieces]
    streaks = noise(rng, shape, 9, octaves=4, stretch=0.5)
    seeds = step(noise(rng, shape, 80), 0.82, 0.02)  # little bubbles
    glass = glass * (shade * (0.66 + 0.6 * streaks) + 0.2 * seeds)[..., None]
    glow = 0.6 + 0.5 * np.clip(lead / 0.03, 0, 1) ** 0.7
    ripple = relief(noise(rng, shape, 26, octaves=3), 60)
    glass = lit(glass * glow[..., None], 0.35 * ripple + 0.3 * (glow - 0.95))
    came = ndimage.gaussian_filter(np.clip(lead / 0.0055, 0, 1), 1.5)
    metal = lit(np.full((*shape, 3), 0.6 * colours.ink), relief(np.sqrt(1 - came**2), 6), 0.4)
    return mix(metal, glass, step(lead, 0.0047, 0.0008))


@painter("ebru", "lagoon", "dusk", "cathedral")
def marbling(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """Ink floated on water, combed and swirled, taken up by paper."""
    y, x = grid(shape)
    x, y = _comb(rng, x, y)
    canvas = _drops(rng, x, y, colours)
    grain = fibres(shape, rng)
    thin = 0.5 + 0.5 * np.sin(TAU * 40 * (y + 0.02 * grain))
    canvas = canvas * (1 - 0.06 * thin)[..., None]
    return canvas * (0.9 + 0.13 * grain)[..., None]


def _comb(rng: np.random.Generator, x: Array, y: Array) -> tuple[Array, Array]:
    """Where each place of a combed bath came from: the combs, undone in reverse order."""
    for _ in range(rng.integers(4, 8)):  # stylus swirls
        px, py, radius = rng.uniform(0, x.max()), rng.uniform(0, y.max()), rng.uniform(0.05, 0.13)
        dx, dy = x - px, y - py
        turn = rng.choice([-1, 1]) * rng.uniform(2, 4) * np.exp(-((np.hypot(dx, dy) / radius) ** 2))
        cos, sin = np.cos(turn), np.sin(turn)
        x, y = px + cos * dx - sin * dy, py + sin * dx + cos * dy
    teeth = rng.uniform(9, 15)
    pull = rng.uniform(0.05, 0.08)
    comb = np.abs(np.mod(teeth * x, 1) - 0.5) * 2  # teeth drag sharp points behind them
    y = y + pull * (comb**0.6 + 0.35 * np.cos(TAU * teeth * x)) + 0.02 * np.sin(6 * x)
    x = x + 0.055 * np.sin(TAU * rng.uniform(2.5, 4) * y + rng.uniform(0, TAU))
    return x, y + 0.02 * np.sin(TAU * 3 * x)


def _dot_rings(
    rng: np.random.Generator,
    sheet: Print,
    hubs: Array,
    sizes: Array,
    index: int,
    colours: Colours,
) -> None:
    """Rings of dots around one hub, out to where the neighbours' rings begin."""
    tints = colours.pick(rng, 12)
    tints = tints[luminance(tints) > 0.16] if (luminance(tints) > 0.16).any() else tints
    tree, radius, ring = cKDTree(hubs), 0.012, 0
    while radius < 0.34:
        size = (0.0075 + 0.0035 * np.sin(1.7 * ring + index)) * sizes[index] ** 0.5
        count = max(5, int(TAU * radius / (2.35 * size)))
        turn = TAU * (np.arange(count) + 0.5 * (ring % 2)) / count + index
        wobble = 1 + 0.05 * np.sin(3 * turn + index) * min(1.0, radius / 0.1)
        points = hubs[index] + radius * (wobble * np.array([np.cos(turn), np.sin(turn)])).T
        near, owner = tree.query(points, k=2)
        margin = near[:, 1] / sizes[owner[:, 1]] - near[:, 0] / sizes[owner[:, 0]]
        mine = (owner[:, 0] == index) & (margin > 0.012)
        _dots(rng, sheet, points[mine], size, tints[ring // 2 % len(tints)])
        radius += 2.3 * size
        ring += 1


def _drops(rng: np.random.Generator, x: Array, y: Array, colours: Colours) -> Array:
    """The colours of a bath of ink drops, each of which pushed the earlier ones aside.

    A drop of radius r moves a point at distance d to sqrt(d^2 + r^2); here that is undone, from
    the last drop to the first, until a point lies within a drop. Drops hold rings of two inks;
    what no drop covers is the first, striped layer.
    """
    result = np.empty((*x.shape, 3), dtype=np.float32)
    flat, places = result.reshape(-1, 3), np.arange(x.size)
    px, py = x.ravel(), y.ravel()
    sizes = np.concatenate([rng.uniform(0.012, 0.03, 60), rng.uniform(0.04, 0.09, 100)])
    inks, others = colours.pick(rng, len(sizes)), colours.pick(rng, len(sizes))
    low, high = (np.array([fold(x), fold(y)]) for fold in (np.min, np.max))
    for size, ink, other in zip(sizes, inks, others, strict=True):
        centre = rng.uniform(low, high)
        dx, dy = px - centre[0], py - centre[1]
        square = dx * dx + dy * dy
        inside = square < size * size
        ring = np.sqrt(square[inside]) / size
        second = ((ring > 0.45) & (ring < 0.6)) | ((ring > 0.8) & (ring < 0.88)) | (ring < 0.22)
        flat[places[inside]] = np.where(second[:, None], other, ink)
        keep = ~inside
        places, dx, dy, square = places[keep], dx[keep], dy[keep], square[keep]
        pull = np.sqrt(1 - size * size / square)
        px, py = centre[0] + dx * pull, centre[1] + dy * pull
    stripes = colours.pick(rng, 40)
    stripes[::2] = colours.ink
    flat[places] = stripes[np.mod(np.floor(60 * (py + 0.3 * px)), 40).astype(int)]
    return result


def _day_scene(rng: np.random.Generator, shape: Shape, colours: Colours) -> Scene:
    """A bay on a bright day: sky, far hills, water with the sun's path, a bank with trees."""
    y, x = grid(shape)
    width = shape[1] / min(shape)
    horizon, bank = rng.uniform(0.36, 0.44), rng.uniform(0.72, 0.8)
    sun_x, sun_y = rng.uniform(0.25, 0.75) * width, rng.uniform(0.12, 0.24)
    to_sun = np.hypot(x - sun_x, y - sun_y)
    clouds = noise(rng, shape, 4, octaves=4, stretch=2.5)
    colour = colours.cool.ramp(0.55 + 0.3 * y / horizon + 0.25 * (clouds - 0.5))
    colour = mix(
        colour, colours.warm.ramp(1 - 0.35 * to_sun / 0.4), np.exp(-((to_sun / 0.26) ** 2))
    )
    colour = mix(colour, colours.paper, 0.9 * step(clouds, 0.66, 0.1) + step(-to_sun, -0.06, 0.01))
    for index in range(3):
        line = horizon - 0.075 + 0.03 * index + 0.035 * ridge(rng, x, 0.9 + 0.5 * index)
        tint = (colours.cool, colours.warm)[index % 2].ramp(0.62 - 0.16 * index + 0.3 * clouds)
        colour = mix(colour, tint, step(y - line, 0, 0.003))
    ripples = noise(rng, shape, 18, octaves=2, stretch=5)
    water = colours.cool.ramp(0.85 - 0.8 * (y - horizon) + 0.6 * (ripples - 0.5))
    path = np.exp(-(((x - sun_x) / (0.035 + 0.2 * (y - horizon))) ** 2)) * step(ripples, 0.5, 0.12)
    water = mix(water, colours.warm.ramp(0.95 - 0.5 * (y - horizon)), path)
    colour = mix(colour, water, step(y, horizon, 0.002))
    colour = _add_sails(rng, colour, colours, horizon)
    line = bank + 0.05 * ridge(rng, x, 0.6)
    meadow = noise(rng, shape, 9, octaves=3, stretch=2)
    tint = mix(
        colours.warm.ramp(0.15 + 0.8 * meadow), colours.cool.ramp(meadow), step(meadow, 0.5, 0.1)
    )
    colour = mix(colour, tint, step(y - line, 0, 0.003))
    for place in (rng.uniform(0.06, 0.2), rng.uniform(0.82, 0.95)):
        colour = _add_tree(rng, colour, colours, place * width, bank + 0.05)
    return Scene(colour, flow(y + 0.06 * noise(rng, shape, 3, octaves=2)))


def _add_sails(rng: np.random.Generator, colour: Array, colours: Colours, horizon: float) -> Array:
    """A few sailing boats with their reflections, larger towards the front."""
    y, x = grid((colour.shape[0], colour.shape[1]))
    for depth in np.sort(rng.uniform(0.03, 0.26, 5)):
        place, size = rng.uniform(0.15, 0.85) * x.max(), 0.05 + 0.42 * depth
        up = horizon + depth - y
        mirrored = np.abs(up) / size
        half_width = 0.33 * (1 - mirrored)
        sail = (mirrored < 1) & (np.abs((x - place) / size) < half_width)
        shade = np.where(x - place > 0.05 * size, 1.0, 0.78) * np.where(up > 0, 1.0, 0.72)
        tint = mix(colours.paper, colours.warm.ramp(rng.uniform(0.4, 1.0)), rng.uniform(0.1, 0.9))
        colour = np.where(sail[..., None], tint * shade[..., None], colour)
        hull = (np.abs(up) < 0.07 * size) & (np.abs(x - place) < 0.42 * size)
        colour = np.where(hull[..., None], colours.ink, colour)
    return colour


def _add_tree(
    rng: np.random.Generator, colour: Array, colours: Colours, place: float, foot: float
) -> Array:
    """A broad tree: a leaning trunk and a crown of clumps, lit from above."""
    shape = (colour.shape[0], colour.shape[1])
    y, x = grid(shape)
    lean = place + 0.06 * np.sin(4 * (foot - y))
    trunk = (np.abs(x - lean) < 0.012 + 0.012 * (y > foot - 0.05)) & (y < foot) & (y > foot - 0.4)
    colour = np.where(trunk[..., None], mix(colours.ink, colours.warm.rgb[0], 0.5), colour)
    clumps = noise(rng, shape, 16, octaves=3)
    for _ in range(11):
        cx, cy = place + rng.normal(0, 0.1), foot - 0.42 + rng.normal(0, 0.1)
        away = np.hypot(x - cx, (y - cy) * 1.25) + 0.07 * (clumps - 0.5)
        light = 0.42 - 2.2 * (y - cy) + 0.9 * (clumps - 0.5)
        tint = mix(colours.ramp(0.8 * light), colours.cool.ramp(light), 0.5)
        colour = mix(colour, tint, step(-away, -rng.uniform(0.05, 0.1), 0.004))
    return colour


@painter("orchard", "wheat", "dusk", "garden", "lagoon")
def pointillism(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """A bay in the sun, in dabs of unmixed colour that blend in the eye."""
    scene = _day_scene(rng, (shape[0] // 3, shape[1] // 3), colours)
    under = np.dstack(
        [resize(scene.colour[..., c], shape) for c in range(3)] + [np.full(shape, 0.3)]
    )
    image = Image.fromarray((np.clip(under, 0, 1) * 255).astype(np.uint8), "RGBA")
    draw = ImageDraw.Draw(image)
    for size, coverage, stray in ((0.017, 1.6, 0.08), (0.0115, 1.3, 0.13), (0.008, 0.6, 0.2)):
        points = scatter(rng, shape, size / np.sqrt(coverage), jitter=0.9)
        wanted = sample(scene.colour, points) + rng.normal(0, stray, (len(points), 3))
        tints = _divide(rng, wanted, colours)
        angles = sample(scene.angle, points) + rng.normal(0, 0.4, len(points))
        _dab(draw, rng, points * min(shape), angles, tints, size * min(shape))
    canvas = to_canvas(image)
    height = ndimage.gaussian_filter(canvas[..., 3], 1.2)
    return lit(canvas[..., :3], relief(height, 3.0), 0.5)


def _divide(rng: np.random.Generator, wanted: Array, colours: Colours) -> Array:
    """Replace mixed colours by pure ones: each dab leans to the palette's nearest colour."""
    tints = np.concatenate([colours.rgb, mix(colours.rgb, np.ones(3), 0.35)])
    _, nearest = cKDTree(tints).query(wanted)
    shares = rng.uniform(0.35, 0.95, len(wanted))
    return mix(np.clip(wanted, 0, 1), tints[nearest], shares)


def _dab(
    draw: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    points: Array,
    angles: Array,
    tints: Array,
    size: float,
) -> None:
    """Slightly long, slightly uneven dabs, with the paint thickest in the middle."""
    turn = np.linspace(0, TAU, 11)[:-1]
    radii = (
        0.5
        * size
        * rng.uniform(0.75, 1.2, (len(points), 1))
        * rng.uniform(0.85, 1.15, (len(points), len(turn)))
    )
    along, across = 1.25 * radii * np.cos(turn), 0.9 * radii * np.sin(turn)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    outline = np.stack([cos * along - sin * across, sin * along + cos * across], axis=-1)
    fills = (np.clip(tints, 0, 1) * 255).astype(int).tolist()
    for centre, shape, fill in zip(points, outline, fills, strict=True):
        for scale, height in ((1.0, 140), (0.62, 220)):
            draw.polygon((centre + scale * shape).ravel().tolist(), fill=(*fill, height))


def _crest_row(
    rng: np.random.Generator, x: Array, base: float, height: float, pace: float
) -> Array:
    """A line of waves with sharp crests, as heights over ``x``; pictures run downwards."""
    phase = x * TAU * pace + rng.uniform(0, TAU) + 0.5 * np.sin(x * 7 + rng.uniform(0, TAU))
    swell = 0.7 + 0.5 * np.sin(x * TAU * 0.45 * pace + rng.uniform(0, TAU))
    return base - height * swell * (1 - np.abs(np.sin(phase / 2)) ** 0.75)


@dataclass(frozen=True)
class Wave:
    """A breaking wave: its back and its face, two lines that meet at the tip."""

    back: Array  # (n, 2) from the foot to the tip, in units
    face: Array  # (n, 2)
    side: float  # +1 if it breaks to the right, -1 to the left
    size: float

    @classmethod
    def rising(cls, foot: Sequence[float], size: float, side: float, curl: float) -> Wave:
        """A wave that rises from its foot and curls over to a side by an angle."""
        t = np.linspace(0, 1, 120)
        bend = np.clip((t - 0.45) / 0.55, 0, 1)
        heading = np.pi / 2 * (0.25 + 0.6 * np.clip(t / 0.5, 0, 1)) - curl * bend**1.6
        stride = size * (0.0165 - 0.009 * bend)[:, None]
        steps = np.stack([side * np.cos(heading), -np.sin(heading)], axis=1)
        spine = np.cumsum(steps * stride, axis=0) + np.asarray(foot)
        normal = np.stack([side * np.sin(heading), np.cos(heading)], axis=1)
        half_width = size * (0.33 * (1 - t) ** 1.1 + 0.03 * np.sin(np.pi * t))[:, None]
        return cls(spine - half_width * normal, spine + half_width * normal, side, size)

    def between(self, share: float) -> Array:
        """The line a share of the way from the back (0) to the face (1)."""
        return mix(self.back, self.face, share)


class Print:
    """A sheet on which flat shapes with ink outlines are printed. Lengths in units."""

    def __init__(self, ground: Array, ink: Array) -> None:
        """Start from a ground, ``(h, w, 3)`` in 0..1."""
        self.image = Image.fromarray((np.clip(ground, 0, 1) * 255).astype(np.uint8))
        self.draw = ImageDraw.Draw(self.image)
        self.unit = min(ground.shape[:2])
        self.ink = to_fill(ink)

    def area(self, outline: Array, colour: Array, line: float = 0.0) -> None:
        """Fill a closed outline, and draw it if the line has a width."""
        points = (outline * self.unit).ravel().tolist()
        self.draw.polygon(points, fill=to_fill(colour))
        if line:
            self.line(np.concatenate([outline, outline[:2]]), line)

    def line(self, path: Array, width: float) -> None:
        """Draw a line in ink."""
        pixels = max(1, round(width * self.unit))
        points = (path * self.unit).ravel().tolist()
        self.draw.line(points, fill=self.ink, width=pixels, joint="curve")

    def disc(self, centre: Array, radius: float, colour: Array, line: float = 0.0) -> None:
        """Fill a circle, and draw its edge if the line has a width."""
        box = np.concatenate([centre - radius, centre + radius]) * self.unit
        width = round(line * self.unit)
        outline = self.ink if width else None
        self.draw.ellipse(box.tolist(), fill=to_fill(colour), outline=outline, width=width)


def _print_foam(rng: np.random.Generator, sheet: Print, wave: Wave, foam: Array) -> None:
    """Claws of foam along a wave's lip, scallops along its back, spray around its tip."""
    size, side, last = wave.size, wave.side, len(wave.face) - 1
    skin = slice(int(0.3 * last), last + 1)
    for place in range(skin.start, last + 1, 2):
        radius = size * rng.uniform(0.012, 0.022)
        sheet.disc(wave.between(0.03)[place] + rng.normal(0, 0.002, 2), radius, foam, 0.0016)
    hem = mix(wave.back[skin], wave.face[skin], np.linspace(0.02, 0.17, last + 1 - skin.start))
    sheet.area(np.concatenate([wave.between(0.02)[skin], hem[::-1]]), foam)
    sheet.line(hem, 0.0014)
    for place in np.linspace(last, 0.42 * last, 34).astype(int):
        along = wave.face[place] - wave.face[place - 2]
        heading = np.arctan2(along[1], along[0]) - side * rng.uniform(0.9, 1.5)
        for finger in range(4):
            reach = size * rng.uniform(0.045, 0.095) * (0.5 + 0.5 * place / last)
            root = wave.between(rng.uniform(0.9, 1.0))[place]
            sheet.area(_claw(root, heading + side * 0.5 * finger, reach, side), foam, 0.0014)
        sheet.disc(wave.face[place], size * rng.uniform(0.01, 0.02), foam, 0.0013)
    tip = wave.face[-1] + [side * 0.05 * size, -0.02 * size]
    for drop in tip + size * rng.normal(0, 1, (110, 2)) * [0.2, 0.13]:
        sheet.disc(drop, size * rng.uniform(0.0018, 0.0065), foam)


def _claw(root: Array, heading: float, reach: float, side: float) -> Array:
    """The outline of a hooked finger of foam."""
    t = np.linspace(0, 1, 9)
    turn = heading + side * 2.1 * t
    spine = root + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], axis=1), axis=0) * reach / 9
    normal = np.stack([-np.sin(turn), np.cos(turn)], axis=1)
    width = 0.19 * reach * (1 - t)[:, None] ** 0.8
    return np.concatenate([spine + width * normal, (spine - width * normal)[::-1]])


def _print_wave(rng: np.random.Generator, sheet: Print, wave: Wave, colours: Colours) -> None:
    """A great wave: bands that follow its rise, fine lines, an outline, foam."""
    cuts = np.array([0, 0.1, 0.19, 0.26, 0.36, 0.44, 0.52, 0.61, 0.7, 0.77, 0.86, 0.93, 1.0])
    tones = [0.3, 0.05, 0.6, 0.05, 0.9, 0.2, 0.05, 0.65, 0.05, 0.9, 0.12, 0.5]
    for low, high, tone in zip(cuts[:-1], cuts[1:], tones, strict=True):
        outline = np.concatenate([wave.between(low), wave.between(high)[::-1]])
        sheet.area(outline, colours.cool.ramp(tone), 0.0014)
    for share in (0.4, 0.63, 0.8, 0.835):
        sheet.line(wave.between(share)[: rng.integers(70, 100)], 0.0014)
    sheet.line(wave.back, 0.0032)
    sheet.line(wave.face, 0.0032)
    _print_foam(rng, sheet, wave, colours.paper)


def _print_swell(
    rng: np.random.Generator, sheet: Print, colours: Colours, base: float, scale: float
) -> None:
    """A row of sharp waves across the sheet: bands, fine lines, foam on the crests."""
    x = np.linspace(-0.05, sheet.image.width / sheet.unit + 0.05, 420)
    crest = _crest_row(rng, x, base, 0.16 * scale, rng.uniform(1.6, 2.4) / scale**0.5)
    offsets = np.cumsum([0, 0.014, 0.011, 0.026, 0.01, 0.012, 0.024, 0.014, 0.04]) * scale
    tones = [1.0, 0.1, 0.62, 0.05, 0.85, 0.62, 0.3, 0.7, 0.12]
    for index, (offset, tone) in enumerate(zip(offsets, tones, strict=True)):
        line = base + (crest - base) * np.exp(-index / 9) + offset
        outline = np.stack([np.r_[x, x[-1], x[0]], np.r_[line, 2, 2]], axis=1)
        sheet.area(outline, colours.paper if index == 0 else colours.cool.ramp(tone), 0.0015)
    side = rng.choice([-1, 1])
    for place in range(0, len(x), 3):
        lift = (base - crest[place]) / (0.16 * scale)
        if lift < 0.42:
            continue
        centre = np.array([x[place], crest[place] + 0.004 * scale])
        for _ in range(2):
            claw = _claw(
                centre, -np.pi / 2 - side * rng.uniform(-0.3, 0.9), 0.06 * lift * scale, side
            )
            sheet.area(claw, colours.paper, 0.0013)
        sheet.disc(centre, scale * rng.uniform(0.005, 0.011), colours.paper, 0.0013)


def _print_mountain(sheet: Print, colours: Colours, place: float, horizon: float) -> None:
    """A far cone with snow on it."""
    t = np.linspace(-1, 1, 61)
    slope = horizon - 0.2 * np.exp(-3.2 * np.abs(t)) * (1 + 0.02 * np.cos(40 * t))
    outline = np.stack([place + 0.34 * t, slope], axis=1)
    sheet.area(outline, colours.cool.ramp(0.35), 0.002)
    snow = np.abs(t) < 0.24
    hem = horizon - 0.105 + 0.022 * np.cos(62 * t[snow][::-1])
    hem = np.maximum(hem, slope[snow][::-1])
    cap = np.concatenate([outline[snow], np.stack([outline[snow][::-1, 0], hem], axis=1)])
    sheet.area(cap, colours.paper, 0.0014)


def _print_mist(rng: np.random.Generator, sheet: Print, colours: Colours, y: float) -> None:
    """A bank of mist as prints have it: long bars with round ends, one on the other."""
    width = sheet.image.width / sheet.unit
    start = rng.uniform(-0.2, 0.75) * width
    for row in range(rng.integers(2, 5)):
        radius = rng.uniform(0.009, 0.016)
        left = start + rng.uniform(-0.15, 0.15)
        right = left + rng.uniform(0.25, 0.5)
        turn = np.linspace(np.pi / 2, 3 * np.pi / 2, 16)
        cap = np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius
        level = y + 0.024 * row
        outline = np.concatenate([cap + np.array([left, level]), -cap + np.array([right, level])])
        sheet.area(outline, mix(colours.paper, colours.warm.ramp(0.85), 0.3 * (row % 2)), 0.0014)


def _print_birds(rng: np.random.Generator, sheet: Print, place: Array) -> None:
    """A flight of birds, each two bent strokes."""
    for bird in place + rng.normal(0, 1, (9, 2)) * [0.1, 0.04]:
        span = rng.uniform(0.012, 0.022)
        t = np.linspace(-1, 1, 13)
        wings = np.stack([span * t, -0.55 * span * np.abs(np.sin(2.6 * t))], axis=1)
        sheet.line(bird + wings, 0.0028)


def _graded_sky(shape: Shape, colours: Colours) -> Array:
    """Paper with the two gradations of a printed sky: deep above, warm at the horizon."""
    y, _ = grid(shape)
    canvas = mix(colours.paper, colours.cool.ramp(0.45), 0.85 * np.exp(-((y / 0.2) ** 2)))
    return mix(canvas, colours.warm.ramp(0.75), 0.6 * np.exp(-(((y - 0.64) / 0.22) ** 2)))


@painter("prussian", "lagoon", "night", "dusk")
def woodblock(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """Great waves breaking before a far mountain, printed from blocks on paper."""
    centre, horizon = 0.5 * shape[1] / min(shape), 0.64
    sheet = Print(_graded_sky(shape, colours), colours.ink)
    side = rng.choice([-1, 1])
    sun = np.array([centre + side * rng.uniform(0.24, 0.34), rng.uniform(0.17, 0.26)])
    sheet.disc(sun, rng.uniform(0.1, 0.13), colours.vivid.warm.ramp(0.25), 0.002)
    for y in (0.06, 0.2, 0.33, 0.44):
        _print_mist(rng, sheet, colours, y + rng.uniform(-0.03, 0.03))
    _print_birds(rng, sheet, sun + np.array([side * -0.05, 0.2]))
    _print_mountain(sheet, colours, centre + side * rng.uniform(0.2, 0.3), horizon)
    _print_mist(rng, sheet, colours, horizon - 0.06)
    _print_swell(rng, sheet, colours, horizon + 0.03, 0.5)
    great = Wave.rising(
        [centre - side * 0.6, 1.04], rng.uniform(0.74, 0.8), side, rng.uniform(3, 3.5)
    )
    _print_wave(rng, sheet, great, colours)
    _print_swell(rng, sheet, colours, 0.81, 0.75)
    small = Wave.rising([centre + side * 0.56, 1.1], 0.42, -side, rng.uniform(2.8, 3.4))
    _print_wave(rng, sheet, small, colours)
    _print_swell(rng, sheet, colours, 0.96, 1.05)
    return _press(rng, to_canvas(sheet.image), colours)


def _press(rng: np.random.Generator, canvas: Array, colours: Colours) -> Array:
    """What the press adds: wood grain, mottled ink, paper fibres."""
    shape = (canvas.shape[0], canvas.shape[1])
    y, _ = grid(shape)
    rings = 0.5 + 0.5 * np.sin(TAU * (26 * y + 5 * noise(rng, shape, 2.5, octaves=3, stretch=4)))
    mottle = noise(rng, shape, 70, octaves=3)
    ink = 1 - 0.09 * rings - 0.16 * (mottle - 0.5)
    worn = mix(canvas, colours.paper, 0.3 * np.clip(mottle - 0.45, 0, 1))
    return worn * (ink * (0.94 + 0.12 * fibres(shape, rng)))[..., None]


@painter("desert", "dusk", "ebru", "wheat")
def dotwork(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """Rings of dots around many centres on a dark ground, every gap set with small dots."""
    sheet = Print(np.broadcast_to(colours.ink, (*shape, 3)), colours.ink)
    hubs = scatter(rng, shape, 0.27, jitter=0.75)
    sizes = rng.uniform(0.75, 1.3, len(hubs))
    for index in range(len(hubs)):
        _dot_rings(rng, sheet, hubs, sizes, index, colours)
    drawn = np.abs(to_canvas(sheet.image.reduce(2)) - colours.ink).sum(axis=2) > 0.08
    room = ndimage.distance_transform_edt(~drawn) / min(drawn.shape)
    points = scatter(rng, shape, 0.0115, jitter=0.25)
    size = 0.0038
    fill = colours.pick(rng, 2)[int(np.argmax(luminance(colours.pick(rng, 2))))]
    _dots(rng, sheet, points[sample(room, points) > 1.25 * size], size, fill)
    canvas = to_canvas(sheet.image)
    bare = step(-np.abs(canvas - colours.ink).sum(axis=2), -0.05, 0.02)
    ground = mix(colours.ink, colours.ramp(0.25), 0.6 * noise(rng, shape, 60, octaves=3))
    return mix(canvas, ground, bare)


def _dots(
    rng: np.random.Generator, sheet: Print, points: Array, size: float, colour: Array
) -> None:
    """Hand-set dots: uneven in size and tone, each with a light heart."""
    radii = size * rng.uniform(0.82, 1.05, len(points))
    tones = np.clip(colour * rng.uniform(0.88, 1.08, (len(points), 1)), 0, 1)
    for point, radius, tone in zip(points, radii, tones, strict=True):
        sheet.disc(point, radius, tone)
        sheet.disc(point - 0.2 * radius, 0.45 * radius, mix(tone, np.ones(3), 0.3))


def _tempera(rng: np.random.Generator, shape: Shape, angle: float) -> Array:
    """The tone of a patch of dry, brushed paint, about 1."""
    y, x = grid(shape)
    across = x * np.sin(angle) + y * np.cos(angle)
    bristles = ridge(rng, across, 40, octaves=3)
    return 1 + 0.05 * bristles + 0.3 * (noise(rng, shape, 7, octaves=4) - 0.5)


def _discs(rng: np.random.Generator, shape: Shape) -> list[tuple[float, float, float]]:
    """Centres and radii of a few large discs and many small ones, spread over the sheet."""
    height, width = (n / min(shape) for n in shape)
    places = scatter(rng, shape, 0.31, jitter=0.8)
    places = places[
        (np.abs(places - [width / 2, height / 2]) < [width / 2, height / 2]).all(axis=1)
    ]
    radii = np.sort(rng.uniform(0.05, 0.15, len(places)))[::-1]
    radii[:2] = rng.uniform(0.24, 0.32, 2)
    radii[2:4] = rng.uniform(0.15, 0.2, 2)
    return [
        (px, py, radius) for (px, py), radius in zip(places.tolist(), radii.tolist(), strict=True)
    ]


@painter("bauhaus", "lagoon", "dusk", "orchard")
def abstraction(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """Discs of coloured rings, quarters exchanged, over fields of colour; bars, arcs, lines."""
    canvas = _colour_fields(rng, shape, colours)
    for cx, cy, radius in _discs(rng, shape):
        part = window(shape, np.array([cx, cy]), 1.05 * radius)
        _ring_disc(rng, canvas, part, colours, np.array([cx, cy, radius]))
    _bars(rng, canvas, colours)
    canvas = canvas * _tempera(rng, shape, rng.uniform(0, np.pi))[..., None]
    image = Image.fromarray((np.clip(canvas, 0, 1) * 255).astype(np.uint8))
    _line_work(rng, image, colours)
    canvas = to_canvas(image)
    tooth = 0.05 * (weave(shape, rng) - 0.5) + 0.10 * (noise(rng, shape, 120, octaves=2) - 0.5)
    edges = relief(ndimage.gaussian_filter(luminance(canvas), 1.5), 1.2)
    return lit(canvas * (1 + tooth)[..., None], edges, 0.3)


def _colour_fields(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """A ground cut into broad wedges that shade into one another."""
    y, x = grid(shape)
    canvas = np.empty((*shape, 3), dtype=np.float32)
    canvas[:] = mix(colours.paper, colours.pick(rng, 1)[0], 0.25)
    for tint in colours.pick(rng, 10).astype(np.float32):
        along, across = turned(x, y, rng.uniform(0, 1, 2), rng.uniform(0, TAU))
        bow = across + rng.uniform(-0.9, 0.9) * along**2
        share = step(bow, 0, 0.0012) * (0.3 + 0.6 * np.exp(-3.0 * np.clip(bow, 0, None)))
        canvas = mix(canvas, tint, share)
    return canvas


def _ring_disc(
    rng: np.random.Generator,
    canvas: Array,
    part: Window,
    colours: Colours,
    disc: Array,
) -> None:
    """Rings around a centre, with their colours shifted from one sector to the next."""
    y, x = (field[part] for field in grid((canvas.shape[0], canvas.shape[1])))
    cx, cy, radius = disc
    dx, dy = turned(x, y, (cx, cy), rng.uniform(0, TAU))
    distance = np.hypot(dx, dy) / radius
    edges = np.cumsum(rng.uniform(0.5, 1.5, rng.integers(3, 5 + int(12 * radius))))
    ring = np.minimum(np.searchsorted(edges / edges[-1], distance), len(edges) - 1)
    sectors = int(rng.choice([1, 2, 4, 4, 6, 8]))
    sector = ((np.arctan2(dy, dx) / TAU + 0.5) * sectors).astype(int) % sectors
    sector = np.where(ring % 3 == 2, sector // 2, sector)
    tints = colours.pick(rng, 24)
    paint = tints[(3 * ring + 5 * sector + ring * sector) % len(tints)]
    shading = 0.86 + 0.28 * np.abs(np.mod(ring + 2 * distance * len(edges), 2) - 1)
    cover = step(-distance, -1, 0.0012 / radius) * rng.choice([0.97, 0.97, 0.8])
    canvas[part] = mix(canvas[part], np.clip(paint * shading[..., None], 0, 1), cover)


def _bars(rng: np.random.Generator, canvas: Array, colours: Colours) -> None:
    """Long bars and chequered strips that dye what they cross."""
    shape = (canvas.shape[0], canvas.shape[1])
    extent = np.array([shape[1], shape[0]]) / min(shape)
    whole_y, whole_x = grid(shape)
    for index, tint in enumerate(colours.pick(rng, 14)):
        centre, length = rng.uniform(0.1, 0.9, 2) * extent, rng.uniform(0.08, 0.34)
        width = rng.uniform(0.008, 0.03)
        part = window(shape, centre, 1.1 * length)
        along, across = turned(whole_x[part], whole_y[part], centre, rng.uniform(0, TAU))
        inside = step(np.minimum(length - np.abs(along), width - np.abs(across)), 0, 0.0012)
        paint: Array = tint
        if index % 3 == 0:  # chequered
            checks = (np.floor(along / width) + np.floor(across / width)) % 2
            paint = mix(colours.paper, tint, checks)
        elif index % 3 == 1:  # transparent: what is light becomes the tint, what is dark stays
            paint = np.clip(canvas[part] * tint * 1.7, 0, 1)
        canvas[part] = mix(canvas[part], paint, 0.95 * inside)


def _line_work(rng: np.random.Generator, image: Image.Image, colours: Colours) -> None:
    """Bundles of rays, arcs, arrows and dots in ink."""
    unit = min(image.size)
    draw = ImageDraw.Draw(image)
    ink, paper = to_fill(colours.ink), to_fill(colours.paper)

    def stroke(path: Array, width: float) -> None:
        draw.line((path * unit).ravel().tolist(), fill=ink, width=max(1, round(width * unit)))

    extent = np.array(image.size) / unit
    for _ in range(5):  # rays
        start, heading = rng.uniform(0, 1, 2) * extent, rng.uniform(0, TAU)
        for spread in np.arange(rng.integers(4, 9)) * 0.035:
            tip = np.array([np.cos(heading + spread), np.sin(heading + spread)])
            stroke(np.stack([start, start + rng.uniform(0.25, 0.5) * tip]), 0.0022)
    for _ in range(7):  # arcs, some doubled
        centre, radius = rng.uniform(0, 1, 2) * extent, rng.uniform(0.06, 0.3)
        turn = rng.uniform(0, TAU) + np.linspace(0, rng.uniform(1.5, 4), 80)
        for gap in range(rng.integers(1, 4)):
            circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
            stroke(centre + (radius + 0.014 * gap) * circle, rng.choice([0.002, 0.004, 0.007]))
    for _ in range(4):  # rows of dots
        start, stride = rng.uniform(0.1, 0.9, 2) * extent, rng.normal(0, 0.018, 2)
        for index in range(rng.integers(5, 11)):
            x, y = (start + index * stride) * unit
            radius = unit * (0.0035 + 0.0007 * index)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink, outline=paper)


def _fish_scene(rng: np.random.Generator, shape: Shape, colours: Colours) -> tuple[Array, Array]:
    """Fish over waves in a border: colours, and a potential whose level lines are the rows."""
    y, x = grid(shape)
    height, width = (n / min(shape) for n in shape)
    rows = y + 0.045 * np.sin(TAU * 1.6 * x + 3 * y) + 0.05 * noise(rng, shape, 3)
    stripe = 0.5 + 0.5 * np.sin(TAU * 6 * rows)
    colour = colours.cool.ramp(0.2 + 0.75 * stripe**2 * (0.4 + 0.6 * noise(rng, shape, 4)))
    foam = step(stripe, 0.9, 0.04)
    colour, potential = mix(colour, colours.paper, 0.8 * foam), rows
    for cx, cy, size in _shoal(rng, width, height):
        colour, potential = _add_fish(rng, colour, potential, colours, np.array([cx, cy, size]))
    rim = np.minimum.reduce([x, y, width - x, height - y])
    along = np.where(np.minimum(x, width - x) < np.minimum(y, height - y), y, x)
    wave = 0.055 + 0.016 * np.sin(TAU * along * 7)
    band = np.searchsorted([0.018, 0.036, 0.078, 0.096], rim)
    tones = np.stack([colours.ink, colours.warm.ramp(0.75), colours.paper, colours.warm.ramp(0.3)])
    border = tones[np.minimum(band, 3)]
    border = np.where(((band == 2) & (rim < wave))[..., None], colours.warm.ramp(0.1), border)
    inside = step(rim, 0.096, 0.002)
    return mix(border, colour, inside), np.where(inside > 0.5, potential, rim)


def _shoal(rng: np.random.Generator, width: float, height: float) -> Array:
    """``(n, 3)`` places and sizes of fish that keep their distance."""
    places = scatter(rng, (int(100 * height), int(100 * width)), 0.36, jitter=0.3)
    room = (np.abs(places - [width / 2, height / 2]) < [width / 2 - 0.2, height / 2 - 0.16]).all(
        axis=1
    )
    places = places[room]
    return np.concatenate([places, rng.uniform(0.16, 0.21, (len(places), 1))], axis=1)


def _add_fish(
    rng: np.random.Generator, colour: Array, potential: Array, colours: Colours, fish: Array
) -> tuple[Array, Array]:
    """A fish with bands, an eye, fins and a halo of rows along its outline."""
    y, x = grid((colour.shape[0], colour.shape[1]))
    cx, cy, size = fish
    along, across = turned(x, y, (cx, cy), rng.uniform(-0.6, 0.6) + np.pi * rng.integers(2))
    along, across = along / size, (across + 0.1 * size * np.sin(3 * along / size)) / size
    body = 0.5 * np.sqrt(np.clip(1 - along**2, 0, 1)) * (0.8 + 0.2 * along) - np.abs(across)
    reach = -0.8 - along  # how far behind the body
    tail = np.minimum(0.09 + 0.75 * reach - np.abs(across), 0.35 + 0.6 * np.abs(across) - reach)
    tail = np.where(reach > -0.12, tail, -1)
    sweep = along + 0.9 * np.abs(across)
    fin = np.minimum.reduce([0.68 - np.abs(across), sweep - 0.1, 0.62 - sweep])
    shape = np.maximum.reduce([body, tail, fin])
    halo = step(shape, -0.17, 0.02)
    tints = colours.vivid.warm
    bands = 0.5 + 0.5 * np.sin(TAU * 2.4 * (along - 0.8 * across**2))
    skin = tints.ramp(np.clip(1.1 * body / 0.5 + 0.6 * bands - 0.15, 0, 1))
    skin = np.where((body > 0)[..., None], skin, tints.ramp(0.35 + 0.4 * bands))
    skin = np.where(((along > 0.45) & (along < 0.52) & (body > 0))[..., None], colours.ink, skin)
    eye = np.hypot(along - 0.66, across + 0.07)
    skin = np.where((eye < 0.12)[..., None], colours.paper, skin)
    skin = np.where((eye < 0.065)[..., None], colours.ink, skin)
    colour = mix(colour, mix(colours.ink, skin, step(shape, 0.03, 0.004)), step(shape, 0, 0.004))
    colour = np.where(
        ((halo > 0.5) & (shape < 0))[..., None], mix(colour, colours.paper, 0.55), colour
    )
    return colour, np.where(halo > 0.5, shape * size, potential)


def _tiles(points: Array, turns: Array, shape: Shape, side: float) -> Array:
    """Which tile owns each pixel: the one whose own axes bring its centre nearest.

    The metric is the larger of the distances along a tile's two axes, so that tiles are squares:
    Hausner, "Simulating decorative mosaics", SIGGRAPH 2001.
    """
    unit = min(shape)
    nearest = np.full(shape, np.inf, dtype=np.float32)
    owner = np.zeros(shape, dtype=np.int64)
    reach = int(1.35 * side * unit) + 1
    centres, cos, sin = points * unit, np.cos(turns), np.sin(turns)
    pixels = np.arange(max(shape), dtype=np.float32) + 0.5
    for index, (px, py) in enumerate(centres.tolist()):
        rows = slice(max(0, int(py) - reach), max(0, int(py) + reach))
        columns = slice(max(0, int(px) - reach), max(0, int(px) + reach))
        dy = pixels[: shape[0]][rows, None] - py
        dx = pixels[: shape[1]][None, columns] - px
        away = np.maximum(
            np.abs(cos[index] * dx + sin[index] * dy), np.abs(cos[index] * dy - sin[index] * dx)
        )
        closer = away < nearest[rows, columns]
        nearest[rows, columns][closer] = away[closer]
        owner[rows, columns][closer] = index
    return owner


def _settle(points: Array, angle: Array, side: float, rounds: int) -> Array:
    """Spread tiles evenly: each moves to the middle of what it owns (Lloyd's method)."""
    shape = (angle.shape[0], angle.shape[1])
    y, x = grid(shape)
    for _ in range(rounds):
        owner = _tiles(points, sample(angle, points), shape, side).ravel()
        area = np.bincount(owner, minlength=len(points))
        sums = [np.bincount(owner, field.ravel(), len(points)) for field in (x, y)]
        moved = np.stack(sums, axis=1) / np.maximum(area, 1)[:, None]
        points = np.where((area > 0)[:, None], moved, points)
    return points


@painter("ravenna", "lagoon", "ebru", "desert")
def mosaic(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """Fish among waves in glass and stone tiles, laid in rows that follow the outlines."""
    side = max(0.0135, 8 / min(shape))  # a tile of fewer pixels could not be seen
    third = (shape[0] // 3, shape[1] // 3)
    colour, potential = _fish_scene(rng, third, colours)
    angle = flow(ndimage.gaussian_filter(potential, 1.5))
    points = _settle(scatter(rng, shape, side, jitter=0.5), angle, side, rounds=10)
    owner = _tiles(points, sample(angle, points), shape, side)
    count = len(points)
    tints = sample(colour, points) * rng.uniform(0.8, 1.16, (count, 1))
    tints = np.clip(tints + rng.normal(0, 0.03, (count, 3)), 0, 1)
    rim = edge_distance(owner)
    rough = noise(rng, shape, 110, octaves=2)
    y, x = grid(shape)
    tilt = rng.normal(0, 9, (count, 2))  # no tile lies quite flat: each gleams its own way
    gleam = tilt[owner, 0] * (x - points[owner, 0]) + tilt[owner, 1] * (y - points[owner, 1])
    stone = tints[owner] * (0.84 + 0.3 * rough)[..., None]
    bevel = ndimage.gaussian_filter(np.clip(rim / 0.0026, 0, 1), 1.0)
    stone = lit(stone, relief(bevel, 2.5) + 0.9 * gleam, 0.55)
    grout = mix(colours.ink, colours.paper, 0.2) * (0.8 + 0.4 * rough)[..., None]
    return mix(grout, stone, step(rim + 0.0006 * (rough - 0.5), 0.0011, 0.0005))


def _mountain_range(rng: np.random.Generator, shape: Shape) -> tuple[Array, Array]:
    """Ranges of mountains, one before the other: brightness 0..1, and hatching coordinate."""
    y, x = grid(shape)
    cloud = noise(rng, shape, 3, octaves=4, stretch=2.5)
    moon_x, moon_y = rng.uniform(0.3, 0.7) * x.max(), rng.uniform(0.18, 0.28)
    to_moon = np.hypot(x - moon_x, y - moon_y)
    tone = 0.3 + 0.62 * np.exp(-((to_moon / 0.26) ** 2)) + 0.75 * (cloud - 0.5)
    tone = np.where(to_moon < 0.088, 1.2, np.minimum(tone, 0.9))
    coordinate = to_moon + 0.05 * cloud
    for index, base in enumerate((0.56, 0.68, 0.82, 0.98)):
        scale = 0.15 + 0.03 * index
        line = base - scale * np.abs(ridge(rng, x, 0.9 + 0.15 * index, octaves=6)) - 0.03
        depth = y - line
        crags = noise(rng, shape, 4, octaves=4)
        slope = x * rng.choice([-1, 1]) + 0.8 * depth + 0.3 * crags
        light = np.sin(TAU * 2.4 * slope + rng.uniform(0, TAU))
        face = 0.45 + 0.55 * light - 0.04 * index + 0.6 * depth + 0.8 * (crags - 0.5)
        tone = np.where(depth > 0, face, tone)
        tone = np.where(np.abs(depth) < 0.0028, -0.4, tone)
        coordinate = np.where(depth > 0, 0.75 * slope + 0.75 * y, coordinate)
    return tone, coordinate


@painter("sepia", "studio", "prussian", "desert")
def engraving(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """Moonlit mountains in swelling, crossing lines of ink over two tint blocks."""
    y, x = grid(shape)
    tone, coordinate = _mountain_range(rng, shape)
    wobble = 0.006 * noise(rng, shape, 14, octaves=2)
    ink = np.zeros(shape, dtype=np.float32)
    layers = (
        (coordinate, 78, 0.86),
        (0.8 * x + 0.6 * y + 0.05 * coordinate, 70, 0.4),
        (0.6 * x - 0.8 * y + 0.05 * coordinate, 70, 0.12),
    )
    for field, lines, start in layers:
        wave = np.abs(np.mod(lines * (field + wobble), 1) - 0.5) * 2  # 0 on a line, 1 between
        swell = 0.85 + 0.5 * (noise(rng, shape, 90, octaves=2) - 0.5)
        width = np.clip((start - tone) / 0.9, 0, 0.82) * swell
        drawn = step(width - wave, 0, 0.09) * step(width, 0.05, 0.04)
        ink = np.maximum(ink, drawn)
    stipple = noise(rng, shape, 200)
    high, middle = step(tone + 0.35 * (stipple - 0.5), 0.82, 0.03), step(tone, 0.3, 0.05)
    tint = mix(colours.cool.ramp(0.55), colours.warm.ramp(0.7), middle)
    ground = mix(tint, colours.paper, np.maximum(high, 0.18))
    ground = ground * (0.88 + 0.2 * fibres(shape, rng))[..., None]
    return mix(ground, colours.ink, ink * (0.88 + 0.12 * stipple))


def _still_life(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """A guitar, a bottle, a glass and fruit on a table, in plain colours."""
    y, x = grid(shape)
    width = shape[1] / min(shape)
    wall, table = colours.cool.ramp(0.35 + 0.45 * noise(rng, shape, 3)), colours.warm.ramp(0.45)
    canvas = mix(
        wall,
        table * (0.75 + 0.5 * noise(rng, shape, 14, stretch=9))[..., None],
        step(y, 0.62, 0.002),
    )
    bottle_x = rng.uniform(0.68, 0.78) * width
    neck = np.where(y < 0.3, 0.026, 0.026 + 0.055 * np.clip((y - 0.3) / 0.1, 0, 1))
    bottle = (np.abs(x - bottle_x) < neck) & (y > 0.12) & (y < 0.76)
    canvas = np.where(
        bottle[..., None], colours.cool.ramp(0.1 + 4 * np.abs(x - bottle_x + 0.03)), canvas
    )
    label = bottle & (y > 0.48) & (y < 0.62)
    canvas = np.where(label[..., None], colours.paper, canvas)
    along, across = turned(x, y, (0.42 * width, 0.56), rng.uniform(-1.1, -0.8))
    waist = 0.155 + 0.045 * np.cos(TAU * (along + 0.12) / 0.34) - 0.06 * along
    body = np.abs(across) < waist * np.sqrt(np.clip(1 - (along / 0.29) ** 2, 0, 1)) ** 0.5
    canvas = np.where(body[..., None], colours.warm.ramp(0.62 + 1.2 * across), canvas)
    hole = np.hypot(along - 0.06, across)
    canvas = np.where((body & (hole < 0.062))[..., None], colours.paper, canvas)
    canvas = np.where((body & (hole < 0.052))[..., None], colours.ink, canvas)
    arm = (np.abs(across) < 0.024) & (along > 0.06) & (along < 0.66)
    canvas = np.where(arm[..., None], colours.warm.ramp(0.12), canvas)
    strings = (np.abs(np.mod(across / 0.009, 1) - 0.5) < 0.12) & (np.abs(across) < 0.022)
    strings &= (along > -0.2) & (along < 0.66)
    canvas = np.where(strings[..., None], colours.paper, canvas)
    for tint in colours.vivid.warm.rgb[:4]:
        cx, cy = rng.uniform(0.1, 0.9) * width, rng.uniform(0.74, 0.88)
        away = np.hypot(x - cx, y - cy) / 0.07
        light = 0.55 + 0.6 * np.clip(0.5 - (x - cx + y - cy) / 0.12, 0, 1)
        canvas = np.where((away < 1)[..., None], np.clip(tint * light[..., None], 0, 1), canvas)
    return canvas


def _renumber(labels: Array) -> Array:
    """The same regions, numbered 0, 1, 2, ..."""
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)


def _across(rng: np.random.Generator, labels: Array) -> tuple[Array, Array]:
    """A random direction for each region, and each pixel's place along it, about 0 to 1."""
    y, x = grid((labels.shape[0], labels.shape[1]))
    turn = rng.uniform(0, TAU, int(labels.max()) + 1)
    place = (
        np.cos(turn).astype(np.float32)[labels] * x + np.sin(turn).astype(np.float32)[labels] * y
    )
    flat, area = labels.ravel(), np.bincount(labels.ravel())
    mean = np.bincount(flat, place.ravel()) / area
    spread = np.sqrt(np.maximum(np.bincount(flat, place.ravel() ** 2) / area - mean**2, 1e-8))
    return turn, np.clip(0.5 + (place - mean[labels]) / (3.6 * spread[labels]), 0, 1)


def _facets(rng: np.random.Generator, shape: Shape) -> Array:
    """Labels of facets: the plane cut by long lines and bows, the largest pieces cut again."""
    y, x = grid(shape)
    labels = np.zeros(shape, dtype=np.int64)
    headings = np.concatenate(
        [rng.normal(0.95, 0.2, 5), rng.normal(-0.9, 0.25, 5), rng.normal(1.5, 0.3, 3)]
    )
    for heading in rng.permutation(headings):
        px, py = rng.uniform(0.05, 0.95, 2) * [x.max(), y.max()]
        along, side = turned(x, y, (px, py), heading)
        bow = rng.choice([0.0, 0.0, rng.uniform(-0.9, 0.9)])
        labels = 2 * labels + (side > bow * along**2)
    labels = _renumber(labels)
    for _ in range(3):
        share = np.bincount(labels.ravel())[labels] / min(shape) ** 2
        _, place = _across(rng, labels)
        labels = _renumber(2 * labels + ((share > 0.006) & (place > 0.45)))
    return labels


def _refract(rng: np.random.Generator, canvas: Array, labels: Array) -> Array:
    """Each facet shows the picture from a point of view of its own."""
    y, x = grid((canvas.shape[0], canvas.shape[1]))
    count = int(labels.max()) + 1
    middle = np.array([canvas.shape[1], canvas.shape[0]]) / (2 * min(canvas.shape[:2]))
    shift, turn = rng.normal(0, 0.025, (count, 2)), rng.normal(0, 0.1, count)
    zoom = rng.normal(1, 0.07, count)
    dx, dy = x - middle[0], y - middle[1]
    cos, sin = (np.cos(turn) * zoom)[labels], (np.sin(turn) * zoom)[labels]
    moved = np.stack([cos * dx - sin * dy, sin * dx + cos * dy], axis=-1) + middle + shift[labels]
    return sample(canvas, moved)


def _pattern_facets(
    rng: np.random.Generator, canvas: Array, labels: Array, turn: Array, colours: Colours
) -> Array:
    """Fill some facets with stripes, or with a pasted chequer."""
    y, x = grid((labels.shape[0], labels.shape[1]))
    kind = rng.choice(5, len(turn), p=[0.66, 0.14, 0.08, 0.06, 0.06])[labels]
    along = np.cos(turn)[labels] * x + np.sin(turn)[labels] * y
    beside = np.cos(turn)[labels] * y - np.sin(turn)[labels] * x
    stripes = step(np.sin(TAU * 62 * along), 0.35, 0.25)
    print_lines = step(np.sin(TAU * 95 * beside), 0.2, 0.25) * step(
        noise(rng, (labels.shape[0], labels.shape[1]), 55), 0.42, 0.03
    )
    checks = (np.floor(45 * along) + np.floor(45 * beside)) % 2
    pasted = mix(colours.paper, colours.ink, 0.75 * print_lines)
    canvas = mix(canvas, colours.ink, 0.6 * stripes * (kind == 1))
    canvas = mix(canvas, colours.paper, 0.55 * stripes * (kind == 2))
    canvas = mix(canvas, pasted, 0.85 * (kind == 3))
    return mix(canvas, mix(colours.paper, colours.ink, checks), 0.6 * (kind == 4))


@painter("studio", "sepia", "bauhaus", "wheat")
def cubist(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """A still life with a guitar, seen through facets that each shift, turn and shade it."""
    labels = _facets(rng, shape)
    canvas = _refract(rng, _still_life(rng, shape, colours), labels)
    turn, place = _across(rng, labels)
    count = len(turn)
    warm = rng.random((count, 1)) < 0.6
    own = np.where(warm, colours.warm.pick(rng, count), colours.pick(rng, count))
    canvas = mix(canvas, own[labels], rng.choice([0.05, 0.2, 0.5], count)[labels])
    canvas = _pattern_facets(rng, canvas, labels, turn, colours)
    canvas = np.clip((canvas * 1.15 + 0.06) * (0.45 + 0.8 * place**1.2)[..., None], 0, 1)
    image = Image.fromarray(
        (np.dstack([canvas, 0.3 * np.ones(shape)]) * 255).astype(np.uint8), "RGBA"
    )
    scene = Scene(canvas, turn[labels] + np.pi / 2)
    lay_strokes(image, rng, scene, Brush(0.03, 0.012, bristles=6, coverage=1.8, vary=0.035))
    painted = to_canvas(image)
    height = ndimage.gaussian_filter(painted[..., 3], 1.0)
    canvas = mix(painted[..., :3], canvas, 0.45)
    lines = edge_distance(labels)
    broken = 0.0035 * (noise(rng, shape, 8, octaves=3) - 0.33)
    canvas = mix(canvas, colours.paper, 0.3 * np.exp(-lines / 0.004))
    canvas = mix(colours.ink, canvas, step(lines - broken, 0.0004, 0.0008))
    return lit(canvas, relief(height, 4.0), 0.4)


class Sheet:
    """Wet paper: washes multiply into it and dry with dark edges. Lengths in units."""

    def __init__(self, rng: np.random.Generator, shape: Shape, paper: Array) -> None:
        self.rng = rng
        self.paper = paper
        self.canvas = np.empty((*shape, 3), dtype=np.float32)
        self.canvas[:] = paper
        self.y, self.x = grid(shape)
        self.warp = [0.05 * (noise(rng, shape, 7, octaves=6) - 0.5) for _ in range(2)]
        self.flow = noise(rng, shape, 5, octaves=5)
        self.grain = noise(rng, shape, 110, octaves=2)

    def window(self, centre: Array, reach: float) -> Window:
        """The part of the sheet within reach of a centre; it may be empty."""
        return window((self.x.shape[0], self.x.shape[1]), centre, reach)

    def around(self, part: Window, ragged: float = 1.0) -> tuple[Array, Array]:
        """``x, y`` in a part, displaced as wet paper displaces an edge."""
        return (
            self.x[part] + ragged * self.warp[0][part],
            self.y[part] + ragged * self.warp[1][part],
        )

    def lift(self, part: Window, depth: Array, share: float) -> None:
        """Take up wet paint where ``depth`` (units, inside positive) is above 0."""
        bare = share * step(depth, 0, 0.003)
        self.canvas[part] = mix(self.canvas[part], self.paper, bare)

    def wash(self, part: Window, depth: Array, tint: Array, load: Array | float) -> None:
        """Lay a wash where ``depth`` (units, inside positive) is above 0."""
        inside = step(depth, 0, 0.0022)
        rim = np.exp(-np.clip(depth, 0, None) / 0.005)
        density = load * inside * (0.4 + 0.9 * self.flow[part] + 0.6 * rim)
        density = density * (0.75 + 0.5 * self.grain[part])
        self.canvas[part] *= np.exp(density[..., None] * np.log(np.clip(tint, 0.03, 1)))


def _wash_ground(sheet: Sheet, colours: Colours) -> None:
    """Broad, wet washes that run into one another, with blooms where water dropped in."""
    rng, everything = sheet.rng, (slice(None), slice(None))
    shape = (sheet.x.shape[0], sheet.x.shape[1])
    for tint in colours.pick(rng, 5):
        wet = noise(rng, shape, 2.2, octaves=5) - 0.45
        sheet.wash(everything, 0.12 * wet, mix(tint, np.ones(3), 0.3), 0.34)
    for _ in range(16):
        centre = rng.uniform(0, 1, 2) * [sheet.x.max(), sheet.y.max()]
        reach = rng.uniform(0.04, 0.11)
        part = sheet.window(centre, 1.6 * reach)
        x, y = sheet.around(part, 2.0)
        ring = reach - np.hypot(x - centre[0], y - centre[1])
        sheet.lift(part, ring, 0.4)
        sheet.wash(part, 0.004 - np.abs(ring), colours.cool.ramp(0.6), 0.3)


def _wash_leaf(sheet: Sheet, root: Array, heading: float, length: float, tint: Array) -> None:
    """A leaf: one wash, a second on its shaded half and along its veins."""
    middle = root + 0.5 * length * np.array([np.cos(heading), np.sin(heading)])
    part = sheet.window(middle, 0.62 * length)
    along, across = turned(*sheet.around(part, 0.5), root, heading)
    across = across + 0.18 * length * np.sin(np.pi * along / length)
    t = np.clip(along / length, 0, 1)
    half_width = 0.22 * length * np.sin(np.pi * t**0.8) ** 0.9
    depth = np.where((along > 0) & (along < length), half_width - np.abs(across), -0.01)
    veins = np.abs(np.mod((along - np.abs(across)) / (0.13 * length), 1) - 0.5)
    shaded = step(across, 0.001, 0.001) + 0.9 * step(-veins, -0.07, 0.03)
    sheet.lift(part, depth, 0.75)
    sheet.wash(part, depth, tint, 0.55 + 0.5 * shaded)


def _wash_flower(sheet: Sheet, centre: Array, reach: float, colours: Colours) -> None:
    """A flower: rings of overlapping petals, streaked, around a dotted heart."""
    rng = sheet.rng
    tint, second = colours.vivid.warm.pick(rng, 2)
    tilt, squash = rng.uniform(0, TAU), rng.uniform(0.8, 1.0)
    for layer, (scale, petals, load) in enumerate(((1.0, 6, 0.35), (0.85, 6, 0.5), (0.5, 5, 0.6))):
        for petal in range(petals):
            heading = tilt + TAU * (petal + 0.5 * layer + rng.uniform(-0.15, 0.15)) / petals
            tip = centre + scale * reach * np.array([np.cos(heading), squash * np.sin(heading)])
            part = sheet.window((centre + tip) / 2, 0.68 * scale * reach)
            x, y = sheet.around(part, 0.8)
            along, across = turned(x, centre[1] + (y - centre[1]) / squash, centre, heading)
            t = np.clip(along / (reach * scale), 0, 1)
            half_width = reach * scale * 0.52 * np.sqrt(np.sin(np.pi * t**1.4))
            depth = np.where((along > 0) & (t < 1), half_width - np.abs(across), -0.01)
            streaks = 0.5 + 0.5 * np.sin(46 * np.arctan2(across, along + 1e-6))
            sheet.lift(part, depth, (0.85, 0.45, 0.2)[layer])
            shade = load * rng.uniform(0.7, 1.2) * (0.65 + 0.8 * streaks * (1 - t) + 0.3 * t**4)
            sheet.wash(part, depth, mix(tint, second, rng.uniform(0, 0.6)), shade)
    for _ in range(34):
        drop = centre + rng.normal(0, 0.1 * reach, 2)
        _wash_drop(sheet, drop, reach * rng.uniform(0.02, 0.05), colours.ink)


def _wash_drop(sheet: Sheet, centre: Array, radius: float, tint: Array) -> None:
    """A drop from a loaded brush."""
    part = sheet.window(centre, 1.3 * radius)
    x, y = sheet.x[part], sheet.y[part]
    sheet.wash(part, radius - np.hypot(x - centre[0], y - centre[1]), tint, 0.7)


@painter("garden", "orchard", "dusk", "lagoon")
def watercolour(rng: np.random.Generator, shape: Shape, colours: Colours) -> Array:
    """Flowers and leaves in washes with dark edges, blooms and drops, on rough paper."""
    sheet = Sheet(rng, shape, colours.paper)
    _wash_ground(sheet, colours)
    flowers = scatter(rng, shape, 0.27, jitter=0.7)
    for place in flowers:
        for _ in range(5):
            tint = mix(colours.cool.pick(rng, 1)[0], colours.warm.rgb[-1], rng.uniform(0, 0.5))
            _wash_leaf(sheet, place, rng.uniform(0, TAU), rng.uniform(0.16, 0.28), tint)
    for place in flowers:
        _wash_flower(sheet, place, rng.uniform(0.08, 0.18), colours)
    for place in scatter(rng, shape, 0.06, jitter=1.5):
        _wash_drop(sheet, place, 0.001 + 0.006 * rng.random() ** 3, colours.pick(rng, 1)[0])
    tooth = relief(0.7 * sheet.grain + 0.3 * noise(rng, shape, 240), 5)
    return lit(sheet.canvas, tooth, 0.22)


PAINTERS: dict[str, Painter] = {
    paint.__name__: paint
    for paint in (
        impasto,
        stained_glass,
        marbling,
        pointillism,
        woodblock,
        dotwork,
        abstraction,
        mosaic,
        engraving,
        cubist,
        watercolour,
    )
}
