"""The report as PDF, with the fonts in it."""

import hashlib
import io
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import matplotlib
from markdown_it.tree import SyntaxTreeNode
from pygments import lex
from pygments.lexers import PythonLexer
from pygments.styles import get_style_by_name
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    HRFlowable,
    Image,
    KeepTogether,
    ListFlowable,
    ListItem,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    XPreformatted,
)
from reportlab.platypus.tableofcontents import TableOfContents

from styletools.course.handin import markdown
from styletools.course.handin import report as model
from styletools.course.handin.html import CODE_STYLE
from styletools.course.todos import RUNS

INK, SOFT, LINE, ACCENT = "#1c2430", "#5b6675", "#dfe3e8", "#21538c"
TONES = {"good": "#19692f", "bad": "#a3241c", "plain": SOFT}
_MARGIN = 22 * mm
WIDTH, HEIGHT = A4[0] - 2 * _MARGIN, A4[1] - 2 * _MARGIN
CODE_COLUMNS = 92
KEPT_LINES = 30
SHOWN_PROBLEMS = 12  # on the title page
FAMILIES = {  # matplotlib ships these fonts; the keys are our names for them
    "Text": ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    "Sans": ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    "Mono": (
        "DejaVuSansMono",
        "DejaVuSansMono-Bold",
        "DejaVuSansMono-Oblique",
        "DejaVuSansMono-BoldOblique",
    ),
}
CJK, HANGUL = "STSong-Light", "HYSMyeongJo-Medium"  # not embedded: every reader brings them
SHAPED = set(
    """
    ARABIC BENGALI DEVANAGARI GUJARATI GURMUKHI HEBREW KANNADA KHMER LAO MALAYALAM MONGOLIAN
    MYANMAR NKO ORIYA SINHALA SYRIAC TAMIL TELUGU THAANA THAI TIBETAN
    """.split()  # noqa: SIM905
)
"""Scripts whose letters join, stack or run from the right, which reportlab does not do."""

BODY = ParagraphStyle("body", fontName="Text", fontSize=11, leading=15.5, textColor=INK,
                      spaceAfter=6, autoLeading="max")  # fmt: skip
QUOTE = ParagraphStyle("quote", BODY, leftIndent=12, textColor=SOFT)
SMALL_PRINT = ParagraphStyle("small", BODY, fontName="Sans", fontSize=8, leading=11, textColor=SOFT)
CAPTION = ParagraphStyle("caption", SMALL_PRINT, alignment=TA_CENTER)
CENTRED = ParagraphStyle("centred", BODY, alignment=TA_CENTER)
_FORMULA = ParagraphStyle("formula", CENTRED, autoLeading="max", spaceBefore=4, spaceAfter=8)
_COURSE = ParagraphStyle("course", CENTRED, fontName="Sans", textColor=SOFT)
_TITLE = ParagraphStyle("title", CENTRED, fontName="Sans-bold", fontSize=28, leading=36)
SUBTITLE = ParagraphStyle("subtitle", CENTRED, textColor=SOFT, spaceAfter=22)
LABEL = ParagraphStyle("label", BODY, fontName="Sans-bold", fontSize=7.5, leading=10,
                       textColor=ACCENT, spaceBefore=8, spaceAfter=3, keepWithNext=1)  # fmt: skip
HEADINGS = {
    1: ParagraphStyle("h1", BODY, fontName="Sans-bold", fontSize=17, leading=22, spaceBefore=22,
                      spaceAfter=8, keepWithNext=1, textColor=ACCENT),
    2: ParagraphStyle("h2", BODY, fontName="Sans-bold", fontSize=12, leading=16, spaceBefore=14,
                      spaceAfter=6, keepWithNext=1),
    3: ParagraphStyle("h3", BODY, fontName="Sans-bold", fontSize=10, leading=14, spaceBefore=6,
                      spaceAfter=3, keepWithNext=1),
}  # fmt: skip
CODE = ParagraphStyle("code", fontName="Mono", fontSize=7.6, leading=10.8, textColor=INK,
                      backColor="#f5f7f9", borderColor=LINE, borderWidth=0.6, borderPadding=7,
                      leftIndent=8, rightIndent=8, spaceBefore=9, spaceAfter=13,
                      keepWithNext=1)  # fmt: skip
