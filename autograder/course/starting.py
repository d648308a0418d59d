"""A small course to begin with: one assignment with graders, known answers, configuration and CI files, from the package's templates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import UsageError
from autograder.files import write_atomic

_TEMPLATE = Path(__file__).with_name("template")
_NAME = "COURSE_ID"


@dataclass(frozen=True)
class Started:
    """What was written, and what was there already and stayed; relative to the folder."""

    course_id: str
    written: tuple[str, ...]
    kept: tuple[str, ...]


def start_course(folder: Path, into_existing: bool) -> Started:
    """Writes the course into `folder`, named after it. No file that is there is ever replaced.

    Raises UsageError for a folder with something in it, unless told, and for what is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"'{folder}' is a file, a folder was expected.", "Name another one.")
    if folder.is_dir() and any(folder.iterdir()) and not into_existing:
        raise UsageError(
            f"The folder '{folder}' is not empty.",
            "Name another one, or add --force: what lies there stays, and only what is missing is written.",
        )
    course_id = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.absolute().name).strip("-") or "my-course"
    written, kept = [], []
    for source in sorted(path for path in _TEMPLATE.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        name = _name_of(source.relative_to(_TEMPLATE))
        if (folder / name).exists():
            kept.append(name)
            continue
        write_atomic(folder / name, source.read_text(encoding="utf-8").replace(_NAME, course_id))
        written.append(name)
    return Started(course_id, tuple(written), tuple(kept))


def _name_of(template: Path) -> str:
    """Hidden names begin with `dot.` in the package, where tools would leave them out."""
    return "/".join(part.removeprefix("dot") if part.startswith("dot.") else part for part in template.parts)
