"""The commands for many runs: sweep, and what is in a store. Torch waits until one is given."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from styletools._files import user_path

if TYPE_CHECKING:
    from styletools.lab.run import Run
    from styletools.lab.store import RunRequest, RunStore

FAILED, INTERRUPTED = 1, 130
CONNECT_SECONDS = 20
EXAMPLE = """\b
FILE:
  content = ["chelsea", "photo.jpg"]  # the kit's pictures, or paths from FILE's folder
  style = "impasto"
  plan = "part2"                      # or "tradeoff"; or one of the two tables below
  [base]
  preset = "assignment"               # or "fast"; then any settings
  max_size = 256
  [grid]
  style_weight = [1e5, 1e6]           # every combination
  [variants.sharp]
  content_weight = 10                 # named ones
"""


class UserPath(click.Path):
    """A path in which ~ is the home folder, also where no shell has expanded it."""

    def convert(self, value: Any, parameter: Any, context: Any) -> Any:
        """Expand and check."""
        return super().convert(os.path.expanduser(value), parameter, context)


STORE = click.option(
    "--store",
    metavar="FOLDER",
    type=UserPath(file_okay=False),
    help="Where the runs are [$STYLETOOLS_RUNS, else ./runs].",
)
RUN_NAMES = click.argument("names", nargs=-1)


@click.command(epilog=EXAMPLE)
@click.argument("file", type=UserPath(dir_okay=False))
@STORE
@click.option("--scheduler", metavar="ADDRESS", help="Of a dask cluster: tcp://HOST:8786.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def sweep(file: str, store: str | None, scheduler: str | None, dry_run: bool) -> None:
    """Do the missing runs of FILE (TOML).

    After an interruption, the same command resumes.
    """
    from styletools.lab import plans, sweeps
    from styletools.lab.store import RunStoppedError, RunStore

    base, grid, contents, styles = plans.read_plan(file)
    runs = RunStore(store)
    if dry_run:
        _say_plan(*plans.plan(base, grid, contents, styles, runs))
        return
    client = connect(scheduler) if scheduler else None
    try:
        done = sweeps.sweep(base, grid, contents, styles, runs, client)
    except (RunStoppedError, KeyboardInterrupt):
        click.echo("Interrupted. To go on from here, give the same command again.", err=True)
        sys.exit(INTERRUPTED)
    finally:
        if client:
            client.close()
    if done.runs:
        _show(done.runs)
    for label, reason in done.failures.items():
        click.echo(f"Failed: {label}: {reason}", err=True)
    click.echo(f"{len(done.runs)} runs in {runs.folder}.")
    sys.exit(FAILED if done.failures else 0)


@click.group()
def runs() -> None:
    """Finished runs: list, compare, export, delete. NAMES are folder names, or a key's start."""


@runs.command("list")
@STORE
@click.option("--sort", metavar="COLUMN", help="Such as style_taken, seconds.")
@click.option("--descending", is_flag=True, help="The most first.")
def list_(store: str | None, sort: str | None, descending: bool) -> None:
    """A line for each run, newest first."""
    place, found = _chosen(store, ())
    if found:
        _show({run.name: run for run in found}, sort, descending)
    else:
        click.echo(f"There are no runs in {place.folder}.")
    for folder, reason in place.damaged().items():
        click.echo(f"Left alone: {folder.name}: {reason}", err=True)


@runs.command()
@RUN_NAMES
@STORE
@click.option(
    "-o",
    "--output",
    type=UserPath(file_okay=False),
    default="comparison",
    show_default=True,
    help="A folder.",
)
def compare(names: tuple[str, ...], store: str | None, output: str) -> None:
    """Pictures, loss curves and a scatter of the runs named (none: all), and a table."""
    _, found = _chosen(store, names)
    _need(found)
    _figures(found, Path(output))
    _show({run.name: run for run in found})
    click.echo(f"{output}: pictures.png, losses.png, scatter.png")


