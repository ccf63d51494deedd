"""What the kit is measured against: the assignment's loop, and the way of PyTorch's tutorial.

Both are written plainly, from their descriptions, and share no code with the kit's own loop.
The losses of the assignment's 2000 steps are computed once for each case and kept in
`literal.json`, under a hash of what they depend on:

    python -m benchmarks.literal            # computes what is missing; resumes after a kill
"""

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torchvision.models import vgg19

from styletools import bundled, load_backbone, load_image, save_image
from styletools._files import atomic_path, write_text
from styletools.images import normalise

HERE = Path(__file__).resolve().parent
ENDS = HERE / "literal.json"
PICTURES = HERE / "literal"
UNFINISHED = HERE.parent / "outputs" / "literal"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
STEPS = 2000
CURVE_EVERY, SAVE_EVERY = 10, 50
LAYERS = {
    "0": "conv1_1", "5": "conv2_1", "10": "conv3_1", "19": "conv4_1", "21": "conv4_2",
    "28": "conv5_1",
}  # fmt: skip
STYLE_WEIGHTS = {"conv1_1": 1, "conv2_1": 0.8, "conv3_1": 0.5, "conv4_1": 0.3, "conv5_1": 0.1}
CONTENT_WEIGHT, STYLE_WEIGHT, LEARNING_RATE = 1, 1e6, 0.003


@dataclass(frozen=True)
class Case:
    """Pictures to compare on, and their longest side; a square is cut out of the photograph."""

    size: int
    content: str
    style: str
    square: bool = True

    @property
    def name(self) -> str:
        """As in `literal.json`."""
        return f"{self.size}{'²' if self.square else ''}-{self.content}-{self.style}"

    def pictures(self) -> tuple[Tensor, Tensor]:
        """Content and style, (1, 3, H, W) each, with values that 8 bits hold."""
        photo = Image.open(bundled("content")[self.content])
        if self.square:
            photo = ImageOps.fit(photo, (min(photo.size),) * 2)
        content = load_image(photo, self.size)
        height, width = content.shape[-2:]
        return content, load_image(bundled("style")[self.style], size=(height, width))

    def depends_on(self) -> str:
        """A hash of the pictures, the weights and the loop's settings."""
        digest = hashlib.sha256(repr((STEPS, STYLE_WEIGHTS, STYLE_WEIGHT, LEARNING_RATE)).encode())
        digest.update(load_backbone("vgg19").sha256.encode())
        for tensor in self.pictures():
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]


PAIRS = [("chelsea", "impasto"), ("astronaut", "stained_glass"), ("coffee", "woodblock")]
CASES = [
    Case(192, *PAIRS[0], square=False), Case(400, *PAIRS[0], square=False),
    *(Case(256, *pair) for pair in PAIRS), Case(512, *PAIRS[0]),
]  # fmt: skip


def network() -> nn.Sequential:
    """Torchvision's modules with the weights of `vgg19`; their ReLUs work in place."""
    net = vgg19(weights=None).features
    net.load_state_dict(load_backbone("vgg19").weights)
    return net.requires_grad_(False).eval()


def get_features(image: Tensor, model: nn.Module) -> dict[str, Tensor]:
    """As the assignment gives it: through every module, keeping six."""
    features, x = {}, image
    for name, layer in model._modules.items():
        x = layer(x)  # type: ignore[misc]
        if name in LAYERS:
            features[LAYERS[name]] = x
    return features


def gram_matrix(tensor: Tensor) -> Tensor:
    _, d, h, w = tensor.size()
    tensor = tensor.view(d, h * w)
    return torch.mm(tensor, tensor.t())


def assignment_loss(model: nn.Module, content: Tensor, style: Tensor) -> Callable[[Tensor], Tensor]:
    """The assignment's total loss of a target, line by line."""
    content_features = get_features(content, model)
    style_features = get_features(style, model)
    style_grams = {layer: gram_matrix(style_features[layer]) for layer in style_features}

    def loss_of(target: Tensor) -> Tensor:
        target_features = get_features(target, model)
        content_loss = torch.mean((target_features["conv4_2"] - content_features["conv4_2"]) ** 2)
        style_loss = 0
        for layer in STYLE_WEIGHTS:
            target_feature = target_features[layer]
            _, d, h, w = target_feature.shape
            target_gram = gram_matrix(target_feature)
            layer_style_loss = STYLE_WEIGHTS[layer] * torch.mean(
                (target_gram - style_grams[layer]) ** 2
            )
            style_loss += layer_style_loss / (d * h * w)
        return CONTENT_WEIGHT * content_loss + STYLE_WEIGHT * style_loss

    return loss_of


