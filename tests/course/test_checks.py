"""The checks: answers as students write them, an oracle in numpy, and what a check must not do."""

import ast
import inspect
import io
import itertools
import linecache
import math
import os
import re
import warnings
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from support.mutants import OPTIONAL, Mutant, read_mutants
from torch import nn

from styletools import to_image
from styletools.config import VGG19_LAYERS
from styletools.course import checks
from styletools.course.checks import engine, gram, loop, losses, values
from styletools.course.todos import own_pictures

STUB_CODES = {"not-attempted", "kit-version"}


ANSWERS = read_mutants() + read_mutants(OPTIONAL)
each_answer = pytest.mark.parametrize(
    "answer", [pytest.param(a, id=f"{a.name}: {a.code}: {a.title}") for a in ANSWERS]
)


def notebook(answer: Mutant) -> dict:
    """The names a lesson has after the cell with this answer has run."""
    namespace = {
        "torch": torch, "nn": nn, "F": F, "np": np, "to_image": to_image, "__name__": "__main__",
        "gram_matrix": checks.KIT["gram_matrix"],
        "layer_style_loss": checks.KIT["layer_style_loss"],
        "KITS_CONTENT": own_pictures().get("my_content"),
    }  # fmt: skip
    file = f"<{answer.name}: {answer.title}>"
    linecache.cache[file] = (len(answer.source), None, answer.source.splitlines(True), file)
    exec(compile(answer.source, file, "exec"), namespace)
    return namespace


class Examined(NamedTuple):
    """A diagnosis, and what of the session's state it changed."""

    diagnosis: checks.Diagnosis
    leaks: list[str]


@cache
def examine(answer: Mutant) -> Examined:
    namespace = notebook(answer)
    said = io.StringIO()
    with (
        redirect_stdout(said),
        redirect_stderr(said),
        warnings.catch_warnings(record=True) as warned,
    ):
        before = state()
        if answer.name == "own_pictures":
            found = checks.diagnose_own_pictures(namespace["my_content"], namespace["my_style"])
        else:
            found = checks.DIAGNOSES[answer.name](namespace[answer.name])
        leaks = [name for name, value in state().items() if value != before[name]]
    torch.set_grad_enabled(True)  # an answer switches it off for its whole notebook
    return Examined(found, leaks + [said.getvalue()] * bool(said.getvalue()) + warned)


def state() -> dict:
    return {
        "random": torch.get_rng_state().tolist(),
        "seed": torch.initial_seed(),
        "gradients": torch.is_grad_enabled(),
        "device": str(torch.get_default_device()),
        "folder": Path.cwd(),
        "warnings": ("ignore", None, Warning, None, 0) in warnings.filters,
    }


def diagnose(answer: Mutant) -> checks.Diagnosis:
    return examine(answer).diagnosis


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A student's folder with pictures, good and bad."""
    home, tmp_path = Path.cwd(), tmp_path_factory.mktemp("student")
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    photo = Image.fromarray(noise)
    photo.save(tmp_path / "photo.jpg")
    photo.save(tmp_path / "copy.jpg")
    photo.rotate(90).save(tmp_path / "painting.png")
    photo.resize((8, 8)).save(tmp_path / "tiny.png")
    (tmp_path / "text.jpg").write_text("<html>not found</html>")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "photo.jpg").read_bytes()[:900])
    (tmp_path / "pictures").mkdir()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(home)


# --- Answers as students write them --------------------------------------------------------------


@each_answer
def test_answer_gets_its_diagnosis(answer, folder):
    found = diagnose(answer)
    assert (found.status, found.code) == (answer.status, answer.code), str(found)
    assert bool(found.message) == (answer.status != "passed")


def test_there_are_enough_answers():
    count = Counter("right" if a.status == "passed" else a.status for a in ANSWERS)
    assert count["wrong"] + count["raised"] >= 60
    assert count["right"] >= 30
    assert len({(a.name, a.source) for a in ANSWERS}) == len(ANSWERS)


def test_every_code_of_the_checks_is_provoked():
    provoked = {answer.code.split("-", 1)[-1] for answer in ANSWERS}
    provoked |= {answer.code.removeprefix("layer-style-") for answer in ANSWERS}
    assert codes_in_source() - provoked == {"device", "missing", "unusable"}  # tested below


