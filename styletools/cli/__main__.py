"""`python -m styletools.cli`."""

from styletools.cli import main

main(prog_name="styletools")
