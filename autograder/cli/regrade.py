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
    from autograder.batch.plan import make_plan, store_of
    from autograder.batch.regrade import regrade as regrade_records
    from autograder.cli.grade import finish, publish
    from autograder.errors import UsageError
    from autograder.execution.sandbox import choose_sandbox

    store = store_of(common.course, common.paths, common.store)
    plan = make_plan(common.course, common.paths, assignment, common.profile, store, common.data, True, common.say)
    records = [record for record in store.latest(plan.profile.name, assignment) if not students or record.student in students]
    if not records:
        raise UsageError(f"There is no record of '{assignment}' in profile '{plan.profile.name}'.", f"Run: autograder grade {assignment}")
    needed = min((record.isolation.level for record in records if record.runs), default=common.course.min_isolation)
    # Opening a model asks for no more isolation than running the notebook that made it did.
    sandbox = choose_sandbox(min(needed, common.course.min_isolation), consent(trust_submissions))
    changes = regrade_records(plan, records, sandbox)
    for change in changes:
        if change.needs_execution:
            common.say(f"{change.student}: needs execution ({change.needs_execution}); keeps {_score(change.before.score)}")
        elif change.changed:
            common.say(f"{change.student}: {_score(change.before.score)} → {_score(change.after.score)}")
    changed, waiting = sum(change.changed for change in changes), sum(bool(change.needs_execution) for change in changes)
    common.say(f"{len(changes)} regraded, {changed} score(s) changed, {waiting} need(s) execution.")
    if gradebook or plan.profile.name == common.course.default_profile:
        publish(common, plan, [change.after for change in changes], {}, gradebook)
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
    finish(common, [change.after for change in changes])


def _score(score: float | None) -> str:
    return "unscored" if score is None else f"{score:g}"
