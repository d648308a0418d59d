"""The cells of a notebook as Python, read and never executed: IPython's own lines are put aside, what is no Python 3 says why."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from autograder.doctor.finding import Place

MAX_SOURCE = 100_000  # characters; a cell written by hand has a few thousand
MAX_TOTAL = 500_000  # of all cells together; a tree takes some hundred times the memory of its text
_AWAIT = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_PYTHON_MAGICS = ("time", "timeit", "capture", "prun")
_CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\n]*")
_LINE = re.compile(r"([ \t]*)(?:[%!?].*|[\w.\[\]'\"]+\?{1,2}[ \t]*)$")
_TIMED = re.compile(r"([ \t]*)%time[ \t]+(\S.*)$")
_ASSIGNED = re.compile(r"([\w, \t]+=[ \t]*)[%!][^=].*$")


@dataclass(frozen=True)
class CodeCell:
    """One code cell. `number` counts all cells of the submitted notebook from 1; `locked`: its text is the instructor's;
    `unread`: it is beyond what is looked through.
    """

    number: int
    source: str
    grade_id: str | None = None
    locked: bool = False
    unread: bool = False

    @cached_property
    def _read(self) -> tuple[ast.Module | None, SyntaxError | None]:
        return (None, None) if self.unread else read_python(self.source)

    @property
    def tree(self) -> ast.Module | None:
        """The parsed cell; None when it is no Python 3, another language, or cannot be looked through."""
        return self._read[0]

    @property
    def error(self) -> SyntaxError | None:
        """Why it is no Python 3."""
        return self._read[1]

    def at(self, node: ast.AST | None = None) -> Place:
        """The place of a node in this cell, or of the cell."""
        return self.at_line(getattr(node, "lineno", None))

    def at_line(self, line: int | None) -> Place:
        """The place of one line of this cell."""
        return place_of(self.number, self.grade_id, self.source, line)


def within_limits(cells: Iterable[CodeCell]) -> list[CodeCell]:
    """The cells, those after the first MAX_TOTAL characters marked as unread: what students write must not fill the memory."""
    kept, total = [], 0
    for cell in cells:
        total += len(cell.source)
        kept.append(cell if total <= MAX_TOTAL else replace(cell, unread=True))
    return kept


def place_of(number: int, grade_id: str | None, source: str, line: int | None = None) -> Place:
    """A place in a cell, with the cell's first line, shortened, for cells that have no id."""
    first = next((text.strip() for text in source[:2_000].splitlines() if text.strip()), "")
    return Place(number, grade_id, first if len(first) <= 50 else f"{first[:49]}…", line)


def read_python(source: str) -> tuple[ast.Module | None, SyntaxError | None]:
    """The tree of a cell, or why there is none; (None, None) for other languages and for what is too long or too deep to read."""
    if len(source) > MAX_SOURCE:
        return None, None
    tree, error = _parse(source)
    if error is None:
        return tree, None
    plain = without_magics(source)
    if plain is None:
        return None, None
    return _parse(plain) if plain != source else (None, error)


def _parse(source: str) -> tuple[ast.Module | None, SyntaxError | None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd escapes in a student's strings
        try:
            tree = compile(source, "<cell>", "exec", _AWAIT, dont_inherit=True)
        except SyntaxError as error:
            return None, error
        except (ValueError, RecursionError, MemoryError):  # null characters; nesting that Python itself refuses
            return None, None
    return (tree if isinstance(tree, ast.Module) else None), None


def without_magics(source: str) -> str | None:
    """The source with IPython's lines (`%magic`, `!command`, `name?`) as `pass`, line by line; None for a cell in another language.

    IPython's own transformer is not used: importing it takes longer than everything else here, and its time grows with the
    square of what a student writes.
    """
    if magic := _CELL_MAGIC.match(source):
        if magic[1] not in _PYTHON_MAGICS:
            return None
        source = "pass" + source[magic.end() :]
        if _CELL_MAGIC.match(source.removeprefix("pass")):
            return None
    lines, continued = [], False
    for text in source.split("\n"):
        changed = "" if continued else _plain(text)
        continued = changed != text and text.endswith("\\")
        lines.append(changed)
    return "\n".join(lines)


def _plain(text: str) -> str:
    if (found := _TIMED.match(text)) and not found[2].startswith("-"):
        return f"{found[1]}{found[2]}"  # `%time` runs its statement in the notebook: names that it binds stay
    if found := _LINE.match(text):
        return f"{found[1]}pass"
    if found := _ASSIGNED.match(text):
        return f"{found[1]}None"
    return text
