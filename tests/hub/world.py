"""A course with an exchange, a clock that stands still, and a grader that gives the records that a test asks for."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from autograder.batch.store import Store
from autograder.course.loading import load_course
from autograder.hub.desk import Desk
from autograder.hub.graders import Heard, Job, Plans
from autograder.hub.inbound import SECRET, TIMESTAMP
from autograder.hub.service import Service
from autograder.hub.state import AssignmentView, Receipt
from autograder.records import Flag, GradeCell, Isolation, Record, Seconds, Usage

SAMPLES = Path(__file__).parents[1] / "samples"
BEGIN = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)  # before the files of any test were made, so that the clock decides
ASSIGNMENT = "tiny"


@dataclass
class Clock:
    """Stands still until it is told."""

    now: datetime = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


def record(job: Job, outcome: Any = "completed", score: float | None = 50.0, flags: tuple[Flag, ...] = (), **changes: Any) -> Record:
    """What a grader could make of a job."""
    known: dict[str, Any] = {
        "assignment": job.assignment,
        "student": job.submission.student,
        "submission_id": job.submission.submission_id,
        "attempt": 1,
        "notebook": "tiny.ipynb",
        "submitted_at": job.submission.submitted_at,
        "received_at": "2026-02-01T12:00:00.000000+00:00",
        "profile": "smoke",
        "runs": (),
        "grade_key": "",
        "context": "",
        "outcome": outcome,
        "reason": "the machine burnt" if outcome == "infra_error" else "",
        "grading": "not_graded" if outcome == "infra_error" else "ok",
        "grading_reason": "",
        "score": None if outcome == "infra_error" else score,
        "max_score": 80.0,
        "grade_cells": (GradeCell("images", score, 80.0, False, ()),),
        "flags": flags,
        "first_error": None,
        "isolation": Isolation(2),
        "usage": Usage(),
        "seconds": Seconds(notebook=20.0),
        "versions": {},
    }
    return Record(**(known | changes))


@dataclass
class FakeGrader:
    """Has room for `room` jobs; `answer` makes a job's record or raises; `graded` are the receipts it was given, in order."""

    store: Store
    plans: Plans
    room: int = 1
    answer: Callable[[Job], Record] = record
    graded: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    can_cancel: bool = True
    wrong: str = ""

    def where(self) -> str:
        return "a machine that does not exist"

    def slots(self) -> int:
        return self.room

    def trouble(self) -> str:
        return self.wrong

    def has_room(self, job: Job, running: Sequence[Job]) -> bool:
        return len(running) < self.room

    def grade(self, job: Job, heard: Heard) -> Record:
        heard.began()
        heard.cell(3, 12)
        self.graded.append(job.receipt)
        made = self.answer(job)
        if made.outcome != "infra_error" or job.receipt not in self.cancelled:
            self.store.write(made)
        return made

    def cancel(self, receipt: str) -> bool:
        self.cancelled.append(receipt)
        return self.can_cancel

    def stop(self) -> None:
        return


@dataclass
class FakePublisher:
    """Notes for whom results were published and pages renewed; `broken` is raised instead.

    `late`: whose page is behind its record; `older`: whose is behind marks and dates; `odd`: whose cannot be renewed.
    """

    desk: Desk
    published: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    done: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    older: list[str] = field(default_factory=list)
    broken: Exception | None = None
    odd: str = ""

    def publish(self, assignment: str, students: Sequence[str]) -> None:
        if self.broken is not None:
            raise self.broken
        self.published.append((assignment, tuple(students)))
        self.done.append(("publish", tuple(students)))

    def renew(self, assignment: str, students: Sequence[str]) -> None:
        if self.broken is not None:
            raise self.broken
        if self.odd in students:
            raise OSError(f"The page of {self.odd} cannot be written.")
        self.done.append(("renew", tuple(students)))

    def outdated(self, assignment: str) -> list[str]:
        return self.older

    def behind(self, assignment: str) -> list[str]:
        return self.late

    def is_stale(self, assignment: str) -> bool:
        return False


