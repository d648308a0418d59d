"""What a Dask worker is asked: `remote`, as Dask calls it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import distributed as untyped_distributed

from autograder.batch import remote
from autograder.batch.workplace import Batch

distributed: Any = untyped_distributed  # it has no types

WORDS = "autograder-progress"
_WORDS_S = 0.5


class Words:
    """Tells the command at which cell a notebook is, the last one of each half second: it passes three processes, most cells are brief."""

    def __init__(self, worker: Any, batch_id: str, student: str) -> None:
        self._worker, self._whose = worker, (batch_id, student)
        self._lock = threading.Lock()
        self._untold: tuple[int, int] | None = None

    def cell(self, index: int, count: int) -> None:
        with self._lock:
            waits, self._untold = self._untold is not None, (index, count)
        if not waits:
            self._worker.loop.add_callback(self._worker.loop.call_later, _WORDS_S, self._tell)

    def _tell(self) -> None:
        with self._lock:
            told, self._untold = self._untold, None
        self._worker.log_event(WORDS, (*self._whose, *(told or ())))


async def enter(batch: Batch, dask_worker: Any) -> remote.Fitness:
    return await asyncio.to_thread(remote.enter, batch, dask_worker.state.nthreads)


async def receive(*parcel: Any) -> None:
    await asyncio.to_thread(remote.receive, *parcel)


def run_job(job: remote.Job) -> remote.JobResult:
    return remote.run_job(job, Words(distributed.get_worker(), job.batch, job.submission.student).cell)


def renew(batch_id: str) -> None:
    remote.renew(batch_id)


async def stop(batch_id: str) -> None:
    await asyncio.to_thread(remote.stop, batch_id)


async def leave(batch_id: str) -> None:
    await asyncio.to_thread(remote.leave, batch_id)
