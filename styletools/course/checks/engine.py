"""How an answer is examined: probes run in order, and the first finding is the diagnosis.

A probe is a plain function. It calls the student's function on made-up inputs and raises an
`Objection` where something is wrong.
"""

import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from IPython.utils.capture import capture_output
from torch import Tensor

from styletools.course.checks import source
from styletools.course.diagnosis import AnswerStatus, Diagnosis
from styletools.course.todos import AnswerTodo, Meaning

TodoFunction = Callable[..., Any]
Probe = Callable[[TodoFunction], None]


class Objection(Exception):  # noqa: N818
    """Ends an examination. `code` is without the TODO's prefix."""

    def __init__(self, code: str, message: str, status: AnswerStatus = AnswerStatus.WRONG) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def of(self, todo: AnswerTodo) -> Diagnosis:
        """The diagnosis that it leads to."""
        return Diagnosis(todo.name, self.status, f"{todo.prefix}-{self.code}", self.message)


EVERYWHERE = (
    Meaning(
        r"NoneType",
        "none-left",
        "A None of the stub is still used: complete every line marked TODO.",
    ),
    Meaning(
        r"UnboundLocalError: .*variable '(\w+)'",
        "name-not-set",
        "`{0}` is read before it has a value. A name that is assigned anywhere in a function is "
        "local to it, also where a function of that name exists outside; and a sum needs a value "
        "to start from.",
    ),
    Meaning(
        r"NameError: name '(\w+)' is not defined",
        "unknown-name",
        "There is no `{0}`: a typo, or a name of another cell? The function has its arguments to "
        "work with: {parameters}.",
    ),
    Meaning(
        r"RecursionError",
        "endless-recursion",
        "The function calls itself without end. Did you give your result, or your function, the "
        "name of the one that it should call?",
    ),
    Meaning(
        r"Can't call numpy\(\)",
        "numpy",
        "That advice would cut the gradient off, and the target would never change: stay with "
        "tensors.",
    ),
    Meaning(
        r"same device|device type|on device|torch\.cuda|MPS",
        "device",
        "Tensors of different devices meet. Make new tensors on the device of the arguments.",
    ),
    Meaning(
        r"in-?place operation",
        "changed-in-place",
        "A tensor that the gradient still needs is changed in place. Make a new one instead.",
    ),
)
"""What exceptions mean in every TODO."""

VAGUE = ("raised", "wrong-value", "wrong-shape", "hard-coded", "layers-mixed", "shapes-differ")
"""Findings that a name from outside the function may explain better."""


def diagnose(todo: AnswerTodo, answer: object, probes: Iterable[Probe]) -> Diagnosis:
    """Run `probes` over a function; nothing that it prints or sets comes out of here.

    Args:
        todo: what was asked for.
        answer: the student's object.
        probes: called with the student's function, in order, until one raises an `Objection`.
    """
    for device in _devices():
        with _in_private(device):
            found = _first_finding(todo, answer, probes)
        if found is None or found.code != "device":
            break
    return found.of(todo) if found else Diagnosis(todo.name, AnswerStatus.PASSED)


def not_attempted(name: str) -> Objection:
    """The finding for an untouched stub."""
    says = f"`{name}` is still the stub; complete the lines marked TODO."
    return Objection("not-attempted", says, AnswerStatus.NOT_ATTEMPTED)


def kit_version(name: str) -> Objection:
    """The finding where a check is run again after the kit stepped in."""
    says = f"`{name}` is the kit's own here; run the cell with your answer, then this check."
    return Objection("kit-version", says, AnswerStatus.NOT_ATTEMPTED)


def _first_finding(todo: AnswerTodo, answer: object, probes: Iterable[Probe]) -> Objection | None:
    try:
        function = _examined(todo, answer)
        for probe in probes:
            probe(function)
    except Objection as finding:
        return _from_outside(todo, answer, finding) if finding.code in VAGUE else finding
    except Exception as error:  # whatever an odd object raises where it is looked at
        text = f"The answer cannot be examined ({type(error).__name__}: {error})."
        return Objection("unusable", text, AnswerStatus.RAISED)
    return None


def _devices() -> Iterator[str]:
    """Probes run on the CPU; on an accelerator where the student's code insists on it."""
    yield "cpu"
    if torch.cuda.is_available():
        yield "cuda"
    elif torch.backends.mps.is_available():
        yield "mps"


