"""Runs the code cells of a notebook one after the other, as Jupyter would, and in their place.

All cells share the names of one module, which is `__main__` meanwhile. An error ends its cell and
not the notebook; it is kept. Each cell has a time limit. Nothing that is printed, shown or asked
goes anywhere, magics and shell lines do nothing (but `%%time` and its like run what they time), and
a library that is not installed can be imported, and fails where it is used.

It imports nothing but the standard library (and IPython for magics), and works in a kernel and in a
plain process.
"""

import __future__

import ast
import builtins
import contextlib
import importlib.util
import linecache
import os
import re
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

SECONDS, ALL_SECONDS = 5.0, 30.0  # of a cell, and of all of them
BUSY = 3  # times as long as that a cell may take, where other work holds the machine
AGAIN = 0.5  # seconds after which a cell is told again that its time is up
_TEXT = 300  # characters kept of an exception's text
MOST_MAGICS = 60  # of a cell: IPython's reader starts anew at each
RUNS_ITS_CODE = ("time", "timeit", "capture", "prun")  # magics around code of the student's own
MAGIC = re.compile(r"^[ \t]*[%!?]|=[ \t]*[%!]|\?[ \t]*$", re.MULTILINE)
FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


class TimeUp(BaseException):
    """A cell has run for as long as it may; no `except Exception` keeps it."""


class WithheldError(RuntimeError):
    """A notebook used what the kit has on the student's machine, and not where it is graded."""


class AbsentError(ModuleNotFoundError):
    """Something of a library that is not installed here was used."""


@dataclass(frozen=True)
class Failure:
    """How a cell ended before its end.

    Attributes:
        kind: "raised", "syntax", "timed out", or "absent" for what is lacking here.
        error: the exception's type.
        message: its text.
        line: of the cell, from 1; 0 if no line of it is to blame.
        text: that line.
        names: what the rest of the cell would have defined.
        source: the cell's.
    """

    kind: str
    error: str
    message: str
    line: int = 0
    text: str = ""
    names: tuple[str, ...] = ()
    source: str = ""

    def __str__(self) -> str:
        where = f" (line {self.line}: {self.text})" if self.line else ""
        return f"{self.error}: {self.message}{where}"[: 2 * _TEXT]


