"""Grading without a kernel: seeds, the rebuilt notebook, and every mutant's verdict.

The mutants run in this process, through the same calls that the cells of the rebuilt notebook
make, with the kit that the grading kernel has.
"""

import builtins
import json
import os
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from support.desk import BY_NAME, PRELUDE, TODOS, asked, judged, run_cells
from support.mutants import read_mutants, share
from support.pictures import LONG_TEXT, with_chunks
from support.submissions import submission

import styletools
from coursekit.grade import diagnosis, kits, pool, rebuild
from coursekit.grade import grader as grading
from coursekit.grade import pictures as ownpictures
from coursekit.grade.nbval import Seconds, run_notebook
from coursekit.grade.pixels import decode
from coursekit.inside import verdicts
from coursekit.records import Answer, Code, Grade, Outcome, Run, Submission
from coursekit.sandbox import Bubblewrap, Plain

MUTANTS = read_mutants()
IN_KERNEL = [m for m in MUTANTS if m.name != "own_pictures"]


@pytest.mark.parametrize(
    "mutant", [pytest.param(m, id=f"{m.name}: {m.code}: {m.title}") for m in IN_KERNEL]
)
def test_a_mutant_gets_the_points_that_it_should(mutant, drawn, kernel, capsys):
    todo = BY_NAME[mutant.name]
    source = mutant.source
    if rebuild.is_stub(source, todo.stub):
        assert share(mutant) == 0
        return
    one = judged(mutant.name, source, drawn, kernel(), capsys)
    torch.set_grad_enabled(True)
    status, _ = grading.status_of(one)
    points = grading.earned(todo, one, status)
    assert points == pytest.approx(todo.points * share(mutant)), one
    assert (status == "different") == (mutant.status == "different")


# --- Seeds and rounding --------------------------------------------------------------------------


def test_a_number_near_a_boundary_is_not_steady():
    assert verdicts.Number(1.2345, 1.2345).steady is False  # between 1.234 and 1.235
    assert verdicts.Number(1.2341, 1.2341).steady is True
    assert verdicts.Number(1.23451, 0).steady is True  # exact: nothing moves it
    assert verdicts.Number(float("nan")).steady is False


@pytest.mark.parametrize("name", [*verdicts.PARTS])
def test_a_little_noise_changes_no_text(name, reference, drawn, monkeypatch):
    """Float32 sums in another order: every number may move by half a margin, either way."""
    noise = random.Random(0)
    plain = verdicts.Number.text

    def shaken(self, shift=0.0):
        return plain(self, shift + noise.uniform(-0.5, 0.5))

    monkeypatch.setattr(verdicts.Number, "text", shaken)
    for one in drawn[name]:
        assert verdicts.verdict(name, one.part, reference.answers[name], one.seed).text == one.text


def test_each_draw_is_another(reference):
    one, other = (reference.draw("content_loss") for _ in range(2))
    assert all(a.seed != b.seed and a.text != b.text for a, b in zip(one, other, strict=True))


def test_a_seed_gives_the_same_everywhere(reference):
    """In a process of its own, as in the kernel."""
    one = reference.draw("style_loss", seeds=iter(range(4000)).__next__)
    other = rebuild.Reference(TODOS).draw("style_loss", seeds=iter(range(4000)).__next__)
    assert one == other


def test_shares_add_up_to_one():
    for parts in verdicts.PARTS.values():
        assert sum(part.share for part in parts.values()) == pytest.approx(1)


def test_expected_grams_are_grams(drawn):
    """Against numpy in float64, from the seed alone."""
    [values] = [one for one in drawn["gram_matrix"] if one.part == "values"]
    draw = random.Random(f"{values.seed} gram_matrix values")
    lines = values.text.splitlines()
    for kind, line in zip(verdicts.SHAPE_KINDS, lines, strict=True):
        features = verdicts.features(
            draw, *verdicts._sizes(draw, kind), verdicts._scale(draw, kind)
        )
        rows = features.numpy().astype(np.float64).reshape(features.shape[1], -1)
        gram = rows @ rows.T
        shape, first, *_ = line.removeprefix("value: ").split()
        assert shape == "x".join(map(str, gram.shape))
        if first != "0":
            assert float(first) == pytest.approx(gram[0, 0], rel=1e-3)


