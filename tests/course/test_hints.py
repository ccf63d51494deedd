"""The hints: for every mistake, short, easy to read, and never the answer."""

import re

import pytest
from support.mutants import OPTIONAL, read_mutants

from coursekit.build.lesson import read_lesson, solution_lines
from coursekit.course import NOTEBOOKS
from styletools.course import checks
from styletools.course.checks import hints
from styletools.course.diagnosis import AnswerStatus, Diagnosis
from styletools.course.todos import CHECKED

MISTAKES = sorted(
    {
        (mutant.name, mutant.code.removeprefix(f"{CHECKED[mutant.name].prefix}-"))
        for mutant in read_mutants() + read_mutants(OPTIONAL)
        if mutant.status != "passed"
    }
)
ANYWHERE = {"device", "missing", "unusable"}  # tests of the checks provoke them in any TODO
each_entry = pytest.mark.parametrize(
    "entry", hints.all_hints(), ids=lambda entry: sorted(entry.codes)[0]
)


def sentences(text):
    return [part for part in re.split(r"[.?!:]+(?:\s|$)", text) if re.search(r"[a-zA-Z]", part)]


def syllables(word):
    """Groups of vowels; an e at the end is silent, but for -le."""
    found = len(re.findall(r"[aeiouy]+", word))
    silent = word.endswith("e") and not word.endswith("le") and found > 1
    return max(1, found - silent)


def reading_ease(text):
    """Flesch's: 60 to 70 is plain English, more is easier."""
    words = re.findall(r"[a-z]+", text.lower())
    per_word = sum(map(syllables, words)) / len(words)
    return 206.835 - 1.015 * len(words) / len(sentences(text)) - 84.6 * per_word


@pytest.fixture(autouse=True)
def new_session(monkeypatch):
    monkeypatch.setattr(checks, "DESK", desk := hints.HintDesk())
    monkeypatch.setattr(hints, "DESK", desk)


def said(capsys, name):
    checks.hint(name)
    return capsys.readouterr().out.strip()


# --- The texts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "code"), MISTAKES)
def test_every_mistake_has_hints(name, code):
    assert hints.hints_for(name, code) is not None


@pytest.mark.parametrize("name", CHECKED)
def test_every_todo_has_hints_of_its_own_to_begin_with(name):
    assert hints.hints_for(name, hints.NO_MISTAKE_SEEN).todos == {name}


@each_entry
def test_an_entry_is_for_mistakes_that_exist(entry):
    assert entry.todos <= set(CHECKED)
    known = {code for _, code in MISTAKES} | ANYWHERE
    assert entry.codes <= known
    for todo in entry.todos:
        assert entry.codes & {code for name, code in MISTAKES if name == todo}, todo


@each_entry
def test_an_entry_has_at_most_160_words(entry):
    assert len(" ".join(entry.texts).split()) <= 160


@each_entry
def test_an_entry_is_plain_english(entry):
    assert reading_ease(" ".join(entry.texts)) >= 60, entry.texts


def test_the_measure_of_reading_ease_tells_plain_from_learned():
    assert reading_ease("The cat sat on the mat. It was a good day.") > 90
    assert reading_ease("Differentiability necessitates dimensional considerations.") < 0


@each_entry
def test_no_hint_holds_a_line_of_a_solution(entry):
    lessons = (NOTEBOOKS / "lessons").glob("0*.py")
    lines = {line for lesson in lessons for line in solution_lines(read_lesson(lesson))}
    text = " ".join(entry.texts)
    for line in lines:
        squeezed = "".join(line.split())
        assert len(squeezed) < 8 or squeezed not in "".join(text.split()), line
    for secret in ("@", ".T", ".t()", "torch.", "mse_loss", "**", ".mean", ".view(", ".reshape("):
        assert secret not in text


# --- Which comes when ----------------------------------------------------------------------------


def wrong_gram(name):
    """The namespace of a lesson with a wrong answer, by its title."""
    [mutant] = [m for m in read_mutants() if (m.name, m.title) == ("gram_matrix", name)]
    namespace = {"__name__": "__main__", "torch": __import__("torch")}
    exec(mutant.source, namespace)
    return namespace


def first_wrong(code):
    return next(m.title for m in read_mutants() if m.code == code)


def test_three_hints_come_one_after_the_other_and_the_last_stays(capsys):
    checks.check_gram_matrix(wrong_gram(first_wrong("gram-over-positions")))
    capsys.readouterr()
    entry = hints.hints_for("gram_matrix", "over-positions")
    for number, text in enumerate((*entry.texts, entry.texts[-1]), start=1):
        found = said(capsys, "gram_matrix")
        assert found.startswith(f"Hint {min(number, 3)} of 3 on gram_matrix, ")
        assert found.endswith(text)


def test_another_mistake_begins_with_its_first_hint(capsys):
    checks.check_gram_matrix(wrong_gram(first_wrong("gram-over-positions")))
    said(capsys, "gram_matrix")
    checks.check_gram_matrix(wrong_gram(first_wrong("gram-normalised")))
    first, *_ = hints.hints_for("gram_matrix", "normalised").texts
    assert said(capsys, "gram_matrix").endswith(first)


def test_the_same_mistake_again_goes_on_where_it_was(capsys):
    for number in (1, 2):
        checks.check_gram_matrix(wrong_gram(first_wrong("gram-over-positions")))
        capsys.readouterr()
        assert said(capsys, "gram_matrix").startswith(f"Hint {number} of 3")


def test_before_any_check_the_hints_are_for_a_beginning(capsys):
    first, *_ = hints.hints_for("style_loss", "not-attempted").texts
    assert said(capsys, "style_loss").endswith(first)


def test_a_mistake_that_nobody_foresaw_gets_the_hints_for_a_beginning(capsys):
    checks.DESK.saw(Diagnosis("style_loss", AnswerStatus.WRONG, "style-new-mistake", "…"))
    first, *_ = hints.hints_for("style_loss", "not-attempted").texts
    assert said(capsys, "style_loss").endswith(first)


def test_a_right_answer_needs_none(capsys):
    checks.DESK.saw(Diagnosis("style_loss", AnswerStatus.PASSED))
    assert said(capsys, "style_loss") == "style_loss: its check passes, so it needs no hint."


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(hints.NoHintError, match=r"no TODO 'gram'.*gram_matrix"):
        checks.hint("gram")


def test_a_failed_check_says_how_to_get_a_hint(capsys):
    checks.check_gram_matrix({})
    assert 'run checks.hint("gram_matrix") in a cell' in capsys.readouterr().out
