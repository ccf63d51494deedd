"""The table [grading]: late days, grace, cap, scaled and dropped parts, against sums by hand."""

import tomllib
from datetime import datetime, timedelta

import pytest

from coursekit.records import Grade, Outcome
from coursekit.report.pages import class_csv, student_page
from coursekit.report.roster import Entry, RosterError, read_roster, write_roster
from coursekit.report.rules import RulesError, apply_rules, days_late, read_rules
from coursekit.report.tables import ExportError, gradescope_json, nbgrader_csv

LATE = """
[grading]
deadline = 2026-12-01T23:59:00+01:00
grace_minutes = 15
late_percent = 10
late_percent_cap = 25
"""


def rules(text):
    return read_rules(tomllib.loads(text))


def grade(*outcomes):
    made = [Outcome("02_gram", "gram_matrix", "passed", 16, 20), *outcomes]
    return Grade("ada", tuple(made))


# Of 40 points 32 are earned; 10 % of 40 a day, at most 25 %.
BY_HAND = [
    # handed in                     days  off  left
    ("2026-11-30 10:00",             0,   0,   32),  # a day early
    ("2026-12-01 23:59:00",          0,   0,   32),  # on the second
    ("2026-12-02 00:14:00",          0,   0,   32),  # the grace's last second
    ("2026-12-02 00:14:01",          1,   4,   28),  # after the grace: the first day
    ("2026-12-02 23:59:00",          1,   4,   28),  # 24 hours
    ("2026-12-02 23:59:01",          2,   8,   24),  # the second day has begun
    ("2026-12-03 12:00",             2,   8,   24),
    ("2026-12-04 12:00",             3,  10,   22),  # 30 %, cap 25 %
    ("2026-12-24 12:00",            23,  10,   22),
    ("2026-12-02T22:59:01+00:00",    2,   8,   24),  # another zone: 23:59:01 here
    ("2026-12-02 22:59:01 UTC",      1,   4,   28),  # without an offset it is local
]  # fmt: skip


@pytest.mark.parametrize(("submitted", "days", "off", "left"), BY_HAND)
def test_late_days(submitted, days, off, left):
    earned = grade(Outcome("03_losses", "content_loss", "passed", 16, 20))
    late = apply_rules(earned, rules(LATE), Entry("ada", submitted=submitted))
    assert (late.penalty, late.points, late.possible) == (off, left, 40)
    assert (f"{days} day" in late.late) == bool(days)
    assert ("at most 25 %" in late.late) == (days >= 3)


def test_an_extension_moves_the_deadline():
    entry = Entry("ada", submitted="2026-12-03 12:00", extension_days=1)
    late = apply_rules(grade(), rules(LATE), entry)
    assert late.penalty == 2  # one day of 20 points
    assert "02 Dec 2026, 23:59" in late.late


def test_a_penalty_takes_no_more_than_is_there():
    poor = Grade("ada", (Outcome("02_gram", "gram_matrix", "wrong", 1, 20),))
    late = apply_rules(poor, rules(LATE), Entry("ada", submitted="2026-12-24 12:00"))
    assert (late.points, late.penalty) == (0, 5)


def test_late_without_a_time_is_unknown_and_no_zero():
    late = apply_rules(grade(), rules(LATE), Entry("ada", late=True))
    assert late.penalty is None
    assert not late.complete
    assert class_csv([late]).split("\n")[1].startswith("ada,,20,incomplete")
    assert nbgrader_csv([late]).split("\r\n")[1].endswith(",,0,,20")
    with pytest.raises(ExportError, match="the late penalty"):
        gradescope_json(late)
    assert "Not fully graded" in student_page(late)
    assert apply_rules(grade(), rules(LATE), Entry("ada")).complete  # not late for the system
    assert apply_rules(grade(), rules("[grading]\n"), Entry("ada", late=True)).complete


SCALED = """
[grading.scale]
"03_losses" = 0.5
"03_losses/total_loss" = 0
"""


def test_scaled_and_dropped_parts():
    whole = grade(
        Outcome("03_losses", "content_loss", "passed", 10, 10),
        Outcome("03_losses", "style_loss", "wrong", 4, 10),
        Outcome("03_losses", "total_loss", "passed", 6, 6),
    )
    counted = apply_rules(whole, rules(SCALED))
    assert [o.points for o in counted.outcomes] == [16, 5, 2, 0]
    assert [o.possible for o in counted.outcomes] == [20, 5, 5, 0]
    assert (counted.points, counted.possible) == (23, 30)
    page = student_page(counted)
    assert "Counts × 0.5: 4 of 10 points before." in page
    assert "Does not count." in page
    assert whole.points == 36


LOWEST = """
[[grading.drop_lowest]]
parts = ["04_tuning/experiment_[abcd]"]
count = 1
"""