LONG_CODE = ParagraphStyle("long code", CODE, keepWithNext=0)
OUTPUT = ParagraphStyle("output", LONG_CODE, backColor=None, borderColor=SOFT)
WARNING = ParagraphStyle("warning", BODY, backColor="#fdf1f0", borderColor="#b3261e",
                         borderWidth=1.2, borderPadding=9, spaceAfter=24)  # fmt: skip
_CELL = ParagraphStyle("cell", BODY, autoLeading="off", spaceAfter=0)
CONTENTS = [
    ParagraphStyle("toc1", BODY, fontName="Sans-bold", fontSize=9.5, leading=15, spaceBefore=5),
    ParagraphStyle("toc2", BODY, fontName="Sans", fontSize=9, leading=13, leftIndent=14),
]


def report_pdf(report: model.Report) -> bytes:
    """The PDF's bytes; the same for the same report."""
    _register_fonts()
    buffer = io.BytesIO()
    author = report.author
    document = _Document(
        buffer,
        pagesize=A4,
        title=f"{author.course}: Neural style transfer",
        author=author.author,
        subject="Neural style transfer",
        creator="styletools",
        lang="en",
        invariant=1,
    )
    document.running_head = f"{author.course} · {author.author} ({author.student_id})"
    frame = Frame(_MARGIN, _MARGIN, WIDTH, HEIGHT, 0, 0, 0, 0)
    document.addPageTemplates(
        [
            PageTemplate("cover", frames=[frame]),
            PageTemplate("body", frames=[frame], onPage=document.draw_margins),
        ]
    )
    contents = TableOfContents(dotsMinLevel=-1)
    contents.levelStyles = CONTENTS
    story = [*_cover(report), NextPageTemplate("body"), PageBreak()]
    story += [Paragraph("Contents", HEADINGS[1]), contents]
    with tempfile.TemporaryDirectory() as folder:
        layout = _Layout(Path(folder))
        for block in report.blocks:
            story += layout.block(block)
        document.multiBuild(story)
    return buffer.getvalue()


def unshown_scripts(text: str) -> list[str]:
    """The scripts of a text that the PDF cannot show as they are written; the page can."""
    found = []
    for character in dict.fromkeys(text):
        script = unicodedata.name(character, "").partition(" ")[0]
        if script in SHAPED:
            found.append(script.capitalize())
        elif unicodedata.category(character) == "So" and not _has_glyph(character):
            found.append("emoji")
        elif unicodedata.category(character)[0] == "L" and not _has_glyph(character):
            found.append(f"{script.capitalize()} letters")
    return sorted(set(found))


def lacking(text: str) -> str:
    """A sentence on what of a text the PDF cannot show; "" if it shows all."""
    scripts = ", ".join(unshown_scripts(text))
    return f"report.pdf cannot show {scripts} as written; report.html shows it." if scripts else ""


def _has_glyph(character: str) -> bool:
    _register_fonts()
    return bool(_font_of(character, "Text"))


class _Heading(Paragraph):
    """A paragraph that knows which heading it is."""

    heading: model.Heading


