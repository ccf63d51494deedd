"""Pages opened from disk in Chromium, cut off from the network."""

from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "preload": False}


def fenced(context, *allowed):
    """Let a browser window ask for addresses with these beginnings; a list of its other wishes."""
    strangers = []

    def only_these(route):
        if route.request.url.startswith(allowed):
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    context.route("**/*", only_these)
    return strangers


@contextmanager
def opened(browser, path: Path, **settings):
    """A page from disk, in a browser window of its own.

    Fails where the page asked for anything that is no file, or wrote an error to the console.
    """
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
    strangers, errors = fenced(context, "file:", "data:", "blob:"), []
    page = context.new_page()
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.resolve().as_uri())
    yield page
    context.close()
    assert not strangers, f"{path.name} asked for {strangers}"
    assert not errors, f"{path.name}: {errors}"


def violations(page, within="html"):
    """What axe finds in a part of the page (a CSS selector), a line each."""
    found = Axe().run(page, context=within, options=RULES).response
    assert len(found["passes"]) > 3, "axe ran"
    return [f"{v['id']}: {v['help']}: {[n['html'][:120] for n in v['nodes'][:3]]}"
            for v in found["violations"]]  # fmt: skip
