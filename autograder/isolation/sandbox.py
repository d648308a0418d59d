"""The seam behind which every process of a submission is started: what to run, what it may see and use, in which isolation."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import tempfile
import threading
from base64 import b64encode
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograder.errors import MachineError
from autograder.isolation import cgroup, packets, seccomp
from autograder.isolation.bubblewrap import WORK, find_bubblewrap, interpreter_paths
from autograder.isolation.channel import ChannelTimeout, FrameReader, FrameWriter
from autograder.isolation.enter import Job, Policy
from autograder.isolation.servers import Server, ServerDied, ServerKind
from autograder.records import Isolation

_INTERRUPTED = "The command was interrupted."
_ENTER_S = 60
_END_S = 30
_WORDS_BYTES = 16_000
_PATIENCE_S = 60
# One uid for each running job, at random from the range above systemd's for containers, which nothing allocates: two
# commands, also of containers that share a kernel, meet in one with a chance of 1 in 2 million for 10 jobs each.
# Source: systemd, "Users, Groups, UIDs and GIDs on systemd Systems".
_FIRST_UID, _UIDS = 0x7000_0000, 0x0FFF_0000
_SYSTEM = (
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/sbin",
    "/proc",
    "/sys",
    "/dev/null",  # and not all of /dev: to root its disks are open, and what other runs share in /dev/shm to everybody
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/etc/ld.so.cache",
    "/etc/fonts",
    "/etc/ssl",
    "/etc/localtime",
)


@dataclass(frozen=True)
class Caps:
    """What one job may use: memory in all where there are control groups, else of each process; processes with their threads."""

    memory_mib: int = 4096
    processes: int = 512
    disk_mib: int = 1024
    cpu_s: int = 3600


@dataclass(frozen=True)
class Command:
    """A module's `main()` to run, with a companion's beside it if there is one; frames go in and out by its standard streams.

    `server` says from which fork server; `cold` is the reason why it must not be a warm one, or empty.
    """

    module: str
    server: ServerKind
    environment: dict[str, str] = field(default_factory=dict)
    companion: str | None = None
    caps: Caps = field(default_factory=Caps)
    cold: str = ""


class JobKilled(MachineError):
    """A job's process was killed by somebody else, before it could say anything; it may go well when it is tried again."""


class Process:
    """A running job: frames come from `reader(...)`, `writer` sends; all of it is dead after `kill`."""

    def __init__(self, started: _Started, sandbox: Sandbox) -> None:
        self.work, self.start, self.uid = started.work, started.how, started.uid
        self.writer = FrameWriter(started.stdin, _PATIENCE_S)
        self._started, self._sandbox = started, sandbox
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
            self._sandbox.retire(self._started.server)
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
            parts.callback(self._sandbox.forget, self)
            if started.folder is not None:
                parts.callback(_remove, started.folder)
            if started.only:
                parts.callback(self._sandbox.retire, started.server, at_once=True)
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
class _Started:
    """Everything that belongs to one running job on this side."""

    server: Server
    only: bool
    how: str
    stdin: int
    stdout: int
    stderr: int
    lease: socket.socket
    work: Path
    folder: Path | None
    uid: int
    group: cgroup.Cgroup | None = None


