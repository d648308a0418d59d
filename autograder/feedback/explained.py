"""Why the first failing cell failed, where the doctor knows it: an idiom of an older version, or code in a cell that is never run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autograder.doctor.code import CodeCell, place_of, within_limits
from autograder.doctor.finding import Place
from autograder.doctor.legacy import Leftover, find_leftovers
from autograder.doctor.modules import RENAMED
from autograder.doctor.order import TextCell, never_bound, of_text_cell
from autograder.feedback.cells import grade_id, is_locked, raw_cells
from autograder.feedback.clean import joined
from autograder.records import FirstError


@dataclass(frozen=True)
class Explanation:
    """What to say of the first error. `cell`: number of the cell that failed; `cause`: where the reason stands, perhaps
    another cell; `later`: how many cells failed after it, cells without an answer left out.
    """

    cell: int
    cause: Place
    text: str
    later: int

    @property
    def elsewhere(self) -> int | None:
        """Number of the cell with the reason, when it is not the one that failed."""
        return self.cause.cell if self.cause.cell != self.cell else None


def explain_first_failure(notebook: dict[str, Any] | None, error: FirstError | None) -> Explanation | None:
    """The explanation of a record's first error from the executed notebook, or None when the doctor knows no reason."""
    cells = raw_cells(notebook)
    failed = failed_cell(cells, error)
    if error is None or failed is None:
        return None
    found = _legacy(cells[:failed], error, failed) or _text_cell(cells, error) or _renamed(cells[failed - 1], error, failed)
    if found is None:
        return None
    later = sum(_fails_in_turn(cell) for cell in cells[failed:])
    return Explanation(failed, found[0], found[1], later)


def failed_cell(cells: Sequence[dict[str, Any]], error: FirstError | None) -> int | None:
    """Number of the cell that the record names: by grade id, or by position."""
    if error is None:
        return None
    by_id = (number for number, cell in enumerate(cells, start=1) if grade_id(cell) == error.cell)
    position = re.fullmatch(r"cell (\d{1,6})", error.cell)
    number = next(by_id, int(position[1]) if position else None)
    return number if number is not None and 1 <= number <= len(cells) else None


def _legacy(cells: Sequence[dict[str, Any]], error: FirstError, failed: int) -> tuple[Place, str] | None:
    """The idiom that ends in this error: in the failing cell, else in the nearest one above, whose function it may have called."""
    code = within_limits(
        CodeCell(number, joined(cell.get("source")), grade_id(cell), is_locked(cell))
        for number, cell in enumerate(cells, start=1)
        if cell.get("cell_type") == "code"
    )
    explaining = [each for each in find_leftovers(code) if each.idiom.explains(error.name, error.message)]
    here = [each for each in explaining if each.place.cell == failed]
    chosen = (here or explaining[::-1])[:1]
    return next(((each.place, _words(each)) for each in chosen), None)


def _words(found: Leftover) -> str:
    maybe = "This may be why: " if found.idiom.silent else ""
    return f"{maybe}{found.idiom.reason} {found.idiom.cure}"


def _text_cell(cells: Sequence[dict[str, Any]], error: FirstError) -> tuple[Place, str] | None:
    """A name without a value, which a raw or markdown cell would define if it were code."""
    missing = re.match(r"name '(\w+)' is not defined", error.message)
    if not missing or error.name != "NameError":
        return None
    texts = (
        TextCell(place_of(number, grade_id(cell), joined(cell.get("source"))), str(cell.get("cell_type")), joined(cell.get("source")))
        for number, cell in enumerate(cells, start=1)
        if cell.get("cell_type") in ("raw", "markdown") and missing[1] in joined(cell.get("source"))
    )
    text = never_bound(texts).get(missing[1])
    return (text.place, " ".join(of_text_cell(text, missing[1]))) if text else None


def _renamed(cell: dict[str, Any], error: FirstError, failed: int) -> tuple[Place, str] | None:
    missing = re.match(r"No module named '(\w+)", error.message)
    if not missing or missing[1] not in RENAMED:
        return None
    place = place_of(failed, grade_id(cell), joined(cell.get("source")))
    return place, f"The module `{missing[1]}` is not installed where notebooks are graded. Write `{RENAMED[missing[1]]}` instead."


def _fails_in_turn(cell: dict[str, Any]) -> bool:
    """Whether the cell failed too; one that still has its placeholder fails by itself."""
    found = cell.get("outputs")
    outputs = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return any(each.get("output_type") == "error" and each.get("ename") != "NotImplementedError" for each in outputs)
