"""A released course whose gradebook is SQLite's in one run of each test and PostgreSQL's in another."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.course.paths import CoursePaths
from autograder.release.build import release_assignment
from tests.gradebook.postgresql import Server, running_server
from tests.gradebook.tiny_course import ASSIGNMENT, COURSE, OTHER, source_notebook, write_source

_numbers = itertools.count()


@dataclass(frozen=True)
class CourseElsewhere(CoursePaths):
    """A course whose gradebook is not the file in its folder; nbgrader is configured so."""

    url: str

    @property
    def gradebook_url(self) -> str:
        return self.url


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture(scope="session")
def source_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("released")
    for assignment in (ASSIGNMENT, OTHER):
        paths = write_source(root, source_notebook(), assignment)
    return paths.root


def _release(paths: CoursePaths) -> None:
    for assignment in (ASSIGNMENT, OTHER):
        release_assignment(paths, assignment, COURSE, paths.gradebook_url)


@pytest.fixture(scope="session")
def on_sqlite_once(source_once: Path) -> Path:
    """Releasing makes two gradebooks, a second each, so it is done once and copied."""
    _release(CoursePaths(source_once))
    return source_once


@pytest.fixture(scope="session")
def on_postgresql_once(on_sqlite_once: Path, server: Server) -> str:
    """The same in a database of the server: its name, to copy it."""
    server.run("CREATE DATABASE released")
    _release(CourseElsewhere(on_sqlite_once, server.url("released")))
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'released'")  # nbgrader leaves connections
    return "released"


@pytest.fixture(params=["sqlite", "postgresql"])
def course(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CoursePaths]:
    """A course whose assignments are released and have no submission."""
    root = tmp_path / "course"
    shutil.copytree(request.getfixturevalue("on_sqlite_once"), root)
    if request.param == "sqlite":
        yield CoursePaths(root)
        return
    (root / "gradebook.db").unlink()
    server: Server = request.getfixturevalue("server")
    name = f"course_{next(_numbers)}"
    server.run(f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('on_postgresql_once')}")
    url = server.url(name)
    (root / "nbgrader_config.py").write_text(f"c = get_config()\nc.CourseDirectory.db_url = {url!r}\n")
    yield CourseElsewhere(root, url)
    server.run(f"DROP DATABASE {name} WITH (FORCE)")
