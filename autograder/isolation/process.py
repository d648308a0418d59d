"""A running job as the command has it: how to talk to it, how to end it, and what it has used."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.errors import MachineError
from autograder.isolation import cgroup
from autograder.isolation.channel import ChannelTimeout, FrameReader, FrameWriter
from autograder.isolation.pool import Pool
from autograder.isolation.scratch import Scratch
from autograder.isolation.servers import Server

_END_S = 30
_WORDS_BYTES = 16_000
_PATIENCE_S = 60


class JobKilled(MachineError):
    """A job's process was killed by somebody else, before it could say anything; it may go well when it is tried again."""


@dataclass(frozen=True)
class Ended:
    """How a job ended, what it used (CPU seconds, peak memory in MiB), and whether it was killed for its memory, or for the machine's."""

    exit: int
    cpu_s: float
    peak_mib: float
    out_of_memory: bool = False
    machine_out_of_memory: bool = False

    @property
    def killed(self) -> bool:
        """By a signal, its own or that of its init."""
        return self.exit < 0 or self.exit > 255 - signal.NSIG


@dataclass
class Started:
    """Everything that belongs to one running job on this side."""

    server: Server
    only: bool
    how: str
    stdin: int
    stdout: int
    stderr: int
    lease: socket.socket
    work: Path
    folder: Scratch | None
    uid: int
    group: cgroup.Cgroup | None = None


class Process:
    """A running job: frames come from `reader(...)`, `writer` sends; all of it is dead after `kill`."""

    def __init__(self, started: Started, pool: Pool, ended: Callable[[Process], None]) -> None:
        self.work, self.start, self.uid = started.work, started.how, started.uid
        self.writer = FrameWriter(started.stdin, _PATIENCE_S)
        self._started, self._pool, self._ended = started, pool, ended
        self._words = bytearray()
        self._drain = threading.Thread(target=self._keep_last_words, daemon=True)
        self._drain.start()
        self._usage: Ended | None = None

    def reader(self, limit: int) -> FrameReader:
        """Frames that the job sends, at most `limit` bytes in all."""
        return FrameReader(self._started.stdout, limit)

    def send(self, request: object, files: Mapping[str, bytes] | None = None) -> None:
        """Files for the job's work folder, then its request. Raises OSError when the job is gone or does not read."""
        try:
            for name, data in (files or {}).items():
                self.writer.send("file", data, name=name)
            self.writer.send("request", json.dumps(request).encode())
        except ChannelTimeout:
            raise BrokenPipeError("the process does not read its input") from None

    def kill(self, patience_s: float = 0.0) -> Ended:
        """Ends the job and everything below it, and waits for that; with patience, it may end by itself before. Never raises."""
        if self._usage is None:
            self._usage = Ended(-9, 0.0, 0.0)
            try:
                self._usage = self._await_end(patience_s)
            finally:
                self._clean_up()
        return self._usage

    def let_go(self) -> None:
        """Lets the guard kill the job; `kill`, in its own thread, waits for that."""
        with contextlib.suppress(OSError):
            self._started.lease.shutdown(socket.SHUT_WR)

    def last_words(self) -> str:
        """The end of what the job wrote to standard error; for messages about the machine's failures."""
        self._drain.join(timeout=1)
        return bytes(self._words).decode(errors="replace").strip()

    def _await_end(self, patience_s: float) -> Ended:
        """The guard's report. Where the guard itself died its job has died with it; where it is stuck no other job gets its server."""
        lease = self._started.lease
        usage, closed = _last_packet(lease, patience_s) if patience_s else ({}, False)
        self.let_go()
        if not usage and not closed:
            usage, closed = _last_packet(lease, _END_S)
        if not closed:
            self._pool.retire(self._started.server)
        ended = Ended(int(usage.get("exit", -9)), usage.get("cpu_s", 0.0), usage.get("peak_mib", 0.0))
        if self._started.group is None:
            return ended
        with contextlib.suppress(OSError):
            measured = self._started.group.usage()
            killed = measured.oom_kills > 0
            ended = replace(
                ended,
                peak_mib=(measured.peak_bytes or 0) / 2**20 or ended.peak_mib,
                out_of_memory=killed and measured.at_limit,
                machine_out_of_memory=killed and not measured.at_limit,
            )
        return ended

    def _clean_up(self) -> None:
        """What belonged to the job alone, each part whatever became of the others."""
        started = self._started
        with contextlib.ExitStack() as parts:
            parts.callback(self._ended, self)
            if started.folder is not None:
                parts.callback(started.folder.remove)
            if started.only:
                parts.callback(self._pool.retire, started.server, at_once=True)
            if started.group is not None:
                parts.callback(_remove_group, started.group)
            parts.callback(started.lease.close)
            for descriptor in (started.stdin, started.stdout):
                parts.callback(os.close, descriptor)

    def _keep_last_words(self) -> None:
        """Reads whatever comes and keeps the end: a job cannot fill a disk or wait for us by writing errors."""
        with open(self._started.stderr, "rb", buffering=0) as stream:
            while data := stream.read(1 << 16):
                self._words += data
                del self._words[:-_WORDS_BYTES]


def _remove_group(group: cgroup.Cgroup) -> None:
    group.kill()
    group.remove()


def _last_packet(lease: socket.socket, patience_s: float) -> tuple[dict[str, float], bool]:
    """The guard's report, which comes when everything is dead, or nothing; and whether the guard has ended."""
    lease.settimeout(patience_s)
    found: dict[str, float] = {}
    try:
        while data := lease.recv(4096):
            if data.startswith(b"{"):
                with contextlib.suppress(ValueError):
                    found = json.loads(data)
    except TimeoutError:
        return found, False
    except OSError:
        return found, True
    return found, True
