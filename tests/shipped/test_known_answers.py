"""Every known answer of the shipped assignments, executed by `autograder validate`: right ones earn all, wrong ones lose what they say.

In the course's own folder, so that `make validate` does not execute them again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autograder.course.loading import load_course
from autograder.quality.variants import read_variants
from tests.conftest import autograder

ROOT = Path(__file__).parents[2]
COURSE, PATHS = load_course(ROOT)
KNOWN = [(each.id, variant) for each in COURSE.assignments for variant in read_variants(PATHS, each.id) if variant.name != "reference"]
RIGHT = [(assignment, variant.name) for assignment, variant in KNOWN if variant.right]

Found = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def validated() -> Found:
    """What was found, by assignment; the answers of all kinds by their names."""
    done = autograder(ROOT, "validate", "--seeds", "1", "--mutants", "0", "--json", "-")
    assert done.returncode in (0, 1), done.stderr
    found = {each["assignment"]: each for each in json.loads(done.stdout)}
    kinds = ("reference", "alternatives", "wrong")
    return {
        name: {"blank": each["blank"]} | {answer["name"]: answer for kind in kinds for answer in each[kind]} for name, each in found.items()
    }


@pytest.mark.parametrize(("assignment", "name"), [(assignment, variant.name) for assignment, variant in KNOWN])
def test_a_known_answer_comes_out_as_it_says(validated: Found, assignment: str, name: str) -> None:
    answer = validated[assignment][name]
    assert answer["holds"], answer["message"]


@pytest.mark.parametrize("assignment", [each.id for each in COURSE.assignments])
@pytest.mark.parametrize("start", ["seed 0", "seed 0, cold"])
def test_the_reference_earns_all_and_the_blank_version_nothing(validated: Found, assignment: str, start: str) -> None:
    reference, blank = validated[assignment][start], validated[assignment]["blank"]
    assert reference["score"] == reference["max_score"], reference["message"]
    assert (reference["flags"], blank["score"]) == ([], 0), blank["message"]


@pytest.mark.parametrize(("assignment", "name"), RIGHT)
def test_right_answers_raise_no_flag(validated: Found, assignment: str, name: str) -> None:
    """But that of classes of their own, which says how they were graded."""
    assert [flag for flag in validated[assignment][name]["flags"] if not flag.startswith("custom_model")] == []


def test_figures_are_in_the_executed_notebook(validated: Found) -> None:
    run = validated["first_dense_network"]["seed 0"]["run"]
    file = PATHS.state / "validated/stores/smoke/first_dense_network/warm/runs" / run / "notebook.ipynb"
    outputs: list[Any] = [output for cell in json.loads(file.read_text())["cells"] for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
