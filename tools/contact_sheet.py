"""Backbones side by side: a sheet to judge blindly, numeric judges, textures, feature maps.

    python tools/contact_sheet.py sheet docs/offline-sheet.jpg --backbone slim=FILE …
    python tools/contact_sheet.py judges docs/offline-judges.json --backbone slim=FILE …
    python tools/contact_sheet.py textures docs/offline-textures.jpg --backbone …
    python tools/contact_sheet.py features docs/offline-features.jpg
    python tools/contact_sheet.py balance /tmp/balance.json --size 400 --scales 0.5 1 2

Random filters and the kit's offline backbone are always among the backbones; `--backbone` adds
others. All of them get the same treatment: filters normalised on the bundled pictures, average
pooling, and losses divided by what they are for a blank target, so that no backbone's scale counts.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from skimage.metrics import structural_similarity
from torch import Tensor

from styletools.backbones import Backbone, load_backbone
from styletools.config import VGG19_LAYERS, TransferConfig
from styletools.images import bundled, denormalise, load_image, to_image
from styletools.losses import content_loss, gram_matrix, layer_style_loss
from styletools.transfer import stylize
from styletools.vgg import VGG19Features, normalise_filters

STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_LAYER = "conv4_2"
SHEET_RATIO = 10.0  # style loss ÷ content loss, both relative
SWEEP = (0.003, 0.03, 0.3, 3.0, 30.0)  # the same, for the judges
TV_WEIGHT = 2e-4  # times the ratio: smoothing must not outweigh a weak style


# -------------------------------------------------------------------------------------- backbones


def random_weights(like: Mapping[str, Tensor], seed: int = 0) -> dict[str, Tensor]:
    """Kaiming-normal filters and no biases, at the widths of `like`."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for key, value in like.items():
        if key.endswith("weight"):
            deviation = (2 / value[0].numel()) ** 0.5
            weights[key] = deviation * torch.randn(value.shape, generator=generator)
        else:
            weights[key] = torch.zeros_like(value)
    return weights


def normalised(name: str, weights: Mapping[str, Tensor], pictures: list[Tensor]) -> Backbone:
    """A backbone with average pooling whose filters' mean activation on the pictures is 1."""
    deepest = max(VGG19_LAYERS, key=lambda layer: f"{VGG19_LAYERS[layer]}.weight" in weights)
    layers = [layer for layer, index in VGG19_LAYERS.items() if f"{index}.weight" in weights]
    model = VGG19Features(layers or [deepest], weights, "avg")
    return Backbone(name, dict(normalise_filters(model, pictures).state_dict()), "avg", "")


def load_backbones(files: Mapping[str, str], size: int) -> dict[str, Backbone]:
    """Random filters, the named files and the offline backbone, all normalised alike."""
    paths = [*bundled("content").values(), *bundled("style").values()]
    pictures = [load_image(path, max_size=size) for path in paths]
    offline = load_backbone("offline").weights
    weights = {"random": random_weights(offline)}
    weights |= {name: dict(load_backbone(path).weights) for name, path in files.items()}
    weights.setdefault("offline", dict(offline))
    return {name: normalised(name, w, pictures) for name, w in weights.items()}


# -------------------------------------------------------------------------------------- transfers


@dataclasses.dataclass(frozen=True)
class Pair:
    """A content and a style at the size of the run, both (1, 3, H, W)."""

    name: str
    content: Tensor
    style: Tensor


def load_pairs(contents: Iterable[str], styles: Iterable[str], size: int) -> list[Pair]:
    """Every content with every style; a style is cropped to the content's shape, not stretched."""
    pairs = []
    for content in contents:
        picture = load_image(bundled("content")[content], max_size=size)
        for style in styles:
            pairs.append(Pair(f"{content} × {style}", picture, _fitted(style, picture)))
    return pairs


def _fitted(style: str, content: Tensor) -> Tensor:
    height, width = content.shape[-2:]
    with Image.open(bundled("style")[style]) as image:
        scale = max(height / image.height, width / image.width)
        size = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
        resized = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    return load_image(resized.crop((0, 0, width, height)), size=(height, width))


