"""Canvas: the assignment's column of a gradebook that was exported from there, to be imported again.

What Canvas reads of such a file: `lib/gradebook_importer.rb` of https://github.com/instructure/canvas-lms. A header is
`<name> (<number>)`; an unknown one would make a new assignment. In the row "Points Possible", "(read only)" marks columns that an import
ignores; a row with nothing but "Manual Posting" may stand beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from autograder.errors import UsageError
from autograder.exports.filling import Filled, Places, fill
from autograder.exports.scores import Score
from autograder.exports.table import Table, read_table
from autograder.intake.roster import Roster, name_key

_KEYS = (("SIS Login ID", "id"), ("SIS User ID", "id"), ("ID", "id"), ("ID", "canvas"), ("SIS Login ID", "email"))
_HEADER = re.compile(r"(?P<name>.*)\s\((?P<number>\d+)\)\s*", re.DOTALL)
_POSTING = re.compile(r"\s*(Muted|Manual Posting.*)?\s*", re.IGNORECASE)


def fill_gradebook(
    template: bytes, assignment: str, scores: Iterable[Score], column: str | None = None, roster: Roster | None = None, scale: bool = False
) -> Filled:
    """Scores in the assignment's column of an exported gradebook. `column`: its header or number, where the name alone does not say it.

    Raises UsageError when the file is no gradebook, or when no column, or a read-only one, is the assignment's.
    """
    table = read_table(template)
    if table.column("ID") is None or not any(name.strip() in ("Student", "LastName") for name in table.header):
        raise UsageError("The template is no gradebook of Canvas: its first line has no 'Student' and 'ID'.", "Export it: Grades → Export.")
    target = _column(table, assignment, column)
    possible = next((row for row in range(len(table.rows)) if "Points Possible" in table.value(row, 0)), None)
    said = table.value(possible, target) if possible is not None else ""
    if re.search(r"read\s+only", said):
        raise UsageError(
            f"Canvas marks the column '{table.header[target]}' as read only.", "Name the assignment's own column with --column."
        )
    keys = [(place, kind) for name, kind in _KEYS if (place := table.column(name)) is not None]
    students = [row for row in range(len(table.rows)) if row != possible and not _is_no_student(table, row)]
    return fill(table, Places(keys, target, students, {}, _points(said)), scores, roster, scale)


def _is_no_student(table: Table, row: int) -> bool:
    return all(_POSTING.fullmatch(cell.value) for cell in table.rows[row])


def _points(said: str) -> float | None:
    try:
        return float(said.replace(",", "."))
    except ValueError:
        return None


def _column(table: Table, assignment: str, wanted: str | None) -> int:
    """The one column of that header or number; by default of the assignment's id, spaces and capitals apart."""
    named = {place: found for place, header in enumerate(table.header) if (found := _HEADER.fullmatch(header))}

    def fits(place: int) -> bool:
        if wanted is not None:
            return wanted in (table.header[place].strip(), named[place]["number"], named[place]["name"])
        return name_key(named[place]["name"]) == name_key(assignment)

    places = [place for place in named if fits(place)]
    if len(places) == 1:
        return places[0]
    there = ", ".join(f"'{table.header[place].strip()}'" for place in named) or "none"
    what = f"{len(places)} columns" if places else "no column"
    raise UsageError(f"The template has {what} for '{wanted or assignment}'; its assignments are: {there}.", "Name one with --column.")
