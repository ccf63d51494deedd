"""One server and one browser for all these tests.

STYLETOOLS_SCREENSHOTS names a folder that keeps the screenshots; without it they are pytest's
temporary files. STYLETOOLS_CHROMIUM names another browser than the system's Chromium.
"""

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect, sync_playwright
from support.browser import CHROMIUM_ARGUMENTS, CLOSE, serve
from support.needs import find_chromium
from support.pages import fenced

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
expect.set_options(timeout=120_000)  # milliseconds; other work on the machine is no failure
LOOPBACK = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=CHROMIUM_ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    for source in sorted(NOTEBOOKS.glob("student/*.ipynb")):
        for folder in ("student", "filled"):
            (root / folder).mkdir(exist_ok=True)
        shutil.copy(source, root / "student")
        reference = NOTEBOOKS / "reference" / source.name
        nbformat.write(filled(source, reference), root / "filled" / source.name)
    environment = {
        "STYLETOOLS_QUICK": "1",
        "STYLETOOLS_BACKBONE": "small",
        "STYLETOOLS_STRICT": "",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
    }
    with serve(root, tmp_path_factory.mktemp("jupyter"), environment) as lab:
        yield lab


def filled(student, reference):
    """The student's notebook with the reference's answers."""
    notebook = nbformat.read(student, as_version=4)
    answers = {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in nbformat.read(reference, as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = answers[cell.metadata.nbgrader.grade_id]
    return notebook


@pytest.fixture(scope="session")
def window(browser, lab):
    """The one page, which may only talk to this machine, and a list of what else it asked for."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    strangers = fenced(context, *LOOPBACK)
    page = context.new_page()
    page.set_default_timeout(120_000)
    yield page, strangers
    context.close()


@pytest.fixture
def page(window, lab):
    page, strangers = window
    yield page
    page.evaluate(CLOSE)
    lab.end_kernels()
    assert not strangers, f"the page asked for {strangers}"


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory):
    folder = os.environ.get("STYLETOOLS_SCREENSHOTS")
    return Path(folder) if folder else tmp_path_factory.mktemp("screenshots")
