"""Folders on their way between command and worker: packed, and sent in parts, so that no scheduler ever holds more than a few of these."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from autograder.errors import UsageError
from autograder.files import PARTIAL

PART_BYTES = 8 * 2**20


@contextmanager
def packed(folders: dict[str, Path], limit: int) -> Iterator[IO[bytes]]:
    """A temporary tar file of the folders, each under its name. Raises UsageError beyond `limit` bytes."""
    size = sum(path.stat().st_size for folder in folders.values() for path in folder.rglob("*") if path.is_file())
    if size > limit:
        raise UsageError(
            f"{size / 2**20:,.0f} MiB would have to be sent between command and worker, at most {limit // 2**20} MiB are.",
            "Let both see the course's folder, under the same path.",
        )
    with tempfile.TemporaryFile() as stream:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for name, folder in folders.items():
                if folder.is_dir():
                    archive.add(folder, arcname=name)
        stream.seek(0)
        yield stream


def parts(stream: IO[bytes]) -> Iterator[tuple[int, bytes, bool]]:
    """What is sent of a packed file, one after the other: where it begins, bytes, whether it is the last."""
    size = stream.seek(0, 2)
    stream.seek(0)
    while True:
        at = stream.tell()
        part = stream.read(PART_BYTES)
        yield at, part, at + len(part) >= size
        if at + len(part) >= size:
            return


def put_together(parcel: Path, at: int, part: bytes, last: bool, target: Path) -> None:
    """Adds a part to what has come of a parcel, and unpacks it into `target` when it is the last. A part may come twice."""
    parcel.parent.mkdir(parents=True, exist_ok=True)
    with parcel.open("r+b" if parcel.exists() else "wb") as stream:
        stream.seek(at)
        stream.truncate()
        stream.write(part)
    if last:
        with parcel.open("rb") as stream:
            unpack(stream, target)
        parcel.unlink()


def unpack(stream: IO[bytes], folder: Path) -> None:
    """Unpacks a tar file from another machine into a folder, and nothing beside that. What is there already stays, since somebody may
    be reading it; the names of what is sent say what is in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=PARTIAL) as made:
        partial = Path(made)
        with tarfile.open(fileobj=stream) as archive:
            archive.extractall(partial, filter="data")
        for below, names, files in os.walk(partial):
            target = folder / Path(below).relative_to(partial)
            target.mkdir(exist_ok=True)
            for name in (*names, *files):
                came = Path(below, name)
                if (came.is_symlink() or came.is_file()) and not os.path.lexists(target / name):
                    came.rename(target / name)
