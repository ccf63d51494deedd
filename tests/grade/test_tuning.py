"""Experiments of lesson 4, judged by the runs handed in: tiny real runs, and what can be wrong."""

import csv
import io
import json
import math
import re
import shutil
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from support.handins import code, notebook, save

from coursekit.collect import read_submission
from coursekit.collect.layouts import find_handins
from coursekit.course import this_course
from coursekit.grade import dask as cluster
from coursekit.grade import experiments as tuning
from coursekit.grade import measuring, pixels
from coursekit.records import Grade, Submission
from coursekit.report.likeness import alike
from coursekit.report.written import read_marks, with_marks, write_pages
from coursekit.sandbox import Bubblewrap, SandboxError
from styletools import TransferConfig, backbones, bundled
from styletools.course import handin
from styletools.course.handin import runs as experiments
from styletools.images import load_image
from styletools.lab import RunStore, part2

SIZE, STEPS = 36, 24
RATE = 0.03  # with few small steps, rounding to 8 bits changes as much as they do
BASE = TransferConfig(max_size=SIZE, steps=STEPS, learning_rate=RATE, device="cpu")
NAMES = ["base", "a", "b", "c", "d"]

pytestmark = pytest.mark.bubblewrap


def plan(base):
    return part2(base) | {"b": base.replace(learning_rate=RATE / 3)}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """The assignment with fewer steps."""
    for name, config in plan(TransferConfig(steps=STEPS, learning_rate=RATE)).items():
        monkeypatch.setitem(experiments.ASKED, name, config)
    monkeypatch.setattr(experiments, "SMALLEST_SIDE", 32)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A store with the five runs, as lesson 4 leaves it: {experiment: its folder's name}."""
    store = RunStore(tmp_path_factory.mktemp("kept") / "runs")
    pictures = bundled("content")["chelsea"], bundled("style")["impasto"]
    runs = {name: store.run(*pictures, config) for name, config in plan(BASE).items()}
    return store.folder, {name: run.name for name, run in runs.items()}


class Work:
    """A student's folder, to be spoilt."""

    def __init__(self, folder, names):
        self.folder, self.names = folder, names

    def run(self, name):
        return self.folder / "runs" / self.names[name]

    def told(self, name):
        return json.loads((self.run(name) / "run.json").read_text("utf-8"))

    def tell(self, name, **changes):
        told = self.told(name) | changes
        (self.run(name) / "run.json").write_text(json.dumps(told), "utf-8")

    def rows(self, name):
        text = (self.run(name) / "losses.csv").read_text("utf-8")
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(io.StringIO(text))]

    def write_rows(self, name, rows, finally_too=False):
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        (self.run(name) / "losses.csv").write_text(buffer.getvalue(), "utf-8")
        if finally_too:
            self.tell(name, final_losses=rows[-1])

    def swap(self, file, source, target):
        shutil.copy(self.run(source) / file, self.run(target) / file)

    def add(self, config, content="chelsea", style="impasto"):
        """Another run of the student's, in the place of none."""
        pictures = (
            bundled("content").get(content, content), bundled("style").get(style, style)
        )  # fmt: skip
        return RunStore(self.folder / "runs").run(*pictures, config)

    def submission(self):
        [found] = find_handins([self.folder]).handins
        return read_submission(found)

    def judged(self):
        return tuning.judge(self.submission(), Bubblewrap())


@pytest.fixture
def work(kept, tmp_path):
    folder, names = kept
    save(tmp_path / "ada" / "04_tuning.ipynb", notebook("04_tuning"))
    shutil.copytree(folder, tmp_path / "ada" / "runs")
    return Work(tmp_path / "ada", names)


def statuses(findings):
    return {name: finding.status for name, finding in findings.items()}


ALL_PASSED = dict.fromkeys(NAMES, "passed")


# --- Honest runs ---------------------------------------------------------------------------------


