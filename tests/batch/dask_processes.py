"""Real Dask schedulers and workers, as processes of a test's own."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.batch.classes import environment

ADDRESS = re.compile(r"Scheduler at:\s+(\S+)")
PYTHON = sys.executable
COMMAND = (PYTHON, "-m", "autograder.cli")


@dataclass
class Cluster:
    """A scheduler's process and address, and what it takes to add workers. `logs`: folder for what they say."""

    process: subprocess.Popen[str]
    address: str
    logs: Path
    stack: ExitStack
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(
        self, *prefix: str, jobs: int = 1, options: Sequence[str] = (), command: Sequence[str] = COMMAND, folder: Path | None = None
    ) -> subprocess.Popen[str]:
        """One more worker, at work in `folder`."""
        whole = [*prefix, *command, "cluster", "worker", self.address, "--jobs", str(jobs), *options]
        worker, _ = started(whole, self.logs, "A worker of", folder)
        self.stack.callback(end, worker)
        self.workers.append(worker)
        return worker


@contextmanager
def cluster_of(logs: Path, *options: str, host: str = "127.0.0.1") -> Iterator[Cluster]:
    """A scheduler without workers; it and all workers started are killed afterwards."""
    logs.mkdir(exist_ok=True)
    with ExitStack() as stack:
        command = [PYTHON, "-m", "distributed.cli.dask_scheduler", "--host", host, "--port", "0", "--no-dashboard", *options]
        scheduler, line = started(command, logs, ADDRESS.pattern)
        stack.callback(end, scheduler)
        found = ADDRESS.search(line)
        assert found
        yield Cluster(scheduler, found[1], logs, stack)


def started(command: Sequence[str], logs: Path, awaited: str, folder: Path | None = None) -> tuple[subprocess.Popen[str], str]:
    """A process that has said what is awaited; what it says afterwards goes to a file, so that it never waits for a reader."""
    log = logs / f"{len(list(logs.glob('*.log')))}.log"
    log.touch()
    with log.open("w") as stream:
        process = subprocess.Popen(
            command, cwd=folder or logs, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, text=True, env=environment()
        )
    with subprocess.Popen(["tail", "-n", "+1", "-f", "--pid", str(process.pid), str(log)], stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        for line in tail.stdout:
            if re.search(awaited, line):
                tail.kill()
                return process, line
    raise AssertionError(f"it ended before it said {awaited!r}: {log.read_text()}")


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def pause(process: subprocess.Popen[str], seconds: float = 0.05) -> None:
    """A moment, or until the process ends."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