# --- The rebuilt notebook ------------------------------------------------------------------------


def rebuilt(drawn, **sources):
    runs = submission(**sources).notebooks
    asked = {name: (0,) for run in runs for name in run.wanted}
    return rebuild.rebuild_runs(runs, asked, drawn)


def test_every_verdict_cell_is_compared(drawn):
    notebook = rebuilt(drawn)
    cells = {cell.id: cell for cell in notebook.cells}
    assert len(cells) == len(notebook.cells)
    for name, ones in drawn.items():
        for one in ones:
            cell = cells[rebuild.verdict_id(name, one.part)]
            assert cell.execution_count == 1
            assert cell.outputs[0].text == one.text
            assert one.text not in cell.source
    assert not any("tags" in cell.metadata for cell in notebook.cells)


def test_the_kits_version_comes_after_the_answer_that_it_would_give_away(drawn):
    names = [cell.id for cell in rebuilt(drawn).cells]
    for needed in ("gram_matrix", "layer_style_loss"):
        asked = [names.index(rebuild.verdict_id(needed, one.part)) for one in drawn[needed]]
        assert names.index(f"{needed}-given") == max(asked) + 1


def test_what_nobody_is_asked_for_is_given_at_once(drawn):
    runs = [run for run in submission().notebooks if "optimise" in run.wanted]
    asked = {"layer_style_loss": (0,)}
    names = [cell.id for cell in rebuild.rebuild_runs(runs, asked, drawn).cells]
    assert names[:3] == ["setup", "gram_matrix-given", "open-0"]


def test_no_reference_is_in_the_notebook(drawn):
    mine = {todo.name: f"{todo.stub}\n# mine" for todo in TODOS}
    text = "".join(cell.source for cell in rebuilt(drawn, **mine).cells)
    for todo in TODOS:
        assert repr(todo.reference)[1:-1] not in text


@pytest.mark.parametrize(
    "source",
    ["'''", "x = '\\'", 'y = "', "# NBVAL_SKIP\nx = 1", "\u2028x = 1", "x = {connection_file}"],
)
def test_a_cell_stays_a_text(source, drawn):
    cells = [c for c in rebuilt(drawn, layers=source).cells if repr(source) in c.source]
    [cell] = cells
    called = []
    desk = type("Desk", (), {"run": lambda self, *what: called.append(what)})()
    exec(cell.source, {"desk": desk})
    assert called[0][0] == source
    assert not cell.source.startswith("#")


def test_a_wrong_place_keeps_a_later_definition(drawn):
    """Up to the last cell of the student's own, and no further."""
    [run] = [run for run in submission().notebooks if "layers" in run.wanted]
    assert run.cells[-1].checks == ("layers",)


def test_stubs_are_told_from_answers():
    for todo in TODOS:
        assert rebuild.is_stub(todo.stub + "\n# later", todo.stub)
        assert not rebuild.is_stub(todo.reference, todo.stub)


# --- What the grading kernel's kit has -----------------------------------------------------------


def test_no_answer_is_in_the_kernels_kit(tmp_path):
    kits.write_kernel_kit(tmp_path)
    text = "".join(path.read_text("utf-8") for path in tmp_path.rglob("*.py"))
    assert "flat @ flat.T" not in text
    assert '"conv3_1": 10' not in text
    assert "'conv3_1': 10" not in text
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".ipynb", ".safetensors")]


