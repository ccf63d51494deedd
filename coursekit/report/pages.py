"""Grades → what people and programs read: a page for each student, CSV, JUnit XML.

All that comes from a student (names, messages, code, notes) is escaped, and characters that do
not show are made visible. What the grader could not grade is "not graded": never a zero.
"""

import base64
import csv
import hashlib
import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import Template
from markdown_it import MarkdownIt
from markupsafe import Markup

from coursekit.collect.names import file_name, one_line, visible
from coursekit.collect.one_notebook.find import TITLE
from coursekit.course import this_course
from coursekit.records import SINGLE, Grade, Outcome, Status, Submission
from coursekit.report.likeness import Likeness
from coursekit.sandbox import SAYS
from styletools._files import write_text
from styletools.course.handin.html import templates_in

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
PLAIN = MarkdownIt("zero", {"html": False}).enable(
    ["backticks", "blockquote", "code", "emphasis", "escape", "fence", "heading", "list", "table"]
)
"""Markdown of students: no HTML, no links, no pictures; those stay as they were written."""


def write_reports(
    folder: Path,
    grades: Sequence[Grade],
    submissions: Mapping[str, Submission] | None = None,
    likenesses: Mapping[str, Sequence[Likeness]] | None = None,
) -> list[Path]:
    """Write `students/NAME.html` of each grade, `grades.csv` and `grades.xml`.

    Args:
        folder: for the results; it is made.
        grades: of the class.
        submissions: {student: submission}, where the graded code is to be shown.
        likenesses: what `likeness.alike` found; who the others are is in the table alone.

    Returns:
        The paths of what was written.
    """
    submissions, likenesses = submissions or {}, likenesses or {}
    grades = sorted(grades, key=lambda grade: grade.student)
    texts = {
        folder / "grades.csv": class_csv(grades, likenesses),
        folder / "grades.xml": junit_xml(grades),
    }
    for grade in grades:
        path = folder / "students" / f"{file_name(grade.student)}.html"
        more = [likeness.anonymous for likeness in likenesses.get(grade.student, ())]
        texts[path] = student_page(grade, submissions.get(grade.student), more)
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def student_page(
    grade: Grade, submission: Submission | None = None, notes: Sequence[str] = ()
) -> str:
    """One student's page, as HTML that needs nothing beside it; the same grade, the same bytes."""
    lessons: dict[str, list[Outcome]] = {}
    for outcome in grade.outcomes:
        lessons.setdefault(outcome.lesson, []).append(outcome)
    answers = submission.answers if submission else {}
    return render(
        "student.html",
        grade=grade,
        graded=sum(o.possible for o in grade.outcomes if not o.status.open),
        lessons=lessons,
        code={key: answer.source for key, answer in answers.items()},
        refused=submission.refused if submission else "",
        notes=tuple(dict.fromkeys((*grade.notes, *notes))),
    )


def render(template: str, images: bool = False, script: str = "", **values: object) -> str:
    """Fill a template; everything is escaped, and no script can run in the page but ours.

    Args:
        template: a file of `templates/`.
        images: allow pictures, of the page's own folder.
        script: a file of `templates/`, the one script that may run, if any.
        values: for the template.
    """
    style = (_TEMPLATES / "page.css").read_text("utf-8")
    style += "".join(f".fill.{slug(s)} {{ fill: {s.colour}; }}\n" for s in Status)
    code = (_TEMPLATES / script).read_text("utf-8") if script else ""
    policy = f"default-src 'none'; style-src {_hash_of(style)}; base-uri 'none'; form-action 'none'"
    policy += "; img-src 'self' file:" if images else ""
    policy += f"; script-src {_hash_of(code)}" if script else ""
    return _template(template).render(
        style=style,
        script=code,
        policy=policy,
        statuses=Status,
        sandbox_says=SAYS,
        titles={**this_course().titles, SINGLE: TITLE},
        **values,
    )


