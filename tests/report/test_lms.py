"""`coursekit return`: a class of 30 from Canvas's and Moodle's downloads and back, and refusals.

The exports are made after the formats that Canvas and Moodle publish; what each makes of the files
that come back is done again here, from their descriptions, and not with the kit's code.
"""

import csv
import io
import re
import shutil
import time
import zipfile

import pytest
from click.testing import CliRunner
from support.handins import notebook, save

from coursekit import class_run
from coursekit.cli import main
from coursekit.records import Grade, Outcome

POSSIBLE = 20
SAME_NAME = (4, 5)  # two students of one name
SAME_FILE = (6, 7)  # of names that are alike but for the case
LATE = (8, 9, 10)
MISSING = (27, 28, 29)  # did not hand in
UNKNOWN = 11  # not fully graded
DROPPED = 99  # handed in, and has left the course since
NAMES = {
    **{n: f"Student {n:02} Ünal" for n in range(30)},
    **dict.fromkeys(SAME_NAME, "John Smith"),
    6: "Ann O'Hara, Jr.", 7: "ann o'hara, jr.", 12: '=HYPERLINK("x")', 13: "D_Under Score",
    14: "\u202eevil", 15: "Mary  Ann-Lee", DROPPED: "Gone Girl",
}  # fmt: skip
HANDED_IN = [n for n in [*range(30), DROPPED] if n not in MISSING]


def points(n):
    """All different, some of them broken numbers, one of them 0."""
    return round(n * 0.65, 2) if n != DROPPED else 1.0


def grade_all(submissions, *_, **__):
    """Grading replaced: the points that stand in the answer."""
    for submission in submissions:
        answer = submission.answers["02_gram", "gram_matrix"].source
        n = int(re.search(r"return (\d+)", answer)[1])
        status = "infrastructure" if n == UNKNOWN else "passed"
        earned = 0.0 if n == UNKNOWN else points(n)
        outcome = Outcome("02_gram", "gram_matrix", status, earned, POSSIBLE, message="why")
        yield Grade(submission.student, (outcome,))


def graded(folder, *options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_run, "grade_all", grade_all)
        return run("grade", folder / "submissions", "-o", folder / "GRADES", *options)


def own(n):
    return notebook(answers={"gram_matrix": f"def gram_matrix(tensor):\n    return {n}"})


def canvas_name(n):
    late = "_LATE" if n in LATE else ""
    login = re.sub(r"\W", "", NAMES[n]).lower()
    return f"{login}{late}_{1000 + n}_{90000 + n}_02_gram.ipynb"


@pytest.fixture(scope="module")
def from_canvas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("canvas")
    for n in HANDED_IN:
        save(folder / "submissions" / canvas_name(n), own(n))
    assert graded(folder).exit_code == 1  # one is not graded
    return folder


@pytest.fixture(scope="module")
def from_moodle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moodle")
    for n in HANDED_IN:
        name = NAMES[n].replace("_", " ").replace("\u202e", "").replace('"', "")
        place = folder / "submissions" / f"{name}_{1000 + n}_assignsubmission_file_"
        save(place / "02_gram.ipynb", own(n))
    graded(folder, "--layout", "moodle")
    return folder


@pytest.fixture
def canvas(from_canvas, tmp_path):
    return shutil.copytree(from_canvas / "GRADES", tmp_path / "GRADES")


