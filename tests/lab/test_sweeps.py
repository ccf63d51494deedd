"""Sweeps: every run is there, once, whatever happens on the way."""

import itertools
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest
import tqdm.auto
from click.testing import CliRunner
from PIL import Image
from support.dask_cluster import DaskCluster

from styletools import _files as files
from styletools import cli
from styletools.config import ASSIGNMENT, FAST, STYLE_WEIGHTS, TransferConfig
from styletools.engine import checkpoint
from styletools.errors import ConfigError
from styletools.images import bundled
from styletools.lab import store as experiments
from styletools.lab import sweeps
from styletools.lab.plans import part2, read_plan, tradeoff, variants
from styletools.lab.store import RunStoppedError, RunStore, StoreError
from styletools.lab.sweeps import sweep
from styletools.transfer import Ended, stylize

QUICK = TransferConfig(max_size=32, steps=6, backbone="small")
GRID = {"style_weight": [1e4, 1e6], "learning_rate": [0.003, 0.01]}


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


# Plans


def test_every_combination():
    found = variants(QUICK, GRID)
    assert list(found) == [
        "style_weight=1e4, learning_rate=0.003",
        "style_weight=1e4, learning_rate=0.01",
        "style_weight=1e6, learning_rate=0.003",
        "style_weight=1e6, learning_rate=0.01",
    ]
    assert found["style_weight=1e4, learning_rate=0.01"] == QUICK.replace(
        style_weight=1e4, learning_rate=0.01
    )
    layers = [{"conv1_1": 1}, {"conv5_1": 1.5, "conv1_1": 1}, dict.fromkeys(STYLE_WEIGHTS, 2.0)]
    assert list(variants(QUICK, {"style_weights": layers})) == [
        "style_weights=1_1:1",
        "style_weights=5_1:1.5 1_1:1",
        "style_weights=all 2",
    ]


def test_no_two_runs_share_a_label():
    near = [0.1234567, 0.1234568, 0.12345678]
    layers = [{"conv1_1": 1.0, "conv2_1": 1.0}, {"conv3_1": 1.0, "conv4_1": 1.0}]
    grid = {"learning_rate": near, "style_weights": layers}
    assert len(variants(QUICK, grid)) == 6


def test_named_variants():
    assert variants(QUICK) == {"base": QUICK}
    named = {"low": {"learning_rate": 0.001}, "other": FAST}
    assert variants(QUICK, named) == {"low": QUICK.replace(learning_rate=0.001), "other": FAST}


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"style_weight": 1e5}, r"style_weight is 100000.0; give a list of values, such as"),
        ({"style_weight": []}, "give a list of values"),
        ({"optimizer": "adam"}, "optimizer is 'adam'; give a list"),
        ({"beta": [1]}, "Unknown setting 'beta'"),
        ({"steps": [0]}, "steps is 0"),
    ],
)
def test_a_wrong_grid_is_said_at_once(store, photo, noise, grid, message):
    with pytest.raises(ConfigError, match=message):
        sweep(QUICK, grid, photo, noise, store)
    assert not store.folder.exists()


def test_part_2_is_the_assignments():
    plan = part2()
    assert list(plan) == ["base", "a", "b", "c", "d"]
    assert plan["base"] == ASSIGNMENT
    assert (plan["a"].content_weight, plan["a"].style_weight) == (10, 1e5)
    assert plan["b"] == ASSIGNMENT.replace(learning_rate=0.001)
    assert plan["c"] == ASSIGNMENT.replace(steps=5000)
    assert set(plan["d"].style_weights.values()) == {1.0}
    assert plan["d"].steps == 1000


def test_the_trade_off_goes_from_style_to_content(store):
    """The measures, not the weights, say that the row is one."""
    base = QUICK.replace(optimizer="lbfgs", steps=30, max_size=64)
    plan = tradeoff(base)
    assert list(plan) == ["α/β = 1e-4", "α/β = 1e-3", "α/β = 1e-2", "α/β = 1e-1"]
    weights = [config.content_weight / config.style_weight for config in plan.values()]
    assert [b / a for a, b in itertools.pairwise(weights)] == pytest.approx([10] * 3)
    content, style = bundled("content")["chelsea"], bundled("style")["impasto"]
    runs = sweep(base, plan, content, style, store, progress=False).runs.values()
    kept = [run.measures["content_kept"] for run in runs]
    taken = [run.measures["style_taken"] for run in runs]
    assert kept == sorted(kept)
    assert taken == sorted(taken, reverse=True)
    assert kept[0] < 0.3 < 0.7 < kept[-1]
    assert taken[-1] < 0.3 < 0.7 < taken[0]


