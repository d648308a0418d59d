"""Writes `autograded/<student>/<assignment>/`, where nbgrader's formgrader and `generate_feedback` look.

Both find a cell's grade and comment by the `grade_id` in its nbgrader metadata, so the notebook needs the metadata of the
release version in exactly the cells that the release has, and none in cells that a student added.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.course.notebook import nbgrader_of
from autograder.course.paths import CoursePaths
from autograder.files import write_atomic

_TIMESTAMP = "timestamp.txt"


def write_autograded(paths: CoursePaths, student: str, assignment: str, notebook: bytes, submitted_at: str | None) -> Path:
    """Writes the executed notebook and the submission's time, each only where it changed; returns the notebook's path.

    nbgrader calls a submission graded when this time is not older than the one in the submitted folder. So it is that of the
    submission which was graded, whatever has been submitted since.
    """
    folder = paths.autograded(student, assignment)
    target = folder / f"{assignment}.ipynb"
    _write_changed(target, notebook)
    if submitted_at is None:
        (folder / _TIMESTAMP).unlink(missing_ok=True)
    else:
        _write_changed(folder / _TIMESTAMP, f"{datetime.fromisoformat(submitted_at):%Y-%m-%d %H:%M:%S.%f} UTC".encode())
    return target


def _write_changed(path: Path, content: bytes) -> None:
    try:
        if path.stat().st_size == len(content) and path.read_bytes() == content:
            return
    except OSError:
        pass  # not there, or not readable: it is replaced
    write_atomic(path, content)


def unanswered(notebook: dict[str, Any], release: dict[str, Any]) -> frozenset[str]:
    """Grade ids of the solution cells whose source is still the released one."""
    released = _solutions(release)
    return frozenset(name for name, source in _solutions(notebook).items() if source == released.get(name))


def _solutions(notebook: dict[str, Any]) -> dict[str, str]:
    """Sources of the solution cells by grade id."""
    cells = [(nbgrader_of(cell), cell) for cell in notebook["cells"]]
    return {str(nbgrader["grade_id"]): "".join(cell["source"]) for nbgrader, cell in cells if nbgrader.get("solution")}
