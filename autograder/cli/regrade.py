"""`autograder regrade`: new graders, curves or points over recorded runs; no student code is executed."""

from __future__ import annotations

import click

from autograder.cli.options import Common, common_options, consent


@click.command()
@click.argument("assignment")
@click.option("--student", "students", metavar="ID", multiple=True, help="Only this student; may be given several times.")
@click.option("--gradebook", metavar="URL", help="Write this gradebook, whatever the profile.")
@click.option("--trust-submissions", is_flag=True, help="Open handed-in models without isolation where that is needed.")
@common_options
def regrade(common: Common, assignment: str, students: tuple[str, ...], gradebook: str | None, trust_submissions: bool) -> None:
    """Score the recorded runs of ASSIGNMENT again and say whose score changed.

    Executes no student code. Whoever needs execution because of a new question is named, and keeps the old score.
    """
    from autograder.batch.plan import make_plan, open_sandbox, store_of
    from autograder.batch.regrade import regrade as regrade_records
    from autograder.cli.feedback import newest_records
    from autograder.cli.grade import finish, publish

    store = store_of(common.course, common.paths, common.store)
    plan = make_plan(common.course, common.paths, assignment, common.profile, store, common.data, True, common.say)
    records = newest_records(store, plan.profile.name, assignment, students)
    needed = min((record.isolation.level for record in records if record.runs), default=common.course.min_isolation)
    # Opening a model asks for no more isolation than running the notebook that made it did.
    sandbox = open_sandbox(common.course, consent(trust_submissions) or needed == 0)
    changes = regrade_records(plan, records, sandbox)
    for change in changes:
        if change.needs_execution:
            common.say(f"{change.student}: needs execution ({change.needs_execution}); keeps {_score(change.before.score)}")
        elif change.changed:
            common.say(f"{change.student}: {_score(change.before.score)} → {_score(change.after.score)}")
    changed, waiting = sum(change.changed for change in changes), sum(bool(change.needs_execution) for change in changes)
    common.say(f"{len(changes)} regraded, {changed} score(s) changed, {waiting} need(s) execution.")
    common.write_json(
        [
            {
                "student": each.student,
                "before": each.before.score,
                "after": each.after.score,
                "needs_execution": each.needs_execution or None,
            }
            for each in changes
        ]
    )
    if gradebook or plan.profile.name == common.course.default_profile:
        folders = {each.student: common.paths.submitted / each.student / assignment for each in changes}
        there = {student: folder for student, folder in folders.items() if folder.is_dir()}
        publish(common, plan, [each.after for each in changes], there, gradebook)
    finish(common, [change.after for change in changes])


def _score(score: float | None) -> str:
    return "unscored" if score is None else f"{score:g}"
