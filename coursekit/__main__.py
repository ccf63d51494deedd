"""`python -m coursekit`."""

from coursekit.cli import main

main(prog_name="python -m coursekit")
