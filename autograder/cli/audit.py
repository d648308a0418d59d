"""`autograder audit`: does a submission learn from the labels that it is given?"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import click

from autograder.cli.grade import submitted_folder
from autograder.cli.options import Common, common_options, consent

if TYPE_CHECKING:
    from autograder.cli.display import NoProgress, TerminalProgress
    from autograder.grading.audit import Audit


@click.command()
@click.argument("assignment")
@click.option("--submitted", metavar="DIR", help="Folder, zip or tar file with <student>/<assignment>/ (default: submitted/).")
@click.option("--student", "students", metavar="ID", multiple=True, help="Only this student; may be given several times.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Submissions side by side (default: one more than cores).")
@click.option("--force", is_flag=True, help="Execute again what is audited already.")
@click.option("--trust-submissions", is_flag=True, help="Run without isolation: submissions can do whatever you can do.")
@common_options
def audit(
    common: Common,
    assignment: str,
    submitted: str | None,
    students: tuple[str, ...],
    jobs: int | None,
    force: bool,
    trust_submissions: bool,
) -> None:
    """Execute graded submissions of ASSIGNMENT again with permuted labels, and say whose accuracy falls.

    A signal for instructors: changes no points, and students see nothing of it. What is audited already is not executed again.
    """
    from autograder.batch.audit import audit_batch, make_audit_plan
    from autograder.batch.plan import make_plan, open_sandbox, store_of
    from autograder.cli.display import open_progress
    from autograder.intake.collect import find_submissions
    from autograder.records import to_dict

    trust = consent(trust_submissions)
    with open_sandbox(common.course, trust) as sandbox, ExitStack() as stack:
        store = store_of(common.course, common.paths, common.store)
        plan = make_plan(common.course, common.paths, assignment, common.profile, store, common.data, trust, common.say)
        audited = make_audit_plan(common.course, plan)
        folder = stack.enter_context(submitted_folder(common, assignment, submitted))
        submissions = find_submissions(folder, assignment, students, plan.profile.limits.submission_bytes, partial(click.echo, err=True))
        with open_progress(len(submissions), common.quiet) as progress:
            audits = audit_batch(audited, submissions, sandbox, jobs, force, _AuditProgress(progress))
    if not common.quiet:
        _print(audits, f"Audit of {assignment}, profile {plan.profile.name}: a signal, not a verdict")
    common.write_json([to_dict(each) for each in audits])
    _finish(common, audits)


class _AuditProgress:
    """The display of a batch, told of audits instead of records."""

    def __init__(self, display: NoProgress | TerminalProgress) -> None:
        self._display = display
        self.began, self.cell = display.began, display.cell

    def ended(self, audit: Audit) -> None:
        self._display.finished(audit.student, audit.verdict)


def _finish(common: Common, audits: Sequence[Audit]) -> None:
    """Says why something could not be compared, and leaves with status 3 where that is the machine's fault."""
    failed = [each for each in audits if each.outcome == "infra_error"]
    for each in audits:
        if each in failed:
            click.echo(f"{each.student}: not audited, the machine failed: {each.reason}", err=True)
        elif each.verdict == "not comparable":
            common.say(f"{each.student}: not comparable: {each.reason}")
    if failed:
        raise click.exceptions.Exit(3)


def _print(audits: Sequence[Audit], title: str) -> None:
    """One line for each accuracy, on standard error."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from autograder.feedback.audits import number

    table = Table(title=title, title_justify="left")
    table.add_column("student", no_wrap=True, max_width=24)
    table.add_column("audit", no_wrap=True)
    table.add_column("metric", overflow="fold")
    for name in ("normal", "audited", "threshold"):
        table.add_column(name, no_wrap=True, justify="right")
    for audit in audits:
        for each in audit.comparisons:
            figures = (number(each.normal), number(each.audited), number(each.threshold))
            table.add_row(*(Text(cell) for cell in (audit.student, each.verdict, each.metric, *figures)))
    Console(stderr=True).print(table)
