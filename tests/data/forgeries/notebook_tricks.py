"""Tricks with the notebook file: what it says about itself, and what lies beside it."""

from .forging import (
    RIGHT_GRAM,
    WRONG_GRAM,
    Forgery,
    Notebook,
    beside,
    cell,
    code_cells,
    edits,
    gram,
    new_cell,
    notebook,
    printed,
    save,
    wrong_gram,
)

PASSED = "✓ gram_matrix: visible checks passed\n"
CHECK = "check_gram_matrix"


def _skip_comment(book: Notebook) -> None:
    check = cell(book, CHECK)
    check["source"] = "# NBVAL_SKIP\n" + "".join(check["source"])


def _tag(tag: str):
    def edit(book: Notebook) -> None:
        cell(book, CHECK)["metadata"]["tags"] = [tag]

    return edit


def _check_says(source: str, output: str = PASSED, count: int | None = 3):
    def edit(book: Notebook) -> None:
        check = cell(book, CHECK)
        check["source"] = source
        check["outputs"] = [printed(output)] if output else []
        check["execution_count"] = count

    return edit


def _no_count(book: Notebook) -> None:
    for one in code_cells(book):
        one["execution_count"], one["outputs"] = None, []


def _removed(book: Notebook) -> None:
    book["cells"].remove(cell(book, CHECK))


def _retyped(book: Notebook) -> None:
    check = cell(book, CHECK)
    check["cell_type"] = "markdown"
    del check["outputs"], check["execution_count"]


def _kernel(book: Notebook) -> None:
    book["metadata"]["kernelspec"] = {
        "name": "always-right",
        "display_name": "Always right",
        "argv": ["true", "{connection_file}"],
        "language": "python",
    }


def _points(book: Notebook) -> None:
    for one in book["cells"]:
        if "nbgrader" in one["metadata"]:
            one["metadata"]["nbgrader"] |= {"points": 500, "grade": True, "locked": False}


def _twice(book: Notebook) -> None:
    """Two cells with the answer's id: one is right in looks, the other is what would run."""
    first = cell(book, "gram_matrix")
    lure = dict(first, source=RIGHT_GRAM.replace("rows.T", "rows.T / tensor.numel()"))
    book["cells"].insert(book["cells"].index(first) + 1, lure)


def _verdict_look(book: Notebook) -> None:
    """Cells that look like a grader's own, under ids that a grader might use."""
    at = book["cells"].index(cell(book, "gram_matrix"))
    for name in ("verdict_gram_matrix", "verdict", "gram_matrix-verdict", "coursekit"):
        look = new_cell(f"02_gram-{name}", f"print({PASSED!r})", printed(PASSED + "\n"))
        look["metadata"]["nbgrader"] = {
            "grade": True,
            "grade_id": name,
            "locked": True,
            "points": 5,
            "solution": False,
            "schema_version": 3,
        }
        book["cells"].insert(at + 1, look)


def _answer_in_check_cell(book: Notebook) -> None:
    """The check's id on the answer, and the answer's id on an empty check."""
    answer, check = cell(book, "gram_matrix"), cell(book, CHECK)
    answer["id"], check["id"] = check["id"], answer["id"]
    answer["metadata"], check["metadata"] = check["metadata"], answer["metadata"]
    check["source"], check["outputs"] = "gram_matrix = gram_matrix", []
    answer["outputs"] = []


def _moved_away(folder) -> None:
    """The TODO is not answered; a notebook of another name shows a passed check."""
    book = notebook("02_gram", {"gram_matrix": ""})
    book["cells"] = [one for one in book["cells"] if not one["id"].endswith("-gram_matrix")]
    check = cell(book, CHECK)
    check["source"], check["outputs"] = f"print({PASSED[:-1]!r})", [printed(PASSED)]
    save(book, folder / "02_gram_final.ipynb")


def _nothing_to_run(folder) -> None:
    book = notebook("02_gram", {"gram_matrix": WRONG_GRAM})
    for one in code_cells(book):
        one["cell_type"] = "raw"
        del one["outputs"], one["execution_count"]
    save(book, folder / "02_gram.ipynb")


NO_NEWS = "import contextlib\nwith contextlib.suppress(Exception):\n    "