@pytest.fixture
def moodle(from_moodle, tmp_path):
    return shutil.copytree(from_moodle / "GRADES", tmp_path / "GRADES")


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def table(path, delimiter=","):
    text = path.read_text("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def write_rows(path, rows, delimiter=","):
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


CANVAS_HEADER = [
    "Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Essay (501)",
    "Style transfer (502)", "Assignments Current Score", "Current Score",
]  # fmt: skip


def canvas_export(path, possible=f"{POSSIBLE}.0", change=None, delimiter=","):
    rows = [
        [*CANVAS_HEADER],
        ["", "", "", "", "", "Manual Posting", "", "(read only)", "(read only)"],
        ["    Points Possible", "", "", "", "", "10.0", possible, "(read only)", "(read only)"],
    ]
    for n in sorted(range(30), key=lambda n: NAMES[n]):
        old = "3.5" if n in (UNKNOWN, 28) else ""
        rows.append([NAMES[n], str(1000 + n), f"U{n}", f"l{n}", "A", "7", old, "70", "70"])
    rows.append(["Student, Test", "7777", "", "f00", "A", "", "", "", ""])
    if change:
        change(rows)
    return write_rows(path, rows, delimiter)


def test_a_class_goes_back_to_canvas(canvas, tmp_path):
    export = canvas_export(tmp_path / "export.csv")
    done = run("return", canvas, "--canvas", export, "--column", "Style transfer")
    rows = table(canvas / "returned" / "canvas.csv")
    assert rows[0] == [*CANVAS_HEADER[:5], "Style transfer (502)"]  # no other assignment's points
    assert rows[2][0] == "    Points Possible"
    got = {row[1]: row[5] for row in rows[3:]}
    expected = {str(1000 + n): f"{points(n):g}" for n in range(30)}
    expected |= {str(1000 + n): "" for n in (27, 29)} | {"1028": "3.5", "1011": "3.5", "7777": ""}
    assert got == expected
    assert [row[:5] for row in rows] == [row[:5] for row in table(export)]
    assert done.exit_code == 1
    listed = done.stderr
    assert "gonegirl: in no row of the export (number 1099 in the download)" in listed
    assert "student11ünal: not fully graded; the cell is unchanged" in listed
    assert "5 rows of the export have no points from here" in listed
    assert listed.count("\n") == 3
    assert "26 students have points" in done.stdout


def test_canvas_finds_each_page(canvas, tmp_path):
    run(
        "return",
        canvas,
        "--canvas",
        canvas_export(tmp_path / "e.csv"),
        "--column",
        "Style transfer",
    )
    with zipfile.ZipFile(canvas / "returned" / "canvas.zip") as archive:
        pages = {name: archive.read(name).decode() for name in archive.namelist()}
    found = {}
    for name, page in pages.items():  # as Canvas reads such names: its own two numbers
        user, upload = [part for part in name.split("_") if part.isdigit()][:2]
        assert int(upload) == int(user) + 89000
        found[int(user) - 1000] = page
    assert set(found) == set(HANDED_IN) - {UNKNOWN, DROPPED}
    for n, page in found.items():
        assert f"<strong>{points(n):g}</strong> of {POSSIBLE} points" in page


def test_pages_that_go_back_are_of_today(canvas, tmp_path):
    days = {time.localtime()[:3]}
    run("return", canvas, "--canvas", canvas_export(tmp_path / "e.csv"), "--column",
        "Style transfer")  # fmt: skip
    days.add(time.localtime()[:3])  # midnight may have passed
    with zipfile.ZipFile(canvas / "returned" / "canvas.zip") as archive:
        assert {entry.date_time[:3] for entry in archive.infolist()} <= days


def test_two_rows_of_one_number_are_listed(canvas, tmp_path):
    def twice(rows):
        rows.append(["Somebody", "1003", "U3b", "l3b", "B", "", "", "", ""])

    export = canvas_export(tmp_path / "e.csv", change=twice)
    done = run("return", canvas, "--canvas", export, "--column", "Style transfer")
    assert "student03ünal: in 2 rows of the export" in done.stderr
    rows = table(canvas / "returned" / "canvas.csv")
    assert [row[5] for row in rows if row[1] == "1003"] == ["", ""]


def test_two_hand_ins_of_one_row_are_listed_both(tmp_path):
    for name, n in (("first_1003_90003", 3), ("second_1003_90004", 4), ("third_1005_90005", 5)):
        save(tmp_path / "submissions" / f"{name}_02_gram.ipynb", own(n))
    graded(tmp_path)
    folder = tmp_path / "GRADES"
    done = run("return", folder, "--canvas", canvas_export(tmp_path / "e.csv"), "--column", "Style")
    for student in ("first", "second"):
        assert f"{student}: 2 hand-ins have its row (number 1003)" in done.stderr
    got = {row[1]: row[5] for row in table(folder / "returned" / "canvas.csv")}
    assert (got["1003"], got["1005"]) == ("", "3.25")


def test_a_number_is_not_taken_for_somebodys_login(canvas, tmp_path):
    def confuse(rows):
        for row in rows:
            row[3] = {"1003": "1002", "1002": "1003"}.get(row[1], row[3])

    export = canvas_export(tmp_path / "e.csv", change=confuse)
    run("return", canvas, "--canvas", export, "--column", "Style transfer")
    got = {row[1]: row[5] for row in table(canvas / "returned" / "canvas.csv")}
    assert (got["1002"], got["1003"]) == ("1.3", "1.95")


def test_who_is_excused_stays_so(canvas, tmp_path):
    def excuse(rows):
        rows[[row[1] for row in rows].index("1003")][6] = "EX"

    export = canvas_export(tmp_path / "e.csv", change=excuse)
    done = run("return", canvas, "--canvas", export, "--column", "Style transfer")
    assert "student03ünal: excused in Canvas" in done.stderr
    got = {row[1]: row[5] for row in table(canvas / "returned" / "canvas.csv")}
    assert got["1003"] == "EX"


def test_semicolons_come_with_decimal_commas(canvas, tmp_path):
    export = canvas_export(tmp_path / "e.csv", possible="20,0", delimiter=";")
    run("return", canvas, "--canvas", export, "--column", "Style transfer")
    got = {row[1]: row[5] for row in table(canvas / "returned" / "canvas.csv", ";")}
    assert got["1003"] == "1,95"


@pytest.mark.parametrize(
    ("options", "export", "says"),
    [
        ([], {}, "2 of its assignments could be meant by ''; name the column with --column"),
        (["--column", "Quiz"], {}, "0 of its assignments could be meant by 'Quiz'"),
        (["--column", "Style"], {"possible": "100"}, "the system counts 100 points"),
        (["--column", "Style"], {"change": lambda rows: [row.pop(1) for row in rows]},
         "has no column 'ID'; nothing is written"),
    ],
)  # fmt: skip
def test_canvas_exports_that_are_refused(canvas, tmp_path, options, export, says):
    path = canvas_export(tmp_path / "e.csv", **export)
    done = run("return", canvas, "--canvas", path, *options)
    assert done.exit_code == 2
    assert says in " ".join(done.stderr.split())
    assert not (canvas / "returned").exists()


def test_points_in_proportion(canvas, tmp_path):
    export = canvas_export(tmp_path / "e.csv", possible="100")
    run("return", canvas, "--canvas", export, "--column", "Style", "--scale")
    got = {row[1]: row[5] for row in table(canvas / "returned" / "canvas.csv")}
    assert got["1003"] == "9.75"  # 1.95 of 20, of 100


MOODLE_HEADER = [
    "Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade",
    "Grade can be changed", "Last modified (submission)", "Last modified (grade)",
    "Feedback comments",
]  # fmt: skip


def moodle_worksheet(path, change=None, most=f"{POSSIBLE}.00"):
    rows = [[*MOODLE_HEADER]]
    for n in sorted(range(30), key=lambda n: NAMES[n]):
        when = "-" if n in MISSING else f"Friday, 27 November 2026, {1 + n % 12}:05 PM"
        rows.append([
            f"Participant {1000 + n}", NAMES[n], f"s{n}@x.edu", "Submitted for grading",
            "3.50" if n in (UNKNOWN, 28) else "", most, "No" if n == 16 else "Yes", when, "-", "",
        ])  # fmt: skip
    if change:
        change(rows)
    return write_rows(path, rows)


def test_a_class_goes_back_to_moodle(moodle, tmp_path):
    worksheet = moodle_worksheet(tmp_path / "w.csv")
    done = run("return", moodle, "--moodle", worksheet)
    rows, before = table(moodle / "returned" / "moodle.csv"), table(worksheet)
    assert rows[0] == MOODLE_HEADER
    place = MOODLE_HEADER.index("Grade")
    got = {row[0].split()[-1]: row[place] for row in rows[1:]}
    expected = {str(1000 + n): f"{points(n):g}" for n in range(30)}
    expected |= {str(1000 + n): "" for n in (16, 27, 29)} | {"1028": "3.50", "1011": "3.50"}
    assert got == expected
    others = [[cell for i, cell in enumerate(row) if i != place] for row in rows]
    assert others == [[cell for i, cell in enumerate(row) if i != place] for row in before]
    assert "Student 16 Ünal: Moodle says that it is locked" in done.stderr
    assert "Gone Girl: in no row of the export" in done.stderr
    assert done.exit_code == 1


def test_moodle_finds_each_page(moodle, tmp_path):
    run("return", moodle, "--moodle", moodle_worksheet(tmp_path / "w.csv"))
    with zipfile.ZipFile(moodle / "returned" / "moodle.zip") as archive:
        pages = {name: archive.read(name).decode() for name in archive.namelist()}
    found = {}
    for name, page in pages.items():  # as Moodle reads such names: at most five parts
        folder, file = name.split("/")
        _, participant, kind, plugin, rest = folder.split("_", 4)
        assert (kind, plugin, rest, file) == ("assignsubmission", "file", "", "feedback.html")
        found[int(participant) - 1000] = page
    assert set(found) == set(HANDED_IN) - {UNKNOWN, DROPPED, 16}
    for n, page in found.items():
        assert f"<strong>{points(n):g}</strong> of {POSSIBLE} points" in page


@pytest.mark.parametrize("column", ["Identifier", "Grade", "Last modified (grade)"])
def test_no_moodle_file_without_a_column_that_it_needs(moodle, tmp_path, column):
    place = MOODLE_HEADER.index(column)
    worksheet = moodle_worksheet(tmp_path / "w.csv", lambda rows: [row.pop(place) for row in rows])
    done = run("return", moodle, "--moodle", worksheet)
    assert done.exit_code == 2
    assert f"has no column '{column}'; nothing is written" in done.stderr
    assert not (moodle / "returned").exists()


def test_maximum_grades_that_do_not_fit(moodle, tmp_path):
    done = run("return", moodle, "--moodle", moodle_worksheet(tmp_path / "w.csv", most="100.00"))
    assert done.exit_code == 2
    assert "the system counts 100 points, this course 20" in " ".join(done.stderr.split())


def test_times_of_moodles_worksheet_are_in_the_roster(tmp_path):
    folder = tmp_path / "submissions" / "Ada_1003_assignsubmission_file_"
    save(folder / "02_gram.ipynb", own(3))
    worksheet = moodle_worksheet(tmp_path / "w.csv")
    graded(tmp_path, "--layout", "moodle", "--times", worksheet)
    rows = {row[1]: row for row in table(tmp_path / "GRADES" / "roster.csv")}
    assert rows["1003"][2] == "2026-11-27 16:05:00"


def test_folders_named_by_login_are_found_by_it(tmp_path):
    for n in (1, 2):
        save(tmp_path / "submissions" / f"l{n}" / "02_gram.ipynb", own(n))
    graded(tmp_path)
    export = canvas_export(tmp_path / "e.csv")
    done = run("return", tmp_path / "GRADES", "--canvas", export, "--column", "Style")
    got = {row[1]: row[5] for row in table(tmp_path / "GRADES" / "returned" / "canvas.csv")}
    assert (got["1001"], got["1002"]) == ("0.65", "1.3")
    assert "2 pages are not packed" in done.stderr
    assert done.exit_code == 0


def test_one_system_at_a_time(tmp_path):
    assert run("return", tmp_path).exit_code == 2
    done = run("return", tmp_path, "--moodle", moodle_worksheet(tmp_path / "w.csv"))
    assert done.exit_code == 2
    assert "Grade first" in done.stderr
