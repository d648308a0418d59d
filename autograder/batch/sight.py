"""Whether anything secret lies where every submission looks: in the system's folders, or in those of the Python environment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autograder.course.paths import CoursePaths
from autograder.data.seed import seed_file
from autograder.errors import UsageError
from autograder.isolation.bubblewrap import shown_folders


def require_out_of_sight(paths: CoursePaths, assignment: str, store: Path) -> None:
    """Raises UsageError when the course, its store, its seed or its submissions can be read by what they are hidden from."""
    ours = [paths.root, paths.state, paths.source, paths.submitted, paths.graders(assignment), paths.solutions(assignment)]
    shown = shown_folders()
    for place in (*ours, store, seed_file(paths)):
        seen = _within(place, shown)
        if seen is not None:
            raise UsageError(
                f"'{place}' lies in '{seen}', a folder of the system or of the Python environment, so that every submission can read it.",
                "Move the course (or its store, or its seed), or make the environment elsewhere, such as in the course's folder '.venv'.",
            )


def _within(place: Path, folders: Iterable[Path]) -> Path | None:
    return next((folder for folder in folders if place.resolve().is_relative_to(folder)), None)