def experiments(points, status="passed"):
    return [
        Outcome("04_tuning", f"experiment_{name}", status, earned, 2)
        for name, earned in zip("abcd", points, strict=True)
    ]


@pytest.mark.parametrize(
    ("points", "left"),
    [
        ((2, 1, 0, 2), [2, 1, None, 2]),
        ((2, 2, 2, 2), [2, 2, 2, None]),
        ((0, 0, 1, 2), [0, None, 1, 2]),
    ],
)  # fmt: skip
def test_the_lowest_does_not_count(points, left):
    counted = apply_rules(grade(*experiments(points)), rules(LOWEST)).outcomes[1:]
    assert [o.points if o.possible else None for o in counted] == left
    (dropped,) = (o for o in counted if not o.possible)
    assert "of 4 such parts the lowest is dropped" in dropped.rule


def test_nobody_knows_the_lowest_of_what_is_open():
    open_one = Outcome("04_tuning", "experiment_a", "infrastructure", 0, 2)
    counted = apply_rules(grade(open_one, *experiments((2, 1, 0, 2))[1:]), rules(LOWEST))
    assert counted.possible == 28
    assert not counted.complete


def test_parts_of_which_the_lowest_goes_are_worth_the_same():
    odd = [*experiments((2, 2, 2, 2))[:3], Outcome("04_tuning", "experiment_d", "passed", 3, 4)]
    with pytest.raises(RulesError, match=r"experiment_d \(4\)"):
        apply_rules(grade(*odd), rules(LOWEST))


def test_scale_lowest_and_late_together():
    """By hand: 16 of 20; experiments × 0.5 are 1, 0.5, 0, 1 of 1, less the 0: 18.5 of 23.

    Two days at 10 % of 23 are 4.6.
    """
    text = LATE + '[grading.scale]\n"04_tuning" = 0.5\n' + LOWEST
    entry = Entry("ada", submitted="2026-12-03 12:00")
    late = apply_rules(grade(*experiments((2, 1, 0, 2))), rules(text), entry)
    assert (late.earned, late.possible) == (18.5, 23)
    assert late.penalty == pytest.approx(4.6)
    assert late.points == pytest.approx(13.9)
    page = student_page(late)
    assert "<strong>13.9</strong> of 23 points" in page
    assert "18.5 points earned." in page
    assert "2 days after the deadline of 01 Dec 2026, 23:59: 2 × 10 %" in page
    rows = [line.split(",") for line in nbgrader_csv([late]).splitlines()[1:]]
    assert sum(float(row[9]) for row in rows) == pytest.approx(13.9, abs=0.02)


def test_no_table_changes_nothing():
    assert apply_rules(grade(), rules(""), Entry("ada", submitted="2030-01-01 00:00")) == grade()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[grading]\nlate = 5", "late is 5; it must be one of deadline"),
        ("[grading]\ndeadline = 2026-12-01T23:59:00", "a time with its offset"),
        ("[grading]\nlate_percent = 10", "used with a deadline"),
        (LATE.replace("= 10", "= 101"), "late_percent is 101; it must be a number from 0 to 100"),
        (LATE.replace("= 15", "= -1"), "grace_minutes is -1"),
        ('[grading.scale]\n"02_gramm" = 1', "no part '02_gramm'"),
        ('[grading.scale]\n"02_gram" = "half"', "02_gram is 'half'"),
        ('[[grading.drop_lowest]]\nparts = ["x/*"]', r"no part 'x/\*'"),
        ('[[grading.drop_lowest]]\nparts = ["02_gram/*"]\ncount = 0', "count is 0"),
        ("grading = 3", "grading is 3; it must be a table"),
    ],
)
def test_rules_that_cannot_be(text, says):
    with pytest.raises(RulesError, match=says):
        rules(text)


def test_days_are_counted_from_the_deadline():
    deadline = datetime(2026, 12, 1)
    assert days_late(deadline + timedelta(hours=25), deadline, timedelta(hours=2)) == 2


def test_what_a_person_entered_in_the_roster_stays(tmp_path):
    entry = Entry("ada", "7", "2026-12-01 10:00", True, 1.5, "ada_7_8_")
    write_roster(tmp_path, {"ada": entry})
    assert read_roster(tmp_path) == {"ada": entry}
    text = (tmp_path / "roster.csv").read_text("utf-8-sig")
    for old, new, says in (
        ("2026-12-01 10:00", "yesterday", "row 2: submitted is 'yesterday'"),
        (",1.5,", ",-1,", "extension_days is '-1'"),
    ):
        (tmp_path / "roster.csv").write_text(text.replace(old, new), "utf-8-sig")
        with pytest.raises(RosterError, match=says):
            read_roster(tmp_path)