@pytest.mark.parametrize(
    "code",
    [
        "import styletools; styletools.gram_matrix(None)",
        "from styletools.losses import gram_matrix as g; g(None)",
        "from styletools.course.todos import KIT; KIT['gram_matrix']",
        "from styletools import VGG19_LAYERS as V; {str(i): n for n, i in V.items()}",
        "from styletools.vgg import ASSIGNMENT_LAYERS; dict(ASSIGNMENT_LAYERS)",
        "from styletools import checks; checks.diagnose_gram_matrix(1)",
    ],
)
def test_calling_the_kit_while_a_verdict_asks_is_noted(code, kernel, capsys):
    desk = kernel()
    calling = f"try:\n        {code}\n    except Exception: pass"
    run_cells(desk, "gram_matrix", PRELUDE, f"def gram_matrix(t):\n    {calling}\n    return t")
    desk.show("gram_matrix", "values", 1)
    assert capsys.readouterr().out.startswith("tampered: called styletools.")


# Where this release has them, and where hand-ins of earlier ones look.
SWALLOWED = """
from styletools import diagrams; diagrams.draw(1).show()
from styletools import lessons; lessons.begin("02_gram")
from styletools import plots, show_images; show_images(1); plots.plot_losses([1])
from styletools import studio, widgets; studio(); widgets.TransferPanel()
from styletools.course import diagrams, notebook, doctor; doctor(); notebook.begin("02_gram")
from styletools.lessons import Progress; Progress(3)
from styletools.lab.studio import studio; studio()
import styletools.diagrams; styletools.diagrams.draw(1)
""".strip().splitlines()
WITHHELD = """
from styletools import losses; losses.gram_matrix(1)
from styletools.course.checks.losses import compare; compare(1)
from styletools.checks.kit import KIT; KIT["gram_matrix"]
from styletools.config import VGG19_LAYERS; list(VGG19_LAYERS)
from styletools.engine.objective import Objective; Objective()
from styletools.losses import style_loss; style_loss(1)
from styletools.objective import Objective; Objective()
from styletools.optimisation import Run; Run()
from styletools.transfer import stylize; stylize(1)
from styletools.vgg import get_features; get_features(1)
import styletools.checks.losses as c; c.values(1)
""".strip().splitlines()


@pytest.mark.parametrize("code", [*SWALLOWED, *WITHHELD])
def test_addresses_of_the_kit_old_and_new(code, kernel):
    desk = kernel()
    run_cells(desk, "layers", code.replace("; ", "\n"))
    assert bool(desk.cells.failures) == (code in WITHHELD), desk.cells.failures
    assert not desk.kit.calls


CHECKS = """
from styletools.course import checks; checks.check_gram_matrix(globals())
from styletools.course.checks import check_gram_matrix; check_gram_matrix(locals())
from styletools import checks; print(checks.diagnose_gram_matrix(1))
import styletools.checks as c; c.diagnose_gram_matrix(1)
from styletools import TransferConfig; TransferConfig(steps=3).replace(steps=4)
from styletools import ASSIGNMENT; print(ASSIGNMENT.steps, ASSIGNMENT.learning_rate)
from styletools import load_backbone; load_backbone("vgg19").features().to("cpu")
from styletools import course; course.Progress(course.steps(2000), show_every=400).watch(len)
""".strip().splitlines()


@pytest.mark.parametrize("code", CHECKS)
def test_a_notebook_may_ask_the_kit(code, kernel):
    desk = kernel()
    run_cells(desk, "layers", code.replace("; ", "\n"))
    assert not desk.cells.failures


ABSENT = {"lab", "course"}
"""Two packages."""


def test_every_public_name_has_its_place_in_the_blank_kit():
    text = (kits.INSIDE / "blank_kit/styletools/__init__.py").read_text("utf-8")
    assert {name for name in styletools.__all__ if f'"{name}"' not in text} == ABSENT


def test_importing_from_the_kit_is_no_crime(kernel, capsys):
    desk = kernel()
    run_cells(desk, "layers", "from styletools import gram_matrix, show_images\nlayers = {}")
    desk.show("layers", "conv2_1", 1)
    assert capsys.readouterr().out == "conv2_1: \n"


