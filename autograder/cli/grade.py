"""`autograder grade`: execute what is missing, score, record, write the gradebook."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.options import Common, common_options, consent

if TYPE_CHECKING:
    from autograder.batch.plan import Plan
    from autograder.records import Record


@click.command()
@click.argument("assignment")
@click.option("--submitted", metavar="DIR", help="Folder with <student>/<assignment>/ (default: the course's submitted/).")
@click.option("--student", "students", metavar="ID", multiple=True, help="Only this student; may be given several times.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Submissions side by side (default: one for each core).")
@click.option("--gradebook", metavar="URL", help="Write this gradebook, whatever the profile.")
@click.option("--force", is_flag=True, help="Execute again what is recorded already.")
@click.option("--trust-submissions", is_flag=True, help="Run without isolation: submissions can do whatever you can do.")
@click.option("--dry-run", is_flag=True, help="Only say whether submissions could be executed, and how many; execute nothing.")
@common_options
def grade(
    common: Common,
    assignment: str,
    submitted: str | None,
    students: tuple[str, ...],
    jobs: int | None,
    gradebook: str | None,
    force: bool,
    trust_submissions: bool,
    dry_run: bool,
) -> None:
    """Grade the submissions of ASSIGNMENT.

    What is recorded already and has not changed is not executed again.
    """
    from autograder.batch.plan import make_plan, open_sandbox, store_of
    from autograder.cli.display import print_records
    from autograder.intake.collect import find_submissions
    from autograder.records import to_dict

    trust = consent(trust_submissions)
    sandbox = open_sandbox(common.course, trust)
    plan = make_plan(
        common.course,
        common.paths,
        assignment,
        common.profile,
        store_of(common.course, common.paths, common.store),
        common.data,
        trust,
        common.say,
    )
    folder = Path(submitted) if submitted else common.paths.submitted
    submissions = find_submissions(folder, assignment, students, plan.profile.limits.submission_bytes)
    if dry_run:
        common.say(f"{len(submissions)} submission(s) would be graded at isolation level {sandbox.isolation.level}.")
        return
    records = run_batch(plan, submissions, sandbox, jobs, force, common.quiet)
    if not common.quiet:
        print_records(records, f"{assignment}, profile {plan.profile.name}")
    common.write_json([to_dict(record) for record in records])
    if gradebook or plan.profile.name == common.course.default_profile:
        publish(common, plan, records, {each.student: Path(each.folder) for each in submissions}, gradebook)
    finish(common, records)


def run_batch(plan: Plan, submissions: Sequence[object], sandbox: object, jobs: int | None, force: bool, quiet: bool) -> list[Record]:
    """Grades with a progress display; an interrupt kills what runs and keeps what is recorded."""
    from autograder.batch.local import grade_batch
    from autograder.cli.display import open_progress

    with open_progress(len(submissions), quiet) as progress:
        return grade_batch(plan, submissions, sandbox, jobs, force, progress)  # type: ignore[arg-type]  # typed where it is defined, imported late


def publish(common: Common, plan: Plan, records: Sequence[Record], folders: dict[str, Path], gradebook: str | None) -> None:
    """Writes autograded notebooks and the gradebook."""
    from autograder.gradebook.autograded import unanswered, write_autograded
    from autograder.gradebook.writing import write_gradebook

    empty = {}
    for record in records:
        counted = next((run.run_key for run in record.runs if run.counted), None)
        notebook = plan.store.run(counted).notebook() if counted else None
        if notebook is not None:
            empty[record.student] = unanswered(notebook)
        elif (common.paths.autograded(record.student, record.assignment) / record.notebook).exists():
            continue  # what an earlier execution left is worth more than nothing
        # Without any notebook formgrader lists a student as not graded at all, so the released one stands there.
        write_autograded(common.paths, record.student, record.assignment, notebook or plan.release, folders.get(record.student))
    summary = write_gradebook(gradebook or common.paths.gradebook_url, records, empty)
    for cell in summary.unknown_cells:
        common.say(f"The gradebook has no cell {cell}: run `autograder release` again.")


def finish(common: Common, records: Sequence[Record]) -> None:
    """Names what is not scored, and leaves with the status for it: 3 the machine's fault, 1 a grader's. Quiet keeps errors."""
    complain = partial(click.echo, err=True)
    for record in records:
        if record.grading == "grader_error":
            complain(f"{record.student}: not scored, a grader failed: {record.grading_reason}")
        elif record.outcome == "infra_error":
            complain(f"{record.student}: not scored, the machine failed: {record.reason}")
        elif record.score is None:
            common.say(f"{record.student}: not scored, {record.outcome}: {record.reason}")
    if any(record.outcome == "infra_error" for record in records):
        raise click.exceptions.Exit(3)
    if any(record.grading == "grader_error" for record in records):
        raise click.exceptions.Exit(1)
