"""Reads a submitted notebook in a guarded way: of its JSON only cell types, sources, ids and grade ids are taken.

A notebook of the old format 3 is read too. Where a key stands twice the last one counts, as in Jupyter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autograder.course.versions import release_number
from autograder.errors import SubmissionError
from autograder.intake.reading import CURE, NOTEBOOK_BYTES, read_json
from autograder.records import Flag

_TYPES = ("code", "markdown", "raw")
_MAX_CELLS = 2_000  # a real notebook has a hundred


@dataclass(frozen=True)
class SubmittedCell:
    """One cell as submitted. `grade_id` is None for cells that are the student's own or plain prose."""

    cell_type: str
    source: str
    cell_id: str | None
    grade_id: str | None
    attachments: dict[str, Any] | None = None


@dataclass(frozen=True)
class SubmittedNotebook:
    """The cells in their order, the kernel's name, what was odd, and the number of the release version that its metadata name, if any."""

    cells: tuple[SubmittedCell, ...]
    kernel: str | None
    flags: tuple[Flag, ...]
    release: int | None = None


def parse_notebook(data: bytes, limit: int = NOTEBOOK_BYTES) -> SubmittedNotebook:
    """Parses notebook bytes, of which `limit` may be other than outputs. Raises SubmissionError (unreadable or rejected) with the reason
    for whatever is no notebook of format 4 or 3."""
    content, flags = read_json(data, limit)
    cells = _cells(content, flags)
    if len(cells) > _MAX_CELLS:
        cure = "Delete cells that do not belong to the assignment, save it, and submit it again."
        raise SubmissionError("rejected", f"The notebook has {len(cells):,} cells, at most {_MAX_CELLS:,} are read.", cure)
    parsed = [cell for cell in map(_cell, cells) if cell is not None]
    if len(parsed) < len(cells):
        flags.append(Flag("damaged_cells", f"{len(cells) - len(parsed)} cells are malformed and were left out"))
    return SubmittedNotebook(tuple(parsed), _kernel(content.get("metadata")), tuple(flags), release_number(content.get("metadata")))


def _cells(content: dict[str, Any], flags: list[Flag]) -> list[Any]:
    version, cells = content.get("nbformat"), content.get("cells")
    if version == 4 and isinstance(cells, list):
        return cells
    if version == 3 and isinstance(content.get("worksheets"), list):
        flags.append(Flag("old_format", "the notebook has the old format 3 and was converted"))
        return [_of_format_4(cell) for sheet in content["worksheets"] if isinstance(sheet, dict) for cell in _listed(sheet.get("cells"))]
    if isinstance(version, int) and version > 4:
        raise SubmissionError("unreadable", f"The notebook has format {str(version)[:20]}, newer than 4, which is the one read here.", CURE)
    said = repr(version)[:40] if isinstance(version, str | int | float | None) else f"a {type(version).__name__}"
    raise SubmissionError("unreadable", f"The file is no notebook of format 4 (its nbformat is {said}).", CURE)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _of_format_4(cell: Any) -> Any:
    """A cell of format 3: code stood in `input`, and a heading was a type of its own."""
    if not isinstance(cell, dict):
        return cell
    if cell.get("cell_type") == "heading":
        level = cell.get("level")
        source = cell.get("source", "")
        text = "".join(source) if isinstance(source, list) and all(isinstance(line, str) for line in source) else source
        return {**cell, "cell_type": "markdown", "source": f"{'#' * (level if isinstance(level, int) and 0 < level < 7 else 1)} {text}"}
    return {**cell, "source": cell.get("input")} if cell.get("cell_type") == "code" else cell


def _cell(cell: Any) -> SubmittedCell | None:
    if not isinstance(cell, dict) or cell.get("cell_type") not in _TYPES:
        return None
    source = cell.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    found = cell.get("id")
    return SubmittedCell(
        cell_type=str(cell["cell_type"]),
        source=_printable(source),
        cell_id=_printable(found) if isinstance(found, str) else None,
        grade_id=_grade_id(cell.get("metadata")),
        attachments=_attachments(cell.get("attachments")),
    )


def _attachments(value: Any) -> dict[str, Any] | None:
    """Pictures pasted into a text cell: {name: {type: base64 text}}; anything else is left out."""
    if not isinstance(value, dict):
        return None
    fits = {
        _printable(name): {kind: _printable(data) for kind, data in bundle.items() if isinstance(data, str)}
        for name, bundle in value.items()
        if isinstance(bundle, dict)
    }
    return fits or None


def _printable(source: str) -> str:
    """Lone surrogates cannot be written as UTF-8; they become the replacement character."""
    return source.encode("utf-8", "replace").decode("utf-8")


def _grade_id(metadata: Any) -> str | None:
    found = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = found.get("grade_id") if isinstance(found, dict) else None
    return _printable(grade_id) if isinstance(grade_id, str) and grade_id else None


def _kernel(metadata: Any) -> str | None:
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    name = spec.get("name") if isinstance(spec, dict) else None
    return _printable(name) if isinstance(name, str) else None
