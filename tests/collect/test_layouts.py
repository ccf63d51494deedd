"""Downloads of Canvas, Moodle, nbgrader and GitHub Classroom, and folders named by course."""

import os

import pytest
from support.handins import ANSWERS, notebook, pack, save

from coursekit.collect import collect, read_submission
from coursekit.collect.archive import SubmissionError, unpack_download
from coursekit.collect.layouts import find_handins, is_download

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


def canvas_anonymous(folder):
    save(folder / "anon_5LPfx_900001_02_gram.ipynb", own(1))
    save(folder / "anon_5LPfx_900003_03_losses.ipynb", notebook("03_losses"))
    save(folder / "LATE_anon_Ab3Cd_900002_02_gram-1.ipynb", own(2))
    save(folder / "anon_77777_900005_Untitled.ipynb", own(3))
    return {"anon_5LPfx": 1, "anon_Ab3Cd": 2, "anon_77777": 3}


def canvas_groups(folder):
    save(folder / "team_red_101_900001_02_gram.ipynb", own(1))
    save(folder / "team_red_101_900002_03_losses.ipynb", notebook("03_losses"))
    save(folder / "project_group_7_LATE_102_900003_02_gram-2.ipynb", own(2))
    save(folder / "g_3_103_900004_1_2_3.ipynb", own(3))
    return {"team_red": 1, "project_group_7": 2, "g_3": 3}


def blackboard(folder):
    for when, number in (("2026-11-19-23-00-00", 7), ("2026-11-20-10-00-00", 1)):
        save(folder / f"Style transfer_ada_attempt_{when}_02_gram.ipynb", own(number))
        (folder / f"Style transfer_ada_attempt_{when}.txt").write_text("Name: Ada Lovelace (ada)")
    pack(
        folder / "Style transfer_alan_attempt_2026-11-20-11-00-00_x.zip", {"02_gram.ipynb": own(2)}
    )
    save(folder / "Style transfer_s1234567_attempt_2026-11-20-12-00-00_a_b.ipynb", own(3))
    return {"ada": 1, "alan": 2, "s1234567": 3}


def gradescope(folder):
    """As it is exported; two people may hand in together."""
    names = {
        "310000001": ["Ada Lovelace"],
        "310000002": ["Alan Turing", "Grace: Hopper"],
        "310000003": ["Zoë O''Brien"],  # as YAML has it
        "310000004": ["李 小龍 #2"],
    }
    lines = []
    for number, (key, people) in enumerate(names.items(), start=1):
        save(folder / f"submission_{key}" / "02_gram.ipynb", own(number))
        lines += [f"submission_{key}:", "  :submitters:"]
        for person in people:
            lines += [f"  - :name: '{person}'", "    :sid: ''"]
        lines += ["  :score: 0.0"]
    (folder / "submission_metadata.yml").write_text("---\n" + "\n".join(lines) + "\n")
    return {"Ada Lovelace": 1, "Alan Turing, Grace: Hopper": 2, "Zoë O'Brien": 3, "李 小龍 #2": 4}


def plain(folder):
    for number, name in enumerate(["Ada_Lovelace", "Alan Turing", "x_1_2_y"], start=1):
        save(folder / name / "02_gram.ipynb", own(number))
    return {"Ada_Lovelace": 1, "Alan Turing": 2, "x_1_2_y": 3}