def test_the_lessons_gram_matrix_may_be_used_after_its_own_todo(kernel, drawn, capsys):
    source = """
import styletools
from styletools import gram_matrix
def layer_style_loss(target_feature, style_gram, weight):
    G = styletools.gram_matrix(target_feature)
    assert (gram_matrix(target_feature) == G).all()
    return weight * ((G - style_gram) ** 2).mean()
"""
    assert judged("layer_style_loss", source, drawn, kernel(), capsys).full


def test_a_comparison_with_the_kit_costs_nothing(kernel, drawn, capsys):
    """Above the answer in its cell, too: the kit is on the student's machine, and not here."""
    above = "from styletools import gram_matrix as theirs\nright = theirs(torch.ones(1, 2, 3, 3))"
    answer = "def gram_matrix(t):\n    return t[0].flatten(1) @ t[0].flatten(1).T"
    below = "assert torch.equal(gram_matrix(torch.ones(1, 2, 3, 3)), right)"
    assert judged("gram_matrix", f"{above}\n{answer}\n{below}", drawn, kernel(), capsys).full
    borrowed = f"{above}\ndef gram_matrix(t):\n    return right"
    assert not judged("gram_matrix", borrowed, drawn, kernel(), capsys).full


def test_a_failing_line_below_the_answer_costs_nothing(kernel, drawn, capsys):
    source = f"{BY_NAME['gram_matrix'].reference}\nprint(gram_matrix(features))\n1 / 0"
    assert judged("gram_matrix", source, drawn, kernel(), capsys).full


def test_a_second_style_must_be_blended(kernel, drawn, capsys):
    source = """
second_style_grams = {"conv1_1": torch.zeros(2, 2)}
def style_loss(target_features, style_grams, style_weights):
    loss = 0
    for layer, weight in style_weights.items():
        first = layer_style_loss(target_features[layer], style_grams[layer], weight)
        other = layer_style_loss(target_features[layer], second_style_grams[layer], weight)
        loss += BLEND / target_features[layer].numel()
    return loss
"""
    blended, rooted = (
        judged("style_loss", source.replace("BLEND", blend), drawn, kernel(), capsys)
        for blend in ("(0.7 * first + 0.3 * other)", "torch.sqrt(first * other)")
    )
    assert blended.extra.passed
    assert not rooted.extra.passed


def test_an_opened_picture_is_told_by_its_file(kernel, capsys, tmp_path, monkeypatch):
    for owner, name in ((builtins, "open"), (os.path, "exists"), (os.path, "isfile")):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # put back afterwards
    desk = kernel()
    sys.modules["doors"].open_files()
    monkeypatch.chdir(tmp_path)
    for name in ("other", "dog", "night"):
        Image.new("RGB", (9, 9)).save(f"{name}.png")
    source = """
from PIL import Image
other = Image.open("other.png").convert("RGB")
my_style = Image.open("dog.png").convert("RGB")
my_content = Image.open("night.png")
"""
    run_cells(desk, "own_pictures", source, "print('its check')")
    capsys.readouterr()
    desk.report()
    shown = json.loads(capsys.readouterr().out)["shown"]
    assert shown["my_style"] == {"kind": "path", "path": "dog.png"}
    assert Path(shown["my_content"]["path"]).name == "night.png"


def test_what_an_answer_says_and_sets_stays_with_it(kernel, drawn, capsys):
    source = """
import sys, warnings
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
def gram_matrix(tensor):
    print("shape", tensor.shape)
    print("to stderr", file=sys.stderr)
    warnings.warn("look", UserWarning)
    flat = tensor.reshape(tensor.shape[1], -1)
    return flat @ flat.T
"""
    assert judged("gram_matrix", source, drawn, kernel(), capsys).full
    torch.set_grad_enabled(True)


# --- Which definition counts ---------------------------------------------------------------------

GRAM = BY_NAME["gram_matrix"].reference
WRONG = "def gram_matrix(tensor):\n    return tensor"


