"""Attacks on whoever opens the hand-in: archives, links, sizes, names, notebooks that hurt readers.

Plain `pytest --nbval` opens no archive, so that most of these are left out of the plain run.
"""

import hashlib
import io
import json
import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from .forging import WRONG_GRAM, Forgery, answers, cell, gram, notebook, save, wrong_gram

REFUSED = ("refused",)
HARMLESS = ("refused", "wrong", "not attempted")
ARCHIVE = "plain nbval opens no archive"
READER = "only a reader of the file is attacked"
NAME = "only the grader's reports are attacked"
VICTIM = "honest-ada"  # whose submission lies beside the forged ones
SECOND_VICTIM = "Grace Hopper"
LONG_NAME = "long-" + "n" * 240


DIGEST = hashlib.sha256(SECOND_VICTIM.encode()).hexdigest()
FILE_TWIN = SECOND_VICTIM.replace(" ", "_") + "-" + DIGEST[:8]


def _book(source: str = WRONG_GRAM) -> bytes:
    return json.dumps(notebook("02_gram", {"gram_matrix": source})).encode()


def _zip(fill: Callable[[zipfile.ZipFile], None], name: str = "work.zip") -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            fill(archive)

    return write


def _slip(archive: zipfile.ZipFile) -> None:
    archive.writestr("02_gram.ipynb", _book())
    for name in (f"../{VICTIM}/02_gram.ipynb", "../../../../tmp/redteam-slipped", "..\\up.ipynb"):
        archive.writestr(name, _book())


def _absolute(archive: zipfile.ZipFile) -> None:
    archive.writestr("02_gram.ipynb", _book())
    archive.writestr("/tmp/redteam-slipped", "x")


