"""Small tables in a student's notebook: HTML where a page shows them, the same lines as text everywhere else."""

from __future__ import annotations

import html
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_MOST_ROWS = 60
_MOST_TEXT = 600
_LEFT = ' style="text-align:left"'
_MEANING = {"✓": "good", "✗": "wrong", "⚠": "look here", "•": "worth knowing"}


@dataclass(frozen=True)
class Row:
    """`mark`: ✓ ✗ ⚠ • or nothing; `what` it is about; `text` in words, with `code` in backticks; `cure`: what to do."""

    mark: str
    what: str
    text: str
    cure: str = ""

    def __str__(self) -> str:
        line = f"{self.mark} {self.what}{': ' if self.what and self.text else ''}{self.text}"
        return f"{line}\n  → {self.cure}" if self.cure else line


@dataclass(frozen=True)
class Table:
    """Rows below a title and above a note. IPython shows it as HTML; `str()` is the text. Nothing in it is taken for markup."""

    rows: tuple[Row, ...]
    title: str = ""
    note: str = ""

    def __str__(self) -> str:
        return "\n".join(filter(None, [self.title, *map(str, self._shown()), self.note]))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html()}

    def html(self) -> str:
        """A table without any script, class or colour of ours, so that it looks like the page around it."""
        caption = f"<caption{_LEFT}><b>{_words(self.title)}</b></caption>" if self.title else ""
        note = f"<p>{_words(self.note)}</p>" if self.note else ""
        return f"<table>{caption}<tbody>{''.join(map(_line, self._shown()))}</tbody></table>{note}"

    def _shown(self) -> list[Row]:
        left = len(self.rows) - _MOST_ROWS
        return [*self.rows[:_MOST_ROWS], *([Row("", "", f"… and {left:,} more")] if left > 0 else [])]


def show(table: Table) -> None:
    """In a notebook as HTML; as text while grading, where only text is read, and wherever else Python runs."""
    if in_notebook():
        from IPython.display import display

        display(table)  # type: ignore[no-untyped-call]  # IPython has no types for it
    else:
        print(table)


def in_notebook() -> bool:
    """Whether somebody looks at the outputs of an IPython that is not grading."""
    if "AUTOGRADER_HANDIN" in os.environ or "AUTOGRADER_RUN" in os.environ:
        return False
    return shell() is not None


def shell() -> Any:
    """The running IPython; None elsewhere. It is not imported for that."""
    get = getattr(sys.modules.get("IPython"), "get_ipython", None)  # it may be half imported
    return get() if get is not None else None


def rows_of(lines: Iterable[str]) -> tuple[Row, ...]:
    """Lines such as '✓ model: 7,960 parameters' as rows; what stands before the colon is what they are about."""
    return tuple(_row(line) for line in lines)


def _row(line: str) -> Row:
    mark, _, rest = line.partition(" ")
    what, colon, text = rest.partition(": ")
    return Row(mark, what, text) if colon and what.isidentifier() else Row(mark, "", rest)


def _line(row: Row) -> str:
    mark = f'<span title="{_MEANING[row.mark]}">{row.mark}</span>' if row.mark in _MEANING else _words(row.mark)
    cure = f"<br>→ {_words(row.cure)}" if row.cure else ""
    cells = (mark, f"<b>{_words(row.what)}</b>", f"{_words(row.text)}{cure}")
    return f"<tr>{''.join(f'<td{_LEFT}>{each}</td>' for each in cells)}</tr>"


def _words(text: str) -> str:
    """Escaped, on one line, of bounded length; what stands in backticks as code."""
    cut = text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"
    plain = "".join(each if each.isprintable() else " " for each in cut)
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(plain))
