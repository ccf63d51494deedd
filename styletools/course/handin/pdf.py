"""The report as PDF: typst sets report.typ, with Noto's fonts for the scripts of the world."""

import hashlib
import json
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib
import typst
from markdown_it.tree import SyntaxTreeNode
from matplotlib.ft2font import FT2Font

from styletools.course.handin import markdown
from styletools.course.handin import report as model

TEMPLATE = Path(__file__).with_name("report.typ")
NOTO = {"manimgx_fonts": "manimgx-fonts", "manimgx_fonts_cjk": "manimgx-fonts-cjk"}
"""Packages that hold Noto's fonts: their folders, and their names in the registry."""

_SYMBOLS = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
"""Arrows and signs that Noto's fonts lack."""

TEXT, SANS, MONO = "Libertinus Serif", "Noto Sans", "DejaVu Sans Mono"
EAST_ASIAN = {"JP": "[\u3041-\u30ff]", "KR": "[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]"}
"""Whose forms the shared characters take: the letters that only Japanese, only Korean has."""

CODE_COLUMNS = 88
LONG_WORD = re.compile(r"\S{60}(?=\S)")
SHOWN_PROBLEMS = 12  # on the title page
_DEEPEST = 30  # levels of markdown: blocks end at 20, and typst has a limit


def report_pdf(report: model.Report) -> bytes:
    """The PDF's bytes; the same for the same report and the same fonts."""
    author, missing = report.author, list(report.missing[:SHOWN_PROBLEMS])
    if len(report.missing) > SHOWN_PROBLEMS:
        missing.append(f"and {len(report.missing) - SHOWN_PROBLEMS} more: see report.html")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fonts = _fonts(report.text, folder)
        content = _Content(folder)
        data = asdict(author) | {
            "fonts": _families(report.text, fonts),
            "facts": [
                ("Author", author.author),
                ("Student ID", author.student_id),
                ("Professor", author.professor),
                ("Date", report.date),
            ],
            "missing": missing,
            "cover": content.picture(report.cover) if report.cover else None,
            "unshown": lacking(report.text),
            "blocks": [content.block(block) for block in report.blocks],
        }
        (folder / "report.json").write_text(json.dumps(data), "utf-8")
        compiler = typst.Compiler(TEMPLATE.read_bytes(), root=folder, font_paths=fonts)
        document = compiler.compile(format="pdf")
    assert isinstance(document, bytes)  # as for every format but pages of pictures
    return document


def unshown_scripts(text: str) -> list[str]:
    """The scripts of a text that no font here has; the page shows them where a browser can."""
    return sorted(set(map(_script, _beyond(text, [*_own_files(), *_system_files()]))))


def lacking(text: str) -> str:
    """A sentence on what of a text the PDF cannot show, and a remedy; "" if it shows all."""
    scripts = ", ".join(unshown_scripts(text))
    if not scripts:
        return ""
    absent = [package for folder, package in NOTO.items() if not find_spec(folder)]
    remedy = f" Fonts for it: pip install {' '.join(absent)}." if absent else ""
    return f"report.pdf cannot show {scripts}; report.html can.{remedy}"


def _script(character: str) -> str:
    script = unicodedata.name(character, "unnamed").partition(" ")[0].capitalize()
    return "emoji" if unicodedata.category(character) == "So" else f"{script} letters"


def _beyond(text: str, files: Iterable[Path]) -> set[str]:
    """The characters of a text that these fonts lack."""
    left = {c for c in text if c > "\u024f" and unicodedata.category(c)[0] in "LMNPS"}
    left -= set(map(chr, range(0xFE00, 0xFE10)))  # they choose between forms of a character
    for file in files:
        if not left:
            break
        with suppress(OSError, RuntimeError, ValueError):  # some of a system's fonts are odd
            left -= set(map(chr, FT2Font(str(file)).get_charmap()))
    return left


def _noto() -> list[Path]:
    """The folders of Noto's fonts that are installed."""
    specs = [find_spec(name) for name in NOTO]
    return [Path(spec.origin).parent for spec in specs if spec and spec.origin]


def _own_files() -> list[Path]:
    """The fonts that come with the kit."""
    return [_SYMBOLS, *(file for folder in _noto() for file in sorted(folder.glob("*.tt[fc]")))]


def _system_files() -> list[Path]:
    return [Path(path) for path in {font.path: None for font in typst.Fonts().fonts()} if path]


def _fonts(text: str, folder: Path) -> typst.Fonts:
    """The kit's fonts; the system's too, if the text needs more."""
    shutil.copy(_SYMBOLS, folder)  # alone: the folder it lies in has a font that claims all
    more = bool(_beyond(text, _own_files()))
    return typst.Fonts(include_system_fonts=more, font_paths=[folder, *_noto()])


