"""`autograder cluster slurm` on a real Slurm."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import distributed
import pytest

from tests.batch.classes import grade, records, verdicts
from tests.batch.dask_processes import pause
from tests.batch.slurm import one_node, why_not

pytestmark = [pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one")]


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[dict[str, str]]:
    with one_node(tmp_path / "slurm") as environment:
        yield environment


def _jobs(slurm: dict[str, str]) -> list[str]:
    """Those that wait or run: one that was ended is listed for a while yet, until its processes have gone."""
    command = ["squeue", "--noheader", "--format=%A", "--states=PENDING,RUNNING"]
    return subprocess.run(command, env=slurm, capture_output=True, text=True, check=True).stdout.split()


@contextmanager
def _cluster(slurm: dict[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command; killed where a test fails before it has ended it."""
    command = [sys.executable, "-m", "autograder.cli", "cluster", "slurm", "--host", "127.0.0.1", "--memory-gib", "2", *options]
    with subprocess.Popen(command, env=slurm, stderr=subprocess.PIPE, text=True) as cluster:
        try:
            yield cluster
        finally:
            cluster.kill()


def test_workers_come_from_the_queue_and_are_replaced_when_slurm_ends_them(course: Path, slurm: dict[str, str], tmp_path: Path) -> None:
    with _cluster(slurm, "--workers", "2", "--gres", "shard:1", "--logs", str(tmp_path / "logs")) as cluster:
        assert cluster.stderr is not None
        said = cluster.stderr.readline()
        found = re.search(r"--dask (\S+)", said)
        assert found, said + cluster.stderr.read()
        done = grade(course, "--dask", found[1], "--student", "ada", "--student", "bob")
        assert done.returncode == 0, done.stderr
        with distributed.Client(found[1]) as client:
            client.wait_for_workers(2, timeout=300)  # only one that has come is missed when it goes
            first = _jobs(slurm)
            assert len(first) == 2
            subprocess.run(["scancel", *first], env=slurm, check=True)
            done = grade(course, "--dask", found[1])
            assert done.returncode == 0, done.stderr
            while not set(second := _jobs(slurm)).isdisjoint(first) or len(second) != 2:  # one at a time is missed and replaced
                pause(cluster)
                assert cluster.poll() is None, "it ended before both were replaced"
            client.wait_for_workers(2, timeout=300)
        assert verdicts(course) == verdicts(course, "local")
        assert {record.isolation.start for record in records(course).values() if record.runs} == {"warm"}
        cluster.send_signal(signal.SIGINT)
        _, said = cluster.communicate(timeout=120)
    assert cluster.returncode == 0, said
    assert "Traceback" not in said
    assert _jobs(slurm) == []


def test_what_slurm_refuses_is_said_in_its_own_words(slurm: dict[str, str], tmp_path: Path) -> None:
    with _cluster(slurm, "--partition", "nowhere", "--logs", str(tmp_path / "logs")) as refused:
        _, said = refused.communicate()
    assert refused.returncode == 3
    assert "Slurm did not take the jobs: sbatch: error: invalid partition specified: nowhere" in said
    assert "Traceback" not in said
    assert _jobs(slurm) == []


def test_a_worker_that_slurm_does_not_replace_is_named_and_asked_for_again(slurm: dict[str, str], tmp_path: Path) -> None:
    def partition(state: str) -> None:
        subprocess.run(["scontrol", "update", "PartitionName=main", f"State={state}"], env=slurm, check=True)

    with _cluster(slurm, "--logs", str(tmp_path / "logs")) as cluster:
        assert cluster.stderr is not None
        address = re.search(r"--dask (\S+)", cluster.stderr.readline())
        assert address
        with distributed.Client(address[1]) as client:
            client.wait_for_workers(1)
            (first,) = _jobs(slurm)
            partition("DRAIN")
            subprocess.run(["scancel", first], env=slurm, check=True)
            said = cluster.stderr.readline()
            assert said.startswith("Slurm did not take a job in place of one that ended: sbatch: error: ")
            partition("UP")
            client.wait_for_workers(1)
        assert first not in _jobs(slurm)
        cluster.send_signal(signal.SIGINT)
        cluster.communicate()
    assert cluster.returncode == 0


# What Python executes first, in each process: it ends those of Slurm's jobs for as long as a file lies beside it.
FAILS = """
import os, pathlib
if "SLURM_JOB_ID" in os.environ and pathlib.Path(__file__).with_name("broken").exists():
    os._exit(7)
"""


def test_jobs_that_end_before_their_worker_has_come_are_replaced_until_that_is_hopeless(slurm: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "sitecustomize.py").write_text(FAILS)
    broken = tmp_path / "first" / "broken"
    broken.touch()
    slurm["PYTHONPATH"] = str(tmp_path / "first")
    with _cluster(slurm, "--logs", str(tmp_path / "logs")) as cluster:
        assert cluster.stderr is not None
        address = re.search(r"--dask (\S+)", cluster.stderr.readline())
        assert address
        said = cluster.stderr.readline()
        assert re.fullmatch(
            r"Job \d+ ended before its worker had come\. Slurm says: FAILED \(NonZeroExitCode\)\. It is asked for another one\.\n", said
        )
        broken.unlink()
        with distributed.Client(address[1]) as client:
            client.wait_for_workers(1, timeout=300)
            broken.touch()
            (job,) = _jobs(slurm)
            subprocess.run(["scancel", job], env=slurm, check=True)
            _, said = cluster.communicate(timeout=300)
    assert cluster.returncode == 3, said
    assert "3 jobs in a row ended before any worker had come. The last one: Job " in said
    assert str(tmp_path / "logs") in said
    assert "Traceback" not in said
    assert _jobs(slurm) == []