class _Document(BaseDocTemplate):
    """Pages with a running head, an outline and a table of contents."""

    running_head = ""

    def draw_margins(self, canvas: Any, document: Any) -> None:
        """Who and which page, on each page but the first."""
        top, bottom = A4[1] - 13 * mm, 12 * mm
        head = Paragraph(_marked(self.running_head, "Sans"), SMALL_PRINT)
        head.wrapOn(canvas, WIDTH - 20 * mm, 20 * mm)
        head.drawOn(canvas, _MARGIN, top)
        canvas.setFont("Sans", 8)
        canvas.setFillColor(SOFT)
        canvas.drawRightString(A4[0] - _MARGIN, bottom, str(canvas.getPageNumber()))

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 (reportlab's name)
        """Note where a heading stands; reportlab calls this."""
        if isinstance(flowable, _Heading):
            heading = flowable.heading
            level = heading.level - 1
            self.canv.bookmarkPage(heading.anchor)
            self.canv.addOutlineEntry(heading.text, heading.anchor, level)
            text = _marked(heading.text, "Sans")
            self.notify("TOCEntry", (level, text, self.page, heading.anchor))


def _cover(report: model.Report) -> list[Flowable]:
    """The title page; what is missing stands before the picture, so that it is on this page."""
    author = report.author
    facts = {
        "Author": author.author,
        "Student ID": author.student_id,
        "Professor": author.professor,
        "Date": report.date,
    }
    rows = [
        [Paragraph(key, SMALL_PRINT), Paragraph(f"<b>{_marked(value, 'Text')}</b>", BODY)]
        for key, value in facts.items()
    ]
    middle = [("VALIGN", (0, 0), (-1, -1), "MIDDLE")]
    picture = _image(report.cover, WIDTH, 95 * mm) if report.cover else Spacer(1, 1)
    return [
        Spacer(1, 2 * mm if report.missing else 30 * mm),
        Paragraph(_marked(author.course, "Sans"), _COURSE),
        Paragraph("Neural Style Transfer", _TITLE),
        Paragraph("<i>after Gatys, Ecker &amp; Bethge, CVPR 2016</i>", SUBTITLE),
        *([Paragraph(_incomplete(report.missing), WARNING)] if report.missing else []),
        picture,
        Spacer(1, 8 * mm),
        Table(rows, [30 * mm, 70 * mm], style=middle, splitInRow=1),
        *([Paragraph(says, SMALL_PRINT)] if (says := lacking(report.text)) else []),
    ]


def _incomplete(missing: Sequence[str]) -> str:
    lines = [f"• {_marked(text, 'Text')}" for text in missing[:SHOWN_PROBLEMS]]
    if len(missing) > SHOWN_PROBLEMS:
        lines.append(f"• and {len(missing) - SHOWN_PROBLEMS} more: see report.html")
    title = '<b><font color="#b3261e">Incomplete hand-in.</font></b>'
    return "<br/>".join([f"{title} Missing when this report was written:", *lines])


class _Layout:
    """Turns blocks into flowables; `folder` holds the formulas, which reportlab reads as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pictures: dict[str, model.ReportPicture] = {}  # of the text that is laid out

    def block(self, block: model.Block) -> list[Flowable]:
        match block:
            case model.Heading(level, text, anchor):
                heading = _Heading(f'<a name="{anchor}"/>{_marked(text, "Sans")}', HEADINGS[level])
                heading.heading = block
                room = 140 if anchor in RUNS or anchor == "experiments" else 45  # pictures follow
                return [CondPageBreak(room * mm), heading]
            case model.Label(text):
                return [Paragraph(text.upper(), LABEL)]
            case model.Note(tone, text):
                mark = {"good": "✓ ", "bad": "✗ "}.get(tone, "")
                style = ParagraphStyle(tone, SMALL_PRINT, textColor=TONES[tone], spaceAfter=6)
                return [Paragraph(_marked(mark + text, "Sans"), style)]
            case model.Listing(source):
                return [_listing(_code(source), CODE)]
            case model.Output(text):
                return [_listing(_code(text, plain=True), OUTPUT)]
            case model.Figures():
                return _figures(block)
            case model.Prose(text, pictures):
                tree = SyntaxTreeNode(markdown.parser().parse(text))
                self.pictures = pictures
                return [flowable for node in tree.children for flowable in self._prose(node)]

    def _prose(self, node: SyntaxTreeNode, style: ParagraphStyle = BODY) -> Iterator[Flowable]:
        """A markdown block as flowables."""
        children = node.children
        match node.type:
            case "paragraph":
                yield Paragraph(self._inline(children, style.fontSize), style)
                sources = [str(n.attrGet("src")) for n in node.walk() if n.type == "image"]
                found = [self.pictures.get(markdown.source_name(source)) for source in sources]
                yield from (_image(picture, WIDTH, 90 * mm) for picture in found if picture)
            case "heading":
                yield Paragraph(self._inline(children, HEADINGS[3].fontSize), HEADINGS[3])
            case "bullet_list" | "ordered_list":
                items = [
                    ListItem([f for child in item.children for f in self._prose(child, style)])
                    for item in children
                ]
                yield _list(items, node.type == "ordered_list", str(node.attrGet("start") or 1))
            case "blockquote":
                for child in children:
                    yield from self._prose(child, QUOTE)
            case "fence" | "code_block":
                yield _listing(_code(node.content.rstrip("\n")), LONG_CODE)
            case "math_block":
                yield Paragraph(self._formula(node.content, 1.15 * style.fontSize), _FORMULA)
            case "table":
                rows = [row.children for part in children for row in part.children]
                cells = [
                    [Paragraph(self._inline(c.children, 10), _CELL) for c in row] for row in rows
                ]
                rules = [("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE)]
                rules.append(("LINEBELOW", (0, 0), (-1, 0), 1, SOFT))
                yield Table(cells, style=rules, hAlign="LEFT", spaceAfter=8, splitInRow=1)
            case "hr":
                yield HRFlowable(width="100%", color=LINE, spaceBefore=4, spaceAfter=8)

    def _inline(self, nodes: Sequence[SyntaxTreeNode], size: float) -> str:
        """Text with emphasis, code, links and formulas as reportlab's markup."""
        tags = {"strong": "b", "em": "i", "s": "strike"}
        parts = []
        for node in nodes:
            match node.type:
                case "text":
                    parts.append(_marked(node.content, "Text"))
                case "code_inline":
                    code = _marked(node.content, "Mono")
                    parts.append(f'<font name="Mono" size="{size * 0.8:.1f}">{code}</font>')
                case "softbreak":
                    parts.append(" ")
                case "hardbreak":
                    parts.append("<br/>")
                case "math_inline":
                    parts.append(self._formula(node.content, size))
                case "math_inline_double":
                    parts.append(f"<br/>{self._formula(node.content, 1.1 * size)}<br/>")
                case "image":
                    if markdown.source_name(node.attrGet("src")) not in self.pictures:
                        parts.append(_marked(f"[{node.content or 'picture'}]", "Text"))
                case "link":
                    address = quoteattr(str(node.attrGet("href")))
                    text = self._inline(node.children, size)
                    parts.append(f'<a href={address} color="{ACCENT}">{text}</a>')
                case kind if kind in tags:
                    tag = tags[kind]
                    parts.append(f"<{tag}>{self._inline(node.children, size)}</{tag}>")
                case _:
                    parts.append(self._inline(node.children, size))
        return "".join(parts)

    def _formula(self, tex: str, size: float) -> str:
        drawn = markdown.formula(tex)
        if drawn is None:
            return (
                f'<font name="Mono" size="{size * 0.8:.1f}">{_marked(tex.strip(), "Mono")}</font>'
            )
        scale = min(size, WIDTH / drawn.width)
        file = self.folder / f"{hashlib.sha256(drawn.png).hexdigest()}.png"
        file.write_bytes(drawn.png)
        return (
            f'<img src={quoteattr(str(file))} width="{drawn.width * scale:.2f}" '
            f'height="{drawn.height * scale:.2f}" valign="{-drawn.depth * scale:.2f}"/>'
        )


def _listing(markup: str, style: ParagraphStyle) -> Flowable:
    """Code or output; a short one stays on one page, code together with what follows it."""
    if markup.count("\n") > KEPT_LINES:
        return XPreformatted(markup, LONG_CODE if style is CODE else style)
    text = XPreformatted(markup, style)
    return text if style.keepWithNext else KeepTogether(text)


def _figures(block: model.Figures) -> list[Flowable]:
    if block.side_by_side:
        room = WIDTH / len(block.pictures)
        cells = [
            [_image(p, room - 10, 85 * mm), Paragraph(_marked(p.caption, "Sans"), CAPTION)]
            for p in block.pictures
        ]
        style = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("ALIGN", (0, 0), (-1, -1), "CENTER")]
        return [Table([cells], [room] * len(cells), style=style), Spacer(1, 8)]
    story: list[Flowable] = []
    for picture in block.pictures:
        story.append(_image(picture, WIDTH, 78 * mm))
        if picture.caption:
            story.append(Paragraph(_marked(picture.caption, "Sans"), CAPTION))
    return story


