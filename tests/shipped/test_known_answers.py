"""Every known answer of the shipped assignments, executed for real: right ones earn all, wrong ones lose exactly what they say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from autograder.course.loading import load_course
from autograder.quality.variants import build_submission, read_variants
from autograder.records import Record, from_json
from tests.conftest import autograder

ROOT = Path(__file__).parents[2]
ASSIGNMENT = "first_dense_network"
VARIANTS = {variant.name: variant for variant in read_variants(load_course(ROOT)[1], ASSIGNMENT)}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Record]]:
    """The whole class of known answers, on the digits that ship with scikit-learn."""
    root = tmp_path_factory.mktemp("shipped")
    for name in ("grading_config.py", "source_assignments", "graders", "solutions"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, root / name)
    assert autograder(root, "release", ASSIGNMENT).returncode == 0
    _, paths = load_course(root)
    for variant in VARIANTS.values():
        folder = root / "submitted" / variant.name / ASSIGNMENT
        folder.mkdir(parents=True)
        (folder / f"{ASSIGNMENT}.ipynb").write_text(json.dumps(build_submission(paths, ASSIGNMENT, variant)))
    done = autograder(root, "grade", ASSIGNMENT, "--profile", "smoke", "--trust-submissions", "--json", "-")
    assert done.returncode == 0, done.stderr
    return root, {each["student"]: from_json(Record, json.dumps(each)) for each in json.loads(done.stdout)}


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_known_answer_loses_exactly_what_it_says(graded: tuple[Path, dict[str, Record]], name: str) -> None:
    variant, record = VARIANTS[name], graded[1][name]
    lost = {cell.grade_id: round(cell.max_score - (cell.score or 0), 2) for cell in record.grade_cells if not cell.manual}
    failed = [f"{test.name}: {test.message}" for cell in record.grade_cells for test in cell.tests if not test.passed]
    assert {cell: points for cell, points in lost.items() if points} == variant.loses, "\n".join(failed)
    assert (record.outcome, record.grading) == (variant.outcome, "ok")


def test_points_add_up_and_right_answers_earn_them_all(graded: tuple[Path, dict[str, Record]]) -> None:
    record = graded[1]["reference"]
    assert sum(cell.max_score for cell in record.grade_cells) == 100
    assert record.score == record.max_score


@pytest.mark.parametrize("name", sorted(variant.name for variant in VARIANTS.values() if variant.right))
def test_right_answers_raise_no_flag(graded: tuple[Path, dict[str, Record]], name: str) -> None:
    assert graded[1][name].flags == ()


def test_figures_are_in_the_executed_notebook(graded: tuple[Path, dict[str, Record]]) -> None:
    root, records = graded
    notebook = json.loads((root / ".autograder/runs" / records["reference"].runs[0].run_key / "notebook.ipynb").read_text())
    outputs: list[Any] = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
