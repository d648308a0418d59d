"""A course of one assignment, as small as nbgrader allows, and records of its submissions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.course.paths import CoursePaths
from autograder.gradebook.session import open_gradebook
from autograder.gradebook.writing import GradebookSummary, write_records
from autograder.records import GradeCell, Isolation, Record, Seconds, Usage

ASSIGNMENT, OTHER, COURSE = "tiny", "other", "tiny-course"
CONFIG = f"""
from autograder import Assignment, Course, Dataset, Profile, load_digits
course = Course(
    id={COURSE!r}, title="Tiny", timezone="UTC",
    datasets=[Dataset("digits", load=load_digits, answers="keras.datasets.mnist", sizes=(1_197, 300, 300))],
    assignments=[
        Assignment(each, profiles={{name: Profile(dataset="digits") for name in ("smoke", "full")}}) for each in {(ASSIGNMENT, OTHER)!r}
    ],
)
"""
SOLUTION = "weights = 28 * 28 + 1  # and a bias"


def marked(cell: Any, grade_id: str, *, solution: bool = False, points: float | None = None, locked: bool = False) -> Any:
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": points is not None,
        "solution": solution,
        "locked": locked,
        "task": False,
    } | ({} if points is None else {"points": points})
    return cell


def source_notebook(*extra: Any) -> Any:
    """Solution cell, its grade cell, a manual answer, a visible cell; `extra` cells come last."""
    cells = [
        new_markdown_cell("# Units\nHow many weights has a unit?"),
        new_code_cell("import math\nbatch = 32"),
        marked(new_code_cell(f"### BEGIN SOLUTION\n{SOLUTION}\nbatch = 32\n### END SOLUTION\nprint(weights)"), "units", solution=True),
        marked(new_code_cell("graded_later('units')"), "units_test", points=4, locked=True),
        marked(new_markdown_cell("Because every input has a weight."), "why", solution=True, points=2),
        *extra,
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def write_source(root: Path, notebook: Any, assignment: str = ASSIGNMENT) -> CoursePaths:
    paths = CoursePaths(root)
    folder = paths.source / assignment
    folder.mkdir(parents=True, exist_ok=True)
    (root / "grading_config.py").write_text(CONFIG)
    nbformat.write(notebook, paths.source_notebook(assignment))
    return paths


def write_gradebook(url: str, records: Sequence[Record], unanswered: Mapping[str, Iterable[str]] | None = None) -> GradebookSummary:
    """One batch of records into the gradebook at a URL."""
    with open_gradebook(url) as gradebook:
        return write_records(gradebook, records, unanswered)


def submitted_notebook(paths: CoursePaths, answer: str = "weights = 785") -> dict[str, Any]:
    """The release version with an answer in the solution cell, and its output."""
    notebook: dict[str, Any] = json.loads(paths.release_notebook(ASSIGNMENT).read_text())
    cell = notebook["cells"][2]
    cell["source"], cell["execution_count"] = [answer], 1
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["785\n"]}]
    return notebook


def record(score: float | None = 4.0, student: str = "ana", submitted_at: str | None = "2027-02-10T18:00:00", **changes: Any) -> Record:
    cells = (GradeCell("units_test", score, 4.0, manual=False), GradeCell("why", None, 2.0, manual=True))
    known: dict[str, Any] = {
        "assignment": ASSIGNMENT,
        "student": student,
        "submission_id": "0" * 16,
        "attempt": 1,
        "notebook": ASSIGNMENT,
        "submitted_at": submitted_at,
        "received_at": "2027-02-10T18:00:01",
        "profile": "full",
        "runs": (),
        "grade_key": "",
        "context": "",
        "outcome": "completed",
        "reason": "",
        "grading": "ok",
        "grading_reason": "",
        "score": score,
        "max_score": 4.0,
        "grade_cells": cells,
        "flags": (),
        "first_error": None,
        "isolation": Isolation(2),
        "usage": Usage(),
        "seconds": Seconds(),
        "versions": {},
    }
    return Record(**(known | changes))
