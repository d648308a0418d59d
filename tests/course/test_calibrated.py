"""`check` says where curves and versions no longer fit what was measured, and where nothing was; a warning is no problem, a file that
cannot be read is one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autograder.course.calibration import training_versions
from autograder.execution.environment import versions
from tests.conftest import autograder


def calibrated(root: Path, one_point: float = 0.70, noise: float | None = 0.60, **packages: str) -> dict[str, Any]:
    """A calibration with the installed versions, but for those given. The tiny course's curve takes a point of 30 at 0.6933."""
    known = {**training_versions(versions("tensorflow")), **packages}
    folder = root / "solutions/tiny"
    folder.mkdir(parents=True, exist_ok=True)
    profile = {"versions": known, "one_point": {"test_accuracy": one_point}, "noise": {"test_accuracy": noise} if noise else {}}
    (folder / "calibration.json").write_text(json.dumps({"profiles": {"smoke": profile}}))
    return profile


def check(root: Path) -> tuple[int, list[dict[str, Any]], str]:
    done = autograder(root, "check", "--json", "-")
    return done.returncode, json.loads(done.stdout), done.stderr


def test_what_fits_is_not_mentioned(tiny: Path) -> None:
    calibrated(tiny)
    assert check(tiny)[:2] == (0, [])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"one_point": 0.69}, "takes a point at 0.6933, its calibration allows that from 0.69 on"),
        ({"keras": "3.13.2"}, "profile 'smoke' was calibrated with keras 3.13.2 (here: "),
        ({"jax": "0.5"}, "jax 0.5 (here: none)"),
        ({"noise": None}, "profile 'smoke' of 'tiny' is not calibrated for 'test_accuracy': a miss that luck explains is not run again"),
    ],
)
def test_what_no_longer_fits_is_a_warning(tiny: Path, changes: dict[str, Any], said: str) -> None:
    calibrated(tiny, **changes)
    status, found, text = check(tiny)
    assert (status, len(found), found[0]["warning"]) == (0, 1, True)
    assert said in found[0]["message"]
    assert "Warning: " in text
    assert "nothing is wrong" in text


def test_a_profile_that_is_no_more_is_a_warning(tiny: Path) -> None:
    profile = calibrated(tiny)
    (tiny / "solutions/tiny/calibration.json").write_text(json.dumps({"profiles": {"smoke": profile, "full": profile}}))
    status, (warning,), _ = check(tiny)
    assert status == 0
    assert "profile 'full' is calibrated, and the assignment does not have it" in warning["message"]


def test_a_curve_without_any_calibration_is_a_warning(tiny: Path) -> None:
    status, (warning,), text = check(tiny)
    assert status == 0
    assert warning["message"] == "profile 'smoke' of 'tiny' is not calibrated: a miss that luck explains is not run again"
    assert "autograder calibrate tiny --profile smoke" in text


def test_only_the_profile_that_students_are_graded_in_must_be_calibrated(tiny: Path) -> None:
    calibrated(tiny)
    config = tiny / "grading_config.py"
    text = config.read_text()
    config.write_text(
        text.replace('profiles={"smoke": ', 'profiles={"full": Profile(dataset="digits", curves=CURVES), "smoke": ').replace(
            "course = Course(", 'CURVES = {"test_accuracy": Curve({0.50: 0, 0.70: 1})}\ncourse = Course('
        )
    )
    assert check(tiny)[:2] == (0, [])
    config.write_text(config.read_text().replace('default_profile="smoke"', 'default_profile="full"'))
    assert [each["message"] for each in check(tiny)[1]] == [
        "profile 'full' of 'tiny' is not calibrated: a miss that luck explains is not run again"
    ]


def test_a_file_that_cannot_be_read_is_a_problem(tiny: Path) -> None:
    calibrated(tiny)
    (tiny / "solutions/tiny/calibration.json").write_text('{"profiles": {"smoke": {"noise": [0.6]}}}')
    status, found, _ = check(tiny)
    assert status == 1
    assert "profiles.smoke.noise: Input should be an object" in found[0]["message"]
    assert "warning" not in found[0]


def test_only_versions_that_training_depends_on_count() -> None:
    known = {"backend": "tensorflow", "keras": "3", "tensorflow": "2", "numpy": "2", "jax": "1", "matplotlib": "3", "autograder": "0.1"}
    assert training_versions(known) == {"backend": "tensorflow", "keras": "3", "tensorflow": "2", "numpy": "2"}
    assert training_versions({**known, "backend": "jax"}) == {"backend": "jax", "keras": "3", "jax": "1", "numpy": "2"}
