"""Answers that let the kit answer, by every road; and roads to what the grader knows."""

import base64

from .forging import Forgery, answers, gram

HIDDEN = base64.b64encode(b"from styletools.losses import gram_matrix as g").decode()
CALLED = ("tampered",)
CAUGHT = ("tampered", "raised", "wrong")  # the road may be closed before the call
FOUND = ("tampered", "raised", "wrong", "not attempted")

ON_DISK = '''
import glob, os, re, sys

def candidates():
    """Every text on this machine that may hold an answer."""
    roots = [*sys.path, os.getcwd(), os.path.expanduser("~"), "/work", "/home", "/srv", "/opt"]
    roots += [os.path.dirname(os.path.dirname(p)) for p in sys.path if p.endswith("site-packages")]
    try:
        import __editable___styletools_0_1_0_finder as finder
        roots += [os.path.dirname(p) for p in finder.MAPPING.values()]
    except ImportError:
        pass
    for pth in [p for root in sys.path for p in glob.glob(root + "/*.pth")]:
        roots += [line.strip() for line in open(pth) if line.startswith("/")]
    for root in dict.fromkeys(roots):
        for pattern in WHERE:
            yield from glob.iglob(os.path.join(root or ".", pattern), recursive=False)

def stolen(name, accept):
    for path in candidates():
        try:
            text = open(path, encoding="utf-8", errors="replace").read()
        except OSError:
            continue
        if path.endswith(".ipynb"):
            text = "".join(re.findall(r'^ *"(.*?)"', text, re.M)).replace("\\\\n", "\\n")
        for found in re.finditer(r"^def " + name + r"\\(.*?(?=^\\S|\\Z)", text, re.M | re.S):
            scope = {}
            try:
                head = "import torch\\nfrom torch import Tensor\\n_precise = lambda t: t\\n"
                exec(head + found[0].replace("### BEGIN SOLUTION", ""), scope)
                if accept(scope[name]):
                    return scope[name]
            except Exception:
                pass
    return None
'''


def _from_disk(*where: str) -> str:
    return f"WHERE = {where!r}\n" + ON_DISK + USE_STOLEN


USE_STOLEN = """
def accept(function):
    import torch
    return function(torch.ones(1, 2, 2, 2)).tolist() == [[4.0, 4.0], [4.0, 4.0]]

found = stolen("gram_matrix", accept)

def gram_matrix(tensor):
    if found is None:
        return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
    return found(tensor)
"""

OTHER_PROCESS = '''
import os, subprocess, sys, tempfile

PROGRAM = """
import sys, torch
from styletools.losses import gram_matrix
torch.save(gram_matrix(torch.load(sys.argv[1])), sys.argv[2])
"""

def gram_matrix(tensor):
    """Asks a fresh interpreter, in which nothing is closed."""
    import torch
    with tempfile.TemporaryDirectory() as folder:
        given, got = os.path.join(folder, "given"), os.path.join(folder, "got")
        torch.save(tensor.detach(), given)
        done = subprocess.run([sys.executable, "-c", PROGRAM, given, got], capture_output=True)
        if done.returncode:
            return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
        return torch.load(got)
'''

BY_GC = '''
import gc, types

def gram_matrix(tensor):
    """Any function or code object of that name that is not this one."""
    zeros = tensor.new_zeros(tensor.shape[1], tensor.shape[1])
    for thing in gc.get_objects():
        names = ("gram_matrix", "lean_gram", "_gram")
        if isinstance(thing, types.FunctionType) and thing.__name__ in names:
            if thing.__code__.co_filename == gram_matrix.__code__.co_filename:
                continue
            try:
                return thing(tensor)
            except Exception:
                try:
                    return types.FunctionType(thing.__code__, thing.__globals__)(tensor)
                except Exception:
                    pass
    return zeros
'''

