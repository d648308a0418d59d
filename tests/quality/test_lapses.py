"""What a right solution loses beside the curves, told from what the curves take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autograder.quality.lapses import BesideCurves, CellLosses, Lapse, LostTest, beside_curves, lapses_of
from autograder.quality.luck import share_of_runs
from autograder.quality.variants import Variant
from autograder.records import GradeCell
from tests.feedback.samples import CURVES, accuracy_test, record, result

RIGHT = Variant("reference", "", right=True)


def lapses(*tests: Any, **changes: Any) -> dict[str, tuple[Lapse, ...]]:
    cells = (GradeCell("graded", 5, 10, False, tests), GradeCell("explanation", None, 10, True))
    return lapses_of(record(grade_cells=cells), replace(RIGHT, **changes), CURVES)


@pytest.mark.parametrize(
    "test",
    [
        result("whole"),
        accuracy_test(0.88, CURVES["test_accuracy"](0.88)),  # what the curve takes is calibrated
        result("unscored", None),
        result("no_number", 0.0, measured={"test_accuracy": None}),  # named as a run without a result
    ],
)
def test_what_is_no_lapse(test: Any) -> None:
    assert lapses(test) == {"graded": ()}


@pytest.mark.parametrize(
    "test",
    [
        result("rises", 0.0, "It fell."),
        result("rises", 0.5, "It fell.", measured={"of_no_curve": 1.0}),
        replace(accuracy_test(0.88, 0.0), name="rises", message="It fell."),  # an assertion beside the curve took the rest
    ],
)
def test_what_is_a_lapse(test: Any) -> None:
    assert lapses(result("whole"), test) == {"graded": (Lapse("rises", "It fell."),)}


def test_cells_that_are_not_claimed_or_are_to_be_lost_do_not_count() -> None:
    failed = result("rises", 0.0)
    assert lapses(failed, claims=("another",)) == {}
    assert lapses(failed, loses={"graded": 5.0}) == {}
    assert len(lapses(failed, claims=("graded",))["graded"]) == 1


def test_runs_are_counted_by_cell_and_by_test() -> None:
    fell, long = Lapse("rises", "It fell."), Lapse("long", "Too long.")
    runs = [("one, seed 0", {"a": (fell, long), "b": ()}), ("one, seed 1", {"a": (), "b": ()}), ("other, seed 0", {"a": (fell,)})]
    assert beside_curves(runs) == BesideCurves(
        runs=3,
        lost=2,
        at_most=share_of_runs(2, 3),
        cells={
            "a": CellLosses(
                3, 2, (LostTest("rises", ("one, seed 0", "other, seed 0"), "It fell."), LostTest("long", ("one, seed 0",), "Too long."))
            ),
            "b": CellLosses(2, 0, ()),
        },
    )
    assert beside_curves([]) == BesideCurves(0, 0, 1.0, {})


@pytest.mark.parametrize(("lost", "runs", "share"), [(0, 20, 0.1391), (0, 60, 0.0487), (1, 20, 0.2161), (3, 3, 1.0), (0, 0, 1.0)])
def test_the_share_of_runs_has_the_bound_of_the_tables(lost: int, runs: int, share: float) -> None:
    """Clopper and Pearson, one-sided, 95 %; without a loss 1 − 0.05^(1/n)."""
    assert share_of_runs(lost, runs) == pytest.approx(share, abs=1e-4)
