"""A batch on the workers of a Dask cluster. Dask carries jobs and results, and knows which workers there are; see `cluster_grading`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import distributed as untyped_distributed

from autograder.batch import dask_calls, remote
from autograder.batch.cluster_grading import Arrivals, Grading
from autograder.batch.cluster_workers import Told, WorkerLost, Workers
from autograder.batch.keeping import recorded
from autograder.batch.losses import suspects_last
from autograder.batch.network import Tls
from autograder.batch.packed import PackedRecords
from autograder.batch.plan import Plan
from autograder.batch.progress import BatchProgress
from autograder.batch.sharing import Sharing
from autograder.batch.workplace import LEASE_S, Batch
from autograder.errors import MachineError
from autograder.records import Submission

distributed: Any = untyped_distributed  # it has no types

CONNECT_S = 20
_RESULT_S = 60.0
_END_S = 15.0
_RENEW_S = 5.0
NO_ANSWER = "No Dask scheduler answers at {address}: {error}"
NO_ANSWER_CURE = "Is it running, and may this machine reach it?"


@dataclass(frozen=True)
class Cluster:
    """Which cluster, and how to use it. `jobs`: side by side on each worker, by default what fits. `told`: who hears of its workers.
    `sharing`: the same one for all batches of this process.
    """

    address: str
    tls: Tls
    told: Told
    jobs: int | None
    trust: bool
    sharing: Sharing = field(default_factory=Sharing)


def grade_on_cluster(
    plan: Plan, submissions: Sequence[Submission], cluster: Cluster, force: bool, progress: BatchProgress
) -> PackedRecords:
    """Records of all submissions, in their order; see `grade_batch`.

    Raises MachineError when nobody answers at the address, the scheduler is lost or no worker can be used.
    """
    records = PackedRecords()
    for each in submissions if not force else ():
        record = recorded(plan, each)
        if record is not None:
            progress.began(record.student)
            progress.ended(record)
            records.add(record)
    missing = [each for each in submissions if not records.has(each.student)]
    if missing:
        with _opened(plan, cluster) as (link, batch, workers):

            def grade_some(some: Sequence[Submission], alone: bool) -> tuple[PackedRecords, set[str]]:
                return Grading(plan, link, batch.id, workers, force, alone, progress).all(some)

            records.update(suspects_last(plan, missing, grade_some))
    return records.of(each.student for each in submissions)


def grade_arriving(plan: Plan, arrivals: Arrivals, cluster: Cluster, force: bool, alone: bool, progress: BatchProgress) -> None:
    """Grades what arrives, until that is over; `progress` hears of the records. `alone`: one after the other, each alone on a worker.

    Otherwise whoever has to come again alone is `postponed`, and left to the caller. Raises what `grade_on_cluster` raises.
    """
    with plan.store.in_use(), _opened(plan, cluster) as (link, batch, workers):
        Grading(plan, link, batch.id, workers, force, alone, progress, arrivals).all(())


def security_of(tls: Tls) -> Any:
    """Dask's settings for all three roles; None without TLS."""
    if not tls.complete:
        return None
    files = {f"tls_{role}_{part}": getattr(tls, part) for role in ("client", "scheduler", "worker") for part in ("cert", "key")}
    return distributed.Security(tls_ca_file=tls.ca, require_encryption=True, **files)


