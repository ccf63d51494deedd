"""How the loss is computed: precision, memory and the lean Gram matrix, against the plain way."""

import subprocess
import sys

import pytest
import torch

from styletools import losses
from styletools.backbones import load_backbone
from styletools.config import FAST, TransferConfig
from styletools.engine import precision as precisions
from styletools.engine.gram import lean_gram
from styletools.engine.memory import memory_needed, native_bfloat16, plan_memory
from styletools.engine.objective import Objective
from styletools.engine.precision import network_for, resolve_precision
from styletools.errors import ConfigError
from styletools.images import bundled, load_image
from styletools.transfer import stylize

CPU = torch.device("cpu")
LBFGS = TransferConfig(optimizer="lbfgs", style_weight=1e3, pooling="max", backbone="small")


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(1)
    return list(torch.randn(3, 1, 3, 40, 48, generator=generator))


def value_and_gradient(backbone, pictures, config, precision="float32", saving=False):
    content, style, target = pictures
    evaluate = Objective(
        network_for(backbone, config, CPU, precision), content, style, config, saving
    )
    target = target.clone().requires_grad_(True)
    total, _ = evaluate(target)
    total.backward()
    return float(total.detach()), target.grad


def test_lean_gram_and_its_gradient_are_the_plain_ones():
    plain = torch.randn(1, 5, 4, 3, requires_grad=True)
    lean = plain.detach().clone().requires_grad_(True)
    weights = torch.randn(5, 5)  # not symmetric
    for features, gram in ((plain, losses.gram_matrix), (lean, lean_gram)):
        (gram(features) * weights).sum().backward()
    torch.testing.assert_close(lean_gram(lean), losses.gram_matrix(plain))
    torch.testing.assert_close(lean.grad, plain.grad)


@pytest.mark.parametrize("changes", [{}, {"tv_weight": 2.0}, {"convention": "paper"}])
@pytest.mark.parametrize("saving", [False, True])
def test_the_fast_way_has_the_plain_ways_loss_and_gradient(backbone, pictures, saving, changes):
    config = LBFGS.replace(**changes)
    plain = value_and_gradient(backbone, pictures, config.replace(optimizer="adam"))
    fast = value_and_gradient(backbone, pictures, config, saving=saving)
    assert fast[0] == pytest.approx(plain[0], rel=1e-5)
    torch.testing.assert_close(
        fast[1], plain[1], rtol=1e-3, atol=1e-5 * float(plain[1].abs().max())
    )


def test_normalised_filters_change_the_loss_as_a_scale_of_each_map_would(backbone, pictures):
    config = LBFGS.replace(convention="paper", content_weight=3.0)
    content, style, target = pictures
    layers = [*config.style_weights, *config.content_layers]
    model, target = backbone.features(layers), target.clone().requires_grad_(True)
    with torch.no_grad():  # each map's mean over the kit's pictures
        shown = [load_image(p, 192) for k in ("content", "style") for p in bundled(k).values()]
        maps = [{n: m[0].flatten(1) for n, m in model(picture).items()} for picture in shown]
        means = {name: torch.cat([m[name] for m in maps], dim=1).mean(dim=1) for name in layers}
        means = {name: torch.where(mean > 0, mean, 1.0) for name, mean in means.items()}

    def scaled(picture):
        features = model(picture)
        return {name: features[name] / means[name][:, None, None] for name in layers}

    x, p, a = scaled(target), scaled(content), scaled(style)
    total = config.content_weight * (x["conv4_2"] - p["conv4_2"]).square().sum() / 2
    for name, weight in config.style_weights.items():
        flat, goal = x[name][0].flatten(1), a[name][0].flatten(1)
        squares = (flat @ flat.T - goal @ goal.T).square().sum()
        total = total + config.style_weight * weight * squares / (4 * flat.numel() ** 2)
    total.backward()
    found, gradient = value_and_gradient(backbone, pictures, config)
    assert found == pytest.approx(total.item(), rel=1e-4)
    torch.testing.assert_close(
        gradient, target.grad, rtol=1e-3, atol=1e-5 * float(gradient.abs().max())
    )


@pytest.mark.parametrize("saving", [False, True])
def test_bfloat16_is_near(backbone, pictures, saving):
    exact = value_and_gradient(backbone, pictures, LBFGS)
    low = value_and_gradient(backbone, pictures, LBFGS, "bfloat16", saving)
    assert low[0] == pytest.approx(exact[0], rel=0.02)
    cosine = torch.cosine_similarity(low[1].flatten(), exact[1].flatten(), dim=0)
    assert 0.99 < float(cosine) < 1 - 1e-7, "and it is not float32"


