"""The single exercise as students hand it in: a notebook without ids, and changes of its cells.

`ANSWERS` holds what real students wrote, each as a change of an otherwise right notebook, with the
points that it loses and the codes by which its mistakes are named.
"""

from .notebooks import FEATURES, GRAM, LOOP, document
from .students import ANSWERS, Student

__all__ = ["ANSWERS", "FEATURES", "GRAM", "LOOP", "Student", "document"]
