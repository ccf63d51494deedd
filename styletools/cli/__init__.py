"""The command line. Torch is imported only by the commands that need it."""

import contextlib
import dataclasses
import errno
import hashlib
import io
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, get_args

import click

from styletools._files import source_stem, user_path, when_free
from styletools.cli import runs as cli_runs
from styletools.config import (
    COLOUR_MODES,
    CONVENTIONS,
    OPTIMIZERS,
    POOLINGS,
    PRECISIONS,
    PRESETS,
    STYLE_DISTANCES,
    TransferConfig,
    read_entries,
    read_shares,
)
from styletools.errors import StyletoolsError, is_out_of_memory

DIVERGED, WRONG_INPUT, INTERRUPTED = cli_runs.FAILED, 2, cli_runs.INTERRUPTED
_EXIT_CODES = """\b
Exit codes:
  0    done
  1    the loss diverged (the last finite picture is kept), a run of a sweep or a
       photograph of a folder failed, or `doctor` found a fault
  2    wrong input: a picture, weights, a setting or a path
  130  interrupted; the same command goes on
"""
CHOICES = {
    "optimizer": OPTIMIZERS, "convention": CONVENTIONS, "pooling": POOLINGS,
    "precision": PRECISIONS, "colour": COLOUR_MODES, "style_distance": STYLE_DISTANCES,
}  # fmt: skip
METAVARS = {
    "style_weights": "LAYER=W,…", "content_layers": "LAYER,…", "more_styles": "PICTURE=SHARE,…",
    "content_masks": "PICTURE,…", "style_masks": "PICTURE,…",
}  # fmt: skip
WEIGHTS_EXAMPLE = "conv1_1=1,conv2_1=0.5"
LEAST_MEMORY = 4 * 2**30  # bytes of address space, with PyTorch's CUDA libraries
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


class Group(click.Group):
    """Shows the kit's own errors as one message, not as a traceback."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Print on any console: a sign that its code page lacks becomes a question mark."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        return super().main(*args, **options)

    def invoke(self, context: click.Context) -> Any:
        """Exit with 2 where the kit says what is wrong; a warning is a sentence, too."""
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _say_warning
                _say_limit()
                return super().invoke(context)
        except StyletoolsError as error:
            said = str(error)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            context.exit(INTERRUPTED)
        except (ImportError, MemoryError, OSError, RuntimeError) as error:
            if is_out_of_memory(error):
                said = (
                    "Out of memory. End other programs, take a smaller max_size or set max_memory "
                    "(--max-memory 8), and try again. "
                    "An unfinished run goes on from its checkpoint."
                )
            elif isinstance(error, OSError) and error.errno and error.errno != errno.EPIPE:
                where = f"{error.filename}: " if error.filename else ""
                said = f"{where}{error.strerror}. Make room or choose another place, and try again."
            else:
                raise
        click.echo(f"Error: {said}", err=True)
        context.exit(WRONG_INPUT)


def _say_limit() -> None:
    """Loading PyTorch within too small a limit aborts the program, which says nothing of use."""
    with contextlib.suppress(ImportError):  # Windows has no such limits
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if 0 <= limit < LEAST_MEMORY:
            _say_warning(
                f"This shell allows {limit / 2**30:.1f} GiB of memory, and PyTorch may need "
                f"{LEAST_MEMORY / 2**30:g} GiB to begin with; lift it: `ulimit -v unlimited`."
            )


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"Warning: {message}", err=True)


@click.group(cls=Group, epilog=_EXIT_CODES)
@click.version_option(package_name="styletools")
def main() -> None:
    """Neural style transfer, as in Gatys, Ecker & Bethge (CVPR 2016)."""


main.add_command(cli_runs.sweep)
main.add_command(cli_runs.runs)


def _settings(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each field of `TransferConfig`, with its help text."""
    for setting in reversed(dataclasses.fields(TransferConfig)):
        name = setting.name
        kind: Any = _plain_type(setting)
        if name in CHOICES:
            kind = click.Choice(CHOICES[name])
        metavar = METAVARS.get(name)
        option = "--" + name.replace("_", "-")
        if kind is bool:
            option = f"{option}/--no-{name}"
        command = click.option(
            option, name, type=kind, metavar=metavar, default=None, help=setting.metadata["help"]
        )(command)
    return command