@pytest.fixture
def _has_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")


@pytest.mark.usefixtures("_has_bfloat16")
def test_the_probe_takes_the_faster_one(monkeypatch):
    backbone, config = load_backbone("small"), FAST.replace(pooling="avg")
    for faster in ("float32", "bfloat16"):
        seconds = {"float32": 2.0, "bfloat16": 2.0} | {faster: 1.0}
        order = iter(["float32", "bfloat16"])
        monkeypatch.setattr(precisions, "_fastest", lambda *_, s=seconds, o=order: s[next(o)])
        assert resolve_precision(config, backbone, CPU) == faster


@pytest.mark.usefixtures("_has_bfloat16")
def test_the_probe_refuses_what_is_not_accurate(monkeypatch):
    backbone, config = load_backbone("small"), FAST.replace(pooling="avg")
    probe = precisions._probe

    def noisy(config, backbone, device, precision):
        evaluate = probe(config, backbone, device, precision)
        return lambda: torch.randn_like(evaluate()) if precision == "bfloat16" else evaluate()

    monkeypatch.setattr(precisions, "_fastest", lambda *_: pytest.fail("it was timed all the same"))
    monkeypatch.setattr(precisions, "_probe", noisy)
    assert resolve_precision(config, backbone, CPU) == "float32"


def test_a_cpu_that_emulates_bfloat16_is_not_probed(backbone, monkeypatch):
    monkeypatch.setattr(precisions, "_probe", lambda *_: pytest.fail("probed"))
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert resolve_precision(FAST, backbone, CPU) == "float32"


def test_a_stated_precision_is_not_probed(backbone, monkeypatch):
    monkeypatch.setattr(precisions, "_probe", lambda *_: pytest.fail("probed"))
    for precision in ("float32", "bfloat16"):
        assert resolve_precision(FAST.replace(precision=precision), backbone, CPU) == precision


def test_what_a_memory_limit_changes():
    backbone = load_backbone("small")
    size = (400, 400)
    for precision in ("float32", "bfloat16"):
        config = FAST.replace(precision=precision, pooling="avg")
        plenty = memory_needed(config, backbone, size, saving=False) / 2**30
        little = memory_needed(config, backbone, size, saving=True) / 2**30
        assert little < plenty
        assert plan_memory(config, backbone, size) == (False, True, None)
        assert plan_memory(config.replace(max_memory=plenty), backbone, size)[0] is False
        assert plan_memory(config.replace(max_memory=little), backbone, size)[0] is True
        with pytest.raises(ConfigError, match=r"max_memory is .*400×400.*max_size=(\d+)") as error:
            plan_memory(config.replace(max_memory=little / 2), backbone, size)
        side = int(str(error.value).split("max_size=")[1].split()[0])
        assert 200 < side < 400
        plan_memory(config.replace(max_memory=little / 2), backbone, (side, side))


def test_saving_memory_gives_the_same_picture(backbone, pictures):
    content, style, _ = pictures
    config = LBFGS.replace(steps=12)
    least = memory_needed(config, backbone, (40, 48), saving=True) / 2**30
    plain = stylize(content, style, config, backbone=backbone)
    saved = stylize(content, style, config.replace(max_memory=1.01 * least), backbone=backbone)
    assert (saved.image - plain.image).abs().max() < 1e-3


MEASURE = """
import sys, torch
from styletools.backbones import load_backbone
from styletools.config import FAST
from styletools.engine.memory import memory_needed
from styletools.engine.objective import Objective
from styletools.engine.precision import network_for
def kilobytes(what):
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith(what))
precision, saving, side = sys.argv[1], sys.argv[2] == "True", int(sys.argv[3])
torch.manual_seed(0)
backbone = load_backbone("small")
config = FAST.replace(precision=precision, pooling="avg")
def evaluate(side):
    content, style, target = torch.randn(3, 1, 3, side, side)
    model = network_for(backbone, config, torch.device("cpu"), precision)
    objective = Objective(model, content, style, config, saving)
    target.requires_grad_(True)
    for _ in range(2):
        torch.autograd.grad(objective(target)[0], target)
evaluate(32)
before = kilobytes("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
evaluate(side)
needed = memory_needed(config, backbone, (side, side), saving)
print((kilobytes("VmHWM") - before) * 1024 / needed)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("saving", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_memory_needed_is_an_upper_estimate(precision, saving):
    slow = precision == "bfloat16" and not native_bfloat16()  # PyTorch's own convolutions
    command = [sys.executable, "-c", MEASURE, precision, str(saving), "240" if slow else "800"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    assert 0.4 < float(done.stdout) < 1.05
