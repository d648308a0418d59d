"""`autograder export`: scores in the format of an LMS, of nbgrader or of CI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.batch.store import Store
    from autograder.exports.filling import Filled
    from autograder.exports.scores import Score
    from autograder.gradebook.writing import ManualGrade
    from autograder.intake.roster import Roster
    from autograder.records import Record

_ENDINGS = {"nbgrader": "csv", "canvas": "csv", "moodle": "csv", "junit": "xml"}
_FOR_SEVERAL = ("nbgrader", "junit")


@dataclass(frozen=True)
class _Wanted:
    """What was asked for on the command line."""

    form: str
    template: Path | None
    column: str | None
    id_column: str | None
    roster: Roster | None
    scale: bool


@dataclass(frozen=True)
class _Graded:
    """What is known of one assignment: records, points by student, and what people gave."""

    assignment: str
    records: Sequence[Record]
    scores: Sequence[Score]
    manual: Mapping[str, Mapping[str, ManualGrade]]


@dataclass(frozen=True)
class _Exported:
    """The files by student (the only one under ''), who is in them with points, who has points and is not, and who has no record."""

    files: Mapping[str, bytes]
    written: Sequence[str]
    missing: Mapping[str, str] = field(default_factory=dict)
    absent: Sequence[str] = ()


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
    from autograder.cli.term import export_term
    from autograder.errors import UsageError
    from autograder.gradebook.location import gradebook_url
    from autograder.gradebook.session import gradebook_is_missing
    from autograder.intake.roster import read_roster

    form = _form(form, term, assignment, partial)
    roster = read_roster(Path(students_file), id_column) if students_file else None
    wanted = _Wanted(form, Path(template) if template else None, column, id_column if not students_file else None, roster, scale)
    if form == "canvas" and template is None:
        cure = "Export it in Canvas (Grades → Export) and name it with --template FILE."
        raise UsageError("Canvas imports only into a gradebook that it exported.", cure)
    if template and form not in ("canvas", "moodle"):
        raise UsageError(f"--template has no meaning for '{form}'.", "Leave it out.")
    if gradebook and gradebook_is_missing(gradebook):
        raise UsageError(f"There is no gradebook '{gradebook}'.", "Look at --gradebook, or leave it out.")
    store = store_of(common.course, common.paths, common.store)
    url = gradebook_url(common.paths, gradebook)
    if term:
        _check_target(into, wanted)
        export_term(common, store, form, wanted.template, column, wanted.id_column, roster, scale, into, students, url)
        return
    names = _assignments(common, assignment, form)
    graded = [
        found
        for name in names
        if (found := _read(common, store, name, students, url, partial or form == "junit", named=assignment is not None))
    ]
    if not graded:
        raise UsageError("Nothing is graded yet.", "Run: autograder grade ASSIGNMENT")
    exported = _export(common, store, graded, wanted, url)
    _check_target(into, wanted)
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


def _read(common: Common, store: Store, assignment: str, students: tuple[str, ...], url: str, partial: bool, named: bool) -> _Graded | None:
    """Records and points of an assignment; None for one without any that was not named."""
    from autograder.batch.store import choose_students
    from autograder.course.profile import find_assignment, resolve_profile
    from autograder.exports.scores import final_scores
    from autograder.gradebook.late import refresh_scores
    from autograder.gradebook.writing import read_manual_scores

    profile = resolve_profile(common.course, find_assignment(common.course, assignment), common.profile).name
    if not named and not store.students(profile, assignment):
        return None
    records = list(store.latest(profile, assignment, choose_students(store, profile, assignment, students)))
    manual = read_manual_scores(url, assignment)
    counts = profile == common.course.default_profile  # only there lateness and decisions mean anything
    finals = {each.student: each for each in refresh_scores(common.course, store, assignment, url)} if counts else {}
    return _Graded(assignment, records, final_scores(records, manual, finals, partial), manual)


def _export(common: Common, store: Store, graded: Sequence[_Graded], wanted: _Wanted, url: str) -> _Exported:
    if wanted.form == "nbgrader":
        return _nbgrader(common, graded, url)
    if wanted.form == "junit":
        from autograder.exports.junit import to_junit

        records = [record for each in graded for record in each.records]
        return _Exported({"": to_junit(records)}, [record.student for record in records])
    if wanted.form == "gradescope":
        return _gradescope(common, store, graded[0])
    filled = _filled(graded[0], wanted)
    return _Exported({"": filled.data}, filled.written, filled.missing)


def _filled(graded: _Graded, wanted: _Wanted) -> Filled:
    from autograder.exports.canvas import fill_gradebook
    from autograder.exports.moodle import fill_worksheet, grade_import

    if wanted.template is None:
        return grade_import(graded.assignment, graded.scores, wanted.roster)
    template = read_template(wanted.template)
    if wanted.form == "canvas":
        return fill_gradebook(template, graded.assignment, graded.scores, wanted.column, wanted.roster, wanted.scale)
    return fill_worksheet(template, graded.scores, wanted.column, wanted.id_column, wanted.roster, wanted.scale)


def read_template(path: Path) -> bytes:
    """What an LMS exported. Raises UsageError when it cannot be read."""
    from autograder.errors import UsageError

    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"The template '{path}' cannot be read: {error.strerror}.", "Name a file with --template.") from None


def _nbgrader(common: Common, graded: Sequence[_Graded], url: str) -> _Exported:
    from autograder.course.profile import due_utc, find_assignment
    from autograder.exports.nbgrader import read_students, to_nbgrader

    scores = {each.assignment: {score.student: score for score in each.scores} for each in graded}
    due = {name: due_utc(common.course, find_assignment(common.course, name)) for name in scores}
    people = read_students(url)
    absent = [f"{student.id} ({name})" for name, found in scores.items() for student in people if student.id not in found]
    written = [score.student for each in graded for score in each.scores if score.points is not None]
    return _Exported({"": to_nbgrader(scores, due, people)}, written, absent=absent)


def _gradescope(common: Common, store: Store, graded: _Graded) -> _Exported:
    from autograder.exports.gradescope import to_gradescope

    board = _leaderboard(common, store, graded)
    scored = [(record, score) for record, score in zip(graded.records, graded.scores, strict=True) if score.points is not None]
    files = {
        record.student: to_gradescope(record, score, graded.manual.get(record.student, {}), board.get(record.student))
        for record, score in scored
    }
    return _Exported(files, list(files))


def _leaderboard(common: Common, store: Store, graded: _Graded) -> dict[str, tuple[str, float]]:
    """Metric and value of those who stand on the contest's leaderboard."""
    from autograder.batch.audit import audit_store
    from autograder.batch.contest import contest_entries, decision_store
    from autograder.course.profile import find_assignment, resolve_profile

    assignment = find_assignment(common.course, graded.assignment)
    if assignment.contest is None:
        return {}
    profile = resolve_profile(common.course, assignment, common.profile).name
    decisions = decision_store(store, profile, graded.assignment).read()
    entries = contest_entries(store, graded.records, assignment.contest, audit_store(store).of_records(graded.records), decisions)
    return {
        each.student: (assignment.contest, each.value)
        for each in entries
        if each.pseudonym and each.value is not None and not each.withheld
    }


def _check_target(into: str | None, wanted: _Wanted) -> None:
    from autograder.errors import UsageError

    if into and wanted.template and Path(into).absolute() == wanted.template.absolute():
        raise UsageError("The template itself would be overwritten.", "Name another file with --into.")


def _write(common: Common, exported: _Exported, into: Path | None, name: str, form: str, single: bool) -> list[Path]:
    from autograder.files import write_atomic

    default = common.paths.root / "exports"
    if form != "gradescope":
        path = into or default / f"{name}.{form}.{_ENDINGS[form]}"
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


def _finish(common: Common, graded: Sequence[_Graded], exported: _Exported, paths: Sequence[Path], form: str) -> None:
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
