"""Writes `autograded/<student>/<assignment>/`, where nbgrader's formgrader and `generate_feedback` look.

Both find a cell's grade and comment by the `grade_id` in its nbgrader metadata, so the notebook needs the metadata of the
release version in exactly the cells that the release has, and none in cells that a student added. Checksums are only
compared by `unanswered`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autograder.course.paths import CoursePaths
from autograder.files import read_bounded, write_atomic

_TIMESTAMP = "timestamp.txt"


def write_autograded(paths: CoursePaths, student: str, assignment: str, notebook: dict[str, Any], submitted_folder: Path | None) -> Path:
    """Writes the executed notebook (nbformat 4 JSON) and the submission's timestamp; returns the notebook's path.

    nbgrader calls a submission graded when this timestamp is not older than the submitted one.
    """
    folder = paths.autograded(student, assignment)
    target = folder / f"{assignment}.ipynb"
    write_atomic(target, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    timestamp = _timestamp(submitted_folder)
    if timestamp is None:
        (folder / _TIMESTAMP).unlink(missing_ok=True)
    else:
        write_atomic(folder / _TIMESTAMP, timestamp)
    return target


def _timestamp(submitted_folder: Path | None) -> bytes | None:
    if submitted_folder is None:
        return None
    try:
        return read_bounded(submitted_folder / _TIMESTAMP, 200)
    except (OSError, ValueError):
        return None  # absent, or not what nbgrader writes


def unanswered(notebook: dict[str, Any]) -> frozenset[str]:
    """Grade ids of the solution cells whose source is still the released one, told by nbgrader's checksum."""
    import nbformat
    from nbgrader.utils import compute_checksum, is_solution

    make: Any = nbformat.from_dict
    cells = [make({**cell, "source": "".join(cell["source"])}) for cell in notebook["cells"] if cell.get("metadata", {}).get("nbgrader")]
    return frozenset(
        str(cell.metadata.nbgrader.grade_id)
        for cell in cells
        if is_solution(cell) and cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
    )
