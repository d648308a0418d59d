"""Packets on a socket, with the process id of their sender as the kernel vouches for it and the receiver sees it."""

from __future__ import annotations

import socket
import struct

# One packet between command and fork server: a configuration with all its paths, or a job.
PACKET_BYTES = 128 * 1024


def expect_senders(line: socket.socket) -> socket.socket:
    """From now on `receive` can tell who sent a packet."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return line


def receive(line: socket.socket) -> tuple[str, int]:
    """(text, process id of the sender); an empty text at the end. Raises OSError."""
    data, ancillary, _, _ = line.recvmsg(4096, socket.CMSG_SPACE(struct.calcsize("3i")))
    pid = next((struct.unpack("3i", each[2])[0] for each in ancillary if each[1] == socket.SCM_CREDENTIALS), 0)
    return data.decode(errors="replace"), pid