def codes_in_source() -> set[str]:
    """The codes of every Objection, KnownMistake and Meaning in the checks' source."""
    codes = set()
    folder = Path(inspect.getfile(checks)).parent
    for path in [*folder.glob("*.py"), folder.parent / "todos.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = {"Objection": 0, "KnownMistake": 0, "Meaning": 1}.get(node.func.id)
                if place is not None and isinstance(node.args[place], ast.Constant):
                    codes.add(node.args[place].value)
    return codes


@each_answer
def test_a_message_does_not_give_the_answer(answer, folder):
    hint = re.split(r"\(line \d+: .*\)\. ", diagnose(answer).message)[-1]  # after the error's text
    for secret in ("@", ".T", ".t()", "torch.", "mse_loss", "**", ".mean", ".view(", ".reshape("):
        assert secret not in hint
    if answer.name == "layers" and isinstance(notebook(answer)["layers"], dict):
        told = set(re.findall(r"'(\d+)': '(conv\d_\d)'", hint))
        right = {(str(index), name) for name, index in VGG19_LAYERS.items() if index}
        assert not told & (right - set(notebook(answer)["layers"].items()))


# --- The kit's answers against numpy in float64 --------------------------------------------------


def random_features(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, *shape, generator=generator) for shape in shapes]


def numpy_gram(x: np.ndarray) -> np.ndarray:
    _, d, h, w = x.shape
    return np.array([
        [sum(x[0, i, p, q] * x[0, j, p, q] for p in range(h) for q in range(w)) for j in range(d)]
        for i in range(d)
    ])  # fmt: skip


def test_kit_gram_matrix():
    [x] = random_features((4, 3, 5))
    expected = numpy_gram(x.double().numpy())
    np.testing.assert_allclose(checks.KIT["gram_matrix"](x), expected, rtol=1e-5, atol=1e-5)


def test_kit_content_loss():
    a, b, c, d = (x.double() for x in random_features(*[(4, 3, 5)] * 4))
    got = checks.KIT["content_loss"]({"conv4_2": a, "x": c}, {"conv4_2": b, "x": d})
    expected = np.sum((a.numpy() - b.numpy()) ** 2) / (4 * 3 * 5)
    assert float(got) == pytest.approx(expected, rel=1e-12)


def test_kit_style_losses():
    names, shapes, weights = ("conv1_1", "conv3_1"), ((2, 5, 3), (4, 3, 2)), (0.3, 1.7)
    features = dict(zip(names, random_features(*shapes, seed=1), strict=True))
    styles = dict(zip(names, random_features(*shapes, seed=2), strict=True))
    grams = {name: checks.KIT["gram_matrix"](x) for name, x in styles.items()}
    total = 0.0
    for name, (d, h, w), weight in zip(names, shapes, weights, strict=True):
        G, A = (numpy_gram(x[name].double().numpy()) for x in (features, styles))
        layer = weight * np.sum((G - A) ** 2) / d**2
        got = checks.KIT["layer_style_loss"](features[name], grams[name], weight)
        assert float(got) == pytest.approx(layer, rel=1e-5)
        total += layer / (d * h * w)
    got = checks.KIT["style_loss"](features, grams, dict(zip(names, weights, strict=True)))
    assert float(got) == pytest.approx(total, rel=1e-5)


def test_kit_total_loss():
    content, style = torch.tensor(2.0), torch.tensor(3.0)
    assert float(checks.KIT["total_loss"](content, style, 5.0, 7.0)) == 2 * 5 + 3 * 7


def test_kit_optimise_is_gradient_descent():
    target = torch.tensor([3.0, -1.0], requires_grad=True)
    optimizer = torch.optim.SGD([target], lr=0.25)
    history = checks.KIT["optimise"](target, optimizer, lambda x: (x**2).sum(), 3)
    assert history == [10.0, 2.5, 0.625]  # each step halves the target
    assert target.tolist() == [0.375, -0.125]


