"""The report's section on audits: those that fell first, and nothing in it can run."""

from __future__ import annotations

from dataclasses import replace

from autograder.feedback.audits import audit_view
from autograder.feedback.report import render_report
from autograder.grading.audit import Audit, HiddenPart, Spread, compare, overall

from .samples import HOSTILE, read, record, report


def audit(student: str, normal: float | None, audited: float | None, metric: str = "test_accuracy", reason: str = "") -> Audit:
    found = compare(metric, normal, audited, Spread(0.007, "default"), HiddenPart(10_000, 0.11))
    verdict, why = overall([found])
    at = "2027-02-13T09:00:00+00:00"
    return Audit("a1", student, "0" * 16, "full", "c", verdict, reason or why, (found,), "n", "a", "completed", 3, 30.0, at)


def test_without_audits_there_is_no_section() -> None:
    assert audit_view([]) is None
    assert "Audit" not in read(render_report(report(record()))).text


def test_those_that_fell_come_first_and_those_that_kept_are_only_counted() -> None:
    audits = [audit("gus", 0.91, None), audit("ada", 0.93, 0.92), audit("hana", 0.95, 0.03), audit("bao", 0.94, 0.02)]
    view = audit_view(audits)
    assert view is not None
    assert (view.audited, view.kept) == (4, 1)
    assert [(row.student, row.verdict) for row in view.rows] == [("bao", "fell"), ("hana", "fell"), ("gus", "not comparable")]
    text = read(render_report(report(record(), audits=audits))).text
    assert "1 of 4 kept their accuracy. A signal, no verdict" in text
    assert "bao fell test_accuracy 0.940 0.020 0.890" in text
    assert "gus not comparable test_accuracy 0.910 – 0.856 the audited run has no accuracy" in text


def test_hostile_names_are_only_text() -> None:
    html = render_report(report(record(), audits=[replace(audit(HOSTILE, 0.9, 0.1, HOSTILE), reason=HOSTILE)]))
    read(html)
    assert "<script" not in html
    assert "\x1b" not in html
