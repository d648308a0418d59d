"""Addresses of clusters: what is refused, and what is said then."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.batch.network import Tls, checked_address
from autograder.errors import UsageError


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).touch()
    return Tls(*(str(tmp_path / name) for name in ("ca", "cert", "key")))


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786"])
def test_loopback_needs_no_tls(address: str) -> None:
    assert checked_address(address, Tls(), plain=False).startswith("tcp://")


@pytest.mark.parametrize(
    "address", ["10.0.0.7:8786", "tcp://grader.example.org:8786", "tcp://0.0.0.0:8786", "tcp://localhost.example.org:1"]
)
def test_a_network_without_tls_is_refused_unless_told_otherwise(address: str, tls: Tls) -> None:
    with pytest.raises(UsageError, match="without TLS"):
        checked_address(address, Tls(), plain=False)
    assert checked_address(address, Tls(), plain=True).startswith("tcp://")
    assert "://" in address or checked_address(address, tls, plain=False) == f"tls://{address}"


@pytest.mark.parametrize(
    "address", ["", "nowhere", "http://127.0.0.1:8786", "tcp://127.0.0.1", "tcp://:8786", "tcp://127.0.0.1:many", "tcp://[::1"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        checked_address(address, Tls(), plain=True)


def test_files_for_tls_and_an_address_without_it_contradict_each_other(tls: Tls) -> None:
    with pytest.raises(UsageError, match="Write tls://"):
        checked_address("tcp://127.0.0.1:8786", tls, plain=False)


def test_tls_wants_all_three_files_and_wants_them_readable(tls: Tls, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="wants TLS"):
        checked_address("tls://10.0.0.7:8786", Tls(), plain=True)
    with pytest.raises(UsageError, match="three files"):
        checked_address("tls://10.0.0.7:8786", Tls(ca=tls.ca), plain=True)
    with pytest.raises(UsageError, match="cannot be read"):
        checked_address("tls://10.0.0.7:8786", Tls(tls.ca, tls.cert, str(tmp_path / "absent")), plain=True)
