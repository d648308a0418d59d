"""Reads a submitted notebook in a guarded way: of its JSON only cell types, sources, ids and grade ids are taken."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from autograder.errors import SubmissionError
from autograder.records import Flag

_CURE = "Open it in JupyterLab, save it, and submit it again."
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
    """The cells in their order, the kernel's name, and what was odd."""

    cells: tuple[SubmittedCell, ...]
    kernel: str | None
    flags: tuple[Flag, ...]


def parse_notebook(data: bytes) -> SubmittedNotebook:
    """Parses notebook bytes. Raises SubmissionError('unreadable') with the reason for whatever is no nbformat 4 notebook."""
    content = _load(data)
    version, cells = content.get("nbformat"), content.get("cells")
    if version != 4 or not isinstance(cells, list):
        raise SubmissionError("unreadable", f"The file is no notebook of format 4 (its nbformat is {version!r:.40}).", _CURE)
    if len(cells) > _MAX_CELLS:
        raise SubmissionError("unreadable", f"The notebook has {len(cells):,} cells, at most {_MAX_CELLS:,} are read.", _CURE)
    parsed = [cell for cell in map(_cell, cells) if cell is not None]
    flags = [Flag("damaged_cells", f"{len(cells) - len(parsed)} cells are malformed and were left out")] if len(parsed) < len(cells) else []
    return SubmittedNotebook(tuple(parsed), _kernel(content.get("metadata")), tuple(flags))


def _load(data: bytes) -> dict[str, Any]:
    if not data.strip():
        raise SubmissionError("unreadable", "The notebook file is empty.", _CURE)
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except RecursionError:
        raise SubmissionError("unreadable", "The notebook's JSON is nested too deeply.", _CURE) from None
    except UnicodeDecodeError:
        raise SubmissionError("unreadable", "The notebook is not UTF-8 text.", _CURE) from None
    except ValueError as error:
        raise SubmissionError("unreadable", f"The notebook is not valid JSON: {error}", _CURE) from None
    if not isinstance(content, dict):
        raise SubmissionError("unreadable", f"The notebook's JSON is a {type(content).__name__}, an object was expected.", _CURE)
    return content


def _cell(cell: Any) -> SubmittedCell | None:
    if not isinstance(cell, dict) or cell.get("cell_type") not in _TYPES:
        return None
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    found = cell.get("id")
    return SubmittedCell(
        cell_type=str(cell["cell_type"]),
        source=_printable(source),
        cell_id=found if isinstance(found, str) else None,
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
    return grade_id if isinstance(grade_id, str) and grade_id else None


def _kernel(metadata: Any) -> str | None:
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    name = spec.get("name") if isinstance(spec, dict) else None
    return name if isinstance(name, str) else None
