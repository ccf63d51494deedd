"""Submissions for the grader, as if collected: the answers of the reference, and others."""

from pathlib import Path

from support.desk import BY_NAME, TODOS

from coursekit.records import Answer, Submission

WRONG = {
    "layers": "layers = {'0': 'conv1_1', '5': 'conv2_1', '20': 'conv4_2'}",
    "gram_matrix": "def gram_matrix(tensor):\n    return torch.eye(tensor.shape[1])",
    "content_loss": "def content_loss(target_features, content_features):\n    return 1 / 0",
    "total_loss": "def total_loss(content, style, content_weight, style_weight):\n"
    "    return (content_weight * content + style_weight * style).detach()",
}


def submission(student="anna", **sources):
    answers = {todo.name: todo.reference for todo in TODOS} | sources
    found = {
        BY_NAME[name].key: Answer(*BY_NAME[name].key, source, "cell id")
        for name, source in answers.items()
    }
    return Submission(student, Path(f"{student}.ipynb"), found)


def some_submissions():
    broken = "def gram_matrix(tensor):\n    return tensor"
    return [
        submission("anna"),
        submission("ben", gram_matrix=broken),
        submission("cleo", **WRONG),
        submission("dora", optimise=TODOS[6].stub),
    ]