@pytest.mark.parametrize(
    ("sources", "places", "right"),
    [
        ([GRAM, "", "gram_matrix = torch.eye(3)"], [1], {0}),  # a later value takes nothing away
        ([GRAM, "", WRONG], [1], {0}),
        ([WRONG, "", GRAM], [1], {1}),  # corrected below
        (["", GRAM], [0], {0}),  # the check stood above it
        ([WRONG, "", GRAM, "gram_matrix = 3"], [1], {1}),
        ([WRONG, "", "def gram_matrix(t):\n    return 1", GRAM], [1], {2}),
        (["def rows(t):\n    return t.flatten(2)[0]", "def gram_matrix(t):\n    return rows(t) @ "
          "rows(t).T", "def rows(t):\n    return t"], [1], {0}),  # as the check saw its helper
        (["x = 1 / 0", "if True:\n    gram_matrix = lambda x: x.flatten(2)[0] @ x.flatten(2)[0].T"],
         [1], {0}),
        (["globals()['gram_' + 'matrix'] = lambda x: x.flatten(2)[0] @ x.flatten(2)[0].T"], [0],
         {0}),
    ],
)  # fmt: skip
def test_the_definition_at_the_check_counts_and_then_a_later_one(
    sources, places, right, kernel, drawn, capsys
):
    desk = kernel()
    run_cells(desk, "gram_matrix", PRELUDE, *sources, places=[place + 1 for place in places])
    found = {
        which
        for which in range(len(desk.kept["gram_matrix"]))
        if asked("gram_matrix", drawn, desk, capsys, which).full
    }
    assert found == right


OPEN = {
    "from einops import rearrange\ndef gram_matrix(t):\n    return rearrange(t, 'a b')": "`einops`",
    "def gram_matrix(t):\n    import einops\n    return einops.rearrange(t, 'a b')": "einops",
    "import einops\nN = einops.one()\ndef gram_matrix(t):\n    return N": "`einops`",
    "while True: pass\ndef gram_matrix(t):\n    return t": "does not come to an end",
    "type T = int\ndef gram_matrix(t):\n    return t": "a newer Python",
    "def gram_matrix(t):\n    print(f'{', '.join('ab')}')\n    return t": "a newer Python",
}


@pytest.mark.parametrize("source", OPEN)
def test_what_the_grader_lacks_leaves_points_open(source, kernel, drawn, capsys, monkeypatch):
    desk = kernel()
    monkeypatch.setattr(type(desk.cells), "run", short_run(type(desk.cells).run))
    one = judged("gram_matrix", source, drawn, desk, capsys)
    status, message = grading.status_of(one)
    assert (status, OPEN[source] in message) == ("infrastructure", True), message
    assert grading.earned(BY_NAME["gram_matrix"], one, status) == 0


def short_run(run):
    def shorter(self, *arguments):
        self._seconds = 0.2
        return run(self, *arguments)

    return shorter


STOPS = {
    "def gram_matrix(t)\n    return t": "(line 1: def gram_matrix(t))",
    "def gram_matrix(t):\n    return t × t": "line 2 has multiplication sign where * is meant",
    "def gram_matrix(t):\n    return t[0]\u200b @ t": "line 2 has zero width space",
    "x = 1 / 0\ndef gram_matrix(t):\n    return t": "(line 1: x = 1 / 0)",
}


@pytest.mark.parametrize("source", STOPS)
def test_a_cell_that_stops_is_named_with_its_line(source, kernel, drawn, capsys):
    one = judged("gram_matrix", source, drawn, kernel(), capsys)
    status, message = grading.status_of(one)
    assert (status, STOPS[source] in message) == ("raised", True), message


