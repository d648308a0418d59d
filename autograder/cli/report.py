"""`autograder report`: one page about the whole class."""

from __future__ import annotations

import click

from autograder.cli.options import Common, common_options


@click.command()
@click.argument("assignment")
@click.option("--gradebook", metavar="URL", help="Gradebook with the manual grades (default: the course's).")
@common_options
def report(common: Common, assignment: str, gradebook: str | None) -> None:
    """Write the report of ASSIGNMENT from its records: reports/<assignment>.html."""
    from autograder.batch.audit import audit_store
    from autograder.batch.plan import store_of
    from autograder.batch.store import choose_students
    from autograder.course.profile import find_assignment, resolve_profile
    from autograder.feedback.writing import write_report

    profile = resolve_profile(common.course, find_assignment(common.course, assignment), common.profile)
    store = store_of(common.course, common.paths, common.store)
    records = list(store.latest(profile.name, assignment, choose_students(store, profile.name, assignment, ())))
    audits = audit_store(store).of_records(records)
    page = write_report(common.course, common.paths, assignment, profile, store, records, gradebook or common.paths.gradebook_url, audits)
    common.write_json(str(page))
    common.say(f"Report: {page}")
