"""`autograder calibrate` with real kernels, on few runs: through the whole line, resumable, written where it is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from autograder.course.calibration import read_allowed, read_calibration
from tests.conftest import autograder, cell_of, edit_notebook

NEAREST = '''"""Answers with the nearest mean of each class."""

# %% train
import numpy as np

flat = x_train.reshape(-1, 784) / 255
means = np.stack([flat[y_train == digit].mean(axis=0) for digit in range(10)])
model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")])
model.set_weights([means.T, -(means**2).sum(axis=1) / 2])
history = {"accuracy": [0.9], "loss": [0.1]}
'''

LUCKY = '''"""Right with even seeds only."""

# %% write_double
off = seed % 2


def double(n):
    return (2 + off) * n
'''


@pytest.fixture(scope="module")
def calibrated(released_once: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """Two runs of the reference and of one alternative."""
    root = Path(shutil.copytree(released_once, tmp_path_factory.mktemp("calibrate") / "tiny"))
    (root / "solutions/tiny/alternatives").mkdir(parents=True)
    (root / "solutions/tiny/alternatives/nearest.py").write_text(NEAREST)
    (root / ".autograder").mkdir(exist_ok=True)
    (root / ".autograder/seed").write_text("5" * 64)  # of ten hidden parts there is one on which two runs are equally good, by luck
    done = autograder(root, "calibrate", "tiny", "--runs", "2", "--json", "-")
    assert done.returncode == 0, done.stderr
    return root, json.loads(done.stdout), done.stderr


def executions(root: Path) -> dict[str, int]:
    return {file.parent.name: file.stat().st_mtime_ns for file in root.glob(".autograder/calibration/runs/*/run.json")}


def test_every_right_solution_runs_with_every_seed(calibrated: tuple[Path, dict[str, Any], str]) -> None:
    root, found, said = calibrated
    figures = found["test_accuracy"]
    assert {name: each["n"] for name, each in figures["solutions"].items()} == {"nearest": 2, "reference": 2}
    assert figures["solutions"]["nearest"]["spread"] == 0  # it knows no luck
    assert figures["solutions"]["reference"]["spread"] > 0
    assert figures["solutions"]["nearest"]["hidden_spread"] == pytest.approx(0.019, abs=0.008)  # √(0.87 · 0.13 / 300)
    assert figures["points"] == 30
    assert figures["one_point_at"] == pytest.approx(0.6933, abs=1e-4)
    assert (found["device"], found["runs"]) == ("CPU, 1 thread", 2)
    assert (found["beside_curves"]["runs"], found["beside_curves"]["lost"]) == (4, 0)
    assert sorted(found["beside_curves"]["cells"]) == ["accuracy", "counts", "double", "images"]
    assert "Beside the curves none of 4 runs lost points" in said
    assert "2 runs say too little" in said
    assert len(executions(root)) == 4
    assert not (root / ".autograder/records").exists()  # nothing of a class's is touched


def test_the_file_says_the_same_and_its_readers_read_it(calibrated: tuple[Path, dict[str, Any], str]) -> None:
    root, found, _ = calibrated
    folder = root / "solutions/tiny"
    written = json.loads((folder / "calibration.json").read_text())["profiles"]["smoke"]
    assert written["test_accuracy"]["mean"] == pytest.approx(found["test_accuracy"]["mean"], rel=1e-5)
    assert (folder / "calibration.smoke.png").read_bytes().startswith(b"\x89PNG")
    read = read_calibration(folder, "smoke")
    low, high = read.first_epoch["history"]["accuracy"]
    assert 0 < low < high == 0.9
    assert 0 < read.epoch_cpu_s["history"] < 60
    assert read.noise == {}
    assert read_allowed(folder)["smoke"].versions["backend"] == "tensorflow"
    assert autograder(root, "check").returncode == 0


def test_what_is_recorded_is_not_run_again_and_more_runs_add_to_it(calibrated: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    root = Path(shutil.copytree(calibrated[0], tmp_path / "tiny"))
    before = executions(root)
    again = autograder(root, "calibrate", "tiny", "--runs", "2", "--json", "-", "--quiet")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == calibrated[1]
    assert executions(root) == before
    folder = root / "solutions/tiny"
    written = {file.name: file.read_bytes() for file in folder.glob("calibration*")}
    more = autograder(root, "calibrate", "tiny", "--runs", "3", "--variant", "nearest", "--json", "-")
    assert more.returncode == 0, more.stderr
    assert list(json.loads(more.stdout)["test_accuracy"]["solutions"]) == ["nearest"]
    assert "Nothing is written: a calibration is that of all right solutions" in more.stderr
    assert {file.name: file.read_bytes() for file in folder.glob("calibration*")} == written
    after = executions(root)
    assert len(after) == 5
    assert {run: after[run] for run in before} == before


def test_a_right_solution_without_a_result_is_named(calibrated: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    root = Path(shutil.copytree(calibrated[0], tmp_path / "tiny"))
    (root / "solutions/tiny/alternatives/breaks.py").write_text('"""Fails."""\n\n# %% train\nraise RuntimeError("not today")\n')
    done = autograder(root, "calibrate", "tiny", "--runs", "2", "--variant", "breaks", "--variant", "nearest")
    assert done.returncode == 1
    assert "No result: breaks, seed 0: cell_error, ok (train: RuntimeError: not today)" in done.stderr
    assert "no threshold is suggested" in done.stderr
    assert "Traceback" not in done.stderr
    before = executions(root)
    again = autograder(root, "calibrate", "tiny", "--runs", "2", "--variant", "breaks", "--variant", "nearest", "--quiet")
    assert again.returncode == 1
    after = executions(root)
    assert len([run for run in before if after[run] != before[run]]) == 2  # those of the solution that breaks, in case it was the machine


def test_a_check_that_luck_decides_about_is_named_with_its_seed(calibrated: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    root = Path(shutil.copytree(calibrated[0], tmp_path / "tiny"))
    (root / "solutions/tiny/alternatives/lucky.py").write_text(LUCKY)
    done = autograder(root, "calibrate", "tiny", "--runs", "2", "--variant", "lucky")
    assert done.returncode == 1
    assert "Beside the curves 1 of 2 runs lost points" in done.stderr
    assert "test_double: 1 of 2 runs (lucky, seed 1): double(n) is not twice n" in done.stderr
    assert "Right solutions lost points beside the curves: no threshold is suggested" in done.stderr


def test_what_is_missing_is_said_with_its_cure(tiny: Path, calibrated: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    unreleased = autograder(tiny, "calibrate", "tiny")
    assert unreleased.returncode == 2
    assert "Run: autograder release tiny" in unreleased.stderr
    stale = Path(shutil.copytree(calibrated[0], tmp_path / "stale"))
    source = stale / "source_assignments/tiny/tiny.ipynb"
    edit_notebook(source, lambda found: cell_of(found, "write_double")["metadata"]["nbgrader"].update(grade_id="write_twice"))
    done = autograder(stale, "calibrate", "tiny")
    assert done.returncode == 2
    assert "the source notebook has no solution cell 'write_double'" in done.stderr
    assert "Run: autograder release tiny" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--variant", "nobody"), "'nobody' is no right solution of 'tiny'."),
        (("--runs", "1"), "1 is not in the range x>=2"),
        (("--profile", "full"), "Assignment 'tiny' has no profile 'full'."),
    ],
)
def test_wrong_usage_runs_nothing(released: Path, arguments: tuple[str, ...], said: str) -> None:
    done = autograder(released, "calibrate", "tiny", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (released / ".autograder/calibration").exists()
