"""What the runs of right solutions say about the curves of a profile, and the file that keeps it.

Each figure of a metric is that of the right solution which fares worst by it: a student may have chosen that way.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from autograder.batch.reruns import RERUNS
from autograder.course.calibration import calibration_file
from autograder.course.stakes import Stake
from autograder.errors import UsageError
from autograder.files import write_atomic
from autograder.quality.calibrating import SeedRun
from autograder.quality.figures import MetricFigures, ProfileCalibration, SolutionFigures
from autograder.quality.lapses import beside_curves
from autograder.quality.luck import (
    ENOUGH_RUNS,
    LEAST_RUNS,
    SHARE,
    STUDENTS,
    Sample,
    after_reruns,
    allowed_once,
    beyond_of,
    draw_again,
)

_MOST_EPOCHS = 1_000  # a longer history was kept for each batch


def calibrate(
    assignment: str, profile: str, stakes: Sequence[Stake], runs: Sequence[SeedRun], asked: int, device: str, versions: dict[str, str]
) -> ProfileCalibration:
    """The calibration of one profile from its runs. `asked`: how many runs each solution was to have.

    Where a run lost points beside the curves, no threshold is suggested: luck decides there too, and nothing here bounds it.
    """
    graded = [run for run in runs if run.as_expected]
    failures = [_failure(run) for run in runs if not run.as_expected]
    at_risk = max(1, sum(stake.one_point_at is not None for stake in stakes))
    metrics: dict[str, MetricFigures] = {}
    for stake in stakes:
        of_metric = [run for run in graded if stake.metric in run.measured]
        lost = [run for run in of_metric if run.measured[stake.metric] is None]
        failures += [f"{_name(run)}: {stake.metric} is not a number" for run in lost]
        if len(of_metric) > len(lost):
            metrics[stake.metric] = _figures(stake, of_metric, at_risk, sound=not lost and len(graded) == len(runs))
    metrics = _after_reruns(metrics, at_risk)
    beside = beside_curves([(_name(run), run.lapses) for run in graded])
    if beside.lost:
        metrics = {metric: replace(figures, suggested=None) for metric, figures in metrics.items()}
    bounds = [each.loses_after_reruns for each in metrics.values()]
    enough = bool(bounds) and all(each.n >= LEAST_RUNS for each in metrics.values())
    return ProfileCalibration(
        assignment=assignment,
        profile=profile,
        runs=asked,
        metrics=metrics,
        first_epoch=_first_epochs(graded),
        epoch_cpu_s=_epoch_cpu_s(graded),
        unlucky=STUDENTS * sum(bound or 0.0 for bound in bounds) if enough else None,
        failures=tuple(failures),
        beside=beside,
        device=device,
        versions=versions,
    )


def _failure(run: SeedRun) -> str:
    error = run.record.first_error
    said = run.record.reason or run.record.grading_reason or (f"{error.cell}: {error.name}: {error.message}" if error else "")
    return f"{_name(run)}: {run.record.outcome}, {run.record.grading}" + (f" ({said[:300]})" if said else "")


def _name(run: SeedRun) -> str:
    return f"{run.variant}, seed {run.record.runs[0].seed}" if run.record.runs else run.record.student


def _figures(stake: Stake, runs: Sequence[SeedRun], curves: int, sound: bool) -> MetricFigures:
    """`curves`: how many share what luck may take. Not `sound`: a run is missing, so bounds say too little."""
    known = [run for run in runs if run.measured[stake.metric] is not None]
    names = dict.fromkeys(run.variant for run in known)
    samples = {name: _sample(stake, [run for run in known if run.variant == name]) for name in names}
    least = min(sample.runs for sample in samples.values())
    judged = [sample for sample in samples.values() if sound and least >= LEAST_RUNS]
    worst = min if stake.rises else max
    noise = worst((sample.reach(beyond_of(SHARE) / curves) for sample in judged), default=None)
    solutions = {name: _of_solution(stake, sample) for name, sample in samples.items()}
    limit = None
    if judged and stake.one_point_at is not None:
        once = allowed_once(SHARE, beyond_of(SHARE), RERUNS, curves)
        limit = worst(worst(sample.reach(once), *sample.values.tolist()) for sample in judged)
    return MetricFigures(
        points=stake.points,
        tolerated=stake.tolerated,
        rises=stake.rises,
        full_at=stake.curve.full_at(),
        one_point_at=stake.one_point_at,
        n=least,
        mean=worst(sample.mean for sample in samples.values()),
        spread=max(sample.spread for sample in samples.values()),
        hidden_spread=_largest(sample.hidden_spread for sample in samples.values()),
        normality=min((each for sample in samples.values() if (each := sample.normality) is not None), default=None),
        loses_once=_largest(each.loses_once for each in solutions.values()),
        loses_after_reruns=None,
        noise=noise,
        one_point_limit=limit,
        suggested=_suggested(stake, limit, list(samples.values())),
        provisional=least < ENOUGH_RUNS,
        solutions=solutions,
    )


def _sample(stake: Stake, runs: Sequence[SeedRun]) -> Sample:
    """The values of one solution; with the hidden part drawn again where every run says what its examples contribute, in one way."""
    values = np.array([run.measured[stake.metric] for run in runs], dtype=np.float64)
    scores = [run.scores[stake.metric] for run in runs if stake.metric in run.scores]
    if len(scores) < len(runs) or len({root for _, root in scores}) > 1:
        return Sample(values, None, stake.rises)
    counted = all(bool(np.isin(each, (0.0, 1.0)).all()) for each, _ in scores)
    resolution = 1 / len(scores[0][0]) if counted else 0.0
    return Sample(values, draw_again([each for each, _ in scores], scores[0][1]), stake.rises, resolution)


def _of_solution(stake: Stake, sample: Sample) -> SolutionFigures:
    once = 0.0 if stake.one_point_at is None else sample.bound(stake.one_point_at) if sample.runs > 1 else None
    values = tuple(sample.values.tolist())
    return SolutionFigures(sample.runs, sample.mean, sample.spread, sample.hidden_spread, sample.normality, once, None, values)


def _after_reruns(metrics: dict[str, MetricFigures], curves: int) -> dict[str, MetricFigures]:
    """The figures with the shares that lose after reruns, which take all curves together: the best whole run counts."""
    found = {}
    for metric, figures in metrics.items():
        solutions = {}
        for name, each in figures.solutions.items():
            others = [metrics[other].solutions.get(name) for other in metrics]
            any_curve = sum(other.loses_once or 0.0 for other in others if other is not None)
            after = each.loses_once
            if after is not None and figures.noise is not None:
                after = after_reruns(after, beyond_of(SHARE) / curves, RERUNS, any_curve)
            solutions[name] = replace(each, loses_after_reruns=after)
        worst = _largest(each.loses_after_reruns for each in solutions.values())
        found[metric] = replace(figures, solutions=solutions, loses_after_reruns=worst)
    return found


def _suggested(stake: Stake, limit: float | None, samples: Sequence[Sample]) -> float | None:
    """Where the curve may give full points, its form kept, rounded in the students' favour to a digit that the spread allows."""
    if limit is None or stake.one_point_at is None:
        return None
    whole = max(math.hypot(sample.spread, sample.hidden_spread or 0.0) for sample in samples)
    step = 10.0 ** math.floor(math.log10(max(whole, 1e-4)))
    steps = (limit + stake.curve.full_at() - stake.one_point_at) / step
    rounded = math.floor(steps + 1e-6) if stake.rises else math.ceil(steps - 1e-6)
    return round(rounded * step, 6)


