"""Which attempts at a submission were lost: the process at work on it ended, and nobody could say what came of it.

A start is recorded before anything of the submission is read, and taken back when the attempt has ended, whatever came of it. What is
left was lost: with a submission that kills its worker or its machine, with a worker or a machine that died by itself. In company nobody
knows whose fault that was. So who was lost is graded after all others, alone, and only attempts that were lost alone count.

A command that was killed proves nothing: people do that. A sandboxed submission can end it in two ways only, by taking the machine down
or by taking its memory. So an attempt that was lost with its command counts where the machine was started since, where the kernel had
to kill for memory since, or where there was no sandbox.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import secrets
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from autograder.execution.memory_kills import memory_kills
from autograder.files import digest
from autograder.records import Submission, from_json, to_json

_OBSERVED = ".lost"  # by a command that lived on
_ABANDONED_S = 86_400
_UNNAMED = ".start-"  # how the name of a file begins whose start is not recorded yet
_UNNAMED_S = 3600


@dataclass(frozen=True)
class Start:
    """One attempt that has begun. `execution_key`: a changed environment, limit or data set begins to count anew.

    `level`: of the sandbox. `batch`: of which call's batch on workers, where one submission may have several attempts; elsewhere each is
    one of its own. `boot` and `memory_kills`: which start of the machine it was, and how often memory had run out since.
    """

    profile: str
    assignment: str
    student: str
    submission_id: str
    execution_key: str
    alone: bool
    level: int
    host: str = field(default_factory=platform.node)
    pid: int = field(default_factory=os.getpid)
    boot: str = field(default_factory=lambda: _boot())
    memory_kills: int = field(default_factory=lambda: memory_kills())
    began_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    batch: str = field(default_factory=lambda: secrets.token_hex(8))


@dataclass
class Attempt:
    """An attempt under way; who finds out that its process was lost says so here."""

    lost: bool = False


@dataclass(frozen=True)
class Starts:
    """`starts/` of a results store: a file for each attempt under way, locked by it, and for each that was lost."""

    folder: Path

    @contextmanager
    def attempt(self, start: Start) -> Iterator[Attempt]:
        """Records the start for as long as the attempt takes, and beyond that if it is lost, by a kill at any moment too."""
        attempt = Attempt()
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(dir=self.folder, prefix=_UNNAMED)
        place = Path(beside)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # before it has its name, so that nobody takes it for lost
            os.write(descriptor, to_json(start).encode())
            os.fsync(descriptor)
            place = place.rename(self.folder / f"{_name(start)}-{place.name.removeprefix(_UNNAMED)}.json")
            yield attempt
        finally:
            with contextlib.suppress(OSError):
                if attempt.lost:
                    place.rename(place.with_suffix(_OBSERVED))
                else:
                    place.unlink()
            os.close(descriptor)

    def lost(self, profile: str, submission: Submission) -> list[Start]:
        """The lost attempts at a submission, in no order."""
        return [start for path in self._files(profile, submission) if (start := _lost(path)) is not None]

    def suspects(self, profile: str, submissions: Iterable[Submission]) -> list[Submission]:
        """Those of them at whom an attempt was lost; first those with whom that never happened when they were alone."""
        self._remove_unnamed()
        alone: dict[tuple[str, str, str], int] = {}
        for start in self.all_lost():
            if start.profile == profile:
                key = (start.assignment, start.student, start.submission_id)
                alone[key] = alone.get(key, 0) + start.alone
        keys = {(each.assignment, each.student, each.submission_id): each for each in submissions}
        return [keys[key] for key in sorted(alone.keys() & keys.keys(), key=lambda key: (alone[key], key))]

    def all_lost(self) -> list[Start]:
        """Every lost attempt of the store."""
        return [start for path in sorted(self.folder.glob("[!.]*")) if (start := _lost(path)) is not None]

    def forget(self, profile: str, submission: Submission) -> None:
        """Nothing was lost: the submission was graded after all, or an instructor wants it to be tried again."""
        for path in self._files(profile, submission):
            start = _ended(path)
            if start is not None and (path.suffix == _OBSERVED or start.host == platform.node() or _is_old(path)):
                path.unlink(missing_ok=True)

    def _remove_unnamed(self) -> None:
        """What a killed process left before its start was recorded: no attempt had begun."""
        for path in self.folder.glob(f"{_UNNAMED}*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - _UNNAMED_S:
                    path.unlink()

    def _files(self, profile: str, submission: Submission) -> list[Path]:
        name = digest(profile, submission.assignment, submission.student, submission.submission_id)
        return list(self.folder.glob(f"{name}-*"))


def _name(start: Start) -> str:
    return digest(start.profile, start.assignment, start.student, start.submission_id)


def _lost(path: Path) -> Start | None:
    """The start in a file, if that attempt was lost in a way that may be the submission's doing."""
    start = _ended(path)
    if start is None or path.suffix == _OBSERVED:
        return start
    if start.host != platform.node():  # how a process on another machine ended, nobody here knows: its time may have been up
        return None
    if start.level == 0:
        return start
    return start if start.boot != _boot() or start.memory_kills < memory_kills() else None


def _is_old(path: Path) -> bool:
    """Whether an attempt on another machine, whose lock may not be seen here, cannot be under way any more."""
    try:
        return path.stat().st_mtime < time.time() - _ABANDONED_S
    except OSError:
        return False


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _ended(path: Path) -> Start | None:
    """The start in a file, unless its attempt is still under way."""
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if os.fstat(stream.fileno()).st_nlink == 0:  # it ended well after it was opened here
                return None
            return from_json(Start, stream.read())
    except (OSError, ValueError):
        return None
