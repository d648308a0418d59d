"""Phases of submissions in words: on the page, and for who listens to it."""

from __future__ import annotations

from collections.abc import Iterable

from autograder.hub.state import AssignmentView, BatchView, SubmissionView

_TITLES = {
    "not_released": "Not released",
    "not_submitted": "Not submitted",
    "refused": "Refused",
    "repeated": "Same as before",
    "superseded": "Replaced",
    "cancelled": "Cancelled",
    "held": "Received",
    "queued": "Queued",
    "running": "Running",
    "retrying": "Tried again",
    "graded": "Graded",
}
_TONES = {"refused": "bad", "graded": "good", "queued": "busy", "running": "busy", "retrying": "warn"}
_MOVING = ("queued", "running", "retrying")
SOON_S, SOMETIME_S, SELDOM_S = 2, 4, 30
_PLACE_S = 0.5


def phase_title(phase: str) -> str:
    """'not_submitted' → 'Not submitted'."""
    return _TITLES.get(phase, phase)


def tone(phase: str) -> str:
    """The colour that a phase is shown in; its title says the same."""
    return _TONES.get(phase, "")


def pace(shown: Iterable[SubmissionView]) -> int:
    """Seconds after which a page that shows these submissions looks again: as soon as the one with which something happens first needs.

    Half a second for each place in the queue, so that a class that waits asks fewer than 20 times in a second, and not 200 times.
    """
    return min((_pace(one) for one in shown if one.phase in _MOVING), default=SOMETIME_S)


def _pace(one: SubmissionView) -> int:
    place = one.place if one.phase == "queued" and one.place else 1
    return min(max(SOON_S, round(_PLACE_S * place)), SELDOM_S)


def spoken(one: SubmissionView, title: str) -> str:
    """What a screen reader says when it changes: without the clocks, which change all the time."""
    place = f", place {one.place}" if one.phase == "queued" and one.place else ""
    score = f", {one.score:g} of {one.max_score:g} points" if one.score is not None and one.max_score is not None else ""
    return f"{title}: {phase_title(one.phase).lower()}{place}{score}."


def spoken_all(views: Iterable[AssignmentView]) -> str:
    """The same for a student's list: what is graded or under way."""
    return " ".join(spoken(each.newest, each.title) for each in views if each.newest)


def spoken_batch(batch: BatchView) -> str:
    """The same for a class: how many are graded."""
    return f"{batch.title}: {batch.counts.get('graded', 0)} of {sum(batch.counts.values())} submissions graded."
