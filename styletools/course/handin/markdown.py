"""What students write: markdown with formulas, and nothing that could run."""

import io
import re
from dataclasses import dataclass
from functools import cache

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
