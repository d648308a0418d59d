"""From runs to figures, thresholds and the file, without executing anything."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from autograder.cli.calibrate import beside, print_figures, sentences, together
from autograder.course.calibration import Calibration, calibration_file, read_allowed, read_calibration
from autograder.course.settings import Curve
from autograder.course.stakes import Stake
from autograder.errors import UsageError
from autograder.grading.audit import read_spreads
from autograder.grading.signals import early_accuracy, too_fast
from autograder.quality.calibrating import SeedRun
from autograder.quality.calibration import calibrate, write_file
from autograder.quality.calibration_plot import plot
from autograder.quality.figures import ProfileCalibration
from autograder.quality.lapses import Lapse
from autograder.quality.luck import SHARE
from autograder.records import RunReference, Usage
from tests.feedback.samples import record

EASY, HARD = Curve({0.80: 0, 0.88: 1}), Curve({0.85: 0, 0.94: 1})


def seed_run(variant: str, seed: int, value: float | None, metric: str = "test_accuracy", **changes: Any) -> SeedRun:
    known = record(
        student=f"{variant}.{seed + 1}", runs=(RunReference(f"{variant}{seed}", seed, True),), usage=Usage(student_cpu_s=8.0 + seed)
    )
    history = {"accuracy": (0.5 + seed / 100, 0.8), "loss": (2.0, 1.0), "val_accuracy": (None, 0.7)}
    return replace(SeedRun(variant, known, True, {metric: value}, {}, {"history": history}), **changes)


def luck(runs: int, mean: float = 0.93, spread: float = 0.005) -> list[float]:
    """Values of exactly this mean and about this spread, as normal as so many values can be."""
    return list(mean + spread * norm.ppf((np.arange(runs) + 0.5) / runs))


def measured(
    runs: int = 20, curve: Curve = EASY, points: float = 10, spread: float = 0.005, extra: list[SeedRun] | None = None
) -> ProfileCalibration:
    found = [seed_run("reference", seed, value) for seed, value in enumerate(luck(runs, spread=spread))]
    stakes = [Stake("test_accuracy", points, curve)]
    return calibrate("first", "full", stakes, [*found, *(extra or [])], runs, "CPU, 1 thread", {"keras": "3.15.1"})


def test_an_easy_curve_costs_nobody_a_point() -> None:
    found = measured()
    figures = found.metrics["test_accuracy"]
    assert (figures.n, figures.mean, figures.provisional, figures.tight) == (20, pytest.approx(0.93), False, False)
    assert figures.spread == pytest.approx(np.std(luck(20), ddof=1))
    assert figures.one_point_at == pytest.approx(0.872)
    assert figures.loses_once is not None
    assert figures.loses_once < 1e-6
    assert figures.loses_after_reruns == figures.loses_once
    assert found.unlucky is not None
    assert found.unlucky < 0.001
    assert figures.noise is not None
    assert figures.one_point_limit is not None
    assert figures.noise < figures.one_point_limit < 0.93
    assert "at most" in together(found)


def test_a_curve_within_the_luck_of_training_is_tight_and_another_is_suggested() -> None:
    found = measured(curve=HARD)
    figures = found.metrics["test_accuracy"]
    assert figures.tight
    assert figures.loses_once is not None
    assert figures.loses_once > 0.5
    assert found.unlucky is not None
    assert found.unlucky > 0.5
    assert figures.suggested is not None
    moved = figures.suggested - HARD.full_at()
    again = measured(curve=Curve({metric + moved: fraction for metric, fraction in HARD.points.items()}))
    assert not again.metrics["test_accuracy"].tight
    assert again.unlucky is not None
    assert again.unlucky <= 400 * SHARE * (1 + 1e-6)
    said = " ".join(sentences("test_accuracy", figures))
    assert (
        f"tighter than luck allows: it may take one point at {figures.one_point_limit:.4g} and give all from {figures.suggested:g}." in said
    )


@pytest.mark.parametrize(("runs", "suggests", "provisional"), [(2, False, True), (9, False, True), (10, True, True), (20, True, False)])
def test_few_runs_suggest_nothing_and_some_provisionally(runs: int, suggests: bool, provisional: bool) -> None:
    found = measured(runs)
    figures = found.metrics["test_accuracy"]
    assert figures.provisional is provisional
    for value in (figures.suggested, figures.noise, figures.one_point_limit, found.unlucky):
        assert (value is not None) is suggests
    said = " ".join(sentences("test_accuracy", figures))
    assert ("say too little" in said) is not suggests
    assert ("(provisional)" in said) is (suggests and provisional)


def test_the_worst_right_solution_decides() -> None:
    alone = measured().metrics["test_accuracy"]
    figures = measured(extra=[seed_run("other", seed, value) for seed, value in enumerate(luck(20, 0.91, 0.008))]).metrics["test_accuracy"]
    assert list(figures.solutions) == ["reference", "other"]
    assert (figures.mean, figures.spread) == (figures.solutions["other"].mean, figures.solutions["other"].spread)
    assert figures.solutions["reference"].loses_once == alone.loses_once
    assert figures.loses_once == figures.solutions["other"].loses_once
    assert figures.noise is not None
    assert alone.noise is not None
    assert figures.noise < alone.noise


def test_nothing_is_suggested_above_a_run_that_was_seen() -> None:
    far = [seed_run("reference", 20 + seed, 0.90) for seed in range(1)]
    figures = measured(extra=far).metrics["test_accuracy"]
    assert figures.one_point_limit is not None
    assert figures.one_point_limit <= 0.90


def test_a_falling_metric_is_the_mirror_image() -> None:
    values = luck(20)
    falling = Stake("error", 10, Curve({0.12: 1, 0.20: 0}))
    runs = [seed_run("reference", seed, 1 - value, "error") for seed, value in enumerate(values)]
    figures = calibrate("first", "full", [falling], runs, 20, "CPU", {}).metrics["error"]
    mirror = measured().metrics["test_accuracy"]
    assert figures.loses_once == pytest.approx(mirror.loses_once)
    for mine, other in ((figures.noise, mirror.noise), (figures.one_point_limit, mirror.one_point_limit), (figures.mean, mirror.mean)):
        assert mine is not None
        assert other is not None
        assert mine == pytest.approx(1 - other)
    assert figures.suggested is not None
    assert mirror.suggested is not None
    assert figures.suggested == pytest.approx(1 - mirror.suggested)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"as_expected": False, "record": record(student="reference.21", outcome="timed_out", reason="over 60 s")},
            "timed_out, ok (over 60 s)",
        ),
        ({"measured": {"test_accuracy": None}}, "reference, seed 20: test_accuracy is not a number"),
    ],
)
def test_a_run_without_a_result_is_named_and_nothing_is_suggested(changes: dict[str, Any], said: str) -> None:
    found = measured(extra=[replace(seed_run("reference", 20, 0.93), **changes)])
    assert len(found.failures) == 1
    assert said in found.failures[0]
    figures = found.metrics["test_accuracy"]
    assert (figures.n, figures.suggested, figures.noise, figures.one_point_limit) == (20, None, None, None)
    assert figures.loses_once is not None


def test_points_lost_beside_the_curves_are_told_with_seed_and_test_and_no_threshold_is_suggested() -> None:
    fell = Lapse("test_rising", "It fell.")
    unlucky = [replace(seed_run("reference", 20 + seed, 0.93), lapses={"rising": (fell,)}) for seed in range(2)]
    found = measured(extra=unlucky)
    figures = found.metrics["test_accuracy"]
    assert figures.suggested is None
    assert figures.noise is not None  # what luck does to the metric is known all the same
    assert figures.one_point_limit is not None
    assert "lost points beside the curves, so there is no suggestion" in sentences("test_accuracy", figures)[-1]
    first, line = beside(found)
    assert first.startswith("Beside the curves 2 of 22 runs lost points; with 95% confidence at most 25.9% of such runs do.")
    assert line == "'rising', test_rising: 2 of 2 runs (reference, seed 20; reference, seed 21): It fell."
    written = found.as_json()["beside_curves"]
    assert (written["runs"], written["lost"]) == (22, 2)
    assert written["cells"]["rising"]["tests"][0]["runs"] == ("reference, seed 20", "reference, seed 21")


def test_where_nothing_is_lost_beside_the_curves_the_runs_say_how_much_that_is_worth() -> None:
    (line,) = beside(measured())
    assert line.startswith("Beside the curves none of 20 runs lost points; with 95% confidence at most 13.9% of such runs do.")


def test_how_sure_the_sum_of_several_bounds_is() -> None:
    assert "; 0.1 is its part of the 0.5 that 5 assignments may have. That holds with 95%." in together(measured())
    runs = [replace(seed_run("reference", seed, value), measured={"one": value, "other": value}) for seed, value in enumerate(luck(20))]
    found = calibrate("first", "full", [Stake(metric, 10, EASY, 0.5) for metric in ("one", "other")], runs, 20, "CPU", {})
    assert "It is the sum of 2 bounds: each of them holds with 95%, so all of them with 90% at least." in together(found)


def test_a_solution_that_does_not_answer_the_cell_is_left_out_of_its_metric() -> None:
    found = measured(extra=[replace(seed_run("other", seed, None), measured={}) for seed in range(20)])
    assert (list(found.metrics["test_accuracy"].solutions), found.failures) == (["reference"], ())


def test_one_point_or_less_cannot_be_lost_by_more() -> None:
    figures = measured(points=1, curve=HARD).metrics["test_accuracy"]
    assert (figures.one_point_at, figures.loses_once, figures.tight, figures.suggested) == (None, 0.0, False, None)
    assert "no more points follow from it than luck may take" in sentences("test_accuracy", figures)[-1]


def test_values_that_are_not_normal_are_said() -> None:
    runs = [seed_run("reference", seed, 0.93 if seed % 7 else 0.6) for seed in range(20)]
    figures = calibrate("first", "full", [Stake("test_accuracy", 10, EASY)], runs, 20, "CPU", {}).metrics["test_accuracy"]
    assert not figures.normal
    assert any("Not normal: reference." in line for line in sentences("test_accuracy", figures))
    assert not any("Not normal" in line for line in sentences("test_accuracy", measured().metrics["test_accuracy"]))


def test_single_examples_make_the_bound_larger() -> None:
    random = np.random.default_rng(0)
    answers = [(random.random(300) < 0.93).astype(float) for _ in range(20)]
    plain = [seed_run("reference", seed, float(each.mean())) for seed, each in enumerate(answers)]
    known = [replace(run, scores={"test_accuracy": (each, False)}) for run, each in zip(plain, answers, strict=True)]
    stake = [Stake("test_accuracy", 10, EASY)]
    with_part, without = (calibrate("a", "full", stake, runs, 20, "CPU", {}).metrics["test_accuracy"] for runs in (known, plain))
    assert without.hidden_spread is None
    assert with_part.hidden_spread is not None
    assert with_part.loses_once is not None
    assert without.loses_once is not None
    assert with_part.loses_once > without.loses_once
    assert any("is not known" in line for line in sentences("test_accuracy", without))
    one_missing = [*known[:-1], plain[-1]]
    assert calibrate("a", "full", stake, one_missing, 20, "CPU", {}).metrics["test_accuracy"].hidden_spread is None


# --- the file and its readers ------------------------------------------------------------------------------------------


def test_what_is_written_is_what_the_readers_read(tmp_path: Path) -> None:
    written = measured()
    figures = written.metrics["test_accuracy"]
    write_file(tmp_path, written)
    assert read_spreads(calibration_file(tmp_path), "full", ["test_accuracy"])["test_accuracy"].source == "calibration"
    assert read_spreads(calibration_file(tmp_path), "full", ["test_accuracy"])["test_accuracy"].value == pytest.approx(figures.spread, 1e-5)
    read = read_calibration(tmp_path, "full")
    assert read.first_epoch == {"history": {"accuracy": (0.5, pytest.approx(0.69))}}  # of losses, more is not better
    assert read.epoch_cpu_s == {"history": 4.0}  # the least: 8 s for 2 epochs
    assert read.noise == {"test_accuracy": pytest.approx(figures.noise, 1e-5)}
    allowed = read_allowed(tmp_path)["full"]
    assert allowed.versions == {"keras": "3.15.1"}
    assert allowed.one_point == {"test_accuracy": pytest.approx(figures.one_point_limit, 1e-5)}
    assert read_calibration(tmp_path, "smoke") == Calibration()


def test_the_signals_take_the_bands_as_they_are_written(tmp_path: Path) -> None:
    write_file(tmp_path, measured())
    read = read_calibration(tmp_path, "full")
    honest, early = {"history": {"accuracy": (0.7, 0.9)}}, {"history": {"accuracy": (0.95, 0.96)}}
    assert list(early_accuracy(honest, read.first_epoch)) == []
    assert [flag.kind for flag in early_accuracy(early, read.first_epoch)] == ["early_accuracy"]
    assert list(too_fast(honest, 2.1, 100, read.epoch_cpu_s)) == []  # two epochs at a quarter of 4 s
    assert [flag.kind for flag in too_fast(honest, 1.9, 100, read.epoch_cpu_s)] == ["too_fast"]


def test_a_profile_is_written_beside_the_others(tmp_path: Path) -> None:
    write_file(tmp_path, replace(measured(), profile="smoke"))
    before = json.loads(calibration_file(tmp_path).read_text())["profiles"]["smoke"]
    write_file(tmp_path, measured(10))
    whole = json.loads(calibration_file(tmp_path).read_text())
    assert (whole["schema"], whole["assignment"], sorted(whole["profiles"])) == (1, "first", ["full", "smoke"])
    assert whole["profiles"]["smoke"] == before
    assert whole["profiles"]["full"]["test_accuracy"]["provisional"] is True
    assert [path.name for path in tmp_path.iterdir()] == ["calibration.json"]


def test_a_file_that_is_none_is_left_alone(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"profiles": []}'):
        calibration_file(tmp_path).write_text(text)
        with pytest.raises(UsageError, match="is no calibration file"):
            write_file(tmp_path, measured())
        assert calibration_file(tmp_path).read_text() == text


def test_a_metric_may_not_have_the_name_of_something_else() -> None:
    runs = [seed_run("reference", seed, value, "noise") for seed, value in enumerate(luck(10))]
    found = calibrate("first", "full", [Stake("noise", 10, EASY)], runs, 10, "CPU", {})
    with pytest.raises(UsageError, match="'noise' has a name"):
        found.as_json()


def test_the_figures_fit_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    print_figures(measured(extra=[seed_run("functional_api", seed, value) for seed, value in enumerate(luck(20, 0.91))]))
    said = capsys.readouterr().err
    for cell in ("functional_api", "0.9300 ± 0.0050", "0.9100 ± 0.0050", "1.00", "0.9002"):
        assert cell in said
    assert "…" not in said
    assert "one-sided normal tolerance bound" in said
    assert "Of 400 correct submissions, at most" in said


def test_the_plot_is_a_picture_and_always_the_same() -> None:
    found = measured(extra=[seed_run("other", seed, value) for seed, value in enumerate(luck(20, 0.91))])
    assert plot(found) == plot(found)
    assert plot(found).startswith(b"\x89PNG")
    assert plot(found) != plot(measured())
