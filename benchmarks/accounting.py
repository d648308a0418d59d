"""CPU time of a command and of everything that it starts, sandboxes included.

A parent is not told the CPU time of children that were killed with their process namespace, so the kernel's own account is
used: a control group (version 1 with cpuacct, or version 2) where one may be made, else the counters of the whole machine,
which are right only while nothing else runs.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_ORPHANS_S = 30
_numbers = itertools.count()


class Account:
    """What is started with `join` as its first act in the child is counted. Make a new one for each measurement."""

    def __init__(self) -> None:
        self._group = _make_group()
        self._machine = machine_cpu_s()

    @property
    def source(self) -> str:
        return "control group" if self._group else "whole machine"

    def join(self) -> None:
        """To be called in a child between fork and exec."""
        if self._group:
            (self._group / "cgroup.procs").write_text("0", encoding="ascii")

    def close(self) -> float:
        """CPU seconds, once everything has ended (half a minute is waited for that)."""
        if not self._group:
            return machine_cpu_s() - self._machine
        deadline = time.monotonic() + _ORPHANS_S
        while _populated(self._group) and time.monotonic() < deadline:
            time.sleep(0.01)
        used = _used_s(self._group)
        for folder in sorted((path for path in self._group.rglob("*") if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            self._group.rmdir()
        return used


def machine_cpu_s() -> float:
    """User, nice, system and interrupts, of all processes on all cores."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:7])) / _TICKS


def _make_group() -> Path | None:
    """A group beneath our own, whose processes can be counted; None where there is none or we may not."""
    for parent in _own_groups():
        group = parent / f"bench-{os.getpid()}-{next(_numbers)}"
        try:
            group.mkdir()
            _used_s(group)
            return group
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
    return None


def _own_groups() -> list[Path]:
    """Folders of the groups that this process is in: version 1's for cpuacct, version 2's."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    points = {"cpuacct": next((each[1] for each in mounts if each[2] == "cgroup" and "cpuacct" in each[3].split(",")), None)}
    points[""] = next((each[1] for each in mounts if each[2] == "cgroup2"), None)
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, own = line.split(":", 2)
        for controller, point in points.items():
            if point and controller in controllers.split(","):
                found.append(Path(point) / own.lstrip("/"))
    return found


def _used_s(group: Path) -> float:
    first = group / "cpuacct.usage"
    if first.exists():
        return int(first.read_text()) / 1e9
    lines = (group / "cpu.stat").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("usage_usec"))) / 1e6


def _populated(group: Path) -> bool:
    return any(path.read_text().strip() for path in group.rglob("cgroup.procs"))
