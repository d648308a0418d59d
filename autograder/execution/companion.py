"""The kernel that runs beside the worker, as Jupyter's kernel manager: already started, reached by ipc sockets, watched by a pidfd."""

from __future__ import annotations

import os
import select
import signal
import socket
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from autograder.execution.kernel import CONNECTION_FILE
from autograder.isolation import packets


class CompanionKernel(AsyncKernelManager):
    """Connects to the companion at the other end of `link`, which waits for its connection file in `work`."""

    def __init__(self, link: socket.socket, work: Path) -> None:
        super().__init__(transport="ipc", ip=str(work / "kernel"), connection_file=str(work / CONNECTION_FILE))
        self._link = link
        self.pid = 0
        self.killed = False
        self._ended: int | None = None

    async def start_kernel(self, **_: Any) -> None:  # type: ignore[override]  # as in the base, whose types are the synchronous one's
        """Tells the companion where to listen."""
        said, self.pid = packets.receive(self._link)
        if not said:
            raise RuntimeError("the kernel's process could not be started")
        self._ended = os.pidfd_open(self.pid)
        for number, name in enumerate(("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port"), 1):
            setattr(self, name, number)
        self.write_connection_file()
        self._link.send(b"go")
        self._link.close()

    @property
    def has_kernel(self) -> bool:
        return self._ended is not None

    async def is_alive(self) -> bool:  # type: ignore[override]  # as in the base, whose types are the synchronous one's
        """Whether its process runs; a pidfd becomes readable when it ends."""
        return self._ended is not None and not select.select([self._ended], [], [], 0)[0]

    _async_is_alive = is_alive  # the client asks by this name

    async def interrupt_kernel(self) -> None:  # type: ignore[override]  # as in the base, whose types are the synchronous one's
        self._signal(signal.SIGINT)

    async def shutdown_kernel(self, **_: Any) -> None:  # type: ignore[override]  # as in the base, whose types are the synchronous one's
        """Kills it, and everything that it started with it. `killed` says whether something else had killed it before."""
        if self._ended is not None:
            self.killed = not await self.is_alive() and _child_was_killed()
            self._signal(signal.SIGKILL)
            select.select([self._ended], [], [])
            os.close(self._ended)
            self._ended = None

    def _signal(self, number: int) -> None:
        if self._ended is not None:
            try:
                signal.pidfd_send_signal(self._ended, number)
            except ProcessLookupError:
                return


def _child_was_killed() -> bool:
    """Whether SIGKILL ended the only child of this process: the kernel, or the first process of its namespace, which ends as it did."""
    ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)  # the child stays to be waited for: so its time is counted
    if ended is None:
        return False
    by_signal = ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
    return ended.si_status == (signal.SIGKILL if by_signal else 256 - signal.SIGKILL)
