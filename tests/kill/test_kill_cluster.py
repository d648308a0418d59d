"""Whatever of a cluster is killed, and whenever: everybody has one final record, that of an undisturbed run, and no process is left."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.dask_processes import Cluster, cluster_of, end, pause
from tests.kill.conftest import COMMAND, Graded, start
from tests.kill.test_kill import SEEDS, assert_as_undisturbed, finish


@pytest.fixture
def cluster(course: Path, tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler with two workers, each of which takes two submissions at a time."""
    with cluster_of(tmp_path / "cluster") as made:
        for _ in range(2):
            add_worker(made, course)
        yield made


def add_worker(cluster: Cluster, course: Path) -> subprocess.Popen[str]:
    return cluster.start(jobs=2, command=(sys.executable, str(COMMAND)), folder=course)


def graded_until(course: Path, cluster: Cluster, moment: float) -> subprocess.Popen[str]:
    """A command that grades on the cluster, so many seconds after its start, or when it has ended."""
    command = start(course, "grade", "standin", "--dask", cluster.address, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    began = time.monotonic()
    while command.poll() is None and (rest := began + moment - time.monotonic()) > 0:
        pause(command, rest)
    return command


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_worker_costs_nobody_anything(course: Path, cluster: Cluster, graded_once: Graded, seed: int) -> None:
    chance = random.Random(f"worker {seed}")
    command = graded_until(course, cluster, chance.uniform(0, 2 * graded_once.seconds))
    end(chance.choice(cluster.workers))
    add_worker(cluster, course)
    assert command.wait() == 0
    for worker in cluster.workers:
        end(worker)
    assert_as_undisturbed(course, graded_once)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_scheduler_costs_what_was_under_way(course: Path, cluster: Cluster, graded_once: Graded, seed: int) -> None:
    chance = random.Random(f"scheduler {seed}")
    command = graded_until(course, cluster, chance.uniform(0, 2 * graded_once.seconds))
    end(cluster.process)
    assert command.wait() in (0, 2, 3)  # 2: it was killed before the command had reached it
    for worker in cluster.workers:
        assert worker.wait() in (0, 3)  # they end by themselves
    finish(course)
    assert_as_undisturbed(course, graded_once)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_command_is_called_again_on_the_same_workers(course: Path, cluster: Cluster, graded_once: Graded, seed: int) -> None:
    chance = random.Random(f"command {seed}")
    for _ in range(2):
        end(graded_until(course, cluster, chance.uniform(0, 2 * graded_once.seconds)))
    last = start(course, "grade", "standin", "--dask", cluster.address, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, said = last.communicate()
    assert last.returncode == 0, said
    for worker in cluster.workers:  # politely: the killed commands' submissions may still be under way
        worker.terminate()
        worker.wait()
    assert_as_undisturbed(course, graded_once)
