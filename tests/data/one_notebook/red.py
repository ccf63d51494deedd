"""Notebooks that were once graded wrongly: {title: (code cells, {TODO: points lost})}."""

from .notebooks import CELLS, LOOP


def loop(old, new):
    """The notebook with a change of its loop."""
    assert old in LOOP, old
    return {**CELLS, "loop": LOOP.replace(old, new, 1)}


def before(name, more):
    """The notebook with more in a cell."""
    return {**CELLS, name: CELLS[name] + more}


WRONG = LOOP.replace("content_features['conv4_2'])**2", "content_features['conv4_2']**2)")
TRIED = {name: source for name, source in CELLS.items() if name not in ("loop", "curve")}
FEATURES = "    target_features = get_features(target, vgg)\n"
STEP = "    optimizer.step()\n"

TOTAL = "content_weight * content_loss + style_weight * style_loss"
ABBREVIATED = CELLS["weights"].replace("content_weight", "cw").replace("style_weight =", "sw =")

RED = {
    "each weight has the other's loss": (
        loop(TOTAL, "style_weight * content_loss + content_weight * style_loss"),
        {"total_loss": 5},
    ),
    "each abbreviated weight has the other's loss": (
        loop(TOTAL, "sw * content_loss + cw * style_loss") | {"weights": ABBREVIATED},
        {"total_loss": 5},
    ),
    "weights with other names": (
        loop(TOTAL, "a * content_loss + b * style_loss")
        | {"weights": ABBREVIATED.replace("cw =", "a =").replace("sw =", "b =")},
        {},
    ),
    "dead code": (
        {**CELLS, "try": "if False:\n    " + LOOP.replace("\n", "\n    "), "loop": WRONG},
        {"content_loss": 5},
    ),
    "the first loop is wrong": ({**TRIED, "try": WRONG, "loop": LOOP}, {}),
    "content features overwritten": (
        loop(FEATURES, FEATURES + "    content_features = target_features\n"),
        {"content_loss": 5},
    ),
    "layer weights overwritten": (
        loop(FEATURES, FEATURES + "    style_weights = {layer: 0.0 for layer in style_weights}\n"),
        {"style_loss": 5},
    ),
    "a Gram that is decorated away": (
        {**CELLS, "gram": CELLS["gram"] + "\ngram_matrix = lambda x: x.mean()"},
        {"gram_matrix": 5},
    ),
    "one step": (
        loop("    if ii % show", "    if ii >= 1:\n        break\n    if ii % show"),
        {"optimise": 5},
    ),
    "learning rate 0": (
        loop(STEP, "    optimizer.param_groups[0]['lr'] = 0\n" + STEP), {"optimise": 5},
    ),
    "the target is put back": (
        loop(STEP, STEP + "    target.data.copy_(content)\n"), {"optimise": 5},
    ),
    "a scheduler": (
        loop("loss_history = []", "scheduler = optim.lr_scheduler.StepLR(optimizer, 5, 0.5)\n"
             "loss_history = []")
        | {"curve": ""},
        {},
    ),
    "an array of losses": (
        {**CELLS, "loop": LOOP.replace("loss_history = []", "loss_history = np.zeros(steps)")
         .replace("loss_history.append(total_loss.item())",
                  "loss_history[ii - 1] = total_loss.item()")},
        {},
    ),
    "French names": (
        {**CELLS, "weights": CELLS["weights"].replace("content_weight", "poids_contenu")
         .replace("style_weight =", "poids_style ="),
         "loop": LOOP.replace("content_weight", "poids_contenu")
         .replace("style_weight * style_loss", "poids_style * style_loss")},
        {},
    ),
}  # fmt: skip
