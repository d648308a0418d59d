"""Which level of isolation this machine offers: what probes inside the real sandbox show, not what is installed."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import MachineError, UsageError
from autograder.isolation import cgroup, landlock
from autograder.isolation.bubblewrap import find_bubblewrap, interpreter_paths
from autograder.isolation.channel import ChannelError, ChannelTimeout
from autograder.isolation.probes import PROBES, WAS_KILLED
from autograder.isolation.sandbox import Caps, Command, JobKilled, Process, Sandbox, short_folder
from autograder.isolation.servers import ServerKind

_PROBE_S = 60
_END_S = 2.0
_CAPS = Caps(processes=64, disk_mib=32)
_SURVIVES, _MEMORY = "outlives", "memory_in_all"
# What a level leaves open by its nature; every other probe has to hold.
_OPEN = {
    3: frozenset({_MEMORY}),
    2: frozenset({_MEMORY}),
    1: frozenset({_MEMORY, "socket_files", "file_modes", "process_list", "process_limit", "disk_limit"}),
}
_MEANINGS = {
    3: "root: bubblewrap, a user of its own for each run, seccomp, a control group where there is one",
    2: "bubblewrap with a user namespace, seccomp, limits for each process",
    1: "Landlock, seccomp, limits for each process; no limit for disk space or the number of processes, processes can be seen, "
    "local services reached, permissions of this account's files changed",
    0: "nothing: submissions can do whatever this account can",
}


@dataclass(frozen=True)
class Examination:
    """What was found at one level: for each probe what was possible (or nothing), and why the level cannot be used, if so.

    `killed`: nothing was found out, since somebody killed the process that tries it.
    """

    level: int
    probes: dict[str, str]
    obstacle: str
    killed: bool = False

    @property
    def meaning(self) -> str:
        return _MEANINGS[self.level]

    @property
    def holds(self) -> bool:
        return not self.obstacle

    def results(self) -> dict[str, str]:
        """Each probe as records keep it: 'held', or 'open: ' and what was possible."""
        return {name: f"open: {found}" if found else "held" for name, found in self.probes.items()}


def candidates() -> list[int]:
    """Levels that this account could reach, best first."""
    return [3 if os.geteuid() == 0 else 2, 1]


def examine(level: int) -> Examination:
    """Starts a real sandbox of this level and tries to get out of it, twice if it is killed. Never raises for what the machine lacks."""
    found = _examined(level)
    return _examined(level) if found.killed else found


def _examined(level: int) -> Examination:
    if level >= 2 and find_bubblewrap() is None:
        return Examination(level, {}, "bubblewrap is not installed")
    if level == 1 and not landlock.abi():
        return Examination(level, {}, "the kernel has no Landlock")
    try:
        with Sandbox(level) as sandbox, _outside() as asked:
            probes = _probe(sandbox, asked)
    except JobKilled as killed:
        return Examination(level, {}, killed.message, killed=True)
    except MachineError as error:
        return Examination(level, {}, error.message)
    except OSError as error:
        return Examination(level, {}, f"it could not be tried: {error}")
    probes[_MEMORY] = _memory_in_all(level)
    failed = [f"{name}: {found}" for name, found in probes.items() if found and name not in _OPEN[level]]
    return Examination(level, probes, "; ".join(failed))


def _memory_in_all(level: int) -> str:
    """Why memory is limited for each process alone, or nothing."""
    return cgroup.find()[1] if level == 3 else "each process has a limit of its own"


def choose_sandbox(min_isolation: int, trust: bool) -> Sandbox:
    """A sandbox of the highest level that holds on this machine.

    Raises UsageError when that is below `min_isolation` (at least 1) and nobody consented with `trust`; MachineError when that may only be
    since somebody killed the process that tries it.
    """
    needed = max(1, min_isolation)
    examined = []
    for level in candidates():
        found = examine(level)
        if found.holds and (level >= needed or trust):
            return Sandbox(level, found.results())
        examined.append(found)
    if trust:
        return Sandbox(0)
    killed = [each for each in examined if each.killed and each.level >= needed]
    if killed:
        raise MachineError(
            f"Nothing was executed: whether isolation level {killed[0].level} holds could not be found out. Twice, {killed[0].obstacle}.",
            "Run the same command again; if it says the same, look whether memory runs out (dmesg).",
        )
    offered = next((each.level for each in examined if each.holds), 0)
    why = "; ".join(f"level {each.level}: {each.obstacle}" for each in examined if each.level >= needed and each.obstacle)
    advice = [*cures(examined)[:1], "`autograder isolation` shows each probe."]
    advice.append(
        "If you trust every one of these submissions with your account, your files and the hidden labels, add --trust-submissions."
    )
    raise UsageError(
        f"Nothing was executed: isolation level {needed} is required, this machine offers level {offered}{f' ({why})' if why else ''}.",
        " ".join(advice),
    )


def cures(examined: list[Examination]) -> list[str]:
    """What to install, or to ask the administrator for, so that this machine offers more; one sentence each."""
    wanted = []
    for each in examined:
        if each.level >= 2 and "not installed" in each.obstacle:
            wanted.append("Install bubblewrap (apt install bubblewrap).")
        elif "libseccomp" in each.obstacle:
            wanted.append("Install libseccomp (apt install libseccomp2).")
        elif each.level == 2 and each.obstacle:
            wanted.append(
                "Ask the administrator to allow user namespaces (sysctl user.max_user_namespaces; on Ubuntu an AppArmor profile)."
            )
        elif each.level == 3 and each.obstacle:
            wanted.append("Ask the administrator for a container with CAP_SYS_ADMIN, or run as an ordinary user.")
        elif each.level == 1 and "Landlock" in each.obstacle:
            wanted.append("Ask for a kernel with Landlock (Linux 6.12 or newer, lsm=landlock).")
    if any(each.level == 3 and each.holds for each in examined) and (reason := cgroup.find()[1]):
        wanted.append(f"For a limit of memory in total, ask for control groups that this account may make ({reason}).")
    return wanted


def _home() -> str:
    try:
        return str(Path.home())
    except RuntimeError:  # an account without an entry
        return ""


@contextmanager
def _outside() -> Iterator[dict[str, Any]]:
    """Things on the host that a job must not reach, and where they are."""
    variable, abstract = "AUTOGRADER_PROBE_CANARY", f"autograder-{secrets.token_hex(8)}"
    with (
        tempfile.TemporaryDirectory(prefix="autograder-probe-", dir=short_folder()) as folder,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as filed,
    ):
        secret, place = Path(folder, "secret"), Path(folder, "socket")
        secret.write_text("canary", encoding="ascii")
        named.bind("\0" + abstract)
        filed.bind(str(place))
        for listener in (named, filed):
            listener.listen()
        for path, mode in ((Path(folder), 0o755), (secret, 0o644), (place, 0o777)):
            path.chmod(mode)  # readable for every account: only the sandbox is in the way
        os.environ[variable] = "canary"
        try:
            yield {
                "secrets": [str(secret), f"/proc/{os.getpid()}/root{secret}"],
                "home": _home(),
                "shown": [str(path) for path in interpreter_paths()],
                "variable": variable,
                "port": server.getsockname()[1],
                "abstract": abstract,
                "socket": str(place),
                "pid": os.getpid(),
                "processes": _CAPS.processes,
                "disk_mib": _CAPS.disk_mib,
            }
        finally:
            del os.environ[variable]


def _probe(sandbox: Sandbox, asked: dict[str, Any]) -> dict[str, str]:
    """What was possible, by probe. Raises JobKilled when one of its processes was killed, MachineError when there is no answer."""
    variables = tuple({"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}.items())
    process = sandbox.start(Command("autograder.isolation.probes", ServerKind((), (), variables), caps=_CAPS))
    reader = process.reader(2**20)
    try:
        process.send(asked)
        frame = reader.read(time.monotonic() + _PROBE_S)
        if frame is None or frame.kind != "probed":
            raise _died(process) or MachineError(f"the probes ended without a result: {process.last_words() or 'no message'}")
        found = frame.fields["found"]
        process.let_go()
        probes = {name: str(found.get(name, "no result")) for name in PROBES}
        if WAS_KILLED in probes.values():
            raise JobKilled("one of the processes that try it was killed")
        return probes | {_SURVIVES: "" if reader.read(time.monotonic() + _PROBE_S) is None else "it went on after its end"}
    except ChannelTimeout:
        return {_SURVIVES: "a process outlived the sandbox"}
    except (ChannelError, OSError) as error:
        raise _died(process) or MachineError(f"the probes could not be asked: {error}") from None
    finally:
        reader.close()
        process.kill()


def _died(process: Process) -> JobKilled | None:
    """The signal that ended it, if it was one."""
    ended = process.kill(patience_s=_END_S)
    if not ended.killed:
        return None
    number = -ended.exit if ended.exit < 0 else 256 - ended.exit
    return JobKilled(f"the process that tries it was killed by signal {number}")
