"""A batch on the workers of a Dask cluster. The only module that imports Dask.

Dask carries jobs and results, and knows which workers there are. Which worker gets which submission is decided here: each says how many it
takes side by side, and never gets more, so that nothing waits on a busy worker while another is idle, and the scheduler never holds more
than what is running. A worker that is lost costs what ran on it; that runs again elsewhere. Every attempt is one job: Dask itself repeats
nothing, since `enter` has to come before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import secrets
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import distributed as untyped_distributed

from autograder.batch import remote
from autograder.batch.local import BatchProgress, Postponing, Progress, suspects_last
from autograder.batch.network import Tls
from autograder.batch.pipeline import Turn, keep, lost_in_its_notebook, recorded, start_of, stopped, unscored
from autograder.batch.plan import Plan
from autograder.errors import MachineError, StoreError, SubmissionError, UsageError
from autograder.intake.collect import take_in
from autograder.records import Record, Submission

distributed: Any = untyped_distributed  # it has no types

CONNECT_S = 20
_POLL_S = 1.0
_LOSSES = 3  # workers that one submission may lose in one batch, before it is left for another one
_WORDS = "autograder-progress"
NO_ANSWER = "No Dask scheduler answers at {address}: {error}"
NO_ANSWER_CURE = "Is it running, and may this machine reach it?"


def grade_on_cluster(
    plan: Plan, submissions: Sequence[Submission], address: str, tls: Tls, jobs: int | None, force: bool, progress: BatchProgress
) -> list[Record]:
    """Records of all submissions, in their order; see `grade_batch`. `jobs`: side by side on each worker, by default what fits.

    Raises UsageError when nobody answers at the address, MachineError when the scheduler is lost or no worker can be used.
    """
    records = {} if force else {each.student: known for each in submissions if (known := recorded(plan, each)) is not None}
    for record in records.values():
        progress.began(record.student)
        progress.ended(record)
    missing = [each for each in submissions if each.student not in records]
    if missing:
        with _connected(address, tls) as client, _announced(plan, client, jobs) as batch:
            workers = _Workers(plan, client, batch)

            def together(some: Sequence[Submission], alone: bool) -> list[Record]:
                return _Grading(plan, client, batch, workers, force, alone, progress if alone else Postponing(progress)).all(some)

            records |= {record.student: record for record in suspects_last(plan, missing, together)}
    return [records[each.student] for each in submissions]


def security_of(tls: Tls) -> Any:
    """Dask's settings for all three roles; None without TLS."""
    if not tls.complete:
        return None
    files = {f"tls_{role}_{part}": getattr(tls, part) for role in ("client", "scheduler", "worker") for part in ("cert", "key")}
    return distributed.Security(tls_ca_file=tls.ca, require_encryption=True, **files)


