"""A public name of the two packages means one thing: it is defined in one module."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "styletools", ROOT / "coursekit")

# Twins that may stay, with the reason.
ALLOWED = {
    "main": "a program's door; each has its own address",
    "gram_matrix": "the kit's own answer to the TODO of that name",
    "content_loss": "the kit's own answer to the TODO of that name",
    "layer_style_loss": "the kit's own answer to the TODO of that name",
    "style_loss": "the kit's own answer to the TODO of that name",
    "total_loss": "the kit's own answer to the TODO of that name",
    "match_colours": "the kit's own answer to the TODO of that name",
}
# Twins found when this test was written: to be renamed, merged or made private. Add none.
LEFT = {
    "Cell", "KIT", "PICTURES", "Run", "check", "choose", "diagnose", "features", "judge", "run",
}  # fmt: skip


def twins(*folders):
    """{public name: the modules that define it}, where there are several.

    Commands of the command line and pytest's hooks are named for whoever calls them, and the kit
    without answers stands where the kit stands.
    """
    homes = defaultdict(set)
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        if "blank_kit" in path.parts:
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            for name in defined(node):
                if not name.startswith(("_", "pytest_")):
                    homes[name].add(path.as_posix())
    return {name: sorted(modules) for name, modules in homes.items() if len(modules) > 1}


def defined(node):
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        command = any("command" in ast.unparse(decorator) for decorator in node.decorator_list)
        return [] if command else [node.name]
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return [target.id for target in targets if isinstance(target, ast.Name)]


def test_a_name_means_one_thing():
    known = set(ALLOWED) | LEFT
    new = {name: where for name, where in twins(*PACKAGES).items() if name not in known}
    assert not new, "rename one of each, or make it private"


def test_planted_twins_are_found(tmp_path):
    (tmp_path / "one.py").write_text(
        "class RunStore: pass\ndef stylize(): pass\nLARGEST_SIDE: int = 3\nFAST = 1\n_private = 2\n"
    )
    (tmp_path / "other.py").write_text("_private = 3\nLARGEST_SIDE = 4\n")
    found = set(twins(*PACKAGES, tmp_path)) - set(twins(*PACKAGES))
    assert found == {"RunStore", "stylize", "LARGEST_SIDE", "FAST"}
