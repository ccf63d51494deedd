"""The control panel in JupyterLab, with mouse and keyboard, as a student uses it.

One notebook is open for all these tests; each sets what it needs.
"""

import io
import json
import re

import pytest
from PIL import Image
from playwright.sync_api import expect
from support.browser import CLOSE, NotebookPage, write_notebook
from support.pages import violations

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

CELLS = [
    "import styletools\npanel = styletools.studio()\npanel",
    "print(6 * 7)",
    "other = styletools.studio()\nother",
]
TWO_RUNS = """
from styletools import TransferConfig
config = TransferConfig(steps=3, max_size=64, learning_rate=0.05, style_weight=2e6)
for steps in (3, 4):
    pair = panel.content.pictures[0]["key"], panel.style.pictures[0]["key"]
    panel.store.run(*pair, config.replace(steps=steps))
"""
ASK = """async code => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({code, store_history: false});
  let said = '';
  future.onIOPub = ({header, content}) => {
    if (header.msg_type === 'stream') said += content.text;
    if (header.msg_type === 'error') said += content.traceback.join('\\n');
  };
  await future.done;
  return said.trim();
}"""
RUN_CELL = """async index => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  await window.jupyterapp.commands.execute('notebook:run-cell');
}"""
RESTART = """async () => {
  await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart();
}"""
ASK_MASKS = """
import json
run = json.loads((panel.run.folder / "run.json").read_text())
print(json.dumps(run["config"]["content_masks"]))
"""
UNNAMED = """panel => [...panel.querySelectorAll('input, select, button, textarea, [tabindex]')]
  .filter(node => node.checkVisibility() || node.type === 'file' || node.type === 'radio')
  .filter(node => ![node.ariaLabel, node.textContent, ...[...(node.labels ?? [])]
    .map(label => label.textContent)].some(text => text?.trim()))
  .map(node => node.outerHTML.slice(0, 150))"""
OUTSIDE = """panel => {
  const limit = panel.getBoundingClientRect().right + 1;
  return [...panel.querySelectorAll('*')].filter(node => {
    const box = node.getBoundingClientRect();
    return box.width && box.right > limit && !node.closest('[type=range], select, svg');
  }).map(node => node.outerHTML.slice(0, 150));
}"""
FAINT = """panel => {  // text whose contrast with what is behind it is under 4.5 (WCAG 2, AA)
  const scale = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    scale.clearRect(0, 0, 1, 1);
    scale.fillStyle = colour;
    scale.fillRect(0, 0, 1, 1);
    return [...scale.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 128) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of panel.querySelectorAll('*')) {
    const texts = [...node.childNodes].filter(child => child.nodeType === 3);
    const text = texts.map(child => child.data.trim()).join('');
    const words = text || (node.matches('input.st-field, select') ? node.value : '');
    if (!words || !node.checkVisibility() || node.closest('style')) continue;
    if (node.closest('.st-knob:has(:disabled), :disabled, .st-tag, .st-flag')) continue;
    const style = getComputedStyle(node);
    const ink = light(rgba(node.closest('svg') ? style.fill : style.color));
    const paper = light(behind(node));
    const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (contrast < 4.5) faint.push(`${words.slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return faint;
}"""


