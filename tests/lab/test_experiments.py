"""A run is a folder; a store finds it again, and never shows half of one."""

import json
import multiprocessing
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from styletools.backbones import load_backbone
from styletools.config import TransferConfig
from styletools.errors import ConfigError, ImageError
from styletools.images import bundled, load_image, to_image
from styletools.lab import run as runs
from styletools.lab import store as experiments
from styletools.lab.run import Run
from styletools.lab.store import RunStoppedError, RunStore, StoreError
from styletools.losses import content_loss
from styletools.transfer import Ended, run_key, stylize

QUICK = TransferConfig(max_size=32, steps=4, backbone="small")


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture
def computed(monkeypatch):
    """The configurations that were really computed."""
    seen = []

    def counting(content, style, config, *rest):
        seen.append(config)
        return stylize(content, style, config, *rest)

    monkeypatch.setattr(experiments, "stylize", counting)
    return seen


def hidden(store):
    return [path.name for path in store.folder.glob(experiments.HIDDEN + "*")]


# What a run's folder holds


def test_a_run_is_readable_without_the_kit(store, photo, noise):
    run = store.run(photo, noise, QUICK)
    names = {str(path.relative_to(run.folder)) for path in run.folder.rglob("*") if path.is_file()}
    previews = {f"previews/step_{step:06d}.png" for step in (1, 2, 3, 4)}
    assert names == {"run.json", "picture.png", "losses.csv"} | previews
    description = json.loads((run.folder / "run.json").read_text())
    assert description["content"] == str(photo)
    assert description["config"]["steps"] == 4
    assert description["environment"]["backbone"] == "small"
    assert set(description["measures"]) >= {"content_kept", "style_taken", "ssim"}
    assert run.name == f"photo-noise-{run.key[:12]}"
    assert run.key == run_key(photo, noise, QUICK)


def test_it_holds_what_stylize_gives(store, photo, noise):
    expected = stylize(photo, noise, QUICK)
    run = store.run(photo, noise, QUICK)
    assert run.losses() == expected.loss_history
    assert Image.open(run.picture).tobytes() == to_image(expected.image).tobytes()
    assert run.config == expected.config
    assert (run.ended, run.detail) == (Ended.FINISHED, "")
    assert [Image.open(path).size for path in run.previews] == [(32, 27)] * 4


def test_final_losses_are_those_of_the_picture_that_is_kept(store):
    """Where L-BFGS ends in the middle of a line search, that is an earlier one than the last."""
    photo, style = bundled("content")["chelsea"], bundled("style")["impasto"]
    config = QUICK.replace(optimizer="lbfgs", steps=20, style_weights={"conv1_1": 1.0})
    totals = [row["total"] for row in stylize(photo, style, config).loss_history]
    worse = next(step for step in range(2, 20) if totals[step - 1] > min(totals[:step]))
    run = store.run(photo, style, config.replace(steps=worse))
    final, rows = run.description["final_losses"], run.losses()
    assert final["total"] == min(row["total"] for row in rows) < rows[-1]["total"]
    net = load_backbone("small").features({"conv4_2"})
    with torch.no_grad():
        picture, content = (net(load_image(path, 32))["conv4_2"] for path in (run.picture, photo))
    # The picture's file has 8 bits a channel.
    assert float(content_loss(picture, content)) == pytest.approx(final["content"], rel=0.05)


def test_at_most_ten_previews(store, photo, noise):
    run = store.run(photo, noise, QUICK.replace(steps=23))
    assert [path.stem for path in run.previews] == [
        f"step_{step:06d}" for step in (3, 6, 9, 12, 15, 18, 21)
    ]


def test_show_as_code_gives_the_same_picture(store, photo, noise, tmp_path, monkeypatch):
    config = QUICK.replace(style_weight=1e4, style_weights={"conv1_1": 1, "conv3_1": 0.5})
    run = store.run(photo, noise, config)
    code = run.code()
    assert "learning_rate" not in code
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert Image.open("picture.png").tobytes() == Image.open(run.picture).tobytes()


def test_pictures_without_a_path_are_kept_in_the_folder(store, photo, noise):
    content, style = Image.open(photo), np.asarray(Image.open(noise))
    run = store.run(content, style, QUICK)
    again = store.run(run.content, run.style, QUICK)
    assert again == run
    assert run.content.startswith(str(run.folder))
    assert Image.open(run.content).tobytes() == content.tobytes()
    assert run.name.startswith("picture-picture-")


