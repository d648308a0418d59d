"""Whatever a notebook hands in for a number with which shipped graders calculate is the student's mistake, never the grader's error."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autograder.grading.fixtures import Sample

GRADERS = Path(__file__).parents[2] / "graders"
ROWS_OF_NO_NETWORK = [{"optimizer": [], "steps": "1", "accuracy": 1}, {"optimizer": np.arange(3), "steps": 118, "accuracy": 1}]
ODD = [
    None,
    "200",
    True,
    [],
    [200],
    {},
    {"steps": 1},
    [[]],
    [{}],
    *([row] for row in ROWS_OF_NO_NETWORK),
    math.nan,
    1e308,
    10**400,
    -(10**400),
]
ROWS = [np.zeros(()), np.zeros(3), np.zeros((4, 784)), np.zeros((4, 28, 28))]
PROFILE = SimpleNamespace(epoch_limit=None)
CHECKS = {
    "steps of the search": lambda load, value: load("dense_vs_convolutional", "search").expect_steps(
        handed_in(value), "winner_steps", 1, 1.0, PROFILE
    ),
    "steps of the recipe": lambda load, value: load("dense_vs_convolutional", "training").expect_steps(
        handed_in(value), "dense_steps", PROFILE
    ),
    "networks of the search": lambda load, value: load("dense_vs_convolutional", "search").trained_networks(handed_in(value), PROFILE),
    "steps of an epoch": lambda load, value: load(
        "convolutional_digits", "training"
    ).test_an_epoch_goes_through_the_few_images_in_batches_of_fifty(handed_in({"images": 100, "steps": value})),
    "number of images": lambda load, value: load(
        "convolutional_digits", "training"
    ).test_an_epoch_goes_through_the_few_images_in_batches_of_fifty(handed_in({"images": value, "steps": [0.5, 0.5]})),
    "facts": lambda load, value: load("convolutional_digits", "training").fact(handed_in(value), "images", int),
    "difference": lambda load, value: load("convolutional_digits", "training").test_answers_vary_in_training(
        handed_in({"training": value})
    ),
    "optimism": lambda load, value: load("convolutional_digits", "selection").expect_mean(
        value, np.linspace(0, 0.1, 50), 200, "The optimism"
    ),
}


@pytest.fixture
def load(pytestconfig: pytest.Config) -> Any:
    """Imports a file of the shipped graders, whose marks this suite does not know."""
    for mark in ("grade_cell", "hint", "ask", "predict", "visibility"):
        pytestconfig.addinivalue_line("markers", f"{mark}: of the graders")

    def grader(assignment: str, topic: str) -> Any:
        spec = importlib.util.spec_from_file_location(f"{assignment}_{topic}", GRADERS / assignment / f"test_{topic}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return grader


def handed_in(value: Any, rows: np.ndarray[Any, Any] = ROWS[2]) -> Any:
    """A submission in which every value is this one."""
    return SimpleNamespace(value=lambda name: value, sample=lambda name: Sample(rows.shape, rows.dtype, rows, np.arange(0)))


@pytest.mark.parametrize("value", ODD, ids=[f"value {index}" for index in range(len(ODD))])
@pytest.mark.parametrize("check", CHECKS)
def test_what_is_no_number_is_the_students_mistake(load: Any, check: str, value: Any) -> None:
    with pytest.raises(AssertionError):
        CHECKS[check](load, value)


@pytest.mark.parametrize("rows", ROWS, ids=lambda rows: str(rows.shape))
def test_rows_of_any_shape_are_compared(load: Any, rows: np.ndarray[Any, Any]) -> None:
    with pytest.raises(AssertionError):
        load("dense_vs_convolutional", "training").expect_steps(handed_in(10**6, rows), "dense_steps", PROFILE)
