from . import course, lab
from .backbones import load_backbone
from .config import ASSIGNMENT, FAST, TransferConfig
from .course import handin as handin  # as hand-ins of earlier terms have it
from .errors import StyletoolsError
from .images import bundled, load_image, save_image, to_image
from .lab.studio import studio
from .losses import content_loss, gram_matrix, layer_style_loss, style_loss, total_loss
from .plots import plot_losses, show_images
from .transfer import stylize
from .vgg import VGG19Features, get_features

__version__: str

__all__ = [  # noqa: RUF022 - in teaching order
    "bundled",
    "load_image",
    "show_images",
    "to_image",
    "save_image",
    "load_backbone",
    "VGG19Features",
    "get_features",
    "gram_matrix",
    "content_loss",
    "layer_style_loss",
    "style_loss",
    "total_loss",
    "plot_losses",
    "TransferConfig",
    "ASSIGNMENT",
    "FAST",
    "stylize",
    "lab",
    "studio",
    "course",
    "StyletoolsError",
]
