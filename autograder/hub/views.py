"""What students and instructors see, made from what is on disk and what runs at the moment. Pure functions of a `Work`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from autograder.batch.store import Store
from autograder.batch.waiting import expected_wait
from autograder.course.paths import CoursePaths
from autograder.course.profile import find_assignment
from autograder.course.settings import Course
from autograder.feedback.clean import line
from autograder.feedback.leaderboard import Leaderboard
from autograder.feedback.settled import settled
from autograder.feedback.words import in_words
from autograder.hub.books import Books
from autograder.hub.desk import Desk
from autograder.hub.results import Results
from autograder.hub.rules import NOT_COUNTED, Fate, attempts_left, next_attempt_at
from autograder.hub.state import (
    AssignmentState,
    AssignmentView,
    BatchView,
    FlaggedView,
    InstructorsView,
    Phase,
    Rank,
    ScoreView,
    StudentsView,
    SubmissionView,
)
from autograder.term.decisions import standing
from autograder.term.facts import policy_of
from autograder.term.names import read_names
from autograder.term.roster import members, roster_journal

Wish = Literal["start", "cancel", "rerun"]
_ID_LETTERS = 60  # of a student's id on a leaderboard


@dataclass(frozen=True)
class Live:
    """How far a running submission is."""

    elapsed_s: float
    cell: int = 0
    cells: int = 0


@dataclass(frozen=True)
class Board:
    """A leaderboard: its lines, and the place of each student who takes part, by id."""

    lines: tuple[Rank, ...] = ()
    places: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """A moment of the service. `running`: by receipt; `order`: receipts that wait, first who is next; `taken`: seconds of the last ones."""

    course: Course
    paths: CoursePaths
    store: Store
    desk: Desk
    books: Books
    results: Results
    now: datetime
    version: int
    running: Mapping[str, Live]
    order: tuple[str, ...]
    slots: int
    where: str
    taken: tuple[float, ...]
    paused: Mapping[str, str]
    problems: tuple[str, ...]
    failures: int
    unpublished: int
    boards: Mapping[str, Board]

    def wait_s(self, ahead: int) -> float:
        """Expected seconds until a submission begins that has so many before it."""
        return expected_wait(ahead, [each.elapsed_s for each in self.running.values()], self.slots, self.taken)


# --- students ---------------------------------------------------------------------------------------------------------


def students_view(work: Work, user: str) -> StudentsView:
    """All assignments of the course, as this user stands in them."""
    return StudentsView(
        user=user,
        name=read_names(work.store.root).get(user, user),
        course_id=work.course.id,
        course_title=work.course.title,
        now=work.now,
        timezone=work.course.timezone,
        version=work.version,
        assignments=tuple(_assignment(work, user, each.id) for each in work.course.assignments),
    )


def _assignment(work: Work, user: str, assignment: str) -> AssignmentView:
    found, rules = work.books.fates(assignment, user), work.books.rules(assignment, user)
    around = work.books.situation(assignment, user)
    left = attempts_left(found, rules, around)
    state, note = _state(work, assignment, found)
    return AssignmentView(
        id=assignment,
        title=in_words(assignment),
        points=find_assignment(work.course, assignment).points,
        state=state,
        note=note,
        due=_local(work, rules.due),
        closes=_local(work, rules.closes),
        grace_s=rules.policy.grace_s,
        instant=rules.instant,
        attempts_allowed=rules.attempts,
        attempts_left=left,
        next_attempt_at=_local(work, next_attempt_at(found, rules, work.now)),
        submissions=tuple(submission_view(work, each) for each in reversed(found)),
        score=_score(work, user, assignment),
        feedback=feedback_page(work, user, assignment),
        leaderboard=_board(work, user, assignment),
    )


def _state(work: Work, assignment: str, found: Iterable[Fate]) -> tuple[AssignmentState, str]:
    """Of the newest that counts, else of the newest refused one."""
    fates = list(found)
    counting = [each for each in fates if each.phase not in NOT_COUNTED]
    chosen = (counting or [each for each in fates if each.phase == "refused"])[-1:]
    if chosen:
        view = submission_view(work, chosen[0])
        return _as_state(view.phase), view.note
    if not work.paths.release_notebook(assignment).is_file():
        return "not_released", "It is not released yet."
    return "not_submitted", "Nothing was submitted yet."


def _as_state(phase: Phase) -> AssignmentState:
    if phase == "repeated" or phase == "superseded" or phase == "cancelled":
        return "not_submitted"
    return phase


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
    shown = graded is not None and not _withheld(work, receipt.student, receipt.assignment)
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
        not_before=_local(work, fate.not_before),
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
    if fate.not_before is not None:
        wait_s = max(wait_s, (fate.not_before - work.now).total_seconds())
    return ahead + 1, wait_s


def _queued_note(work: Work, fate: Fate, place: int | None) -> str:
    why = work.paused.get(fate.receipt.assignment)
    if why:
        return "It waits: the assignment cannot be graded at the moment. Your instructor is told."
    if fate.not_before is not None and fate.not_before > work.now:
        return "It waits until the time between two submissions is over."
    return f"It is number {place} in the queue." if place else fate.note


def _score(work: Work, user: str, assignment: str) -> ScoreView | None:
    """The final score as it was last computed; None while there is nothing to say."""
    final = work.results.finals(assignment).get(user)
    if final is None or final.state == "missing":
        return None
    if final.state == "withheld" or _withheld(work, user, assignment):
        return ScoreView(None, final.max_score, "Your score is not shown. Ask your instructor.")
    record = work.store.present(work.course.default_profile, assignment, user)
    said = settled(final, record) if record is not None else None
    if said is not None:
        return ScoreView(final.score, final.max_score, said.sentence, said.lines, final.final is not None)
    if final.state == "scored":
        words = "Final score" if final.final else "Score so far"
        return ScoreView(final.score, final.max_score, f"{words}: {final.score:g} of {final.max_score:g} points.", (), bool(final.final))
    return ScoreView(None, final.max_score, _WITHOUT_SCORE[final.state])


_WITHOUT_SCORE = {
    "waiting": "There is no score yet: a person still has to grade a part of it.",
    "unscored": "There is no score yet: it could not be graded so far.",
    "excused": "You are excused: this assignment does not count for you.",
}


def feedback_page(work: Work, user: str, assignment: str) -> Path | None:
    """The page of that student alone. Raises nothing for names that are none: they have no page."""
    if assignment not in {each.id for each in work.course.assignments} or "/" in user or user in ("", ".", ".."):
        return None
    page = work.paths.feedback(user, assignment)
    return page if page.is_file() and not _withheld(work, user, assignment) else None


def _withheld(work: Work, user: str, assignment: str) -> bool:
    return bool(standing(work.books.entries(), user, assignment).of("withhold"))


def board_of(found: Leaderboard) -> Board:
    """Without what is for instructors alone."""
    return Board(
        tuple(Rank(each.rank, each.name, each.value) for each in found.places),
        {each.student: index for index, each in enumerate(found.places)},
    )


def _board(work: Work, user: str, assignment: str) -> tuple[Rank, ...] | None:
    board = work.boards.get(assignment)
    own = board.places.get(line(user, _ID_LETTERS)) if board else None
    if board is None or own is None:
        return None
    return tuple(Rank(each.rank, each.name, each.value, index == own) for index, each in enumerate(board.lines))


# --- instructors ------------------------------------------------------------------------------------------------------


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
        due=_local(work, policy_of(work.course, assignment).due),
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


def _local(work: Work, moment: datetime | None) -> datetime | None:
    return moment.astimezone(ZoneInfo(work.course.timezone)) if moment is not None else None
