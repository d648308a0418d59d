"""Ports for servers that the tests start as programs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port of the loopback that the system gives to nobody until the block ends, while a server may listen there that names it.

    Closing it before the server asks would let anybody else have it meanwhile. Servers set SO_REUSEADDR, as Jupyter's and tornado's do.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])
