from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autograder.course.paths import CoursePaths
from autograder.release.build import release_assignment
from tests.gradebook.tiny_course import ASSIGNMENT, COURSE, source_notebook, write_source


@pytest.fixture(scope="session")
def released_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Releasing makes two gradebooks, a second each, so it is done once and copied."""
    paths = write_source(tmp_path_factory.mktemp("released"), source_notebook())
    release_assignment(paths, ASSIGNMENT, COURSE, paths.gradebook_url)
    return paths.root


@pytest.fixture
def course(released_once: Path, tmp_path: Path) -> CoursePaths:
    """A course whose assignment is released and has no submission."""
    shutil.copytree(released_once, tmp_path / "course")
    return CoursePaths(tmp_path / "course")