def _hash_of(text: str) -> str:
    """By which a page's policy knows a style or a script."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def class_csv(
    grades: Sequence[Grade], likenesses: Mapping[str, Sequence[Likeness]] | None = None
) -> str:
    """A table of the class for a spreadsheet: points and status of each TODO.

    Where something could not be graded, its points and the total are empty. A text that a
    spreadsheet would take for a formula begins with an apostrophe.
    """
    todos = todo_keys(grades)
    header = ["student", "points", "possible", "graded"]
    header += [f"{lesson}/{name} points" for lesson, name in todos]
    header += [f"{lesson}/{name} status" for lesson, name in todos]
    rows: list[list[str]] = [[*header, "late", "sandbox", "notes"]]
    for grade in grades:
        found = {(o.lesson, o.grade_id): o for o in grade.outcomes}
        row = [one_line(grade.student), number(grade.points) if grade.complete else ""]
        row += [number(grade.possible), "complete" if grade.complete else "incomplete"]
        row += [_points(found.get(todo)) for todo in todos]
        row += [found[todo].status if todo in found else "" for todo in todos]
        named = [likeness.named for likeness in (likenesses or {}).get(grade.student, ())]
        notes = " | ".join(one_line(note) for note in (*grade.notes, *named))
        rows.append([*row, grade.late, grade.sandbox, notes])
    return csv_text(rows)


def csv_text(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    """Rows as CSV, guarded; with the mark by which Excel knows UTF-8."""
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(
        [[guarded(cell) for cell in row] for row in rows]
    )
    return "\ufeff" + buffer.getvalue()


def junit_xml(grades: Sequence[Grade]) -> str:
    """As CI systems read it: a suite for each student, a test for each TODO.

    What has full points passed, "infrastructure" and "refused" are errors, an answer that is still
    to be read is skipped, and all else is a failure.
    """
    root = ElementTree.Element("testsuites", name="coursekit")
    for grade in grades:
        kinds = [_junit_kind(outcome) for outcome in grade.outcomes]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=one_line(grade.student),
            tests=str(len(grade.outcomes)),
            failures=str(kinds.count("failure")),
            errors=str(kinds.count("error")),
            skipped=str(kinds.count("skipped")),
        )
        for outcome, kind in zip(grade.outcomes, kinds, strict=True):
            where = f"{one_line(grade.student)}.{outcome.lesson}"
            case = ElementTree.SubElement(suite, "testcase", classname=where, name=outcome.grade_id)
            if kind:
                points = f"{number(outcome.points)} of {number(outcome.possible)} points"
                gained = "not graded" if outcome.status.open else points
                result = ElementTree.SubElement(
                    case, kind, type=outcome.status, message=f"{outcome.status}: {gained}"
                )
                result.text = visible(outcome.message)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def todo_keys(grades: Sequence[Grade]) -> list[tuple[str, str]]:
    """(lesson, grade_id) of every TODO, in the order in which grades have them."""
    return list(dict.fromkeys((o.lesson, o.grade_id) for grade in grades for o in grade.outcomes))


def number(points: float) -> str:
    """Points as people write them: 5, 2.5."""
    return f"{round(points, 2):g}"


def slug(status: Status) -> str:
    """A status as a class of CSS."""
    return status.replace(" ", "-")


def _points(outcome: Outcome | None) -> str:
    return "" if outcome is None or outcome.status.open else number(outcome.points)


def _junit_kind(outcome: Outcome) -> str:
    if outcome.status.open:
        return "skipped" if outcome.status is Status.TO_BE_READ else "error"
    return "" if outcome.points >= outcome.possible else "failure"


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) and not _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    return cell.removeprefix("-").replace(".", "", 1).isdigit()


@lru_cache(maxsize=8)
def _template(name: str) -> Template:
    environment = templates_in(_TEMPLATES)
    environment.filters |= {"visible": visible, "one_line": one_line, "number": number}
    environment.filters["slug"] = slug
    environment.filters["markdown"] = lambda text: Markup(MarkdownIt().render(text))  # ours alone
    environment.filters["written"] = lambda text: Markup(PLAIN.render(text))
    return environment.get_template(name)