class World:
    """`policy` is written into the course's configuration. Jobs are graded in place, or, with `later`, when `finish` is called."""

    def __init__(self, tmp_path: Path, policy: str = "", later: bool = False) -> None:
        self.root, self.exchange = tmp_path / "course", tmp_path / "exchange"
        shutil.copytree(SAMPLES / "tiny", self.root)
        config = self.root / "grading_config.py"
        text = config.read_text().replace("import Assignment,", "import Hub, Late, Assignment,")
        config.write_text(text.replace("assignments=[", f"{policy}{',' if policy else ''} assignments=["))
        self.course, self.paths = load_course(self.root)
        self.paths.release_notebook(ASSIGNMENT).parent.mkdir(parents=True)
        shutil.copy(self.paths.source_notebook(ASSIGNMENT), self.paths.release_notebook(ASSIGNMENT))
        self.inbound = self.exchange / "tiny" / "inbound"
        self.inbound.mkdir(parents=True)
        self.clock, self.store = Clock(), Store(self.paths.state)
        self.grader = FakeGrader(self.store, Plans(self.course, self.paths, self.store, trust=True))
        self.owner, self.later = "ana", later
        self.jobs: list[Callable[[], None]] = []
        self.said: list[str] = []
        self._seconds = itertools.count()
        self.publisher: FakePublisher
        self.service = self.served()

    def served(self) -> Service:
        """A service over what is on disk, as after a restart; the jobs of an earlier one are gone."""
        self.jobs.clear()

        def publisher(desk: Desk) -> FakePublisher:
            self.publisher = FakePublisher(desk)
            return self.publisher

        self.service = Service(
            self.course,
            self.paths,
            self.store,
            self.exchange,
            self.grader,
            publisher=publisher,
            clock=self.clock,
            owner=lambda _: self.owner,
            spawn=self.jobs.append if self.later else lambda job: job(),
            say=self.said.append,
        )
        return self.service

    def handed_in(self, student: str = "ana", text: str = "a", at: str | None = None, **files: str) -> Path:
        """A submission in the exchange, as nbgrader leaves it."""
        stamp = at or (BEGIN + timedelta(seconds=next(self._seconds))).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        folder = self.inbound / f"{student}+{ASSIGNMENT}+{stamp}"
        folder.mkdir()
        (folder / "tiny.ipynb").write_text(notebook(self.paths.source_notebook(ASSIGNMENT), text))
        for name, content in files.items():
            (folder / name.replace("__", ".")).write_text(content)
        (folder / TIMESTAMP).write_text(stamp)
        (folder / SECRET).write_text(secrets.token_hex(64))
        os.chmod(folder, 0o777)
        return folder

    def submit(self, student: str = "ana", text: str = "a", **more: str) -> Receipt:
        """One that has its receipt, and was checked."""
        self.owner = student
        self.handed_in(student, text, **more)
        before = {each.id for each in self.receipts()}
        self.service.receive()
        self.service.check()
        return next(each for each in self.receipts() if each.id not in before)

    def receipts(self) -> list[Receipt]:
        """As they are on disk."""
        return list(Desk(self.store.root / "hub", [ASSIGNMENT]).receipts(ASSIGNMENT))

    def finish(self, count: int = 1) -> None:
        """Lets the jobs that were begun first end."""
        for _ in range(count):
            self.jobs.pop(0)()

    def seen(self, student: str = "ana") -> AssignmentView:
        """The assignment as a student sees it."""
        return self.service.students_view(student).assignments[0]

    def phases(self, student: str = "ana") -> list[str]:
        """Of the student's submissions, oldest first."""
        return [each.phase for each in reversed(self.seen(student).submissions)]


def notebook(source: Path, text: str) -> str:
    """The assignment's notebook with a solution that says `text`."""
    content = json.loads(source.read_text(encoding="utf-8"))
    cell = next(each for each in content["cells"] if each["metadata"].get("nbgrader", {}).get("grade_id") == "write_double")
    cell["source"] = f"def double(n):\n    return 2 * n  # {text}\n"
    return json.dumps(content)