class Cells:
    """The cells of one notebook.

    Args:
        modules: {name: source} of Python files that lie beside the notebook.
        seconds: that a cell may take; enforced in the main thread only.
        all_seconds: that all cells may take; the rest then fails at once.
    """

    def __init__(
        self,
        modules: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        all_seconds: float = ALL_SECONDS,
    ) -> None:
        self.module = ModuleType("__main__")
        self.names = vars(self.module)
        self.shell = Shell(self)
        self.names |= {
            "__builtins__": builtins,
            "get_ipython": lambda: self.shell,
            "display": _nothing,
            "input": lambda *_: "",
        }
        self.failures: list[Failure] = []
        self._modules = dict(modules or {})
        self._seconds, self._left = seconds, all_seconds
        self._flags = 0  # of `from __future__ import …`, which holds for later cells too

    def run(self, source: str, label: str) -> Failure | None:
        """Run a cell; what went wrong is returned, and kept in `failures`."""
        file = f"<{label}>"
        began = time.monotonic()
        with self.here():
            try:
                with limited(min(self._seconds, max(self._left, 0.01))):
                    failure = self._run(source, file)
            except BaseException as error:  # the time was up between two lines of this file
                failure = self._failure(error, file, ())
        self._left -= time.monotonic() - began
        if failure is not None:
            failure = replace(failure, source=source)
            self.failures.append(failure)
        return failure

    def blamed(self, name: str) -> Failure | None:
        """The failure of the first cell that would have defined a name."""
        for one in self.failures:
            if name in one.names or (one.kind == "syntax" and name in one.source):
                return one
        return None

    def execute(self, source: str) -> None:
        """Run plain or IPython's Python in the cells' names; errors go on to the caller."""
        for statement in ast.parse(plain(source)).body:
            self._statement(statement, "<magic>")

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """`__main__` is the notebook, and nothing is heard or seen of what runs."""
        finder = _Beside(self._modules)
        with contextlib.ExitStack() as stack:
            sink = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(sink))
            stack.enter_context(contextlib.redirect_stderr(sink))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            main = sys.modules.get("__main__")
            sys.modules["__main__"] = self.module
            if self._modules:
                sys.meta_path.append(finder)
            try:
                yield
            finally:
                if finder in sys.meta_path:
                    sys.meta_path.remove(finder)
                if main is not None:
                    sys.modules["__main__"] = main

    def _run(self, source: str, file: str) -> Failure | None:
        left: list[ast.stmt] = []
        failure = None
        try:
            text = plain(source)
            linecache.cache[file] = (len(text), None, text.splitlines(True), file)
            left = ast.parse(text, file).body
            while left:
                try:
                    self._statement(left[0], file)
                except WithheldError as error:  # on the student's machine the cell goes on
                    failure = failure or self._failure(error, file, defined(left[:1]))
                left.pop(0)
        except BaseException as error:
            return self._failure(error, file, defined(left))
        return failure

    def _statement(self, statement: ast.stmt, file: str) -> None:
        try:
            code = compile(
                ast.Module([statement], []), file, "exec", self._flags, dont_inherit=True
            )
            if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                self._flags |= code.co_flags & FUTURE
            exec(code, self.names)
        except ModuleNotFoundError as error:
            if not isinstance(statement, ast.Import | ast.ImportFrom) or not is_absent(error):
                raise
            self._import_in_part(statement, str(error.name))

    def _import_in_part(self, statement: ast.Import | ast.ImportFrom, missing: str) -> None:
        """What an import statement would have brought, or what stands in for it."""
        library = missing.partition(".")[0]
        for alias in statement.names:
            name = (alias.asname or alias.name).partition(".")[0]
            one = ast.Import([alias]) if isinstance(statement, ast.Import) else None
            try:
                if one is None or alias.name.partition(".")[0] == library:
                    raise ModuleNotFoundError(name=library)
                exec(
                    compile(ast.fix_missing_locations(ast.Module([one], [])), "", "exec"),
                    self.names,
                )
            except ModuleNotFoundError as error:
                if not is_absent(error):
                    raise
                self.names[name] = Absent(str(error.name).partition(".")[0])

    def _failure(self, error: BaseException, file: str, names: tuple[str, ...]) -> Failure:
        kind = "raised"
        if isinstance(error, TimeUp):
            kind = "timed out"
        elif isinstance(error, SyntaxError) and error.filename == file:
            kind = "syntax"
        elif is_absent(error):
            kind = "absent"
        line = error.lineno or 0 if isinstance(error, SyntaxError) and kind == "syntax" else 0
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == file:
                line = trace.tb_lineno
            trace = trace.tb_next
        text = linecache.getline(file, line).strip()[:_TEXT] if line else ""
        return Failure(kind, type(error).__name__, said(error), line, text, names)


def plain(source: str) -> str:
    """IPython's Python as plain Python, in which magics are calls of `get_ipython()`."""
    if not MAGIC.search(source):
        return source
    with contextlib.suppress(SyntaxError, ValueError):
        ast.parse(source)
        return source
    if len(MAGIC.findall(source)) > MOST_MAGICS:  # a dump of something, not what a person types
        return "\n".join("" if MAGIC.match(line) else line for line in source.split("\n"))
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)


def defined(body: list[ast.stmt]) -> tuple[str, ...]:
    """The names that statements of a module define, in them or in what they hold."""
    found: dict[str, None] = {}
    waiting: list[ast.AST] = [*reversed(body)]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found[node.name] = None
                continue
            case ast.Lambda():
                continue
            case ast.alias():
                found[(node.asname or node.name).partition(".")[0]] = None
            case ast.Name(ctx=ast.Store()):
                found[node.id] = None
        waiting.extend(reversed([*ast.iter_child_nodes(node)]))
    return tuple(found)


