"""What the doors call before anything loads nbformat; importing this package changes nothing."""

import sys


def quickstart() -> None:
    """Spare a process the 0.7 s in which an unneeded check of addresses loads.

    `jsonschema` imports `rfc3987_syntax` where it is installed; no notebook's schema asks for it.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