class Panel:
    """A panel in the page, by what can be seen of it."""

    def __init__(self, page, index):
        self.page, self.box = page, page.locator(".st-studio").nth(index)

    def field(self, label):
        return self.box.get_by_label(label, exact=True)

    def type(self, label, value):
        self.field(label).fill(str(value))
        self.field(label).press("Enter")

    def choose(self, label, value):
        self.field(label).select_option(label=value)

    def shows(self, label, value):
        """Wait until a field has this value."""
        expect(self.field(label)).to_have_value(value)

    def button(self, text):
        return self.box.locator(f'button:text-is("{text}")')

    def set(self, **values):
        """A small run of Adam, and other fields by their labels."""
        self.choose("optimiser", "adam")
        for label, value in {"size in pixels": 64, **values}.items():
            self.type(label.replace("_", " "), value)

    def says(self, pattern, where=".st-status"):
        """Wait until the line of status (or another) is like this; the match."""
        found = self.box.locator(where).filter(has_text=re.compile(pattern)).first
        found.wait_for()
        return re.search(pattern, found.inner_text())

    def step(self):
        return int(self.says(r"tep (\d+) of")[1])

    def after_step(self, least):
        """Wait until the run is past a step."""
        self.page.wait_for_function(
            "([node, least]) => Number(/tep (\\d+) of/.exec(node.innerText)?.[1]) > least",
            arg=[self.box.locator(".st-progress").element_handle(), least],
            polling=100,
        )

    def ended(self):
        self.page.wait_for_function(
            "node => [...node.querySelectorAll('button')].some("
            "b => b.innerText.trim() === 'Run' && !b.disabled)",
            arg=self.box.element_handle(),
            polling=100,
        )

    def run(self):
        """Run to the end; the line of status."""
        self.box.locator(".st-status").evaluate("node => { node.dataset.before = 1; }")
        self.button("Run").click()
        self.says("after|Failed", ".st-status:not([data-before])")
        self.ended()
        return self.box.locator(".st-status").inner_text()

    @property
    def cards(self):
        return self.box.locator(".st-card")

    @property
    def picture(self):
        """Address of the live picture."""
        return self.box.locator(".st-main img.st-after").get_attribute("src")

    @property
    def curve(self):
        return self.box.locator(".st-main path.st-total").get_attribute("d")


class Studio(NotebookPage):
    """The notebook with the panels."""

    def ask(self, code):
        """Run code in the kernel, and what it prints."""
        return self.page.evaluate(ASK, code)

    def comes_to(self, code, wanted):
        """Wait until code prints this: what widgets say does not queue behind cells."""
        for _ in range(1200):
            said = self.ask(code)
            if said == wanted:
                return
            self.page.wait_for_timeout(100)
        assert said == wanted

    def run_cell(self, index):
        self.page.evaluate(RUN_CELL, index)
        return self.cells()[index]["outputs"]

    def tracebacks(self):
        outputs = [output for cell in self.cells() for output in cell.get("outputs", ())]
        return [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]


@pytest.fixture(scope="module")
def studio(window, lab):
    page, strangers = window
    folder = lab.root / "studio"
    folder.mkdir()
    write_notebook(folder / "studio.ipynb", CELLS)
    notebook = Studio(page, lab, "studio/studio.ipynb")
    notebook.run_cell(0)
    page.locator(".st-studio .st-tile").first.wait_for()
    yield notebook
    page.evaluate(CLOSE)
    lab.end_kernels()
    assert not strangers, f"the page asked for {strangers}"


@pytest.fixture
def panel(studio):
    """The first panel, at rest; afterwards nothing was said as a traceback."""
    yield Panel(studio.page, 0)
    assert studio.tracebacks() == []


def png(colour, size):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_controls_are_slid_and_typed(studio, panel):
    beta = panel.field("β style, slider")
    panel.type("β style", "1e6")
    beta.focus()
    for _ in range(20):  # a decade
        beta.press("ArrowRight")
    panel.type("α content", "2,5")
    panel.choose("preset", "Deep only")
    panel.shows("conv1_1", "0")
    panel.type("conv1_1", "0.3")
    panel.choose("start from", "noise")
    panel.type("seed", "7")
    wanted = "10000000.0 2.5 {'conv1_1': 0.3, 'conv4_1': 1.0, 'conv5_1': 1.0} noise 7"
    names = "style_weight", "content_weight", "style_weights", "start", "seed"
    studio.comes_to(f"print(*(getattr(panel.config, n) for n in {names}))", wanted)
    expect(panel.field("preset").locator("option:checked")).to_have_text("Your own")
    panel.choose("preset", "The assignment's")
    panel.shows("conv2_1", "0.8")
    panel.choose("start from", "content")


