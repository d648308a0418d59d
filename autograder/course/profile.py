"""A profile with everything resolved: limits in seconds and bytes, curves, dataset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from autograder.course.settings import Assignment, Course, Curve, Limits, seconds
from autograder.errors import UsageError

_MIB = 2**20


@dataclass(frozen=True)
class RunLimits:
    """What one execution may use; seconds and bytes."""

    cell_s: float
    total_s: float
    hand_in_bytes: int
    submission_bytes: int
    files: int
    disk_mib: int = 1024
    literal_bytes: int = 20 * 1024
    cell_output_bytes: int = 100_000
    cell_pictures_bytes: int = 500_000
    total_output_bytes: int = 2_000_000
    received_output_bytes: int = 64 * _MIB


@dataclass(frozen=True)
class RunProfile:
    """One profile of one assignment, ready to run."""

    name: str
    dataset: str
    answers: str | None
    epoch_limit: int | None
    sample_limit: int | None
    seed: int
    limits: RunLimits
    curves: dict[str, Curve]


def find_assignment(course: Course, assignment: str) -> Assignment:
    """The assignment by its id. Raises UsageError naming those that there are."""
    for each in course.assignments:
        if each.id == assignment:
            return each
    known = ", ".join(each.id for each in course.assignments) or "none"
    raise UsageError(f"The course has no assignment '{assignment}'.", f"It has: {known}.")


def resolve_backend(course: Course, assignment: Assignment) -> str:
    """The Keras backend of an assignment: its own, else the course's."""
    return assignment.backend or course.backend


def resolve_profile(course: Course, assignment: Assignment, name: str | None) -> RunProfile:
    """The named profile, or the course's default. Raises UsageError when the assignment does not have it."""
    wanted = name or course.default_profile
    if wanted not in assignment.profiles:
        raise UsageError(f"Assignment '{assignment.id}' has no profile '{wanted}'.", f"It has: {', '.join(assignment.profiles)}.")
    profile = assignment.profiles[wanted]
    dataset = next(each for each in course.datasets if each.name == profile.dataset)
    limits = _resolve_limits(profile.limits or Limits(), assignment.limits)
    return RunProfile(
        wanted, dataset.name, dataset.answers, profile.epoch_limit, profile.sample_limit, profile.seed, limits, dict(profile.curves)
    )


def _resolve_limits(own: Limits, general: Limits) -> RunLimits:
    def pick(key: str, default: float) -> float:
        return next((value for value in (getattr(own, key), getattr(general, key)) if value is not None), default)

    return RunLimits(
        cell_s=seconds(own.cell or general.cell or "10 min"),
        total_s=seconds(own.total or general.total or "30 min"),
        hand_in_bytes=int(pick("hand_in_mib", 16) * _MIB),
        submission_bytes=int(pick("submission_mib", 20) * _MIB),
        files=int(pick("files", 50)),
        disk_mib=int(pick("disk_mib", 1024)),
        literal_bytes=int(pick("literal_kib", 20) * 1024),
    )


def due_utc(course: Course, assignment: Assignment) -> datetime | None:
    """When the assignment is due, in UTC without a zone, as nbgrader keeps it; None without a deadline."""
    if assignment.due is None:
        return None
    return due_time(course, assignment.due).astimezone(UTC).replace(tzinfo=None)


def due_time(course: Course, due: str) -> datetime:
    """A deadline with its zone: the one written with it, else the course's."""
    found = datetime.fromisoformat(due)
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(course.timezone))