@pytest.mark.parametrize("name", ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1"])
def test_kit_layers_are_where_torchvision_has_them(name):
    from torchvision.models import vgg19

    block, number = int(name[4]), int(name[6])
    with torch.device("meta"):
        modules = vgg19().features
    place, pools = [1, 0], 0
    for index, module in enumerate(modules):
        place[1] += isinstance(module, nn.Conv2d)
        if isinstance(module, nn.Conv2d) and [1 + pools, place[1]] == [block, number]:
            assert checks.KIT["layers"][str(index)] == name
            return
        if isinstance(module, nn.MaxPool2d):
            pools, place[1] = pools + 1, 0
    pytest.fail(f"{name} is not in the net")


# --- Probes that tell mistakes apart -------------------------------------------------------------


WITH_KNOWN_MISTAKES = (
    "gram_matrix",
    "content_loss",
    "layer_style_loss",
    "style_loss",
    "total_loss",
    "paper_layer_loss",
    "course_factor",
)
SAME_MISTAKE = {  # in a sum over layers, or between Grams, by a better name
    ("division-doubled", "divided-already"),
    ("gram-recomputed", "compared-with-itself"),
}


@pytest.mark.parametrize("name", WITH_KNOWN_MISTAKES)
def test_mistakes_differ_from_the_right_value_and_from_each_other(name, monkeypatch):
    """On the checks' own inputs, which are caught on their way to `compare`."""
    tables = []

    def catch(got, expected, mistakes, given):
        tables.append((expected, list(mistakes)))

    monkeypatch.setattr(values, "compare", catch)
    checks.DIAGNOSES[name](right_answer(name)[name])
    assert len(tables) >= 2
    for right, known in tables[:2]:  # the others are on inputs such as a network gives
        assert not [mistake.code for mistake in known if values.close(mistake.value, right)]
        for one, other in itertools.combinations(known, 2):
            if one.code != other.code and values.close(one.value, other.value):
                assert (one.code, other.code) in SAME_MISTAKE


def test_probe_sizes_all_differ():
    for d, h, w in [(gram.D, gram.H, gram.W), *losses.SHAPES.values()]:
        assert len({d, h, w}) == 3
    assert len(set(losses.WEIGHTS.values())) == 5
    assert 1.0 not in losses.WEIGHTS.values()


# --- What a check does and does not do -----------------------------------------------------------

NAMES = [*checks.DIAGNOSES, "own_pictures"]


def run_check(name, namespace):
    getattr(checks, f"check_{name}")(namespace)


def right_answer(name) -> dict:
    return notebook(next(a for a in ANSWERS if a.name == name and a.status == "passed"))


@pytest.mark.parametrize("name", NAMES)
def test_right_answer_is_said_so_and_stays(name, folder, capsys, monkeypatch):
    monkeypatch.setenv("STYLETOOLS_STRICT", "1")
    namespace = right_answer(name)
    before = dict(namespace)
    run_check(name, namespace)
    assert capsys.readouterr().out == f"✓ {name}: visible checks passed\n"
    assert namespace == before


@pytest.mark.parametrize("name", NAMES)
def test_missing_answer_is_replaced_by_the_kits(name, capsys, monkeypatch):
    monkeypatch.delenv("STYLETOOLS_STRICT", raising=False)
    namespace = {}
    run_check(name, namespace)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"✗ {name}: not attempted — ")
    assert said[1].startswith("  The lesson goes on with the kit's")
    expected = own_pictures() if name == "own_pictures" else {name: checks.KIT[name]}
    assert namespace == expected


@pytest.mark.parametrize(
    "setting", [("STYLETOOLS_STRICT", "1"), ("NBGRADER_EXECUTION", "autograde")], ids=lambda s: s[0]
)
@pytest.mark.parametrize("name", NAMES)
def test_strict_mode_raises_what_was_printed(name, setting, capsys, monkeypatch):
    monkeypatch.setenv(*setting)
    namespace = {}
    with pytest.raises(checks.CheckFailed) as raised:
        run_check(name, namespace)
    assert str(raised.value) == capsys.readouterr().out.splitlines()[0]
    assert namespace  # later cells go on with the kit's


@pytest.mark.parametrize("name", [*checks.DIAGNOSES])
def test_run_again_the_kits_version_does_not_pass(name, capsys):
    namespace = {}
    run_check(name, namespace)
    run_check(name, namespace)
    assert "kit's own" in capsys.readouterr().out.splitlines()[2]


def test_renamed_answer_is_found(capsys):
    run_check("gram_matrix", {"compute_gram_matrix": values.show})
    assert "Is `compute_gram_matrix` your answer?" in capsys.readouterr().out


def test_other_answers_and_data_are_not_taken_for_a_renamed_one(capsys):
    run_check("style_loss", {"layer_style_loss": print, "total_loss": print, "style_los": 0.5})
    assert "your answer?" not in capsys.readouterr().out


def test_only_the_bad_picture_is_replaced(folder):
    namespace = {"my_content": "photo.jpg", "my_style": "tiny.png"}
    checks.check_own_pictures(namespace)
    assert namespace["my_content"] == "photo.jpg"
    assert namespace["my_style"] == own_pictures().get("my_style", "tiny.png")


def test_a_different_answer_stays_also_in_strict_mode(folder, capsys, monkeypatch):
    monkeypatch.setenv("STYLETOOLS_STRICT", "1")
    namespace = {"my_content": own_pictures()["my_content"], "my_style": "painting.png"}
    before = dict(namespace)
    checks.check_own_pictures(namespace)
    assert capsys.readouterr().out.startswith("≈ own_pictures: different — `my_content` is the")
    assert namespace == before


