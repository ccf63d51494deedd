"""Past runs: choose one or two, compare them, take their settings, their code, their picture."""

import html
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import traitlets
from anywidget import AnyWidget
from PIL import Image

from styletools._files import source_stem
from styletools.errors import StyletoolsError
from styletools.images import load_image, read_rgb, to_image
from styletools.lab.compare import MEASURES, RULERS, SYMBOLS, row_of, unlike
from styletools.lab.film import FILMS, save_film
from styletools.lab.run import Run, short
from styletools.lab.store import RunStore
from styletools.lab.studio.chooser import STATIC, jpeg, thumbnail
from styletools.lab.studio.controls import button, heading
from styletools.lab.studio.viewer import Viewer

MOST_CARDS = 24  # cards at first, and more with each press of the button
UNREADABLE = (StyletoolsError, OSError, SyntaxError, ValueError)  # what a damaged run may raise
HINT = "Choose a run to look at it, or two to compare them."


class Cards(AnyWidget):
    """Thumbnails of runs, of which up to two are chosen.

    Attributes:
        cards: key, title, detail, thumb, flag of each.
        chosen: keys, in the order of choosing.
    """

    _esm = STATIC / "gallery.js"
    cards: traitlets.List[Any] = traitlets.List().tag(sync=True)
    chosen = traitlets.List(traitlets.Unicode()).tag(sync=True)


class ProgramText(AnyWidget):
    """Text of a program, with a button that copies it."""

    _esm = STATIC / "code.js"
    text = traitlets.Unicode().tag(sync=True)


class Gallery(ipywidgets.VBox):
    """The runs of a store.

    Args:
        store: the runs.
        on_load: called with the run whose settings should be loaded.
    """

    def __init__(self, store: RunStore, on_load: Callable[[Run], object]) -> None:
        super().__init__()
        self.add_class("st-gallery")
        self.store, self._on_load = store, on_load
        self._runs: dict[str, Run] = {}
        self._thumbs: dict[tuple[str, str], bytes] = {}
        self._limit = MOST_CARDS
        self.cards, self.viewer, self.code = Cards(), Viewer(split=0.5), ProgramText()
        self.table, self.notice = ipywidgets.HTML(), ipywidgets.HTML(HINT)
        self.more = button("Show older runs", "chevron-down", "Show more of the past runs.")
        self.again = button("Refresh", "refresh", "Look for runs that others have made since.")
        self.load = button("Load settings", "sliders", "Set every control as this run had it.")
        self.show = button("Show as code", "code", "The Python call that gives this picture.")
        self.remove = button("Delete", "trash", "Remove this run's folder for good.")
        self.save = button("Save picture", "download", "Write the picture to the path beside.")
        self.path = ipywidgets.Text(
            tooltip="Where to save the picture; a name that ends in .gif or .webp saves a film of "
            "the run. An existing file is never replaced.",
            description="as", continuous_update=False,
        )  # fmt: skip
        self._wire()
        actions = ipywidgets.HBox([self.load, self.show, self.save, self.path, self.remove])
        self.detail = ipywidgets.VBox(
            [actions, self.code, ipywidgets.HBox([self.viewer, self.table])]
        )
        classes = {
            "st-bar": actions,
            "st-detail": self.detail,
            "st-table": self.table,
            "st-notice": self.notice,
            "st-choice": self.path,
        }
        for name, part in classes.items():
            part.add_class(name)
        self.detail.children[2].add_class("st-compare")
        top = ipywidgets.HBox([heading("Gallery", HINT), self.again]).add_class("st-top")
        self.children = [top, self.cards, self.more, self.notice, self.detail]
        self.refresh()

    @property
    def chosen(self) -> list[Run]:
        """The runs that are chosen, at most two."""
        return [self._runs[key] for key in self.cards.chosen if key in self._runs]

    def refresh(self) -> None:
        """Read the store again."""
        runs = self.store.runs()
        self._runs = {run.name: run for run in runs}
        self.cards.cards = [self._card(run) for run in runs[: self._limit]]
        self.more.layout.display = None if len(runs) > self._limit else "none"
        self.cards.chosen = [key for key in self.cards.chosen if key in self._runs]
        self._look()

    def _wire(self) -> None:
        self.cards.observe(self._look, "chosen")
        self.again.on_click(lambda _: self.refresh())
        self.more.on_click(lambda _: self._show_more())
        self.load.on_click(lambda _: self._on_load(self.chosen[-1]) if self.chosen else None)
        self.show.on_click(lambda _: self._show_code())
        self.save.on_click(lambda _: self._tell(self._save))
        self.remove.on_click(lambda _: self._tell(self._delete))

    def _show_more(self) -> None:
        self._limit += MOST_CARDS
        self.refresh()

    def _card(self, run: Run) -> dict[str, Any]:
        known = (run.name, run.created)
        if known not in self._thumbs:
            self._thumbs[known] = thumbnail(run.picture, 180, 132)
        return {
            "key": run.name,
            "title": f"{_stem(run.content)} × {_stem(run.style)}",
            "detail": f"α {short(run.config.content_weight)} · β {short(run.config.style_weight)}"
            f" · {run.description['steps_done']} steps",
            "thumb": self._thumbs[known],
            "flag": "" if run.ended.done else "stopped" if run.ended.early else "diverged",
        }

    def _look(self, _: Any = None) -> None:
        """Show what is chosen."""
        runs = self.chosen
        self.detail.layout.display = None if runs else "none"
        self.code.text, self.code.layout.display = "", "none"
        self.remove.description = "Delete"
        self.notice.value = "" if runs else HINT if self._runs else "Runs appear here as they end."
        if not runs:
            return
        try:
            self._show_chosen(runs)
        except UNREADABLE as error:
            self.notice.value = html.escape(f"This run cannot be shown: {error}")

    def _show_chosen(self, runs: list[Run]) -> None:
        last = runs[-1]
        after = read_rgb(last.picture)
        if len(runs) == 2:
            before, labels = read_rgb(runs[0].picture), ("A", "B")
        else:
            before, labels = _content(last, after)
        self.viewer.before_label, self.viewer.after_label = labels
        self.viewer.aspect = after.width / after.height
        self.viewer.before, self.viewer.after = jpeg(before.resize(after.size)), jpeg(after)
        self.table.value = table_html(runs)
        self.path.value = f"outputs/{last.name}.png"
        which = " of B" if len(runs) == 2 else ""
        self.load.description = f"Load settings{which}"

    def _show_code(self) -> None:
        if self.chosen:
            hidden = self.code.layout.display == "none"
            self.code.text = self.chosen[-1].code()
            self.code.layout.display = None if hidden else "none"

    def _tell(self, act: Callable[[Run], str]) -> None:
        """Do something with the run that was chosen last, and say what came of it."""
        if self.chosen:
            try:
                self.notice.value = html.escape(act(self.chosen[-1]))
            except (StyletoolsError, OSError) as error:
                self.notice.value = html.escape(f"Not done: {error}")

    def _save(self, run: Run) -> str:
        path = Path(self.path.value.strip() or f"{run.name}.png").expanduser()
        if path.suffix.lower() not in (".png", *FILMS):
            path = path.with_name(f"{path.name}.png")  # which carries the settings
        free, number = path, 2
        while free.exists():
            free, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
        free.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in FILMS:
            return f"Saved to {free}, a film of {save_film(run.folder, free)} pictures."
        shutil.copyfile(run.picture, free)
        return f"Saved to {free}; the settings are in the file."

    def _delete(self, run: Run) -> str:
        if self.remove.description == "Delete":
            self.remove.description = "Really delete?"
            return f"{run.name} will be gone for good. Press again to delete it."
        self.store.delete(run)
        self.refresh()
        return f"{run.name} is deleted."


