"""What a Dask worker is asked: `remote`, as Dask calls it."""

from __future__ import annotations

import asyncio
from typing import Any

import distributed as untyped_distributed

from autograder.batch import remote
from autograder.batch.workplace import Batch

distributed: Any = untyped_distributed  # it has no types

WORDS = "autograder-progress"


async def enter(batch: Batch, dask_worker: Any) -> remote.Fitness:
    return await asyncio.to_thread(remote.enter, batch, dask_worker.state.nthreads)


async def receive(*parcel: Any) -> None:
    await asyncio.to_thread(remote.receive, *parcel)


def run_job(job: remote.Job) -> remote.JobResult:
    worker = distributed.get_worker()

    def on_cell(index: int, count: int) -> None:
        worker.log_event(WORDS, (job.batch, job.submission.student, index, count))

    return remote.run_job(job, on_cell)


def renew(batch_id: str) -> None:
    remote.renew(batch_id)


async def stop(batch_id: str) -> None:
    await asyncio.to_thread(remote.stop, batch_id)


async def leave(batch_id: str) -> None:
    await asyncio.to_thread(remote.leave, batch_id)
