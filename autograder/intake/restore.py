"""Restores a submitted notebook from the release version: its skeleton, with the student's answers and own cells in it.

From the release come order, types, metadata, tags and the source of locked cells. From the student come the sources of
unlocked cells and the cells that they added, which keep their place behind the cell they followed.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from autograder.course.profile import RunProfile
from autograder.intake.parsing import SubmittedCell, SubmittedNotebook
from autograder.records import Flag, PreparedNotebook

Cell = dict[str, Any]


def restore(submitted: SubmittedNotebook, release: dict[str, Any], fetched: Mapping[str, str] | None = None) -> PreparedNotebook:
    """The notebook that will be executed; every repair becomes a flag. `release` is the release version as nbformat 4 JSON.

    `fetched`: by grade id, sources of locked cells as the student got them, where they were corrected since: these are no edits.
    """
    skeleton: list[Cell] = release["cells"]
    flags = list(submitted.flags)
    places = _match(submitted.cells, skeleton, flags)
    followers = _own_cells(submitted.cells, places)
    cells = [_own(cell, f"own-0-{index}") for index, cell in enumerate(followers.get(-1, []))]
    answers = {place: submitted.cells[index] for index, place in places.items()}
    for place, original in enumerate(skeleton):
        cells.append(_restored(original, answers.get(place), flags, fetched or {}))
        cells += [_own(cell, f"own-{place + 1}-{index}") for index, cell in enumerate(followers.get(place, []))]
    _flag_order(places, flags)
    _flag_kernel(submitted.kernel, release, flags)
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": copy.deepcopy(release.get("metadata", {})), "cells": cells}
    return PreparedNotebook(notebook, tuple(flags))


def grade_id_of(cell: Cell) -> str | None:
    """nbgrader's grade id of a release cell, locked cells without points included."""
    found = cell.get("metadata", {}).get("nbgrader", {}).get("grade_id")
    return str(found) if found else None


def is_locked(cell: Cell) -> bool:
    """Whether the source of a release cell is the instructor's."""
    found = cell.get("metadata", {}).get("nbgrader", {})
    return bool(found.get("locked") or (found.get("grade") and not found.get("solution")))


def _match(cells: tuple[SubmittedCell, ...], skeleton: list[Cell], flags: list[Flag]) -> dict[int, int]:
    """Index of a submitted cell → index of the release cell that it is: by grade id, else by cell id, else by equal source,
    else by its place."""
    by_grade_id = {grade_id_of(cell): index for index, cell in enumerate(skeleton) if grade_id_of(cell)}
    by_cell_id = {cell.get("id"): index for index, cell in enumerate(skeleton) if not grade_id_of(cell)}
    by_source: dict[tuple[str, str], int] = {
        (cell["cell_type"], cell["source"]): index for index, cell in enumerate(skeleton) if not grade_id_of(cell)
    }
    places: dict[int, int] = {}
    for index, place in _choose_duplicates(cells, by_grade_id, skeleton, flags).items():
        places[index] = place
    taken = set(places.values())
    for index, cell in enumerate(cells):
        if cell.grade_id is not None:
            continue
        candidates = (by_cell_id.get(cell.cell_id), by_source.get((cell.cell_type, cell.source)))
        free = [candidate for candidate in candidates if candidate is not None and candidate not in taken]
        if free:
            places[index] = free[0]
            taken.add(free[0])
    if not any(cell.cell_id in by_cell_id for cell in cells if cell.cell_id):  # an editor dropped the ids
        _match_by_order(cells, skeleton, places)
    return places


def _match_by_order(cells: tuple[SubmittedCell, ...], skeleton: list[Cell], places: dict[int, int]) -> None:
    """An edited code cell without any id is the first one left of the release between the same neighbours."""
    left = [index for index, cell in enumerate(skeleton) if cell["cell_type"] == "code" and index not in places.values()]
    for index, cell in enumerate(cells):
        if index in places or cell.grade_id is not None or cell.cell_type != "code":
            continue
        before = max((places[other] for other in range(index) if other in places), default=-1)
        after = min((places[other] for other in range(index, len(cells)) if other in places), default=len(skeleton))
        between = [place for place in left if before < place < after and not grade_id_of(skeleton[place])]
        if between:
            places[index] = between[0]
            left.remove(between[0])


