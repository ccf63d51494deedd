"""The instructor's side: builds the notebooks from their sources. `styletools` never imports it."""

from coursekit import quickstart  # noqa: F401  # before anything loads nbformat
