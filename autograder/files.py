"""Files: atomic writes, bounded reads of what somebody else wrote, digests."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

PARTIAL = ".partial-"  # how the name of a scratch folder begins that is renamed when it is complete
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]  # in the names of scratch folders
_ABANDONED_S = 86_400
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def no_room(error: OSError) -> bool:
    """Whether nothing more can be written there: a full disk, a quota, a file system that may only be read."""
    return error.errno in _NO_ROOM


def write_atomic(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Writes the whole file or nothing; creates the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(partial, mode)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


@contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A folder below `parent` that is gone afterwards, if it was not renamed; one that a killed process left is removed by the next call.

    Whoever uses a folder holds a lock on it, which ends with the process. Where folders cannot be locked (NFS) nothing is removed, and
    what another machine left only after a day: file systems there are whose locks one machine does not see of another.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with _locked(parent, needed=False):  # a folder is made and locked before anybody else looks for abandoned ones
            for left in parent.glob(f"{prefix}*"):
                _remove_abandoned(left)
            folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{_HOST}-", dir=parent))
            stack.enter_context(_locked(folder, needed=False))
        try:
            yield folder
        finally:
            _remove(folder)


def remove_abandoned(folder: Path, *patterns: str) -> None:
    """Removes the scratch folders below `folder`, found by these glob patterns, that killed processes left; those in use stay."""
    with suppress(OSError):
        for left in [each for pattern in patterns for each in folder.glob(pattern)]:
            with _locked(left.parent):
                _remove_abandoned(left)


@contextmanager
def _locked(folder: Path, wait: bool = True, needed: bool = True) -> Iterator[None]:
    """Raises BlockingIOError when it is locked already and there is no waiting, OSError when a lock is needed and cannot be had."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with nullcontext() if needed else suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    try:
        with _locked(folder, wait=False):
            if _is_of_this_host(folder) or folder.stat().st_mtime < time.time() - _ABANDONED_S:
                _remove(folder)
    except OSError:  # somebody uses it, or it is no folder
        pass


def _remove(folder: Path) -> None:
    with suppress(RecursionError):  # folders in folders, a thousand deep: they stay, and stop nobody
        shutil.rmtree(folder, ignore_errors=True)


def _is_of_this_host(folder: Path) -> bool:
    found = re.search(r"-([0-9a-f]{8})-\w{8}$", folder.name)
    return found is None or found[1] == _HOST


def read_bounded(path: Path, limit: int) -> bytes:
    """Reads a file that somebody else wrote: a regular one, of at most `limit` bytes, no link followed, never blocking.

    Raises ValueError with what is wrong with the file, OSError when it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path.name} is not a regular file")
        if found.st_size > limit:
            raise ValueError(f"{path.name} has {found.st_size:,} bytes, {limit:,} are allowed")
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"{path.name} grew beyond {limit:,} bytes while it was read")
    return data


class Files(Mapping[str, bytes]):
    """Contents of files by name, each read when it is asked for: predictions of many numbers are large, and there are several."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths

    def __getitem__(self, name: str) -> bytes:
        return self._paths[name].read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def stamp(file: Path) -> tuple[int, int] | None:
    """Size and time of the last change (nanoseconds), by which a change is seen; None for what is not there, or not any more."""
    try:
        about = file.stat()
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns


def digest(*parts: Any) -> str:
    """SHA-256, first 16 hex digits, of JSON values in the order given."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest_files(folder: Path, pattern: str = "**/*") -> str:
    """Digest over the sorted relative paths and bytes of the regular files of a folder; caches and hidden files left out."""
    whole = hashlib.sha256()
    for path in sorted(folder.glob(pattern)):
        relative = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
            data = path.read_bytes()
            whole.update(f"{relative.as_posix()}\0{len(data)}\0".encode())
            whole.update(data)
    return whole.hexdigest()[:16]
