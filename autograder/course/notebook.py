"""What a source or release notebook declares: its grade cells, their points, and who grades them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import UsageError


@dataclass(frozen=True)
class GradeCellSpec:
    """One cell with points. `manual`: a person grades it, because the answer is text or free code."""

    grade_id: str
    points: float
    manual: bool


def read_notebook(path: Path) -> dict[str, Any]:
    """A notebook of the instructor's as nbformat 4 JSON with joined sources. Raises UsageError when it is none."""
    try:
        notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])
            cell.setdefault("metadata", {})
    except FileNotFoundError:
        raise UsageError(f"The notebook '{path}' does not exist.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"'{path}' is no notebook of format 4: {type(error).__name__}: {error}", "Save it again in JupyterLab.") from None
    return notebook


def nbgrader_of(cell: dict[str, Any]) -> dict[str, Any]:
    """nbgrader's metadata of a cell; empty when it has none."""
    found = cell.get("metadata", {}).get("nbgrader", {})
    return found if isinstance(found, dict) else {}


def grade_cells(notebook: dict[str, Any]) -> tuple[GradeCellSpec, ...]:
    """Every cell with points, in order: graded cells, and nbgrader's manually graded tasks."""
    cells = []
    for cell in notebook["cells"]:
        found = nbgrader_of(cell)
        if found.get("grade") or found.get("task"):
            manual = bool(found.get("solution") or found.get("task"))
            cells.append(GradeCellSpec(str(found.get("grade_id", "")), float(found.get("points") or 0), manual))
    return tuple(cells)
