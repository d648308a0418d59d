"""What to run again when a notebook's kernel ended before its functions could be called: the sections already handed in.

A crash costs the sections after it, not the answers of functions handed in before. The second run trains for one epoch, has
short limits of its own, and gives nothing but answers: what was handed in, printed and decided is the first run's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autograder.records import HandinEntry

if TYPE_CHECKING:
    from autograder.execution.run import Execution

_CELL_S, _TOTAL_S = 60.0, 120.0


def replay_of(execution: Execution, entries: tuple[HandinEntry, ...], ended_in: int | None) -> Execution | None:
    """The second execution: the cells up to the last hand-in cell before cell `ended_in`, and the questions to functions that the
    first one handed in. None when the kernel lived, or when there is nothing to ask."""
    if ended_in is None or execution.replay is None:
        return None
    handed_in = {entry.name for entry in entries if entry.kind == "function"}
    questions = tuple(question for question in execution.questions if question.function in handed_in)
    cells = execution.replay["cells"]
    ends = [index for index, cell in enumerate(cells[: max(0, ended_in)]) if _hands_in(cell)]
    if not questions or not ends:
        return None
    limits = execution.profile.limits
    short = replace(limits, cell_s=min(limits.cell_s, _CELL_S), total_s=min(limits.total_s, _TOTAL_S), hand_in_bytes=0)
    return replace(
        execution,
        notebook={**execution.replay, "cells": cells[: ends[-1] + 1]},
        profile=replace(execution.profile, epoch_limit=1, limits=short),
        questions=questions,
        replay=None,
    )


def _hands_in(cell: dict[str, Any]) -> bool:
    """A locked cell that hands in, as the release has it; one of the student's own ends no section."""
    return "hand_in(" in cell["source"] and bool(cell.get("metadata", {}).get("nbgrader", {}).get("locked"))
