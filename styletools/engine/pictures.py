"""The pictures of a run: content, styles with their shares and masks, and the start."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from styletools.config import LARGEST_SIZE, STARTS, TransferConfig
from styletools.engine.checkpoint import picture_sha256
from styletools.errors import ImageError
from styletools.images import Source, denormalise, load_image, shrink_to


class GuidedStyle(NamedTuple):
    """A style picture, how much it counts, and where.

    Attributes:
        picture: (1, 3, H, W), normalised.
        share: of all styles' shares, which are divided by their sum.
        taken: (1, 1, H, W) from 0 to 1, the part of `picture` that is taken; None: all of it.
        painted: (1, 1, h, w) of the content's size, where the style is painted; None: everywhere.
        rescaled: bring its statistics to the target's number of positions, as a mask always does.
    """

    picture: Tensor
    share: float = 1.0
    taken: Tensor | None = None
    painted: Tensor | None = None
    rescaled: bool = False

    def map(self, change: Any) -> Self:
        """The same with each picture and mask changed by a function."""
        taken, painted = (
            mask if mask is None else change(mask) for mask in (self.taken, self.painted)
        )
        return self._replace(picture=change(self.picture), taken=taken, painted=painted)


class RunPictures(NamedTuple):
    """What a run looks at: content and start (1, 3, H, W), and the styles, the run's own first.

    As it is read, the content has a fourth channel where `transparency` keeps it.
    """

    content: Tensor
    styles: list[GuidedStyle]
    start: Tensor

    def map(self, change: Any) -> Self:
        """The same with each picture changed by a function."""
        styles = [style.map(change) for style in self.styles]
        return self._replace(content=change(self.content), styles=styles, start=change(self.start))

    def hashes(self) -> dict[str, Any]:
        """What `identity_of` takes: the SHA-256 of each picture and mask."""
        first, *others = self.styles
        found: dict[str, Any] = {
            "content": picture_sha256(self.content),
            "style": picture_sha256(first.picture),
            "start": picture_sha256(self.start),
        }
        if others:
            found["more_styles"] = [[picture_sha256(s.picture), s.share] for s in others]
        for name, masks in (
            ("content_masks", [style.painted for style in self.styles]),
            ("style_masks", [style.taken for style in self.styles]),
        ):
            if any(mask is not None for mask in masks):
                found[name] = [mask if mask is None else picture_sha256(mask) for mask in masks]
        return found


def load_pictures(
    content: Source | Tensor, style: Source | Tensor, config: TransferConfig
) -> RunPictures:
    """Read all pictures of a run at their sizes.

    Args:
        content: a picture as in `load_image`, or its tensor (1, 3, H, W), normalised.
        style: likewise; a tensor is taken at its own size.
        config: its `max_size`, `start` and controls.

    Raises:
        ImageError: one is missing, broken, too small, or of another shape than its mask.
    """
    if isinstance(content, Tensor):
        content = _as_float32("content", content, 4 if config.transparency else 3)
    else:
        content = load_image(content, config.max_size, transparency=config.transparency)
    sources = [style, *config.more_styles]
    shares = [config.style_share, *config.more_styles.values()]
    pictures = [_style(source, content, config) for source in sources]
    for name, picture in (("content", content), *(("style", picture) for picture in pictures)):
        if not torch.isfinite(picture).all():
            raise ImageError(f"The {name} holds NaN or infinity, so it is no picture.")
    content, pictures = content.detach(), [picture.detach() for picture in pictures]
    start = _start(content[:, :3], pictures[0], config)
    nowhere: list[Tensor | None] = [None] * len(pictures)
    taken = [
        _mask(f"style_masks[{place}]", mask, picture, "style", _shape(source, picture, config))
        for place, (mask, picture, source) in enumerate(
            zip(config.style_masks, pictures, sources, strict=False)
        )
    ] or nowhere
    painted = [
        _mask(f"content_masks[{place}]", mask, content, "content", content.shape[-2:])
        for place, mask in enumerate(config.content_masks)
    ] or nowhere
    rescaled = config.style_scale is not None
    styles = [
        GuidedStyle(*parts, rescaled)
        for parts in zip(pictures, shares, taken, painted, strict=True)
    ]
    return RunPictures(content, styles, start)


def _style(source: Source | Tensor, content: Tensor, config: TransferConfig) -> Tensor:
    """A style at its size: the content's, or its own shape at a multiple of the content's side."""
    size = (content.shape[-2], content.shape[-1])
    if isinstance(source, Tensor):
        return _as_float32("style", source)
    if config.style_scale is None:
        return load_image(source, size=size)
    try:
        return load_image(source, max_size=round(config.style_scale * max(size)))
    except ImageError as error:
        if error.code != "too-small":
            raise
        raise ImageError(
            f"{error} It is the style: style_scale is {config.style_scale:g}, of the content's "
            f"{max(size)} pixels; give more.",
            error.code,
        ) from None


def _start(content: Tensor, style: Tensor, config: TransferConfig) -> Tensor:
    """The picture to start from, of the content's size."""
    size = (content.shape[-2], content.shape[-1])
    if config.start == "noise":
        return torch.randn(content.shape, generator=torch.Generator().manual_seed(config.seed))
    if config.start in STARTS:
        start = content if config.start == "content" else style
        if config.start == "style" and config.style_scale is not None:
            start = shrink_to(start, size)
    else:
        start = load_image(config.start, size=size)
    if start.shape != content.shape:
        raise ImageError(
            f"The run starts from {config.start}, {tuple(start.shape)}, but the content is "
            f"{tuple(content.shape)}; load it with size={size}."
        )
    return start


def _shape(source: Source | Tensor, picture: Tensor, config: TransferConfig) -> Sequence[int]:
    """(H, W) that a style's mask should be in proportion to; () where nobody knows any more."""
    if config.style_scale is not None:
        return picture.shape[-2:]
    if isinstance(source, Tensor):  # it may have been stretched
        return ()
    return load_image(source, LARGEST_SIZE).shape[-2:]  # its own


def _mask(name: str, path: str, picture: Tensor, of: str, shape: Sequence[int]) -> Tensor:
    """(1, 1, H, W) from 0 to 1: a mask, read at its own size, brought to the size of a picture."""
    mask = denormalise(load_image(path, LARGEST_SIZE)).mean(dim=1, keepdim=True)
    mask = (mask * 255).round() / 255  # black is 0
    height, width = mask.shape[-2:]
    if shape:
        across, down = shape[1] / width, shape[0] / height
        if abs(shape[0] - height * across) > 1 + across and abs(shape[1] - width * down) > 1 + down:
            raise ImageError(
                f"{name}, {path}, is {width}×{height} pixels, but the {of} is "
                f"{shape[1]}×{shape[0]}; give a mask of the {of}'s size or proportions."
            )
    mask = shrink_to(mask, (picture.shape[-2], picture.shape[-1])).clamp(0, 1)
    if float(mask.max()) < 0.5:
        raise ImageError(
            f"{name}, {path}, is black everywhere; paint white where the style should "
            f"{'go' if of == 'content' else 'be taken from'}."
        )
    return mask


def _as_float32(name: str, picture: Tensor, channels: int = 3) -> Tensor:
    """The picture of a caller, whose floats may be of another precision."""
    known = picture.dim() == 4 and picture.shape[:2] in ((1, 3), (1, channels))
    if not known or not picture.is_floating_point():
        raise ImageError(
            f"The {name} is a tensor {tuple(picture.shape)} of {picture.dtype}; give floats "
            "(1, 3, H, W), normalised, as load_image makes them."
        )
    return picture.float()