@contextmanager
def _in_private(device: str) -> Iterator[None]:
    """Gradients on, random state put back, output and warnings dropped."""
    with ExitStack() as stack:
        stack.enter_context(capture_output())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        cuda = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
        stack.enter_context(torch.random.fork_rng(cuda))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.device(device))
        yield


def _examined(todo: AnswerTodo, answer: object) -> TodoFunction:
    """The student's function, made to raise an `Objection` for whatever goes wrong in a call."""
    if answer is None or answer is ...:
        raise not_attempted(todo.name)
    if str(getattr(answer, "__module__", "")).startswith("styletools."):
        raise kit_version(todo.name)
    if not callable(answer):
        raise Objection(
            "not-a-function",
            f"`{todo.name}` is of type {type(answer).__name__}, expected a function; a later line "
            "gives its name to something else.",
        )
    _check_parameters(todo, answer)

    def call(*arguments: Any) -> Any:
        named = dict(zip(todo.parameters, arguments, strict=True))
        before = {n: _snapshot(value) for n, value in named.items() if n not in todo.changes}
        try:
            result = answer(*arguments)
        except (Exception, SystemExit) as error:
            raise _explained(todo, answer, error) from None
        for name, old in before.items():
            if not _same(old, named[name]):
                raise Objection(
                    "input-modified",
                    f"After the call the argument `{name}` is no longer what it was. It is still "
                    "needed after this function: which line works in place?",
                )
        _check_result(todo, answer, result)
        return result

    return call


def _check_parameters(todo: AnswerTodo, function: TodoFunction) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # a builtin or scripted function
        return
    try:
        signature.bind(*todo.parameters)
    except TypeError as error:
        raise Objection(
            "parameters",
            f"The function takes {signature} ({error}), expected ({', '.join(todo.parameters)}), "
            "in this order: the lesson calls it so.",
        ) from None


def _check_result(todo: AnswerTodo, function: TodoFunction, result: object) -> None:
    """Tell an untouched stub from a forgotten return."""
    if result is None and source.never_returns(function):
        raise Objection(
            "no-return",
            "The function computes something but gives back None, expected its result. What must "
            "its last line say?",
        )
    if result is None or result is ... or result is NotImplemented:
        raise not_attempted(todo.name)
    if type(result) in (int, float) and result == 0:  # as the stub has it before a sum
        raise not_attempted(todo.name)


def _explained(todo: AnswerTodo, function: object, error: BaseException) -> Objection:
    if isinstance(error, NotImplementedError):
        return not_attempted(todo.name)
    text = f"{type(error).__name__}: {str(error).strip()}"
    happened = text.splitlines()[0] + source.line_of(error, function)
    for meaning in (*todo.meanings, *EVERYWHERE):
        if match := re.search(meaning.pattern, text):
            says = meaning.says.format(*match.groups(), parameters=", ".join(todo.parameters))
            return Objection(meaning.code, f"{happened}. {says}", AnswerStatus.RAISED)
    return Objection(
        "raised", f"{happened}. Print types and shapes just before.", AnswerStatus.RAISED
    )


def _from_outside(todo: AnswerTodo, function: object, found: Objection) -> Objection:
    """A vague finding becomes specific where the function uses the notebook's own tensors."""
    outside = source.outside_tensors(function)
    if not outside:
        return found
    unused = source.unused_parameters(function, todo.parameters)
    if todo.prefix == "style" and not unused and re.search("style|gram", outside[0]):
        return Objection(
            "second-style",
            f"Besides its arguments the function uses `{outside[0]}`, a second style perhaps. "
            "Blended on purpose this is no mistake, but not what the TODO asks for, and this "
            "check cannot follow it.",
            AnswerStatus.DIFFERENT,
        )
    instead = f", and leaves its argument `{unused[0]}` unused" if unused else ""
    return Objection(
        "outside-name",
        f"The function uses `{outside[0]}`, a variable of the notebook{instead}. It must answer "
        f"for what it is given: {', '.join(todo.parameters)}. {found.message}",
        found.status,
    )


def _snapshot(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _snapshot(item) for key, item in value.items()}
    return value


def _same(old: Any, now: Any) -> bool:
    if isinstance(old, Tensor):
        return torch.equal(old, now)
    if isinstance(old, dict):
        return old.keys() == now.keys() and all(_same(old[key], now[key]) for key in old)
    return True
