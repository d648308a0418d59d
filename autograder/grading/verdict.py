"""From what the graders said to points: the arithmetic of a record, without any process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autograder.course.notebook import GradeCellSpec
from autograder.course.settings import Curve
from autograder.records import DeclaredTest, GradeCell, Grading, Record, ScoredTest, Scoring, TestResult


@dataclass(frozen=True)
class Verdict:
    """Grade cells, and score of the automatic part without extra credit; `grading` other than ok means: not scored, and why."""

    grading: Grading
    reason: str
    score: float | None
    max_score: float
    cells: tuple[GradeCell, ...]

    def put_into(self, record: Record) -> Record:
        """The record with this verdict in the place of its own."""
        return replace(
            record,
            grading=self.grading,
            grading_reason=self.reason,
            score=self.score,
            max_score=self.max_score,
            grade_cells=self.cells,
        )


def judge(specs: Sequence[GradeCellSpec], declared: Sequence[DeclaredTest], scoring: Scoring, curves: dict[str, Curve]) -> Verdict:
    """The verdict of one run. A test without a result, an error in a grader, or a problem of S leaves its cells unscored."""
    results = {test.name: test for test in scoring.tests}
    cells = tuple(
        _judge_cell(spec, [(test, results.get(test.name)) for test in declared if test.grade_cell == spec.grade_id], curves)
        for spec in specs
    )
    problems = list(scoring.problems) + [
        f"{cell.grade_id}: {test.name}: {test.message}" for cell in cells for test in cell.tests if test.fraction is None
    ]
    scored = {spec.grade_id for spec in specs if not spec.manual}
    problems += [
        f"{test.name} names '{test.grade_cell}', which is no automatically graded cell"
        for test in declared
        if test.grade_cell not in scored
    ]
    problems += [f"grade cell '{cell.grade_id}' has no test" for cell in cells if not cell.manual and not cell.tests]
    return Verdict("grader_error" if problems else "ok", "; ".join(problems)[:2000], *_total(cells, bool(problems)), cells)


def unjudged(specs: Sequence[GradeCellSpec], grading: Grading, reason: str) -> Verdict:
    """Nobody could look at the submission: every cell unscored, which is not 0."""
    cells = tuple(GradeCell(spec.grade_id, None, spec.points, spec.manual, extra=spec.extra) for spec in specs)
    return Verdict(grading, reason, *_total(cells, True), cells)


def _total(cells: Sequence[GradeCell], unscored: bool) -> tuple[float | None, float]:
    automatic = [cell for cell in cells if not cell.manual and not cell.extra]
    score = None if unscored else round(sum(cell.score or 0 for cell in automatic), 2)
    return score, round(sum(cell.max_score for cell in automatic), 2)


def _judge_cell(spec: GradeCellSpec, tests: list[tuple[DeclaredTest, ScoredTest | None]], curves: dict[str, Curve]) -> GradeCell:
    judged = tuple(_judge_test(declared, result, curves) for declared, result in tests)
    score = None if spec.manual or not judged else _cell_score(spec.points, [declared.weight for declared, _ in tests], judged)
    return GradeCell(spec.grade_id, score, spec.points, spec.manual, judged, spec.extra)


def _cell_score(points: float, weights: list[float], tests: tuple[TestResult, ...]) -> float | None:
    """points × Σ wᵢfᵢ ÷ Σ wᵢ, rounded once, to 0.01; None when a test has no fraction."""
    if any(test.fraction is None for test in tests):
        return None
    weighted = sum(weight * (test.fraction or 0) for weight, test in zip(weights, tests, strict=True))
    return round(points * weighted / sum(weights), 2)


def _judge_test(declared: DeclaredTest, result: ScoredTest | None, curves: dict[str, Curve]) -> TestResult:
    if result is None:
        fraction, message, measured = None, "the graders ended without running this test", {}
    elif result.outcome == "error":
        fraction, message, measured = None, result.message, result.measured
    elif result.outcome == "failed":
        fraction, message, measured = 0.0, _with_numbers(result, curves), result.measured
    else:
        measured = result.measured
        fraction, message = award(measured, curves) if measured else (1.0, "")
    return TestResult(declared.name, fraction == 1, fraction, message, declared.hint, declared.visibility, dict(measured))


def _with_numbers(result: ScoredTest, curves: dict[str, Curve]) -> str:
    """Why a test failed, and how far what it has measured is from points, where it got that far."""
    fraction, numbers = award(result.measured, curves) if result.measured else (None, "")
    if fraction is None:
        return result.message
    return f"{result.message}{'' if result.message.endswith(('.', '?', '!')) else '.'} {numbers}"


def award(measured: dict[str, float | None], curves: dict[str, Curve]) -> tuple[float | None, str]:
    """Fraction and message for measured metrics: the lowest of their curves' fractions; None where a curve is gone."""
    fractions, messages = [], []
    for metric, value in measured.items():
        if metric not in curves:
            return None, f"the profile has no curve for '{metric}'"
        curve = curves[metric]
        if value is None:
            fractions.append(0.0)
            messages.append(f"{_words(metric)} is not a number (NaN or infinite).")
            continue
        fractions.append(curve(value))
        messages.append(f"{_words(metric)} is {value:.4f}; full points {_reach(curve)}, none {_miss(curve)}.")
    return min(fractions), " ".join(messages)


def _words(metric: str) -> str:
    return metric.replace("_", " ").capitalize()


def _reach(curve: Curve) -> str:
    return f"{'from' if _rises(curve) else 'up to'} {curve.full_at():g}{' on' if _rises(curve) else ''}"


def _miss(curve: Curve) -> str:
    worst = [metric for metric, fraction in curve.points.items() if fraction == min(curve.points.values())]
    return f"{'up to' if _rises(curve) else 'from'} {(max(worst) if _rises(curve) else min(worst)):g}{'' if _rises(curve) else ' on'}"


def _rises(curve: Curve) -> bool:
    return curve.points[min(curve.points)] <= curve.points[max(curve.points)]
