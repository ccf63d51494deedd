"""Hand in: check that everything is there, write the report, pack the folder.

from styletools.course import handin

author = handin.Author("CS 101", "Ada Lovelace", "Prof. Babbage", "1815", "2026-11-30")
handin.submit(author)
"""

import io
import time
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, astuple, replace
from pathlib import Path

from PIL import Image

from styletools._files import add_to_zip, atomic_path
from styletools.course.handin import html
from styletools.course.handin.read import Problem, Work, linked_in, read_work
from styletools.course.handin.report import Author, Report, all_pictures, compose
from styletools.course.todos import TODOS, WRITTEN

__all__ = ["TODOS", "WRITTEN", "Author", "Problem", "check", "submit"]

RUNS_FOLDER = "runs"  # beside the notebooks, as in lesson 04
LARGEST_FILE = 25_000_000  # bytes of a picture that goes along


def check(folder: str | Path = ".") -> list[Problem]:
    """Print and return what a complete hand-in still lacks.

    Only what is saved is seen: save each notebook first. A wrong answer is no problem here: it is
    handed in unchanged, and the check says so.

    Args:
        folder: holds the student's notebooks.

    Returns:
        Nothing but an empty list, if all is there.
    """
    work = _with_scripts(_with_runs(read_work(folder)))
    _print(work, list(work.problems))
    return list(work.problems)


def submit(
    author: Author,
    folder: str | Path = ".",
    output: str = "submission",
    allow_incomplete: bool = False,
) -> Path | None:
    """Check the folder, write the report as HTML and PDF, and pack all that is handed in.

    Args:
        author: the title page.
        folder: holds the student's notebooks; the results are written there too.
        output: `<output>.zip` is to be handed in; `<output>/` holds the two reports to look at.
        allow_incomplete: hand in although something is missing; the report's first page says so.

    Returns:
        The path of the ZIP file; None if something is missing, which is printed, or if there is
        no lesson at all.
    """
    folder = Path(folder)
    work = _with_scripts(_with_runs(read_work(folder)), *astuple(author))
    problems = [*_unnamed(author), *work.problems]
    if problems and not (allow_incomplete and work.notebooks):
        _print(work, problems)
        print("Nothing was written. To hand in all the same: submit(…, allow_incomplete=True).")
        return None
    from styletools.course.handin import pdf  # its fonts take a moment

    report = compose(author, replace(work, problems=tuple(problems)))
    reports = {"report.html": html.report_page(report).encode()}
    try:
        reports["report.pdf"] = pdf.report_pdf(report)
    except RuntimeError as error:  # of typst; nothing is worth a missed deadline
        says = f"report.pdf could not be written ({error}); report.html holds everything."
        work = replace(work, notes=(*work.notes, says))
        (folder / output / "report.pdf").unlink(missing_ok=True)  # of an earlier hand-in
    packed = _pack(report, work, reports)
    for name, data in reports.items():
        _write(folder / output / name, data)
    target = folder / f"{output}.zip"
    _write(target, packed)
    _print(work, problems)
    print(f"Written: {target} ({len(packed) / 1e6:.1f} MB). Hand in this file.")
    print(f"Look at it first: {' and '.join(str(folder / output / name) for name in reports)}.")
    return target


def _with_runs(work: Work) -> Work:
    """Add what is there of lesson 04's experiments, once that notebook was run."""
    tuning = work.notebooks.get("04_tuning")
    if tuning is None or not tuning.executed:
        return work
    from styletools.course.handin import runs as experiments  # torch takes a moment

    findings = experiments.look(work.folder / RUNS_FOLDER)
    remedy = f"Run its cell in {tuning.path.name}: finished runs are kept there."
    problems, notes = list(work.problems), list(work.notes)
    for name, finding in findings.items():
        where = f"{RUNS_FOLDER} · experiment_{name}"
        if finding.status == "not attempted":
            problems.append(Problem(where, "the run is not there", remedy))
        elif finding.status != "passed":
            says = f"{finding.status}: {finding.folder}: {finding.message}"
            notes.append(f"{where}: {says} The run is handed in unchanged.")
    good = [name for name, finding in findings.items() if finding.status == "passed"]
    says = f"{RUNS_FOLDER}: {', '.join(good)} are there and agree with what is asked for"
    return replace(work, problems=tuple(problems), notes=tuple(notes), runs=says if good else "")


def _with_scripts(work: Work, *names: str) -> Work:
    """Add a note on what the PDF cannot show of the names and of the answers."""
    sources = [
        cell.source
        for notebook in work.notebooks.values()
        for cell in notebook.cells
        if cell.grade_id in WRITTEN or cell.grade_id in TODOS
    ]
    text = "\n".join([*names, *sources])
    if max(text, default="") < "\u0250":  # letters of western languages: all fonts have them
        return work
    from styletools.course.handin import pdf  # its fonts take a moment

    says = pdf.lacking(text)
    return replace(work, notes=(*work.notes, f"{says} Hand in both.")) if says else work


