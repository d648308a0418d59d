"""Known answers of the shipped assignments: every one of the first, executed by `autograder validate` in the course's own folder, so that
`make validate` does not execute them again; of the others, whose networks take longer, the reference and the blank version.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, build_submission, read_variants
from autograder.records import Record, from_json
from tests.conftest import autograder

ROOT = Path(__file__).parents[2]
COURSE, PATHS = load_course(ROOT)
FIRST, *LATER = [each.id for each in COURSE.assignments]
KNOWN = [variant for variant in read_variants(PATHS, FIRST) if variant.name != "reference"]

Found = dict[str, Any]


@pytest.fixture(scope="module")
def validated() -> Found:
    """What was found of the first assignment; the answers of all kinds by their names."""
    done = autograder(ROOT, "validate", FIRST, "--seeds", "1", "--mutants", "0", "--json", "-")
    assert done.returncode in (0, 1), done.stderr
    (found,) = json.loads(done.stdout)
    return {"blank": found["blank"]} | {answer["name"]: answer for kind in ("reference", "alternatives", "wrong") for answer in found[kind]}


@pytest.mark.parametrize("name", [variant.name for variant in KNOWN])
def test_a_known_answer_comes_out_as_it_says(validated: Found, name: str) -> None:
    assert validated[name]["holds"], validated[name]["message"]


@pytest.mark.parametrize("start", ["seed 0", "seed 0, cold"])
def test_the_reference_earns_all_and_the_blank_version_nothing(validated: Found, start: str) -> None:
    reference, blank = validated[start], validated["blank"]
    assert reference["score"] == reference["max_score"], reference["message"]
    assert (reference["flags"], blank["score"]) == ([], 0), blank["message"]


@pytest.mark.parametrize("name", [variant.name for variant in KNOWN if variant.right])
def test_right_answers_raise_no_flag(validated: Found, name: str) -> None:
    assert validated[name]["flags"] == []


def test_figures_are_in_the_executed_notebook(validated: Found) -> None:
    file = PATHS.state / f"validated/stores/smoke/{FIRST}/warm/runs" / validated["seed 0"]["run"] / "notebook.ipynb"
    assert _figures(file) >= 2


def _figures(notebook: Path) -> int:
    outputs: list[Any] = [output for cell in json.loads(notebook.read_text())["cells"] for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course, to be released and graded."""
    root = tmp_path_factory.mktemp("shipped")
    for name in ("grading_config.py", "source_assignments", "graders", "solutions"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, root / name)
    return root


@pytest.mark.parametrize("assignment", LATER)
def test_a_later_assignments_reference_earns_all_and_its_blank_version_nothing(course: Path, assignment: str) -> None:
    assert autograder(course, "release", assignment).returncode == 0
    paths = load_course(course)[1]
    for name, start in {"reference": "source", "blank": "release"}.items():
        folder = course / "submitted" / name / assignment
        folder.mkdir(parents=True)
        (folder / f"{assignment}.ipynb").write_text(json.dumps(build_submission(paths, assignment, Variant(name, "", True, start=start))))
    done = autograder(course, "grade", assignment, "--profile", "smoke", "--trust-submissions", "--json", "-")
    assert done.returncode == 0, done.stderr
    records = {each["student"]: from_json(Record, json.dumps(each)) for each in json.loads(done.stdout)}
    reference, blank = records["reference"], records["blank"]
    failed = [f"{test.name}: {test.message}" for cell in reference.grade_cells for test in cell.tests if not test.passed]
    assert (reference.outcome, reference.score) == ("completed", reference.max_score), "\n".join(failed)
    assert sum(cell.max_score for cell in reference.grade_cells if not cell.extra) == 100
    assert reference.flags == ()
    assert (blank.grading, blank.score) == ("ok", 0)
    assert _figures(course / ".autograder/runs" / reference.runs[0].run_key / "notebook.ipynb") >= 2
