"""Known answers of the first assignment come out as they say: those of which the demo makes a class. `make validate` tries all of all."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course.loading import load_course
from autograder.quality.variants import Variant, read_variants
from autograder.records import Record, from_json
from tests.shipped.figures import figures

COURSE, PATHS = load_course(Path(__file__).parents[2])
FIRST = COURSE.assignments[0].id
SHOWN = {variant.name: variant for variant in read_variants(PATHS, FIRST) if variant.demo}


@pytest.fixture(scope="session")
def graded(demo: tuple[Path, str]) -> dict[str, Record]:
    """The records of the demo's class, by student."""
    records = [from_json(Record, path.read_bytes()) for path in demo[0].glob(f".autograder/records/smoke/{FIRST}/*/*.json")]
    return {record.student: record for record in records}


def failed(record: Record) -> str:
    return "\n".join(f"{test.name}: {test.message}" for cell in record.grade_cells for test in cell.tests if not test.passed)


def test_right_wrong_and_blank_answers_are_in_the_class(graded: dict[str, Record]) -> None:
    assert graded.keys() == SHOWN.keys()
    assert {"reference", "functional_api", "blank"} < SHOWN.keys()


@pytest.mark.parametrize("variant", SHOWN.values(), ids=SHOWN)
def test_a_known_answer_comes_out_as_it_says(graded: dict[str, Record], variant: Variant) -> None:
    record = graded[variant.name]
    assert (record.outcome, record.grading) == (variant.outcome, "ok"), record.reason
    lost = {cell.grade_id: round(cell.max_score - (cell.score or 0), 2) for cell in record.grade_cells if not cell.manual}
    assert {name: points for name, points in lost.items() if points} == variant.loses, failed(record)


def test_the_reference_earns_all_and_the_blank_version_nothing(graded: dict[str, Record]) -> None:
    reference, blank = graded["reference"], graded["blank"]
    assert reference.score == reference.max_score, failed(reference)
    assert sum(cell.max_score for cell in reference.grade_cells if not cell.extra) == 100
    assert blank.score == 0


@pytest.mark.parametrize("name", [variant.name for variant in SHOWN.values() if variant.right])
def test_right_answers_raise_no_flag(graded: dict[str, Record], name: str) -> None:
    assert graded[name].flags == ()


def test_figures_are_in_the_executed_notebook(demo: tuple[Path, str], graded: dict[str, Record]) -> None:
    assert figures(demo[0] / ".autograder/runs" / graded["reference"].runs[0].run_key / "notebook.ipynb") >= 2