# Nothing is computed twice


def test_found_again_by_content(store, photo, noise, computed, tmp_path):
    first = store.run(photo, noise, QUICK)
    renamed = photo.rename(tmp_path / "other.png")
    assert store.run(renamed, noise, QUICK) == first
    assert RunStore(store.folder).find(first.key) == first
    first.folder.rename(store.folder / "my favourite")
    assert store.run(renamed, noise, QUICK).name == "my favourite"
    assert len(computed) == 1
    assert len(store.runs()) == 1


@pytest.mark.parametrize(
    "change", [{"steps": 3}, {"style_weight": 1e5}, {"start": "style"}, {"precision": "bfloat16"}]
)
def test_other_settings_are_another_run(store, photo, noise, computed, change):
    store.run(photo, noise, QUICK)
    assert store.run(photo, noise, QUICK.replace(**change)).config == computed[-1].replace(
        pooling="avg", normalise_filters=False
    )
    assert len(computed) == 2


def test_the_precision_that_auto_comes_to_is_found(store, photo, noise, computed):
    """Which one it comes to is measured, and may differ from one time to the next."""
    low = store.run(photo, noise, QUICK.replace(precision="bfloat16"))
    assert store.run(photo, noise, QUICK.replace(precision="auto")) == low
    exact = store.run(photo, noise, QUICK)
    assert exact.key != low.key
    assert len(computed) == 2


def test_save_keeps_a_result_once(store, photo, noise):
    result = stylize(photo, noise, QUICK)
    previews = {2: to_image(result.image)}
    run = store.save(result, photo, noise, previews)
    assert store.save(result, photo, noise, previews) == run == store.find(run.key)
    assert [path.name for path in run.previews] == ["step_000002.png"]
    assert run.key == run_key(photo, noise, QUICK)


def test_a_backbone_that_is_handed_over(store, photo, noise):
    backbone = load_backbone("small")
    halved = {name: weight / 2 for name, weight in backbone.weights.items()}
    other = type(backbone)("mine", halved, "max", "0" * 64)
    run = store.run(photo, noise, QUICK, backbone=other)
    assert run.key == run_key(photo, noise, QUICK, other)
    assert (run.config.backbone, run.config.pooling) == ("mine", "max")
    assert store.save(stylize(photo, noise, QUICK, None, None, other), photo, noise, {},
                      backbone=other) == run  # fmt: skip


# Stopped, diverged, wrong


def stop_at(number):
    return lambda step: step.step == number


def test_a_stopped_run_goes_on(store, photo, noise):
    whole = stylize(photo, noise, QUICK)
    with pytest.raises(
        RunStoppedError, match="stopped by the callback after 2 of at most 4"
    ) as stop:
        store.run(photo, noise, QUICK, stop_at(2))
    assert len(stop.value.result.loss_history) == 2
    assert store.runs() == []
    seen = []
    run = store.run(photo, noise, QUICK, lambda step: seen.append(step.step))
    assert seen == [3, 4]
    assert run.losses() == whole.loss_history
    assert len(run.previews) == 4  # those from before the stop are among them
    assert not list((store.folder / ".unfinished").iterdir())


def test_what_a_stopped_run_left_can_be_forgotten(store, photo, noise):
    for style_weight in (1e5, 1e6):
        with pytest.raises(RunStoppedError):
            store.run(photo, noise, QUICK.replace(style_weight=style_weight), stop_at(2))
    going_on = experiments.RunRequest(photo, noise, QUICK.replace(style_weight=1e5))
    with store.claim(going_on):
        assert store.forget_unfinished() == 1
    seen = []
    for style_weight in (1e5, 1e6):
        config = QUICK.replace(style_weight=style_weight)
        store.run(photo, noise, config, lambda step: seen.append(step.step))
    assert seen == [3, 4, 1, 2, 3, 4]
    assert store.forget_unfinished() == 0


def test_a_stopped_result_may_be_saved_and_is_never_found(store, photo, noise):
    result = stylize(photo, noise, QUICK, stop_at(2))
    parts = [store.save(result, photo, noise) for _ in range(2)]
    assert [run.ended for run in parts] == [Ended.STOPPED] * 2
    assert parts[0].name.endswith("-stopped")
    assert parts[1].name.endswith("-stopped-2")
    assert store.find(parts[0].key) is None
    finished = store.run(photo, noise, QUICK)
    assert len(finished.losses()) == 4
    assert store.runs() == [finished, *reversed(parts)]


