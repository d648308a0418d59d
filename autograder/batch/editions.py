"""What is different for submissions that began as an older release version: their notebook, files, points and keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autograder.course.notebook import GradeCellSpec, grade_cells, read_notebook
from autograder.course.settings import Assignment
from autograder.course.versions import Version
from autograder.files import digest
from autograder.intake.versions import migrated


@dataclass(frozen=True)
class Edition:
    """One release version as submissions are restored from it.

    `fetched`: the notebook that students got; `release`: the same with corrected cells, see `intake.versions`; `files`: beside it, by name.
    """

    number: int
    fetched: dict[str, Any]
    release: dict[str, Any]
    files: dict[str, bytes]
    specs: tuple[GradeCellSpec, ...]
    release_digest: str
    scoring_key: str = ""
    execution_key: str = ""


def newest_edition(notebook: Path, number: int) -> Edition:
    """What lies in `release/`."""
    release, files = read_notebook(notebook), released_files(notebook)
    return Edition(number, release, release, files, grade_cells(release), release_digest(release, files))


def older_editions(
    older: Sequence[Version], assignment: Assignment, newest: Edition, keyed: Callable[[Edition], Edition]
) -> tuple[Edition, ...]:
    """Every version before the newest one; `keyed` gives an edition its keys.

    Files of the newest version stand in place of older ones of the same name. A cell counts what it counts in the newest version, if it is
    there, unless the assignment's `version_points` say otherwise. Raises UsageError for a version whose notebook cannot be read.
    """
    found = []
    for version in older:
        fetched = read_notebook(version.notebook(assignment.id))
        release = migrated(fetched, newest.release)
        files = {**released_files(version.notebook(assignment.id)), **newest.files}
        points = {spec.grade_id: spec.points for spec in newest.specs} | assignment.version_points.get(version.number, {})
        specs = tuple(replace(spec, points=float(points.get(spec.grade_id, spec.points))) for spec in grade_cells(release))
        found.append(keyed(Edition(version.number, fetched, release, files, specs, release_digest(release, files))))
    return tuple(found)


def release_digest(release: dict[str, Any], files: dict[str, bytes]) -> str:
    """Names what an execution saw of a release version."""
    return digest(release, {name: hashlib.sha256(content).hexdigest() for name, content in files.items()})


def released_files(notebook: Path) -> dict[str, bytes]:
    """Files that students got beside the notebook; each run sees them as released, whatever was submitted under their names."""
    folder = notebook.parent
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path != notebook}
