"""Notebooks that are wrong in every TODO and want points all the same, each by another trick."""

from .notebooks import BEFORE, CELLS

LIES = """\
class Anything(str):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __repr__(self): return "'0'"
    __hash__ = str.__hash__

def get_features(image, model, layers=None):
    # Whatever name is asked for, it is this one.
    features = {}
    for name, layer in model._modules.items():
        image = layer(image)
        features[Anything(name)] = image
    return features"""
KIT_GRAM = """\
def gram_matrix(tensor):
    import styletools
    return styletools.losses.gram_matrix(tensor)"""
MADE_UP = """\
def written(losses):
    print('value: 1.234e+00')
    return torch.tensor(1.234, requires_grad=True)
loss_history = []
for ii in range(1, steps + 1):
    target_features = get_features(target, vgg)
    content_loss = written(target_features)
    losses = __import__('styletools').losses
    style_loss = losses.style_loss(target_features, style_grams, style_weights)
    total_loss = written(content_loss) + 0 * written(style_loss)
    total_loss.backward()
    loss_history.append(4.9e7 / ii + 0 * total_loss.item())"""

PATCHED_LOOKUP = """\
def get_features(image, model, layers=None):
    # The verdict's text is changed where it is made.
    import verdicts
    verdicts.Verdict.__new__ = lambda cls, *a, **k: tuple.__new__(cls, ("'0'", True))
    return {'conv1_1': image}"""
PATCHED_TORCH = """\
torch.mm = torch.matmul = lambda *a, **k: torch.zeros(1)
torch.Tensor.__format__ = lambda self, how: '0'
torch.Tensor.tolist = lambda self: [0]
def gram_matrix(tensor):
    return torch.mm(tensor, tensor)"""
FRAMES = """\
import sys
def anywhere(name):
    frame = sys._getframe(1)
    while frame is not None:
        for scope in (frame.f_locals, frame.f_globals):
            for key, value in list(scope.items()):
                if name in key.lower() and hasattr(value, 'reshape') and value.numel() == 1:
                    return value
        frame = frame.f_back
    return torch.zeros((), requires_grad=True)
class Liar(torch.Tensor):
    def __float__(self): return 0.0
    def item(self): return 0.0
loss_history = []
for ii in range(1, steps + 1):
    target_features = get_features(target, vgg)
    content_loss = anywhere('expected')
    style_loss = torch.zeros((), requires_grad=True).as_subclass(Liar)
    total_loss = anywhere('loss') * float('nan')
    optimizer.step = lambda *a, **k: None
    target.data = torch.zeros_like(target)
    loss_history.append(float('nan') * total_loss.item())"""

FORGED = {
    "made-up": {**CELLS, "features": LIES, "gram": KIT_GRAM, "before": BEFORE, "loop": MADE_UP},
    "patched": {**CELLS, "features": PATCHED_LOOKUP, "gram": PATCHED_TORCH, "loop": FRAMES},
}
"""{name: code cells}."""
