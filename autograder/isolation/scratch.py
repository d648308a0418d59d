"""Temporary folders of sandboxes: each is locked by the command that uses it, so that the next one removes what a killed one left."""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Literal

Kind = Literal["job", "probe", "server"]

# With a point: nobody holds the folders that earlier versions, which may still run, named with a dash.
_PREFIXES = {"job": "autograder.job-", "probe": "autograder.probe-", "server": "autograder.server-"}
_NEW_S = 60  # a folder younger than this may not have been locked yet by who has made it
_REMOVE_S = 60  # who still writes into a folder, its guard killed, would keep the command for ever
_OWNER = 0o700


class Scratch:
    """A folder for this account alone, until `remove()` or the end of this process.

    The lock is this process' own: whatever it executes does not inherit the descriptor, so neither a server nor a job keeps it longer.
    """

    def __init__(self, kind: Kind) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIXES[kind], dir=short_folder()))
        lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with suppress(OSError):  # where folders cannot be locked none of them is taken for abandoned
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.remove = weakref.finalize(self, _give_back, self.path, lock)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()


def short_folder() -> str | None:
    """Where temporary folders with sockets go: a socket's path has at most 107 bytes, and TMPDIR alone may be longer."""
    return "/tmp" if os.access("/tmp", os.W_OK | os.X_OK) else None


def remove_abandoned() -> None:
    """Removes what killed commands of this account left; what is in use stays. Never raises."""
    place = Path(short_folder() or tempfile.gettempdir())
    with suppress(OSError):
        for name in os.listdir(place):
            if name.startswith(tuple(_PREFIXES.values())):
                _remove_if_abandoned(place / name)


def _remove_if_abandoned(folder: Path) -> None:
    with suppress(OSError):  # it is in use, or gone, or no folder
        found = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(found)
            if status.st_uid != os.geteuid() or status.st_ctime > time.time() - _NEW_S:
                return
            lock = _readable(found)
        finally:
            os.close(found)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(folder)
        finally:
            os.close(lock)


def _give_back(folder: Path, lock: int) -> None:
    """Removed first: until then it is not abandoned."""
    _remove(folder)
    os.close(lock)


def _remove(folder: Path) -> None:
    """Removes what a job left, however deep and with whatever permissions: folders in folders are moved up first. Follows no link.

    What cannot be removed within a minute is left for the next command.
    """
    ends = time.monotonic() + _REMOVE_S
    with suppress(OSError):
        top = _opened(str(folder), None)
        if top is None:
            return
        try:
            while names := os.listdir(top):
                for name in names:
                    if time.monotonic() > ends:
                        return
                    _take_out(name, top)
        finally:
            os.close(top)
        os.rmdir(folder)


def _take_out(name: str, top: int) -> None:
    """Removes an entry of `top`; folders in it become entries of `top`."""
    folder = _opened(name, top)
    if folder is None:
        os.unlink(name, dir_fd=top)
        return
    try:
        for inner in os.listdir(folder):
            below = _opened(inner, folder)  # moving a folder needs permission to write it
            if below is None:
                os.unlink(inner, dir_fd=folder)
            else:
                os.close(below)
                os.rename(inner, secrets.token_hex(16), src_dir_fd=folder, dst_dir_fd=top)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=top)


def _opened(name: str, parent: int | None) -> int | None:
    """A folder, with all permissions for its owner; None for whatever is none, links included."""
    try:
        found = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except NotADirectoryError:
        return None
    try:
        return _readable(found)
    finally:
        os.close(found)


def _readable(folder: int) -> int:
    """The same folder, which may have been opened without permission to read it."""
    if os.fstat(folder).st_mode & _OWNER != _OWNER:
        os.chmod(f"/proc/self/fd/{folder}", _OWNER)
    return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
