"""Submissions for the grader, as if collected: the answers of the reference, and others."""

import json
from pathlib import Path

from support.desk import TODOS

from coursekit.collect.answers import find_answers
from coursekit.collect.saved import read_book
from coursekit.course import NOTEBOOKS, this_course
from coursekit.records import Submission

WRONG = {
    "layers": "layers = {'0': 'conv1_1', '5': 'conv2_1', '20': 'conv4_2'}",
    "gram_matrix": "def gram_matrix(tensor):\n    return torch.eye(tensor.shape[1])",
    "content_loss": "def content_loss(target_features, content_features):\n    return 1 / 0",
    "total_loss": "def total_loss(content, style, content_weight, style_weight):\n"
    "    return (content_weight * content + style_weight * style).detach()",
}


IMPORTS = "import math\nimport numpy as np\nimport torch.nn.functional as F\nfrom torch import nn\n"
IMPORTS += "from styletools import save_image, show_images, to_image"


def submission(student="anna", **sources):
    """A student's three notebooks, each answer below a cell with imports that students write."""
    answers = {todo.name: todo.reference for todo in TODOS} | sources
    books = []
    for lesson in dict.fromkeys(todo.lesson for todo in TODOS):
        book = json.loads((NOTEBOOKS / "student" / f"{lesson}.ipynb").read_text("utf-8"))
        cells = []
        for cell in book["cells"]:
            name = cell["id"].removeprefix(f"{lesson}-")
            if name in answers:
                cells.append({**cell, "id": f"imports-{name}", "metadata": {}, "source": IMPORTS})
                cell["source"] = answers[name]
            cells.append(cell)
        book["cells"] = cells
        books.append(read_book(f"{lesson}.ipynb", json.dumps(book).encode()))
    found, notes, runs = find_answers(books, this_course())
    return Submission(student, Path(f"{student}.ipynb"), found, notes, notebooks=runs)


def some_submissions():
    broken = "def gram_matrix(tensor):\n    return tensor"
    return [
        submission("anna"),
        submission("ben", gram_matrix=broken),
        submission("cleo", **WRONG),
        submission("dora", optimise=TODOS[6].stub),
    ]
