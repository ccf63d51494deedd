"""The instructor's side: builds the notebooks from their sources. `styletools` never imports it."""