@runs.command()
@click.argument("output", metavar="OUT")
@RUN_NAMES
@STORE
@click.option("--sort", metavar="COLUMN", help="Such as style_taken, seconds.")
def export(output: str, names: tuple[str, ...], store: str | None, sort: str | None) -> None:
    """Write the table of the runs named (none: all) to OUT.csv; or whole runs to OUT.zip."""
    from styletools._files import atomic_path

    _, found = _chosen(store, names)
    _need(found)
    place = user_path(output)
    if place.suffix not in (".csv", ".zip"):
        raise click.BadParameter(f"{output}: give a name that ends in .csv or .zip.")
    with atomic_path(place) as temporary:
        if place.suffix == ".csv":
            from styletools.lab.compare import table

            frame = table(found, sort)
            frame.to_csv(temporary)
            _say_note(frame)
        else:
            _pack(found, temporary)
    click.echo(f"{place}: {len(found)} runs")


@runs.command()
@RUN_NAMES
@STORE
@click.option("--unfinished", is_flag=True, help="What interrupted runs would go on from.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(names: tuple[str, ...], store: str | None, unfinished: bool, yes: bool) -> None:
    """Remove the runs named."""
    if not names and not unfinished:
        raise click.UsageError("Name the runs to delete, or say --unfinished.")
    place, found = _chosen(store, names)
    if unfinished and (yes or click.confirm("Begin interrupted runs anew next time?")):
        click.echo(f"Forgotten: {place.forget_unfinished()} interrupted runs.")
    for run in found if names else ():
        if yes or click.confirm(f"Delete {run.name}?"):
            place.delete(run)
            click.echo(f"Deleted: {run.name}")


def _chosen(store: str | None, names: tuple[str, ...]) -> "tuple[RunStore, list[Run]]":
    from styletools.lab.store import RunStore

    place = RunStore(store)
    return place, [place.get(name) for name in names] if names else place.runs()


def _need(found: "list[Run]") -> None:
    if not found:
        raise click.UsageError("There are no runs here; see --store.")


def _show(found: "Mapping[str, Run]", sort: str | None = None, descending: bool = False) -> None:
    from styletools.lab.compare import table

    frame = table(found, sort, not descending)
    click.echo(frame.to_string(float_format=lambda number: f"{number:.4g}", na_rep="–"))
    _say_note(frame)


def _say_note(frame: Any) -> None:
    if frame.attrs["note"]:
        click.echo(frame.attrs["note"])


def _figures(found: "list[Run]", folder: Path) -> None:
    from styletools._files import atomic_path
    from styletools.lab import compare as comparison

    figures: dict[str, Any] = {
        "pictures": comparison.picture_grid,
        "losses": comparison.overlay_losses,
        "scatter": comparison.scatter,
    }
    for name, draw in figures.items():
        with atomic_path(folder / f"{name}.png") as temporary:
            draw(found).savefig(temporary, dpi=120)


def _pack(found: "list[Run]", path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(path, "w") as archive:  # pictures are compressed already
        for run in found:
            for file in sorted(run.folder.rglob("*")):
                if file.is_file():
                    archive.write(file, Path(run.name) / file.relative_to(run.folder))


def _say_plan(
    requests: "list[RunRequest]", found: "dict[str, Run]", failures: dict[str, str]
) -> None:
    for request in requests:
        run = found.get(request.label)
        state = f"there: {run.name}" if run else f"to do: {request.config.steps} steps"
        click.echo(f"{request.label}: {state}")
    for label, reason in failures.items():
        click.echo(f"{label}: cannot be done: {reason}")
    missing = [request.config.steps for request in requests if request.label not in found]
    click.echo(f"{len(missing)} of {len(requests)} runs to do, {sum(missing)} steps.")


def connect(address: str) -> Any:
    """A client of the scheduler there.

    Raises:
        ClusterError: there is none, or no dask here.
    """
    from styletools.lab.dask import ClusterError

    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise ClusterError("--scheduler needs dask: pip install -e '.[cluster]'.") from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"No scheduler answers at {address} ({error}); start one with `dask scheduler`, and "
            "give the address that it prints."
        ) from None
    if not client.nthreads():
        click.echo(f"There are no workers yet; start some: dask worker {address}", err=True)
    return client
