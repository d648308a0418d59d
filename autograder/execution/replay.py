"""What to run again when a notebook's kernel ended before its functions could be called: the sections already handed in.

A crash costs the sections after it, not the answers of functions handed in before; a function that ends the kernel when it is
called costs its own answers, not those of the functions asked after it. Such a run trains for one epoch, has short limits of its
own, and gives nothing but answers: what was handed in, printed and decided is the first run's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autograder.records import Answer, HandinEntry, Question

if TYPE_CHECKING:
    from autograder.execution.run import Execution

_CELL_S, _TOTAL_S = 60.0, 120.0


def left_to_ask(questions: Sequence[Question], answers: Iterable[Answer]) -> tuple[Question, ...]:
    """What was not asked because the kernel had ended, without the function that was asked last: it ended the kernel."""
    unasked = {answer.question for answer in answers if not answer.asked}
    first = next((index for index, question in enumerate(questions) if question.id in unasked), len(questions))
    guilty = questions[first - 1].function if first else ""
    return tuple(question for question in questions[first:] if question.function != guilty)


def replay_of(
    execution: Execution, entries: tuple[HandinEntry, ...], questions: Sequence[Question], ended_in: int | None
) -> Execution | None:
    """The next execution: the cells up to the last hand-in cell before cell `ended_in` (None: of all), and of the questions those to
    functions that the first one handed in. None when there is nothing to ask."""
    if execution.replay is None:
        return None
    handed_in = {entry.name for entry in entries if entry.kind == "function"}
    asked = tuple(question for question in questions if question.function in handed_in)
    cells = execution.replay["cells"]
    ends = [index for index, cell in enumerate(cells if ended_in is None else cells[: max(0, ended_in)]) if _hands_in(cell)]
    if not asked or not ends:
        return None
    limits = execution.profile.limits
    short = replace(limits, cell_s=min(limits.cell_s, _CELL_S), total_s=min(limits.total_s, _TOTAL_S), hand_in_bytes=0)
    return replace(
        execution,
        notebook={**execution.replay, "cells": cells[: ends[-1] + 1]},
        profile=replace(execution.profile, epoch_limit=1, limits=short),
        questions=asked,
        replay=None,
    )


def _hands_in(cell: dict[str, Any]) -> bool:
    """A locked cell that hands in, as the release has it; one of the student's own ends no section."""
    return "hand_in(" in cell["source"] and bool(cell.get("metadata", {}).get("nbgrader", {}).get("locked"))