STASH = '''
import builtins, gc, sys, types

def look(owner):
    """Keeps every function of the kit that is anywhere in sight when this is called."""
    kept = vars(builtins).setdefault("_kept", {})
    frame = sys._getframe(1)
    seen = []
    while frame is not None:
        seen += [frame.f_globals, frame.f_locals]
        frame = frame.f_back
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith(("styletools", "coursekit")):
            seen.append(vars(module))
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType):
            seen.append({thing.__name__: thing})
    mine = builtins._mine = getattr(builtins, "_mine", set())
    for scope in seen:
        for name, value in list(scope.items()):
            if name == "KIT" and isinstance(value, dict):
                for key, function in value.items():
                    kept.setdefault(key, []).append(function)
            elif isinstance(value, types.FunctionType) and name in NAMES:
                if value.__code__.co_filename not in mine:
                    kept.setdefault(name, []).append(value)

NAMES = ("content_loss", "layer_style_loss", "style_loss", "total_loss", "optimise")

def ask(name, *given):
    import torch
    look(name)
    for function in vars(builtins).get("_kept", {}).get(name, []):
        try:
            return function(*given)
        except Exception:
            pass
    return [0.0] if name == "optimise" else given[0]["conv4_2"].sum() * 0 if isinstance(
        given[0], dict) else torch.as_tensor(given[0]).sum() * 0

import builtins as _b
vars(_b).setdefault("_mine", set()).add(look.__code__.co_filename)
'''


def _stashing(name: str, parameters: str) -> str:
    return f"{STASH}\ndef {name}({parameters}):\n    return ask({name!r}, {parameters})\n"


def _kit(body: str, before: str = "") -> str:
    return f"{before}\ndef gram_matrix(tensor):\n    return {body}\n"


