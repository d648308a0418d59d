"""Programs that run beside each other and end together, none left behind."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from autograder.errors import MachineError

_ENDS_S = 15.0  # that a program has to end by itself
_DIES_S = 60.0  # that one which was killed has to be gone: none can refuse, but on a busy machine it waits for its turn
_LOOKS_S = 0.3


class Processes:
    """Starts programs, each with a log of its own; `end` ends them in reverse order, and whatever they started.

    Processes that this one had before are somebody else's, and left alone.
    """

    def __init__(self, logs: Path, patience_s: float = _ENDS_S) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs, self._patience_s = logs, patience_s
        self._started: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._before = set(psutil.Process().children())

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def log(self, name: str) -> Path:
        """What that program wrote."""
        return self._logs / f"{name}.log"

    def start(self, name: str, command: Sequence[str], **arguments: Any) -> subprocess.Popen[bytes]:
        """In a session of its own, so that Ctrl-C reaches only us, who end it in order."""
        with self.log(name).open("wb") as log:
            made = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **arguments
            )
        self._started.append((name, made))
        return made

    def run(self, name: str, command: Sequence[str], **arguments: Any) -> None:
        """Waits for its end. Raises MachineError, with the last lines of its log, when it fails."""
        made = self.start(name, command, **arguments)
        if made.wait():
            raise MachineError(f"`{name}` failed with status {made.returncode}:\n{self._last_lines(name)}", f"Its log is {self.log(name)}.")

    def answers(self, process: subprocess.Popen[bytes], address: str, within_s: float, ended: threading.Event) -> None:
        """Waits until something answers there, or somebody ends it all. MachineError when the program ends first or the time is over."""
        name = next(name for name, each in self._started if each is process)
        for _ in range(int(within_s / _LOOKS_S)):
            if ended.is_set() or _answers(address):
                return
            if process.poll() is not None:
                break
            ended.wait(_LOOKS_S)
        raise MachineError(f"'{name}' does not answer at {address}:\n{self._last_lines(name)}", f"Its log is {self.log(name)}.")

    def wait(self, ended: threading.Event, process: subprocess.Popen[bytes]) -> None:
        """Until `ended` is set or this program ends by itself, which is said."""
        while not ended.wait(1.0):
            if process.poll() is not None:
                name = next(name for name, each in self._started if each is process)
                raise MachineError(f"'{name}' ended by itself:\n{self._last_lines(name)}", f"Its log is {self.log(name)}.")

    def end(self) -> None:
        """Asks each to end, then what it left behind, then kills. Programs are known by id and time of start, so no other is meant."""
        family = self._family()
        for _, process in reversed(self._started):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(self._patience_s)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._started.clear()
        left = family | self._family()
        for ask, patience_s in ((psutil.Process.terminate, self._patience_s / 3), (psutil.Process.kill, _DIES_S)):
            left = {each for each in left if runs(each)}
            for each in left:
                with suppress(psutil.NoSuchProcess):
                    ask(each)
            _wait_for(left, patience_s)

    def _family(self) -> set[psutil.Process]:
        """Everything below this process, but for what was there before."""
        found = set()
        for child in psutil.Process().children():
            if child not in self._before:
                found.add(child)
                with suppress(psutil.NoSuchProcess):
                    found.update(child.children(recursive=True))
        return found

    def _last_lines(self, name: str) -> str:
        lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-15:])


def runs(process: psutil.Process) -> bool:
    """Whether it does anything yet: one that has ended may stay in the table until its parent looks."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait_for(processes: Iterable[psutil.Process], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(runs(each) for each in processes):
        time.sleep(0.05)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except OSError:  # nobody there, or a proxy without what is behind it
        return False
