"""Who grades for the service: this machine's slots, or a cluster's workers (see `cluster`). Both go the way that `grade` goes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from autograder.batch.local import plan_slots
from autograder.batch.machine import Machine
from autograder.batch.pipeline import Turn, grade_submission
from autograder.batch.plan import Plan, make_plan, open_sandbox
from autograder.batch.slots import Slots, default_jobs
from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.course.settings import Course, Resources
from autograder.errors import MachineError
from autograder.files import stamp
from autograder.isolation.part import Part
from autograder.isolation.sandbox import Sandbox
from autograder.records import Record, Submission

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """One submission to be graded. `force`: although it is recorded. `queued_s`: how long it waited."""

    receipt: str
    submission: Submission
    force: bool = False
    queued_s: float = 0.0

    @property
    def assignment(self) -> str:
        return self.submission.assignment


class Heard(Protocol):
    """What the service hears of a job, from any thread."""

    def began(self) -> None: ...
    def cell(self, index: int, count: int) -> None: ...


class Grader(Protocol):
    """Grades one job at a time in each of the service's threads.

    `grade` gives its record, which is in the store then; an `infra_error` is the machine's failure and is tried again. It raises
    AutograderError when the assignment cannot be graded at all as things are. `cancel` ends a job, whose `grade` then ends soon, with
    whatever record or error; False where one job cannot be ended by itself. `slots`: how many run side by side; 0 while that is not known,
    or where there is none. `trouble`: what is wrong with where it grades, for instructors; empty when nothing is.
    """

    plans: Plans

    def where(self) -> str: ...
    def slots(self) -> int: ...
    def trouble(self) -> str: ...
    def has_room(self, job: Job, running: Sequence[Job]) -> bool: ...
    def grade(self, job: Job, heard: Heard) -> Record: ...
    def cancel(self, receipt: str) -> bool: ...
    def stop(self) -> None: ...


@dataclass
class Plans:
    """The plan of each assignment, made again when release, graders or calibration have changed."""

    course: Course
    paths: CoursePaths
    store: Store
    data: Path | None = None
    trust: bool = False
    say: Say = lambda _: None
    _made: dict[str, tuple[object, Plan]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, assignment: str) -> Plan:
        """Raises UsageError or GraderError for what is missing or broken."""
        with self._lock:
            state = self._state(assignment)
            known = self._made.get(assignment)
            if known is None or known[0] != state:
                known = state, make_plan(self.course, self.paths, assignment, None, self.store, self.data, self.trust, self.say)
                self._made[assignment] = known
            return known[1]

    def adopt(self, course: Course) -> None:
        """From now on plans are made by this course."""
        with self._lock:
            self.course = course
            self._made.clear()

    def _state(self, assignment: str) -> object:
        """Names, times and sizes of the files that a plan is made of."""
        folders = (self.paths.graders(assignment), self.paths.release_notebook(assignment).parent)
        found = [Path(place, name) for folder in folders for place, _, names in os.walk(folder) for name in names]
        stamps = {path: stamp(path) for path in (*found, self.paths.solutions(assignment) / "calibration.json")}
        return sorted((str(path), *known) for path, known in stamps.items() if known is not None and "__pycache__" not in path.parts)


_IN_BACKGROUND = partial(open_sandbox, background=True)


class LocalGrader:
    """Slots of this machine and one sandbox for as long as it serves; it is made anew after a failure of the machine.

    Several assignments share the machine: each running submission takes the part of it that its own assignment's slots are. What runs gives
    way to the hub, and to the service's own pages.
    """

    def __init__(self, plans: Plans, jobs: int | None = None, sandbox: Callable[[Course, bool], Sandbox] = _IN_BACKGROUND) -> None:
        self.plans, self._jobs, self._open = plans, jobs, sandbox
        self._sandbox: Sandbox | None = None
        self._slots: dict[str, tuple[Plan, Slots]] = {}
        self._parts: dict[str, Part] = {}
        self._tired, self._stopped = False, False
        self._lock = threading.Lock()

    def where(self) -> str:
        level = f", isolation level {self._sandbox.isolation.level}" if self._sandbox else ""
        return f"this machine{level}"

    def slots(self) -> int:
        """As they are, or as they will probably be before the first submission."""
        if self._slots:
            return max(slots.count for _, slots in self._slots.values())
        asked = [each.resources for each in self.plans.course.assignments] or [Resources()]
        return self._jobs or default_jobs(Machine.here(with_gpus=False), asked[0])

    def trouble(self) -> str:
        return ""

    def has_room(self, job: Job, running: Sequence[Job]) -> bool:
        """A submission at whom a process was lost runs alone; so does one whose slots are not known yet, until they are."""
        if not running:
            return True
        if any(is_suspect(self.plans, each) for each in (job, *running)) or job.assignment not in self._slots:
            return False
        with_gpu = {each.assignment for each in (job, *running) if self._plans_gpu(each.assignment)}
        if with_gpu and len({each.assignment for each in (job, *running)}) > 1:
            return False  # two assignments would not know of each other's share of a GPU
        return sum(1 / self._count(each.assignment) for each in (job, *running)) <= 1 + 1e-9

    def grade(self, job: Job, heard: Heard) -> Record:
        plan = self.plans.of(job.assignment)
        part = self._entered(job)
        try:
            slots, alone = self._slots_of(plan), is_suspect(self.plans, job)
            with slots.take() as slot:
                heard.began()
                turn = Turn(slot, job.queued_s, job.force, alone)
                record = grade_submission(plan, job.submission, part, heard.cell, turn)
        finally:
            with self._lock:
                del self._parts[job.receipt]
        with self._lock:
            self._tired = self._tired or (record.outcome == "infra_error" and not part.stopped)
        return record

    def cancel(self, receipt: str) -> bool:
        with self._lock:
            part = self._parts.get(receipt)
        if part is None:  # it has not begun, or has just ended
            return False
        part.stop()
        return True

    def stop(self) -> None:
        """Ends what runs; its submissions stay in the queue."""
        with self._lock:
            self._stopped = True
            sandbox, self._sandbox = self._sandbox, None
            parts = list(self._parts.values())
        for part in parts:
            part.stop()
        if sandbox is not None:
            sandbox.stop()
            sandbox.close()

    def _entered(self, job: Job) -> Part:
        """The job's part of the sandbox."""
        with self._lock:
            if self._stopped:
                raise MachineError("The service is ending.")
            if self._sandbox is not None and self._tired and not self._parts:
                self._sandbox.close()
                self._sandbox, self._tired = None, False
            if self._sandbox is None:
                self._sandbox = self._open(self.plans.course, self.plans.trust)
            self._parts[job.receipt] = Part(self._sandbox)
            return self._parts[job.receipt]

    def _slots_of(self, plan: Plan) -> Slots:
        with self._lock:
            known = self._slots.get(plan.assignment.id)
            if known is None or known[0] is not plan:
                known = plan, plan_slots(plan, self._jobs)
                self._slots[plan.assignment.id] = known
            return known[1]

    def _count(self, assignment: str) -> int:
        return self._slots[assignment][1].count if assignment in self._slots else 1

    def _plans_gpu(self, assignment: str) -> bool:
        return any(each.id == assignment and each.resources.gpus > 0 for each in self.plans.course.assignments)


def is_suspect(plans: Plans, job: Job) -> bool:
    """Whether a process was lost at it, so that it has to run alone."""
    return bool(plans.store.starts.suspects(plans.course.default_profile, [job.submission]))
