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

__all__ = [  # in teaching order
    "ASSIGNMENT",
    "FAST",
    "StyletoolsError",
    "TransferConfig",
    "VGG19Features",
    "bundled",
    "content_loss",
    "course",
    "get_features",
    "gram_matrix",
    "lab",
    "layer_style_loss",
    "load_backbone",
    "load_image",
    "plot_losses",
    "save_image",
    "show_images",
    "studio",
    "style_loss",
    "stylize",
    "to_image",
    "total_loss",
]
