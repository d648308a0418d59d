"""The sections of a notebook: each ends with a locked hand-in cell, whose grade id names it and which may say what it needs.

Set-up is all that stands before the first cell that students fill in. A hand-in cell's metadata `"autograder": {"needs": [...]}` names
the earlier sections without which its own cannot run; an empty list: only the set-up; no list: all earlier ones.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autograder.course.handins import declared_handins
from autograder.course.notebook import nbgrader_of
from autograder.errors import Problem

_CURE = 'Write "autograder": {"needs": ["hand_in_data"]} into the cell\'s metadata, with the grade ids of earlier hand-in cells.'


@dataclass(frozen=True)
class Section:
    """One section: the indices of its own cells, and of those that it needs with the set-up before them (`before`); what it hands in.

    `needs`: names of all sections that it needs, those of its needs included, in the order of the notebook.
    """

    name: str
    own: tuple[int, ...]
    before: tuple[int, ...]
    needs: tuple[str, ...]
    names: frozenset[str]
    functions: frozenset[str]

    @property
    def cells(self) -> tuple[int, ...]:
        """All that has to run for this section, in order."""
        return tuple(sorted({*self.before, *self.own}))


def find_sections(notebook: dict[str, Any]) -> tuple[Section, ...]:
    """The sections of a source or release notebook, in order. Wrong needs are left out; `section_problems` names them."""
    cells = notebook["cells"]
    set_up = next((index for index, cell in enumerate(cells) if cell["cell_type"] == "code" and _is_solution(cell)), len(cells))
    sections: dict[str, Section] = {}
    begins = set_up
    for index in _hand_in_cells(notebook):
        if index < begins:
            continue
        name = str(nbgrader_of(cells[index])["grade_id"])
        declared = _declared_needs(cells[index])
        wanted = list(sections) if declared is None else [each for each in declared if each in sections]
        needs = {other for each in wanted for other in (*sections[each].needs, each)}
        before = {*range(set_up), *(cell for each in needs for cell in sections[each].own)}
        handed = declared_handins({"cells": [cells[index]]})
        sections[name] = Section(
            name=name,
            own=tuple(range(begins, index + 1)),
            before=tuple(sorted(before)),
            needs=tuple(each for each in sections if each in needs),
            names=handed.names,
            functions=handed.functions,
        )
        begins = index + 1
    return tuple(sections.values())


def section_problems(place: str, notebook: dict[str, Any]) -> list[Problem]:
    """Needs that name no earlier hand-in cell, or are no list."""
    problems: list[Problem] = []
    earlier: list[str] = []
    for index in _hand_in_cells(notebook):
        cell = notebook["cells"][index]
        name = str(nbgrader_of(cell)["grade_id"])
        for wrong in _wrong_needs(cell, earlier):
            close = difflib.get_close_matches(str(wrong), earlier, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"Earlier ones are: {', '.join(earlier) or 'none'}. {_CURE}"
            problems.append(Problem(place, f"hand-in cell '{name}' needs {wrong!r}, which is no earlier hand-in cell", hint))
        earlier.append(name)
    return problems


def _wrong_needs(cell: dict[str, Any], earlier: list[str]) -> Iterator[Any]:
    found = cell["metadata"].get("autograder", {})
    needs = found.get("needs", []) if isinstance(found, dict) else found
    if not isinstance(needs, list):
        yield needs
        return
    yield from (each for each in needs if each not in earlier)


def _declared_needs(cell: dict[str, Any]) -> list[Any] | None:
    found = cell["metadata"].get("autograder")
    needs = found.get("needs") if isinstance(found, dict) else None
    return needs if isinstance(needs, list) else None


def _hand_in_cells(notebook: dict[str, Any]) -> list[int]:
    """Locked code cells with a grade id that call `hand_in`."""
    return [
        index
        for index, cell in enumerate(notebook["cells"])
        if cell["cell_type"] == "code"
        and nbgrader_of(cell).get("locked")
        and nbgrader_of(cell).get("grade_id")
        and _hands_in(cell["source"])
    ]


def _hands_in(source: str) -> bool:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    return any(isinstance(node, ast.Call) and getattr(node.func, "id", "") == "hand_in" for node in ast.walk(tree))


def _is_solution(cell: dict[str, Any]) -> bool:
    return bool(nbgrader_of(cell).get("solution"))
