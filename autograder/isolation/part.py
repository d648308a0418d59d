"""One submission's part of a sandbox: ending it ends what runs of that submission, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from autograder.errors import MachineError
from autograder.isolation.process import Process
from autograder.isolation.sandbox import Command, Sandbox
from autograder.isolation.servers import ServerKind


class Part(Sandbox):
    """Starts jobs in the sandbox that it is a part of; has no servers of its own."""

    def __init__(self, whole: Sandbox) -> None:
        self.isolation, self.stopped = whole.isolation, whole.stopped
        self._whole = whole
        self._started: list[Process] = []
        self._starting = threading.Lock()

    def start(self, command: Command) -> Process:
        """As the whole does it. Raises MachineError after `stop`."""
        self._require_going_on()
        process = self._whole.start(command)
        with self._starting:
            self._started.append(process)
        try:
            self._require_going_on()
        except MachineError:
            process.kill()
            raise
        return process

    def _require_going_on(self) -> None:
        if self.stopped:
            raise MachineError("The submission was cancelled, or the service is ending.")

    def warm_up(self, kinds: Iterable[ServerKind]) -> None:
        self._whole.warm_up(kinds)

    def stop(self) -> None:
        """Ends every job of this part, at once and for good."""
        with self._starting:
            self.stopped = True
            started = list(self._started)
        for process in started:  # one that has ended does not mind
            process.let_go()

    def close(self) -> None:
        """Nothing: servers are the whole's, and go on."""

    def server_pids(self) -> list[int]:
        return self._whole.server_pids()
