"""The class as instructors see it live."""

from __future__ import annotations

from autograder.feedback.words import in_words
from autograder.hub.state import BatchView, FlaggedView, InstructorsView, Phase
from autograder.hub.views.moment import Work
from autograder.hub.views.submission import submission_view
from autograder.term.facts import policy_of
from autograder.term.roster import members, roster_journal


def instructors_view(work: Work) -> InstructorsView:
    """All assignments with everybody's submissions, what is odd about them, and what is wrong with the service."""
    batches = tuple(_batch(work, each.id) for each in work.course.assignments)
    return InstructorsView(
        course_id=work.course.id,
        course_title=work.course.title,
        now=work.now,
        timezone=work.course.timezone,
        version=work.version,
        slots=work.slots,
        grading_on=work.where,
        batches=batches,
        flags=tuple(flag for batch in batches for flag in _flags(work, batch.assignment)),
        problems=work.problems,
        failures=work.failures,
        unpublished=work.unpublished,
    )


def _batch(work: Work, assignment: str) -> BatchView:
    shown = sorted((submission_view(work, each) for each in work.books.all(assignment)), key=lambda each: each.arrived_at, reverse=True)
    counts: dict[Phase, int] = {}
    for each in shown:
        counts[each.phase] = counts.get(each.phase, 0) + 1
    queue = sorted((each for each in shown if each.phase == "queued"), key=lambda each: each.place or len(work.order) + 1)
    last = max((each.place or 0 for each in queue), default=0)
    return BatchView(
        assignment=assignment,
        title=in_words(assignment),
        due=work.local(policy_of(work.course, assignment).due),
        students=sum(each.active for each in members(roster_journal(work.store.root).read()).values()),
        submitted=len({each.student for each in shown if each.phase != "refused"}),
        counts=counts,
        running=tuple(each for each in shown if each.phase == "running"),
        queue=tuple(queue),
        submissions=tuple(shown),
        done_s=work.wait_s(last - 1 + work.slots) if last else None,
        paused=work.paused.get(assignment, ""),
    )


def _flags(work: Work, assignment: str) -> list[FlaggedView]:
    found = []
    for fate in work.books.all(assignment):
        receipt = fate.receipt
        found += [FlaggedView(receipt.id, receipt.student, assignment, "receipt", each.kind, each.detail) for each in receipt.flags]
        graded = work.results.graded(assignment, receipt.student, receipt.submission_id) if receipt.submission_id else None
        if graded is not None:
            found += [FlaggedView(receipt.id, receipt.student, assignment, "record", each.kind, each.detail) for each in graded.flags]
    return found
