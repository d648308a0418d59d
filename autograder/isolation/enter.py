"""How a forked process isolates itself: namespaces, mounts, identity, caps, filters. In the order in which the guard calls them."""

from __future__ import annotations

import fcntl
import os
import resource
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from autograder.isolation import landlock, seccomp, syscalls

LINK, LEASE = 3, 4
_HIGH = 100
_LAST = 65_536
_FILES = 100_000  # their inodes take memory that a size does not count


@dataclass(frozen=True)
class Policy:
    """What a level applies. `filter`: seccomp program in base64, or empty. `readable`: for Landlock, or None without it. `nice`: added."""

    namespaces: bool
    user_namespace: bool
    filter: str
    readable: list[str] | None
    nice: int = 0


@dataclass(frozen=True)
class Job:
    """What runs in a fork: `main()` of a module, beside it that of a companion, both with these variables and caps.

    `work` is the only folder that can be written. Caps: MiB of memory of each process, processes and threads together, MiB of
    disk in all, CPU seconds of each process.
    """

    module: str
    companion: str | None
    work: str
    uid: int | None
    environment: dict[str, str]
    memory_mib: int
    processes: int
    disk_mib: int
    cpu_s: int


def separate_processes(policy: Policy) -> None:
    """The next fork is the first process of a process namespace; as an ordinary user of a user namespace too."""
    if not policy.namespaces:
        syscalls.adopt_orphans()
        return
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(syscalls.CLONE_NEWPID | (syscalls.CLONE_NEWUSER if policy.user_namespace else 0))
    if policy.user_namespace:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def separate_files(policy: Policy, job: Job) -> None:
    """Own network, messages and mounts: everything that can be written lies in one file system of limited size."""
    syscalls.die_with_parent()
    work = Path(job.work)
    if policy.namespaces:
        syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWNET | syscalls.CLONE_NEWUTS)
        syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
        limits = f"size={job.disk_mib}m,nr_inodes={_FILES},mode=0755"
        syscalls.mount("tmpfs", job.work, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, limits)
    for name in ("home", "tmp", "shm"):
        (work / name).mkdir()
    if policy.namespaces:
        syscalls.mount(str(work / "shm"), "/dev/shm", None, syscalls.MS_BIND)
        # Terminals of its own: those of another run could be opened where both have the same uid.
        syscalls.mount("devpts", "/dev/pts", "devpts", syscalls.MS_NOSUID | syscalls.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
        if not os.listdir("/tmp"):  # the environment or the data may lie there; then TMPDIR alone shows the way
            syscalls.mount(str(work / "tmp"), "/tmp", None, syscalls.MS_BIND)
        show_own_processes()
        if job.uid is not None:
            for path in (work, *work.iterdir()):
                os.chown(path, job.uid, job.uid)
    os.chdir(work)
    os.environ.update(job.environment)
    os.environ.update(
        HOME=str(work / "home"),
        TMPDIR=str(work / "tmp"),
        JUPYTER_RUNTIME_DIR=str(work / "home/runtime"),
        IPYTHONDIR=str(work / "home/ipython"),
        MPLCONFIGDIR=str(work / "home/matplotlib"),
    )


def separate_companion(policy: Policy) -> None:
    """The next fork is the first process of a namespace below the job's: it cannot see or signal the job."""
    if policy.namespaces:
        syscalls.unshare(syscalls.CLONE_NEWPID)


def show_own_processes() -> None:
    """/proc of the process namespace that this process is in."""
    syscalls.mount("proc", "/proc", "proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)


def keep_descriptors(wanted: dict[int, int]) -> None:
    """Descriptors `{number: present one}` and no others."""
    aside = {number: fcntl.fcntl(present, fcntl.F_DUPFD, _HIGH) for number, present in wanted.items()}
    os.closerange(0, _HIGH)
    for number, present in aside.items():
        os.dup2(present, number)
    os.closerange(max(wanted) + 1, _LAST)


def fence(policy: Policy, job: Job) -> None:
    """Landlock, where it stands in for namespaces: only these files, and signals to those alone who are fenced in further."""
    if policy.readable is not None:
        syscalls.forbid_new_privileges()
        landlock.restrict([Path(each) for each in policy.readable], [Path(job.work), Path("/dev/null")])


def confine(policy: Policy, job: Job) -> None:
    """Caps, identity, no capabilities, filter: from here on a process can do no more than a student's code may."""
    mib = 2**20
    for kind, cap in (
        (resource.RLIMIT_CORE, 1),  # too little for a core dump, and unlike 0 it also keeps the kernel from starting a crash reporter
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_DATA, job.memory_mib * mib),
        (resource.RLIMIT_FSIZE, job.disk_mib * mib),
        (resource.RLIMIT_CPU, job.cpu_s),
    ):
        _cap(kind, cap)
    if policy.namespaces:
        if job.uid is not None:
            syscalls.become(job.uid, job.uid)
            syscalls.die_with_parent()  # changing the uid took that back
        _cap(resource.RLIMIT_NPROC, job.processes)  # counted per uid, which is the run's own, or within its user namespace
    if policy.filter:
        syscalls.drop_capabilities()
        syscalls.forbid_new_privileges()
        seccomp.load_filter(b64decode(policy.filter))


def _cap(kind: int, value: int) -> None:
    """Lowers a limit for good; one that is lower already stays."""
    _, hard = resource.getrlimit(kind)
    lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (lowest, lowest))
