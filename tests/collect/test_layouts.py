"""Downloads of Canvas, Moodle, nbgrader and GitHub Classroom, and folders named by course."""

import pytest
from support.handins import ANSWERS, notebook, pack, save

from coursekit.collect import collect, read_submission
from coursekit.collect.layouts import find_handins

GRAM = ("02_gram", "gram_matrix")
CONTENT = ("03_losses", "content_loss")


def own(number):
    """A notebook of which the answer says whose it is."""
    return notebook(answers={"gram_matrix": f"def gram_matrix(tensor):\n    return {number}"})


def canvas(folder):
    save(folder / "lovelaceada_101_900001_02_gram-1.ipynb", own(1))
    save(folder / "lovelaceada_101_900001_03_losses.ipynb", notebook("03_losses"))
    (folder / "lovelaceada_101_900001_cat.jpg").write_bytes(b"cat")
    (folder / "lovelaceada_101_900001_report.pdf").write_bytes(b"%PDF")
    pack(folder / "turingalan_LATE_102_900002_work.zip", {"x/02_gram.ipynb": own(2)})
    save(folder / "hoppergrace_103_900003_Untitled.ipynb", own(3))
    return {"lovelaceada": 1, "turingalan": 2, "hoppergrace": 3}


def moodle(folder):
    save(folder / "Ada Lovelace_1001_assignsubmission_file_/02_gram.ipynb", own(1))
    pack(folder / "Alan Turing_1002_assignsubmission_file_/all.zip", {"02_gram.ipynb": own(2)})
    save(folder / "Åsa Öberg-Ng_1003_assignsubmission_file/sub/My work.ipynb", own(3))
    text = folder / "Ada Lovelace_1001_assignsubmission_onlinetext_/onlinetext.html"
    text.parent.mkdir()
    text.write_text("<p>see files</p>")
    return {"Ada Lovelace": 1, "Alan Turing": 2, "Åsa Öberg-Ng": 3}


def moodle_flat(folder):
    save(folder / "Ada Lovelace_1001_assignsubmission_file_02_gram.ipynb", own(1))
    save(folder / "Ada Lovelace_1001_assignsubmission_file_03_losses.ipynb", notebook("03_losses"))
    save(folder / "Alan Turing_1002_assignsubmission_file_work.ipynb", own(2))
    return {"Ada Lovelace": 1, "Alan Turing": 2}


def nbgrader(folder):
    for number, student in enumerate(["ada", "alan"], start=1):
        save(folder / "submitted" / student / "gram/02_gram.ipynb", own(number))
        (folder / "submitted" / student / "gram/timestamp.txt").write_text("2026-11-24")
        save(folder / "submitted" / student / "losses/03_losses.ipynb", notebook("03_losses"))
    save(folder / "source/gram/02_gram.ipynb", own(9))
    (folder / "gradebook.db").touch()
    return {"ada": 1, "alan": 2}


def github(folder):
    for number, login in enumerate(["ada-l", "alan", "grace-h-2"], start=1):
        repository = folder / f"nst-part-1-{login}"
        save(repository / "work/02_gram.ipynb", own(number))
        (repository / ".git").mkdir()
        save(repository / ".git/02_gram.ipynb", own(99))
    return {"ada-l": 1, "alan": 2, "grace-h-2": 3}


def course(folder):
    for number, name in enumerate(["Ada_Lovelace", "Alan_M_Turing"], start=1):
        work = folder / f"CAP6610_{name}" / "Assignment_3"
        save(work / "notebook.ipynb", own(number))
        (work / "README.md").write_text("# Style")
        (work / "report.pdf").write_bytes(b"%PDF")
    pack(folder / "CAP6610_Grace_Hopper.zip", {"CAP6610_Grace_Hopper/02_gram.ipynb": own(3)})
    return {"Ada Lovelace": 1, "Alan M Turing": 2, "Grace Hopper": 3}


def plain(folder):
    for number, name in enumerate(["Ada_Lovelace", "Alan Turing", "x_1_2_y"], start=1):
        save(folder / name / "02_gram.ipynb", own(number))
    return {"Ada_Lovelace": 1, "Alan Turing": 2, "x_1_2_y": 3}


ALL = [
    ("canvas", canvas),
    ("moodle", moodle),
    ("moodle", moodle_flat),
    ("nbgrader", nbgrader),
    ("github", github),
    ("course", course),
    ("plain", plain),
]


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize(("layout", "make"), ALL)
def test_each_layout_is_recognised_and_read(tmp_path, layout, make, forced):
    folder = tmp_path / "download"
    folder.mkdir()
    expected = make(folder)
    found = find_handins([folder], layout if forced else "auto")
    assert found.layouts == {folder: layout}
    returned = {}
    for handin in found.handins:
        submission = read_submission(handin)
        assert not submission.refused
        returned[handin.student] = int(submission.answers[GRAM].source.rpartition(" ")[2])
    assert returned == expected


def test_nbgrader_from_its_submitted_folder(tmp_path):
    nbgrader(tmp_path)
    found = find_handins([tmp_path / "submitted"])
    assert list(found.layouts.values()) == ["nbgrader"]
    assert [handin.student for handin in found.handins] == ["ada", "alan"]


def test_several_files_of_one_student_are_one_submission(tmp_path):
    canvas(tmp_path)
    ada = next(s for s in collect([tmp_path]) if s.student == "lovelaceada")
    assert ada.answers[CONTENT].source == ANSWERS["content_loss"]
    assert list(ada.pictures) == ["cat.jpg"]  # as the notebook calls it


def test_late_is_said(tmp_path):
    canvas(tmp_path)
    late = [h.student for h in find_handins([tmp_path]).handins if "late" in " ".join(h.notes)]
    assert late == ["turingalan"]


def test_what_is_left_out_is_said(tmp_path):
    canvas(tmp_path)
    assert (
        "lovelaceada_101_900001_report.pdf is no submission" in find_handins([tmp_path]).skipped[0]
    )


def test_two_students_of_one_name_are_told_apart_by_their_id(tmp_path):
    for number in (101, 102):
        save(tmp_path / f"doejane_{number}_90000{number}_02_gram.ipynb", own(number))
    jane, other = collect([tmp_path])
    assert [jane.student, other.student] == ["doejane [101]", "doejane [102]"]
    assert jane.answers[GRAM].source.endswith("101")


def test_an_entry_that_does_not_fit_is_taken_as_it_is(tmp_path):
    moodle(tmp_path)
    save(tmp_path / "by mail" / "02_gram.ipynb", own(7))
    found = find_handins([tmp_path])
    (extra,) = [handin for handin in found.handins if handin.student == "by mail"]
    assert "Not named as Moodle" in extra.notes[0]
    assert read_submission(extra).answers[GRAM].source.endswith("7")


def test_github_assignment_from_the_folders_name(tmp_path):
    folder = tmp_path / "nst-submissions"
    for login in ("ada-a", "ada-b"):  # alone, "nst-ada-" would look like the assignment
        save(folder / f"nst-{login}" / "02_gram.ipynb", own(1))
        (folder / f"nst-{login}" / ".git").mkdir()
    assert [h.student for h in find_handins([folder]).handins] == ["ada-a", "ada-b"]


def test_one_odd_folder_does_not_make_a_layout(tmp_path):
    plain(tmp_path)
    save(tmp_path / "z_1001_assignsubmission_file_" / "02_gram.ipynb", own(7))
    assert list(find_handins([tmp_path]).layouts.values()) == ["plain"]