def test_a_value_that_is_no_number_is_said_beside_it(panel):
    panel.type("steps", "many")
    assert "“many” is no number; it stays" in panel.says("no number", ".st-error").string
    panel.type("steps", "20")
    assert panel.box.locator(".st-error:not(:empty)").count() == 0


def test_a_size_that_cannot_be_is_said_in_the_panel(panel):
    panel.type("size in pixels", "5")
    panel.says("max_size is 5; give a whole number", ".st-message")
    panel.button("Run").click()
    panel.says("max_size is 5", ".st-message")
    assert panel.button("Stop").is_disabled()
    panel.set(steps=2)
    expect(panel.box.locator(".st-message")).to_have_count(0)
    assert panel.run().startswith("Finished after 2 steps")


def test_run_pause_resume_stop(studio, panel):
    panel.set(steps=5000)
    panel.button("Run").click()
    panel.says(r"Step \d+ of 5000 · 64 px · \d+ (s|min).* left")
    picture, curve, step = panel.picture, panel.curve, panel.step()
    panel.after_step(step)
    outputs = studio.run_cell(1)
    assert [output["text"] for output in outputs] == ["42\n"]  # the notebook is free
    panel.after_step(step + 5)
    assert panel.picture != picture
    assert len(panel.curve) > len(curve)
    panel.button("Pause").click()
    paused = int(panel.says(r"Paused at step (\d+) of 5000")[1])
    studio.page.wait_for_timeout(1000)
    assert panel.step() == paused
    panel.button("Resume").click()
    panel.after_step(paused)
    panel.button("Stop").click()
    panel.says(r"Stopped after \d+ steps")
    panel.ended()
    expect(panel.cards.first.locator(".st-flag")).to_have_text("stopped")


def test_the_line_between_before_and_after_is_dragged(studio, panel):
    panel.set(steps=3)
    panel.run()
    frame = panel.box.locator(".st-main .st-frame")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    mouse, middle = studio.page.mouse, box["y"] + box["height"] / 2
    seen = []
    for part in (0.2, 0.8):
        mouse.move(box["x"] + 0.5 * box["width"], middle)
        mouse.down()
        mouse.move(box["x"] + part * box["width"], middle, steps=4)
        mouse.up()
        studio.comes_to(f"print(abs(panel.viewer.split - {part}) < 0.01)", "True")
        line = panel.box.locator(".st-main .st-line").bounding_box()
        assert line["x"] + line["width"] / 2 == pytest.approx(box["x"] + part * box["width"], abs=2)
        seen.append(frame.screenshot())
    assert seen[0] != seen[1]
    slider = frame.locator("input")
    slider.press("Home")
    studio.comes_to("print(panel.viewer.split)", "0.0")
    assert slider.get_attribute("aria-valuetext") == "0 % before"


def test_an_upload_is_used_and_a_broken_one_said(studio, panel):
    upload = panel.field("Content: upload a picture")
    files = [("own picture.png", png("teal", (90, 60))), ("broken.jpg", b"\xff\xd8 no picture")]
    as_files = [{"name": n, "mimeType": "image/png", "buffer": data} for n, data in files]
    upload.set_input_files(as_files[0])
    panel.says(r"own picture\.png · 90 × 60", ".st-note")
    upload.set_input_files(as_files[1])
    panel.says(r"broken\.jpg is not a picture", ".st-error")
    panel.says(r"own picture\.png · 90 × 60", ".st-note")  # still chosen
    panel.set(steps=2)
    assert panel.run().startswith("Finished after 2 steps")
    upload.set_input_files(as_files[0])  # again: nothing is left to be said
    panel.box.locator(".st-pictures").first.locator(".st-error:empty").wait_for(state="attached")
    panel.box.locator(".st-tile").first.click()
    studio.comes_to("print(panel.content.value == panel.content.pictures[0]['key'])", "True")