class Sandbox:
    """Starts jobs at one level of isolation; safe to use from several threads.

    Level 3: root, bubblewrap, a uid of its own for each job, seccomp, a control group where there is one. Level 2: bubblewrap
    with a user namespace, seccomp. Level 1: Landlock and seccomp. Level 0: nothing. In all of them: rlimits, an own work folder.
    """

    def __init__(self, level: int, probes: dict[str, str] | None = None) -> None:
        self.isolation = Isolation(level, dict(probes or {}))
        self._bubblewrap = find_bubblewrap() if level >= 2 else None
        if level >= 2 and self._bubblewrap is None:
            raise MachineError("bubblewrap is not installed.", "Install it: apt install bubblewrap")
        readable = [str(path) for path in (*(Path(each) for each in _SYSTEM), *interpreter_paths())] if level == 1 else None
        self._policy = Policy(
            namespaces=level >= 2,
            user_namespace=level == 2,
            filter=b64encode(seccomp.build_filter()).decode() if level else "",
            readable=readable,
        )
        self._hierarchy = cgroup.find()[0] if level == 3 else None
        self._servers: dict[ServerKind, Server] = {}
        self._live: set[Process] = set()
        self._uids: set[int] = set()
        self._retired: set[Server] = set()
        self._lock = threading.Lock()
        # Bubblewrap ends with the thread that started it, which must not be one that ends before its jobs do.
        self._starter = ThreadPoolExecutor(1, "sandbox-servers")
        self.stopped = False

    def start(self, command: Command) -> Process:
        """Starts a job; isolation is complete when this returns. Raises MachineError when the machine cannot."""
        if self.stopped:
            raise MachineError(_INTERRUPTED)
        try:
            return self._start(command)
        except ServerDied:
            pass  # a crashed server is replaced; its other jobs say so themselves
        try:
            return self._start(command)
        except ServerDied as died:
            raise MachineError(f"The process that starts sandboxes ended: {died}", "See `autograder isolation`.") from None

    def warm_up(self, kinds: Iterable[ServerKind]) -> None:
        """Starts servers ahead of their first job, so that their imports run side by side."""
        for kind in kinds:
            with contextlib.suppress(MachineError, ServerDied):
                self._server(kind)

    def stop(self) -> None:
        """Ends everything that runs, at once and for good; for an interrupted command."""
        with self._lock:
            self.stopped = True
            live = list(self._live)
        for process in live:
            process.let_go()
        self.close()

    def close(self) -> None:
        """Ends the servers. Call it when no job is needed any more."""
        with self._lock:
            servers = {*self._servers.values(), *self._retired}
            self._servers, self._retired = {}, set()
        for server in servers:
            server.ask_to_end()
        for server in servers:
            server.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def forget(self, process: Process) -> None:
        """The job is dead: its uid may be another's."""
        with self._lock:
            self._live.discard(process)
            self._uids.discard(process.uid)

    def retire(self, server: Server, at_once: bool = False) -> None:
        """The next job gets another server. This one ends now, or with the sandbox: other jobs of it may still run."""
        with self._lock:
            for kind in [kind for kind, known in self._servers.items() if known is server]:
                del self._servers[kind]
            self._retired.discard(server)
            if not at_once:
                self._retired.add(server)
        if at_once:
            server.close()

    def server_pids(self) -> list[int]:
        """Process ids of the running servers; for measurements and tests."""
        with self._lock:
            return [server.pid() for server in self._servers.values()]

    def _server(self, kind: ServerKind) -> Server:
        with self._lock:
            server = self._servers.get(kind)
            if server is not None and server.alive():
                return server
            if server is not None:
                server.close()
            self._servers[kind] = self._start_server(kind)
            return self._servers[kind]

    def _start_server(self, kind: ServerKind) -> Server:
        if self.stopped:
            raise MachineError(_INTERRUPTED)
        return self._starter.submit(Server, kind, self._policy, self._bubblewrap).result()

    def _start(self, command: Command) -> Process:
        server, how = self._server_for(command)
        only = how != "warm"
        try:
            process = self._fork(command, server, only, how)
        except BaseException as error:
            if only or not server.alive():
                self.retire(server, at_once=True)
            elif isinstance(error, ServerDied):  # it is on its way out, and must not be asked again
                self.retire(server)
            raise
        return process

    def _server_for(self, command: Command) -> tuple[Server, str]:
        """The warm server of the command's kind, or one for this job alone that has imported nothing; and which, with the reason."""
        problem = command.cold
        if not problem:
            server = self._server(command.server)
            try:
                problem = server.problem()
            except ServerDied:
                self.retire(server)
                raise
            if not problem:
                return server, "warm"
        cold = self._start_server(replace(command.server, preload=()))
        with self._lock:
            self._retired.add(cold)  # it ends with its job, and at the latest with the sandbox
        try:
            cold.problem()
        except BaseException:
            self.retire(cold, at_once=True)
            raise
        return cold, f"cold: {problem}"

    def _fork(self, command: Command, server: Server, only: bool, how: str) -> Process:
        folder = None if self._policy.namespaces else Path(tempfile.mkdtemp(prefix="autograder-job-", dir=short_folder()))
        uid = self._take_uid()
        job = Job(
            module=command.module,
            companion=command.companion,
            work=str(folder or WORK),
            uid=uid or None,
            environment=command.environment,
            memory_mib=command.caps.memory_mib,
            processes=command.caps.processes,
            disk_mib=command.caps.disk_mib,
            cpu_s=command.caps.cpu_s,
        )
        (stdin, to_job), (from_job, stdout), (errors, stderr) = os.pipe(), os.pipe(), os.pipe()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        packets.expect_senders(ours)
        started = _Started(server, only, how, to_job, from_job, errors, ours, Path(job.work), folder, uid)
        process = Process(started, self)
        try:
            try:
                with self._lock:
                    if self.stopped:
                        raise MachineError(_INTERRUPTED)
                    self._live.add(process)
                server.fork(job, [stdin, stdout, stderr, theirs.fileno()])
            finally:
                for descriptor in (stdin, stdout, stderr):
                    os.close(descriptor)
                theirs.close()
            self._await_isolation(started, command.caps)
        except BaseException:
            process.kill()
            raise
        return process

    def _take_uid(self) -> int:
        """A uid that no other job has; 0 where jobs keep the command's."""
        if self.isolation.level != 3:
            return 0
        with self._lock:
            while (uid := _FIRST_UID + secrets.randbelow(_UIDS)) in self._uids:
                continue
            self._uids.add(uid)
            return uid

    def _await_isolation(self, started: _Started, caps: Caps) -> None:
        started.lease.settimeout(_ENTER_S)
        try:
            said, pid = packets.receive(started.lease)
            if said == "hello":
                if self._hierarchy is not None:
                    started.group = cgroup.Cgroup.create(self._hierarchy, str(pid), caps.memory_mib << 20, caps.processes)
                    started.group.add(pid)
                started.lease.send(b"go")
                said, _ = packets.receive(started.lease)
        except TimeoutError:
            said = f"no answer within {_ENTER_S} s"
        except ConnectionError:
            said = ""
        except OSError as error:
            said = str(error)
        if not said:
            raise ServerDied(started.server.last_words())
        if said.startswith("{"):  # the guard's report: the job has ended already
            raise JobKilled("the process was killed before it was isolated")
        if said != "entered":
            raise MachineError(f"A submission could not be isolated: {said}", "See `autograder isolation`.")


def short_folder() -> str | None:
    """Where temporary folders with sockets go: a socket's path has at most 107 bytes, and TMPDIR alone may be longer."""
    return "/tmp" if os.access("/tmp", os.W_OK | os.X_OK) else None


def _remove(folder: Path) -> None:
    """Removes what a job left, however deep and with whatever permissions: folders in folders are moved up first."""
    with contextlib.suppress(OSError):
        os.chmod(folder, 0o700)
        while entries := list(os.scandir(folder)):
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry)
                    continue
                os.chmod(entry, 0o700)
                for inner in list(os.scandir(entry)):
                    if inner.is_dir(follow_symlinks=False):
                        os.chmod(inner, 0o700)
                        os.rename(inner, folder / secrets.token_hex(16))
                    else:
                        os.unlink(inner)
                os.rmdir(entry)
        os.rmdir(folder)


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
