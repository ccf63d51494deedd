"""`styletools check`: the visible checks on saved notebooks, in a process for each."""

import pytest
from click.testing import CliRunner
from support.handins import code, find, notebook, save

from styletools.cli import main
from styletools.cli.check import check_folder


def said(path):
    return "\n".join(line for line, _ in check_folder(path.parent)).split("✗ 0", 1)[0]


def test_all_cells_are_run_and_none_for_long(tmp_path):
    """What a cell prints, shows, asks for or installs goes nowhere."""
    answer = "def gram_matrix(t):\n    x = t.flatten(2)[0].to(device)\n    return mine(x)"
    book = notebook(answers={"gram_matrix": answer})
    cells = [
        "%matplotlib inline\n!touch installed\nimport matplotlib.pyplot as plt\nplt.plot([1])",
        "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\ninput()",
        "%%time\nprint('✗ hello')\nmine = lambda x: x @ x.T",
        "raise SystemExit",
        "while True:\n    pass",
    ]
    place = book["cells"].index(find(book, "gram_matrix"))
    book["cells"][place:place] = [code(source) for source in cells]
    lines = said(save(tmp_path / "02_gram.ipynb", book)).splitlines()
    assert lines == ["02_gram.ipynb", "✓ gram_matrix: visible checks passed"], lines
    assert not (tmp_path / "installed").exists()


@pytest.mark.parametrize("below", [True, False])
def test_a_right_answer_below_the_check_counts(tmp_path, below):
    wrong = "def gram_matrix(t):\n    return t"
    book = notebook(answers={"gram_matrix": wrong})
    if below:
        book["cells"].append(
            code("def gram_matrix(t):\n    return t[0].flatten(1) @ t[0].flatten(1).T")
        )
    printed = said(save(tmp_path / "02_gram.ipynb", book))
    assert ("✓ gram_matrix" in printed) == below, printed
    assert ("✗ gram_matrix" in printed) != below, printed


def test_a_helper_and_a_constant_of_the_students_are_there(tmp_path):
    answer = "def gram_matrix(tensor):\n    return flat(tensor) @ flat(tensor).T * FACTOR"
    book = notebook(answers={"gram_matrix": answer})
    place = book["cells"].index(find(book, "gram_matrix"))
    book["cells"][place:place] = [
        code("FACTOR = 1"),
        code("def flat(tensor):\n    return tensor.reshape(tensor.shape[1], -1)"),
    ]
    assert "\n✓ gram_matrix" in said(save(tmp_path / "02_gram.ipynb", book))


def test_a_cell_that_raises_does_not_end_the_others(tmp_path):
    book = notebook("03_losses", {"content_loss": "def content_loss(a b):", "total_loss": "1 / 0"})
    printed = said(save(tmp_path / "03_losses.ipynb", book))
    assert "✗ content_loss: its cell raises SyntaxError" in printed
    assert "✗ total_loss: its cell raises ZeroDivisionError" in printed
    assert "✗ style_loss: not attempted" in printed


def test_an_answer_that_ends_python_is_said(tmp_path):
    answers = {"gram_matrix": "import os\nos._exit(3)"}
    save(tmp_path / "02_gram.ipynb", notebook(answers=answers))
    lines = dict(check_folder(tmp_path))
    assert lines["✗ 02_gram.ipynb: its answers end Python ()."] is False
    assert lines["✗ 01_layers.ipynb: the notebook is missing"] is False


def test_an_answer_without_end_is_ended(tmp_path):
    answers = {"gram_matrix": "while True:\n    pass"}
    save(tmp_path / "02_gram.ipynb", notebook(answers=answers))
    lines = dict(check_folder(tmp_path, seconds=1))
    assert "✗ 02_gram.ipynb: its answers do not come to an end in 1 seconds." in lines


@pytest.mark.parametrize(("found", "code", "last"), [
    ([("✓ a", True)], 0, "✓ Everything is there, and passes."),
    ([("✓ a", True), ("✗ b", False)], 1, "1 to go."),
])  # fmt: skip
def test_the_exit_code_says_whether_all_is_there(tmp_path, monkeypatch, found, code, last):
    monkeypatch.setattr("styletools.cli.check.check_folder", lambda folder: found)
    done = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert done.exit_code == code
    assert done.output.splitlines()[-1] == last
