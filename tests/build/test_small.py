"""The small backbone that ships: as strong as vgg19 in every layer, and how it is made."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from support.weights import vgg_weights

from styletools._files import file_sha256
from styletools.backbones import SMALL, load_backbone
from styletools.config import STYLE_WEIGHTS, VGG19_LAYERS
from styletools.images import bundled, load_image
from styletools.losses import gram_matrix, style_loss
from styletools.vgg import VGG19Features

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import make_small

SHA256 = "eb75736ecbcff69b35031fcb5eb48a7607526f92c5811c26f833ce9d2bb8f590"
PAIRS = [("chelsea", "stained_glass"), ("coffee", "woodblock"), ("astronaut", "mosaic")]


def test_file_is_the_published_one():
    assert file_sha256(SMALL) == SHA256
    assert SMALL.stat().st_size <= 4_000_000
    with safe_open(SMALL, "pt") as file:
        assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.float16}  # noqa: SIM118
        assert file.metadata()["name"] == "small"
        assert file.metadata()["pooling"] == "avg"


def test_keys_and_shapes_are_vgg19s():
    weights, channels = load_backbone("small").weights, 3
    for layer in make_small.LAYERS:
        weight = weights[f"{VGG19_LAYERS[layer]}.weight"]
        assert weight.shape[1:] == (channels, 3, 3)
        channels = weight.shape[0]
    assert len(weights) == 26


def test_no_filter_outshines_its_layer():
    """One that hardly ever fires, normalised to mean 1, would be all that a Gram matrix shows."""
    model = load_backbone("small").features(make_small.LAYERS)
    for kind in ("content", "style"):
        for name, path in bundled(kind).items():
            for layer, features in model(load_image(path, max_size=160)).items():
                strength = features.square().mean((0, 2, 3)).sqrt()
                assert strength.max() < 10 * strength.median(), (name, layer)


@pytest.fixture(scope="module")
def nets():
    return {name: load_backbone(name).features(STYLE_WEIGHTS) for name in ("vgg19", "small")}


def shares(model, content, style):
    """Each layer's share of the first style loss."""
    features, grams = model(content), {k: gram_matrix(v) for k, v in model(style).items()}
    losses = {
        layer: float(style_loss({layer: features[layer]}, {layer: grams[layer]}, {layer: weight}))
        for layer, weight in STYLE_WEIGHTS.items()
    }
    return {layer: loss / sum(losses.values()) for layer, loss in losses.items()}


@pytest.mark.parametrize(("content", "style"), PAIRS)
def test_the_same_layers_steer_as_on_vgg19(nets, content, style):
    picture = load_image(bundled("content")[content], size=make_small.SIZE)
    painting = load_image(bundled("style")[style], size=make_small.SIZE)
    small, vgg19 = (shares(nets[name], picture, painting) for name in ("small", "vgg19"))
    for layer, share in vgg19.items():
        if share > 0.02:
            assert share / 2 < small[layer] < share * 2, (layer, share, small[layer])
        else:
            assert small[layer] < 0.05, (layer, share, small[layer])


def test_scaling_changes_nothing_but_the_strength():
    factors = {layer: 2.0 ** (n % 5 - 2) for n, layer in enumerate(make_small.LAYERS)}
    weights, image = vgg_weights(), torch.randn(1, 3, 32, 32)
    before = VGG19Features(make_small.LAYERS, weights, "avg")(image)
    scaled = make_small.scale_layers(weights, factors)
    after = VGG19Features(make_small.LAYERS, scaled, "avg")(image)
    for layer, factor in factors.items():
        torch.testing.assert_close(after[layer], factor * before[layer])


@pytest.mark.slow
def test_the_shipped_file_is_as_strong_as_vgg19():
    factors = make_small.layer_factors(load_backbone("small"), load_backbone("vgg19"))
    assert factors == pytest.approx(dict.fromkeys(make_small.LAYERS, 1), rel=0.01)