def relative_settings(backbone: Backbone, pair: Pair, ratio: float, steps: int) -> TransferConfig:
    """Settings under which each style layer's loss and the content's are 1 for a blank target."""
    with torch.no_grad():
        model = backbone.features([*STYLE_LAYERS, CONTENT_LAYER])
        style, content = model(pair.style), model(pair.content)[CONTENT_LAYER]
        blank = {n: layer_style_loss(0 * style[n], gram_matrix(style[n])) for n in STYLE_LAYERS}
        weight = 1 / float(content_loss(0 * content, content))
    return TransferConfig(
        content_weight=weight,
        style_weight=ratio,
        style_weights={n: 1 / float(blank[n]) for n in STYLE_LAYERS},
        tv_weight=TV_WEIGHT * ratio,
        optimizer="lbfgs",
        steps=steps,
        device="cpu",
    )


def transfer(backbone: Backbone, pair: Pair, ratio: float, steps: int) -> Tensor:
    """One stylised picture, (1, 3, H, W)."""
    config = relative_settings(backbone, pair, ratio, steps)
    return stylize(pair.content, pair.style, config, backbone=backbone).image


def synthesise(backbone: Backbone, style: Tensor, steps: int) -> Tensor:
    """A texture from white noise by the style loss alone (Gatys et al. 2015)."""
    settings = relative_settings(backbone, Pair("", style, style), 100.0, steps)
    settings = settings.replace(content_weight=0.0, start="noise")
    return stylize(style, style, settings, backbone=backbone).image


# ----------------------------------------------------------------------------------------- judges


def patch_distance(image: Tensor, style: Tensor, patches: int = 4000, slices: int = 128) -> float:
    """Sliced Wasserstein distance of 7×7 colour patches at full, half and quarter size.

    Blind to anything that its patches do not hold: shapes above 28 pixels, and whether what it
    likes is where it belongs. White noise of the right colours does well.
    """
    generator = torch.Generator().manual_seed(0)
    image, style, distances = denormalise(image), denormalise(style), []
    for _ in range(3):
        clouds = []
        for picture in (image, style):
            cloud = F.unfold(picture, 7)[0].T  # (positions, 147)
            chosen = torch.randint(len(cloud), (patches,), generator=generator)
            clouds.append(cloud[chosen])
        direction = F.normalize(torch.randn(147, slices, generator=generator), dim=0)
        one, other = (torch.sort(cloud @ direction, dim=0).values for cloud in clouds)
        distances.append(float((one - other).abs().mean()))
        image, style = F.avg_pool2d(image, 2), F.avg_pool2d(style, 2)
    return float(np.mean(distances))


def finest_detail(image: Tensor) -> float:
    """Deviation of the finest checks, grey levels 0..1: pixel noise and screen patterns.

    Blind to coarser noise; a style with real detail of one pixel has some too, so compare with it.
    """
    grey = denormalise(image).mean(1, keepdim=True)
    checks = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])[None, None] / 2
    return float(F.conv2d(grey, checks).std())


def similarity(image: Tensor, content: Tensor) -> float:
    """Structural similarity of the greys, 1 for the same picture."""
    one, other = (denormalise(t)[0].mean(0).numpy() for t in (image, content))
    return float(structural_similarity(one, other, data_range=1.0))


def feature_distances(judge: Backbone, image: Tensor, pair: Pair) -> tuple[float, float]:
    """Relative content and mean style loss in another backbone's features.

    Blind to what its own features do not see, and partial to pictures made with features like it.
    """
    with torch.no_grad():
        model = judge.features([*STYLE_LAYERS, CONTENT_LAYER])
        found, style, content = model(image), model(pair.style), model(pair.content)
    far = [
        float(layer_style_loss(found[n], gram_matrix(style[n])))
        / float(layer_style_loss(0 * style[n], gram_matrix(style[n])))
        for n in STYLE_LAYERS
    ]
    wanted = content[CONTENT_LAYER]
    relative = float(content_loss(found[CONTENT_LAYER], wanted) / content_loss(0 * wanted, wanted))
    return relative, float(np.mean(far))


def at(wanted: float, where: list[float], values: list[float]) -> float:
    """The value where a measure passes `wanted`, linear in between; the nearest end outside."""
    order = np.argsort(where)
    return float(np.interp(wanted, np.array(where)[order], np.array(values)[order]))


