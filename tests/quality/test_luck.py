"""The statistics of luck against published tables, and against simulations in which the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from autograder.quality.luck import (
    SHARE,
    Sample,
    after_reruns,
    allowed_once,
    beyond_of,
    draw_again,
    example_scores,
    share_below,
    tolerance_factor,
)


@pytest.mark.parametrize(("runs", "factor"), [(2, 26.260), (5, 4.203), (10, 2.911), (20, 2.396), (50, 2.065)])
def test_tolerance_factors_are_those_of_the_tables(runs: int, factor: float) -> None:
    """One-sided, 95 % of the distribution with 95 % confidence, as every table of tolerance factors has them."""
    assert tolerance_factor(0.05, runs, confidence=0.95) == pytest.approx(factor, abs=6e-4)
    assert share_below(factor, runs, confidence=0.95) == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize("runs", [2, 3, 10, 20, 100])
def test_the_bound_falls_with_the_distance_and_is_one_beyond_the_mean(runs: int) -> None:
    bounds = [share_below(spreads, runs) for spreads in (-1, 0, 0.5, 1, 2, 4, 8, 16, 1_000)]
    assert bounds[0] == 1
    assert bounds == sorted(bounds, reverse=True)
    assert 0 <= bounds[-1] < bounds[0]


def test_the_bound_holds_as_often_as_it_says() -> None:
    """2,000 times twenty runs of a known distribution: the true share lies below the bound in 97.5 % of them, not in all."""
    random, factor = np.random.default_rng(1), tolerance_factor(0.01, 20)
    values = random.normal(0.93, 0.004, (2_000, 20))
    reached = values.mean(axis=1) - factor * values.std(axis=1, ddof=1)
    held = np.mean(norm.cdf((reached - 0.93) / 0.004) <= 0.01)
    assert held == pytest.approx(0.975, abs=3 * math.sqrt(0.975 * 0.025 / 2_000))


@pytest.mark.parametrize("rises", [True, False])
def test_reach_and_bound_are_each_others_reverse(rises: bool) -> None:
    random = np.random.default_rng(2)
    scores = [(random.random(300) < 0.9).astype(float) for _ in range(20)]
    values = np.array([each.mean() for each in scores])
    for drawn in (None, draw_again(scores, root=False)):
        sample = Sample(values, drawn, rises)
        for share in (0.3, 0.05, 1e-4):
            assert sample.bound(sample.reach(share)) == pytest.approx(share, rel=1e-3)
        assert (sample.reach(1e-4) < sample.mean) is rises


def test_values_that_never_differ_have_the_spread_of_their_resolution() -> None:
    same = Sample(np.full(20, 0.95), None, resolution=1 / 300)
    assert same.normality is None
    assert same.bound(0.94) < 1e-12
    assert same.bound(0.9499) > 0.1
    exact = Sample(np.full(20, 2.0))
    assert (exact.bound(1.9), exact.bound(2.1)) == (pytest.approx(0, abs=1e-12), 1)


def test_one_example_drawn_again_spreads_as_counting_does() -> None:
    scores = np.array([1.0] * 270 + [0.0] * 30)
    drawn = draw_again([scores, scores], root=False)
    assert drawn.shape == (2_000, 2)
    assert np.array_equal(drawn[:, 0], drawn[:, 1])  # the same examples for all runs
    assert drawn.mean() == pytest.approx(0.9, abs=0.002)
    assert drawn[:, 0].std() == pytest.approx(math.sqrt(0.9 * 0.1 / 300), rel=0.05)
    assert np.array_equal(drawn, draw_again([scores, scores], root=False))
    sample = Sample(np.array([0.9, 0.9]), drawn)
    assert sample.hidden_spread == pytest.approx(math.sqrt(0.9 * 0.1 / 300), rel=0.05)
    means, _ = sample.moments
    assert means.std() == pytest.approx(math.sqrt(2 * 0.9 * 0.1 / 300), rel=0.05)


def test_the_root_is_taken_of_each_draw() -> None:
    errors = np.array([1.0, 4.0, 9.0, 16.0])
    plain, root = draw_again([errors], root=False), draw_again([errors], root=True)
    assert np.allclose(root**2, plain)


def test_the_metrics_of_a_regression_are_recognised() -> None:
    labels, outputs = np.array([1.0, 2.0, 3.0, 4.0]), np.array([[1.5], [2.25], [5.0], [3.5]])
    error = np.abs(outputs[:, 0] - labels)
    for value, scores, root in (
        (error.mean(), error, False),
        ((error**2).mean(), error**2, False),
        (math.sqrt((error**2).mean()), error**2, True),
    ):
        found = example_scores(outputs, labels, float(value))
        assert found is not None
        assert np.allclose(found[0], scores)
        assert found[1] is root


def test_an_accuracy_is_recognised_and_another_metric_is_not() -> None:
    outputs, labels = np.eye(10)[[0, 1, 2, 3]], np.array([0, 1, 2, 4])
    found = example_scores(outputs, labels, 0.75)
    assert found is not None
    assert found[0].tolist() == [1, 1, 1, 0]
    assert example_scores(outputs, labels, 0.8) is None
    assert example_scores(outputs, labels[:2], 0.75) is None
    binary = example_scores(np.array([[0.9], [0.2], [0.6]]), np.array([1, 0, 0]), 2 / 3)
    assert binary is not None
    assert binary[0].tolist() == [1, 1, 0]


def test_normality_is_judged_as_by_shapiro_and_wilk() -> None:
    """Quantiles of a normal distribution are; the eleven weights of their own example are not (p below 0.01)."""
    quantiles, weights = norm.ppf((np.arange(20) + 0.5) / 20), [148, 154, 158, 160, 161, 162, 166, 170, 182, 195, 236]
    normal, skewed = Sample(0.9 + 0.01 * quantiles).normality, Sample(np.array(weights, float)).normality
    assert normal is not None
    assert skewed is not None
    assert normal > 0.9
    assert 0.002 < skewed < 0.01
    assert Sample(np.array([0.9, 0.91])).normality is None


def test_reruns_help_as_three_tries_do() -> None:
    assert after_reruns(0.05, 0.0, 2) == pytest.approx(0.05**3)
    assert after_reruns(0.05, 1e-5, 2) == pytest.approx(1e-5 + 0.05**3)
    assert after_reruns(1e-7, 1e-5, 2) == 1e-7  # what is missed that seldom needs no rerun
    assert after_reruns(allowed_once(SHARE, beyond_of(SHARE), 2), beyond_of(SHARE), 2) == pytest.approx(SHARE)


@pytest.mark.parametrize("curves", [1, 2, 4])
def test_with_several_curves_the_best_whole_run_counts_and_the_target_is_kept_all_the_same(curves: int) -> None:
    """Seeds are independent; in the worst case curves are so too: a run loses when it misses any of them, a submission when all runs do."""
    beyond = beyond_of(SHARE)
    once = allowed_once(SHARE, beyond, 2, curves)
    any_curve = 1 - (1 - once) ** curves
    assert beyond + any_curve**3 <= SHARE
    bounds = [after_reruns(once, beyond / curves, 2, curves * once) for _ in range(curves)]
    assert sum(bounds) >= beyond + any_curve**3  # what is printed says at least as much
    assert sum(bounds) == pytest.approx(SHARE)


def loss_after_reruns(mean: float, spread: float, one_point_at: float, noise: float) -> float:
    """The true share of submissions whose best run loses a point: a first miss beyond the noise is not run again."""
    far, once = norm.cdf((noise - mean) / spread), norm.cdf((one_point_at - mean) / spread)
    return float(min(once, far + (once - far) * once**2 if once > far else once))


def test_what_is_allowed_keeps_the_target() -> None:
    """500 calibrations of twenty runs each: the curve at its limit costs no more than the target, in 95 % of them at least."""
    random, kept = np.random.default_rng(4), 0
    for _ in range(500):
        sample = Sample(random.normal(0.93, 0.004, 20))
        limit, noise = sample.reach(allowed_once(SHARE, beyond_of(SHARE), 2)), sample.reach(beyond_of(SHARE))
        kept += loss_after_reruns(0.93, 0.004, limit, noise) <= SHARE
    assert kept >= 475


def test_what_is_allowed_keeps_the_target_on_another_hidden_part() -> None:
    """60 courses calibrate on one hidden part of 300 examples and grade on another; examples are of different difficulty, seeds of
    different luck. In 95 % of them at least, no more than the target is lost."""
    random, kept = np.random.default_rng(5), 0
    for _ in range(60):
        chances = random.beta(9, 1, 600)  # of each example, to be answered rightly
        luck = random.normal(0, 0.01, 400)
        answers = [(random.random(600) < chances + each).astype(float) for each in luck]
        here, there = np.stack(answers)[:20, :300], np.stack(answers)[:, 300:].mean(axis=1)
        sample = Sample(here.mean(axis=1), draw_again(list(here), root=False, draws=300), resolution=1 / 300)
        limit, noise = sample.reach(allowed_once(SHARE, beyond_of(SHARE), 2)), sample.reach(beyond_of(SHARE))
        kept += loss_after_reruns(float(there.mean()), float(there.std(ddof=1)), limit, noise) <= SHARE
    assert kept >= 57
