"""Paint docs/paper_row.jpg: α/β over four decades with the paper's losses, as its figure 4.

python tools/paper_row.py        # a few minutes on two cores
"""

from pathlib import Path

from styletools import FAST, bundled, load_backbone, load_image, stylize
from styletools.config import VGG19_LAYERS
from styletools.plots import show_images

CONTENT, STYLE, SIZE = "chelsea", "stained_glass", 224
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
RATIOS = ("1e-4", "1e-3", "1e-2", "1e-1")
OUT = Path(__file__).resolve().parent.parent / "docs" / "paper_row.jpg"


def main() -> None:
    """Write the row, from much style to much content."""
    backbone = load_backbone("vgg19")
    content = load_image(bundled("content")[CONTENT], SIZE)
    height, width = content.shape[-2:]
    style = load_image(bundled("style")[STYLE], size=(height, width))
    channels = len(backbone.weights[f"{VGG19_LAYERS['conv4_2']}.bias"])
    values = channels * (height // 8) * (width // 8)  # of conv4_2
    paper = FAST.replace(
        convention="paper",  # and filters with a mean activation of 1
        pooling="avg",
        style_weight=1.0,
        style_weights=dict.fromkeys(STYLE_LAYERS, 1 / len(STYLE_LAYERS)),
    )
    row = {}
    for ratio in RATIOS:
        # The paper's content loss is a sum; its ratios fit the mean of the squares.
        config = paper.replace(content_weight=float(ratio) * 2 / values)
        row[f"α/β = {ratio}"] = stylize(content, style, config, backbone=backbone).image
        print(ratio)
    show_images(row).savefig(OUT, dpi=80, pil_kwargs={"quality": 88})


if __name__ == "__main__":
    main()
