"""A batch on the workers of a Dask cluster.

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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import distributed as untyped_distributed

from autograder.batch import remote
from autograder.batch.local import BatchProgress, suspects_last
from autograder.batch.network import Tls
from autograder.batch.pipeline import (
    Turn,
    keep,
    kept_runs,
    lost_in_its_notebook,
    or_unscored,
    recorded,
    rejected_for_losses,
    start_of,
    unscored,
    was_lost,
)
from autograder.batch.plan import Plan
from autograder.errors import MachineError, StoreError, UsageError
from autograder.intake.collect import take_in
from autograder.records import Record, Submission

distributed: Any = untyped_distributed  # it has no types

CONNECT_S = 20
_POLL_S = 1.0
_SILENCE_S = 10.0
_RESULT_S = 60.0
_SEND_S = 600.0
_END_S = 15.0
_LOSSES = 3  # workers that one submission may lose in one batch, with nothing beside it, before it is left for another call
_WORDS = "autograder-progress"
NO_ANSWER = "No Dask scheduler answers at {address}: {error}"
NO_ANSWER_CURE = "Is it running, and may this machine reach it?"


@dataclass(frozen=True)
class Cluster:
    """Which cluster, and how to use it. `jobs`: side by side on each worker, by default what fits. `say` gets lines for people, and
    `watch` is called once a second: it raises MachineError when the cluster cannot go on.
    """

    address: str
    tls: Tls
    watch: Callable[[], None]
    jobs: int | None
    trust: bool
    say: Callable[[str], None]


def grade_on_cluster(plan: Plan, submissions: Sequence[Submission], cluster: Cluster, force: bool, progress: BatchProgress) -> list[Record]:
    """Records of all submissions, in their order; see `grade_batch`.

    Raises UsageError when nobody answers at the address, MachineError when the scheduler is lost or no worker can be used.
    """
    records = {} if force else {each.student: known for each in submissions if (known := recorded(plan, each)) is not None}
    for record in records.values():
        progress.began(record.student)
        progress.ended(record)
    missing = [each for each in submissions if each.student not in records]
    if missing:
        with _connected(cluster) as client, _announced(plan, client, cluster) as batch:
            workers = _Workers(plan, client, batch, cluster)

            def grade_some(some: Sequence[Submission], alone: bool) -> tuple[list[Record], set[str]]:
                return _Grading(plan, client, batch, workers, force, alone, progress).all(some)

            records |= {record.student: record for record in suspects_last(plan, missing, grade_some)}
    return [records[each.student] for each in submissions]


def security_of(tls: Tls) -> Any:
    """Dask's settings for all three roles; None without TLS."""
    if not tls.complete:
        return None
    files = {f"tls_{role}_{part}": getattr(tls, part) for role in ("client", "scheduler", "worker") for part in ("cert", "key")}
    return distributed.Security(tls_ca_file=tls.ca, require_encryption=True, **files)


@contextmanager
def _connected(cluster: Cluster) -> Iterator[Any]:
    for name in ("distributed", "distributed.client", "distributed.core"):  # what it logs about a lost connection, we say
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(cluster.address, security=security_of(cluster.tls), timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError, RuntimeError) as error:
        raise UsageError(NO_ANSWER.format(address=cluster.address, error=error.__cause__ or error), NO_ANSWER_CURE) from None
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # whatever became of the connection, the command ends as it would
            client.close(timeout=5)


@contextmanager
def _announced(plan: Plan, client: Any, cluster: Cluster) -> Iterator[remote.Batch]:
    """The batch as workers are told of it, and the end of it on all of them, also when it is interrupted."""
    batch_id = secrets.token_hex(8)
    proof = remote.show(plan.store, batch_id)
    try:
        yield remote.Batch.of(plan, batch_id, proof, cluster.jobs, cluster.trust)
    except BaseException:
        _tell(client, _stop, batch_id)
        raise
    finally:
        _tell(client, _leave, batch_id)
        proof.unlink(missing_ok=True)


