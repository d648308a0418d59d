"""The report's section on audits: how many kept their accuracy, and everybody else by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograder.feedback.clean import line
from autograder.grading.audit import Audit, Comparison


@dataclass(frozen=True)
class AuditRow:
    """One accuracy that fell or could not be compared, as text."""

    student: str
    verdict: str
    metric: str
    normal: str
    audited: str
    threshold: str
    reason: str


@dataclass(frozen=True)
class AuditView:
    """What the section shows."""

    audited: int
    kept: int
    rows: tuple[AuditRow, ...]


def audit_view(audits: Sequence[Audit]) -> AuditView | None:
    """Those that fell first, then those that could not be compared, each by name; None when nobody was audited."""
    if not audits:
        return None
    order = {"fell": 0, "not comparable": 1, "kept": 2}
    others = sorted((each for each in audits if each.verdict != "kept"), key=lambda each: (order[each.verdict], each.student))
    rows = tuple(_row(audit, each) for audit in others for each in audit.comparisons if each.verdict != "kept")
    return AuditView(len(audits), sum(each.verdict == "kept" for each in audits), rows)


def _row(audit: Audit, comparison: Comparison) -> AuditRow:
    return AuditRow(
        student=line(audit.student, 60),
        verdict=comparison.verdict,
        metric=line(comparison.metric, 60),
        normal=number(comparison.normal),
        audited=number(comparison.audited),
        threshold=number(comparison.threshold),
        reason=line(audit.reason or comparison.reason, 200),
    )


def number(value: float | None) -> str:
    """An accuracy with three digits, or a dash."""
    return "–" if value is None else f"{value:.3f}"
