"""What right solutions lose beside the curves: by checks that luck decides about too, and that neither a threshold nor a rerun mends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autograder.course.settings import Curve
from autograder.quality.luck import share_of_runs
from autograder.quality.variants import Variant
from autograder.records import Record, TestResult

_LONGEST = 300  # characters of a message


@dataclass(frozen=True)
class Lapse:
    """A test that one run of a right solution did not pass, or not whole, for another reason than a curve."""

    test: str
    message: str


@dataclass(frozen=True)
class LostTest:
    """A test, the runs that lost by it ('reference, seed 3'), and what it said to the first of them."""

    test: str
    runs: tuple[str, ...]
    message: str


@dataclass(frozen=True)
class CellLosses:
    """One grade cell: how many runs claim it, and how many of them lost something there."""

    runs: int
    lost: int
    tests: tuple[LostTest, ...]


@dataclass(frozen=True)
class BesideCurves:
    """All runs with a result. `lost`: how many lost anything beside the curves; `at_most`: upper bound on the share of such runs."""

    runs: int
    lost: int
    at_most: float
    cells: dict[str, CellLosses]


def lapses_of(record: Record, variant: Variant, curves: Mapping[str, Curve]) -> dict[str, tuple[Lapse, ...]]:
    """By grade cell that the solution claims, what this run lost there beside the curves."""
    return {
        cell.grade_id: tuple(Lapse(test.name, test.message[:_LONGEST]) for test in cell.tests if _lost_otherwise(test, curves))
        for cell in record.grade_cells
        if not cell.manual and cell.grade_id not in variant.loses and (variant.claims is None or cell.grade_id in variant.claims)
    }


def beside_curves(runs: Sequence[tuple[str, Mapping[str, tuple[Lapse, ...]]]]) -> BesideCurves:
    """The lapses of all runs together, each run with its name."""
    lost = sum(any(lapses.values()) for _, lapses in runs)
    cells = dict.fromkeys(cell for _, lapses in runs for cell in lapses)
    found = {cell: _of_cell([(name, lapses[cell]) for name, lapses in runs if cell in lapses]) for cell in cells}
    return BesideCurves(len(runs), lost, share_of_runs(lost, len(runs)), found)


def _of_cell(runs: Sequence[tuple[str, Iterable[Lapse]]]) -> CellLosses:
    by_test: dict[str, list[tuple[str, str]]] = {}
    for name, lapses in runs:
        for lapse in lapses:
            by_test.setdefault(lapse.test, []).append((name, lapse.message))
    tests = tuple(LostTest(test, tuple(name for name, _ in found), found[0][1]) for test, found in by_test.items())
    return CellLosses(len(runs), sum(bool(lapses) for _, lapses in runs), tests)


def _lost_otherwise(test: TestResult, curves: Mapping[str, Curve]) -> bool:
    """Whether it gave less than its curves say; a metric that is no number is named as a run without a result."""
    values = {metric: value for metric, value in test.measured.items() if metric in curves}
    if test.fraction is None or None in values.values():
        return False
    return test.fraction < min((curves[metric](value) for metric, value in values.items() if value is not None), default=1.0)
