"""The kit's own answers to the TODOs, with the lessons' signatures."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from styletools import losses
from styletools.images import bundled
from styletools.vgg import ASSIGNMENT_LAYERS


def gram_matrix(tensor: Tensor) -> Tensor:
    """(1, d, h, w) → (d, d): F Fᵀ, not normalised (Gatys et al. 2016, eq. 3)."""
    return losses.gram_matrix(tensor)


def content_loss(
    target_features: Mapping[str, Tensor], content_features: Mapping[str, Tensor]
) -> Tensor:
    """mean((F − P)²) at conv4_2."""
    return losses.content_loss(target_features["conv4_2"], content_features["conv4_2"])


def layer_style_loss(target_feature: Tensor, style_gram: Tensor, weight: float) -> Tensor:
    """w_l · mean((G − A)²), before it is divided by d·h·w."""
    return weight * ((gram_matrix(target_feature) - style_gram) ** 2).mean()


def style_loss(
    target_features: Mapping[str, Tensor],
    style_grams: Mapping[str, Tensor],
    style_weights: Mapping[str, float],
) -> Tensor:
    """Σ over the layers of `style_weights` of w_l · mean((G − A)²) / (d·h·w)."""
    return losses.style_loss(target_features, style_grams, style_weights)


def total_loss(
    content: Tensor, style: Tensor, content_weight: float, style_weight: float
) -> Tensor:
    """α · content + β · style (Gatys et al. 2016, eq. 7)."""
    return losses.total_loss(content, style, content_weight, style_weight)


def optimise(
    target: Tensor, optimizer: Optimizer, loss_of: Callable[[Tensor], Tensor], steps: int
) -> list[float]:
    """Change `target` for `steps` steps; returns the total loss before each of them."""
    loss_history = []
    for _ in range(steps):
        total = loss_of(target)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        loss_history.append(total.item())
    return loss_history


def kit_pictures() -> dict[str, Any]:
    """`my_content` and `my_style`: the first of the kit's pictures of each kind."""
    first = {f"my_{kind}": [*bundled(kind).values()][:1] for kind in ("content", "style")}
    return {name: paths[0] for name, paths in first.items() if paths}


KIT: dict[str, Any] = {
    "layers": dict(ASSIGNMENT_LAYERS),
    "gram_matrix": gram_matrix,
    "content_loss": content_loss,
    "layer_style_loss": layer_style_loss,
    "style_loss": style_loss,
    "total_loss": total_loss,
    "optimise": optimise,
}
"""{name in the lesson: the kit's answer}."""
