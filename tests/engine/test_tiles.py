"""Pictures in tiles: loss and gradient against the whole picture's, and when a run takes them."""

import pytest
import torch

from styletools.config import STYLE_DISTANCES, VGG19_LAYERS, TransferConfig
from styletools.engine.memory import halo_of, memory_needed, plan_memory
from styletools.engine.objective import Objective
from styletools.engine.pictures import GuidedStyle
from styletools.engine.tiles import TiledObjective, cut
from styletools.transfer import stylize
from styletools.vgg import VGG19Features

CONFIG = TransferConfig(
    steps=4, style_weight=1e3, backbone="small", optimizer="lbfgs", content_layers=("conv3_2",)
)


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(1)  # sizes that are no multiples of 16
    sizes = ((235, 197), (235, 197), (150, 260), (235, 197))
    return [torch.randn(1, 3, *size, generator=generator) for size in sizes]


def gradient_of(score, target):
    target = target.clone().requires_grad_(True)
    total, parts = score(target)
    total.backward()
    return total.detach(), {name: part.detach() for name, part in parts.items()}, target.grad


@pytest.mark.parametrize(
    "changes",
    [
        *({"style_distance": name} for name in STYLE_DISTANCES),
        {"convention": "paper", "tv_weight": 3.0, "pooling": "avg"},
        {"optimizer": "adam", "content_layers": ("conv1_1", "conv4_2", "conv5_1")},
    ],
)
def test_tiles_have_the_whole_pictures_loss_and_gradient(backbone, pictures, changes):
    content, one, other, target = (picture.double() for picture in pictures)
    config = CONFIG.replace(**changes)
    layers = {*config.content_layers, *config.style_weights}
    painted = torch.rand(1, 1, 235, 197, generator=torch.Generator().manual_seed(2)).double()
    styles = [GuidedStyle(one, 2.0), GuidedStyle(other, 1.0, rescaled=True)]
    styles.append(GuidedStyle(one.flip(-1), 0.5, painted.flip(-1), painted))
    model = backbone.features(layers, config.pooling).double()
    whole = gradient_of(Objective(model, content, styles, config), target)
    for tile, saving in ((64, False), (112, True)):
        tiled = TiledObjective(model, content, styles, config, saving, tile=tile)
        found = gradient_of(tiled, target)
        assert float(found[0]) == pytest.approx(float(whole[0]), rel=1e-7)
        assert {n: float(p) for n, p in found[1].items()} == {
            n: pytest.approx(float(p), rel=1e-5) for n, p in whole[1].items()
        }
        off = (found[2] - whole[2]).abs().max() / whole[2].abs().max()
        assert float(off) < 1e-5
        with torch.no_grad():
            assert float(tiled(target)[0]) == pytest.approx(float(whole[0]), rel=1e-7)


@pytest.mark.parametrize(
    ("length", "tile"), [(235, 64), (197, 112), (64, 64), (1029, 1024), (70, 64)]
)
def test_cores_cover_the_picture_once_and_stand_on_the_grid(length, tile):
    covered = torch.zeros(length, 40)
    for one in cut(torch.zeros(1, 3, length, 40), tile, 80):
        covered[one.core] += 1
        (rows, _), (crop, _) = one
        assert rows.start % 16 == crop.start % 16 == 0
        assert rows.stop % 16 == 0 or rows.stop == length
        assert 0 < rows.stop - rows.start <= tile + 15
        assert crop.start == max(0, rows.start - 80)
        assert crop.stop == min(length, rows.stop + 80)
    assert (covered == 1).all()


@pytest.mark.parametrize("layer", ["conv1_2", "conv3_1", "conv5_1", "conv5_4"])
def test_the_halo_is_what_the_deepest_layer_sees(layer):
    """The slope of one position of the layer, in its own cell's distance."""
    weights = {
        f"{index}.{kind}": torch.ones((2, 2 if index else 3, 3, 3) if kind == "weight" else (2,))
        for index in VGG19_LAYERS.values()
        for kind in ("weight", "bias")
    }
    model = VGG19Features((layer,), weights, "avg").double()
    picture = torch.ones(1, 3, 16, 416, dtype=torch.float64, requires_grad=True)
    features = model(picture)[layer]
    stride = 416 // features.shape[-1]
    features[0, 0, 0, 208 // stride].backward()
    seen = picture.grad.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
    reach = max(208 - int(seen.min()), int(seen.max()) - (208 + stride - 1))
    assert reach <= halo_of(model) < reach + 16


def test_a_limit_that_is_too_low_for_the_whole_brings_tiles(backbone, pictures, monkeypatch):
    content, style, _, _ = pictures
    size = (content.shape[-2], content.shape[-1])
    monkeypatch.setattr("styletools.engine.memory.TILES", (128, 64, 32))
    monkeypatch.setattr("styletools.engine.memory.COPIES_OF_PICTURE", {"lbfgs": 1})
    weights = {"conv1_1": 1.0, "conv2_1": 0.8}
    limited = CONFIG.replace(content_layers=("conv2_2",), style_weights=weights, pooling="max")
    whole = memory_needed(limited, backbone, size, saving=True) / 2**30
    limited = limited.replace(max_memory=0.9 * whole)
    plan = plan_memory(limited, backbone, size)
    assert plan.tile in (128, 64)
    tiled = stylize(content, style, limited, backbone=backbone)
    plain = stylize(content, style, limited.replace(max_memory=None), backbone=backbone)
    assert (tiled.image - plain.image).abs().max() < 1e-3
