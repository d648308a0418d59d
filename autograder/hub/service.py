"""The hub service: receives what students submit, checks it at once, grades it in fair order, and brings the results to people.

Four steps, each of which can be called by itself and does what is to be done at the moment: `receive`, `check`, `dispatch`, `publish`.
`start` calls them in threads, over and over. All that they decide from is on disk, so a kill between any two of their doings loses
nothing: the next `start` goes on from there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.course.profile import find_assignment
from autograder.course.settings import Course
from autograder.course.versions import read_versions
from autograder.errors import AutograderError, StoreError, UsageError
from autograder.hub import views
from autograder.hub.books import Books
from autograder.hub.desk import Desk
from autograder.hub.events import Event, Tell, Value, as_text
from autograder.hub.graders import Grader, Job
from autograder.hub.inbound import user_of
from autograder.hub.precheck import check_submission
from autograder.hub.publisher import Publisher
from autograder.hub.results import Results
from autograder.hub.rules import Fate, in_fair_order
from autograder.hub.state import Checked, InstructorsView, Order, Receipt, StudentsView, SubmissionView
from autograder.hub.views import Live, Work
from autograder.hub.watcher import Clock, Watcher
from autograder.intake.placing import TIMESTAMP, place
from autograder.records import Record

_POLL_S = 1.0
_RETRY_S, _LONGEST_RETRY_S = 60.0, 1800.0
_PAUSE_S = 60.0
_REFRESH_S = 60.0
_SCORES_S = 300.0
_MEASURED = 100  # of the last submissions, from which waits are told

Say = Callable[[str], None]


class Publishing(Protocol):
    """What brings results to people: see `Publisher`."""

    def publish(self, assignment: str, students: Sequence[str]) -> None: ...
    def behind(self, assignment: str) -> list[str]: ...
    def is_stale(self, assignment: str) -> bool: ...


@dataclass
class _Running:
    """A job under way; `began_at` None while it waits for its slot."""

    job: Job
    receipt: Receipt
    began_at: datetime | None = None
    cell: int = 0
    cells: int = 0


class Service:
    """One course's service. `clock` gives aware datetimes; `spawn` begins a job (tests call it in place)."""

    def __init__(
        self,
        course: Course,
        paths: CoursePaths,
        store: Store,
        exchange: Path,
        grader: Grader,
        *,
        publisher: Callable[[Desk], Publishing] | None = None,
        clock: Clock = lambda: datetime.now(UTC),
        owner: Callable[[int], str] = user_of,
        spawn: Callable[[Callable[[], None]], None] | None = None,
        say: Say = lambda _: None,
        tell: Tell | None = None,
    ) -> None:
        self.course, self.paths, self.store = course, paths, store
        self._grader, self._clock, self._told = grader, clock, tell or as_text(say)
        self._desk = Desk(store.root / "hub", [each.id for each in course.assignments], say)
        self._results = Results(store, course.default_profile)
        self._watcher = Watcher(course, exchange, self._desk, clock, owner)
        self._books = Books(course, store, self._desk, self._results, clock)
        self._publisher = publisher(self._desk) if publisher else Publisher(course, paths, store, exchange, self._desk)
        self._spawn = spawn or _in_thread
        self._changed, self._placing = threading.Condition(), threading.Lock()
        self._version = 0
        self._running: dict[str, _Running] = {}
        self._paused: dict[str, tuple[str, datetime]] = {}
        self._unpublished: dict[str, set[str]] = {}
        self._problems: dict[str, str] = {}
        self._failures = 0
        self._turns: deque[tuple[datetime, str]] = deque()
        self._taken: deque[float] = deque(self._measured(), maxlen=_MEASURED)
        self._order: tuple[tuple[int, int], list[Fate]] = ((-1, 0), [])
        self._boards: dict[str, views.Board] = {}
        self._refreshed = clock()
        self._configured_at = _changed_at(paths.config)
        self._to_check: list[Receipt] | None = None
        self._looked_behind: datetime | None = None
        self._decided = 0
        self._recovered = False
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._held = ExitStack()

    # --- begin and end ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins all work. Raises UsageError when another service works with this store."""
        self._held.enter_context(self._desk.alone())
        for step in (self.receive, self.check, self.dispatch, self.publish):
            thread = threading.Thread(target=self._again_and_again, args=(step,), name=f"hub {step.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Ends all work; what was being graded stays in the queue."""
        self._stopped.set()
        self._touch()
        self._grader.stop()
        for thread in self._threads:
            thread.join(timeout=30)
        self._held.close()

    def _again_and_again(self, step: Callable[[], None]) -> None:
        """No failure ends a thread: it is told, and tried again."""
        while not self._stopped.is_set():
            before = self.version()
            try:
                step()
                self._solved(step.__name__)
            except Exception as error:
                said = str(error) if isinstance(error, AutograderError) else f"{type(error).__name__}: {error}"
                self._problem(step.__name__, f"The service could not {step.__name__}: {said}")
                self._stopped.wait(_POLL_S)
            if step == self.receive:
                self._stopped.wait(_POLL_S)
            else:
                self.wait_for_change(before, _POLL_S)

    # --- the four steps -----------------------------------------------------------------------------------------------

    def receive(self) -> None:
        """Receipts for what has arrived in the exchange."""
        if not self._recovered:
            for receipt in self._watcher.recover():
                self._books.gone(receipt)
            self._recovered = True
        for receipt in self._watcher.scan():
            self._books.arrived(receipt)
            with self._changed:
                if self._to_check is not None and not receipt.refused:
                    self._to_check.append(receipt)
            refused = f", refused: {receipt.refused}" if receipt.refused else ""
            self._tell("received", f"received {receipt.id} from {receipt.student}{refused}", receipt, bytes=receipt.size)
            self._touch()
        if self._watcher.problem:
            self._problem("exchange", self._watcher.problem)
        else:
            self._solved("exchange")

    def check(self) -> None:
        """The doctor's findings for what was received, oldest first, and the files into `submitted/`."""
        if not self._recovered:  # files may still be missing
            return
        with self._changed:
            if self._to_check is None:
                self._to_check = self._unchecked()
            waiting = list(self._to_check)
        for receipt in waiting:
            if self._stopped.is_set():
                return
            try:
                self._check(receipt)
                with self._changed:
                    self._to_check.remove(receipt)
                self._solved(f"check {receipt.id}")
            except (AutograderError, OSError) as error:  # it must not hold up the others
                self._problem(f"check {receipt.id}", f"{receipt.id} could not be checked: {error}")
            self._touch()

    def dispatch(self) -> None:
        """Begins what has room, in fair order."""
        now = self._clock()
        if (now - self._refreshed).total_seconds() >= _REFRESH_S:
            self._refreshed = now
            self._books.refresh()
            self._look_at_configuration()
            self._touch()
        if not self._recovered:  # files may still be missing
            return
        for fate in self._fair_order():
            if self._stopped.is_set() or (fate.not_before is not None and fate.not_before > now):
                return
            receipt = fate.receipt
            if self._is_paused(receipt.assignment, now) or self._desk.kept(receipt) is None:
                continue
            if self._books.fate(receipt).phase != "queued":  # taken out of the queue a moment ago
                continue
            queued_s = max(0.0, (now - receipt.arrived_at).total_seconds())
            job = Job(receipt.id, self._desk.submission(receipt), fate.force, queued_s)
            with self._changed:
                if not self._grader.has_room(job, [each.job for each in self._running.values()]):
                    return  # whoever is next waits for room; nobody overtakes
                self._running[receipt.id] = _Running(job, receipt)
            self._turns.append((now, receipt.student))
            self._books.began(receipt)
            self._touch()
            self._spawn(partial(self._grade, job, receipt, fate))

    def publish(self) -> None:
        """Gradebook, feedback and exchange for what was graded since, and for what an earlier service left undone."""
        now, decided = self._clock(), len(self._books.entries())
        long_ago = self._looked_behind is None or (now - self._looked_behind).total_seconds() >= _SCORES_S
        if long_ago or decided != self._decided:  # what is withheld from now on must not stay in the exchange
            self._looked_behind, self._decided = now, decided
            for one in self.course.assignments:
                self._look_behind(one.id)
        for assignment in list(self._unpublished):
            self._publish(assignment)

    def _look_behind(self, assignment: str) -> None:
        """What somebody else changed, or an earlier service did not get to: pages, and scores that people gave by hand."""
        mine = {each.receipt.student for each in self._books.all(assignment) if each.phase == "graded"}
        behind = mine & set(self._publisher.behind(assignment))
        if behind or (mine and self._publisher.is_stale(assignment)):
            with self._changed:
                self._unpublished.setdefault(assignment, set()).update(behind)
        elif mine:
            self._boards.setdefault(assignment, self._board(assignment))

    def _look_at_configuration(self) -> None:
        if _changed_at(self.paths.config) != self._configured_at:
            self._problem("config", f"'{self.paths.config.name}' was changed: start the service again, which then goes by it.")

    # --- what each step does ------------------------------------------------------------------------------------------

    def _unchecked(self) -> list[Receipt]:
        receipts = [each for one in self.course.assignments for each in self._desk.receipts(one.id)]
        missing = [each for each in receipts if not each.refused and self._desk.checked(each.id) is None]
        return sorted((each for each in missing if self._desk.kept(each) is not None), key=lambda each: each.seen_at)

    def _check(self, receipt: Receipt) -> None:
        self._place(receipt)
        self._desk.write_checked(self._examined(receipt))
        if self._books.fate(receipt).phase == "repeated":  # its student may fetch the feedback under the new submission's name, too
            self._to_publish(receipt)

    def _examined(self, receipt: Receipt) -> Checked:
        try:
            releases = read_versions(self.paths, receipt.assignment)
        except UsageError:
            releases = {}
        assignment = find_assignment(self.course, receipt.assignment)
        submission = self._desk.submission(receipt)
        return check_submission(self.course, assignment, receipt, submission, releases, self._clock())

    def _place(self, receipt: Receipt) -> None:
        """Makes it its student's submission in `submitted/`, where `grade` and formgrader look, unless a newer one counts.

        The earlier one is kept aside.
        """
        folder = self._desk.kept(receipt)
        with self._placing:  # checking and grading both see to it, each in its own thread
            if folder is None or not self._books.fate(receipt).newest:
                return
            found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
            files = {name: path for name, path in found.items() if name != TIMESTAMP}
            place(self.paths.submitted, receipt.student, receipt.assignment, files, receipt.arrived_at)

    def _grade(self, job: Job, receipt: Receipt, fate: Fate) -> None:
        """One job, in a thread of its own. Whatever goes wrong is the machine's doing, and it is tried again."""
        record, failed, paused = None, "", ""
        try:
            at = receipt.arrived_at.astimezone(UTC).isoformat(timespec="microseconds")
            self.store.note_arrival(job.submission, at)
            self._place(receipt)
            record = self._grader.grade(job, _Hearing(self, receipt.id))
            if record.outcome == "infra_error":
                failed = record.reason
            elif fate.force:
                self._desk.order(Order("done", receipt.id, "service", self._clock()))
        except StoreError as error:
            failed = str(error)
        except AutograderError as error:
            paused = f"{error.message} {error.cure}".strip()
        except Exception as error:
            failed = f"{type(error).__name__}: {error}"
        if self._stopped.is_set() and (record is None or failed):  # it ended with the service, and waits for the next one
            return
        self._ended(receipt, record, failed, paused)

    def _ended(self, receipt: Receipt, record: Record | None, failed: str, paused: str) -> None:
        now = self._clock()
        if paused:
            self._paused[receipt.assignment] = paused, now + timedelta(seconds=_PAUSE_S)
        elif failed:
            self._failures += 1
            self._tell("postponed", f"{receipt.id} is tried again later: {failed}", receipt)
        elif record is not None:
            self._paused.pop(receipt.assignment, None)
            self._to_publish(receipt)
            self._tell("graded", f"graded {receipt.id}: {record.outcome}", receipt, outcome=record.outcome)
        with self._changed:
            ran = self._running.pop(receipt.id)
            if record is not None and not failed and ran.began_at is not None:
                self._taken.append((now - ran.began_at).total_seconds())
        wait_s = min(_LONGEST_RETRY_S, _RETRY_S * 2 ** self._books.tries(receipt))
        self._books.ended(receipt, now + timedelta(seconds=wait_s) if failed else None)
        self._touch()

    def _publish(self, assignment: str) -> None:
        with self._changed:
            students = self._unpublished.pop(assignment, set())
        try:
            self._publisher.publish(assignment, sorted(students))
            self._tell("published", f"published {assignment}: {len(students)} student(s)", assignment=assignment, students=len(students))
            self._touch()
            self._boards[assignment] = self._board(assignment)
            self._solved(f"publish {assignment}")
        except BaseException as error:
            with self._changed:
                self._unpublished.setdefault(assignment, set()).update(students)
            if not isinstance(error, AutograderError | OSError):
                raise
            self._problem(f"publish {assignment}", f"Results of '{assignment}' are not published yet: {error}")

    def _board(self, assignment: str) -> views.Board:
        metric = find_assignment(self.course, assignment).contest
        return views.board_of(self._results.leaderboard(assignment, metric)) if metric else views.Board()

    def _to_publish(self, receipt: Receipt) -> None:
        with self._changed:
            self._unpublished.setdefault(receipt.assignment, set()).add(receipt.student)

    def heard_began(self, receipt: str) -> None:
        """A job has its slot."""
        with self._changed:
            self._running[receipt].began_at = self._clock()
        self._touch()

    def heard_cell(self, receipt: str, index: int, count: int) -> None:
        """A job has reached a cell."""
        with self._changed:
            if receipt in self._running:
                self._running[receipt].cell, self._running[receipt].cells = index, count
        self._touch()

    # --- what people want ---------------------------------------------------------------------------------------------

    def cancel(self, receipt: str, who: str, why: str = "") -> None:
        """Takes a submission out of the queue. Raises UsageError for what does not wait."""
        fate = self._books.fate(self._desk.find(receipt))
        if fate.phase not in ("queued", "held", "retrying"):
            raise UsageError(f"'{receipt}' does not wait: it is {fate.phase}.", "Only what waits can be taken out of the queue.")
        self._ordered("cancel", fate, who, why)

    def rerun(self, receipt: str, who: str, why: str = "") -> None:
        """Grades a submission once more, whatever is recorded of it. Raises UsageError for what cannot be graded, or waits already."""
        fate = self._books.fate(self._desk.find(receipt))
        if self._desk.kept(fate.receipt) is None:
            raise UsageError(f"'{receipt}' has no files: {fate.note}", "The student has to submit again.")
        if fate.phase in ("queued", "running", "retrying"):
            raise UsageError(f"'{receipt}' is {fate.phase} already.", "Wait until it is graded.")
        self._ordered("rerun", fate, who, why)

    def start_one(self, receipt: str, who: str) -> None:
        """Puts one that waits for an instructor into the queue. Raises UsageError for what does not."""
        fate = self._books.fate(self._desk.find(receipt))
        if fate.phase != "held":
            raise UsageError(f"'{receipt}' does not wait for an instructor: it is {fate.phase}.")
        self._ordered("start", fate, who, "")

    def start_held(self, assignment: str, who: str) -> int:
        """Puts everything that waits for an instructor into the queue; returns how many."""
        held = [each for each in self._books.all(find_assignment(self.course, assignment).id) if each.phase == "held"]
        for fate in held:
            self._ordered("start", fate, who, "")
        return len(held)

    def _ordered(self, kind: views.Wish, fate: Fate, who: str, why: str) -> None:
        self._desk.order(Order(kind, fate.receipt.id, who, self._clock(), why[:500]))
        self._tell("ordered", f"{who} ordered: {kind} {fate.receipt.id}", fate.receipt, order=kind, who=who)
        self._books.changed(fate.receipt)
        self._touch()

    # --- what people see ----------------------------------------------------------------------------------------------

    def version(self) -> int:
        """Grows whenever something that is shown has changed."""
        with self._changed:
            return self._version

    def wait_for_change(self, version: int, timeout_s: float) -> int:
        """Blocks until the version is another one, or the time is over; gives the present one."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != version, timeout_s)
            return self._version

    def students_view(self, user: str) -> StudentsView:
        return views.students_view(self._work(), user)

    def instructors_view(self) -> InstructorsView:
        return views.instructors_view(self._work())

    def submission(self, receipt: str) -> SubmissionView | None:
        """One of them by its id; None when there is none."""
        try:
            fate = self._books.fate(self._desk.find(receipt))
        except UsageError:
            return None
        return views.submission_view(self._work(), fate)

    def record(self, receipt: str) -> Record | None:
        """All that is known of a graded submission, for instructors."""
        found = self._found(receipt)
        return self._results.record(found.assignment, found.student, found.submission_id) if found and not found.refused else None

    def notebook(self, receipt: str) -> Path | None:
        """The executed notebook of a graded submission: untrusted content."""
        record = self.record(receipt)
        counted = next((run.run_key for run in record.runs if run.counted), None) if record else None
        path = self.store.run(counted).notebook_file if counted else None
        return path if path is not None and path.is_file() else None

    def feedback_page(self, user: str, assignment: str) -> Path | None:
        """The page of that student alone; None while there is none, and when it is withheld."""
        return views.feedback_page(self._work(), user, assignment)

    def _found(self, receipt: str) -> Receipt | None:
        try:
            return self._desk.find(receipt)
        except UsageError:
            return None

    def _work(self) -> Work:
        """Everything that the views are made of, at this moment."""
        order = self._fair_order()
        with self._changed:
            now = self._clock()
            begun = {name: each for name, each in self._running.items() if each.began_at is not None}
            handed_over = [name for name in self._running if name not in begun]
            return Work(
                course=self.course,
                paths=self.paths,
                store=self.store,
                desk=self._desk,
                books=self._books,
                results=self._results,
                now=now,
                version=self._version,
                running={name: _live(each, now) for name, each in begun.items()},
                order=(*handed_over, *(each.receipt.id for each in order if each.receipt.id not in self._running)),
                slots=self._grader.slots(),
                where=self._grader.where(),
                taken=tuple(self._taken),
                paused={name: why for name, (why, _) in self._paused.items()},
                problems=tuple(self._problems.values()),
                failures=self._failures,
                unpublished=sum(map(len, self._unpublished.values())),
                boards=dict(self._boards),
            )

    def _fair_order(self) -> list[Fate]:
        """Everything that waits, first who is next; computed once for each version and second."""
        now = self._clock()
        with self._changed:
            moment, known = self._order
            if moment == (self._version, int(now.timestamp())):
                return known
            moment = self._version, int(now.timestamp())
        while self._turns and now - self._turns[0][0] > timedelta(hours=1):
            self._turns.popleft()
        recent: dict[str, int] = {}
        for _, student in list(self._turns):
            recent[student] = recent.get(student, 0) + 1
        found = in_fair_order(self._books.waiting(), recent, now)
        with self._changed:
            self._order = moment, found
        return found

    # --- small things -------------------------------------------------------------------------------------------------

    def _measured(self) -> Iterable[float]:
        """What the last submissions took, before the service was started."""
        graded = [
            known
            for one in self.course.assignments
            for each in self._desk.receipts(one.id)
            if (known := self._results.graded(one.id, each.student, each.submission_id)) is not None and known.seconds > 0
        ]
        return [each.seconds for each in sorted(graded, key=lambda each: each.recorded_at)[-_MEASURED:]]

    def _is_paused(self, assignment: str, now: datetime) -> bool:
        return assignment in self._paused and self._paused[assignment][1] > now

    def _tell(self, kind: str, text: str, receipt: Receipt | None = None, **about: Value) -> None:
        whose = {"receipt": receipt.id, "student": receipt.student, "assignment": receipt.assignment} if receipt else {}
        self._told(Event(kind, text, {**whose, **about}))

    def _touch(self) -> None:
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def _problem(self, key: str, text: str) -> None:
        if self._problems.get(key) != text:
            self._problems[key] = text
            self._tell("problem", text, about=key)
            self._touch()

    def _solved(self, key: str) -> None:
        if self._problems.pop(key, None) is not None:
            self._tell("solved", f"no longer a problem: {key}", about=key)
            self._touch()


@dataclass(frozen=True)
class _Hearing:
    """Passes on what a grader says of one job."""

    service: Service
    receipt: str

    def began(self) -> None:
        self.service.heard_began(self.receipt)

    def cell(self, index: int, count: int) -> None:
        self.service.heard_cell(self.receipt, index, count)


def _live(running: _Running, now: datetime) -> Live:
    elapsed_s = (now - running.began_at).total_seconds() if running.began_at else 0.0
    return Live(elapsed_s, running.cell, running.cells)


def _changed_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="hub job", daemon=True).start()
