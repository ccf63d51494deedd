"""What a notebook can change beside its own names, and how it is put back before it is asked.

It is looked at before the student's first cell. Whatever a cell replaces in torch, numpy, builtins,
IPython and the modules that judge, and the hooks that it sets, are undone; threads are found.
"""

import builtins
import contextlib
import gc
import importlib
import json
import math
import random
import sys
import threading
import types
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

SEEN = ("stdin", "stdout", "stderr", "displayhook", "excepthook", "unraisablehook")
LISTS = ("meta_path", "path_hooks", "path")
WAIT = 0.2  # seconds, for threads that are about to end
HOOKS = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")


class Untouched:
    """What the interpreter was like before a student's code came.

    Args:
        modules: those that judge; their functions' code is kept, too.
    """

    def __init__(self, modules: Iterable[Any]) -> None:
        modules = list(modules)
        shell = _shell()
        owners = [builtins, math, random, random.Random, json, np]
        owners += [torch, torch.Tensor, torch.linalg]
        owners += [torch.autograd, nn, nn.functional, torch.nn.modules.module, *modules]
        for module in modules:
            classes = [one for one in vars(module).values() if isinstance(one, type)]
            owners += [one for one in classes if one.__module__ == module.__name__]
        owners += [shell, *type(shell).__mro__[:3], getattr(shell, "events", None)]
        kernel = getattr(shell, "kernel", None)
        owners += [kernel, *type(kernel).__mro__[:3], getattr(kernel, "session", None)]
        self._owners = [(one, dict(vars(one))) for one in owners if hasattr(one, "__dict__")]
        self._code = [
            (function, function.__code__, function.__defaults__, function.__kwdefaults__)
            for one in [*modules, *(o for o in owners if isinstance(o, type))]
            for function in vars(one).values()
            if isinstance(function, types.FunctionType)
        ]
        self._sys = {name: getattr(sys, name) for name in SEEN}
        self._lists = {name: list(getattr(sys, name)) for name in LISTS}
        self._shell = shell
        self._events = {k: list(v) for k, v in getattr(_events(shell), "callbacks", {}).items()}
        kinds = ("ast_transformers", "input_transformers_post")
        self._transformers = {name: list(getattr(shell, name, ())) for name in kinds}
        self._limit = sys.getrecursionlimit()
        self._threads = set(threading.enumerate())
        self._callbacks = list(gc.callbacks)

    def restore(self) -> None:
        """Put back whatever is another thing now."""
        sys.settrace(None)
        sys.setprofile(None)
        threading.settrace(None)
        threading.setprofile(None)
        gc.callbacks[:] = self._callbacks
        for owner, before in self._owners:
            _put_back(owner, before)
        for function, code, defaults, named in self._code:
            if function.__code__ is not code:
                function.__code__ = code
            if function.__defaults__ is not defaults:
                function.__defaults__ = defaults
            if function.__kwdefaults__ is not named:
                function.__kwdefaults__ = named
        for name, value in self._sys.items():
            setattr(sys, name, value)
        for name, values in self._lists.items():
            getattr(sys, name)[:] = values
        for name, values in self._transformers.items():
            with contextlib.suppress(Exception):
                getattr(self._shell, name)[:] = values
        if (events := _events(self._shell)) is not None:
            for name, values in self._events.items():
                events.callbacks[name][:] = values
        sys.setrecursionlimit(self._limit)
        _calm_torch()

    def threads(self) -> str:
        """The threads of a student's own code that still run, in words; empty if there are none."""
        new = [one for one in threading.enumerate() if one not in self._threads]
        own = [one for one in new if _of_a_cell(one)]
        for one in own:
            one.join(WAIT)
        alive = sum(one.is_alive() for one in own)
        return f"{alive} thread{'s' * (alive > 1)}" if alive else ""


def spare_dynamo() -> None:
    """Have torch's compiler loaded when somebody asks for it, and not by the first optimiser.

    Every optimiser of torch's asks for two of its functions, which do nothing outside of it, and
    torchvision asks whether it may compile.
    """
    name = "torch._dynamo"
    if name in sys.modules:
        return
    stand_in, tools = types.ModuleType(name), types.ModuleType(f"{name}.utils")

    def load(wanted: str) -> Any:
        if wanted.startswith("__") and wanted != "__path__":  # `inspect` looks at every module
            raise AttributeError(wanted)
        if sys.modules.get(name) is stand_in:
            del sys.modules[name], sys.modules[tools.__name__]
            vars(torch).pop("_dynamo", None)
        return getattr(importlib.import_module(name), wanted)

    def disable(function: Any = None, *_: Any, **__: Any) -> Any:
        return (lambda inner: inner) if function is None else function

    stand_in.graph_break = lambda *_, **__: None  # type: ignore[attr-defined]
    stand_in.disable = disable  # type: ignore[attr-defined]
    stand_in.__getattr__ = load  # type: ignore[method-assign]
    tools.is_compile_supported = lambda *_: False  # type: ignore[attr-defined]
    sys.modules[name], sys.modules[tools.__name__] = stand_in, tools
    torch._dynamo = stand_in


def _calm_torch() -> None:
    """No hooks and no modes, and torch's own defaults."""
    for name in HOOKS:
        getattr(nn.modules.module, name).clear()
    while torch._C._len_torch_function_stack():
        torch._C._pop_torch_function_stack()
    while torch._C._len_torch_dispatch_stack():
        torch._C._pop_torch_dispatch_stack()
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)
    torch.autograd.set_detect_anomaly(False)
    torch._C._set_deterministic_algorithms(False)  # the function of `torch` loads the compiler


def _put_back(owner: Any, before: dict[str, Any]) -> None:
    """Give an object the attributes that it had; new ones go where they hide another's."""
    now = vars(owner)
    with contextlib.suppress(AttributeError, TypeError):
        for name, value in before.items():
            if now.get(name) is not value:
                if isinstance(owner, type):
                    type.__setattr__(owner, name, value)
                else:
                    now[name] = value
        if isinstance(owner, types.ModuleType):
            return
        for name in [name for name in now if name not in before]:
            if isinstance(owner, type):
                type.__delattr__(owner, name)
            elif hasattr(type(owner), name):
                del now[name]


def _of_a_cell(thread: threading.Thread) -> bool:
    """Whether it runs code of a cell, or a function that a cell may have handed over."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<cell"):
            return True
        frame = frame.f_back
    return False


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _events(shell: Any) -> Any:
    return getattr(shell, "events", None)
