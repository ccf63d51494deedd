"""What students wrote: right, right but different, wrong, unfinished: see test_single.py."""

from dataclasses import dataclass, field

from .notebooks import BEFORE, CELLS, FEATURES, GRAM, LOOP

ALL = 5.0  # the points of a TODO
OTHER_MAPPING, LAYER = 0.1 * ALL, 0.18 * ALL  # what "whole" and each layer are worth


@dataclass(frozen=True)
class Student:
    """A hand-in.

    Attributes:
        title: what is special about it.
        changes: {cell: its source}; a cell that the notebook does not have comes before the loop.
        lost: {TODO: points}.
        codes: {TODO: diagnosis}.
        statuses: {TODO: status}, where it is not passed, wrong or raised.
    """

    title: str
    changes: dict
    lost: dict = field(default_factory=dict)
    codes: dict = field(default_factory=dict)
    statuses: dict = field(default_factory=dict)

    @property
    def cells(self):
        """All code cells, in order."""
        new = {name: text for name, text in self.changes.items() if name not in CELLS}
        found = {}
        for name, source in CELLS.items():
            if name == "loop":
                found |= new
            found[name] = self.changes.get(name, source)
        return found


def swapped(source, *pairs):
    """The source with texts replaced, each of which must be in it."""
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in source, old
        source = source.replace(old, new)
    return source


def right(title, **changes):
    return Student(title, changes)


def loop(*pairs):
    return swapped(LOOP, *pairs)


def mapping(title, code, lost, **indices):
    """One or more layers at another index."""
    source = FEATURES
    for name, index in indices.items():
        [line] = [line for line in source.split("\n") if f"'{name}'" in line]
        old = line[line.index("'") : line.index(":")]
        source = source.replace(f"{old}: '{name}'", f"~{index}~: '{name}'")
    source = source.replace("~", "'")
    return Student(title, {"features": source}, {"layers": lost}, {"layers": code})


def gram(body, name="gram_matrix"):
    return f"def {name}(tensor):\n" + "\n".join(f"    {line}" for line in body.split("\n"))


CONTENT = "torch.mean((target_features['conv4_2'] - content_features['conv4_2'])**2)"
LAYER_LOSS = "style_weights[layer] * torch.mean((target_gram - style_gram)**2)"
TOTAL = "content_weight * content_loss + style_weight * style_loss"


def content(title, code, text, lost=ALL, **more):
    return Student(title, {"loop": loop(CONTENT, text)}, {"content_loss": lost},
                   {"content_loss": code}, **more)  # fmt: skip


def style(title, code, *pairs, lost=ALL, **more):
    return Student(
        title, {"loop": loop(*pairs)}, {"style_loss": lost}, {"style_loss": code}, **more
    )


def total(title, code, text, lost=ALL, **more):
    return Student(title, {"loop": loop(TOTAL, text)}, {"total_loss": lost}, {"total_loss": code},
                   **more)  # fmt: skip


def stepping(title, code, *pairs, lost=ALL, **more):
    return Student(title, {"loop": loop(*pairs)}, {"optimise": lost}, {"optimise": code}, **more)


WRONG_MAPPING = [
    mapping("counting 0, 1, 2, 3", "mapping-counted", 5 * LAYER + OTHER_MAPPING, conv2_1=1,
            conv3_1=2, conv4_1=3, conv4_2=4, conv5_1=5),
    mapping("20 for conv4_2", "mapping-other-relu", LAYER + OTHER_MAPPING, conv4_2=20),
    mapping("20, and the ReLUs of others", "mapping-relu-index", 3 * LAYER + OTHER_MAPPING,
            conv3_1=11, conv4_1=20, conv4_2=22),
    mapping("off by a block", "mapping-off-by-a-block", 2 * LAYER + OTHER_MAPPING,
            conv3_1=5, conv2_1=2),
    mapping("swapped names", "mapping-swapped-names", 2 * LAYER + OTHER_MAPPING,
            conv4_1=21, conv4_2=19),
    mapping("index 1, equal to index 0", "mapping-relu-index", OTHER_MAPPING, conv1_1=1),
    mapping("conv4_3 for conv4_2", "mapping-wrong-convolution", LAYER + OTHER_MAPPING, conv4_2=23),
    Student("numbers for texts", {"features": swapped(FEATURES, "'5'", "5", "'10'", "10", "'19'",
            "19", "'21'", "21", "'28'", "28")}, {"layers": ALL},
            {"layers": "mapping-integer-keys"}),
    Student("the content layer forgotten", {"features": swapped(FEATURES,
            "'21': 'conv4_2',  # content\n", "\n")}, {"layers": LAYER + OTHER_MAPPING},
            {"layers": "mapping-missing-layer"}),
    Student("a typo in a name", {"features": swapped(FEATURES, "conv4_2", "conv4_2 ")},
            {"layers": LAYER + OTHER_MAPPING}, {"layers": "mapping-misspelt"}),
    Student("as it was handed out", {"features": "\n".join(
            line for line in FEATURES.split("\n") if not any(f"'{i}'" in line for i in
            (5, 10, 19, 21))).replace("'28': 'conv5_1'}", "}")},
            {"layers": ALL}, statuses={"layers": "not attempted"}),
]  # fmt: skip