GPU = {
    "a method": "def gram_matrix(t):\n    x = t.cuda().flatten(2)[0]\n    return x @ x.T",
    "a name": "device = torch.device('cuda')\n"
    "def gram_matrix(t):\n    x = t.to(device).flatten(2)[0]\n    return x @ x.T",
    "Apple's": "def gram_matrix(t):\n    x = t.to('mps').flatten(2)[0]\n    return (x @ x.T).cpu()",
    "a new tensor": "def gram_matrix(t):\n    x = t.flatten(2)[0]\n"
    "    return torch.zeros(len(x), len(x), device='cuda:0') + x @ x.T",
    "the default": "torch.set_default_device('cuda')\nx = torch.ones(2)\n"
    "def gram_matrix(t):\n    x = t.flatten(2)[0]\n    return x @ x.T",
    "compiled": "@torch.compile(mode='max-autotune')\n@torch.compile\ndef gram_matrix(t):\n"
    "    x = t.flatten(2)[0]\n    return x @ x.T",
    "waiting": "def gram_matrix(t):\n    x = t.flatten(2)[0]\n    g = x @ x.T\n"
    "    torch.cuda.synchronize()\n    return g",
}


@pytest.mark.parametrize("way", GPU)
def test_an_answer_from_a_machine_with_a_gpu(way, kernel, drawn, capsys):
    one = judged("gram_matrix", GPU[way], drawn, kernel(), capsys)
    assert one.full, one


MODULES = {
    "our_tools": "from our.grams import gram",
    "our.grams": "def gram(t):\n    x = t.flatten(2)[0]\n    return x @ x.T",
}
BESIDE = "from our_tools import gram\ndef gram_matrix(t):\n    return gram(t)"


def test_an_answer_may_use_files_beside_its_notebook(drawn, kernel, capsys):
    desk = kernel()
    for modules in (MODULES, {}):
        desk.open(["gram_matrix"], modules)
        desk.run(BESIDE, "cell 1", ("gram_matrix",))
        desk.judge()
        one = asked("gram_matrix", drawn, desk, capsys)
        assert one.full == bool(modules), one
        sys.modules.pop("our_tools", None)


def test_files_beside_a_notebook_reach_the_kernel(drawn):
    runs = [replace(run, modules=MODULES) for run in submission().notebooks]
    opened = rebuild.rebuild_runs(runs, {"gram_matrix": (0,)}, drawn).cells
    assert any(repr(MODULES) in cell.source for cell in opened)


def test_the_diagnosis_knows_files_beside_the_notebook(diagnosed):
    assert diagnosed("import torch", BESIDE).status == "passed"


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory):
    """What the student's own checks say of cells, run as in the sandbox."""
    folder = tmp_path_factory.mktemp("whole")
    kits.write_whole_kit(folder)

    def ask(*sources):
        cells = [Code(f"cell {n}", source, ()) for n, source in enumerate(sources, start=1)]
        run = Run(("gram_matrix",), tuple(cells), MODULES)
        return diagnosis.diagnose([run], Plain(kit=folder))["gram_matrix"]

    return ask


@pytest.mark.parametrize("source", STOPS)
def test_the_diagnosis_names_the_answers_own_cell(source, diagnosed):
    told = diagnosed("1 / 0  # of another cell, which defines nothing", source, "also_missing")
    assert (told.status, STOPS[source] in told.message) == ("raised", True), told


def test_the_diagnosis_of_an_answer_from_a_gpu(diagnosed):
    for source in GPU.values():
        assert diagnosed("import torch", source).status == "passed", source
    assert diagnosed("1 / 0").status == "not attempted"


# --- What a notebook leaves behind ---------------------------------------------------------------

PATCHES = {
    "torch.mean": "torch.mean = lambda *a, **k: torch.zeros(())",
    "a method of tensors": "torch.Tensor.sum = lambda *a, **k: torch.zeros(())",
    "autograd": "torch.autograd.grad = lambda *a, **k: 1 / 0",
    "builtins": "import builtins\nbuiltins.round = builtins.float = lambda *a: 1 / 0",
    "the verdicts": "import verdicts\nverdicts.verdict = lambda *a: 1 / 0",
    "code of the verdicts": "import verdicts\n"
    "verdicts._matrix.__code__ = (lambda r: 1 / 0).__code__",
    "a hook of all modules": "nn.modules.module.register_module_forward_hook(lambda *a: 1 / 0)",
    "a trace": "import sys\nsys.settrace(lambda *a: 1 / 0)",
    "a profile": "import sys\nsys.setprofile(lambda *a: 1 / 0)",
    "a mode of torch": "from torch.overrides import TorchFunctionMode\n"
    "class M(TorchFunctionMode):\n    def __torch_function__(self, *a, **k): return 1 / 0\n"
    "M().__enter__()",
    "no gradients": "torch.set_grad_enabled(False)",
    "another type": "torch.set_default_dtype(torch.float16)",
    "a finder of modules": "import sys\nsys.meta_path.insert(0, None)",
}