def table_html(runs: list[Run]) -> str:
    """HTML: how the runs ended and measure, and the settings in which two of them differ."""
    last, *others = reversed(runs)
    shown = ["content", "style", "content_weight", "style_weight"]
    names = [
        *shown,
        *(n for n in unlike(last, others[0] if others else None) if n not in shown),
        "backbone",
    ]
    rows = [row_of(run, dict.fromkeys(names)) for run in runs]
    cells = ""
    for name in rows[0]:
        if name not in RULERS:
            values = [_cell(name, row[name]) for row in rows]
            same = "st-same" if len(set(values)) < len(values) else ""
            label = {**SYMBOLS, **MEASURES}.get(name, name.replace("_", " "))
            texts = "".join(f"<td>{html.escape(value)}</td>" for value in values)
            cells += f"<tr class='{same}'><th>{label}</th>{texts}</tr>"
    tops = "".join(f"<th>{head}</th>" for head in (("A", "B") if others else ("this run",)))
    note = "Content kept and style taken compare any two runs on one backbone; totals do not."
    return f"<table><tr><th></th>{tops}</tr>{cells}</table><p>{note}</p>"


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if name in ("content", "style"):
        return _stem(value)
    digits = 2 if name in MEASURES else 1
    return f"{value:.{digits}f}" if name in (*MEASURES, "seconds") else short(value)


def _content(run: Run, picture: Image.Image) -> tuple[Image.Image, tuple[str, str]]:
    """What to show left of the line, and the two names; the file may be gone since."""
    try:
        return to_image(load_image(run.content, max(picture.size))), ("content", "picture")
    except StyletoolsError:
        return picture, ("the content is gone", "picture")


def _stem(source: str) -> str:
    """A picture's name without folder, suffix, and the digits of an upload."""
    stem = source_stem(source)
    head, _, digits = stem.rpartition("-")
    return (head if head and len(digits) == 12 else stem).replace("_", " ")
