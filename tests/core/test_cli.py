"""The command line as its users type it."""

import csv
import dataclasses
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from support.options import commands

import coursekit.cli
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
    expected = ASSIGNMENT.replace(
        max_size=32, steps=4, backbone="small", pooling="avg", normalise_filters=False
    )
    assert settings == expected.to_dict()
    run("stylize", photo, noise, "-o", "b.png", *QUICK, "--normalise-filters")
    assert read_config("b.png")["config"]["normalise_filters"] is True
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


@pytest.mark.parametrize(("version", "ok"), [("2.6.0", False), ("2.7.1", True), ("2.14.0", True)])
def test_doctor_knows_the_least_torch_for_apples_gpu(monkeypatch, version, ok):
    monkeypatch.setattr(transfer, "resolve_device", lambda name: torch.device("mps"))
    monkeypatch.setattr(torch, "__version__", version)
    found, text = doctor._device()
    assert found is ok, text
    assert ok or "Apple's GPU needs 2.7 or later; run `pip install -U torch" in text


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


# --- Every option, through the command line ------------------------------------------------------


MATRIX = [
    pytest.param(program, path, option, id=f"{' '.join(path)} {option.opts[-1]}")
    for program in (cli.main, coursekit.cli.main)
    for path, command in commands(program)
    for option in command.params
    if isinstance(option, click.Option)
]
SETTINGS = {field.name: field for field in dataclasses.fields(FAST)}
RIGHT = {
    "style_weights": "conv1_1=1,conv2_1=0.5", "content_layers": "conv4_2,conv3_1",
    "start": "noise", "backbone": "small", "device": "cpu", "max_size": "32", "max_memory": "8",
    "style_scale": "1", "more_styles": "photo.png=0.5", "content_masks": "photo.png",
    "style_masks": "noise.png",
}  # fmt: skip
WRONG = {
    "start": "gone.png", "backbone": "gone.pth", "device": "tpu", "seed": "-1",
    "style_weights": "conv1_1", "content_layers": "conv9_9", "content_masks": "gone.png",
    "style_masks": "gone.png",
}  # fmt: skip


def right(option):
    """A value that is allowed and is not the default."""
    if isinstance(option.type, click.Choice):
        return option.type.choices[-1]
    return RIGHT.get(option.name) or ("3" if option.type is click.INT else "0.5")


def wrong(option):
    return WRONG.get(option.name) or ("nonsense" if option.type is click.STRING else "-1")


@pytest.mark.parametrize(("program", "path", "option"), MATRIX)
def test_an_option_without_its_value_or_unknown_is_refused(program, path, option):
    flag = f"{option.opts[-1]}=yes" if option.is_flag else option.opts[-1]
    done = CliRunner().invoke(program, [*path, flag])
    assert done.exit_code == 2
    assert ("does not take a value" if option.is_flag else "requires an argument") in done.output
    assert CliRunner().invoke(program, [*path, f"{option.opts[-1]}-nonsense"]).exit_code == 2


STYLIZE = [case for case in MATRIX if case.values[1] == ("stylize",)]
STYLIZE = [case for case in STYLIZE if case.values[2].name in SETTINGS]


def test_every_setting_is_an_option():
    assert {case.values[2].name for case in STYLIZE} == set(SETTINGS)


@pytest.mark.parametrize(("program", "path", "option"), STYLIZE)
def test_every_setting_arrives(run, photo, noise, program, path, option):
    quick = {"--max-size": "24", "--steps": "2", "--backbone": "small", "--precision": "float32"}
    value = right(option)
    given = [word for pair in quick.items() for word in pair if option.opts[-1] not in pair]
    given += [option.opts[-1]] if option.is_flag else [option.opts[-1], value]
    done = run("stylize", photo, noise, "-o", "out.png", *given)
    assert (done.exit_code, done.exception) == (0, None), done.output
    found = read_config("out.png")["config"][option.name]
    if isinstance(found, dict):
        pairs = {"style_weights": {"conv1_1": 1, "conv2_1": 0.5}, "more_styles": {"photo.png": 0.5}}
        assert found == pairs[option.name]
    elif option.is_flag:
        assert found is True
    elif isinstance(found, list):
        assert ",".join(found) == value
    else:
        assert found == (float(value) if isinstance(found, (int, float)) else value)


VALUED = [case for case in STYLIZE if not case.values[2].is_flag]  # a flag has no wrong value