@pytest.mark.parametrize("kind", PATCHES)
def test_what_a_notebook_changes_is_put_back_before_it_is_asked(kind, kernel, drawn, capsys):
    one = judged("gram_matrix", f"{GRAM}\n{PATCHES[kind]}", drawn, kernel(), capsys)
    assert one.full, one


def test_a_thread_that_still_runs_is_found(kernel, drawn, capsys):
    thread = "import threading, time\nstop = threading.Event()\ndef wait():\n    stop.wait()\n"
    desk = kernel()
    start = f"{thread}t = threading.Thread(target=wait, daemon=True)\nt.start()"
    one = judged("gram_matrix", f"{GRAM}\n{start}", drawn, desk, capsys)
    assert grading.status_of(one)[0] == "tampered"
    desk.cells.names["stop"].set()


# --- Own pictures --------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path, rng):
    from PIL import Image

    photo = Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8))
    photo.save(tmp_path / "photo.jpg")
    photo.save(tmp_path / "copy.jpg")
    photo.rotate(90, expand=True).save(tmp_path / "painting.png")
    photo.resize((8, 8)).save(tmp_path / "tiny.png")
    with_chunks(tmp_path / "words.png", photo, LONG_TEXT)
    (tmp_path / "text.jpg").write_text("<html>not found</html>")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "photo.jpg").read_bytes()[:300])
    return {f"hand-in/images/{path.name}": path for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("content", "style", "statuses"),
    [
        ("images/photo.jpg", "images/painting.png", ["passed", "passed"]),
        ("photo.jpg", "C:\\me\\painting.png", ["passed", "passed"]),
        ("photo.jpg", "words.png", ["passed", "passed"]),
        ("photo.jpg", "copy.jpg", ["passed", "wrong"]),
        ("foto.jpg", "painting.png", ["wrong", "passed"]),
        ("tiny.png", "text.jpg", ["wrong", "wrong"]),
        ("cut.jpg", "", ["wrong", "not attempted"]),
        ("https://example.org/me.jpg", "chelsea.jpg", ["to be read", "different"]),
    ],
)
def test_chosen_pictures(content, style, statuses, pictures):
    names = {
        name: {"kind": "path" if path else "nothing", "path": path}
        for name, path in (("my_content", content), ("my_style", style))
    }
    found = ownpictures.judge(names, pictures, {"chelsea.jpg": "0"}, False, Bubblewrap())
    assert [choice.status for choice in found.values()] == statuses


def test_runs_pictures_with_much_text_are_decoded(pictures):
    found = decode({"a": pictures["hand-in/images/words.png"].read_bytes()}, (32, 24), Bubblewrap())
    assert found["a"].pixels.shape == (24, 32, 3)


def test_a_notebook_alone_cannot_show_pictures():
    names = {"my_content": {"kind": "path", "path": "me.jpg"}}
    assert ownpictures.judge(names, {}, {}, True, Bubblewrap())["my_content"].status == "different"


# --- Grades that are kept ------------------------------------------------------------------------


class Fake:
    """A grader that counts; the class of `grade_all`'s argument needs no more."""

    def __init__(self, trouble=""):
        self.todos, self.digest, self.trouble = TODOS, "of the course", trouble
        self.sandbox, self.graded, self.status = Bubblewrap(), [], "passed"

    def grade(self, submission):
        self.graded.append(submission.student)
        if submission.student == "bad":
            raise RuntimeError("broken")
        return Grade(submission.student, (Outcome("02_gram", "gram_matrix", self.status, 5, 5),))

    missing_libraries = grading.Grader.missing_libraries


