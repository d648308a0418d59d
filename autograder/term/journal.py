"""An append-only file of JSON lines: how roster and decisions are kept, so that nothing that was once said is lost.

A line is written and synced under a lock, so two commands never mix. A kill in the middle of a write leaves a last line that is
no JSON: readers ignore it and say so, and the next write moves it into `<name>.damaged` beside the file.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, Generic, TypeVar

from autograder.errors import MachineError, UsageError
from autograder.files import write_atomic
from autograder.records import from_json, to_dict

T = TypeVar("T")


@dataclass(frozen=True)
class Journal(Generic[T]):
    """The lines of one file, each a dataclass of `kind`."""

    file: Path
    kind: type[T]

    def read(self, say: Callable[[str], None] = lambda _: None) -> tuple[T, ...]:
        """All lines, oldest first; an unfinished last one is left out and said.

        Raises UsageError for any other line that cannot be read: a decision must not silently stop to hold.
        """
        try:
            with self.file.open("rb") as stream, _lock(stream.fileno(), fcntl.LOCK_SH):
                content = stream.read()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise UsageError(f"'{self.file}' cannot be read: {error.strerror}.", "Look at its permissions.") from error
        whole, rest = _split(content)
        if rest:
            say(f"The last line of '{self.file.name}' is unfinished (a command was killed while it wrote) and does not count.")
        return tuple(self._line(number, line) for number, line in enumerate(whole, 1))

    def append(self, make: Callable[[Sequence[T]], T | None], say: Callable[[str], None] = lambda _: None) -> T | None:
        """Adds the line that `make` makes of those that are there, which nobody else can change meanwhile.

        When `make` raises or gives None, nothing is written. Raises MachineError when the file cannot be locked or written.
        """
        with self._locked() as stream:
            content = stream.read()
            whole, rest = _split(content)
            added = make([self._line(number, line) for number, line in enumerate(whole, 1)])
            if added is None:
                return None
            try:
                if rest:
                    self._set_aside(stream.fileno(), rest, len(content) - len(rest), say)
                before = b"\n" if not rest and content and not content.endswith(b"\n") else b""
                _write_all(stream.fileno(), before + _line_of(added))
                os.fsync(stream.fileno())
            except OSError as error:
                raise MachineError(f"'{self.file}' cannot be written: {error.strerror}.", "Look at the disk's space.") from error
        return added

    def rewrite(self, change: Callable[[T], T | None]) -> int:
        """Puts `change(line)` in the place of every line, nothing for None; gives how many lines changed. Only for what must be forgotten.

        The file is replaced as a whole, or not at all. Unfinished lines, and those that were set aside, go.
        """
        if not self.file.exists():
            return 0
        with self._locked() as stream:
            whole, rest = _split(stream.read())
            lines = [self._line(number, line) for number, line in enumerate(whole, 1)]
            after = [change(line) for line in lines]
            changed = sum(old != new for old, new in zip(lines, after, strict=True))
            try:
                if changed or rest:
                    mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
                    write_atomic(self.file, b"".join(_line_of(line) for line in after if line is not None), mode)
                self.file.with_name(f"{self.file.name}.damaged").unlink(missing_ok=True)
            except OSError as error:
                raise MachineError(f"'{self.file}' cannot be written: {error.strerror}.", "Look at the disk's space.") from error
        return changed

    @contextmanager
    def _locked(self) -> Iterator[FileIO]:
        """The file, which nobody else writes meanwhile. While somebody waited for it, it may have been replaced by another one."""
        while True:
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o660)
            except OSError as error:
                raise MachineError(f"'{self.file}' cannot be written: {error.strerror}.", "Look at the folder's permissions.") from error
            with FileIO(descriptor, "r+") as stream, _lock(descriptor, fcntl.LOCK_EX, needed=True):
                if self._is(descriptor):
                    yield stream
                    return

    def _is(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.file.stat())
        except FileNotFoundError:
            return False

    def _set_aside(self, descriptor: int, rest: bytes, length: int, say: Callable[[str], None]) -> None:
        """The damaged bytes are safe in their own file before they leave this one."""
        aside = self.file.with_name(f"{self.file.name}.damaged")
        with aside.open("ab") as stream:
            stream.write(rest + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.ftruncate(descriptor, length)
        say(f"An unfinished last line of '{self.file.name}' was set aside in '{aside.name}'.")

    def _line(self, number: int, line: bytes) -> T:
        try:
            return from_json(self.kind, line)
        except ValueError:
            cure = f"Restore '{self.file}' from a backup: since it holds what people decided, nothing goes on without it."
            raise UsageError(f"Line {number} of '{self.file.name}' is damaged.", cure) from None


def _line_of(value: Any) -> bytes:
    return json.dumps(to_dict(value), ensure_ascii=False).encode() + b"\n"


def _split(content: bytes) -> tuple[list[bytes], bytes]:
    """The lines, and what is left of an unfinished last one. A last line without its end that is JSON is whole: it began with '{'."""
    *whole, last = content.split(b"\n")
    if last and _is_json(last):
        whole, last = [*whole, last], b""
    elif not last and whole and not _is_json(whole[-1]):
        *whole, last = whole
        last += b"\n"
    return whole, last


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


@contextmanager
def _lock(descriptor: int, kind: int, needed: bool = False) -> Iterator[None]:
    """Held until the file is closed. Readers go on where nothing can be locked, writers do not."""
    try:
        fcntl.flock(descriptor, kind)
    except OSError as error:
        if needed:
            cure = "Put the store on a file system with locks (--store DIR), or mount it with them."
            raise MachineError(f"The store cannot be locked: {error.strerror}.", cure) from error
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