def _plain_type(setting: "dataclasses.Field[Any]") -> type:
    """Bool, int or float, with None or without; all others are given as text."""
    kinds = set(get_args(setting.type) or [setting.type]) - {type(None)}
    return next((kind for kind in (bool, int, float) if kinds == {kind}), str)


@main.command(epilog=_EXIT_CODES)
@click.argument("content", required=False)
@click.argument("style", required=False)
@click.option("-o", "--output", metavar="OUT", help="A folder for the run, or a picture file.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Settings to begin with [fast].")
@click.option("--config", "run", metavar="RUN", help="Do a run.json, its folder or a PNG again.")
@click.option("--overwrite", is_flag=True, help="Replace what is finished in OUT.")
@click.option("--restart", is_flag=True, help="Forget an unfinished run in OUT.")
@_settings
def stylize(
    content: str | None,
    style: str | None,
    output: str | None,
    preset: str | None,
    run: str | None,
    overwrite: bool,
    restart: bool,
    **settings: Any,
) -> None:
    """Paint CONTENT in the style of STYLE (paths or http addresses).

    OUT becomes a folder with picture.png, loss_curve.png, losses.csv and run.json; where OUT ends
    in .png or .jpg it is the picture alone. Ctrl-C keeps what is there; the same command goes on.

    Where CONTENT is a folder, each photograph in it is painted, and OUT becomes a folder of
    pictures: beach.jpg becomes beach_jpg.png. What cannot be read is named at the end.
    """
    content, style, config = _what_to_do(content, style, preset, run, settings)
    place = _place(output) if output else Path("outputs", _default_name(content, style))
    if user_path(content).is_dir():
        _stylize_folder(content, style, place, config, overwrite, restart)
    if config.transparency and place.suffix.lower() in (".jpg", ".jpeg"):
        raise click.BadParameter(f"{place}: JPEG keeps no transparency; use .png.")
    checkpoint = _prepare(place, overwrite, restart)

    from styletools.lab.progress import StepBar
    from styletools.transfer import DivergedError, Ended, Step
    from styletools.transfer import stylize as transfer

    with StepBar({"": config.steps}) as bar:

        def show(step: Step) -> None:
            bar.report("", step.step, step.losses["total"])

        keep = _keep_previews(place, config, show, begins=not checkpoint.exists())
        try:
            result = transfer(content, style, config, keep, checkpoint)
        except DivergedError as error:
            _save(place, error.result, content, style)
            when_free(checkpoint.unlink, True)  # it may be missing
            raise _Failed(str(error), place) from None
    shown = _save_somewhere(place, result, content, style)
    backbone = result.environment["backbone"]
    steps, seconds = len(result.loss_history), result.seconds
    click.echo(f"{shown}: {steps} steps in {seconds:.1f} s on the {backbone} backbone.")
    if result.ended is Ended.INTERRUPTED:
        click.echo("Interrupted. To go on from here, give the same command again.", err=True)
        sys.exit(INTERRUPTED)
    when_free(checkpoint.unlink, True)  # it may be missing
    if result.ended is not Ended.FINISHED:
        click.echo(f"Ended early: {result.ended}: {result.detail}.")


@main.command()
@click.argument("run", type=cli_runs.UserPath(exists=True))
@click.option("-o", "--output", metavar="FILM", help="A .gif or .webp [film.gif in RUN].")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=6, show_default=True)
def film(run: str, output: str | None, seconds: float) -> None:
    """A film of RUN, a run's folder or picture, from what --save-every kept on the way."""
    from styletools.lab.film import save_film

    place = Path(run)
    beside = place / "film.gif" if place.is_dir() else place.with_suffix(".gif")
    path = user_path(output) if output else beside
    click.echo(f"{path}: {save_film(place, path, seconds)} pictures")


