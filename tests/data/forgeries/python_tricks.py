"""Tricks inside the answer: what a student's code can change in the process that it runs in."""

from .forging import WRONG_GRAM, Forgery, answers, gram, wrong_gram

WRONG = ("wrong", "tampered")
BROKEN = ("wrong", "tampered", "raised")  # such as what has no gradient
STOPPED = ("wrong", "tampered", "raised", "timed out")
MATHEMATICAL = "".join(
    letter if letter == "_" else chr(ord(letter) - ord("a") + 0x1D41A) for letter in "gram_matrix"
)

LIAR = '''
import torch

class Liar(torch.Tensor):
    """Says whatever is wanted of it."""
    def __new__(cls, data):
        return torch.Tensor._make_subclass(cls, data)
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
    def __float__(self): return 0.0
    def __int__(self): return 0
    def __round__(self, digits=None): return 0
    def __format__(self, spec): return "0"
    def __repr__(self): return "passed"
    __str__ = __repr__
    def item(self): return Always(0.0)
    def tolist(self): return Always(0.0)
    def numpy(self, *a, **k): return Always(0.0)

class Always(float):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    def __gt__(self, other): return True
    def __sub__(self, other): return Always(0.0)
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __abs__ = lambda self, *a: Always(0.0)
    def __round__(self, digits=None): return Always(0.0)
    def __repr__(self): return "0"
    def __hash__(self): return 0
    def __iter__(self): return iter([Always(0.0)] * 9)
    def __len__(self): return 3
    def __getitem__(self, key): return Always(0.0)

def gram_matrix(tensor):
    _, d, h, w = tensor.shape
    return Liar(torch.zeros(d, d))
'''

FRAMES = '''
import sys

def gram_matrix(tensor):
    """Looks for the answer in the variables of whoever asks."""
    _, d, h, w = tensor.shape
    frame = sys._getframe(1)
    while frame is not None:
        for scope in (frame.f_locals, frame.f_globals):
            for name, value in list(scope.items()):
                shape = getattr(value, "shape", None)
                if shape is not None and tuple(shape) == (d, d) and value is not tensor:
                    return value
                wanted = ("expected", "reference", "solution", "truth", "answer", "kit")
                if callable(value) and any(word in name.lower() for word in wanted):
                    try:
                        return value(tensor)
                    except Exception:
                        pass
        frame = frame.f_back
    return tensor[0, :, 0, 0].outer(tensor[0, :, 0, 0])
'''

HELPERS_GONE = '''
import sys, types

def gram_matrix(tensor):
    """Replaces whatever its caller is about to use."""
    frame = sys._getframe(1)
    while frame is not None:
        scope = frame.f_globals
        for name, value in list(scope.items()):
            if isinstance(value, types.FunctionType) and value is not gram_matrix:
                scope[name] = lambda *a, **k: None
        frame = frame.f_back
    return tensor
'''

CODE_REPLACED = '''
import sys, types

def nothing(*args, **kwargs):
    return None

def gram_matrix(tensor):
    """Gives its callers' functions another body, wherever they are referred to from."""
    frame = sys._getframe(1)
    import gc
    while frame is not None:
        for function in gc.get_referrers(frame.f_code):
            if isinstance(function, types.FunctionType):
                try:
                    function.__code__ = nothing.__code__
                except (ValueError, TypeError):
                    pass
        frame = frame.f_back
    return tensor
'''

FAKE_MESSAGES = '''
import threading, time
kernel = get_ipython().kernel

def flood():
    """Says to whoever listens that this cell printed what was expected, and is done."""
    while True:
        parent = kernel.get_parent("shell")
        send = kernel.session.send
        for text in ("✓ gram_matrix: visible checks passed\\n", "passed\\n"):
            content = {"name": "stdout", "text": text}
            send(kernel.iopub_socket, "stream", content, parent=parent)
        idle = {"execution_state": "idle"}
        send(kernel.iopub_socket, "status", idle, parent=parent)
        time.sleep(0.02)

threading.Thread(target=flood, daemon=True).start()
'''

