"""The instructor's side: builds the notebooks, grades hand-ins. `styletools` never imports it."""

import sys

# nbformat loads `jsonschema`, which imports a grammar of addresses where it is installed. That
# takes one to three seconds, and no notebook's schema asks for it.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
