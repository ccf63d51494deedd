"""The report as one HTML file that needs nothing beside it."""

import base64
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from styletools.course.handin import markdown
from styletools.course.handin import report as model

CODE_STYLE = "friendly"
FORMATTER = HtmlFormatter(style=CODE_STYLE, nowrap=True)
STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #dfe3e8; --paper: #fff; --accent: #21538c; }
* { box-sizing: border-box; }
body { margin: 0; background: #eef0f3; color: var(--ink);
  font: 17px/1.6 Charter, "Bitstream Charter", "Iowan Old Style", Georgia, "DejaVu Serif", serif; }
main { max-width: 52rem; margin: 2rem auto; padding: 3.5rem 4.5rem 4rem; background: var(--paper);
  box-shadow: 0 1px 8px rgb(0 0 0 / .12); }
h1, h2, h3, h4, .label, dl, nav, figcaption, .note, th, footer {
  font-family: "Helvetica Neue", "Segoe UI", Roboto, "DejaVu Sans", Arial, sans-serif; }
header { text-align: center; padding-bottom: 2.5rem; }
header .course { letter-spacing: .12em; text-transform: uppercase; color: var(--soft);
  font: 600 .9rem "Helvetica Neue", "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 2.5rem; line-height: 1.15; margin: .5rem 0 .3rem; letter-spacing: -.01em; }
header .subtitle { font-style: italic; color: var(--soft); margin: 0 0 2rem; }
header img { max-height: 26rem; border-radius: 3px; }
dl { display: grid; grid-template-columns: auto auto; justify-content: center; gap: .3rem 1.4rem;
  margin: 2rem 0 0; text-align: left; font-size: .95rem; }
dt { color: var(--soft); } dd { margin: 0; font-weight: 600; }
.incomplete { margin: 2rem 0 0; padding: .9rem 1.2rem; text-align: left; font-size: .92rem;
  border: 2px solid #b3261e; border-radius: 6px; background: #fdf1f0; }
.incomplete strong { color: #b3261e; } .incomplete ul { margin: .4rem 0 0; padding-left: 1.2rem; }
nav { border: solid var(--line); border-width: 1px 0; padding: 1rem 0; font-size: .92rem; }
nav ol { columns: 2; column-gap: 2.5rem; margin: 0; padding: 0; list-style: none; }
nav li { break-inside: avoid; padding: .1rem 0; } nav li.sub { padding-left: 1.1rem; }
nav a { color: inherit; text-decoration: none; } nav a:hover { color: var(--accent); }
nav li:not(.sub) { font-weight: 600; }
h2 { font-size: 1.65rem; margin: 3.2rem 0 1rem; padding-bottom: .35rem;
  border-bottom: 2px solid var(--accent); }
h3 { font-size: 1.2rem; margin: 2.4rem 0 .7rem; }
.label { margin: 1.4rem 0 .3rem; font-size: .78rem; font-weight: 700; letter-spacing: .1em;
  text-transform: uppercase; color: var(--accent); }
.prose { overflow-wrap: anywhere; } .prose > :first-child { margin-top: 0; }
.prose h4, .prose h5, .prose h6 { margin: 1.2rem 0 .3rem; font-size: 1rem; }
.prose blockquote { margin: 1rem 0; padding-left: 1rem; border-left: 3px solid var(--line);
  color: var(--soft); }
code, pre { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .8rem; }
pre, pre.code { margin: 0 0 .6rem; padding: .9rem 1.1rem; line-height: 1.5; border-radius: 6px;
  background: #f5f7f9; border: 1px solid var(--line); white-space: pre-wrap;
  overflow-wrap: anywhere; }
pre.output { background: none; border-left: 4px solid var(--accent); border-radius: 0 6px 6px 0; }
p code, li code, td code { padding: .1em .3em; border-radius: 3px; background: #f0f2f5; }
.note { display: inline-block; margin: 0 0 .4rem; padding: .12rem .7rem; border-radius: 1rem;
  font-size: .78rem; font-weight: 600; background: #eceff3; color: var(--soft); }
.note.good { background: #e4f3e8; color: #19692f; } .note.bad { background: #fdeceb;
  color: #a3241c; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; justify-content: center;
  margin: 1.2rem 0; align-items: flex-start; }
figure { margin: 0; text-align: center; } .figures.row figure { flex: 1 1 0; min-width: 12rem; }
img { max-width: 100%; height: auto; }
figcaption { margin-top: .3rem; font-size: .82rem; color: var(--soft); }
img.formula { display: inline; height: auto; } .display { text-align: center; margin: 1rem 0; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .92rem; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: left; }
footer { margin-top: 3rem; font-size: .8rem; color: var(--soft); text-align: center; }
@media (max-width: 46rem) { main { margin: 0; padding: 2rem 1.2rem; } nav ol { columns: 1; } }
@media print { body { background: none; font-size: 11pt; } main { box-shadow: none; padding: 0;
  margin: 0; max-width: none; } header { break-after: page; } h2, h3, .label { break-after: avoid; }
  figure, img { break-inside: avoid; } }
"""


def render(report: model.Report) -> str:
    """The page as text: styles and pictures are in it, scripts are not."""
    author = report.author
    styles = FORMATTER.get_style_defs("pre.code") + STYLE
    body = "\n".join(_block(block) for block in report.blocks)
    facts = {
        "Author": author.author,
        "Student ID": author.student_id,
        "Professor": author.professor,
        "Date": report.date,
    }
    rows = "".join(f"<dt>{key}</dt><dd>{escape(value)}</dd>" for key, value in facts.items())
    cover = _image(report.cover, "A result of style transfer") if report.cover else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src 'unsafe-inline'">
<title>{escape(author.course)} · Neural style transfer · {escape(author.author)}</title>
<style>{styles}</style>
</head>
<body>
<main>
<header>
<div class="course">{escape(author.course)}</div>
<h1>Neural Style Transfer</h1>
<p class="subtitle">after Gatys, Ecker &amp; Bethge, CVPR 2016</p>
{cover}
<dl>{rows}</dl>
{_incomplete(report.missing)}
</header>
{_contents(report.blocks)}
{body}
</main>
</body>
</html>
"""


def _incomplete(missing: Sequence[str]) -> str:
    if not missing:
        return ""
    items = "".join(f"<li>{escape(text)}</li>" for text in missing)
    return (
        f'<div class="incomplete"><strong>Incomplete hand-in.</strong> '
        f"Missing when this report was written:<ul>{items}</ul></div>"
    )


def _contents(blocks: Sequence[model.Block]) -> str:
    items = "".join(
        f'<li class="{"sub" if block.level > 1 else "top"}">'
        f'<a href="#{block.anchor}">{escape(block.text)}</a></li>'
        for block in blocks
        if isinstance(block, model.Heading)
    )
    return f'<nav aria-label="Contents"><ol>{items}</ol></nav>'


def _block(block: model.Block) -> str:
    match block:
        case model.Heading(level, text, anchor):
            return f'<h{level + 1} id="{anchor}">{escape(text)}</h{level + 1}>'
        case model.Label(text):
            return f'<div class="label">{escape(text)}</div>'
        case model.Note(tone, text):
            return f'<div><span class="note {tone}">{escape(text)}</span></div>'
        case model.Code(source):
            return f'<pre class="code">{highlight(source, PythonLexer(), FORMATTER)}</pre>'
        case model.Output(text):
            return f'<pre class="output">{escape(text)}</pre>'
        case model.Figures():
            return _figures(block)
        case model.Prose(text, pictures):
            return f'<div class="prose">{_markdown(text, pictures)}</div>'


def _figures(block: model.Figures) -> str:
    row = " row" if block.side_by_side else ""
    figures = []
    for picture in block.pictures:
        caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
        figures.append(f"<figure>{_image(picture, picture.caption or 'Figure')}{caption}</figure>")
    return f'<div class="figures{row}">{"".join(figures)}</div>'


def _image(picture: model.Picture, description: str) -> str:
    data = base64.b64encode(picture.data).decode()
    return (
        f'<img src="data:image/{picture.kind};base64,{data}" alt="{escape(description)}" '
        f'width="{picture.width}" height="{picture.height}">'
    )


class _Renderer(RendererHTML):
    """markdown-it's own, but for pictures, formulas and headings."""

    pictures: dict[str, model.Picture]

    def image(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        name = str(token.attrGet("src") or "").removeprefix("attachment:")
        if name in self.pictures:
            return _image(self.pictures[name], token.content)
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


def _markdown(text: str, pictures: dict[str, model.Picture]) -> str:
    parser = markdown.parser()
    tokens = parser.parse(text)
    renderer = _Renderer(parser)
    renderer.pictures = pictures
    return renderer.render(tokens, parser.options, {})


def _formula(tex: str, display: bool) -> str:
    drawn = markdown.formula(tex)
    if drawn is None:
        return f"<code>{escape(tex.strip())}</code>"
    data = base64.b64encode(drawn.png).decode()
    scale = 1.2 if display else 1.0
    return (
        f'<img class="formula" src="data:image/png;base64,{data}" alt="{escape(tex.strip())}" '
        f'style="width:{drawn.width * scale:.3f}em;vertical-align:{-drawn.depth * scale:.3f}em">'
    )


def _below(tag: str) -> str:
    """A student's heading under the report's: h1 → h4."""
    return f"h{min(6, int(re.sub('[^1-6]', '', tag) or 3) + 3)}"
