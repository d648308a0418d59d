from __future__ import annotations

import pytest

from autograder.course.notebook import GradeCellSpec
from autograder.course.settings import Curve
from autograder.grading.verdict import award, judge, unjudged
from autograder.records import DeclaredTest, ScoredTest, Scoring
from tests.feedback.samples import record

SPECS = (GradeCellSpec("a", 10, False), GradeCellSpec("b", 5, False), GradeCellSpec("essay", 20, True))
CURVES = {"test_accuracy": Curve({0.8: 0, 0.9: 1})}


def declared(name: str, cell: str, weight: float = 1) -> DeclaredTest:
    return DeclaredTest(name, cell, weight, None, "visible")


TESTS = (declared("one", "a"), declared("two", "a", weight=2), declared("three", "b"))


def test_cells_are_weighted_and_rounded_once() -> None:
    scoring = Scoring((ScoredTest("one", "passed"), ScoredTest("two", "failed", "no"), ScoredTest("three", "passed")))
    verdict = judge(SPECS, TESTS, scoring, CURVES)
    assert [cell.score for cell in verdict.cells] == [3.33, 5, None]
    assert (verdict.grading, verdict.score, verdict.max_score) == ("ok", 8.33, 15)


def test_extra_credit_comes_on_top_of_the_score() -> None:
    specs = (SPECS[0], GradeCellSpec("b", 4, False, extra=True), SPECS[2])
    scoring = Scoring((ScoredTest("one", "passed"), ScoredTest("two", "passed"), ScoredTest("three", "passed")))
    verdict = judge(specs, TESTS, scoring, CURVES)
    assert (verdict.score, verdict.max_score) == (10, 10)
    assert [(cell.score, cell.max_score, cell.extra) for cell in verdict.cells] == [(10, 10, False), (4, 4, True), (None, 20, False)]
    made = verdict.put_into(record())
    assert (made.score, made.max_score, made.extra_credit) == (10, 10, 4)
    assert unjudged(specs, "not_graded", "").max_score == 10


def test_an_award_goes_through_the_curve() -> None:
    tests = (ScoredTest("one", "passed", measured={"test_accuracy": 0.85}), ScoredTest("two", "passed"), ScoredTest("three", "passed"))
    cell = judge(SPECS, TESTS, Scoring(tests), CURVES).cells[0]
    assert cell.score == pytest.approx(10 * (0.5 + 2) / 3, abs=0.005)
    assert (cell.tests[0].passed, cell.tests[0].fraction) == (False, pytest.approx(0.5))
    assert cell.tests[0].message == "Test accuracy is 0.8500; full points from 0.9 on, none up to 0.8."


def test_an_assertion_beside_a_good_metric_still_costs_the_points() -> None:
    tests = (ScoredTest("one", "failed", "wrong", {"test_accuracy": 0.99}), ScoredTest("two", "passed"), ScoredTest("three", "passed"))
    judged = judge(SPECS, TESTS, Scoring(tests), CURVES).cells[0].tests[0]
    assert judged.fraction == 0
    assert judged.message == "wrong. Test accuracy is 0.9900; full points from 0.9 on, none up to 0.8."


def test_an_assertion_beside_a_metric_without_a_curve_keeps_its_own_words() -> None:
    tests = (ScoredTest("one", "failed", "wrong", {"gone": 0.99}), ScoredTest("two", "passed"), ScoredTest("three", "passed"))
    assert judge(SPECS, TESTS, Scoring(tests), CURVES).cells[0].tests[0].message == "wrong"


@pytest.mark.parametrize(
    "scoring",
    [
        Scoring((ScoredTest("one", "passed"), ScoredTest("two", "passed"))),
        Scoring((ScoredTest("one", "passed"), ScoredTest("two", "passed"), ScoredTest("three", "error", "NameError: x"))),
        Scoring((ScoredTest("one", "passed"), ScoredTest("two", "passed"), ScoredTest("three", "passed", measured={"gone": 1.0}))),
        Scoring(
            (ScoredTest("one", "passed"), ScoredTest("two", "passed"), ScoredTest("three", "passed")), problems=("test_x.py: SyntaxError",)
        ),
    ],
    ids=["a test did not run", "a grader raised", "a curve is gone", "a file was not collected"],
)
def test_no_evidence_is_never_a_score(scoring: Scoring) -> None:
    verdict = judge(SPECS, TESTS, scoring, CURVES)
    assert (verdict.grading, verdict.score) == ("grader_error", None)
    assert verdict.reason


def test_a_cell_without_tests_is_a_graders_error() -> None:
    verdict = judge(SPECS, TESTS[:2], Scoring((ScoredTest("one", "passed"), ScoredTest("two", "passed"))), CURVES)
    assert verdict.grading == "grader_error"
    assert "'b' has no test" in verdict.reason


def test_a_test_for_a_cell_that_does_not_exist_is_a_graders_error() -> None:
    tests = (*TESTS, declared("four", "aa"))
    passed = Scoring(tuple(ScoredTest(test.name, "passed") for test in tests))
    verdict = judge(SPECS, tests, passed, CURVES)
    assert verdict.grading == "grader_error"
    assert "four names 'aa'" in verdict.reason


def test_unjudged_is_not_zero() -> None:
    verdict = unjudged(SPECS, "not_graded", "unreadable")
    assert verdict.score is None
    assert [cell.score for cell in verdict.cells] == [None, None, None]


def test_nan_gives_nothing_and_says_so() -> None:
    assert award({"test_accuracy": None}, CURVES) == (0.0, "Test accuracy is not a number (NaN or infinite).")


def test_falling_curves_read_naturally() -> None:
    fraction, message = award({"loss": 0.4}, {"loss": Curve({0.3: 1, 0.5: 0})})
    assert fraction == pytest.approx(0.5)
    assert message == "Loss is 0.4000; full points up to 0.3, none from 0.5 on."
