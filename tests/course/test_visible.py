"""`styletools check`: the visible checks on saved notebooks, without running all of them."""

import pytest
from click.testing import CliRunner
from support.handins import code, find, notebook, save

from styletools.cli import main
from styletools.cli.check import check_folder, check_notebook
from styletools.course.handin.read import read_notebook


def said(path, capsys):
    check_notebook(read_notebook(path))
    return capsys.readouterr().out


def test_a_right_answer_passes_and_nothing_else_is_run(tmp_path, capsys):
    book = notebook()
    book["cells"].insert(2, code(f"open({str(tmp_path / 'ran')!r}, 'w')"))
    printed = said(save(tmp_path / "02_gram.ipynb", book), capsys)
    assert printed.startswith("✓ gram_matrix")
    assert not (tmp_path / "ran").exists()


def test_a_helper_and_a_constant_of_the_students_are_there(tmp_path, capsys):
    answer = "def gram_matrix(tensor):\n    return flat(tensor) @ flat(tensor).T * FACTOR"
    book = notebook(answers={"gram_matrix": answer})
    place = book["cells"].index(find(book, "gram_matrix"))
    book["cells"][place:place] = [
        code("FACTOR = 1"),
        code("def flat(tensor):\n    return tensor.reshape(tensor.shape[1], -1)"),
    ]
    assert said(save(tmp_path / "02_gram.ipynb", book), capsys).startswith("✓ gram_matrix")


def test_a_cell_that_raises_does_not_end_the_others(tmp_path, capsys):
    book = notebook("03_losses", {"content_loss": "def content_loss(a b):", "total_loss": "1 / 0"})
    printed = said(save(tmp_path / "03_losses.ipynb", book), capsys)
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
