"""Control groups: limits for the memory and the processes of all that a job starts, taken together, and its share of the cores.

Resource limits hold for each process alone; sixteen processes have sixteen times as much. The same goes for the kernel's fair division of
cores, unless it divides between groups: where the cpu controller can be had too, all processes of a job weigh together what one does. Both
versions of control groups are used as they are found: version 1 where the memory and pids controllers are mounted so, version 2 as root or
where systemd has delegated a part of the tree (`systemd-run --user --scope -p Delegate=yes …`). New groups are made beneath the one in
which the command runs, so that the limits that hold for the command go on holding, or beneath the nearest one above in which that is
allowed.

All of this is done by the command, outside of any sandbox.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from autograder.errors import MachineError

_PREFIX = "autograder-"
_CONTROLLERS = ("memory", "pids")
_CPU = "cpu"  # welcome, not needed
USUAL_WEIGHT = 100  # of a group to which nobody gave another one
_MOST_WEIGHT, _USUAL_SHARES = 10_000, 1024  # what version 2 takes, and version 1's number for the usual weight
_PATIENCE_SECONDS = 30.0  # a killed process that holds a graphics card, or waits for a disk, takes its time
_POLL_SECONDS = 0.002
_HUGE_PAGE = 2 << 20  # what may have been asked for and not given


@dataclass(frozen=True)
class Hierarchy:
    """Where groups can be made: a folder for each controller (one and the same in version 2). `cpu`: None where cores cannot be divided."""

    version: int
    memory: Path
    pids: Path
    cpu: Path | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(each for each in (self.memory, self.pids, self.cpu) if each is not None))


class Usage(NamedTuple):
    """What a group's processes have used together. `peak_bytes` is None before Linux 5.19 with version 2, which did not count it.

    `oom_kills`: processes that the kernel killed for memory; `at_limit`: whether the group has reached its own limit. Without that, it was
    the machine, or a group above, that had no memory left, and the kernel took a process from this one.
    """

    peak_bytes: int | None
    oom_kills: int
    at_limit: bool = True


def find() -> tuple[Hierarchy | None, str]:
    """Where this process can limit others, tried out with a real one; else None and the reason, for an administrator.

    Removes the empty groups that dead commands have left. With version 2 and a delegated group in which this process is alone, it moves
    itself one group down, because the kernel gives limits only to groups whose parent has no processes. Call it once, before anything is
    started.
    """
    try:
        hierarchy = _place()
        remove_stale(hierarchy)
        try:
            _try_out(hierarchy)
        except (OSError, MachineError):
            if hierarchy.cpu is None:
                raise
            hierarchy = replace(hierarchy, cpu=None)
            _try_out(hierarchy)
    except (OSError, MachineError) as error:
        return None, f"no control groups: {error}"
    return hierarchy, ""


class Cgroup:
    """A group with limits of its own. Make one with `create`, and in the end `kill` and `remove` it."""

    def __init__(self, hierarchy: Hierarchy, folder_name: str) -> None:
        self._version = hierarchy.version
        self._memory = hierarchy.memory / folder_name
        self._pids = hierarchy.pids / folder_name
        self._cpu = hierarchy.cpu / folder_name if hierarchy.cpu else None
        self._folders = tuple(folder / folder_name for folder in hierarchy.folders)

    @classmethod
    def create(cls, hierarchy: Hierarchy, name: str, memory_bytes: int, processes: int, weight: int = USUAL_WEIGHT) -> Cgroup:
        """An empty group; `name` must be new within this command. `memory_bytes` includes swap and the files in memory file systems,
        `processes` counts threads as well; `weight` is what all of it counts when cores are short, beside the groups next to it
        (100 each, if nobody gave them another one). Raises OSError, and leaves nothing behind then.
        """
        if not name or "/" in name:
            raise ValueError(f"not a name for a control group: {name!r}")
        group = cls(hierarchy, f"{_PREFIX}{_signature(os.getpid())}-{name}")
        made: list[Path] = []
        try:
            for folder in group._folders:
                folder.mkdir()
                made.append(folder)
            group._limit(memory_bytes, processes, weight)
        except BaseException:
            for folder in made:
                folder.rmdir()
            raise
        return group

    def add(self, pid: int) -> None:
        """Moves a process in, with all its threads; what it starts from now on is in as well. What it has in memory already is not counted.

        `pid` is the process as this command sees it. Raises OSError, ProcessLookupError where it has ended.
        """
        for folder in self._folders:
            _write(folder / "cgroup.procs", str(pid))

    def usage(self) -> Usage:
        """What has been used so far; until `remove`. Raises OSError."""
        if self._version == 1:
            peak = int(_read(self._memory / "memory.max_usage_in_bytes"))
            return Usage(peak, _field(self._memory / "memory.oom_control", "oom_kill"), self._was_full(peak))
        try:
            counted: int | None = int(_read(self._memory / "memory.peak"))
        except FileNotFoundError:
            counted = None
        events = self._memory / "memory.events"
        return Usage(counted, _field(events, "oom_kill"), _field(events, "oom") > 0)  # `oom` counts at the group whose limit it was

    def _was_full(self, peak: int) -> bool:
        """Version 1: its counters of failures stay at 0 on some kernels, and count swap in a file of their own; so the peak says it too."""
        failed = [path for name in ("", "memsw.") if (path := self._memory / f"memory.{name}failcnt").exists()]
        return any(int(_read(path)) for path in failed) or peak > int(_read(self._memory / "memory.limit_in_bytes")) - _HUGE_PAGE

    def kill(self) -> None:
        """Ends every process in the group, and returns when none is left; nothing can be started in it afterwards.

        Raises MachineError after half a minute.
        """
        _write(self._pids / "pids.max", "0")  # no fork outruns the loop
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while remaining := {pid for folder in self._folders for pid in _members(folder)}:
            if time.monotonic() > deadline:
                raise MachineError(f"{len(remaining)} processes in {self._pids} do not end.", "Restart the machine.")
            self._signal(remaining)
            time.sleep(_POLL_SECONDS)

    def remove(self) -> None:
        """Removes the group, whose processes must have ended; no error where it is gone. Raises MachineError after half a minute."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for folder in self._folders:
            while not _removed(folder):
                if time.monotonic() > deadline:
                    raise MachineError(f"The control group {folder} cannot be removed.", "End its processes (cgroup.procs) and remove it.")
                time.sleep(_POLL_SECONDS)

    def _limit(self, memory_bytes: int, processes: int, weight: int) -> None:
        _write(self._pids / "pids.max", str(processes))
        if self._cpu is not None:
            with suppress(OSError):  # whoever manages the groups above may have taken the controller away since
                self._weigh(self._cpu, min(weight, _MOST_WEIGHT))
        if self._version == 1:
            _write(self._memory / "memory.limit_in_bytes", str(memory_bytes))
            with_swap = self._memory / "memory.memsw.limit_in_bytes"  # absent where the kernel does not count swap
            if with_swap.exists():
                _write(with_swap, str(memory_bytes))
        else:
            _write(self._memory / "memory.max", str(memory_bytes))
            swap = self._memory / "memory.swap.max"
            if swap.exists():
                _write(swap, "0")

    def _weigh(self, folder: Path, weight: int) -> None:
        if self._version == 1:
            _write(folder / "cpu.shares", str(weight * _USUAL_SHARES // USUAL_WEIGHT))
        else:
            _write(folder / "cpu.weight", str(weight))

    def _signal(self, pids: set[int]) -> None:
        if self._version == 2:
            with suppress(FileNotFoundError):  # before Linux 5.14
                _write(self._pids / "cgroup.kill", "1")
                return
        handles: dict[int, int] = {}
        try:
            for pid in pids:
                with suppress(ProcessLookupError):
                    handles[pid] = os.pidfd_open(pid)
            # A number read before its handle was opened may have been given to a stranger by then; one that is still listed was not.
            for pid in {pid for folder in self._folders for pid in _members(folder)} & handles.keys():
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handles[pid], signal.SIGKILL)
        finally:
            for handle in handles.values():
                os.close(handle)


def remove_stale(hierarchy: Hierarchy) -> None:
    """Removes the empty groups of commands that have ended without doing so themselves; others are left alone."""
    for folder in hierarchy.folders:
        for group in folder.glob(f"{_PREFIX}*"):
            if not _in_use(group.name):
                with suppress(OSError):  # populated, or another command was faster
                    group.rmdir()


def _place() -> Hierarchy:
    """Raises MachineError with the reason why there is none."""
    mounts = list(_mounts())
    first = {each: mount for mount in mounts if mount.version == 1 for each in (*_CONTROLLERS, _CPU) if each in mount.controllers}
    if set(_CONTROLLERS) <= set(first):
        memory, pids = (_first_writable(_own_folders(first[controller], controller)) for controller in _CONTROLLERS)
        cpu = None
        with suppress(KeyError, OSError, MachineError):
            cpu = _first_writable(_own_folders(first[_CPU], _CPU))
        return Hierarchy(1, memory, pids, cpu)
    second = next((mount for mount in mounts if mount.version == 2), None)
    if second is None:
        raise MachineError("neither version 2 nor the memory and pids controllers of version 1 are mounted in /sys/fs/cgroup.")
    reasons: list[str] = []
    for folder in _own_folders(second, ""):
        try:
            _first_writable([folder])
            _give_controllers(folder)
        except (OSError, MachineError) as error:
            reasons.append(str(error))
        else:
            return Hierarchy(2, folder, folder, folder if _gives_cpu(folder) else None)
    raise MachineError(reasons[0] if reasons else f"{second.point} does not show this process's group.")


class _Mount(NamedTuple):
    version: int
    controllers: tuple[str, ...]
    root: str  # the group that is seen at the mount point
    point: Path


def _mounts(table: Path = Path("/proc/self/mountinfo")) -> Iterator[_Mount]:
    for line in _read(table).removesuffix("\n").split("\n"):  # and at nothing else: a name may hold whatever else begins a line for Python
        place, _, kind = line.partition(" - ")
        _, _, _, root, point, *_ = place.split(" ")
        fstype, _, options = kind.split(" ", 2)
        if fstype in ("cgroup", "cgroup2"):
            yield _Mount(1 if fstype == "cgroup" else 2, tuple(options.split(",")), root, Path(point))


def _own_folders(mount: _Mount, controller: str) -> list[Path]:
    """The folder of this process's group, then those above it, up to the mount point."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, own = line.split(":", 2)
        if controller in controllers.split(","):
            # A container may see its part of the tree only, and not by its name.
            inside = Path(own).is_relative_to(mount.root) and ".." not in Path(own).parts
            folder = mount.point / Path(own).relative_to(mount.root) if inside else mount.point
            folders = [folder, *folder.parents]
            folders = folders[: folders.index(mount.point) + 1]
            return [each for each in folders if each.is_dir() and not each.name.startswith(_PREFIX)]
    return []


def _first_writable(folders: list[Path]) -> Path:
    for folder in folders:
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise MachineError(f"uid {os.geteuid()} may not make groups in {folders[0] if folders else '/sys/fs/cgroup'}.")


def _give_controllers(folder: Path) -> None:
    """Version 2: groups made in the folder get both controllers. Raises OSError or MachineError."""
    missing = set(_CONTROLLERS) - set(_read(folder / "cgroup.subtree_control").split())
    if not missing:
        return
    if absent := missing - set(_read(folder / "cgroup.controllers").split()):
        raise MachineError(f"{' and '.join(sorted(absent))} cannot be limited in {folder} (cgroup.controllers)")
    enable = " ".join(f"+{controller}" for controller in sorted(missing))
    try:
        _write(folder / "cgroup.subtree_control", enable)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        if _members(folder) != [os.getpid()]:
            cure = "start the command in a group of its own: systemd-run --user --scope -p Delegate=yes autograder …"
            raise MachineError(f"other processes share this command's group {folder}; {cure}") from error
        below = folder / f"{_PREFIX}{_signature(os.getpid())}-command"
        below.mkdir()
        _write(below / "cgroup.procs", str(os.getpid()))
        _write(folder / "cgroup.subtree_control", enable)


def _gives_cpu(folder: Path) -> bool:
    """Version 2: whether groups made in the folder divide the cores, which they are asked to where they do not yet."""
    with suppress(OSError):
        if _CPU not in _read(folder / "cgroup.subtree_control").split():
            _write(folder / "cgroup.subtree_control", f"+{_CPU}")
        return True
    return False


def _try_out(hierarchy: Hierarchy) -> None:
    """Limits and ends a real process. Raises OSError or MachineError."""
    group = Cgroup.create(hierarchy, f"probe-{time.monotonic_ns()}", memory_bytes=64 << 20, processes=8)
    try:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as waiting:
            try:
                group.add(waiting.pid)
                group.usage()
                group.kill()
            finally:
                waiting.kill()
    finally:
        group.remove()


def _signature(pid: int) -> str:
    """Names a process for good: its process namespace, its number, and when it started, since numbers are used again."""
    return f"{os.stat('/proc/self/ns/pid').st_ino}-{pid}-{_started(pid)}"


def _started(pid: int) -> str:
    """Clock ticks from the machine's start to the process's. Raises FileNotFoundError or ProcessLookupError where it is gone."""
    return _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[19]


def _in_use(folder_name: str) -> bool:
    """Whether the command that made the group is alive; true where that cannot be told, as in another process namespace."""
    namespace, pid, started, *_ = [*folder_name.removeprefix(_PREFIX).split("-"), "", "", ""]
    if namespace != str(os.stat("/proc/self/ns/pid").st_ino) or not pid.isdecimal():
        return True
    try:
        return _started(int(pid)) == started
    except (FileNotFoundError, ProcessLookupError):
        return False


def _members(folder: Path) -> list[int]:
    """The processes in a group; 0 stands for those that this process namespace does not show, and is left out."""
    return [pid for pid in map(int, _read(folder / "cgroup.procs").split()) if pid > 0]


def _removed(folder: Path) -> bool:
    """False while a killed process is still on its way out."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def _field(path: Path, key: str) -> int:
    """One number of a file of `key value` lines; 0 where the kernel is too old to have it."""
    return next((int(value) for name, value in (line.split() for line in _read(path).splitlines()) if name == key), 0)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape")  # a folder's name need not be UTF-8


def _write(path: Path, value: str) -> None:
    """One write, as the kernel's files want it; the error names the file and the value."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OSError(error.errno, f"writing {value!r}: {error.strerror}", str(path)) from error
