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


def test_no_right_answer_of_the_first_assignment_raises_one_that_it_does_not_deserve(validated: list[dict[str, Any]]) -> None:
    first = load_course(ROOT)[0].assignments[0].id
    (found,) = (each for each in validated if each["assignment"] == first)
    cold = next(answer for answer in found["reference"] if answer["name"].endswith("cold"))
    flags = {answer["name"]: {flag.partition(":")[0] for flag in answer["flags"]} for answer in (cold, *found["alternatives"])}
    assert {name: raised for name, raised in flags.items() if raised} == {"own_class": {"custom_model"}}


def test_figures_are_in_the_executed_notebooks(validated: list[dict[str, Any]]) -> None:
    stores = ROOT / ".autograder/validated/stores"
    for each in validated:
        run = stores / each["profile"] / each["assignment"] / "warm/runs" / each["reference"][0]["run"]
        assert figures(run / "notebook.ipynb") >= 2, each["assignment"]


def test_whoever_learnt_nothing_reads_more_than_a_number(validated: list[dict[str, Any]]) -> None:
    """Labels in another order than their images: where that costs an accuracy, 0.1 alone does not say what went wrong."""
    mutants = [mutant for each in validated for mutant in each["mutants"]["all"] if mutant["mistake"] == "labels_shuffled"]
    awarding = {mutant["id"]: [each["message"] for each in mutant["noticed"] if "full points" in each["message"]] for mutant in mutants}
    assert any(awarding.values())
    silent = {name for name, messages in awarding.items() if messages and not any("did its loss fall" in message for message in messages)}
    assert silent == set()