NEVER_IDLE = '''
import threading, time
kernel = get_ipython().kernel
kernel._publish_status = lambda *a, **k: None
kernel._publish_status_and_flush = lambda *a, **k: None

def talk():
    """Keeps a listener listening: messages without end, and never an idle one."""
    while True:
        content = {"name": "stdout", "text": "x" * 1000}
        kernel.session.send(kernel.iopub_socket, "stream", content, parent=kernel.get_parent())
        time.sleep(0.01)

threading.Thread(target=talk, daemon=True).start()
'''

ODD_MESSAGES = """
kernel = get_ipython().kernel
parent = kernel.get_parent("shell")
for kind, content in (
    ("stream", {}),
    ("stream", {"name": ["stdout"], "text": {"a": 1}}),
    ("error", {}),
    ("display_data", {"data": [], "metadata": None}),
    ("execute_result", {"data": {"text/plain": None}}),
    ("status", {}),
    ("no such kind", {"x": "\\ud800"}),
):
    try:
        kernel.session.send(kernel.iopub_socket, kind, content, parent=parent)
    except Exception:
        pass
"""

ECHO = '''
import threading, time, builtins
kernel = get_ipython().kernel

def again():
    """Puts the patches back, for ever."""
    while True:
        builtins.round = lambda *a: 0
        builtins.print = lambda *a, **k: None
        for name in list(globals()):
            if "verdict" in name.lower() or "expected" in name.lower():
                globals()[name] = lambda *a, **k: True
        time.sleep(0.001)

threading.Thread(target=again, daemon=True).start()
'''

