"""Locks on files: among threads and commands, and among machines where the file system keeps them. They end with their process."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.errors import MachineError

_POLL_S = 0.1


@contextmanager
def locked(path: Path, gives_up: Callable[[], bool], shared: bool = False) -> Iterator[None]:
    """Holds the lock of that file, which is made; `shared`: beside others who share it. Waits until it is free.

    Raises MachineError when `gives_up` says so while it waits, OSError when there can be no lock.
    """
    descriptor = _opened(path)
    try:
        while not _taken(descriptor, shared):  # by another command, perhaps for half an hour: an interrupt must not have to wait for it
            if gives_up():
                raise MachineError("The command was interrupted.")
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_at_once(path: Path) -> Iterator[None]:
    """The same, held by nobody else. Raises BlockingIOError when somebody does, OSError when there can be no lock."""
    descriptor = _opened(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Open for writing, which locks over NFS want, or as it may be: a file that may only be read can be locked too."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        if not path.is_file():
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _taken(descriptor: int, shared: bool) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
