"""The committed notebooks under `pytest --nbval`, as a grader runs them.

Each run is a pytest of its own in a copy of the folder, so that nothing is written beside the
committed notebooks, and no setting of this pytest reaches it.
"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import pytest

from styletools.backbones import write_weights
from styletools.vgg import FULL_WIDTHS

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(path.stem for path in (NOTEBOOKS / "lessons").glob("[!_]*.py"))
QUICK = ("00_setup", "01_layers", "02_gram")
SINGLE = NOTEBOOKS / "single" / "reference" / "style_transfer.ipynb"
SMALL = {"STYLETOOLS_BACKBONE": "small"}  # where no number is compared


def load(kind, lesson):
    return nbformat.read(NOTEBOOKS / kind / f"{lesson}.ipynb", as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def run_nbval(folder, notebooks, *arguments, **environment):
    """{(lesson, cell id): failure text, or "" where it passed} of `pytest --nbval`."""
    folder.mkdir(exist_ok=True)
    (folder / "conftest.py").write_bytes((NOTEBOOKS / "conftest.py").read_bytes())
    (folder / "pytest.ini").write_text("[pytest]\n")
    for lesson, notebook in notebooks.items():
        nbformat.write(notebook, folder / f"{lesson}.ipynb")
    options = ["-p", "no:cacheprovider", "--color=no", "--nbval-cell-timeout=600", *arguments]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STYLETOOLS_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--junitxml=report.xml", *options, "."],
        cwd=folder, env=kept | environment, capture_output=True, text=True,
    )  # fmt: skip
    report = folder / "report.xml"
    assert report.exists(), done.stdout + done.stderr
    outcomes = {}
    for case in ElementTree.parse(report).iter("testcase"):
        lesson = case.get("classname").rpartition(".")[0] or case.get("classname")
        cell = code(notebooks[_lesson(case, notebooks)])[int(case.get("name").split()[-1])]
        assert case.find("skipped") is None, lesson
        problems = [*case.findall("failure"), *case.findall("error")]
        outcomes[_lesson(case, notebooks), cell.id] = "".join(p.text or "" for p in problems)
    assert len(outcomes) == sum(len(code(notebook)) for notebook in notebooks.values())
    return outcomes


def _lesson(case, notebooks):
    (lesson,) = [name for name in notebooks if name in case.get("classname")]
    return lesson


def failures(outcomes):
    return {key: text for key, text in outcomes.items() if text}


def compared(notebook):
    """Code cells whose text output strict nbval compares (a figure's "Figure" does not count)."""
    for cell in code(notebook):
        texts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in cell.outputs]
        ignored = "nbval-ignore-output" in cell.metadata.get("tags", [])
        text = "".join(texts).replace("Figure", "").strip()
        if text and cell.execution_count and not ignored:
            yield cell


def test_at_least_forty_cells_are_compared():
    counts = {lesson: len(list(compared(load("reference", lesson)))) for lesson in LESSONS}
    assert sum(counts.values()) >= 40, counts


def test_no_tag_weakens_the_comparison_of_a_cell_that_is_quick():
    for lesson in LESSONS:
        for cell in code(load("reference", lesson)):
            tags = set(cell.metadata.get("tags", []))
            assert tags <= {"nbval-ignore-output", "output-not-kept"}
            if "checks." in cell.source:
                assert not tags


def test_every_figure_of_a_reference_is_a_picture_with_a_description():
    single = nbformat.read(SINGLE, as_version=4)
    for notebook in (*(load("reference", lesson) for lesson in LESSONS), single):
        for cell in code(notebook):
            for output in cell.outputs:
                for kind in {"image/png", "image/jpeg"} & set(output.get("data", {})):
                    assert len(output.metadata[kind]["alt"].split()) >= 2, cell.source


def test_every_todo_passes_in_the_reference():
    for lesson in LESSONS:
        for cell in code(load("reference", lesson)):
            if cell.source.startswith("checks.check_"):
                assert cell.outputs[0].text.startswith(("✓", "≈")), cell.outputs[0].text


# Strict nbval


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_stored_number_changed_by_one_percent_fails(tmp_path):
    notebooks = {lesson: load("reference", lesson) for lesson in QUICK}
    changed = set()
    for lesson, notebook in notebooks.items():
        for cell in compared(notebook):
            found = re.search(r"\b\d{3,}\b", cell.outputs[0].get("text", ""))
            if found:
                more = str(round(int(found[0]) * 1.01))
                cell.outputs[0].text = cell.outputs[0].text.replace(found[0], more, 1)
                changed.add((lesson, cell.id))
                break
    assert len(changed) == len(QUICK)
    assert set(failures(run_nbval(tmp_path, notebooks))) == changed


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"ATEN_CPU_CAPABILITY": "default", "OMP_NUM_THREADS": "1"}, id="a plain CPU"),
        pytest.param({}, id="this CPU", marks=pytest.mark.soak),
        pytest.param(
            {"ONEDNN_MAX_CPU_ISA": "AVX2", "OMP_NUM_THREADS": "2"},
            id="avx2, 2 threads",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_the_reference_passes_in_the_fast_mode(tmp_path, environment):
    notebooks = {lesson: load("reference", lesson) for lesson in LESSONS}
    assert not failures(run_nbval(tmp_path, notebooks, **environment))


# The student's notebooks


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_untouched_exactly_the_todo_checks_fail(tmp_path):
    notebooks = {lesson: load("student", lesson) for lesson in LESSONS}
    failed = failures(run_nbval(tmp_path, notebooks, **SMALL))
    expected = {
        (lesson, cell.id): cell.metadata.nbgrader.grade_id.removeprefix("check_")
        for lesson, notebook in notebooks.items()
        for cell in code(notebook)
        if cell.source.startswith("checks.check_")
    }
    assert len(expected) == 14
    assert set(failed) == set(expected)
    for key, name in expected.items():
        assert f"✗ {name}: not attempted" in failed[key]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_filled_with_the_references_answers_all_pass(tmp_path):
    notebooks = {lesson: load("student", lesson) for lesson in LESSONS}
    filled = 0
    for lesson, notebook in notebooks.items():
        answers = {cell.id: cell.source for cell in load("reference", lesson).cells}
        for cell in code(notebook):
            if cell.metadata.get("nbgrader", {}).get("solution"):
                cell.source = answers[cell.id]
                filled += 1
    assert filled == 14
    assert not failures(run_nbval(tmp_path, notebooks, **SMALL))


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_lessons_run_unchanged_on_a_backbone_of_full_width(tmp_path):
    """Random weights in VGG19's own shape; printed shapes may differ, so only errors count."""
    from support.weights import vgg_weights

    path = tmp_path / "full.safetensors"
    write_weights(path, vgg_weights(FULL_WIDTHS), {"pooling": "max"})
    notebooks = {lesson: load("reference", lesson) for lesson in LESSONS}
    for notebook in notebooks.values():
        for cell in code(notebook):
            cell.execution_count, cell.outputs = None, []
    outcomes = run_nbval(tmp_path / "lessons", notebooks, STYLETOOLS_BACKBONE=str(path))
    assert not failures(outcomes)


def test_the_prose_does_not_send_a_reader_to_a_cell_number():
    for lesson in LESSONS:
        for cell in load("student", lesson).cells:
            assert not re.search(r"\bcell \d", cell.source, re.IGNORECASE)
