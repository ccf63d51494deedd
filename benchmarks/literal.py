"""What the kit is measured against: the assignment's loop, and the way of PyTorch's tutorial.

Both are written plainly, from their descriptions, and share no code with the kit's own loop.
The loss where the assignment's 2000 steps end is computed once for each case and kept in
`literal.json`, under a hash of what it depends on:

    python -m benchmarks.literal            # computes what is missing (hours, at full width)
"""

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import vgg19

from styletools import bundled, load_backbone, load_image, save_image
from styletools._files import write_text
from styletools.backbones import Backbone

HERE = Path(__file__).resolve().parent
ENDS = HERE / "literal.json"
PICTURES = HERE / "literal"
STEPS = 2000
CURVE_EVERY = 10
LAYERS = {
    "0": "conv1_1", "5": "conv2_1", "10": "conv3_1", "19": "conv4_1", "21": "conv4_2",
    "28": "conv5_1",
}  # fmt: skip
STYLE_WEIGHTS = {"conv1_1": 1, "conv2_1": 0.8, "conv3_1": 0.5, "conv4_1": 0.3, "conv5_1": 0.1}
CONTENT_WEIGHT, STYLE_WEIGHT, LEARNING_RATE = 1, 1e6, 0.003


@dataclass(frozen=True)
class Case:
    """One run to compare: weights ("random": full width, seeded; or "offline"), size, pictures."""

    weights: str
    size: int
    content: str
    style: str

    @property
    def name(self) -> str:
        """As in `literal.json`."""
        return f"{self.weights}-{self.size}-{self.content}-{self.style}"

    def pictures(self) -> tuple[Tensor, Tensor]:
        """Square crops, so that a size is a number of pixels: (1, 3, size, size) each."""
        content = load_image(bundled("content")[self.content], max_size=4 * self.size)
        side = min(content.shape[-2:])
        content = content[..., :side, :side]
        content = nn.functional.interpolate(
            content, size=(self.size, self.size), mode="bicubic", antialias=True
        )
        style = load_image(bundled("style")[self.style], size=(self.size, self.size))
        return content, style

    def net(self) -> nn.Sequential:
        """All that the assignment's loop runs through, with ReLUs that work in place."""
        if self.weights == "offline":
            modules = load_backbone("small").features(set(LAYERS.values()))
            net = nn.Sequential()
            for index, module in modules._modules.items():
                relu = isinstance(module, nn.ReLU)
                net.add_module(index, nn.ReLU(inplace=True) if relu else module)  # type: ignore[arg-type]
        else:
            state = torch.random.get_rng_state()
            torch.manual_seed(0)
            net = vgg19(weights=None).features
            torch.random.set_rng_state(state)
        return net.requires_grad_(False).eval()

    def backbone(self) -> Backbone:
        """The same weights, for the kit."""
        if self.weights == "offline":
            return load_backbone("small")
        return Backbone("random", dict(self.net().state_dict()), "max", "seed 0")

    def depends_on(self) -> str:
        """A hash of the pictures, the weights and the loop's settings."""
        digest = hashlib.sha256(repr((STEPS, STYLE_WEIGHTS, STYLE_WEIGHT, LEARNING_RATE)).encode())
        for tensor in (*self.pictures(), *self.net().state_dict().values()):
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]


PAIRS = [
    ("chelsea", "impasto"),
    ("astronaut", "stained_glass"),
    ("coffee", "woodblock"),
    ("rocket", "mosaic"),
]
CASES = [
    *(Case("offline", size, *pair) for size in (256, 400) for pair in PAIRS),
    *(Case("random", size, *PAIRS[0]) for size in (256, 400)),
]


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
) -> Tensor:
    """The assignment's loop; `each` gets step, total and target after each step."""
    loss_of = assignment_loss(model, content, style)
    target = content.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([target], lr=LEARNING_RATE)
    for step in range(1, steps + 1):
        total_loss = loss_of(target)
        optimizer.zero_grad()
        total_loss.backward()
        optimizer.step()
        each(step, total_loss.item(), target.detach())
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

    The weights and divisors are the assignment's, so that both minimise the same loss; the tutorial
    also keeps the picture inside 0 to 1, which is left out for the same reason.
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
    done = 0

    def closure() -> Tensor:
        nonlocal done
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


def read_ends() -> dict[str, dict]:
    """What was computed: {case: {depends_on, loss, curve}}."""
    return json.loads(ENDS.read_text("utf-8")) if ENDS.exists() else {}


def end_of(case: Case) -> dict:
    """Where the assignment's loop ends in this case; a KeyError says how to compute it."""
    end = read_ends().get(case.name)
    if end is None or end["depends_on"] != case.depends_on():
        raise KeyError(f"{case.name} is not in {ENDS.name}; run python -m benchmarks.literal")
    return end


def compute_end(case: Case) -> None:
    """Run the 2000 steps, and keep loss, curve and picture."""
    model = case.net()
    # What comes after conv5_1's ReLU changes no loss: the numbers are those of the whole net.
    model = model[:30]
    curve, started = [], time.monotonic()

    def each(step: int, total: float, target: Tensor) -> None:
        if step == 1 or step % CURVE_EVERY == 0:
            curve.append([step, float(f"{total:.6g}")])
        if step % 100 == 0:
            print(f"{case.name}: step {step}, {total:.5g}, {time.monotonic() - started:.0f} s")

    picture = assignment_loop(model, *case.pictures(), STEPS, each)
    PICTURES.mkdir(exist_ok=True)
    save_image(picture, PICTURES / f"{case.name}.jpg")
    ends = read_ends()
    ends[case.name] = {
        **asdict(case), "depends_on": case.depends_on(), "loss": curve[-1][1], "curve": curve,
        "torch": torch.__version__,
    }  # fmt: skip
    write_text(ENDS, json.dumps(ends, indent=1) + "\n")


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