def _image(picture: model.ReportPicture, width: float, height: float) -> Image:
    scale = min(width / picture.width, height / picture.height, 72 / 96)
    size = (picture.width * scale, picture.height * scale)
    image = Image(io.BytesIO(picture.data), *size, hAlign="CENTER")
    image.spaceBefore = image.spaceAfter = 5
    return image


def _list(items: list[ListItem], ordered: bool, start: str = "1") -> ListFlowable:
    kind: dict[str, Any] = (
        {"bulletType": "1", "start": int(start), "bulletFormat": "%s."}
        if ordered
        else {"bulletType": "bullet", "start": "•"}
    )
    return ListFlowable(
        items, leftIndent=18, bulletFontName="Text", bulletFontSize=11, bulletColor=SOFT, **kind
    )


def _code(source: str, plain: bool = False) -> str:
    """Python in colours, long lines broken, as reportlab's markup."""
    lines = source.expandtabs(4).split("\n")
    broken = "\n".join(part for line in lines for part in _wrapped(line))
    if plain:
        return _marked(broken, "Mono")
    style = get_style_by_name(CODE_STYLE)
    parts = []
    for kind, text in lex(broken, PythonLexer(stripnl=False, ensurenl=False)):
        look = style.style_for_token(kind)
        markup = _marked(text, "Mono")
        markup = f'<font color="#{look["color"]}">{markup}</font>' if look["color"] else markup
        parts.append(f"<b>{markup}</b>" if look["bold"] else markup)
    return "".join(parts)


