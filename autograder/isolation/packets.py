"""What leads to a job: pipes, and packets on a socket, with the process id of their sender as the kernel vouches for it."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import ExitStack

from autograder.errors import MachineError

# One packet between command and fork server: a configuration with all its paths, or a job.
PACKET_BYTES = 128 * 1024


def open_streams() -> tuple[list[tuple[int, int]], tuple[socket.socket, socket.socket]]:
    """Three pipes (reading end, writing end) and two ends of a line of packets: all of them, or MachineError and none."""
    with ExitStack() as undo:
        pipes = []
        try:
            for _ in range(3):
                pipes.append(os.pipe())
                for descriptor in pipes[-1]:
                    undo.callback(os.close, descriptor)
            line = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise MachineError(f"A sandbox cannot be reached: {error}", "Use fewer --jobs, or allow more open files (ulimit -n).") from None
        undo.pop_all()
    return pipes, line


def expect_senders(line: socket.socket) -> socket.socket:
    """From now on `receive` can tell who sent a packet."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return line


def receive(line: socket.socket) -> tuple[str, int]:
    """(text, process id of the sender); an empty text at the end. Raises OSError."""
    data, ancillary, _, _ = line.recvmsg(4096, socket.CMSG_SPACE(struct.calcsize("3i")))
    pid = next((struct.unpack("3i", each[2])[0] for each in ancillary if each[1] == socket.SCM_CREDENTIALS), 0)
    return data.decode(errors="replace"), pid
