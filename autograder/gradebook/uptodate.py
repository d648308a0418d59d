"""Whether all is in the gradebook as it was written last: then a call that finds nothing to do takes seconds for a class of thousands.

Writing compares every cell of every student with the gradebook. That is left out when nothing has changed of what it reads and writes:
records, autograded notebooks, decisions, roster, dates and prices, and the gradebook itself, which anybody may write. Files are taken for
the same by their names, sizes and times. Of a database server nothing can be told so; there everything is compared every time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.course.settings import Course
from autograder.files import write_atomic
from autograder.gradebook.location import parse_url
from autograder.term.facts import policy_of


class Standing:
    """How these students' results in one gradebook stand: `is_as_noted` tells whether they do as when `note` was called last."""

    def __init__(self, course: Course, paths: CoursePaths, store: Store, profile: str, assignment: str, students: Iterable[str], url: str):
        self._course, self._paths, self._store = course, paths, store
        self._profile, self._assignment, self._students = profile, assignment, list(students)
        self._database = _file_of(url)
        self._file = store.root / "locks" / f"published.{assignment}.{profile}"
        self._read = self._what_is_read()  # now: what another command records while this one writes is not written yet

    def is_as_noted(self) -> bool:
        """Whether nothing has changed since; False where nothing was noted, or nothing can be told."""
        try:
            return self._database is not None and self._file.read_text(encoding="ascii") == self._digest(self._database)
        except (OSError, ValueError):
            return False

    def note(self) -> None:
        """All is written, as it stands now."""
        with suppress(OSError):  # a store that may only be read: then everything is compared the next time
            if self._database is not None:
                write_atomic(self._file, self._digest(self._database))

    def _digest(self, database: Path) -> str:
        """Of what was read before, and what is written now. Raises OSError where there is no gradebook."""
        scores = (self._store.root / "scores" / f"{self._assignment}.json").exists()
        notebooks = [_listed(self._paths.autograded(student, self._assignment)) for student in self._students]
        written = (str(database), _stamp(database.stat()), _log_of(database), scores, notebooks)
        return hashlib.sha256(f"{self._read}{written}".encode()).hexdigest()

    def _what_is_read(self) -> str:
        files = [self._paths.release_notebook(self._assignment), *(self._store.root / name for name in ("decisions.jsonl", "roster.jsonl"))]
        records = self._store.root / "records" / self._profile / self._assignment
        listed = [_listed(records / student) for student in self._students]
        policy = policy_of(self._course, self._assignment)
        return hashlib.sha256(repr((list(map(_stamp_of, files)), policy, self._students, listed)).encode()).hexdigest()


def gradebook_stamp(url: str) -> tuple[tuple[int, int] | None, tuple[int, int] | None] | None:
    """Another one whenever somebody has written into the gradebook; None where that cannot be told.

    Who keeps a connection, as formgrader does, writes into the log beside the file, and the file itself changes much later.
    """
    database = _file_of(url)
    return (_stamp_of(database), _log_of(database)) if database is not None else None


def _file_of(url: str) -> Path | None:
    parts = parse_url(url)
    return Path(str(parts.database)) if parts.get_backend_name() == "sqlite" and parts.database else None


def _log_of(database: Path) -> tuple[int, int] | None:
    """None for an empty one, too: whoever only reads makes that, and takes it away."""
    found = _stamp_of(Path(f"{database}-wal"))
    return found if found and found[0] else None


def _listed(folder: Path) -> list[tuple[str, int, int]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, *_stamp(entry.stat())) for entry in entries)
    except OSError:
        return []


def _stamp_of(file: Path) -> tuple[int, int] | None:
    try:
        return _stamp(file.stat())
    except OSError:
        return None


def _stamp(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