def _largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _first_epochs(runs: Sequence[SeedRun]) -> dict[str, dict[str, tuple[float, float]]]:
    """By history and accuracy, the lowest and the highest value after the first epoch; of losses more is not better."""
    found: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        for name, history in run.histories.items():
            for metric, values in history.items():
                if "accuracy" in metric and values and values[0] is not None:
                    found.setdefault(name, {}).setdefault(metric, []).append(values[0])
    return {name: {metric: (min(values), max(values)) for metric, values in metrics.items()} for name, metrics in found.items()}


def _epoch_cpu_s(runs: Sequence[SeedRun]) -> dict[str, float]:
    """By history, the least CPU seconds of one epoch in any run. What a notebook used is known of all its cells together, so its
    epochs share them evenly."""
    found: dict[str, float] = {}
    for run in runs:
        epochs = {name: max((len(values) for values in history.values()), default=0) for name, history in run.histories.items()}
        counted = {name: count for name, count in epochs.items() if 0 < count <= _MOST_EPOCHS}
        for name in counted:
            each = run.record.usage.student_cpu_s / sum(counted.values())
            found[name] = min(found.get(name, math.inf), each)
    return found


# --- the file -----------------------------------------------------------------------------------------------------------


def read_file(solutions: Path) -> dict[str, Any]:
    """The calibration file as it is, empty when there is none. Raises UsageError when it is no such file."""
    path = calibration_file(solutions)
    try:
        found = json.loads(path.read_bytes()) if path.is_file() else {}
        return {**found, "profiles": {**found.get("profiles", {})}}
    except (ValueError, TypeError, AttributeError):
        raise UsageError(f"'{path}' is no calibration file.", "Mend it, or delete it: it is made again.") from None


def write_file(solutions: Path, calibration: ProfileCalibration) -> Path:
    """Puts the calibration of one profile into the file, the others stay; whole or not at all."""
    whole = read_file(solutions)
    whole = {"schema": 1, "assignment": calibration.assignment, **whole}
    whole["profiles"][calibration.profile] = calibration.as_json()
    write_atomic(calibration_file(solutions), _text(whole))
    return calibration_file(solutions)


def _text(value: Any) -> str:
    """Readable JSON with figures to six significant digits, and lists of numbers on one line."""
    text = json.dumps(_rounded(value), indent=1, ensure_ascii=False, allow_nan=False)
    return re.sub(r"\[\s+(-?\d[^]\"]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
