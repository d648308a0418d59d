"""Being a worker of a Dask cluster, and a cluster of one machine."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dask
import distributed as untyped_distributed

from autograder.batch import remote
from autograder.batch.dask import CONNECT_S, NO_ANSWER, NO_ANSWER_CURE, security_of
from autograder.batch.network import Tls, host_of, is_loopback
from autograder.errors import MachineError
from autograder.files import PARTIAL, scratch_folder, write_atomic

distributed: Any = untyped_distributed
# A hundred times a second Dask looks what its workers' threads do, fifty times whether its own is late, and so on. Ours wait for processes,
# and a submission is sent to one worker, so that none can be moved. All that took a twentieth of a core, whether or not anything ended.
_QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.scheduler.work-stealing": False,
}


class _EndJobsFirst(distributed.WorkerPlugin):  # type: ignore[misc]  # it has no types
    """A worker that closes waits for its jobs: kills them before, so that it has ended when its patience or the queue's has not."""

    def teardown(self, worker: Any) -> None:
        remote.leave_all()


def work(address: str, tls: Tls, jobs: int, name: str | None) -> None:
    """Is a worker of the scheduler at `address`, which takes up to `jobs` submissions side by side, until that goes away.

    Beside a scheduler on the loopback it listens there too, and nowhere else. Raises MachineError when no scheduler answers.
    """
    for logger in ("distributed", "distributed.worker"):
        logging.getLogger(logger).setLevel(logging.WARNING)
    host = host_of(address) if is_loopback(host_of(address)) else None

    async def serve() -> None:
        async with distributed.Worker(
            address,
            host=host,
            nthreads=jobs,
            name=name,
            security=security_of(tls),
            memory_limit=0,
            dashboard=False,
            death_timeout=CONNECT_S,
            plugins=(_EndJobsFirst(),),
        ) as worker:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: asyncio.ensure_future(worker.close()))
            await worker.finished()

    try:
        with dask.config.set(_QUIET):
            asyncio.run(serve())
    except (OSError, TimeoutError, RuntimeError) as error:
        raise MachineError(NO_ANSWER.format(address=address, error=error.__cause__ or error), NO_ANSWER_CURE) from None
    finally:
        remote.leave_all()


@contextmanager
def local_cluster(jobs: int, state: Path) -> Iterator[tuple[str, Tls, Callable[[], None]]]:
    """A scheduler of this process's own with one worker beside it, both ended with the block: address, certificate, and what looks
    whether the worker is alive.

    They talk with TLS: on the loopback of a hub, say, others have accounts too. The certificate lies below `state` meanwhile; a command
    that is killed leaves it there for the next one to remove, and it opens nothing any more.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder(state / "tls", PARTIAL))
        security = distributed.Security.temporary()
        tls = Tls(*(_written(folder / name, getattr(security, f"tls_{name}")) for name in ("ca_file", "worker_cert", "worker_key")))
        stack.enter_context(dask.config.set(_QUIET))
        cluster = stack.enter_context(
            distributed.LocalCluster(
                n_workers=0,
                host="127.0.0.1",
                protocol="tls://",
                security=security_of(tls),
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
        )
        address = str(cluster.scheduler_address)
        files = [f"--tls-{name}={getattr(tls, name)}" for name in ("ca", "cert", "key")]
        command = [sys.executable, "-m", "autograder.cli", "cluster", "worker", address, "--jobs", str(jobs), *files]
        worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # Ctrl-C is this process's to hand on
        stack.callback(worker.wait)
        stack.callback(worker.terminate)

        def look() -> None:
            if worker.poll() is not None:
                raise MachineError(f"The worker of this machine ended, with status {worker.returncode}.", "Its own words stand above.")

        yield address, tls, look


def _written(file: Path, content: str) -> str:
    write_atomic(file, content, 0o600)
    return str(file)
