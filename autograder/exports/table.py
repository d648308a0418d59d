"""CSV files: written so that no cell is taken for a formula, and changed cell by cell with every other byte left as it was."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autograder.errors import UsageError

# What makes a spreadsheet calculate: https://owasp.org/www-community/attacks/CSV_Injection, with the full-width forms.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet calculates: an apostrophe stands before what looks like a formula."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def to_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV file in UTF-8, cells quoted where they need it, formulas disarmed."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([harmless(name) for name in header])
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return stream.getvalue().encode("utf-8", "replace")


@dataclass(frozen=True)
class Cell:
    """One cell of a CSV text: where it begins and ends, and what it says."""

    start: int
    end: int
    value: str


@dataclass(frozen=True)
class Table:
    """A CSV file that somebody else wrote. Its bytes go through surrogates, so that text of any encoding comes out as it came in."""

    text: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def value(self, row: int, column: int) -> str:
        """What a cell says, without spaces around it; empty where the row ends before."""
        cells = self.rows[row]
        return cells[column].value.strip() if column < len(cells) else ""

    def column(self, name: str) -> int | None:
        """The place of the column with that name; None without one. Raises UsageError when several have it."""
        found = [place for place, header in enumerate(self.header) if header.strip() == name]
        if len(found) > 1:
            raise UsageError(f"The template has {len(found)} columns '{name}'.", "Export it again, or rename all but one.")
        return found[0] if found else None

    def replace(self, values: Mapping[tuple[int, int], str]) -> bytes:
        """The file with these cells, by row and column, instead of those that were there."""
        pieces: list[str] = []
        copied = 0
        for (row, column), value in sorted(values.items()):
            cell = self.rows[row][column]
            pieces += [self.text[copied : cell.start], value]
            copied = cell.end
        return "".join([*pieces, self.text[copied:]]).encode("utf-8", "surrogateescape")


def read_table(data: bytes) -> Table:
    """Reads a CSV file, separated by commas or semicolons. Raises UsageError, with the line, for what is none."""
    text = data.decode("utf-8", "surrogateescape")
    if "\0" in text:
        raise UsageError("The template is no CSV text in UTF-8.", "Export it again as CSV; a spreadsheet's own format is not read.")
    rows = _rows(text, max(",;", key=lambda separator: _width(text, separator)))
    if not rows:
        raise UsageError("The template is empty.", "Export it again from the LMS.")
    return Table(text, tuple(cell.value for cell in rows[0]), tuple(rows[1:]))


def _width(text: str, separator: str) -> int:
    """How many cells each of the first lines has at least: the header alone may have the other sign in its names."""
    try:
        rows = [row for row in _rows(text, separator) if len(row) > 1 or row[0].value][:3]
    except UsageError:
        return 2  # so that it is read, and said to be damaged, unless the other sign makes a real table of it
    return min((len(row) for row in rows), default=0)


def _rows(text: str, separator: str) -> list[tuple[Cell, ...]]:
    quoted = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
    plain = re.compile(rf"[^{separator}\r\n]*+")
    rows: list[tuple[Cell, ...]] = []
    row: list[Cell] = []
    place = len(text) - len(text.removeprefix("\ufeff"))
    while place < len(text) or row:
        found = quoted.match(text, place) or plain.match(text, place)
        assert found is not None  # `plain` matches nothing, too
        value, end = found.group(), found.end()
        if value.startswith('"'):
            if len(value) < 2 or not value.endswith('"') or text[end : end + 1] not in ("", separator, "\r", "\n"):
                line = text.count("\n", 0, place) + 1
                raise UsageError(f"The template is damaged: line {line} has a quote that does not end.", "Export it again from the LMS.")
            value = value[1:-1].replace('""', '"')
        row.append(Cell(place, end, value))
        if text[end : end + 1] == separator:
            place = end + 1
            continue
        rows.append(tuple(row))
        row = []
        place = end + (2 if text[end : end + 2] == "\r\n" else 1)
    return rows