SIXTEEN = """\
NAMES = {'0': 'conv1_1', '2': 'conv1_2', '5': 'conv2_1', '7': 'conv2_2', '10': 'conv3_1',
         '12': 'conv3_2', '14': 'conv3_3', '16': 'conv3_4', '19': 'conv4_1', '21': 'conv4_2',
         '23': 'conv4_3', '25': 'conv4_4', '28': 'conv5_1', '30': 'conv5_2', '32': 'conv5_3',
         '34': 'conv5_4'}
def get_features(image, model, layers=None):
    layers = layers or NAMES
    features, x = {}, image
    for name, layer in enumerate(model):
        x = layer(x)
        if str(name) in layers:
            features[layers[str(name)]] = x
    return features"""
COUNTED = """\
def get_features(image, model):
    features, block, conv, x = {}, 1, 0, image
    for layer in model.children():
        x = layer(x)
        if isinstance(layer, torch.nn.Conv2d):
            conv += 1
            features[f'conv{block}_{conv}'] = x
        elif isinstance(layer, torch.nn.MaxPool2d):
            block, conv = block + 1, 0
    wanted = ('conv1_1', 'conv2_1', 'conv3_1', 'conv4_1', 'conv4_2', 'conv5_1')
    return {name: features[name] for name in wanted}"""
RIGHT_MAPPING = [
    right("nothing is special"),
    right("all sixteen, in another cell", features=SIXTEEN),
    right("counted by kind of module", features=COUNTED),
    Student("renamed functions", {
        "features": swapped(FEATURES, "get_features", "extract"),
        "gram": swapped(GRAM, "gram_matrix", "correlations"),
        "before": swapped(BEFORE, "get_features", "extract", "gram_matrix", "correlations"),
        "loop": loop("get_features", "extract", "gram_matrix", "correlations"),
    }),
]  # fmt: skip

RIGHT_GRAM = [
    right(f"gram: {title}", gram=gram(body))
    for title, body in {
        "reshape and @": "_, d, h, w = tensor.shape\nf = tensor.reshape(d, h * w)\nreturn f @ f.T",
        "view(d, -1)": "d = tensor.size(1)\nf = tensor.view(d, -1)\nreturn torch.mm(f, f.t())",
        "transpose": "b, d, h, w = tensor.size()\nf = tensor.view(d, h*w)\n"
                     "return torch.matmul(f, f.transpose(0, 1))",
        "einsum": "return torch.einsum('bihw,bjhw->ij', tensor, tensor)",
        "b·d rows": "b, d, h, w = tensor.size()\nf = tensor.view(b * d, h * w)\n"
                    "gram = torch.mm(f, f.t())\nreturn gram",
        "(1, d, d)": "b, d, h, w = tensor.size()\nf = tensor.view(b, d, h * w)\n"
                     "return f.bmm(f.transpose(1, 2))",
        "squeezed": "f = tensor.squeeze(0).flatten(1)\nprint(f.shape)\nreturn f.mm(f.t())",
    }.items()
]  # fmt: skip
WRONG_GRAM = [
    Student(f"gram: {title}", {"gram": gram(body)}, {"gram_matrix": ALL}, {"gram_matrix": code},
            statuses=statuses)
    for title, code, body, statuses in [
        ("size without parentheses", "gram-size-not-called", "_, d, h, w = tensor.size\n"
         "f = tensor.view(d, h * w)\nreturn torch.mm(f, f.t())", {}),
        ("not transposed", "gram-not-transposed", "_, d, h, w = tensor.size()\n"
         "f = tensor.view(d, h * w)\nreturn torch.mm(f, f)", {}),
        ("normalised", "gram-normalised", "_, d, h, w = tensor.size()\n"
         "f = tensor.view(d, h * w)\nreturn torch.mm(f, f.t()) / (d * h * w)", {}),
        ("positions for channels", "gram-over-positions", "_, d, h, w = tensor.size()\n"
         "f = tensor.view(d, h * w)\nreturn torch.mm(f.t(), f)", {}),
        ("unfinished", "", "gram = None\nreturn gram", {"gram_matrix": "not attempted"}),
    ]
]  # fmt: skip

