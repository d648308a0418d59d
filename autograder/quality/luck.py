"""How often a right solution loses points by luck: the statistics of a calibration, without any process.

Two things are luck: the seed of the training, and which examples are hidden. Seeds: values over N runs are taken for normal, and the
share of runs beyond a value gets an upper confidence bound from the non-central t distribution (a one-sided tolerance bound, turned
round). Hidden part: it is drawn again 2,000 times from itself (a bootstrap of its examples, the same for all runs), and the bound is
taken where 97.5 % of the draws are better. Each of the two holds with 97.5 %, both together with 95 % at least (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
_EACH = 1 - (1 - CONFIDENCE) / 2
DRAWS = 2_000
_CHUNK = 100
_MOST_SPREADS = 30.0  # further away nothing changes any more, and the t distribution ends
STUDENTS, ASSIGNMENTS, MOST_UNLUCKY = 400, 5, 0.5
SHARE = MOST_UNLUCKY / (STUDENTS * ASSIGNMENTS)  # of correct submissions to one assignment that may lose by luck, after reruns
_BEYOND = 0.1  # of that share for misses too large to be run again
LEAST_RUNS, ENOUGH_RUNS = 10, 20
NOT_NORMAL = 0.01


@dataclass(frozen=True)
class Sample:
    """One metric of one right solution: `values` over N seeds, and by hidden part drawn again (draws, N) what they would have been.

    `rises`: more is better. Without draws (no example of the hidden part decides about the metric, or it is not known how) only seeds
    are luck. `resolution`: the step between two values that the metric can take; spreads below it are rounded up to its own deviation.
    """

    values: Floats
    drawn: Floats | None = None
    rises: bool = True
    resolution: float = 0.0

    @property
    def runs(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def spread(self) -> float:
        """Standard deviation over seeds on this hidden part; 0 for one run."""
        return float(_deviation(self.values)) if self.runs > 1 else 0.0

    @property
    def hidden_spread(self) -> float | None:
        """Standard deviation of the mean over hidden parts drawn again."""
        return float(self.drawn.mean(axis=1).std(ddof=1)) if self.drawn is not None else None

    @property
    def normality(self) -> float | None:
        """p of Shapiro and Wilk's test that the values are normal; None where it says nothing: fewer than 3 runs, or all the same."""
        from scipy.stats import shapiro

        return float(shapiro(self.values).pvalue) if self.runs >= 3 and self.spread > 0 else None

    @cached_property
    def moments(self) -> tuple[Floats, Floats]:
        """Means and spreads (draws,) over seeds, better being larger.

        Means move √2 times as far as they were drawn: the hidden part that was measured is one draw itself, and the one of another
        secret seed differs from it by two. Spreads are scaled to the measured one on average: drawing adds the chance of single
        examples a second time.
        """
        sign = 1.0 if self.rises else -1.0
        values = sign * self.values
        drawn = sign * self.drawn if self.drawn is not None else values[None, :]
        means, spreads = drawn.mean(axis=1), _deviation(drawn)
        typical = math.sqrt(float(np.mean(spreads**2)))
        spreads = spreads * (self.spread / typical if typical > 0 else 1.0)
        return values.mean() + math.sqrt(2) * (means - values.mean()), np.maximum(spreads, self.resolution / math.sqrt(12))

    def bound(self, value: float) -> float:
        """Upper bound on the share of runs worse than `value`. At least two runs."""
        means, spreads = self.moments
        away = means - (value if self.rises else -value)
        with np.errstate(divide="ignore", invalid="ignore"):
            spreads_away = np.where(spreads > 0, away / spreads, np.where(away >= 0, math.inf, -math.inf))
        return share_below(float(np.quantile(spreads_away, 1 - _EACH, method="lower")), self.runs)

    def reach(self, share: float) -> float:
        """The value beyond which at most that share of runs falls, by the same bound: `bound(reach(share)) == share`."""
        means, spreads = self.moments
        found = float(np.quantile(means - tolerance_factor(share, self.runs) * spreads, 1 - _EACH, method="lower"))
        return found if self.rises else -found


def _deviation(values: Floats) -> Floats:
    """Standard deviation over the last axis; exactly 0 where all are the same, which rounding would hide."""
    found: Floats = np.where(np.ptp(values, axis=-1) > 0, values.std(axis=-1, ddof=1), 0.0)
    return found


