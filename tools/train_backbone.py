"""Trains the offline backbone: VGG19's shape, a quarter of its channels, no third-party weights.

What one small net learns, each at several depths, on crops that are distorted to hurt it most:

* *tell pictures apart* (contrastive): two crops of one picture, distorted differently, must have
  Gram matrices alike, and unlike those of every other crop in the batch; in a picture that is one
  texture, the two may come from different places;
* *tell places apart* (the same loss on single positions): where both crops show the same spot,
  their features must match;
* *see which way lines run*: a linear map must give direction and coherence of the lines around
  every position;
* *keep the picture* (denoising): a linear map must restore the clean crop, so no pattern of pixels
  hides from the features.

The shipped net, and how to go on after a kill, on the same trajectory:

    python tools/train_backbone.py --out net.safetensors
    python tools/train_backbone.py --out net.safetensors --resume

`--minutes` fits the steps to the machine. See docs/offline-backbone.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from training_pictures import half_size, photographs, training_pictures

from styletools._files import atomic_path
from styletools.backbones import write_weights
from styletools.config import VGG19_LAYERS
from styletools.images import load_image, normalise
from styletools.vgg import VGG19Features, normalise_filters

CHANNELS = (16, 16, "M", 32, 32, "M", 64, 64, 64, 64, "M", 128, 128, 128, 128, "M", 128)
LAYERS = ["1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "3_4", "4_1", "4_2", "4_3", "4_4", "5_1"]
SCALE = 0.003  # of all features: the assignment's settings then give a sensible picture
PIXEL_VARIANCE = 0.06  # of the training crops, about: what a blind guess loses
DIRECTION_VARIANCE = 0.12  # likewise, of their directions


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """What one training run is made of; saved with its checkpoint."""

    steps: int = 1000
    batch: int = 128  # pairs of crops
    size: int = 64  # a crop's side, pixels
    late_size: int = 96
    late: float = 0.541  # share of the steps after which crops have the late size
    learning_rate: float = 2e-3
    cooldown: float = 0.2426  # share of the steps, at the end, in which the rate falls
    last: float = 0.2526  # to this share of it
    weight_decay: float = 1e-4
    temperature: float = 0.15
    contrast: float = 1.0  # weight of telling pictures apart
    dense: float = 0.5  # of telling places apart
    direction: float = 0.5  # of seeing which way lines run
    denoise: float = 1.0  # of keeping the picture
    elsewhere: float = 0.25  # share of texture pairs whose crops come from different places
    noise: float = 0.12  # deviation at most, in half of the crops
    adversarial: float = 0.05  # deviation at most of the change that hurts most, normalised colours
    blur: float = 0.3  # share of crops taken from a picture of half the resolution
    zoom: tuple[float, float] = (0.8, 3.2)  # picture pixels per crop pixel, from and to
    # Layers without the finest frequencies: the first, and those before a pooling.
    smooth: tuple[str, ...] = ("1_1", "1_2", "2_2", "3_4", "4_4")
    mirror: bool = True  # half of the crops are mirrored at their borders, not padded with zeros
    contrast_layers: tuple[str, ...] = ("2_1", "3_1", "4_1", "5_1")
    dense_layers: tuple[str, ...] = ("4_2", "5_1")
    direction_layers: tuple[str, ...] = ("3_1", "3_4", "4_1", "4_4", "5_1")
    denoise_layers: tuple[str, ...] = ("2_1", "3_1", "4_1")
    seed: int = 0


# ------------------------------------------------------------------------------------------ crops


class CropSampler:
    """Draws distorted crops from pictures kept as bytes at full, half and quarter size."""

    def __init__(self, pictures: list[np.ndarray], texture: list[bool], device: torch.device):
        levels = [pictures]
        for _ in range(2):
            levels.append([half_size(p) for p in levels[-1]])
        flat = [p for level in levels for p in level]
        sizes = torch.tensor([p.shape[:2] for p in flat])
        ends = sizes.prod(1).cumsum(0)
        self.count = len(pictures)
        self.texture = torch.tensor(texture, device=device)
        self.sizes = sizes.to(device)  # (levels*count, 2)
        self.starts = (ends - sizes.prod(1)).to(device)
        self.pixels = torch.from_numpy(np.concatenate([p.reshape(-1, 3) for p in flat])).to(device)

    def crops(
        self, picture: Tensor, centre: Tensor, transform: Tensor, size: int, blurred: Tensor
    ) -> Tensor:
        """Bilinear crops, (B, 3, size, size) in 0..1.

        `centre` (B, 2) and `transform` (B, 2, 2) are row, column in picture pixels, and picture
        pixels per crop pixel. A crop that leaves its picture sees it mirrored. It is read from the
        level that fits, so that nothing aliases; where `blurred`, from the next smaller one.
        """
        zoom = transform.det().abs().sqrt()
        level = (zoom.log2().floor() + blurred.float()).clamp(0, 2).long()
        entry = level * self.count + picture
        shrink = (2.0**level)[:, None, None]
        steps = torch.arange(size, device=picture.device) - (size - 1) / 2
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="ij")).flatten(1)  # (2, S*S)
        at = transform @ grid + centre[:, :, None]  # (B, 2, S*S)
        at = (at + 0.5) / shrink - 0.5
        limit = (self.sizes[entry] - 1)[:, :, None]
        at = at.remainder(2 * limit)
        at = torch.minimum(at, 2 * limit - at)  # mirrored at the borders
        low = at.floor()
        part = (at - low)[..., None]  # (B, 2, S*S, 1)
        low = low.long()
        high = torch.minimum(low + 1, limit)
        start, width = self.starts[entry][:, None], self.sizes[entry][:, 1:]

        def pixels(rows: Tensor, columns: Tensor) -> Tensor:
            return self.pixels[start + rows * width + columns].float()

        top = torch.lerp(pixels(low[:, 0], low[:, 1]), pixels(low[:, 0], high[:, 1]), part[:, 1])
        end = torch.lerp(pixels(high[:, 0], low[:, 1]), pixels(high[:, 0], high[:, 1]), part[:, 1])
        crop = torch.lerp(top, end, part[:, 0]) / 255  # (B, S*S, 3)
        return crop.view(-1, size, size, 3).permute(0, 3, 1, 2)

    def pairs(self, config: TrainConfig, size: int) -> Views:
        """Two crops each of `batch` places."""
        batch, device = config.batch, self.pixels.device
        picture = torch.randint(self.count, (batch,), device=device)
        place = torch.rand(batch, 2, device=device)
        low, high = (math.log(z) for z in config.zoom)
        zoom = torch.exp(low + (high - low) * torch.rand(batch, device=device))
        away = self.texture[picture] & (torch.rand(batch, device=device) < config.elsewhere)
        views, centres, transforms = [], [], []
        for _ in range(2):
            elsewhere = torch.rand(batch, 2, device=device)
            at = torch.where(away[:, None], elsewhere, place) * self.sizes[picture]
            shift = (torch.rand(batch, 2, device=device) - 0.5) * 0.35 * size / 2
            centres.append(at + shift * zoom[:, None])
            transforms.append(_random_transforms(zoom))
            blurred = torch.rand(batch, device=device) < config.blur
            views.append(self.crops(picture, centres[-1], transforms[-1], size, blurred))
        # Where a crop pixel of the first view lies in the second: across @ pixel + offset.
        (a, b), (c, d) = transforms[1].permute(1, 2, 0)
        back = torch.stack([torch.stack([d, -b]), torch.stack([-c, a])]).permute(2, 0, 1)
        back = back / (a * d - b * c)[:, None, None]
        offset = (back @ (centres[0] - centres[1])[:, :, None])[:, :, 0]
        return Views(torch.cat(views), back @ transforms[0], offset)


@dataclasses.dataclass(frozen=True)
class Views:
    """Pairs of crops, (2*B, 3, size, size), and the map from the first to the second."""

    crops: Tensor
    across: Tensor  # (B, 2, 2), row and column
    offset: Tensor  # (B, 2), crop pixels from the second's centre


def _uniform(like: Tensor, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(len(like), *shape, device=like.device)


def _random_transforms(zoom: Tensor) -> Tensor:
    """Rotation by up to 30 degrees, scale by up to 1.5, aspect by up to 1.2, mirror; (B, 2, 2)."""
    angle = _uniform(zoom, -0.5, 0.5)
    scale = zoom * _uniform(zoom, -0.4, 0.4).exp()
    aspect = _uniform(zoom, -0.2, 0.2).exp()
    mirror = torch.where(_uniform(zoom, 0, 1) < 0.5, -1.0, 1.0)
    cos, sin = angle.cos(), angle.sin()
    rows = [
        torch.stack([cos, -sin * mirror], 1),
        torch.stack([sin * aspect, cos * aspect * mirror], 1),
    ]
    return torch.stack(rows, 1) * scale[:, None, None]


def recolour(crops: Tensor) -> Tensor:
    """Random saturation, contrast, brightness and tint."""
    grey = crops.mean(1, keepdim=True)
    crops = grey + (crops - grey) * _uniform(crops, 0.4, 1.4, 1, 1, 1)
    crops = crops * _uniform(crops, 0.65, 1.35, 1, 1, 1) * _uniform(crops, 0.85, 1.15, 3, 1, 1)
    return (crops + _uniform(crops, -0.15, 0.15, 1, 1, 1)).clamp(0, 1)


def add_noise(crops: Tensor, deviation: float) -> Tensor:
    """Adds noise of up to this deviation to half of the crops."""
    noisy = (_uniform(crops, 0, 1) < 0.5).float() * _uniform(crops, 0, deviation)
    return crops + noisy[:, None, None, None] * torch.randn_like(crops)


def directions(crops: Tensor, side: int) -> Tensor:
    """Which way lines run in squares of this side, and how much they agree, (B, 2, h, w)."""
    grey = F.avg_pool2d(crops.mean(1, keepdim=True), 3, 1, 1, count_include_pad=False)
    grey = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    x = grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2]
    y = grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]
    tensor = torch.cat([x * x - y * y, 2 * x * y, x * x + y * y], 1)
    tensor = F.avg_pool2d(F.avg_pool2d(tensor, side), 3, 1, 1, count_include_pad=False)
    return tensor[:, :2] / (tensor[:, 2:] + 1e-4)


# -------------------------------------------------------------------------------------------- net


class Conv3x3(nn.Conv2d):
    """A 3x3 convolution with zero padding, or one that learns not to look at the padding.

    Small crops are all border, and a net soon fires on their zeros. With `mirror`, the first half
    of a training batch sees itself mirrored there instead: the first crop of each pair.
    """

    def __init__(self, channels: int, width: int, side: int = 3, mirror: int = 0):
        super().__init__(channels, width, side, bias=False)
        self.mirror = mirror

    def kernel(self) -> Tensor:
        """The 3x3 kernels, (width, channels, 3, 3)."""
        return self.weight

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, width, h, w)."""
        if not (self.mirror and self.training):
            return F.conv2d(x, self.kernel(), padding=1)
        first, second = x[: self.mirror], x[self.mirror :]
        padded = [F.pad(first, (1, 1, 1, 1), mode="reflect"), F.pad(second, (1, 1, 1, 1))]
        return F.conv2d(torch.cat(padded), self.kernel())


