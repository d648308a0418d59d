"""The seam behind which every process of a submission is started: what to run, what it may see and use, in which isolation."""

from __future__ import annotations

import os
import secrets
import threading
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from autograder.errors import MachineError
from autograder.isolation import cgroup, packets, seccomp
from autograder.isolation.bubblewrap import WORK, find_bubblewrap, interpreter_paths
from autograder.isolation.enter import Job, Policy
from autograder.isolation.pool import INTERRUPTED, Pool
from autograder.isolation.process import JobKilled, Process, Started
from autograder.isolation.scratch import Scratch
from autograder.isolation.servers import Server, ServerDied, ServerKind
from autograder.records import Isolation

_ENTER_S = 60
_BACKGROUND_WEIGHT, _BACKGROUND_NICE = 25, 6  # this niceness comes to about the same
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
    """What one job may use: memory in all where there are control groups, else of each process; processes with their threads. `cores`: how
    many it was promised; where cores are short it weighs as much as so many jobs with one.
    """

    memory_mib: int = 4096
    processes: int = 512
    disk_mib: int = 1024
    cpu_s: int = 3600
    cores: int = 1


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


class Sandbox:
    """Starts jobs at one level of isolation; safe to use from several threads.

    Level 3: root, bubblewrap, a uid of its own for each job, seccomp, a control group where there is one. Level 2: bubblewrap
    with a user namespace, seccomp. Level 1: Landlock and seccomp. Level 0: nothing. In all of them: rlimits, an own work folder.
    `background`: where cores are short each of its jobs counts a quarter, beside the groups next to its own. Without groups it is
    nicer, which the kernel may count within a session only.
    """

    def __init__(self, level: int, probes: dict[str, str] | None = None, background: bool = False) -> None:
        self.isolation = Isolation(level, dict(probes or {}))
        bubblewrap = find_bubblewrap() if level >= 2 else None
        if level >= 2 and bubblewrap is None:
            raise MachineError("bubblewrap is not installed.", "Install it: apt install bubblewrap")
        readable = [str(path) for path in (*(Path(each) for each in _SYSTEM), *interpreter_paths())] if level == 1 else None
        self._policy = Policy(
            namespaces=level >= 2,
            user_namespace=level == 2,
            filter=b64encode(seccomp.build_filter()).decode() if level else "",
            readable=readable,
            nice=_BACKGROUND_NICE if background else 0,
        )
        self._weight = _BACKGROUND_WEIGHT if background else cgroup.USUAL_WEIGHT
        self._hierarchy = cgroup.find()[0] if level == 3 else None
        self._pool = Pool(self._policy, bubblewrap)
        self._live: set[Process] = set()
        self._uids: set[int] = set()
        self._lock = threading.Lock()
        self.stopped = False

    def start(self, command: Command) -> Process:
        """Starts a job; isolation is complete when this returns. Raises MachineError when the machine cannot."""
        if self.stopped:
            raise MachineError(INTERRUPTED)
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
        self._pool.warm_up(kinds)

    def stop(self) -> None:
        """Ends everything that runs, at once and for good; for an interrupted command."""
        with self._lock:
            self.stopped = True
            live = list(self._live)
        self._pool.stop()
        for process in live:
            process.let_go()
        self.close()

    def close(self) -> None:
        """Ends the servers. Call it when no job is needed any more."""
        self._pool.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def server_pids(self) -> list[int]:
        """Process ids of the running servers; for measurements and tests."""
        return self._pool.pids()

    def _start(self, command: Command) -> Process:
        server, how = self._pool.server_for(command.server, command.cold)
        only = how != "warm"
        try:
            process = self._fork(command, server, only, how)
        except BaseException as error:
            if only or not server.alive():
                self._pool.retire(server, at_once=True)
            elif isinstance(error, ServerDied):  # it is on its way out, and must not be asked again
                self._pool.retire(server)
            raise
        return process

    def _fork(self, command: Command, server: Server, only: bool, how: str) -> Process:
        folder = None if self._policy.namespaces else Scratch("job")
        uid = self._take_uid()
        job = Job(
            module=command.module,
            companion=command.companion,
            work=str(folder.path if folder else WORK),
            uid=uid or None,
            environment=command.environment,
            memory_mib=command.caps.memory_mib,
            processes=command.caps.processes,
            disk_mib=command.caps.disk_mib,
            cpu_s=command.caps.cpu_s,
        )
        ((stdin, to_job), (from_job, stdout), (errors, stderr)), (ours, theirs) = packets.open_streams()
        packets.expect_senders(ours)
        started = Started(server, only, how, to_job, from_job, errors, ours, Path(job.work), folder, uid)
        process = Process(started, self._pool, self._has_ended)
        try:
            try:
                with self._lock:
                    if self.stopped:
                        raise MachineError(INTERRUPTED)
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

    def _has_ended(self, process: Process) -> None:
        """Its uid may be another's now."""
        with self._lock:
            self._live.discard(process)
            self._uids.discard(process.uid)

    def _await_isolation(self, started: Started, caps: Caps) -> None:
        started.lease.settimeout(_ENTER_S)
        try:
            said, pid = packets.receive(started.lease)
            if said == "hello":
                if self._hierarchy is not None:
                    weight = self._weight * caps.cores
                    started.group = cgroup.Cgroup.create(self._hierarchy, str(pid), caps.memory_mib << 20, caps.processes, weight)
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
