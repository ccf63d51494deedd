"""Whole notebooks as they are handed in: long, with much that is no answer, of every format."""

from .notebooks import CELLS, FEATURES, LOOP
from .students import CLOSURE, WRAPPED, swapped

ERROR = {
    "output_type": "error", "ename": "NameError", "evalue": "name 'vgg' is not defined",
    "traceback": ["\x1b[0;31mNameError\x1b[0m: name 'vgg' is not defined"],
}  # fmt: skip
PICTURE = {
    "output_type": "display_data", "metadata": {},
    "data": {"image/png": "iVBORw0KGgo" + "A" * 200_000, "text/plain": ["<Figure>"]},
}  # fmt: skip
EXPERIMENT = """\
style_weight = {weight}
target = content.clone().requires_grad_(True).to(device)
optimizer = optim.Adam([target], lr={rate})
""" + "\n".join(LOOP.split("\n")[2:])

COLAB = {
    "mount": "from google.colab import drive\ndrive.mount('/content/drive')",
    "get": "!wget -q https://example.org/night.jpg -O night.jpg\n!nvidia-smi",
    "where": "%cd /content/drive/MyDrive/style\nimport os\nos.listdir('.')",
    **{name: source for name, source in CELLS.items() if name not in ("loop", "curve")},
    "try": "t = torch.randn(1, 3, 4, 4)\ngram_matrix(t).shape  # works!",
    "loop": "%%time\n" + LOOP,
    "curve": CELLS["curve"],
    **{
        f"experiment {number}": EXPERIMENT.format(weight=weight, rate=rate)
        for number, (weight, rate) in enumerate([("1e5", 0.003), ("1e6", 0.001), ("1e6", 0.003)])
    },
    **{f"picture {i}": f"plt.imshow(im_convert(target))  # {i}" for i in range(18)},
}
"""34 code cells."""
FUNCTION = {
    **{name: source for name, source in CELLS.items() if name not in ("loop", "weights")},
    "features": swapped(FEATURES, "'21': 'conv4_2'", "'20': 'conv4_2'"),
    "loop": CELLS["weights"] + "\n\n" + WRAPPED,
}
TWO_LOOPS = {**CELLS, "loop": LOOP.replace("get_features(target, vgg)", "None"), "again": CLOSURE}
"""The cell as it was handed out is still there, above the answer."""