PLAN = """
content = ["{photo}", "chelsea"]
style = "impasto"
[base]
preset = "fast"
max_size = 64
"""


def test_a_plan_from_a_file(tmp_path, photo):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(photo=photo.name) + "[grid]\nstyle_weight = [1e5, 1e6]\n")
    base, grid, contents, styles = read_plan(path)
    assert base == FAST.replace(max_size=64)
    assert grid == {"style_weight": [1e5, 1e6]}
    assert contents == [str(photo), str(bundled("content")["chelsea"])]
    assert styles == [str(bundled("style")["impasto"])]
    path.write_text(PLAN.format(photo=photo.name) + "[variants.a]\ncontent_weight = 10\n")
    assert variants(base, read_plan(path)[1]) == {"a": base.replace(content_weight=10)}
    path.write_text("plan = 'part2'" + PLAN.format(photo=photo.name))
    assert read_plan(path)[1] == part2(base)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("content = ", "no TOML file"),
        ("style = 'x'", "names no content"),
        ("content = 'x'\nstyle = 'x'\ncolour = 1", "unknown 'colour'; a sweep has content"),
        ("content = 'x'\nstyle = 'x'\nplan = 'part3'", "plan is 'part3'; choose one of part2"),
        ("content = 'x'\nstyle = 'x'\nplan = 'part2'\n[grid]\nsteps = [1]", "one of plan, grid"),
        ("content = 'x'\nstyle = 'x'\n[base]\npreset = 'best'", "preset is 'best'; choose one of"),
        ("content = 'x'\nstyle = 'x'\n[base]\nbeta = 2", "Unknown setting 'beta'"),
        ("content = ['x', 5]\nstyle = 'x'", r"content is \['x', 5\]; give a name, or a list"),
        ("content = 'x'\nstyle = 'x'\nbase = 3", r"base is 3; make it a table, \[base\]"),
        ("content = 'x'\nstyle = 'x'\nplan = ['part2']", "choose one of part2"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path, text, message):
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_plan(tmp_path / "plan.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_plan(tmp_path / "gone.toml")


# Doing them


def test_all_pictures_in_all_settings(store, photo, noise):
    done = sweep(QUICK, {"steps": [2, 3]}, [photo, noise], [noise], store, progress=False)
    assert list(done.runs) == [
        "photo, noise: steps=2", "photo, noise: steps=3",
        "noise, noise: steps=2", "noise, noise: steps=3",
    ]  # fmt: skip
    assert done.failures == {}
    for label, run in done.runs.items():
        assert len(run.losses()) == int(label[-1])
        assert run.content.endswith(f"{label.split(',')[0]}.png")


def test_only_what_is_missing_is_done(store, photo, noise, monkeypatch):
    first = sweep(QUICK, {"steps": [2, 3]}, photo, noise, store, progress=False)
    seen = []

    def counting(content, style, config, *rest):
        seen.append(config.steps)
        return stylize(content, style, config, *rest)

    monkeypatch.setattr(experiments, "stylize", counting)
    second = sweep(QUICK, {"steps": [2, 3, 4]}, photo, noise, store, progress=False)
    assert seen == [4]
    assert {label: second.runs[label] for label in first.runs} == first.runs


def test_one_error_does_not_end_the_others(store, photo, noise, monkeypatch):
    def exploding(content, style, config, *rest):
        if config.steps == 3:
            raise MemoryError("no more")
        return stylize(content, style, config, *rest)

    monkeypatch.setattr(experiments, "stylize", exploding)
    grid = {
        "hot": {"style_weight": 1e38, "style_weights": {"conv1_1": 1e9}},
        "large": {"steps": 3},
        "good": {},
        "start": {"start": "gone.png"},
    }
    done = sweep(QUICK, grid, photo, noise, store, progress=False)
    assert list(done.runs) == ["hot", "good"]
    assert done.runs["good"].ended is Ended.FINISHED
    assert set(done.failures) == {"hot", "large", "start"}
    assert "the loss is inf" in done.failures["hot"]
    assert done.failures["large"] == "MemoryError: no more"
    assert "gone.png does not exist" in done.failures["start"]


def test_ctrl_c_ends_the_sweep_and_the_next_goes_on(store, photo, noise, monkeypatch):
    real = sweeps.StepBar.report

    def interrupted(bar, label, step, loss):
        if label == "steps=5" and step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return real(bar, label, step, loss)

    with monkeypatch.context() as patch:
        patch.setattr(sweeps.StepBar, "report", interrupted)
        with pytest.raises(RunStoppedError, match="interrupted after 3 of at most 5"):
            sweep(QUICK, {"steps": [4, 5]}, photo, noise, store, progress=False)
    assert [run.config.steps for run in store.runs()] == [4]
    seen = []
    monkeypatch.setattr(sweeps.StepBar, "report", lambda _, label, step, loss: seen.append(step))
    sweep(QUICK, {"steps": [4, 5]}, photo, noise, store, progress=False)
    assert seen == [4, 5]


def test_progress_counts_steps_of_all_runs(store, photo, noise, monkeypatch):
    bars = []

    class Bar(tqdm.auto.tqdm):
        def __init__(self, **options):
            bars.append(self)
            super().__init__(**options)

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    with pytest.raises(RunStoppedError):
        store.run(photo, noise, QUICK, lambda step: step.step == 2)
    grid = {"goes on": {}, "hot": {"style_weight": 1e38, "style_weights": {"conv1_1": 1e9}}}
    sweep(QUICK, grid, photo, noise, store)
    (bar,) = bars
    assert (bar.n, bar.total, bar.initial) == (6, 6, 2)  # two were done before; "hot" made none
    assert bar.desc == "2 of 2 runs: "
    assert bar.postfix.startswith("goes on: step 6 of 6, loss ")


# Killed, full, two at once

CONTEXT = multiprocessing.get_context("forkserver")  # torch is imported once, for all of them
CONTEXT.set_forkserver_preload(["styletools.lab.sweeps"])


def _sweep(folder, photo, noise, started, log):
    """What the processes do; every start of a run is noted, and a checkpoint made at each step."""
    checkpoint.CHECKPOINT_SECONDS = 0.0

    def noting(content, style, config, *rest):
        with open(log, "a") as file:
            file.write(f"{config.style_weight:g} {config.learning_rate:g}\n")
        return stylize(content, style, config, *rest)

    experiments.stylize = noting
    started.set()
    assert len(sweep(QUICK, GRID, photo, noise, folder, progress=False).runs) == 4


def start(store, photo, noise, log):
    started = CONTEXT.Event()
    arguments = (store.folder, photo, noise, started, log)
    process = CONTEXT.Process(target=_sweep, args=arguments, daemon=True)
    process.start()
    assert started.wait(120)
    return process


def assert_whole(store):
    """Nothing half, nothing twice; every file can be read."""
    assert store.damaged() == {}
    runs = store.runs()
    assert len({run.key for run in runs}) == len(runs)
    for run in runs:
        assert len(run.losses()) == QUICK.steps
        for path in (run.picture, *run.previews):
            Image.open(path).load()
    return runs


def check_kills(store, photo, noise, times, tmp_path):
    chance = random.Random(times)
    kept = {}
    for _ in range(times):
        process = start(store, photo, noise, tmp_path / "log")
        time.sleep(chance.uniform(0, 1.5))
        process.kill()
        process.join(60)
        runs = {run.key: run.description for run in assert_whole(store)}
        assert runs | kept == runs  # no finished run is lost or changed
        kept = runs
        if len(runs) == 4:
            shutil.rmtree(store.folder)
            kept = {}
    done = sweep(QUICK, GRID, photo, noise, store, progress=False)
    assert len(assert_whole(store)) == len(done.runs) == 4
    for run in done.runs.values():
        assert run.losses() == stylize(photo, noise, run.config).loss_history
    assert not list(store.folder.glob(experiments.HIDDEN + "*"))


def test_kill_9_at_random_moments(store, photo, noise, tmp_path):
    check_kills(store, photo, noise, 3, tmp_path)


@pytest.mark.soak
def test_kill_9_at_many_random_moments(store, photo, noise, tmp_path):
    check_kills(store, photo, noise, 20, tmp_path)


def test_two_sweeps_on_one_folder(store, photo, noise, tmp_path):
    log = tmp_path / "log"
    processes = [start(store, photo, noise, log) for _ in range(2)]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    computed = log.read_text().split("\n")[:-1]
    assert sorted(computed) == ["10000 0.003", "10000 0.01", "1e+06 0.003", "1e+06 0.01"]
    assert len(assert_whole(store)) == 4


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """A folder on a disk of its own, and a function that sets how many KiB it has.

    A real disk where this process may mount one; else writing fails once so much is there.
    """
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)]
    if shutil.which("mount") and not subprocess.run(mount, capture_output=True).returncode:
        remount = ["mount", "-o", "remount,size={}k", str(folder)]
        yield (
            folder,
            lambda kib: subprocess.run([part.format(kib) for part in remount], check=True),
        )
        subprocess.run(["umount", str(folder)], check=True)
        return
    limit, fsync = [4], os.fsync

    def full(handle):
        blocks = (-(-p.stat().st_size // 4096) for p in folder.rglob("*") if p.is_file())
        if 4 * sum(blocks) > limit[-1]:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(files.os, "fsync", full)
    yield folder, limit.append


def test_a_full_disk_ends_the_sweep_and_room_lets_it_go_on(small_disk, photo, noise):
    folder, set_size = small_disk
    store = RunStore(folder / "runs")
    counts = []
    for kib in (4, 32, 56, 80, 120, 160):  # the checkpoint, a preview, the run: all cannot be kept
        set_size(kib)
        before = store.runs()
        with pytest.raises(StoreError, match=r"No space left.*All finished runs are kept"):
            sweep(QUICK, GRID, photo, noise, store, progress=False)
        runs = assert_whole(store)
        assert [run for run in runs if run in before] == before
        counts.append(len(runs))
    assert counts[0] == 0 < counts[-1] < 4
    set_size(20_000)
    done = sweep(QUICK, GRID, photo, noise, store, progress=False)
    assert len(done.runs) == len(assert_whole(store)) == 4
    assert [run for run in store.runs() if run in runs] == runs


# On a cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two workers, in processes of their own; yields (client, workers)."""
    too_many = {"OMP_NUM_THREADS": "7"}  # more than there should be
    with DaskCluster(tmp_path_factory.mktemp("cluster")) as started:
        workers = [started.worker(**too_many) for _ in range(2)]
        with started.client(2) as client:
            yield client, workers


@pytest.mark.slow
def test_ctrl_c_frees_the_workers(cluster, store, photo, noise, monkeypatch):
    """They would be busy for hours; and they tell how far they are."""
    client, _ = cluster
    told, grid = set(), {"steps": [10**6, 10**6 + 1]}

    def interrupt(_, label, step, loss):
        told.add(label)
        if told == {"steps=1000000", "steps=1000001"} and step > 1 and loss > 0:
            told.clear()
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(sweeps.StepBar, "report", interrupt)
        with pytest.raises(KeyboardInterrupt):
            sweep(QUICK, grid, photo, noise, store, client)
    assert store.runs() == []
    done = sweep(QUICK, None, photo, noise, store, client, progress=False)
    assert done.runs["base"].ended is Ended.FINISHED
    assert done.failures == {}


def test_the_command_takes_a_scheduler(cluster, store, photo, noise, tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "stylize", None)  # nothing is computed here
    path = tmp_path / "plan.toml"
    path.write_text(
        f"content = '{photo.name}'\nstyle = '{noise.name}'\n"
        "[base]\nmax_size = 32\nbackbone = 'small'\n[grid]\nsteps = [2, 3]\n"
    )
    address = cluster[0].scheduler.address
    options = ["--store", str(store.folder), "--scheduler", address]
    result = CliRunner().invoke(cli.main, ["sweep", str(path), *options])
    assert result.exit_code == 0, result.output
    assert f"2 runs in {store.folder}." in result.output
    assert sorted(len(run.losses()) for run in store.runs()) == [2, 3]


def test_a_worker_killed_on_the_way(cluster, store, photo, noise):
    from dask.system import CPU_COUNT

    client, workers = cluster
    base = QUICK.replace(steps=150, max_size=48)
    grid = variants(base, {"style_weight": [1e3, 1e4, 1e5, 1e6, 1e7]})
    grid |= {
        "hot": base.replace(style_weights={"conv1_1": 1e38}),
        "start": base.replace(start="gone.png"),
    }
    killed = []

    def kill_one():
        while not store.runs():
            time.sleep(0.1)
        workers[0].kill()
        workers[0].wait(30)
        killed.append(len(store.runs()))

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    done = sweep(base, grid, photo, noise, store, client, progress=False)
    killer.join(30)
    assert killed[0] < 5  # there was work left
    assert set(done.failures) == {"hot", "start"}
    assert list(done.runs) == [label for label in grid if label != "start"]
    assert len(store.runs()) == 6
    assert store.damaged() == {}
    for label, run in done.runs.items():
        if label == "hot":
            assert run.ended is Ended.DIVERGED
            continue
        assert len(run.losses()) == 150
        assert run == store.find(run.key)
        assert len(run.previews) == 10
        assert run.description["environment"]["threads"] == max(1, CPU_COUNT // 2)
    assert sweep(base, grid, photo, noise, store, progress=False).runs == done.runs
