"""The fork servers of one sandbox: which of them a job gets, and when each of them ends."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from autograder.errors import MachineError
from autograder.isolation.enter import Policy
from autograder.isolation.servers import Server, ServerDied, ServerKind

INTERRUPTED = "The command was interrupted."


class Pool:
    """A warm server for each kind, and servers for one job alone; safe to use from several threads."""

    def __init__(self, policy: Policy, bubblewrap: str | None) -> None:
        self._policy, self._bubblewrap = policy, bubblewrap
        self._servers: dict[ServerKind, Server] = {}
        self._retired: set[Server] = set()
        self._lock = threading.Lock()
        # Bubblewrap ends with the thread that started it, which must not be one that ends before its jobs do.
        self._starter = ThreadPoolExecutor(1, "sandbox-servers")
        self._stopped = False

    def server_for(self, kind: ServerKind, cold: str) -> tuple[Server, str]:
        """The warm server of the kind, or one for one job alone that has imported nothing; and which, with the reason.

        `cold`: why it must not be the warm one, or empty. Raises ServerDied or MachineError.
        """
        problem = cold
        if not problem:
            server = self._warm(kind)
            try:
                problem = server.problem()
            except ServerDied:
                self.retire(server)
                raise
            if not problem:
                return server, "warm"
        alone = self._start(replace(kind, preload=()))
        with self._lock:
            self._retired.add(alone)  # it ends with its job, and at the latest with the sandbox
        try:
            alone.problem()
        except BaseException:
            self.retire(alone, at_once=True)
            raise
        return alone, f"cold: {problem}"

    def warm_up(self, kinds: Iterable[ServerKind]) -> None:
        """Starts servers ahead of their first job, so that their imports run side by side."""
        for kind in kinds:
            with contextlib.suppress(MachineError, ServerDied):
                self._warm(kind)

    def retire(self, server: Server, at_once: bool = False) -> None:
        """The next job gets another server. This one ends now, or with the sandbox: other jobs of it may still run."""
        with self._lock:
            for kind in [kind for kind, known in self._servers.items() if known is server]:
                del self._servers[kind]
            self._retired.discard(server)
            if not at_once:
                self._retired.add(server)
        if at_once:
            server.close()

    def stop(self) -> None:
        """Starts no server any more."""
        self._stopped = True

    def close(self) -> None:
        """Ends all servers."""
        with self._lock:
            servers = {*self._servers.values(), *self._retired}
            self._servers, self._retired = {}, set()
        for server in servers:
            server.ask_to_end()
        for server in servers:
            server.close()

    def pids(self) -> list[int]:
        """Process ids of the warm servers."""
        with self._lock:
            return [server.pid() for server in self._servers.values()]

    def _warm(self, kind: ServerKind) -> Server:
        with self._lock:
            server = self._servers.get(kind)
            if server is not None and server.alive():
                return server
            if server is not None:
                server.close()
            self._servers[kind] = self._start(kind)
            return self._servers[kind]

    def _start(self, kind: ServerKind) -> Server:
        if self._stopped:
            raise MachineError(INTERRUPTED)
        return self._starter.submit(Server, kind, self._policy, self._bubblewrap).result()
