"""Dates as people write them: with a zone or in the course's, and only those that somebody can mean."""

from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from autograder.course.profile import due_time
from autograder.course.settings import Course
from autograder.errors import UsageError

_CURE = "Write '2027-02-19 23:59' (in the course's time zone), or with a zone '2027-02-19T23:59+01:00'."


def read_date(course: Course, text: str) -> tuple[datetime, str]:
    """The moment that a text means, and a sentence about how it was understood, empty when it was written with its zone.

    Raises UsageError for what is no date, for a time that the clocks leave out, and for a date outside the course.
    """
    zone = ZoneInfo(course.timezone)
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{text!r} is no date.", _CURE) from None
    if len(text.strip()) <= len("2027-02-19"):
        raise UsageError(f"{text!r} has no time of day.", _CURE)
    said = "" if found.tzinfo else f"{text.strip()} is read in the course's time zone, {course.timezone}"
    if found.tzinfo is None:
        found, twice = _local(found, zone, text), found.replace(tzinfo=zone).utcoffset() != found.replace(tzinfo=zone, fold=1).utcoffset()
        said += "; the clocks show that time twice, the later one is meant." if twice else "."
    _require_within(course, found, text)
    return found, said


def _local(found: datetime, zone: ZoneInfo, text: str) -> datetime:
    """The later of two moments with the same time on the clock. Raises UsageError for a time that no clock shows."""
    aware = found.replace(tzinfo=zone, fold=1)
    if aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != found:
        raise UsageError(f"{text!r} does not exist in {zone.key}: the clocks go forward over it.", "Write a time before or after.")
    return aware


def _require_within(course: Course, moment: datetime, text: str) -> None:
    first, last = _term(course)
    if not first <= moment <= last:
        bounds = f"{first.date().isoformat()} to {last.date().isoformat()}"
        cure = "Write another date, or change starts and ends in Course(…)."
        raise UsageError(f"{text!r} lies outside the course, {bounds}.", cure)


def _term(course: Course) -> tuple[datetime, datetime]:
    """First and last moment that a decision may name: `starts` and `ends`, else a year around the due dates."""
    zone, year = ZoneInfo(course.timezone), timedelta(days=365)
    dues = [due_time(course, each.due) for each in course.assignments if each.due] or [datetime.now(UTC)]
    first = datetime.fromisoformat(course.starts).replace(tzinfo=zone) if course.starts else min(dues) - year
    last = datetime.fromisoformat(course.ends).replace(tzinfo=zone) + timedelta(days=1, seconds=-1) if course.ends else max(dues) + year
    return first, last


def parse_moment(text: str | None) -> datetime | None:
    """A time as `timestamp.txt` or a record has it, UTC where it names no zone; None for what is no time."""
    try:
        found = datetime.fromisoformat((text or "").strip().removesuffix(" UTC"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def shown(moment: datetime, timezone: str) -> str:
    """'2027-02-19 23:59' on the clocks of a time zone."""
    return moment.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M")


def now_in(timezone: str) -> str:
    """The present second, with its zone."""
    return datetime.now(ZoneInfo(timezone)).isoformat(timespec="seconds")


def who_am_i() -> str:
    """Who types: the hub's user name, else that of the account, which no variable changes."""
    try:
        return os.environ.get("JUPYTERHUB_USER", "").strip() or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())  # a container's user without an entry in /etc/passwd
