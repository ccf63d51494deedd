"""What students write: markdown with formulas, and nothing that could run."""

import io
import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from PIL import Image

DPI = 300
SIZE = 10  # points; only the proportions count
REPLACEMENTS = {  # what matplotlib does not know: what is near to it
    r"\\(text|operatorname\*?|mbox)(?![A-Za-z])": r"\\mathrm",
    r"\\[bB]igg?[lrm]?(?![A-Za-z])": "",
    r"\^\s*(\\top(?![A-Za-z])|\{\s*\\top\s*\})": r"^{\\mathrm{T}}",
}
IMG_TAG = re.compile(
    r"""(`+.*?`+)|<img\b[^>]*?\bsrc\s*=\s*["']([^"'<>]+)["'][^>]*>""", re.DOTALL | re.I
)


@dataclass(frozen=True)
class Formula:
    """A formula as a picture; its sizes are in units of the text's size (em)."""

    png: bytes
    width: float
    height: float
    depth: float  # below the line of the text


def parser() -> MarkdownIt:
    """CommonMark with tables and $formulas$; HTML stays text, and scripts cannot be linked to."""
    return (
        MarkdownIt("commonmark", {"html": False})
        .enable(["table", "strikethrough"])
        .use(dollarmath_plugin, double_inline=True, allow_labels=False)
    )


def with_pictures(text: str) -> str:
    """The text with each <img> tag, which Jupyter shows too, as a picture of markdown."""
    return IMG_TAG.sub(lambda tag: tag[1] or f"![picture](<{tag[2]}>)", text)


def source_name(source: object) -> str:
    """How a picture's address names an attachment, or a file."""
    return unquote(str(source or "")).removeprefix("attachment:")


def linked_pictures(text: str) -> list[str]:
    """Paths and addresses of the pictures in a text, but for those that are pasted into it."""
    tokens = [inner for token in parser().parse(text) for inner in token.children or ()]
    sources = [str(token.attrGet("src")) for token in tokens if token.type == "image"]
    return [source_name(source) for source in sources if not source.startswith("attachment:")]


@cache
def formula(tex: str) -> Formula | None:
    """Draw a formula with matplotlib; None if that does not know a command in it."""
    from matplotlib import mathtext
    from matplotlib.font_manager import FontProperties

    text = " ".join(tex.split())
    for command, replacement in REPLACEMENTS.items():
        text = re.sub(command, replacement, text)
    style = FontProperties(size=SIZE, math_fontfamily="stix")
    buffer = io.BytesIO()
    try:
        depth = mathtext.math_to_image(f"${text}$", buffer, prop=style, dpi=DPI, format="png")
    except (ValueError, RuntimeError):
        return None
    with Image.open(buffer) as image:
        width, height = (side * 72 / DPI / SIZE for side in image.size)
    return Formula(buffer.getvalue(), width, height, depth / SIZE)
