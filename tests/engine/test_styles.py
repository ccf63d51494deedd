"""Style pictures: shape and scale, distances, shares and masks, against literal formulas."""

import numpy as np
import pytest
import scipy.linalg
import torch
from PIL import Image

from styletools.backbones import Backbone
from styletools.config import (
    STYLE_DISTANCES,
    TransferConfig,
    read_entries,
    read_shares,
    write_entries,
)
from styletools.engine.objective import Objective
from styletools.engine.pictures import GuidedStyle, load_pictures
from styletools.errors import ConfigError, ImageError
from styletools.images import denormalise
from styletools.transfer import run_key, stylize

CONFIG = TransferConfig(steps=3, style_weight=1e3, backbone="small", optimizer="lbfgs")


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(1)
    sizes = ((40, 48), (40, 48), (64, 36), (40, 48))  # content, style, another style, target
    return [torch.randn(1, 3, *size, generator=generator) for size in sizes]


def objective(backbone, content, style, config):
    layers = {*config.content_layers, *config.style_weights}
    return Objective(backbone.features(layers, "max"), content, style, config)


def columns(backbone, picture, name):
    """(C, M) in float64."""
    return backbone.features()(picture)[name][0].flatten(1).double().numpy()


def by_numpy(name, own, goal):
    """A layer's distance between two (C, M) and (C, M′), the second as if it had M positions."""
    channels, positions = own.shape
    gram, wanted = own @ own.T, goal @ goal.T * positions / goal.shape[1]
    if name == "gram":
        return ((gram - wanted) ** 2).mean() / (channels * positions)
    if name == "balanced":
        return ((gram - wanted) ** 2).sum() / ((gram**2).sum() + (wanted**2).sum())
    apart = own.mean(axis=1) - goal.mean(axis=1)
    if name == "moments":
        return (apart**2 + (own.std(axis=1) - goal.std(axis=1)) ** 2).mean()
    here, there = np.cov(own, bias=True), np.cov(goal, bias=True)
    both = scipy.linalg.sqrtm(here @ there + 1e-13 * np.eye(channels)).real.trace()
    return ((apart**2).sum() + here.trace() + there.trace() - 2 * both) / channels


@pytest.mark.parametrize("name", STYLE_DISTANCES)
def test_each_distance_is_its_formula(backbone, pictures, name):
    content, _, style, target = pictures
    config = CONFIG.replace(style_distance=name, style_scale=1.0)
    guided = [GuidedStyle(style, rescaled=True)]
    _, parts = objective(backbone, content, guided, config)(target)
    for layer in config.style_weights:
        pair = (columns(backbone, picture, layer) for picture in (target, style))
        assert float(parts[layer]) == pytest.approx(by_numpy(name, *pair), rel=1e-3), layer


@pytest.mark.parametrize("name", STYLE_DISTANCES)
def test_the_gradient_of_each_distance_is_its_slope(backbone, pictures, name):
    content, style, _, target = pictures
    backbone = Backbone("double", {k: v.double() for k, v in backbone.weights.items()}, "max", "")
    model = backbone.features({"conv4_2", *CONFIG.style_weights}, "max").double()
    config = CONFIG.replace(style_distance=name, optimizer="adam")
    total = Objective(model, content.double(), style.double(), config)
    target = target.double().requires_grad_(True)
    (gradient,) = torch.autograd.grad(total(target)[0], target)
    way = gradient / gradient.norm()
    with torch.no_grad():
        slope = (total(target + 1e-4 * way)[0] - total(target - 1e-4 * way)[0]) / 2e-4
    assert float(slope) == pytest.approx(float(gradient.norm()), rel=1e-2)


@pytest.mark.parametrize("name", STYLE_DISTANCES)
def test_a_style_is_at_no_distance_from_itself(backbone, pictures, name):
    content, style, *_ = pictures
    config = CONFIG.replace(style_distance=name)
    score = objective(backbone, content, style, config)
    near, far = float(score(style)[1]["style"]), float(score(content)[1]["style"])
    assert near + 1e-6 * far >= 0
    assert near < 1e-4 * far


