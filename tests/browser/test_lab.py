"""Every student lesson, opened in JupyterLab and run from top to bottom."""

import json
from pathlib import Path

import pytest
from support.browser import NotebookPage

from styletools.course import handin

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(path.name for path in NOTEBOOKS.glob("student/*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"

pytestmark = [pytest.mark.chromium, pytest.mark.slow]


def outputs(cells):
    return [output for cell in cells for output in cell.get("outputs", ())]


def errors(cells):
    found = [output for output in outputs(cells) if output["output_type"] == "error"]
    return [f"{output['ename']}: {output['evalue']}" for output in found]


def not_run(cells):
    code = [cell for cell in cells if cell["cell_type"] == "code" and cell["source"]]
    return [cell["source"] for cell in code if cell["execution_count"] is None]


def printed(cells):
    return "".join("".join(output.get("text", "")) for output in outputs(cells))


def unexpected_verdicts(text, folder):
    """Untouched, no check passes; filled, all do. (A hand-in has no verdicts, but problems.)"""
    lines = [line for line in text.splitlines() if ": " in line and line[:1] in "✓✗"]
    verdicts = [line for line in lines if line[2:].partition(":")[0] in handin.TODOS]
    wanted = "not attempted" if folder == "student" else "visible checks passed"
    return [line for line in verdicts if wanted not in line]


def test_there_are_lessons():
    assert LESSONS


@pytest.mark.parametrize("folder", ["student", "filled"])
@pytest.mark.parametrize("name", LESSONS)
def test_runs_to_the_last_cell(lab, page, screenshots, folder, name):
    notebook = NotebookPage(page, lab, f"{folder}/{name}")
    cells = notebook.run_all()
    notebook.screenshot(screenshots / folder / f"{Path(name).stem}.png")
    if (folder, name) == ("filled", "04_tuning.ipynb"):  # has everything: also in the dark
        notebook.theme("JupyterLab Dark")
        notebook.screenshot(screenshots / "dark" / f"{Path(name).stem}.png")
        notebook.theme("JupyterLab Light")
    notebook.save()
    assert errors(cells) == []
    assert not_run(cells) == []
    assert unexpected_verdicts(printed(cells), folder) == []
    assert WIDGET not in json.dumps(outputs(cells)) or notebook.drawn_widgets()


def worked_in(lab, name):
    """The folder, once the tests above have run and saved every lesson in it."""
    if not {f"{name}/{lesson}" for lesson in LESSONS} <= lab.saved:
        pytest.skip("needs the lessons as the tests above save them; run the whole file")
    return lab.root / name


def test_filled_lessons_can_be_handed_in(lab):
    """What the browser saved above is complete, but for the runs of a student's own experiments."""
    folder = worked_in(lab, "filled")
    missing = [problem.where for problem in handin.check(folder)]
    assert missing == [f"04_tuning.ipynb · my_experiment_{n}_inference" for n in (1, 2)]
    author = handin.Author("CS 101", "Ada Lovelace", "Prof. Babbage", "1815", "2026-11-30")
    assert handin.submit(author, folder, allow_incomplete=True).is_file()


def test_untouched_lessons_cannot_be_handed_in(lab):
    """Each TODO and each text is named."""
    named = " ".join(problem.where for problem in handin.check(worked_in(lab, "student")))
    for name in [*handin.TODOS, *handin.WRITTEN]:
        assert f"· {name}" in named
