"""What a syntax error comes of: a newer Python's syntax, or a character that only looks right."""

import ast
import re
import sys
import unicodedata

NESTED = re.compile(r"(?<![\w.])[rR]?[fFtT][rR]?(\"\"\"|'''|\"|')")
TYPE = re.compile(r"^(\s*)type\s+(\w+)(\[[^\]\n]*\])?\s*=", re.MULTILINE)
GENERIC = re.compile(r"^(\s*(?:async\s+)?(?:def|class)\s+\w+)\[[^\]\n]*\]", re.MULTILINE)
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
    older = EXCEPT.sub(r"\1 (\2):", GENERIC.sub(r"\1", TYPE.sub(r"\1\2 =", source)))
    if not _is_read(older) and not _is_read(_without_nested(older)):
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


def _without_nested(source: str) -> str:
    """Each f-string as a plain string, found as Python 3.12 finds its end."""
    pieces, at = [], 0
    while found := NESTED.search(source, at):
        end = _end_of(source, found.end(), found[1])
        if end < 0:
            break
        pieces += [source[at : found.start()], '""']
        at = end
    return "".join([*pieces, source[at:]])


def _end_of(source: str, at: int, quote: str) -> int:
    """Where an f-string ends that began before `at`; below 0 if it does not."""
    depth = 0
    while at < len(source):
        if depth == 0 and source.startswith(quote, at):
            return at + len(quote)
        if depth and (inner := re.compile(r"[bBrRfFuUtT]{0,2}(\"\"\"|'''|\"|')").match(source, at)):
            nested = re.search("[fFtT]", inner[0]) is not None
            at = _end_of(source, inner.end(), inner[1]) if nested else _plain_end(source, inner)
            if at < 0:
                return -1
            continue
        character = source[at]
        if not depth and (character == "\\" or source.startswith("{{", at)):
            at += 1
        elif character in "{[(":
            depth += bool(depth) or character == "{"
        elif character in "}])" and depth:
            depth -= 1
        elif character == "\n" and len(quote) == 1 and not depth:
            return -1
        at += 1
    return -1


def _plain_end(source: str, begin: "re.Match[str]") -> int:
    at = begin.end()
    while at < len(source) and not source.startswith(begin[1], at):
        at += 2 if source[at] == "\\" else 1
    return at + len(begin[1]) if at < len(source) else -1
