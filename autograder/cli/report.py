"""`autograder report`: one page about the whole class."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.batch.contest import DecisionStore
    from autograder.records import Record


@click.command()
@click.argument("assignment")
@click.option("--gradebook", metavar="URL", help="Gradebook with the manual grades (default: the course's).")
@click.option(
    "--admit", metavar="ID", multiple=True, help="Contest: show this student on the leaderboard whatever the audit says, or without one."
)
@click.option("--withhold", metavar="ID", multiple=True, help="Contest: do not show this student's submission.")
@common_options
def report(common: Common, assignment: str, gradebook: str | None, admit: tuple[str, ...], withhold: tuple[str, ...]) -> None:
    """Write the report of ASSIGNMENT from its records: reports/<assignment>.html, and beside it a contest's leaderboard.

    --admit and --withhold are remembered for the submission that the student has now.
    """
    from autograder.batch.audit import audit_store
    from autograder.batch.contest import decision_store
    from autograder.batch.plan import store_of
    from autograder.batch.store import choose_students
    from autograder.cli.gradebook import url_to_read
    from autograder.course.profile import find_assignment, resolve_profile
    from autograder.feedback.writing import write_report

    profile = resolve_profile(common.course, find_assignment(common.course, assignment), common.profile)
    store, url = store_of(common.course, common.paths, common.store), url_to_read(common, gradebook)
    records = list(store.latest(profile.name, assignment, choose_students(store, profile.name, assignment, ())))
    if admit or withhold:
        _decide(common, assignment, decision_store(store, profile.name, assignment), records, admit, withhold)
    audits = audit_store(store).of_records(records)
    page, items = write_report(common.course, common.paths, assignment, profile, store, records, url, audits)
    common.write_json({"page": str(page), "items": [asdict(each) | {"remark": each.remark} for each in items]})
    common.say(f"Report: {page}")


def _decide(
    common: Common, assignment: str, decisions: DecisionStore, records: list[Record], admit: tuple[str, ...], withhold: tuple[str, ...]
) -> None:
    from autograder.course.profile import find_assignment
    from autograder.errors import UsageError

    if find_assignment(common.course, assignment).contest is None:
        raise UsageError(f"'{assignment}' has no contest.", "Write Assignment(…, contest='…'), or leave --admit and --withhold out.")
    both = sorted(set(admit) & set(withhold))
    if both:
        raise UsageError(f"{', '.join(both)} cannot be admitted and withheld at once.", "Name each student with one of the two.")
    decisions.decide(records, admit, withhold)
