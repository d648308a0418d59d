"""How every connection to the gradebook behaves: it waits for others, but not for ever, and SQLite lets others read meanwhile.

nbgrader makes its engines itself, in many places, and leaves all of this to the driver.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_LOCK_S = 30  # for who holds a lock: formgrader needs well under a second, a class of hundreds at most a few
_CONNECT_S = 10

# Where the memory that SQLite's write-ahead log shares among processes is really shared. On a network it is not, and what is not
# listed is taken for one.
_LOCAL = ("apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "hfs", "jfs", "overlay", "tmpfs", "ufs", "xfs", "zfs")


_at_it: list[None] = []  # one for each that is in `patient_connections`: SQLAlchemy knows a listener once, however often it is added
_changing = threading.Lock()


@contextmanager
def patient_connections() -> Iterator[None]:
    """Connections that SQLAlchemy opens meanwhile wait for locks, half a minute at most. What the URL says goes first.

    Safe to use from several threads, and within itself.
    """
    from sqlalchemy import Engine, event

    with _changing:
        if not _at_it:
            event.listen(Engine, "do_connect", _connect)
        _at_it.append(None)
    try:
        yield
    finally:
        with _changing:
            _at_it.pop()
            if not _at_it:
                event.remove(Engine, "do_connect", _connect)


def _connect(dialect: Any, _: Any, arguments: Any, options: dict[str, Any]) -> Any:
    if dialect.name == "sqlite":
        options.setdefault("timeout", _LOCK_S)
        connection = dialect.connect(*arguments, **options)
        _choose_journal(connection)
        return connection
    if dialect.name == "postgresql":
        if dialect.driver.startswith("psycopg"):
            options.setdefault("connect_timeout", _CONNECT_S)
        connection = dialect.connect(*arguments, **options)
        _limit_waiting(connection)
        return connection
    return None  # SQLAlchemy connects as it would have


def _limit_waiting(connection: Any) -> None:
    """Set unless the URL, the role or the database says otherwise; PostgreSQL's own default is to wait for ever."""
    cursor = connection.cursor()
    limit = f"{_LOCK_S}s"
    cursor.execute(f"SELECT set_config('lock_timeout', '{limit}', false) WHERE current_setting('lock_timeout') = '0'")
    cursor.close()
    connection.commit()  # a setting lasts only when its transaction does


def _choose_journal(connection: sqlite3.Connection) -> None:
    """A write-ahead log on a local disk, so that formgrader can read while grades are written; a rollback journal on any other."""
    file = connection.execute("PRAGMA database_list").fetchone()[2]
    if not file:
        return  # in memory
    wanted = "wal" if file_system_of(Path(file)) in _LOCAL else "delete"
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == wanted:
        return
    (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 0")
    with suppress(sqlite3.OperationalError):  # somebody uses it, or it is read-only: the journal that it has works too
        connection.execute(f"PRAGMA journal_mode = {wanted}")
    connection.execute(f"PRAGMA busy_timeout = {patience}")


def file_system_of(file: Path) -> str:
    """'ext4', 'nfs4', …: the type of the file system that a file lies on; nothing when that is not known."""
    import psutil

    real = Path(os.path.realpath(file))
    mounts = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)}  # of two on one place, the last is seen
    return next((mounts[folder].lower() for folder in (real, *real.parents) if folder in mounts), "")
