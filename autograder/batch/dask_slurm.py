"""Workers as jobs of Slurm: a scheduler here, and as many jobs as are asked for, each of them one worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dask_jobqueue as untyped_jobqueue

from autograder.batch.dask import security_of
from autograder.batch.network import Tls, is_loopback
from autograder.errors import MachineError

jobqueue: Any = untyped_jobqueue  # it has no types


@dataclass(frozen=True)
class SlurmJobs:
    """What Slurm is asked for: so many jobs, each with cores and memory (GiB), for at most `time` (as Slurm writes it).

    `gres`: generic resources of each job, such as `gpu:1` or `shard:1`. `host`: under which address the nodes reach this machine.
    `options`: further options of sbatch, as `--qos=course`.
    """

    workers: int
    jobs: int
    cpus: int
    memory_gib: float
    time: str
    host: str
    gres: str | None = None
    partition: str | None = None
    account: str | None = None
    options: tuple[str, ...] = ()

    @property
    def directives(self) -> list[str]:
        return [*([f"--gres={self.gres}"] if self.gres else []), *self.options]


@contextmanager
def slurm_cluster(wanted: SlurmJobs, tls: Tls, logs: str) -> Iterator[str]:
    """The address of a scheduler whose workers Slurm starts, and starts again when they are lost; all of it ends with the block.

    Raises MachineError when Slurm refuses the jobs.
    """
    security = security_of(tls)
    protocol = "tls://" if security else "tcp://"
    try:
        with jobqueue.SLURMCluster(
            cores=wanted.jobs,
            processes=1,
            memory=f"{wanted.memory_gib:g}GiB",
            job_cpu=wanted.cpus,
            walltime=wanted.time,
            queue=wanted.partition,
            account=wanted.account,
            job_extra_directives=wanted.directives,
            job_name="autograder",
            log_directory=logs,
            nanny=False,
            death_timeout=60,
            worker_extra_args=["--memory-limit", "0", "--no-dashboard", *(["--host", wanted.host] if is_loopback(wanted.host) else [])],
            protocol=protocol,
            security=security,
            scheduler_options={"host": wanted.host, "dashboard_address": None},
            silence_logs=logging.CRITICAL,
        ) as cluster:
            cluster.sync(cluster.scale, wanted.workers)  # what Slurm refuses is said here
            cluster.adapt(minimum=wanted.workers, maximum=wanted.workers)  # which also replaces lost ones
            yield str(cluster.scheduler_address)
    except (RuntimeError, FileNotFoundError) as error:
        raise MachineError(f"Slurm did not take the jobs: {error}", "Try the same options with sbatch by hand.") from None
