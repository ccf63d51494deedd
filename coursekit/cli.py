"""The instructor's command line: `coursekit`, or `python -m coursekit`."""

import signal
import sys
from pathlib import Path

import click

from coursekit.collect.layouts import LAYOUTS
from coursekit.course import NOTEBOOKS
from coursekit.records import Status
from styletools.cli import Group
from styletools.cli.runs import UserPath, connect

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130
_EXIT_CODES = """\b
Exit codes:
  0    every submission is graded (whatever the points)
  1    something could not be graded; the same command tries again
  2    wrong input: a path, an option; or no sandbox, so that nothing was run
  130  interrupted; the same command goes on
"""


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Tools for whoever teaches the course."""


@main.command()
@click.argument("lessons", nargs=-1)
@click.option("--execute", is_flag=True, help="Run the reference notebooks and keep the outputs.")
@click.option("--check", is_flag=True, help="Write nothing; fail where a notebook is not current.")
@click.option(
    "--notebooks",
    type=UserPath(exists=True, file_okay=False, path_type=Path),
    default=NOTEBOOKS,
    hidden=True,
)
def build(lessons: tuple[str, ...], execute: bool, check: bool, notebooks: Path) -> None:
    """Build the reference and student notebooks of LESSONS (all of them, where none is named).

    A reference cell that did not change keeps its stored output, unless --execute runs it again.
    Exit code 1: --check found a notebook that is not current. 2: a lesson cannot be built.
    """
    from coursekit.build import lesson as building

    if check and execute:
        raise click.UsageError("--check only compares; run it without --execute.")
    folders = building.folders(notebooks, lessons)
    if check:
        differences = [line for one in folders for line in building.check(one, lessons)]
        for difference in differences:
            click.echo(difference, err=True)
        if differences:
            click.echo("Run `python -m coursekit build --execute` and commit.", err=True)
        sys.exit(FAILED if differences else 0)
    for folder in folders:
        for message in building.build(folder, lessons, execute):
            click.echo(message)


@main.command(epilog=_EXIT_CODES)
@click.argument("submissions", nargs=-1, required=True, type=UserPath(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="GRADES",
    type=UserPath(path_type=Path, file_okay=False),
    required=True,
    help="A folder for all results; what an earlier call graded there is kept.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, 256),
    help="Submissions that are graded at the same time, each with up to 4 GB of memory; as many "
    "as this machine has cores and memory for, if left out.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Grade on the workers of a dask cluster: tcp://HOST:8786. They need this course, "
    "installed, and no files.",
)
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default="auto",
    show_default=True,
    help="How SUBMISSIONS are arranged; auto finds out, and says so.",
)
@click.option(
    "--student",
    "students",
    metavar="NAME",
    multiple=True,
    help="Grade this student anew, and nobody else. May be given several times.",
)
@click.option(
    "--unsafe-no-sandbox",
    is_flag=True,
    help="Run the answers unprotected, with your rights: only for submissions that you trust.",
)
@click.option(
    "--allow-weaker-sandbox",
    is_flag=True,
    help="Where bubblewrap does not work, as in containers, run each answer as a user of its own, "
    "if you are root: docs/instructors.md says what that holds back.",
)
@click.option(
    "--times",
    metavar="WORKSHEET",
    type=UserPath(exists=True, path_type=Path, dir_okay=False),
    help="Moodle's grading worksheet: it says when each student handed in, for late penalties.",
)
@click.option(
    "--pseudonyms",
    metavar="KEYFILE",
    type=UserPath(path_type=Path, dir_okay=False),
    help="Keep names out of GRADES; this file, elsewhere, says who is who. Give it each time.",
)
def grade(
    submissions: tuple[Path, ...],
    output: Path,
    workers: int | None,
    scheduler: str | None,
    layout: str,
    students: tuple[str, ...],
    unsafe_no_sandbox: bool,
    allow_weaker_sandbox: bool,
    times: Path | None,
    pseudonyms: Path | None,
) -> None:
    """Grade SUBMISSIONS into GRADES.

    SUBMISSIONS is a folder with a folder, a ZIP file or a notebook for each student, named like
    the student; or what Canvas, Moodle, Blackboard, Gradescope, nbgrader or Classroom 50 let you
    download, or `coursekit clone` made, as it is; or single submissions. Begin with
    GRADES/index.html. If it is interrupted, the same command goes on.
    """
    from coursekit.class_run import grade_class

    if workers and scheduler:
        raise click.UsageError("Give --workers or --scheduler: its workers know their number.")
    if unsafe_no_sandbox:
        click.echo(
            "No sandbox: the answers run with your rights. Every page will say so.", err=True
        )
    client = connect(scheduler) if scheduler else None
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it as Ctrl-C does
    try:
        grades = grade_class(
            submissions, output, layout, workers, unsafe_no_sandbox, students, click.echo, client,
            allow_weaker_sandbox, times, pseudonyms,
        )  # fmt: skip
    except KeyboardInterrupt:
        click.echo("Interrupted. The same command goes on.", err=True)
        sys.exit(INTERRUPTED)
    except OSError as error:
        raise click.ClickException(
            f"{error.strerror or error} ({error.filename or output}). What is graded is kept in "
            f"{output}; see to the disk and its rights, and the same command goes on."
        ) from None
    finally:
        signal.signal(signal.SIGTERM, before)
        if client:
            client.close()
    statuses = {grade.student: [o.status for o in grade.outcomes] for grade in grades}
    failed, refused = (
        [student for student, its in statuses.items() if status in its]
        for status in (Status.INFRASTRUCTURE, Status.REFUSED)
    )
    unread = sum(its.count(Status.TO_BE_READ) for its in statuses.values())
    click.echo(f"{len(grades)} submissions. Look at {output / 'index.html'}")
    click.echo(f"Written answers are in {output / 'written'}; points go into written.csv.")
    if unread:
        click.echo(f"{unread} written answers are still to be read.")
    if refused:
        names = ", ".join(refused)
        click.echo(f"Refused, with no points either way: {names}. Ask for them again.", err=True)
    if failed:
        names = ", ".join(failed)
        click.echo(f"Not fully graded: {names}. Run the same command again.", err=True)
        sys.exit(FAILED)


@main.command("clone")
@click.argument("folder", type=UserPath(path_type=Path, file_okay=False))
@click.argument("repositories", nargs=-1)
@click.option(
    "--list",
    "listed",
    metavar="FILE",
    type=UserPath(exists=True, path_type=Path, dir_okay=False),
    help="A file with a repository a line: a URL, a path, or OWNER/NAME on GitHub.",
)
@click.option("--organization", metavar="OWNER", help="Whose repositories `gh` is asked for.")
@click.option("--prefix", metavar="TEXT", default="", help="What their names begin with.")
def clone_repositories(
    folder: Path,
    repositories: tuple[str, ...],
    listed: Path | None,
    organization: str | None,
    prefix: str,
) -> None:
    """Clone students' REPOSITORIES into FOLDER, for `coursekit grade FOLDER`.

    Plain git is used, with your own rights. With --organization and --prefix, GitHub's `gh` says
    which repositories there are: for Classroom 50, the prefix is CLASSROOM-ASSIGNMENT-. The same
    command again takes the newest state of each. Exit code 1: some could not be cloned.
    """
    from coursekit.collect.clones import clone, list_repositories, read_list

    addresses = [*repositories, *(read_list(listed) if listed else [])]
    if organization and not prefix:
        raise click.UsageError("Give --prefix, too: not every repository is a hand-in.")
    addresses += list_repositories(organization, prefix) if organization else []
    if not addresses:
        raise click.UsageError("Name repositories, or give --list FILE or --organization OWNER.")
    failed = clone(addresses, folder, prefix, click.echo)
    for line in failed:
        click.echo(line, err=True)
    click.echo(f"{len(addresses) - len(failed)} repositories in {folder}. Now: coursekit grade")
    sys.exit(FAILED if failed else 0)


@main.command("return")
@click.argument("grades", type=UserPath(exists=True, path_type=Path, file_okay=False))
@click.option(
    "--canvas",
    metavar="EXPORT.csv",
    type=UserPath(path_type=Path, dir_okay=False),
    help="Canvas's gradebook: Grades, Export, Export Entire Gradebook.",
)
@click.option(
    "--moodle",
    metavar="WORKSHEET.csv",
    type=UserPath(path_type=Path, dir_okay=False),
    help="Moodle's worksheet: the assignment's grading page, Download grading worksheet.",
)
@click.option("--column", metavar="NAME", default="", help="The assignment's column in Canvas.")
@click.option("--scale", is_flag=True, help="Points in proportion, where the system counts others.")
@click.option(
    "--pseudonyms",
    metavar="KEYFILE",
    type=UserPath(exists=True, path_type=Path, dir_okay=False),
    help="The file that says who is who, where GRADES holds no names.",
)
def return_grades(
    grades: Path,
    canvas: Path | None,
    moodle: Path | None,
    column: str,
    scale: bool,
    pseudonyms: Path | None,
) -> None:
    """Fill in the file of grades that Canvas or Moodle exported, and pack the students' pages.

    Students are found by the numbers in the names of the download that was graded. Whoever is in
    no row, or in two, is listed, and not guessed; unknown points leave a cell as it is. The filled
    file and a ZIP file of feedback are in GRADES/returned. Exit code 1: somebody is listed.
    """
    from coursekit.report.lms import return_canvas, return_moodle
    from coursekit.report.pseudonyms import Pseudonyms
    from coursekit.report.roster import read_roster

    if bool(canvas) == bool(moodle):
        raise click.UsageError("Give --canvas EXPORT.csv or --moodle WORKSHEET.csv.")
    roster = read_roster(grades)
    if pseudonyms:
        roster = Pseudonyms(pseudonyms, grades).entries(roster)
    if canvas:
        returned = return_canvas(grades, canvas, roster, column, scale)
    elif moodle:
        returned = return_moodle(grades, moodle, roster, scale)
    for line in (*returned.listed, *returned.notes):
        click.echo(line, err=True)
    click.echo(f"{returned.sheet}: {len(returned.filled)} students have points. Import it.")
    click.echo(f"{returned.pages}: their pages; upload it as feedback files, after the points.")
    sys.exit(FAILED if returned.listed else 0)


@main.command()
@click.argument("grades", type=UserPath(exists=True, path_type=Path, file_okay=False))
@click.argument(
    "tables",
    nargs=-1,
    required=True,
    type=UserPath(exists=True, path_type=Path, dir_okay=False),
)
def merge(grades: Path, tables: tuple[Path, ...]) -> None:
    """Put the TABLES that marking pages saved into GRADES/written.csv, where graders agree.

    Points that are there stay. Where graders disagree, nothing is entered, and
    GRADES/written/disagreements.html shows who gave what. Exit code 1: they disagree.
    """
    from coursekit.report.marking import DISAGREEMENTS, merge_marks

    merged = merge_marks(grades, tables)
    click.echo(f"{merged.entered} answers have points now; graders agree on {merged.same}.")
    for line in merged.changed:
        click.echo(f"{line}: the answer has changed since it was read.", err=True)
    if merged.disagreements:
        page = grades / "written" / DISAGREEMENTS
        click.echo(f"They disagree on {len(merged.disagreements)}: {page}", err=True)
    click.echo("Now run the same coursekit grade again.")
    sys.exit(FAILED if merged.disagreements or merged.changed else 0)


@main.command()
@click.argument("grades", type=UserPath(exists=True, path_type=Path, file_okay=False))
@click.argument("more", nargs=-1, type=UserPath(exists=True, path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(grades: Path, more: tuple[Path, ...], yes: bool) -> None:
    """Remove a class: GRADES, what MORE names, and what a killed run left in temporary folders.

    MORE is what else holds the class's data: the hand-ins and downloads, the file of pseudonyms,
    clones. docs/privacy.md lists what is kept where. Exit code 1: something is still there.
    """
    from coursekit.report.purge import left_behind, remove

    places = [*dict.fromkeys((grades, *more)), *left_behind()]
    for place in places:
        click.echo(place)
    if not yes:
        click.confirm(f"Remove these {len(places)}, for ever?", abort=True)
    failed = remove(grades, places)
    for line in failed:
        click.echo(line, err=True)
    sys.exit(FAILED if failed else 0)


@main.command()
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=UserPath(path_type=Path),
    required=True,
    help="A ZIP file (name.zip; replaced if it is there), or a new folder.",
)
@click.option(
    "--repository",
    metavar="OWNER/NAME",
    default="",
    help="Where it will be on GitHub: links to Colab, Binder and Codespaces are put in.",
)
@click.option("--branch", metavar="NAME", default="main", show_default=True)
@click.option("--hub", metavar="URL", default="", help="A JupyterHub with nbgitpuller, for a link.")
def release(output: Path, repository: str, branch: str, hub: str) -> None:
    """Write what students get: notebooks, styletools, pictures, and how to install them.

    No solution, no reference and nothing of coursekit is in it. Exit code 2: the student
    notebooks are not current, or OUT is in use.
    """
    from coursekit.build.release import write_release

    if hub and not repository:
        raise click.UsageError("Give --repository, too: the hub fetches it.")
    names = write_release(output, repository=repository, branch=branch, hub=hub)
    click.echo(f"{output}: {len(names)} files. Give it to your students.")


@main.command()
@click.option(
    "-o",
    "--output",
    metavar="SITE",
    type=UserPath(path_type=Path, file_okay=False),
    required=True,
    help="A new folder, or one that holds a book; it is replaced.",
)
@click.option("--student", is_flag=True, help="The student's lessons: no solution, no guide.")
def book(output: Path, student: bool) -> None:
    """Write the course as a book: static pages that open from disk, without a network.

    Open SITE/index.html. Without --student the pages hold the solutions.
    """
    from coursekit.build.book import write_book

    pages = write_book(output, student=student)
    click.echo(f"{output / 'index.html'}: {len(pages)} pages.")


@main.command()
@click.option(
    "-o",
    "--output",
    metavar="ZIP",
    type=UserPath(path_type=Path, dir_okay=False),
    required=True,
    help="A ZIP file; replaced if it is there.",
)
def gradescope(output: Path) -> None:
    """Write the autograder that Gradescope takes ("Configure Autograder").

    It holds the solutions: give it to nobody else.
    """
    from coursekit.build.bundles import write_bundle

    names = write_bundle(output)
    size = output.stat().st_size / 1e6
    click.echo(f"{output}: {len(names)} files, {size:.1f} MB. Upload it as the autograder.")


@main.command()
def workflow() -> None:
    """Write .github/workflows/grade.yml, which grades on GitHub; for a private repository."""
    from coursekit.build.bundles import write_workflow

    click.echo(f"{write_workflow()}: commit it. The students' own is in `coursekit release`.")


@main.command()
@click.option(
    "--allow-weaker-sandbox", is_flag=True, help="Succeed where only a weaker sandbox works."
)
def sandbox(allow_weaker_sandbox: bool) -> None:
    """Say which sandboxes work here, and whether the course's libraries can be imported in one.

    Exit code 1: none works that is allowed, or a library cannot be imported.
    """
    from coursekit.grade.libraries import missing_libraries
    from coursekit.sandbox import Bubblewrap, OwnUid, choose

    for kind in (Bubblewrap(), OwnUid()):
        trouble = kind.trouble()
        click.echo(f"[FAIL] {kind.name}: {trouble}" if trouble else f"[OK]   {kind.name}")
    chosen, trouble = choose(allow_weaker_sandbox)
    says = f"Answers cannot be graded here. {trouble}" if trouble else f"Graded in: {chosen.name}."
    lacking = [] if trouble else missing_libraries(chosen)
    for line in lacking:
        click.echo(f"[FAIL] {line}")
    click.echo(says)
    sys.exit(FAILED if trouble or lacking else 0)