@contextmanager
def _connected(address: str, tls: Tls) -> Iterator[Any]:
    for name in ("distributed", "distributed.client", "distributed.core"):  # what it logs about a lost connection, we say
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(address, security=security_of(tls), timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(NO_ANSWER.format(address=address, error=error), NO_ANSWER_CURE) from None
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # whatever became of the connection, the command ends as it would
            client.close(timeout=5)


@contextmanager
def _announced(plan: Plan, client: Any, jobs: int | None) -> Iterator[remote.Batch]:
    """The batch as workers are told of it, and the end of it on all of them, also when it is interrupted."""
    batch_id = secrets.token_hex(8)
    proof = remote.show(plan.store, batch_id)
    try:
        yield remote.Batch.of(plan, batch_id, proof, jobs)
    except BaseException:
        _tell(client, _stop, batch_id)
        raise
    finally:
        _tell(client, _leave, batch_id)
        proof.unlink(missing_ok=True)


def _tell(client: Any, what: Any, batch_id: str) -> None:
    if client.status != "running":
        return
    with contextlib.suppress(Exception):  # of a lost scheduler or worker there is nothing left to stop
        client.run(what, batch_id, on_error="ignore")


@dataclass
class _Worker:
    """One worker as the batch knows it: how many submissions it takes, and how many it has."""

    address: str
    fitness: remote.Fitness
    running: int = 0

    @property
    def free(self) -> int:
        return self.fitness.slots - self.running


class _Workers:
    """Who can work for this batch: new workers are asked in, lost ones forgotten."""

    def __init__(self, plan: Plan, client: Any, batch: remote.Batch) -> None:
        self._plan, self._client, self._batch = plan, client, batch
        self._fit: dict[str, _Worker] = {}
        self._unfit: dict[str, remote.Fitness] = {}
        self._entering: dict[str, Any] = {}
        self._packed: bytes | None = None

    def look_around(self) -> set[str]:
        """The addresses of all that there are now. Raises MachineError when the scheduler is lost, or nobody there can grade."""
        known = self.addresses()
        for address in known - {*self._fit, *self._unfit, *self._entering}:
            self._entering[address] = self._client.submit(_enter, self._batch, workers=[address], pure=False)
        for address, future in list(self._entering.items()):
            if address not in known or future.done():
                del self._entering[address]
            if address in known and future.done():
                self._entered(address, future)
        for address in set(self._fit) - known:
            del self._fit[address]
        if not self._fit and not self._entering and known and known <= set(self._unfit):
            reasons = "; ".join(f"{each.host}: {each.problem}" for each in self._unfit.values())
            raise MachineError(f"No worker can grade this batch. {reasons}", "See docs/scale.md.")
        return known

    def addresses(self) -> set[str]:
        """Of all workers. Raises MachineError when the scheduler is gone."""
        if self._client.status == "running":
            with contextlib.suppress(OSError, TimeoutError):
                return set(self._client.scheduler_info(n_workers=-1)["workers"])
        raise MachineError(
            "The Dask scheduler is lost, and with it what was running.", "Start it again and run the same command: it does what is missing."
        )

    def freest(self) -> _Worker | None:
        """The worker with most room, if there is any."""
        best = max(self._fit.values(), key=lambda each: each.free, default=None)
        return best if best is not None and best.free > 0 else None

    def ask_again(self, worker: _Worker) -> None:
        """It began anew under its old address, and has to enter again."""
        self._fit.pop(worker.address, None)

    def _entered(self, address: str, future: Any) -> None:
        error = future.exception()
        fitness: remote.Fitness = remote.Fitness(address, problem=str(error)) if error is not None else future.result()
        if not fitness.problem and not fitness.shared:
            self._packed = self._packed or remote.bundle(self._plan)
            self._client.run(remote.receive, self._batch.id, self._packed, workers=[address])
        if fitness.problem:
            self._unfit[address] = fitness
        else:
            self._fit[address] = _Worker(address, fitness)


@dataclass(frozen=True)
class _Attempt:
    """A submission on its way: on which worker, as which future."""

    submission: Submission
    worker: _Worker
    future: Any


class _Grading:
    """Submissions under way, `alone` one after the other. Everything is done in one thread; futures only put themselves into `_done`."""

    def __init__(
        self, plan: Plan, client: Any, batch: remote.Batch, workers: _Workers, force: bool, alone: bool, progress: Progress[Record]
    ) -> None:
        self._plan, self._client, self._batch, self._workers = plan, client, batch, workers
        self._force, self._alone, self._progress = force, alone, progress
        self._done: queue.Queue[Any] = queue.Queue()
        self._running: dict[str, _Attempt] = {}
        self._waiting: deque[Submission] = deque()
        self._records: list[Record] = []
        self._losses: Counter[str] = Counter()
        self._announced: set[str] = set()
        self._began = time.monotonic()

    def all(self, submissions: Sequence[Submission]) -> list[Record]:
        """The records, in the order in which they are made."""
        self._waiting.extend(submissions)
        self._client.subscribe_topic(_WORDS, self._heard)
        look = 0.0
        while self._waiting or self._running:
            if time.monotonic() >= look:
                self._give_up_lost(self._workers.look_around())
                look = time.monotonic() + _POLL_S
            while self._waiting and self._may_hand_out() and (worker := self._workers.freest()) is not None:
                self._hand_out(self._waiting.popleft(), worker)
            with contextlib.suppress(queue.Empty):
                attempt = self._running.pop(self._done.get(timeout=_POLL_S).key, None)
                if attempt is not None:  # else it was given up with its worker
                    attempt.worker.running -= 1
                    self._settle(attempt, self._received(attempt))
        return self._records

    def _may_hand_out(self) -> bool:
        return not (self._alone and self._running)

    def _heard(self, event: Any) -> None:
        """What a worker says of a running submission; in a thread of the client's."""
        batch, student, index, count = event[1]
        if batch == self._batch.id and student in self._announced:
            self._progress.cell(student, index, count)

    def _give_up_lost(self, known: set[str]) -> None:
        """Whoever ran on workers that are gone."""
        for attempt in [each for each in self._running.values() if each.worker.address not in known]:
            del self._running[attempt.future.key]
            self._settle(attempt, self._lost(attempt))

    def _settle(self, attempt: _Attempt, record: Record | None) -> None:
        """Without a record the submission is tried again, before those that have not been tried at all."""
        attempt.future.release()
        if record is None:
            self._waiting.appendleft(attempt.submission)
        else:
            self._ended(record)

    def _ended(self, record: Record) -> None:
        self._records.append(record)
        self._progress.ended(record)

    def _hand_out(self, submission: Submission, worker: _Worker) -> None:
        """Sends a submission on its way, unless it is known already what becomes of it."""
        if submission.student not in self._announced:
            self._announced.add(submission.student)
            self._progress.began(submission.student)
        turn = Turn(queued_s=time.monotonic() - self._began, force=self._force, alone=self._alone)
        refused = None if self._force else stopped(self._plan, submission)
        if refused is None and not worker.fitness.shared:
            try:
                turn = replace(turn, taken=take_in(submission, self._plan.assignment, self._plan.profile.limits))
            except SubmissionError as error:
                refused = unscored(self._plan, submission, error.outcome, "not_graded", f"{error.message} {error.cure}")  # type: ignore[arg-type]  # its two outcomes are two of Outcome's
        if refused is not None:
            keep(self._plan, refused)
            self._ended(refused)
            return
        if self._force:
            self._plan.store.starts.forget(self._plan.profile.name, submission)
        future = self._client.submit(_run_job, remote.Job(self._batch.id, submission, turn), workers=[worker.address], pure=False)
        worker.running += 1
        self._running[future.key] = _Attempt(submission, worker, future)
        future.add_done_callback(self._done.put)

    def _received(self, attempt: _Attempt) -> Record | None:
        """The record of an attempt that has ended, in the store; None when there is none, and it has to be made again."""
        if attempt.future.status != "finished":
            self._workers.addresses()  # with a lost scheduler every future is lost
            error = attempt.future.exception() if attempt.future.status == "error" else None
            if isinstance(error, remote.NotPrepared):
                self._workers.ask_again(attempt.worker)
                return None
            if isinstance(error, StoreError) and attempt.worker.fitness.shared:
                raise error
            return self._lost(attempt)
        result: remote.JobResult = attempt.future.result()
        if result.interrupted:
            return None
        return result.record if attempt.worker.fitness.shared else self._brought_home(attempt, result)

    def _brought_home(self, attempt: _Attempt, result: remote.JobResult) -> Record:
        """What a worker without the store has made, put into it; it cannot know when a submission arrived."""
        submission = attempt.submission
        with self._plan.store.writing():
            remote.put_back(self._plan, result)
            received_at, number = self._plan.store.arrival(submission.assignment, submission.student, submission.submission_id)
            record = replace(result.record, received_at=received_at, attempt=number)
            keep(self._plan, record)
        if lost_in_its_notebook(self._plan, record):
            self._note_lost(attempt)
        return record

    def _lost(self, attempt: _Attempt) -> Record | None:
        """The worker went away with the submission: it is tried on another one, but not for ever."""
        if not attempt.worker.fitness.shared:
            self._note_lost(attempt)
        student = attempt.submission.student
        self._losses[student] += 1
        if self._losses[student] < _LOSSES:
            return None
        reason = f"{_LOSSES} workers were lost while they had this submission, the last one on {attempt.worker.fitness.host}."
        record = unscored(self._plan, attempt.submission, "infra_error", "not_graded", reason)
        keep(self._plan, record)
        return record

    def _note_lost(self, attempt: _Attempt) -> None:
        """For a worker that cannot write it to the store itself."""
        start = start_of(self._plan, attempt.submission, self._alone, attempt.worker.fitness.level)
        with self._plan.store.starts.attempt(start) as noted:
            noted.lost = True


def _enter(batch: remote.Batch) -> remote.Fitness:
    return remote.enter(batch, distributed.get_worker().state.nthreads)


def _run_job(job: remote.Job) -> remote.JobResult:
    worker = distributed.get_worker()

    def on_cell(index: int, count: int) -> None:
        worker.log_event(_WORDS, (job.batch, job.submission.student, index, count))

    return remote.run_job(job, on_cell)


async def _stop(batch_id: str) -> None:
    await asyncio.to_thread(remote.stop, batch_id)


async def _leave(batch_id: str) -> None:
    await asyncio.to_thread(remote.leave, batch_id)