def test_a_mask_is_painted_and_the_run_takes_it(studio, panel, screenshots):
    panel.box.locator(".st-tile").first.click()
    panel.button("▸ Paint or upload a mask").first.click()
    easel = panel.box.get_by_role("group", name="Content: mask")
    canvas = easel.locator("canvas")
    expect(canvas).to_have_attribute("aria-label", "Content: 0 % painted")
    canvas.scroll_into_view_if_needed()
    box, mouse = canvas.bounding_box(), studio.page.mouse
    easel.get_by_label(re.compile("width of the brush")).fill("40")
    mouse.move(box["x"] + 0.25 * box["width"], box["y"] - 5)
    mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 2)
    mouse.down()
    mouse.move(box["x"] + 0.25 * box["width"], box["y"] + box["height"], steps=6)
    mouse.up()
    expect(canvas).to_have_attribute("aria-label", re.compile(r"Content: (3\d|4\d) % painted"))
    easel.screenshot(path=screenshots / "easel.png")
    assert violations(studio.page, ".st-studio") == []
    easel.get_by_text("Use this mask").click()
    expect(easel.get_by_role("status")).to_contain_text("used from now on")
    panel.set(steps=2)
    assert panel.run().startswith("Finished after 2 steps")
    [kept] = json.loads(studio.ask(ASK_MASKS))
    assert panel.field("paint where").input_value() == kept
    mask = Image.open(kept).convert("L")
    width, height = mask.size
    across = [mask.getpixel((round(part * width), height // 2)) for part in (0.1, 0.3, 0.6, 0.9)]
    assert across == [255, 255, 0, 0]

    upload = easel.get_by_label("Content: upload a mask")
    for name, data, says in (
        ("tall.png", png("white", (50, 90)), "tall.png is 50 × 90, of other proportions"),
        ("no.png", b"no", "no.png is not a picture"),
        ("all.png", png("white", mask.size), ""),
    ):
        upload.set_input_files({"name": name, "mimeType": "image/png", "buffer": data})
        expect(easel.locator(".st-error")).to_contain_text(says)
    expect(easel.get_by_role("status")).to_have_text("100 % painted; all.png")
    easel.get_by_text("Invert").press("Enter")
    expect(easel.get_by_role("status")).to_have_text("0 % painted")
    panel.type("paint where", "")
    panel.button("▾ Paint or upload a mask").click()
    expect(easel).to_be_hidden()


def test_past_runs_are_compared_and_loaded(studio, panel):
    assert studio.ask(TWO_RUNS) == ""
    count = panel.cards.count()
    panel.button("Refresh").click()
    panel.cards.nth(count + 1).wait_for()
    panel.cards.nth(0).click()
    panel.says("this run", ".st-table")
    panel.cards.nth(1).click()
    panel.says(r"^steps\s*4\s*3", ".st-table tr")
    for place, mark in enumerate("AB"):
        expect(panel.cards.nth(place)).to_have_attribute("data-mark", mark)
    panel.button("Load settings of B").click()
    panel.says("The settings of .* are loaded", ".st-message")
    panel.shows("steps", "3")
    panel.shows("β style", "2e6")
    panel.button("Show as code").click()
    code = panel.says("result = stylize", ".st-code pre").string
    assert studio.ask(code + "\nprint(result.config == panel.config)") == "True"
    panel.button("Save picture").click()
    saved = panel.says(r"Saved to (\S+\.png);", ".st-notice")[1]
    assert Image.open(studio.lab.root / "studio" / saved).size[0] == 64


def test_the_keyboard_is_enough(studio, panel):
    """Also: keys that mean something to the notebook do not reach it."""
    page, cells = studio.page, len(studio.cells())
    tiles = panel.box.get_by_role("radiogroup").first
    tiles.get_by_role("radio").first.click()
    page.keyboard.press("ArrowRight")
    second = "print(panel.content.value == panel.content.pictures[1]['key'])"
    studio.comes_to(second, "True")
    page.keyboard.press("ArrowLeft")
    panel.set(steps=6000)
    for _ in range(60):  # from there on to the button
        if page.evaluate("() => document.activeElement.innerText") == "Run":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    panel.after_step(1)
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.innerText") == "Pause"
    page.keyboard.press("Space")
    panel.says("Paused at step")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    panel.says("Stopped after")  # and the gallery is drawn anew
    panel.cards.first.focus()
    for key in ("b", "a", "d", "d", "x", "Enter"):
        page.keyboard.press(key)
    expect(panel.cards.first).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    expect(panel.cards.first).to_have_attribute("aria-pressed", "false")
    panel.button("More settings").press("Enter")
    expect(panel.field("done at loss")).to_be_visible()
    panel.button("Fewer settings").press("Enter")
    expect(panel.field("done at loss")).to_be_hidden()
    assert len(studio.cells()) == cells


def test_the_panel_answers_while_a_cell_works(studio, panel):
    """JupyterLab sends what widgets say past the cell that is running (subshells)."""
    panel.set(steps=7000)
    panel.button("Run").click()
    panel.after_step(1)
    work = "import time\nfor _ in range(600):\n    time.sleep(0.1)\n    if not panel.running: break"
    studio.page.evaluate(f"() => {{ window.working = ({ASK})({work!r}); }}")
    studio.page.wait_for_timeout(500)
    panel.button("Pause").click()
    panel.says("Paused at step")
    panel.button("Stop").click()
    panel.ended()
    studio.page.evaluate("() => window.working")


def test_two_panels_at_once(studio, panel):
    studio.run_cell(2)
    second = Panel(studio.page, 1)
    second.box.locator(".st-tile").first.wait_for()
    second.set(steps=4000)
    panel.set(steps=3000)
    for each in (panel, second):
        each.button("Run").click()
    panel.says(r"Step \d+ of 3000")
    second.says(r"Step \d+ of 4000")
    second.button("Pause").click()
    paused = int(second.says(r"Paused at step (\d+)")[1])
    panel.after_step(panel.step() + 5)
    assert second.step() == paused
    panel.button("Stop").click()
    panel.ended()
    assert second.says(r"Paused at step (\d+)")[1] == str(paused)
    second.button("Resume").click()
    second.after_step(paused)
    second.button("Stop").click()
    second.ended()
    assert panel.field("steps").input_value() == "3000"
    assert second.field("steps").input_value() == "4000"


@pytest.mark.parametrize("width", [1000, 1280])
@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_can_be_read(studio, panel, screenshots, theme, width):
    """Every control has a name, every text contrast; axe finds nothing, and nothing sticks out."""
    panel.box.scroll_into_view_if_needed()
    studio.page.set_viewport_size({"width": width, "height": 900})
    studio.theme(f"JupyterLab {theme}")
    try:
        studio.screenshot(screenshots / "studio" / f"{theme.lower()}-{width}.png", width)
        assert panel.box.evaluate(UNNAMED) == []
        assert panel.box.evaluate(FAINT) == []
        assert panel.box.evaluate(OUTSIDE) == []
        assert violations(studio.page, ".st-studio") == []
    finally:
        studio.page.set_viewport_size({"width": 1280, "height": 900})
        studio.theme("JupyterLab Light")


def test_a_restart_of_the_kernel_loses_no_run(studio, panel):
    panel.set(steps=2)
    panel.run()
    names = "print(*sorted(run.name for run in panel.store.runs()))"
    before = studio.ask(names)
    assert before
    studio.page.evaluate(RESTART)
    studio.run_cell(0)
    panel.cards.first.wait_for()
    assert studio.ask(names) == before
    assert panel.cards.count() == len(before.split())