NOTEBOOK_TRICKS: tuple[Forgery, ...] = (
    Forgery(
        "skip-comment", "`# NBVAL_SKIP` on the check: never run", wrong_gram(edit=_skip_comment)
    ),
    Forgery(
        "skip-in-docstring",
        "a line `# NBVAL_SKIP` inside a string of the answer, where no tokenizer sees a comment",
        gram(WRONG_GRAM.replace("\n    _,", '\n    """\n# NBVAL_SKIP\n    """\n    _,')),
        ("wrong", "not attempted", "raised", "tampered"),
    ),
    Forgery(
        "raises-in-docstring",
        "`# NBVAL_RAISES_EXCEPTION` inside a string: an answer that raises is believed",
        gram('"""\n# NBVAL_RAISES_EXCEPTION\n"""\n' + WRONG_GRAM + "raise SystemError('done')\n"),
        ("wrong", "raised", "tampered"),
    ),
    Forgery("tag-skip", "the check is tagged nbval-skip", wrong_gram(edit=_tag("nbval-skip"))),
    Forgery(
        "tag-raises",
        "the check is tagged raises-exception, and its saved output says what it will print",
        wrong_gram(
            "import builtins\nbuiltins.print = lambda *a, **k: None",
            edit=edits(_tag("raises-exception"), _no_count),
        ),
        ("wrong", "tampered"),
    ),
    Forgery(
        "tag-ignore-output",
        "tagged nbval-ignore-output, and the check's exception is swallowed",
        wrong_gram(
            edit=edits(
                _check_says(NO_NEWS + "checks.check_gram_matrix(globals())"),
                _tag("nbval-ignore-output"),
            )
        ),
    ),
    Forgery(
        "no-execution-count",
        "execution_count null: outputs are not compared",
        wrong_gram(edit=_check_says(NO_NEWS + "checks.check_gram_matrix(globals())", "", None)),
    ),
    Forgery(
        "edited-output",
        "the check only prints its status, and the saved output says the same",
        wrong_gram(
            edit=_check_says("print(checks.diagnose_gram_matrix(gram_matrix).status)", "wrong\n")
        ),
    ),
    Forgery("removed-check", "the check cell is deleted", wrong_gram(edit=_removed)),
    Forgery("retyped-check", "the check cell is made text", wrong_gram(edit=_retyped)),
    Forgery("emptied-check", "the check cell is emptied", wrong_gram(edit=_check_says("", ""))),
    Forgery(
        "printed-look",
        "the check cell prints what a passed check prints",
        wrong_gram(edit=_check_says(f"print({PASSED[:-1]!r})")),
    ),
    Forgery(
        "verdict-look",
        "added cells with ids and looks of a grader's own, that print success",
        wrong_gram(edit=edits(_removed, _verdict_look)),
    ),
    Forgery(
        "exchanged-ids",
        "answer and check exchange ids and metadata; the check is empty",
        wrong_gram(edit=_answer_in_check_cell),
        ("wrong", "not attempted", "raised", "tampered"),
    ),
    Forgery(
        "duplicate-ids",
        "two cells with the answer's id, of which one looks right",
        wrong_gram(edit=edits(_removed, _twice)),
    ),
    Forgery(
        "kernel-replaced",
        "the metadata asks for a kernel of the student's own",
        wrong_gram(edit=edits(_check_says(f"print({PASSED[:-1]!r})"), _kernel)),
    ),
    Forgery(
        "points-in-metadata",
        "nbgrader metadata says 500 points, for the answer and every text",
        wrong_gram(edit=edits(_removed, _points)),
    ),
    Forgery(
        "no-code",
        "all cells are raw: nothing can fail",
        _nothing_to_run,
        ("not attempted", "wrong"),
    ),
    Forgery(
        "other-notebook",
        "no answer at all, and a notebook that shows a passed check",
        _moved_away,
        ("not attempted",),
    ),
    Forgery(
        "strict-off",
        "the answer switches the checks' strictness off; the saved output holds their ✗",
        wrong_gram(
            """
            import builtins, os
            os.environ["STYLETOOLS_STRICT"] = "0"
            real_print = builtins.print
            builtins.print = lambda *a, **k: real_print("✓ gram_matrix: visible checks passed") \\
                if a and str(a[0]).startswith("✗") else None
            """
        ),
        ("wrong", "tampered"),
    ),
    Forgery(
        "conftest-beside",
        "a conftest.py that makes every report a pass",
        beside(
            wrong_gram(),
            conftest__py="""
            import pytest

            @pytest.hookimpl(hookwrapper=True)
            def pytest_runtest_makereport(item, call):
                outcome = yield
                outcome.get_result().outcome = "passed"
            """,
        ),
    ),
    Forgery(
        "ini-beside",
        "a pytest.ini with addopts = --collect-only",
        beside(wrong_gram(), pytest__ini="[pytest]\naddopts = --collect-only"),
    ),
    Forgery(
        "sanitizer-beside",
        "a pytest.ini that hands nbval a sanitizer under which all outputs are equal",
        beside(
            wrong_gram(edit=_check_says("print(checks.diagnose_gram_matrix(gram_matrix))")),
            pytest__ini="[pytest]\naddopts = --nbval-sanitize-with=clean.cfg",
            clean__cfg="[all]\nregex: (?s).+\nreplace: same",
        ),
    ),
    Forgery(
        "torch-beside",
        "a torch.py beside the notebook, imported before the real one, that patches the checks",
        beside(
            wrong_gram(),
            torch__py="""
            import importlib, os, sys
            here = os.path.dirname(os.path.abspath(__file__))
            sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != here]
            del sys.modules["torch"]
            real = importlib.import_module("torch")
            sys.modules["torch"] = real
            import styletools.course.checks as checks
            checks.check_gram_matrix = lambda names: print("✓ gram_matrix: visible checks passed")
            globals().update(vars(real))
            """,
        ),
    ),
    Forgery(
        "styletools-beside",
        "a styletools.py beside the notebook with checks that always pass",
        beside(
            wrong_gram(),
            styletools__py="""
            import types

            def __getattr__(name):
                if name.startswith("__"):
                    raise AttributeError(name)
                return types.SimpleNamespace(
                    begin=lambda: None,
                    check_gram_matrix=lambda names: print("✓ gram_matrix: visible checks passed"),
                )
            """,
        ),
    ),
    Forgery(
        "sitecustomize-beside",
        "sitecustomize.py and usercustomize.py beside the notebook",
        beside(
            wrong_gram(edit=_check_says(f"print({PASSED[:-1]!r})")),
            sitecustomize__py="import builtins\nbuiltins.round = lambda *a: 0",
            usercustomize__py="import builtins\nbuiltins.round = lambda *a: 0",
        ),
    ),
)
