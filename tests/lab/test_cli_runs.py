"""`styletools sweep` and `styletools runs`, as their users type them."""

import csv
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from styletools import cli
from styletools.lab import sweeps
from styletools.lab.store import RunStore

PLAN = """
content = "photo.png"
style = "noise.png"
[base]
max_size = 32
steps = 2
backbone = "small"
[variants]
plain = {}
strong = {style_weight = 1e7}
"""


@pytest.fixture
def run(tmp_path, photo, noise, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STYLETOOLS_RUNS", raising=False)
    Path("plan.toml").write_text(PLAN)
    return lambda *arguments: CliRunner().invoke(cli.main, [str(a) for a in arguments])


@pytest.fixture
def two(run):
    result = run("sweep", "plan.toml")
    assert result.exit_code == 0, result.output
    return RunStore().runs()


def test_sweep_does_the_plan(run):
    planned = run("sweep", "plan.toml", "--dry-run")
    assert "plain: to do: 2 steps" in planned.output
    assert "2 of 2 runs to do, 4 steps." in planned.output
    assert not Path("runs").exists()
    result = run("sweep", "plan.toml", "--store", "kept")
    assert result.exit_code == 0, result.output
    assert "2 runs in kept." in result.output
    assert "a lower total does not mean a better picture" in " ".join(result.output.split())
    assert len(RunStore("kept").runs()) == 2
    again = run("sweep", "plan.toml", "--store", "kept", "--dry-run")
    assert "strong: there: photo-noise-" in again.output
    assert "0 of 2 runs to do, 0 steps." in again.output


def test_a_failed_run_is_said(run):
    hot = "hot = {style_weight = 1e38, style_weights = {conv1_1 = 1e9}}"
    Path("plan.toml").write_text(PLAN + hot)
    result = run("sweep", "plan.toml")
    assert result.exit_code == cli.DIVERGED
    assert "Failed: hot: At step 1 the loss is inf" in result.output
    assert len(RunStore().runs()) == 3


def test_ctrl_c(run, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "sweep", interrupted)
    result = run("sweep", "plan.toml")
    assert result.exit_code == cli.INTERRUPTED
    assert "give the same command again" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep", "gone.toml"], "gone.toml cannot be read"),
        (["sweep", "plan.toml", "--store", "photo.png"], "Directory 'photo.png' is a file"),
        (["sweep", "plan.toml", "--scheduler", "tcp://127.0.0.1:1"], "No scheduler answers at tcp"),
        (["runs", "compare"], "There are no runs here"),
        (["runs", "export", "x.csv"], "There are no runs here"),
        (["runs", "delete", "x"], "'x' names no run in runs; there are: none yet."),
        (["runs", "delete"], "--unfinished"),
    ],
)
def test_wrong_input_ends_with_2_and_one_message(run, monkeypatch, arguments, message):
    monkeypatch.setattr("styletools.cli.runs.CONNECT_SECONDS", 1)
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_list(run, two):
    (two[0].folder.parent / "half").mkdir()
    result = run("runs", "list", "--sort", "seconds", "--descending")
    assert result.exit_code == 0
    for one in two:
        assert one.name in result.output
    assert "style_taken" in result.output
    assert "Left alone: half: " in result.output
    assert "There is no column 'beauty'" in run("runs", "list", "--sort", "beauty").output
    refused = run("runs", "list", "--sort", "total")
    assert refused.exit_code == 2
    assert "measured with different rulers" in refused.output
    assert "There are no runs in empty." in run("runs", "list", "--store", "empty").output


def test_compare(run, two):
    result = run("runs", "compare", two[0].name, two[1].key[:8], "-o", "out")
    assert result.exit_code == 0, result.output
    assert {path.name for path in Path("out").iterdir()} == {
        "pictures.png", "losses.png", "scatter.png",
    }  # fmt: skip
    for path in Path("out").iterdir():
        Image.open(path).load()


def test_export(run, two):
    assert run("runs", "export", "table.csv", "--sort", "ssim").exit_code == 0
    rows = list(csv.DictReader(Path("table.csv").read_text().splitlines()))
    assert {row["run"] for row in rows} == {one.name for one in two}
    assert [float(row["ssim"]) for row in rows] == sorted(one.measures["ssim"] for one in two)
    assert run("runs", "export", "all.zip", two[0].name).exit_code == 0
    with zipfile.ZipFile("all.zip") as archive:
        archive.extractall("unpacked")
    unpacked = RunStore("unpacked").get(two[0].name)
    assert unpacked.description == two[0].description
    assert unpacked.losses() == two[0].losses()
    assert run("runs", "export", "table.xls").exit_code == 2


def test_delete_asks(run, two):
    kept = CliRunner().invoke(cli.main, ["runs", "delete", two[0].name], input="n\n")
    assert "Delete" in kept.output
    assert len(RunStore().runs()) == 2
    assert run("runs", "delete", two[0].name, "--yes").exit_code == 0
    assert [one.name for one in RunStore().runs()] == [two[1].name]


def test_delete_of_unfinished_runs_leaves_the_finished(run, two):
    work = RunStore().folder / ".unfinished" / "0123-float32"
    work.mkdir(parents=True)
    CliRunner().invoke(cli.main, ["runs", "delete", "--unfinished"], input="n\n")
    assert work.exists()
    answer = run("runs", "delete", "--unfinished", "--yes")
    assert "Forgotten: 1 interrupted run" in answer.output
    assert not work.exists()
    assert len(RunStore().runs()) == 2


@pytest.mark.parametrize("arguments", [["--help"], ["sweep", "--help"], ["runs", "--help"]])
def test_help_waits_for_nothing(arguments):
    code = (
        "import sys; from styletools import cli; "
        f"cli.main({arguments}, standalone_mode=False); "
        "print([m for m in ('torch', 'numpy', 'pandas', 'matplotlib', 'dask') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.endswith("\n[]\n"), answer.stdout + answer.stderr
