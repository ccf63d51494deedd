"""The offline backbone that ships, and the script that trains it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from styletools._files import file_sha256
from styletools.backbones import OFFLINE, load_backbone
from styletools.config import VGG19_LAYERS
from styletools.images import bundled, load_image
from styletools.vgg import VGG19Features

TOOLS = Path(__file__).parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import train_backbone  # noqa: E402

SHA256 = "74449fd74cd8ca0ab61287c77df3387766a4140085c8f5d8c07d01b6c894ca49"
TINY = ["--steps", "4", "--batch", "4", "--size", "32", "--late-size", "48", "--save-every", "1"]
TINY += ["--no-photographs"]


@pytest.fixture(scope="module")
def metadata() -> dict[str, str]:
    with safe_open(OFFLINE, "pt") as file:
        return file.metadata()


def test_file_is_the_published_one() -> None:
    assert file_sha256(OFFLINE) == SHA256


def test_file_is_at_most_four_megabytes() -> None:
    assert OFFLINE.stat().st_size <= 4_000_000


def test_file_holds_half_precision() -> None:
    with safe_open(OFFLINE, "pt") as file:
        assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.float16}  # noqa: SIM118


def test_metadata_says_what_it_is(metadata: dict[str, str]) -> None:
    assert metadata["format"] == "styletools-backbone"
    assert metadata["name"] == "offline"
    assert metadata["pooling"] == "avg"
    assert float(metadata["scale"]) > 0


def test_keys_and_shapes_are_vgg19s() -> None:
    weights = load_backbone("offline").weights
    channels = 3
    for layer, index in VGG19_LAYERS.items():
        weight, bias = weights[f"{index}.weight"], weights[f"{index}.bias"]
        assert weight.shape == (len(bias), channels, 3, 3)
        channels = len(bias)
        if layer == "conv5_1":
            break
    assert len(weights) == 26


def test_no_filter_outshines_its_layer() -> None:
    """One that hardly ever fires, normalised to mean 1, would be all that a Gram matrix shows."""
    layers = [layer for layer, index in VGG19_LAYERS.items() if index <= 28]
    model = load_backbone("offline").features(layers)
    for kind in ("content", "style"):
        for name, path in bundled(kind).items():
            for layer, features in model(load_image(path, max_size=160)).items():
                strength = features.square().mean((0, 2, 3)).sqrt()
                assert strength.max() < 10 * strength.median(), (name, layer)


def test_weights_are_finite() -> None:
    assert all(torch.isfinite(w).all() for w in load_backbone("offline").weights.values())


def test_filters_are_normalised(metadata: dict[str, str]) -> None:
    layers = [layer for layer, index in VGG19_LAYERS.items() if index <= 28]
    model = load_backbone("offline").features(layers)
    pictures = [load_image(path, max_size=192) for path in bundled("content").values()]
    sums = {layer: torch.zeros(()) for layer in layers}
    for picture in pictures:
        for layer, features in model(picture).items():
            sums[layer] = sums[layer] + features.mean((0, 2, 3)) / len(pictures)
    for layer, mean in sums.items():
        mean = mean / float(metadata["scale"])
        assert 0.5 < mean.mean() < 2, layer
        assert ((mean > 0.1) & (mean < 10)).float().mean() > 0.9, layer


def _features(net: torch.nn.Sequential, image: torch.Tensor) -> dict[str, torch.Tensor]:
    features, taps = {}, train_backbone.tap_indices(net)
    for n, module in enumerate(net):
        image = module(image)
        if n in taps:
            features["conv" + taps[n]] = image.clone()
    return features


def test_folding_changes_no_feature() -> None:
    torch.manual_seed(0)
    net = train_backbone.build_net(train_backbone.TrainConfig()).double()
    for module in net:
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    image = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    expected = _features(net.eval(), image)
    weights = train_backbone.fold_batch_norm(net)
    folded = VGG19Features(list(expected), weights, "avg").double()
    for layer, features in folded(image).items():
        torch.testing.assert_close(features, expected[layer], rtol=1e-3, atol=1e-4)


def test_smooth_convolutions_do_not_see_the_finest_pattern() -> None:
    conv = train_backbone.SmoothConv3x3(1, 4)
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    for pattern in (rows, columns, rows + columns):
        finest = (1.0 - 2.0 * (pattern % 2))[None, None]
        assert conv(finest)[..., 1:-1, 1:-1].abs().max() < 1e-5


def test_crops_of_one_colour_keep_it() -> None:
    picture = np.full((64, 80, 3), (10, 100, 200), dtype=np.uint8)
    sampler = train_backbone.CropSampler([picture], [False], torch.device("cpu"))
    config = train_backbone.TrainConfig(batch=8)
    crops = sampler.pairs(config, 16).crops
    assert crops.shape == (16, 3, 16, 16)
    expected = torch.tensor([10, 100, 200]) / 255
    torch.testing.assert_close(crops, expected[None, :, None, None].expand_as(crops))


def test_views_say_where_the_same_place_is() -> None:
    """In a picture whose colours are its coordinates."""
    rows, columns = np.mgrid[0:256, 0:256].astype(np.uint8)
    picture = np.stack([rows, columns, 0 * rows], -1)
    sampler = train_backbone.CropSampler([picture], [False], torch.device("cpu"))
    torch.manual_seed(0)
    views = sampler.pairs(train_backbone.TrainConfig(batch=6, blur=0, zoom=(0.8, 0.9)), 33)
    first, second = views.crops.chunk(2)
    for n in range(6):
        for at in ([0.0, 0.0], [3.0, -5.0]):
            there = views.across[n] @ torch.tensor(at) + views.offset[n]
            row, column = (int(value) + 16 for value in at)
            grid = there.flip(0)[None, None, None] / 16.5
            found = torch.nn.functional.grid_sample(second[n : n + 1], grid, align_corners=False)
            torch.testing.assert_close(
                found.flatten(), first[n, :, row, column], rtol=0, atol=1.5 / 255
            )


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_directions_of_stripes(degrees: float) -> None:
    angle = torch.deg2rad(torch.tensor(degrees))
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    wave = torch.sin(0.5 * (columns * angle.cos() + rows * angle.sin()))
    found = train_backbone.directions(wave.expand(1, 3, 64, 64), 8)
    assert found.shape == (1, 2, 8, 8)
    expected = torch.stack([(2 * angle).cos(), (2 * angle).sin()])
    torch.testing.assert_close(found[0].mean((1, 2)), expected, rtol=0, atol=0.1)
    flat = train_backbone.directions(torch.full((1, 3, 64, 64), 0.5), 8)
    assert flat.abs().max() < 1e-3


def _views(batch: int, size: int) -> train_backbone.Views:
    crops = torch.rand(2 * batch, 3, size, size)
    return train_backbone.Views(crops, torch.eye(2).expand(batch, 2, 2), torch.zeros(batch, 2))


def test_place_loss_prefers_the_same_place_alike() -> None:
    torch.manual_seed(0)
    views, features = _views(4, 32), torch.randn(4, 16, 8, 8)
    alike = train_backbone.place_loss(torch.cat([features, features]), views, 0.1)
    other = torch.cat([features, features.flip(0)])
    assert alike[0] < 0.5
    assert alike[1] > 0.95
    assert train_backbone.place_loss(other, views, 0.1)[0] > 2


def test_the_adversarial_change_makes_the_loss_larger() -> None:
    totals = []
    for adversarial in (0.0, 0.5):
        config = train_backbone.TrainConfig(batch=4, dense=0, adversarial=adversarial)
        torch.manual_seed(0)
        net, heads = train_backbone.build_net(config), train_backbone.Heads(config)
        total, _ = train_backbone.losses(net, heads, _views(4, 32), config)
        totals.append(total.item())
    assert totals[1] > 1.02 * totals[0]


def test_contrastive_loss_prefers_partners_alike() -> None:
    alike = torch.eye(4).repeat(2, 1)
    apart = torch.eye(8)
    assert train_backbone.contrastive_loss(alike, 0.1)[0] < 0.01
    assert train_backbone.contrastive_loss(apart, 0.1)[0] > 1


def _arguments(folder: Path, name: str) -> list[str]:
    return [*TINY, "--out", str(folder / name), "--pictures", str(folder / "pictures.zip")]


def _train_and_kill_after_step_2(folder: Path, name: str) -> None:
    command = [sys.executable, str(TOOLS / "train_backbone.py"), *_arguments(folder, name)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.split()[0] == "2":
                process.kill()  # SIGKILL


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as kept:
        for name in ("cells-1", "plain leaves-1", "flow-1"):
            picture = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
            with kept.open(name + ".jpg", "w") as file:
                picture.save(file, "JPEG")
    train_backbone.main(_arguments(tmp_path, "whole.safetensors"))
    _train_and_kill_after_step_2(tmp_path, "parts.safetensors")
    assert not (tmp_path / "parts.safetensors").exists()
    train_backbone.main([*_arguments(tmp_path, "parts.safetensors"), "--resume"])
    whole, parts = (load_file(tmp_path / f"{n}.safetensors") for n in ("whole", "parts"))
    for key, weight in whole.items():
        torch.testing.assert_close(parts[key], weight, rtol=0, atol=0)
