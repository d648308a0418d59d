"""Which level of isolation this machine offers: what probes inside the real sandbox show, not what is installed."""

from __future__ import annotations

import os
import re
import resource
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.errors import MachineError, UsageError
from autograder.isolation import cgroup, landlock, scratch
from autograder.isolation.bubblewrap import bubblewrap_version, find_bubblewrap, interpreter_paths
from autograder.isolation.channel import ChannelError, ChannelTimeout, Frame, FrameReader
from autograder.isolation.probes import PROBES, WAS_KILLED
from autograder.isolation.process import JobKilled, Process
from autograder.isolation.sandbox import Caps, Command, Sandbox
from autograder.isolation.servers import ServerKind

_DESCRIPTORS = 65_536  # a dozen for each job; the usual 1,024 are too few for a machine with many cores
_PROBE_S = 60
_END_S = 2.0
_CAPS = Caps(processes=64, disk_mib=32)
_BUBBLEWRAP = "0.8"
# From Docker's documentation, not tried here: its usual profiles refuse new namespaces and mounts, and mask parts of /proc.
_CONTAINER = "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
_REFUSED = re.compile(r"permi(tted|ssion)|namespace|uid map|gid map", re.IGNORECASE)
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

    `killed`: nothing was found out, since somebody killed the process that tries it, or the machine was too busy.
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
    """Starts a real sandbox of this level and tries to get out of it, twice if it is killed or too slow.

    Never raises for what the machine lacks.
    """
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
    except (JobKilled, _TooSlow) as nothing:
        return Examination(level, {}, nothing.message, killed=True)
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


def choose_sandbox(min_isolation: int, trust: bool, say: Callable[[str], None] = lambda text: None, background: bool = False) -> Sandbox:
    """A sandbox of the highest level that holds on this machine; `say` hears of it when that is not the best one, and why.

    What killed commands left of theirs is removed. `background`: its jobs give way to what else runs here.

    Raises UsageError when that is below `min_isolation` (at least 1) and nobody consented with `trust`; MachineError when that may only be
    since somebody killed the process that tries it, or the machine is too busy.
    """
    scratch.remove_abandoned()
    _allow_descriptors()
    needed = max(1, min_isolation)
    examined: list[Examination] = []
    for level in candidates():
        found = examine(level)
        if found.holds and (level >= needed or trust):
            _tell_of_less(level, examined, say)
            return Sandbox(level, found.results(), background)
        examined.append(found)
    unknown = [each for each in examined if each.killed and (trust or each.level >= needed)]
    if unknown:
        raise MachineError(
            f"Nothing was executed: whether isolation level {unknown[0].level} holds could not be found out. Twice, {unknown[0].obstacle}.",
            "Run the same command again; if it says the same, look whether memory runs out (dmesg) or the machine has too much to do.",
        )
    if trust:
        _tell_of_less(0, examined, say)
        return Sandbox(0, background=background)
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


def _tell_of_less(level: int, examined: list[Examination], say: Callable[[str], None]) -> None:
    """One line where better levels do not hold."""
    if examined:
        why = "; ".join(f"level {each.level}: {each.obstacle}" for each in examined)
        say(f"Isolation level {level} instead of {examined[0].level} ({why}). `autograder isolation` shows each probe.")


def _allow_descriptors() -> None:
    """As many open files as this process may allow itself; what runs in a sandbox gets a limit of its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def cures(examined: list[Examination]) -> list[str]:
    """What to install, or to ask the administrator for, so that this machine offers more; one sentence each."""
    wanted = []
    for each in examined:
        if each.level >= 2 and "not installed" in each.obstacle:
            wanted.append("Install bubblewrap (apt install bubblewrap).")
        elif each.level >= 2 and "unknown option" in each.obstacle.lower():
            wanted.append(f"Install bubblewrap {_BUBBLEWRAP} or newer; version {bubblewrap_version()} was found.")
        elif "libseccomp" in each.obstacle:
            wanted.append("Install libseccomp (apt install libseccomp2).")
        elif each.level == 2 and _REFUSED.search(each.obstacle):
            wanted.append(
                "Ask the administrator to allow user namespaces (sysctl user.max_user_namespaces; on Ubuntu an AppArmor profile; "
                f"in a container: docker run {_CONTAINER})."
            )
        elif each.level == 3 and _REFUSED.search(each.obstacle):
            wanted.append(
                "Ask the administrator for a container with CAP_SYS_ADMIN and without Docker's own profiles "
                f"(docker run --cap-add SYS_ADMIN {_CONTAINER}), or run as an ordinary user."
            )
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
        scratch.Scratch("probe") as folder,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as filed,
    ):
        secret, place = folder / "secret", folder / "socket"
        secret.write_text("canary", encoding="ascii")
        named.bind("\0" + abstract)
        filed.bind(str(place))
        for listener in (named, filed):
            listener.listen()
        for path, mode in ((folder, 0o755), (secret, 0o644), (place, 0o777)):
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
    """What was possible, by probe.

    Raises JobKilled when one of its processes was killed, _TooSlow when the answer takes too long, MachineError when there is none.
    """
    variables = tuple({"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}.items())
    process = sandbox.start(Command("autograder.isolation.probes", ServerKind((), (), variables), caps=_CAPS))
    reader = process.reader(2**20)
    try:
        process.send(asked)
        frame = _answer(reader)
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


def _answer(reader: FrameReader) -> Frame | None:
    try:
        return reader.read(time.monotonic() + _PROBE_S)
    except ChannelTimeout:
        raise _TooSlow(f"the probes took more than {_PROBE_S} s") from None


class _TooSlow(MachineError):
    """The probes did not end in time, which says nothing about what they would have found."""


def _died(process: Process) -> JobKilled | None:
    """The signal that ended it, if it was one of somebody's, and not of a filter around this machine."""
    ended = process.kill(patience_s=_END_S)
    number = -ended.exit if ended.exit < 0 else 256 - ended.exit
    if not ended.killed or number == signal.SIGSYS:
        return None
    return JobKilled(f"the process that tries it was killed by signal {number}")
