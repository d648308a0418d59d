"""How hard each test was: over all scored submissions, hardest first."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from markupsafe import Markup

from autograder.course.settings import Curve
from autograder.feedback.charts import finite, histogram
from autograder.feedback.clean import line
from autograder.feedback.metrics import begins_at, thresholds
from autograder.feedback.words import metric_title
from autograder.records import Record, TestResult


@dataclass(frozen=True)
class Difficulty:
    """One test over all submissions; `message` is the most frequent of those that failed, `broken` counts grader errors."""

    grade_cell: str
    name: str
    visibility: str
    taken: int
    passed: float
    mean: float
    broken: int
    message: str
    message_count: int

    @property
    def mark(self) -> str:
        """'everybody passes', 'nobody passes', or nothing; a single submission says neither."""
        if self.taken < 2 or self.passed not in (0, 1):
            return ""
        return "everybody passes" if self.passed else "nobody passes"


@dataclass(frozen=True)
class MetricView:
    """One measured metric over all submissions, against its curve if it has one."""

    title: str
    count: int
    low: float
    middle: float
    high: float
    note: str
    full_share: float | None
    svg: Markup


def difficulties(records: Iterable[Record]) -> tuple[Difficulty, ...]:
    """Every test that any record has; one whose grader failed everywhere comes first."""
    results: dict[tuple[str, str], list[TestResult]] = defaultdict(list)
    for record in records:
        for cell in record.grade_cells:
            for test in cell.tests:
                results[cell.grade_id, test.name].append(test)
    made = [_difficulty(cell, name, tests) for (cell, name), tests in results.items()]
    return tuple(sorted(made, key=lambda each: (each.mean, each.passed, each.grade_cell, each.name)))


def _difficulty(cell: str, name: str, tests: Sequence[TestResult]) -> Difficulty:
    fractions = [test.fraction for test in tests if test.fraction is not None]
    passes = [test.passed and test.fraction >= 1 for test in tests if test.fraction is not None]
    message, count = _most_frequent(test.message for test in tests if test.fraction is not None and test.fraction < 1 and test.message)
    return Difficulty(
        grade_cell=line(cell, 60),
        name=line(name, 120),
        visibility=tests[0].visibility,
        taken=len(fractions),
        passed=fmean(passes) if passes else 0.0,
        mean=fmean(fractions) if fractions else 0.0,
        broken=len(tests) - len(fractions),
        message=message,
        message_count=count,
    )


def _most_frequent(messages: Iterable[str]) -> tuple[str, int]:
    """An example of the most frequent message and how often it came, numbers in it aside."""
    examples: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for message in messages:
        text = line(message, 240)
        kind = re.sub(r"\d[\d.,]*", "#", text)
        examples.setdefault(kind, text)
        counts[kind] += 1
    if not counts:
        return "", 0
    kind, count = counts.most_common(1)[0]
    return examples[kind], count


def metric_views(records: Iterable[Record], curves: Mapping[str, Curve]) -> tuple[MetricView, ...]:
    """Every metric that was measured at least once as a finite number."""
    values: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for name, value in (pair for cell in record.grade_cells for test in cell.tests for pair in test.measured.items()):
            drawn = finite(value)
            if drawn is not None:
                values[name].append(drawn)
    return tuple(_metric(name, found, curves.get(name)) for name, found in sorted(values.items()))


def _metric(name: str, values: list[float], curve: Curve | None) -> MetricView:
    low, high = min(values), max(values)
    marks = (begins_at(curve), curve.full_at()) if curve and len(curve.points) > 1 else ()
    left, right = min(low, *marks, high), max(high, *marks, low)
    best = max(curve.points.values()) if curve and marks else None
    return MetricView(
        title=metric_title(name),
        count=len(values),
        low=low,
        middle=median(values),
        high=high,
        note=thresholds(curve) if curve and marks else "",
        full_share=fmean(curve(value) >= best for value in values) if curve and best is not None else None,
        svg=Markup(histogram(values, left, right, bins=20, marks=marks)),
    )
