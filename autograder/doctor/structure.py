"""What intake repairs in a notebook, said to the student: intake's flags by kind, with what they mean for points."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from autograder.doctor.code import place_of
from autograder.doctor.finding import Finding, Place, Severity
from autograder.intake.parsing import SubmittedCell
from autograder.intake.restore import grade_id_of, is_locked
from autograder.records import Flag

_AGAIN = "Get the assignment's notebook once more and copy your answers into it."

# kind of flag: (severity, reason, cure).
FLAGS: dict[str, tuple[Severity, str, str]] = {
    "damaged_cells": (
        "costs points", "Some cells of the file are damaged and would be left out, with whatever they hold.",
        "Open it in JupyterLab, look whether all of your work is there, and save it again.",
    ),
    "duplicate_cell": (
        "worth knowing", "This cell stands there more than once. The last one that was changed counts as your answer; the others run too.",
        "Delete the copies that you do not want.",
    ),
    "retyped_cell": (
        "worth knowing", "This cell has another type than it was given with; while grading it has its own again.",
        "Select it and choose the right type in the toolbar, or your own run will differ from the graded one.",
    ),
    "edited_locked_cell": (
        "worth knowing", "This locked cell was changed; while grading it is put back as you were given it.",
        "Put your own lines into a cell of your own. " + _AGAIN,
    ),
    "reordered_cells": (
        "worth knowing", "Cells were moved; while grading they stand in their first order again.",
        "Restart the kernel and run all cells from the top of a fresh copy, to see whether your answers still work in that order.",
    ),
    "wrong_kernel": (
        "worth knowing", "The notebook names another kernel than it was given with; it is graded with the course's own.",
        "Choose the course's kernel (*Kernel → Change Kernel*), run all cells, and save.",
    ),
    "renamed_notebook": (
        "worth knowing", "The notebook has another name than the assignment's. It is found by its cells; of several, "
        "the one with most answers counts.",
        "Rename it before you submit.",
    ),
}  # fmt: skip
_DELETED: dict[bool, tuple[Severity, str, str]] = {
    True: ("worth knowing", "A cell of the assignment was deleted; while grading it is there again.", _AGAIN),
    False: ("costs points", "This cell, which holds an answer, was deleted: what is graded in its place is the empty one.", _AGAIN),
}


def no_grade_ids() -> Finding:
    """The notebook has lost all the names by which its cells are found."""
    reason = (
        "No cell of this notebook has the name by which graders find it: no answer would be found. Some editors drop them when they save."
    )
    return Finding("no_grade_ids", "costs points", Place(), reason, _AGAIN)


def other_assignment() -> Finding:
    """The notebook and the release have no cell in common."""
    reason = "None of this notebook's cells is one of the released notebook's: graded as that assignment, no answer would be found."
    return Finding(
        "other_assignment", "costs points", Place(), reason, "Name the released notebook of this assignment, or submit the right one."
    )


def from_flags(flags: Sequence[Flag], cells: Sequence[SubmittedCell], release: dict[str, Any] | None) -> list[Finding]:
    """Intake's flags as findings. One that is not known here is passed on in intake's own words."""
    originals = {grade_id_of(cell): cell for cell in release["cells"]} if release else {}
    return [_finding(flag, cells, originals) for flag in flags]


def _finding(flag: Flag, cells: Sequence[SubmittedCell], originals: dict[str | None, Any]) -> Finding:
    named = next((name for name in re.findall(r"'([^']*)'", flag.detail) if name in originals), None)
    if flag.kind == "deleted_cell":
        severity, reason, cure = _DELETED[named is None or is_locked(originals[named])]
    else:
        severity, reason, cure = FLAGS.get(flag.kind, ("worth knowing", f"{flag.detail[:500]}.", _AGAIN))
    return Finding(flag.kind, severity, _place(named, cells, originals), reason, cure)


def _place(grade_id: str | None, cells: Sequence[SubmittedCell], originals: dict[str | None, Any]) -> Place:
    if grade_id is None:
        return Place()
    same = [number for number, cell in enumerate(cells, start=1) if cell.grade_id == grade_id]
    return place_of(same[-1], grade_id, cells[same[-1] - 1].source) if same else Place(grade_id=grade_id)
