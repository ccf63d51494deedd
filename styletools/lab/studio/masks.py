"""Painting a mask over a picture, in the browser, or taking one from a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import traitlets

from styletools.images import load_image, to_image
from styletools.lab.studio.chooser import (
    STATIC,
    PictureChooser,
    PictureKeeper,
    jpeg,
    keep_picture,
)

PAINTED = 1024  # pixels: longest side of a mask that is painted


class MaskPainter(PictureKeeper):
    """A brush over a chosen picture; what is painted becomes a file, white on black.

    Attributes:
        opened: whether the picture and the brush are shown.
        places: what the mask may be for, by name; a choice is shown where there are several.

    Args:
        label: heading.
        chooser: of the picture; the masks are kept beside its uploads.
        take: called with the index of one of the places, and with the mask's path.
    """

    _esm = STATIC / "mask.js"
    label = traitlets.Unicode().tag(sync=True)
    opened = traitlets.Bool(False).tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)
    places: traitlets.List[Any] = traitlets.List(["the style"]).tag(sync=True)

    def __init__(
        self, label: str, chooser: PictureChooser, take: Callable[[int, Path], object]
    ) -> None:
        super().__init__(chooser.folder.with_name("masks"), label=label)
        self.chooser, self.take = chooser, take
        chooser.observe(self._show, "value")
        self.observe(self._show, "opened")
        self.on_msg(self._on_message)

    def _show(self, _: Any) -> None:
        if self.opened:
            self._try(self._load)

    def _load(self) -> None:
        self.picture = jpeg(to_image(load_image(self.chooser.value, PAINTED)))

    def _on_message(self, _: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        """What the browser sends: a mask as a PNG file."""
        self._try(lambda: self._keep(content["place"], bytes(buffers[0])))
        self.send({"kind": "kept"})

    def _keep(self, place: int, data: bytes) -> None:
        self.take(place, keep_picture(self.folder, "mask.png", data))
