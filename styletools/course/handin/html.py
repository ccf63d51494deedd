"""The report as one HTML file that needs nothing beside it."""

import base64
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from styletools.course.handin import markdown
from styletools.course.handin import report as model

CODE_STYLE = "xcode"  # every colour has the contrast of WCAG AA on its ground
FORMATTER = HtmlFormatter(style=CODE_STYLE, nowrap=True)


def templates_in(folder: Path) -> Environment:
    """The templates of a folder: everything is escaped, and what is undefined is an error."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_TEMPLATES = templates_in(Path(__file__).resolve().parent)


def report_page(report: model.Report) -> str:
    """The page as text: styles and pictures are in it, scripts are not."""
    return _TEMPLATES.get_template("report.html.j2").render(
        report=report,
        code_styles=Markup(FORMATTER.get_style_defs("pre.code")),
    )


def _code(source: str) -> Markup:
    return Markup(highlight(source, PythonLexer(), FORMATTER))


def _image(picture: model.ReportPicture, description: str) -> Markup:
    return Markup('<img src="data:image/{};base64,{}" alt="{}" width="{}" height="{}">').format(
        picture.kind, _base64(picture.data), description, picture.width, picture.height
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class _Renderer(RendererHTML):
    """markdown-it's own, but for pictures, formulas and headings."""

    pictures: dict[str, model.ReportPicture]

    def image(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        picture = self.pictures.get(markdown.source_name(token.attrGet("src")))
        if picture:
            return _image(picture, token.content)
        return f"[{escape(token.content or 'picture')}]"  # nothing is loaded from elsewhere

    def math_inline(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return _formula(tokens[index].content, display=False)

    def math_block(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f'<div class="display">{_formula(tokens[index].content, display=True)}</div>'

    math_inline_double = math_block

    def heading_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f"<{_below(tokens[index].tag)}>"

    def heading_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f"</{_below(tokens[index].tag)}>\n"


def _markdown(block: model.Prose) -> Markup:
    parser = markdown.parser()
    tokens = parser.parse(block.markdown)
    renderer = _Renderer(parser)
    renderer.pictures = block.pictures
    return Markup(renderer.render(tokens, parser.options, {}))


def _formula(tex: str, display: bool) -> str:
    drawn = markdown.formula(tex)
    if drawn is None:
        return f"<code>{escape(tex.strip())}</code>"
    data, scale = _base64(drawn.png), 1.2 if display else 1.0
    return (
        f'<img class="formula" src="data:image/png;base64,{data}" alt="{escape(tex.strip())}" '
        f'style="width:{drawn.width * scale:.3f}em;vertical-align:{-drawn.depth * scale:.3f}em">'
    )


def _below(tag: str) -> str:
    """A student's heading under the report's: h1 → h4."""
    return f"h{min(6, int(re.sub('[^1-6]', '', tag) or 3) + 3)}"


_TEMPLATES.filters |= {"code": _code, "prose": _markdown, "image": _image}
_TEMPLATES.globals["kind"] = lambda block: type(block).__name__
