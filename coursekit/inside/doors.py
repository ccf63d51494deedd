"""Doors to what costs much, each of which opens onto a miniature: VGG19, pictures, web, devices.

`open_doors` opens all of them, for the single exercise; the lessons need a few. Behind every usual
way to VGG19 stand its 37 modules with random weights, of few channels or of VGG19's own; any
picture that is opened or downloaded is a tiny one, unless it lies there; whatever is enlarged stays
tiny; a GPU is the CPU. What is random comes from the seed, so that who has it can make the same net
and pictures.
"""

import builtins
import contextlib
import functools
import importlib
import io
import os
import random
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

FEW = (6, 8, 10, 12, 12)
VGG19 = (64, 128, 256, 512, 512)
_BLOCKS = (2, 2, 4, 4, 4)  # convolutions; each has its ReLU, and a pooling ends a block
SIDES = (37, 50)  # of a picture: shorter than `LIMIT`, and enough for all poolings
LIMIT = 50  # pixels that a picture is enlarged to at most
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jfif", ".heic"}
_WEIGHTS = {".pth", ".pt", ".bin", ".pkl", ".tar"}
LONGEST_NAP = 0.01  # seconds

OPENED: list[str] = []
"""Pictures that were opened by their names, in order."""

NETS: list[nn.Sequential] = []
"""Those that went through a door, in order; their modules know their place, `vgg_index`."""


class ReLU(nn.ReLU):
    """As torch's; in place, its result is a copy, so that a tensor tells which module it is of."""

    def forward(self, x: Tensor) -> Tensor:
        """The input is overwritten, as with torch's, if it works in place."""
        return torch.relu_(x).clone() if self.inplace else torch.relu(x)


class VGG(nn.Module):
    """As torchvision's, with a small end."""

    def __init__(self, features: nn.Sequential) -> None:
        super().__init__()
        channels = next(m for m in reversed(features) if isinstance(m, nn.Conv2d)).out_channels
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Sequential(nn.Linear(channels, 10))

    def forward(self, x: Tensor) -> Tensor:
        """Ten numbers for each picture."""
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def features(channels: Sequence[int] = FEW, seed: int = 0, inplace: bool = True) -> nn.Sequential:
    """VGG19's 37 modules with weights from a seed; features keep their strength from end to end.

    Args:
        channels: of each block.
        seed: of the weights.
        inplace: whether the ReLUs work in place, as torchvision's do.
    """
    generator = torch.Generator().manual_seed(seed % (1 << 62))
    modules: list[nn.Module] = []
    taken = 3
    for given, count in zip(channels, _BLOCKS, strict=True):
        for _ in range(count):
            convolution = nn.Conv2d(taken, given, 3, padding=1)
            bias: Any = convolution.bias
            with torch.no_grad():
                convolution.weight.normal_(0, (2 / (9 * taken)) ** 0.5, generator=generator)
                bias.uniform_(-0.1, 0.2, generator=generator)
            modules += [convolution, ReLU(inplace)]
            taken = given
        modules.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*modules)


def network(channels: Sequence[int] = FEW, seed: int = 0) -> VGG:
    """What `torchvision.models.vgg19` gives here."""
    net = VGG(features(channels, seed)).eval()
    for index, module in enumerate(net.features):
        module.vgg_index = index  # type: ignore[assignment]
    NETS.append(net.features)
    return net


