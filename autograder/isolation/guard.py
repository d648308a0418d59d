"""One job between its fork and its end: the guard outside of its namespaces, the job as their first process.

    server ── guard ── job ── init ── companion (a kernel, say; in a process namespace below the job's)

The guard holds the lease, a socket of packets to the command. On it go, in this order: `hello` from the job (the command
reads its process id from the packet's credentials, and may put it into a control group), the command's `go`, `entered` from
the isolated job or `failed: why`, and when all of it is dead the guard's JSON `{"exit", "cpu_s", "peak_mib"}`. When the
command's end closes, the guard kills the job, and with it everything below.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from autograder.isolation import packets, syscalls
from autograder.isolation.enter import (
    LEASE,
    LINK,
    Job,
    Policy,
    confine,
    fence,
    keep_descriptors,
    separate_companion,
    separate_files,
    separate_processes,
    show_own_processes,
)

_POLL_S = 0.002


def guard(job: Job, policy: Policy, stdin: int, stdout: int, stderr: int, lease: int) -> NoReturn:
    """Starts the job, waits for its end or the lease's, and reports. Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(stderr, 2)
    line = socket.socket(fileno=lease)
    with _failures_told(line):
        separate_processes(policy)
        first = os.fork()
        if first == 0:
            _first(job, policy, stdin, stdout, stderr, line)
        for descriptor in (stdin, stdout, stderr, 1, 2):
            os.close(descriptor)
        _await_end(line, first, policy.namespaces)
        line.send(json.dumps(_reap(first, policy.namespaces)).encode())
    os._exit(0)


@contextlib.contextmanager
def _failures_told(line: socket.socket) -> Iterator[None]:
    """A failure goes to the command, which waits for it, and ends this process: nothing runs half isolated."""
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(OSError):
            line.send(f"failed: {type(error).__name__}: {error}"[:1000].encode())
        os._exit(1)


def _await_end(line: socket.socket, first: int, namespaces: bool) -> None:
    """Until the job has ended by itself or the command has let go of the lease; then kills all that is left."""
    poll = select.poll()
    poll.register(os.pidfd_open(first), select.POLLIN)
    poll.register(line, select.POLLRDHUP | select.POLLHUP)
    poll.poll()
    if namespaces:
        os.kill(first, signal.SIGKILL)  # a zombie until it is waited for, so its number is nobody else's
    else:
        _kill_below(os.getpid())


def _kill_below(root: int) -> None:
    """Kills the descendants that can be seen: one whose parent is just ending may be missed, and is then a child of the guard."""
    for pid in _descendants(root):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _descendants(root: int) -> list[int]:
    """Process ids below `root`, parents first."""
    found = [root]
    for pid in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as stream:
                    found += [int(each) for each in stream.read().split()]
    return found[1:]


def _reap(first: int, namespaces: bool) -> dict[str, float]:
    """Waits until all is dead: exit status of the job; CPU seconds and peak memory (MiB) of all processes that ended here.

    Without a namespace whatever loses its parent becomes a child of the guard: there is nothing left when that has none.
    """
    status, cpu_s, peak_mib = 0, 0.0, 0.0
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, ended, usage = os.wait4(-1, 0 if namespaces else os.WNOHANG)
            if pid == 0:
                time.sleep(_POLL_S)
                _kill_below(os.getpid())
                continue
            cpu_s += usage.ru_utime + usage.ru_stime
            peak_mib = max(peak_mib, usage.ru_maxrss / 1024)
            if pid == first:
                status = os.waitstatus_to_exitcode(ended)
    return {"exit": status, "cpu_s": cpu_s, "peak_mib": peak_mib}


def _first(job: Job, policy: Policy, stdin: int, stdout: int, stderr: int, line: socket.socket) -> NoReturn:
    """The job's process, first of its namespaces: isolates itself, starts the companion before it may do less, and runs."""
    line.send(b"hello")
    if line.recv(16) != b"go":
        os._exit(1)
    separate_files(policy, job)
    wanted = {0: stdin, 1: stdout, 2: stderr, LEASE: line.fileno()}
    fence(policy, job)
    if job.companion:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        packets.expect_senders(near)
        _start_companion(job, policy, stderr, far)
        wanted[LINK] = near.fileno()
    keep_descriptors(wanted)
    with socket.socket(fileno=LEASE) as lease, _failures_told(lease):
        confine(policy, job)
        lease.send(b"entered")
    _run(job.module)


def _start_companion(job: Job, policy: Policy, stderr: int, link: socket.socket) -> None:
    """Forks the companion, which tells the job its process id by a packet on the link.

    From within the job's fence, or into a process namespace below the job's: the job may signal it, it may not signal the job.
    """
    assert job.companion is not None
    separate_companion(policy)
    if os.fork():
        if policy.namespaces:
            syscalls.keep_own_processes()
        return
    os.setsid()  # what it signals as its own group must not be the job's as well
    null = os.open(os.devnull, os.O_RDONLY)
    if policy.namespaces:
        syscalls.unshare(syscalls.CLONE_NEWNS)  # here and not before the fork: the job goes on seeing its own processes
        show_own_processes()
        companion = os.fork()
        if companion:  # the first process of a namespace cannot be killed from within it; a companion can
            keep_descriptors({0: null})
            _reap_until(companion)
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory runs out it ends first, and the job can say so
    keep_descriptors({0: null, 1: stderr, 2: stderr, LINK: link.fileno()})  # what it prints is for the machine's log alone
    fence(policy, job)
    confine(policy, job)
    if policy.namespaces:
        syscalls.dumpable()  # libraries look at their own /proc; there is nobody else in this process namespace
    os.write(LINK, b"here")
    _run(job.companion)


def _reap_until(last: int) -> NoReturn:
    """Waits for whatever ends, and ends as `last` did, after everything else."""
    while True:
        pid, ended = os.wait()
        if pid == last:
            _reap_all()
            os._exit(os.waitstatus_to_exitcode(ended) & 255)


def _reap_all() -> None:
    """Kills and waits for the rest of a namespace, as its first process: what it used would otherwise be told to nobody."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(-1, signal.SIGKILL)
        while os.wait():
            pass


def _run(module: str) -> NoReturn:
    """The module's `main()`, as if the process had been started for it."""
    status = 1
    try:
        _forget_server()
        importlib.import_module(module).main()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        if os.getpid() == 1:
            _reap_all()
        os._exit(status)  # exit handlers are the server's


def _forget_server() -> None:
    """Interrupts, temporary folder and randomness as in a process of its own: all forks would otherwise draw the same numbers."""
    import random
    import tempfile

    tempfile.tempdir = None  # it was found in the server's environment
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
