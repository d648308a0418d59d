"""What an audit says of one submission: the rule that compares two accuracies, without any process.

A signal for instructors. It is never part of a record, and nothing here knows of points.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autograder.errors import UsageError
from autograder.records import DeclaredTest, GradeCell, Outcome

AuditVerdict = Literal["kept", "fell", "not comparable"]

# docs/instructors.md says what stands behind each of these numbers; benchmarks/measure_audit.py measures it.
DEFAULT_SPREAD = 0.007
_LEAST_MARGIN = 0.04
_SPREADS = 5 * math.sqrt(2)
_SHARE_OF_ERRORS = 0.6


@dataclass(frozen=True)
class Spread:
    """Standard deviation of an accuracy over seeds, and where it is from."""

    value: float
    source: Literal["calibration", "default"]


@dataclass(frozen=True)
class HiddenPart:
    """What the rule has to know of the hidden part: its number of examples, and the accuracy of guessing."""

    size: int
    chance: float


@dataclass(frozen=True)
class Comparison:
    """One metric before and after the labels were permuted. It fell when `audited` is below `threshold`, which is `normal` − `margin`."""

    metric: str
    verdict: AuditVerdict
    reason: str
    normal: float | None
    audited: float | None
    margin: float | None
    threshold: float | None
    spread: Spread


@dataclass(frozen=True)
class Audit:
    """The audit of one submission.

    `context` names all that decides about the audited execution and its scoring; `outcome` is what became of that, None when there was
    none, and `isolation` the level at which it ran. `normal_run` and `audited_run` are run keys, empty where there is no run.
    """

    assignment: str
    student: str
    submission_id: str
    profile: str
    context: str
    verdict: AuditVerdict
    reason: str
    comparisons: tuple[Comparison, ...]
    normal_run: str
    audited_run: str
    outcome: Outcome | None
    isolation: int
    seconds: float
    audited_at: str
    schema: Literal[1] = 1


def margin(normal: float, spread: float, hidden: int) -> float:
    """How far below `normal` the accuracy of honest training may lie when it is executed again with other labels: the largest of

    - what any training may differ by, and what `hidden` examples may: 1/√n is at least two standard deviations of an accuracy;
    - what two executions of the reference differ by: √2 spreads, five times;
    - a share of the errors, since training that stops early or steps too far varies more than the reference does.
    """
    return max(_LEAST_MARGIN + 1 / math.sqrt(hidden), _SPREADS * spread, _SHARE_OF_ERRORS * (1 - normal))


def compare(metric: str, normal: float | None, audited: float | None, spread: Spread, hidden: HiddenPart) -> Comparison:
    """The verdict on one accuracy, 0 to 1."""
    allowed = margin(normal, spread.value, hidden.size) if normal is not None else None
    threshold = normal - allowed if normal is not None and allowed is not None else None
    verdict: AuditVerdict = "not comparable"
    reason = obstacle(normal, spread, hidden)
    if not reason and audited is None:
        reason = "the audited run has no accuracy"
    elif not reason and audited is not None and threshold is not None:
        verdict = "fell" if audited < threshold else "kept"
    return Comparison(metric, verdict, reason, normal, audited, allowed, threshold, spread)


def obstacle(normal: float | None, spread: Spread, hidden: HiddenPart) -> str:
    """Why no audited accuracy could be compared with this one, or nothing: what is not clearly above guessing cannot fall."""
    if normal is None:
        return "the normal run has no accuracy"
    if normal - margin(normal, spread.value, hidden.size) <= hidden.chance:
        return f"its accuracy of {normal:.3f} is too close to guessing ({hidden.chance:.3f}) for a fall to show"
    return ""


def overall(comparisons: Sequence[Comparison]) -> tuple[AuditVerdict, str]:
    """One verdict and its reason: fell if anything did, kept if anything was, else not comparable."""
    for wanted in ("fell", "kept"):
        if any(each.verdict == wanted for each in comparisons):
            return wanted, ""
    return "not comparable", "; ".join(dict.fromkeys(each.reason for each in comparisons)) or "the graders award no accuracy"


def accuracy_metrics(tests: Sequence[DeclaredTest]) -> tuple[str, ...]:
    """The metrics that can be audited: awarded by a test that declares a prediction, with `accuracy` in their name."""
    return tuple(dict.fromkeys(name for test in tests if test.prediction for name in test.metrics if "accuracy" in name))


def measured_metrics(cells: Sequence[GradeCell]) -> dict[str, float | None]:
    """Everything that the graders measured in one run, by metric."""
    return {name: value for cell in cells for test in cell.tests for name, value in test.measured.items()}


def read_spreads(calibration: Path, profile: str, metrics: Sequence[str]) -> dict[str, Spread]:
    """The spread of each metric: `profiles → <profile> → <metric> → spread` of the calibration file, else the default.

    Raises UsageError when the file exists and is no JSON object.
    """
    found = _calibration(calibration)
    for key in ("profiles", profile):
        found = _inner(found, key)
    return {metric: _spread(_inner(found, metric).get("spread")) for metric in metrics}


def _calibration(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"'{file}' cannot be read: {error}", "Make it again, or remove it: then the default spread counts.") from None
    return found if isinstance(found, dict) else {}


def _inner(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = found.get(key)
    return inner if isinstance(inner, dict) else {}


def _spread(value: Any) -> Spread:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1:
        return Spread(float(value), "calibration")
    return Spread(DEFAULT_SPREAD, "default")
