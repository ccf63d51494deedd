"""Weights from files of every kind, from a server on loopback, and clear errors for bad ones."""

import hashlib
import http.server
import os
import pickle
import threading
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.weights import vgg_weights

from styletools import backbones
from styletools.backbones import (
    download_imagenet,
    export_backbone,
    imagenet_file,
    import_backbone,
    load_backbone,
    resolve_backbone,
)
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


def test_auto_is_offline_until_imagenet_is_here(tmp_path, weights, capsys, monkeypatch):
    assert resolve_backbone() == "offline"
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "offline" in said
    assert "styletools backbone download" in said
    backbones.write_weights(imagenet_file(), weights, {"name": "imagenet"})
    assert resolve_backbone() == "imagenet"
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("STYLETOOLS_BACKBONE", "some/file.pth")
    assert resolve_backbone("auto") == "some/file.pth"
    assert resolve_backbone("offline") == "offline"


def test_offline_says_how_it_was_trained():
    backbone = load_backbone("offline")
    assert backbone.name == "offline"
    assert backbone.pooling == "avg"
    assert len(backbone.sha256) == 64


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
    scaled = {"name": "imagenet", "pooling": "max", "scale": "2"}
    backbones.write_weights(imagenet_file(), weights, scaled)
    original = load_backbone("imagenet")
    small = export_backbone(tmp_path / "class.safetensors")
    assert small.stat().st_size < 0.6 * imagenet_file().stat().st_size
    assert load_file(small)["0.weight"].dtype == torch.float16
    monkeypatch.setenv("STYLETOOLS_CACHE", str(tmp_path / "student"))
    assert resolve_backbone() == "offline"
    import_backbone(small)
    assert resolve_backbone() == "imagenet"
    student = features(load_backbone("auto"), image)
    torch.testing.assert_close(student, features(original, image), rtol=0.02, atol=0.02)


def test_import_takes_imagenet_alone(tmp_path, weights):
    path = saved(tmp_path, weights, {"name": "mine"})
    with pytest.raises(BackboneError, match=r"says it is 'mine', not imagenet; use it by its path"):
        import_backbone(path)
    assert not imagenet_file().exists()


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
    (lambda tmp: tmp / "none.pth", "does not exist; give auto, imagenet, offline, or the path"),
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
    path = download_imagenet(f"{server.url}/vgg19-{server.digest[:8]}.pth")
    assert path == imagenet_file()
    assert set(load_file(path)) == set(weights)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert load_backbone("auto").name == "imagenet"
    assert server.requests == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vgg19-0badbad0.pth", "the SHA-256 begins with .*, not 0badbad0; .* thrown away"),
        ("vgg19-cut.pth", "could not be fetched: .*Try again.*--backbone offline"),
        ("vgg19-none.pth", "could not be fetched: 404"),
    ],
)
def test_a_failed_download_leaves_nothing(server, name, message):
    with pytest.raises(BackboneError, match=message):
        download_imagenet(f"{server.url}/{name}")
    assert list(imagenet_file().parent.iterdir()) == []
    assert resolve_backbone() == "offline"


def test_a_failed_download_keeps_what_was_there(server, weights):
    backbones.write_weights(imagenet_file(), weights, {"name": "imagenet"})
    before = imagenet_file().read_bytes()
    with pytest.raises(BackboneError):
        download_imagenet(f"{server.url}/vgg19-cut.pth")
    assert imagenet_file().read_bytes() == before


def test_torchvisions_address_names_its_hash():
    from torchvision.models import VGG19_Weights

    assert VGG19_Weights.IMAGENET1K_V1.url.endswith("vgg19-dcbb9e9d.pth")


def test_nothing_is_downloaded_unasked(monkeypatch):
    monkeypatch.setattr(backbones, "download_imagenet", lambda: pytest.fail("downloaded"))
    assert load_backbone("auto").name == "offline"
