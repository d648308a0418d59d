"""Runs commands and says what they used: wall time, CPU of everything they started, memory of the command itself."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from accounting import Account, machine_cpu_s

RESULTS = Path(__file__).parent / "results"
_POLL_S = 0.02
_TICKS = os.sysconf("SC_CLK_TCK")
_PACKAGES = ("autograder", "tensorflow-cpu", "tensorflow", "keras", "numpy", "papermill", "nbgrader", "nbconvert", "ipykernel")


@dataclass(frozen=True)
class Measured:
    """One or several commands run side by side, from the first start to the last end.

    `cpu_s`: of the commands and all that they start; `cpu_from` says who counted it. `own_cpu_s`, `peak_mib`: of the commands'
    processes alone, the largest one's. `half_peak_mib`: that peak as it was after half of the time. `machine_cpu_s`: of
    everything on the machine meanwhile.
    """

    wall_s: float
    cpu_s: float
    cpu_from: str
    own_cpu_s: float
    peak_mib: float
    half_peak_mib: float
    machine_cpu_s: float
    statuses: tuple[int, ...]
    said: str

    @property
    def failed(self) -> bool:
        return any(self.statuses)

    def foreign_cpu_s(self) -> float:
        """CPU that something else used meanwhile: on a quiet machine next to nothing."""
        return max(0.0, self.machine_cpu_s - self.cpu_s)


class _Watched:
    """A started command. Its peak memory is read while it runs; a process that has ended no longer has one."""

    def __init__(self, command: Sequence[str], folder: Path, environment: dict[str, str], log: int, account: Account) -> None:
        self._popen = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=account.join,
        )
        self._proc = Path(f"/proc/{self._popen.pid}")
        self.peaks: list[tuple[float, float]] = []
        self.own_cpu_s = 0.0
        self.status: int | None = None

    def look(self, now: float) -> None:
        """Notes a new peak, and the end: between its end and our wait a process still tells its CPU time."""
        if self.status is not None:
            return
        with contextlib.suppress(OSError, StopIteration):
            lines = (self._proc / "status").read_text().splitlines()
            peak = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
            if not self.peaks or peak > self.peaks[-1][1]:
                self.peaks.append((now, peak))
        if os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
            self.own_cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS
            self.status = self._popen.wait()

    def kill(self) -> None:
        """Ends it with all of its group; nothing where it has ended."""
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGTERM)
            self.status = self._popen.wait()


def measure(commands: Sequence[Sequence[str]], folders: Sequence[Path], environment: dict[str, str] | None = None) -> Measured:
    """Runs the commands side by side, each in its folder. An exception here, such as an interrupt, ends them."""
    account, machine, began = Account(), machine_cpu_s(), time.perf_counter()
    with tempfile.TemporaryFile() as log:
        watched = [
            _Watched(command, folder, environment or clean_environment(), log.fileno(), account)
            for command, folder in zip(commands, folders, strict=True)
        ]
        try:
            while any(each.status is None for each in watched):
                time.sleep(_POLL_S)
                for each in watched:
                    each.look(time.perf_counter() - began)
        finally:
            for each in watched:
                each.kill()
        wall_s = time.perf_counter() - began
        cpu_s = account.close()
        log.seek(0)
        said = log.read().decode(errors="replace")
    return Measured(
        wall_s=wall_s,
        cpu_s=cpu_s,
        cpu_from=account.source,
        own_cpu_s=max(each.own_cpu_s for each in watched),
        peak_mib=max(_peak(each, wall_s) for each in watched),
        half_peak_mib=max(_peak(each, wall_s / 2) for each in watched),
        machine_cpu_s=machine_cpu_s() - machine,
        statuses=tuple(each.status or 0 for each in watched),
        said=said,
    )


def _peak(watched: _Watched, until: float) -> float:
    return max((mib for at, mib in watched.peaks if at <= until), default=0.0)


def clean_environment(binaries: Path | None = None) -> dict[str, str]:
    """The caller's variables without the autograder's and Python's; programs of `binaries` (default: this Python's) come first.

    nbgrader starts `alembic` from PATH and reads USER.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUTOGRADER_", "PYTHON", "VIRTUAL_ENV"))}
    first = binaries or Path(os.path.abspath(sys.executable)).parent
    return {"USER": "grader", "TF_CPP_MIN_LOG_LEVEL": "3", **kept, "PATH": f"{first}{os.pathsep}{kept.get('PATH', os.defpath)}"}


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def use_cores(count: int) -> None:
    """Confines this process, and all that it starts, to the first `count` of its cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def describe_machine() -> dict[str, Any]:
    """What a figure depends on: processor, memory, system, versions, date."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": cores(),
        "processor": _processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def write_result(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def rounded(value: Any, digits: int = 3) -> Any:
    """The same with all floats rounded, for results that people read."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, dict):
        return {key: rounded(each, digits) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each, digits) for each in value]
    return value
