"""`autograder export`: scores in the format of an LMS, of nbgrader or of CI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.exports.exporting import Books, Exported, Graded

_FOR_SEVERAL = ("nbgrader", "junit")


@click.command()
@click.argument("assignment", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["nbgrader", "canvas", "moodle", "gradescope", "junit", "csv"]),
    help="What to write (--term: csv).",
)
@click.option("--term", is_flag=True, help="The term grades, from all assignments; as csv, canvas or moodle.")
@click.option("--into", metavar="FILE", help="Where to write (default: exports/<assignment>.<format>.…); a folder for Gradescope.")
@click.option("--template", metavar="FILE", help="Canvas' exported gradebook, or Moodle's grading worksheet, to be filled in.")
@click.option("--column", metavar="NAME", help="The template's column for the scores, where its name does not say it.")
@click.option("--students", "students_file", metavar="FILE", help="CSV with ids and what the LMS calls the same students.")
@click.option("--id-column", metavar="NAME", help="The column with the course's ids in --students, or in Moodle's worksheet.")
@click.option("--scale", is_flag=True, help="Scale to the points that the template counts.")
@click.option("--partial", is_flag=True, help="Export also who waits for a manual grade, with the points so far.")
@click.option("--student", "students", metavar="ID", multiple=True, help="Only this student; may be given several times.")
@click.option("--gradebook", metavar="URL", help="Gradebook with the manual grades (default: the course's).")
@common_options
def export(
    common: Common,
    assignment: str | None,
    form: str | None,
    term: bool,
    into: str | None,
    template: str | None,
    column: str | None,
    students_file: str | None,
    id_column: str | None,
    scale: bool,
    partial: bool,
    students: tuple[str, ...],
    gradebook: str | None,
) -> None:
    """Write the scores of ASSIGNMENT (for nbgrader and JUnit: of all that are graded), or the term grades, for another program.

    Who has no score is named and stays empty, never 0.
    """
    from autograder.batch.plan import store_of
    from autograder.cli.gradebook import url_to_read
    from autograder.cli.term import export_term
    from autograder.errors import UsageError
    from autograder.exports.exporting import Books, Wanted, make_export
    from autograder.intake.roster import read_roster

    form = _form(form, term, assignment, partial)
    roster = read_roster(Path(students_file), id_column) if students_file else None
    if form == "canvas" and template is None:
        cure = "Export it in Canvas (Grades → Export) and name it with --template FILE."
        raise UsageError("Canvas imports only into a gradebook that it exported.", cure)
    if template and form not in ("canvas", "moodle"):
        raise UsageError(f"--template has no meaning for '{form}'.", "Leave it out.")
    store = store_of(common.course, common.paths, common.store)
    books = Books(common.course, store, url_to_read(common, gradebook), common.profile)
    if term:
        _check_target(into, template, form)
        mine = id_column if not students_file else None
        export_term(common, store, form, Path(template) if template else None, column, mine, roster, scale, into, students, books.url)
        return
    names = _assignments(common, assignment, form)
    graded = [found for name in names if (found := _read(books, name, students, partial or form == "junit", named=assignment is not None))]
    if not graded:
        raise UsageError("Nothing is graded yet.", "Run: autograder grade ASSIGNMENT")
    read = read_template(Path(template)) if template else None
    exported = make_export(books, graded, Wanted(form, read, column, id_column if not students_file else None, roster, scale))
    _check_target(into, template, form)
    paths = _write(common, exported, Path(into) if into else None, names[0] if len(names) == 1 else "grades", form, len(students) == 1)
    _finish(common, graded, exported, paths, form)


def _form(form: str | None, term: bool, assignment: str | None, partial: bool) -> str:
    """The format; for term grades CSV where none is named."""
    from autograder.errors import UsageError

    if term and (assignment or partial):
        raise UsageError("--term is about whole assignments, and all of them.", "Leave ASSIGNMENT and --partial out.")
    if term and form not in (None, "csv", "canvas", "moodle"):
        raise UsageError(f"Term grades are not written as '{form}'.", "Write --format csv, canvas or moodle.")
    if not term and form in (None, "csv"):
        raise UsageError(
            "Say what to write: --format nbgrader, canvas, moodle, gradescope or junit.", "Or --term, for the term grades as CSV."
        )
    return form or "csv"


def _assignments(common: Common, assignment: str | None, form: str) -> list[str]:
    from autograder.course.profile import find_assignment
    from autograder.errors import UsageError

    if assignment is not None:
        return [find_assignment(common.course, assignment).id]
    known = [each.id for each in common.course.assignments]
    if form not in _FOR_SEVERAL and len(known) != 1:
        raise UsageError(f"'{form}' takes one assignment at a time.", f"Name one of: {', '.join(known)}.")
    return known


def _read(books: Books, assignment: str, students: tuple[str, ...], partial: bool, named: bool) -> Graded | None:
    """Records and points of an assignment; None for one without any that was not named."""
    from autograder.exports.exporting import read_graded

    if not named and not books.store.students(books.profile_of(assignment), assignment):
        return None
    return read_graded(books, assignment, students, partial)


def read_template(path: Path) -> bytes:
    """What an LMS exported. Raises UsageError when it cannot be read."""
    from autograder.errors import UsageError

    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"The template '{path}' cannot be read: {error.strerror}.", "Name a file with --template.") from None


def _check_target(into: str | None, template: str | None, form: str) -> None:
    from autograder.errors import UsageError

    if into and form != "gradescope" and Path(into).is_dir():
        raise UsageError(f"'{into}' is a folder.", "Name the file with --into.")
    if into and template and Path(into).absolute() == Path(template).absolute():
        raise UsageError("The template itself would be overwritten.", "Name another file with --into.")


def _write(common: Common, exported: Exported, into: Path | None, name: str, form: str, single: bool) -> list[Path]:
    from autograder.exports.exporting import ENDINGS
    from autograder.files import write_atomic

    default = common.paths.root / "exports"
    if form != "gradescope":
        path = into or default / f"{name}.{form}.{ENDINGS[form]}"
        write_atomic(path, exported.files[""])
        return [path]
    folder = into or default / f"{name}.gradescope"
    if single and into is not None:
        targets = dict.fromkeys(exported.files, folder)
    else:
        targets = {student: folder / student / "results.json" for student in exported.files}
    for student, data in exported.files.items():
        write_atomic(targets[student], data)
    return list(targets.values())


def _finish(common: Common, graded: Sequence[Graded], exported: Exported, paths: Sequence[Path], form: str) -> None:
    """Names everybody who has no score, and those who have one and no place; the latter are status 1."""
    unscored = [score for each in graded for score in each.scores if score.points is None]
    for score in unscored:
        click.echo(f"{score.student}: no score of '{score.assignment}' is exported: {score.reason}", err=True)
    if any(score.reason.startswith("waits") for score in unscored):
        common.say("Grade the written answers in formgrader, or export the points so far with --partial.")
    for student, why in exported.missing.items():
        click.echo(f"{student}: the score is not in the file: {why}", err=True)
    if exported.absent:
        click.echo(f"Without a graded submission, and empty in the file: {', '.join(exported.absent)}", err=True)
    where = f"{len(paths)} file(s), the first: {paths[0]}" if len(paths) > 1 else str(paths[0]) if paths else "no file"
    common.say(
        f"{form}: {len(exported.written)} exported, {len(unscored)} without a score, {len(exported.missing)} without a place: {where}"
    )
    common.write_json(
        {
            "format": form,
            "assignments": [each.assignment for each in graded],
            "files": [str(path) for path in paths],
            "exported": list(exported.written),
            "unscored": [{"student": each.student, "assignment": each.assignment, "reason": each.reason} for each in unscored],
            "missing": [{"student": student, "reason": why} for student, why in exported.missing.items()],
            "absent": list(exported.absent),
        }
    )
    if exported.missing:
        raise click.exceptions.Exit(1)
