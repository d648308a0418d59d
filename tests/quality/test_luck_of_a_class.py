"""The whole rule played out: classes whose metrics are drawn by chance, run again as `settle` says, and counted who loses in the end."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from autograder.batch.plan import Plan
from autograder.batch.reruns import RERUNS, settle
from autograder.course.calibration import Calibration
from autograder.course.settings import Curve
from autograder.quality.luck import CONFIDENCE, SHARE, Sample, allowed_once, beyond_of
from autograder.records import GradeCell, RunReference
from tests.feedback.samples import record, result

Floats = NDArray[np.float64]


def who_loses(values: Floats, limits: Floats, noises: Floats) -> NDArray[np.bool_]:
    """Whether submissions lose, of whose runs these are the metrics (submissions, runs, curves).

    Every curve takes all of its points below its limit, so any miss costs more than one point.
    """
    missed = values < limits
    lost, in_band = missed.sum(axis=2), (missed & (values >= noises)).any(axis=2)
    each, counted, going = np.arange(len(values)), np.zeros(len(values), int), np.ones(len(values), bool)
    for run in range(1, values.shape[1]):
        going &= in_band[each, counted]
        counted = np.where(going & (lost[:, run] < lost[each, counted]), run, counted)
    return lost[each, counted] > 0


def settled_points(values: Floats, curves: dict[str, Curve], noise: dict[str, float]) -> float:
    """What `settle` leaves a submission of ten points for each curve, from the metrics of its runs (runs, curves)."""

    def graded(run: int) -> Any:
        measured = dict(zip(curves, values[run].tolist(), strict=True))
        cells = tuple(
            GradeCell(name, 10 * curves[name](value), 10, False, (result(name, curves[name](value), measured={name: value}),))
            for name, value in measured.items()
        )
        score = sum(cell.score or 0 for cell in cells)
        return replace(record(grade_cells=cells, runs=(RunReference(f"run{run}", run, True),)), score=score)

    plan = cast(Plan, SimpleNamespace(profile=SimpleNamespace(curves=curves), calibration=Calibration(noise=noise)))
    found = settle(plan, graded).score
    assert found is not None
    return found


@pytest.mark.parametrize("curves", [1, 2, 4])
def test_the_class_is_settled_as_submissions_are(curves: int) -> None:
    limit, noise = float(norm.ppf(0.5 / curves)), float(norm.ppf(0.1 / curves))
    values = np.random.default_rng(curves).normal(size=(300, 1 + RERUNS, curves))
    names = [f"metric{index}" for index in range(curves)]
    steep = {name: Curve({limit - 1e-9: 0, limit: 1}) for name in names}
    by_settle = [settled_points(each, steep, dict.fromkeys(names, noise)) < 10 * curves - 1 for each in values]
    in_class = who_loses(values, np.full(curves, limit), np.full(curves, noise))
    assert by_settle == in_class.tolist()
    assert 10 < sum(by_settle) < 290


@pytest.mark.parametrize("curves", [1, 2, 4])
def test_at_what_is_allowed_a_class_loses_what_it_may_and_hardly_less(curves: int) -> None:
    """A million submissions with as many independent metrics as there are curves: no more than the target, and the target is used."""
    submissions, beyond = 1_000_000, beyond_of(SHARE)
    limit = norm.ppf(allowed_once(SHARE, beyond, RERUNS, curves))
    values = np.random.default_rng(7).normal(size=(submissions, 1 + RERUNS, curves))
    lost = int(who_loses(values, np.full(curves, limit), np.full(curves, norm.ppf(beyond / curves))).sum())
    may = SHARE * submissions
    assert may / 2 < lost < may + 3 * math.sqrt(may)


def test_curves_that_take_little_by_little_cost_no_more() -> None:
    """Two curves that take half a point at the limit: several small misses may add up to a point, and stay within the target."""
    share = 0.02
    limit, noise = norm.ppf(allowed_once(share, beyond_of(share), RERUNS, 2)), norm.ppf(beyond_of(share) / 2)
    gentle = {name: Curve({limit - 9.5: 0, limit + 0.5: 1}) for name in ("one", "other")}  # of ten points, half a one at the limit
    values = np.random.default_rng(8).normal(size=(5_000, 1 + RERUNS, 2))
    lost = [settled_points(each, gentle, {"one": float(noise), "other": float(noise)}) < 19 - 1e-9 for each in values]
    assert 0 < sum(lost) < 5_000 * share


@pytest.mark.parametrize("curves", [2, 4])
def test_limits_from_twenty_runs_keep_the_target_as_often_as_is_said(curves: int) -> None:
    """200 assignments, each curve calibrated by twenty runs: with all bounds together the target is kept as often as Bonferroni says."""
    random, share, kept = np.random.default_rng(9), 0.02, 0
    values = random.normal(size=(20_000, 1 + RERUNS, curves))
    for _ in range(200):
        samples = [Sample(random.normal(size=20)) for _ in range(curves)]
        limits = np.array([each.reach(allowed_once(share, beyond_of(share), RERUNS, curves)) for each in samples])
        noises = np.array([each.reach(beyond_of(share) / curves) for each in samples])
        kept += who_loses(values, limits, noises).mean() <= share
    assert kept >= 200 * (1 - curves * (1 - CONFIDENCE))
