"""`autograder cluster`: workers for `grade --dask`, this machine or jobs of a queue."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import click

from autograder.cli.cluster_options import cluster_options, require_dask

if TYPE_CHECKING:
    from autograder.batch.network import Tls

_LOOK_S = 5.0  # between two looks whether all workers are there


@click.group()
def cluster() -> None:
    """Workers that `grade --dask` hands submissions to."""


@cluster.command()
@click.argument("address")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Submissions side by side, at most (default: one more than cores).")
@click.option("--name", metavar="NAME", help="What the cluster calls this worker.")
@cluster_options
def worker(address: str, jobs: int | None, name: str | None, tls: Tls, plain: bool) -> None:
    """Grade on this machine for the Dask scheduler at ADDRESS, until that goes away.

    Every batch says what its assignment needs; this machine takes as many submissions side by side as fit.
    """
    require_dask()
    from autograder.batch.dask_worker import work
    from autograder.batch.machine import Machine
    from autograder.batch.network import checked_address

    checked = checked_address(address, tls, plain)
    machine = Machine.here()
    most = jobs or max(machine.cpus + 1, 16 * len(machine.devices))  # a GPU has room for many small shares
    click.echo(f"A worker of {checked}: {machine.cpus} cores, {machine.memory_mib / 1024:.0f} GiB, {len(machine.devices)} GPUs.", err=True)
    work(checked, tls, most, name)


@cluster.command()
@click.option("--workers", type=click.IntRange(1), metavar="N", default=1, show_default=True, help="Jobs to keep in the queue.")
@click.option("--host", metavar="ADDRESS", required=True, help="This machine's address, as the nodes reach it.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", default=1, show_default=True, help="Submissions side by side in each job.")
@click.option("--cpus", type=click.IntRange(1), metavar="N", help="Cores of each job (default: as many as --jobs).")
@click.option("--memory-gib", type=click.FloatRange(1), metavar="N", default=8.0, show_default=True, help="Memory of each job.")
@click.option("--gres", metavar="LIST", help="Generic resources of each job, e.g. gpu:1 or shard:1.")
@click.option("--time", metavar="TIME", default="04:00:00", show_default=True, help="How long a job may run; it is then replaced.")
@click.option("--partition", metavar="NAME", help="Slurm's partition.")
@click.option("--account", metavar="NAME", help="Slurm's account.")
@click.option("--option", "options", metavar="TEXT", multiple=True, help="Further option for sbatch; may be given several times.")
@click.option("--logs", metavar="DIR", default="slurm-logs", show_default=True, help="Where the jobs write what they have to say.")
@cluster_options
def slurm(
    workers: int,
    host: str,
    jobs: int,
    cpus: int | None,
    memory_gib: float,
    gres: str | None,
    time: str,
    partition: str | None,
    account: str | None,
    options: tuple[str, ...],
    logs: str,
    tls: Tls,
    plain: bool,
) -> None:
    """Keep N workers in Slurm's queue until Ctrl-C, and say where they are reached."""
    require_dask()
    from autograder.batch.dask_slurm import SlurmJobs, slurm_cluster
    from autograder.batch.network import checked_address

    checked_address(f"{host}:1", tls, plain)
    wanted = SlurmJobs(workers, jobs, cpus or jobs, memory_gib, time, host, plain, gres, partition, account, options)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with slurm_cluster(wanted, tls, logs) as (address, look_after):
        click.echo(f"{workers} worker(s) asked for. In another terminal: autograder grade ASSIGNMENT --dask {address}", err=True)
        try:
            while not ended.wait(_LOOK_S):
                for said in dict.fromkeys(look_after()):
                    click.echo(said, err=True)
        except KeyboardInterrupt:
            click.echo("Ending the workers …", err=True)