def _choose_duplicates(
    cells: tuple[SubmittedCell, ...], by_grade_id: dict[str | None, int], skeleton: list[Cell], flags: list[Flag]
) -> dict[int, int]:
    """Of several cells with one grade id, the last that differs from the release is the answer; the others stay as own cells."""
    found: dict[int, list[int]] = {}
    for index, cell in enumerate(cells):
        place = by_grade_id.get(cell.grade_id) if cell.grade_id else None
        if place is not None:
            found.setdefault(place, []).append(index)
    chosen = {}
    for place, indices in found.items():
        changed = [index for index in indices if cells[index].source != skeleton[place]["source"]]
        chosen[(changed or indices)[-1]] = place
        if len(indices) > 1:
            flags.append(
                Flag("duplicate_cell", f"'{grade_id_of(skeleton[place])}' stands there {len(indices)} times; the last changed one counts")
            )
    return chosen


def _own_cells(cells: tuple[SubmittedCell, ...], places: dict[int, int]) -> dict[int, list[SubmittedCell]]:
    """The student's own cells by the release cell that they follow; -1 before the first."""
    followers: dict[int, list[SubmittedCell]] = {}
    last = -1
    for index, cell in enumerate(cells):
        if index in places:
            last = places[index]
        elif cell.source.strip():
            followers.setdefault(last, []).append(cell)
    return followers


def _restored(original: Cell, answer: SubmittedCell | None, flags: list[Flag], fetched: Mapping[str, str]) -> Cell:
    cell = _blank(original["cell_type"], original["source"], original.get("id"), copy.deepcopy(original.get("metadata", {})))
    if "attachments" in original:
        cell["attachments"] = copy.deepcopy(original["attachments"])
    grade_id = grade_id_of(original)
    if answer is None:
        if grade_id or cell["cell_type"] == "code":
            name = grade_id or next(iter(original["source"].splitlines()), "")[:60]
            flags.append(Flag("deleted_cell", f"'{name}' was missing and was put back as released"))
        return cell
    if answer.cell_type != original["cell_type"]:
        name = str(grade_id or answer.cell_id)[:100]
        flags.append(Flag("retyped_cell", f"'{name}' was a {answer.cell_type} cell, it is {original['cell_type']} again"))
    if not is_locked(original):
        cell["source"] = answer.source
        if answer.attachments and cell["cell_type"] != "code":
            cell["attachments"] = {**cell.get("attachments", {}), **answer.attachments}
    elif normal(answer.source) not in (normal(original["source"]), normal(fetched.get(grade_id or "", original["source"]))):
        flags.append(Flag("edited_locked_cell", f"'{grade_id}' was edited and was put back as released"))
    return cell


def _own(cell: SubmittedCell, cell_id: str) -> Cell:
    made = _blank(cell.cell_type, cell.source, cell_id, {})
    return {**made, "attachments": cell.attachments} if cell.attachments and cell.cell_type != "code" else made


def _blank(cell_type: str, source: str, cell_id: str | None, metadata: dict[str, Any]) -> Cell:
    cell: Cell = {"cell_type": cell_type, "id": cell_id or "cell", "metadata": metadata, "source": source}
    return {**cell, "outputs": [], "execution_count": None} if cell_type == "code" else cell


def normal(source: str) -> str:
    """A source without the white space that editors add and take away."""
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _flag_order(places: dict[int, int], flags: list[Flag]) -> None:
    order = [places[index] for index in sorted(places)]
    if order != sorted(order):
        flags.append(Flag("reordered_cells", "cells were moved and stand in the released order again"))


def _flag_kernel(kernel: str | None, release: dict[str, Any], flags: list[Flag]) -> None:
    wanted = release.get("metadata", {}).get("kernelspec", {}).get("name", "python3")
    if kernel != wanted:
        flags.append(Flag("wrong_kernel", f"the notebook names kernel {kernel!r:.100}; the course's own was used"))


def put_parameters(notebook: dict[str, Any], profile: RunProfile) -> dict[str, Any]:
    """A copy with the profile's values written into the cell tagged 'parameters'; what the profile leaves open stays as released."""
    values = {"seed": profile.seed, "sample_limit": profile.sample_limit, "epoch_limit": profile.epoch_limit, "dataset": profile.dataset}
    changed = copy.deepcopy(notebook)
    for cell in changed["cells"]:
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            for name, value in values.items():
                if value is not None:
                    cell["source"] = _assign(cell["source"], name, repr(value))
    return changed


def _assign(source: str, name: str, value: str) -> str:
    """The source with the right side of `name = …` replaced; a comment behind it stays."""
    return re.sub(rf"(?m)^{name}\s*=[^#\n]*?(?=\s*(#|$))", lambda _: f"{name} = {value}", source)
