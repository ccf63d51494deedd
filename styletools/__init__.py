"""Tools for building neural style transfer (Gatys, Ecker & Bethge, CVPR 2016) step by step.

Names are imported when they are first used, so that `import styletools` does not wait for torch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "ASSIGNMENT": "config",
    "FAST": "config",
    "PRESETS": "config",
    "STYLE_WEIGHTS": "config",
    "VGG19_LAYERS": "config",
    "TransferConfig": "config",
    "StyletoolsError": "errors",
    "bundled": "images",
    "load_image": "images",
    "read_config": "images",
    "save_image": "images",
    "to_image": "images",
    "VGG19Features": "vgg",
    "get_features": "vgg",
    "normalise_filters": "vgg",
    "load_backbone": "backbones",
    "content_loss": "losses",
    "gram_matrix": "losses",
    "layer_style_loss": "losses",
    "style_loss": "losses",
    "total_loss": "losses",
    "total_variation": "losses",
    "Step": "transfer",
    "TransferResult": "transfer",
    "run_key": "transfer",
    "stylize": "transfer",
    "Run": "lab.run",
    "RunStore": "lab.store",
    "load_run": "lab.run",
    "save_run": "lab.run",
    "measure": "lab.measure",
    "part2": "lab.plans",
    "sweep": "lab.sweep",
    "tradeoff": "lab.plans",
    "overlay_losses": "lab.compare",
    "picture_grid": "lab.compare",
    "plot_losses": "plots",
    "scatter": "lab.compare",
    "table": "lab.compare",
    "show_images": "plots",
    "studio": "lab.studio",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'styletools' has no attribute {name!r}")
    return getattr(import_module(f"styletools.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