def _families(text: str, fonts: typst.Fonts) -> dict[str, list[str]]:
    """Which families are asked first, in text, headings and code; any other may follow."""
    place = next((name for name, own in EAST_ASIAN.items() if re.search(own, text)), "SC")
    there = fonts.families()
    noto = [name for name in there if name.startswith("Noto Sans ") and "CJK" not in name]
    others = [f"Noto Sans CJK {place}", *noto, "Noto Emoji", "DejaVu Sans"]
    return {
        use: [name for name in (first, *others) if name in there]
        for use, first in (("text", TEXT), ("sans", SANS), ("mono", MONO))
    }


class _Content:
    """Blocks as what report.typ reads; pictures become files in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pictures: dict[str, model.ReportPicture] = {}  # of the text at hand

    def block(self, block: model.Block) -> dict[str, Any]:
        data: dict[str, Any] = {"kind": type(block).__name__}
        match block:
            case model.Figures(pictures):
                shown = [self.picture(picture) for picture in pictures]
                return data | {"pictures": shown, "side_by_side": block.side_by_side}
            case model.Prose(text, pictures):
                self.pictures = pictures
                tree = SyntaxTreeNode(markdown.parser().parse(text))
                return data | {"nodes": [self.node(child) for child in tree.children]}
            case model.Listing(source):
                return data | {"source": _wrapped(source)}
            case model.Output(text):
                return data | {"text": _wrapped(text)}
            case _:
                return data | asdict(block)

    def picture(self, picture: model.ReportPicture) -> dict[str, Any]:
        return {
            "file": self.file(picture.data, picture.kind),
            "width": picture.width,
            "height": picture.height,
            "caption": picture.caption,
            "alt": picture.caption or "Figure",
        }

    def file(self, data: bytes, kind: str) -> str:
        name = f"{hashlib.sha256(data).hexdigest()}.{kind}"
        (self.folder / name).write_bytes(data)
        return name

    def node(self, node: SyntaxTreeNode, depth: int = 0) -> dict[str, Any]:
        """A node of markdown's tree; what is too deep in it is plain text."""
        kind, content = node.type, node.content
        more: dict[str, Any] = {}
        children = node.children if depth < _DEEPEST else []
        if depth == _DEEPEST:
            kind, content = "text", _words(node)
        if kind in ("math_inline", "math_inline_double", "math_block"):
            kind, content, more = self.formula(content, kind)
        elif kind in ("fence", "code_block"):
            kind, content = "code", _wrapped(content.rstrip("\n"))
        elif kind == "image":
            kind, content, more = self.linked(node)
            children = []
        elif kind == "link":
            more = {"href": str(node.attrGet("href"))}
        elif kind == "ordered_list":
            more = {"start": int(node.attrGet("start") or 1)}
        if kind == "text":
            content = LONG_WORD.sub("\\g<0>\u200b", content)
        inside = [self.node(child, depth + 1) for child in children]
        look = {"rtl": node.block and _from_right(_words(node)), "tight": node.hidden}
        return {"type": kind, "content": content, "children": inside} | look | more

    def formula(self, tex: str, kind: str) -> tuple[str, str, dict[str, Any]]:
        drawn = markdown.formula(tex)
        if drawn is None:
            return ("code" if kind == "math_block" else "code_inline"), tex.strip(), {}
        size = {"width": drawn.width, "height": drawn.height, "depth": drawn.depth}
        more = {"file": self.file(drawn.png, "png"), "tex": tex.strip()} | size
        return ("formula" if kind == "math_inline" else "display"), "", more

    def linked(self, node: SyntaxTreeNode) -> tuple[str, str, dict[str, Any]]:
        picture = self.pictures.get(markdown.source_name(node.attrGet("src")))
        if not picture:
            return "text", f"[{node.content or 'picture'}]", {}
        return "image", "", self.picture(picture) | {"alt": node.content or "Figure"}


def _words(node: SyntaxTreeNode) -> str:
    return "".join(inner.content for inner in node.walk())


def _from_right(text: str) -> bool:
    """Whether the first letter with a direction runs from the right."""
    directions = map(unicodedata.bidirectional, text)
    return next((d for d in directions if d in ("L", "R", "AL")), "L") != "L"


def _wrapped(source: str) -> str:
    """Code with its long lines broken, at spaces where that is possible."""
    lines = source.expandtabs(4).split("\n")
    return "\n".join(part for line in lines for part in _pieces(line))


def _pieces(line: str) -> Iterator[str]:
    indent = " " * min(len(line) - len(line.lstrip()) + 4, CODE_COLUMNS // 2)
    while len(line) > CODE_COLUMNS:
        space = line.rfind(" ", CODE_COLUMNS // 2 + 1, CODE_COLUMNS)
        at = space + 1 if space > 0 else CODE_COLUMNS
        yield line[:at].rstrip()
        line = indent + "↪ " + line[at:]
    yield line
