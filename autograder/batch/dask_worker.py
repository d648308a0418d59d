"""Being a worker of a Dask cluster, and a cluster of one machine."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import distributed as untyped_distributed

from autograder.batch import remote
from autograder.batch.dask import CONNECT_S, security_of
from autograder.batch.network import Tls
from autograder.errors import MachineError

distributed: Any = untyped_distributed


def work(address: str, tls: Tls, jobs: int, name: str | None) -> None:
    """Is a worker of the scheduler at `address`, which takes up to `jobs` submissions side by side, until that goes away.

    Raises MachineError when no scheduler answers.
    """

    for logger in ("distributed", "distributed.worker"):
        logging.getLogger(logger).setLevel(logging.WARNING)

    async def serve() -> None:
        worker = distributed.Worker(
            address, nthreads=jobs, name=name, security=security_of(tls), memory_limit=0, dashboard=False, death_timeout=CONNECT_S
        )
        async with worker:
            await worker.finished()

    with remote.leaving_all():
        try:
            asyncio.run(serve())
        except (OSError, TimeoutError) as error:
            raise MachineError(
                f"No Dask scheduler answers at {address}: {error}", "Is it running, and may this machine reach it?"
            ) from None


@contextmanager
def local_cluster(jobs: int) -> Iterator[str]:
    """The address of a scheduler of this process's own, with one worker beside it; both end with the block."""
    with distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None, silence_logs=logging.CRITICAL) as cluster:
        address = str(cluster.scheduler_address)
        command = [sys.executable, "-m", "autograder.cli", "cluster", "worker", address, "--jobs", str(jobs)]
        worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # Ctrl-C is this process's to hand on
        try:
            yield address
        finally:
            worker.terminate()
            worker.wait()