def picture(name: str, seed: int = 0) -> Any:
    """A small picture (PIL) for a name: soft patches of colours, with some grain."""
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng([seed % (1 << 62), *name.encode()[-200:]])
    height, width = draw.permutation(SIDES)
    coarse = Image.fromarray(draw.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    grain = draw.normal(0, 20, soft.shape)
    return Image.fromarray((soft + grain).clip(0, 255).astype(np.uint8))


def picture_bytes(name: str, seed: int = 0) -> bytes:
    """That picture as a PNG file."""
    file = io.BytesIO()
    picture(name, seed).save(file, "PNG")
    return file.getvalue()


class Everything:
    """Takes every call, has every attribute, and does nothing."""

    def __call__(self, *arguments: Any, **named: Any) -> "Everything":
        """Nothing."""
        return self

    def __getattr__(self, name: str) -> "Everything":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> "Everything":
        return self

    def __iter__(self) -> Any:
        return iter(())

    def __enter__(self) -> "Everything":
        return self

    def __exit__(self, *_: object) -> None:
        return None


def open_doors(channels: Sequence[int] = FEW, seed: int = 0) -> None:
    """Put a miniature behind every door of this process; there is no way back.

    Args:
        channels: of the net's blocks: `FEW` or `VGG19`.
        seed: of the net and of the pictures.
    """
    EveryDeviceCpu().__enter__()
    plain_machine()
    make = functools.partial(network, tuple(channels), seed)
    _open_models(make)
    open_files(seed)
    open_web(seed)
    _stay_small()
    for name in ("drive", "files", "output", "patches", "auth", "userdata"):
        _add_module(f"google.colab.{name}")
    sys.modules["google.colab.files"].upload = lambda *_, **__: {  # type: ignore[attr-defined]
        name: picture_bytes(name, seed) for name in ("content.jpg", "style.jpg")
    }
    import time

    time.sleep = functools.partial(_nap, time.sleep)


class EveryDeviceCpu(TorchFunctionMode):
    """Every device that a student names is the CPU."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func` with other devices."""
        if func in (Tensor.cuda, Tensor.cpu):
            return args[0]
        if any(map(_elsewhere, args)):
            args = tuple("cpu" if _elsewhere(value) else value for value in args)
        if kwargs and any(map(_elsewhere, kwargs.values())):
            kwargs = {key: "cpu" if _elsewhere(x) else x for key, x in kwargs.items()}
        return func(*args, **(kwargs or {}))


def plain_machine() -> None:
    """Calls that only a GPU or a C++ compiler answers change nothing."""
    whole: Any = torch
    whole.compile = lambda model=None, **_: (lambda one: one) if model is None else model
    whole.cuda.synchronize = whole.mps.synchronize = lambda *_, **__: None
    whole.set_default_device = lambda *_: None


def _elsewhere(value: Any) -> bool:
    kind = str(value) if isinstance(value, (str, torch.device)) else ""
    return kind.partition(":")[0] in ("cuda", "mps", "xla", "xpu")


def _open_models(make: Callable[[], VGG]) -> None:
    def vgg19(*arguments: Any, **named: Any) -> VGG:
        return make()

    def load(file: Any, *arguments: Any, **named: Any) -> Any:
        return make().state_dict() if _is_missing(file, _WEIGHTS) else real_load(file, **named)

    whole: Any = torch
    real_load = whole.load
    whole.load = load
    whole.hub.load = vgg19
    whole.hub.load_state_dict_from_url = lambda *_, **__: make().state_dict()
    whole.hub.download_url_to_file = lambda *_, **__: None

    def change(models: Any) -> None:
        models.vgg19 = models.vgg.vgg19 = models.vgg19_bn = models.vgg.vgg19_bn = vgg19
        real_model = models.get_model
        models.get_model = lambda name, **named: (
            make() if str(name).lower().startswith("vgg19") else real_model(name, **named)
        )

    if "torchvision.models" in sys.modules:
        change(sys.modules["torchvision.models"])
    else:  # it takes a second to import, and not everybody needs it
        sys.meta_path.insert(0, Changed("torchvision.models", change))


class Changed(MetaPathFinder):
    """Finds a module as usual, and changes it as soon as it is imported."""

    def __init__(self, name: str, change: Callable[[Any], None]) -> None:
        self.name, self.change = name, change

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Of that module alone."""
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            run, change = spec.loader.exec_module, self.change

            def exec_module(module: Any) -> None:
                run(module)
                change(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def open_files(seed: int = 0) -> None:
    """A picture that is not there can be opened; a file can be written wherever it should lie."""
    real_open, real_exists, real_isfile = builtins.open, os.path.exists, os.path.isfile

    def open_any(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if "r" in mode and "b" in mode and str(file).lower().endswith((*PICTURES,)):
            OPENED.append(str(file))
            if not _is_missing(file, PICTURES):
                return real_open(file, mode, *arguments, **named)
            return io.BytesIO(picture_bytes(_named(file), seed))
        if isinstance(file, (str, os.PathLike)) and set(mode) & {"w", "x", "a"}:
            file = _place(file)
        return real_open(file, mode, *arguments, **named)

    builtins.open = open_any
    os.path.exists = lambda path: real_exists(path) or _is_missing(path, PICTURES)
    os.path.isfile = lambda path: real_isfile(path) or _is_missing(path, PICTURES)


def _is_missing(file: Any, suffixes: set[str]) -> bool:
    """Whether it is the name of such a file, and the file is not there."""
    if not isinstance(file, (str, os.PathLike)):
        return False
    path = Path(os.fspath(file))
    try:
        return path.suffix.lower() in suffixes and not path.is_file()
    except (OSError, ValueError):
        return False


def _place(file: str | os.PathLike[Any]) -> Any:
    """Where a file is written: where it should lie, here under its name, or nowhere."""
    parent = os.path.dirname(os.fspath(file))
    with contextlib.suppress(OSError):
        os.makedirs(parent or ".", exist_ok=True)
    if not os.access(parent or ".", os.W_OK):
        file = _named(file)
    return file if os.access(file, os.W_OK) or not os.access(file, os.F_OK) else os.devnull


def _named(file: Any) -> str:
    return os.fspath(file).replace("\\", "/").rpartition("/")[2]


def open_web(seed: int = 0) -> None:
    """Whatever is downloaded is a picture."""
    web: Any = importlib.import_module("urllib.request")

    class Reply(io.BytesIO):
        """What `urlopen` and `requests.get` give."""

        status = code = status_code = 200
        ok, encoding = True, "utf-8"
        headers: Mapping[str, str] = types.MappingProxyType({})

        @property
        def content(self) -> bytes:
            return self.getvalue()

        @property
        def raw(self) -> "Reply":
            return self

        def iter_content(self, *_: Any, **__: Any) -> Iterable[bytes]:
            return iter([self.getvalue()])

        def raise_for_status(self) -> None:
            return None

    def get(address: Any, *arguments: Any, **named: Any) -> Reply:
        return Reply(picture_bytes(str(getattr(address, "full_url", address)), seed))

    def retrieve(address: Any, filename: Any = None, *arguments: Any, **named: Any) -> Any:
        name = filename or f"/tmp/{random.randrange(1 << 40):x}.png"
        if not Path(name).is_file():  # what was handed in is what was downloaded
            with open(name, "wb") as file:
                file.write(picture_bytes(str(address), seed))
        return name, {}

    web.urlopen, web.urlretrieve = get, retrieve
    for name in ("requests", "requests.sessions"):
        if name in sys.modules:
            sys.modules[name].get = get  # type: ignore[attr-defined]
    _add_module("requests", get=get, Session=Everything)
    _add_module("wget", download=lambda url, out=None, **_: retrieve(url, out or "wget.png")[0])
    _add_module("gdown", download=lambda url, output=None, **_: retrieve(url, output)[0])


def _stay_small() -> None:
    """Pictures are enlarged no further than `LIMIT`."""
    from PIL import Image

    real_resize, real_interpolate = Image.Image.resize, nn.functional.interpolate

    def resize(self: Any, size: Any, *arguments: Any, **named: Any) -> Any:
        small: Any = _limited(tuple(size))
        return real_resize(self, small, *arguments, **named)

    def interpolate(input: Tensor, size: Any = None, *arguments: Any, **named: Any) -> Tensor:  # noqa: A002
        if isinstance(size, int):
            size = (size,) * (input.dim() - 2)
        size = _limited(tuple(size)) if size is not None else None
        return real_interpolate(input, size, *arguments, **named)

    Image.Image.resize = resize  # type: ignore[method-assign]
    nn.functional.interpolate = interpolate


def _limited(size: tuple[int, ...]) -> tuple[int, ...]:
    longest = max(size)
    return size if longest <= LIMIT else tuple(max(1, round(x * LIMIT / longest)) for x in size)


def _add_module(name: str, **content: Any) -> None:
    """A module that has any name in it, with all packages above it."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        whole = ".".join(parts[:end])
        if whole not in sys.modules or end == len(parts):
            module = types.ModuleType(whole)
            module.__path__ = []
            module.__getattr__ = _nothing  # type: ignore[method-assign]
            sys.modules[whole] = module
            if end > 1:
                setattr(sys.modules[".".join(parts[: end - 1])], parts[end - 1], module)
    for key, value in content.items():
        setattr(sys.modules[name], key, value)


def _nothing(name: str) -> Everything:
    if name.startswith("__"):
        raise AttributeError(name)
    return Everything()


def _nap(sleep: Callable[[float], None], seconds: float) -> None:
    sleep(min(float(seconds), LONGEST_NAP))
