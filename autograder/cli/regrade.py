"""`autograder regrade`: new graders, curves or points over recorded runs; no student code is executed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autograder.cli.options import Common, common_options, consent

if TYPE_CHECKING:
    from autograder.batch.regraded import Regraded
    from autograder.isolation.sandbox import Sandbox


@click.command()
@click.argument("assignment")
@click.option("--student", "students", metavar="ID", multiple=True, help="Only this student; may be given several times.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Submissions side by side (default: one more than cores).")
@click.option("--gradebook", metavar="URL", help="Write this gradebook, whatever the profile.")
@click.option("--trust-submissions", is_flag=True, help="Open handed-in models without isolation where that is needed.")
@common_options
def regrade(
    common: Common, assignment: str, students: tuple[str, ...], jobs: int | None, gradebook: str | None, trust_submissions: bool
) -> None:
    """Score the recorded runs of ASSIGNMENT again and say whose score changed.

    Executes no student code. Whoever needs execution because of a new question is named, and keeps the old score. Whose score is final is
    told what would be different; nothing of theirs changes. Where the best attempt counts, all attempts are scored again.
    """
    from autograder.batch.plan import make_plan, open_sandbox, store_of
    from autograder.batch.regrade import regrade as regrade_records
    from autograder.batch.store import choose_students
    from autograder.cli.display import open_counter
    from autograder.cli.grade import finish, publish
    from autograder.cli.gradebook import url_to_write
    from autograder.execution.environment import require_safe_keras
    from autograder.term.decisions import final_students
    from autograder.term.facts import policy_of

    require_safe_keras()  # before anything is done, not only before a sandbox is opened
    url = url_to_write(common, gradebook)
    store = store_of(common.course, common.paths, common.store)
    plan = make_plan(common.course, common.paths, assignment, common.profile, store, common.data, True, common.say)
    chosen = choose_students(store, plan.profile.name, assignment, students)
    final = final_students(store.root, assignment, chosen) if plan.profile.name == common.course.default_profile else frozenset()

    def sandbox(level: int) -> Sandbox:
        return open_sandbox(common.course, consent(trust_submissions) or level == 0, common.say)

    with open_counter(len(chosen), "regraded", common.quiet) as done:
        every = policy_of(common.course, assignment).counting == "best"
        changes = regrade_records(plan, chosen, sandbox, jobs, done, final, every)
    _tell(common, changes)
    changeable = [each for each in chosen if each not in final]
    status = publish(common, plan, changeable, url) if url and changeable else 0
    failed = {each.student: each.failed for each in changes if each.failed}
    finish(common, store.latest(plan.profile.name, assignment, chosen), failed, status)


def _tell(common: Common, changes: list[Regraded]) -> None:
    for change in changes:
        if change.needs_execution:
            common.say(f"{change.student}: needs execution ({change.needs_execution}); keeps {_score(change.before)}")
        if change.changed and change.kept:
            common.say(f"{change.student}: would be {_score(change.after)} instead of {_score(change.before)}; it is final and stays")
        elif change.changed:
            common.say(f"{change.student}: {_score(change.before)} → {_score(change.after)}")
    final = sum(change.kept for change in changes)
    changed, waiting = (
        sum(change.changed and not change.kept for change in changes),
        sum(bool(change.needs_execution) for change in changes),
    )
    common.say(f"{len(changes)} regraded, {changed} score(s) changed, {waiting} need(s) execution.")
    if final:
        different = sum(change.changed and change.kept for change in changes)
        common.say(
            f"{final} final, nothing of them changed; {different} would be different. Only a decision changes them: autograder decide …"
        )
    common.write_json(
        [
            {
                "student": each.student,
                "before": each.before,
                "after": each.after,
                "needs_execution": each.needs_execution or None,
                "final": each.kept,
            }
            for each in changes
        ]
    )


def _score(score: float | None) -> str:
    return "unscored" if score is None else f"{score:g}"
