"""The optimisation against a literal version of the assignment's loop, and its stops and faults."""

import gc
import itertools
import json
import math
import os
import resource
import signal
import subprocess
import sys

import pytest
import torch
import torchvision
from support.weights import vgg_weights
from torch.nn.functional import interpolate

from styletools import transfer
from styletools.backbones import Backbone, load_backbone
from styletools.config import LATER_SETTINGS, TransferConfig
from styletools.engine import checkpoint as checkpoints
from styletools.engine import precision
from styletools.errors import CheckpointError, ConfigError, ImageError
from styletools.images import IMAGENET_MEAN, IMAGENET_STD, bundled, load_image, normalise
from styletools.transfer import DivergedError, Ended, stylize

SMALL = TransferConfig(max_size=48, steps=6, style_weight=1e3, backbone="small")
LBFGS = SMALL.replace(optimizer="lbfgs")


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(1)
    content, style = torch.randn(2, 1, 3, 32, 40, generator=generator)
    return content, style


def totals(result):
    return [row["total"] for row in result.loss_history]


def literal_loop(content, style, model, steps, optimizer="adam"):
    """The assignment as students get it: all 37 modules, gradients through everything."""
    mapping = {
        "0": "conv1_1",
        "5": "conv2_1",
        "10": "conv3_1",
        "19": "conv4_1",
        "21": "conv4_2",
        "28": "conv5_1",
    }

    def get_features(image):
        features, x = {}, image
        for name, layer in model._modules.items():
            x = layer(x)
            if name in mapping:
                features[mapping[name]] = x
        return features

    def gram_matrix(tensor):
        _, d, h, w = tensor.size()
        tensor = tensor.view(d, h * w)
        return torch.mm(tensor, tensor.t())

    content_features, style_features = get_features(content), get_features(style)
    style_grams = {layer: gram_matrix(style_features[layer]) for layer in style_features}
    style_weights = {"conv1_1": 1.0, "conv2_1": 0.8, "conv3_1": 0.5, "conv4_1": 0.3}
    style_weights["conv5_1"] = 0.1
    target = content.clone().requires_grad_(True)
    adam = torch.optim.Adam([target], lr=0.003)
    loss_history = []
    for _ in range(steps):
        target_features = get_features(target)
        content_loss = torch.mean((target_features["conv4_2"] - content_features["conv4_2"]) ** 2)
        style_loss = 0
        for layer in style_weights:
            target_feature = target_features[layer]
            target_gram = gram_matrix(target_feature)
            _, d, h, w = target_feature.shape
            difference = torch.mean((target_gram - style_grams[layer]) ** 2)
            style_loss += style_weights[layer] * difference / (d * h * w)
        total_loss = 1 * content_loss + 1e6 * style_loss
        adam.zero_grad()
        total_loss.backward()
        adam.step()
        loss_history.append(total_loss.item())
    return loss_history, target.detach()


def test_equal_to_the_literal_loop_at_full_width():
    """20 steps of Adam on vgg19, float32, in torchvision's own modules: relative 1e-4 at each."""
    model = torchvision.models.vgg19(weights=None).features.requires_grad_(False)
    model.load_state_dict(dict(load_backbone("vgg19").weights))
    content = load_image(bundled("content")["chelsea"], size=(96, 128))
    style = load_image(bundled("style")["impasto"], size=(96, 128))
    expected, picture = literal_loop(content, style, model, 20)
    result = stylize(content, style, TransferConfig(steps=20, backbone="vgg19", device="cpu"))
    assert expected[-1] < 0.99 * expected[0]
    for ours, literal in zip(totals(result), expected, strict=True):
        assert ours == pytest.approx(literal, rel=1e-4)
    # Where a gradient is nearly 0, Adam's step has the sign of the rounding.
    assert (result.image - picture).abs().mean() < 1e-5


