"""What `make validate` found of each assignment and does not judge itself: flags of right answers, figures in executed notebooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autograder.course.loading import load_course
from tests.shipped.figures import figures

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "build/validated.json"

pytestmark = pytest.mark.validated


@pytest.fixture(scope="module")
def validated() -> list[dict[str, Any]]:
    """The result of the last `make validate`, by assignment."""
    found: list[dict[str, Any]] = json.loads(RESULT.read_bytes())
    assert found
    return found


def test_references_raise_no_flag(validated: list[dict[str, Any]]) -> None:
    """With the profile's own seed, as students run it."""
    flags = {each["assignment"]: each["reference"][0]["flags"] for each in validated}
    assert {name: raised for name, raised in flags.items() if raised} == {}


def test_no_right_answer_of_the_first_assignment_raises_one(validated: list[dict[str, Any]]) -> None:
    first = load_course(ROOT)[0].assignments[0].id
    cold = [answer for each in validated if each["assignment"] == first for answer in each["reference"] if answer["name"].endswith("cold")]
    answers = cold + [answer for each in validated if each["assignment"] == first for answer in each["alternatives"]]
    assert {answer["name"]: answer["flags"] for answer in answers if answer["flags"]} == {}


def test_figures_are_in_the_executed_notebooks(validated: list[dict[str, Any]]) -> None:
    stores = ROOT / ".autograder/validated/stores"
    for each in validated:
        run = stores / each["profile"] / each["assignment"] / "warm/runs" / each["reference"][0]["run"]
        assert figures(run / "notebook.ipynb") >= 2, each["assignment"]
