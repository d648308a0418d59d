"""What is in the gradebook already is not compared again, unless anything has changed of what is compared."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.course.paths import CoursePaths
from autograder.gradebook.uptodate import Standing
from tests.gradebook.tiny_course import ASSIGNMENT, record

STUDENTS = ("ana", "bo")


@pytest.fixture
def there(on_sqlite_once: Path, tmp_path: Path) -> CoursePaths:
    """A course with two records and their notebooks; the gradebook is a file like another here."""

    paths = CoursePaths(Path(shutil.copytree(on_sqlite_once, tmp_path / "course")))
    for student in STUDENTS:
        Store(paths.state).write(record(student=student))
        paths.autograded(student, ASSIGNMENT).mkdir(parents=True)
        (paths.autograded(student, ASSIGNMENT) / f"{ASSIGNMENT}.ipynb").write_text("{}")
    return paths


def standing(paths: CoursePaths, students: tuple[str, ...] = STUDENTS, url: str = "") -> Standing:
    return Standing(load_course(paths.root)[0], paths, Store(paths.state), "full", ASSIGNMENT, students, url or paths.gradebook_url)


def _by_hand(paths: CoursePaths) -> None:
    with closing(sqlite3.connect(paths.root / "gradebook.db")) as database, database:
        database.execute("UPDATE base_cell SET name = name")


CHANGES: dict[str, Callable[[CoursePaths], object]] = {
    "a new record": lambda paths: Store(paths.state).write(record(1.0, student="bo")),
    "a record of an earlier submission": lambda paths: Store(paths.state).write(
        record(student="bo", submission_id="1" * 16), present=False
    ),
    "somebody wrote into the gradebook": _by_hand,
    "a notebook is gone": lambda paths: (paths.autograded("ana", ASSIGNMENT) / f"{ASSIGNMENT}.ipynb").unlink(),
    "a notebook was changed": lambda paths: (paths.autograded("ana", ASSIGNMENT) / f"{ASSIGNMENT}.ipynb").write_text("{ }"),
    "a decision": lambda paths: (paths.state / "decisions.jsonl").write_text("{}\n"),
    "the roster": lambda paths: (paths.state / "roster.jsonl").write_text("{}\n"),
    "a due date": lambda paths: paths.config.write_text(
        paths.config.read_text().replace("Assignment(each,", "Assignment(each, due='2027-02-12',")
    ),
    "another release": lambda paths: paths.release_notebook(ASSIGNMENT).write_text("{}"),
    "no gradebook": lambda paths: (paths.root / "gradebook.db").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_noticed(there: CoursePaths, change: str) -> None:
    assert not standing(there).is_as_noted()  # nothing was noted yet
    standing(there).note()
    assert standing(there).is_as_noted()
    CHANGES[change](there)
    assert not standing(there).is_as_noted()


def test_what_another_command_records_meanwhile_is_not_taken_for_written(there: CoursePaths) -> None:
    """This one has read the records, and writes; the other one is killed before it writes its own."""
    writing = standing(there)
    Store(there.state).write(record(1.0, student="bo"))
    writing.note()
    assert not standing(there).is_as_noted()


def test_other_students_and_other_gradebooks_are_told_apart(there: CoursePaths) -> None:
    standing(there).note()
    assert not standing(there, ("ana",)).is_as_noted()
    (there.root / "other.db").write_bytes((there.root / "gradebook.db").read_bytes())
    assert not standing(there, url=f"sqlite:///{there.root}/other.db").is_as_noted()


def test_of_a_database_server_nothing_can_be_told(there: CoursePaths) -> None:
    server = "postgresql+psycopg://me:secret@host/db"
    standing(there, url=server).note()
    assert not standing(there, url=server).is_as_noted()