class SmoothConv3x3(Conv3x3):
    """One whose kernels are a free 2x2 kernel convolved with a 2x2 box.

    It does not answer to the finest checks and stripes, and the gradient that flows back through it
    holds none. Before a 2x2 average it makes the pooling's window a pyramid, which aliases less
    (Zhang 2019, "Making convolutional networks shift-invariant again").
    """

    def __init__(self, channels: int, width: int, mirror: int = 0):
        super().__init__(channels, width, side=2, mirror=mirror)

    def kernel(self) -> Tensor:
        """The 3x3 kernels, (width, channels, 3, 3)."""
        corners = [(0, 1, 0, 1), (1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 1, 0)]
        return torch.stack([F.pad(self.weight, corner) for corner in corners]).sum(0) / 2


def build_net(config: TrainConfig) -> nn.Sequential:
    """Conv, batch norm, ReLU for each layer of VGG19 to conv5_1, average pooling between."""
    modules: list[nn.Module] = []
    channels, layers = 3, iter(LAYERS)
    for width in CHANNELS:
        if isinstance(width, str):
            modules.append(nn.AvgPool2d(2))
            continue
        kind = SmoothConv3x3 if next(layers) in config.smooth else Conv3x3
        conv = kind(channels, width, mirror=config.batch * config.mirror)
        nn.init.kaiming_normal_(conv.weight)
        modules += [conv, nn.BatchNorm2d(width, affine=False), nn.ReLU(inplace=True)]
        channels = width
    return nn.Sequential(*modules).to(memory_format=torch.channels_last)


