"""Whose turn it is: begins what has room, in fair order, hears how far it is, and settles what became of it."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from autograder.batch.waiting import REMEMBERED
from autograder.errors import AutograderError, StoreError
from autograder.hub.graders import Grader, Job
from autograder.hub.office import Office
from autograder.hub.rules import Fate, in_fair_order
from autograder.hub.state import Order, Receipt
from autograder.hub.views.moment import Live
from autograder.records import Record

_RETRY_S, _LONGEST_RETRY_S = 60.0, 1800.0
_PAUSE_S = 60.0

Spawn = Callable[[Callable[[], None]], None]


@dataclass
class _Running:
    """A job under way; `began_at` None while it waits for its slot."""

    job: Job
    receipt: Receipt
    begun_at: datetime
    began_at: datetime | None = None
    cell: int = 0
    cells: int = 0


class Dispatcher:
    """`dispatch` is called over and over, in one thread; everything else from any.

    `place` is called with each receipt before it is graded, `graded` with it and the time at which it was begun when it has its record.
    """

    def __init__(
        self, office: Office, grader: Grader, place: Callable[[Receipt], None], graded: Callable[[Receipt, datetime], None], spawn: Spawn
    ) -> None:
        self._office, self._grader, self._place, self._graded, self._spawn = office, grader, place, graded, spawn
        self._lock, self._settling = threading.Lock(), threading.Lock()
        self._running: dict[str, _Running] = {}
        self._paused: dict[str, tuple[str, datetime]] = {}
        self._turns: deque[tuple[datetime, str]] = deque()  # only `dispatch` changes it
        self._taken: deque[float] = deque(self._measured(), maxlen=REMEMBERED)
        self._warm_since: datetime | None = None  # the first end: what began before it also paid for the start of the sandbox's servers
        self._order: tuple[tuple[int, int], list[Fate]] = ((-1, 0), [])
        self._cancelled: set[str] = set()
        self.failures = 0

    # --- begin --------------------------------------------------------------------------------------------------------

    def dispatch(self) -> None:
        """Begins what has room, in fair order."""
        office, now = self._office, self._office.clock()
        while self._turns and _is_long_ago(self._turns[0][0], now):
            self._turns.popleft()
        for fate in self.fair_order():
            if office.stopped.is_set() or (fate.not_before is not None and fate.not_before > now):
                return
            receipt = fate.receipt
            if self._is_paused(receipt.assignment, now) or office.desk.kept(receipt) is None:
                continue
            queued_s = max(0.0, (now - receipt.arrived_at).total_seconds())
            job = Job(receipt.id, office.desk.submission(receipt), fate.force, queued_s)
            with self._settling:  # nobody takes it out of the queue as it begins
                if office.books.fate(receipt).phase != "queued":  # taken out a moment ago
                    continue
                with self._lock:
                    if not self._grader.has_room(job, [each.job for each in self._running.values()]):
                        return  # whoever is next waits for room; nobody overtakes
                    self._running[receipt.id] = _Running(job, receipt, now)
                office.books.began(receipt)
            self._turns.append((now, receipt.student))
            office.news.touch()
            self._spawn(partial(self._grade, job, receipt, fate))

    def fair_order(self) -> list[Fate]:
        """Everything that waits, first who is next; computed once for each version and second."""
        now = self._office.clock()
        moment = self._office.news.version(), int(now.timestamp())
        with self._lock:
            known_at, known = self._order
            if moment == known_at:
                return known
        recent = Counter(student for at, student in list(self._turns) if not _is_long_ago(at, now))
        found = in_fair_order(self._office.books.waiting(), recent, now)
        with self._lock:
            self._order = moment, found
        return found

    # --- while it runs ------------------------------------------------------------------------------------------------

    def began(self, receipt: str) -> None:
        """A job has its slot."""
        with self._lock:
            self._running[receipt].began_at = self._office.clock()
        self._office.news.touch()

    def reached(self, receipt: str, index: int, count: int) -> None:
        """A job has reached a cell."""
        with self._lock:
            if receipt in self._running:
                self._running[receipt].cell, self._running[receipt].cells = index, count
        self._office.news.touch()

    def cancel(self, receipt: str, order: Callable[[], None]) -> bool:
        """Ends a job that runs, and writes the order down; False where that is not possible. One that has just ended keeps its record."""
        with self._settling:  # the order stands before anybody looks at how the job ended
            if not self._grader.cancel(receipt):
                return False
            self._cancelled.add(receipt)
            order()
            return True

    def take_out(self, receipt: Receipt, order: Callable[[], None]) -> bool:
        """Writes down an order about one that waits; False when it has just begun."""
        with self._settling:
            if self._office.books.fate(receipt).phase == "running":
                return False
            order()
            return True

    def running(self, now: datetime) -> tuple[Mapping[str, Live], list[str]]:
        """How far each job is that has its slot, by receipt, and which were handed over and have none yet."""
        with self._lock:
            jobs = dict(self._running)
        begun = {
            name: Live((now - each.began_at).total_seconds(), each.cell, each.cells)
            for name, each in jobs.items()
            if each.began_at is not None
        }
        return begun, [name for name in jobs if name not in begun]

    def taken(self) -> tuple[float, ...]:
        """Seconds that the last submissions took."""
        with self._lock:
            return tuple(self._taken)

    def paused(self) -> Mapping[str, str]:
        """Why nothing of an assignment is graded, by assignment."""
        return {name: why for name, (why, _) in list(self._paused.items())}

    # --- end ----------------------------------------------------------------------------------------------------------

    def _grade(self, job: Job, receipt: Receipt, fate: Fate) -> None:
        """One job, in a thread of its own. Whatever goes wrong is the machine's doing, and it is tried again."""
        record, failed, paused = None, "", ""
        office = self._office
        try:
            at = receipt.arrived_at.astimezone(UTC).isoformat(timespec="microseconds")
            office.store.note_arrival(job.submission, at)
            self._place(receipt)
            record = self._grader.grade(job, _Hearing(self, receipt.id))
            if record.outcome == "infra_error":
                failed = record.reason
            elif fate.force:
                office.desk.order(Order("done", receipt.id, "service", office.clock()))
        except StoreError as error:
            failed = str(error)
        except AutograderError as error:
            paused = f"{error.message} {error.cure}".strip()
        except Exception as error:
            failed = f"{type(error).__name__}: {error}"
        if office.stopped.is_set() and (record is None or failed):  # it ended with the service, and waits for the next one
            return
        with self._settling:
            was_cancelled = receipt.id in self._cancelled
            self._cancelled.discard(receipt.id)
        if was_cancelled and (record is None or failed):
            record, failed, paused = None, "", ""
            office.news.tell("cancelled", f"{receipt.id} was cancelled while it ran", receipt)
        self._ended(receipt, record, failed, paused)

    def _ended(self, receipt: Receipt, record: Record | None, failed: str, paused: str) -> None:
        office = self._office
        now = office.clock()
        with self._lock:
            ran = self._running[receipt.id]
        if paused:
            self._paused[receipt.assignment] = paused, now + timedelta(seconds=_PAUSE_S)
        elif failed:
            self.failures += 1
            office.news.tell("postponed", f"{receipt.id} is tried again later: {failed}", receipt)
        elif record is not None:
            self._paused.pop(receipt.assignment, None)
            try:
                self._graded(receipt, ran.begun_at)
                office.news.solved(f"after {receipt.id}")
            except Exception as error:  # it has its record all the same, and its slot is needed
                said = f"{receipt.id} is graded, but what follows from its record could not be done: {error}"
                office.news.problem(f"after {receipt.id}", said)
            office.news.tell("graded", f"graded {receipt.id}: {record.outcome}", receipt, outcome=record.outcome)
        with self._lock:
            del self._running[receipt.id]
            if record is not None and not failed and ran.began_at is not None:
                if self._warm_since is not None and ran.began_at >= self._warm_since:
                    self._taken.append((now - ran.began_at).total_seconds())
                self._warm_since = self._warm_since or now
        wait_s = min(_LONGEST_RETRY_S, _RETRY_S * 2 ** office.books.tries(receipt))
        office.books.ended(receipt, now + timedelta(seconds=wait_s) if failed else None)
        office.news.touch()

    def _measured(self) -> Iterable[float]:
        """What the last submissions took, before the service was started."""
        office = self._office
        graded = [
            known
            for one in office.course.assignments
            for each in office.desk.receipts(one.id)
            if (known := office.results.graded(one.id, each.student, each.submission_id)) is not None and known.seconds > 0
        ]
        return [each.seconds for each in sorted(graded, key=lambda each: each.recorded_at)[-REMEMBERED:]]

    def _is_paused(self, assignment: str, now: datetime) -> bool:
        _, until = self._paused.get(assignment, ("", now))  # in one go: a job that ends takes it out
        return until > now


def _is_long_ago(at: datetime, now: datetime) -> bool:
    """Who had a turn then waits like everybody else."""
    return now - at > timedelta(hours=1)


@dataclass(frozen=True)
class _Hearing:
    """Passes on what a grader says of one job."""

    dispatcher: Dispatcher
    receipt: str

    def began(self) -> None:
        self.dispatcher.began(self.receipt)

    def cell(self, index: int, count: int) -> None:
        self.dispatcher.reached(self.receipt, index, count)
