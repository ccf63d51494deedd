"""Choosing a picture: by its thumbnail, by an upload, or by a path."""

import hashlib
import io
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import traitlets
from anywidget import AnyWidget
from PIL import Image, ImageOps

from styletools._files import atomic_path, is_address, source_stem, user_path
from styletools._rgb import open_picture, to_rgb, upright_size
from styletools.config import LARGEST_SIZE
from styletools.errors import ConfigError, ImageError, StyletoolsError
from styletools.images import MAX_DOWNLOAD, load_image, to_image

STATIC = Path(__file__).parent / "static"
UPLOADS = ".uploads"  # in a run store; hidden, so that it is not taken for a run
THUMBNAIL = 96  # pixels


class PictureKeeper(AnyWidget):
    """Keeps pictures that the browser sends.

    Attributes:
        message: what was wrong with the last one.

    Args:
        folder: where they are kept.
        values: of traits.
    """

    message = traitlets.Unicode().tag(sync=True)

    def __init__(self, folder: Path, **values: Any) -> None:
        super().__init__(**values)
        self.folder = folder

    def _try(self, act: Callable[[], None]) -> bool:
        self.message = ""
        try:
            act()
        except StyletoolsError as error:
            self.message = str(error)
        except OSError as error:
            self.message = f"{error.filename or self.folder}: {error.strerror}"
        return not self.message


class PictureChooser(PictureKeeper):
    """Thumbnails to choose from; a button, a drop and a path add to them.

    Attributes:
        value: path of the picture that is chosen.
        pictures: what there is to choose: path, name, thumbnail, size.

    Args:
        label: heading.
        hint: what the choice does to the result.
        pictures: {name: path}.
        folder: keeps uploads, and holds earlier ones.

    Raises:
        ConfigError: there is no picture to choose.
    """

    _esm = STATIC / "pictures.js"
    label = traitlets.Unicode().tag(sync=True)
    help = traitlets.Unicode().tag(sync=True)
    value = traitlets.Unicode().tag(sync=True)
    pictures: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(self, label: str, hint: str, pictures: Mapping[str, Path], folder: Path) -> None:
        super().__init__(folder, label=label, help=hint)
        self._parts: dict[str, bytearray] = {}
        earlier = sorted(folder.glob("*")) if folder.is_dir() else []
        kept = {path.name: path for path in earlier if not path.name.startswith(".")}
        entries = [_entry(path, name) for name, path in (dict(pictures) | kept).items()]
        if not entries:
            raise ConfigError(f"There is no picture to choose for the {label.lower()}; give some.")
        self.pictures = entries
        self.value = entries[0]["key"]
        self.on_msg(self._on_message)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture that is chosen; (0, 0) if it cannot be read."""
        return next((p["size"] for p in self.pictures if p["key"] == self.value), (0, 0))

    def choose(self, source: str) -> bool:
        """Choose a picture by its path or web address; what is wrong with it goes to `message`."""
        return self._try(lambda: self._choose(source))

    def upload(self, name: str, data: bytes) -> bool:
        """Keep a picture's file under a name made of its content, and choose it."""
        return self._try(lambda: self._show(keep_picture(self.folder, name, data)))

    def _choose(self, source: str) -> None:
        source = source.strip().strip("\"'")
        known = [p["key"] for p in self.pictures if source in (p["key"], p["name"])]
        if known:
            self.value = known[0]
        elif is_address(source):
            buffer = io.BytesIO()
            to_image(load_image(source, LARGEST_SIZE)).save(buffer, "PNG")
            name = source_stem(source)
            self._show(keep_picture(self.folder, f"{name}.png", buffer.getvalue()))
        else:
            path = Path(os.path.abspath(user_path(source)))
            load_image(path)
            self._show(path)

    def _show(self, path: Path) -> None:
        """Add to the thumbnails, unless it is there, and choose."""
        key = str(path)
        if key not in [picture["key"] for picture in self.pictures]:
            self.pictures = [*self.pictures, _entry(path, path.name)]
        self.value = key

    def _on_message(self, _: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        """What the browser sends: a path, or the next part of a file."""
        if content.get("kind") == "path":
            self.choose(content["path"])
        elif content.get("kind") == "part":
            self._take_part(content, buffers)

    def _take_part(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """A file comes in parts, since a server may close a connection at 10 MB a message."""
        data = self._parts.setdefault(content["upload"], bytearray())
        room = MAX_DOWNLOAD + 1 - len(data)  # what is too large is told at its end, and not held
        data += b"".join(bytes(part) for part in buffers)[:room]
        if content["last"]:
            self.upload(content["name"], bytes(self._parts.pop(content["upload"])))
            self.send({"kind": "uploaded"})  # also where nothing changed: it was there before


def keep_picture(folder: Path, name: str, data: bytes) -> Path:
    """Write a picture's file as it is; the same content is kept once.

    Args:
        folder: made where it is missing.
        name: the file's name; only its letters are trusted.
        data: the file's content.

    Returns:
        Path of the file: folder/name-digits.suffix.

    Raises:
        ImageError: too large, or not a picture.
    """
    if len(data) > MAX_DOWNLOAD:
        limit = MAX_DOWNLOAD // 1_000_000
        raise ImageError(f"{name} is larger than {limit} MB; upload a smaller copy.")
    plain = Path(re.sub(r"[^\w.-]+", "_", Path(name).name).strip("._-") or "picture.png")
    digits = hashlib.sha256(data).hexdigest()[:12]
    path = folder.absolute() / f"{plain.stem[:40]}-{digits}{plain.suffix[:8]}"
    if path.exists():
        return path
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
        try:
            load_image(temporary)
        except ImageError as error:
            raise ImageError(str(error).replace(str(temporary), name)) from None
    return path


def thumbnail(path: Path, width: int = THUMBNAIL, height: int = THUMBNAIL) -> bytes:
    """A small JPEG of a picture, cropped to its middle; grey where it cannot be read."""
    return _look(path, width, height)[0]


def jpeg(image: Image.Image, quality: int = 88) -> bytes:
    """An image as a JPEG file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _entry(path: Path, name: str) -> dict[str, Any]:
    thumb, size = _look(path, THUMBNAIL, THUMBNAIL)
    return {
        "key": str(path),
        "name": re.sub(r"-[0-9a-f]{12}(?=\.|$)", "", name).replace("_", " "),
        "thumb": thumb,
        "size": size,
    }


def _look(path: Path, width: int, height: int) -> tuple[bytes, tuple[int, int]]:
    """A picture's thumbnail, and its own width and height; grey and (0, 0) where it is broken."""
    try:
        with open(path, "rb") as file, open_picture(file) as image:
            size = upright_size(image)
            image.draft(None, (2 * width, 2 * height))  # a photograph need not be read whole
            scale = min(1.0, max(width / size[0], height / size[1]))
            small = to_rgb(image, (round(size[0] * scale) or 1, round(size[1] * scale) or 1))
        return jpeg(ImageOps.fit(small, (width, height)), 82), size
    except Exception:  # whatever a broken file makes Pillow raise
        return jpeg(Image.new("RGB", (width, height), "#999999")), (0, 0)
