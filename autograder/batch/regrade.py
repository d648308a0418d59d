"""Grades recorded runs again, without executing any student code, and says what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autograder.batch.pipeline import grade_run
from autograder.batch.plan import Plan
from autograder.isolation.sandbox import Sandbox
from autograder.records import Record


@dataclass(frozen=True)
class Regraded:
    """One student: the record before and after, or why the submission has to be executed instead."""

    student: str
    before: Record
    after: Record
    needs_execution: str = ""

    @property
    def changed(self) -> bool:
        return self.before.score != self.after.score or self.before.grading != self.after.grading


def regrade(plan: Plan, records: Sequence[Record], sandbox: Sandbox) -> list[Regraded]:
    """Every record under the present graders, curves and points; new records are written to the store."""
    return [_regrade(plan, record, sandbox) for record in records]


def _regrade(plan: Plan, record: Record, sandbox: Sandbox) -> Regraded:
    if not record.runs:
        return Regraded(record.student, record, record)
    counted = next(reference for reference in record.runs if reference.counted)
    folder = plan.store.run(counted.run_key)
    run = folder.read()
    if run is None:
        return Regraded(record.student, record, record, f"its run {counted.run_key} is no longer in the store")
    if run.data != plan.split.fingerprint or run.release != plan.release_digest:
        what = "the data" if run.data != plan.split.fingerprint else "the release version"
        return Regraded(record.student, record, record, f"{what} changed since it was executed")
    new = [question.function for question in plan.declarations.questions if question.id not in run.questions]
    if new:
        return Regraded(record.student, record, record, f"new question to {', '.join(dict.fromkeys(new))}")
    context = f"{record.context.partition('.')[0]}.{plan.grade_key}"  # the execution stays what it was
    after = grade_run(plan, replace(record, grade_key=plan.grade_key, context=context), run, folder, sandbox)
    if after.outcome == "infra_error" and run.outcome != "infra_error":
        return Regraded(record.student, record, record, f"the machine failed: {after.reason}")
    after = replace(after, seconds=replace(after.seconds, queue=record.seconds.queue))
    if after != record:
        plan.store.write(after)
    return Regraded(record.student, record, after)