def judge_pair(
    backbones: Mapping[str, Backbone], pair: Pair, steps: int, judge: Backbone | None
) -> dict[str, dict[str, list[float]]]:
    """Every backbone's measures over the sweep of style weights."""
    table: dict[str, dict[str, list[float]]] = {}
    for name, backbone in backbones.items():
        rows = []
        for ratio in SWEEP:
            image = transfer(backbone, pair, ratio, steps)
            far = feature_distances(judge, image, pair) if judge else (0.0, 0.0)
            fine = finest_detail(image) / finest_detail(pair.style)
            patches = patch_distance(image, pair.style)
            rows.append((similarity(image, pair.content), patches, fine, *far))
        columns = ("similarity", "patches", "finest", "judge_content", "judge_style")
        table[name] = {c: list(v) for c, v in zip(columns, zip(*rows, strict=True), strict=True)}
    return table


def verdicts(
    tables: Mapping[str, Mapping[str, Mapping[str, list[float]]]],
) -> dict[str, dict[str, float]]:
    """Both judges' means over the pairs, each at equal distance from the content.

    In each pair that is as far from the content as every backbone comes: patches at the structural
    similarity, style in the judge's features at the content distance. The means of these two are
    there as well.
    """
    result: dict[str, dict[str, list[float]]] = {}
    for table in tables.values():
        alike = max(min(row["similarity"]) for row in table.values())
        far = min(max(row["judge_content"]) for row in table.values())
        for name, row in table.items():
            found = {
                "patches": at(alike, row["similarity"], row["patches"]),
                "finest": at(alike, row["similarity"], row["finest"]),
                "judge_style": at(far, row["judge_content"], row["judge_style"]),
                "similarity": alike,
                "judge_content": far,
            }
            mine = result.setdefault(name, {key: [] for key in found})
            for key, value in found.items():
                mine[key].append(value)
    return {n: {k: float(np.mean(v)) for k, v in row.items()} for n, row in result.items()}


# ----------------------------------------------------------------------------------------- sheets


def tile(rows: list[list[Image.Image]], labels: list[str], side: int) -> Image.Image:
    """Pictures in columns `side` wide, each row as high as its highest; labels underneath."""
    heights = [max(picture.height for picture in row) + 4 for row in rows]
    sheet = Image.new("RGB", (len(rows[0]) * (side + 4), sum(heights) + 16), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            sheet.paste(picture, (x * (side + 4), sum(heights[:y])))
    draw = ImageDraw.Draw(sheet)
    for x, label in enumerate(labels):
        draw.text((x * (side + 4) + 4, sheet.height - 15), label, fill="black")
    return sheet


def make_sheet(options: argparse.Namespace) -> None:
    """Four contents by four styles by all backbones, in columns of a shuffled, hidden order."""
    backbones = load_backbones(options.backbone, options.size)
    pairs = load_pairs(options.contents, options.styles, options.size)
    rng = np.random.default_rng(options.seed)
    rows, key = [], {}
    for pair in pairs:
        order = [str(name) for name in rng.permutation(list(backbones))]
        key[pair.name] = order
        pictures = [transfer(backbones[name], pair, options.ratio, options.steps) for name in order]
        rows.append([to_image(t) for t in (pair.content, pair.style, *pictures)])
        print(pair.name, flush=True)
    labels = ["content", "style", *"ABCDEFGH"[: len(backbones)]]
    tile(rows, labels, options.size).save(options.out, quality=90)
    options.out.with_suffix(".key.json").write_text(json.dumps(key, indent=1) + "\n", "utf-8")


def make_textures(options: argparse.Namespace) -> None:
    """Each style, and its texture from noise by each backbone."""
    backbones = load_backbones(options.backbone, options.size)
    rows = []
    for style in options.styles:
        picture = _fitted(style, torch.empty(1, 3, options.size, options.size))
        made = [synthesise(backbone, picture, options.steps) for backbone in backbones.values()]
        rows.append([to_image(t) for t in (picture, *made)])
    tile(rows, ["style", *backbones], options.size).save(options.out, quality=90)


def make_features(options: argparse.Namespace) -> None:
    """A photograph, and the eight feature maps that vary most at each layer."""
    model = load_backbone("offline").features([*STYLE_LAYERS[:-1], CONTENT_LAYER, STYLE_LAYERS[-1]])
    rows = []
    for content in options.contents:
        photograph = load_image(bundled("content")[content], max_size=options.size)
        for name, features in model(photograph).items():
            varied = features[0].flatten(1).std(1).argsort(descending=True)[:8]
            maps = [_heat(features[0, channel], photograph.shape[-2:]) for channel in varied]
            rows.append([_titled(to_image(photograph), name), *maps])
    tile(rows, ["photograph"], options.size).save(options.out, quality=90)


def _titled(picture: Image.Image, title: str) -> Image.Image:
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 52, 13), fill="white")
    draw.text((3, 1), title, fill="black")
    return picture


