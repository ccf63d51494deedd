"""Pictures in and out: file, URL, PIL or array → (1, 3, H, W) tensor → PIL or file."""

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image, PngImagePlugin, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import interpolate

from styletools._files import atomic_path, is_address, user_path
from styletools._rgb import (
    HEIC_BRANDS,
    LevelsError,
    open_picture,
    to_alpha,
    to_levels,
    to_rgb,
    upright_size,
    white_of,
)  # fmt: skip
from styletools.errors import ImageError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

MIN_SIDE = 16  # four poolings halve it to one position at conv5_1
_MAX_PIXELS = 100_000_000
MAX_DOWNLOAD = 50_000_000  # bytes
TIMEOUT = 15  # seconds without an answer from a web server
_REFUSED = (401, 403, 406, 429)  # status of hosts that answer only browsers, or known users
OPAQUE = (".jpg", ".jpeg")  # suffixes of a format without transparency
CONFIG_KEY = "styletools"  # of the PNG text that holds a picture's configuration
NOT_PICTURES = (  # what a file begins with that Pillow does not open, and what to do with it
    ((b"<!doctype html", b"<html"), "a web page", "open it in a browser and save the picture"),
    ((b"<svg", b"<?xml"), "a drawing (SVG or another XML file)", "export it as PNG"),
    ((b"%pdf",), "a PDF", "export the page or the picture as PNG"),
    ((b"version https://git-lfs",), "a Git LFS pointer", "run `git lfs pull`"),
    ((b"pk\3\4",), "an archive or an office file", "take the picture out of it"),
)
FTYP = {  # brands of files that phones and cameras write
    "a raw photograph": (b"crx ",),
    "a video": (b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"avc1", b"m4v "),
}
BY_EXTRA = {  # Pillow's name of a format that the extra `heic` reads
    "HEIF": ("HEIC, which iPhones write", HEIC_BRANDS),
    "AVIF": ("AVIF", (b"avif", b"avis")),
}

PICTURES = Path(__file__).resolve().parent.parent / "images"

Source = str | os.PathLike[str] | Image.Image | np.ndarray


def load_image(
    source: Source,
    max_size: int = 400,
    size: tuple[int, int] | None = None,
    transparency: bool = False,
) -> Tensor:
    """Read a picture as the networks expect it.

    Every kind becomes RGB: grey, palette, CMYK, transparent (onto white), animated (the first
    frame), deep grey (`styletools._rgb` has the rule); a camera's orientation mark and a colour
    profile are honoured.

    Args:
        source: a path, an http(s) URL, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4) of uint8, uint16, or floats in [0, 1].
        max_size: limit for the longest side in pixels. A smaller picture is not enlarged.
        size: (H, W) to resize to exactly, instead: a style to the content's `tensor.shape[-2:]`.
        transparency: whether to add how opaque the picture is, as a fourth channel.

    Returns:
        (1, 3, H, W) float32, normalised with ImageNet's mean and standard deviation. With
        `transparency` (1, 4, H, W): the fourth channel is 0 where the picture is clear and 1 where
        it is opaque.

    Raises:
        ImageError: missing, not a picture, truncated, too large, or too small for conv5_1.
    """
    with _opened(source) as (name, image):
        width, height = upright_size(image)
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
        tensor = to_tensor(to_rgb(image, (size[1], size[0])))
        if not transparency:
            return tensor
        alpha = np.array(to_alpha(image, (size[1], size[0])), dtype=np.float32) / 255
        return torch.cat([tensor, torch.from_numpy(alpha)[None, None]], 1)


def read_rgb(source: Source) -> Image.Image:
    """Read a picture in its own size, as 8-bit RGB, in every way that `load_image` does.

    Raises:
        ImageError: missing, not a picture, truncated, or too large.
    """
    with _opened(source) as (_, image):
        return to_rgb(image)


def to_tensor(image: Image.Image | np.ndarray) -> Tensor:
    """8-bit RGB, (H, W, 3) → (1, 3, H, W), normalised; `to_image` is the reverse."""
    rgb = torch.from_numpy(np.array(image, dtype=np.float32) / 255)  # (H, W, 3)
    return normalise(rgb.permute(2, 0, 1)[None]).contiguous()


