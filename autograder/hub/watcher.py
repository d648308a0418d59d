"""Finds what arrives in nbgrader's exchange and gives each arrival its receipt."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from autograder.course.profile import resolve_profile
from autograder.course.settings import Course
from autograder.errors import AutograderError, MachineError
from autograder.hub.desk import Desk, digest_of
from autograder.hub.inbound import TIMESTAMP, Name, Tree, is_finished, parse_name, read_tree, user_of
from autograder.hub.state import Receipt
from autograder.records import Flag
from autograder.term.dates import parse_moment

_SETTLED = timedelta(seconds=15)  # what nbgrader did not finish, by its own marks, is taken when it has not changed for so long
_HONEST = timedelta(minutes=5)  # by which clocks may differ
_MOST = 500  # receipts of one student for one assignment; more are no submissions
_AT_ONCE = 50

Clock = Callable[[], datetime]


class Watcher:
    """Looks into `<exchange>/<course>/inbound`. `owner`: the name of an account by its number."""

    def __init__(self, course: Course, exchange: Path, desk: Desk, clock: Clock, owner: Callable[[int], str] = user_of) -> None:
        self.inbound = exchange / course.id / "inbound"
        self._course, self._desk, self._clock, self._owner = course, desk, clock, owner
        self._limits = {each.id: resolve_profile(course, each, None).limits for each in course.assignments}
        self._known = desk.sources()
        self._waiting: dict[str, tuple[float, datetime]] = {}
        self._failed: dict[str, tuple[int, str]] = {}  # how often it could not be received, and why
        self._flooding: dict[tuple[str, str], str] = {}  # by student and assignment
        self._unreadable = ""

    @property
    def problem(self) -> str:
        """What is wrong with the exchange or with what lies there; empty when nothing is."""
        failed = ""
        if self._failed:
            name = min(self._failed)
            failed = f"{len(self._failed)} submission(s) could not be received, first of all {name!a:.120}: {self._failed[name][1]}"
        return " ".join(filter(None, (self._unreadable, failed, *self._flooding.values())))

    def scan(self) -> list[Receipt]:
        """Receipts for what is new and complete, oldest first; at most 50 at a time, so that others get their turn.

        What could not be received holds up nobody: it is a problem, and is tried again after all others.
        """
        complete = list(self._complete())
        self._failed = {name: self._failed[name] for _, name in complete if name in self._failed}
        received = []
        for _, name in sorted(complete, key=lambda each: (self._tries(each[1]), each))[:_AT_ONCE]:
            try:
                receipt = self._receive(name)
            except (AutograderError, OSError, ValueError) as error:
                self._failed[name] = self._tries(name) + 1, str(error)
                continue
            self._failed.pop(name, None)
            if receipt is not None:
                received.append(receipt)
        return received

    def _tries(self, name: str) -> int:
        return self._failed.get(name, (0, ""))[0]

    def recover(self) -> list[Receipt]:
        """Keeps the files of receipts that a kill parted from them; gives those whose files are not there any more."""
        gone = []
        for assignment in self._limits:
            for receipt in self._desk.receipts(assignment):
                if not receipt.refused and self._desk.kept(receipt) is None and not self._again(receipt):
                    gone.append(receipt)
        return gone

    def _again(self, receipt: Receipt) -> bool:
        try:
            tree = read_tree(self.inbound / receipt.source, self._limits[receipt.assignment])
        except OSError:
            return False
        try:
            return self._desk.keep(receipt, tree.files)
        except OSError as error:
            raise MachineError(f"The files of '{receipt.id}' cannot be kept: {error.strerror}.", "Look at the store's disk.") from error

    def _complete(self) -> Iterator[tuple[float, str]]:
        """(time of the file system, name) of each folder without receipt that nobody writes to any more."""
        try:
            with os.scandir(self.inbound) as found:
                names = [each.name for each in found if each.name not in self._known]
            self._unreadable = ""
        except OSError as error:
            self._unreadable = f"The exchange's folder '{self.inbound}' cannot be read: {error.strerror}. See `autograder hub check`."
            return
        for name in names:
            said = parse_name(name)
            if said is None or said.assignment not in self._limits:
                continue
            try:
                changed = (self.inbound / name).lstat().st_ctime
            except OSError:
                continue
            if is_finished(self.inbound / name) or self._settled(name, changed):
                yield changed, name

    def _settled(self, name: str, changed: float) -> bool:
        now = self._clock()
        before, since = self._waiting.get(name, (changed, now))
        if before != changed:
            since = now
        self._waiting[name] = changed, since
        return now - since >= _SETTLED

    def _receive(self, source: str) -> Receipt | None:
        """None for what is gone again."""
        said = parse_name(source)
        assert said is not None  # as `_complete` gives them
        seen = self._clock().astimezone(UTC)
        try:
            tree = self._read(source, said.assignment)
        except OSError:  # it is gone again
            return None
        receipt = self._draft(said, source, tree, seen)
        if self._too_many(receipt):
            self._known.add(source)
            problem = f"{receipt.student} has put more than {_MOST} folders into the exchange for '{receipt.assignment}'."
            self._flooding[receipt.student, receipt.assignment] = problem
            return None
        try:
            written = self._desk.receive(
                said.assignment, receipt.student, tree.files, lambda id, key: replace(receipt, id=id, submission_id=key)
            )
        except AutograderError:
            raise
        except OSError as error:
            raise MachineError(f"The receipt for '{source}' cannot be written: {error.strerror}.", "Look at the store's disk.") from error
        self._known.add(source)
        self._waiting.pop(source, None)
        return written

    def _read(self, source: str, assignment: str) -> Tree:
        """What was submitted; what this account may not open is refused. Raises OSError when it is gone."""
        try:
            return read_tree(self.inbound / source, self._limits[assignment])
        except PermissionError:
            about = (self.inbound / source).lstat()
            changed = datetime.fromtimestamp(about.st_ctime, UTC)
            return Tree(about.st_uid, changed, {}, (), "The service may not open what was submitted. Submit it again with nbgrader.")

    def _draft(self, said: Name, source: str, tree: Tree, seen: datetime) -> Receipt:
        student, refused, flags = self._whose(said, tree)
        arrived = min(seen, tree.changed_at)
        claimed = _claimed(tree) or said.time
        return Receipt(
            id="",
            student=student,
            assignment=said.assignment,
            seen_at=seen,
            arrived_at=arrived,
            claimed=claimed[:100],
            source=source,
            digest=digest_of(tree.files) if not refused else "",
            submission_id="",
            size=sum(map(len, tree.files.values())),
            refused=refused,
            flags=(*flags, *tree.flags, *_times(claimed, said.time, arrived)),
        )

    def _whose(self, said: Name, tree: Tree) -> tuple[str, str, tuple[Flag, ...]]:
        """(student, why it is refused, flags): it is the owner's, whatever its name says."""
        try:
            owner = self._owner(tree.uid)
        except KeyError:
            refused = f"The folder belongs to account number {tree.uid}, which has no name here."
            return f"uid-{tree.uid}", refused, (Flag("unknown_owner", f"{refused} Its name says {said.user!a:.80}."),)
        if owner != said.user:
            refused = "It was submitted under another user's name."
            return owner, refused, (Flag("other_name", f"its name says {said.user!a:.80}, and it belongs to {owner!a:.80}"),)
        return owner, tree.problem, ()

    def _too_many(self, receipt: Receipt) -> bool:
        return sum(each.student == receipt.student for each in self._desk.receipts(receipt.assignment)) >= _MOST


def _claimed(tree: Tree) -> str:
    """What the student's own timestamp says, as text that can be shown."""
    text = tree.files.get(TIMESTAMP, b"")[:100].decode("utf-8", "replace").strip()
    return text if text.isprintable() else ascii(text)


def _times(claimed: str, named: str, arrived: datetime) -> tuple[Flag, ...]:
    """Flags for times that do not fit together; none of them counts."""
    flags = []
    moment = parse_moment(claimed)
    if moment is None:
        flags.append(Flag("no_time", f"it says {claimed!a:.80}, which is no time"))
    elif abs(moment - arrived) > _HONEST:
        kind = "backdated" if moment < arrived else "postdated"
        flags.append(Flag(kind, f"it says {claimed!a:.80}, and arrived {arrived.isoformat(timespec='seconds')}, which counts"))
    if claimed != named and parse_moment(named) != moment:
        flags.append(Flag("two_times", f"its name says {named!a:.80}, and its {TIMESTAMP} {claimed!a:.80}"))
    return tuple(flags)
