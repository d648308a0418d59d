"""What the source notebook says about marking: for each part that a person grades its mark scheme and the reference's answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from autograder.course.notebook import nbgrader_of

_SCHEME = re.compile(r"^[^\n]*BEGIN MARK SCHEME[^\n]*\n(.*?)^[^\n]*END MARK SCHEME[^\n]*$\n?", re.MULTILINE | re.DOTALL)
_MARKER = re.compile(r"^[^\n]*(?:BEGIN|END) SOLUTION[^\n]*$\n?", re.MULTILINE)


@dataclass(frozen=True)
class MarkScheme:
    """One part. `scheme` is empty where the notebook has none; `answer` is the reference's, of a task what the student was asked."""

    grade_id: str
    points: float
    scheme: str
    answer: str


def mark_schemes(notebook: dict[str, Any]) -> dict[str, MarkScheme]:
    """By grade id, in the notebook's order. Students' versions have none: nbgrader takes schemes and answers out."""
    found = {}
    for cell in notebook["cells"]:
        about = nbgrader_of(cell)
        if about.get("task") or (about.get("grade") and about.get("solution")):
            source, name = "".join(cell["source"]), str(about.get("grade_id", ""))
            scheme = "\n\n".join(part.strip() for part in _SCHEME.findall(source))
            answer = _MARKER.sub("", _SCHEME.sub("", source)).strip()
            found[name] = MarkScheme(name, float(about.get("points") or 0), scheme, answer)
    return found
