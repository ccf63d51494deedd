"""From lesson sources to notebooks, releases and bundles."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # of the course
TEMPLATES = Path(__file__).resolve().parent / "templates"
