"""What some tests need of the machine besides Python: Chromium and bubblewrap."""

import os
import shutil

from coursekit.sandbox import Bubblewrap


def find_chromium() -> str | None:
    """Its path; STYLETOOLS_CHROMIUM names another than the system's."""
    names = (os.environ.get("STYLETOOLS_CHROMIUM"), "chromium", "chromium-browser")
    return next((path for name in names if name and (path := shutil.which(name))), None)


TROUBLES = {
    "bubblewrap": lambda: Bubblewrap().trouble(),
    "chromium": lambda: "" if find_chromium() else "There is no Chromium.",
}
"""{marker of the tests that need it: says why it does not work here, or nothing}."""


def missing() -> dict[str, str]:
    """{marker: why}, of what does not work here."""
    return {marker: why for marker, trouble in TROUBLES.items() if (why := trouble())}
