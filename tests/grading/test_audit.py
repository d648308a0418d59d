"""The rule of the audit: what counts as fallen, what as kept, and what cannot be said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import UsageError
from autograder.grading.audit import (
    DEFAULT_SPREAD,
    Audit,
    HiddenPart,
    Spread,
    accuracy_metrics,
    compare,
    margin,
    measured_metrics,
    overall,
    read_spreads,
)
from autograder.records import DeclaredTest, GradeCell, Prediction, TestResult, from_json, json_schema, to_json

SPREAD = Spread(0.005, "calibration")
HIDDEN = HiddenPart(10_000, 0.11)
SCHEMA = Path(__file__).parents[2] / "docs/audit.schema.json"


@pytest.mark.parametrize(
    ("normal", "spread", "hidden", "expected"),
    [
        (0.95, 0.005, 10_000, 0.04 + 0.01),
        (0.95, 0.005, 400, 0.04 + 0.05),  # few hidden examples say less
        (1.0, 0.0001, 10_000, 0.04 + 0.01),
        (0.95, 0.02, 10_000, 5 * 2**0.5 * 0.02),  # a spread that was calibrated as large
        (0.70, 0.005, 10_000, 0.6 * 0.3),  # training that stops early varies more
    ],
)
def test_the_margin_is_the_largest_of_three(normal: float, spread: float, hidden: int, expected: float) -> None:
    assert margin(normal, spread, hidden) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("normal", "audited", "verdict", "reason"),
    [
        (0.93, 0.93, "kept", ""),
        (0.93, 0.885, "kept", ""),
        (0.93, 0.875, "fell", ""),
        (0.93, 0.99, "kept", ""),  # better than before is no signal
        (0.93, 0.0, "fell", ""),
        (0.72, 0.56, "kept", ""),
        (0.72, 0.2, "fell", ""),
        (0.30, 0.0, "not comparable", "its accuracy of 0.300 is too close to guessing (0.110)"),
        (None, 0.9, "not comparable", "the normal run has no accuracy"),
        (0.93, None, "not comparable", "the audited run has no accuracy"),
    ],
)
def test_an_accuracy_is_compared(normal: float | None, audited: float | None, verdict: str, reason: str) -> None:
    found = compare("test_accuracy", normal, audited, SPREAD, HIDDEN)
    assert (found.verdict, found.reason.startswith(reason)) == (verdict, True)
    assert (found.normal, found.audited) == (normal, audited)
    assert found.threshold == (None if normal is None else pytest.approx(normal - margin(normal, 0.005, 10_000)))


@given(st.floats(0.65, 1), st.floats(0, 0.02), st.integers(100, 100_000), st.integers(2, 100))
def test_weights_that_do_not_adapt_are_never_kept(normal: float, spread: float, size: int, classes: int) -> None:
    """No class stays in its place, so a classifier that ignores the labels is right at most where it was wrong before."""
    assert compare("a", normal, 1 - normal, Spread(spread, "calibration"), HiddenPart(size, 1 / classes)).verdict != "kept"


def test_one_metric_that_fell_decides() -> None:
    kept, fell = compare("a", 0.9, 0.9, SPREAD, HIDDEN), compare("b", 0.9, 0.1, SPREAD, HIDDEN)
    nothing = compare("c", None, 0.9, SPREAD, HIDDEN)
    assert overall([kept, fell, nothing]) == ("fell", "")
    assert overall([nothing, kept]) == ("kept", "")
    assert overall([nothing, nothing]) == ("not comparable", "the normal run has no accuracy")


def declared(prediction: bool, *metrics: str) -> DeclaredTest:
    return DeclaredTest("t", "c", 1, None, "visible", prediction=Prediction("m", (784,), None) if prediction else None, metrics=metrics)


def test_only_accuracies_of_handed_in_models_are_audited() -> None:
    tests = [
        declared(True, "test_accuracy", "test_loss"),
        declared(False, "claimed_accuracy"),
        declared(True, "top3_accuracy", "test_accuracy"),
    ]
    assert accuracy_metrics(tests) == ("test_accuracy", "top3_accuracy")


def test_measured_values_come_from_all_cells() -> None:
    result = TestResult("t", True, 1.0, "", None, "visible", {"test_accuracy": 0.9})
    assert measured_metrics([GradeCell("a", 1, 1, False), GradeCell("b", 1, 1, False, (result,))]) == {"test_accuracy": 0.9}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, Spread(DEFAULT_SPREAD, "default")),
        ({"profiles": {"full": {"test_accuracy": {"spread": 0.012}}}}, Spread(0.012, "calibration")),
        ({"profiles": {"smoke": {"test_accuracy": {"spread": 0.012}}}}, Spread(DEFAULT_SPREAD, "default")),
        ({"profiles": {"full": {"test_accuracy": {"spread": "small"}}}}, Spread(DEFAULT_SPREAD, "default")),
        ({"profiles": ["full"]}, Spread(DEFAULT_SPREAD, "default")),
        ([], Spread(DEFAULT_SPREAD, "default")),
    ],
)
def test_the_spread_is_calibrated_or_the_default(tmp_path: Path, content: object, expected: Spread) -> None:
    if content is not None:
        (tmp_path / "calibration.json").write_text(json.dumps(content))
    assert read_spreads(tmp_path / "calibration.json", "full", ["test_accuracy"]) == {"test_accuracy": expected}


def test_a_damaged_calibration_is_named(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text("{")
    with pytest.raises(UsageError, match=r"calibration\.json' cannot be read"):
        read_spreads(tmp_path / "calibration.json", "full", ["test_accuracy"])


def test_an_audit_survives_its_file_and_the_shipped_schema_is_its_own() -> None:
    comparison = compare("test_accuracy", 0.93, None, SPREAD, HIDDEN)
    audit = Audit(
        "a",
        "ada",
        "0" * 16,
        "full",
        "c",
        "not comparable",
        "why",
        (comparison,),
        "n",
        "",
        "cell_error",
        3,
        1.5,
        "2027-01-01T00:00:00+00:00",
    )
    assert from_json(Audit, to_json(audit)) == audit
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json_schema(Audit), (
        "write it again: json_schema(Audit) into docs/audit.schema.json"
    )