def _print(work: Work, problems: list[Problem]) -> None:
    for notebook in work.notebooks.values():
        minutes = max(0, time.time() - notebook.path.stat().st_mtime) / 60
        print(f"{notebook.path.name}: last saved {_ago(minutes)}")
    if work.runs:
        print(work.runs)
    for note in work.notes:
        print(f"! {note}")
    alike: dict[tuple[str, str, str], list[str]] = {}  # what one remedy helps is one entry
    for problem in problems:
        place, _, name = problem.where.partition(" · ")
        alike.setdefault((place, problem.what, problem.remedy), []).append(name)
    for (place, what, remedy), names in alike.items():
        cells = f" · {', '.join(names)}" if names[0] else ""
        print(f"✗ {place}{cells}: {what}\n    → {remedy}")
    if problems:
        things = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
        print(f"\n{things} missing. Only what is saved counts: save first (Ctrl+S).")
    else:
        print("✓ Everything is there.")


def _ago(minutes: float) -> str:
    if minutes < 1.5:
        return "a minute ago"
    if minutes < 120:
        return f"{minutes:.0f} minutes ago"
    return (
        f"{minutes / 60:.0f} hours ago" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days ago"
    )


def _unnamed(author: Author) -> Iterator[Problem]:
    for name, entry in asdict(author).items():
        if not entry:
            remedy = "Fill in what handin.Author asks for."
            yield Problem(f"title page · {name}", "empty", remedy)


def _pack(report: Report, work: Work, reports: dict[str, bytes]) -> bytes:
    """The ZIP file: one folder, its files sorted; all else has the newest notebook's date."""
    from styletools.course.handin import runs as experiments  # torch takes a moment

    files = dict(reports)
    for path in [*(notebook.path for notebook in work.notebooks.values()), *work.others]:
        files[path.name] = path.read_bytes()
    for path in sorted((work.folder / "images").rglob("*")):
        name = path.relative_to(work.folder).as_posix()
        if "/." not in name and _is_picture(path):
            files[name] = path.read_bytes()
    for path in linked_in(work):
        if path.is_relative_to(work.folder.resolve()) and _is_picture(path):
            files[path.relative_to(work.folder.resolve()).as_posix()] = path.read_bytes()
    runs = experiments.packed(work.folder / RUNS_FOLDER)
    files |= {f"{RUNS_FOLDER}/{name}": data for name, data in runs.items()}
    for name, picture in all_pictures(report):
        files[f"images/report/{name}"] = picture.data
    files["README.md"] = _readme(report, sorted(files)).encode()
    root = _folder_name(report.author)
    saved = {book.path.name: book.path.stat().st_mtime for book in work.notebooks.values()}
    newest = max(saved.values(), default=0.0)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            date = time.localtime(saved.get(name, newest))
            add_to_zip(archive, f"{root}/{name}", files[name], date)
    return buffer.getvalue()


def _readme(report: Report, names: list[str]) -> str:
    author = report.author
    listed = "\n".join(f"- `{name}`" for name in names)
    reports = " or ".join(f"`{name}`" for name in names if name.startswith("report."))
    warning = "" if not report.missing else "\n**Incomplete**: see the first page of the report.\n"
    return f"""# {author.course}: neural style transfer

{author.author} ({author.student_id}), for {author.professor}, {report.date}
{warning}
Read {reports}. The notebooks hold all outputs; to run them again, install the course
kit (`pip install -e .` in its folder) and open them in JupyterLab.

## Files
{listed}
"""


def _folder_name(author: Author) -> str:
    """COURSE_First_Last: Latin letters without accents, all others as they are written."""
    parts = [author.course.replace(" ", "-"), *author.author.split()]
    names = ["".join(_plain(c) for c in unicodedata.normalize("NFC", part)) for part in parts]
    return "_".join(filter(None, (name.strip("-_") for name in names)))[:80] or "submission"


def _plain(character: str) -> str:
    """A letter as a file's name can hold it; nothing for other signs."""
    base = unicodedata.normalize("NFKD", character.replace("ß", "ss"))
    letters = "".join(c for c in base if c.isascii() and (c.isalnum() or c in "-_"))
    own = character.isalnum() or unicodedata.category(character)[0] == "M"  # vowels of Hindi, Thai
    return letters or (character if own and not character.isascii() else "")


def _is_picture(path: Path) -> bool:
    known = path.suffix.lower() in Image.registered_extensions()
    return known and path.is_file() and path.stat().st_size <= LARGEST_FILE


def _write(path: Path, data: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
