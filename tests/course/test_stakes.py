"""How many points follow from a metric, and where the first of them is lost."""

from __future__ import annotations

import pytest

from autograder.course.notebook import GradeCellSpec
from autograder.course.settings import Curve
from autograder.course.stakes import Stake, stakes
from autograder.records import DeclaredTest

RISING, FALLING = Curve({0.80: 0, 0.90: 1}), Curve({0.1: 1, 0.3: 0})


def declared(name: str, cell: str, *metrics: str, weight: float = 1) -> DeclaredTest:
    return DeclaredTest(name, cell, weight, None, "visible", metrics=metrics)


@pytest.mark.parametrize(
    ("curve", "points", "at"),
    [
        (RISING, 10, 0.89),
        (RISING, 2, 0.85),
        (FALLING, 10, 0.12),
        (Curve({0.5: 0, 0.8: 0.9, 0.9: 1}), 10, 0.8),  # exactly the knot
        (Curve({0.5: 0, 0.8: 0.9, 0.9: 1}), 5, 0.5 + 0.3 * 8 / 9),
        (Curve({0.7: 0, 0.8: 0.9, 0.85: 0.9, 0.9: 1}), 10, 0.8),  # one point all along the plateau, more only below it
        (Curve({0.7: 0, 0.9: 0.5}), 10, 0.86),  # a curve that never gives all takes the rest from everybody
        (RISING, 1, None),
        (RISING, 0.5, None),
        (Curve({0.8: 0.95, 0.9: 1}), 10, None),  # half a point at most
    ],
)
def test_one_point_is_lost_at(curve: Curve, points: float, at: float | None) -> None:
    found = Stake("metric", points, curve).one_point_at
    assert found == (None if at is None else pytest.approx(at))
    if found is not None:
        assert points * (max(curve.points.values()) - curve(found)) == pytest.approx(1)


def test_extra_credit_is_no_stake() -> None:
    specs = [GradeCellSpec("best", 30, False), GradeCellSpec("contest", 4, False, extra=True)]
    tests = [declared("a", "best", "test_accuracy"), declared("b", "contest", "contest_accuracy")]
    found = stakes(specs, tests, {"test_accuracy": RISING, "contest_accuracy": RISING})
    assert [(each.metric, each.points, each.tolerated) for each in found] == [("test_accuracy", 30, 1)]


def test_points_follow_the_weights_and_add_up_over_tests() -> None:
    specs = [GradeCellSpec("best", 30, False), GradeCellSpec("also", 8, False), GradeCellSpec("text", 10, True)]
    tests = [
        declared("a", "best", "test_accuracy", weight=2),
        declared("b", "best"),
        declared("c", "also", "test_accuracy", "loss"),
        declared("d", "also", "no_curve"),
        declared("e", "elsewhere", "loss"),
    ]
    found = stakes(specs, tests, {"test_accuracy": RISING, "loss": FALLING, "unused": RISING})
    assert [(each.metric, each.points, each.rises) for each in found] == [("test_accuracy", 24, True), ("loss", 4, False)]