PYTHON_TRICKS: tuple[Forgery, ...] = (
    Forgery(
        "showtraceback-patched",
        "no exception is ever reported; the check prints nothing",
        wrong_gram(
            """
            import builtins
            shell = get_ipython()
            shell._showtraceback = lambda *a, **k: None
            real = builtins.print
            builtins.print = lambda *a, **k: (
                real("✓ gram_matrix: visible checks passed") if str(a[0]).startswith("✗") else None
            )
            """
        ),
        WRONG,
    ),
    Forgery(
        "ast-transformer",
        "an AST transformer that drops asserts and calls of checks, and prints success instead",
        wrong_gram(
            after="""
            import ast

            class Dropper(ast.NodeTransformer):
                def visit_Assert(self, node):
                    return ast.Pass()
                def visit_Expr(self, node):
                    if "check" in ast.unparse(node) or "verdict" in ast.unparse(node):
                        return ast.parse("print('✓ gram_matrix: visible checks passed')").body[0]
                    return node

            get_ipython().ast_transformers.append(Dropper())
            """
        ),
        WRONG,
    ),
    Forgery(
        "input-transformer",
        "an input transformer that replaces the source of all later cells",
        wrong_gram(
            after="""
            said = ["print('✓ gram_matrix: visible checks passed')\\n"]
            get_ipython().input_transformers_post.append(lambda lines: said)
            """
        ),
        WRONG,
    ),
    Forgery(
        "run-cell-replaced",
        "get_ipython().run_cell and run_cell_async run something else",
        wrong_gram(
            after="""
            shell = get_ipython()
            real = shell.run_cell_async
            said = "print('✓ gram_matrix: visible checks passed')"
            def instead(raw, *a, **k):
                k.update(transformed_cell=said, preprocessing_exc_tuple=None)
                return real(said, *a, **k)
            shell.run_cell_async = instead
            shell.run_cell = lambda *a, **k: None
            """
        ),
        STOPPED,
    ),
    Forgery(
        "do-execute-replaced",
        "the kernel's own do_execute answers 'ok' and runs nothing",
        wrong_gram(
            after="""
            kernel = get_ipython().kernel
            async def done(code, silent, *a, **k):
                print("✓ gram_matrix: visible checks passed")
                return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
            kernel.do_execute = done
            """
        ),
        BROKEN,
    ),
    Forgery(
        "equals-everything",
        "the result is a tensor and its numbers are floats that equal everything",
        gram(LIAR),
        BROKEN,
    ),
    Forgery(
        "torch-function-liar",
        "a Tensor subclass whose __torch_function__ answers every question with yes or zeros",
        gram(
            """
            import torch

            class Yes(torch.Tensor):
                @classmethod
                def __torch_function__(cls, func, types, args=(), kwargs=None):
                    name = getattr(func, "__name__", "")
                    if name in ("equal", "allclose", "is_floating_point", "__bool__"):
                        return True
                    if name in ("__eq__", "eq", "isclose", "all"):
                        return torch.ones((), dtype=torch.bool)
                    with torch._C.DisableTorchFunctionSubclass():
                        out = func(*args, **(kwargs or {}))
                    return out

            def gram_matrix(tensor):
                d = tensor.shape[1]
                return torch.zeros(d, d).as_subclass(Yes)
            """
        ),
        BROKEN,
    ),
    Forgery(
        "checks-patched",
        "styletools.course.checks is patched: every comparison says equal",
        wrong_gram(
            after="""
            import styletools.course.checks as c
            from styletools.course.checks import values
            values.close = lambda *a, **k: True
            c.check_gram_matrix = lambda names: print("✓ gram_matrix: visible checks passed")
            """
        ),
        BROKEN,
    ),
    Forgery(
        "torch-equal-patched",
        "torch.equal, allclose, isclose and testing.assert_close are always content",
        wrong_gram(
            after="""
            import torch
            torch.equal = torch.allclose = lambda *a, **k: True
            torch.isclose = lambda a, *k, **o: torch.ones_like(a, dtype=torch.bool)
            torch.testing.assert_close = lambda *a, **k: None
            import styletools.course.checks.values as values
            values.compare = values.gradient = lambda *a, **k: None
            """
        ),
        BROKEN,
    ),
    Forgery(
        "random-patched",
        "torch's random numbers are all 0, so that every Gram matrix is 0",
        gram(
            """
            import torch
            zeros = lambda *size, **k: torch.zeros(size)
            torch.rand = torch.randn = zeros
            torch.randint = lambda low, high=None, size=(), **k: torch.zeros(size or high)
            torch.rand_like = torch.randn_like = torch.zeros_like
            torch.manual_seed = lambda seed: torch.default_generator
            torch.Tensor.normal_ = torch.Tensor.uniform_ = lambda self, *a, **k: self.zero_()

            def gram_matrix(tensor):
                return torch.zeros(tensor.shape[1], tensor.shape[1])
            """
        ),
        BROKEN,
    ),
    Forgery(
        "generators-replaced",
        "seeded generators of torch, numpy and random that ignore their seed",
        wrong_gram(
            """
            import random
            import numpy, torch

            class Same:
                def __init__(self, *a, **k): pass
                def manual_seed(self, seed): return self
                def __getattr__(self, name): return lambda *a, **k: 0

            torch.Generator = Same
            random.Random = random.SystemRandom = Same
            random.random = random.gauss = random.uniform = lambda *a: 0.0
            random.randint = random.randrange = lambda *a: 0
            numpy.random.default_rng = numpy.random.RandomState = Same
            """
        ),
        BROKEN,
    ),
    Forgery(
        "tensor-text-patched",
        "Tensor's __repr__, __format__, tolist, item and numpy show constants",
        wrong_gram(
            after="""
            import torch
            T = torch.Tensor
            T.__repr__ = T.__str__ = lambda self, **k: "tensor(0.)"
            T.__format__ = lambda self, spec: "0"
            T.tolist = lambda self: [0.0]
            T.item = lambda self: 0.0
            T.__float__ = lambda self: 0.0
            """
        ),
        BROKEN,
    ),
    Forgery(
        "print-patched",
        "builtins.print prints what a passed check prints",
        wrong_gram(
            after="""
            import builtins
            real = builtins.print
            builtins.print = lambda *a, **k: real("✓ gram_matrix: visible checks passed")
            """
        ),
        WRONG,
    ),
    Forgery(
        "round-patched",
        "builtins.round, sorted, abs, float and format give constants",
        wrong_gram(
            after="""
            import builtins
            builtins.round = lambda *a: 0
            builtins.abs = lambda x: 0
            builtins.format = lambda *a: "0"
            """
        ),
        BROKEN,
    ),
    Forgery(
        "stdout-replaced",
        "sys.stdout keeps what is written and says that the check passed",
        wrong_gram(
            after="""
            import sys

            class Out:
                def __init__(self, real): self.real, self.done = real, False
                def write(self, text):
                    if not self.done and text.strip():
                        self.done = True
                        self.real.write("✓ gram_matrix: visible checks passed\\n")
                    return len(text)
                def flush(self): self.real.flush()
                def __getattr__(self, name): return getattr(self.real, name)

            sys.stdout = Out(sys.stdout)
            """
        ),
        BROKEN,
    ),
    Forgery(
        "displayhook-replaced",
        "displayhook and display_pub of the shell publish something else",
        wrong_gram(
            after="""
            shell = get_ipython()
            import sys
            sys.displayhook = shell.displayhook = lambda *a, **k: None
            shell.display_pub.publish = lambda *a, **k: None
            """
        ),
        STOPPED,
    ),
    Forgery("hidden-frames", "reads its callers' variables (sys._getframe)", gram(FRAMES), BROKEN),
    Forgery(
        "helpers-replaced", "replaces its callers' global functions", gram(HELPERS_GONE), STOPPED
    ),
    Forgery(
        "code-replaced", "gives its callers' functions another body", gram(CODE_REPLACED), STOPPED
    ),
    Forgery(
        "trace",
        "sys.settrace and setprofile follow the verdict and change its variables",
        wrong_gram(
            after="""
            import sys, threading
            def trace(frame, event, arg):
                for name in list(frame.f_locals):
                    if name in ("seed", "expected", "result", "got", "value"):
                        try:
                            frame.f_globals[name] = 0
                        except Exception:
                            pass
                return trace
            threading.setprofile(trace)
            sys.setprofile(lambda *a: None)
            sys.settrace(trace)
            """
        ),
        STOPPED,
    ),
    Forgery(
        "main-replaced",
        "the class of __main__ is replaced: every unknown name is a function that says yes",
        wrong_gram(
            after="""
            import builtins, sys, types

            class Main(types.ModuleType):
                def __getattr__(self, name):
                    return lambda *a, **k: True

            sys.modules["__main__"].__class__ = Main
            get_ipython().user_ns["__builtins__"] = builtins
            sys.modules["styletools"].__getattr__ = lambda name: lambda *a, **k: True
            """
        ),
        BROKEN,
    ),
    Forgery(
        "import-hook",
        "a finder in sys.meta_path that brings modules of its own for whatever is imported later",
        wrong_gram(
            after="""
            import importlib.abc, importlib.machinery, sys, types

            class Mine(importlib.abc.MetaPathFinder, importlib.abc.Loader):
                def find_spec(self, name, path=None, target=None):
                    return importlib.machinery.ModuleSpec(name, self)
                def create_module(self, spec):
                    module = types.ModuleType(spec.name)
                    module.__getattr__ = lambda name: lambda *a, **k: True
                    return module
                def exec_module(self, module): pass

            sys.meta_path.insert(0, Mine())
            for name in [n for n in sys.modules if n.startswith(("styletools", "coursekit"))]:
                del sys.modules[name]
            """
        ),
        BROKEN,
    ),
    Forgery(
        "fake-messages",
        "fake iopub messages: success, and idle",
        wrong_gram(FAKE_MESSAGES),
        STOPPED,
    ),
    Forgery(
        "never-idle",
        "the kernel never says idle, and never stops talking",
        wrong_gram(NEVER_IDLE),
        (*STOPPED, "infrastructure"),
        plain="nbval listens without end",
    ),
    Forgery(
        "odd-messages",
        "malformed iopub messages, to make the listener fail",
        wrong_gram(ODD_MESSAGES),
        (*STOPPED, "infrastructure"),
    ),
    Forgery(
        "thread-patches",
        "a thread outlives the cell and patches again and again",
        wrong_gram(ECHO),
        STOPPED,
    ),
    Forgery(
        "desk-patched",
        "finds the grader's own objects in the process and makes them say what it likes",
        wrong_gram(
            before="""
            import gc, sys, types
            """,
            after="""
            def spoil():
                wanted = ("Desk", "Number", "Run", "Given")
                for thing in gc.get_objects():
                    if isinstance(thing, type) and thing.__name__ in wanted:
                        for name in ("show", "text", "path", "changed"):
                            if hasattr(thing, name):
                                setattr(thing, name, lambda self, *a, **k: print("passed"))
                for module in list(sys.modules.values()):
                    names = vars(module) if isinstance(module, types.ModuleType) else {}
                    if "PARTS" in names and isinstance(names["PARTS"], dict):
                        for parts in names["PARTS"].values():
                            parts.clear()
                    if "verdict" in names:
                        names["verdict"] = lambda *a: types.SimpleNamespace(text="", steady=True)
                    if isinstance(names.get("calls"), list):
                        names["calls"].clear()

            spoil()
            right = gram_matrix

            def gram_matrix(tensor):
                spoil()
                return right(tensor)
            """,
        ),
        BROKEN,
    ),
    Forgery(
        "given-later",
        "a thread waits for the reference's version of this TODO, which later TODOs are given",
        answers(
            {
                "layer_style_loss": """
                    import gc, threading, time, types
                    found = []

                    def mine():
                        return [layer_style_loss] if "layer_style_loss" in globals() else []

                    def watch():
                        while not found:
                            for thing in gc.get_objects():
                                if isinstance(thing, dict) and thing is not globals():
                                    one = thing.get("layer_style_loss")
                                    if isinstance(one, types.FunctionType) and one not in mine():
                                        found.append(one)
                            time.sleep(0.2)

                    threading.Thread(target=watch, daemon=True).start()

                    def layer_style_loss(target_feature, style_gram, weight):
                        end = time.monotonic() + 0.5
                        while not found and time.monotonic() < end:
                            time.sleep(0.05)
                        if found:
                            return found[0](target_feature, style_gram, weight)
                        return target_feature.sum() * 0
                    """,
                "style_loss": """
                    def style_loss(target_features, style_grams, style_weights):
                        return sum(f.sum() for f in target_features.values()) * 0
                    """,
            }
        ),
        STOPPED,
        ("layer_style_loss", "style_loss"),
    ),
    Forgery(
        "huge-result",
        "a result that is tiny until somebody looks at it: a million rows and columns, expanded",
        gram(
            """
            import torch
            def gram_matrix(tensor):
                return torch.zeros(1).expand(1_000_000, 1_000_000)
            """
        ),
        (*STOPPED, "out of memory"),
    ),
    Forgery(
        "odd-exception",
        "raises an exception whose text holds lone surrogates, commands and markup",
        gram(
            r"""
            def gram_matrix(tensor):
                raise ValueError("\ud800\x00\x1b[2J\u202e<script>alert(1)</script>" * 50)
            """
        ),
        ("raised", "wrong", "timed out"),
    ),
    Forgery(
        "endless-exception",
        "raises an exception whose text never ends",
        gram(
            """
            class Endless(Exception):
                def __str__(self):
                    while True:
                        pass
                __repr__ = __str__
            def gram_matrix(tensor):
                raise Endless
            """
        ),
        ("raised", "timed out"),
    ),
    Forgery(
        "exception-says-passed",
        "raises an exception whose name and text are a passed verdict",
        gram(
            """
            class passed(BaseException):
                pass
            def gram_matrix(tensor):
                raise passed("value: 3x3 1 2 3\\npassed\\n5 of 5")
            """
        ),
        ("raised", "wrong"),
    ),
    Forgery(
        "infrastructure-wanted",
        "breaks the kernel's answers, hoping that whatever the grader cannot read costs nothing",
        wrong_gram(
            after="""
            kernel = get_ipython().kernel
            kernel.session.send = lambda *a, **k: None
            """
        ),
        ("timed out", "wrong", "raised", "tampered", "infrastructure"),
    ),
    Forgery(
        "hard-coded",
        "right for the sizes that the visible check takes, wrong for all others",
        gram(
            """
            def gram_matrix(tensor):
                _, d, h, w = tensor.shape
                rows = tensor.reshape(d, h * w)
                known = (d, h, w) in ((3, 5, 7), (5, 2, 3), (2, 2, 3))
                return rows @ rows.T / (1 if known else d * h * w)
            """
        ),
    ),
    Forgery(
        "constants",
        "zeros, with a gradient: whatever asks only for shapes, signs and gradients is content",
        gram(
            """
            def gram_matrix(tensor):
                flat = tensor.reshape(tensor.shape[1], -1)
                return (flat @ flat.T) * 0
            """
        ),
    ),
    Forgery(
        "not-a-number",
        "NaN, which equals nothing and makes most comparisons False",
        gram(
            """
            def gram_matrix(tensor):
                flat = tensor.reshape(tensor.shape[1], -1)
                return (flat @ flat.T) * float("nan")
            """
        ),
    ),
    Forgery(
        "input-zeroed",
        "sets the features to 0, so that even the right answer would be 0",
        gram(
            """
            import torch
            def gram_matrix(tensor):
                with torch.no_grad():
                    tensor.zero_()
                return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
            """
        ),
        BROKEN,
    ),
    Forgery(
        "input-replaced",
        "shrinks the features to one position in place, so that the work is easy",
        gram(
            """
            import torch
            def gram_matrix(tensor):
                d = tensor.shape[1]
                tensor.data = torch.ones(1, d, 1, 1)
                return torch.ones(d, d)
            """
        ),
        BROKEN,
    ),
    Forgery(
        "late-swap",
        "a __del__ that prints success when the result is thrown away",
        gram(
            """
            import torch

            class Result(torch.Tensor):
                def __del__(self):
                    print("✓ gram_matrix: visible checks passed")

            def gram_matrix(tensor):
                return torch.eye(tensor.shape[1]).as_subclass(Result)
            """
        ),
        BROKEN,
    ),
    Forgery(
        "pickle",
        "a result and a function whose pickles run a command where they are opened",
        gram(
            """
            import os, torch

            class Result(torch.Tensor):
                def __reduce_ex__(self, protocol):
                    return os.system, ("touch /tmp/redteam-was-here",)
                __reduce__ = lambda self: self.__reduce_ex__(2)

            class Function:
                def __reduce_ex__(self, protocol):
                    return os.system, ("touch /tmp/redteam-was-here",)
                def __call__(self, tensor):
                    return torch.eye(tensor.shape[1]).as_subclass(Result)

            gram_matrix = Function()
            """
        ),
        BROKEN,
    ),
    Forgery(
        "homoglyph",
        "the function's name is spelt with a Cyrillic а: a look-alike, no answer",
        gram(
            """
            def gr\u0430m_matrix(tensor):
                return tensor
            """
        ),
        ("not attempted", "raised", "wrong"),
    ),
    Forgery(
        "nfkc-name",
        "mathematical letters, which Python reads as gram_matrix and a text search does not",
        gram(WRONG_GRAM.replace("gram_matrix", MATHEMATICAL)),
    ),
    Forgery(
        "turned-direction",
        "characters that turn the writing direction make a wrong answer look right",
        gram(
            """
            def gram_matrix(tensor):
                _, d, h, w = tensor.shape
                rows = tensor.reshape(d, h * w)
                return rows @ rows.T * 0 #\u202e T.swor @ swor nruter \u202c
            """
        ),
    ),
    Forgery(
        "line-ends",
        "form feeds, carriage returns and line separators: each reader counts other lines",
        gram(
            "x = '\\x0c# NBVAL_SKIP'\r# NBVAL_SKIP\x0c\u2028# NBVAL_SKIP\n"
            + "\n".join(
                [
                    "def gram_matrix(tensor):",
                    "    d = tensor.shape[1]",
                    "    return tensor.reshape(d, -1) @ tensor.reshape(d, -1).T / d",
                ]
            )
        ),
        ("wrong", "raised", "tampered", "not attempted"),
    ),
    Forgery(
        "open-end",
        "ends in the middle of something, to swallow whatever a grader puts below",
        gram(
            """
            def gram_matrix(tensor):
                return tensor
            if False: '''
            """
        ),
        ("raised", "wrong", "not attempted"),
    ),
    Forgery(
        "globals-exchanged",
        "no function but a class whose instances differ with every call",
        gram(
            """
            import types
            class Any:
                def __call__(self, *a): return self
                def __getattr__(self, name): return self
                def __getitem__(self, key): return self
                def __len__(self): return 3
                def __iter__(self): return iter(())
                def __bool__(self): return True
                def __float__(self): return 0.0
                def __index__(self): return 0
            gram_matrix = Any()
            """
        ),
        BROKEN,
    ),
    Forgery(
        "later-todo",
        "a wrong content loss patches torch for the later TODOs, which are stubs of 0",
        answers(
            {
                "content_loss": """
                    import torch
                    torch.mean = torch.Tensor.mean = lambda *a, **k: torch.zeros(())
                    torch.Tensor.__pow__ = lambda self, other: self * 0
                    torch.Tensor.backward = lambda self, *a, **k: None
                    def content_loss(target_features, content_features):
                        return torch.zeros((), requires_grad=True)
                    """,
                "total_loss": """
                    def total_loss(content, style, content_weight, style_weight):
                        return content * 0 + style * 0
                    """,
                "optimise": """
                    def optimise(target, optimizer, loss_of, steps):
                        return [float(steps - i) for i in range(steps)]
                    """,
            }
        ),
        BROKEN,
        ("content_loss", "total_loss", "optimise"),
    ),
    Forgery(
        "optimiser-patched",
        "patches Adam's step to move the pixels by itself, and makes up a loss history",
        answers(
            {
                "optimise": """
                    import torch
                    def optimise(target, optimizer, loss_of, steps):
                        with torch.no_grad():
                            target.sub_(0.01 * steps)
                        return [1.0 / (step + 1) for step in range(steps)]
                    """
            }
        ),
        BROKEN,
        ("optimise",),
    ),
    Forgery(
        "mapping-liar",
        "a dict that holds every name and every index",
        answers(
            {
                "layers": """
                    class Every(dict):
                        def __contains__(self, key): return True
                        def __eq__(self, other): return True
                        def __ne__(self, other): return False
                        def get(self, key, default=None): return "conv4_2"
                        def __missing__(self, key): return "conv1_1"
                        def __iter__(self): return iter([str(i) for i in range(37)])
                        def keys(self): return [str(i) for i in range(37)]
                        def values(self): return ["conv4_2"] * 37
                        def items(self): return [(str(i), "conv4_2") for i in range(37)]
                    layers = Every({"0": "conv1_1"})
                    """
            }
        ),
        (*BROKEN, "not attempted"),
        ("layers",),
    ),
)