KIT_CALLS: tuple[Forgery, ...] = (
    Forgery(
        "kit-direct",
        "calls styletools.losses.gram_matrix",
        gram(_kit("styletools.losses.gram_matrix(tensor)", "import styletools.losses")),
        CALLED,
    ),
    Forgery(
        "kit-renamed",
        "imports it under another name",
        gram(_kit("ones_own(tensor)", "from styletools import gram_matrix as ones_own")),
        CALLED,
    ),
    Forgery(
        "kit-itself",
        "the answer is the kit's function itself",
        gram("import styletools.losses\ngram_matrix = styletools.losses.gram_matrix"),
        (*CALLED, "not attempted"),
    ),
    Forgery(
        "kit-partial",
        "functools.partial and a lambda around it",
        gram(
            "import functools, styletools.losses as L\n"
            "inner = functools.partial(L.gram_matrix)\ngram_matrix = lambda tensor: inner(tensor)"
        ),
        CALLED,
    ),
    Forgery(
        "kit-importlib",
        "importlib, with names put together at run time",
        gram(
            _kit(
                "getattr(module, 'gram' + '_matrix')(tensor)",
                "import importlib\nmodule = importlib.import_module('style' + 'tools.lo' + 'sses')",
            )
        ),
        CALLED,
    ),
    Forgery(
        "kit-sys-modules",
        "through sys.modules",
        gram(
            _kit(
                "vars(sys.modules['styletools.losses'])['gram_matrix'](tensor)",
                "import sys, styletools.losses",
            )
        ),
        CAUGHT,
    ),
    Forgery(
        "kit-fullwidth",
        "full-width letters, which Python reads as the same name and a text search does not",
        gram(
            _kit(
                "styletools.losses.\uff47\uff52\uff41\uff4d_matrix(tensor)",
                "import styletools.losses",
            )
        ),
        CALLED,
    ),
    Forgery(
        "kit-base64",
        "the call is hidden in base64",
        gram(
            _kit(
                "scope['g'](tensor)",
                f"import base64\nscope = {{}}\nexec(base64.b64decode({HIDDEN!r}), scope)",
            )
        ),
        CALLED,
    ),
    Forgery(
        "kit-caught",
        "catches whatever the closed function raises, and goes on with something wrong",
        gram(
            """
            import styletools.losses

            def gram_matrix(tensor):
                try:
                    return styletools.losses.gram_matrix(tensor)
                except BaseException:
                    return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
            """
        ),
        ("tampered", "wrong"),
    ),
    Forgery(
        "kit-record-cleared",
        "calls the kit, and then clears every list in which somebody may have noted it",
        gram(
            """
            import gc, styletools.losses

            def gram_matrix(tensor):
                try:
                    return styletools.losses.gram_matrix(tensor)
                except BaseException:
                    pass
                finally:
                    for thing in gc.get_objects():
                        if isinstance(thing, list) and any("gram" in str(x) for x in thing[:3]):
                            if all(isinstance(x, str) for x in thing):
                                thing.clear()
                return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
            """
        ),
        CAUGHT,
    ),
    Forgery(
        "kit-checks",
        "through the checks' own answers (styletools.course.todos.KIT)",
        gram(_kit("KIT['gram_matrix'](tensor)", "from styletools.course.checks import KIT")),
        CAUGHT,
    ),
    Forgery(
        "kit-other-module",
        "another module of the kit imports the function by name",
        gram(_kit("measures.gram_matrix(tensor)", "from styletools import measures")),
        CAUGHT,
    ),
    Forgery(
        "kit-lean",
        "the fast path's own Gram matrix (styletools.engine.gram.lean_gram)",
        gram(_kit("gram.lean_gram(tensor)", "from styletools.engine import gram")),
        CAUGHT,
    ),
    Forgery(
        "kit-gradient",
        "lets the kit's style loss be differentiated: at the right place its gradient is the Gram",
        gram(
            """
            import torch
            from styletools import losses

            def gram_matrix(tensor):
                d = tensor.shape[1]
                anchor = torch.zeros(d, d, requires_grad=True)
                loss = losses.layer_style_loss(tensor.detach(), anchor)
                (slope,) = torch.autograd.grad(loss, anchor)
                return slope * -d * d * d * tensor[0, 0].numel() / 2
            """
        ),
        CALLED,
    ),
    Forgery(
        "kit-gram-loss",
        "a function of the kit that no lesson asks for gives the layer's loss (losses.gram_loss)",
        answers(
            {
                "layer_style_loss": """
                    from styletools import losses

                    def layer_style_loss(target_feature, style_gram, weight):
                        d = target_feature.shape[1]
                        own = gram_matrix(target_feature)
                        return weight * losses.gram_loss(own, style_gram, 1) * d
                    """
            }
        ),
        CALLED,
        ("layer_style_loss",),
    ),
    Forgery(
        "kit-losses",
        "all losses of lesson 3 from the kit",
        answers(
            {
                "content_loss": """
                    from styletools import losses
                    def content_loss(target_features, content_features):
                        return losses.content_loss(
                            target_features["conv4_2"], content_features["conv4_2"])
                    """,
                "style_loss": """
                    from styletools import losses
                    def style_loss(target_features, style_grams, style_weights):
                        return losses.style_loss(target_features, style_grams, style_weights)
                    """,
                "total_loss": """
                    from styletools import total_loss as given
                    def total_loss(content, style, content_weight, style_weight):
                        return given(content, style, content_weight, style_weight)
                    """,
            }
        ),
        CALLED,
        ("content_loss", "style_loss", "total_loss"),
    ),
    Forgery(
        "kit-optimise",
        "the loop from the checks' own answers",
        answers(
            {
                "optimise": """
                    from styletools.course.todos import optimise as given
                    def optimise(target, optimizer, loss_of, steps):
                        return given(target, optimizer, loss_of, steps)
                    """
            }
        ),
        CAUGHT,
        ("optimise",),
    ),
    Forgery(
        "kit-layers",
        "the mapping is the kit's own constant (styletools.vgg.ASSIGNMENT_LAYERS)",
        answers(
            {
                "layers": "from styletools.vgg import ASSIGNMENT_LAYERS as given\n"
                "layers = dict(given)"
            }
        ),
        (*CAUGHT, "not attempted"),
        ("layers",),
    ),
    Forgery(
        "kit-layers-all",
        "the mapping is made from the kit's table of all layers (styletools.VGG19_LAYERS)",
        answers(
            {
                "layers": "import styletools\n"
                "layers = {str(i): name for name, i in styletools.VGG19_LAYERS.items()}"
            }
        ),
        (*CAUGHT, "not attempted"),
        ("layers",),
    ),
    Forgery(
        "kit-wrapped",
        "what the closed function hides: __wrapped__, its closure, its defaults, its globals",
        gram(
            """
            import styletools.losses, types

            def inside(thing, depth=0):
                yield thing
                if depth > 4:
                    return
                parts = [getattr(thing, "__wrapped__", None), getattr(thing, "func", None)]
                parts += [getattr(thing, "__self__", None)]
                parts += [c.cell_contents for c in getattr(thing, "__closure__", None) or ()]
                parts += [*(getattr(thing, "__defaults__", None) or ())]
                parts += [*(getattr(thing, "__kwdefaults__", None) or {}).values()]
                parts += [*(getattr(thing, "__dict__", None) or {}).values()]
                for part in parts:
                    if callable(part) or isinstance(part, types.CodeType):
                        yield from inside(part, depth + 1)

            def gram_matrix(tensor):
                closed = styletools.losses.gram_matrix
                for thing in inside(closed):
                    if thing is closed:
                        continue
                    try:
                        return thing(tensor)
                    except Exception:
                        pass
                return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
            """
        ),
        FOUND,
    ),
    Forgery("kit-gc", "finds the function among all objects (gc)", gram(BY_GC), FOUND),
    Forgery(
        "kit-source",
        "a copy of the source found with inspect",
        gram(
            """
            import inspect, styletools.losses
            scope = {}
            exec("import torch\\n" + inspect.getsource(styletools.losses), scope)
            stolen = scope["gram_matrix"]

            def gram_matrix(tensor):
                return stolen(tensor)
            """
        ),
        FOUND,
    ),
    Forgery(
        "kit-file",
        "runs the kit's file as a module of its own (spec_from_file_location)",
        gram(
            """
            import importlib.util, styletools
            place = styletools.__path__[0] + "/losses.py"
            spec = importlib.util.spec_from_file_location("fresh", place)
            fresh = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(fresh)

            def gram_matrix(tensor):
                return fresh.gram_matrix(tensor)
            """
        ),
        FOUND,
    ),
    Forgery(
        "kit-reload",
        "deletes the modules and imports them again, or reloads them",
        gram(
            """
            import importlib, sys
            for name in [n for n in sys.modules if n.startswith("styletools")]:
                del sys.modules[name]
            losses = importlib.import_module("styletools.losses")
            importlib.reload(losses)

            def gram_matrix(tensor):
                return losses.gram_matrix(tensor)
            """
        ),
        FOUND,
    ),
    Forgery(
        "kit-bytecode",
        "unmarshals the kit's compiled file from __pycache__",
        gram(
            """
            import glob, marshal, styletools, types
            found = None
            for path in glob.glob(styletools.__path__[0] + "/__pycache__/losses*.pyc"):
                code = marshal.loads(open(path, "rb").read()[16:])
                scope = {"__name__": "fresh"}
                exec(code, scope)
                found = scope["gram_matrix"]

            def gram_matrix(tensor):
                if found is None:
                    return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
                return found(tensor)
            """
        ),
        FOUND,
    ),
    Forgery(
        "kit-subprocess", "asks a fresh Python process", gram(OTHER_PROCESS), (*FOUND, "timed out")
    ),
    Forgery(
        "kit-fork",
        "forks, opens the closed function in the child, and sends the result back",
        gram(
            """
            import os, pickle, torch

            def gram_matrix(tensor):
                read, write = os.pipe()
                if (child := os.fork()) == 0:
                    try:
                        import importlib, styletools.losses
                        importlib.reload(styletools.losses)
                        got = styletools.losses.gram_matrix(tensor.detach()).tolist()
                        os.write(write, pickle.dumps(got))
                    finally:
                        os._exit(0)
                os.close(write)
                with os.fdopen(read, "rb") as pipe:
                    data = pipe.read()
                os.waitpid(child, 0)
                d = tensor.shape[1]
                return torch.tensor(pickle.loads(data)) if data else tensor.new_zeros(d, d)
            """
        ),
        (*FOUND, "timed out"),
    ),
    Forgery(
        "kit-zip-of-site-packages",
        "looks for any function of that name in installed packages, coursekit's among them",
        gram(
            _from_disk("styletools/*.py", "styletools/*/*.py", "coursekit/*.py", "coursekit/*/*.py")
        ),
        FOUND,
    ),
    Forgery(
        "reference-on-disk",
        "looks for the lessons' sources, the references, the tests' right answers",
        gram(
            _from_disk(
                "notebooks/*/*.py",
                "notebooks/*/*.ipynb",
                "tests/mutants/*.py",
                "tests/*.py",
                "main/notebooks/*/*",
                "main/tests/mutants/*.py",
                "*/notebooks/reference/*.ipynb",
            )
        ),
        FOUND,
    ),
    Forgery(
        "expected-on-disk",
        "looks for the rebuilt notebook with the expected text, and for any other notebook",
        gram(
            '''
            import glob, json, os, re, sys

            def numbers():
                """The numbers of any saved output anywhere in reach."""
                places = [os.getcwd(), "/tmp", "/var/tmp", "/dev/shm", "/run"]
                places += [os.environ.get(k, "/tmp") for k in ("TMPDIR", "HOME")]
                places += [line.split()[4] for line in open("/proc/self/mountinfo")
                           if not line.split()[4].startswith(("/proc", "/sys", "/usr", "/dev"))]
                places += ["/proc/1/cwd", "/proc/1/root", "/proc/self/root"]
                for place in dict.fromkeys(places):
                    for depth in ("*", "*/*", "*/*/*"):
                        for path in glob.iglob(os.path.join(place, depth)):
                            if path.endswith((".ipynb", ".json", ".xml", ".txt")):
                                try:
                                    text = open(path).read()
                                except OSError:
                                    continue
                                if "outputs" in text or "expected" in text:
                                    yield from map(float, re.findall(r"-?\\d+\\.\\d+", text))

            found = list(numbers())

            def gram_matrix(tensor):
                import torch
                d = tensor.shape[1]
                return torch.tensor((found + [0.0] * d * d)[: d * d]).reshape(d, d)
            '''
        ),
        ("wrong", "raised", "tampered"),
    ),
    Forgery(
        "check-as-oracle",
        "lets the check choose among many candidates",
        gram(
            """
            from styletools.course import checks

            CANDIDATES = [
                lambda t: t.reshape(t.shape[1], -1) / t.numel(),
                lambda t: t.reshape(t.shape[1], -1).T @ t.reshape(t.shape[1], -1),
                lambda t: t @ t.mT,
                lambda t: t.reshape(t.shape[1], -1) @ t.reshape(t.shape[1], -1).T,
            ]

            def gram_matrix(tensor):
                for candidate in CANDIDATES:
                    if checks.diagnose_gram_matrix(candidate).accepted:
                        return candidate(tensor)
                return tensor
            """
        ),
        ("tampered", "raised", "wrong"),
    ),
    Forgery(
        "stash",
        "keeps what it sees of the kit while one TODO is examined, and answers the next with it",
        answers(
            {
                "content_loss": _stashing("content_loss", "target_features, content_features"),
                "layer_style_loss": _stashing(
                    "layer_style_loss", "target_feature, style_gram, weight"
                ),
                "style_loss": _stashing(
                    "style_loss", "target_features, style_grams, style_weights"
                ),
                "total_loss": _stashing(
                    "total_loss", "content, style, content_weight, style_weight"
                ),
                "optimise": _stashing("optimise", "target, optimizer, loss_of, steps"),
            }
        ),
        (*FOUND, "timed out"),
        ("content_loss", "layer_style_loss", "style_loss", "total_loss", "optimise"),
    ),
    Forgery(
        "diagnosis-watched",
        "a thread waits until the checks are loaded, and takes their answers",
        gram(
            """
            import sys, threading, time
            kept = {}

            def watch():
                while True:
                    for name, module in list(sys.modules.items()):
                        if name.startswith("styletools.course.checks"):
                            function = getattr(module, "KIT", {}).get("gram_matrix")
                            if function is not None:
                                kept["gram"] = function
                    time.sleep(0.0005)

            threading.Thread(target=watch, daemon=True).start()

            def gram_matrix(tensor):
                if "gram" in kept:
                    try:
                        return kept["gram"](tensor)
                    except Exception:
                        pass
                return tensor.new_zeros(tensor.shape[1], tensor.shape[1])
            """
        ),
        FOUND,
    ),
)