def test_history_adds_up(pictures, backbone):
    config = SMALL.replace(content_weight=3.0, style_weight=7.0, tv_weight=0.5)
    result = stylize(*pictures, config, backbone=backbone)
    assert [row["step"] for row in result.loss_history] == list(range(1, 7))
    for row in result.loss_history:
        style = sum(weight * row[layer] for layer, weight in config.style_weights.items())
        assert row["style"] == pytest.approx(style, rel=1e-5)
        total = 3 * row["content"] + 7 * row["style"] + 0.5 * row["tv"]
        assert row["total"] == pytest.approx(total, rel=1e-5)
    assert result.loss_history[0]["content"] == 0  # the target is the content
    assert (result.ended, result.detail) == (Ended.FINISHED, "")
    assert result.config.backbone == "random"
    assert result.config.pooling == "max"
    assert result.environment["torch"] == torch.__version__


def test_lbfgs_needs_far_fewer_steps(pictures, backbone):
    adam = stylize(*pictures, SMALL.replace(steps=200), backbone=backbone)
    lbfgs = stylize(*pictures, LBFGS.replace(steps=40), backbone=backbone)
    assert len(lbfgs.loss_history) <= 40
    assert min(totals(lbfgs)) < totals(adam)[-1]


def test_lbfgs_hands_over_its_best_picture(pictures, backbone):
    result = stylize(*pictures, LBFGS.replace(steps=23), backbone=backbone)
    again = stylize(*pictures, LBFGS.replace(steps=1, start="content"), backbone=backbone)
    model = backbone.features(["conv4_2", *SMALL.style_weights])
    objective = transfer.Objective(model, *pictures, LBFGS)
    assert float(objective(result.image)[0]) == pytest.approx(min(totals(result)), rel=1e-5)
    assert float(objective(again.image)[0]) == pytest.approx(totals(again)[0], rel=1e-5)


def test_starts(pictures, backbone, photo):
    content, style = pictures

    def first_target(start):
        seen = []
        config = SMALL.replace(start=start, steps=1)
        stylize(content, style, config, lambda s: seen.append(s.image.clone()), backbone=backbone)
        return seen[0]

    first = {start: first_target(start) for start in ("content", "style", "noise", str(photo))}
    assert torch.equal(first["content"], content)
    assert torch.equal(first["style"], style)
    assert torch.equal(first[str(photo)], load_image(photo, size=(32, 40)))
    again = stylize(content, style, SMALL.replace(start="noise"), backbone=backbone)
    other = stylize(content, style, SMALL.replace(start="noise", seed=1), backbone=backbone)
    assert 0.9 < first["noise"].std() < 1.1
    assert not torch.equal(again.image, other.image)


def test_pictures_are_loaded_and_the_style_fitted(photo, backbone):
    result = stylize(photo, photo, SMALL.replace(max_size=32, steps=1), backbone=backbone)
    assert result.image.shape == (1, 3, 27, 32)


def test_paper_convention(pictures, backbone):
    course = stylize(*pictures, SMALL.replace(steps=1, start="noise"), backbone=backbone)
    paper = SMALL.replace(steps=1, start="noise", convention="paper", normalise_filters=False)
    row = stylize(*pictures, paper, backbone=backbone).loss_history[0]
    channels, positions = 4, 32 * 40
    factor = 4 * positions / channels
    assert course.loss_history[0]["conv1_1"] / row["conv1_1"] == pytest.approx(factor, rel=1e-4)
    channels, positions = 7, 4 * 5
    factor = 2 / (channels * positions)
    assert course.loss_history[0]["content"] / row["content"] == pytest.approx(factor, rel=1e-4)


@pytest.mark.parametrize("config", [SMALL, LBFGS], ids=["adam", "lbfgs"])
def test_the_callback_sees_every_step_and_can_stop(pictures, backbone, config):
    seen = []

    def callback(step):
        seen.append(step)
        return step.step == 3

    result = stylize(*pictures, config.replace(steps=50), callback, backbone=backbone)
    assert [step.step for step in seen] == [1, 2, 3]
    assert [step.losses for step in seen] == result.loss_history[:3]
    assert seen[-1].steps == 50
    assert result.ended is Ended.STOPPED
    assert len(result.loss_history) < 10  # a line search ends first