CONTENT_LOSSES = [
    content("operands swapped", "", "((content_features['conv4_2'] - target_features['conv4_2'])"
            ".pow(2)).mean()", lost=0),
    content("F.mse_loss", "", "F.mse_loss(target_features['conv4_2'], content_features['conv4_2'])",
            lost=0),
    content("only the second is squared", "content-squared-too-early",
            "torch.mean(target_features['conv4_2'] - content_features['conv4_2']**2)"),
    content("at conv4_1", "content-wrong-layer",
            "torch.mean((target_features['conv4_1'] - content_features['conv4_1'])**2)"),
    content("the sum", "content-summed",
            "torch.sum((target_features['conv4_2'] - content_features['conv4_2'])**2)"),
    content("not squared", "content-not-squared",
            "torch.mean(target_features['conv4_2'] - content_features['conv4_2'])"),
    content("a typo", "content-unknown-layer",
            "torch.mean((target_features['conv4_2'] - content_features['conv42'])**2)"),
    content("of the whole dict", "content-whole-dict",
            "torch.mean((target_features - content_features)**2)"),
    content("None left", "", "None", statuses={"content_loss": "not attempted"}),
    Student("a criterion of another cell", {"criterion": "criterion = torch.nn.MSELoss()",
            "loop": loop(CONTENT, "criterion(target_features['conv4_2'], "
                         "content_features['conv4_2'])")}),
    Student("functions of other cells", {
        "losses": "def content_loss_fn(t, c):\n    return ((t - c) ** 2).mean()\n"
                  "def layer_loss(f, gram, w):\n    _, d, h, w_ = f.shape\n"
                  "    return w * content_loss_fn(gram_matrix(f), gram) / (d * h * w_)",
        "loop": loop(CONTENT, "content_loss_fn(target_features['conv4_2'], "
                     "content_features['conv4_2'])")
        .split("        target_feature =")[0]
        + "        style_loss += layer_loss(target_features[layer], style_grams[layer], "
          "style_weights[layer])\n    total_loss =" + LOOP.split("    total_loss =")[1],
    }),
]  # fmt: skip

