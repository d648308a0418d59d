"""Every known answer of the shipped assignments, executed for real: right ones earn all, wrong ones lose exactly what they say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from autograder.course.loading import load_course
from autograder.quality.variants import build_submission, read_variants
from autograder.records import Record, from_json
from tests.conftest import autograder

ROOT = Path(__file__).parents[2]
COURSE, PATHS = load_course(ROOT)
ASSIGNMENTS = [assignment.id for assignment in COURSE.assignments]
VARIANTS = {(assignment, variant.name): variant for assignment in ASSIGNMENTS for variant in read_variants(PATHS, assignment)}
RIGHT = [key for key, variant in VARIANTS.items() if variant.right]

Graded = Callable[[str], tuple[Path, dict[str, Record]]]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """Grades the whole class of known answers of an assignment once, on the digits that ship with scikit-learn."""
    root = tmp_path_factory.mktemp("shipped")
    for name in ("grading_config.py", "source_assignments", "graders", "solutions"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, root / name)
    return cache(lambda assignment: (root, _grade(root, assignment)))


def _grade(root: Path, assignment: str) -> dict[str, Record]:
    assert autograder(root, "release", assignment).returncode == 0
    _, paths = load_course(root)
    for (each, name), variant in VARIANTS.items():
        if each == assignment:
            folder = root / "submitted" / name / assignment
            folder.mkdir(parents=True)
            (folder / f"{assignment}.ipynb").write_text(json.dumps(build_submission(paths, assignment, variant)))
    done = autograder(root, "grade", assignment, "--profile", "smoke", "--trust-submissions", "--json", "-")
    assert done.returncode == 0, done.stderr
    return {each["student"]: from_json(Record, json.dumps(each)) for each in json.loads(done.stdout)}


@pytest.mark.parametrize(("assignment", "name"), VARIANTS)
def test_a_known_answer_loses_exactly_what_it_says(graded: Graded, assignment: str, name: str) -> None:
    variant, record = VARIANTS[assignment, name], graded(assignment)[1][name]
    lost = {cell.grade_id: round(cell.max_score - (cell.score or 0), 2) for cell in record.grade_cells if not cell.manual}
    failed = [f"{test.name}: {test.message}" for cell in record.grade_cells for test in cell.tests if not test.passed]
    assert {cell: points for cell, points in lost.items() if points} == variant.loses, "\n".join(failed)
    assert (record.outcome, record.grading) == (variant.outcome, "ok")


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_points_add_up_and_right_answers_earn_them_all(graded: Graded, assignment: str) -> None:
    record = graded(assignment)[1]["reference"]
    assert sum(cell.max_score for cell in record.grade_cells) == 100
    assert record.score == record.max_score


@pytest.mark.parametrize(("assignment", "name"), RIGHT)
def test_right_answers_raise_no_flag(graded: Graded, assignment: str, name: str) -> None:
    assert graded(assignment)[1][name].flags == ()


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_figures_are_in_the_executed_notebook(graded: Graded, assignment: str) -> None:
    root, records = graded(assignment)
    notebook = json.loads((root / ".autograder/runs" / records["reference"].runs[0].run_key / "notebook.ipynb").read_text())
    outputs: list[Any] = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
