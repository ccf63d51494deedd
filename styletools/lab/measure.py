"""How much content a picture keeps and how much style it takes, whatever weights it was made with.

The totals of two runs compare only where their weights are equal, since the weights are the ruler.
These numbers use one ruler for all runs, and 0 and 1 mean the same for every pair of pictures.
"""

import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from styletools.backbones import Backbone
from styletools.engine.memory import halo_of, layer_strides
from styletools.engine.tiles import cores, cut
from styletools.images import denormalise, shrink_to
from styletools.losses import gram_matrix
from styletools.vgg import each_layer

TILE = 512  # pixels of a side: larger pictures are taken in tiles, with the same sums
JUDGED_CONTENT = "conv4_2"
JUDGED_STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")  # the paper's


def measure(
    image: Tensor, content: Tensor, style: Tensor, backbone: Backbone
) -> dict[str, float | None]:
    """Measure a picture against its content and its style, each (1, 3, H, W), normalised.

    Distances are square roots of the paper's losses without weights (Gatys et al. 2016, eq. 1 and
    4), and are divided by what the unchanged pictures have, so that the paper's divisors cancel
    out, and a layer with large activations counts no more than another:

    - `content_kept` = 1 − |F(x) − F(p)| / |F(a) − F(p)| at conv4_2: 1 for the content itself, 0
      for a picture that is as far from it as the style is.
    - `style_taken` = 1 − mean over the paper's five layers of |G(x) − A| / |G(p) − A|: 1 where
      the Gram matrices are the style's, 0 for the content itself, below 0 further off.
    - `style_taken_conv1_1`, …: the same for each layer.
    - `ssim`: structural similarity of the grey pictures (Wang, Bovik, Sheikh & Simoncelli 2004,
      with their Gaussian window): 1 for the content itself. It knows nothing of the network.

    The network judges its own work in the first ones, and another backbone judges otherwise:
    compare runs on the same backbone, and look.

    Args:
        image: x, the picture to measure.
        content: p.
        style: a; of another size, it is brought to the content's.
        backbone: the weights; its own pooling is used, whatever the run used.

    Returns:
        The numbers; None where content and style cannot be told apart there.
    """
    if style.shape[-2:] != content.shape[-2:]:
        style = shrink_to(style, (content.shape[-2], content.shape[-1]))
    model = backbone.features({JUDGED_CONTENT, *JUDGED_STYLE})
    halo, strides = halo_of(model), layer_strides(model)
    squares = [0.0, 0.0]  # |F(x) − F(p)|², |F(a) − F(p)|²
    grams: dict[str, Tensor] = {}  # of x, a and p, (3, C, C)
    with torch.inference_mode():
        for tile in cut(image, TILE, halo):
            crops = [
                picture[..., tile.crop[0], tile.crop[1]] for picture in (image, style, content)
            ]
            layers = [
                cores(each_layer(c, model, model.layers), tile, image, strides) for c in crops
            ]
            for (name, x, _), (_, a, _), (_, p, _) in zip(*layers, strict=True):
                if name == JUDGED_CONTENT:
                    norms = [float(torch.linalg.vector_norm(other - p)) for other in (x, a)]
                    squares = [s + norm**2 for s, norm in zip(squares, norms, strict=True)]
                else:
                    here = torch.stack([gram_matrix(features) for features in (x, a, p)])
                    grams[name] = grams.get(name, 0) + here
    kept = 1 - (squares[0] / squares[1]) ** 0.5 if squares[1] else None
    taken = {name: _nearness(*grams[name]) for name in JUDGED_STYLE}
    whole = [value for value in taken.values() if value is not None]
    return {
        "content_kept": kept,
        "style_taken": sum(whole) / len(whole) if whole else None,
        **{f"style_taken_{name}": value for name, value in taken.items()},
        "ssim": _ssim(image, content),
    }


def _nearness(x: Tensor, goal: Tensor, other: Tensor) -> float | None:
    """1 at the goal, 0 as far from it as `other` is."""
    whole = float(torch.linalg.vector_norm(other - goal))
    return 1 - float(torch.linalg.vector_norm(x - goal)) / whole if whole else None


def _ssim(image: Tensor, content: Tensor) -> float:
    grey = [denormalise(i)[0].mean(dim=0).double().numpy() for i in (image, content)]
    return float(
        structural_similarity(
            *grey, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )
