"""A miss that chance explains runs again, at most twice, and the best run counts: the rule, and the rule with real kernels."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from autograder.batch.audit import make_audit_plan
from autograder.batch.plan import Plan, make_plan
from autograder.batch.reruns import missed_by_chance, settle, with_seed
from autograder.batch.store import Store
from autograder.course.calibration import Calibration
from autograder.course.loading import load_course
from autograder.course.settings import Curve
from autograder.quality.variants import Variant, build_submission
from autograder.records import Record, RunReference
from tests.conftest import autograder
from tests.feedback.samples import CURVES, grade_cells, record, unscored

TRUST = "--trust-submissions"
NOISE = {"test_accuracy": 0.87}


# --- the rule -----------------------------------------------------------------------------------------------------------


def graded(index: int, accuracy: float) -> Record:
    return record(grade_cells=grade_cells(accuracy), runs=(RunReference(f"run{index}", index, True),))


def settled(accuracies: list[float], noise: dict[str, float] | None = None) -> tuple[Record, int]:
    """The record of runs with these accuracies, and how many were asked for."""
    asked: list[int] = []

    def run(index: int) -> Record:
        asked.append(index)
        return graded(index, accuracies[index])

    profile = SimpleNamespace(curves=CURVES, seed=0)
    plan = cast(Plan, SimpleNamespace(profile=profile, calibration=Calibration(noise=NOISE if noise is None else noise)))
    found = settle(plan, run)
    assert asked == list(range(len(asked)))
    return found, len(asked)


@pytest.mark.parametrize(
    ("accuracies", "runs", "counted"),
    [
        ([0.92], 1, 0),  # full points
        ([0.90], 1, 0),
        ([0.86], 1, 0),  # further away than chance goes
        ([0.88, 0.91], 2, 1),
        ([0.88, 0.86, 0.91], 3, 2),
        ([0.88, 0.89, 0.87], 3, 1),  # the best counts although it misses too
        ([0.88, 0.85, 0.86], 3, 0),
        ([0.88, 0.88, 0.88], 3, 0),  # of equal ones the first
    ],
)
def test_the_best_of_at_most_three_runs_counts(accuracies: list[float], runs: int, counted: int) -> None:
    found, asked = settled(accuracies)
    assert asked == runs
    assert [(each.run_key, each.seed, each.counted) for each in found.runs] == [
        (f"run{index}", index, index == counted) for index in range(runs)
    ]
    assert replace(found, runs=()) == replace(graded(counted, accuracies[counted]), runs=())


def test_without_a_calibration_nothing_runs_again() -> None:
    assert settled([0.88], noise={})[1] == 1
    assert settled([0.88], noise={"another": 0.5})[1] == 1


@pytest.mark.parametrize(
    ("curve", "reach", "value", "missed"),
    [
        (Curve({0.1: 1, 0.3: 0}), 0.2, 0.15, True),
        (Curve({0.1: 1, 0.3: 0}), 0.2, 0.25, False),
        (Curve({0.1: 1, 0.3: 0}), 0.2, 0.05, False),
        (Curve({0.8: 0, 0.9: 1}), 0.95, 0.85, False),  # chance does not even reach full points
    ],
)
def test_the_band_lies_between_full_points_and_the_reach_of_chance(curve: Curve, reach: float, value: float, missed: bool) -> None:
    known = graded(0, 0.9)
    cell = known.grade_cells[2]
    test = replace(cell.tests[0], measured={"m": value}, fraction=curve(value))
    one = replace(known, grade_cells=(replace(cell, tests=(test,)),))
    assert missed_by_chance(one, {"m": curve}, {"m": reach}) is missed


def test_what_an_assertion_took_is_no_chance() -> None:
    known = graded(0, 0.88)
    cell = known.grade_cells[2]
    failed = replace(known, grade_cells=(replace(cell, tests=(replace(cell.tests[0], fraction=0.0, passed=False),)),))
    assert missed_by_chance(known, CURVES, NOISE)
    assert not missed_by_chance(failed, CURVES, NOISE)
    assert not missed_by_chance(replace(known, grading="grader_error"), CURVES, NOISE)


def test_a_rerun_without_a_score_leaves_the_submission_without_one() -> None:
    """The best of what is there would be a verdict before all the evidence; the same command, or `regrade`, goes on."""
    broken = unscored(grading="grader_error", grading_reason="no such file", runs=(RunReference("run1", 1, True),))
    plan = cast(Plan, SimpleNamespace(profile=SimpleNamespace(curves=CURVES), calibration=Calibration(noise=NOISE)))
    found = settle(plan, lambda index: broken if index else graded(0, 0.88))
    assert (found.score, found.grading) == (None, "grader_error")
    assert [(each.run_key, each.counted) for each in found.runs] == [("run0", False), ("run1", True)]


# --- with real kernels --------------------------------------------------------------------------------------------------

# A classifier without training: the nearest mean of each class. By seed, some classes are never answered.
NEAREST = """
import numpy as np
flat = x_train.reshape(-1, 784) / 255
means = np.stack([flat[y_train == digit].mean(axis=0) for digit in range(10)])
biases = -(means**2).sum(axis=1) / 2
biases[:{never}.get(seed, 0)] = -1e6
model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")])
model.set_weights([means.T, biases])
history = {{"loss": [0.1]}}
print("seed", seed)
"""
STUDENTS = {"lucky": {}, "second": {0: 2}, "third": {0: 2, 1: 3}, "never": {0: 2, 1: 1, 2: 3}, "far": {0: 6}}
CURVE = "Curve({0.50: 0, 0.85: 1})"


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.fixture(scope="module")
def graded_once(released_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of which some miss full points, by more or less than chance does."""
    root = Path(shutil.copytree(released_once, tmp_path_factory.mktemp("reruns") / "tiny"))
    edit(root / "grading_config.py", "Curve({0.50: 0, 0.70: 1})", CURVE)
    _, paths = load_course(root)
    for student, never in STUDENTS.items():
        folder = root / "submitted" / student / "tiny"
        folder.mkdir(parents=True)
        cells = {"train": NEAREST.format(never=never)}
        (folder / "tiny.ipynb").write_text(json.dumps(build_submission(paths, "tiny", Variant(student, "", True, cells=cells))))
    calibrate(root)
    done = autograder(root, "grade", "tiny", TRUST)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def course(graded_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(graded_once, tmp_path / "tiny"))


def calibrate(root: Path) -> None:
    folder = root / "solutions/tiny"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "calibration.json").write_text(json.dumps({"profiles": {"smoke": {"noise": {"test_accuracy": 0.6}}}}))


def records(root: Path) -> dict[str, dict[str, Any]]:
    files = root.glob(".autograder/records/smoke/tiny/*/*.json")
    return {file.parent.name: json.loads(file.read_text()) for file in files}


def verdicts(root: Path) -> dict[str, dict[str, Any]]:
    """The records without what depends on how long something took."""
    keys = ("runs", "context", "outcome", "grading", "score", "grade_cells", "flags", "versions")
    return {student: {key: found[key] for key in keys} for student, found in records(root).items()}


def runs(root: Path) -> dict[str, list[tuple[int, bool]]]:
    return {student: [(run["seed"], run["counted"]) for run in found["runs"]] for student, found in records(root).items()}


def executions(root: Path) -> dict[str, int]:
    return {file.parent.name: file.stat().st_mtime_ns for file in root.glob(".autograder/runs/*/run.json")}


EXPECTED = {
    "lucky": [(0, True)],
    "second": [(0, False), (1, True)],
    "third": [(0, False), (1, False), (2, True)],
    "never": [(0, False), (1, True), (2, False)],
    "far": [(0, True)],
}


def test_each_miss_within_the_noise_runs_again(graded_once: Path) -> None:
    assert runs(graded_once) == EXPECTED
    assert len(executions(graded_once)) == 10
    found = records(graded_once)
    full = found["lucky"]["score"]
    assert found["second"]["score"] == found["third"]["score"] == full
    assert found["far"]["score"] < found["never"]["score"] < full
    counted = found["third"]["runs"][2]["run_key"]
    assert "seed 2" in (graded_once / f".autograder/runs/{counted}/notebook.ipynb").read_text()
    assert "seed 2" in (graded_once / "autograded/third/tiny/tiny.ipynb").read_text()


def test_the_feedback_says_so_to_those_whom_it_concerns(course: Path) -> None:
    assert autograder(course, "feedback", "tiny").returncode == 0
    pages = {student: (course / f"feedback/{student}/tiny/tiny.html").read_text() for student in STUDENTS}
    said = {student: "luck could decide" in page for student, page in pages.items()}
    assert said == {"lucky": False, "second": True, "third": True, "never": True, "far": False}
    assert "ran twice, each time from other random numbers, and the best run counts" in pages["second"]
    assert "ran three times" in pages["third"]


def test_graded_again_nothing_is_executed(course: Path) -> None:
    before = (executions(course), records(course))
    done = autograder(course, "grade", "tiny", TRUST)
    assert done.returncode == 0, done.stderr
    assert (executions(course), records(course)) == before


def test_a_command_that_was_killed_between_two_runs_goes_on_with_the_next(course: Path) -> None:
    """What such a command leaves: the first run and its scoring, no second run, no record."""
    before, expected = executions(course), verdicts(course)
    key = expected["third"]["runs"][1]["run_key"]
    shutil.rmtree(course / f".autograder/runs/{key}")
    shutil.rmtree(course / ".autograder/records/smoke/tiny/third")
    assert autograder(course, "grade", "tiny", TRUST, "--student", "third").returncode == 0
    after = executions(course)
    assert {run for run in after if after[run] != before.get(run)} == {key}
    assert verdicts(course) == expected


def test_regrade_comes_to_the_same_as_grade(course: Path) -> None:
    """With an easier curve the first run is enough; with the old one again, those whose other runs are not at hand need execution."""
    before = verdicts(course)
    edit(course / "grading_config.py", CURVE, "Curve({0.50: 0, 0.62: 1})")
    done = autograder(course, "regrade", "tiny", TRUST)
    assert done.returncode == 0, done.stderr
    assert "0 need(s) execution" in done.stderr
    assert set(map(tuple, runs(course).values())) == {((0, True),)}
    assert "seed 0" in (course / "autograded/third/tiny/tiny.ipynb").read_text()
    edit(course / "grading_config.py", "Curve({0.50: 0, 0.62: 1})", CURVE)
    done = autograder(course, "regrade", "tiny", TRUST)
    assert "third: needs execution (chance explains its miss: it runs again with another seed); keeps 80" in done.stderr
    assert "3 need(s) execution" in done.stderr
    executed = executions(course)
    assert autograder(course, "grade", "tiny", TRUST).returncode == 0
    assert executions(course) == executed  # the runs were there all along
    assert verdicts(course) == before


def test_a_changed_curve_chooses_among_all_runs_without_a_process(course: Path) -> None:
    edit(course / "grading_config.py", CURVE, "Curve({0.50: 0, 0.88: 1})")
    executed = executions(course)
    done = autograder(course, "regrade", "tiny", TRUST)
    assert done.returncode == 0, done.stderr
    assert executions(course) == executed
    found = runs(course)
    assert found["third"][:2] == EXPECTED["third"][:2]
    assert found["never"] == EXPECTED["never"]


def test_a_changed_grader_looks_at_all_runs(course: Path) -> None:
    edit(course / "graders/tiny/test_tiny.py", ".parameters == 7_850", ".parameters == 7_851")
    executed, before = executions(course), records(course)
    done = autograder(course, "regrade", "tiny", TRUST)
    assert done.returncode == 0, done.stderr
    assert (executions(course), runs(course)) == (executed, EXPECTED)
    after = records(course)
    assert all(after[student]["score"] == pytest.approx(before[student]["score"] - 20) for student in STUDENTS)


def test_without_the_calibration_the_first_run_counts(course: Path) -> None:
    (course / "solutions/tiny/calibration.json").unlink()
    executed = executions(course)
    assert autograder(course, "regrade", "tiny", TRUST).returncode == 0
    assert executions(course) == executed
    assert set(map(tuple, runs(course).values())) == {((0, True),)}
    assert records(course)["second"]["score"] < records(course)["lucky"]["score"]


def test_an_audit_runs_nothing_again(course: Path) -> None:
    settings, paths = load_course(course)
    plan = make_plan(settings, paths, "tiny", None, Store(paths.state), None, True, lambda _: None)
    assert plan.calibration.noise
    assert make_audit_plan(settings, plan).permuted.calibration.noise == {}
    assert [with_seed(plan, index).profile.seed for index in range(3)] == [0, 1, 2]
    assert with_seed(plan, 1).context == plan.context