def _tell(client: Any, what: Any, batch_id: str) -> None:
    """Asks all workers, and waits for them, but not for ever; of a lost scheduler or worker there is nothing left to end."""
    if client.status == "running":
        with contextlib.suppress(Exception):
            client.sync(client._run, what, batch_id, on_error="ignore", callback_timeout=_END_S)


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
    """Who can work for this batch: new workers are asked in, lost ones forgotten, and who cannot is named."""

    def __init__(self, plan: Plan, client: Any, batch: remote.Batch, cluster: Cluster) -> None:
        self._plan, self._client, self._batch, self._cluster = plan, client, batch, cluster
        self._fit: dict[str, _Worker] = {}
        self._unfit: dict[str, remote.Fitness] = {}
        self._entering: dict[str, Any] = {}
        self._packed: bytes | None = None
        self._waits_since: float | None = time.monotonic()

    def look_around(self) -> set[str]:
        """The addresses of all that there are now. Raises MachineError when the scheduler is lost, or nobody there can grade."""
        self._cluster.watch()
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
        self._say_when_nobody_is_there(known)
        return known

    def _say_when_nobody_is_there(self, known: set[str]) -> None:
        if known:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = time.monotonic()
        elif time.monotonic() > self._waits_since + _SILENCE_S:
            self._waits_since = float("inf")
            self._cluster.say(f"No worker yet: waiting for one (autograder cluster worker {self._cluster.address}). Ctrl-C ends this.")

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
        """Fit or not; whatever goes wrong with one worker is no reason to end the batch."""
        fitness = remote.Fitness(address)
        try:
            fitness = future.result(timeout=_POLL_S)
            if not fitness.problem and not fitness.shared:
                self._packed = self._packed or remote.bundle(self._plan)
                self._client.submit(remote.receive, self._batch.id, self._packed, workers=[address], pure=False).result(timeout=_SEND_S)
        except Exception as error:
            fitness = replace(fitness, problem=str(error) or type(error).__name__)
        if fitness.problem:
            self._unfit[address] = fitness
            self._cluster.say(f"The worker on {fitness.host} gets nothing of this batch. {fitness.problem}")
        else:
            self._fit[address] = _Worker(address, fitness)


@dataclass(frozen=True)
class _Attempt:
    """A submission on its way: on which worker, as which future."""

    submission: Submission
    worker: _Worker
    job: remote.Job
    future: Any