def test_honest_runs_pass_and_say_what_they_are(work):
    findings = work.judged()
    assert statuses(findings) == ALL_PASSED, findings
    assert findings["c"].message.startswith("60 steps of adam at 36 pixels, total loss ")
    assert findings["c"].folder == f"runs/{work.names['c']}"
    submission = work.submission()
    assert not [name for name in submission.pictures if "previews" in name]  # nobody looks at them
    assert not [note for note in submission.notes if "not looked at" in note]


def test_what_is_asked_for_is_lesson_4s(monkeypatch):
    monkeypatch.undo()
    asked = experiments.ASKED
    assert {name: config.steps for name, config in asked.items()} == {
        "base": 500, "a": 500, "b": 500, "c": 1250, "d": 250
    }  # fmt: skip
    assert (asked["a"].content_weight, asked["a"].style_weight) == (10, 1e5)
    assert asked["b"].learning_rate == 0.001
    assert set(asked["d"].style_weights.values()) == {1.0}


def test_the_points_are_the_lessons_own():
    assert this_course().experiments == dict.fromkeys(NAMES, 2.0)


def test_outcomes_are_in_the_grade(work):
    (work.run("d") / "losses.csv").unlink()
    grade = tuning.with_experiments(Grade("ada", ()), work.submission(), Bubblewrap())
    found = {o.grade_id: (o.lesson, o.status, o.points, o.possible) for o in grade.outcomes}
    assert list(found) == [f"experiment_{name}" for name in NAMES]
    assert found["experiment_a"] == ("04_tuning", "passed", 2.0, 2.0)
    assert found["experiment_d"] == ("04_tuning", "wrong", 0.0, 2.0)
    assert (grade.points, grade.possible) == (8.0, 10.0)


def test_the_package_of_lesson_5_holds_what_is_needed(work, photo, noise):
    shutil.rmtree(work.folder / "runs")
    for config in plan(BASE).values():
        work.add(config, photo, noise)  # the student's own, from elsewhere
    document = notebook("04_tuning")
    document["cells"].append(code("1", execution_count=1))
    save(work.folder / "04_tuning.ipynb", document)
    author = handin.Author("CS", "Ada", "Prof", "1", "2026-11-30")
    path = handin.submit(author, work.folder, allow_incomplete=True)
    names = zipfile.ZipFile(path).namelist()
    assert sum("/runs/" in name for name in names) == 5 * 3 + 2  # no previews, pictures once
    [found] = find_handins([path]).handins
    findings = tuning.judge(read_submission(found), Bubblewrap())
    assert statuses(findings) == ALL_PASSED, findings


def test_own_pictures_beside_the_notebook_are_found_by_name(work, photo, noise):
    shutil.rmtree(work.folder / "runs")
    for config in plan(BASE).values():
        work.add(config, photo, noise)
    findings = work.judged()
    assert set(statuses(findings).values()) == {"to be read"}
    assert "of the content, no file was handed in" in findings["a"].message
    (work.folder / "images").mkdir()
    for path in (photo, noise):
        shutil.copy(path, work.folder / "images")
    assert statuses(work.judged()) == ALL_PASSED


def test_the_picture_that_the_lesson_saves_stands_in_for_the_run_s_own(work):
    (work.folder / "images").mkdir()
    Image.open(work.run("a") / "picture.png").save(work.folder / "images" / "target_a.png")
    (work.run("a") / "picture.png").unlink()
    assert statuses(work.judged()) == ALL_PASSED


def test_a_scheduler_s_worker_sees_the_same(work):
    sent = cluster.unpacked(cluster.pack(work.submission()))
    assert tuning.judge(sent, Bubblewrap()) == work.judged()


# --- Honest, and different -----------------------------------------------------------------------


def only(work, name, config):
    """The student did this instead of an experiment."""
    shutil.rmtree(work.run(name))
    run = work.add(config)
    return work.judged()[name], run


