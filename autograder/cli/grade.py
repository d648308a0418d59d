"""`autograder grade`: execute what is missing, score, record, write the gradebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.cluster_options import cluster_options, require_dask
from autograder.cli.options import Common, common_options, consent

if TYPE_CHECKING:
    from autograder.batch.network import Tls
    from autograder.batch.packed import PackedRecords
    from autograder.batch.plan import Plan
    from autograder.records import Record, Submission

LOCAL = "local"


@click.command()
@click.argument("assignment")
@click.option("--submitted", metavar="DIR", help="Folder, zip or tar file with <student>/<assignment>/ (default: submitted/).")
@click.option("--student", "students", metavar="ID", multiple=True, help="Only this student; may be given several times.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Submissions side by side (default: one more than cores).")
@click.option("--gradebook", metavar="URL", help="Write this gradebook, whatever the profile.")
@click.option("--force", is_flag=True, help="Execute again what is recorded already.")
@click.option("--trust-submissions", is_flag=True, help="Run without isolation: submissions can do whatever you can do.")
@click.option("--dask", metavar="ADDRESS", help="Execute on the workers of this Dask scheduler; 'local' starts one here.")
@cluster_options
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
    dask: str | None,
    tls: Tls,
    plain: bool,
) -> None:
    """Grade the submissions of ASSIGNMENT.

    What is recorded already and has not changed is not executed again.
    """
    from autograder.batch.plan import make_plan, open_sandbox, store_of
    from autograder.cli.display import print_records
    from autograder.cli.gradebook import url_to_write
    from autograder.intake.collect import find_submissions
    from autograder.records import to_dict
    from autograder.term.names import read_names

    trust = consent(trust_submissions)
    url = url_to_write(common, gradebook)  # what is wrong with it is said before anything is executed
    address = _checked(dask, tls, plain)
    with ExitStack() as stack:
        sandbox = None if address else stack.enter_context(open_sandbox(common.course, trust, common.say))
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
        folder = stack.enter_context(submitted_folder(common, assignment, submitted))
        submissions = find_submissions(folder, assignment, students, plan.profile.limits.submission_bytes, partial(click.echo, err=True))
        if dry_run:
            where = f"at isolation level {sandbox.isolation.level}" if sandbox else f"on the workers of {address}"
            common.say(f"{len(submissions)} submission(s) would be graded {where}.")
            return
        submissions, kept = _without_final(common, plan, submissions)
        if address:
            records = _run_on_cluster(plan, submissions, address, tls, jobs, force, trust, common)
        else:
            records = run_batch(plan, submissions, sandbox, jobs, force, common.quiet)
    shown = partial(merge, records, kept, key=lambda record: record.student)  # one record at a time: a class may be large
    if not common.quiet:
        print_records(shown(), f"{assignment}, profile {plan.profile.name}", read_names(plan.store.root))
    if common.json_file is not None:
        common.write_json([to_dict(record) for record in shown()])
    status = publish(common, plan, [each.student for each in submissions], url) if url and submissions else 0
    finish(common, records, status=status)


def _without_final(common: Common, plan: Plan, submissions: Sequence[Submission]) -> tuple[list[Submission], list[Record]]:
    """The submissions to be graded, and the present records of those whose score is final: nothing of theirs changes."""
    from autograder.term.decisions import final_students

    if plan.profile.name != common.course.default_profile:
        return list(submissions), []
    final = final_students(plan.store.root, plan.assignment.id, [each.student for each in submissions])
    if not final:
        return list(submissions), []
    for each in submissions:
        if each.student in final:
            plan.store.note_arrival(each)  # should it count one day, then from now
    cure = f"autograder decide reopen {plan.assignment.id} …"
    common.say(f"{len(final)} final, left as they are; to grade them again: {cure}")
    kept = plan.store.latest(plan.profile.name, plan.assignment.id, sorted(final))
    return [each for each in submissions if each.student not in final], list(kept)


def _checked(dask: str | None, tls: Tls, plain: bool) -> str:
    """The cluster's address, or nothing for this process's own slots."""
    if dask is None:
        return ""
    from autograder.batch.network import checked_address

    require_dask()
    return dask if dask == LOCAL else checked_address(dask, tls, plain)


def _run_on_cluster(
    plan: Plan, submissions: Sequence[Submission], address: str, tls: Tls, jobs: int | None, force: bool, trust: bool, common: Common
) -> PackedRecords:
    from autograder.batch.cluster_workers import Told
    from autograder.batch.dask import Cluster, grade_on_cluster
    from autograder.batch.dask_worker import local_cluster
    from autograder.batch.local import plan_slots
    from autograder.cli.display import open_progress
    from autograder.execution.environment import require_safe_keras

    require_safe_keras()
    say = partial(click.echo, err=True)
    with ExitStack() as stack:
        told = Told(lambda: None, say)
        if address == LOCAL:
            here = local_cluster(plan_slots(plan, jobs).count, plan.paths.state)
            address, tls, look = stack.enter_context(here)
            told = Told(look, say)
        cluster = Cluster(address, tls, told, jobs, trust)
        with open_progress(len(submissions), common.quiet) as progress:
            return grade_on_cluster(plan, submissions, cluster, force, progress)


@contextmanager
def submitted_folder(common: Common, assignment: str, submitted: str | None) -> Iterator[Path]:
    """The folder with the submissions; an archive is unpacked for as long as it is needed, and what is left out of it is said."""
    folder = Path(submitted) if submitted else common.paths.submitted
    if not folder.is_file():
        yield folder
        return
    from autograder.intake.archive import unpacked

    with unpacked(folder, assignment, common.paths.state / "unpacked") as found:
        for line in found.refused:
            click.echo(line, err=True)
        yield found.folder


def run_batch(plan: Plan, submissions: Sequence[object], sandbox: object, jobs: int | None, force: bool, quiet: bool) -> PackedRecords:
    """Grades with a progress display; an interrupt kills what runs and keeps what is recorded."""
    from autograder.batch.local import grade_batch
    from autograder.cli.display import open_progress

    with open_progress(len(submissions), quiet) as progress:
        return grade_batch(plan, submissions, sandbox, jobs, force, progress)  # type: ignore[arg-type]  # typed where it is defined, imported late


def publish(common: Common, plan: Plan, students: Sequence[str], url: str) -> int:
    """Writes autograded notebooks and the gradebook, from the store. Returns the exit status for what could not be written, else 0."""
    from autograder.cli.display import open_counter
    from autograder.cli.gradebook import tell
    from autograder.cli.scores import after_publishing
    from autograder.gradebook.publishing import publish as publish_records
    from autograder.gradebook.uptodate import Standing

    standing = Standing(common.course, common.paths, plan.store, plan.profile.name, plan.assignment.id, students, url)
    if standing.is_as_noted():
        return 0
    with open_counter(len(students), "in the gradebook", common.quiet) as done:
        published = publish_records(common.paths, plan.store, plan.release, plan.profile.name, plan.assignment.id, students, url, done)
    status = tell(common, published)
    if status == 0 and plan.profile.name == common.course.default_profile:
        after_publishing(common, plan.store, plan.assignment.id, url)
    if status == 0 and not (published.unreadable or published.unknown_cells):
        standing.note()
    return status


def finish(common: Common, records: Iterable[Record], failed: Mapping[str, str] | None = None, status: int = 0) -> None:
    """Names what is not scored, and leaves with the status for it: 3 the machine's fault, 1 a grader's. Quiet keeps errors.

    `failed`: by student, why the machine could not make a new record; the one that is there stays. `status`: what is known already.
    """
    complain = partial(click.echo, err=True)
    status = 3 if failed else status
    for student, reason in (failed or {}).items():
        complain(f"{student}: keeps the old record, the machine failed: {reason}")
    for record in records:
        if record.grading == "grader_error":
            status = status or 1
            complain(f"{record.student}: not scored, a grader failed: {record.grading_reason}")
        elif record.outcome == "infra_error":
            status = 3
            complain(f"{record.student}: not scored, the machine failed: {record.reason}")
        elif record.score is None:
            common.say(f"{record.student}: not scored, {record.outcome}: {record.reason}")
    if status:
        raise click.exceptions.Exit(status)
