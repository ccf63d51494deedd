"""A run as a film: the pictures on the way, and the last one."""

from pathlib import Path

from PIL import Image

from styletools._files import atomic_path, user_path
from styletools.errors import ConfigError
from styletools.lab.run import preview_paths, previews_of

FILMS = (".gif", ".webp")
LAST_SECONDS = 2.0  # that the last picture stands still
SHORTEST = 20  # milliseconds of a picture; browsers show a GIF with less slowly


def save_film(run: str | Path, path: str | Path, seconds: float = 6.0) -> int:
    """Write an animated GIF or WebP of a run, all pictures at the size of the last.

    Args:
        run: a run's folder, or the picture of a run.
        path: ends in .gif or .webp.
        seconds: until the last picture, which then stands for two seconds more.

    Returns:
        How many pictures it has.

    Raises:
        ConfigError: another suffix, or no pictures on the way.
    """
    run, path = user_path(run), user_path(path)
    if path.suffix.lower() not in FILMS:
        raise ConfigError(f"{path}: a film is written as {' or '.join(FILMS)}.")
    last = run / "picture.png" if run.is_dir() else run
    paths = preview_paths(previews_of(run))
    if not paths or not last.is_file():
        raise ConfigError(
            f"{run} has no pictures on the way; do the run again with save_every "
            "(--save-every 10 --overwrite)."
        )
    with Image.open(last) as picture:
        size = picture.size
    frames = [_frame(each, size) for each in (*paths, last)]
    each = max(SHORTEST, round(seconds * 1000 / len(paths)))
    durations = [each] * len(paths) + [round(LAST_SECONDS * 1000)]
    with atomic_path(path) as temporary:
        frames[0].save(
            temporary, save_all=True, append_images=frames[1:], duration=durations, loop=0,
            quality=85,
        )  # fmt: skip
    return len(frames)


def _frame(path: Path, size: tuple[int, int]) -> Image.Image:
    with Image.open(path) as picture:  # of the last, too, what lies under its clear parts is shown
        return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