def said(error: BaseException) -> str:
    """An exception's text, on one line, whatever it is."""
    try:
        if isinstance(error, TimeUp):
            return "the cell does not come to an end in time"
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        return " ".join(text[:_TEXT].encode("utf-8", "backslashreplace").decode().split())
    except BaseException:  # an exception whose text raises another
        return ""


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `TimeUp` in the main thread when the time is up, and again for who does not listen.

    The time is up when half of it was spent computing, or three times of it have gone by.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    began, used = time.monotonic(), time.process_time()

    def ring(*_: Any) -> None:
        computing = time.process_time() - used
        if computing > seconds / 2 or time.monotonic() - began > BUSY * seconds:
            raise TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- What is not there ----------------------------------------------------------------------------


def is_absent(error: BaseException) -> bool:
    """Whether an error says that a library is not installed here."""
    if isinstance(error, AbsentError):
        return True
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return False
    library = str(error.name).partition(".")[0]
    with contextlib.suppress(ValueError, ImportError):
        return library not in sys.modules and importlib.util.find_spec(library) is None
    return False


class Absent:
    """Stands for a library that is not installed here, and for all that it holds."""

    def __init__(self, library: str) -> None:
        object.__setattr__(self, "_library", library)

    def _fail(self, *_: Any, **__: Any) -> Any:
        library = object.__getattribute__(self, "_library")
        raise AbsentError(f"`{library}` is not installed where answers are graded", name=library)

    __call__ = __getitem__ = __iter__ = __enter__ = __add__ = __mul__ = __matmul__ = _fail

    def __getattr__(self, name: str) -> "Absent":
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(object.__getattribute__(self, "_library"))

    def __setattr__(self, name: str, value: Any) -> None:
        """Settings of what is not there."""


class _Beside(MetaPathFinder, Loader):
    """Finds the Python files that lie beside the notebook, after everything that is installed."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self.modules = modules

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Of one of them."""
        package = any(other.startswith(f"{name}.") for other in self.modules)
        if package or name in self.modules:
            return importlib.util.spec_from_loader(
                name, self, origin=f"<{name}.py>", is_package=package
            )
        return None

    def exec_module(self, module: ModuleType) -> None:
        source = self.modules.get(module.__name__, "")
        exec(compile(source, f"<{module.__name__}.py>", "exec"), vars(module))


# --- IPython, as far as cells ask for it ----------------------------------------------------------


class Nothing:
    """Takes every call and has every attribute, and nothing comes of it."""

    def __call__(self, *_: Any, **__: Any) -> "Nothing":
        """The same again."""
        return self

    def __getattr__(self, name: str) -> "Nothing":
        if name.startswith("__"):
            raise AttributeError(name)
        return self


class Shell(Nothing):
    """What `get_ipython()` gives."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self.user_ns = cells.names

    def run_line_magic(self, name: str, line: str, *_: Any, **__: Any) -> Any:
        """`%time f(x)` calls f; all others do nothing."""
        if name in RUNS_ITS_CODE and line.strip():
            self._cells.execute(re.sub(r"^\s*(-\w+\s*\d*\s+)*", "", line))
        return None

    def run_cell_magic(self, name: str, line: str, cell: str) -> Any:
        """`%%time` runs the cell, `%%writefile` writes it; all others do nothing."""
        if name in RUNS_ITS_CODE:
            self._cells.execute(cell)
        elif name == "writefile" and (words := line.split()):
            with contextlib.suppress(OSError):
                mode = "a" if "-a" in words else "w"
                with open(words[-1], mode, encoding="utf-8") as file:
                    file.write(cell)
        return None

    def system(self, command: str) -> None:
        """`!ls` shows nothing."""

    def getoutput(self, command: str, *_: Any, **__: Any) -> list[str]:
        """`files = !ls` finds nothing."""
        return []


def _nothing(*_: Any, **__: Any) -> None:
    pass
