"""Hand-ins as students make them, for the tests of collecting and grading: real files.

Made from the built student notebooks as plain JSON, so that nothing of coursekit is in them.
"""

import copy
import json
import os
import subprocess
import zipfile
from pathlib import Path

STUDENT = Path(__file__).parents[2] / "notebooks" / "student"

ANSWERS = {
    "gram_matrix": '''def gram_matrix(tensor):
    """Mine: Ω, 数, and a comment."""
    b, d, h, w = tensor.size()
    flat = tensor.view(b * d, h * w)  # rows
    return torch.mm(flat, flat.t())''',
    "content_loss": """def content_loss(target_features, content_features):
    return torch.mean((target_features["conv4_2"] - content_features["conv4_2"]) ** 2)""",
    "total_loss": """def total_loss(content, style, content_weight, style_weight):
    return content_weight * content + style_weight * style""",
    "gram_matrix_explanation": "Entry (i, j) says how often channels i and j fire **together**.",
}
HOME = {  # else 03_losses
    "layers": "01_layers",
    "gram_matrix": "02_gram",
    "gram_matrix_explanation": "02_gram",
}


def notebook(lesson="02_gram", answers=ANSWERS):
    """A student's notebook: the handed-out one with the answers of its lesson in it."""
    document = json.loads((STUDENT / f"{lesson}.ipynb").read_text("utf-8"))
    for cell in document["cells"]:
        grade_id = grade_id_of(cell)
        if grade_id in answers and HOME.get(grade_id, "03_losses") == lesson:
            cell["source"] = answers[grade_id].splitlines(keepends=True)
    return document


def grade_id_of(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def find(document, grade_id):
    """The first cell of this name."""
    return next(cell for cell in document["cells"] if grade_id_of(cell) == grade_id)


def code(source, **more):
    """A code cell that the student added."""
    return {
        "cell_type": "code", "id": f"added-{abs(hash(source)) % 10**8}", "metadata": {},
        "execution_count": None, "outputs": [], "source": source, **more,
    }  # fmt: skip


def markdown(source):
    """A text cell that the student added."""
    return {
        "cell_type": "markdown", "id": f"text-{abs(hash(source)) % 10**8}", "metadata": {},
        "source": source,
    }  # fmt: skip


def older(document, minor=2):
    """The same as nbformat 4.0 to 4.4 have it: cells without ids."""
    document = copy.deepcopy(document)
    document["nbformat_minor"] = minor
    for cell in document["cells"]:
        cell.pop("id", None)
    return document


def without_names(document):
    """The same without ids and without nbgrader's metadata: cells copied into a new notebook."""
    document = older(document)
    for cell in document["cells"]:
        cell["metadata"] = {}
    return document


def save(path, document):
    """Write a notebook; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    return path


def pack(path, files):
    """Write a ZIP file of {name: bytes, text or notebook}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            data = json.dumps(content) if isinstance(content, dict) else content
            archive.writestr(name, data)
    return path


def committed(folder, date="2026-11-27T12:00:00+01:00"):
    """Make a folder a git repository with one commit."""
    who = {"NAME": "Ada", "EMAIL": "ada@example.org", "DATE": date}
    names = {
        f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()
    }
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "mine"]):
        subprocess.run(["git", *command], cwd=folder, check=True, env={**os.environ, **names})
    return folder