@pytest.mark.parametrize("config", [SMALL, LBFGS], ids=["adam", "lbfgs"])
def test_ctrl_c_keeps_what_is_there(pictures, backbone, config):
    def interrupt(step):
        if step.step == 4:
            os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    result = stylize(*pictures, config.replace(steps=500), interrupt, backbone=backbone)
    assert result.ended is Ended.INTERRUPTED
    assert 4 <= len(result.loss_history) < 40
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("config", [SMALL, LBFGS], ids=["adam", "lbfgs"])
def test_resumed_equals_uninterrupted(pictures, backbone, config, tmp_path):
    config, checkpoint = config.replace(steps=30), tmp_path / "run.checkpoint"
    whole = stylize(*pictures, config, backbone=backbone)

    def until(stop):
        def callback(step):
            return step.step == stop

        return stylize(*pictures, config, callback, checkpoint, backbone=backbone)

    parts = [until(7), until(19), until(None)]
    lengths = [len(part.loss_history) for part in parts]
    assert 7 <= lengths[0] < lengths[1] < lengths[2] == 30
    assert totals(parts[2]) == totals(whole)
    assert torch.equal(parts[2].image, whole.image)


def test_a_finished_run_can_go_further(pictures, backbone, tmp_path):
    checkpoint = tmp_path / "run.checkpoint"
    stylize(*pictures, SMALL, checkpoint=checkpoint, backbone=backbone)
    more = stylize(*pictures, SMALL.replace(steps=9), checkpoint=checkpoint, backbone=backbone)
    whole = stylize(*pictures, SMALL.replace(steps=9), backbone=backbone)
    assert totals(more) == totals(whole)


KILLED = """
import json, sys, torch
from support.weights import vgg_weights
from styletools import transfer
from styletools.engine import checkpoint, schedule
from styletools.backbones import Backbone
from styletools.config import TransferConfig
torch.set_num_threads(1)
checkpoint.CHECKPOINT_SECONDS = 0.0
schedule.MIN_LEVEL_SIDE = 16
generator = torch.Generator().manual_seed(1)
content, style = torch.randn(2, 1, 3, 32, 40, generator=generator)
config = TransferConfig(steps=40, style_weight=1e3, **json.loads(sys.argv[1]))
def report(step):
    print(step.step, flush=True)
backbone = Backbone("random", vgg_weights(), "max", "0" * 64)
result = transfer.stylize(content, style, config, report, sys.argv[2], backbone)
torch.save([result.image, [row["total"] for row in result.loss_history]], sys.argv[3])
"""


FAST = {"optimizer": "lbfgs", "levels": 2, "tolerance": 0.05, "precision": "bfloat16"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "killed_at"),
    [({"optimizer": "adam"}, 15), ({"optimizer": "lbfgs"}, 15), (FAST, 15), (FAST, 30)],
)
def test_kill_9_then_resume_gives_the_same_picture(tmp_path, settings, killed_at):
    def start(name):
        command = [sys.executable, "-c", KILLED, json.dumps(settings)]
        command.append(str(tmp_path / f"{name}.checkpoint"))
        command.append(str(tmp_path / f"{name}.pt"))
        folder = os.path.dirname(os.path.dirname(__file__))
        return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)

    process = start("killed")
    steps = 0
    for line in process.stdout:
        steps = int(line)
        if steps == killed_at:
            process.send_signal(signal.SIGKILL)
            break
    process.wait(60)
    assert not (tmp_path / "killed.pt").exists()
    resumed = start("killed")
    output, _ = resumed.communicate(timeout=600)
    assert 1 < int(output.split()[0]) <= killed_at + 2, "it should have gone on, not begun anew"
    start("whole").communicate(timeout=600)
    (killed, history), (whole, expected) = (
        torch.load(tmp_path / f"{name}.pt") for name in ("killed", "whole")
    )
    assert history == expected
    assert torch.equal(killed, whole)


