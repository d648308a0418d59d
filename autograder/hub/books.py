"""What becomes of every submission now: the rules applied to receipts, orders, records and decisions, and remembered until one changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

from autograder.batch.store import Store
from autograder.course.settings import Course
from autograder.errors import UsageError
from autograder.hub.desk import Desk
from autograder.hub.results import Results
from autograder.hub.rules import Fate, Rules, Situation, fates, rules_for
from autograder.hub.state import Receipt
from autograder.hub.watcher import Clock
from autograder.term.decisions import Decision, ledger


class Books:
    """One per service. What runs, what is tried again when, and whose files are gone is noted here, since no file says it.

    Safe to use from several threads. Raises UsageError where the ledger of decisions cannot be read.
    """

    def __init__(self, course: Course, store: Store, desk: Desk, results: Results, clock: Clock) -> None:
        self._course, self._store, self._desk, self._results, self._clock = course, store, desk, results, clock
        self._lock = threading.RLock()
        self._receipts: dict[str, dict[str, list[Receipt]]] = {}
        self._fates: dict[tuple[str, str], tuple[Fate, ...]] = {}
        self._unsettled: set[tuple[str, str]] = set()  # who may have something in the queue: nobody else is looked at for it
        self._running: set[str] = set()
        self._lost: set[str] = set()
        self._retries: dict[str, tuple[int, datetime]] = {}
        self._entries: tuple[tuple[int, int], Sequence[Decision]] | None = None
        for each in course.assignments:
            self._receipts[each.id] = {}
            for receipt in desk.receipts(each.id):
                self.arrived(receipt)

    def arrived(self, receipt: Receipt) -> None:
        with self._lock:
            self._receipts[receipt.assignment].setdefault(receipt.student, []).append(receipt)
            self.changed(receipt)

    def began(self, receipt: Receipt) -> None:
        with self._lock:
            self._running.add(receipt.id)
            self.changed(receipt)

    def ended(self, receipt: Receipt, next_try: datetime | None = None) -> None:
        """`next_try`: the machine failed, and it is tried again then."""
        with self._lock:
            self._running.discard(receipt.id)
            if next_try is None:
                self._retries.pop(receipt.id, None)
            else:
                self._retries[receipt.id] = self.tries(receipt) + 1, next_try
            self.changed(receipt)

    def gone(self, receipt: Receipt) -> None:
        """Its files were not kept and are not there any more."""
        with self._lock:
            self._lost.add(receipt.id)
            self.changed(receipt)

    def tries(self, receipt: Receipt) -> int:
        """How often the machine failed at it since the service started."""
        with self._lock:
            return self._retries.get(receipt.id, (0, None))[0]

    def changed(self, receipt: Receipt) -> None:
        """Something about this submission is new: what becomes of its student's is computed again."""
        with self._lock:
            self._fates.pop((receipt.assignment, receipt.student), None)
            self._unsettled.add((receipt.assignment, receipt.student))

    def refresh(self) -> None:
        """Everything is computed again: another command may have written records or decisions."""
        with self._lock:
            self._fates.clear()
            self._unsettled = {(assignment, student) for assignment, students in self._receipts.items() for student in students}

    def students(self, assignment: str) -> list[str]:
        """Everybody with a receipt, sorted."""
        with self._lock:
            return sorted(self._receipts[assignment])

    def fates(self, assignment: str, student: str) -> tuple[Fate, ...]:
        """In order of arrival; a try whose time has come is a place in the queue again."""
        with self._lock:
            known = self._fates.get((assignment, student))
            if known is None or any(each.phase == "retrying" and _is_over(each, self._clock()) for each in known):
                known = tuple(self._computed(assignment, student))
                self._fates[assignment, student] = known
            return known

    def all(self, assignment: str) -> Iterator[Fate]:
        """Of everybody, by student."""
        for student in self.students(assignment):
            yield from self.fates(assignment, student)

    def fate(self, receipt: Receipt) -> Fate:
        """Raises UsageError for a receipt that was written a moment ago and has not arrived here yet."""
        self.entries()
        for each in self.fates(receipt.assignment, receipt.student):
            if each.receipt.id == receipt.id:
                return each
        raise UsageError(f"'{receipt.id}' is being received.", "Look again in a moment.")

    def waiting(self) -> list[Fate]:
        """All that are queued, in no order."""
        self.entries()  # a decision of a moment ago counts before anything is begun
        with self._lock:
            found = []
            for key in sorted(self._unsettled):
                theirs = self.fates(*key)
                found += [each for each in theirs if each.phase == "queued"]
                if not any(each.phase in ("queued", "retrying", "running") for each in theirs):
                    self._unsettled.discard(key)
            return found

    def rules(self, assignment: str, student: str) -> Rules:
        return rules_for(self._course, assignment, student, self.entries())

    def situation(self, assignment: str, student: str) -> Situation:
        with self._lock:
            found = {}
            for receipt in self._receipts[assignment].get(student, []):
                graded = self._results.graded(assignment, student, receipt.submission_id)
                if graded is not None:
                    found[receipt.submission_id] = graded
            retries = {name: at for name, (_, at) in self._retries.items()}
            return Situation(self._clock(), found, frozenset(self._running), frozenset(self._lost), retries)

    def entries(self) -> Sequence[Decision]:
        """The ledger of decisions, read again when its file has changed."""
        journal = ledger(self._store.root)
        try:
            about = journal.file.stat()
            state = about.st_mtime_ns, about.st_size
        except OSError:
            return ()
        with self._lock:
            if self._entries is None or self._entries[0] != state:
                self._entries = state, journal.read()
                self.refresh()
            return self._entries[1]

    def _computed(self, assignment: str, student: str) -> list[Fate]:
        receipts = self._receipts[assignment].get(student, [])
        ids = {each.id for each in receipts}
        orders = [each for each in self._desk.orders(assignment) if each.receipt in ids]
        return fates(receipts, orders, self.rules(assignment, student), self.situation(assignment, student))


def _is_over(fate: Fate, now: datetime) -> bool:
    return fate.not_before is not None and fate.not_before <= now
