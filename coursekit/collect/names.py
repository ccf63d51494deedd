"""Students' names and texts where somebody reads them: nothing hidden, no file overwritten."""

import hashlib
import re
import unicodedata

INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # Unicode's categories
MAX_MARKS = 4  # combining marks on one letter; more of them cover their neighbours
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # on Windows
HASHED = re.compile(r"-[0-9a-f]{8}$")  # a name that looks like one that got a hash
LONGEST_NAME = 80


def visible(text: str, longest: int = 4_000) -> str:
    """A text in which every character shows: `⟨U+202E⟩` for one that turns the direction.

    Args:
        text: a student's.
        longest: characters that are kept; how many were left out is said.
    """
    left_out = len(text) - longest
    shown, marks = [], 0
    for character in text[:longest]:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if (category in INVISIBLE and character not in "\n\t") or marks > MAX_MARKS:
            character = f"⟨U+{ord(character):04X}⟩"
        shown.append(character)
    more = f"\n… and {left_out} characters more" if left_out > 0 else ""
    return "".join(shown) + more


def one_line(text: str, longest: int = 300) -> str:
    """The same, on one line."""
    return " ".join(visible(text, longest).split())


def file_name(student: str) -> str:
    """A file's name without suffix, on every system; two students never get the same one."""
    kept = (c if _is_of_a_name(c) else "_" for c in unicodedata.normalize("NFC", student))
    plain = re.sub("__+", "_", "".join(kept)).strip("._")
    plain = plain[:LONGEST_NAME] or "student"
    if plain != student or RESERVED.match(plain) or HASHED.search(plain):
        plain += "-" + hashlib.sha256(student.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return plain


def _is_of_a_name(character: str) -> bool:
    """Letters with their marks (vowels of Hindi or Thai), digits, and three signs."""
    return character.isalnum() or character in "_.-" or unicodedata.category(character)[0] == "M"
