"""Which worker gets which submission, and what becomes of it. Knows no engine.

Each worker says how many it takes side by side, and never gets more, so that nothing waits on a busy worker while another is idle, and the
engine never holds more than what is running. A worker that is lost costs what ran on it; that runs again elsewhere (see `losses`). Every
attempt is one job: an engine must repeat nothing by itself.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Protocol

from autograder.batch import remote
from autograder.batch.cluster_workers import Engine, Worker, WorkerLost, Workers
from autograder.batch.keeping import keep, or_unscored, unscored
from autograder.batch.losses import Losses, rejected_for_losses
from autograder.batch.packed import PackedRecords
from autograder.batch.pipeline import Turn, kept_runs
from autograder.batch.plan import Plan
from autograder.batch.progress import BatchProgress
from autograder.batch.workplace import NotPrepared
from autograder.errors import StoreError
from autograder.intake.collect import take_in
from autograder.records import Record, Submission

_POLL_S = 1.0


@dataclass(frozen=True)
class Arrival:
    """A submission that is to be graded. `since`: when it began to wait, in seconds of `time.monotonic`."""

    submission: Submission
    since: float

    @property
    def student(self) -> str:
        return self.submission.student


class Arrivals(Protocol):
    """Submissions that come while a batch runs, no two of one student at the same time. None of these blocks."""

    def next(self, take: bool) -> Arrival | None:
        """Whose turn it is, if anybody waits; who was not taken may be another one the next time, or gone."""

    def over(self) -> bool:
        """Whether nobody comes any more; asked when nothing waits or runs. After True nobody comes."""


class NoArrivals:
    """A batch of those that it began with."""

    def next(self, take: bool) -> Arrival | None:
        return None

    def over(self) -> bool:
        return True


@dataclass(frozen=True)
class _Attempt:
    """A submission on its way: to which worker, as which job."""

    arrival: Arrival
    worker: Worker
    job: remote.Job
    sent: frozenset[str]  # keys of the finished runs that it was to get

    @property
    def submission(self) -> Submission:
        return self.arrival.submission


class Grading:
    """Submissions under way, `alone` one after the other. Everything is done in one thread; what ends only puts itself into `_done`.

    `arrivals`: those that come meanwhile. At whom something was lost, unless `alone`, is postponed, and whoever called brings it again.
    """

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        batch_id: str,
        workers: Workers,
        force: bool,
        alone: bool,
        progress: BatchProgress,
        arrivals: Arrivals | None = None,
    ) -> None:
        self._arrivals = arrivals or NoArrivals()
        self._plan, self._engine, self._batch_id, self._workers = plan, engine, batch_id, workers
        self._force, self._alone, self._progress = force, alone, progress
        self._done: queue.Queue[Future[remote.JobResult]] = queue.Queue()
        self._running: dict[Future[remote.JobResult], _Attempt] = {}
        self._waiting: deque[Arrival] = deque()
        self._records = PackedRecords()
        self._losses = Losses(plan, batch_id, alone)
        self._announced: set[str] = set()
        self._began = time.monotonic()

    def all(self, submissions: Sequence[Submission]) -> tuple[PackedRecords, set[str]]:
        """The records, in the order in which they are made, and at whom a process or a worker was lost."""
        self._waiting.extend(Arrival(each, self._began) for each in submissions)
        self._engine.listen(self._heard)
        look = 0.0
        while self._waiting or self._running or not self._arrivals.over():
            if time.monotonic() >= look:
                self._give_up_lost(self._workers.look_around())
                look = time.monotonic() + _POLL_S
            self._hand_out_all()
            with contextlib.suppress(queue.Empty):
                future = self._done.get(timeout=_POLL_S)
                attempt = self._running.pop(future, None)
                if attempt is not None:  # else it was given up with its worker
                    self._workers.give_back(attempt.worker, self._alone)
                    self._settle(attempt, self._received(attempt, future))
        return self._records, self._losses.students

    def _hand_out_all(self) -> None:
        """Whoever waits and has a worker, in order."""
        while not (self._alone and self._running) and self._next(take=False) is not None:
            worker = self._workers.take(self._alone)
            if worker is None:
                return
            arrival = self._next(take=True)
            if arrival is None or not self._hand_out(arrival, worker):  # it was cancelled a moment ago, or has its record
                self._workers.give_back(worker, self._alone)
        self._workers.nobody_waits()

    def _next(self, take: bool) -> Arrival | None:
        if self._waiting:
            return self._waiting.popleft() if take else self._waiting[0]
        return self._arrivals.next(take)

    def _heard(self, batch_id: str, student: str, index: int, count: int) -> None:
        if batch_id == self._batch_id and student in self._announced:
            self._progress.cell(student, index, count)

    def _give_up_lost(self, known: set[str]) -> None:
        """Whoever ran on workers that are gone."""
        for future, attempt in [each for each in self._running.items() if each[1].worker.address not in known]:
            del self._running[future]
            self._workers.give_back(attempt.worker, self._alone)
            self._engine.give_up(future)
            self._settle(attempt, self._worker_lost(attempt))

    def _settle(self, attempt: _Attempt, record: Record | None) -> None:
        """Without a record the submission is tried again."""
        if record is None:
            self._waiting.append(attempt.arrival)
        else:
            self._ended(record)

    def _ended(self, record: Record) -> None:
        self._announced.discard(record.student)  # words may come after it
        self._records.add(record)
        if record.student in self._losses.students and not self._alone:  # it comes once more, when all others are done
            self._progress.postponed(record.student)
        else:
            self._progress.ended(record)

    def _hand_out(self, arrival: Arrival, worker: Worker) -> bool:
        """Sends a submission on its way, unless it is known already what becomes of it."""
        if arrival.student not in self._announced:
            self._announced.add(arrival.student)
            self._losses.forget(arrival.student)
            self._progress.began(arrival.student)
        made = or_unscored(self._plan, arrival.submission, lambda: self._attempt(arrival, worker))
        if isinstance(made, Record):
            keep(self._plan, made)
            self._ended(made)
            return False
        future = self._engine.run(worker.address, made.job)
        self._running[future] = made
        future.add_done_callback(self._done.put)
        return True

    def _attempt(self, arrival: Arrival, worker: Worker) -> _Attempt | Record:
        """What is sent to the worker, or the record where it is known already what becomes of it. Raises what grading raises."""
        submission = arrival.submission
        if self._force:
            self._plan.store.starts.forget(self._plan.profile.name, submission)
        elif (rejected := rejected_for_losses(self._plan, submission)) is not None:
            return rejected
        taken = take_in(submission, self._plan.assignment, self._plan.profile.limits)
        queued_s = time.monotonic() - arrival.since
        turn = Turn(queued_s=queued_s, force=self._force, alone=self._alone, taken=taken, batch=self._batch_id)
        job = remote.Job(self._batch_id, submission, turn, secrets.token_hex(8))
        kept = [] if worker.fitness.shared or self._force else kept_runs(self._plan, taken, worker.fitness.slot)
        with contextlib.suppress(Exception):  # too large, or a worker that is just going: then the job itself says so, or makes them again
            if kept:
                self._workers.send(worker.address, remote.runs_of(job, kept))
        return _Attempt(arrival, worker, job, frozenset(each.path.name for each in kept))

    def _received(self, attempt: _Attempt, future: Future[remote.JobResult]) -> Record | None:
        """The record of an attempt that has ended, in the store; None when there is none, and it has to be made again."""
        host = attempt.worker.fitness.host
        try:
            result = future.result()
        except NotPrepared:
            self._workers.ask_again(attempt.worker)
            return None
        except StoreError as error:
            if attempt.worker.fitness.shared:
                raise
            self._workers.dismiss(attempt.worker, error.message)
            return None
        except WorkerLost:
            self._engine.addresses()  # with a lost scheduler everything is lost
            self._workers.ask_again(attempt.worker)  # the next attempt must not go there before it is known to be back
            return self._worker_lost(attempt)
        except Exception as error:
            failed = f"{type(error).__name__}: {error}"
            self._workers.failed(attempt.worker, failed)
            return self._unscored(attempt, f"on {host}: {failed}")
        if result.interrupted:
            return None
        shared = attempt.worker.fitness.shared
        record = result.record if shared else self._brought_home(attempt, result)
        if record is not None:
            self._losses.of_process(attempt.submission, record, attempt.worker.fitness.level, noted=shared)
            if record.outcome == "infra_error" and not record.runs:
                self._workers.failed(attempt.worker, record.reason)
            else:
                attempt.worker.failures = 0
        return record

    def _brought_home(self, attempt: _Attempt, result: remote.JobResult) -> Record | None:
        """What a worker without the store has made, put into it; it cannot know when a submission arrived.

        None where another worker was faster with an equal notebook: the first run counts, and comes along when this is tried again.
        """
        submission, store = attempt.submission, self._plan.store
        with store.writing():
            replaces = {run.run_key for run in result.record.runs} if self._force else attempt.sent
            first = remote.put_back(self._plan, result, replaces)
            if not first and result.record.outcome != "infra_error":
                return None
            received_at, number = store.arrival(submission.assignment, submission.student, submission.submission_id)
            record = replace(result.record, received_at=received_at, attempt=number)
            keep(self._plan, record)
        if record.outcome != "infra_error":
            store.starts.forget(self._plan.profile.name, submission)
        return record

    def _worker_lost(self, attempt: _Attempt) -> Record | None:
        fitness = attempt.worker.fitness
        reason = self._losses.of_worker(attempt.submission, fitness.host, fitness.level)
        return self._unscored(attempt, reason) if reason else None

    def _unscored(self, attempt: _Attempt, reason: str) -> Record:
        record = unscored(self._plan, attempt.submission, "infra_error", reason)
        keep(self._plan, record)
        return record