STYLE_LOSSES = [
    style("the whole dict to gram_matrix", "style-whole-dict", "gram_matrix(target_feature)",
          "gram_matrix(target_features)"),
    style("the weight twice", "style-weight-twice", "style_loss += layer_style_loss / (d * h * w)",
          "style_loss += style_weights[layer] * layer_style_loss / (d * h * w)"),
    style("the weight dropped", "style-weight-missing", "style_weights[layer] * torch.mean",
          "torch.mean"),
    style("a typo", "style-unknown-name", "target_gram - style_gram)", "target_gram - stile_gram)"),
    style("not divided", "style-division-missing", " / (d * h * w)", ""),
    style("never reset", "style-name-not-set", "    style_loss = 0\n", "", "loss_history = []",
          "loss_history = []\nstyle_loss = 0"),
    style("only the last layer", "style-only-last-layer", "style_loss += layer",
          "style_loss = layer"),
    style("features, not Grams", "style-layers-mixed", "gram_matrix(target_feature)",
          "target_feature"),
    style("None left", "style-none-left", LAYER_LOSS, "None"),
    style("the Gram inside the loop", "", "style_grams[layer]",
          "gram_matrix(style_features[layer])", lost=0),
    style("the Gram inside, in two steps", "", "style_gram = style_grams[layer]",
          "style_feature = style_features[layer]\n        style_gram = gram_matrix(style_feature)",
          lost=0),
    style("items, and a running sum", "", "for layer in style_weights:",
          "for layer, weight in style_weights.items():", "style_weights[layer] * torch.mean",
          "weight * torch.mean", "style_loss += layer", "style_loss = style_loss + layer", lost=0),
    style("all layers, the content's skipped", "", "for layer in style_weights:",
          "for layer in target_features:\n        if layer not in style_weights:\n"
          "            continue", lost=0),
    style("a list that is added up", "", "    style_loss = 0\n", "    parts = []\n",
          "style_loss += layer_style_loss / (d * h * w)",
          "parts.append(layer_style_loss / (d * h * w))", "    total_loss = content",
          "    style_loss = sum(parts)\n    total_loss = content", lost=0),
    style("operands swapped, mse_loss", "", "torch.mean((target_gram - style_gram)**2)",
          "torch.nn.functional.mse_loss(style_gram, target_gram)", lost=0),
    Student("two styles on purpose", {
        "before": BEFORE + "\nstyle2_features = get_features(style2, vgg)\nstyle2_grams = "
                  "{l: gram_matrix(style2_features[l]) for l in style2_features}",
        "loop": loop("torch.mean((target_gram - style_gram)**2)", "(0.5 * torch.mean("
                     "(target_gram - style_gram)**2) + 0.5 * torch.mean((target_gram - "
                     "style2_grams[layer])**2))"),
    }, statuses={"style_loss": "different"}),
]  # fmt: skip

TOTALS = [
    total("other order", "", "style_loss * style_weight + content_weight * content_loss", lost=0),
    total("no weights", "total-no-weights", "content_loss + style_loss"),
    total("no content weight", "total-content-weight-missing",
          "content_loss + style_weight * style_loss"),
    total("weights exchanged", "total-swapped-weights",
          "style_weight * content_loss + content_weight * style_loss"),
    total("the style alone", "total-content-missing", "style_weight * style_loss"),
    total("a difference", "total-subtracted",
          "content_weight * content_loss - style_weight * style_loss"),
    total("None left", "", "None", statuses={"total_loss": "not attempted"}),
    Student("in two steps", {"loop": loop("total_loss = " + TOTAL, "total_loss = content_weight * "
            "content_loss\n    total_loss += style_weight * style_loss")}),
    Student("without a name", {"loop": loop("    total_loss = " + TOTAL + "\n", "",
            "total_loss.backward()", f"({TOTAL}).backward()",
            "loss_history.append(total_loss.item())", "pass", "total_loss.item()", "0")},
            {"optimise": 0.3 * ALL}),
    Student("the content loss within it", {"loop": loop("    content_loss = " + CONTENT + "\n", "",
            TOTAL, f"content_weight * {CONTENT} + style_weight * style_loss")}),
    Student("one name for features of both", {"try": "features = get_features(content, vgg)",
            "loop": loop("target_features", "features")}),
    Student("no content loss", {"loop": loop("    content_loss = " + CONTENT + "\n", "", TOTAL,
            "style_weight * style_loss")}, {"content_loss": ALL, "total_loss": ALL},
            {"total_loss": "total-content-missing"}),
    Student("alpha and beta", {"weights": swapped(CELLS["weights"], "content_weight", "alpha",
            "style_weight =", "beta ="), "loop": loop("content_weight", "alpha",
            "style_weight * style_loss", "beta * style_loss")}),
]  # fmt: skip

WRAPPED = (
    "show_every = 400\n"
    "def style_transfer(model, c_feats, s_grams, target, weights, steps=2000, lr=0.003, cw=1,\n"
    "                   sw=1e6):\n"
    "    optimizer = optim.Adam([target], lr=lr)\n"
    "    losses = []\n"
    + "\n".join("    " + line for line in LOOP.split("\n")[4:])
    .replace("vgg", "model").replace("content_features", "c_feats")
    .replace("style_grams", "s_grams")
    .replace("style_weights", "weights").replace("content_weight", "cw")
    .replace("style_weight ", "sw ").replace("loss_history", "losses")
    + "\n    return target, losses\n\n"
    "target, loss_history = style_transfer(vgg, content_features, style_grams, target,\n"
    "                                      style_weights, steps=5000)"
)  # fmt: skip
CLOSURE = (
    "optimizer = torch.optim.LBFGS([target])\nloss_history = []\nrun = [0]\nwhile run[0] <= 300:\n"
    "    def closure():\n        optimizer.zero_grad()\n"
    + "\n".join("    " + line for line in LOOP.split("\n")[5:16])
    + "\n        total_loss.backward()\n        loss_history.append(total_loss.item())\n"
    "        run[0] += 1\n        return total_loss\n    optimizer.step(closure)"
)

