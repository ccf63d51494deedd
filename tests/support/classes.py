"""A class as it comes: most answers right, each in its own way, some wrong, some forged.

Right and wrong ones are of tests/support/mutants.py, the forged ones of tests/data/forgeries.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

from data.forgeries import FORGERIES
from PIL import Image
from support.desk import BY_NAME
from support.handins import notebook, older, pack, save
from support.mutants import read_mutants, share

FIRST, LAST = (
    names.split()
    for names in (
        "Ada Alan Barbara Chen Dilara Édouard Fatima Grace Hedy Ines Jürgen Katherine Łukasz Mary "
        "Noether Olga Paulo Quynh Rózsa Sofia Tomáš Uma Vera Wei Xenia Yusuf Zoë",
        "Archer Bianchi Çelik Diaz Eriksen Fischer Gupta Haddad Ito Jensen Kim Lopes Müller",
    )
)
LESSONS = ("01_layers", "02_gram", "03_losses")
UNSURE = 0.13  # of honest students have something wrong: 18 of the 135 whom DESIGN.md counts
OWN_PICTURES = "my_content = 'images/mine.jpg'\nmy_style = 'images/painting.jpg'\n"
IMPORTS = """\
import math
import numpy as np
import torch.nn.functional as F
from torch import nn
"""
HOSTILE = """
zip-slip os-exit skip-comment segfault kit-itself removed-check fork-bomb endless-loop
zip-bomb edited-output exit-in-answer memory pictures-borrowed stash sys-exit tag-skip
surrogates kill-all result-files no-json
""".split()  # noqa: SIM905


@dataclass
class Pupil:
    """A student of the class.

    Attributes:
        name: of the submission.
        points: {TODO: what it must earn}.
        forgery: what is handed in, if it is one.
    """

    name: str
    points: dict[str, float]
    forgery: object = None
    answers: dict[str, str] = field(default_factory=dict)

    def hand_in(self, folder: Path, chance: random.Random) -> None:
        """A folder or a ZIP file, of notebooks of any version, and of pictures."""
        if self.forgery:
            (folder / self.name).mkdir()
            self.forgery.write(folder / self.name)
            return
        files = {f"{lesson}.ipynb": notebook(lesson, self.answers) for lesson in LESSONS}
        if chance.random() < 0.3:
            files = {name: older(book) for name, book in files.items()}
        place = folder / self.name / "images"
        place.mkdir(parents=True)
        for name in ("mine", "painting"):
            Image.frombytes("RGB", (48, 32), chance.randbytes(48 * 32 * 3)).save(
                place / f"{name}.jpg"
            )
        for name, book in files.items():
            save(place.parent / name, book)
        if chance.random() < 0.4:
            packed = {
                path.relative_to(place.parent).as_posix(): path.read_bytes()
                for path in sorted(place.parent.rglob("*.*"))
            }
            pack(folder / f"{self.name}.zip", packed)
            for path in (*place.iterdir(), place, *place.parent.glob("*.ipynb"), place.parent):
                path.rmdir() if path.is_dir() else path.unlink()


def make_class(folder: Path, size: int, forged: float = 0.1, seed: int = 0) -> list[Pupil]:
    """Write a class's submissions into a new folder; the same ones at the same seed."""
    chance = random.Random(seed)
    names = [f"{first} {last}" for first in FIRST for last in LAST]
    forgeries = {forgery.name: forgery for forgery in FORGERIES}
    count = round(size * forged)
    pupils = []
    for number, name in enumerate(chance.sample(names, size)):
        if number < count:
            forgery = forgeries[HOSTILE[number % len(HOSTILE)]]
            pupils.append(Pupil(name, dict.fromkeys(BY_NAME, 0.0), forgery))
        else:
            pupils.append(_honest(name, chance))
    folder.mkdir(parents=True)
    for pupil in pupils:
        pupil.hand_in(folder, chance)
    return pupils


def _honest(name: str, chance: random.Random) -> Pupil:
    """One with mistakes as often as real students have them."""
    pupil = Pupil(name, {})
    wrong = chance.random() < UNSURE
    can_be_missed = sorted({*BY_NAME} - {"layer_style_loss"})  # their style_loss may call it
    missed = set(chance.sample(can_be_missed, chance.choice((1, 1, 2, 3)))) if wrong else set()
    for todo in BY_NAME.values():
        if todo.name == "own_pictures":
            pupil.answers[todo.name] = todo.stub if todo.name in missed else OWN_PICTURES
            pupil.points[todo.name] = 0.0 if todo.name in missed else todo.points
            continue
        kinds = ("wrong", "raised", "not attempted") if todo.name in missed else ("passed",)
        choice = [m for m in read_mutants() if m.name == todo.name and m.status in kinds]
        mutant = chance.choice(choice)
        imports = "" if mutant.status == "not attempted" else IMPORTS
        pupil.answers[todo.name] = imports + mutant.source
        pupil.points[todo.name] = todo.points * share(mutant)
    return pupil