class Link:
    """The `Engine` of a Dask client. Jobs go through the scheduler's queue, everything else past it, so that it waits for no job."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._theirs: dict[Future[Any], Any] = {}

    def addresses(self) -> set[str]:
        """Asked of the scheduler itself: `scheduler_info` answers with what the client keeps, and its own round every two seconds may have
        put an answer without workers there.
        """
        if self._client.status == "running":
            with contextlib.suppress(OSError, TimeoutError):
                known = self._client.sync(self._client.scheduler.identity, n_workers=-1, callback_timeout=_RESULT_S)
                return set(known["workers"])
        raise MachineError(
            "The Dask scheduler is lost, and with it what was running.", "Start it again and run the same command: it does what is missing."
        )

    def enter(self, address: str, batch: Batch) -> Future[remote.Fitness]:
        return self._asked(address, dask_calls.enter, batch)

    def receive(self, address: str, batch_id: str, name: str, at: int, part: bytes, last: bool) -> Future[None]:
        return self._asked(address, dask_calls.receive, batch_id, name, at, part, last)

    def run(self, address: str, job: remote.Job) -> Future[remote.JobResult]:
        ours: Future[remote.JobResult] = Future()
        theirs = self._client.submit(dask_calls.run_job, job, workers=[address], pure=False)
        self._theirs[ours] = theirs
        theirs.add_done_callback(lambda _: self._ended(ours))
        return ours

    def give_up(self, running: Future[Any]) -> None:
        theirs = self._theirs.pop(running, None)
        if theirs is not None:
            theirs.release()

    def listen(self, heard: Callable[[str, str, int, int], None]) -> None:
        self._client.subscribe_topic(dask_calls.WORDS, lambda event: heard(*event[1]))

    def tell_all(self, what: Callable[[str], Any], batch_id: str) -> None:
        """Asks all workers, and waits for them, but not for ever; of a lost scheduler or worker there is nothing left to end."""
        if self._client.status == "running":
            with contextlib.suppress(Exception):
                self._client.sync(self._client._run, what, batch_id, on_error="ignore", callback_timeout=_END_S)

    @contextmanager
    def renewing(self, batch_id: str) -> Iterator[None]:
        """Lets all workers know, all the time, that the command is still there."""
        going = self._on_loop(self._renew_on_and_on(batch_id))
        try:
            yield
        finally:
            going.cancel()

    def _ended(self, ours: Future[remote.JobResult]) -> None:
        """In Dask's thread for this, one after the other: so there is one large result at a time."""
        theirs = self._theirs.get(ours)
        if theirs is None or self._client.status in ("closing", "closed"):  # it was given up, or its whole batch is over
            return
        try:
            result = theirs.result(timeout=_RESULT_S)
        except (asyncio.CancelledError, distributed.KilledWorker, distributed.client.FutureCancelledError) as error:
            ours.set_exception(WorkerLost(str(error)))
        except (OSError, TimeoutError) as error:  # of the job itself, or of fetching what a living worker has: nobody was lost
            ours.set_exception(error if theirs.status in ("error", "finished") else WorkerLost(str(error)))
        except BaseException as error:
            ours.set_exception(error)
        else:
            ours.set_result(result)
        finally:
            self.give_up(ours)

    def _asked(self, address: str, what: Callable[..., Any], *arguments: Any) -> Future[Any]:
        async def answer() -> Any:
            return (await self._client._run(what, *arguments, workers=[address]))[address]

        return self._on_loop(answer())

    async def _renew_on_and_on(self, batch_id: str) -> None:
        """None of these waits for another: one worker that does not answer must not make the others wait."""
        under_way: set[asyncio.Task[None]] = set()
        while True:
            task = asyncio.ensure_future(self._renew(batch_id))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            await asyncio.sleep(_RENEW_S)

    async def _renew(self, batch_id: str) -> None:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._client._run(dask_calls.renew, batch_id, on_error="ignore"), LEASE_S)

    def _on_loop(self, coroutine: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._client.loop.asyncio_loop)


@contextmanager
def _connected(cluster: Cluster) -> Iterator[Link]:
    for name in ("distributed", "distributed.client", "distributed.core"):  # what it logs about a lost connection, we say
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(cluster.address, security=security_of(cluster.tls), timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError, RuntimeError) as error:
        raise MachineError(NO_ANSWER.format(address=cluster.address, error=error.__cause__ or error), NO_ANSWER_CURE) from None
    try:
        yield Link(client)
    finally:
        with contextlib.suppress(Exception):  # whatever became of the connection, the command ends as it would
            client.close(timeout=5)


@contextmanager
def _opened(plan: Plan, cluster: Cluster) -> Iterator[tuple[Link, Batch, Workers]]:
    """A batch on the cluster for as long as the block takes."""
    with _connected(cluster) as link, _announced(plan, link, cluster) as batch:
        try:
            yield link, batch, Workers(plan, link, batch, cluster.told, cluster.sharing)
        finally:
            cluster.sharing.leave(batch.id)


@contextmanager
def _announced(plan: Plan, link: Link, cluster: Cluster) -> Iterator[Batch]:
    """The batch as workers are told of it, and the end of it on all of them, also when it is interrupted."""
    batch_id = secrets.token_hex(8)
    with remote.shown(plan.store, batch_id) as proof, link.renewing(batch_id):
        try:
            yield Batch.of(plan, batch_id, proof, cluster.jobs, cluster.trust)
        except BaseException:
            link.tell_all(dask_calls.stop, batch_id)
            raise
        finally:
            link.tell_all(dask_calls.leave, batch_id)
