"""Workers as jobs of Slurm: a scheduler here, and as many jobs as are asked for, each of them one worker."""

from __future__ import annotations

import asyncio
import logging
import queue
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import dask_jobqueue as untyped_jobqueue
import distributed as untyped_distributed

from autograder.batch import slurm_queue
from autograder.batch.dask import security_of
from autograder.batch.network import Tls
from autograder.errors import MachineError, sentence

jobqueue: Any = untyped_jobqueue  # they have no types
distributed: Any = untyped_distributed

_AGAIN_S = 30.0
_ANSWER_S = 120.0
_QUEUE_S = 15.0  # between two looks into the queue, as long as workers are awaited: administrators mind those who ask all the time
_ROUNDS = 3  # of jobs for all workers that end before any of these has come, until that is said to be hopeless
_CURE = "Try the same options with sbatch by hand."


@dataclass(frozen=True)
class SlurmJobs:
    """What Slurm is asked for: so many jobs, each with cores and memory (GiB), for at most `time` (as Slurm writes it).

    `gres`: generic resources of each job, such as `gpu:1` or `shard:1`. `host`: under which address the nodes reach this machine; `plain`:
    on a network that nobody else can reach. `options`: further options of sbatch, as `--qos=course`.
    """

    workers: int
    jobs: int
    cpus: int
    memory_gib: float
    time: str
    host: str
    plain: bool = False
    gres: str | None = None
    partition: str | None = None
    account: str | None = None
    options: tuple[str, ...] = ()

    @property
    def directives(self) -> list[str]:
        return [*([f"--gres={self.gres}"] if self.gres else []), *self.options]

    def command(self, scheduler: str, name: str, tls: Tls) -> list[str]:
        """What each job runs: the worker that `autograder cluster worker` is."""
        files = [f"--tls-{part}={getattr(tls, part)}" for part in ("ca", "cert", "key") if tls.complete]
        plain = ["--plain-network"] if self.plain else []
        worker = [sys.executable, "-m", "autograder.cli", "cluster", "worker", scheduler]
        return [*worker, "--jobs", str(self.jobs), "--name", name, *files, *plain]


@contextmanager
def slurm_cluster(wanted: SlurmJobs, tls: Tls, logs: str) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """A scheduler whose workers Slurm starts; all of it ends with the block. Its address, and what has to be called every few seconds: it
    has lost workers started again, and gives a line for each job that Slurm refused since, or that ended before its worker had come.

    Raises MachineError when Slurm refuses the jobs at the beginning; what is called raises it when job after job ends in that way and no
    worker is there.
    """
    security = security_of(tls)
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    arrivals = _Arrivals()
    try:
        with jobqueue.SLURMCluster(
            job_cls=_job_class(wanted, tls, answers, arrivals),
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
            protocol="tls://" if security else "tcp://",
            security=security,
            scheduler_options={"host": wanted.host, "dashboard_address": None},
            silence_logs=logging.CRITICAL,
        ) as cluster:
            cluster.scheduler.add_plugin(arrivals)
            cluster.scale(wanted.workers)
            for _ in range(wanted.workers):
                if refusal := answers.get(timeout=_ANSWER_S):
                    raise MachineError(f"Slurm did not take the jobs: {refusal}", _CURE)

            awaited = _Awaited(cluster, arrivals, _ROUNDS * wanted.workers, logs)

            def look_after() -> list[str]:
                in_vain = awaited.look()
                cluster.scale(wanted.workers)
                return [
                    *in_vain,
                    *(f"Slurm did not take a job in place of one that ended: {each} It is asked again." for each in _all(answers) if each),
                ]

            yield str(cluster.scheduler_address), look_after
    except queue.Empty:
        raise MachineError(f"Slurm did not answer within {_ANSWER_S:g} s.", _CURE) from None


class _Arrivals(distributed.SchedulerPlugin):  # type: ignore[misc]  # it has no types
    """Which workers have come, by name, and how many jobs ended since the last of them came before theirs had."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.in_vain = 0

    def add_worker(self, scheduler: Any, worker: str) -> None:
        self.names.add(str(scheduler.workers[worker].name))
        self.in_vain = 0


class _Awaited:
    """Jobs whose workers have not come yet. A worker that goes away is missed by dask_jobqueue itself, one that never came is not."""

    def __init__(self, cluster: Any, arrivals: _Arrivals, most: int, logs: str) -> None:
        self._cluster, self._arrivals, self._most, self._logs = cluster, arrivals, most, logs
        self._next = 0.0

    def look(self) -> list[str]:
        """Forgets those that have ended, so that they are asked for again; a line for each. Raises MachineError when that is hopeless."""
        if time.monotonic() < self._next:
            return []
        self._next = time.monotonic() + _QUEUE_S
        jobs = self._cluster.sync(self._jobs)
        ended = slurm_queue.ended(jobs) if jobs else {}
        self._arrivals.in_vain += len(ended)
        self._cluster.sync(self._forget, [jobs[number] for number in ended])
        said = [f"Job {number} ended before its worker had come. Slurm says: {sentence(how)}" for number, how in ended.items()]
        if ended and self._arrivals.in_vain >= self._most and not self._cluster.scheduler.workers:
            raise MachineError(
                f"{self._arrivals.in_vain} jobs in a row ended before any worker had come. The last one: {said[-1]}",
                f"What they said stands in {self._logs}. {_CURE}",
            )
        return [f"{each} It is asked for another one." for each in said]

    async def _jobs(self) -> dict[str, Any]:
        """By their numbers."""
        jobs = self._cluster.workers.values()
        return {str(job.job_id): job for job in jobs if job.job_id and str(job.name) not in self._arrivals.names}

    async def _forget(self, jobs: list[Any]) -> None:
        for job in jobs:
            await job.close()
            job.is_gone()


def _job_class(wanted: SlurmJobs, tls: Tls, answers: queue.SimpleQueue[str], arrivals: _Arrivals) -> Any:
    """Jobs that run our worker, and tell `answers` what Slurm said: nothing when it took them."""
    process = distributed.deploy.spec.ProcessInterface

    class Job(jobqueue.slurm.SLURMJob):  # type: ignore[misc]  # it has no types
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            arrivals.names.discard(str(self.name))  # of one in whose place this one comes
            self._command_template = f"exec {shlex.join(wanted.command(str(self.scheduler), str(self.name), tls))}"

        async def start(self) -> None:
            """One that is refused is a job like others for dask_jobqueue, until it is gone; then the next look asks again."""
            try:
                await super().start()
                answers.put("")
            except (RuntimeError, OSError, ValueError) as error:
                await process.start(self)
                asyncio.get_running_loop().call_later(_AGAIN_S, self.is_gone)
                answers.put(_words(str(error)))

        async def close(self) -> None:
            await super().close()
            await process.close(self)

        def is_gone(self) -> None:
            cluster = self._cluster() if getattr(self, "_cluster", None) else None
            if cluster is not None:
                for name in [name for name, job in cluster.workers.items() if job is self]:
                    del cluster.workers[name]

    return Job


def _words(error: str) -> str:
    """What Slurm's command itself said, of all that dask_jobqueue makes of it."""
    found = re.search(r"^stderr:\n(.*)", error, re.MULTILINE | re.DOTALL)
    return sentence(" ".join((found[1] if found else error).split()))


def _all(answers: queue.SimpleQueue[str]) -> Iterator[str]:
    with suppress(queue.Empty):
        while True:
            yield answers.get_nowait()
