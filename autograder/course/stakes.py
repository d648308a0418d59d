"""What a metric decides about: how many points, through which curve, and where it has taken its part of one point."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autograder.course.notebook import GradeCellSpec
from autograder.course.settings import Curve
from autograder.records import DeclaredTest


@dataclass(frozen=True)
class Stake:
    """One metric of a profile: `points` of the assignment follow from it, through `curve`.

    `tolerated`: what it may take by luck. One point in all, shared evenly among the curves of the profile, so that not even all of
    them together take more.
    """

    metric: str
    points: float
    curve: Curve
    tolerated: float = 1.0

    @property
    def rises(self) -> bool:
        """Whether more is better: an accuracy rises, an error falls."""
        return self.curve.points[min(self.curve.points)] <= self.curve.points[max(self.curve.points)]

    @property
    def one_point_at(self) -> float | None:
        """The metric at which exactly what is tolerated is lost, beyond it more; None where the curve never takes that much."""
        knots = sorted(self.curve.points.items(), reverse=self.rises)  # from the full end on
        wanted = max(self.curve.points.values()) - (self.tolerated / self.points if self.points else 1)
        if self.points <= self.tolerated or min(self.curve.points.values()) >= wanted:
            return None
        for (near, more), (far, less) in itertools.pairwise(knots):
            if less < wanted <= more:
                return near + (far - near) * (more - wanted) / (more - less)
        return None


def stakes(specs: Sequence[GradeCellSpec], tests: Sequence[DeclaredTest], curves: Mapping[str, Curve]) -> tuple[Stake, ...]:
    """Every metric that the graders award and the profile has a curve for, in the order of the tests.

    Extra credit is no stake: a right solution does not lose what comes on top, so luck is not bounded there, and nobody runs again for it.
    """
    found: dict[str, float] = {}
    for spec in (each for each in specs if not each.extra):
        of_cell = [test for test in tests if test.grade_cell == spec.grade_id]
        weights = sum(test.weight for test in of_cell)
        for test in of_cell:
            for metric in test.metrics:
                found[metric] = found.get(metric, 0.0) + spec.points * test.weight / weights
    judged = {metric: points for metric, points in found.items() if metric in curves}
    return tuple(Stake(metric, points, curves[metric], 1 / len(judged)) for metric, points in judged.items())
