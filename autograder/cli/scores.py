"""`autograder scores`: final scores, and why they are what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.batch.store import Store
    from autograder.term.score import Final, Line

_NUMBERS = ("automatic", "by hand", "late", "extra", "score")


@click.command()
@click.argument("assignment", required=False)
@click.option("--student", "students", metavar="ID", multiple=True, help="Only this student; may be given several times.")
@click.option("--term", is_flag=True, help="The term grades, from all assignments.")
@click.option("--explain", is_flag=True, help="Every line of the sum, with its reason.")
@click.option("--pseudonyms", is_flag=True, help="Without names and ids, to be shown to others.")
@click.option("--gradebook", metavar="URL", help="Gradebook with the manual grades (default: the course's).")
@common_options
def scores(
    common: Common, assignment: str | None, students: tuple[str, ...], term: bool, explain: bool, pseudonyms: bool, gradebook: str | None
) -> None:
    """Show final scores of ASSIGNMENT (default: of all): automatic + by hand − late + extra.

    They are computed anew from records, gradebook and decisions, and the late penalty is written into the gradebook.
    """
    from autograder.batch.plan import store_of
    from autograder.cli.gradebook import url_to_read
    from autograder.cli.roster import pseudonym_of
    from autograder.cli.term import show_term
    from autograder.course.profile import find_assignment
    from autograder.errors import UsageError
    from autograder.gradebook.late import refresh_scores
    from autograder.records import to_dict
    from autograder.term.deciding import known_students, require_students
    from autograder.term.names import called, read_names

    if pseudonyms and explain:
        raise UsageError("--pseudonyms and --explain do not go together: reasons of decisions tell who somebody is.", "Leave one out.")
    if term and (assignment or pseudonyms):
        raise UsageError("--term is about all assignments and shows who is who.", "Leave ASSIGNMENT and --pseudonyms out.")
    store, url = store_of(common.course, common.paths, common.store), url_to_read(common, gradebook)
    if term:
        show_term(common, store, students, explain, partial(called, read_names(store.root)), url)
        return
    chosen = [find_assignment(common.course, assignment).id] if assignment else [each.id for each in common.course.assignments]
    require_students(students, known_students(common.course, common.paths, store))
    warn = partial(click.echo, err=True)
    found = {each: refresh_scores(common.course, store, each, url, warn if each == chosen[0] else lambda _: None) for each in chosen}
    name: Callable[[str], str] = pseudonym_of(common, store) if pseudonyms else partial(called, read_names(store.root))
    shown = {each: [one for one in all_of if not students or one.student in students] for each, all_of in found.items()}
    if pseudonyms:  # in their own order, since the order of ids would tell who is who
        shown = {each: sorted((_nameless(one, name) for one in finals), key=lambda one: one.student) for each, finals in shown.items()}
        name = str
    for each, finals in shown.items():
        if explain:
            _explain(common, finals, name)
        else:
            _table(common, each, finals, name)
    common.write_json([to_dict(one) for finals in shown.values() for one in finals])


def _nameless(final: Final, name: Callable[[str], str]) -> Final:
    """Without the lines too: reasons of decisions tell who somebody is."""
    return replace(final, student=name(final.student), submission_id=None, lines=())


def after_publishing(common: Common, store: Store, assignment: str, url: str) -> None:
    """What has to follow whenever scores were written into the gradebook: the roster's names, and the late penalties."""
    from autograder.gradebook.late import refresh_scores
    from autograder.gradebook.names import write_names
    from autograder.term.roster import members, roster_journal

    active = [each.student for each in members(roster_journal(store.root).read()).values() if each.active]
    if active:
        write_names(url, active)
    refresh_scores(common.course, store, assignment, url)


def _table(common: Common, assignment: str, finals: Sequence[Final], name: Callable[[str], str]) -> None:
    from autograder.cli.tables import print_table

    columns = ("student", "automatic", "by hand", "late", "extra", "score", "", "attempt")
    rows = [
        (
            name(each.student),
            *(_points(value) for value in (each.automatic, each.manual, -each.late if each.late else each.late, each.extra, each.score)),
            _state(each),
            str(each.attempt or ""),
        )
        for each in finals
    ]
    points = f"of {finals[0].max_score:g} points" if finals else "nobody"
    print_table(common, f"{assignment}: {points}", columns, rows, _NUMBERS)


def _state(final: Final) -> str:
    words: list[str] = [] if final.state == "scored" else [final.state]
    words += [f"final ({final.final})"] if final.final else []
    return ", ".join([*words, *([f"would be {final.would_be:g}"] if final.would_be is not None else [])])


def _explain(common: Common, finals: Sequence[Final], name: Callable[[str], str]) -> None:
    if common.quiet or common.json_file == "-":
        return
    for each in finals:
        score = each.state if each.score is None else f"{each.score:g} of {each.max_score:g}"
        click.echo(f"{name(each.student)}, {each.assignment}: {score}")
        print_lines(each.lines, indent=2)


def print_lines(lines: Sequence[Line], indent: int) -> None:
    """A sum line by line: what, points, why."""
    for line in lines:
        click.echo(f"{'':{indent}}{line.what:<11}{_points(line.points):>8}  {line.why}")


def _points(value: float | None) -> str:
    return "" if value is None else f"{value + 0.0:.2f}".replace("-", "−")