def submissions(*students, source="x = 1"):
    key = ("02_gram", "gram_matrix")
    return [
        Submission(name, Path(name), {key: Answer(*key, source, "cell id")}) for name in students
    ]


@pytest.fixture
def fake():
    return Fake()


def grades(fake, tmp_path, students, **more):
    return {g.student: g for g in pool.grade_all(students, tmp_path, grader=fake, **more)}


def test_what_is_graded_is_not_graded_again(fake, tmp_path):
    first = grades(fake, tmp_path, submissions("anna", "ben"))
    again = grades(fake, tmp_path, submissions("ben", "anna", "cleo"))
    assert fake.graded == ["anna", "ben", "cleo"]
    assert {name: again[name] for name in first} == first
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "anna.json", "ben.json", "cleo.json",
    ]  # fmt: skip


def test_a_changed_submission_is_graded_anew(fake, tmp_path):
    grades(fake, tmp_path, submissions("anna"))
    grades(fake, tmp_path, submissions("anna", source="x = 2"))
    assert fake.graded == ["anna", "anna"]


def test_a_changed_course_is_graded_anew(fake, tmp_path):
    grades(fake, tmp_path, submissions("anna"))
    fake.digest = "of another"
    grades(fake, tmp_path, submissions("anna"))
    assert fake.graded == ["anna", "anna"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"student": "anna"}'])
def test_a_damaged_grade_is_made_anew(fake, tmp_path, damage):
    grades(fake, tmp_path, submissions("anna"))
    (tmp_path / "anna.json").write_text(damage)
    grades(fake, tmp_path, submissions("anna"))
    assert fake.graded == ["anna", "anna"]


def test_the_graders_own_failure_is_tried_again(fake, tmp_path):
    fake.status = "infrastructure"
    grades(fake, tmp_path, submissions("anna"))
    fake.status = "passed"
    assert grades(fake, tmp_path, submissions("anna"))["anna"].complete


def test_one_bad_submission_does_not_stop_the_others(fake, tmp_path):
    found = grades(fake, tmp_path, submissions("anna", "bad", "cleo"), workers=2)
    answers = [o for o in found["bad"].outcomes if o.lesson != "04_tuning"]
    assert {outcome.status for outcome in answers} == {"infrastructure"}
    assert "RuntimeError: broken" in found["bad"].outcomes[0].message
    assert found["anna"].complete
    assert found["cleo"].complete


def test_without_a_sandbox_it_refuses(tmp_path):
    fake = Fake(trouble="bubblewrap does not work here.")
    with pytest.raises(pool.SandboxError, match="--unsafe-no-sandbox"):
        list(pool.grade_all(submissions("anna"), tmp_path, grader=fake))


def test_a_failed_probe_is_never_a_zero(monkeypatch):
    monkeypatch.setattr(Bubblewrap, "trouble", lambda self: "bubblewrap does not work here.")
    with grading.Grader() as grader:
        grade = grader.grade(submissions("anna")[0])
    assert {outcome.status for outcome in grade.outcomes} == {"infrastructure"}
    assert not grade.complete


def test_a_grade_survives_json(fake, tmp_path):
    [grade] = grades(fake, tmp_path, submissions("anna")).values()
    assert Grade.from_json((tmp_path / "anna.json").read_text("utf-8")) == grade
    assert json.loads(grade.to_json())["key"] == grade.key


def test_a_kernel_that_starts_slowly_is_no_fault_of_an_answer():
    """Time to import torch is not taken from the cells that come after."""
    cells = [new_code_cell("import time; time.sleep(1.5)"), new_code_cell("time.sleep(60)")]
    notebook = new_notebook(cells=cells)
    found = run_notebook(notebook, Plain(), Seconds(cell=1, run=60, start=60))
    assert [found[cell.id].how for cell in notebook.cells] == ["", "timed out"]
