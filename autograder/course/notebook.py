"""What a source or release notebook declares: its grade cells, their points, and who grades them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import UsageError


@dataclass(frozen=True)
class GradeCellSpec:
    """One cell with points. `manual`: a person grades it, because the answer is text or free code.

    `extra`: its points come on top of the assignment's. nbgrader counts such a cell with 0 points, so that its maximum stays what it is.
    """

    grade_id: str
    points: float
    manual: bool
    extra: bool = False


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
            extra = extra_credit_of(cell)
            points = float(found.get("points") or 0) if extra is None else extra
            cells.append(GradeCellSpec(str(found.get("grade_id", "")), points, manual, extra is not None))
    return tuple(cells)


def extra_credit_of(cell: dict[str, Any]) -> float | None:
    """Points of extra credit, which a cell's metadata declares as `{"autograder": {"extra_credit": 4}}`; None for a cell without.

    What is no number counts as 0, and `check` says so.
    """
    own = cell.get("metadata", {}).get("autograder", {})
    found = own.get("extra_credit") if isinstance(own, dict) else None
    if found is None:
        return None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found) else 0.0