def share_below(spreads: float, runs: int, confidence: float = _EACH) -> float:
    """Upper confidence bound on the share of a normal distribution more than `spreads` measured standard deviations below the measured
    mean of so many runs; 1 where `spreads` is negative."""
    from scipy.optimize import brentq
    from scipy.stats import nct, norm

    if spreads < 0:
        return 1.0
    t = math.sqrt(runs) * min(spreads, _MOST_SPREADS)
    least = norm.isf(confidence) - 0.1  # the root at t = 0, and a little; farther out nct.cdf gives NaN
    shift = brentq(lambda nc: nct.cdf(t, runs - 1, nc) - confidence, least, 10 + 3 * t)
    return float(norm.sf(shift / math.sqrt(runs)))


def tolerance_factor(share: float, runs: int, confidence: float = _EACH) -> float:
    """The reverse: how many measured standard deviations below the measured mean at most that share of a normal distribution lies."""
    from scipy.stats import nct, norm

    return float(nct.ppf(confidence, runs - 1, norm.isf(share) * math.sqrt(runs)) / math.sqrt(runs))


def share_of_runs(lost: int, runs: int, confidence: float = CONFIDENCE) -> float:
    """Upper confidence bound on the share of runs that lose, from how many of so many did (Clopper and Pearson); 1 without runs."""
    from scipy.stats import beta

    return float(beta.ppf(confidence, lost + 1, runs - lost)) if lost < runs else 1.0


def after_reruns(once: float, beyond: float, reruns: int, any_curve: float | None = None) -> float:
    """The share of submissions that lose through one curve although the best of a run and its reruns counts.

    From the shares of runs that lose through it (`once`), that fall beyond what is run again, and that lose through any curve of the
    assignment (`any_curve`, by default this one alone). Given the hidden part, seeds are independent, and it is the best whole
    run that counts: whoever loses has lost in all of them, here through one curve and there through another.
    """
    return min(once, beyond + once * (once if any_curve is None else min(1.0, any_curve)) ** reruns)


def allowed_once(share: float, beyond: float, reruns: int, curves: int = 1) -> float:
    """The reverse: how many runs may lose through each of so many curves, that at most `share` of the submissions do through any."""
    return float((share - beyond) ** (1 / (1 + reruns))) / curves


def beyond_of(share: float) -> float:
    """The part of a share that is left to misses too large to be run again."""
    return _BEYOND * share


# --- the hidden part, drawn again --------------------------------------------------------------------------------------


def example_scores(outputs: NDArray[Any], labels: NDArray[Any], value: float) -> tuple[Floats, bool] | None:
    """What each hidden example (n,) contributes to a measured metric, and whether the root of their mean is the metric; else the mean is.

    Found by trying what the metric may be: accuracy, mean absolute error, mean squared error and its root. None when it is another one.
    """
    labels = np.asarray(labels)
    for scores in _candidates(np.asarray(outputs, np.float64), labels):
        mean = float(scores.mean())
        if math.isclose(mean, value, rel_tol=1e-5, abs_tol=1e-9):
            return scores, False
        if math.isclose(math.sqrt(mean), value, rel_tol=1e-5, abs_tol=1e-9):
            return scores, True
    return None


def _candidates(outputs: Floats, labels: NDArray[Any]) -> list[Floats]:
    if len(outputs) != len(labels) or labels.ndim != 1 or not len(labels):
        return []
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return [(outputs.argmax(axis=1) == labels).astype(np.float64)]
    flat = outputs.reshape(len(labels), -1)
    if flat.shape[1] != 1:
        return []
    error = np.abs(flat[:, 0] - labels)
    return [((flat[:, 0] > 0.5) == labels).astype(np.float64), error, error**2]


def draw_again(scores: Sequence[Floats], root: bool, draws: int = DRAWS) -> Floats:
    """What N metrics would have been (draws, N) on hidden parts drawn from this one with replacement, the same for all of them.

    `scores`: of each run, by example. Always the same draws.
    """
    by_example = np.stack(scores, axis=1)
    size = len(by_example)
    random = np.random.default_rng(0)
    drawn = []
    for start in range(0, draws, _CHUNK):
        count = min(_CHUNK, draws - start)
        rows = random.integers(0, size, (count, size)) + size * np.arange(count)[:, None]
        times = np.bincount(rows.ravel(), minlength=count * size).reshape(count, size)
        drawn.append(times @ by_example / size)
    means = np.concatenate(drawn)
    return np.sqrt(means) if root else means
