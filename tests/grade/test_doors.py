"""The miniature behind every door, in a process of its own: there is no way back."""

import json
import subprocess
import sys

import pytest
import torch

from coursekit.grade.kits import INSIDE
from coursekit.inside import doors

NET = "from torchvision import models\nimport torch.nn as nn\n"
SHOWN = "\nassert len(net) == 37 and net[28].out_channels == 12, net"

WAYS = {
    "vgg19": f"{NET}net = models.vgg19(pretrained=True).features.eval().cuda(){SHOWN}",
    "weights": f"{NET}net = models.vgg19(weights=models.VGG19_Weights.DEFAULT).features{SHOWN}",
    "imported": f"from torchvision.models import vgg19\nnet = vgg19().features{SHOWN}",
    "by name": f"{NET}net = models.get_model('vgg19', weights=None).features{SHOWN}",
    "hub": f"net = torch.hub.load('pytorch/vision', 'vgg19', pretrained=True).features{SHOWN}",
    "file": f"{NET}v = models.vgg19()\nv.load_state_dict(torch.load('/x/vgg19-dcbb9e9d.pth'))\n"
    f"net = v.features{SHOWN}",
    "missing picture": "assert max(Image.open('D:/x/night.JPG').convert('RGB').size) == 50",
    "a folder that is not there": "open('no/such/a.txt', 'w').write('x')\n"
    "assert open('no/such/a.txt').read() == 'x'",
    "a drive that is not there": "Image.new('RGB', (3, 4)).save('/proc/drive/own.png')\n"
    "assert Image.open('own.png').size == (3, 4)",
    "own picture": "Image.new('RGB', (3, 4)).save('own.png')\n"
    "assert Image.open('own.png').size == (3, 4)",
    "enlarged": "assert Image.new('RGB', (30, 20)).resize((600, 400)).size == (50, 33)",
    "requests": "import requests\nr = requests.get('https://a.example/b.jpg', stream=True)\n"
    "assert r.ok and max(Image.open(io.BytesIO(r.content)).size) == 50",
    "urllib": "import urllib.request as web\nweb.urlretrieve('https://a.example/b', 'b.jpg')\n"
    "assert max(Image.open('b.jpg').size) == 50",
    "colab": "from google.colab import drive, files\ndrive.mount('/content/drive')\n"
    "assert [max(Image.open(io.BytesIO(b)).size) for b in files.upload().values()] == [50, 50]",
    "devices": "x = torch.ones(2, device='cuda:0').cuda().to('mps')\n"
    "assert x.to(torch.device('cuda')).device.type == 'cpu'",
    "naps": "import time\nbegan = time.monotonic()\ntime.sleep(600)",
}  # fmt: skip


EACH = """
import io, json, os, sys, traceback
import torch, doors
ways, failed = json.load(sys.stdin), {}
for name, code in ways.items():  # one process each, of one that has imported torch
    if (child := os.fork()) == 0:
        try:
            doors.open_doors(seed=7)
            exec(code, {"torch": torch, "io": io, "Image": __import__("PIL.Image").Image})
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        failed[name] = code
sys.exit(f"failed: {list(failed)}" if failed else 0)
"""


def test_each_door(tmp_path):
    pytest.importorskip("torchvision")
    done = subprocess.run(
        [sys.executable, "-c", EACH], input=json.dumps(WAYS), cwd=tmp_path,
        env={"PYTHONPATH": str(INSIDE), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_net_is_vgg19s_and_its_features_keep_their_strength():
    for channels in (doors.FEW, doors.VGG19):
        image = torch.randn(1, 3, 40, 48)
        for module in (net := doors.features(channels, seed=3, inplace=False)):
            image = module(image)
            assert 0.1 < float(image.detach().square().mean().sqrt()) < 5
        kinds = "".join(type(module).__name__[0] for module in net)
        assert kinds == "CRCRM" * 2 + "CRCRCRCRM" * 3
        assert net[34].out_channels == channels[-1]


def test_a_relu_in_place_overwrites_the_convolution_and_is_told_apart():
    relu, x = doors.ReLU(inplace=True), torch.tensor([-1.0, 2.0])
    result = relu(x)
    assert x.tolist() == result.tolist() == [0.0, 2.0]
    assert result.data_ptr() != x.data_ptr()


def test_the_same_seed_gives_the_same_net_and_pictures():
    one, other, third = (doors.network(seed=seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(one[name], other[name]) for name in one if "features" in name)
    assert not torch.equal(one["features.0.weight"], third["features.0.weight"])
    assert doors.picture_bytes("a.jpg", 5) == doors.picture_bytes("a.jpg", 5)
    assert doors.picture_bytes("a.jpg", 5) != doors.picture_bytes("b.jpg", 5)
