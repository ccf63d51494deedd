"""Measures against closed forms and the paper's losses, computed another way."""

import pytest
import torch
from scipy.ndimage import gaussian_filter

from styletools.backbones import load_backbone
from styletools.images import bundled, denormalise, load_image, normalise
from styletools.lab.measure import JUDGED_CONTENT, JUDGED_STYLE, measure
from styletools.losses import content_loss, gram_matrix, layer_style_loss


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("small")


@pytest.fixture(scope="module")
def pictures():
    content = load_image(bundled("content")["chelsea"], 48)
    return content, load_image(bundled("style")["impasto"], size=content.shape[-2:])


def test_the_content_itself(backbone, pictures):
    content, style = pictures
    found = measure(content, content, style, backbone)
    assert found["content_kept"] == found["ssim"] == 1
    assert found["style_taken"] == pytest.approx(0, abs=1e-6)


def test_tiles_give_the_wholes_numbers(backbone, monkeypatch):
    content = load_image(bundled("content")["chelsea"], 110)
    style = load_image(bundled("style")["impasto"], size=content.shape[-2:])
    image = 0.3 * content + 0.7 * style
    whole = measure(image, content, style, backbone)
    monkeypatch.setattr("styletools.lab.measure.TILE", 48)
    assert measure(image, content, style, backbone) == pytest.approx(whole, rel=1e-5)


def test_the_style_itself(backbone, pictures):
    content, style = pictures
    found = measure(style, content, style, backbone)
    assert found["content_kept"] == pytest.approx(0, abs=1e-6)
    assert found["style_taken"] == 1
    assert found["ssim"] < 0.5


def test_they_are_roots_of_the_papers_losses(backbone, pictures):
    content, style = pictures
    image = (content + style) / 2
    found = measure(image, content, style, backbone)
    net = backbone.features()
    with torch.no_grad():
        x, p, a = net(image), net(content), net(style)
    here, whole = (
        float(content_loss(f[JUDGED_CONTENT], p[JUDGED_CONTENT], "paper")) for f in (x, a)
    )
    assert found["content_kept"] == pytest.approx(1 - (here / whole) ** 0.5, rel=1e-4)
    for layer in JUDGED_STYLE:
        gram = gram_matrix(a[layer])
        here, whole = (float(layer_style_loss(f[layer], gram, "paper")) for f in (x, p))
        assert found[f"style_taken_{layer}"] == pytest.approx(1 - (here / whole) ** 0.5, rel=1e-4)
    mean = sum(found[f"style_taken_{layer}"] for layer in JUDGED_STYLE) / 5
    assert found["style_taken"] == pytest.approx(mean)


def test_ssim_of_flat_pictures(backbone):
    """Without structure SSIM is (2ab + C1) / (a² + b² + C1), C1 = 0.01² (Wang et al. 2004)."""
    a, b = 0.25, 0.75
    flat = [normalise(torch.full((1, 3, 32, 32), value)) for value in (a, b)]
    expected = (2 * a * b + 1e-4) / (a**2 + b**2 + 1e-4)
    assert measure(flat[0], flat[1], flat[0], backbone)["ssim"] == pytest.approx(expected, rel=1e-4)


def test_ssim_by_its_formula(backbone, pictures):
    """Means, variances and covariance under a Gaussian of 1.5 pixels, 11 wide (Wang et al.)."""
    content, style = pictures
    image = (2 * content + style) / 3
    x, y = (denormalise(i)[0].mean(dim=0).double().numpy() for i in (image, content))

    def mean(values):
        return gaussian_filter(values, 1.5, truncate=3.5)

    c1, c2 = 0.01**2, 0.03**2
    covariance = mean(x * y) - mean(x) * mean(y)
    variances = mean(x**2) - mean(x) ** 2 + mean(y**2) - mean(y) ** 2
    means = (2 * mean(x) * mean(y) + c1) / (mean(x) ** 2 + mean(y) ** 2 + c1)
    whole = (means * (2 * covariance + c2) / (variances + c2))[5:-5, 5:-5]
    found = measure(image, content, style, backbone)["ssim"]
    assert found == pytest.approx(whole.mean(), rel=1e-6)
    assert found < 0.95


def test_the_same_picture_twice_has_no_scale(backbone, pictures):
    content, style = pictures
    found = measure(style, content, content, backbone)
    assert found["content_kept"] is None
    assert found["style_taken"] is None
