"""Puts the mark scheme below each answer that formgrader shows, in the page alone: no file of a student ever holds it.

nbgrader renders formgrader and `generate_feedback` with the same exporter, and feedback goes to students. So nothing is added unless the
page is formgrader's own, which says so by what it gives to its template, and the source notebook is read for each page: a scheme that was
made clearer while people mark is there at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert.preprocessors import Preprocessor

from autograder.course.notebook import nbgrader_of, read_notebook
from autograder.course.paths import CoursePaths
from autograder.course.schemes import MarkScheme, mark_schemes
from autograder.errors import UsageError

_OF_FORMGRADER = ("submission_id", "index", "total", "notebook_path", "assignment_id")  # nbgrader's feedback has none of them


class MarkSchemes(Preprocessor):
    """In the list `HTMLExporter.preprocessors` of `nbgrader_config.py`; `configure` puts it there."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """A notebook for formgrader with a text cell after each part that a person grades; any other one as it is."""
        if all(key in resources for key in _OF_FORMGRADER):
            schemes = _schemes(Path(resources.get("metadata", {}).get("path", "")), str(resources["assignment_id"]))
            nb.cells = [each for cell in nb.cells for each in (cell, *_below(cell, schemes))]
        return nb, resources


def _schemes(folder: Path, assignment: str) -> dict[str, MarkScheme]:
    """From the course whose `autograded/<student>/<assignment>` that folder is; nothing where it is none of ours."""
    if folder.name != assignment or len(folder.parents) < 3:
        return {}
    paths = CoursePaths(folder.parents[2])
    try:
        return mark_schemes(read_notebook(paths.source_notebook(assignment))) if paths.config.is_file() else {}
    except UsageError:
        return {}


def _below(cell: Any, schemes: dict[str, MarkScheme]) -> list[Any]:
    found = schemes.get(str(nbgrader_of(cell).get("grade_id", "")))
    if found is None:
        return []
    scheme = found.scheme or "The source notebook has no mark scheme for this part."
    # A text cell without nbgrader's metadata has neither a score nor a comment, so nothing of it can get into the gradebook.
    text = f"> **Mark scheme** ({found.points:g} points)\n>\n{_quoted(scheme)}"
    if found.answer:
        text += f"\n\n> **The reference's answer**\n>\n{_quoted(found.answer)}"
    node = type(cell)  # nbformat's, whose functions have no types
    return [node(cell_type="markdown", metadata=node(), source=text)]


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())