ALL = [
    ("canvas", canvas),
    ("canvas", canvas_anonymous),
    ("canvas", canvas_groups),
    ("blackboard", blackboard),
    ("gradescope", gradescope),
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


def test_the_zip_file_of_a_system_is_taken_as_it_is(tmp_path):
    for make in (canvas, moodle, blackboard, gradescope):
        folder = tmp_path / make.__name__
        folder.mkdir()
        make(folder)
        for top in ("", "assignment_7_export/"):
            files = {
                f"{top}{path.relative_to(folder).as_posix()}": path.read_bytes()
                for path in folder.rglob("*.*")
                if path.is_file()
            }
            packed = pack(tmp_path / f"{make.__name__}{bool(top)}.zip", files)
            assert is_download(packed)
            (tmp_path / f"{packed.stem}-here").mkdir()
            here = unpack_download(packed, tmp_path / f"{packed.stem}-here")
            names = [handin.student for handin in find_handins([here]).handins]
            assert names == [handin.student for handin in find_handins([folder]).handins]


def test_a_students_zip_file_is_no_download_and_leads_nowhere(tmp_path):
    one = pack(tmp_path / "ada.zip", {"ada/02_gram.ipynb": own(1), "ada/images/a_1_2_b.png": "x"})
    assert not is_download(one)
    (tmp_path / "bob.zip").write_bytes(b"PK\3\4 no archive")
    assert not is_download(tmp_path / "bob.zip")
    out = pack(tmp_path / "out.zip", {"../x_1_900001_02_gram.ipynb": own(1)})
    (tmp_path / "inside").mkdir()
    with pytest.raises(SubmissionError, match="leads out of it"):
        unpack_download(out, tmp_path / "inside")
    assert not (tmp_path / "x_1_900001_02_gram.ipynb").exists()


def test_a_guess_is_marked_as_a_guess(tmp_path):
    canvas_groups(tmp_path)
    notes = {h.student: h.notes for h in find_handins([tmp_path]).handins}
    assert all(any("is a guess" in note for note in of) for of in notes.values())
    (tmp_path / "sure").mkdir()
    canvas(tmp_path / "sure")
    assert "guess" not in str([h.notes for h in find_handins([tmp_path / "sure"]).handins])


@pytest.mark.parametrize("stray", ["02_gram.ipynb", "notebooks/02_gram.ipynb", "03_losses.ipynb"])
def test_a_stray_notebook_merges_no_class(tmp_path, stray):
    for number, name in enumerate(["ada", "bob"], start=1):
        save(tmp_path / name / "02_gram.ipynb", own(number))
    save(tmp_path / stray, own(9))
    sources = [s.answers[GRAM].source[-1] for s in collect([tmp_path]) if GRAM in s.answers]
    assert {"1", "2"} <= {*sources}
    assert len(find_handins([tmp_path]).handins) == 3


@pytest.mark.parametrize("stale", ["old/02_gram.ipynb", "submission.zip", "x/02_gram.ipynb"])
def test_the_newest_state_counts_with_a_note(tmp_path, stale):
    """Whatever the names of the folders; and never a newer state in which nothing is answered."""
    if stale.endswith(".zip"):
        pack(tmp_path / "ada" / stale, {"02_gram.ipynb": own(9)})
    else:
        save(tmp_path / "ada" / stale, own(9))
    os.utime(tmp_path / "ada" / stale, (1_000_000_000,) * 2)
    save(tmp_path / "ada" / "02_gram.ipynb", own(1))
    save(tmp_path / "ada" / "y" / "y" / "02_gram.ipynb", notebook(answers={}))
    [ada] = collect([tmp_path / "ada"])
    assert ada.answers[GRAM].source.endswith("1")
    assert any("answered more than once; 02_gram.ipynb" in note for note in ada.notes)


@pytest.mark.parametrize(
    ("copy", "copy_counts"),
    [
        ("02_gram (1)", True), ("02_gram(2)", True), ("02_gram-1", True), ("02_gram 2", True),
        ("02_gram copy", False), ("02_gram - Copy (2)", False), ("02_gram-Copy1", False),
        ("Copy of 02_gram", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("later", ["", "copy", "first"])
def test_of_a_notebook_and_its_copy_the_one_saved_last_counts(tmp_path, copy, copy_counts, later):
    """A browser's number says the order where files were saved together, as by `git clone`."""
    for name, value in (("02_gram", 1), (copy, 2)):
        save(tmp_path / "ada" / f"{name}.ipynb", own(value))
        newer = 3600 * (later == ("copy" if value == 2 else "first"))
        os.utime(tmp_path / "ada" / f"{name}.ipynb", (1_000_000_000 + newer,) * 2)
    [ada] = collect([tmp_path / "ada"])
    counts = {"": copy_counts, "copy": True, "first": False}[later]
    assert ada.answers[GRAM].source[-1] == ("2" if counts else "1")
    assert any("answered more than once" in note for note in ada.notes)


@pytest.mark.parametrize("name", ["02_gram (1).ipynb", "02_gram.ipynb.txt", "02_GRAM-2.IPYNB"])
def test_a_folder_is_a_students_whatever_a_browser_did_to_the_name(tmp_path, name):
    save(tmp_path / "ada" / name, own(3))
    [ada] = collect([tmp_path / "ada"])
    assert (ada.student, ada.answers[GRAM].source[-1]) == ("ada", "3")


@pytest.mark.parametrize("end", ["txt", "json", "TXT"])
def test_a_notebook_that_a_browser_renamed(tmp_path, end):
    for path in (f"ada/02_gram.ipynb.{end}", f"bob.ipynb.{end}"):
        save(tmp_path / path, own(4))
    found = {s.student: s.answers[GRAM].source[-1] for s in collect([tmp_path])}
    assert found == {"ada": "4", "bob": "4"}


def test_a_zip_file_in_a_zip_file(tmp_path):
    inner = pack(tmp_path / "inner.zip", {"work/02_gram.ipynb": own(5)}).read_bytes()
    pack(tmp_path / "class" / "ada.zip", {"homework.zip": inner})
    pack(tmp_path / "class" / "bob" / "all.zip", {"x/homework.zip": inner})
    deepest = pack(tmp_path / "outer.zip", {"inner.zip": inner}).read_bytes()
    pack(tmp_path / "class" / "carla.zip", {"outer.zip": deepest, "02_gram.ipynb": own(6)})
    found = {s.student: s.answers[GRAM].source[-1] for s in collect([tmp_path / "class"])}
    assert found == {"ada": "5", "bob": "5", "carla": "6"}


def test_many_zip_files_in_a_zip_file_are_refused(tmp_path):
    inner = pack(tmp_path / "inner.zip", {f"{n}.txt": "" for n in range(600)}).read_bytes()
    pack(tmp_path / "ada.zip", {f"{n}.zip": inner for n in range(10)})
    [ada] = collect([tmp_path / "ada.zip"])
    assert "in its ZIP files; at most 5000" in ada.refused


def test_a_notebook_too_large_costs_the_others_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("coursekit.collect.archive.MAX_NOTEBOOK", 200_000)
    save(tmp_path / "ada" / "02_gram.ipynb", own(1))
    (tmp_path / "ada" / "03_losses.ipynb").write_bytes(b" " * 200_001)
    (tmp_path / "ada" / "01_layers.ipynb").write_bytes(b"{")
    [ada] = collect([tmp_path / "ada"])
    assert ada.answers[GRAM].source.endswith("1")
    assert any(note.startswith("Left out: 03_losses.ipynb is larger") for note in ada.notes)
    assert any(note.startswith("Left out: 01_layers.ipynb") for note in ada.notes)


def test_what_lies_about_is_said(tmp_path):
    save(tmp_path / "class" / "ada" / "02_gram.ipynb", own(1))
    save(tmp_path / "class" / "ada" / "venv" / "02_gram.ipynb", own(2))
    pack(tmp_path / "class" / "bob.zip", {"02_gram.ipynb": own(1), ".ipynb_checkpoints/x": "x"})
    for name in (".hidden", "venv", "bob.rar", "old.tar.gz"):
        (tmp_path / "class" / name).write_text("x")
    skipped = find_handins([tmp_path / "class"]).skipped
    assert [line.split()[0] for line in skipped] == [".hidden", "bob.rar", "old.tar.gz", "venv"]
    ada, bob = collect([tmp_path / "class"])
    assert "Folders that are not looked at: venv." in ada.notes
    assert "Folders that are not looked at: .ipynb_checkpoints." in bob.notes


def test_names_that_read_alike_are_told_apart(tmp_path):
    latin, cyrillic = "Anna Petrova", "Anna P\u0435trova"
    for name in (latin, cyrillic, "Anna Petro\u200bva"):
        save(tmp_path / name / "02_gram.ipynb", own(1))
    names = [handin.student for handin in find_handins([tmp_path]).handins]
    assert len(names) == 3
    assert all(" [" in name for name in names)
