"""What the control panel costs: the same run with it and without it, in JupyterLab in a browser.

    python -m benchmarks.panel        # a few minutes; needs Chromium, as the browser tests do

Kernel, server and browser share this machine, as they do on a student's. In one kernel, in turn:
`stylize` alone; the run kept by a `RunStore`, without a panel; the run in the panel, which keeps
it too, and draws in the browser. Each is timed from the call to the end, with loading, saving,
measuring and the gallery. Two ratios of medians are printed and written to benchmarks/panel.json:
the panel against the same run kept without it, which the limit is for, and against `stylize`
alone, where a second of saving and measuring counts too (much in a short run).
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))  # the driver of the browser tests
from support.browser import CHROMIUM_ARGUMENTS, NotebookPage, serve, write_notebook  # noqa: E402

LIMIT = 1.10
SETTINGS = """
import json, statistics, time
import styletools
config = styletools.FAST.replace(optimizer={optimizer!r}, steps={steps}, tolerance=0.0,
                                 max_size={size}, learning_rate=0.02, backbone="small")
panel = styletools.studio("runs")
panel.settings.config = config
panel
"""
TIMED = """
pictures = panel.content.value, panel.style.value

def alone():
    return len(styletools.stylize(*pictures, config).loss_history)

def kept():
    return done(panel.store.run(*pictures, config))

def shown():
    panel.start()
    panel.wait()
    return done(panel.run)

def done(run):
    kept_steps = run.description["steps_done"]
    panel.store.delete(run)
    return kept_steps

seconds = {{}}
for turn in range({rounds} + 1):  # the first round warms up
    for way in (alone, kept, shown) if turn % 2 else (shown, kept, alone):
        began = time.perf_counter()
        assert way() == config.steps
        if turn:
            seconds.setdefault(way.__name__, []).append(time.perf_counter() - began)
        if way is shown:
            drawing = panel.pace.seconds
medians = {{name: statistics.median(values) for name, values in seconds.items()}}
print(json.dumps({{
    "seconds": seconds,
    "panel / stylize": medians["shown"] / medians["alone"],
    "panel / kept": medians["shown"] / medians["kept"],
    "drawing, share of the last run": drawing / seconds["shown"][-1],
}}))
"""


def measure(optimizer: str, size: int, steps: int, rounds: int) -> dict:
    """The cells' figures, with the browser open beside them."""
    from playwright.sync_api import sync_playwright

    values = {"optimizer": optimizer, "size": size, "steps": steps, "rounds": rounds}
    cells = [text.format(**values) for text in (SETTINGS, TIMED)]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root, private = Path(folder) / "course", Path(folder) / "private"
        root.mkdir()
        private.mkdir()
        write_notebook(root / "panel.ipynb", cells)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=CHROMIUM_ARGUMENTS,
        )
        with serve(root, private, {"STYLETOOLS_BACKBONE": "small"}) as lab:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(60_000)
            notebook = NotebookPage(page, lab, "panel.ipynb")
            outputs = notebook.run_all(seconds=3000)[1]["outputs"]
            curves = page.locator(".st-main path.st-total").get_attribute("d")
            browser.close()
    said = "".join(output.get("text", "") for output in outputs)
    if not said.startswith("{") or len(curves) < 100:
        raise RuntimeError(f"The cells, or the panel in the browser, did not work: {outputs}")
    return json.loads(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    found = {
        name: measure(name, arguments.size, arguments.steps, arguments.rounds)
        for name in ("lbfgs", "adam")
    }
    text = json.dumps({**vars(arguments), **found}, indent=2)
    (HERE / "panel.json").write_text(text + "\n", "utf-8")
    print(text)
    for name, figures in found.items():
        ratio, alone = figures["panel / kept"], figures["panel / stylize"]
        verdict = "within" if ratio <= LIMIT else "MORE THAN"
        print(f"{name}: panel ÷ the same run kept = {ratio:.3f}, {verdict} {LIMIT:.2f}; "
              f"panel ÷ stylize alone = {alone:.3f}")  # fmt: skip
    sys.exit(any(figures["panel / kept"] > LIMIT for figures in found.values()))


if __name__ == "__main__":
    main()
