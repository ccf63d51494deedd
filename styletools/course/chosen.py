"""The student's own two pictures: chosen in lesson 0, used from lesson 3 on."""

import json
import os
from pathlib import Path

from styletools._files import write_text
from styletools.images import bundled

CHOSEN = "my_pictures.json"  # beside the notebooks
STAND_INS = {"my_content": ("content", "chelsea"), "my_style": ("style", "impasto")}


def choose_pictures(my_content: str | None = None, my_style: str | None = None) -> None:
    """Check two pictures, say what is wrong with them, and keep the good ones for later lessons.

    Args:
        my_content: path or address of a photograph.
        my_style: path or address of a picture in the style that you like.
    """
    from styletools.course.checks.pictures import findings  # torch takes a moment

    given = {"my_content": my_content, "my_style": my_style}
    found = findings(my_content, my_style)
    good = {name: os.fspath(path) for name, path in given.items() if path and name not in found}
    write_text(Path(CHOSEN), json.dumps(good, ensure_ascii=False, indent=1) + "\n")
    for name, path in given.items():
        stand_in = f"Until then the lessons take the kit's {STAND_INS[name][1]}."
        if name in good:
            print(f"✓ {name}: {path}")
        elif not path:
            print(f"· {name}: not chosen yet. {stand_in}")
        else:
            print(f"✗ {found[name].message} {stand_in}")


def my_pictures() -> tuple[str | Path, str | Path]:
    """Content and style as chosen in lesson 0; the kit's where nothing, or no file, is there."""
    try:
        chosen = json.loads(Path(CHOSEN).read_text("utf-8"))
    except (OSError, ValueError):
        chosen = {}
    content, style = (
        chosen[name] if _is_there(chosen.get(name)) else bundled(kind)[stem]
        for name, (kind, stem) in STAND_INS.items()
    )
    return content, style


def _is_there(source: object) -> bool:
    return isinstance(source, str) and ("://" in source or Path(source).is_file())