@pytest.mark.parametrize(("program", "path", "option"), VALUED)
def test_every_setting_is_refused_by_name(run, photo, noise, program, path, option):
    value = wrong(option)
    done = run("stylize", photo, noise, "-o", "out.png", "--max-size", "24", "--backbone", "small",
               option.opts[-1], value)  # fmt: skip
    assert done.exit_code == 2, done.output
    said = " ".join(done.output.split())
    assert "Traceback" not in said
    assert value.rpartition(".")[0] in said or value in said
    assert option.name in said or option.opts[-1] in said or "gone" in said or "layer" in said


# --- Paths and names -----------------------------------------------------------------------------


def test_names_with_signs_and_a_home_folder(run, photo, noise, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for name in ("a #1?;x", "a #2?;x"):
        shutil.copy(photo, tmp_path / "home" / f"{name}.png")
        done = run("stylize", f"~/{name}.png", noise, *QUICK)
        assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "outputs").iterdir())
    assert [name.rpartition("-")[0] for name in names] == ["a #1?;x-noise", "a #2?;x-noise"]
    assert run("stylize", photo, noise, "-o", "~/mine", *QUICK).exit_code == 0
    assert (tmp_path / "home" / "mine" / "run.json").exists()
    assert run("stylize", "--config", "~/mine", "-o", "again").exit_code == 0


def test_two_pictures_never_share_a_default_name(run, photo, noise, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        shutil.copy(photo, tmp_path / folder / "photo.png")
        done = run("stylize", tmp_path / folder / "photo.png", noise, *QUICK)
        assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "outputs").iterdir())) == 2


@pytest.mark.parametrize("name", ["out.gif", "out.pdf", "folder/out.xyz"])
def test_an_output_that_cannot_be_written_is_refused(run, photo, noise, name, tmp_path):
    done = run("stylize", photo, noise, "-o", name, *QUICK)
    assert done.exit_code == 2
    assert "no picture is written as ." in " ".join(done.output.split())
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "Out of memory. End other programs, take a smaller max_size"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "Out of memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), "Out of memory"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "Out of memory"),
        (OSError(12, "Cannot allocate memory"), "Out of memory. End other programs"),
        (OSError(22, "The paging file is too small for this operation"), "Out of memory"),
        (OSError(28, "No space left on device", "x.png"), "x.png: No space left on device. Make"),
    ],
)
def test_what_the_machine_lacks_is_said(run, photo, noise, monkeypatch, error, message):
    def fail(*_):
        raise error

    monkeypatch.setattr(transfer, "stylize", fail)
    done = run("stylize", photo, noise, "-o", "out", *QUICK)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit as `ulimit -v` does")
def test_too_little_memory_to_begin_with_is_said(tmp_path):
    """PyTorch's own libraries do not fit."""
    command = [sys.executable, "-m", "styletools.cli", "backbone", "status"]
    limited = ["sh", "-c", 'ulimit -v 1500000; exec "$@"', "sh", *command]
    done = subprocess.run(limited, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2, done.stderr
    assert "Warning: This shell allows 1.4 GiB of memory" in done.stderr
    assert "Error: Out of memory." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("program", [cli.main, coursekit.cli.main])
def test_ctrl_c_ends_any_command_with_130(program, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    [command] = [one for name, one in program.commands.items() if name in ("doctor", "workflow")]
    monkeypatch.setattr(command, "callback", interrupted)
    done = CliRunner().invoke(program, [command.name])
    assert (done.exit_code, done.output) == (130, "Interrupted.\n")


def test_where_results_have_no_room_the_picture_is_kept(run, photo, noise, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runs, "save_run", full)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    result = run("stylize", photo, noise, "-o", "out", *QUICK)
    assert result.exit_code == 2
    [picture] = tmp_path.glob("styletools-*/picture.png")
    assert f"out cannot be written: No space left on device. The picture is in {picture}." in (
        result.output
    )
    Image.open(picture).load()


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["styletools.cli", "stylize", "--help"], 0, "Exit codes"),
        (["styletools.cli", "check"], 1, "to go."),
        (["styletools.cli", "runs", "list", "--store", "λ→✓"], 0, "???"),
        (["coursekit", "grade", "λ→✓"], 2, "???"),
    ],
)
def test_a_console_of_another_code_page_shows_what_it_can(command, code, said, tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    program = [sys.executable, "-m", *command]
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, timeout=300)
    output = (done.stdout + done.stderr).decode("cp1252")
    assert done.returncode == code, output
    assert said in output
    assert "Traceback" not in output
