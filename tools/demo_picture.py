"""Put photograph, style and `make demo`'s picture side by side for the README: docs/demo.jpg."""

from pathlib import Path

from PIL import Image, ImageOps

from styletools.images import save_image

ROOT = Path(__file__).resolve().parent.parent
PICTURES = (
    "images/content/chelsea.jpg",
    "images/style/stained_glass.jpg",
    "outputs/demo/picture.png",
)
HEIGHT, GAP = 300, 8  # pixels


def main() -> None:
    """Write docs/demo.jpg from the latest `make demo`."""
    result = Image.open(ROOT / PICTURES[2])
    width = round(HEIGHT * result.width / result.height)
    sizes = [(width, HEIGHT), (HEIGHT, HEIGHT), (width, HEIGHT)]
    sheet = Image.new("RGB", (sum(w for w, _ in sizes) + 2 * GAP, HEIGHT), "white")
    left = 0
    for name, size in zip(PICTURES, sizes, strict=True):
        picture = ImageOps.fit(Image.open(ROOT / name).convert("RGB"), size)
        sheet.paste(picture, (left, 0))
        left += size[0] + GAP
    save_image(sheet, ROOT / "docs" / "demo.jpg")


if __name__ == "__main__":
    main()
