"""What a final score is computed from: the assignment's policy, a student's attempts, and what people gave by hand.

Finalising keeps these, and not only the result: so a later decision can still be applied to them, and anybody can compute again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from autograder.course.profile import due_time, find_assignment
from autograder.course.settings import Course, Late, seconds
from autograder.errors import UsageError
from autograder.records import Record
from autograder.term.dates import parse_moment

Counting = Literal["last", "best"]


@dataclass(frozen=True)
class Policy:
    """An assignment's dates and prices: `due` with its zone, `per_day` and `at_most` as shares of the points, the rest in seconds."""

    due: datetime | None
    per_day: float
    at_most: float
    grace_s: float
    closes_s: float | None
    counting: Counting
    timezone: str


@dataclass(frozen=True)
class CellPoints:
    """One grade cell of an attempt; `score` None where nothing automatic is known. `manual`: a person grades it; `extra`: extra credit."""

    grade_id: str
    score: float | None
    max_score: float
    manual: bool
    extra: bool = False


@dataclass(frozen=True)
class Attempt:
    """One graded submission. `at` is when it was submitted, or received where `stamped` is False: it brought no readable time."""

    submission_id: str
    number: int
    at: datetime
    stamped: bool
    cells: tuple[CellPoints, ...]


@dataclass(frozen=True)
class HandGrade:
    """What a person gave for a cell. `score` stands in place of the automatic one; `waits`: the cell is to be looked at (again)."""

    score: float | None = None
    extra: float = 0.0
    waits: bool = False


@dataclass(frozen=True)
class Facts:
    """All that one student's score of one assignment rests on; `hand` by grade id."""

    attempts: tuple[Attempt, ...] = ()
    hand: dict[str, HandGrade] = field(default_factory=dict)


def policy_of(course: Course, assignment: str) -> Policy:
    """The policy in `grading_config.py`: what the assignment says, else the course."""
    chosen = find_assignment(course, assignment)
    late = chosen.late or course.late or Late(per_day=0)
    counting: Counting = "best" if (chosen.counting or course.counting) == "best" else "last"
    return Policy(
        due=due_time(course, chosen.due) if chosen.due else None,
        per_day=late.per_day,
        at_most=late.at_most,
        grace_s=seconds(late.grace) if late.grace else 0.0,
        closes_s=seconds(late.closes) if late.closes else None,
        counting=counting,
        timezone=course.timezone,
    )


def facts_of(records: Iterable[Record], hand: Mapping[str, HandGrade]) -> Facts:
    """A student's records of one assignment and profile, in the order of their attempts, with what people gave."""
    return Facts(tuple(_attempt(each) for each in sorted(records, key=lambda each: (each.attempt, each.received_at))), dict(hand))


def _attempt(record: Record) -> Attempt:
    submitted, received = parse_moment(record.submitted_at), parse_moment(record.received_at)
    at = submitted or received
    if at is None:  # a record of ours has a time of receipt; without one nothing can be said about lateness
        cure = f"Somebody edited it: restore it from a backup, or run `autograder grade {record.assignment} --force`."
        raise UsageError(f"The record {record.submission_id} of {record.student} has no readable time.", cure)
    cells = tuple(CellPoints(cell.grade_id, cell.score, cell.max_score, cell.manual, cell.extra) for cell in record.grade_cells)
    return Attempt(record.submission_id, record.attempt, at, submitted is not None, cells)
