"""What the kit needs of a machine, checked one by one."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

MIN_PYTHON = (3, 11)
MIN_TORCH_ON_MPS = (2, 7)  # before it some results were wrong: pytorch/pytorch#145526
MIN_DISK = 1_000_000_000  # bytes
PACKAGES = (
    "torch", "torchvision", "numpy", "PIL", "safetensors", "matplotlib", "ipywidgets", "anywidget",
)  # fmt: skip
_TOOLS = ("jupyterlab", "nbval")  # looked for, not imported: that takes seconds

Result = tuple[bool, str]


def run_checks() -> Iterator[Result]:
    """Yield (ok, text) for each requirement; a check that raises has failed."""
    checks: list[Callable[[], Result]] = [_python]
    checks += [partial(_imports, name) for name in PACKAGES]
    checks += [partial(_installed, name) for name in _TOOLS]
    checks += [_device, _pictures, _cache, _disk, _backbone]
    for check in checks:
        try:
            yield check()
        except Exception as error:  # the doctor reports, whatever is broken
            yield False, f"{getattr(check, '__name__', 'check').strip('_')}: {error}"


def _python() -> Result:
    needed = ".".join(map(str, MIN_PYTHON))
    found = platform.python_version()
    if sys.version_info < MIN_PYTHON:
        return False, f"Python {found}: the kit needs {needed} or later; install a newer Python"
    return True, f"Python {found} (needs {needed})"


def _imports(name: str) -> Result:
    try:
        module = import_module(name)
    except Exception as error:  # a broken binary raises more than ImportError
        return False, f"{name} does not import ({error}); run `pip install -e .` again"
    return True, f"{name} {getattr(module, '__version__', '')}".strip()


def _installed(name: str) -> Result:
    try:
        return True, f"{name} {version(name)}"
    except PackageNotFoundError:
        return False, f"{name} is not installed; run `pip install -e .`"


def _device() -> Result:
    import torch

    from styletools.transfer import resolve_device

    device = resolve_device("auto")
    found = tuple(map(int, torch.__version__.split(".")[:2]))
    if device.type == "mps" and found < MIN_TORCH_ON_MPS:
        needed = ".".join(map(str, MIN_TORCH_ON_MPS))
        return False, (
            f"PyTorch {torch.__version__}: Apple's GPU needs {needed} or later; "
            "run `pip install -U torch torchvision`, or set device='cpu'"
        )
    threads = torch.get_num_threads()
    value = float(torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3)))
    return value == 9, f"device {device.type}, {threads} threads, a convolution works"


def _pictures() -> Result:
    from styletools.images import PICTURES, bundled, load_image

    found = {kind: bundled(kind) for kind in ("content", "style")}
    if not all(found.values()):
        return False, f"no pictures in {PICTURES}; use the kit from its own folder"
    for path in [*found["content"].values(), *found["style"].values()]:
        load_image(path, max_size=32)
    return True, f"{len(found['content'])} content and {len(found['style'])} style pictures"


def _cache() -> Result:
    from styletools.backbones import cache_folder

    folder = cache_folder()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    ok = os.access(place, os.W_OK)
    return ok, f"cache {folder}" + ("" if ok else " cannot be written; set STYLETOOLS_CACHE")


def _disk() -> Result:
    free = shutil.disk_usage(Path.cwd()).free
    ok = free >= MIN_DISK
    return ok, f"{free / 1e9:.0f} GB free here" + ("" if ok else "; make room: 1 GB is needed")


def _backbone() -> Result:
    from styletools.backbones import VGG19_CREDIT, load_backbone

    backbone = load_backbone()
    credit = f" ({VGG19_CREDIT})" if backbone.name == "vgg19" else ""
    return True, f"backbone {backbone.name}, {backbone.pooling} pooling{credit}"
