"""Whom a cluster listens to: addresses, and the files for encrypted connections."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from autograder.errors import UsageError


@dataclass(frozen=True)
class Tls:
    """Files for encrypted and mutually authenticated connections; all three or none."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    @property
    def complete(self) -> bool:
        """Raises UsageError when some of the files are named and others are not, or one cannot be read."""
        named = [each for each in (self.ca, self.cert, self.key) if each]
        if len(named) not in (0, 3):
            raise UsageError("TLS needs three files.", "Name --tls-ca, --tls-cert and --tls-key.")
        for each in named:
            try:
                with open(each, "rb"):
                    pass
            except OSError as error:
                raise UsageError(f"The TLS file '{each}' cannot be read: {error.strerror}.", "See docs/scale.md.") from None
        return bool(named)


def checked_address(address: str, tls: Tls, plain: bool) -> str:
    """The scheduler's address with its protocol. Raises UsageError for one that is none, and for an open network without TLS.

    Whoever reaches a scheduler without TLS can run anything on its workers.
    """
    protocol = "tls" if tls.complete else "tcp"
    whole = address if "://" in address else f"{protocol}://{address}"
    try:
        parts = urlsplit(whole)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.scheme not in ("tcp", "tls"):
        raise UsageError(
            f"'{address}' is no address of a Dask scheduler.", "Write tls://HOST:PORT, or on this machine tcp://127.0.0.1:PORT."
        )
    if parts.scheme == "tls" and not tls.complete:
        raise UsageError(f"'{address}' wants TLS.", "Name --tls-ca, --tls-cert and --tls-key.")
    if parts.scheme == "tcp" and tls.complete:
        raise UsageError(f"'{address}' goes without TLS, and there are files for it.", "Write tls://, or leave the three files out.")
    if parts.scheme == "tcp" and not plain and not is_loopback(host):
        raise UsageError(
            f"'{address}' is on a network, and without TLS everybody there could run anything as you.",
            "Use tls:// (docs/scale.md says how), or say --plain-network for a network that nobody else can reach.",
        )
    return whole


def host_of(address: str) -> str:
    """The host in a whole address, without brackets."""
    return urlsplit(address).hostname or ""


def is_loopback(host: str) -> bool:
    """Whether nobody outside this machine can be meant."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
