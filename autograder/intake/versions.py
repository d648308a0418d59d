"""Which release version a submitted notebook began as, and what an erratum changes for those who have an older one.

    The student's version, but for locked cells without points, which are the newest version's.

So a corrected import or hand-in reaches everybody, and nobody is graded by a task that they never saw.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from autograder.course.notebook import nbgrader_of
from autograder.intake.parsing import SubmittedNotebook, parse_notebook
from autograder.intake.restore import grade_id_of, is_locked, normal, restore
from autograder.records import Flag

Notebook = dict[str, Any]
Cell = dict[str, Any]


def recognise(submitted: SubmittedNotebook, releases: Mapping[int, Notebook]) -> tuple[int, tuple[Flag, ...]]:
    """The number of the version that a notebook began as: as its metadata say, else by its locked cells, else the newest, which is flagged.

    `releases`: every version by its number, at least one.
    """
    newest = max(releases)
    if len(releases) == 1:
        return newest, ()
    likeness = _likeness(submitted, releases)
    closest = [number for number in releases if likeness[number] == max(likeness.values())]
    if submitted.release in releases:
        named = int(submitted.release or 0)
        if named in closest:
            return named, ()
        others = " or ".join(map(str, closest))
        said = f"the notebook says that it is release version {named}, its locked cells are those of version {others}; {named} was used"
        return named, (Flag("other_release", said),)
    if len(closest) == 1 and likeness[closest[0]]:
        return closest[0], ()
    said = f"which of the release versions {', '.join(map(str, releases))} it began as cannot be told; the newest, {newest}, was used"
    return newest, (Flag("unknown_release", said),)


def as_fetched(data: bytes, releases: Mapping[int, Notebook]) -> int:
    """The number of the version that a notebook, as bytes, began as. Raises SubmissionError for what is no notebook."""
    return recognise(parse_notebook(data), releases)[0]


def _likeness(submitted: SubmittedNotebook, releases: Mapping[int, Notebook]) -> dict[int, int]:
    """How many locked cells a notebook has of each version, of those that are not the same in all of them."""
    texts = {number: {name: normal(cell["source"]) for name, cell in _locked(each).items()} for number, each in releases.items()}
    names = {name for each in texts.values() for name in each}
    telling = {name for name in names if len({each.get(name) for each in texts.values()}) > 1}
    there = {cell.grade_id: normal(cell.source) for cell in submitted.cells if cell.grade_id in telling}
    return {number: sum(there[name] == each.get(name) for name in telling if name in there) for number, each in texts.items()}


def _locked(notebook: Notebook) -> dict[str, Cell]:
    return {name: cell for cell in notebook["cells"] if (name := grade_id_of(cell)) and is_locked(cell)}


@dataclass(frozen=True)
class CellChange:
    """A cell that an erratum changed, by its grade id, or as 'cell <id>' where it has none.

    `migrates`: whoever has the older version gets the new one as it is graded.
    """

    grade_id: str
    what: str  # "changed", "new", "gone"
    migrates: bool


def changes(old: Notebook, new: Notebook) -> tuple[CellChange, ...]:
    """What is different for students between two versions, in the order of the newer one; what is gone comes last."""
    before, after = ({name: cell for cell in each["cells"] if (name := _name(cell))} for each in (old, new))
    same = {_form(cell) for cell in old["cells"] if not grade_id_of(cell)} & {_form(cell) for cell in new["cells"] if not grade_id_of(cell)}
    before, after = (  # an editor that gives cells other ids changes nothing
        {name: cell for name, cell in each.items() if grade_id_of(cell) or _form(cell) not in same} for each in (before, after)
    )
    found = []
    for name, cell in after.items():
        if name not in before:
            found.append(CellChange(name, "new", _may_migrate(cell)))
        elif _form(before[name]) != _form(cell):
            found.append(CellChange(name, "changed", _may_migrate(cell) and _may_migrate(before[name])))
    return (*found, *(CellChange(name, "gone", False) for name in before if name not in after))


def migrated(old: Notebook, new: Notebook) -> Notebook:
    """An older version with the newest one's locked cells without points; nothing else of it changes, answers least of all.

    A cell whose metadata have `"autograder": {"migrate": false}` stays as it was.
    """
    taken = {each.grade_id: each.what for each in changes(old, new) if each.migrates}
    after = {name: cell for cell in new["cells"] if (name := grade_id_of(cell)) in taken}
    cells = [copy.deepcopy(after.get(str(grade_id_of(cell)), cell)) for cell in old["cells"]]
    for place, cell in enumerate(new["cells"]):
        if taken.get(str(grade_id_of(cell))) == "new":
            cells.insert(_behind(cells, new["cells"][:place]), copy.deepcopy(cell))
    return {**old, "cells": cells}


def brought_up(submitted: SubmittedNotebook, old: Notebook, new: Notebook) -> Notebook:
    """A student's notebook as the newer version, with everything that they wrote: answers in their cells, the rest beside them.

    A cell that still stands as the older version had it, plain text too, becomes the newer one's; whoever answered a cell keeps every
    character of it, where the newer version locks it in a cell of their own.
    """
    before, after = ({name: cell for cell in each["cells"] if (name := _name(cell))} for each in (old, new))
    cells = []
    for cell in submitted.cells:
        name = cell.grade_id or _plain_name(cell.cell_id)
        if name not in before or normal(before[name]["source"]) != normal(cell.source):
            locks = name in before and name in after and is_locked(after[name]) and not is_locked(before[name])
            cells.append(replace(cell, grade_id=None, cell_id=None) if locks else cell)
        elif name in after:
            cells.append(replace(cell, source=str(after[name]["source"])))
    return restore(replace(submitted, cells=tuple(cells)), new).notebook


def fetched_sources(old: Notebook, now: Notebook) -> dict[str, str]:
    """By grade id, the sources of those locked cells that are others now than when the student got them."""
    before, after = _locked(old), _locked(now)
    return {name: cell["source"] for name, cell in before.items() if name in after and after[name]["source"] != cell["source"]}


def _name(cell: Cell) -> str:
    return grade_id_of(cell) or _plain_name(cell.get("id"))


def _plain_name(cell_id: str | None) -> str:
    """How a cell without grade id is called; nothing for one without any id."""
    return f"cell {cell_id}" if cell_id else ""


def _behind(cells: list[Cell], above: list[Cell]) -> int:
    """The place behind the nearest of the cells above that is there too; 0 when none is."""
    places = {grade_id_of(cell) or cell.get("id"): index for index, cell in enumerate(cells)}
    return next((places[name] + 1 for cell in reversed(above) if (name := grade_id_of(cell) or cell.get("id")) in places), 0)


def _may_migrate(cell: Cell) -> bool:
    found, own = nbgrader_of(cell), cell.get("metadata", {}).get("autograder")
    plain = is_locked(cell) and not (found.get("grade") or found.get("solution") or found.get("task"))
    return plain and not (isinstance(own, dict) and own.get("migrate") is False)


def _form(cell: Cell) -> tuple[Any, ...]:
    found = nbgrader_of(cell)
    kinds = tuple(bool(found.get(key)) for key in ("grade", "solution", "task", "locked"))
    own = cell.get("metadata", {}).get("autograder")
    return cell["cell_type"], normal(cell["source"]), kinds, found.get("points") or 0, str(own), str(cell["metadata"].get("tags"))
