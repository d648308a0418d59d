"""The results store: runs by their key, records by profile, assignment, student and submission."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from autograder.batch.locks import locked, locked_at_once
from autograder.batch.starts import Starts
from autograder.course.paths import CoursePaths
from autograder.course.settings import Course
from autograder.errors import StoreError, UsageError
from autograder.execution.rundir import RunFolder
from autograder.files import write_atomic
from autograder.records import Record, Submission, from_json, to_json

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


def store_root(course: Course, paths: CoursePaths, named: Path | None = None) -> Path:
    """The store's folder: `named`, else AUTOGRADER_STORE, else the course's, else `.autograder/`."""
    chosen = named or os.environ.get("AUTOGRADER_STORE") or course.store
    return (paths.root / chosen).absolute() if chosen else paths.state


@dataclass(frozen=True)
class Store:
    """A folder with `runs/` and `records/`; every write is atomic, so a killed command leaves whole files only.

    Whatever writes raises StoreError when nothing can be written.
    """

    root: Path

    @property
    def starts(self) -> Starts:
        return Starts(self.root / "starts")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around what writes into the store: raises StoreError, with what to do, for an OSError."""
        try:
            yield
        except OSError as error:
            if error.errno in _NO_LOCKS:
                raise StoreError(
                    f"The file system of the store '{self.root}' keeps no locks: {error.strerror}.",
                    "Mount it with locks (docs/scale.md says how to see whether they hold), or name another store with --store DIR.",
                ) from error
            raise StoreError(
                f"The store '{self.root}' cannot be written: {error.strerror or error}.",
                "Make room there, or name another one with --store DIR; then run the same command again. What is recorded stays.",
            ) from error

    @contextmanager
    def in_use(self, gives_up: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """For whoever makes runs and records, beside others who do: there is no repair meanwhile, and one under way is waited for.

        Where nothing can be locked, as on a file system that may only be read, nothing can be repaired either.
        """
        with ExitStack() as stack:
            with suppress(OSError):
                stack.enter_context(locked(self._lock, gives_up, shared=True))
            yield

    @contextmanager
    def out_of_use(self, served: bool = True) -> Iterator[None]:
        """For a repair and the like: nobody makes runs or records meanwhile. Raises UsageError when somebody does.

        `served`: JupyterHub's service may go on, which writes receipts and more beside them.
        """
        hub = self.root / "hub" / "lock"
        with ExitStack() as stack:
            for lock in [self._lock] if served or not hub.exists() else [self._lock, hub]:
                try:
                    with self.writing():
                        stack.enter_context(locked_at_once(lock))
                except StoreError as error:
                    if not isinstance(error.__cause__, BlockingIOError):
                        raise
                    who = "The hub's service" if lock == hub else "A command"
                    raise UsageError(
                        f"{who} is at work on the store '{self.root}': nothing was done.", "Call this again when it has ended."
                    ) from None
            yield

    @property
    def _lock(self) -> Path:
        return self.root / ".locks" / "store"

    @property
    def runs(self) -> Path:
        """The folder of all runs."""
        return self.root / "runs"

    def run(self, run_key: str) -> RunFolder:
        return RunFolder(self.runs / run_key)

    def write(self, record: Record, present: bool = True) -> None:
        """Keeps a record and makes it its student's present one, unless it is only to replace the one of its submission."""
        with self.writing():
            write_atomic(self._path(record.profile, record.assignment, record.student, record.submission_id), to_json(record))
        if present:
            self.point_to(record)

    def point_to(self, record: Record) -> None:
        """Makes a record its student's present one: the submission that was graded last, even if it was first seen earlier."""
        pointer = self._path(record.profile, record.assignment, record.student, "").with_name("present")
        if not pointer.is_file() or pointer.read_text(encoding="utf-8", errors="replace") != record.submission_id:
            with self.writing():
                write_atomic(pointer, record.submission_id)

    def read(self, profile: str, assignment: str, student: str, submission_id: str) -> Record | None:
        """One record; None when there is none, or the file is damaged (it is then graded again)."""
        return _load(self._path(profile, assignment, student, submission_id))

    def of_student(self, assignment: str, student: str) -> Iterator[Record]:
        """All records of a student's submissions of an assignment, in every profile."""
        for path in sorted((self.root / "records").glob(f"*/{assignment}/{student}/*.json")):
            record = _load(path)
            if record is not None:
                yield record

    def students(self, profile: str, assignment: str) -> list[str]:
        """Everybody who has a present record, sorted."""
        return sorted(path.parent.name for path in (self.root / "records" / profile / assignment).glob("*/present"))

    def submissions(self, profile: str, assignment: str, student: str) -> list[str]:
        """Ids of all submissions of a student that have a record, readable or not, sorted."""
        return sorted(path.stem for path in (self.root / "records" / profile / assignment / student).glob("[!.]*.json"))

    def present_id(self, profile: str, assignment: str, student: str) -> str | None:
        """The submission whose record is a student's present one."""
        try:
            return self._path(profile, assignment, student, "").with_name("present").read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None

    def present(self, profile: str, assignment: str, student: str) -> Record | None:
        """A student's present record; None when there is none, or the file is damaged."""
        submission_id = self.present_id(profile, assignment, student)
        return self.read(profile, assignment, student, submission_id) if submission_id is not None else None

    def latest(self, profile: str, assignment: str, students: Iterable[str] | None = None) -> Iterator[Record]:
        """The present record of each student (default: of everybody), one at a time, so that no class is too large."""
        for student in self.students(profile, assignment) if students is None else students:
            record = self.present(profile, assignment, student)
            if record is not None:
                yield record

    def note_arrival(self, submission: Submission, at: str | None = None) -> None:
        """Keeps when a submission was first seen, before it is its turn: a machine that fails meanwhile costs nobody a deadline.

        `at`: ISO text in UTC, where somebody else saw it first (a receipt); default: now.
        """
        place = self._arrivals(submission.assignment, submission.student) / submission.submission_id
        if not place.is_file():
            received = at or self.arrival(submission.assignment, submission.student, submission.submission_id)[0]
            with self.writing():
                write_atomic(place, received)

    def arrival(self, assignment: str, student: str, submission_id: str) -> tuple[str, int]:
        """(received_at, attempt) of a submission: as first seen, else now and one more than there were."""
        known = {path.name: path.read_text(encoding="utf-8") for path in self._arrivals(assignment, student).glob("[!.]*")}
        for record in self.of_student(assignment, student):
            known[record.submission_id] = min(record.received_at, known.get(record.submission_id, record.received_at))
        received = known.setdefault(submission_id, datetime.now(UTC).isoformat(timespec="microseconds"))
        return received, sorted(known.items(), key=lambda each: each[1]).index((submission_id, received)) + 1

    def _arrivals(self, assignment: str, student: str) -> Path:
        return self.root / "arrivals" / assignment / student

    def _path(self, profile: str, assignment: str, student: str, submission_id: str) -> Path:
        return self.root / "records" / profile / assignment / student / f"{submission_id}.json"


def choose_students(store: Store, profile: str, assignment: str, named: Sequence[str]) -> list[str]:
    """Those named, by default everybody, sorted. Raises UsageError when there is no record, or one of those named has none."""
    recorded = store.students(profile, assignment)
    absent = sorted(set(named) - set(recorded))
    if not recorded or absent:
        whose = f" from {', '.join(absent)}" if recorded else ""
        raise UsageError(f"There is no record of '{assignment}'{whose} in profile '{profile}'.", f"Run: autograder grade {assignment}")
    return sorted(set(named)) or recorded


def _load(path: Path) -> Record | None:
    try:
        return from_json(Record, path.read_bytes())
    except (OSError, ValueError):
        return None