@pytest.mark.parametrize(
    ("name", "config", "says"),
    [
        ("d", plan(BASE)["d"].replace(steps=20), "steps is 20, not 12"),
        ("a", plan(BASE)["a"].replace(content_weight=5), "content_weight is 5, not 10"),
        ("c", BASE.replace(steps=40), "steps is 40, not 60"),
        ("b", plan(BASE)["b"].replace(max_size=34), "their size"),
        ("base", BASE.replace(optimizer="lbfgs", steps=40), "optimizer is lbfgs, not adam"),
        ("d", plan(BASE)["d"].replace(precision="bfloat16", steps=15), "steps is 15"),
    ],
)
def test_what_is_honest_and_different_is_for_a_person(work, name, config, says):
    finding, run = only(work, name, config)
    assert (finding.status, finding.folder) == ("different", f"runs/{run.name}")
    assert says in finding.message
    others = statuses(work.judged())
    assert {status for other, status in others.items() if other != name} == {"passed"}


def test_too_few_steps_and_too_small_a_picture_are_no_full_run(work, monkeypatch):
    finding, _ = only(work, "c", BASE.replace(steps=STEPS // 2))
    assert finding.status == "not attempted"
    monkeypatch.setitem(experiments.ASKED, "d", plan(BASE.replace(steps=2000))["d"])
    assert work.judged()["d"].code == "too short"
    monkeypatch.setattr(experiments, "SMALLEST_SIDE", 96)
    assert work.judged()["a"].code == "too small"


def test_a_network_that_is_not_here_leaves_the_points_open(work, monkeypatch):
    for name in NAMES:
        work.tell(name, config=work.told(name)["config"] | {"backbone": "torchvision"})
    monkeypatch.setattr(backbones, "torchvision_file", lambda: Path("/nowhere"))
    grade = tuning.with_experiments(Grade("ada", ()), work.submission(), Bubblewrap())
    assert {outcome.status for outcome in grade.outcomes} == {"to be read"}
    assert "not on this machine" in grade.outcomes[1].message
    assert (grade.points, grade.complete) == (0, False)


def test_a_person_gives_the_points_that_are_open(work, monkeypatch, tmp_path):
    monkeypatch.setattr(tuning, "backbone_of", lambda record: "a network of nobody")
    submission = work.submission()
    grade = tuning.with_experiments(Grade("ada", ()), submission, Bubblewrap())
    write_pages(tmp_path, [submission], {}, grades={"ada": grade})
    path = tmp_path / "written.csv"
    path.write_text(path.read_text("utf-8").replace("experiment_a,2,,", "experiment_a,2,1.5,Seen."))
    marks = read_marks(path)
    found = {o.grade_id: o for o in with_marks(grade, submission, marks).outcomes}
    assert (found["experiment_a"].status, found["experiment_a"].points) == ("read", 1.5)
    assert found["experiment_a"].message == "Seen."
    assert found["experiment_b"].status == "to be read"
    write_pages(tmp_path, [submission], marks, grades={"ada": grade})
    assert read_marks(path) == marks


def test_runs_on_the_former_small_network_are_for_a_person_to_read(work):
    for name in NAMES:
        told = work.told(name)
        weights = {"backbone": "offline", "backbone_sha256": "0" * 64}
        work.tell(
            name,
            config=told["config"] | {"backbone": "offline"},
            environment=told["environment"] | weights,
        )
    for name, finding in work.judged().items():
        assert finding.status == "to be read", name
        assert "the offline network was another one than the kit has now" in finding.message


def test_of_two_sets_of_runs_the_fuller_counts(work):
    for config in list(plan(BASE).values())[:2]:
        work.add(config, "coffee", "mosaic")
    findings = work.judged()
    assert statuses(findings) == ALL_PASSED
    assert findings["base"].folder == f"runs/{work.names['base']}"


def test_a_shorter_base_run_has_shorter_experiments(monkeypatch):
    """As in the lessons' fast mode: which is which is told by how they belong together."""
    monkeypatch.undo()
    configs = part2(TransferConfig(max_size=64, steps=100))
    configs["mine"] = configs["base"].replace(optimizer="lbfgs", steps=5)
    records = [experiments.Record(name, {}, config) for name, config in configs.items()]
    chosen = experiments.choose(records[::-1])
    assert {name: record.folder for name, record in chosen.items()} == {n: n for n in NAMES}


def test_runs_that_are_no_experiments_are_none_of_them():
    others = [
        BASE.replace(tv_weight=1, steps=1_000_001), BASE.replace(convention="paper"),
        BASE.replace(style_weights={"conv1_1": 1}, content_weight=7),
    ]  # fmt: skip
    records = [experiments.Record("x", {}, config) for config in others]
    assert list(experiments.choose(records)) == ["base"]
    assert experiments.differences("base", records[0]) == [
        "tv_weight is 1, not 0", f"steps is 1000001, not {STEPS}"
    ]  # fmt: skip


# --- What is not there ---------------------------------------------------------------------------


def test_what_is_missing_is_not_attempted(work):
    shutil.rmtree(work.run("c"))
    found = work.judged()
    assert statuses(found) == ALL_PASSED | {"c": "not attempted"}
    shutil.rmtree(work.folder / "runs")
    found = work.judged()
    assert set(statuses(found).values()) == {"not attempted"}
    assert "No run was handed in" in found["a"].message


def test_a_refused_hand_in_loses_no_points():
    submission = Submission("ada", Path("x"), {}, refused="A bomb.")
    grade = tuning.with_experiments(Grade("ada", ()), submission, Bubblewrap())
    assert {outcome.status for outcome in grade.outcomes} == {"refused"}


def test_the_grader_s_own_failure_is_no_zero(work, monkeypatch):
    def fail(*_):
        raise SandboxError("no sandbox today")

    monkeypatch.setattr(tuning, "decode", fail)
    grade = tuning.with_experiments(Grade("ada", ()), work.submission(), Bubblewrap())
    assert {o.status for o in grade.outcomes} == {"infrastructure"}
    assert "no sandbox today" in grade.outcomes[0].message
    assert not grade.complete


# --- What cannot be ------------------------------------------------------------------------------


def settings_edited(work):
    config = work.told("d")["config"] | {"learning_rate": RATE / 3}
    style_weights = work.told("a")["config"]["style_weights"]
    shutil.rmtree(work.run("b"))
    work.tell("d", config=config | {"style_weights": style_weights, "steps": STEPS})
    return "b", "rows", r"has 12 rows, but the run has 24 steps"


def history_of_another_run(work):
    work.swap("losses.csv", "base", "a")
    return "a", "first loss", r"At the first step total is"


def picture_of_something_else(work):
    rng = np.random.default_rng(0)
    size = Image.open(work.run("a") / "picture.png").size
    noise = rng.integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
    Image.fromarray(noise).save(work.run("a") / "picture.png")
    return "a", "picture", "not where the losses end: content is"


def content_as_the_picture(work):
    size = Image.open(work.run("a") / "picture.png").size
    with Image.open(bundled("content")["chelsea"]) as image:
        image.resize(size, Image.Resampling.LANCZOS).save(work.run("a") / "picture.png")
    return "a", "picture", "not where the losses end: content is"


def all_losses_halved(work):
    rows = [
        {k: v if k in ("step", "size") else v / 2 for k, v in r.items()} for r in work.rows("b")
    ]
    work.write_rows("b", rows, finally_too=True)
    return "b", "first loss", "At the first step conv1_1 is"


def it_went_on_from_an_old_target(work):
    rows = work.rows("b")[2:]
    rows = [row | {"step": step} for step, row in enumerate([*rows, *rows[-2:]], start=1)]
    work.write_rows("b", rows, finally_too=True)
    return "b", "first loss", "does not begin at 0"


def rows_cut_off(work):
    work.write_rows("c", work.rows("c")[:30])
    return "c", "rows", "has 30 rows, but the run has 60 steps"


def rows_repeated(work):
    rows = work.rows("c")
    work.write_rows("c", [*rows[:30], *rows[:30]])
    return "c", "rows", "not the steps that were done"


def beginning_of_another_run(work):
    rows = work.rows("c")
    for row in rows[1:]:
        for name in row.keys() - {"step", "size"}:
            row[name] *= 3
    work.write_rows("c", rows, finally_too=True)
    return "c", "picture", "not where the losses end"


def not_a_number(work):
    rows = work.rows("a")
    rows[7]["conv2_1"] = math.nan
    work.write_rows("a", rows)
    return "a", "damaged", "conv2_1 is nan in row 8"


def numbers_that_overflow(work):
    rows = work.rows("a")
    rows[7] |= {"style": 1e308, "total": math.inf}
    work.write_rows("a", rows)
    return "a", "damaged", "total is inf in row 8"


def another_table(work):
    (work.run("a") / "losses.csv").write_text("Schritt;Verlust\n1;2\n")
    return "a", "damaged", "does not have the columns"


def no_table(work):
    (work.run("a") / "losses.csv").write_bytes(b"\x00\xff\xfe" * 99)
    return "a", "damaged", "no table of numbers"


def an_empty_table(work):
    (work.run("a") / "losses.csv").write_bytes(b"")
    return "a", "damaged", "no table of numbers"


def a_huge_table(work):
    (work.run("a") / "losses.csv").write_bytes(b"1,2\n" * 3_100_000)
    return "a", "damaged", "larger than that of any run"


def a_table_of_commas(work):
    (work.run("a") / "losses.csv").write_bytes(b"," * 2_000_000)
    return "a", "damaged", "larger than that of any run"


def a_link_to_the_table(work):
    path = work.run("a") / "losses.csv"
    path.unlink()
    path.symlink_to(work.run("base") / "losses.csv")
    return "a", "damaged", "is missing"


def interrupted(work):
    work.tell("a", ended="interrupted")
    return "a", "not finished", "interrupted"


def diverged(work):
    work.tell("a", ended="diverged", detail="At step 9 its gradient is not finite")
    return "a", "not finished", "not finite"


def no_picture(work):
    (work.run("a") / "picture.png").unlink()
    return "a", "no picture", "is missing"


def a_picture_that_is_none(work):
    (work.run("a") / "picture.png").write_text("not a picture")
    return "a", "picture", "no PNG file"


def a_picture_cut_off(work):
    path = work.run("a") / "picture.png"
    path.write_bytes(path.read_bytes()[:-500])
    return "a", "picture", "cannot be opened"


def png(width, height, pixels=b""):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def a_picture_bomb(work):
    (work.run("a") / "picture.png").write_bytes(png(60_000, 60_000, bytes(10_000_000)))
    return "a", "picture", "60000×60000 pixels"


def a_picture_bomb_that_has_to_be_compared(work):
    """The kit's picture is not resized to it to see which one the student had."""
    (work.folder / "images").mkdir()
    shutil.copy(bundled("content")["chelsea"], work.folder / "images")
    return a_picture_bomb(work)


def a_picture_of_a_line(work):
    (work.run("a") / "picture.png").write_bytes(png(SIZE, 1, bytes(3 * SIZE + 1)))
    return "a", "picture", "no run gives that"


SPOILT = [
    settings_edited, history_of_another_run, picture_of_something_else, content_as_the_picture,
    all_losses_halved, it_went_on_from_an_old_target, rows_cut_off, rows_repeated,
    beginning_of_another_run, not_a_number, numbers_that_overflow, another_table, no_table,
    an_empty_table, a_huge_table, a_table_of_commas, a_link_to_the_table, interrupted, diverged,
    no_picture, a_picture_that_is_none, a_picture_cut_off, a_picture_bomb,
    a_picture_bomb_that_has_to_be_compared, a_picture_of_a_line,
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_what_cannot_be_is_wrong_and_named(work, spoil):
    name, kind, says = spoil(work)
    findings = work.judged()
    finding = findings.pop(name)
    assert (finding.status, finding.code) == ("wrong", kind), finding
    assert re.search(says, finding.message), finding.message
    assert "wrong" not in statuses(findings).values(), findings


# --- What a person has to look at ----------------------------------------------------------------


def run_copied_with_new_totals(work):
    """The base run's losses and picture stand for (a): its layers' losses are the same."""
    rows = work.rows("base")
    for row in rows:
        row["total"] = 10 * row["content"] + 1e5 * row["style"]
    work.write_rows("a", rows)
    work.swap("picture.png", "base", "a")
    return {"base", "a"}, "its picture is that of run"


def a_blurred_photograph(work):
    """Nothing was optimised: one picture, its losses computed once, and a curve drawn to them."""
    path = work.run("d") / "picture.png"
    with Image.open(bundled("content")["chelsea"]) as photo, Image.open(path) as old:
        picture = photo.convert("RGB").resize(old.size).filter(ImageFilter.GaussianBlur(0.4))
    picture.save(path)
    config = plan(BASE)["d"]
    content, style = (
        load_image(bundled(role)[name], size=picture.size[::-1])
        for role, name in (("content", "chelsea"), ("style", "impasto"))
    )
    net = backbones.load_backbone(work.told("d")["config"]["backbone"])
    _, end = measuring.Bench().losses(config, np.asarray(picture), content, style, net)
    first, *rows = work.rows("d")
    for number, row in enumerate(rows, start=1):
        row |= {
            name: first[name] + (end[name] - first[name]) * number / len(rows)
            for name in row.keys() - {"step", "size"}
        }
    work.write_rows("d", [first, *rows], finally_too=True)
    return {"d"}, "of the first total loss; a run with these settings leaves less"


@pytest.mark.parametrize("forge", [run_copied_with_new_totals, a_blurred_photograph])
def test_what_measuring_cannot_tell_from_a_run_is_for_a_person(work, forge):
    names, says = forge(work)
    findings = work.judged()
    assert statuses(findings) == ALL_PASSED | dict.fromkeys(names, "to be read"), findings
    assert all(says in findings[name].message for name in names), findings


# --- What cannot be read -------------------------------------------------------------------------


def described(work, **changes):
    told = work.told("b")
    return json.dumps(told | {"config": told["config"] | changes})


DEEP = "[" * 100_000
UNREADABLE = {
    "steps beyond any run": lambda w: described(w, steps=1_000_000_000),
    "a picture beyond any": lambda w: described(w, max_size=1_000_000),
    "an integer that overflows": lambda w: described(w, content_weight=10**400),
    "not a number": lambda w: described(w, style_weight=math.nan),
    "an unknown setting": lambda w: described(w, exec="import os"),
    "another kind": lambda w: described(w, style_weights=[1, 2]),
    "settings that are none": lambda w: json.dumps(w.told("b") | {"config": "adam"}),
    "nested deep": lambda w: DEEP,
    "nested deep, within the limit": lambda w: "[" * 4_900,
    "a list": lambda w: "[1, 2]",
    "a number": lambda w: "7",
    "empty": lambda w: "",
    "a hundred thousand digits": lambda w: '{"config": ' + "9" * 100_000 + "}",
    "a megabyte": lambda w: described(w) + " " * 900_000,
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_a_description_that_cannot_be_read_is_named(work, text):
    (work.run("b") / "run.json").write_text(text(work))
    findings = work.judged()
    assert statuses(findings) == ALL_PASSED | {"b": "not attempted"}
    assert f"runs/{work.names['b']}: run.json" in findings["b"].message
    assert len(findings["b"].message) < 500


def test_bytes_that_are_no_text(work):
    (work.run("b") / "run.json").write_bytes(b"\xff\xfe\x00{")
    assert work.judged()["b"].status == "not attempted"


def test_odd_entries_break_nothing(work):
    odd = {"key": 7, "created": [], "content": {"a": 1}, "style_sha256": None, "environment": 3}
    work.tell("a", **odd, final_losses="none")
    assert work.judged()["a"].status == "to be read"
    for step in (1e300, math.nan, [1, 2]):  # L-BFGS names the step that it kept
        config = work.told("a")["config"] | {"optimizer": "lbfgs"}
        work.tell("a", config=config, final_losses={"step": step})
        assert work.judged()["a"].status == "to be read"


def test_names_lead_nowhere(work, tmp_path):
    """Nothing is opened by what run.json says: not on this machine, not out of the hand-in."""
    secret = tmp_path / "secret.png"
    Image.new("RGB", (64, 64), "red").save(secret)
    for name in NAMES:
        work.tell(name, content=str(secret), style="../../secret.png")
    assert "no file was handed in" in work.judged()["a"].message
    backbone = {"backbone": str(secret)}
    for name in NAMES:
        work.tell(name, config=work.told(name)["config"] | backbone)
    assert "a file of the student's own" in work.judged()["a"].message


def test_layers_that_the_network_does_not_have_are_not_measured(work):
    rows = [row | {"conv5_4": row["conv5_1"]} for row in work.rows("d")]
    for row in rows:
        del row["conv5_1"]
    config = work.told("d")["config"]
    layers = {name.replace("conv5_1", "conv5_4"): 1.0 for name in config["style_weights"]}
    work.tell("d", config=config | {"style_weights": layers}, key="")
    work.write_rows("d", rows, finally_too=True)
    Image.open(work.run("d") / "picture.png").save(work.run("d") / "picture.png")
    finding = work.judged()["d"]
    assert finding.status == "to be read", finding
    assert "These weights end before" in finding.message


def test_many_runs_are_read_as_far_as_a_limit(work, monkeypatch):
    monkeypatch.setattr(tuning, "MOST_RUNS", 3)
    messages = " ".join(finding.message for finding in work.judged().values())
    assert "Of 5 runs the first 3 were read." in messages


def test_a_picture_that_ends_the_decoder_leaves_the_others(monkeypatch):
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(buffer, "PNG")
    good = buffer.getvalue()
    answers = pixels._ask

    def ends(paths, size, sandbox):
        """As if a picture ended the process."""
        count = next((i for i, p in enumerate(paths) if p.read_bytes() == b"bad"), len(paths))
        return answers(paths[:count], size, sandbox) if count else []

    monkeypatch.setattr(pixels, "_ask", ends)
    found = pixels.decode({"a": good, "b": b"bad", "c": good}, (20, 20), Bubblewrap())
    assert found["b"] == "it cannot be opened"
    assert found["a"].pixels.tolist() == found["c"].pixels.tolist()
    assert found["a"].pixels[0, 0].tolist() == [255, 0, 0]


def test_a_decoder_that_does_not_start_is_the_grader_s_failure(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere")
    with pytest.raises(SandboxError, match="does not start"):
        pixels.decode({"a": b""}, (20, 20), Bubblewrap())


# --- Two students --------------------------------------------------------------------------------


def test_runs_of_another_submission_are_noted(work, tmp_path):
    shutil.copytree(work.folder, tmp_path / "bob")
    names = ("ada", "bob")
    for name in names[1:]:  # bob's own time stamp, and his own picture file
        told = json.loads((tmp_path / name / "runs" / work.names["a"] / "run.json").read_text())
        path = tmp_path / name / "runs" / work.names["a"]
        (path / "run.json").write_text(json.dumps(told | {"seconds": 1.5}))
        Image.open(path / "picture.png").save(path / "picture.png")
    handins = find_handins([tmp_path / name for name in names]).handins
    found = alike(map(read_submission, handins))
    files, losses = sorted(found["ada"], key=lambda likeness: likeness.what)[::-1]
    both = {files.what, losses.what}
    assert {text.rpartition(": ")[2][:15] for text in both} == {"the same file", "the same losses"}
    [of_losses] = [text for text in both if "losses" in text]
    assert of_losses.startswith(f"runs/{work.names['a']}: ")
    assert "bob" in files.named
    assert "bob" not in files.anonymous
