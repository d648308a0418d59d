"""One submission as its student and instructors see it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from autograder.hub.rules import Fate
from autograder.hub.state import SubmissionView
from autograder.hub.views.moment import Work


def submission_view(work: Work, fate: Fate) -> SubmissionView:
    """One submission, with its place and wait, its progress, or its result."""
    receipt, phase, note = fate.receipt, fate.phase, fate.note
    live = work.running.get(receipt.id)
    place, wait_s = None, None
    if phase in ("queued", "running") and live is None:  # handed to a grader that has not begun is still waiting
        phase = "queued"
        place, wait_s = _place(work, fate)
        note = _queued_note(work, fate, place)
    graded = work.results.graded(receipt.assignment, receipt.student, receipt.submission_id) if phase == "graded" else None
    shown = graded is not None and not work.withholds(receipt.student, receipt.assignment)
    return SubmissionView(
        receipt=receipt.id,
        student=receipt.student,
        assignment=receipt.assignment,
        phase=phase,
        note=note,
        arrived_at=receipt.arrived_at.astimezone(ZoneInfo(work.course.timezone)),
        seen_at=receipt.seen_at.astimezone(ZoneInfo(work.course.timezone)),
        digest=receipt.digest,
        submission_id=receipt.submission_id,
        size=receipt.size,
        attempt=fate.attempt,
        place=place,
        wait_s=wait_s,
        not_before=work.local(fate.not_before),
        elapsed_s=live.elapsed_s if live else None,
        cell=live.cell if live else 0,
        cells=live.cells if live else 0,
        outcome=graded.outcome if graded else "",
        score=graded.score if graded and shown else None,
        max_score=graded.max_score if graded else None,
        checked=work.desk.checked(receipt.id),
    )


def _place(work: Work, fate: Fate) -> tuple[int | None, float | None]:
    if fate.receipt.id not in work.order:  # it came a moment ago
        return None, None
    ahead = work.order.index(fate.receipt.id)
    wait_s = work.wait_s(ahead)
    if wait_s is not None and fate.not_before is not None:
        wait_s = max(wait_s, (fate.not_before - work.now).total_seconds())
    return ahead + 1, wait_s


def _queued_note(work: Work, fate: Fate, place: int | None) -> str:
    why = work.paused.get(fate.receipt.assignment)
    if why:
        return "It waits: the assignment cannot be graded at the moment. Your instructor is told."
    if fate.not_before is not None and fate.not_before > work.now:
        return "It waits until the time between two submissions is over."
    return f"It is number {place} in the queue." if place else fate.note