LOSSES = (
    "def losses_of(image, net, content_features, grams, weights, alpha, beta=1e6):\n"
    + "\n".join(LOOP.split("\n")[5:16])
    .replace("target, vgg", "image, net").replace("style_grams", "grams")
    .replace("style_weights", "weights").replace("content_weight *", "alpha *")
    .replace("style_weight *", "beta *")
    + "\n    return total_loss, content_loss, style_loss"
)  # fmt: skip

STEPPING = [
    stepping("None left for the target's features", "optimise-none-left",
             "get_features(target, vgg)", "None"),
    stepping("features of the wrong picture", "optimise-detached", "get_features(target, vgg)",
             "get_features(content, vgg)"),
    stepping("gradients never cleared", "optimise-no-zero-grad", "    optimizer.zero_grad()\n", ""),
    stepping("no step", "optimise-no-step", "    optimizer.step()\n", ""),
    stepping("tensors in the history", "optimise-history-of-tensors", "append(total_loss.item())",
             "append(total_loss)", lost=0.3 * ALL),
    stepping("no history", "optimise-history-length",
             "    loss_history.append(total_loss.item())\n", "", lost=0.3 * ALL),
    right("in a function", loop=WRAPPED),
    right("a bar that is made before", loop=loop(
        "for ii in range(1, steps+1):", "bar = tqdm(range(1, steps + 1))\nfor ii in bar:")),
    right("counted twice", loop=loop("for ii in range(1, steps+1):",
          "for ii, _ in enumerate(range(steps)):")),
    right("all losses in a function", losses=LOSSES, loop=loop(
        LOOP.split("\n")[5], "    total_loss, c, s = losses_of(target, vgg, content_features, "
        "style_grams, style_weights, content_weight, style_weight)",
        *(part for line in LOOP.split("\n")[6:16] for part in (line + "\n", "")))),
    right("on a GPU", features=swapped(FEATURES, "x = image", "x = image.cuda()"),
          gram=swapped(GRAM, "tensor.t())", "tensor.t()).to(device)"),
          loop=loop("gram_matrix(target_feature)", "gram_matrix(target_feature.to('cuda'))")),
    right("L-BFGS with a closure", loop=CLOSURE),
    right("with a bar, and a number in between", loop=loop(
        "for ii in range(1, steps+1):", "from tqdm import tqdm\nfor ii in tqdm(range(2000)):",
        "    loss_history.append(total_loss.item())", "    value = total_loss.item()\n"
        "    loss_history.append(value)")),
    Student("everything at once", {
        "features": swapped(FEATURES, "'21'", "'20'"),
        "gram": gram("return torch.mm(tensor, tensor)"),
        "loop": loop(CONTENT, "None", LAYER_LOSS, "None", TOTAL, "None",
                     "get_features(target, vgg)", "None"),
    }, {"layers": LAYER + OTHER_MAPPING, "gram_matrix": ALL, "content_loss": ALL, "style_loss": ALL,
        "total_loss": ALL, "optimise": ALL},
        {"layers": "mapping-other-relu", "optimise": "optimise-none-left"},
        {"content_loss": "not attempted", "total_loss": "not attempted"}),
    Student("no Python", {"loop": loop(CONTENT, CONTENT[:-1])}, dict.fromkeys(
        ("content_loss", "style_loss", "total_loss", "optimise"), ALL),
        statuses=dict.fromkeys(("content_loss", "style_loss", "total_loss", "optimise"),
                               "not attempted")),
]  # fmt: skip

ANSWERS = [
    *RIGHT_MAPPING, *WRONG_MAPPING, *RIGHT_GRAM, *WRONG_GRAM, *CONTENT_LOSSES, *STYLE_LOSSES,
    *TOTALS, *STEPPING,
]  # fmt: skip