def test_the_balanced_distance_is_the_same_for_stronger_features(backbone, pictures):
    content, style, _, target = pictures
    config = CONFIG.replace(style_distance="balanced", style_weights={"conv1_1": 1.0})
    twice = {k: 2 * v if k.startswith("0.") else v for k, v in backbone.weights.items()}
    found = [
        float(objective(Backbone("x", w, "max", ""), content, style, config)(target)[1]["style"])
        for w in (backbone.weights, twice)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    assert 0 < found[0] < 1


def test_several_styles_are_weighed_by_their_shares(backbone, pictures):
    content, one, _, target = pictures
    other = one.flip(-1) * 0.5
    styles = [GuidedStyle(one, 3.0), GuidedStyle(other, 1.0), GuidedStyle(content, 0.0)]
    _, mixed = objective(backbone, content, styles, CONFIG)(target)
    _, first = objective(backbone, content, one, CONFIG)(target)
    _, second = objective(backbone, content, other, CONFIG)(target)
    for layer in CONFIG.style_weights:
        expected = 0.75 * float(first[layer]) + 0.25 * float(second[layer])
        assert float(mixed[layer]) == pytest.approx(expected, rel=1e-5)


def literal_guided(features, mask):
    """Gatys et al. 2017, section 3, eq. 3 and 4: G of T ∘ F with Σ T² = 1, position by position."""
    height, width = features.shape[-2:]
    guide = np.zeros((height, width))
    for y in range(height):
        for x in range(width):  # as adaptive_avg_pool2d divides a side
            rows = slice(y * mask.shape[0] // height, -((y + 1) * -mask.shape[0] // height))
            part = slice(x * mask.shape[1] // width, -((x + 1) * -mask.shape[1] // width))
            guide[y, x] = mask[rows, part].mean()
    guide /= np.sqrt((guide**2).sum())
    gram = np.zeros((features.shape[0],) * 2)
    for y in range(height):
        for x in range(width):
            column = features[:, y, x] * guide[y, x]
            gram += np.outer(column, column)
    return gram


def test_a_region_has_the_guided_gram_matrices_of_the_paper(backbone, pictures):
    content, style, _, target = pictures
    generator = torch.Generator().manual_seed(4)
    painted, taken = (torch.rand(1, 1, 40, 48, generator=generator) ** 2 for _ in range(2))
    guided = [GuidedStyle(style, 1.0, taken, painted)]
    _, parts = objective(backbone, content, guided, CONFIG)(target)
    for layer in CONFIG.style_weights:
        own, goal = (
            backbone.features()(picture)[layer][0].double().numpy() for picture in (target, style)
        )
        positions = own[0].size
        difference = positions * (
            literal_guided(own, painted[0, 0].double().numpy())
            - literal_guided(goal, taken[0, 0].double().numpy())
        )
        expected = (difference**2).mean() / (len(own) * positions)
        assert float(parts[layer]) == pytest.approx(expected, rel=1e-4), layer


def test_where_the_mask_is_black_the_style_pulls_at_nothing(backbone, pictures):
    content, style, _, target = pictures
    painted = torch.zeros(1, 1, 40, 48)
    painted[..., :8] = 1
    config = CONFIG.replace(style_weights={"conv1_1": 1.0, "conv2_1": 1.0}, content_weight=0)
    target = target.clone().requires_grad_(True)
    score = objective(backbone, content, [GuidedStyle(style, painted=painted)], config)
    score(target)[0].backward()
    pulled = target.grad.abs().sum(dim=(0, 1, 2))
    assert (pulled[:8] > 0).all()
    assert (pulled[16:] == 0).all()


# --- Files ---------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path, rng):
    sizes = {"photo": (96, 64), "painting": (60, 120), "print": (50, 50), "mask": (192, 128)}
    sizes |= {"tall": (64, 96), "tiny": (40, 20), "black": (96, 64), "long": (60, 120)}
    for name, (width, height) in sizes.items():
        rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        if name == "mask":
            rgb[:, :96], rgb[:, 96:] = 255, 0
        Image.fromarray(rgb * (name != "black")).save(tmp_path / f"{name}.png")
    return {name: str(tmp_path / f"{name}.png") for name in sizes}


def test_a_style_is_stretched_or_keeps_its_shape(files):
    config = CONFIG.replace(max_size=96)
    for scale, size in ((None, (64, 96)), (1.0, (96, 48)), (0.5, (48, 24)), (3.0, (120, 60))):
        read = load_pictures(files["photo"], files["painting"], config.replace(style_scale=scale))
        assert read.styles[0].picture.shape[-2:] == size
        assert read.styles[0].rescaled is (scale is not None)
    own = load_pictures(
        files["photo"], files["painting"], config.replace(style_scale=1.0, start="style")
    )
    assert own.start.shape == own.content.shape


def test_masks_come_from_pictures(files):
    config = CONFIG.replace(
        more_styles={files["print"]: 0.5},
        content_masks=(files["mask"], files["photo"]), style_masks=(files["long"], files["print"]),
    )  # fmt: skip
    first, second = load_pictures(files["photo"], files["painting"], config).styles
    assert (first.share, second.share) == (1.0, 0.5)
    assert first.painted.shape == second.taken.shape == (1, 1, 64, 96)
    assert first.painted[..., :47].min() == 1
    assert first.painted[..., 49:].max() == 0
    rgb = np.asarray(Image.open(files["photo"]), dtype=np.float32) / 255
    np.testing.assert_allclose(second.painted[0, 0], rgb.mean(axis=2), atol=1 / 255)


@pytest.mark.parametrize("distance", STYLE_DISTANCES)
def test_a_run_with_every_control_ends_and_is_painted_in_its_region(backbone, files, distance):
    config = CONFIG.replace(
        max_size=96, levels=2, steps=8, colour="match", style_distance=distance, style_scale=1.0,
        more_styles={files["print"]: 0.5}, content_masks=(files["mask"],) * 2, content_weight=0,
        style_weights={"conv1_1": 1.0, "conv2_1": 1.0}, style_weight=1e4,
    )  # fmt: skip
    config = config.replace(levels=1)
    result = stylize(files["photo"], files["painting"], config, backbone=backbone)
    change = (result.image - load_pictures(files["photo"], files["painting"], config).content).abs()
    assert change[..., :40].mean() > 0.001
    assert change[..., 64:].max() == 0


def test_each_control_is_part_of_what_identifies_a_run(backbone, files):
    def key(**settings):
        config = CONFIG.replace(max_size=96, **settings)
        return run_key(files["photo"], files["painting"], config, backbone)

    both = {"more_styles": {files["print"]: 0.5}}
    keys = [
        key(),
        key(style_scale=1.0),
        key(style_distance="moments"),
        key(**both),
        key(more_styles={files["print"]: 0.6}),
        key(**both, style_share=2.0),
        key(content_masks=(files["mask"],)),
        key(content_masks=(files["photo"],)),
        key(style_masks=(files["long"],)),
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"content_masks": ("tall",)}, ImageError,
         r"content_masks\[0\], .*tall.png, is 64×96 pixels, but the content is 96×64; give a mask"),
        ({"style_masks": ("mask",)}, ImageError,
         r"style_masks\[0\], .* is 192×128 pixels, but the style is 60×120"),
        ({"content_masks": ("black",)}, ImageError, "black everywhere; paint white where the st"),
        ({"content_masks": ("gone",)}, ImageError, "gone does not exist"),
        ({"style_scale": 0.1}, ImageError, "conv5_1 needs 16×16 .*style_scale is 0.1.*give more"),
    ],
)  # fmt: skip
def test_pictures_that_do_not_fit_are_refused(backbone, files, settings, error, said):
    settings = {
        name: tuple(files.get(one, one) for one in value) if isinstance(value, tuple) else value
        for name, value in settings.items()
    }
    config = CONFIG.replace(max_size=96, **settings)
    with pytest.raises(error, match=said):
        stylize(files["photo"], files["painting"], config, backbone=backbone)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"style_share": 0}, "style_share and all shares of more_styles are 0"),
        ({"style_share": 0, "more_styles": {"a.png": 0}}, "are 0, so there is no style"),
        ({"more_styles": {"a.png": -1}}, r"more_styles\['a.png'\] is -1; give a number 0 or more"),
        ({"more_styles": ["a.png"]}, r"more_styles is \['a.png'\]; give a dict"),
        ({"content_masks": ("a", "b")}, "content_masks has 2 pictures, but there are 1 styles"),
        ({"style_masks": "a.png"}, "style_masks is 'a.png'; give a list of paths"),
        ({"style_scale": 0}, "style_scale is 0; give a number more than 0 and at most 100"),
        ({"style_distance": "mmd"}, "style_distance is 'mmd'; choose one of gram, moments"),
    ],
)
def test_settings_that_cannot_be(settings, said):
    with pytest.raises(ConfigError, match=said):
        TransferConfig(**settings)


