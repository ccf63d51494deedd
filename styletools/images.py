"""Pictures in and out: file, URL, PIL or array → (1, 3, H, W) tensor → PIL or file."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, PngImagePlugin, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import interpolate

from styletools._files import atomic_path
from styletools._rgb import resized, to_rgb
from styletools.errors import ImageError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

MIN_SIDE = 16  # four poolings halve it to one position at conv5_1
MAX_PIXELS = 100_000_000
MAX_DOWNLOAD = 50_000_000  # bytes
TIMEOUT = 15  # seconds without an answer from a web server
CONFIG_KEY = "styletools"  # of the PNG text that holds a picture's configuration

PICTURES = Path(__file__).resolve().parent.parent / "images"

Source = str | os.PathLike[str] | Image.Image | np.ndarray


def load_image(source: Source, max_size: int = 400, size: tuple[int, int] | None = None) -> Tensor:
    """Read a picture as the networks expect it.

    Every kind becomes RGB: grey, palette, 16-bit, CMYK, transparent (onto white), animated (the
    first frame); a camera's orientation mark is honoured.

    Args:
        source: a path, an http(s) URL, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4) of uint8, uint16, or floats in [0, 1].
        max_size: limit for the longest side in pixels. A smaller picture is not enlarged.
        size: (H, W) to resize to exactly, instead: a style to the content's `tensor.shape[-2:]`.

    Returns:
        (1, 3, H, W) float32, normalised with ImageNet's mean and standard deviation.

    Raises:
        ImageError: missing, not a picture, truncated, too large, or too small for conv5_1.
    """
    name, image = _open(source)
    image = to_rgb(image)
    width, height = image.size
    if size is None:
        scale = min(1.0, max_size / max(width, height))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
    if min(size) < MIN_SIDE:
        raise ImageError(
            f"{name} is {width}×{height} pixels, here {size[1]}×{size[0]}, but conv5_1 needs "
            f"{MIN_SIDE}×{MIN_SIDE} or more; take a larger or less narrow picture"
            f" (max_size is {max_size}).",
            "too-small",
        )
    return to_tensor(resized(image, (size[1], size[0])))


def to_tensor(image: Image.Image | np.ndarray) -> Tensor:
    """8-bit RGB, (H, W, 3) → (1, 3, H, W), normalised; `to_image` is the reverse."""
    rgb = torch.from_numpy(np.array(image, dtype=np.float32) / 255)  # (H, W, 3)
    return normalise(rgb.permute(2, 0, 1)[None]).contiguous()


def shrink(image: Tensor, times: int) -> Tensor:
    """(1, 3, H, W) → (1, 3, H // times, W // times), without aliasing."""
    size = (image.shape[-2] // times, image.shape[-1] // times)
    return interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)


def enlarge(image: Tensor, like: Tensor) -> Tensor:
    """(1, 3, h, w) → (1, 3, H, W), the size of `like`."""
    return interpolate(image, like.shape[-2:], mode="bicubic", align_corners=False)


def normalise(rgb: Tensor) -> Tensor:
    """(…, 3, H, W) in [0, 1] → the same with ImageNet's mean 0 and standard deviation 1."""
    mean, std = _statistics(rgb)
    return (rgb - mean) / std


def denormalise(image: Tensor) -> Tensor:
    """The reverse of `normalise`, clipped to [0, 1]."""
    mean, std = _statistics(image)
    return (image * std + mean).clamp(0, 1)


def to_image(tensor: Tensor) -> Image.Image:
    """(1, 3, H, W) or (3, H, W), normalised → PIL image; values out of range are clipped."""
    if tensor.dim() == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.dim() != 3 or tensor.shape[0] != 3:
        raise ImageError(f"A picture's tensor is (1, 3, H, W); this one is {tuple(tensor.shape)}.")
    if not torch.isfinite(tensor).all():
        raise ImageError("The tensor holds NaN or infinity, so it is no picture.")
    rgb = denormalise(tensor.detach().float().cpu())
    return Image.fromarray((rgb * 255).round().byte().permute(1, 2, 0).numpy(), "RGB")


def save_image(
    image: Tensor | Image.Image, path: str | Path, config: Mapping[str, Any] | None = None
) -> None:
    """Write a picture atomically; a PNG carries `config` as text.

    Raises:
        ImageError: the suffix of `path` names no picture format.
    """
    path = Path(path)
    if path.suffix.lower() not in Image.registered_extensions():
        raise ImageError(
            f"{path}: no picture format has the suffix {path.suffix!r}; use .png.", "not-written"
        )
    options: dict[str, Any] = {"quality": 95} if path.suffix.lower() in (".jpg", ".jpeg") else {}
    if config is not None and path.suffix.lower() == ".png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt(CONFIG_KEY, json.dumps(config, ensure_ascii=False))
    picture = to_image(image) if isinstance(image, Tensor) else image
    with atomic_path(path) as temporary:
        picture.save(temporary, **options)


def read_config(path: str | Path) -> dict[str, Any]:
    """The configuration that `save_image` put into a PNG.

    Raises:
        ImageError: not a picture, or it carries none.
    """
    _, image = _open(path)
    try:
        return json.loads(image.info[CONFIG_KEY])
    except (KeyError, TypeError, ValueError):
        raise ImageError(
            f"{path} carries no configuration; only PNG files that the kit saved do."
        ) from None


def bundled(kind: str) -> dict[str, Path]:
    """The kit's own pictures: name to path. `kind` is "content" or "style"."""
    return {path.stem: path for path in sorted((PICTURES / kind).glob("*.jpg"))}


def _statistics(like: Tensor) -> tuple[Tensor, Tensor]:
    mean = torch.tensor(IMAGENET_MEAN, dtype=like.dtype, device=like.device)
    std = torch.tensor(IMAGENET_STD, dtype=like.dtype, device=like.device)
    return mean[:, None, None], std[:, None, None]


def _open(source: Source) -> tuple[str, Image.Image]:
    """The name to use in errors, and the decoded picture."""
    if isinstance(source, Image.Image):
        return "The PIL image", _loaded("The PIL image", source)
    if isinstance(source, np.ndarray):
        return "The array", _from_array(source)
    if not isinstance(source, (str, os.PathLike)):
        raise ImageError(f"A {type(source).__name__} is no picture; give a path, URL or array.")
    name = os.fspath(source)
    if name.lower().startswith(("http://", "https://")):
        return name, _decode(name, io.BytesIO(_download(name)))
    if not Path(name).exists():
        raise ImageError(
            f"{name} does not exist (looked in {Path.cwd()}); check the path.", "missing-file"
        )
    if not Path(name).is_file():
        raise ImageError(f"{name} is not a file; give the path of a picture.", "folder")
    try:
        with open(name, "rb") as file:
            return name, _decode(name, file)
    except PermissionError:
        raise ImageError(
            f"{name} may not be read; check the file's permissions.", "not-readable"
        ) from None


def _decode(name: str, file: Any) -> Image.Image:
    try:
        return _loaded(name, Image.open(file))
    except UnidentifiedImageError:
        raise ImageError(
            f"{name} is not a picture that Pillow can read; save it as PNG or JPEG."
        ) from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(name) from None


def _loaded(name: str, image: Image.Image) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:
        raise _too_many_pixels(name)
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(
            f"{name} is damaged or cut off ({error}); get the file again.", "damaged"
        ) from None
    return image


def _too_many_pixels(name: str) -> ImageError:
    return ImageError(
        f"{name} has more than {MAX_PIXELS // 1_000_000} million pixels; make it smaller.",
        "too-large",
    )


def _download(url: str) -> bytes:
    """The body of an answer; never more than `MAX_DOWNLOAD` bytes are held."""
    import requests

    try:
        with requests.get(url, stream=True, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            body = bytearray()
            for chunk in answer.iter_content(65_536):
                body += chunk
                if len(body) > MAX_DOWNLOAD:
                    raise ImageError(
                        f"{url} is larger than {MAX_DOWNLOAD // 1_000_000} MB; "
                        "save a smaller copy and give its path.",
                        "url",
                    )
            return bytes(body)
    except requests.Timeout:
        raise ImageError(f"{url} did not answer in {TIMEOUT} s; try again later.", "url") from None
    except requests.RequestException as error:
        raise ImageError(f"{url} could not be fetched: {error}", "url") from None


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ImageError(f"An array of shape {array.shape} is no picture; give (H, W, 3).")
    if array.dtype == np.uint16:
        array = (array / 257).round().astype(np.uint8)
    elif array.dtype.kind == "f":
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise ImageError("A float array must hold values in [0, 1]; divide by 255 first.")
        array = (array * 255).round().astype(np.uint8)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype != np.uint8:
        raise ImageError(f"An array of {array.dtype} is no picture; give uint8 or floats in 0–1.")
    return Image.fromarray(np.ascontiguousarray(array))
