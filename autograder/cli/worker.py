"""`autograder worker`: this machine grades for a Dask cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autograder.cli.cluster_options import cluster_options, require_dask

if TYPE_CHECKING:
    from autograder.batch.network import Tls


@click.command()
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
