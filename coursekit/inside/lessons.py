"""The desk of a grading kernel: a student's notebooks are run on it, and what they define is asked.

The cells of a notebook run in order, in the names of one module. A TODO's answer is what its name
holds where its check stands; what it holds later is kept, too, as far as it can be an answer. When
all cells have run, whatever they changed outside of their own names is put back (see `state`), and
verdict cells ask. The kit here has no answers. An answer that may call an earlier one is given the
kit's, once nobody is asked for that earlier one any more.
"""

import json
import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import cells  # type: ignore[import-not-found]  # copies, beside this file
import doors  # type: ignore[import-not-found]
import state  # type: ignore[import-not-found]
import syntax  # type: ignore[import-not-found]
import torch
import verdicts  # type: ignore[import-not-found]
from torch import Tensor

MOST_KEPT = 4  # values of a name
SAME_AT = 3  # seeds at which an own answer is compared with the kit's before others call it


class Kept(NamedTuple):
    """A value that may be an answer, with all names of its notebook as they were then."""

    value: Any
    names: dict[str, Any]


class LessonDesk:
    """Where the notebooks of a student are run and asked, one after the other.

    Args:
        kit: the module `styletools._withheld` of the kit without answers.
    """

    def __init__(self, kit: Any) -> None:
        self.kit = kit
        self.cells = cells.Cells()
        self.kept: dict[str, list[Kept]] = {}
        self.placed: set[str] = set()  # TODOs whose check has been passed
        self.given: dict[str, Any] = {}
        self.paths: dict[int, str] = {}  # of pictures that a cell has opened, by their objects
        self.asked: tuple[str, int] | None = None
        self.state = state.Untouched([verdicts, cells, state, sys.modules[__name__], kit])

    def open(self, wanted: Sequence[str], modules: Mapping[str, str] | None = None) -> None:
        """Begin with a notebook, in which some TODOs are to be judged; `modules` lie beside it."""
        self.cells = cells.Cells(modules)
        self.kept = {name: [] for name in wanted}
        self.placed = set()
        self.asked = None
        self.kit.closed.clear()
        self.kit.closed.update(wanted)
        self.kit.asking.clear()

    def run(self, source: str, label: str, checks: Iterable[str] = ()) -> None:
        """Run a cell; `checks` are the TODOs whose check stands in it."""
        with doors.EveryDeviceCpu():
            self.cells.run(source, label)
        self.placed |= {*checks}
        for name in self.placed & self.kept.keys():
            self._keep(name)

    def judge(self) -> None:
        """The notebook has come to its end; from here on it is asked."""
        for name in self.kept:
            self._keep(name)
        self.state.restore()
        self.kit.asking.append(True)
        self.kit.calls.clear()

    def give(self, name: str, source: str) -> None:
        """Let the answers after this call the kit's version of an earlier TODO."""
        from styletools.errors import ConfigError

        names = {"torch": torch, "Tensor": Tensor, "ConfigError": ConfigError, **self.given}
        exec(compile(source, f"<{name}>", "exec", dont_inherit=True), names)
        self.given[name] = self.kit.given[name] = names[name]

    def show(self, name: str, part: str, seed: int, which: int = 0) -> None:
        """Print the verdict on a part of an answer, or why there is none.

        Args:
            name: of the TODO.
            part: of it, as in `verdicts.PARTS`.
            seed: of the inputs.
            which: of the values that were kept; 0 is the one where the check stands.
        """
        self.kit.calls.clear()
        try:
            with self._asked(name, which) as value:
                text = verdicts.verdict(name, part, value, seed).text
        except BaseException as error:
            kind = "open" if self._is_open(error) else "raised"
            text = f"{kind} {verdicts.described(error)}\n"
        if self.kit.calls:
            text = f"tampered: called {', '.join(dict.fromkeys(map(str, self.kit.calls)))}\n"
        elif threads := self.state.threads():
            text = f"tampered: it left {threads} running\n"
        sys.stdout.write(text)
        sys.stdout.flush()

    def report(self) -> None:
        """Print what there is to ask: nothing is proved by it."""
        later = {name: len(kept) - 1 for name, kept in self.kept.items()}
        shown = {}
        for name in self.kept:
            for one in verdicts.REPORTED.get(name, ()):
                with cells.Cells().here():
                    kept = self.kept[name]
                    shown[one] = verdicts.identity(kept[-1].value.get(one) if kept else None)
        sys.stdout.write(json.dumps({"later": later, "shown": shown}) + "\n")

    @contextmanager
    def _asked(self, name: str, which: int) -> Iterator[Any]:
        """The value that is asked, among the names that it had beside it."""
        if which >= len(self.kept[name]):
            raise self._missing(name)
        value, before = self.kept[name][which]
        names = self.cells.names
        if self.asked != (name, which):  # what it keeps from one call to the next, it keeps
            self.asked = name, which
            names.clear()
            names.update(before)
            for need in verdicts.NEEDS.get(name, ()):
                if need in self.given and not self._usable(need, names.get(need)):
                    names[need] = self.given[need]
        with self.cells.here(), verdicts.quiet(), doors.EveryDeviceCpu():
            yield value

    def _usable(self, need: str, own: Any) -> bool:
        """Whether the notebook goes on with its own version of an earlier TODO, as a check would.

        What no check looks at in this notebook stays as it is.
        """
        if own is None or isinstance(own, self.kit.Withheld):
            return False
        if need not in self.kept:
            return True
        draw = random.Random(0)
        try:
            with self.cells.here(), verdicts.quiet(), doors.EveryDeviceCpu():
                for _ in range(SAME_AT):
                    seed = draw.getrandbits(32)
                    own_text, right = (
                        verdicts.verdict(need, "gradient", one, seed).text
                        for one in (own, self.given[need])
                    )
                    if own_text != right:
                        return False
        except BaseException:
            return False
        return True

    def _keep(self, name: str) -> None:
        names = self.cells.names
        kept = self.kept[name]
        if name in verdicts.REPORTED:
            value: Any = self._chosen({one: names.get(one) for one in verdicts.REPORTED[name]})
            if not kept or any(v is not None for v in value.values()):
                kept[:] = [*kept[:1], Kept(value, {})]
            return
        value = names.get(name)
        if name in verdicts.MAPPINGS:
            if not isinstance(value, Mapping):
                return
            value = dict(value)
            if kept and kept[-1].value == value:
                return
        elif (
            not callable(value)
            or isinstance(value, self.kit.Withheld)
            or (kept and kept[-1].value is value)
        ):
            return
        if len(kept) == MOST_KEPT:
            kept.pop(1)
        kept.append(Kept(value, dict(names)))

    def _chosen(self, values: dict[str, Any]) -> dict[str, Any]:
        """Images that lack the names of their files are told by the files opened last."""
        told = {one: verdicts.identity(value) for one, value in values.items()}
        free = [path for path in doors.OPENED if path not in {one["path"] for one in told.values()}]
        nameless = [one for one in values if told[one]["kind"] == "Image"]
        for one, path in zip(nameless, free[-len(nameless) :], strict=False):
            self.paths.setdefault(id(values[one]), path)
        return {one: self.paths.get(id(value), value) for one, value in values.items()}

    def _missing(self, name: str) -> Exception:
        """The reason why there is nothing under a name that could be asked."""
        if isinstance(self.cells.names.get(name), self.kit.Withheld):
            return TypeError(f"`{name}` is the kit's own")
        if name in self.cells.names:
            kind = type(self.cells.names[name]).__name__
            return TypeError(f"`{name}` is of type {kind} in the end")
        failure = self.cells.blamed(name)
        if failure is None:
            return NameError(f"the notebook defines no `{name}`")
        syntactic = failure.kind == "syntax"
        if syntactic and (newer := syntax.newer(failure.source)):
            return cells.AbsentError(newer)
        hint = syntax.odd_characters(failure.source) if syntactic else ""
        text = f"its cell stops: {failure}{hint}"
        if failure.kind in ("absent", "timed out"):
            return cells.AbsentError(text)
        return NameError(f"no `{name}`: {text}")

    def _is_open(self, error: BaseException) -> bool:
        """Whether an error comes of what is lacking here, and not of the answer."""
        if cells.is_absent(error):
            return True
        lacking = {
            name
            for failure in self.cells.failures
            if failure.kind in ("absent", "timed out")
            for name in failure.names
        }
        return isinstance(error, NameError) and error.name in lacking


def lesson_desk() -> LessonDesk:
    """The desk of a grading kernel, where `styletools` is the kit without answers."""
    import styletools._withheld as kit  # type: ignore[import-not-found]

    state.spare_dynamo()
    doors.plain_machine()
    return LessonDesk(kit)
