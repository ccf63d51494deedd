"""The course as a book: lessons, guides and pictures as static pages that open from disk.

    coursekit book -o site            # the reference lessons, with outputs and solutions
    coursekit book -o site --student  # the student's lessons, and no guide for instructors

nbconvert makes HTML of the cells, one template puts it into a page with a list of contents, search,
previous and next, light and dark. No page asks the network for anything.
"""

import json
import re
import shutil
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape, unescape
from itertools import groupby
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from coursekit.build import ROOT, TEMPLATES
from styletools._files import write_text
from styletools.course.handin.html import templates_in
from styletools.course.handin.markdown import formula, parser
from styletools.errors import StyletoolsError

LIGHT_CODE, DARK_CODE = "xcode", "github-dark"
GUIDES = (
    "instructors", "teaching", "control", "trust", "privacy", "accessibility", "small", "paper",
    "red-team",
)  # fmt: skip
_DRAWN = "No description has been provided for this image"  # nbconvert's
WIDE = '<div class="wide" role="group" aria-label="Table" tabindex="0">'  # scrolls, with keys too
KINDS_OF_PICTURES = ("content", "style")


class BookError(StyletoolsError):
    """A book that cannot be made."""


@dataclass
class BookPage:
    """A page of the book.

    Attributes:
        name: of its file.
        title: in the list of contents.
        part: of the book, such as "Lessons".
        body: HTML.
        sections: (id, heading, text) for the search.
    """

    name: str
    title: str
    part: str
    body: str
    sections: list[tuple[str, str, str]] = field(default_factory=list)


def write_book(output: Path, student: bool = False) -> list[str]:
    """Write the book into a folder, new or its own; the names of its pages.

    Args:
        output: the folder.
        student: the student's lessons without outputs and solutions, and no guide.

    Raises:
        BookError: the folder holds something else, or the lessons are not built.
    """
    if output.exists() and any(output.iterdir()) and not (output / "book.js").exists():
        raise BookError(f"{output} is not empty, and no book. Name a new folder.")
    pages = [*_lessons(student), *([] if student else _guides()), _gallery()]
    pages.insert(0, _contents(pages, student))
    if output.exists():
        shutil.rmtree(output)
    (output / "images").mkdir(parents=True)
    template = templates_in(TEMPLATES).get_template("book.html")
    for place, page in enumerate(pages):
        page.body, page.sections = _with_ids(page.body)
        page.body = page.body.replace("<table", f"{WIDE}<table").replace(
            "</table>", "</table></div>"
        )
        text = template.render(
            page=page, pages=pages, body=Markup(page.body),
            before=pages[place - 1] if place else None,
            after=pages[place + 1] if place + 1 < len(pages) else None,
        )  # fmt: skip
        write_text(output / page.name, text)
    for picture in _pictures():
        shutil.copy(picture, output / "images" / picture.name)
    for name in ("demo.jpg", "studio.png", "paper_row.jpg", "control.jpg"):
        if (ROOT / "docs" / name).exists():
            shutil.copy(ROOT / "docs" / name, output / "images" / name)
    write_text(output / "book.css", _styles())
    shutil.copy(TEMPLATES / "book.js", output / "book.js")
    index = [
        {"page": page.name, "title": page.title, "id": name, "heading": heading, "text": text}
        for page in pages
        for name, heading, text in page.sections
    ]
    write_text(output / "index.js", f"window.BOOK = {json.dumps(index, ensure_ascii=False)};\n")
    return [page.name for page in pages]


def _lessons(student: bool) -> Iterator[BookPage]:
    folder = ROOT / "notebooks" / ("student" if student else "reference")
    exporter = HTMLExporter(
        template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True
    )
    exporter.register_filter("markdown2html", _markdown_of_lessons)
    paths = sorted(folder.glob("*.ipynb"))
    if not paths:
        raise BookError(f"No lessons in {folder}. Build them first: python -m coursekit build.")
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        hidden = [c for c in notebook.cells if c.metadata.get("jupyter", {}).get("source_hidden")]
        notebook.cells = [cell for cell in notebook.cells if cell not in hidden]
        body, _ = exporter.from_notebook_node(notebook)
        for number in range(1, body.count(_DRAWN) + 1):
            body = body.replace(_DRAWN, f"Figure {number}, drawn by the code above it", 1)
        heading = re.search(r"<h1>(.*?)</h1>", body, re.DOTALL)
        title = _plain_text(heading[1]) if heading else path.stem
        yield BookPage(f"{path.stem}.html", title, "Lessons", body)


def _guides() -> Iterator[BookPage]:
    for name in GUIDES:
        path = ROOT / "docs" / f"{name}.md"
        if path.exists():
            body = _markdown_of_lessons(path.read_text("utf-8"))
            title = re.search(r"^# (.+)$", path.read_text("utf-8"), re.MULTILINE)
            yield BookPage(f"{name}.html", title[1] if title else name, "Guides", body)


