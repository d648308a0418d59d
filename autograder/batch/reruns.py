"""A miss that chance explains is run again with two other seeds, and the best run counts.

Chance is what the calibration says it is: how far from full points the right solutions come by the luck of the seed and of the hidden
part. Without a calibration nothing runs again. Which seeds, and when to stop, follows from what is recorded, so that a command which
was interrupted between two runs goes on with the next one, and `regrade` comes to the same record as `grade`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from autograder.batch.plan import Plan
from autograder.course.calibration import Calibration
from autograder.course.settings import Curve
from autograder.records import Record, TestResult

RERUNS = 2  # at most, of one submission


def with_seed(plan: Plan, index: int) -> Plan:
    """The plan of a submission's first run (0), or of one of its reruns: the same but for the seed."""
    return replace(plan, profile=replace(plan.profile, seed=plan.profile.seed + index))


def without_reruns(calibration: Calibration) -> Calibration:
    """For those who want to know what single runs give: audits, and calibrating itself."""
    return replace(calibration, noise={})


def settle(plan: Plan, graded: Callable[[int], Record]) -> Record:
    """The record of a submission from the records of its runs: `graded(0)` is the first one's, 1 and 2 are called where they are needed.

    It names all of the runs; the best of them counts, of equal ones the first. A rerun that machine or graders leave unscored counts
    instead: nothing is settled before it has a score too.
    """
    records = [graded(0)]
    counted = 0
    while len(records) <= RERUNS and missed_by_chance(records[counted], plan.profile.curves, plan.calibration.noise):
        records.append(graded(len(records)))
        counted = max(range(len(records)), key=lambda index: _points(records[index]))
    runs = tuple(replace(run, counted=index == counted) for index, record in enumerate(records) for run in record.runs)
    return replace(records[counted], runs=runs)


def _points(record: Record) -> float:
    return math.inf if record.score is None else record.score + record.extra_credit


def missed_by_chance(record: Record, curves: Mapping[str, Curve], noise: Mapping[str, float]) -> bool:
    """Whether a metric of the record misses full points by no more than chance explains."""
    tests = [test for cell in record.grade_cells for test in cell.tests]
    return record.grading == "ok" and any(_within(test, curves, noise) for test in tests)


def _within(test: TestResult, curves: Mapping[str, Curve], noise: Mapping[str, float]) -> bool:
    """Only what the curves took counts: an assertion that failed beside them would fail again."""
    values = {metric: value for metric, value in test.measured.items() if value is not None and metric in curves}
    if test.fraction != min((curves[metric](value) for metric, value in values.items()), default=None):
        return False
    return any(metric in noise and _between(value, noise[metric], curves[metric]) for metric, value in values.items())


def _between(value: float, reach: float, curve: Curve) -> bool:
    """Between full points and the reach of chance, whichever of them is the larger number."""
    full = curve.full_at()
    return reach <= value < full or full < value <= reach
