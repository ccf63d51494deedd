"""Imported before nbformat: spares it the 0.7 s in which an unneeded check of addresses loads.

`jsonschema` imports `rfc3987_syntax` where it is installed; no notebook's schema asks for it.
"""

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