def test_a_checkpoint_of_another_run_is_refused(pictures, backbone, tmp_path):
    checkpoint = tmp_path / "run.checkpoint"
    stylize(*pictures, SMALL, checkpoint=checkpoint, backbone=backbone)
    with pytest.raises(
        CheckpointError, match=r"belongs to another run: style_weight, style differ"
    ):
        stylize(pictures[0], pictures[0], SMALL.replace(style_weight=1), None, checkpoint, backbone)
    other = Backbone("random", vgg_weights(seed=9), "max", "1" * 64)
    with pytest.raises(CheckpointError, match="another run: backbone differ"):
        stylize(*pictures, SMALL, checkpoint=checkpoint, backbone=other)
    torch.save({**torch.load(checkpoint), "state": {"history": []}}, checkpoint)
    with pytest.raises(CheckpointError, match=r"no whole checkpoint of this version .*; delete it"):
        stylize(*pictures, SMALL, checkpoint=checkpoint, backbone=backbone)
    checkpoint.write_bytes(checkpoint.read_bytes()[:-50])
    with pytest.raises(CheckpointError, match=r"is no whole checkpoint .*; delete it"):
        stylize(*pictures, SMALL, checkpoint=checkpoint, backbone=backbone)


def infinite_at(monkeypatch, number):
    """Make the loss of one evaluation infinite."""
    plain, calls = transfer.Objective.__call__, []

    def evaluate(self, target):
        calls.append(1)
        total, parts = plain(self, target)
        return (total * math.inf if len(calls) == number else total), parts

    monkeypatch.setattr(transfer.Objective, "__call__", evaluate)


def test_a_diverging_run_keeps_the_last_finite_picture(pictures, backbone, monkeypatch):
    seen = []
    infinite_at(monkeypatch, 4)
    message = r"At step 4 the loss is inf .*last finite loss: \d.*Lower learning_rate \(now 0.003"
    with pytest.raises(DivergedError, match=message) as caught:
        stylize(*pictures, SMALL, lambda s: seen.append(s.image.clone()), backbone=backbone)
    assert len(caught.value.result.loss_history) == 3
    assert torch.equal(caught.value.result.image, seen[-1])


def test_weights_beyond_float32_are_noticed(pictures, backbone):
    config = SMALL.replace(style_weight=1e38, style_weights={"conv1_1": 1e9})
    with pytest.raises(DivergedError, match=r"At step 1 the loss is inf .*finite loss: none"):
        stylize(*pictures, config, backbone=backbone)


def test_a_converged_lbfgs_says_so(pictures, backbone):
    config = LBFGS.replace(style_weights={}, steps=1000)
    result = stylize(*pictures, config, backbone=backbone)
    assert (result.ended, result.detail[:8]) == (Ended.CONVERGED, "at step ")
    assert torch.equal(result.image, pictures[0])


def test_lbfgs_survives_one_failed_line_search(pictures, backbone, monkeypatch):
    """A search that meets infinity drops the history and begins afresh from the best picture."""
    infinite_at(monkeypatch, 8)
    result = stylize(*pictures, LBFGS.replace(steps=30), backbone=backbone)
    assert (result.ended, result.detail) == (Ended.FINISHED, "")
    assert len(result.loss_history) == 30
    assert totals(result)[-1] < totals(result)[6]


def test_memory_does_not_grow_with_steps(pictures, backbone):
    alive = []

    def count_tensors(step):
        if step.step in (60, 260):
            alive.append(sum(type(thing) is torch.Tensor for thing in gc.get_objects()))

    stylize(*pictures, LBFGS.replace(steps=300), count_tensors, backbone=backbone)
    assert len(alive) == 2
    assert alive[1] <= alive[0] + 5


