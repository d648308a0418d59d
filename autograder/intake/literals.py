"""How much data a student's own code cells carry: the protection against weights that were trained elsewhere and pasted in.

Code that runs can read its own cells back, so comments count like strings. Names and operators can carry numbers too
(`[a, b, b, a, …]`), hence a second, wider measure over everything written. Text cells do not count: the kernel never gets them.
What the release version gave is subtracted. Sizes are bytes after compression, so the way of writing a number down hardly matters.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from autograder.course.notebook import nbgrader_of
from autograder.errors import SubmissionError
from autograder.intake.restore import is_locked
from autograder.records import Flag

_TEXT_FACTOR = 2  # all that was written may be so much larger than the literals may: more than 50 KB of ordinary code
_FLAG_SHARE = 1 / 16  # 1.25 KiB by default: the weights of a small useful model need about 2, right solutions 0.4 (docs/instructors.md)
_READ_CHARACTERS = 200_000  # beyond, cells are no longer taken apart: all of their text counts as literal
_LONG_NAME = 30
_CHECK = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_KINDS = (tokenize.STRING, tokenize.NUMBER, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))
_NO_PYTHON = re.compile(r"(?m)^[ \t]*[%!].*$")


@dataclass(frozen=True)
class OwnCode:
    """Compressed bytes of all that a student wrote into code cells, and of the literals in it; `cell` holds most of them."""

    text_bytes: int
    literal_bytes: int
    cell: str


def check_literals(notebook: dict[str, Any], release: dict[str, Any], limit: int) -> tuple[Flag, ...]:
    """A flag from a sixteenth of the limit (bytes) on. Raises SubmissionError('rejected') above it."""
    own = weigh_own_code(notebook, release)
    what = "literals (strings, numbers and comments)" if own.literal_bytes > limit else "text"
    size, allowed = (own.literal_bytes, limit) if own.literal_bytes > limit else (own.text_bytes, _TEXT_FACTOR * limit)
    if size > allowed:
        raise SubmissionError(
            "rejected",
            f"Your code cells hold {what} of {size / 1024:.1f} KiB after compression, {allowed / 1024:g} KiB are allowed; most of it "
            f"stands in '{own.cell}'. Compute or train such data in the notebook instead of writing it down, delete printed numbers that "
            "were pasted into cells, and submit again.",
        )
    if own.literal_bytes > _FLAG_SHARE * limit:
        return (Flag("large_literals", f"{own.literal_bytes / 1024:.1f} KiB after compression, most of them in '{own.cell}'"),)
    return ()


def weigh_own_code(notebook: dict[str, Any], release: dict[str, Any]) -> OwnCode:
    """Measures a prepared notebook; the unlocked cells of the release version, once each, are not the student's."""
    given = _open_cells(release).values()
    known_lines = Counter(line for source in given for line in source.splitlines())
    known_literals = Counter(literal for source in given for literal in _literals(source))
    left, lines, literals, largest = _READ_CHARACTERS, [], [], (0, "")
    for name, source in _open_cells(notebook).items():
        left -= len(source)
        lines += _without(known_lines, source.splitlines())
        found = _without(known_literals, _literals(source) if left >= 0 else [source])
        literals += found
        largest = max(largest, (_compressed(found), name))
    return OwnCode(_compressed(lines), _compressed(literals), largest[1])


def _open_cells(notebook: dict[str, Any]) -> dict[str, str]:
    """Code cells that are not locked: grade id or position → source."""
    cells = enumerate(notebook["cells"], 1)
    return {
        str(nbgrader_of(cell).get("grade_id") or f"cell {number}"): cell["source"]
        for number, cell in cells
        if cell["cell_type"] == "code" and not is_locked(cell)
    }


def _without(known: Counter[str], parts: Iterable[str]) -> list[str]:
    """The parts that are not known; each that is known is used up, so that repeating it is no way around."""
    own = []
    for part in parts:
        if known[part] > 0:
            known[part] -= 1
        else:
            own.append(part)
    return own


def _literals(source: str) -> list[str]:
    """Strings, numbers, comments and very long names, as written; the whole text where it is no Python."""
    if source.lstrip().startswith("%%"):
        return [source]
    python = _NO_PYTHON.sub("", source)
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(python, "cell", "exec", _CHECK)  # first: tokenize takes minutes over a text that does not end
        tokens = list(tokenize.generate_tokens(io.StringIO(python).readline))
    except (tokenize.TokenError, SyntaxError, ValueError, RecursionError, MemoryError):
        return [source]
    found = [token.string for token in tokens if token.type in _KINDS or (token.type == tokenize.NAME and len(token.string) > _LONG_NAME)]
    return found + _NO_PYTHON.findall(source)


def _compressed(parts: list[str]) -> int:
    """Bytes, without the few that compressing nothing takes."""
    return len(zlib.compress("\n".join(parts).encode("utf-8", "replace"), 9)) - 8 if parts else 0
