from . import checks, diagrams, doctor, handin
from .chosen import choose_pictures, my_pictures
from .notebook import QUICK, Progress, begin, size, steps

__all__ = [
    "QUICK",
    "Progress",
    "begin",
    "checks",
    "choose_pictures",
    "diagrams",
    "doctor",
    "handin",
    "my_pictures",
    "size",
    "steps",
]