def test_devices(pictures, backbone):
    assert transfer.resolve_device("cpu").type == "cpu"
    with pytest.raises(ConfigError, match=r"device is 'tpu'; this machine has .*Use device='auto'"):
        stylize(*pictures, SMALL.replace(device="tpu"), backbone=backbone)


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("config", [SMALL, LBFGS, LBFGS.replace(levels=2)])
def test_cuda_gives_the_cpus_losses(pictures, backbone, config, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    content, style = (interpolate(picture, scale_factor=3) for picture in pictures)
    cpu, cuda = (
        stylize(content, style, config.replace(device=device), backbone=backbone)
        for device in ("cpu", "cuda")
    )
    assert totals(cuda) == pytest.approx(totals(cpu), rel=1e-2)
    assert cuda.image.device.type == "cpu"


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("config", [SMALL, SMALL.replace(**FAST)], ids=["adam", "fast"])
def test_a_run_on_cuda_goes_on_where_it_was(pictures, config, tmp_path):
    content, style = (interpolate(picture, scale_factor=4) for picture in pictures)
    config, checkpoint = config.replace(steps=40, device="cuda"), tmp_path / "run.checkpoint"
    first = stylize(content, style, config, lambda step: step.step == 11, checkpoint)
    whole = stylize(content, style, config, checkpoint=checkpoint)
    assert 11 <= len(first.loss_history) < len(whole.loss_history)
    assert totals(whole)[: len(first.loss_history)] == totals(first)


def test_wrong_pictures(pictures, backbone):
    content, style = pictures
    with pytest.raises(ImageError, match="The style holds NaN"):
        stylize(content, style * math.nan, SMALL, backbone=backbone)
    with pytest.raises(ImageError, match=r"starts from style, \(1, 3, 20, 20\), but the content"):
        stylize(content, style[..., :20, :20], SMALL.replace(start="style"), backbone=backbone)
    with pytest.raises(ImageError, match=r"gone\.png does not exist"):
        stylize(content, style, SMALL.replace(start="gone.png"), backbone=backbone)


def phases(result):
    """[(size, steps)] in order."""
    sizes = [row["size"] for row in result.loss_history]
    return [(size, sizes.count(size)) for size in sorted(set(sizes))]


def test_levels_halve_the_size_and_share_the_steps(backbone):
    content, style = torch.randn(2, 1, 3, 200, 240)
    config = SMALL.replace(levels=3, steps=21, optimizer="lbfgs")
    result = stylize(content, style, config, backbone=backbone)
    assert phases(result) == [(60, 10), (120, 5), (240, 6)]
    assert result.image.shape == content.shape
    assert (result.ended, result.detail) == (Ended.FINISHED, "")
    few = stylize(content, style, config.replace(levels=8), backbone=backbone)
    assert phases(few) == phases(result), "a size below 48 pixels shows the deep layers nothing"


def test_a_smaller_size_gets_twenty_steps_at_most(backbone):
    content, style = torch.randn(2, 1, 3, 96, 96)
    config = SMALL.replace(levels=2, steps=50, optimizer="lbfgs")
    assert phases(stylize(content, style, config, backbone=backbone)) == [(48, 20), (96, 30)]


def first_at_full_size(content, style, config, backbone):
    """What a run begins its full size with, and the picture that it was enlarged from."""
    steps = []
    keep = lambda step: steps.append((step.losses["total"], step.image.clone()))  # noqa: E731
    stylize(content, style, config, keep, backbone=backbone)
    small = [(total, image) for total, image in steps if image.shape[-1] < content.shape[-1]]
    _, best = min(small, key=lambda step: step[0])
    return steps[len(small)][1], best


def detail_of(large, small):
    return large - interpolate(small, large.shape[-2:], mode="bicubic", align_corners=False)


def test_the_next_size_begins_with_detail_as_strong_as_the_styles(backbone):
    content, style = torch.randn(2, 1, 3, 96, 96)
    style = style * torch.tensor([0.5, 1.0, 2.0]).view(3, 1, 1)
    first, small = first_at_full_size(content, style, LBFGS.replace(levels=2), backbone)
    halved = interpolate(style, (48, 48), mode="bilinear", antialias=True, align_corners=False)
    deviation = detail_of(first, small).std(dim=(0, 2, 3), correction=0)
    wanted = detail_of(style, halved).std(dim=(0, 2, 3), correction=0)
    torch.testing.assert_close(deviation, wanted, rtol=0.01, atol=0)


@pytest.mark.parametrize("start", ["content", "noise"])
def test_without_a_style_the_next_size_begins_with_the_starts_detail(backbone, start):
    content, style = torch.randn(2, 1, 3, 96, 96)
    config = LBFGS.replace(levels=2, style_weight=0, start=start)
    first, small = first_at_full_size(content, 2 * style, config, backbone)
    noise = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(config.seed))
    begun = {"content": content, "noise": noise}[start]
    halved = interpolate(begun, (48, 48), mode="bilinear", antialias=True, align_corners=False)
    torch.testing.assert_close(detail_of(first, small), detail_of(begun, halved), rtol=0, atol=1e-4)


