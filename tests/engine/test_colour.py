"""Whose colours a picture gets, against numpy, Pillow's grey and the standard library's YIQ."""

import colorsys

import numpy as np
import pytest
import torch

from styletools.config import TransferConfig
from styletools.engine.colour import luminance, match_colours, match_luminance, recolour
from styletools.images import denormalise, normalise, to_image
from styletools.transfer import stylize

CONFIG = TransferConfig(steps=4, style_weight=1e3, backbone="small", optimizer="lbfgs")


def picture(rng, low, high, size=(40, 48)):
    """Colours that depend on each other, within limits; as (H, W, 3) and as a tensor."""
    mixed = rng.random((*size, 3)) @ np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]])
    rgb = (low + (high - low) * mixed).astype(np.float32)
    return rgb, tensor(rgb)


def tensor(rgb):
    return normalise(torch.from_numpy(rgb).permute(2, 0, 1)[None])


def back(image):
    return denormalise(image, clip=False)[0].permute(1, 2, 0).numpy()


def colours(rgb):
    return rgb.reshape(-1, 3)


def root(rgb):
    values, vectors = np.linalg.eigh(np.cov(colours(rgb).T, bias=True))
    return vectors @ np.diag(values**0.5) @ vectors.T


def test_the_matched_style_has_the_contents_mean_and_covariance(rng):
    style, style_tensor = picture(rng, 0.0, 0.4)
    content, _ = picture(rng, 0.5, 0.9, (30, 20))
    content[..., 0] *= 0.6
    matched = back(match_colours(style_tensor, tensor(content)))
    means = [colours(rgb).mean(axis=0) for rgb in (matched, content)]
    np.testing.assert_allclose(*means, atol=1e-5)
    covariances = [np.cov(colours(rgb).T, bias=True) for rgb in (matched, content)]
    np.testing.assert_allclose(*covariances, atol=1e-6)
    # Of all A with A Σ_S Aᵀ = Σ_C it is the one by symmetric roots: A Σ_S^½ = Σ_C^½.
    centred = [colours(rgb) - colours(rgb).mean(axis=0) for rgb in (style, matched)]
    turn = np.linalg.lstsq(*centred, rcond=None)[0].T
    np.testing.assert_allclose(turn @ root(style), root(content), atol=1e-5)


@pytest.mark.parametrize("which", ["grey", "flat"])
def test_a_style_without_colours_is_not_stretched(rng, which):
    style, _ = picture(rng, 0.2, 0.8)
    style[...] = style[..., :1] if which == "grey" else 0.5
    style += rng.uniform(-0.4, 0.4, style.shape).astype(np.float32) / 255  # as 8 bits round
    content, content_tensor = picture(rng, 0.3, 0.7)
    matched = colours(back(match_colours(tensor(style), content_tensor)))
    assert (matched.std(axis=0) <= colours(content).std(axis=0) * 1.01).all()
    np.testing.assert_allclose(matched.mean(axis=0), colours(content).mean(axis=0), atol=1e-5)
    spread = matched.std(axis=0).max()  # the flat one stays flat, noise and all
    assert spread < 1e-3 if which == "flat" else spread > 0.01


def test_the_luminance_of_the_style_has_the_contents_mean_and_deviation(rng):
    (style, style_tensor), (content, content_tensor) = picture(rng, 0, 0.5), picture(rng, 0.5, 0.8)
    grey = back(match_luminance(style_tensor, content_tensor))
    assert (np.ptp(grey, axis=2) < 1e-6).all()
    ours, theirs = (
        np.array([colorsys.rgb_to_yiq(*x)[0] for x in colours(rgb)]) for rgb in (style, content)
    )
    expected = (ours - ours.mean()) * theirs.std() / ours.std() + theirs.mean()
    np.testing.assert_allclose(grey[..., 0].ravel(), expected, atol=2e-3)
    as_pillow = np.asarray(to_image(content_tensor).convert("L"), dtype=float) / 255
    np.testing.assert_allclose(back(luminance(content_tensor))[..., 1], as_pillow, atol=1 / 255)


def test_recolouring_changes_the_brightness_alone(rng):
    image, image_tensor = picture(rng, 0.4, 0.6)
    content, content_tensor = picture(rng, 0.3, 0.7)
    found = colours(back(recolour(image_tensor, content_tensor)))
    for ours, its, here in zip(found, colours(image), colours(content), strict=True):
        expected = colorsys.rgb_to_yiq(*its)[0], *colorsys.rgb_to_yiq(*here)[1:]
        np.testing.assert_allclose(colorsys.rgb_to_yiq(*ours), expected, atol=2e-3)
    assert recolour(image_tensor[..., ::2, ::2], content_tensor).shape == (1, 3, 20, 24)


def test_a_run_by_luminance_keeps_the_photographs_colours(rng, backbone):
    (_, content), (_, style) = picture(rng, 0.4, 0.6, (96, 96)), picture(rng, 0.2, 0.9, (96, 96))
    seen = []
    config = CONFIG.replace(colour="luminance", levels=2, steps=6, start="style")
    result = stylize(content, style, config, lambda s: seen.append(s.image), backbone=backbone)
    assert {tuple(image.shape[-2:]) for image in seen} == {(48, 48), (96, 96)}
    for image in (result.image, seen[-1]):
        rgb, photograph = colours(back(image)), colours(back(content))
        assert np.abs(rgb - photograph).max() > 0.01, "it was painted"
        chroma = [x - x @ [[0.299], [0.587], [0.114]] for x in (rgb, photograph)]
        np.testing.assert_allclose(*chroma, atol=1e-5)
    grey, matched = luminance(content), match_luminance(style, content)
    plain = stylize(grey, matched, config.replace(colour="style"), backbone=backbone)
    assert result.loss_history == plain.loss_history
    assert torch.equal(result.image, recolour(plain.image, content))


@pytest.mark.parametrize("start", ["content", "style", "noise"])
@pytest.mark.parametrize("colour", ["match", "luminance"])
def test_a_run_paints_with_the_recoloured_style(rng, backbone, colour, start):
    (_, content), (_, style) = picture(rng, 0.4, 0.6), picture(rng, 0.2, 0.9)
    config = CONFIG.replace(colour=colour, start=start, steps=1)
    result = stylize(content, style, config, backbone=backbone)
    match = match_colours if colour == "match" else match_luminance
    grey = luminance if colour == "luminance" else lambda image: image
    noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(0))
    begun = {"style": match(style, content), "content": grey(content), "noise": grey(noise)}[start]
    image = recolour(begun, content) if colour == "luminance" else begun
    torch.testing.assert_close(result.image, image)
    plain = CONFIG.replace(steps=1)
    if start == "content":
        again = stylize(grey(content), match(style, content), plain, backbone=backbone)
        assert result.loss_history == again.loss_history