def _link(target: str) -> Callable[[zipfile.ZipFile], None]:
    def fill(archive: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo("02_gram.ipynb")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        archive.writestr(entry, target)

    return fill


def _bomb(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("02_gram.ipynb")
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w") as member:
        for _ in range(600):
            member.write(bytes(1_000_000))


def _many(archive: zipfile.ZipFile) -> None:
    for number in range(60_000):
        archive.writestr(zipfile.ZipInfo(f"f{number}"), b"")


def _twins(archive: zipfile.ZipFile) -> None:
    archive.writestr("02_gram.ipynb", _book())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the name is there already
        archive.writestr("02_gram.ipynb", _book(WRONG_GRAM.replace("d * h", "d")))


def _lying_sizes(folder: Path) -> None:
    """The table of contents says 10 bytes; the entry unpacks to 60 MB."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("02_gram.ipynb", bytes(60_000_000))
    text = data.getvalue().replace(struct.pack("<L", 60_000_000), struct.pack("<L", 10))
    (folder / "work.zip").write_bytes(text)


def _matryoshka(folder: Path) -> None:
    data = _book()
    for _ in range(40):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("work.zip" if data[:2] == b"PK" else "02_gram.ipynb", data)
        data = buffer.getvalue()
    (folder / "work.zip").write_bytes(data)


def _encrypted(folder: Path) -> None:
    _zip(lambda archive: archive.writestr("02_gram.ipynb", _book()))(folder)
    data = bytearray((folder / "work.zip").read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (folder / "work.zip").write_bytes(data)


def _torn(folder: Path) -> None:
    _zip(lambda archive: archive.writestr("02_gram.ipynb", _book()))(folder)
    data = (folder / "work.zip").read_bytes()
    (folder / "work.zip").write_bytes(data[: len(data) // 2])


def _huge(folder: Path) -> None:
    """A notebook of 100 MB, by its saved outputs."""
    book = notebook("02_gram", {"gram_matrix": WRONG_GRAM})
    cell(book, "check_gram_matrix")["outputs"][0]["text"] = "x" * 100_000_000
    save(book, folder / "02_gram.ipynb")


def _text(text: str | bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        data = text if isinstance(text, bytes) else text.encode()
        (folder / "02_gram.ipynb").write_bytes(data)

    return write


def _many_cells(folder: Path) -> None:
    book = notebook("02_gram", {"gram_matrix": WRONG_GRAM})
    book["cells"] += [dict(cell(book, "gram_matrix"), id=f"c{n}") for n in range(20_000)]
    save(book, folder / "02_gram.ipynb")


def _linked(target: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "02_gram.ipynb").symlink_to(target)

    return write


def _linked_folder(folder: Path) -> None:
    (folder / "notebooks").symlink_to(f"../{VICTIM}")


def _pipe(folder: Path) -> None:
    wrong_gram()(folder)
    os.mkfifo(folder / "03_losses.ipynb")


def _deep_folders(folder: Path) -> None:
    wrong_gram()(folder)
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)


def _folder_for_a_file(folder: Path) -> None:
    (folder / "02_gram.ipynb").mkdir()
    wrong_gram()(folder / "02_gram.ipynb")


def _unreadable_names(folder: Path) -> None:
    wrong_gram()(folder)
    for name in (
        b"\xff\xfe.ipynb",
        b"a\nb.png",
        b"<img src=x onerror=alert(1)>.png",
        b"\x1b[2J.txt",
    ):
        other = _book(WRONG_GRAM.replace("d * h", "d"))
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(other)


def _types(**replaced: object) -> Callable[[Path], None]:
    """A notebook whose fields have kinds that no notebook has."""

    def write(folder: Path) -> None:
        book = notebook("02_gram", {"gram_matrix": WRONG_GRAM})
        cell(book, "gram_matrix").update(replaced)
        save(book, folder / "02_gram.ipynb")

    return write


def _surrogates(folder: Path) -> None:
    """As JSON can say them, and no file can hold them."""
    source = 'gram_matrix = lambda tensor: "\ud800"'
    book = notebook("02_gram", {"gram_matrix": source})
    (folder / "02_gram.ipynb").write_text(json.dumps(book))


def _markup(folder: Path) -> None:
    """Markup in every text that a report may show."""
    evil = "</script></pre><script>alert(1)</script><img src=x onerror=alert(1)>"
    book = notebook("02_gram", {"gram_matrix": f'raise ValueError("""{evil}\x1b[31m\x00""")'})
    cell(book, "gram_matrix_explanation")["source"] = f"{evil} [x](javascript:alert(1)) =1+1"
    save(book, folder / "02_gram.ipynb")


MANY_MAGICS = "\n".join(["!true"] * 700)
DEEP_ATTRIBUTES = "gram_matrix = lambda t: t" + ".T" * 900
DEEP_BRACKETS = "gram_matrix = " + "(" * 5_000 + ")" * 5_000
OPEN_COMMENTS = WRONG_GRAM + "# " + "<!--" * 30_000


def _png(width: int, height: int) -> bytes:
    """A picture that says it is so large, and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", check)

    header = struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def _many_pictures(folder: Path) -> None:
    """Four thousand files, deep in folders, that all could be the one that is named."""
    _pictures("images/nothing.png", "images/nothing.png")(folder)
    deep = folder.joinpath("images", *"abcdefghijklmnopqrst")
    deep.mkdir(parents=True)
    for number in range(4_000):
        (deep / f"{number}.png").write_bytes(_png(16, 16))


def _pictures(content: str, style: str, **files: bytes) -> Callable[[Path], None]:
    """Own pictures by these names, and files that are handed in (`__` stands for a dot)."""

    def write(folder: Path) -> None:
        source = f"my_content = {content!r}\nmy_style = {style!r}"
        answers({"own_pictures": source})(folder)
        (folder / "images").mkdir()
        for name, data in files.items():
            (folder / "images" / name.replace("__", ".")).write_bytes(data)

    return write


EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 64 64
(/tmp/redteam-was-here) (w) file closefile
(%pipe%touch /tmp/redteam-was-here) (w) file closefile
showpage
"""


def _named(name: str, student: str, why: str) -> Forgery:
    write = answers({"gram_matrix": None})
    return Forgery(name, why, write, ("not attempted",), plain=NAME, student=student)


PACKAGES: tuple[Forgery, ...] = (
    Forgery(
        "zip-slip",
        "entries that lead into another student's folder",
        _zip(_slip),
        REFUSED,
        plain=ARCHIVE,
    ),
    Forgery(
        "zip-absolute", "an entry with an absolute path", _zip(_absolute), REFUSED, plain=ARCHIVE
    ),
    Forgery(
        "zip-link",
        "an entry that is a link to another student's notebook",
        _zip(_link(f"../{VICTIM}/02_gram.ipynb")),
        REFUSED,
        plain=ARCHIVE,
    ),
    Forgery(
        "zip-link-machine",
        "an entry that is a link to /etc/passwd",
        _zip(_link("/etc/passwd")),
        REFUSED,
        plain=ARCHIVE,
    ),
    Forgery("zip-bomb", "600 kB that unpack to 600 MB", _zip(_bomb), REFUSED, plain=ARCHIVE),
    Forgery("zip-many", "60,000 entries", _zip(_many), REFUSED, plain=ARCHIVE),
    Forgery(
        "zip-twins",
        "two entries of one name: each reader sees another",
        _zip(_twins),
        REFUSED,
        plain=ARCHIVE,
    ),
    Forgery(
        "zip-lying-sizes",
        "says 10 bytes and unpacks to 60 MB",
        _lying_sizes,
        REFUSED,
        plain=ARCHIVE,
    ),
    Forgery(
        "zip-matryoshka", "an archive in an archive, 40 times", _matryoshka, HARMLESS, plain=ARCHIVE
    ),
    Forgery("zip-encrypted", "an entry with a password", _encrypted, REFUSED, plain=ARCHIVE),
    Forgery("zip-torn", "half an archive", _torn, REFUSED, plain=ARCHIVE),
    Forgery(
        "link-to-victim",
        "the notebook is a link to another student's",
        _linked(f"../{VICTIM}/02_gram.ipynb"),
        ("refused", "not attempted"),
        plain=READER,
    ),
    Forgery(
        "link-to-folder",
        "a folder is a link to another student's",
        _linked_folder,
        ("refused", "not attempted"),
        plain=READER,
    ),
    Forgery(
        "link-to-device",
        "the notebook is a link to /dev/zero",
        _linked("/dev/zero"),
        ("refused", "not attempted"),
        plain=READER,
    ),
    Forgery(
        "pipe",
        "a second notebook is a pipe, on which a reader waits for ever",
        _pipe,
        HARMLESS,
        plain=READER,
    ),
    Forgery(
        "deep-folders", "1,500 folders, each in the last", _deep_folders, HARMLESS, plain=READER
    ),
    Forgery(
        "folder-for-file",
        "a folder with a notebook's name",
        _folder_for_a_file,
        HARMLESS,
        plain=READER,
    ),
    Forgery(
        "odd-file-names",
        "file names that are no text, or markup, or commands to a terminal",
        _unreadable_names,
        HARMLESS,
        plain=READER,
    ),
    Forgery("huge-notebook", "a notebook of 100 MB", _huge, REFUSED, plain=READER),
    Forgery("many-cells", "20,000 cells", _many_cells, HARMLESS, plain=READER),
    Forgery(
        "deep-json",
        "a million nested lists",
        _text("[" * 999_999 + "]" * 999_999),
        REFUSED,
        plain=READER,
    ),
    Forgery(
        "no-json", "no notebook, but bytes", _text(bytes(range(256)) * 40), REFUSED, plain=READER
    ),
    Forgery(
        "json-of-numbers",
        "a number of a million digits",
        _text('{"cells": [], "nbformat": ' + "9" * 1_000_000 + "}"),
        HARMLESS,
        plain=READER,
    ),
    Forgery(
        "odd-kinds",
        "a source that is a number, tags that are a text, an id that is a list",
        _types(source=7, metadata={"tags": "nbval-skip", "nbgrader": []}, id=[1]),
        HARMLESS,
        plain=READER,
    ),
    Forgery(
        "surrogates",
        "lone surrogates in the source, which cannot be written to a file",
        _surrogates,
        (*HARMLESS, "raised"),
        plain=READER,
    ),
    Forgery(
        "many-magics",
        "700 shell lines: IPython's reader gives up with an exception",
        wrong_gram(MANY_MAGICS),
        (*HARMLESS, "raised"),
        plain=READER,
    ),
    Forgery(
        "deep-attributes",
        "an expression nested 900 deep, for whoever walks its tree",
        gram(DEEP_ATTRIBUTES),
        (*HARMLESS, "raised"),
        plain=READER,
    ),
    Forgery(
        "deep-brackets",
        "5,000 open brackets",
        gram(DEEP_BRACKETS),
        (*HARMLESS, "raised"),
        plain=READER,
    ),
    Forgery(
        "open-comments",
        "30,000 comments that are never closed, for whoever seeks their ends",
        gram(OPEN_COMMENTS),
        HARMLESS,
        plain=READER,
    ),
    Forgery(
        "markup",
        "markup, scripts and control characters in code, messages and explanations",
        _markup,
        ("raised",),
        plain=NAME,
    ),
    Forgery(
        "pictures-borrowed",
        "own pictures that lie in another student's folder, or on the machine",
        _pictures(f"../{VICTIM}/images/mine.png", "/usr/share/pixmaps/debian-logo.png"),
        ("wrong", "not attempted"),
        ("own_pictures",),
        plain=READER,
    ),
    Forgery(
        "pictures-fake",
        "own pictures that are a text and one pixel",
        _pictures("images/a.png", "images/b.png", a__png=b"no picture", b__png=_png(1, 1)),
        ("wrong", "not attempted"),
        ("own_pictures",),
        plain=READER,
    ),
    Forgery(
        "pictures-bomb",
        "own pictures of 3.6 billion pixels in 100 bytes",
        _pictures(
            "images/a.png", "images/b.png", a__png=_png(60_000, 60_000), b__png=_png(9, 10**9)
        ),
        ("wrong", "not attempted"),
        ("own_pictures",),
        plain=READER,
    ),
    Forgery(
        "pictures-many",
        "four thousand pictures in deep folders, all of which the kernel would be shown",
        _many_pictures,
        ("wrong", "not attempted", "refused"),
        ("own_pictures",),
        plain=READER,
    ),
    Forgery(
        "pictures-braces",
        "a picture with the name that stands for the kernel's connection file",
        _pictures(
            "images/{connection_file}.png", "a.png", **{"{connection_file}__png": _png(1, 1)}
        ),
        ("wrong", "not attempted", "refused"),
        ("own_pictures",),
        plain=READER,
    ),
    Forgery(
        "pictures-program",
        "own pictures that are PostScript programs",
        _pictures("images/a.png", "images/b.png", a__png=EPS, b__png=EPS + b" "),
        ("wrong", "not attempted"),
        ("own_pictures",),
        plain=READER,
    ),
    _named("name-markup", "<img src=x onerror=alert(1)>", "a student's name that is markup"),
    _named("name-formula", '=HYPERLINK("http:||x","y")', "a name that a spreadsheet would run"),
    _named("name-formula-at", "@SUM(1+1)*cmd|' |C'!A0", "another one"),
    _named("name-option", "--unsafe-no-sandbox", "a name that reads like an option"),
    _named("name-index", "index", "a name that the report's own page may have"),
    _named("name-grades", "grades", "a name that the grades' own file may have"),
    _named("name-dots", "dots..", "a name with dots at its end"),
    _named("name-newline", "new\nline\r,\tname", "a name of two lines, for the table of grades"),
    _named("name-terminal", "\x1b[2J\x1b[31mred", "a name that commands a terminal"),
    _named("name-direction", "eda\u202etsenoh", "a name whose writing direction turns"),
    _named("name-long", LONG_NAME, "a name of 245 letters, too long with any suffix"),
    _named("name-bytes", os.fsdecode(b"bytes-\xff\xfe"), "a name that is no text"),
    _named("name-backslash", "up\\..\\..\\up", "a name that leads up on another system"),
    _named("name-twin", "HONEST-ADA", "another student's name in capitals, to replace her grade"),
    _named("name-file-twin", FILE_TWIN, "the name of the file in which another's grade is kept"),
    _named(
        "name-label-twin",
        f"{VICTIM} [{VICTIM}]",
        "the name by which the victim is told apart from her twins",
    ),
    _named("name-twin-wide", "honest-ad\uff41", "the same with a full-width letter"),
)
