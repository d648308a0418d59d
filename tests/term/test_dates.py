"""Dates as people write them into decisions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from autograder import Assignment, Course, Profile
from autograder.errors import UsageError
from autograder.term.dates import parse_moment, read_date

COURSE = Course(
    id="c", title="C", datasets=[], timezone="Europe/Madrid", starts="2027-01-11", ends="2027-12-20",
    assignments=[Assignment("tiny", due="2027-02-12 23:59", profiles={"full": Profile(dataset="digits")})],
)  # fmt: skip
UNBOUNDED = Course(id="c", title="C", datasets=[], timezone="Europe/Madrid", assignments=COURSE.assignments)


@pytest.mark.parametrize(
    ("text", "utc", "said"),
    [
        ("2027-02-19 23:59", "2027-02-19T22:59", "is read in the course's time zone, Europe/Madrid."),
        ("2027-07-01T12:00", "2027-07-01T10:00", "is read in the course's time zone"),
        ("2027-02-19T23:59+00:00", "2027-02-19T23:59", ""),
        ("2027-02-19 23:59Z", "2027-02-19T23:59", ""),
        ("2027-10-31 02:30", "2027-10-31T01:30", "twice, the later one is meant"),
        ("2027-12-20 23:59", "2027-12-20T22:59", "is read in"),
    ],
)
def test_what_a_date_means_is_said(text: str, utc: str, said: str) -> None:
    moment, remark = read_date(COURSE, text)
    assert moment.astimezone(UTC) == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert said in remark
    assert bool(said) == bool(remark)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tomorrow", "'tomorrow' is no date"),
        ("", "'' is no date"),
        ("2027-02-30 10:00", "is no date"),
        ("19.02.2027 23:59", "Write '2027-02-19 23:59'"),
        ("2027-02-19", "has no time of day"),
        ("2207-02-19 23:59", "lies outside the course, 2027-01-11 to 2027-12-20"),
        ("2027-01-10 23:59", "lies outside the course"),
        ("2027-12-21 00:00", "lies outside the course"),
        ("2027-03-28 02:30", "does not exist in Europe/Madrid"),
        ("0001-01-01 00:00+14:00", "lies outside the course"),
        ("9999-12-31 23:59-14:00", "lies outside the course"),
    ],
)
def test_dates_that_nobody_can_mean(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_date(COURSE, text)
    assert words in str(caught.value)


def test_without_start_and_end_a_year_around_the_due_dates() -> None:
    assert read_date(UNBOUNDED, "2027-06-01 12:00")[0].year == 2027
    with pytest.raises(UsageError, match="2026-02-12 to 2028-02-12"):
        read_date(UNBOUNDED, "2028-06-01 12:00")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2027-02-10 18:00:00.000000 UTC", "2027-02-10T18:00"),
        ("2027-02-10T19:00:00+01:00", "2027-02-10T18:00"),
        ("2027-02-10 18:00", "2027-02-10T18:00"),
        ("yesterday", None),
        ("", None),
        (None, None),
        ("0001-01-01 00:00+14:00", None),
    ],
)
def test_moments_of_records(text: str | None, utc: str | None) -> None:
    assert parse_moment(text) == (datetime.fromisoformat(utc).replace(tzinfo=UTC) if utc else None)
