"""The seam behind which processes of a submission are started: what to run, and in which isolation.

Level 0, the only one so far, isolates nothing: it gives the process a session and an environment of its own and kills
what it leaves. It is used with the instructor's consent alone.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from autograder.errors import MachineError, UsageError
from autograder.records import Isolation

# No user site, no working directory on the path, no bytecode; unlike -I it heeds PYTHONHASHSEED, and the environment is ours.
PYTHON = (sys.executable, "-s", "-P", "-B")


@dataclass(frozen=True)
class Command:
    """A Python module to run, the one folder it may write, the folders it may read beside the environment, its variables."""

    module: str
    work: Path
    readable: tuple[Path, ...]
    environment: dict[str, str]


class Process:
    """A started process: frames come from `stdout`, requests go to `stdin`."""

    def __init__(self, popen: subprocess.Popen[bytes], errors: IO[bytes], home: str) -> None:
        assert popen.stdin is not None
        assert popen.stdout is not None
        self.stdin, self.stdout = popen.stdin, popen.stdout
        self._popen, self._errors, self._home = popen, errors, home
        remember_child(popen.pid)

    def kill(self) -> tuple[float, float]:
        """Ends the process and everything below it, waits, and returns (CPU seconds, peak memory in MiB) of the whole tree."""
        _kill_tree(self._popen.pid)
        _kill_orphans(self._home)
        for stream in (self.stdin, self.stdout):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        return self._reap()

    def _reap(self) -> tuple[float, float]:
        forget_child(self._popen.pid)
        _, status, usage = os.wait4(self._popen.pid, 0)
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

    def last_words(self) -> str:
        """The end of what the process wrote to standard error; for messages about the machine's failures."""
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 2000))
        return self._errors.read().decode(errors="replace").strip()


class Sandbox(Protocol):
    """What every level offers; one conformance suite runs against all of them."""

    @property
    def isolation(self) -> Isolation:
        """Level and probes, as every record shows them."""

    def start(self, command: Command) -> Process:
        """Starts a process. Raises MachineError when the machine cannot."""


@dataclass(frozen=True)
class Unprotected:
    """Level 0: a plain process. The student's code can read and write whatever the instructor can."""

    isolation: Isolation = field(default_factory=lambda: Isolation(level=0))

    def start(self, command: Command) -> Process:
        if was_interrupted():
            raise MachineError("The command was interrupted.")
        errors = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the process
        try:
            popen = subprocess.Popen(
                [*PYTHON, "-m", command.module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=command.work,
                env=command.environment,
                start_new_session=True,
            )
        except OSError as error:
            raise MachineError(f"A process could not be started: {error}", "Free memory or processes, then run again.") from None
        return Process(popen, errors, command.environment["HOME"])


def choose_sandbox(min_isolation: int, trust: bool) -> Sandbox:
    """The highest level that this machine offers.

    Raises UsageError when that is below `min_isolation` and nobody consented with `trust`.
    """
    if not trust:
        raise UsageError(
            f"Nothing was executed: isolation level {max(1, min_isolation)} is required, this version offers level 0 (none).",
            "If you trust every one of these submissions with your account, your files and the hidden labels, add --trust-submissions.",
        )
    return Unprotected()


_LIVE: set[int] = set()
_LIVE_LOCK = threading.Lock()
_INTERRUPTED = threading.Event()


def remember_child(pid: int) -> None:
    """Lets `kill_everything` know of a running process."""
    with _LIVE_LOCK:
        _LIVE.add(pid)


def forget_child(pid: int) -> None:
    """The process has ended; its id may soon be another's."""
    with _LIVE_LOCK:
        _LIVE.discard(pid)


def was_interrupted() -> bool:
    """Whether processes were ended by this command itself, so that their results mean nothing."""
    return _INTERRUPTED.is_set()


def kill_everything() -> None:
    """Ends every process that is still running; for an interrupted command."""
    _INTERRUPTED.set()
    with _LIVE_LOCK:
        live = list(_LIVE)
    for pid in live:
        _kill_tree(pid)


def _kill_tree(root: int) -> None:
    """SIGKILL to a process and all of its descendants, parents first so that nobody replaces them."""
    import psutil

    try:
        top = psutil.Process(root)
        tree = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in tree:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _kill_orphans(home: str) -> None:
    """SIGKILL to processes that still run with this home although their parent is gone, such as the kernel of a worker that was killed."""
    import psutil

    for process in psutil.process_iter():
        try:
            if process.environ().get("HOME") == home:
                process.kill()
        except (psutil.Error, OSError):  # it ended meanwhile, or is somebody else's
            continue
