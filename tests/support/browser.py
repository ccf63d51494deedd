"""JupyterLab, driven as a student drives it: in a real browser, with the mouse."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
import requests

START_SECONDS = 300
OPEN_SECONDS = 300
RUN_SECONDS = 600
TALLEST = 16_000  # pixels of a screenshot
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {  # nothing is fetched, and every cell is in the page, also those out of sight
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none", "scrollPastEnd": False},
}
FINISHED = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const kernel = panel.sessionContext.session?.kernel;
  const waiting = [...panel.content.model.cells].filter(
    cell => cell.type === 'code' && cell.executionState && cell.executionState !== 'idle');
  return kernel?.status === 'idle' && waiting.length === 0;
}"""
CELLS = "() => [...window.jupyterapp.shell.currentWidget.content.model.cells].map(c => c.toJSON())"
ACTIVE = "() => window.jupyterapp.shell.currentWidget.content.activeCell.model.toJSON()"
HIDDEN_HEIGHT = """() => {
  const panel = window.jupyterapp.shell.currentWidget.node;
  const scroller = panel.querySelector('.jp-WindowedPanel-outer');
  scroller.scrollTop = 0;
  return scroller.scrollHeight - scroller.clientHeight;
}"""
CLOSE = """async () => {
  const app = window.jupyterapp;
  for (const widget of app?.shell.widgets('main') ?? [])
    if (widget.context) widget.context.model.dirty = false;  // no question whether to save
  await app?.commands.execute('application:close-all');
}"""
OPEN = """async path => {
  const app = window.jupyterapp;
  const panel = await app.commands.execute('docmanager:open', {path, factory: 'Notebook'});
  await panel.context.ready;
  await panel.sessionContext.ready;
}"""