class _Grading:
    """Submissions under way, `alone` one after the other. Everything is done in one thread; futures only put themselves into `_done`."""

    def __init__(
        self, plan: Plan, client: Any, batch: remote.Batch, workers: _Workers, force: bool, alone: bool, progress: BatchProgress
    ) -> None:
        self._plan, self._client, self._batch, self._workers = plan, client, batch, workers
        self._force, self._alone, self._progress = force, alone, progress
        self._done: queue.Queue[Any] = queue.Queue()
        self._running: dict[str, _Attempt] = {}
        self._waiting: deque[Submission] = deque()
        self._records: list[Record] = []
        self._losses: Counter[str] = Counter()
        self._lost: set[str] = set()
        self._announced: set[str] = set()
        self._began = time.monotonic()

    def all(self, submissions: Sequence[Submission]) -> tuple[list[Record], set[str]]:
        """The records, in the order in which they are made, and at whom a process or a worker was lost."""
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
        return self._records, self._lost

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
            self._settle(attempt, self._worker_lost(attempt))

    def _settle(self, attempt: _Attempt, record: Record | None) -> None:
        """Without a record the submission is tried again."""
        attempt.future.release()
        if record is None:
            self._waiting.append(attempt.submission)
        else:
            self._ended(record)

    def _ended(self, record: Record) -> None:
        self._records.append(record)
        if record.student in self._lost and not self._alone:  # it comes once more, when all others are done
            self._progress.postponed(record.student)
        else:
            self._progress.ended(record)

    def _hand_out(self, submission: Submission, worker: _Worker) -> None:
        """Sends a submission on its way, unless it is known already what becomes of it."""
        if submission.student not in self._announced:
            self._announced.add(submission.student)
            self._progress.began(submission.student)
        made = or_unscored(self._plan, submission, lambda: self._job(submission, worker))
        if isinstance(made, Record):
            keep(self._plan, made)
            self._ended(made)
            return
        future = self._client.submit(_run_job, made, workers=[worker.address], pure=False)
        worker.running += 1
        self._running[future.key] = _Attempt(submission, worker, made, future)
        future.add_done_callback(self._done.put)

    def _job(self, submission: Submission, worker: _Worker) -> remote.Job | Record:
        """What is sent to the worker, or the record where it is known already what becomes of it. Raises what grading raises."""
        if self._force:
            self._plan.store.starts.forget(self._plan.profile.name, submission)
        elif (rejected := rejected_for_losses(self._plan, submission)) is not None:
            return rejected
        taken = take_in(submission, self._plan.assignment, self._plan.profile.limits)
        turn = Turn(queued_s=time.monotonic() - self._began, force=self._force, alone=self._alone, taken=taken)
        runs = None
        if not worker.fitness.shared and not self._force:
            kept = kept_runs(self._plan, taken, worker.fitness.slot)
            with contextlib.suppress(UsageError):  # too large to be sent: they are made again
                runs = remote.pack({each.path.name: each.path for each in kept}, remote.JOB_BYTES) if kept else None
        return remote.Job(self._batch.id, submission, turn, runs)

    def _received(self, attempt: _Attempt) -> Record | None:
        """The record of an attempt that has ended, in the store; None when there is none, and it has to be made again."""
        try:
            result: remote.JobResult = attempt.future.result(timeout=_RESULT_S)
        except remote.NotPrepared:
            self._workers.ask_again(attempt.worker)  # it began anew under its old address, and has to enter again
            return None
        except StoreError as error:
            if attempt.worker.fitness.shared:
                raise
            return self._unscored(attempt, f"on {attempt.worker.fitness.host}: {error.message}")
        except (OSError, TimeoutError, asyncio.CancelledError, distributed.KilledWorker, distributed.client.FutureCancelledError):
            self._workers.addresses()  # with a lost scheduler every future is lost
            return self._worker_lost(attempt)
        except Exception as error:
            return self._unscored(attempt, f"on {attempt.worker.fitness.host}: {type(error).__name__}: {error}")
        if result.interrupted:
            return None
        record = result.record if attempt.worker.fitness.shared else self._brought_home(attempt, result)
        if record is not None and was_lost(record):
            self._lost.add(record.student)
        return record

    def _brought_home(self, attempt: _Attempt, result: remote.JobResult) -> Record | None:
        """What a worker without the store has made, put into it; it cannot know when a submission arrived.

        None where another worker was faster with an equal notebook: the first run counts, and comes along when this is tried again.
        """
        submission, store = attempt.submission, self._plan.store
        assert attempt.job.turn.taken is not None
        slot, sent = attempt.worker.fitness.slot, attempt.job.runs is not None
        if not (sent or self._force or result.record.outcome == "infra_error") and kept_runs(self._plan, attempt.job.turn.taken, slot):
            return None
        with store.writing():
            remote.put_back(self._plan, result)
            received_at, number = store.arrival(submission.assignment, submission.student, submission.submission_id)
            record = replace(result.record, received_at=received_at, attempt=number)
            keep(self._plan, record)
        if lost_in_its_notebook(self._plan, record):
            self._note_lost(attempt)
        elif record.outcome != "infra_error":
            store.starts.forget(self._plan.profile.name, submission)
        return record

    def _worker_lost(self, attempt: _Attempt) -> Record | None:
        """The worker went away with the submission, nobody knows why. In company it is tried once more, alone; then on a few others."""
        student = attempt.submission.student
        self._lost.add(student)
        self._losses[student] += 1
        if self._alone and self._losses[student] < _LOSSES:
            return None
        if self._alone:
            self._note_lost(attempt)
        count = f"{_LOSSES} workers were" if self._alone else "A worker was"
        return self._unscored(attempt, f"{count} lost while at work on this submission, the last one on {attempt.worker.fitness.host}.")

    def _unscored(self, attempt: _Attempt, reason: str) -> Record:
        record = unscored(self._plan, attempt.submission, "infra_error", "not_graded", reason)
        keep(self._plan, record)
        return record

    def _note_lost(self, attempt: _Attempt) -> None:
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