def test_a_damaged_checkpoint_costs_only_its_steps(store, photo, noise):
    with pytest.raises(RunStoppedError):
        store.run(photo, noise, QUICK, stop_at(2))
    (checkpoint,) = (store.folder / ".unfinished").rglob("run.checkpoint")
    checkpoint.write_bytes(b"half")
    assert store.run(photo, noise, QUICK).losses() == stylize(photo, noise, QUICK).loss_history


def test_a_run_that_diverges_is_kept_and_not_tried_again(store, photo, noise, computed):
    hot = QUICK.replace(style_weight=1e38, style_weights={"conv1_1": 1e9})
    run = store.run(photo, noise, hot)
    assert run.ended is Ended.DIVERGED
    assert "the loss is inf" in run.detail
    assert run.losses() == []
    assert store.run(photo, noise, hot) == run
    assert len(computed) == 1


def test_wrong_input_leaves_nothing(store, photo):
    with pytest.raises(ImageError, match="does not exist"):
        store.run(photo, "gone.png", QUICK)
    assert not store.folder.exists()


# The folder


def test_where_the_runs_are(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLETOOLS_RUNS", str(tmp_path / "kept"))
    assert RunStore().folder == tmp_path / "kept"
    monkeypatch.delenv("STYLETOOLS_RUNS")
    assert str(RunStore().folder) == "runs"
    assert RunStore(tmp_path / "none").runs() == []
    assert RunStore(tmp_path / "none").find("0") is None


def test_get_by_name_or_key(store, photo, noise):
    first = store.run(photo, noise, QUICK)
    second = store.run(noise, photo, QUICK)
    assert store.get(first.name) == first
    assert store.get(second.key[:10]) == second
    with pytest.raises(ConfigError, match=rf"'x' names no run .*{first.name}"):
        store.get("x")
    with pytest.raises(ConfigError, match="no run"):
        store.get("")
    assert store.runs() == [second, first]


def test_delete(store, photo, noise):
    run = store.run(photo, noise, QUICK)
    store.delete(run)
    store.delete(run)  # somebody else was quicker
    assert store.runs() == []
    assert not run.folder.exists()
    assert not hidden(store)


@pytest.mark.parametrize("change", ["run", "delete", "forget_unfinished"])
def test_a_folder_held_for_a_moment(store, photo, noise, monkeypatch, change):
    """As by a virus scanner: the first two tries are refused."""
    run = store.run(photo, noise, QUICK)
    (store.folder / experiments.UNFINISHED_WORK / "key-float32").mkdir(parents=True)
    held = []

    def refused_twice(real):
        def try_it(place, *arguments):
            if len(held) < 2:
                held.append(place)
                raise PermissionError(13, "The process cannot access the file", str(place))
            return real(place, *arguments)

        return try_it

    if change == "forget_unfinished":
        monkeypatch.setattr(experiments.shutil, "rmtree", refused_twice(shutil.rmtree))
        assert store.forget_unfinished() == 1
    else:
        monkeypatch.setattr(Path, "rename", refused_twice(Path.rename))
        if change == "delete":
            store.delete(run)
        else:
            store.run(photo, noise, QUICK.replace(style_weight=5))
    assert len(held) == 2
    assert len(store.runs()) == {"run": 2, "delete": 0, "forget_unfinished": 1}[change]
    assert not hidden(store)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run.json", None),
        ("run.json", b"{"),
        ("run.json", b"\xff\xfe"),
        ("run.json", b'{"config": {"beta": 1}}'),
        ("picture.png", None),
        ("losses.csv", None),
    ],
)
def test_damaged_folders_are_left_alone(store, photo, noise, file, content):
    run = store.run(photo, noise, QUICK)
    path = run.folder / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    before = sorted(run.folder.rglob("*"))
    assert store.runs() == []
    assert list(store.damaged()) == [run.folder]
    again = store.run(photo, noise, QUICK)
    assert again.folder != run.folder
    assert sorted(run.folder.rglob("*")) == before
    assert list(store.damaged()) == [run.folder]


def test_what_a_killed_process_left_is_swept_up(store, photo, noise):
    left = store.folder / f"{experiments.HIDDEN}0"
    left.mkdir(parents=True)
    (left / "run.json").write_text("{")
    assert store.damaged() == {}
    store.run(photo, noise, QUICK)
    assert not hidden(store)


