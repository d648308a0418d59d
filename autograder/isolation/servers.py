"""The command's side of fork servers: starts them, hands jobs to them, replaces them when they die."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from autograder.errors import MachineError
from autograder.isolation.bubblewrap import WORK, bubblewrap_arguments
from autograder.isolation.enter import Job, Policy
from autograder.isolation.packets import PACKET_BYTES
from autograder.isolation.scratch import Scratch

# No user site, no working directory on the path, no bytecode; unlike -I it heeds PYTHONHASHSEED, and the environment is ours.
PYTHON = (sys.executable, "-s", "-P", "-B")
_IMPORT_S = 300
_END_S = 2.0


@dataclass(frozen=True)
class ServerKind:
    """What a server has and shows: a job may use any server of its kind. `home_files` are copied into its home."""

    preload: tuple[str, ...]
    readable: tuple[Path, ...]
    environment: tuple[tuple[str, str], ...]
    home_files: tuple[Path, ...] = ()
    gpu: bool = False


class ServerDied(Exception):
    """The server is gone, or could not be started; what it said."""


class Server:
    """One running fork server. Raises ServerDied when it cannot be started or talked to."""

    def __init__(self, kind: ServerKind, policy: Policy, bubblewrap: str | None) -> None:
        self._folder = None if bubblewrap else Scratch("server")
        home = str(self._folder.path if self._folder else WORK)
        environment = {"HOME": home, "TMPDIR": home, "MPLCONFIGDIR": f"{home}/matplotlib", **dict(kind.environment)}
        arguments: list[str] = []
        if bubblewrap:
            readable = (*kind.readable, *kind.home_files)
            arguments = bubblewrap_arguments(bubblewrap, readable, environment, policy.user_namespace, kind.gpu)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the server
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._popen: subprocess.Popen[bytes] = subprocess.Popen(
                [*arguments, *PYTHON, "-m", "autograder.isolation.server"],
                stdin=theirs.fileno(), stdout=self._errors, stderr=self._errors, cwd="/", env=environment, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise MachineError(f"A process could not be started: {error}", "Free memory or processes, then run again.") from None
        finally:
            theirs.close()
        self._sending = threading.Lock()
        self._ready = threading.Lock()
        self._problem: str | None = None
        home_files = [str(path) for path in kind.home_files]
        if policy.readable is not None:
            policy = replace(policy, readable=[*policy.readable, *(str(path) for path in kind.readable)])
        self._tell({"preload": kind.preload, "home_files": home_files, "policy": asdict(policy)})

    def problem(self) -> str:
        """Waits for the imports; why jobs must not be forked from this server, or an empty string. Raises ServerDied."""
        with self._ready:
            if self._problem is None:
                self._control.settimeout(_IMPORT_S)
                try:
                    self._problem = str(json.loads(self._control.recv(PACKET_BYTES) or b"{}")["problem"])
                    self._control.settimeout(None)
                except (OSError, KeyError):
                    raise ServerDied(self.last_words()) from None
        return self._problem

    def fork(self, job: Job, descriptors: list[int]) -> None:
        """Asks for one job with standard input, output, error and lease. Raises ServerDied."""
        self._tell(asdict(job), descriptors)

    def alive(self) -> bool:
        return self._popen.poll() is None

    def pid(self) -> int:
        return self._popen.pid

    def ask_to_end(self) -> None:
        """Lets the server end by itself, also while a thread waits for its imports."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends the server; its jobs end when their leases do, at the latest with the server's namespace."""
        self.ask_to_end()
        self._control.close()
        if self._problem is not None:  # else it still imports, and would not hear it
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout=_END_S)
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()
        self._errors.close()
        if self._folder is not None:
            self._folder.remove()

    def last_words(self) -> str:
        """The end of what the server wrote; for messages about the machine's failures."""
        said = b""
        with contextlib.suppress(ValueError):  # closed: another thread has found out before
            self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, self._errors.tell() - 2000))
            said = self._errors.read()
        return said.decode(errors="replace").strip()[-1000:] or "no message"

    def _tell(self, value: object, descriptors: list[int] | None = None) -> None:
        packet = json.dumps(value).encode()
        try:
            with self._sending:
                socket.send_fds(self._control, [packet], descriptors or [])
        except OSError:
            raise ServerDied(self.last_words()) from None
