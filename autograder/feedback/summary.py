"""The numbers of a report: of scores, of outcomes, of time. Each from records alone, for none, one or hundreds of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean, median

from autograder.feedback.clean import line
from autograder.feedback.words import UNSCORED, in_words, moment
from autograder.records import Record


@dataclass(frozen=True)
class Summary:
    """Shares are fractions of the automatic part's points; None without any scored submission."""

    submissions: int
    scored: int
    unscored: tuple[tuple[str, int], ...]
    middle: float | None
    mean: float | None
    passed: int
    waiting: int


@dataclass(frozen=True)
class Group:
    """Something that several students have in common."""

    title: str
    detail: str
    students: tuple[str, ...]


@dataclass(frozen=True)
class FlagKind:
    """All flags of one kind: how many students have one, and which details."""

    title: str
    students: int
    details: tuple[Group, ...]


@dataclass(frozen=True)
class Part:
    """One part of the running time over all submissions, in seconds."""

    title: str
    middle: float
    slow: float
    longest: float
    total: float


def newest(records: Iterable[Record]) -> list[Record]:
    """For each student the record of the latest attempt."""
    latest: dict[str, Record] = {}
    for record in records:
        known = latest.get(record.student)
        if known is None or (record.attempt, record.received_at) >= (known.attempt, known.received_at):
            latest[record.student] = record
    return list(latest.values())


def share(record: Record) -> float | None:
    """Score as a fraction of the automatic part; None when unscored or when there are no points."""
    return record.score / record.max_score if record.score is not None and record.max_score > 0 else None


def summary(records: Sequence[Record], pass_fraction: float, waiting: int) -> Summary:
    """Of the newest records; `waiting` is how many of them wait for a person."""
    shares = [found for found in map(share, records) if found is not None]
    unscored = Counter(_why(record) for record in records if record.score is None)
    return Summary(
        submissions=len(records),
        scored=sum(record.score is not None for record in records),
        unscored=tuple(unscored.most_common()),
        middle=median(shares) if shares else None,
        mean=fmean(shares) if shares else None,
        passed=sum(found >= pass_fraction - 1e-9 for found in shares),
        waiting=waiting,
    )


def _why(record: Record) -> str:
    if record.outcome in UNSCORED:
        return in_words(record.outcome)
    return in_words(record.grading) if record.grading != "ok" else "No score"


def outcomes(records: Sequence[Record]) -> list[tuple[str, int]]:
    """Outcomes of the executions in words, most frequent first."""
    return [(in_words(name), count) for name, count in Counter(record.outcome for record in records).most_common()]


def grader_errors(records: Iterable[Record]) -> tuple[Group, ...]:
    """Grouped by what is broken; for the instructor to mend."""
    broken = [record for record in records if record.grading == "grader_error"]
    return _grouped(("A grader failed", record.grading_reason or _broken_tests(record), record.student) for record in broken)


def _broken_tests(record: Record) -> str:
    found = [f"{test.name}: {test.message}" for cell in record.grade_cells for test in cell.tests if test.fraction is None]
    return "\n".join(found[:5]) or "no reason was recorded"


def machine_errors(records: Iterable[Record]) -> tuple[Group, ...]:
    """Submissions that the machine could not process; to be graded again."""
    return _grouped(("The machine failed", record.reason, record.student) for record in records if record.outcome == "infra_error")


def flags(records: Iterable[Record]) -> tuple[FlagKind, ...]:
    """By kind, and within each by detail; most frequent first."""
    groups = _grouped((in_words(flag.kind), flag.detail, record.student) for record in records for flag in record.flags)
    kinds: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        kinds[group.title].append(group)
    made = [FlagKind(title, len({name for each in found for name in each.students}), tuple(found)) for title, found in kinds.items()]
    return tuple(sorted(made, key=lambda kind: (-kind.students, kind.title)))


def _grouped(found: Iterable[tuple[str, str, str]]) -> tuple[Group, ...]:
    students: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for title, detail, student in found:
        students[title, detail[:2_000]][line(student, 60)] = None
    made = [Group(title, detail, tuple(sorted(names))) for (title, detail), names in students.items()]
    return tuple(sorted(made, key=lambda group: (-len(group.students), group.title, group.detail)))


def parts(records: Sequence[Record]) -> tuple[Part, ...]:
    """Waiting, start, notebook, model and scoring, each over all submissions."""
    if not records:
        return ()
    titles = {"queue": "waiting", "start": "start", "notebook": "notebook", "model": "model", "scoring": "scoring"}
    return tuple(_part(title, sorted(getattr(record.seconds, key) for record in records)) for key, title in titles.items())


def _part(title: str, values: Sequence[float]) -> Part:
    return Part(title, median(values), values[int(0.9 * (len(values) - 1))], values[-1], sum(values))


def lateness(record: Record, due: datetime | None) -> str:
    """'2 h 5 min', '' when in time or without a due date, '?' when the time of submission cannot be read."""
    if due is None:
        return ""
    at = moment(record.submitted_at or record.received_at)
    if at is None:
        return "?"
    late = (at - (due if due.tzinfo else due.replace(tzinfo=UTC))).total_seconds()
    return _span(late) if late > 0 else ""


def _span(seconds: float) -> str:
    minutes = max(1, int(seconds // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
