"""What a job can do that it must not: tried out from inside a real sandbox. `main()` runs in a fork.

One request comes in with what lies outside; one frame goes out: for each probe what was possible, or an empty string.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.isolation import syscalls
from autograder.isolation.caller import Caller

_TIMEOUT_S = 3.0
WAS_KILLED = "the probe's process was killed"


def main() -> None:
    inherited = [number for number in range(3, 1024) if _is_open(number)]
    caller = Caller()
    asked = caller.receive(Path.cwd()) | {"inherited": inherited}
    found = {name: _apart(probe, asked) for name, probe in PROBES.items()}
    if os.fork() == 0:  # a process that hides from the job's session and holds the output open; it must not outlive the job
        os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            signal.pause()
    caller.writer.send("probed", found=found)


def _apart(probe: Callable[[dict[str, Any]], str], asked: dict[str, Any]) -> str:
    """What was possible, tried in a process of its own, so that what one probe achieves does not help or hinder the next."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            os.write(writing, _try(probe, asked).encode("utf-8", "replace")[:4_000])
            os._exit(0)
        finally:  # whatever a probe raises, its process never goes on as its parent's
            os._exit(1)
    os.close(writing)
    with open(reading, "rb") as stream:
        said = stream.read().decode("utf-8", "replace")
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return WAS_KILLED
    return said if status == 0 else f"the probe's process ended with status {status}"


def _try(probe: Callable[[dict[str, Any]], str], asked: dict[str, Any]) -> str:
    """What was possible; an error of any kind is what a probe hopes for."""
    try:
        return probe(asked)
    except (OSError, ValueError, MemoryError):
        return ""


def _reads_files(asked: dict[str, Any]) -> str:
    others = [] if os.getpid() == 1 else [f"/proc/{asked['pid']}/environ"]  # in a namespace of its own that number is another's
    for path in (*asked["secrets"], *others):
        try:
            Path(path).read_bytes()
            return f"{path} could be read"
        except OSError:
            continue
    return ""


def _lists_homes(asked: dict[str, Any]) -> str:
    if asked["home"] in ("", "/"):
        return ""  # there is no home; what lies there is judged by the other probes
    try:
        names = sorted(os.listdir(asked["home"]))
    except OSError:
        return ""
    shown = [name for name in names if not any(Path(each).is_relative_to(Path(asked["home"], name)) for each in asked["shown"])]
    return f"{asked['home']} shows {shown[0]}" if shown else ""


def _sees_environment(asked: dict[str, Any]) -> str:
    return "the command's environment variables were inherited" if asked["variable"] in os.environ else ""


def _has_descriptors(asked: dict[str, Any]) -> str:
    return f"descriptor {asked['inherited'][0]} was inherited" if asked["inherited"] else ""


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _connects(asked: dict[str, Any]) -> str:
    with socket.create_connection(("127.0.0.1", asked["port"]), timeout=_TIMEOUT_S):
        return "a server on the host's loopback could be reached"


def _connects_by_name(asked: dict[str, Any]) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + asked["abstract"])
        return "an abstract socket of the host could be reached"


def _connects_by_path(asked: dict[str, Any]) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(asked["socket"])
        return "a socket file of the host could be reached"


def _writes_outside(asked: dict[str, Any]) -> str:
    for folder in ("/", "/usr", "/dev", *asked["shown"]):
        place = Path(folder)
        try:
            target = place / ".autograder-probe" if place.is_dir() else place
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT if place.is_dir() else os.O_WRONLY)
            os.close(descriptor)
        except OSError:
            continue
        if place.is_dir():
            target.unlink(missing_ok=True)  # another command's probe makes and removes the same file
        return f"{folder} could be written"
    return ""


def _changes_modes(asked: dict[str, Any]) -> str:
    os.chmod(asked["secrets"][0], 0o644)
    return "the permissions of a file outside could be changed"


def _opens_terminal(_: dict[str, Any]) -> str:
    os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    return "the command's terminal could be opened"


def _signals(asked: dict[str, Any]) -> str:
    if os.getpid() == 1:
        return ""  # a process namespace of its own: no number in it is one of outside
    os.kill(asked["pid"], 0)
    return "the command could be signalled"


def _sees_processes(_: dict[str, Any]) -> str:
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    return f"{len(pids)} processes are visible" if len(pids) > 8 else ""


def _forks(asked: dict[str, Any]) -> str:
    children: list[int] = []
    try:
        for _ in range(asked["processes"] + 8):
            pid = os.fork()
            if pid == 0:
                signal.pause()
            children.append(pid)
    except OSError:
        return ""
    finally:
        for pid in children:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
    return f"{len(children)} processes could be started"


def _fills_disk(asked: dict[str, Any]) -> str:
    total, chunk = 0, b"\0" * 2**20
    files: list[Path] = []
    try:
        while total < asked["disk_mib"] + 16:
            files.append(Path(f"fill-{len(files)}"))
            with files[-1].open("wb") as stream:
                for _ in range(8):
                    stream.write(chunk)
                    total += 1
    except OSError:
        return ""
    finally:
        for path in files:
            path.unlink(missing_ok=True)
    return f"{total} MiB could be written"


def _makes_namespaces(_: dict[str, Any]) -> str:
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    return "a user namespace could be made"


def _mounts(_: dict[str, Any]) -> str:
    syscalls.mount("tmpfs", str(Path.cwd() / "tmp"), "tmpfs", 0)
    syscalls.umount(str(Path.cwd() / "tmp"))
    return "a file system could be mounted"


def _traces(_: dict[str, Any]) -> str:
    allowed = ctypes.CDLL(None, use_errno=True).ptrace(0, 0, 0, 0) == 0
    return "ptrace is allowed" if allowed else ""


def _gains_privileges(_: dict[str, Any]) -> str:
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    if int(fields["CapEff"], 16) or int(fields["CapPrm"], 16):
        return "it has capabilities"
    return "" if fields["NoNewPrivs"].strip() == "1" else "it may gain privileges by executing a program"


PROBES: dict[str, Callable[[dict[str, Any]], str]] = {
    "files": _reads_files,
    "home": _lists_homes,
    "environment": _sees_environment,
    "descriptors": _has_descriptors,
    "network": _connects,
    "abstract_sockets": _connects_by_name,
    "socket_files": _connects_by_path,
    "read_only": _writes_outside,
    "file_modes": _changes_modes,
    "terminal": _opens_terminal,
    "signals": _signals,
    "process_list": _sees_processes,
    "process_limit": _forks,
    "disk_limit": _fills_disk,
    "namespaces": _makes_namespaces,
    "mounts": _mounts,
    "ptrace": _traces,
    "privileges": _gains_privileges,
}