def _wrapped(line: str) -> Iterator[str]:
    """The pieces of a line that fit, broken at spaces where that is possible."""
    indent = " " * min(len(line) - len(line.lstrip()) + 4, CODE_COLUMNS // 2)
    while len(line) > CODE_COLUMNS:
        space = line.rfind(" ", CODE_COLUMNS // 2 + 1, CODE_COLUMNS)
        at = space + 1 if space > 0 else CODE_COLUMNS
        yield line[:at].rstrip()
        line = indent + "↪ " + line[at:]
    yield line


def _marked(text: str, font: str) -> str:
    """Escaped text, with characters that `font` lacks in one that has them."""
    parts = []
    for name, run in groupby(text, lambda character: _font_of(character, font)):
        shown = escape("".join(run))
        if not name:
            shown = f'<font name="Sans">{"□" * len(shown)}</font>'
        parts.append(shown if name in (font, "") else f'<font name="{name}">{shown}</font>')
    return "".join(parts)


@cache
def _font_of(character: str, font: str) -> str:
    for name in (font, "Sans"):
        if character.isspace() or ord(character) in pdfmetrics.getFont(name).face.charToGlyph:
            return name
    if "\uac00" <= character <= "\ud7a3" or "\u1100" <= character <= "\u318f":
        return HANGUL
    wide = "\u1100" <= character <= "\uffef" or "\U00020000" <= character <= "\U0003ffff"
    return CJK if wide else ""


@cache
def _register_fonts() -> None:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for family, files in FAMILIES.items():
        names = [family, f"{family}-bold", f"{family}-italic", f"{family}-bolditalic"]
        for name, file in zip(names, files, strict=True):
            pdfmetrics.registerFont(TTFont(name, folder / f"{file}.ttf"))
        keys = ("normal", "bold", "italic", "boldItalic")
        pdfmetrics.registerFontFamily(family, **dict(zip(keys, names, strict=True)))
    for name in (CJK, HANGUL):
        pdfmetrics.registerFont(UnicodeCIDFont(name))
        pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
