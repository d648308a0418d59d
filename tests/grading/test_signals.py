"""Each signal: what raises it, and what an honest submission may do without raising it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from autograder.course.calibration import Calibration, read_calibration
from autograder.errors import UsageError
from autograder.grading.signals import KINDS, signals
from autograder.records import ModelMeasures

HONEST = {"best_history": {"loss": (0.75, 0.32, 0.27), "accuracy": (0.816, 0.90, 0.92), "val_accuracy": (0.90, 0.91, 0.92)}}
CALIBRATION = Calibration({"best_history": {"accuracy": (0.79, 0.84)}}, {"best_history": 0.4})


def _model(visible: float = 0.93, hidden: float = 0.92, examples: int = 10_000, trainable: int = 7_960) -> ModelMeasures:
    return ModelMeasures(visible, examples, hidden, examples, 7_960, trainable)


def _kinds(**changes: Any) -> list[str]:
    given = {"histories": HONEST, "models": {"best": _model()}, "cpu_s": 5.0, "epoch_limit": 40, "examples": 60_000}
    return [flag.kind for flag in signals(**{"calibration": CALIBRATION, **given, **changes})]


def test_an_honest_submission_has_no_signal() -> None:
    assert _kinds() == []
    assert _kinds(histories={}, models={}, cpu_s=0.0) == []


@pytest.mark.parametrize(
    ("visible", "hidden", "examples", "flagged"),
    [(0.99, 0.92, 10_000, True), (0.925, 0.91, 10_000, False), (0.97, 0.90, 300, False), (1.0, 0.90, 300, True), (0.90, 0.99, 300, False)],
)
def test_visible_accuracy_far_above_hidden(visible: float, hidden: float, examples: int, flagged: bool) -> None:
    """Few examples leave more to chance."""
    assert ("visible_above_hidden" in _kinds(models={"best": _model(visible, hidden, examples)})) == flagged


def test_perfect_on_both_parts_is_not_far_apart() -> None:
    assert _kinds(models={"best": _model(1.0, 1.0)}) == []


@pytest.mark.parametrize(
    ("loss", "flagged"),
    [
        ((2.3025850, 2.3025849, 2.3025851), True),  # what the order of additions does to weights that stand still
        ((2.3026, 2.3021, 2.3017), False),  # small steps are steps
        ((2.3, 2.3), False),
        ((0.0, 0.0, 0.0), False),  # nothing left to learn
        ((None, None, None), False),  # NaN
        ((), False),
    ],
)
def test_weights_that_do_not_change(loss: tuple[float | None, ...], flagged: bool) -> None:
    assert ("weights_unchanged" in _kinds(histories={"h": {"loss": loss}})) == flagged


def test_a_model_that_cannot_be_trained() -> None:
    assert _kinds(models={"best": _model(trainable=0)}) == ["weights_unchanged"]
    assert _kinds(models={"best": _model(trainable=110)}) == []  # a frozen base with a head of its own


def test_training_time_too_short_for_its_epochs() -> None:
    long = {"best_history": {"accuracy": (0.8,) * 40}}
    assert _kinds(histories=long, cpu_s=3.9) == ["too_fast"]  # a quarter of 40 calibrated epochs is 4 s
    assert _kinds(histories=long, cpu_s=4.1) == []
    assert _kinds(histories=long, cpu_s=0.5, calibration=Calibration()) == ["too_fast"]
    assert _kinds(histories=long, cpu_s=0.6, calibration=Calibration()) == []


def test_a_loss_kept_for_each_batch_is_no_count_of_epochs() -> None:
    steps = {"steps": {"loss": tuple(1 / step for step in range(1, 5_000))}}
    assert _kinds(histories=steps, cpu_s=0.5) == []


def test_more_epochs_than_the_limit() -> None:
    long = {"best_history": {"val_accuracy": (0.8,) * 41}}
    assert _kinds(histories=long, cpu_s=60.0) == ["beyond_epoch_limit"]
    assert _kinds(histories=long, cpu_s=60.0, epoch_limit=None) == []


def test_accuracy_after_the_first_epoch_above_the_references_band() -> None:
    def first(value: float | None) -> list[str]:
        return _kinds(histories={"best_history": {"loss": (1.0, 0.5), "accuracy": (value, 0.96)}})

    assert first(0.95) == ["early_accuracy"]
    assert first(0.88) == []  # as far above the band as the band is wide
    assert first(None) == []
    assert _kinds(histories={"other": {"accuracy": (0.95,)}}) == []


def test_details_name_no_times_so_that_they_stay_the_same() -> None:
    odd = {"best_history": {"loss": (2.3,) * 41, "accuracy": (0.99,) * 41}}
    models = {"best": _model(0.99, 0.9)}
    found = [signals(odd, models, cpu_s, 40, 60_000, CALIBRATION) for cpu_s in (0.1, 0.2)]
    assert found[0] == found[1]
    assert {flag.kind for flag in found[0]} == KINDS


def test_a_calibration_is_read_by_profile(tmp_path: Path) -> None:
    assert read_calibration(tmp_path, "full") == Calibration()
    content = {"seeds": 20, "profiles": {"full": {"first_epoch": {"h": {"accuracy": [0.79, 0.84]}}, "epoch_cpu_s": {"h": 0.4}, "x": 1}}}
    (tmp_path / "calibration.json").write_text(json.dumps(content))
    assert read_calibration(tmp_path, "full") == Calibration({"h": {"accuracy": (0.79, 0.84)}}, {"h": 0.4})
    assert read_calibration(tmp_path, "smoke") == Calibration()


@pytest.mark.parametrize("content", ["", "[]", '{"profiles": {"full": {"epoch_cpu_s": {"h": "fast"}}}}'])
def test_a_malformed_calibration_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(UsageError, match=r"calibration\.json' cannot be read"):
        read_calibration(tmp_path, "full")


def test_every_flag_is_explained_to_instructors() -> None:
    root = Path(__file__).parents[2]
    sources = "".join(file.read_text(encoding="utf-8") for file in (root / "autograder").rglob("*.py"))
    kinds = set(re.findall(r"\bFlag\(\s*\"(\w+)\"", sources))
    table = re.findall(r"(?m)^\| (`.*?`) \|", (root / "docs/instructors.md").read_text(encoding="utf-8"))
    assert kinds - set(re.findall(r"`(\w+)`", " ".join(table))) == set()
    assert kinds >= KINDS
