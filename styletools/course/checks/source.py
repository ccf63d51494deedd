"""What can be read off a student's function without running it."""

import dis
import linecache
import traceback
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import CodeType

from torch import Tensor


def never_returns(function: object) -> bool:
    """Whether the function does some work, but has no `return` with a value."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return False
    instructions = list(dis.get_instructions(code))
    works = any(one.opname.startswith(("CALL", "BINARY_OP")) for one in instructions)
    return works and not any(
        one.opname == "RETURN_VALUE" and (before.opname, before.argval) != ("LOAD_CONST", None)
        for before, one in pairwise(instructions)
    )


def line_of(error: BaseException, function: object) -> str:
    """The last line of the student's own code that the exception passed, in brackets."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not own or own[-1].lineno is None:
        return ""
    text = linecache.getline(own[-1].filename, own[-1].lineno).strip()
    return f" (line {own[-1].lineno}" + (f": {text})" if text else ")")


def outside_tensors(function: object) -> list[str]:
    """Tensors, and dicts of tensors, that the function takes from the notebook."""
    scope = getattr(function, "__globals__", {})
    names = [name for code in _codes(function) for name in code.co_names]
    return [name for name in dict.fromkeys(names) if _holds_tensors(scope.get(name))]


def unused_parameters(function: object, parameters: Sequence[str]) -> list[str]:
    """Those of `parameters` that the function never reads."""
    read: set[str] = set()
    for code in _codes(function):
        for one in dis.get_instructions(code):
            names = one.argval if isinstance(one.argval, tuple) else (one.argval,)
            if "LOAD_" in one.opname:
                read.update(name for name in names if isinstance(name, str))
    return [name for name in parameters if name not in read]


def _codes(function: object) -> Iterator[CodeType]:
    """The function's code and that of what is defined within it: lambdas, loops in brackets."""
    waiting = [getattr(function, "__code__", None)]
    while waiting:
        code = waiting.pop()
        if isinstance(code, CodeType):
            yield code
            waiting.extend(code.co_consts)


def _holds_tensors(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(isinstance(item, Tensor) for item in value.values())
    return isinstance(value, Tensor)