@main.command()
def doctor() -> None:
    """Check that everything the kit needs is here: [OK] or [FAIL] for each requirement."""
    from styletools.course.doctor import run_checks

    results = list(run_checks())
    for ok, text in results:
        mark = click.style("[OK]  ", fg="green") if ok else click.style("[FAIL]", fg="red")
        click.echo(f"{mark} {text}")
    sys.exit(0 if all(ok for ok, _ in results) else 1)


@main.command()
@click.argument("folder", default=".", type=cli_runs.UserPath(exists=True, file_okay=False))
def check(folder: str) -> None:
    """Run the visible checks on the lessons' notebooks in FOLDER, and say what is missing.

    Only what is saved is seen. Exit code 1: something is missing, or not right yet.
    """
    from styletools.cli.check import check_folder

    missing = 0
    for line, good in check_folder(Path(folder)):
        click.echo(line)
        missing += not good
    click.echo(f"{missing} to go." if missing else "✓ Everything is there, and passes.")
    sys.exit(1 if missing else 0)


@main.group()
def backbone() -> None:
    """The weights that fill VGG19's shape."""


@backbone.command()
def status() -> None:
    """Say which backbones are here and which one `auto` takes."""
    from styletools import backbones

    cached = backbones.torchvision_file()
    try:
        vgg19 = f"{backbones.vgg19_file().name}, {backbones.VGG19_CREDIT}"
    except backbones.BackboneError as error:
        vgg19 = str(error)
    missing = (
        "not here; get it by `styletools backbone download` (548 MB once) or "
        "`styletools backbone import`"
    )
    click.echo(f"auto         takes {backbones.resolve_backbone()}")
    click.echo(f"vgg19        {vgg19}")
    click.echo(f"small        shipped, SHA-256 {backbones.file_sha256(backbones.SMALL)[:12]}…")
    click.echo(f"torchvision  {f'in {cached}' if cached.exists() else missing}")


@backbone.command()
def download() -> None:
    """Fetch torchvision's VGG19 (548 MB), check it, keep its convolutions (80 MB)."""
    from styletools import backbones

    cached = backbones.torchvision_file()
    if cached.exists():
        click.echo(f"Already here: {cached}")
        return
    click.echo(f"Ready: {backbones.download_torchvision()}")


@backbone.command()
@click.argument("file", type=cli_runs.UserPath(dir_okay=False))
@click.option("--backbone", "name", default="torchvision", show_default=True, help="Which weights.")
@click.option("--float32", is_flag=True, help="80 MB in full precision, instead of 40 MB.")
def export(file: str, name: str, float32: bool) -> None:
    """Write weights to one small FILE (.safetensors) for the whole class."""
    from styletools import backbones

    path = backbones.export_backbone(file, name, half=not float32)
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


@backbone.command("import")
@click.argument("file", type=cli_runs.UserPath(dir_okay=False))
def import_(file: str) -> None:
    """Take a FILE that `export` wrote, so that torchvision's weights need no download."""
    from styletools import backbones

    click.echo(f"Ready: {backbones.import_backbone(file)}")


class _Failed(click.ClickException):
    exit_code = DIVERGED

    def __init__(self, message: str, place: Path) -> None:
        super().__init__(f"{message} It is in {place}.")


def _what_to_do(
    content: str | None,
    style: str | None,
    preset: str | None,
    run: str | None,
    settings: dict[str, Any],
) -> tuple[str, str, TransferConfig]:
    """Pictures and settings: options over a run to do again over a preset."""
    if run and preset:
        raise click.UsageError("Give --config or --preset, not both.")
    config = PRESETS[preset or "fast"]
    if run:
        from styletools.lab.run import load_run

        description = load_run(run)
        config = description["config"]
        content, style = content or description["content"], style or description["style"]
    if not content or not style:
        raise click.UsageError("Give CONTENT and STYLE: two pictures.")
    given = {name: value for name, value in settings.items() if value is not None}
    readers: dict[str, Callable[[str], Any]] = {
        "style_weights": partial(read_shares, name="style_weights", example=WEIGHTS_EXAMPLE),
        "more_styles": read_shares, "content_layers": read_entries, "content_masks": read_entries,
        "style_masks": read_entries,
    }  # fmt: skip
    for name, read in readers.items():
        if name in given:
            given[name] = read(given[name])
    return content, style, config.replace(**given)


