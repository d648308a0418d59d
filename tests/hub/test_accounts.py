"""Two demos on one machine: neither takes the other's accounts, folder or ports."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autograder.errors import UsageError
from autograder.hub import accounts, demo_plan
from autograder.hub.accounts import free_names

# Goes on as another program, as the demo does between its halves.
_DEMO = """
import os, sys
from autograder.hub.accounts import free_names
print(*free_names(sys.argv[1:]), flush=True)
os.execv(sys.executable, [sys.executable, "-c", "input()"])
"""


@contextmanager
def demo(*names: str) -> Iterator[tuple[str, ...]]:
    """The names that a demo has, which runs until the block ends."""
    command = [sys.executable, "-c", _DEMO, *names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        yield tuple(process.stdout.readline().split())
        process.stdin.write("\n")
    assert process.returncode == 0


def test_each_demo_has_accounts_of_its_own_while_it_runs() -> None:
    with demo("nobodys-a", "nobodys-b") as first:
        with demo("nobodys-a", "nobodys-b") as second:
            assert len({*first, *second}) == 4
            assert first[0].replace("-a", "-b") == first[1]
        with demo("nobodys-a", "nobodys-b") as third:
            assert not {*third} & {*first}


def test_an_account_of_somebody_else_is_never_taken() -> None:
    with demo("root") as names:
        assert names != ("root",)
        assert names[0].startswith("root-")


def test_where_all_are_taken_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_hold", lambda number: False)
    with pytest.raises(UsageError, match="'ana-demo' to 'ana-demo-20' are in use"):
        free_names(("ana-demo",))


def test_the_folder_of_a_demo_that_runs_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "hub_demo"
    folder.mkdir()
    (folder / "course").mkdir()
    with (folder / ".hub-demo").open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="A demo runs in"):
            demo_plan.prepare(folder, 0, "first_dense_network", tmp_path, True)
    assert (folder / "course").is_dir()


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UsageError, match="was not made by this demo"):
        demo_plan.prepare(tmp_path, 0, "first_dense_network", tmp_path, True)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_ports_of_a_demo_are_kept_for_its_programs() -> None:
    """From before anything is released until the programs start a minute may pass, in which others ask for ports."""
    for port in demo_plan.free_ports(0):
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()


def test_a_port_that_somebody_has_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} cannot be used: Address already in use"):
            demo_plan.free_ports(port)
