"""What this machine has: cores, memory and GPUs that this process may use."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import MachineError, UsageError

_VARIABLE = "AUTOGRADER_DEVICES"
_EXAMPLE = "id:name:MiB, separated by commas, such as '0:NVIDIA H100:81559', or 'none'"
_QUERY = ("nvidia-smi", "--query-gpu=index,uuid,mig.mode.current,memory.total,name", "--format=csv,noheader,nounits")
_QUERY_S = 60
_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Device:
    """One GPU: its CUDA id, its name, its memory."""

    id: str
    name: str
    memory_mib: int


@dataclass(frozen=True)
class Machine:
    """What there is to divide among submissions."""

    cpus: int
    memory_mib: int
    devices: tuple[Device, ...] = ()

    @classmethod
    def here(cls, with_gpus: bool = True) -> Machine:
        """This machine, within the limits of this process's control group. AUTOGRADER_DEVICES, if set, says which GPUs there are."""
        declared = os.environ.get(_VARIABLE)
        if not with_gpus:
            devices: tuple[Device, ...] = ()
        elif declared is not None:
            devices = declared_devices(declared)
        else:
            devices = _found_devices()
        return cls(_cpus(), _memory_mib(), devices)


def declared_devices(text: str) -> tuple[Device, ...]:
    """GPUs as an administrator or a test declares them: `0:NVIDIA H100:81559,1:…`, or `none`. Raises UsageError."""
    if text.strip() in ("", "none"):
        return ()
    devices = tuple(_declared(part.strip()) for part in text.split(","))
    ids = [each.id for each in devices]
    for each in ids:
        if ids.count(each) > 1:
            raise UsageError(f"{_VARIABLE}: the id '{each}' stands there twice.", f"Write {_EXAMPLE}.")
    return devices


def _declared(part: str) -> Device:
    found = re.fullmatch(r"([^:\s]+):([^:]+):(\d+)", part)
    if not found or int(found[3]) == 0:
        raise UsageError(f"{_VARIABLE}: '{part}' is no GPU.", f"Write {_EXAMPLE}.")
    return Device(found[1], found[2].strip(), int(found[3]))


def _found_devices() -> tuple[Device, ...]:
    """GPUs that NVIDIA's driver lists and this process may use. Raises MachineError when the driver does not answer."""
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_QUERY_S)
    except FileNotFoundError:
        return ()
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MachineError(f"NVIDIA's driver does not answer: {error}", f"Mend it, or say what there is: {_VARIABLE}=none.") from None
    # A failure is the program without a driver, as in containers that were given no GPU.
    return listed_devices(done.stdout, os.environ.get("CUDA_VISIBLE_DEVICES")) if done.returncode == 0 else ()


def listed_devices(listing: str, visible: str | None) -> tuple[Device, ...]:
    """The GPUs that nvidia-smi lists; with `visible`, as CUDA_VISIBLE_DEVICES has it, only those, up to the first that does not exist.

    Their ids are UUIDs, which mean the same whatever is visible. A GPU divided by MIG is left out: its parts have to be declared.
    """
    rows = [[part.strip() for part in line.split(",", 4)] for line in listing.splitlines() if line.strip()]
    if visible is not None:
        rows = _chosen(rows, [part.strip() for part in visible.split(",")])
    return tuple(Device(uuid, name, int(memory)) for _, uuid, mig, memory, name in rows if mig != "Enabled" and memory.isdigit())


def _chosen(rows: list[list[str]], visible: list[str]) -> list[list[str]]:
    """The rows whose index or beginning of the UUID is named, in that order."""
    chosen = []
    for wanted in visible:
        named = [row for row in rows if wanted and (row[0] == wanted or row[1].startswith(wanted))]
        if not named:
            break
        chosen.append(named[0])
    return chosen


def _cpus() -> int:
    cores, quota = len(os.sched_getaffinity(0)), group_limit("cpu", _GROUPS, _own_groups())
    return cores if quota is None else min(cores, max(1, int(quota)))


def _memory_mib() -> int:
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    mib, limit = int(line.split()[1]) / 1024, group_limit("memory", _GROUPS, _own_groups())
    return int(mib if limit is None else min(mib, limit / 2**20))


def _own_groups(table: Path = Path("/proc/self/cgroup")) -> dict[str, str]:
    """This process's group in each hierarchy, as a path below its mount point: by controller of version 1, and of version 2 by ''."""
    lines = os.fsdecode(table.read_bytes()).removesuffix("\n").split("\n")
    rows = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    return {controller: own.strip("/") for _, controllers, own in rows for controller in controllers.split(",")}


def group_limit(controller: str, root: Path, own: dict[str, str]) -> float | None:
    """Cores (`cpu`) or bytes (`memory`) that control groups of either version, mounted at `root`, allow the groups `own`; None without
    a limit. A container may not see its group by that name, but at the mount point.
    """
    name, first_version = {"cpu": ("cpu.max", "cpu.cfs_quota_us"), "memory": ("memory.max", "memory.limit_in_bytes")}[controller]
    files = _upwards(root, own.get("", ""), name) + _upwards(root / controller, own.get(controller, ""), first_version)
    limits = [_read_limit(file) for file in files]
    return min((limit for limit in limits if limit is not None), default=None)


def _upwards(root: Path, own: str, name: str) -> list[Path]:
    """The file of a group and those of the groups above it."""
    folder = root / own
    return [each / name for each in (folder, *folder.parents) if each.is_relative_to(root)]


def _read_limit(file: Path) -> float | None:
    """A quota of processors is microseconds of each period, of which there are 100,000 unless the file says otherwise."""
    try:
        first, *period = file.read_text().split()
    except (OSError, ValueError):
        return None
    if first in ("max", "-1"):
        return None
    return float(first) / float((period or ["100000"])[0]) if file.name.startswith("cpu") else float(first)
