"""Reads what students put into the exchange: folders that others may change while they are read.

Every step goes through descriptors of folders that are known to be folders, so no link is ever followed, whatever is swapped for what
meanwhile. Who owns a folder is the file system's word; what its name says is compared with that.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from autograder.course.profile import RunLimits
from autograder.intake.entries import kind_of
from autograder.intake.reading import NOTEBOOK_BYTES
from autograder.records import Flag

TIMESTAMP, SECRET = "timestamp.txt", "submission_secret.txt"
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DEEPEST = 20
_LONGEST_NAME, _LONGEST_PATH = 200, 1000  # bytes; file systems take 255 and 4,096, which names of partial files and our own folders add to
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\-]{0,63}")


@dataclass(frozen=True)
class Name:
    """What the name of a folder in the exchange says: `<user>+<assignment>+<time>`, and perhaps a random part."""

    user: str
    assignment: str
    time: str


@dataclass(frozen=True)
class Tree:
    """A folder as it was read. `changed_at`: the latest moment at which the file system saw anything in it change (ctime).

    `problem`: why nothing of it is taken, else empty.
    """

    uid: int
    changed_at: datetime
    files: dict[str, bytes]
    flags: tuple[Flag, ...]
    problem: str = ""


def parse_name(name: str) -> Name | None:
    """None for what nbgrader did not name; nor for a name that cannot be shown or is no UTF-8, which no receipt could hold."""
    if not name.isprintable():
        return None
    parts = name.split("+")
    return Name(*parts[:3]) if 3 <= len(parts) <= 4 and all(parts) else None


def user_of(uid: int) -> str:
    """The name of an account. Raises KeyError for an unknown one, and for a name that can be no folder's."""
    name = pwd.getpwuid(uid).pw_name
    if not _USER.fullmatch(name):
        raise KeyError(uid)
    return name


def is_finished(folder: Path) -> bool:
    """Whether nbgrader has written all of it: its last step opens the folder to everybody, after the timestamp."""
    try:
        about = folder.lstat()
        return not stat.S_ISDIR(about.st_mode) or bool(about.st_mode & stat.S_IWOTH and (folder / TIMESTAMP).lstat().st_size)
    except OSError:
        return False


def read_tree(folder: Path, limits: RunLimits) -> Tree:
    """Everything in a folder, within what a submission may have. Raises OSError when the folder itself cannot be opened."""
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode):
        problem = f"What was submitted is a {kind_of(about)}, a folder was expected."
        return Tree(about.st_uid, _moment(about), {}, (), problem)
    descriptor = os.open(folder, _OPEN | os.O_DIRECTORY)
    try:
        walk = _Walk(os.fstat(descriptor).st_uid, limits)
        walk.folder(descriptor, "", 0)
        return Tree(walk.uid, datetime.fromtimestamp(walk.changed, UTC), walk.files, tuple(walk.flags), walk.problem)
    finally:
        os.close(descriptor)


class _Walk:
    """One pass over a folder. It stops taking anything when a limit is passed."""

    def __init__(self, uid: int, limits: RunLimits) -> None:
        self.uid, self.changed, self.problem = uid, 0.0, ""
        self.files: dict[str, bytes] = {}
        self.flags: list[Flag] = []
        self._limits, self._seen, self._left = limits, 0, limits.submission_bytes + NOTEBOOK_BYTES

    def folder(self, descriptor: int, inside: str, depth: int) -> None:
        self._note(os.fstat(descriptor))
        with os.scandir(descriptor) as found:
            names = sorted(each.name for each in self._counted(found))
        for name in names:
            if not self.problem:
                self._entry(descriptor, name, f"{inside}{name}", depth)

    def _counted(self, found: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
        for each in found:
            self._seen += 1
            if self._seen > 2 * self._limits.files + 20:  # caches and checkpoints do not count later on
                self._stop(f"The submission has more than {self._limits.files} files, which are allowed.")
                return
            yield each

    def _entry(self, parent: int, name: str, path: str, depth: int) -> None:
        try:
            with _opened(parent, name) as descriptor:
                about = os.fstat(descriptor)
                self._note(about)
                if stat.S_ISDIR(about.st_mode):
                    self._below(descriptor, path, depth)
                else:
                    self._file(descriptor, about, path)
        except OSError as error:
            self._leave_out(path, "a link" if _is_link(parent, name) else f"cannot be opened: {error.strerror}")

    def _below(self, descriptor: int, path: str, depth: int) -> None:
        if depth >= _DEEPEST:
            self._stop(f"The submission has more than {_DEEPEST} folders inside each other.")
        else:
            self.folder(descriptor, f"{path}/", depth + 1)

    def _file(self, descriptor: int, about: os.stat_result, path: str) -> None:
        if not stat.S_ISREG(about.st_mode):
            self._leave_out(path, f"a {kind_of(about)}")
        elif about.st_uid != self.uid:
            self._leave_out(path, "it belongs to somebody else" + (", by a hard link" if about.st_nlink > 1 else ""))
        elif not path.isprintable() or path.encode("utf-8", "replace").decode() != path:
            self._leave_out(path, "its name is no readable text")
        elif _cannot_be_kept(path):
            self._leave_out(path, "its name cannot be kept")
        elif about.st_size > self._left:
            allowed = (self._limits.submission_bytes + NOTEBOOK_BYTES) / 2**20
            self._stop(f"The submission has more than {allowed:.0f} MiB, which are allowed.")
        else:
            data = _read(descriptor, about.st_size)
            self._left -= len(data)
            self.files[path] = data

    def _note(self, about: os.stat_result) -> None:
        self.changed = max(self.changed, about.st_ctime)

    def _leave_out(self, path: str, why: str) -> None:
        self.flags.append(Flag("left_out", f"{path!a:.200} was left out: {why}"))

    def _stop(self, problem: str) -> None:
        self.problem = problem
        self.files.clear()


def _cannot_be_kept(path: str) -> bool:
    """Whether a file could not be written anew by this name: it is too long, or its folder has the name of the receipt's own file."""
    longest = max(len(part.encode()) for part in path.split("/"))
    return path.startswith(f"{TIMESTAMP}/") or longest > _LONGEST_NAME or len(path.encode()) > _LONGEST_PATH


@contextmanager
def _opened(parent: int, name: str) -> Iterator[int]:
    descriptor = os.open(name, _OPEN, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_link(parent: int, name: str) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _read(descriptor: int, size: int) -> bytes:
    """At most `size` bytes, however the file grows."""
    parts: list[bytes] = []
    while size > 0 and (part := os.read(descriptor, min(size, 2**20))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _moment(about: os.stat_result) -> datetime:
    return datetime.fromtimestamp(about.st_ctime, UTC)