def tap_indices(net: nn.Sequential) -> dict[int, str]:
    """Module index of each layer's ReLU -> the layer's name."""
    relus = [n for n, module in enumerate(net) if isinstance(module, nn.ReLU)]
    return dict(zip(relus, LAYERS, strict=True))


def layer_widths() -> dict[str, int]:
    """Channels of each layer."""
    return dict(zip(LAYERS, (c for c in CHANNELS if not isinstance(c, str)), strict=True))


class Heads(nn.Module):
    """What reads the features while training, and is thrown away after it."""

    def __init__(self, config: TrainConfig):
        super().__init__()
        widths = layer_widths()
        self.mix, self.embed, self.restore = (nn.ModuleDict() for _ in range(3))
        self.place, self.lines = nn.ModuleDict(), nn.ModuleDict()
        for layer in config.contrast_layers:
            read = widths[layer]
            self.mix[layer] = nn.Conv2d(read, 32, 1, bias=False)
            read += 32 * 33 // 2
            self.embed[layer] = nn.Sequential(
                nn.BatchNorm1d(read),
                nn.Linear(read, 256),
                nn.BatchNorm1d(256),
                nn.ReLU(),
                nn.Linear(256, 64),
            )
        for layer in config.denoise_layers if config.denoise else ():
            self.restore[layer] = nn.Conv2d(widths[layer], 3 * stride(layer) ** 2, 1)
        for layer in config.dense_layers if config.dense else ():
            self.place[layer] = nn.Sequential(
                nn.Conv2d(widths[layer], 256, 1), nn.ReLU(), nn.Conv2d(256, 64, 1)
            )
        for layer in config.direction_layers if config.direction else ():
            self.lines[layer] = nn.Conv2d(widths[layer], 2, 1)

    def embedding(self, layer: str, features: Tensor) -> Tensor:
        """Unit vectors (B, 64) from the features' means and Gram matrix."""
        means = F.adaptive_avg_pool2d(features, 1).flatten(1).float()
        mixed = self.mix[layer](features).flatten(2)  # (B, 32, M)
        gram = (mixed @ mixed.transpose(1, 2)).float() / mixed.shape[2]
        rows, columns = torch.triu_indices(32, 32, device=gram.device)
        second = gram[:, rows, columns]
        second = second.sign() * (second.abs() + 1e-3).sqrt()
        with torch.autocast(features.device.type, enabled=False):
            return F.normalize(self.embed[layer](torch.cat([means, second], 1)), dim=1)

    def restored(self, layer: str, features: Tensor) -> Tensor:
        """The crop as a linear map sees it from a layer, (B, 3, size, size)."""
        return F.pixel_shuffle(self.restore[layer](features), stride(layer))