def test_a_smaller_size_leaves_less_to_do():
    """The same evaluations at full size end lower, since the small ones went before."""
    pictures = bundled("content")["astronaut"], bundled("style")["mosaic"]
    config = TransferConfig(optimizer="lbfgs", backbone="small", max_size=96, steps=20)
    alone = stylize(*pictures, config)
    after = stylize(*pictures, config.replace(levels=2, steps=40))
    assert phases(after) == [(48, 20), (96, 20)]
    assert after.final_losses["total"] < alone.final_losses["total"]


def test_a_run_stopped_at_a_small_size_has_a_picture_of_the_full_one(backbone):
    generator = torch.Generator().manual_seed(0)  # with some pictures a line search goes on
    content, style = torch.randn(2, 1, 3, 96, 96, generator=generator)
    config = LBFGS.replace(levels=2, steps=20)
    result = stylize(content, style, config, lambda step: step.step == 4, backbone=backbone)
    assert phases(result) == [(48, 4)]
    assert result.image.shape == content.shape
    assert (result.image - content).abs().max() > 0.01


def test_a_flat_loss_ends_the_run(pictures, backbone):
    config = LBFGS.replace(steps=400, tolerance=0.2)
    result = stylize(*pictures, config, backbone=backbone)
    steps = len(result.loss_history)
    assert 11 <= steps < 400
    assert result.ended is Ended.FLAT
    assert result.detail == "the last 10 steps lowered the loss by less than 20 %"
    lowest = [min(totals(result)[:end]) for end in range(1, steps + 1)]
    assert lowest[-1] > 0.8 * lowest[-11]
    assert all(lowest[end] <= 0.8 * lowest[end - 10] for end in range(10, steps - 2))


def test_a_picture_that_stands_still_ends_the_run(pictures, backbone, tmp_path):
    config, seen = SMALL.replace(steps=101, learning_rate=0.03), []
    stylize(*pictures, config, lambda step: seen.append(step.image.clone()), backbone=backbone)
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    levels = [255 * (image * deviation + mean).clamp(0, 1) for image in seen[::10]]
    changes = [float((b - a).abs().mean()) for a, b in itertools.pairwise(levels)]
    tolerance = sum(sorted(changes)[4:6]) / 2
    ends = 10 * (1 + next(i for i, change in enumerate(changes) if change < tolerance))
    assert 10 < ends < 100, changes
    config = config.replace(picture_tolerance=tolerance)
    result = stylize(*pictures, config, backbone=backbone)
    assert (result.ended, len(result.loss_history)) == (Ended.FLAT, ends)
    assert torch.equal(result.image, seen[ends])
    assert result.detail.startswith("the last 10 steps changed the picture by less than ")
    both = stylize(*pictures, config.replace(tolerance=1e-4), backbone=backbone)
    assert (both.ended, len(both.loss_history)) == (Ended.FINISHED, 101)  # the loss still falls
    place = tmp_path / "checkpoint"
    stylize(*pictures, config, lambda step: step.step == ends - 3, place, backbone)
    resumed = stylize(*pictures, config, None, place, backbone)
    assert torch.equal(resumed.image, result.image)


def test_a_low_precision_ends_in_float32(pictures, backbone, monkeypatch):
    seen = []
    plain = transfer.Objective.__call__

    def watch(self, target):
        seen.append((self.dtype, self.saving))
        return plain(self, target)

    monkeypatch.setattr(transfer.Objective, "__call__", watch)
    config = LBFGS.replace(steps=12, precision="bfloat16")
    result = stylize(*pictures, config, backbone=backbone)
    assert seen == [(torch.bfloat16, False)] * 7 + [(torch.float32, True)] * 5
    assert result.config.precision == "bfloat16"
    exact = transfer.Objective(backbone.features(), *pictures, LBFGS)
    total, _ = exact(result.image)
    assert float(total) == pytest.approx(result.final_losses["total"], rel=1e-4)


