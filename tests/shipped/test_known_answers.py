"""Every known answer of the shipped assignments, executed for real: each loses exactly what it says, right ones nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission, read_variants
from autograder.records import Record, from_json
from tests.conftest import autograder

ROOT = Path(__file__).parents[2]
COURSE, PATHS = load_course(ROOT)
ASSIGNMENTS = [assignment.id for assignment in COURSE.assignments]
VARIANTS = {assignment: {variant.name: variant for variant in read_variants(PATHS, assignment)} for assignment in ASSIGNMENTS}


@dataclass(frozen=True)
class Class:
    """The known answers of one assignment, graded."""

    root: Path
    variants: dict[str, Variant]
    records: dict[str, Record]


@pytest.fixture(scope="module")
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Class:
    """The whole class of known answers, on the digits that ship with scikit-learn."""
    assignment: str = request.param
    root = tmp_path_factory.mktemp("shipped")
    for name in ("grading_config.py", "source_assignments", "graders", "solutions"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, root / name)
    assert autograder(root, "release", assignment).returncode == 0
    _, paths = load_course(root)
    for variant in VARIANTS[assignment].values():
        folder = root / "submitted" / variant.name / assignment
        folder.mkdir(parents=True)
        (folder / f"{assignment}.ipynb").write_text(json.dumps(build_submission(paths, assignment, variant)))
    done = autograder(root, "grade", assignment, "--profile", "smoke", "--trust-submissions", "--json", "-")
    assert done.returncode == 0, done.stderr
    return Class(root, VARIANTS[assignment], {each["student"]: from_json(Record, json.dumps(each)) for each in json.loads(done.stdout)})


def each_answer(right_only: bool = False) -> list[tuple[str, str]]:
    """(assignment, name) of known answers; with `right_only`, of those that lose nothing."""
    return [
        (assignment, name)
        for assignment, variants in VARIANTS.items()
        for name, variant in sorted(variants.items())
        if not right_only or (variant.right and not variant.loses)
    ]


@pytest.mark.parametrize(("graded", "name"), each_answer(), indirect=["graded"])
def test_a_known_answer_loses_exactly_what_it_says(graded: Class, name: str) -> None:
    variant, record = graded.variants[name], graded.records[name]
    lost = {cell.grade_id: round(cell.max_score - (cell.score or 0), 2) for cell in record.grade_cells if not cell.manual}
    failed = [f"{test.name}: {test.message}" for cell in record.grade_cells for test in cell.tests if not test.passed]
    assert {cell: points for cell, points in lost.items() if points} == variant.loses, "\n".join(failed)
    assert (record.outcome, record.grading) == (variant.outcome, "ok")


@pytest.mark.parametrize("graded", ASSIGNMENTS, indirect=True)
def test_points_add_up_and_right_answers_earn_them_all(graded: Class) -> None:
    record = graded.records["reference"]
    assert sum(cell.max_score for cell in record.grade_cells) == 100
    assert record.score == record.max_score


@pytest.mark.parametrize(("graded", "name"), each_answer(right_only=True), indirect=["graded"])
def test_right_answers_raise_no_flag(graded: Class, name: str) -> None:
    assert graded.records[name].flags == ()


@pytest.mark.parametrize("graded", ASSIGNMENTS, indirect=True)
def test_figures_are_in_the_executed_notebook(graded: Class) -> None:
    run = graded.root / ".autograder/runs" / graded.records["reference"].runs[0].run_key
    notebook = json.loads((run / "notebook.ipynb").read_text())
    outputs: list[Any] = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
