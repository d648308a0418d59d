"""`scores --term` and `export --term`: the whole term, one grade for each student."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.cli.options import Common

if TYPE_CHECKING:
    from autograder.batch.store import Store
    from autograder.exports.filling import Filled
    from autograder.intake.roster import Roster
    from autograder.term.grade import TermGrade

TERM = "term"  # the column's name in an LMS
_MANY = 10


def show_term(common: Common, store: Store, students: tuple[str, ...], explain: bool, name: Callable[[str], str], url: str) -> None:
    """The term grades on standard output: a table, or every line of each sum with those of its assignments below."""
    from autograder.cli.tables import print_table
    from autograder.exports.term import state
    from autograder.records import to_dict
    from autograder.term.agreed import disagreements
    from autograder.term.decisions import ledger

    grades = course_grades(common, store, students, url)
    for said in disagreements(common.course, ledger(store.root).read(), [each.student for each in grades]):
        click.echo(f"Not as agreed: {said}. `autograder export --term` refuses.", err=True)
    common.write_json([to_dict(each) for each in grades])
    if not explain:
        columns = ("student", *(each.id for each in common.course.assignments), "term", "")
        rows = [
            (name(each.student), *(_score(part.final.score) for part in each.parts), _score(each.grade), state(each)) for each in grades
        ]
        print_table(
            common, f"Term grades: of {grades[0].points:g} points" if grades else "Term grades: nobody", columns, rows, columns[1:-1]
        )
        return
    if common.quiet or common.json_file == "-":
        return
    for each in grades:
        _explain(each, name(each.student))


def _explain(grade: TermGrade, who: str) -> None:
    from autograder.cli.scores import print_lines

    click.echo(f"{who}, term: {grade.state if grade.grade is None else f'{grade.grade:g} of {grade.points:g}'}")
    parts = {part.assignment: part.final for part in grade.parts}
    wide = max(len(line.what) for line in grade.lines)
    for line in grade.lines:
        points = "" if line.points is None else f"{line.points:.4f}".rstrip("0").rstrip(".")
        click.echo(f"  {line.what:<{wide}} {points:>9}  {line.why}")
        if line.what in parts:
            print_lines(parts[line.what].lines, indent=6)


def export_term(
    common: Common,
    store: Store,
    form: str,
    template: Path | None,
    column: str | None,
    id_column: str | None,
    roster: Roster | None,
    scale: bool,
    into: str | None,
    students: tuple[str, ...],
    url: str,
) -> None:
    """Writes the grades as CSV, or into what an LMS exported. Who has none is named with the reason, and stays empty.

    Raises UsageError, and writes nothing, where final grades were agreed by another `Term(…)`.
    """
    from autograder.exports.term import as_scores, reason, to_term_csv
    from autograder.files import write_atomic
    from autograder.term.agreed import require_agreed
    from autograder.term.decisions import ledger
    from autograder.term.roster import members, roster_journal

    grades = course_grades(common, store, students, url)
    require_agreed(common.course, ledger(store.root).read(), [each.student for each in grades])
    missing: dict[str, str] = {}
    if form == "csv":
        known = {name: member.student for name, member in members(roster_journal(store.root).read()).items()}
        data = to_term_csv(grades, known)
    else:
        filled = _filled(as_scores(grades, TERM), form, template, column, id_column, roster, scale)
        data, missing = filled.data, dict(filled.missing)
    path = Path(into) if into else common.paths.root / "exports" / (f"{TERM}.csv" if form == "csv" else f"{TERM}.{form}.csv")
    write_atomic(path, data)
    for each in grades:
        if each.grade is None:
            click.echo(f"{each.student}: no term grade is exported: {reason(each)}", err=True)
    for student, why in missing.items():
        click.echo(f"{student}: the grade is not in the file: {why}", err=True)
    so_far = [each.student for each in grades if each.grade is not None and not each.settled]
    if so_far:
        common.say(f"{len(so_far)} grade(s) rest on scores that are not final yet: {_named(so_far)}. See `autograder decide finalise`.")
    graded = [each.student for each in grades if each.grade is not None]
    common.say(f"{form}: {len(graded) - len(missing)} term grades exported, {len(grades) - len(graded)} without one: {path}")
    common.write_json({"format": form, "files": [str(path)], "grades": [_plain(each) for each in grades], "missing": missing})
    if missing:
        raise click.exceptions.Exit(1)


def course_grades(common: Common, store: Store, students: tuple[str, ...], url: str) -> list[TermGrade]:
    """Of those named, by default of everybody in the class, from scores that are computed anew. Who dropped is named and left out."""
    from autograder.errors import UsageError
    from autograder.gradebook.late import refresh_scores
    from autograder.term.deciding import known_students, require_students
    from autograder.term.grade import term_grades
    from autograder.term.roster import members, roster_journal

    term = common.course.term
    if term is None:
        cure = "Write Course(…, term=Term()) where all count alike, or Term(weights={…}, drop_lowest=1, extra_at_most=5)."
        raise UsageError("The course does not say how its assignments make the term grade.", cure)
    require_students(students, known_students(common.course, common.paths, store))
    warn = partial(click.echo, err=True)
    chosen = [each.id for each in common.course.assignments]
    finals = {each: refresh_scores(common.course, store, each, url, warn if each == chosen[0] else lambda _: None) for each in chosen}
    known = members(roster_journal(store.root).read())
    everybody = sorted(
        {*(name for name, each in known.items() if each.active), *(one.student for all_of in finals.values() for one in all_of)}
    )
    dropped = [name for name in everybody if name in known and not known[name].active]
    if dropped and not students:
        common.say(f"Not in the class any more, so without a term grade: {_named(dropped)}")
    return term_grades(term, finals, sorted(set(students)) or [name for name in everybody if name not in dropped])


def _filled(
    scores: Sequence[Any], form: str, template: Path | None, column: str | None, id_column: str | None, roster: Roster | None, scale: bool
) -> Filled:
    from autograder.cli.export import read_template
    from autograder.exports.canvas import fill_gradebook
    from autograder.exports.moodle import fill_worksheet, grade_import

    if template is None:
        return grade_import(TERM, scores, roster)
    if form == "canvas":
        return fill_gradebook(read_template(template), TERM, scores, column, roster, scale)
    return fill_worksheet(read_template(template), scores, column, id_column, roster, scale)


def _plain(grade: TermGrade) -> dict[str, Any]:
    from autograder.exports.term import reason, state

    return {"student": grade.student, "grade": grade.grade, "points": grade.points, "state": state(grade), "reason": reason(grade) or None}


def _named(students: Sequence[str]) -> str:
    return ", ".join(students[:_MANY]) + (f" and {len(students) - _MANY} more" if len(students) > _MANY else "")


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