def test_where_bfloat16_finds_nothing_lower_float32_goes_on(pictures, backbone, monkeypatch):
    plain = transfer.Objective.__call__

    def stuck(self, target):
        total, parts = plain(self, target)
        if self.dtype == torch.bfloat16:  # rises whichever way one goes
            total = total + 1e9 * (target - pictures[0]).abs().sum()
        return total, parts

    monkeypatch.setattr(transfer.Objective, "__call__", stuck)
    config = LBFGS.replace(steps=150, precision="bfloat16")
    result = stylize(*pictures, config, backbone=backbone)
    assert len(result.loss_history) > 100
    assert result.final_losses["total"] < 0.5 * totals(result)[0]


def test_a_resumed_run_keeps_its_precision(pictures, backbone, tmp_path, monkeypatch):
    config = LBFGS.replace(steps=8, precision="auto")
    monkeypatch.setattr(transfer, "resolve_precision", lambda *_: "bfloat16")
    place = tmp_path / "run.checkpoint"
    stylize(*pictures, config, lambda step: step.step == 3, place, backbone)
    monkeypatch.setattr(transfer, "resolve_precision", lambda *_: pytest.fail("probed again"))
    assert stylize(*pictures, config, None, place, backbone).config.precision == "bfloat16"


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("start", ["noise", "content"])
def test_a_clamped_picture_stays_between_black_and_white(backbone, optimizer, start):
    content, style = torch.randn(2, 1, 3, 96, 96, generator=torch.Generator().manual_seed(3))
    config = SMALL.replace(optimizer=optimizer, start=start, learning_rate=0.1, clamp=True)
    config = config.replace(steps=30, levels=2)
    black, white = (normalise(torch.full((1, 3, 1, 1), level)) for level in (0.0, 1.0))
    seen = []

    def look(step):
        seen.append(bool((step.image >= black).all() and (step.image <= white).all()))

    result = stylize(content, style, config, look, backbone=backbone)
    assert seen == [True] * len(result.loss_history)
    assert torch.equal(result.image, result.image.clamp(black, white))
    first = next(row["total"] for row in result.loss_history if row["size"] == 96)
    assert result.final_losses["total"] < 0.9 * first
    free = stylize(content, style, config.replace(clamp=False), backbone=backbone)
    assert not torch.equal(free.image, free.image.clamp(black, white))
    stopped = stylize(content, style, config, lambda _: True, backbone=backbone)
    assert torch.equal(stopped.image, stopped.image.clamp(black, white))


def test_what_makes_two_runs_the_same(pictures, backbone):
    key = transfer.run_key(*pictures, SMALL, backbone)
    assert transfer.run_key(*pictures, SMALL.replace(device="cpu", seed=3), backbone) == key
    assert transfer.run_key(*pictures, SMALL.replace(max_memory=8), backbone) == key
    assert transfer.run_key(*pictures, SMALL.replace(save_every=2), backbone) == key
    others = [SMALL.replace(steps=7), SMALL.replace(precision="bfloat16"), SMALL.replace(levels=2)]
    keys = {transfer.run_key(*pictures, config, backbone) for config in others}
    keys.add(transfer.run_key(pictures[1], pictures[0], SMALL, backbone))
    keys.add(transfer.run_key(*pictures, SMALL.replace(clamp=True), backbone))
    assert len(keys | {key}) == 6


def test_a_clear_picture_stays_clear_and_is_another_run(pictures, backbone, tmp_path):
    content, style = pictures
    alpha = torch.rand(content[:, :1].shape, generator=torch.Generator().manual_seed(0))
    clear = torch.cat([content, alpha], 1)
    config = SMALL.replace(transparency=True)
    for start in ("content", "noise"):
        config = config.replace(start=start)
        result = stylize(clear, style, config, backbone=backbone)
        assert torch.equal(result.image[:, 3:], alpha)
        opaque = stylize(content, style, SMALL.replace(start=start), backbone=backbone)
        assert torch.equal(result.image[:, :3], opaque.image)
        assert result.loss_history == opaque.loss_history
    contents = [clear, clear.flip(3), content]
    keys = {transfer.run_key(each, style, config, backbone) for each in contents}
    assert len(keys | {transfer.run_key(content, style, SMALL, backbone)}) == 4
    with pytest.raises(ImageError, match=r"is a tensor \(1, 4, "):
        stylize(clear, style, SMALL, backbone=backbone)


