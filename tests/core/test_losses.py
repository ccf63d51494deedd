"""Losses against the paper's formulas, in float64 numpy, and their gradients."""

import numpy as np
import pytest
import torch

from styletools import losses
from styletools.errors import ConfigError

N, H, W = 5, 4, 7
M = H * W


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(3, 1, N, H, W, generator=generator, dtype=torch.float64)  # F, P, A's


def flat(tensor):
    return tensor.detach().numpy().reshape(N, M)


def test_gram_against_einsum(features):
    expected = np.einsum("im,jm->ij", flat(features[0]), flat(features[0]))
    np.testing.assert_allclose(losses.gram_matrix(features[0]), expected, rtol=1e-14)
    single = losses.gram_matrix(features[0].float())
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, expected, rtol=1e-5)


def test_gram_of_half_precision_does_not_overflow():
    bright = torch.full((1, 2, 400, 400), 10.0, dtype=torch.float16)
    gram = losses.gram_matrix(bright)
    assert gram.dtype == torch.float32
    assert gram[0, 1].item() == pytest.approx(1.6e7)


def test_gram_forgets_where_things_are(features):
    order = torch.randperm(M, generator=torch.Generator().manual_seed(0))
    shuffled = features[0].reshape(1, N, M)[:, :, order].reshape(1, N, H, W)
    torch.testing.assert_close(losses.gram_matrix(shuffled), losses.gram_matrix(features[0]))


def test_gram_takes_one_image():
    with pytest.raises(ConfigError, match=r"one image's features, .*got \(2, 3, 4, 4\)"):
        losses.gram_matrix(torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize("wrong", [torch.zeros(1, 3, 4, 4, dtype=torch.complex64), [[1.0]]])
def test_losses_take_tensors_of_real_numbers(wrong):
    message = r"tensors of real numbers; got (torch\.complex64|list)"
    for call in (losses.gram_matrix, lambda x: losses.content_loss(x, x)):
        with pytest.raises(ConfigError, match=message):
            call(wrong)


def test_content_loss_formulas(features):
    difference = flat(features[0]) - flat(features[1])
    course = losses.content_loss(features[0], features[1])
    paper = losses.content_loss(features[0], features[1], "paper")
    assert course.item() == pytest.approx((difference**2).sum() / (N * M), rel=1e-14)
    assert paper.item() == pytest.approx(0.5 * (difference**2).sum(), rel=1e-14)
    assert course / paper == pytest.approx(losses.content_factor(N, M), rel=1e-14)
    assert losses.content_factor(N, M) == 2 / (N * M)


def test_style_loss_formulas(features):
    gram = losses.gram_matrix(features[2])
    difference = flat(features[0]) @ flat(features[0]).T - gram.numpy()
    course = losses.layer_style_loss(features[0], gram)
    paper = losses.layer_style_loss(features[0], gram, "paper")
    assert course.item() == pytest.approx((difference**2).mean() / (N * H * W), rel=1e-12)
    expected = (difference**2).sum() / (4 * N**2 * M**2)
    assert paper.item() == pytest.approx(expected, rel=1e-12)
    assert course / paper == pytest.approx(losses.style_factor(N, M), rel=1e-12)
    assert losses.style_factor(N, M) == 4 * M / N


@pytest.mark.parametrize(
    ("channels", "side", "factor"),
    [(64, 400, 10_000), (128, 200, 1250), (256, 100, 156.25), (512, 50, 19.53125)],
)
def test_factors_at_400_pixels(channels, side, factor):
    assert losses.style_factor(channels, side * side) == factor


def test_content_gradient_is_equation_2(features):
    """∂L/∂F = F − P where F > 0; with post-ReLU features that is everywhere that counts."""
    target = features[0].clone().requires_grad_(True)
    losses.content_loss(target, features[1], "paper").backward()
    torch.testing.assert_close(target.grad, features[0] - features[1])


def test_style_gradient_is_equation_6(features):
    """∂E/∂F = (Fᵀ(G − A))ᵀ / (N²M²)."""
    target = features[0].clone().requires_grad_(True)
    gram = losses.gram_matrix(features[2])
    losses.layer_style_loss(target, gram, "paper").backward()
    f = flat(features[0])
    expected = (f.T @ (f @ f.T - gram.numpy())).T / (N**2 * M**2)
    np.testing.assert_allclose(target.grad.numpy().reshape(N, M), expected, rtol=1e-12)


@pytest.mark.parametrize("convention", ["course", "paper"])
def test_gradcheck(features, convention):
    gram = losses.gram_matrix(features[2])
    target = features[0].clone().requires_grad_(True)

    def total(x):
        content = losses.content_loss(x, features[1], convention)
        style = losses.style_loss({"a": x}, {"a": gram}, {"a": 0.7}, convention)
        return losses.total_loss(content, style, 1.3, 2.1) + losses.total_variation(x)

    assert torch.autograd.gradcheck(total, target)


def test_style_loss_weighs_layers(features):
    grams = {"a": losses.gram_matrix(features[1]), "b": losses.gram_matrix(features[2])}
    both = {"a": features[0], "b": features[0]}
    a, b = (losses.layer_style_loss(features[0], gram) for gram in grams.values())
    total = losses.style_loss(both, grams, {"a": 0.25, "b": 3.0})
    torch.testing.assert_close(total, 0.25 * a + 3 * b)


def test_total_loss():
    total = losses.total_loss(torch.tensor(3.0), torch.tensor(5.0), 0.5, 100.0)
    assert total == 0.5 * 3 + 100 * 5


def test_total_variation():
    image = torch.tensor([[0.0, 1.0], [4.0, 4.0]])[None, None]
    assert losses.total_variation(image) == (16 + 9) / 2 + (1 + 0) / 2


def test_weights_convert_exactly(features):
    gram = losses.gram_matrix(features[2])
    alpha = 1.5 * losses.content_factor(N, M)
    weights = {"conv1_1": 0.75 * losses.style_factor(N, M)}
    totals = [
        losses.total_loss(
            losses.content_loss(features[0], features[1], convention),
            losses.style_loss({"conv1_1": features[0]}, {"conv1_1": gram}, w, convention),
            a,
            10.0,
        )
        for convention, a, w in (("course", 1.5, {"conv1_1": 0.75}), ("paper", alpha, weights))
    ]
    torch.testing.assert_close(*totals)


def test_wrong_shapes_and_conventions(features):
    with pytest.raises(ConfigError, match=r"Shapes differ: \(1, 5, 4, 7\) against \(1, 5, 4, 6\)"):
        losses.content_loss(features[0], features[1][..., :-1])
    with pytest.raises(ConfigError, match=r"Shapes differ: \(5, 5\) against \(4, 4\)"):
        losses.layer_style_loss(features[0], torch.zeros(4, 4))
    with pytest.raises(ConfigError, match="convention is 'papers'; choose one of course, paper"):
        losses.content_loss(features[0], features[1], "papers")
