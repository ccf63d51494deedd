"""Every student lesson, opened in JupyterLab and run from top to bottom."""

import html
import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from support.browser import CLOSE, NotebookPage

from styletools.course import handin
from styletools.images import bundled

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(path.name for path in NOTEBOOKS.glob("student/*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

GRAM = "def gram_matrix(tensor):\n    _, d, h, w = tensor.shape\n    rows = tensor.view(d, h * w)\n"
WRONG = {  # what a student tries: what the check says
    GRAM + "    return rows.T @ rows": "products between positions",
    GRAM + "    return rows @ rows.T / (d * h * w)": "divided",
    GRAM + "    return rows @ row.T": "NameError",
}
RIGHT = GRAM + "    return rows @ rows.T"
HINT = 'checks.hint("gram_matrix")'
TEXTS = {  # {lesson: {what stands in the cell: what the student writes}}
    "02_gram": {
        "My prediction for the texture": "**My prediction for the texture:** The strokes return; "
        "the moon and the houses do not.",
        "gram_matrix_explanation": "Entry i, j grows where both channels fire together; "
        "the positions are summed away, like words in a bag.",
    },
    "04_tuning": {
        "My prediction for (b)": "**My prediction for (b):** It ends where the base run is after "
        "a third of its steps, so with paler strokes.",
        "my_experiment_1_inference": "I expected a grainy picture at ten times the rate, "
        "and the curve does jump, by far more than I thought.",
        "my_experiment_2_inference": "I expected the early layers to bring colours alone. "
        "Neither picture nor curve shows a stroke.",
    },
}


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


def words(page):
    """The words of a page or of Markdown, one space between two."""
    return re.sub(r"\W+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page))).strip()


def test_a_student_errs_asks_for_hints_and_hands_in_own_work(lab, page, screenshots):
    """Three mistakes, three hints; own pictures and experiments; every word is in the report."""
    folder = lab.root / "own"
    (folder / "images").mkdir(parents=True)
    for lesson in LESSONS:
        shutil.copy(lab.root / "filled" / lesson, folder)
    shutil.copy(NOTEBOOKS / "student/02_gram.ipynb", folder)
    shutil.copy(NOTEBOOKS / "reference/01_layers.ipynb", folder)  # it was done the day before
    originals = {"mine": bundled("content")["coffee"], "fabric": bundled("style")["mosaic"]}
    for name, original in originals.items():
        with Image.open(original) as picture:
            picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / f"images/{name}.png")

    def leave(notebook):
        name = Path(notebook.path).stem
        for mark, text in TEXTS.get(name, {}).items():
            notebook.run(mark, text)
        notebook.screenshot(screenshots / "own" / f"{name}.png")
        notebook.save()
        page.evaluate(CLOSE)

    lesson = NotebookPage(page, lab, "own/00_setup.ipynb")
    lesson.run_all()
    chosen = 'course.choose_pictures("images/mine.png", "images/fabric.png")'
    assert lesson.run("my_content = None", chosen).count("✓") == 2
    leave(lesson)

    lesson = NotebookPage(page, lab, "own/02_gram.ipynb")
    lesson.run_all()
    hints = set()
    for wrong, says in WRONG.items():
        lesson.run("gram_matrix", wrong)
        verdict = lesson.run("check_gram_matrix")
        assert verdict.startswith("✗")
        assert says in verdict
        if not hints:
            lesson.add_below("check_gram_matrix", HINT)
        hints.add(lesson.run(HINT))
    assert len(hints) == 3
    lesson.screenshot(screenshots / "own" / "mistake.png")
    lesson.run("gram_matrix", RIGHT)
    lesson.run_all()
    leave(lesson)

    lesson = NotebookPage(page, lab, "own/03_losses.ipynb")
    lesson.run("own_pictures", 'my_content = "images/mine.png"\nmy_style = "images/fabric.png"')
    assert "✓ own_pictures" in printed(lesson.run_all())
    leave(lesson)

    lesson = NotebookPage(page, lab, "own/04_tuning.ipynb")
    lesson.run_all()
    for heading, name, change in (
        ("### My first experiment", "mine_1", "learning_rate=0.03"),
        ("### My second experiment", "mine_2", 'style_weights={"conv1_1": 1.0}'),
    ):
        above = heading
        for source in (f'run("{name}", BASE.replace({change}))', f'picture("{name}")'):
            lesson.add_below(above, source)
            above = source
    leave(lesson)

    lesson = NotebookPage(page, lab, "own/05_handin.ipynb")
    author = "handin.Author('CS', 'Ada', 'Prof. Babbage', '7', '2026-11-30')"
    lesson.run("package = ", f"package = handin.submit({author})")
    assert errors(lesson.run_all()) == []
    leave(lesson)
    assert handin.check(folder) == []
    with zipfile.ZipFile(folder / "submission.zip") as archive:
        [name] = [name for name in archive.namelist() if name.endswith("report.html")]
        report = words(archive.read(name).decode())
    for text in (text for written in TEXTS.values() for text in written.values()):
        assert words(text.rpartition(":** ")[2]) in report  # without "My prediction for …"