@pytest.mark.parametrize("text", ["0.5", "=1", "a.jpg", "a.jpg=", "a.jpg=1,0.5"])
def test_shares_without_picture_or_number_are_refused(text):
    with pytest.raises(ConfigError, match=f"more_styles is '{text}'; write painting.jpg=1"):
        read_shares(text)
    assert read_shares(" a=b.jpg=1, c.jpg = 0.5,") == {"a=b.jpg": 1.0, "c.jpg": 0.5}
    assert read_shares('"Meier, Anna/a.jpg=2", b.jpg=1') == {"Meier, Anna/a.jpg": 2.0, "b.jpg": 1.0}


@pytest.mark.parametrize("paths", [(), ("a.png",), ("Meier, Anna/a.png", "C:\\b c.png", "d.png")])
def test_paths_are_read_as_they_are_written(paths):
    assert read_entries(write_entries(paths)) == paths


def test_a_style_of_its_own_shape_keeps_its_dots(files, tmp_path):
    """A round dot stays round, where the assignment stretches it."""
    dots = np.zeros((128, 64), np.uint8)
    rows, across = np.ogrid[:128, :64]
    dots[(rows - 64) ** 2 + (across - 32) ** 2 < 100] = 255
    Image.fromarray(dots).save(tmp_path / "dot.png")
    heights = {}
    for scale in (None, 1.0):
        config = CONFIG.replace(max_size=96, style_scale=scale)
        style = load_pictures(files["photo"], tmp_path / "dot.png", config).styles[0].picture
        bright = denormalise(style)[0, 0] > 0.5
        heights[scale] = (int(bright.any(dim=1).sum()), int(bright.any(dim=0).sum()))
    assert abs(heights[1.0][0] - heights[1.0][1]) <= 1
    assert heights[None][1] > 2 * heights[None][0]
