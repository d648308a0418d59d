"""Audits submissions: executes each once more on permuted labels and compares its accuracies with those of its record.

Nothing that grading made is changed: audited runs lie in a store of their own, and no record is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from autograder.batch.local import side_by_side
from autograder.batch.pipeline import OnCell, grade_unwritten
from autograder.batch.plan import Plan
from autograder.batch.progress import Progress
from autograder.batch.reruns import without_reruns
from autograder.batch.store import Store
from autograder.course.settings import Course
from autograder.data.permuted import permuted_split
from autograder.data.seed import read_seed
from autograder.errors import UsageError
from autograder.execution.devices import Slot
from autograder.files import digest, write_atomic
from autograder.grading.audit import (
    Audit,
    Comparison,
    HiddenPart,
    Spread,
    accuracy_metrics,
    compare,
    measured_metrics,
    obstacle,
    overall,
    read_spreads,
)
from autograder.isolation.sandbox import Sandbox
from autograder.records import Record, Submission, from_json, to_json


@dataclass(frozen=True)
class AuditPlan:
    """How one assignment is audited: the plan of its grading, the same plan on permuted labels, and what the rule needs.

    `spreads` holds every metric that is compared.
    """

    normal: Plan
    permuted: Plan
    hidden: HiddenPart
    spreads: dict[str, Spread]


@dataclass(frozen=True)
class AuditStore:
    """`audits/` of a results store: one file for each audited submission."""

    root: Path

    def write(self, audit: Audit) -> None:
        write_atomic(self._path(audit.profile, audit.assignment, audit.student, audit.submission_id), to_json(audit))

    def read(self, profile: str, assignment: str, student: str, submission_id: str) -> Audit | None:
        """The last audit of a submission; None when there is none, or the file is damaged (it is then audited again)."""
        try:
            return from_json(Audit, self._path(profile, assignment, student, submission_id).read_bytes())
        except (OSError, ValueError):
            return None

    def of_records(self, records: Iterable[Record]) -> list[Audit]:
        """The audits of exactly these records: one that compared another run of the submission is left out."""
        found = [(each, self.read(each.profile, each.assignment, each.student, each.submission_id)) for each in records]
        return [audit for record, audit in found if audit is not None and audit.normal_run == _counted(record)]

    def _path(self, profile: str, assignment: str, student: str, submission_id: str) -> Path:
        return self.root / profile / assignment / student / f"{submission_id}.json"


def audit_store(store: Store) -> AuditStore:
    """Where the audits of a results store lie."""
    return AuditStore(store.root / "audits")


def make_audit_plan(course: Course, plan: Plan) -> AuditPlan:
    """Everything that an audit needs beside the plan of grading; makes the permuted split if it is not there.

    Raises UsageError, before anything is executed, when the assignment has nothing that can be audited.
    """
    metrics = accuracy_metrics(plan.declarations.tests)
    if not metrics:
        raise UsageError(
            f"The graders of '{plan.assignment.id}' award no accuracy of a handed-in model, and an audit compares these.",
            "It takes a test with a predict mark and award('test_accuracy', …), or another metric with 'accuracy' in its name.",
        )
    dataset = next(each for each in course.datasets if each.name == plan.profile.dataset)
    seed = read_seed(plan.paths, plan.store.root, lambda _: None)
    found = permuted_split(plan.paths, plan.split, dataset, seed, plan.assignment.audit_transforms)
    permuted = replace(
        plan,
        split=found.split,
        store=Store(plan.store.root / "audited"),
        scoring_key=digest("audit", plan.scoring_key, found.split.fingerprint),
        execution_key=digest("audit", plan.execution_key, found.split.fingerprint),
        calibration=without_reruns(plan.calibration),
        older=tuple(
            replace(
                each,
                scoring_key=digest("audit", each.scoring_key, found.split.fingerprint),
                execution_key=digest("audit", each.execution_key, found.split.fingerprint),
            )
            for each in plan.older
        ),
    )
    calibration = plan.paths.solutions(plan.assignment.id) / "calibration.json"
    return AuditPlan(plan, permuted, HiddenPart(found.hidden, found.chance), read_spreads(calibration, plan.profile.name, metrics))


def audit_batch(
    plan: AuditPlan, submissions: Sequence[Submission], sandbox: Sandbox, jobs: int | None, force: bool, progress: Progress[Audit]
) -> list[Audit]:
    """The audits of all submissions, in their order, side by side as grading is. Interrupted: what is written stays."""

    def one(submission: Submission, slot: Slot, on_cell: OnCell, _: float) -> Audit:
        return audit_submission(plan, submission, sandbox, on_cell, force, slot)

    with plan.normal.store.in_use():  # the audits lie there, and whoever erases or archives locks nothing else
        return side_by_side(plan.permuted, submissions, sandbox, jobs, one, progress)


def audit_submission(plan: AuditPlan, submission: Submission, sandbox: Sandbox, on_cell: OnCell, force: bool, slot: Slot) -> Audit:
    """The audit of one submission, written to the store; the one that is there already if nothing has changed since."""
    store = audit_store(plan.normal.store)
    profile, assignment = plan.normal.profile.name, plan.normal.assignment.id
    known = store.read(profile, assignment, submission.student, submission.submission_id)
    normal = plan.normal.store.read(profile, assignment, submission.student, submission.submission_id)
    blank = _blank(plan, submission, normal)
    if normal is None or blank.reason:
        audit = blank
    elif known is not None and not force and _is_current(plan, known, blank):
        return known
    else:
        again = grade_unwritten(plan.permuted, submission, sandbox, on_cell, force, slot)
        audit = _judged(plan, blank, normal, again)
    failed = audit.outcome == "infra_error"
    if not sandbox.stopped and not (failed and known is not None):
        store.write(audit)
    return audit


def _is_current(plan: AuditPlan, known: Audit, blank: Audit) -> bool:
    """Whether auditing again could not say anything else; what ran at a lower isolation than is required now does not count."""
    return known.outcome is not None and known.context == blank.context and known.isolation >= plan.normal.min_isolation


def _blank(plan: AuditPlan, submission: Submission, normal: Record | None) -> Audit:
    """An audit with all that is known before the execution; its reason says why there can be none, if there is one."""
    comparisons, run = _comparisons(plan, normal, None), _counted(normal)
    permuted = plan.permuted.of(normal.release if normal else None)
    return Audit(
        assignment=plan.normal.assignment.id,
        student=submission.student,
        submission_id=submission.submission_id,
        profile=plan.normal.profile.name,
        context=digest(permuted.context, run, [asdict(each) for each in comparisons]),
        verdict="not comparable",
        reason=_obstacle(plan, normal),
        comparisons=comparisons,
        normal_run=run,
        audited_run="",
        outcome=None,
        isolation=0,
        seconds=0.0,
        audited_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _obstacle(plan: AuditPlan, normal: Record | None) -> str:
    """Why executing it again could say nothing, or nothing."""
    if normal is None:
        return f"it has no record in profile '{plan.normal.profile.name}': run autograder grade"
    if normal.context.partition(".")[0] != plan.normal.of(normal.release).execution_key:
        return "it was graded with other settings, data or versions: run autograder grade"
    measured = _measured(plan, normal)
    found = [obstacle(measured[metric], spread, plan.hidden) for metric, spread in plan.spreads.items()]
    return _with(found[0], normal) if all(found) else ""


def _judged(plan: AuditPlan, blank: Audit, normal: Record, again: Record) -> Audit:
    """The audit after its execution. When machine or graders failed, it has no context: it is then made again."""
    comparisons = _comparisons(plan, normal, again)
    verdict, reason = overall(comparisons)
    final = verdict != "not comparable" or (again.outcome != "infra_error" and again.grading != "grader_error")
    return replace(
        blank,
        verdict=verdict,
        reason=_with(reason, again) if reason else "",
        comparisons=comparisons,
        audited_run=_counted(again),
        outcome=again.outcome,
        isolation=again.isolation.level,
        seconds=again.usage.wall_s,
        context=blank.context if final else "",
    )


def _comparisons(plan: AuditPlan, normal: Record | None, again: Record | None) -> tuple[Comparison, ...]:
    before, after = _measured(plan, normal), _measured(plan, again)
    return tuple(compare(metric, before[metric], after[metric], spread, plan.hidden) for metric, spread in plan.spreads.items())


def _measured(plan: AuditPlan, record: Record | None) -> dict[str, float | None]:
    found = measured_metrics(record.grade_cells) if record is not None else {}
    return {metric: found.get(metric) for metric in plan.spreads}


def _with(reason: str, record: Record) -> str:
    """The reason, and what the record itself says of it."""
    said = record.reason or record.grading_reason
    return f"{reason} ({said})"[:500] if said else reason


def _counted(record: Record | None) -> str:
    return next((run.run_key for run in record.runs if run.counted), "") if record is not None else ""
