"""A real PostgreSQL server for the tests: a temporary folder, an ordinary user, a port of the loopback, dead when the tests are."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autograder.isolation import syscalls

USER, PASSWORD = "grader", "s3cret@password"  # with a character that a URL has to write otherwise
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=30")
_ALONE = ("autovacuum=off",)  # it would hold locks, for which some tests wait no longer than 50 ms, and use the database that is copied


@dataclass(frozen=True)
class Server:
    """A running server; its user may do anything in it."""

    port: int
    process: subprocess.Popen[str]

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{USER}:{PASSWORD.replace('@', '%40')}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> Any:
        import psycopg

        return psycopg.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database, autocommit=True)

    def run(self, statement: str) -> None:
        with self.connect() as connection:
            connection.execute(statement)


def programs() -> Path:
    """Where Debian puts the newest version's programs, or where PATH finds them; without them the test is skipped."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = str(debian[-1]) if debian else shutil.which("initdb")
    if found is None:
        pytest.skip("PostgreSQL is missing: apt install postgresql")
    return Path(found).resolve().parent


@contextmanager
def running_server() -> Iterator[Server]:
    """Started, ready, and killed afterwards with everything it wrote."""
    bin_folder = programs()
    with tempfile.TemporaryDirectory(prefix="autograder-postgresql-") as name:
        folder, account = Path(name), _account()
        (folder / "password").write_text(PASSWORD)
        for path in (folder, folder / "password"):
            os.chown(path, account.get("user", -1), account.get("group", -1))
        options = ["--username", USER, "--pwfile", str(folder / "password"), "--auth", "scram-sha-256", "--no-sync", "--locale", "C"]
        made = [str(bin_folder / "initdb"), "--pgdata", str(folder / "data"), "--encoding", "UTF8", *options]
        done = subprocess.run(made, cwd=folder, capture_output=True, text=True, **account)
        assert done.returncode == 0, done.stderr
        process, port = _start(bin_folder, folder, account)
        try:
            yield Server(port, process)
        finally:
            process.send_signal(signal.SIGINT)  # "fast": sessions are ended
            process.wait()


def _account() -> dict[str, Any]:
    """As whom the server runs: it refuses root, and wants a user with a name."""
    if os.getuid() != 0:
        return {}
    names = {each.pw_name: each for each in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _start(bin_folder: Path, folder: Path, account: dict[str, Any]) -> tuple[subprocess.Popen[str], int]:
    said: list[str] = []
    for _ in range(5):  # somebody else may take the port first
        port = _free_port()
        settings = [f"unix_socket_directories={folder}", "listen_addresses=127.0.0.1", f"port={port}", "lc_messages=C", *_FAST, *_ALONE]
        command = [str(bin_folder / "postgres"), "-D", str(folder / "data"), *(word for each in settings for word in ("-c", each))]
        process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, preexec_fn=_die_with(os.getpid()), **account)
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if "ready to accept connections" in line:
                threading.Thread(target=process.stderr.read, daemon=True).start()  # or a full pipe would stop it
                return process, port
        process.wait()
    raise AssertionError("".join(said))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _die_with(parent: int) -> Callable[[], None]:
    def prepare() -> None:
        syscalls.die_with_parent()
        if os.getppid() != parent:
            os._exit(1)

    return prepare
