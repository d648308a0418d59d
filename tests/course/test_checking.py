"""Each way in which notebook, graders and configuration can disagree is found, before a student sees any of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import autograder, cell_of, edit_notebook

Notebook = dict[str, Any]


def test_the_sample_course_has_no_problem(tiny: Path) -> None:
    done = autograder(tiny, "check")
    assert (done.returncode, done.stderr) == (0, "1 assignment(s) checked, nothing is wrong.\n")
    assert [line for line in done.stdout.splitlines() if not line.startswith(" ")] == [
        "Warning: solutions/tiny/calibration.json: profile 'smoke' of 'tiny' is not calibrated: a miss that luck explains is not run again"
    ]


def _duplicate(notebook: Notebook) -> None:
    notebook["cells"].append(cell_of(notebook, "seed"))


def _hide_tests(notebook: Notebook) -> None:
    cell_of(notebook, "images")["source"] = "### BEGIN HIDDEN TESTS\nassert True\n### END HIDDEN TESTS"


def _more_points(notebook: Notebook) -> None:
    cell_of(notebook, "images")["metadata"]["nbgrader"]["points"] = 15


def _extra_credit_and_points(notebook: Notebook) -> None:
    cell_of(notebook, "images")["metadata"]["autograder"] = {"extra_credit": 3}


def _extra_credit_that_is_none(notebook: Notebook) -> None:
    cell = cell_of(notebook, "images")
    cell["metadata"]["autograder"], cell["metadata"]["nbgrader"]["points"] = {"extra_credit": "many"}, 0


def _extra_credit_of_a_person(notebook: Notebook) -> None:
    cell_of(notebook, "seed")["metadata"]["autograder"] = {"extra_credit": 3}


def _no_parameters(notebook: Notebook) -> None:
    cell_of(notebook, "parameters")["metadata"]["tags"] = []


def _parameter_missing(notebook: Notebook) -> None:
    cell_of(notebook, "parameters")["source"] = "seed = 1\nepoch_limit = 3\ndataset = 'mnist'"


def _no_seed(notebook: Notebook) -> None:
    cell_of(notebook, "seed")["source"] = "pass"


def _uncovered(notebook: Notebook) -> None:
    cell_of(notebook, "images")["metadata"]["nbgrader"]["grade_id"] = "pictures"


def _not_handed_in(notebook: Notebook) -> None:
    cell_of(notebook, "hand_in_images")["source"] = 'hand_in("images")'


def _without_weights(notebook: Notebook) -> None:
    cell = cell_of(notebook, "hand_in_model")
    cell["source"] = cell["source"].rstrip().removesuffix(")") + ", weights=False)"


def _twice(notebook: Notebook) -> None:
    cell_of(notebook, "seed")["source"] += '\nhand_in(functions=["model"])'


def _other_input(notebook: Notebook) -> None:
    cell = cell_of(notebook, "hand_in_model")
    cell["source"] = cell["source"].replace("784", "28, 28")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_duplicate, ["'seed' stands there 2 times"]),
        (_hide_tests, ["hidden tests", "Move them to graders/"]),
        (_more_points, ["add up to 105, 100 were expected"]),
        (_extra_credit_and_points, ["cell 'images' has extra credit and ", "points of nbgrader's", "Give it 0 points there"]),
        (_extra_credit_that_is_none, ["cell 'images' has extra credit that is no number above 0"]),
        (_extra_credit_of_a_person, ["cell 'seed' has extra credit but no grader scores it"]),
        (_no_parameters, ["0 cells are tagged 'parameters'"]),
        (_parameter_missing, ["does not assign 'sample_limit'"]),
        (_no_seed, ["no locked cell sets the seed"]),
        (_uncovered, ["no grader covers grade cell 'pictures'", "names grade cell 'images', which the notebook does not have"]),
        (_not_handed_in, ["asks 'double', which no locked cell hands in"]),
        (_twice, ["several locked cells hand in 'model'", "Give what one of them hands in another name"]),
        (_without_weights, ["predicts 'model', which is handed in without its weights"]),
        (_other_input, ["with inputs (784,) from 0 to 1, its hand-in cell says inputs (28, 28) from 0 to 1"]),
    ],
)
def test_problems_of_the_notebook(tiny: Path, change: Callable[[Notebook], None], expected: list[str]) -> None:
    edit_notebook(tiny / "source_assignments/tiny/tiny.ipynb", change)
    done = autograder(tiny, "check", "tiny", "--json", "-")
    assert done.returncode == 1
    messages = " ".join(f"{problem['message']} {problem['cure']}" for problem in json.loads(done.stdout))
    for part in expected:
        assert part in messages


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('@pytest.mark.grade_cell("counts")\n', "", "has no @pytest.mark.grade_cell"),
        ('grade_cell("counts")', 'grade_cell("count")', "names grade cell 'count'"),
        ('grade_cell("counts")', 'grade_cell("explain")', "which a person grades"),
        ('grade_cell("counts")', 'grade_cel("counts")', "grade_cel"),
        ('award("test_accuracy"', 'award("accuracy"', "no curve for 'accuracy'"),
        ('"instructor"', '"nobody"', "visibility 'nobody'"),
        ("weight=3", "weight=0", "weight is 0"),
        ('ask("double", [-1])', 'ask("double", [object()])', "an argument of its ask mark"),
        ("import numpy as np", "import nonsense", "nonsense"),
        ("def test_parameters(submission):", "def test_parameters(submission:", "SyntaxError"),
        ("def test_double_of_negative", "def test_double", "too"),
    ],
)
def test_problems_of_the_graders(tiny: Path, old: str, new: str, expected: str) -> None:
    grader = tiny / "graders/tiny/test_tiny.py"
    if "_double_of" in old:  # a second file with a test of the same name
        (grader.parent / "test_more.py").write_text(grader.read_text())
    grader.write_text(grader.read_text().replace(old, new, 1))
    done = autograder(tiny, "check")
    assert done.returncode == 1
    assert expected in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_missing_notebook_and_graders_are_both_named(tiny: Path) -> None:
    (tiny / "source_assignments/tiny/tiny.ipynb").unlink()
    (tiny / "graders/tiny/test_tiny.py").unlink()
    done = autograder(tiny, "check")
    assert done.returncode == 1
    assert "tiny.ipynb' does not exist" in done.stdout
    assert "there is no test in the graders' folder" in done.stdout


def test_a_wrong_configuration_lists_everything_and_exits_with_2(tiny: Path) -> None:
    config = tiny / "grading_config.py"
    config.write_text(config.read_text().replace("title=", "titel=").replace("0.70: 1", "0.70: 3"))
    done = autograder(tiny, "check")
    assert done.returncode == 2
    assert "has 3 problems" in done.stderr
    assert "unknown key 'titel'" in done.stderr
    assert "leave the range" in done.stderr
