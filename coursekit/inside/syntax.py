"""What a syntax error comes of: a newer Python's syntax, or a character that only looks right."""

import ast
import re
import sys
import unicodedata
from contextlib import suppress

STRING = re.compile(r"#[^\n]*|(?<!\w)([bftu]?r?|r[bft])(\"\"\"|'''|\"|')", re.IGNORECASE)
FIELD_ENDS = re.compile(r"(![rsa]\s*)?[:}]")
BRACKETS = r"\[((?:[^\[\]]|\[(?:[^\[\]]|\[[^\[\]]*\])*\])*)\]"  # with others in them
TYPE = re.compile(rf"((?:^|[;:])[ \t]*)type\s+(\w+)\s*(?:{BRACKETS})?\s*(?==(?!=))", re.MULTILINE)
GENERIC = re.compile(rf"^(\s*(?:async\s+)?(?:def|class)\s+(\w+)\s*){BRACKETS}", re.MULTILINE)
EXCEPT = re.compile(r"^(\s*except\*?)\s+(\w[\w.]*(?:\s*,\s*\w[\w.]*)+)\s*:", re.MULTILINE)
LOOKS_LIKE = {
    "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "´": "'", "–": "-", "—": "-", "−": "-",
    "×": "*", "÷": "/", "·": "*", "，": ",", "：": ":", "；": ";", "（": "(", "）": ")", "＝": "=",
    "\xa0": "a space", "\u3000": "a space", "…": "...",
}  # fmt: skip
_INVISIBLE = ("Cf", "Zl", "Zp", "Cc")
MOST_NAMED = 3


def newer(source: str) -> str:
    """A sentence if this Python cannot read what a newer one can; empty if none can, or this one.

    Type statements and parameters, quotes inside of f-strings (3.12), exceptions without brackets
    and t-strings (3.14) are known.
    """
    if _is_read(source):
        return ""
    older = TYPE.sub(lambda found: _without_parameters(found, found[1] + found[2]), source)
    older = GENERIC.sub(lambda found: _without_parameters(found, found[1]), older)
    older = EXCEPT.sub(r"\1 (\2):", older)
    with suppress(RecursionError):
        older = _without_nested(older)
    if not _is_read(older):
        return ""
    mine = ".".join(map(str, sys.version_info[:2]))
    return f"the cell is written for a newer Python than {mine}, which grades here"


def odd_characters(source: str) -> str:
    """The characters that only look like Python's, with their lines; empty if there are none."""
    found = []
    for number, line in enumerate(source.split("\n"), start=1):
        for character in dict.fromkeys(line):
            invisible = unicodedata.category(character) in _INVISIBLE and character != "\t"
            if character in LOOKS_LIKE or invisible:
                name = unicodedata.name(character, f"U+{ord(character):04X}").lower()
                instead = LOOKS_LIKE.get(character, "nothing")
                found.append(f"line {number} has {name} where {instead} is meant")
    return f". Look at the characters: {'; '.join(found[:MOST_NAMED])}" if found else ""


def _is_read(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _without_parameters(found: "re.Match[str]", older: str) -> str:
    """A definition without its type parameters, which look like a function's; else as it was."""
    if found[3] is None or (found[3].strip() and _is_read(f"def _({found[3]}\n): ...")):
        return older
    return found[0]


def _without_nested(source: str) -> str:
    """Each f-string whose expressions can be read as a plain string, as Python 3.12 reads them."""
    pieces, at = [], 0
    while found := STRING.search(source, at):
        end, fields = _string_end(source, found)
        if end < 0:
            break
        whole = source[found.start() : end]
        read = fields and all(_is_read(f"_[{_without_nested(field)}\n]") for field in fields)
        pieces += [source[at : found.start()], '""' if read else whole]
        at = end
    return "".join([*pieces, source[at:]])


def _string_end(source: str, begin: "re.Match[str]") -> tuple[int, list[str]]:
    """Where a string or a comment ends, below 0 if it does not; and an f-string's expressions."""
    at, quote = begin.end(), begin[2]
    fields: list[str] = []
    if quote is None:  # a comment
        return at, fields
    kinds = begin[1].lower()
    with_fields = "f" in kinds or "t" in kinds
    while at < len(source):
        if source.startswith(quote, at):
            return at + len(quote), fields
        if "r" not in kinds and source.startswith("\\N{", at):  # a character's name
            at = source.find("}", at)
        elif with_fields and source[at] in "{}" and source[at : at + 2] not in ("{{", "}}"):
            at = _field_end(source, at + 1, fields) - 1 if source[at] == "{" else -1
        elif source[at] == "\n" and len(quote) == 1:
            break
        elif source[at : at + 2] != "\\{" and source[at] in (r"\{}" if with_fields else "\\"):
            at += 1  # the next character means nothing
        if at < 0:
            break
        at += 1
    return -1, fields


def _field_end(source: str, at: int, fields: list[str]) -> int:
    """Where a field of an f-string ends that begins at `at`; its expressions go into `fields`."""
    begin, depth = at, 0
    while at < len(source) and (depth or not FIELD_ENDS.match(source, at)):
        if found := STRING.match(source, at):
            at, _ = _string_end(source, found)
            if at < 0:
                return -1
        else:
            depth += (source[at] in "([{") - (source[at] in ")]}")
            at += 1
    fields.append(re.sub(r"(?<![=!<>])=\s*$", "", source[begin:at]))  # f"{x = }"
    while at < len(source) and source[at] != "}":  # how it is written
        at = _field_end(source, at + 1, fields) if source[at] == "{" else at + 1
        if at < 1:
            return -1
    return at + 1 if at < len(source) else -1
