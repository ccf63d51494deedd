"""The feature extractor against torchvision's VGG19 and against the paper's definitions."""

import pytest
import torch
import torchvision
from support.weights import vgg_weights
from torch import nn

from styletools import vgg
from styletools.config import VGG19_LAYERS
from styletools.errors import ConfigError, ImageError
from styletools.vgg import ASSIGNMENT_LAYERS, VGG19Features, get_features, normalise_filters


@pytest.fixture(scope="module")
def torchvision_features():
    torch.manual_seed(0)
    return torchvision.models.vgg19(weights=None).features.eval()


@pytest.fixture
def image():
    return torch.randn(1, 3, 40, 33, generator=torch.Generator().manual_seed(0))


def test_layer_indices_are_torchvisions_convolutions(torchvision_features):
    found = [i for i, module in enumerate(torchvision_features) if isinstance(module, nn.Conv2d)]
    assert list(VGG19_LAYERS.values()) == found
    blocks = [int(name[4]) for name in VGG19_LAYERS]
    pools = [i for i, m in enumerate(torchvision_features) if isinstance(m, nn.MaxPool2d)]
    assert blocks == [1 + sum(pool < i for pool in pools) for i in found]


def literal_features(image, model, layers):
    """The assignment's own loop, over all 37 modules."""
    features, x = {}, image
    for name, layer in model._modules.items():
        x = layer(x)
        if name in layers:
            features[layers[name]] = x
    return features


@torch.no_grad()
def test_equal_to_the_assignments_loop(torchvision_features, image):
    literal = literal_features(image, torchvision_features, ASSIGNMENT_LAYERS)
    ours = VGG19Features(weights=torchvision_features.state_dict())
    for result in (ours(image), get_features(image, torchvision_features)):
        assert list(result) == list(literal)
        for name in literal:
            torch.testing.assert_close(result[name], literal[name])


@torch.no_grad()
def test_features_are_after_the_relu(weights, image):
    features = VGG19Features(VGG19_LAYERS.keys() - deeper_than("conv5_1"), weights)(image)
    assert len(features) == 13
    for name, feature in features.items():
        assert feature.min() == 0, name
        assert feature.max() > 0, name


def deeper_than(name):
    return {layer for layer, index in VGG19_LAYERS.items() if index > VGG19_LAYERS[name]}


@torch.no_grad()
def test_stops_at_the_deepest_layer(weights, image):
    model = VGG19Features(["conv2_1", "conv1_2"], weights)
    assert list(model._modules) == ["0", "1", "2", "3", "4", "5", "6"]
    assert list(model(image)) == ["conv1_2", "conv2_1"]
    whole = VGG19Features(["conv5_1"], weights)
    whole[28].register_forward_hook(lambda *_: pytest.fail("went on after conv1_1"))
    assert list(get_features(image, whole, {"0": "mine"})) == ["mine"]


@torch.no_grad()
def test_average_pooling_differs_from_max(weights, image):
    peak, mean = (VGG19Features(["conv2_1"], weights, pooling)(image) for pooling in ("max", "avg"))
    assert peak["conv2_1"].shape == mean["conv2_1"].shape == (1, 5, 20, 16)
    assert not torch.allclose(peak["conv2_1"], mean["conv2_1"])
    halved = torch.nn.functional.avg_pool2d(
        VGG19Features(["conv1_2"], weights)(image)["conv1_2"], 2
    )
    expected = torch.conv2d(halved, weights["5.weight"], weights["5.bias"], padding=1).relu()
    torch.testing.assert_close(mean["conv2_1"], expected)


def test_frozen_but_differentiable_in_the_image(weights, image):
    model = VGG19Features(["conv3_1"], weights)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    image.requires_grad_(True)
    model(image)["conv3_1"].sum().backward()
    assert image.grad.abs().sum() > 0


@torch.no_grad()
def test_normalised_filters_have_mean_one_and_compute_the_same():
    weights = vgg_weights(seed=3)
    weights["5.bias"][2] = -1e6  # this filter never fires
    model = VGG19Features(list(VGG19_LAYERS)[:13], weights, "avg")
    generator = torch.Generator().manual_seed(5)
    pictures = [torch.randn(1, 3, *size, generator=generator) for size in ((48, 48), (64, 40))]
    normalised = normalise_filters(model, pictures)
    for name in list(VGG19_LAYERS)[:13]:
        sums, positions, scale = 0, 0, normalised.filter_scales[name]
        for picture in pictures:
            original, new = model(picture)[name], normalised(picture)[name]
            torch.testing.assert_close(new * scale[:, None, None], original, rtol=1e-4, atol=1e-4)
            sums = sums + new.sum(dim=(0, 2, 3))
            positions += new.shape[2] * new.shape[3]
        fires = sums > 0
        assert fires.any()
        assert (scale[~fires] == 1).all()
        torch.testing.assert_close(sums[fires] / positions, torch.ones(int(fires.sum())))
    assert not normalised.filter_scales["conv2_1"][2] > 1
    assert torch.equal(model[0].weight, weights["0.weight"])  # the original stays as it is


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, x: VGG19Features(["conv6_1"]), ConfigError, "'conv6_1'.* are conv1_1, conv1_2"),
        (lambda m, x: VGG19Features("conv1_1"), ConfigError, "give a list of names"),
        (lambda m, x: VGG19Features(["conv1_1"], pooling="mean"), ConfigError, "choose max or avg"),
        (
            lambda m, x: VGG19Features(["conv5_2"], vgg_weights()),
            ConfigError,
            r"end before conv5_2 \(no 30.weight\)",
        ),
        (
            lambda m, x: get_features(x, m, {"1": "relu1_1"}),
            ConfigError,
            "'1' is not a convolution.*at 0, 2, 5",
        ),
        (lambda m, x: get_features(x, m, {0: "conv1_1"}), ConfigError, "Layer 0 is not"),
        (lambda m, x: m(x[0]), ImageError, r"\(1, 3, H, W\); this one is \(3, 40, 33\)"),
        (lambda m, x: m(x[:, :, :8]), ImageError, "33×8 pixels; give 16×16 or more"),
        (lambda m, x: m((255 * x).byte()), ImageError, "floats .* this is torch.uint8"),
        (lambda m, x: get_features(x.numpy(), m), ImageError, "floats .* this is ndarray"),
        (lambda m, x: m(x.to("meta")), ImageError, r"is on meta, .*: image.to\('cpu'\)"),
        (lambda m, x: normalise_filters(m, []), ConfigError, "one or more calibration pictures"),
    ],
)
def test_wrong_input(weights, image, call, error, message):
    with pytest.raises(error, match=message):
        call(VGG19Features(weights=weights), image)


def test_full_width_without_weights():
    model = VGG19Features(["conv5_4"])
    assert [m.out_channels for m in model if isinstance(m, nn.Conv2d)] == list(vgg.FULL_WIDTHS)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16])
def test_floats_of_another_precision_are_taken(weights, image, kind):
    model = VGG19Features(["conv3_1"], weights)
    expected = model(image.to(kind).float())["conv3_1"]
    assert torch.equal(model(image.to(kind))["conv3_1"], expected)
