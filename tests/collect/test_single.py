"""The single exercise notebook: found, taken apart, and graded on the lessons' TODOs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from data.one_notebook import ANSWERS, FEATURES, GRAM, LOOP, document
from data.one_notebook.forgeries import FORGED
from data.one_notebook.handed_in import COLAB, ERROR, FUNCTION, PICTURE, TWO_LOOPS
from data.one_notebook.notebooks import CELLS
from data.one_notebook.red import RED
from support.handins import notebook as lesson
from support.handins import save

from coursekit.build import lesson as build
from coursekit.build.release import release_files
from coursekit.collect import read_submission
from coursekit.collect.layouts import find_handins
from coursekit.collect.one_notebook.find import asks_for_history, read_single_todos
from coursekit.course import NOTEBOOKS
from coursekit.grade import grader as grading
from coursekit.grade import kits, single
from coursekit.grade.pool import grade_all
from coursekit.sandbox import Plain

TODOS = read_single_todos()


def built(kind):
    return json.loads((NOTEBOOKS / "single" / kind / "style_transfer.ipynb").read_text("utf-8"))


def handed_in(folder, notebook, layout="auto"):
    """A student's submission, as collecting reads it."""
    path = save(folder / "anna" / "Style_Transfer_Exercise.ipynb", notebook)
    [handin] = find_handins([path], layout).handins
    return read_submission(handin)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A process that runs notebooks in miniature, with torch imported once."""
    kit = tmp_path_factory.mktemp("kernel")
    kits.write_kernel_kit(kit)
    with single.Conversation(Plain().furnished(kit)) as conversation:
        yield conversation


def lost(runs, submission):
    """{TODO: points that it loses} of those that lose some."""
    found = single.Judge(submission.notebook, runs.ask).verdict()
    missing = {name: round(5 * (1 - one.share), 2) for name, one in found.items()}
    return {name: points for name, points in missing.items() if points}


@pytest.mark.soak
@pytest.mark.parametrize("student", ANSWERS, ids=lambda student: student.title)
def test_each_todo_by_itself(student, tmp_path, runs):
    """Right ones get full marks; wrong ones lose exactly their points."""
    submission = handed_in(tmp_path, document(student.cells))
    wanted = {name: round(points, 2) for name, points in student.lost.items() if points}
    assert lost(runs, submission) == wanted


@pytest.mark.parametrize("title", RED)
def test_what_the_notebook_does_decides(title, tmp_path, runs):
    """Dead code, detached targets and constants earn nothing; style of code costs nothing."""
    cells, wanted = RED[title]
    assert lost(runs, handed_in(tmp_path, document(cells))) == wanted


def test_who_was_not_asked_for_a_history_needs_none():
    without = [source.replace("loss_history", "unused") for source in CELLS.values()]
    assert asks_for_history([*CELLS.values()])
    assert not asks_for_history(without)
    ours = ["".join(c["source"]) for c in built("student")["cells"] if c["cell_type"] == "code"]
    assert asks_for_history([source.replace("loss_history", "unused") for source in ours])


# --- Recognised ----------------------------------------------------------------------------------


def keys(submission):
    return sorted(name for lesson, name in submission.answers if lesson == "single")


@pytest.mark.parametrize("minor", range(6))
def test_every_format_of_notebook(minor, tmp_path):
    submission = handed_in(tmp_path, document(minor=minor, kernel="Torch (GPU)"))
    assert keys(submission) == sorted(todo.name for todo in TODOS)
    assert "read as the single exercise notebook" in submission.notes[0]


def canvas(folder):
    return folder / "doejane_101_900001_Style.ipynb"


def moodle(folder):
    return folder / "Jane Doe_1001_assignsubmission_file_" / "my style.ipynb"


def course(folder):
    return folder / "CAP6610_Jane_Doe" / "Assignment_3" / "notebook.ipynb"


def nbgrader(folder):
    return folder / "submitted" / "jane" / "style" / "style.ipynb"


@pytest.mark.parametrize("layout", [canvas, moodle, course, nbgrader])
def test_in_every_layout(layout, tmp_path):
    save(layout(tmp_path), document())
    found = find_handins([tmp_path])
    assert found.layouts == {tmp_path: layout.__name__}
    assert read_submission(found.handins[0]).single


def test_a_class_of_both(tmp_path):
    """The folder is said to be of what most are; each student is read by what is there."""
    for name in ("ada", "alan"):
        save(tmp_path / name / "exercise.ipynb", document())
    save(tmp_path / "grace" / "02_gram.ipynb", lesson())
    found = find_handins([tmp_path])
    assert found.layouts == {tmp_path: "plain"}
    assert [read_submission(handin).single for handin in found.handins] == [True, True, False]


def test_a_folder_of_one_student(tmp_path):
    save(tmp_path / "Ada" / "style_transfer.ipynb", built("student"))
    (tmp_path / "Ada" / "README.md").write_text("# Mine")
    [handin] = find_handins([tmp_path / "Ada"]).handins
    assert handin.student == "Ada"
    assert read_submission(handin).single


def test_who_hands_in_both_is_graded_on_the_lessons(tmp_path):
    save(tmp_path / "ada" / "exercise.ipynb", document())
    save(tmp_path / "ada" / "02_gram.ipynb", lesson())
    [handin] = find_handins([tmp_path]).handins
    assert not read_submission(handin).single


def lessons_in_one():
    """All lessons solved, their code cells copied into a notebook of their own."""
    books = [json.loads(p.read_text("utf-8")) for p in sorted(NOTEBOOKS.glob("reference/0*.ipynb"))]
    sources = ["".join(c["source"]) for b in books for c in b["cells"] if c["cell_type"] == "code"]
    return document(dict(enumerate(sources)), texts=False)


def test_lessons_are_no_single_exercise(tmp_path):
    save(tmp_path / "ada.ipynb", lessons_in_one())
    submission = read_submission(find_handins([tmp_path / "ada.ipynb"]).handins[0])
    assert not submission.single
    assert len(submission.answers) > 6


def test_little_of_it_is_enough_where_the_layout_is_named(tmp_path):
    little = document({"gram": GRAM})
    assert not handed_in(tmp_path, little).single
    submission = handed_in(tmp_path, little, "single")
    assert keys(submission) == ["gram_matrix"]


@pytest.mark.parametrize(
    "line",
    [
        "    x{0} = x{1}",
        "    h.append(total_loss.item() + x{0})",
        "    total_loss = total_loss + x{0} * y{1}",
        "    if x{0}: x{1} = 1",
        "{2}if x: y = 1",
    ],
)
def test_no_loop_keeps_the_reader_busy(line, tmp_path):
    """Code that no person writes ends in a moment, whatever comes of it."""
    lines = [line.format(i, i + 1, "    " + " " * (i % 60)) for i in range(2500)]
    new = "\n".join([*lines, "    total_loss.backward()"])
    cells = {"features": FEATURES, "gram": GRAM, "loop": LOOP.replace("    optimizer.zero", new, 1)}
    submission = handed_in(tmp_path, document(cells))
    assert submission.answers or submission.refused


def test_the_built_notebooks_are_current():
    assert build.check(NOTEBOOKS / "single") == []
    assert len(built("student")["cells"]) == 25


def test_build_finds_the_folder_of_a_source():
    single = NOTEBOOKS / "single"
    assert build.folders(NOTEBOOKS) == [NOTEBOOKS, single]
    assert build.folders(NOTEBOOKS, ["style_transfer"]) == [single]
    assert build.folders(NOTEBOOKS, ["02_gram"]) == [NOTEBOOKS]


def test_students_get_nothing_of_it():
    names = release_files()
    assert not [name for name in names if "single" in name]


# --- Through the door ----------------------------------------------------------------------------


CLASS = {
    "the reference": built("reference"),
    "as handed out": built("student"),
    "colab": document(COLAB, minor=0, kernel="ir", outputs=[ERROR, PICTURE]),
    "function": document(FUNCTION, minor=5, texts=False),
    "two loops": document(TWO_LOOPS, minor=4, kernel="Python [conda env:py27]"),
    **{name: document(cells) for name, cells in FORGED.items()},
}


@pytest.fixture(scope="module")
def grades(tmp_path_factory):
    """{name: grade}, of whole notebooks, each of a student, and of forgeries."""
    folder = tmp_path_factory.mktemp("single")
    for name, notebook in CLASS.items():
        save(folder / "class" / f"{name}.ipynb", notebook)
    found = find_handins([folder / "class"])
    assert found.layouts == {folder / "class": "plain"}
    submissions = [read_submission(handin) for handin in found.handins]
    with grading.Grader() as grader:
        assert grader.trouble == ""
        coming = grade_all(submissions, folder / "grades", workers=2, grader=grader)
        return {grade.student: grade for grade in coming}


@pytest.mark.bubblewrap
def test_the_reference_gets_full_marks(grades):
    assert grades["the reference"].points == grades["the reference"].possible == 30
    assert {o.status for o in grades["the reference"].outcomes} == {"passed"}


@pytest.mark.bubblewrap
def test_what_is_handed_out_gets_nothing(grades):
    assert {o.status for o in grades["as handed out"].outcomes} == {"not attempted"}
    assert grades["as handed out"].points == 0


@pytest.mark.bubblewrap
def test_a_long_notebook_from_colab(grades):
    assert grades["colab"].points == 30
    assert len(COLAB) == 34


@pytest.mark.bubblewrap
def test_a_loop_in_a_function(grades):
    lost = {o.grade_id: (o.code, o.possible - o.points)
            for o in grades["function"].outcomes if o.points < o.possible}  # fmt: skip
    assert lost == {"layers": ("mapping-other-relu", pytest.approx(1.4))}


@pytest.mark.bubblewrap
def test_the_finished_loop_counts(grades):
    assert grades["two loops"].points == 30


@pytest.mark.bubblewrap
@pytest.mark.parametrize("name", list(FORGED))
def test_forgeries_earn_nothing(grades, name):
    found = {o.grade_id: (o.status, o.points) for o in grades[name].outcomes}
    assert grades[name].points == 0, found
    assert len(found) == 6
    assert not {"passed", "different", "infrastructure"} & {status for status, _ in found.values()}


@pytest.mark.bubblewrap
def test_the_front_door(tmp_path):
    """One test a TODO of each notebook; full marks of both would be exit code 0."""
    right = save(tmp_path / "right.ipynb", document(outputs=[ERROR]))
    wrong = save(tmp_path / "wrong.ipynb", document(FUNCTION))
    command = ["pytest", "--nbval", "-p", "coursekit.plugin", "-p", "no:cacheprovider", "-q"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:], str(right), str(wrong)],
        cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 11 passed" in done.stdout
    assert "layers: wrong (mapping-other-relu): 3.6 of 5 points" in done.stdout
