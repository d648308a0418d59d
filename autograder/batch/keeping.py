"""Records that need no execution, and what is kept of one: which are there already, and those of submissions of which nothing came out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from autograder.batch.plan import Plan
from autograder.errors import MachineError, StoreError, SubmissionError
from autograder.files import no_room
from autograder.grading.verdict import Verdict, unjudged
from autograder.records import Flag, Isolation, Outcome, Record, Seconds, Submission, Usage

T = TypeVar("T")
NOT_REUSED = ("infra_error",)


def recorded(plan: Plan, submission: Submission) -> Record | None:
    """The submission's record if grading again could not change anything; it is then its student's present one."""
    known = plan.store.read(plan.profile.name, plan.assignment.id, submission.student, submission.submission_id)
    if known is None or not is_current(plan.of(known.release), known):
        return None
    plan.store.point_to(known)
    return known


def is_current(plan: Plan, record: Record) -> bool:
    """Whether grading again could not change anything."""
    return (
        record.context == plan.context
        and record.grading != "grader_error"
        and record.outcome not in NOT_REUSED
        and (not record.runs or record.isolation.level >= plan.min_isolation)
        and all(plan.store.run(run.run_key).read() is not None for run in record.runs)
    )


def keep(plan: Plan, record: Record) -> None:
    """Writes a record to the store; a failure of the machine does not cost the score that there was."""
    known = plan.store.read(record.profile, record.assignment, record.student, record.submission_id)
    if record.outcome not in NOT_REUSED or known is None or known.outcome in NOT_REUSED:
        plan.store.write(record)


def or_unscored(plan: Plan, submission: Submission, make: Callable[[], T]) -> T | Record:
    """What `make` gives, else a record without a score that says whose fault that is. Raises StoreError only."""
    try:
        return make()
    except SubmissionError as error:
        return unscored(plan, submission, error.outcome, f"{error.message} {error.cure}")  # type: ignore[arg-type]  # its two outcomes are two of Outcome's
    except StoreError:
        raise
    except MachineError as error:
        return unscored(plan, submission, "infra_error", error.message)
    except Exception as error:  # a bug of ours must not cost the other submissions their grading
        if isinstance(error, OSError) and no_room(error):
            with plan.store.writing():
                raise
        return unscored(plan, submission, "infra_error", f"internal error: {type(error).__name__}: {error}")


def unscored(plan: Plan, submission: Submission, outcome: Outcome, reason: str) -> Record:
    """A record without a score, for a submission of which nothing came out."""
    empty = blank(plan, submission, ())
    return replace(judged(empty, unjudged(plan.specs, "not_graded", reason)), outcome=outcome, reason=reason, release=None)


def blank(plan: Plan, submission: Submission, flags: tuple[Flag, ...]) -> Record:
    """A record with all that is known before anything ran."""
    received_at, attempt = plan.store.arrival(plan.assignment.id, submission.student, submission.submission_id)
    verdict = unjudged(plan.specs, "not_graded", "")
    return Record(
        assignment=plan.assignment.id,
        student=submission.student,
        submission_id=submission.submission_id,
        attempt=attempt,
        notebook=f"{plan.assignment.id}.ipynb",
        submitted_at=submission.submitted_at,
        received_at=received_at,
        profile=plan.profile.name,
        runs=(),
        grade_key=plan.grade_key,
        context=plan.context,
        outcome="infra_error",
        reason="",
        grading=verdict.grading,
        grading_reason=verdict.reason,
        score=None,
        max_score=verdict.max_score,
        grade_cells=verdict.cells,
        flags=flags,
        first_error=None,
        isolation=Isolation(0),
        usage=Usage(),
        seconds=Seconds(),
        versions={},
        release=plan.version,
    )


def judged(record: Record, verdict: Verdict) -> Record:
    """The record with the points of a verdict, and nothing else changed."""
    return replace(
        record,
        grading=verdict.grading,
        grading_reason=verdict.reason,
        score=verdict.score,
        max_score=verdict.max_score,
        grade_cells=verdict.cells,
    )