def assignment_loop(
    model: nn.Module,
    content: Tensor,
    style: Tensor,
    steps: int,
    each: Callable[[int, float, Tensor], None],
    unfinished: Path | None = None,
) -> Tensor:
    """The assignment's loop; `each` gets step, total and target after each step.

    What was done so far is kept in `unfinished`, and the loop goes on from there.
    """
    loss_of = assignment_loss(model, content, style)
    target = content.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([target], lr=LEARNING_RATE)
    done = 0
    if unfinished is not None and unfinished.exists():
        done, target.data, state = torch.load(unfinished).values()
        optimizer.load_state_dict(state)
    for step in range(done + 1, steps + 1):
        total_loss = loss_of(target)
        optimizer.zero_grad()
        total_loss.backward()
        optimizer.step()
        each(step, total_loss.item(), target.detach())
        if unfinished is not None and step % SAVE_EVERY == 0:
            with atomic_path(unfinished) as temporary:
                saved = {"step": step, "target": target.data, "adam": optimizer.state_dict()}
                torch.save(saved, temporary)
    return target.detach()


class _ContentLoss(nn.Module):
    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.target = target.detach()
        self.loss = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        self.loss = nn.functional.mse_loss(x, self.target)
        return x


class _StyleLoss(nn.Module):
    def __init__(self, target_feature: Tensor, weight: float) -> None:
        super().__init__()
        self.target, self.weight = gram_matrix(target_feature).detach(), weight
        self.loss = torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        _, d, h, w = x.shape
        squares = nn.functional.mse_loss(gram_matrix(x), self.target)
        self.loss = self.weight * squares / (d * h * w)
        return x


def tutorial_loop(
    model: nn.Module,
    content: Tensor,
    style: Tensor,
    steps: int,
    each: Callable[[int, float, Tensor], None],
) -> Tensor:
    """PyTorch's tutorial's way: loss modules inside a copy of the net, L-BFGS as it comes.

    Before each evaluation the picture is clamped between black and white. The weights and divisors
    are the assignment's, so that both minimise the same loss.
    """
    net, content_losses, style_losses = nn.Sequential(), [], []
    for index, module in model._modules.items():
        net.add_module(index, nn.ReLU() if isinstance(module, nn.ReLU) else module)  # type: ignore[arg-type]
        before = str(int(index) - 1)
        if not isinstance(module, nn.ReLU) or before not in LAYERS:
            continue
        layer = LAYERS[before]
        with torch.no_grad():
            if layer == "conv4_2":
                content_losses.append(_ContentLoss(net(content)))
                net.add_module(f"content_{index}", content_losses[-1])
            else:
                style_losses.append(_StyleLoss(net(style), STYLE_WEIGHTS[layer]))
                net.add_module(f"style_{index}", style_losses[-1])
        if layer == "conv5_1":
            break
    target = content.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([target])
    black, white = (normalise(torch.full((3, 1, 1), level)).to(target) for level in (0.0, 1.0))
    done = 0

    def closure() -> Tensor:
        nonlocal done
        with torch.no_grad():
            target.clamp_(black, white)
        optimizer.zero_grad()
        net(target)
        content_score = sum(loss.loss for loss in content_losses)
        style_score = sum(loss.loss for loss in style_losses)
        total = CONTENT_WEIGHT * content_score + STYLE_WEIGHT * style_score
        total.backward()
        done += 1
        each(done, float(total.detach()), target.detach())
        return total

    while done < steps:
        optimizer.step(closure)  # type: ignore[arg-type]
    return target.detach()


def read_ends() -> dict[str, dict[str, Any]]:
    """What was computed: {case: {depends_on, torch, curve: [[step, loss], …]}}."""
    return json.loads(ENDS.read_text("utf-8")) if ENDS.exists() else {}


def compute_end(case: Case) -> None:
    """Run the 2000 steps, and keep curve and picture."""
    # What comes after conv5_1's ReLU changes no loss: the numbers are those of the whole net.
    model = network()[:30].to(DEVICE)
    UNFINISHED.mkdir(parents=True, exist_ok=True)
    curve_file, started = UNFINISHED / f"{case.name}.txt", time.monotonic()

    def each(step: int, total: float, target: Tensor) -> None:
        if step == 1 or step % CURVE_EVERY == 0:
            with open(curve_file, "a", encoding="utf-8") as file:
                print(step, f"{total:.6g}", file=file)
        if step % 100 == 0:
            print(f"{case.name}: step {step}, {total:.5g}, {time.monotonic() - started:.0f} s")

    unfinished = UNFINISHED / f"{case.name}.pt"
    content, style = (picture.to(DEVICE) for picture in case.pictures())
    picture = assignment_loop(model, content, style, STEPS, each, unfinished)
    PICTURES.mkdir(exist_ok=True)
    save_image(picture, PICTURES / f"{case.name}.jpg")
    # A step that was done again after a kill is there twice.
    rows = (line.split() for line in curve_file.read_text("utf-8").splitlines())
    curve = sorted({int(step): float(total) for step, total in rows}.items())
    ends = read_ends()
    ends[case.name] = {
        "depends_on": case.depends_on(), "torch": torch.__version__, "curve": curve
    }  # fmt: skip
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(end)}" for name, end in ends.items())
    write_text(ENDS, f"{{\n{lines}\n}}\n")
    curve_file.unlink()
    unfinished.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the cases' names; none: all")
    arguments = parser.parse_args()
    for case in CASES:
        wanted = not arguments.names or any(name in case.name for name in arguments.names)
        known = read_ends().get(case.name, {}).get("depends_on") == case.depends_on()
        if wanted and not known:
            compute_end(case)


if __name__ == "__main__":
    main()
