"""Names kept out of GRADES, and a class removed: searched for on disk, byte by byte."""

import csv
import re
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.handins import markdown, notebook, save

from coursekit import class_run
from coursekit.cli import main
from coursekit.collect.names import file_name
from coursekit.records import Grade, Outcome

NAME = re.compile(rb"(?i)lovelace|turingalan|10001|10002|tomasz|\xc5\x82ukasz")
STUDENTS = {"lovelaceada": 10001, "turingalan": 10002, "łukasztomasz": 10003}
TEXT = "I, {0} ({0}), say that channels fire together where strokes repeat, more than once."


def grade_all(submissions, output, *_, **__):
    """Grading replaced by what a student's code could say: the own name, in a message."""
    output.mkdir(parents=True, exist_ok=True)
    for submission in submissions:
        said = submission.answers["02_gram", "gram_matrix"].source
        outcome = Outcome("02_gram", "gram_matrix", "raised", 2.0, 5.0, message=f"Ω {said}")
        grade = Grade(submission.student, (outcome,), submission.notes)
        (output / f"{file_name(grade.student)}.json").write_text(grade.to_json())
        yield grade


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder for everything, temporary files included."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(class_run, "grade_all", grade_all)
    for student, number in STUDENTS.items():
        answers = {
            "gram_matrix": f"def gram_matrix(tensor):\n    # by {student}\n    return '{student}'",
            "gram_matrix_explanation": TEXT.format(student),
        }
        book = notebook(answers=answers)
        book["cells"].append(markdown(f"by {student}"))
        folder = tmp_path / "hand-ins"
        save(folder / f"{student}_{number}_9{number}_02_gram.ipynb", book)
        (folder / f"{student}_{number}_8{number}_notes by {student}.py").write_text("x")
    return tmp_path


def graded(place, *options):
    done = run("grade", place / "hand-ins", "-o", place / "GRADES", *options)
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def named(folder):
    """Files in which a name or a number of a student stands, in its name or in its bytes."""
    files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    return [p for p in files if NAME.search(p.read_bytes()) or NAME.search(str(p.name).encode())]


def test_names_are_in_the_grades_without_pseudonyms(place):
    """So that the search below can find some."""
    graded(place)
    assert len(named(place / "GRADES")) > 10


def test_no_name_in_the_grades_with_pseudonyms(place):
    done = graded(place, "--pseudonyms", place / "key.csv")
    assert not named(place / "GRADES")
    assert not NAME.search(done.output.replace(str(place), "").encode())
    pages = list((place / "GRADES" / "students").iterdir())
    assert len(pages) == 3
    assert all(re.fullmatch(r"student-\w{6}\.html", page.name) for page in pages)
    assert "fire together" in (
        place / "GRADES" / "written" / "02_gram-gram_matrix_explanation.html"
    ).read_text("utf-8")


def test_the_key_is_its_owners_alone_and_stays(place):
    for _ in range(2):
        graded(place, "--pseudonyms", place / "key.csv")
    assert stat.S_IMODE((place / "key.csv").stat().st_mode) == 0o600
    assert len(list((place / "GRADES" / "students").iterdir())) == 3
    with open(place / "key.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["student"]: row["id"] for row in rows} == {
        student: str(number) for student, number in STUDENTS.items()
    }


def test_one_student_is_named_by_either_name(place):
    graded(place, "--pseudonyms", place / "key.csv")
    graded(place, "--pseudonyms", place / "key.csv", "--student", "turingalan")
    assert not named(place / "GRADES")


def test_grades_go_back_by_the_key(place):
    graded(place, "--pseudonyms", place / "key.csv")
    export = [["Student", "ID", "SIS Login ID", "Section", "Style (1)"],
              ["    Points Possible", "", "", "", "5"]]  # fmt: skip
    export += [[name, str(number), name, "A", ""] for name, number in STUDENTS.items()]
    with open(place / "export.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(export)
    without = run("return", place / "GRADES", "--canvas", place / "export.csv")
    assert without.exit_code == 1
    done = run("return", place / "GRADES", "--canvas", place / "export.csv",
               "--pseudonyms", place / "key.csv")  # fmt: skip
    assert done.exit_code == 0, done.output
    with open(place / "GRADES" / "returned" / "canvas.csv", encoding="utf-8", newline="") as file:
        assert [row["Style (1)"] for row in csv.DictReader(file)] == ["5", "2", "2", "2"]


def test_the_key_is_not_kept_with_the_grades(place):
    done = run("grade", place / "hand-ins", "-o", place / "G", "--pseudonyms", place / "G/key.csv")
    assert done.exit_code == 2
    assert "keep it elsewhere" in done.stderr


def test_a_file_that_is_no_key(place):
    (place / "key.csv").write_text("a,b\n1,2\n")
    done = run("grade", place / "hand-ins", "-o", place / "G", "--pseudonyms", place / "key.csv")
    assert done.exit_code == 2
    assert "has no column 'pseudonym'" in done.stderr


def test_nothing_is_left_after_purge(place):
    graded(place, "--pseudonyms", place / "key.csv")
    graded(place)
    left = place / "temporary" / "coursekit-run-x1" / "answer.py"
    left.parent.mkdir()
    left.write_text("# lovelaceada")
    assert named(place)
    done = run("purge", place / "GRADES", place / "hand-ins", place / "key.csv", "--yes")
    assert done.exit_code == 0, done.output
    assert not named(place)
    assert not [path for path in place.rglob("*") if path.is_file()]


def test_purge_asks_and_takes_no_other_folder(place):
    graded(place)
    other = place / "temporary" / "another-program"
    other.mkdir()
    assert CliRunner().invoke(main, ["purge", str(place / "GRADES")], input="n\n").exit_code == 1
    assert (place / "GRADES" / "grades.csv").exists()
    done = run("purge", other, place / "GRADES", "--yes")
    assert done.exit_code == 2
    assert "no folder of grades. Nothing was removed" in " ".join(done.stderr.split())
    run("purge", place / "GRADES", "--yes")
    assert other.exists()


def test_purge_leaves_what_a_running_process_uses(place, monkeypatch):
    graded(place)
    used = place / "temporary" / "coursekit-run-used"
    used.mkdir()
    monkeypatch.chdir(used)
    run("purge", place / "GRADES", "--yes")
    assert used.exists()
    monkeypatch.chdir(place)
    shutil.rmtree(used)


def test_purge_removes_a_link_and_not_what_it_leads_to(place):
    graded(place)
    (place / "link").symlink_to(place / "hand-ins")
    run("purge", place / "GRADES", place / "link", "--yes")
    assert (place / "hand-ins").exists()
    assert not (place / "link").is_symlink()