def _stylize_folder(
    folder: str, style: str, place: Path, config: TransferConfig, overwrite: bool, restart: bool
) -> NoReturn:
    from styletools.lab.folder import stylize_folder
    from styletools.lab.store import UNFINISHED_WORK, RunStoppedError

    if _is_picture(place):
        raise click.BadParameter(f"{place}: {folder} is a folder, so give a folder as -o.")
    if restart:
        shutil.rmtree(place / UNFINISHED_WORK, ignore_errors=True)
    try:
        done = stylize_folder(folder, style, place, config, overwrite)
    except (RunStoppedError, KeyboardInterrupt):
        click.echo("Interrupted. To go on from here, give the same command again.", err=True)
        sys.exit(INTERRUPTED)
    for photograph, reason in done.failures.items():
        click.echo(f"Failed: {photograph.name}: {reason}", err=True)
    click.echo(f"{len(done.pictures)} pictures in {place}.")
    sys.exit(cli_runs.FAILED if done.failures else 0)


def _keep_previews(place: Path, config: TransferConfig, show: Any, begins: bool) -> Any:
    """The callback that also keeps pictures on the way, if that is asked for."""
    from styletools.lab.run import preview_paths, previews_of
    from styletools.lab.store import previews_in

    folder = previews_of(place)
    for path in preview_paths(folder) if begins else ():
        path.unlink()  # of an earlier run
    return previews_in(folder, config, show) if config.save_every else show


def _default_name(content: str, style: str) -> str:
    """The same for the same two pictures, and another for others of the same names."""
    sources = [s if "://" in s else os.path.realpath(user_path(s)) for s in (content, style)]
    digits = hashlib.sha256("\n".join(sources).encode()).hexdigest()[:6]
    return f"{source_stem(content)}-{source_stem(style)}-{digits}"


def _place(output: str) -> Path:
    """A folder, or a picture of a format that is written."""
    place = user_path(output)
    suffix = re.fullmatch(r"\.[A-Za-z]\w{0,4}", place.suffix)
    if suffix and not _is_picture(place) and not place.is_dir():
        raise click.BadParameter(
            f"{output}: no picture is written as {place.suffix}; use "
            f"{', '.join(PICTURE_SUFFIXES)}, or a name without a suffix for a folder."
        )
    return place


def _is_picture(place: Path) -> bool:
    return place.suffix.lower() in PICTURE_SUFFIXES


def _prepare(place: Path, overwrite: bool, restart: bool) -> Path:
    """Check that the results can be written, before any work; returns the checkpoint's path."""
    folder = place.parent if _is_picture(place) else place
    checkpoint = folder / (f".{place.name}.checkpoint" if _is_picture(place) else "run.checkpoint")
    result = place if _is_picture(place) else place / "run.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        checkpoint.with_suffix(".try").touch()
        checkpoint.with_suffix(".try").unlink()
    except OSError as error:
        raise click.BadParameter(f"{folder} cannot be written: {error.strerror}.") from None
    if restart:
        when_free(checkpoint.unlink, True)  # it may be missing
    if result.exists() and not checkpoint.exists() and not overwrite:
        raise click.BadParameter(
            f"{result} is there already; give another -o, or --overwrite to replace it."
        )
    return checkpoint


def _save_somewhere(place: Path, result: Any, content: str, style: str) -> Path:
    """Write the results; where there is no room for them, the picture alone in another folder."""
    from styletools.images import save_image

    try:
        return _save(place, result, content, style)
    except OSError as error:
        spare = Path(tempfile.mkdtemp(prefix="styletools-"), "picture.png")
        save_image(result.image, spare)
        raise StyletoolsError(
            f"{place} cannot be written: {error.strerror or error}. The picture is in {spare}. "
            "Make room, or give another -o."
        ) from None


def _save(place: Path, result: Any, content: str, style: str) -> Path:
    from styletools.images import save_image
    from styletools.lab.run import describe, save_run

    if not _is_picture(place):
        return save_run(place, result, content, style) / "picture.png"
    save_image(result.image, place, describe(result, content, style))
    return place
