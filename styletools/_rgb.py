"""A decoded picture as 8-bit RGB, whatever its kind: with Pillow and numpy alone."""

import numpy as np
from PIL import Image, ImageOps


def to_rgb(image: Image.Image) -> Image.Image:
    """Grey, palette, 16-bit, CMYK, floats; transparent onto white; a camera's orientation mark."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "I" or image.mode.startswith("I;16"):  # 16 bits a pixel, grey
        levels = np.asarray(image).astype(np.float64) / 257
        image = Image.fromarray(levels.round().clip(0, 255).astype(np.uint8))
    elif image.mode == "F":
        levels = np.asarray(image, dtype=np.float64)
        levels = levels * 255 if np.nanmax(levels) <= 1 else levels
        image = Image.fromarray(np.nan_to_num(levels).round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """An RGB picture at (width, height); the same one where it has this size."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