def write_notebook(path: Path, sources: list[str]) -> None:
    """A notebook of code cells; without a kernel's name, JupyterLab would ask for one."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, path)


class Lab:
    """A running server; `root` holds what it serves."""

    def __init__(self, address: str, token: str, root: Path) -> None:
        self.address, self.token, self.root = address, token, root
        self.saved: set[str] = set()  # notebooks that were run and saved

    def request(self, method: str, path: str) -> requests.Response:
        headers = {"Authorization": f"token {self.token}"}
        return requests.request(method, f"{self.address}/{path}", headers=headers, timeout=20)

    def end_kernels(self) -> None:
        for session in self.request("GET", "api/sessions").json():
            self.request("DELETE", f"api/sessions/{session['id']}")


class NotebookPage:
    """A notebook, open in the browser."""

    def __init__(self, page, lab: Lab, path: str) -> None:
        self.page, self.lab, self.path = page, lab, path
        if not page.url.startswith(lab.address):
            page.goto(f"{lab.address}/lab?token={lab.token}&reset")
            page.wait_for_function("() => window.jupyterapp", timeout=OPEN_SECONDS * 1000)
            page.evaluate("() => window.jupyterapp.restored")
        page.evaluate(OPEN, path)
        page.wait_for_function(FINISHED, timeout=OPEN_SECONDS * 1000)  # the kernel has started

    def run_all(self, seconds: float = RUN_SECONDS) -> list[dict]:
        """Run → Run All Cells; the cells once the kernel is idle again."""
        self.menu("Run", "Run All Cells")
        self.page.wait_for_timeout(500)
        deadline, idle_since = time.monotonic() + seconds, None
        while idle_since is None or time.monotonic() - idle_since < 1:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.path} still runs after {seconds} s")
            if not self.page.evaluate(FINISHED):
                idle_since = None
            elif idle_since is None:
                idle_since = time.monotonic()
            self.page.wait_for_timeout(200)
        return self.cells()

    def run(self, mark: str, source: str | None = None) -> str:
        """Write a source into the cell that holds `mark`, run it, and return what it printed.

        Args:
            mark: the cell's grade_id, or a part of its source.
            source: typed in place of what is there; None leaves that.
        """
        place = _place(self.cells(), mark)
        cell = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").nth(place)
        editor = cell.locator(".jp-InputArea-editor .cm-content")
        if not editor.is_visible():  # a text that is shown as it will be read
            cell.locator(".jp-MarkdownOutput").click()
            self.page.keyboard.press("Enter")
        editor.click()
        if source is not None:
            self.page.keyboard.press("Control+A")
            self.page.keyboard.insert_text(source)
        return self._run_active()

    def _run_active(self) -> str:
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_timeout(500)
        self.page.wait_for_function(FINISHED, timeout=RUN_SECONDS * 1000)
        outputs = self.page.evaluate(ACTIVE).get("outputs", ())
        return "".join("".join(output.get("text", "")) for output in outputs)

    def add_below(self, mark: str, source: str) -> str:
        """Add a cell below the one that holds `mark`, run it, and return what it printed."""
        self.run(mark)
        self.page.keyboard.press("b")  # Control+Enter has left the editor
        self.page.keyboard.press("Enter")
        self.page.keyboard.insert_text(source)
        return self._run_active()

    def cells(self) -> list[dict]:
        """The cells as nbformat has them, outputs included."""
        return self.page.evaluate(CELLS)

    def menu(self, *labels: str) -> None:
        """Click through the menu bar."""
        self.page.click(f'.lm-MenuBar-itemLabel:text-is("{labels[0]}")')
        for label in labels[1:]:
            self.page.click(f'.lm-Menu-itemLabel:text-is("{label}")')

    def save(self) -> None:
        """File → Save Notebook, and wait until the file is written."""
        self.menu("File", "Save Notebook")
        clean = "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
        self.page.wait_for_function(clean, timeout=120_000)
        self.lab.saved.add(self.path)

    def theme(self, name: str) -> None:
        """Change the theme, and wait until it is there."""
        self.page.evaluate(
            "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})",
            name,
        )
        body = f'body[data-jp-theme-name="{name}"]'
        self.page.wait_for_selector(body, state="attached", timeout=120_000)
        self.page.wait_for_timeout(500)

    def drawn_widgets(self) -> int:
        """How many ipywidgets can be seen."""
        self.page.wait_for_selector(".jp-OutputArea .jupyter-widgets", timeout=120_000)
        return self.page.locator(".jp-OutputArea .jupyter-widgets:visible").count()

    def screenshot(self, file: Path, width: int = 1280) -> Path:
        """The whole notebook, also what one would have to scroll to."""
        file.parent.mkdir(parents=True, exist_ok=True)
        height = 900
        for _ in range(3):  # pictures that come into sight may change the height
            height = min(TALLEST, height + self.page.evaluate(HIDDEN_HEIGHT))
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.wait_for_timeout(300)
        self.page.screenshot(path=file)
        self.page.set_viewport_size({"width": width, "height": 900})
        return file


def _place(cells: list[dict], mark: str) -> int:
    """Where the cell is that has this grade_id; else the first whose source holds it."""
    names = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in cells]
    if mark in names:
        return names.index(mark)
    return next(i for i, cell in enumerate(cells) if mark in "".join(cell["source"]))


@contextmanager
def serve(root: Path, private: Path, environment: dict[str, str]):
    """Serve `root` on loopback; settings, kernels' files and the log go into `private`."""
    settings = private / "settings"
    for name, values in SETTINGS.items():
        file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    folders = {
        "JUPYTERLAB_SETTINGS_DIR": settings,
        "JUPYTERLAB_WORKSPACES_DIR": private / "workspaces",
        "JUPYTER_CONFIG_DIR": private / "config",
        "JUPYTER_DATA_DIR": private / "data",
        "JUPYTER_RUNTIME_DIR": private / "runtime",
        "IPYTHONDIR": private / "ipython",
    }
    token, port = secrets.token_hex(16), _free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"),
        *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
    ]
    environment = {**os.environ, **{k: str(v) for k, v in folders.items()}, **environment}
    log = private / "server.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=root
        )
    lab = Lab(f"http://127.0.0.1:{port}", token, root)
    try:
        _wait_for(lab, process, log)
        yield lab
        lab.end_kernels()
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait_for(lab: Lab, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if lab.request("GET", "api/status").ok:
                return
        except requests.ConnectionError:
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
