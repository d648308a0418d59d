"""`autograder roster`: who is in the class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.options import NAME, Common, common_options

if TYPE_CHECKING:
    from autograder.batch.store import Store
    from autograder.term.roster import Member, RosterChange


@click.group()
def roster() -> None:
    """The class: names, e-mail addresses, LMS ids, sections, teaching assistants."""


@roster.command("import")
@click.argument("csv_file", metavar="CSV", type=click.Path(path_type=Path))
@click.option("--partial", is_flag=True, help="The list does not name everybody: who is missing in it does not drop.")
@click.option("--drop-many", is_flag=True, help="More than a quarter of the class has really dropped.")
@click.option("--ignore-unknown", is_flag=True, help="Leave columns out that are not known.")
@click.option("--gradebook", metavar="URL", help="Gradebook that gets the names (default: the course's).")
@click.option("--who", type=NAME, metavar="NAME", help="Who imports it (default: you).")
@common_options
def import_list(
    common: Common, csv_file: Path, partial: bool, drop_many: bool, ignore_unknown: bool, gradebook: str | None, who: str | None
) -> None:
    """Bring the roster up to date with a class list.

    Who is new joins, who is missing drops, both with today's date; nothing is forgotten. Anything wrong with the list: nothing changes.
    """
    from autograder.batch.plan import store_of
    from autograder.cli.gradebook import url_to_read
    from autograder.errors import AutograderError
    from autograder.gradebook.names import write_names
    from autograder.records import to_dict
    from autograder.term.dates import now_in, who_am_i
    from autograder.term.roster import compare, members, require_no_mistake, roster_journal
    from autograder.term.students_csv import read_class_list

    url, listed = url_to_read(common, gradebook), read_class_list(csv_file, ignore_unknown)
    store = store_of(common.course, common.paths, common.store)
    journal = roster_journal(store.root)

    def make(changes: Sequence[RosterChange]) -> RosterChange | None:
        known = members(changes)
        change = compare(known, listed, now_in(common.course.timezone), who or who_am_i(), csv_file.name, partial)
        require_no_mistake(known, change, drop_many)
        return change if change.joined or change.changed or change.dropped else None

    change = journal.append(make, _warn)
    for remark in listed.remarks:
        _warn(f"'{csv_file}': {remark}")
    active = {name: each for name, each in members(journal.read()).items() if each.active}
    _tell(common, change, len(active))
    _tell_strangers(common, store, set(active))
    common.write_json(to_dict(change) if change else {"joined": [], "changed": [], "dropped": []})
    try:
        write_names(url, [each.student for each in active.values()])
    except AutograderError as error:
        again = "Afterwards run the same command again; `autograder grade` writes them, too."
        click.echo(f"The roster is up to date, but the gradebook does not have the names yet.\n{error}\n  → {again}", err=True)
        raise click.exceptions.Exit(error.exit_status) from None


def _warn(text: str) -> None:
    click.echo(text, err=True)


def _tell(common: Common, change: RosterChange | None, active: int) -> None:
    if change is None:
        common.say(f"The roster says the same already: {active} student(s).")
        return
    for what, names in (
        ("joined", [each.id for each in change.joined]),
        ("changed", [each.id for each in change.changed]),
        ("dropped", list(change.dropped)),
    ):
        some = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        if names:
            common.say(f"{len(names)} {what}: {some}")
    common.say(f"The roster has {active} student(s) now.")


def _tell_strangers(common: Common, store: Store, active: set[str]) -> None:
    """Folders and records of nobody in the class: mostly a misspelt id."""
    submitted = {folder.name for folder in common.paths.submitted.glob("*") if folder.is_dir()}
    recorded = {name for each in common.course.assignments for name in store.students(common.course.default_profile, each.id)}
    strangers = sorted((submitted | recorded) - active)
    if strangers:
        some = ", ".join(strangers[:10]) + (f" and {len(strangers) - 10} more" if len(strangers) > 10 else "")
        common.say(f"Handed something in, but not in the roster: {some}")


@roster.command()
@click.option("--all", "everybody", is_flag=True, help="Those who dropped too.")
@click.option("--history", is_flag=True, help="When each student joined and dropped.")
@click.option("--pseudonyms", is_flag=True, help="How each student is called where nobody should be known.")
@common_options
def show(common: Common, everybody: bool, history: bool, pseudonyms: bool) -> None:
    """Show who is in the class."""
    from autograder.batch.plan import store_of
    from autograder.cli.tables import print_table
    from autograder.errors import UsageError
    from autograder.records import to_dict
    from autograder.term.names import full_name
    from autograder.term.roster import members, roster_journal

    store = store_of(common.course, common.paths, common.store)
    known = members(roster_journal(store.root).read(_warn))
    if not known:
        raise UsageError("The course has no roster yet.", "Run: autograder roster import CSV")
    called = pseudonym_of(common, store) if pseudonyms else str
    shown = [each for each in known.values() if each.active or everybody]
    columns = ["id", "name", "e-mail", "LMS id", "section", "assistant"]
    columns += ["in the class"] if everybody else []
    columns += ["history"] if history else []
    columns += ["pseudonym"] if pseudonyms else []

    def row(member: Member) -> list[str]:
        student = member.student
        cells = [student.id, full_name(student), student.email, student.lms_id, student.section, student.assistant]
        cells += [("yes" if member.active else "dropped")] if everybody else []
        cells += ["; ".join(f"{what} {at[:10]}" for what, at in member.history)] if history else []
        return cells + ([called(student.id)] if pseudonyms else [])

    print_table(common, f"Roster of {common.course.title}: {len(shown)}", columns, [row(each) for each in shown])
    common.write_json(
        [
            {**to_dict(each.student), "active": each.active, "history": [list(one) for one in each.history]}
            | ({"pseudonym": called(each.student.id)} if pseudonyms else {})
            for each in shown
        ]
    )


def pseudonym_of(common: Common, store: Store) -> Callable[[str], str]:
    """The pseudonym of a student, from the course's secret. Raises UsageError when the secret is missing."""
    from functools import partial

    from autograder.data.seed import read_seed
    from autograder.term.names import pseudonym

    return partial(pseudonym, read_seed(common.paths, store.root, _warn))
