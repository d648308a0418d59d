"""The hub service: receives what students submit, checks it at once, grades it in fair order, and brings the results to people.

Four steps, each of which can be called by itself and does what is to be done at the moment: `receive`, `check`, `dispatch`, `publish`.
`start` calls them in threads, over and over. All that they decide from is on disk, so a kill between any two of their doings loses
nothing: the next `start` goes on from there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from autograder.batch.store import Store
from autograder.course.paths import CoursePaths
from autograder.course.profile import find_assignment
from autograder.course.settings import Course
from autograder.errors import AutograderError, UsageError
from autograder.hub.configuration import Configuration
from autograder.hub.curves import CurveDesk, Effect
from autograder.hub.desk import Desk
from autograder.hub.dispatcher import Dispatcher, Spawn
from autograder.hub.events import Tell, as_text
from autograder.hub.graders import Grader
from autograder.hub.inbound import user_of
from autograder.hub.office import open_office
from autograder.hub.outbound import Outbound, Publishing
from autograder.hub.publisher import Publisher
from autograder.hub.reception import Reception
from autograder.hub.rules import Fate
from autograder.hub.state import InstructorsView, Order, OrderKind, Receipt, StudentsView, SubmissionView
from autograder.hub.views.instructors import instructors_view
from autograder.hub.views.moment import Work
from autograder.hub.views.students import students_view
from autograder.hub.views.submission import submission_view
from autograder.hub.watcher import Clock, Watcher
from autograder.records import Record
from autograder.term.decisions import final_students

_POLL_S = 1.0
_REFRESH_S = 60.0


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
        spawn: Spawn | None = None,
        say: Callable[[str], None] = lambda _: None,
        tell: Tell | None = None,
    ) -> None:
        self.office = office = open_office(course, paths, store, clock, say, tell or as_text(say))
        made = publisher(office.desk) if publisher else Publisher(office, exchange)
        self.outbound = Outbound(office, made)
        self.reception = Reception(office, Watcher(course, exchange, office.desk, clock, owner), self.outbound.add)
        self.dispatcher = Dispatcher(office, grader, self.reception.place, self._graded, spawn or _in_thread)
        self._grader = grader
        self._configuration = Configuration(paths)
        self.curves = CurveDesk(office, grader.plans, self._configuration)
        self._refreshed = clock()
        self._threads: list[threading.Thread] = []
        self._held = ExitStack()

    # --- begin and end ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins all work. Raises UsageError when another service works with this store."""
        self._held.enter_context(self.office.desk.alone())
        for step in (self.receive, self.check, self.dispatch, self.publish):
            thread = threading.Thread(target=self._again_and_again, args=(step,), name=f"hub {step.__name__}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Ends all work; what was being graded stays in the queue."""
        self.office.stopped.set()
        self.office.news.touch()
        self._grader.stop()
        for thread in self._threads:
            thread.join(timeout=30)
        self._held.close()

    def _again_and_again(self, step: Callable[[], None]) -> None:
        """No failure ends a thread: it is told, and tried again."""
        stopped, news = self.office.stopped, self.office.news
        while not stopped.is_set():
            before = self.version()
            try:
                step()
                news.solved(step.__name__)
            except Exception as error:
                said = str(error) if isinstance(error, AutograderError) else f"{type(error).__name__}: {error}"
                news.problem(step.__name__, f"The service could not {step.__name__}: {said}")
                stopped.wait(_POLL_S)
            if step == self.receive or (step == self.check and self.reception.failing):
                stopped.wait(_POLL_S)
            else:
                self.wait_for_change(before, _POLL_S)

    # --- the four steps -----------------------------------------------------------------------------------------------

    def receive(self) -> None:
        """Receipts for what has arrived in the exchange."""
        self.reception.receive()

    def check(self) -> None:
        """The doctor's findings for what was received, oldest first, and the files into `submitted/`."""
        self.reception.check()

    def dispatch(self) -> None:
        """Begins what has room, in fair order."""
        now = self.office.clock()
        if (now - self._refreshed).total_seconds() >= _REFRESH_S:
            self._refreshed = now
            self.office.books.refresh()
            self._look_at_configuration()
            self.office.news.touch()
        if trouble := self._grader.trouble():
            self.office.news.problem("workers", trouble)
        else:
            self.office.news.solved("workers")
        if self.reception.recovered:
            self.dispatcher.dispatch()

    def publish(self) -> None:
        """Gradebook, feedback and exchange for what was graded since, and for what an earlier service left undone."""
        self.outbound.publish()

    def _graded(self, receipt: Receipt, begun_at: datetime) -> None:
        try:
            self.curves.bring_up(receipt.assignment, receipt.student, begun_at)
            self._point_to_newest(receipt.assignment, receipt.student)
        finally:
            self.outbound.add(receipt)

    def _point_to_newest(self, assignment: str, student: str) -> None:
        """An older submission that was graded again does not become the student's present one."""
        office = self.office
        for fate in reversed(office.books.fates(assignment, student)):
            each = fate.receipt
            known = office.results.graded(assignment, student, each.submission_id) if not each.refused else None
            record = office.results.record(assignment, student, each.submission_id) if known is not None and known.final else None
            if record is not None:
                office.store.point_to(record)
                return

    def _look_at_configuration(self) -> None:
        problem = self._configuration.problem(self.office.course)
        if problem:
            self.office.news.problem("config", problem)
        else:
            self.office.news.solved("config")

    # --- what people want ---------------------------------------------------------------------------------------------

    def cancel(self, receipt: str, who: str, why: str = "") -> None:
        """Takes a submission out of the queue, or ends it where it runs. Raises UsageError where neither is possible."""
        fate = self.office.books.fate(self.office.desk.find(receipt))
        order = partial(self._ordered, "cancel", fate, who, why)
        waits = fate.phase in ("queued", "held", "retrying")
        if waits and self.dispatcher.take_out(fate.receipt, order):
            return
        if waits or fate.phase == "running":
            if not self.dispatcher.cancel(receipt, order):
                text = f"'{receipt}' cannot be ended where it runs: it has just begun or ended, or a worker of the cluster has it."
                raise UsageError(text, "Look again in a moment; at the latest it ends with its time limit.")
        else:
            raise UsageError(f"'{receipt}' neither waits nor runs: it is {fate.phase}.", "Only what waits or runs can be cancelled.")

    def rerun(self, receipt: str, who: str, why: str = "") -> None:
        """Grades a submission once more, whatever is recorded of it.

        Raises UsageError for what cannot be graded, waits already, or belongs to a score that is final.
        """
        fate = self.office.books.fate(self.office.desk.find(receipt))
        student, assignment = fate.receipt.student, fate.receipt.assignment
        if final_students(self.office.store.root, assignment, [student]):
            cure = f"Reopen it first: autograder decide reopen {assignment} --student {student} --until … --why …"
            raise UsageError(f"The score of '{student}' in '{assignment}' is final, so '{receipt}' is not graded again.", cure)
        if self.office.desk.kept(fate.receipt) is None:
            raise UsageError(f"'{receipt}' has no files: {fate.note}", "The student has to submit again.")
        if fate.phase in ("queued", "running", "retrying"):
            raise UsageError(f"'{receipt}' is {fate.phase} already.", "Wait until it is graded.")
        self._ordered("rerun", fate, who, why)

    def start_one(self, receipt: str, who: str) -> None:
        """Puts one that waits for an instructor into the queue. Raises UsageError for what does not."""
        fate = self.office.books.fate(self.office.desk.find(receipt))
        if fate.phase != "held":
            raise UsageError(f"'{receipt}' does not wait for an instructor: it is {fate.phase}.")
        self._ordered("start", fate, who, "")

    def start_held(self, assignment: str, who: str) -> int:
        """Puts everything that waits for an instructor into the queue; returns how many."""
        held = [each for each in self.office.books.all(find_assignment(self.office.course, assignment).id) if each.phase == "held"]
        for fate in held:
            self._ordered("start", fate, who, "")
        return len(held)

    def apply_curves(self, assignment: str, who: str) -> Effect:
        """The curves that the configuration has now, for all recorded scores too. Raises AutograderError where that is not possible."""
        done = self.curves.apply(assignment, who)
        self._look_at_configuration()
        self.outbound.look_behind()
        self.office.news.touch()
        return done

    def _ordered(self, kind: OrderKind, fate: Fate, who: str, why: str) -> None:
        self.office.desk.order(Order(kind, fate.receipt.id, who, self.office.clock(), why[:500]))
        self.office.news.tell("ordered", f"{who} ordered: {kind} {fate.receipt.id}", fate.receipt, order=kind, who=who)
        self.office.books.changed(fate.receipt)
        self.office.news.touch()

    # --- what people see ----------------------------------------------------------------------------------------------

    def version(self) -> int:
        """Grows whenever something that is shown has changed."""
        return self.office.news.version()

    def wait_for_change(self, version: int, timeout_s: float) -> int:
        """Blocks until the version is another one, or the time is over; gives the present one."""
        return self.office.news.wait_for_change(version, timeout_s)

    def students_view(self, user: str) -> StudentsView:
        return students_view(self._work(), user)

    def instructors_view(self) -> InstructorsView:
        return instructors_view(self._work())

    def submission(self, receipt: str) -> SubmissionView | None:
        """One of them by its id; None when there is none."""
        found = self._found(receipt)
        return submission_view(self._work(), self.office.books.fate(found)) if found is not None else None

    def record(self, receipt: str) -> Record | None:
        """All that is known of a graded submission, for instructors."""
        found = self._found(receipt)
        if found is None or found.refused:
            return None
        return self.office.results.record(found.assignment, found.student, found.submission_id)

    def notebook(self, receipt: str) -> Path | None:
        """The executed notebook of a graded submission: untrusted content."""
        record = self.record(receipt)
        counted = next((run.run_key for run in record.runs if run.counted), None) if record else None
        path = self.office.store.run(counted).notebook_file if counted else None
        return path if path is not None and path.is_file() else None

    def feedback_page(self, user: str, assignment: str) -> Path | None:
        """The page of that student alone; None while there is none, and when it is withheld."""
        return self._work().feedback_page(user, assignment)

    def feedback_on(self, receipt: str) -> Path | None:
        """The page about this submission, for instructors; None while there is none, or it is about another one."""
        found = self._found(receipt)
        if found is None or found.refused:
            return None
        about = self._work().feedback_about(found.student, found.assignment)
        return self.office.paths.feedback(found.student, found.assignment) if about == found.submission_id else None

    def _found(self, receipt: str) -> Receipt | None:
        try:
            return self.office.desk.find(receipt)
        except UsageError:
            return None

    def _work(self) -> Work:
        """Everything that the views are made of, at this moment."""
        office, dispatcher = self.office, self.dispatcher
        office.books.entries()  # what was decided a moment ago is shown
        order, now = dispatcher.fair_order(), office.clock()
        begun, handed_over = dispatcher.running(now)
        ahead = {*begun, *handed_over}
        return Work(
            course=office.course,
            paths=office.paths,
            store=office.store,
            desk=office.desk,
            books=office.books,
            results=office.results,
            now=now,
            version=office.news.version(),
            running=begun,
            order=(*handed_over, *(each.receipt.id for each in order if each.receipt.id not in ahead)),
            slots=self._grader.slots(),
            where=self._grader.where(),
            taken=dispatcher.taken(),
            paused=dispatcher.paused(),
            problems=office.news.problems(),
            failures=dispatcher.failures,
            unpublished=self.outbound.waiting(),
            boards=self.outbound.boards(),
        )


def _in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="hub job", daemon=True).start()
