"""The instructor's side: builds the notebooks, grades hand-ins. `styletools` never imports it."""

import sys


def quickstart() -> None:
    """Spare a process the 0.7 s in which an unneeded check of addresses loads.

    The doors call this before anything loads nbformat. `jsonschema` imports `rfc3987_syntax` where
    it is installed; no notebook's schema asks for it.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
