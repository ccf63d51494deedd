"""The command line as its users type it."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from styletools import cli, transfer
from styletools.config import ASSIGNMENT, FAST
from styletools.course import doctor
from styletools.errors import ConfigError
from styletools.images import read_config
from styletools.lab import run as runs

QUICK = ["--max-size", "32", "--steps", "4", "--backbone", "small"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLETOOLS_CACHE", str(tmp_path / "cache"))
    return lambda *arguments: CliRunner().invoke(cli.main, [str(a) for a in arguments])


def test_a_run_is_a_folder(run, photo, noise, tmp_path):
    result = run("stylize", photo, noise, "-o", "out", *QUICK)
    assert result.exit_code == 0, result.output
    assert "4 steps in" in result.output
    assert "on the small backbone" in result.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"picture.png", "loss_curve.png", "losses.csv", "run.json"}
    assert Image.open("out/picture.png").size == (32, 27)
    rows = list(csv.DictReader(Path("out/losses.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4]
    description = json.loads(Path("out/run.json").read_text())
    assert description["config"]["optimizer"] == FAST.optimizer
    assert description["environment"]["backbone"] == "small"
    assert read_config("out/picture.png") == description


@pytest.mark.parametrize("again", ["out/run.json", "out", "out/picture.png"])
def test_a_run_can_be_done_again(run, photo, noise, again):
    run("stylize", photo, noise, "-o", "out", *QUICK, "--style-weights", "conv1_1=1,conv3_1=0.5")
    result = run("stylize", "--config", again, "-o", "again")
    assert result.exit_code == 0, result.output
    first, second = Image.open("out/picture.png"), Image.open("again/picture.png")
    assert first.tobytes() == second.tobytes()
    assert json.loads(Path("again/run.json").read_text())["config"]["style_weights"] == {
        "conv1_1": 1.0,
        "conv3_1": 0.5,
    }


def test_presets_and_options(run, photo, noise, tmp_path):
    run("stylize", photo, noise, "-o", "a.png", "--preset", "assignment", *QUICK)
    settings = read_config("a.png")["config"]
    expected = ASSIGNMENT.replace(max_size=32, steps=4, backbone="small", pooling="avg").to_dict()
    assert settings == expected
    assert not (tmp_path / "outputs").exists()


def test_a_finished_run_is_not_overwritten_unasked(run, photo, noise):
    run("stylize", photo, noise, "-o", "out", *QUICK)
    before = Path("out/run.json").read_text()
    result = run("stylize", photo, noise, "-o", "out", *QUICK, "--seed", "5")
    assert result.exit_code == 2
    assert "run.json is there already; give another -o, or --overwrite" in result.output
    assert Path("out/run.json").read_text() == before
    assert run("stylize", photo, noise, "-o", "out", *QUICK, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.jpg", "PHOTO"], "no.jpg does not exist"),
        (["PHOTO", "PHOTO", "--style-weight", "-3"], "style_weight is -3.0; give a number 0 or"),
        (["PHOTO", "PHOTO", "--style-weights", "conv1_1"], "write conv1_1=1,conv2_1=0.5"),
        (["PHOTO", "PHOTO", "--style-weights", "conv9=1"], "Unknown layer 'conv9'"),
        (["PHOTO", "PHOTO", "--backbone", "gone.pth"], "'gone.pth' does not exist; give auto"),
        (["PHOTO", "PHOTO", "--device", "tpu"], "device is 'tpu'"),
        (["PHOTO"], "Give CONTENT and STYLE"),
        (["--config", "gone.json"], "gone.json does not exist; give a run.json"),
        (["--config", "PHOTO"], "carries no configuration"),
        (["PHOTO", "PHOTO", "-o", "PHOTO/x"], "cannot be written"),
        (["--config", "x", "--preset", "fast"], "--config or --preset, not both"),
    ],
)
def test_wrong_input_ends_with_2_and_one_message(run, photo, arguments, message):
    arguments = [argument.replace("PHOTO", str(photo)) for argument in arguments]
    result = run("stylize", *QUICK, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_diverged_run_keeps_its_picture(run, photo, noise):
    hot = ["--style-weight", "1e38", "--style-weights", "conv1_1=1e9"]
    result = run("stylize", photo, noise, "-o", "out", *QUICK, *hot)
    assert result.exit_code == cli.DIVERGED
    assert "the loss is inf" in result.output
    assert "It is in out" in result.output
    assert Image.open("out/picture.png").size == (32, 27)
    assert not os.path.exists("out/run.checkpoint")


def test_ctrl_c_then_the_same_command_goes_on(photo, noise, tmp_path):
    command = [sys.executable, "-m", "styletools.cli", "stylize", str(photo), str(noise)]
    command += ["-o", str(tmp_path / "out"), "--backbone", "small", "--preset", "assignment"]
    command += ["--max-size", "48", "--steps", "400"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
    seen = b""
    while b"/400" not in seen or b" 0/400" in seen[-60:]:  # the bar has moved
        seen += process.stderr.read1()
        assert process.poll() is None, seen
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == cli.INTERRUPTED
    assert b"give the same command again" in errors
    done = json.loads(Path(tmp_path / "out" / "run.json").read_text())["steps_done"]
    assert 0 < done < 400
    again = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert again.returncode == 0, again.stderr
    assert f"Going on after step {done}." in again.stderr
    finished = json.loads(Path(tmp_path / "out" / "run.json").read_text())
    assert (finished["steps_done"], finished["ended"]) == (400, "finished")
    assert not (tmp_path / "out" / "run.checkpoint").exists()


def test_restart_forgets_an_unfinished_run(run, photo, noise, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.checkpoint").write_bytes(b"half")
    refused = run("stylize", photo, noise, "-o", "out", *QUICK)
    assert refused.exit_code == 2
    assert "no whole checkpoint" in refused.output
    assert run("stylize", photo, noise, "-o", "out", *QUICK, "--restart").exit_code == 0


def test_backbone_commands(run):
    status = run("backbone", "status").output
    assert re.search(r"^auto +takes small$", status, re.M)
    assert re.search(r"^vgg19 .*Simonyan and Andrew Zisserman \(2014\), CC BY 4.0$", status, re.M)
    assert "styletools backbone download" in status
    exported = run("backbone", "export", "net.safetensors", "--backbone", "small")
    assert exported.exit_code == 0
    assert "MB" in exported.output
    refused = run("backbone", "import", "net.safetensors")
    assert refused.exit_code == 2
    assert "not torchvision; use it by its path" in refused.output


def test_doctor_reports_each_requirement(run, monkeypatch):
    healthy = run("doctor")
    assert healthy.exit_code == 0, healthy.output
    assert healthy.output.count("[OK]") >= 12
    monkeypatch.setattr(doctor, "MIN_PYTHON", (9, 0))
    monkeypatch.setattr(doctor, "PACKAGES", ("torch", "no_such_package"))
    monkeypatch.setattr(transfer, "resolve_device", lambda name: 1 / 0)
    ill = run("doctor")
    assert ill.exit_code == 1
    assert "the kit needs 9.0 or later" in ill.output
    assert "no_such_package does not import" in ill.output
    assert ill.output.count("[FAIL]") == 3


def test_help_does_not_wait_for_torch():
    code = "import sys; from styletools import cli, config; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "False\n"


def test_a_run_of_another_kind_is_refused(tmp_path):
    (tmp_path / "run.json").write_text('{"config": {"beta": 1}}')
    with pytest.raises(ConfigError, match=r"does not describe a run .*Unknown setting 'beta'"):
        runs.load_run(tmp_path)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(ConfigError, match="does not describe a run"):
        runs.load_run(tmp_path)
