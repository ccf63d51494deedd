"""The instructor's command line: `python -m coursekit`."""

import sys
from pathlib import Path

import click

from coursekit import build as building

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Tools for whoever teaches the course."""


@main.command()
@click.argument("lessons", nargs=-1)
@click.option("--execute", is_flag=True, help="Run the reference notebooks and keep the outputs.")
@click.option("--check", is_flag=True, help="Write nothing; fail where a notebook is not current.")
@click.option("--notebooks", type=click.Path(path_type=Path), default=NOTEBOOKS, hidden=True)
def build(lessons: tuple[str, ...], execute: bool, check: bool, notebooks: Path) -> None:
    """Build the reference and student notebooks of LESSONS (all of them, where none is named).

    A reference cell that did not change keeps its stored output, unless --execute runs it again.
    """
    if check and execute:
        raise click.UsageError("--check only compares; run it without --execute.")
    try:
        if check:
            differences = building.check(notebooks, lessons)
            for difference in differences:
                click.echo(difference, err=True)
            if differences:
                click.echo("Run `python -m coursekit build --execute` and commit.", err=True)
            sys.exit(1 if differences else 0)
        for message in building.build(notebooks, lessons, execute):
            click.echo(message)
    except building.BuildError as error:
        raise click.ClickException(str(error)) from None
