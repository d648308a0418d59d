"""What a calibration found: figures of each right solution, of each metric, and of a profile. Where they come from: `calibration`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from autograder.errors import UsageError
from autograder.quality.lapses import BesideCurves
from autograder.quality.luck import ASSIGNMENTS, CONFIDENCE, DRAWS, MOST_UNLUCKY, NOT_NORMAL, STUDENTS

METHOD = (
    f"Bounds on seeds: one-sided normal tolerance bound (non-central t). On the hidden part: bootstrap of its examples, {DRAWS:,} draws. "
    f"Both together hold with {CONFIDENCE:.0%} (Bonferroni). All runs have the same training images, those of the course's secret seed: "
    "what other ones would change is not measured."
)


@dataclass(frozen=True)
class SolutionFigures:
    """One metric of one right solution. `normality`: p of Shapiro and Wilk's test; `hidden_spread`: None where it is not known.

    `loses_once`, `loses_after_reruns`: upper bounds on the share of its runs that lose more than one point.
    """

    n: int
    mean: float
    spread: float
    hidden_spread: float | None
    normality: float | None
    loses_once: float | None
    loses_after_reruns: float | None
    values: tuple[float, ...]


@dataclass(frozen=True)
class MetricFigures:
    """One metric and its curve; the figures are those of the worst right solution, `n` the smallest number of runs.

    `points` follow from the metric. `one_point_at`: where the curve has taken its part of one point, `tolerated`; `one_point_limit`:
    where it may at most; `full_at`: from where (or down to where) it gives full points; `suggested`: where it may. `noise`: as far as
    chance explains a miss.
    None: too few runs, one that failed (for `suggested`, or lost points beside the curves), or no more than one point at stake.
    """

    points: float
    tolerated: float
    rises: bool
    full_at: float
    one_point_at: float | None
    n: int
    mean: float
    spread: float
    hidden_spread: float | None
    normality: float | None
    loses_once: float | None
    loses_after_reruns: float | None
    noise: float | None
    one_point_limit: float | None
    suggested: float | None
    provisional: bool
    solutions: dict[str, SolutionFigures]

    @property
    def tight(self) -> bool:
        """Whether the curve takes a point from more right solutions than the target allows."""
        if self.one_point_at is None or self.one_point_limit is None:
            return False
        return self.one_point_at > self.one_point_limit if self.rises else self.one_point_at < self.one_point_limit

    @property
    def normal(self) -> bool:
        """Whether the values of every solution may be normal; the bounds rest on it."""
        return self.normality is None or self.normality >= NOT_NORMAL


@dataclass(frozen=True)
class ProfileCalibration:
    """All that is measured of one profile. `unlucky`: of 400 correct submissions at most so many lose more than a point by luck, after
    reruns, through the curves, as an expectation; None with fewer than 10 runs. `failures`: runs of right solutions that gave no result,
    and why; `beside`: what the others lost where no curve decides.
    """

    assignment: str
    profile: str
    runs: int
    metrics: dict[str, MetricFigures]
    first_epoch: dict[str, dict[str, tuple[float, float]]]
    epoch_cpu_s: dict[str, float]
    unlucky: float | None
    failures: tuple[str, ...]
    beside: BesideCurves
    device: str
    versions: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """As it stands in the file, below the profile's name: figures by metric, beside what other parts of the program read."""
        figures = {metric: asdict(each) for metric, each in self.metrics.items()}
        whole = {
            "runs": self.runs,
            "device": self.device,
            "versions": self.versions,
            "method": METHOD,
            "target": {"students": STUDENTS, "assignments": ASSIGNMENTS, "unlucky": MOST_UNLUCKY},
            "unlucky": self.unlucky,
            "failures": list(self.failures),
            "beside_curves": asdict(self.beside),
            "first_epoch": self.first_epoch,
            "epoch_cpu_s": self.epoch_cpu_s,
            "noise": {metric: each.noise for metric, each in self.metrics.items() if each.noise is not None},
            "one_point": {metric: each.one_point_limit for metric, each in self.metrics.items() if each.one_point_limit is not None},
        }
        taken = sorted(set(figures) & set(whole))
        if taken:
            raise UsageError(f"The metric '{taken[0]}' has a name that calibration.json uses for something else.", "Rename the metric.")
        return {**whole, **figures}
