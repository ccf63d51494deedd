"""The cells of a notebook, run one after the other."""

import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.inside import cells as runner
from coursekit.inside.cells import Cells, is_absent


def after(*sources, **options):
    cells = Cells(**options)
    for number, source in enumerate(sources):
        cells.run(source, f"cell {number}")
    return cells


def test_cells_share_their_names_and_an_error_ends_only_its_cell():
    cells = after("a = 1", "b = a + 1\nc = 1 / 0\nd = 5", "e = b + 1")
    assert (cells.names["b"], cells.names["e"]) == (2, 3)
    assert "d" not in cells.names
    [failure] = cells.failures
    assert (failure.kind, failure.line) == ("raised", 2)
    assert str(failure) == "ZeroDivisionError: division by zero (line 2: c = 1 / 0)"
    assert failure.names == ("c", "d")


def test_a_cell_that_waits_for_a_busy_machine_has_more_time():
    waits = "import time\ntime.sleep(0.2)\na = 1"
    works = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    cells = after(waits, works, seconds=0.1)
    assert [failure.source for failure in cells.failures] == [works]


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "while True:\n    try:\n        while True: pass\n    except Exception: pass",
        "import time\ntime.sleep(60)",
    ],
)
def test_a_cell_that_does_not_end_is_ended(source):
    cells = after(source, "a = 1", seconds=0.1)
    assert [one.kind for one in cells.failures] == ["timed out"]
    assert cells.names["a"] == 1


def test_all_cells_together_have_a_limit():
    cells = after("while True: pass", "while True: pass", "a = 1", seconds=0.2, all_seconds=0.3)
    assert cells._left < 0.1


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\na = 1",
        "!pip install -q something\na = 1",
        "files = !ls\na = 1 + len(files)",
        "%%time\na = 1",
        "%%time\n%matplotlib inline\na = 1",
        "%time a = 1",
        "%timeit -n 1 -r 1 a = 1",
        "get_ipython().run_line_magic('matplotlib', 'inline')\na = 1",
        "print(input('your name?'))\ndisplay(3)\na = 1",
        "from __future__ import annotations\ndef f(x: nowhere): pass\na = 1",
        "import __main__\n__main__.a = 1",
        "import pickle\nclass A: pass\na = len(pickle.loads(pickle.dumps([A()])))",
    ],
)
def test_what_only_ipython_understands_harms_nobody(source, capfd):
    cells = after(source)
    assert cells.failures == []
    assert cells.names["a"] == 1
    assert capfd.readouterr() == ("", "")


def test_a_magic_of_another_language_does_nothing():
    assert "a" not in after("%%bash\na=1").names


def test_a_future_import_holds_for_later_cells():
    cells = after("from __future__ import annotations", "def f(x: nowhere): pass")
    assert cells.failures == []


def test_a_missing_library_fails_where_it_is_used():
    cells = after(
        "import notthere as nt, math\nfrom notthere.at import all as this\na = math.pi",
        "nt.options.mode = None\nb = nt.mean(3)\nc = 1",
    )
    assert "a" in cells.names
    [failure] = cells.failures
    assert failure.kind == "absent"
    assert "`notthere` is not installed where answers are graded" in str(failure)
    assert failure.names == ("b", "c")


def test_a_fallback_for_a_missing_library_is_taken():
    cells = after("try:\n    import notthere\nexcept ImportError:\n    notthere = 3")
    assert cells.names["notthere"] == 3


def test_an_import_inside_a_function_is_told_from_a_typo():
    cells = after("def f():\n    import notthere", "f()", "import math.pi")
    assert [one.kind for one in cells.failures] == ["absent", "raised"]
    assert not is_absent(ModuleNotFoundError("typed by hand"))


def test_files_beside_the_notebook_are_found_after_installed_ones():
    cells = after("import my_tools, json\na = my_tools.one(), json.dumps", modules={
        "my_tools": "def one():\n    return 1", "json": "raise SystemExit",
    })  # fmt: skip
    assert cells.failures == []
    assert cells.names["a"][0] == 1


def test_syntax_errors_have_their_line():
    cells = after("a = 1\ndef f(:\n    pass")
    [failure] = cells.failures
    assert (failure.kind, failure.line, failure.text) == ("syntax", 2, "def f(:")
    assert "a" not in cells.names


def test_the_compiler_is_loaded_by_who_asks_for_it():
    """Not by torchvision nor by an optimiser; and what they were given does not hide it."""
    code = """
        import sys
        import state
        state.spare_dynamo()
        import torch, torchvision
        torch.optim.Adam([torch.ones(1, requires_grad=True)])
        print("torch._dynamo.config" in sys.modules)
        print(torch.compile(lambda x: 2 * x, backend="eager")(torch.ones(1)).item())
        from torch._dynamo.utils import is_compile_supported
        print("torch._dynamo.config" in sys.modules, is_compile_supported.__module__)
        """
    folder = Path(runner.__file__).parent
    source = "\n".join(line.strip() for line in code.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=folder, capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "2.0", "True", "torch._dynamo.utils"], done.stderr