def _heat(channel: Tensor, size: Iterable[int]) -> Image.Image:
    height, width = size
    high = max(float(channel.quantile(0.995)), 1e-6)
    grey = ((channel / high).clamp(0, 1) * 255).byte().numpy()
    return Image.fromarray(grey).resize((width, height), Image.Resampling.NEAREST).convert("RGB")


def make_judges(options: argparse.Namespace) -> None:
    """Both judges on every pair; the table of means is printed, everything is written."""
    backbones = load_backbones(options.backbone, options.size)
    judge = backbones.get(options.judge)
    tables = {}
    for pair in load_pairs(options.contents, options.styles, options.size):
        start = time.time()
        tables[pair.name] = judge_pair(backbones, pair, options.steps, judge)
        print(f"{pair.name}  {time.time() - start:.0f} s", flush=True)
        means = verdicts(tables)
        report = {"sweep": SWEEP, "means": means, "pairs": tables}
        options.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(" " * 12 + "".join(f"{key:>15s}" for key in means["offline"]))
    for name, row in means.items():
        print(f"{name:12s}" + "".join(f"{value:15.4f}" for value in row.values()))


def make_balance(options: argparse.Namespace) -> None:
    """β·style ÷ α·content after the assignment's losses, for several scales of the offline net."""
    offline = load_backbone("offline")
    report: dict[str, dict[str, float]] = {}
    for scale in options.scales:
        backbone = dataclasses.replace(offline, weights=scaled(offline.weights, scale))
        row = report.setdefault(f"{scale:g}", {})
        for content, style in zip(options.contents, options.styles, strict=True):
            settings = TransferConfig(
                max_size=options.size,
                steps=options.steps,
                optimizer=options.optimizer,
            )
            result = stylize(
                bundled("content")[content], bundled("style")[style], settings, backbone=backbone
            )
            last = min(result.loss_history, key=lambda record: record["total"])
            row[f"{content} × {style}"] = 1e6 * last["style"] / last["content"]
            name = f"{options.out.stem}-{scale:g}-{content}-{style}.png"
            to_image(result.image).save(options.out.with_name(name))
            print(f"scale × {scale:g}  {content} × {style}: {last}", flush=True)
        options.out.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


def scaled(weights: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Weights whose features are those of `weights` times `scale`, at every layer."""
    return {k: scale * w if k == "0.weight" or "bias" in k else w for k, w in weights.items()}


def _named(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    if not path:
        raise argparse.ArgumentTypeError(f"{text!r}: give NAME=FILE.")
    return name, path


def main() -> None:
    """Run one of the commands above."""
    commands = {
        "sheet": make_sheet,
        "judges": make_judges,
        "textures": make_textures,
        "features": make_features,
        "balance": make_balance,
    }
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("command", choices=commands)
    parser.add_argument("out", type=Path)
    parser.add_argument("--backbone", type=_named, action="append", default=[], help="NAME=FILE")
    parser.add_argument("--contents", nargs="+", default=list(bundled("content"))[:4])
    parser.add_argument("--styles", nargs="+", default=list(bundled("style"))[:4])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--ratio", type=float, default=SHEET_RATIO)
    parser.add_argument("--judge", default="slim", help="the backbone whose features judge")
    parser.add_argument("--scales", type=float, nargs="+", default=[1.0], help="for balance")
    parser.add_argument("--optimizer", default="lbfgs", help="for balance")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.backbone = dict(options.backbone)
    commands[options.command](options)


if __name__ == "__main__":
    main()