def shrink(image: Tensor, times: int) -> Tensor:
    """(1, 3, H, W) → (1, 3, H // times, W // times), without aliasing."""
    return shrink_to(image, (image.shape[-2] // times, image.shape[-1] // times))


def shrink_to(image: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, 3, H, W) → (1, 3, *size), without aliasing."""
    return interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)


def enlarge(image: Tensor, like: Tensor) -> Tensor:
    """(1, 3, h, w) → (1, 3, H, W), the size of `like`."""
    return interpolate(image, like.shape[-2:], mode="bicubic", align_corners=False)


def normalise(rgb: Tensor) -> Tensor:
    """(…, 3, H, W) in [0, 1] → the same with ImageNet's mean 0 and standard deviation 1."""
    mean, std = _statistics(rgb)
    return (rgb - mean) / std


def denormalise(image: Tensor, clip: bool = True) -> Tensor:
    """The reverse of `normalise`, clipped to [0, 1] unless the values beyond are wanted."""
    mean, std = _statistics(image)
    rgb = image * std + mean
    return rgb.clamp(0, 1) if clip else rgb


def to_image(tensor: Tensor) -> Image.Image:
    """(1, 3, H, W) or (3, H, W), normalised → PIL image; values out of range are clipped.

    A fourth channel, of `load_image`'s `transparency`, makes it RGBA.
    """
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
        kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ImageError(
            f"A picture's tensor holds floats, normalised, as load_image gives them; this is {kind}"
            ". Image.fromarray makes a picture of pixels."
        )
    if tensor.dim() == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.dim() != 3 or tensor.shape[0] not in (3, 4):
        raise ImageError(f"A picture's tensor is (1, 3, H, W); this one is {tuple(tensor.shape)}.")
    if not torch.isfinite(tensor).all():
        raise ImageError("The tensor holds NaN or infinity, so it is no picture.")
    tensor = tensor.detach().float().cpu()
    values = torch.cat([denormalise(tensor[:3]), tensor[3:].clamp(0, 1)])
    return Image.fromarray((values * 255).round().byte().permute(1, 2, 0).numpy())


def save_image(
    image: Tensor | Image.Image, path: str | Path, config: Mapping[str, Any] | None = None
) -> None:
    """Write a picture atomically; a PNG carries `config` as text.

    Raises:
        ImageError: the suffix of `path` names no picture format, or one without transparency for a
            picture that has it.
    """
    path = Path(path)
    if path.suffix.lower() not in Image.registered_extensions():
        raise ImageError(
            f"{path}: no picture format has the suffix {path.suffix!r}; use .png.", "not-written"
        )
    options: dict[str, Any] = {"quality": 95} if path.suffix.lower() in OPAQUE else {}
    if config is not None and path.suffix.lower() == ".png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt(CONFIG_KEY, json.dumps(config, ensure_ascii=False))
    picture = image if isinstance(image, Image.Image) else to_image(image)
    if picture.mode == "RGBA" and path.suffix.lower() in OPAQUE:
        raise ImageError(f"{path}: JPEG keeps no transparency; use .png.", "not-written")
    with atomic_path(path) as temporary:
        picture.save(temporary, **options)


def read_config(path: str | Path) -> dict[str, Any]:
    """The configuration that `save_image` put into a PNG.

    Raises:
        ImageError: not a picture, or it carries none.
    """
    with _opened(path) as (_, image):
        image.load()  # text may stand behind the pixels
        told = image.info.get(CONFIG_KEY)
    try:
        return json.loads(told or "")
    except (TypeError, ValueError):
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


@contextmanager
def _opened(source: Source) -> Iterator[tuple[str, Image.Image]]:
    """Yield the name to use in errors, and the picture, not loaded yet; say what is wrong."""
    if isinstance(source, (Image.Image, np.ndarray)):
        name = "The array" if isinstance(source, np.ndarray) else "The PIL image"
        with _reading(name):
            image = _from_array(source) if isinstance(source, np.ndarray) else source
            _check_pixels(name, image)
            image.load()  # not at a smaller size: the image is not ours
            yield name, image
        return
    if not isinstance(source, (str, os.PathLike)):
        raise ImageError(f"A {type(source).__name__} is no picture; give a path, URL or array.")
    name = os.fspath(source)
    with _file(name) as file, _reading(name, file), open_picture(file) as image:
        _check_pixels(name, image)
        yield name, image


def _file(name: str) -> BinaryIO:
    """A path's file, or what a web address sends."""
    if is_address(name):
        return io.BytesIO(_download(name))
    path = user_path(name)
    try:
        if path.is_file():
            return open(path, "rb")
    except PermissionError:
        raise ImageError(
            f"{name} may not be read; check the file's permissions.", "not-readable"
        ) from None
    except OSError as error:
        raise ImageError(
            f"{name} cannot be read ({error.strerror}); try a copy of it.", "not-readable"
        ) from None
    if path.exists():
        raise ImageError(f"{name} is not a file; give the path of a picture.", "folder")
    raise ImageError(
        f"{name} does not exist (looked in {Path.cwd()}); check the path.", "missing-file"
    )


@contextmanager
def _reading(name: str, file: BinaryIO | None = None) -> Iterator[None]:
    """Say what is wrong with a picture whose file Pillow does not read."""
    try:
        yield
    except ImageError:
        raise
    except LevelsError as error:
        raise ImageError(f"{name} {error}") from None
    except UnidentifiedImageError:
        code = "url" if is_address(name) else "not-a-picture"
        raise ImageError(f"{name} is {_what_it_is(file)}.", code) from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(name) from None
    except MemoryError:
        raise ImageError(
            f"{name} does not fit into memory; make it smaller.", "too-large"
        ) from None
    except Exception as error:  # whatever a broken file makes Pillow raise
        for program in ("Ghostscript", "loader", "decoder", "encoder"):
            if program in str(error) and "decoder error" not in str(error):
                raise ImageError(
                    f"{name} needs another program to be read ({error}); save it as PNG or JPEG."
                ) from None
        raise ImageError(
            f"{name} is damaged or cut off ({error}); get the file again.", "damaged"
        ) from None


def _what_it_is(file: BinaryIO | None) -> str:
    """What to say of a file that is not a picture: its kind, and the remedy."""
    if file is None:
        return "no picture; give a path, URL or array"
    file.seek(0)
    head = file.read(1000)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginnings, kind, remedy in NOT_PICTURES:
        if text.startswith(beginnings):
            return f"{kind}, not a picture; {remedy}"
    brand = head[8:12].lower() if head[4:8] == b"ftyp" else b""
    for plugin, (kind, brands) in BY_EXTRA.items():
        if brand in brands and plugin in Image.OPEN:
            return f"{kind}, but damaged or cut off; get the file again"
        if brand in brands:
            return f"{kind}; run `pip install -e '.[heic]'` to read it, or save it as PNG or JPEG"
    for kind, brands in FTYP.items():
        if brand in brands:
            return f"{kind}, which Pillow does not read; save it as PNG or JPEG"
    if not head:
        return "not a picture: the file is empty; get it again"
    return "not a picture that Pillow can read; save it as PNG or JPEG"


def _check_pixels(name: str, image: Image.Image) -> None:
    if image.width * image.height > _MAX_PIXELS:
        raise _too_many_pixels(name)


def _too_many_pixels(name: str) -> ImageError:
    return ImageError(
        f"{name} has more than {_MAX_PIXELS // 1_000_000} million pixels; make it smaller.",
        "too-large",
    )


def _download(url: str) -> bytes:
    """The body of an answer; never more than `MAX_DOWNLOAD` bytes are held."""
    import requests

    from styletools import __version__

    # Picture hosts refuse what does not say who it is.
    headers = {"User-Agent": f"styletools/{__version__} (course kit for neural style transfer)"}
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as answer:
            if answer.status_code in _REFUSED:
                raise ImageError(
                    f"{url}: the host refuses programs ({answer.status_code} {answer.reason}); "
                    "open the address in a browser, save the picture, and give its path.",
                    "url",
                )
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
        array = to_levels(array, white_of(int(array.min()), int(array.max()), whole=True))
    elif array.dtype.kind == "f":
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise ImageError("A float array must hold values in [0, 1]; divide by 255 first.")
        array = (array * 255).round().astype(np.uint8)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype != np.uint8:
        raise ImageError(f"An array of {array.dtype} is no picture; give uint8 or floats in 0–1.")
    return Image.fromarray(np.ascontiguousarray(array))
