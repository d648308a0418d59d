"""Unpacks a download of submissions, a zip or tar file with `<student>/<assignment>/…` in it, safely and within limits.

Nothing is extracted by a library: entries are read as streams of bytes and written by us as plain files, under names that were
checked. What is no plain file, or not named like one, is refused and said; the rest is unpacked.
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import tarfile
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from autograder.errors import UsageError
from autograder.files import scratch_folder
from autograder.intake.archive_entries import Ended, Limited, Refused, TarInfo, odd_in_tar, odd_in_zip, parts_of

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    gzip.BadGzipFile,
    tarfile.TarError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
_FREE_BYTES = 1 << 28  # of the disk, which unpacking leaves


@dataclass(frozen=True)
class ArchiveLimits:
    """What is unpacked at most: entries and bytes in all, and of one submission; bytes out for each byte in; lines about one submission."""

    entries: int = 500_000
    total_bytes: int = 32 * 2**30
    submission_entries: int = 1_000
    submission_bytes: int = 240 * 2**20
    ratio: int = 200
    free_ratio_bytes: int = 64 * 2**20  # so much may come of anything: a small file of zeros is no attack
    lines: int = 3


@dataclass(frozen=True)
class Unpacked:
    """Where the submissions lie, and a line for each entry (or group of entries) that was refused."""

    folder: Path
    refused: tuple[str, ...]


@dataclass(frozen=True)
class _Entry:
    """One entry as its archive describes it: nothing of it is believed. `odd` says why it is no plain file."""

    name: str
    size: int
    folder: bool
    odd: str = ""


@dataclass(frozen=True)
class Place:
    """Whose submission an entry belongs to, in words for people, and the folder that this submission has in the archive."""

    whose: str
    folder: str


Layout = Callable[[list[str]], Place | None]  # from the components of an entry's name; None for what is no submission's


@contextmanager
def unpacked(archive: Path, assignment: str, state: Path, limits: ArchiveLimits | None = None) -> Iterator[Unpacked]:
    """The submissions of one assignment in an archive, in a folder below `state` that is gone afterwards.

    Raises UsageError when the file is no archive that can be opened.
    """
    stranger = f"belong to no submission of '{assignment}'"
    with unpacked_as(archive, partial(_nbgrader_layout, assignment), stranger, state, limits) as found:
        yield Unpacked(_root(found.folder, assignment), found.refused)


@contextmanager
def unpacked_as(archive: Path, layout: Layout, stranger: str, state: Path, limits: ArchiveLimits | None = None) -> Iterator[Unpacked]:
    """The submissions in an archive of another layout, under the names that they have there. `stranger`: what is said of other entries.

    Raises UsageError when the file is no archive that can be opened.
    """
    with scratch_folder(state, "unpacked-") as folder:
        unpacker = _Unpacker(folder, layout, stranger, limits or ArchiveLimits(), archive.stat().st_size)
        unpacker.unpack(archive)
        yield Unpacked(folder, tuple(unpacker.lines()))


def _root(folder: Path, assignment: str) -> Path:
    """The folder with the students in it: the archive itself, or the only folder at its top."""
    inside = [path for path in folder.iterdir() if path.is_dir()]
    if len(inside) == 1 and not (inside[0] / assignment).is_dir() and any(inside[0].glob(f"*/{assignment}")):
        return inside[0]
    return folder


@dataclass
class _Unpacker:
    """Goes once through an archive, writes what is in order and remembers what was refused."""

    folder: Path
    layout: Layout
    stranger: str
    limits: ArchiveLimits
    archive_bytes: int
    entries: int = 0
    written: int = 0
    elsewhere: int = 0
    seen: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    refused: dict[str, list[str]] = field(default_factory=dict)
    ended: str = ""

    def unpack(self, archive: Path) -> None:
        """Raises UsageError when not even the first entry can be read."""
        try:
            with archive.open("rb") as stream:
                head = stream.read(2)
                is_zip = zipfile.is_zipfile(stream)
                stream.seek(0)
                if is_zip:
                    self._zip(stream)
                else:
                    self._tar(stream, head == _GZIP)
        except (Ended, *_DAMAGED) as error:
            if not self.entries:
                cure = "Download it again, or unpack it yourself and name the folder."
                raise UsageError(f"'{archive}' is no zip or tar file that can be read: {error}", cure) from None
            self.ended = f"The rest of the archive is left out: {error}."
        except OSError as error:
            raise UsageError(f"'{archive}' cannot be unpacked: {error}", "Is it readable, and is there space on the disk?") from None

    def lines(self) -> Iterator[str]:
        """What was refused, for people: a few lines for each submission, then how many more."""
        for whose, said in self.refused.items():
            yield from said[: self.limits.lines]
            if len(said) > self.limits.lines:
                yield f"{len(said) - self.limits.lines:,} more entries{f' of {whose!a}' if whose else ''} are left out."
        if self.elsewhere:
            yield f"{self.elsewhere:,} entries {self.stranger} and are left out."
        if self.ended:
            yield self.ended

    # --- the two kinds of archives ---

    def _zip(self, stream: IO[bytes]) -> None:
        with zipfile.ZipFile(stream) as archive:
            for info in archive.infolist():
                entry = _Entry(info.filename, info.file_size, info.is_dir(), odd_in_zip(info))
                self._take(entry, lambda info=info: archive.open(info))

    def _tar(self, stream: IO[bytes], packed: bool) -> None:
        raw: Any = gzip.GzipFile(fileobj=stream) if packed else stream
        limited = Limited(raw, self._allowed())
        with tarfile.open(fileobj=limited, mode="r|", tarinfo=TarInfo) as archive:  # type: ignore[call-overload]  # any object that reads
            for member in archive:
                entry = _Entry(member.name, member.size, member.isdir(), odd_in_tar(member, self.folder))
                self._take(entry, lambda member=member: archive.extractfile(member))
                archive.members.clear()  # it would keep every header

    def _allowed(self) -> int:
        return min(self.limits.total_bytes, self.limits.free_ratio_bytes + self.limits.ratio * self.archive_bytes)

    # --- one entry ---

    def _take(self, entry: _Entry, opened: Any) -> None:
        self.entries += 1
        if self.entries > self.limits.entries:
            raise Ended(f"it has more than {self.limits.entries:,} entries")
        whose = ""
        try:
            parts = parts_of(entry.name)
            place = self.layout(parts)
            if place is None:
                self.elsewhere += not entry.folder
                return
            whose = place.whose
            self.folder.joinpath(place.folder).mkdir(parents=True, exist_ok=True)  # one whose every entry is refused is a submission, too
            self._check(entry, parts, whose)
            if not entry.folder:
                self._write(entry, self.folder.joinpath(*parts), opened, whose)
        except Refused as error:
            self._note(whose, f"{entry.name[:200]!a} is left out: {error}.")
        except _DAMAGED as error:
            self._note(whose, f"{entry.name[:200]!a} is left out: it is damaged ({str(error)[:100]!a}).")
        except OSError as error:
            if error.errno is not None:  # the disk's; bzip2 says that data are damaged by one without a number
                raise
            self._note(whose, f"{entry.name[:200]!a} is left out: it is damaged ({str(error)[:100]!a}).")

    def _check(self, entry: _Entry, parts: list[str], whose: str) -> None:
        if entry.odd:
            raise Refused(entry.odd)
        if entry.folder:
            return
        self.counts[whose] += 1
        if self.counts[whose] > self.limits.submission_entries:
            raise Refused(f"its submission has more than {self.limits.submission_entries:,} entries")
        name = unicodedata.normalize("NFC", "/".join(parts)).casefold()
        if name in self.seen:
            raise Refused("an entry of that name, apart from capitals, was there before")
        self.seen.add(name)

    def _write(self, entry: _Entry, target: Path, opened: Any, whose: str) -> None:
        left = min(self.limits.submission_bytes - self.sizes[whose], self._allowed() - self.written)
        if entry.size > left:
            raise Refused(f"it has {entry.size:,} bytes, {max(0, left):,} are still allowed")
        self.sizes[whose] += entry.size  # also when it turns out to be damaged: nobody gets more work out of us than that
        self.written += entry.size
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self.folder).free < entry.size + _FREE_BYTES:
                raise Ended("the disk is nearly full")
            with opened() as source, target.open("xb") as stream:
                _copy(source, stream, entry.size)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise Refused("a file stands where it needs a folder, or the reverse") from None
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def _note(self, whose: str, line: str) -> None:
        self.refused.setdefault(whose, []).append(line)


def _copy(source: IO[bytes], stream: IO[bytes], size: int) -> None:
    """As many bytes as were announced, and no more."""
    copied = 0
    while data := source.read(_CHUNK):
        copied += len(data)
        if copied > size:
            raise Refused(f"it has more than the {size:,} bytes that the archive says")
        stream.write(data)
    if copied < size:
        raise Refused(f"it ends after {copied:,} of {size:,} bytes")


def _nbgrader_layout(assignment: str, parts: list[str]) -> Place | None:
    """`<student>/<assignment>/…`, perhaps with one folder around all students."""
    index = next((index for index in (1, 2) if index < len(parts) and parts[index] == assignment), None)
    return None if index is None else Place("/".join(parts[:index]), "/".join(parts[: index + 1]))
