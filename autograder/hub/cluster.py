"""The workers of a Dask cluster, as they grade for the service: one open batch for each assignment, into which everybody goes who comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple

from autograder.batch.cluster_grading import Arrival
from autograder.batch.cluster_workers import Standing, Told
from autograder.batch.keeping import recorded
from autograder.batch.network import Tls
from autograder.batch.plan import Plan
from autograder.batch.sharing import Sharing
from autograder.errors import AutograderError, MachineError
from autograder.hub.graders import Heard, Job, Plans, is_suspect
from autograder.records import Record

IDLE_S = 120.0  # so long a batch waits for another submission, which then finds everything warm
_END_S = 30.0


class _Kind(NamedTuple):
    """What the submissions of one batch have in common. Of those that run `alone` there is one batch at a time, of one submission."""

    assignment: str
    force: bool
    alone: bool


@dataclass(eq=False)
class _Wanted:
    """A job that waits for its record. `since`: when it began to wait, by the monotonic clock."""

    job: Job
    heard: Heard
    alone: bool
    since: float
    record: Future[Record] = field(default_factory=Future)

    @property
    def kind(self) -> _Kind:
        return _Kind(self.job.assignment, self.job.force, self.alone)

    @property
    def student(self) -> str:
        return self.job.submission.student


class DaskGrader:
    """Each assignment has its own batch, and all of them share the workers. Whoever comes goes to the first worker with room; at whom
    something was lost comes again in a batch of its own, alone on a worker.

    `together`: at most so many are handed over at the same time.
    """

    def __init__(self, plans: Plans, address: str, tls: Tls, jobs: int | None = None, together: int = 100, idle_s: float = IDLE_S) -> None:
        self.plans, self._address, self._tls, self._jobs, self._together, self.idle_s = plans, address, tls, jobs, together, idle_s
        self.sharing = Sharing()
        self.changed = threading.Condition()
        self.wanted: list[_Wanted] = []  # whom no worker has yet, in order
        self.lines: list[_Line] = []  # the open batches
        self.stopped = False
        self._slots: dict[str, int] = {}
        self._threads: list[threading.Thread] = []

    def where(self) -> str:
        return f"the workers of {self._address}"

    def slots(self) -> int:
        """Of the assignment that has most of them, as the batches found them last; they may differ with what assignments ask for."""
        with self.changed:
            return max(self._slots.values(), default=0)

    def trouble(self) -> str:
        with self.changed:
            return " ".join(sorted({each for line in self.lines for each in line.standing.problems}))

    def has_room(self, job: Job, running: Sequence[Job]) -> bool:
        return len(running) < self._together

    def grade(self, job: Job, heard: Heard) -> Record:
        known = None if job.force else recorded(self.plans.of(job.assignment), job.submission)
        if known is not None:
            return known
        wanted = _Wanted(job, heard, is_suspect(self.plans, job), time.monotonic() - job.queued_s)
        self.want(wanted)
        return wanted.record.result()

    def cancel(self, receipt: str) -> bool:
        """Only what no worker has yet: there a batch is ended as a whole."""
        with self.changed:
            mine = [each for each in self.wanted if each.job.receipt == receipt]
            self.wanted = [each for each in self.wanted if each not in mine]
        for each in mine:
            each.record.set_exception(MachineError("It was cancelled."))
        return bool(mine)

    def stop(self) -> None:
        """Gives up what waits and runs, and returns when the workers have been told, or do not answer."""
        with self.changed:
            self.stopped = True
            waited, self.wanted = self.wanted, []
            self.changed.notify_all()
        for each in waited:
            each.record.set_exception(MachineError("The service is ending."))
        for thread in self._threads:
            thread.join(timeout=_END_S)

    def want(self, wanted: _Wanted) -> None:
        """Puts a job in line. Raises MachineError when the service ends."""
        with self.changed:
            if self.stopped:
                raise MachineError("The service is ending.")
            self.wanted.append(wanted)
            self.changed.notify_all()
            self._open_lines()

    def close(self, line: _Line) -> None:
        """It takes nobody any more; who still waits gets another one."""
        with self.changed:
            if line in self.lines:
                self.lines.remove(line)
                self._open_lines()
                self.changed.notify_all()

    def stands(self, line: _Line, standing: Standing) -> None:
        """A batch has looked at the workers."""
        with self.changed:
            line.standing = standing
            if standing.slots is not None:
                self._slots[line.kind.assignment] = standing.slots

    def work(self, line: _Line) -> None:
        """One batch, in a thread of its own."""
        from autograder.batch.dask import Cluster, grade_arriving

        error: BaseException = MachineError("The cluster gave no record.")
        try:
            told = Told(line.watch, self.plans.say, lambda standing: self.stands(line, standing))
            cluster = Cluster(self._address, self._tls, told, self._jobs, self.plans.trust, self.sharing)
            line.plan = self.plans.of(line.kind.assignment)
            grade_arriving(line.plan, line, cluster, line.kind.force, line.kind.alone, line)
        except BaseException as failure:
            error = failure
        with self.changed:
            failed = list(line.under_way.values())
            if line in self.lines:  # what ended it would end the next one for them, too
                self.lines.remove(line)
                self._slots.pop(line.kind.assignment, None)
                failed += [each for each in self.wanted if each.kind == line.kind]
                self.wanted = [each for each in self.wanted if each not in failed]
                self._open_lines()
        for each in failed:
            each.record.set_exception(error)

    def _open_lines(self) -> None:
        """Whoever waits for a batch that does not exist gets one."""
        for each in self.wanted:
            there = any(line.kind == each.kind or (line.kind.alone and each.alone) for line in self.lines)
            if not there and not self.stopped:
                line = _Line(self, each.kind)
                thread = threading.Thread(target=self.work, args=(line,), name=f"hub dask {each.job.assignment}", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # there may be no more threads; nobody else would answer those who wait
                    self._refuse(
                        line.kind, MachineError(f"No batch could be opened: {error}.", "Look how many processes the service may have.")
                    )
                else:
                    self.lines.append(line)
                    self._threads = [*(known for known in self._threads if known.is_alive()), thread]

    def _refuse(self, kind: _Kind, error: MachineError) -> None:
        mine = [each for each in self.wanted if each.kind == kind]
        self.wanted = [each for each in self.wanted if each not in mine]
        for each in mine:
            each.record.set_exception(error)


class _Line:
    """An open batch: who comes into it, and who hears what becomes of them."""

    def __init__(self, grader: DaskGrader, kind: _Kind) -> None:
        self._grader, self.kind = grader, kind
        self.plan: Plan | None = None
        self.standing = Standing()
        self.under_way: dict[str, _Wanted] = {}
        self._busy_at = time.monotonic()

    def watch(self) -> None:
        """What is on the workers when the service ends is given up, and waits for its next start."""
        if self._grader.stopped:
            raise MachineError("The service is ending.")

    # --- who comes (`Arrivals`) ---------------------------------------------------------------------------------------

    def next(self, take: bool) -> Arrival | None:
        self._close_when_old()
        with self._grader.changed:
            if self not in self._grader.lines or (self.kind.alone and self.under_way):
                return None
            mine = (each for each in self._grader.wanted if each.kind == self.kind and each.student not in self.under_way)
            chosen = next(mine, None)
            if chosen is not None and take:
                self._grader.wanted.remove(chosen)
                self.under_way[chosen.student] = chosen
            return Arrival(chosen.job.submission, chosen.since) if chosen is not None else None

    def over(self) -> bool:
        with self._grader.changed:
            if self not in self._grader.lines:
                return True
            waits = any(each.kind == self.kind for each in self._grader.wanted)
            idle_s = 0.0 if self.kind.alone else self._grader.idle_s
            if waits or time.monotonic() < self._busy_at + idle_s:
                return False
            self._grader.close(self)
            return True

    def _close_when_old(self) -> None:
        """Where release, graders or curves are others since, the next batch goes by them, beside what still runs in this one."""
        with self._grader.changed:
            waits = any(each.kind == self.kind for each in self._grader.wanted)
        if not waits:
            return
        try:
            old = self._grader.plans.of(self.kind.assignment) is not self.plan
        except (AutograderError, OSError):  # something of it is just being written: the next batch says whether it can be used
            old = True
        if old:
            self._grader.close(self)

    # --- what becomes of them (`BatchProgress`) -----------------------------------------------------------------------

    def began(self, student: str) -> None:
        self.under_way[student].heard.began()

    def cell(self, student: str, index: int, count: int) -> None:
        if (known := self.under_way.get(student)) is not None:
            known.heard.cell(index, count)

    def postponed(self, student: str) -> None:
        wanted = self._ended(student)
        wanted.alone = True
        try:
            self._grader.want(wanted)
        except MachineError as error:
            wanted.record.set_exception(error)

    def ended(self, record: Record) -> None:
        self._ended(record.student).record.set_result(record)

    def _ended(self, student: str) -> _Wanted:
        with self._grader.changed:
            self._busy_at = time.monotonic()
            wanted = self.under_way.pop(student)
        if self.kind.alone:
            self._grader.close(self)
        return wanted
