"""The student's notebook as the page shows it: sources and outputs as text, images only as PNG and JPEG, never HTML or SVG."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autograder.feedback.clean import image_uri, joined, line, paragraph, printed

MAX_CELLS = 400
MAX_OUTPUTS = 60
MAX_TEXT = 100_000
MAX_PAGE = 6_000_000
FOLD_LINES = 30
FOLD_CHARACTERS = 3_000

_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+([^\n]{1,300})", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(```|~~~)[^\n]*\n.*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Output:
    """One output. `kind`: text, error, image, note, or help with `code`; `content` is text, or the `data:` address of an image."""

    kind: str
    label: str
    content: str

    @property
    def lines(self) -> int:
        """Number of lines of a text."""
        return self.content.count("\n") + 1

    @property
    def folded(self) -> bool:
        """Whether it is too long to stand open on the page."""
        return self.kind in ("text", "error") and (self.lines > FOLD_LINES or len(self.content) > FOLD_CHARACTERS)


@dataclass(frozen=True)
class NotebookCell:
    """One cell. `kind`: code, locked (the instructor's code), answer (the student's text) or heading."""

    kind: str
    number: int
    source: str
    outputs: tuple[Output, ...] = ()
    grade_id: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the cell raised an error."""
        return any(output.kind == "error" for output in self.outputs)

    @property
    def size(self) -> int:
        """Characters that the cell puts on the page."""
        return len(self.source) + sum(len(output.content) for output in self.outputs)


def raw_cells(notebook: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The cells of a notebook that may be malformed in any way."""
    found = (notebook or {}).get("cells")
    return [cell for cell in found if isinstance(cell, dict)] if isinstance(found, list) else []


def grade_id(cell: dict[str, Any]) -> str | None:
    """nbgrader's id of the cell, if it has one."""
    found = _nbgrader(cell).get("grade_id")
    return found if isinstance(found, str) else None


def _nbgrader(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = cell.get("metadata")
    found = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def is_locked(cell: dict[str, Any]) -> bool:
    """Whether the cell's text is the instructor's."""
    about = _nbgrader(cell)
    return bool(about.get("locked")) and not about.get("solution")


def first_heading(notebook: dict[str, Any] | None) -> str:
    """The notebook's own title: the first heading that the instructor wrote; empty without any."""
    texts = (
        joined(cell.get("source"))
        for cell in raw_cells(notebook)
        if cell.get("cell_type") == "markdown" and not _nbgrader(cell).get("solution")
    )
    return next((words for text in texts for words in _headings_of(text)), "")


def headings(notebook: dict[str, Any] | None) -> dict[str, str]:
    """For each grade id the nearest markdown heading above its cell, or in it."""
    titles: dict[str, str] = {}
    last = ""
    for cell in raw_cells(notebook):
        if cell.get("cell_type") == "markdown" and not _nbgrader(cell).get("solution"):
            last = (_headings_of(joined(cell.get("source"))) or [last])[-1]
        identity = grade_id(cell)
        if identity is not None and last:
            titles.setdefault(identity, last)
    return titles


def _headings_of(source: str) -> list[str]:
    found = _HEADING.findall(_FENCE.sub("", source[:MAX_TEXT]))
    return [words for words in (_plain(text) for text in found) if words]


def _plain(markdown: str) -> str:
    text = re.sub(r"!?\[([^\]\[]*)\]\([^)(]*\)", r"\1", markdown)
    return line(re.sub(r"[`*]|\s#+\s*$", "", text), 100)


def notebook_cells(notebook: dict[str, Any] | None) -> tuple[NotebookCell, ...]:
    """The cells worth showing, numbered as in the notebook, until the page is full."""
    shown: list[NotebookCell] = []
    size = 0
    for number, cell in enumerate(raw_cells(notebook), start=1):
        for each in _view(number, cell):
            size += each.size
            if size > MAX_PAGE or len(shown) >= MAX_CELLS:
                return (*shown, NotebookCell("note", number, "The rest of the notebook is too long to be shown here."))
            shown.append(each)
    return tuple(shown)


def _view(number: int, cell: dict[str, Any]) -> Iterator[NotebookCell]:
    source, kind = joined(cell.get("source")), cell.get("cell_type")
    about = _nbgrader(cell)
    if kind == "code":
        yield NotebookCell(
            "locked" if is_locked(cell) else "code", number, printed(source, MAX_TEXT), tuple(_outputs(cell)), grade_id(cell)
        )
    elif kind in ("markdown", "raw") and about.get("solution"):
        yield NotebookCell("answer", number, printed(source, MAX_TEXT), grade_id=grade_id(cell))
    elif kind == "markdown":
        for words in _headings_of(source)[:5]:
            yield NotebookCell("heading", number, words)


def _outputs(cell: dict[str, Any]) -> Iterator[Output]:
    found = cell.get("outputs")
    outputs = _merged([output for output in found if isinstance(output, dict)]) if isinstance(found, list) else []
    left = MAX_TEXT
    for output in outputs[:MAX_OUTPUTS]:
        if view := _output(output, left):
            left -= len(view.content) if view.kind != "image" else 0
            yield view
        if left <= 0:
            yield Output("note", "", "The rest of this cell's output is too long to be shown here.")
            return
    if len(outputs) > MAX_OUTPUTS:
        yield Output("note", "", f"{len(outputs) - MAX_OUTPUTS:,} more outputs of this cell are not shown here.")


def _merged(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Prints that follow each other as one output, as they were on the student's screen."""
    merged: list[dict[str, Any]] = []
    for output in outputs:
        stream = output.get("output_type") == "stream"
        if stream and merged and merged[-1].get("output_type") == "stream" and merged[-1].get("name") == output.get("name"):
            merged[-1]["parts"].append(joined(output.get("text")))
        else:
            merged.append({**output, "parts": [joined(output.get("text"))]})
    return merged


def _output(output: dict[str, Any], limit: int) -> Output | None:
    kind = output.get("output_type")
    if kind == "stream":
        text = printed(joined(output["parts"]), limit)
        return Output("text", "stderr" if output.get("name") == "stderr" else "printed", text) if text else None
    if kind == "error":
        found = output.get("traceback")
        trace = "\n".join(part for part in found if isinstance(part, str)) if isinstance(found, list) else joined(found)
        title = f"{line(output.get('ename') or 'error', 80)}: {paragraph(str(output.get('evalue') or ''), 500)}".removesuffix(": ")
        return Output("error", title, printed(trace, limit) or title)
    if kind in ("display_data", "execute_result"):
        return _display(output.get("data"), limit)
    return None


def _display(data: Any, limit: int) -> Output | None:
    if not isinstance(data, dict):
        return None
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            address = image_uri(kind, data[kind])
            return Output("image", kind, address) if address else Output("note", "", "An image that cannot be shown here.")
    text = printed(joined(data.get("text/plain")), limit)
    return Output("text", "result", text) if text else Output("note", "", "An output of a kind that is not shown here.")