def stride(layer: str) -> int:
    """Crop pixels per position of a layer's map."""
    return 2 ** (int(layer[0]) - 1)


def contrastive_loss(embedding: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """InfoNCE over both directions (Chen et al. 2020, SimCLR), and the share told right."""
    count = len(embedding)
    likeness = embedding @ embedding.T / temperature
    likeness.fill_diagonal_(-1e4)
    partner = torch.arange(count, device=embedding.device).roll(count // 2)
    right = (likeness.detach().argmax(1) == partner).float().mean()
    return F.cross_entropy(likeness, partner), right


def place_loss(place: Tensor, views: Views, temperature: float) -> tuple[Tensor, Tensor]:
    """InfoNCE between places of the first crops and the same places in the second ones."""
    batch, size, count = len(views.across), views.crops.shape[-1], 6
    first, second = (F.normalize(p.float(), dim=1) for p in place.chunk(2))
    at = (torch.rand(batch, 2, count, device=place.device) - 0.5) * (size - 16)
    there = views.across @ at + views.offset[:, :, None]
    inside = (there.abs() < size / 2 - 4).all(1).flatten()  # (B * count,)

    def read(features: Tensor, at: Tensor) -> Tensor:
        grid = at.flip(1).transpose(1, 2)[:, None] / (size / 2)  # (B, 1, count, 2), x and y
        found = F.grid_sample(features, grid, align_corners=False)[:, :, 0]
        return F.normalize(found.transpose(1, 2).flatten(0, 1), dim=1)

    likeness = read(first, at) @ read(second, there).T / temperature
    likeness = likeness.masked_fill(~inside[None], -1e4)
    wanted = torch.arange(len(likeness), device=place.device)
    share = inside.float().sum().clamp(min=1)
    right = ((likeness.detach().argmax(1) == wanted) & inside).float().sum() / share
    loss = F.cross_entropy(likeness, wanted, reduction="none").masked_fill(~inside, 0).sum()
    return loss / share, right


def losses(
    net: nn.Sequential, heads: Heads, views: Views, config: TrainConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum of all losses on a batch of crop pairs, and what to log.

    The crops are first changed a little, in the way that makes the losses larger: what the net
    then learns does not hang on single pixels, nor do the gradients that come back through it.
    """
    clean = recolour(views.crops)
    x = normalise(add_noise(clean, config.noise))
    if config.adversarial:
        x.requires_grad_(True)
        total, _ = read_losses(net, heads, x, clean, views, config)
        (worse,) = torch.autograd.grad(total, x)
        size = worse.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-20)
        size = config.adversarial * _uniform(x, 0, 1, 1, 1, 1) / size
        x = (x + size * worse).detach()
    return read_losses(net, heads, x, clean, views, config)


def fast_bfloat16(device: torch.device) -> bool:
    """Whether its convolutions are native there; else they are many times slower than float32."""
    return device.type != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def read_losses(
    net: nn.Sequential,
    heads: Heads,
    x: Tensor,
    clean: Tensor,
    views: Views,
    config: TrainConfig,
) -> tuple[Tensor, dict[str, Tensor]]:
    """All losses on what the net sees."""
    taps, log = tap_indices(net), {}
    x = x.contiguous(memory_format=torch.channels_last)
    total = x.new_zeros(())
    for n, module in enumerate(net):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=fast_bfloat16(x.device)):
            x = module(x)
            layer = taps.get(n, "")
            embedding = heads.embedding(layer, x) if layer in heads.embed else None
            restored = heads.restored(layer, x) if layer in heads.restore else None
            place = heads.place[layer](x) if layer in heads.place else None
            lines = heads.lines[layer](x) if layer in heads.lines else None
        if embedding is not None:
            loss, log[layer] = contrastive_loss(embedding, config.temperature)
            total = total + config.contrast * loss
        if restored is not None:
            loss = F.mse_loss(restored.float(), clean) / PIXEL_VARIANCE
            log["D" + layer] = loss.detach()
            total = total + config.denoise * loss
        if place is not None:
            loss, log["P" + layer] = place_loss(place, views, config.temperature)
            total = total + config.dense * loss
        if lines is not None:
            wanted = directions(clean, stride(layer))
            loss = F.mse_loss(lines.float(), wanted) / DIRECTION_VARIANCE
            log["L" + layer] = loss.detach()
            total = total + config.direction * loss
    return total, log


# --------------------------------------------------------------------------------------- training


class Training:
    """Net, heads, optimiser and step count: all that a checkpoint holds."""

    def __init__(self, config: TrainConfig, device: torch.device):
        torch.manual_seed(config.seed)
        self.config, self.device, self.step = config, device, 0
        self.net = build_net(config).to(device)
        self.heads = Heads(config).to(device)
        weights = [*self.net.parameters(), *self.heads.parameters()]
        self.optimiser = torch.optim.AdamW(weights, weight_decay=config.weight_decay)

    def save(self, path: Path) -> None:
        """Write the checkpoint in one rename, so that a kill never leaves half of one."""
        state = {
            "config": dataclasses.asdict(self.config),
            "step": self.step,
            "net": self.net.state_dict(),
            "heads": self.heads.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same settings."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        theirs, ours = state["config"], json.loads(json.dumps(dataclasses.asdict(self.config)))
        if json.loads(json.dumps(theirs)) | {"steps": 0} != ours | {"steps": 0}:
            raise SystemExit(
                f"{path} was trained with {theirs}, not {ours}: use another --checkpoint."
            )
        self.step = state["step"]
        self.net.load_state_dict(state["net"])
        self.heads.load_state_dict(state["heads"])
        self.optimiser.load_state_dict(state["optimiser"])

    def steps(self, sampler: CropSampler) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """Train to the end, one step an item. Each step draws from its own seed: resumable."""
        while self.step < self.config.steps:
            torch.manual_seed(self.config.seed * 1_000_003 + self.step)
            for group in self.optimiser.param_groups:
                group["lr"] = self.learning_rate()
            late = self.step >= self.config.late * self.config.steps
            views = sampler.pairs(self.config, self.config.late_size if late else self.config.size)
            loss, log = losses(self.net, self.heads, views, self.config)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.step += 1
            yield loss.detach(), log

    def learning_rate(self) -> float:
        """Warm-up, then constant, then a straight line down over the last `cooldown` of it."""
        config = self.config
        warm = (self.step + 1) / 100
        left = (config.steps - self.step) / (config.cooldown * config.steps)
        return config.learning_rate * min(1.0, warm, config.last + (1 - config.last) * left)


# ----------------------------------------------------------------------------------------- export


def fold_batch_norm(net: nn.Sequential) -> dict[str, Tensor]:
    """Plain convolutions that compute what the net does in eval mode.

    Returns:
        {"0.weight": (C, 3, 3, 3), "0.bias": (C,), "2.weight": ...} at torchvision's indices.
    """
    weights = {}
    blocks = [(c, n) for c, n in itertools.pairwise(net) if isinstance(n, nn.BatchNorm2d)]
    for layer, (conv, norm) in zip(LAYERS, blocks, strict=True):
        assert isinstance(conv, Conv3x3)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = 1 / (norm.running_var.double() + norm.eps).sqrt()
        shift = -norm.running_mean.double() * scale
        index = VGG19_LAYERS["conv" + layer]
        weights[f"{index}.weight"] = (
            (conv.kernel().double() * scale[:, None, None, None]).float().detach()
        )
        weights[f"{index}.bias"] = shift.float().detach()
    return weights


def silence_rare_filters(
    weights: dict[str, Tensor], images: list[Tensor], least: float = 0.02, most: float = 6.0
) -> dict[str, Tensor]:
    """Set the filters to zero that almost never fire; returns a copy of the weights.

    Normalised to mean 1, a filter that fires at one position in a thousand is a thousand strong
    there, and its square is all that the layer's Gram matrix shows.

    Args:
        weights: plain convolutions.
        images: calibration pictures, each (1, 3, H, W), normalised.
        least: the share of positions at which a filter must fire.
        most: its root mean square may be this many times its mean.
    """
    weights, features = dict(weights), images
    for layer in LAYERS:
        index = VGG19_LAYERS["conv" + layer]
        weight, bias = weights[f"{index}.weight"], weights[f"{index}.bias"]
        if layer[2] == "1" and layer != "1_1":
            features = [F.avg_pool2d(x, 2) for x in features]
        features = [F.relu(F.conv2d(x, weight, bias, padding=1)) for x in features]
        flat = torch.cat([x[0].flatten(1) for x in features], 1)  # (C, positions)
        fires = (flat > 0).float().mean(1)
        peak = flat.pow(2).mean(1).sqrt() / flat.mean(1).clamp(min=1e-12)
        kept = ((fires >= least) & (peak <= most)).float()
        weights[f"{index}.weight"] = weight * kept[:, None, None, None]
        weights[f"{index}.bias"] = bias * kept
        features = [x * kept[:, None, None] for x in features]
        print(f"conv{layer}: {int(kept.sum())} of {len(kept)} filters kept", flush=True)
    return weights


def export(net: nn.Sequential, pictures: list[np.ndarray], path: Path, scale: float) -> None:
    """Write the folded net, filters normalised on `pictures`, as float16 safetensors."""
    images = [load_image(picture, max_size=300) for picture in pictures]
    weights = silence_rare_filters(fold_batch_norm(net.cpu()), images)
    plain = VGG19Features(["conv" + layer for layer in LAYERS], weights, pooling="avg")
    model = normalise_filters(plain, images)
    half = {key: value.half() for key, value in model.state_dict().items()}
    metadata = {"format": "styletools-backbone", "name": "offline", "pooling": "avg"}
    write_weights(path, half, metadata | {"scale": repr(scale)})


# ------------------------------------------------------------------------------------ command line


def parse(arguments: list[str] | None = None) -> tuple[argparse.Namespace, TrainConfig]:
    """Options and settings; every field of TrainConfig is an option."""
    parser = argparse.ArgumentParser(description="Train the offline backbone.")
    parser.add_argument("--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--minutes", type=float, help="instead of --steps; some are timed first")
    parser.add_argument("--resume", action="store_true", help="go on from OUT's .checkpoint")
    parser.add_argument("--save-every", type=int, default=100, help="steps between checkpoints")
    parser.add_argument("--pictures", type=Path, help="where the painted pictures are kept (.zip)")
    parser.add_argument("--photographs", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--scale", type=float, default=SCALE, help="written to the file's metadata")
    for field in dataclasses.fields(TrainConfig):
        flag, default = "--" + field.name.replace("_", "-"), field.default
        if isinstance(default, tuple):
            parser.add_argument(flag, nargs="*", type=type((*default, "")[0]), default=default)
        elif isinstance(default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default)
        else:
            parser.add_argument(flag, type=type(default), default=default)
    options = parser.parse_args(arguments)
    values = {f.name: getattr(options, f.name) for f in dataclasses.fields(TrainConfig)}
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    if options.device == "auto":
        options.device = "cuda" if torch.cuda.is_available() else "cpu"
    return options, TrainConfig(**values)


def steps_in(minutes: float, config: TrainConfig, sampler: CropSampler) -> int:
    """How many steps fit into some minutes of this machine, as far as a few of them tell."""
    device = sampler.pixels.device
    seconds = []
    for size in (config.size, config.late_size):
        tried = dataclasses.replace(config, steps=10**6, size=size)
        trial = Training(tried, device).steps(sampler)
        float(next(trial)[0])
        start, count = time.time(), 0
        while count < 4 or time.time() - start < 2:
            float(next(trial)[0])
            count += 1
        seconds.append((time.time() - start) / count)
    early, late = seconds
    return max(1, round(minutes * 60 / (early * config.late + late * (1 - config.late))))


def settle_steps(
    options: argparse.Namespace, config: TrainConfig, sampler: CropSampler, checkpoint: Path
) -> TrainConfig:
    """The steps asked for; else those of the run that goes on; else what fits into --minutes."""
    if config.steps != TrainConfig.steps:
        return config
    if options.resume and checkpoint.exists():
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)["config"]
        return dataclasses.replace(config, steps=saved["steps"])
    if options.minutes:
        return dataclasses.replace(config, steps=steps_in(options.minutes, config, sampler))
    return config


def main(arguments: list[str] | None = None) -> None:
    """Train, or go on training, and export."""
    options, config = parse(arguments)
    device = torch.device(options.device)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    photos = photographs() if options.photographs else []
    kept = options.pictures or options.out.with_suffix(".zip")
    pictures, texture = training_pictures(kept, photos)
    sampler = CropSampler(pictures, texture, device)
    checkpoint = options.out.with_suffix(".checkpoint")
    config = settle_steps(options, config, sampler, checkpoint)
    training = Training(config, device)
    if options.resume and checkpoint.exists():
        training.load(checkpoint)
    print(f"{len(pictures)} pictures, {config}, from step {training.step}", flush=True)
    start = time.time()
    for loss, log in training.steps(sampler):
        saving = training.step % options.save_every == 0 or training.step == config.steps
        if saving:
            training.save(checkpoint)
        if saving or training.step % 25 == 0:
            shown = "  ".join(f"{k} {v:.2f}" for k, v in log.items())
            seconds = time.time() - start
            print(f"{training.step:6d} {seconds:6.0f} s  loss {loss:.3f}  {shown}", flush=True)
    calibration = photos + pictures[len(photos) :: 3]
    export(training.net, calibration, options.out, options.scale)


if __name__ == "__main__":
    main()