def test_the_papers_divisors_bring_the_papers_filters(pictures, backbone):
    paper = SMALL.replace(convention="paper", steps=1)
    results = {
        filters: stylize(*pictures, paper.replace(normalise_filters=filters), backbone=backbone)
        for filters in (None, True, False)
    }
    assert [r.config.normalise_filters for r in results.values()] == [True, True, False]
    by_convention, on, off = (totals(result) for result in results.values())
    assert by_convention == on != off
    keys = [transfer.run_key(*pictures, r.config, backbone) for r in results.values()]
    assert keys[0] == keys[1] != keys[2]
    assert keys[0] == transfer.run_key(*pictures, paper, backbone)


RAMP = torch.arange(3 * 32 * 40).reshape(1, 3, 32, 40) / 1000


@pytest.mark.parametrize(
    ("settings", "key"),
    [  # as they were before there was `colour`
        ({}, "10551646e89da516166d7043181456f0478e51d294c2fd0644519e8ed2d20fc4"),
        (
            {"optimizer": "lbfgs", "levels": 3, "picture_tolerance": 5.0, "steps": 150},
            "3bb494ba784ad19d8e70be9c22889d9a2e9cee8e09d6c38a388257c433130572",
        ),
    ],
)
def test_runs_that_use_no_control_keep_their_keys(settings, key):
    backbone = Backbone("random", {}, "max", "0" * 64)
    config = TransferConfig(device="cpu", **settings)
    assert transfer.run_key(RAMP, 1 - RAMP, config, backbone) == key
    assert transfer.run_key(RAMP, 1 - RAMP, config.replace(colour="match"), backbone) != key


def test_settings_that_came_later_leave_the_keys_of_earlier_runs(pictures, backbone):
    settings = SMALL.replace(normalise_filters=False).to_dict()
    assert {name: settings.pop(name) for name in LATER_SETTINGS} == LATER_SETTINGS
    assert settings.pop("save_every") is None
    hashes = {"content": "0", "style": "1", "start": "2"}
    before = checkpoints.identity_of(settings, hashes, "3")
    assert checkpoints.identity_of({**settings, "clamp": False}, hashes, "3") == before
    assert checkpoints.identity_of({**settings, "clamp": True}, hashes, "3") != before
    assert checkpoints.identity_of({**settings, "normalise_filters": False}, hashes, "3") == before
    assert checkpoints.identity_of({**settings, "normalise_filters": True}, hashes, "3") != before


# --- What a caller or a machine may do wrong -----------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_floats_of_another_precision_give_the_same_run(pictures, backbone, dtype):
    content, style = (picture.half().float() for picture in pictures)  # exact in each precision
    expected = stylize(content, style, SMALL, backbone=backbone)
    found = stylize(content.to(dtype), style.to(dtype), SMALL, backbone=backbone)
    assert found.image.dtype == torch.float32
    assert torch.equal(found.image, expected.image)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x.byte(), r"of torch\.uint8; give floats \(1, 3, H, W\)"),
        (lambda x: x[0], r"The style is a tensor \(3, 32, 40\)"),
        (lambda x: x.repeat(2, 1, 1, 1), r"\(2, 3, 32, 40\)"),
        (lambda x: x[:, :1], r"\(1, 1, 32, 40\)"),
    ],
)
def test_other_tensors_are_refused(pictures, backbone, change, said):
    content, style = pictures
    with pytest.raises(ImageError, match=said):
        stylize(content, change(style), SMALL, backbone=backbone)


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "meta", "CPU", "cpu:1", "xla", ""])
def test_odd_devices_are_refused(device):
    with pytest.raises(ConfigError, match=r"this machine has .*cpu.*Use device='auto'"):
        precision.resolve_device(device)


def test_a_full_disk_costs_the_checkpoint_and_not_the_run(
    pictures, backbone, tmp_path, monkeypatch
):
    """A real limit of this process on the size of files, as a quota has it."""
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)
    path = tmp_path / "run.checkpoint"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.warns(
            UserWarning, match=r"run\.checkpoint cannot be written: .*Make room"
        ) as w:
            result = stylize(*pictures, SMALL, checkpoint=path, backbone=backbone)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(w) == 1
    assert result.ended is Ended.FINISHED
    assert list(tmp_path.iterdir()) == []
