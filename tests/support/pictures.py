"""PNG files with more in them than Pillow takes by itself."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


LONG_TEXT = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"long words " * 200_000))


def with_chunks(path: Path, image: Image.Image, *chunks: bytes, last: bool = False) -> Path:
    """Save a PNG with more chunks, before its pixels or after them."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    data = buffer.getvalue()
    cut = data.index(b"IEND" if last else b"IDAT") - 4
    path.write_bytes(data[:cut] + b"".join(chunks) + data[cut:])
    return path
