"""One assistant's pages to mark from: each answer with the mark scheme and the reference's answer beside it, and nobody's marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.course.notebook import nbgrader_of
from autograder.course.schemes import MarkScheme
from autograder.feedback.clean import joined, paragraph
from autograder.feedback.pages import render_page
from autograder.feedback.words import in_words

_CHARACTERS = 20_000  # of one answer; formgrader has the whole notebook


@dataclass(frozen=True)
class Answer:
    """One part of one student; `text` is empty where the cell was left empty, None where there is no notebook."""

    student: str
    name: str
    scheme: MarkScheme
    text: str | None
    second: bool = False


@dataclass(frozen=True)
class Sheet:
    """What one assistant has to mark, in the order in which it is marked best: part by part."""

    course_title: str
    assignment: str
    assistant: str
    generated_at: str
    answers: Sequence[Answer]


def answers_of(notebook: Mapping[str, Any] | None) -> dict[str, str]:
    """Sources of the cells of a notebook by grade id; what is no notebook has none."""
    try:
        cells = [(nbgrader_of(cell).get("grade_id"), joined(cell["source"])) for cell in (notebook or {}).get("cells", ())]
        return {str(name): source for name, source in cells if name}
    except (AttributeError, KeyError, TypeError):
        return {}


def render_sheet(sheet: Sheet) -> str:
    """One self-contained HTML file, for those who mark and never for students."""
    parts: dict[str, list[Answer]] = {}
    for answer in sheet.answers:
        parts.setdefault(answer.scheme.grade_id, []).append(answer)
    return render_page("marking.html", sheet=sheet, title=in_words(sheet.assignment), parts=list(parts.values()), shown=_shown)


def _shown(text: str) -> str:
    return paragraph(text, _CHARACTERS)