def test_an_unused_argument_is_named():
    [answer] = [a for a in ANSWERS if a.title == "the notebook's content"]
    assert "leaves its argument `content_features` unused" in diagnose(answer).message


def test_near_file_names_are_offered(folder):
    for name in ("foto.jpg", "PHOTO.png"):
        message = checks.diagnose_own_pictures(name, "painting.png").message
        assert "Similar names there: photo.jpg" in message


def test_an_address_of_a_picture_passes(folder):
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/photo.jpg"
        found = checks.diagnose_own_pictures(address, "painting.png")
        server.shutdown()
    assert found.status == "passed", str(found)


@each_answer
def test_nothing_leaks_out_of_a_check(answer, folder):
    assert examine(answer).leaks == []


class Strange:
    """Equal to everything, and raises where it is looked at closely."""

    def __eq__(self, other):
        return True

    __hash__ = None

    def __call__(self, *arguments):
        return self

    def __getattr__(self, name):
        raise RuntimeError(name)


STRANGE = [Strange(), 0, "text", [], object(), float("nan"), torch.zeros(0), int, print, math.nan]


@pytest.mark.parametrize("name", [*checks.DIAGNOSES])
@pytest.mark.parametrize("answer", STRANGE, ids=lambda value: type(value).__name__)
def test_strange_answers_and_results_are_survived(name, answer):
    assert not checks.DIAGNOSES[name](answer).accepted
    assert not checks.DIAGNOSES[name](lambda *arguments: answer).accepted


def test_an_object_that_cannot_be_looked_at_is_not_the_checks_error():
    found = checks.diagnose_gram_matrix(Strange())
    assert (found.status, found.code) == ("raised", "gram-unusable")


def test_the_users_interrupt_goes_through():
    def gram_matrix(tensor):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.diagnose_gram_matrix(gram_matrix)


def test_the_line_of_a_students_error_is_shown():
    [answer] = [a for a in ANSWERS if a.code == "gram-unknown-name" and a.title == "a typo"]
    message = diagnose(answer).message
    assert "NameError: name 'tensro' is not defined" in message
    assert "(line 5: return torch.mm(tensro, tensr.t()))" in message


def test_got_and_expected_are_shown():
    [answer] = [a for a in ANSWERS if a.title == "the first factor transposed"]
    message = diagnose(answer).message
    assert "got shape (35, 35)" in message
    assert "expected shape (3, 3)" in message


def test_code_that_insists_on_another_device_is_not_taken_for_a_mistake(monkeypatch):
    """A second round on the CPU stands for the GPU, which is tried after the CPU failed."""
    tried = []

    def gram_matrix(tensor):
        tried.append(str(torch.get_default_device()))
        if len(tried) == 1:
            raise RuntimeError("Expected all tensors to be on the same device, but found cuda:0")
        return tensor[0].flatten(1) @ tensor[0].flatten(1).T

    monkeypatch.setattr(engine, "_devices", lambda: ["cpu", "cpu"])
    assert checks.diagnose_gram_matrix(gram_matrix).status == "passed"
    tried.clear()
    assert checks.diagnose_gram_matrix(lambda tensor: tried.append(1) or tensor).status == "wrong"
    assert len(tried) == 1  # another mistake is not tried again
    monkeypatch.setattr(engine, "_devices", lambda: ["cpu"])
    tried.clear()
    assert checks.diagnose_gram_matrix(gram_matrix).code == "gram-device"


def test_the_second_try_is_on_the_other_device(monkeypatch):
    tried = []

    def gram_matrix(tensor):
        tried.append(tensor.device.type)
        raise RuntimeError("Expected all tensors to be on the same device")

    monkeypatch.setattr(engine, "_devices", lambda: ["cpu", "meta"])
    checks.diagnose_gram_matrix(gram_matrix)
    assert tried == ["cpu", "meta"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_answers_written_for_a_gpu_pass():
    device = torch.device("cuda")

    def style_loss(target_features, style_grams, style_weights):
        loss = torch.zeros(1, device=device)
        for layer, weight in style_weights.items():
            feature = target_features[layer]
            part = checks.KIT["layer_style_loss"](feature, style_grams[layer], weight)
            loss += part / feature.numel()
        return loss

    assert checks.diagnose_style_loss(style_loss).status == "passed"


def test_the_recorder_is_gradient_descent():
    run = loop.LoopTrial(checks.KIT["optimise"], 4)
    x = run.start.clone()
    for _ in range(4):
        x -= 0.05 * 2 * run.importance * (x - run.goal)
    torch.testing.assert_close(run.target.detach(), x)