def _gallery() -> BookPage:
    figures = []
    for kind in KINDS_OF_PICTURES:
        figures.append(f"<h2>{kind.capitalize()} pictures</h2>\n<div class='gallery'>")
        for path in sorted((ROOT / "images" / kind).glob("*.jpg")):
            name = escape(path.stem.replace("_", " "))
            figures.append(
                f'<figure><img src="images/{escape(path.name)}" alt="{kind} picture: {name}" '
                f'loading="lazy"><figcaption>{name}</figcaption></figure>'
            )
        figures.append("</div>")
    sources = _markdown_of_lessons((ROOT / "images" / "SOURCES.md").read_text("utf-8"))
    sources = sources.replace("<h1>", "<h2>").replace("</h1>", "</h2>")
    return BookPage(
        "gallery.html", "Gallery", "Pictures", "<h1>Gallery</h1>\n" + "\n".join(figures) + sources
    )


def _contents(pages: list[BookPage], student: bool) -> BookPage:
    parts = ""
    for part, its in groupby(pages, key=lambda page: page.part):
        items = "".join(f'<li><a href="{page.name}">{escape(page.title)}</a></li>' for page in its)
        parts += f"\n<h2>{part}</h2>\n<ul class='contents'>{items}</ul>"
    edition = "student's lessons" if student else "reference lessons, with solutions"
    body = (
        "<h1>Neural style transfer</h1>\n<p>A course that builds <cite>Image Style Transfer Using "
        "Convolutional Neural Networks</cite> (Gatys, Ecker &amp; Bethge, CVPR 2016) step by step: "
        f"the {edition}.</p>{parts}"
    )
    return BookPage("index.html", "Contents", "", body)


def _pictures() -> Iterator[Path]:
    for kind in KINDS_OF_PICTURES:
        yield from sorted((ROOT / "images" / kind).glob("*.jpg"))


def _markdown_of_lessons(text: str) -> str:
    """Markdown with formulas as pictures with their source as text; links stay in the book."""
    reader: MarkdownIt = parser()
    tokens = reader.parse(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    for token in tokens:
        for inner in token.children or ():
            _keep_in_book(inner)
    rules = {"math_inline": _drawn, "math_block": _drawn, "math_inline_double": _drawn}
    for name, rule in rules.items():
        reader.add_render_rule(name, rule)
    return str(reader.renderer.render(tokens, reader.options, {}))


def _keep_in_book(token: Token) -> None:
    """Guides link to each other by file; what is not in the book is no link."""
    if token.type == "link_open":
        address = str(token.attrGet("href"))
        name, _, part = address.partition("#")
        if name.removesuffix(".md") in GUIDES:
            token.attrSet("href", f"{name.removesuffix('.md')}.html" + (f"#{part}" if part else ""))
        elif not address.startswith(("http://", "https://", "#")):
            token.attrs = {"class": "elsewhere"}
    if token.type == "image":
        token.attrSet("src", f"images/{Path(str(token.attrGet('src'))).name}")


def _drawn(self: object, tokens: list[Token], index: int, options: object, env: object) -> str:
    tex = tokens[index].content.strip()
    drawn = formula(tex)
    if drawn is None:
        return f"<code>{escape(tex)}</code>"
    size = f"width:{drawn.width:.3f}em;vertical-align:{-drawn.depth:.3f}em"
    picture = (
        f'<img class="formula" src="data:image/png;base64,{b64encode(drawn.png).decode()}" '
        f'alt="{escape(tex)}" style="{size}">'
    )
    return picture if tokens[index].type == "math_inline" else f'<p class="display">{picture}</p>'


def _with_ids(body: str) -> tuple[str, list[tuple[str, str, str]]]:
    """Headings get ids; what stands under each is a section for the search."""
    parts = re.split(r"(<h[1-3][^>]*>.*?</h[1-3]>)", body, flags=re.DOTALL)
    pieces, sections, taken = [parts[0]], [], set()
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        title = _plain_text(heading)
        name = re.sub(r"[^\w]+", "-", title.lower()).strip("-") or "part"
        while name in taken:
            name += "-2"
        taken.add(name)
        pieces += [re.sub(r"^<(h[1-3])[^>]*>", rf'<\1 id="{name}">', heading), text]
        sections.append((name, title, _plain_text(text)))
    return "".join(pieces), sections


def _plain_text(html: str) -> str:
    without = re.sub(r"<style.*?</style>|<script.*?</script>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", without)).split())


def _styles() -> str:
    light = HtmlFormatter(style=LIGHT_CODE).get_style_defs(".highlight")
    dark = HtmlFormatter(style=DARK_CODE).get_style_defs(":root[data-theme=dark] .highlight")
    return f"{(TEMPLATES / 'book.css').read_text('utf-8')}\n{light}\n{dark}\n"