@pytest.mark.parametrize("moment", ["previews", "picture.png", "losses.csv", "run.json", "rename"])
def test_a_full_disk_leaves_no_half_run(store, photo, noise, monkeypatch, computed, moment):
    """Whatever cannot be written: no folder appears, and the run goes on from its checkpoint."""

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if moment == "rename":
            patch.setattr(RunStore, "_settle", full)
        elif moment == "run.json":
            patch.setattr(runs, "write_text", full)
        elif moment == "losses.csv":
            patch.setattr(runs, "atomic_path", full)
        else:
            real = runs.save_image
            patch.setattr(
                runs,
                "save_image",
                lambda p, to, *d: full() if moment in to.parts else real(p, to, *d),
            )
        with pytest.raises(StoreError, match=r"No space left on device.* All finished runs"):
            store.run(photo, noise, QUICK)
    assert store.runs() == []
    assert store.damaged() == {}
    assert not hidden(store)
    assert store.run(photo, noise, QUICK).losses() == stylize(photo, noise, QUICK).loss_history


def test_a_folder_that_is_a_file(tmp_path, photo, noise):
    with pytest.raises(StoreError, match="cannot be written"):
        RunStore(photo).run(photo, noise, QUICK)


# Several at once


def test_two_threads_compute_it_once(store, photo, noise, computed):
    found = []

    def work():
        found.append(RunStore(store.folder).run(photo, noise, QUICK))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 3
    assert len(computed) == 1
    assert len(store.runs()) == 1


def _hold(folder, photo, noise, ready):
    order = experiments.RunRequest(photo, noise, QUICK)
    with RunStore(folder).claim(order):
        ready.set()
        threading.Event().wait()


def test_a_claim_ends_with_its_process(store, photo, noise):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_hold, args=(store.folder, photo, noise, ready), daemon=True)
    process.start()
    assert ready.wait(60)
    order = experiments.RunRequest(photo, noise, QUICK)
    auto = experiments.RunRequest(photo, noise, QUICK.replace(precision="auto"))
    for rival in (order, auto):
        with store.claim(rival) as ours:
            assert not ours
    process.kill()
    process.join(60)
    with store.claim(order) as ours:
        assert ours
    assert store.run(photo, noise, QUICK).ended is Ended.FINISHED


def test_a_hanging_writer_is_said(store, photo, noise, monkeypatch):
    monkeypatch.setattr(experiments, "LOCK_SECONDS", 0.2)
    result = stylize(photo, noise, QUICK)
    with store._writing(), pytest.raises(StoreError, match=r"has been writing to .* if it hangs"):
        RunStore(store.folder).save(result, photo, noise)


def test_tensors_are_taken_as_they_are(store, photo, noise):
    content = load_image(photo, 32)
    style = load_image(noise, size=content.shape[-2:])
    assert store.run(content, style, QUICK).key == run_key(photo, noise, QUICK)
    assert torch.equal(content, load_image(photo, 32))


def test_a_store_lists_runs_and_nothing_else(store, photo, noise):
    run = store.run(photo, noise, QUICK)
    (store.folder / "notes.txt").write_text("mine")
    assert store.runs() == [run]
    assert isinstance(store.runs()[0], Run)
    assert store.damaged() == {}


@pytest.mark.parametrize(
    ("sentence", "ended"),
    [
        ("finished", Ended.FINISHED),
        ("flat: the last 10 steps lowered the loss by less than 40 %", Ended.FLAT),
        ("converged: at step 9 L-BFGS finds no lower loss", Ended.CONVERGED),
        ("stopped by the callback", Ended.STOPPED),
        ("interrupted", Ended.INTERRUPTED),
        ("At step 4 the loss is inf or its gradient not finite", Ended.DIVERGED),
    ],
)
def test_a_run_of_an_earlier_version_says_in_a_sentence_why_it_ended(
    store, photo, noise, sentence, ended
):
    folder = store.run(photo, noise, QUICK).folder
    description = json.loads((folder / "run.json").read_text("utf-8"))
    assert (description.pop("ended"), description.pop("detail")) == ("finished", "")
    (folder / "run.json").write_text(json.dumps({**description, "stopped": sentence}), "utf-8")
    (run,) = store.runs()
    assert (run.ended, run.detail) == (ended, sentence)
    (folder / "run.json").write_text(json.dumps({**description, "stopped": "who knows"}), "utf-8")
    assert "does not say why its run ended" in store.damaged()[folder]
