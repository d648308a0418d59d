"""The one interface behind which all that is not a page lies, and what stands behind it: the running service."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from autograder.batch.audit import audit_store
from autograder.batch.store import choose_students
from autograder.course.profile import find_assignment, resolve_profile
from autograder.errors import UsageError
from autograder.feedback.audits import AuditView, audit_view
from autograder.feedback.report import similar_address
from autograder.feedback.writing import write_report
from autograder.gradebook.location import gradebook_url
from autograder.hub.curves import CurveView, Effect
from autograder.hub.deciding import DecisionDesk, DecisionForm, DecisionView
from autograder.hub.exports import ExportDesk, ExportFile, ExportForm, ExportReport
from autograder.hub.service import Service
from autograder.hub.state import InstructorsView, StudentsView, SubmissionView
from autograder.records import Record
from autograder.term.names import read_names

_FRESH_S = 5.0


class Source(Protocol):
    """What the pages ask for; any method may be called from any thread.

    Names of users are those that the hub authenticated. `receipt` and `assignment` are ids as in the views; of what does not exist there
    is None. What an instructor orders raises AutograderError where it cannot be.
    """

    def students_view(self, user: str) -> StudentsView:
        """Everything that this student may see, and nothing of anybody else."""

    def instructors_view(self) -> InstructorsView:
        """Everything that the instructors' page shows live."""

    def submission(self, receipt: str) -> SubmissionView | None:
        """A submission of anybody."""

    def records(self, assignment: str) -> Sequence[Record]:
        """The newest record of each student; none of an unknown assignment."""

    def names(self) -> Mapping[str, str]:
        """What students are called, where the roster says so."""

    def record(self, receipt: str) -> Record | None:
        """The record of this submission."""

    def feedback(self, receipt: str) -> str | None:
        """The page about it that its student reads, as HTML."""

    def notebook(self, receipt: str) -> dict[str, Any] | None:
        """The executed notebook, as nbformat 4 JSON that nobody has made harmless."""

    def report(self, assignment: str, similar: bool = False) -> str | None:
        """The last report about the class, or its page of similar submissions, as HTML."""

    def cancel(self, receipt: str, who: str) -> None:
        """Takes a submission out of the queue, or ends it where it runs."""

    def rerun(self, receipt: str, who: str) -> None:
        """Grades a submission once more."""

    def start_held(self, assignment: str, who: str) -> int:
        """Queues everything that waits for an instructor; says how many these were."""

    def audits(self, assignment: str) -> AuditView | None:
        """What audits of the present records came to; None where there was none."""

    def write_report(self, assignment: str) -> None:
        """Writes the report and its page of similar submissions anew."""

    def curves(self, assignment: str) -> Sequence[CurveView]:
        """The curves in force, and those that the configuration has now."""

    def try_curve(self, assignment: str, metric: str, points: str) -> Effect:
        """What another curve would do to all scores."""

    def apply_curves(self, assignment: str, who: str) -> Effect:
        """Lets the configuration's curves hold for all that was graded."""

    def decisions(self, assignment: str) -> Sequence[DecisionView]:
        """What was decided about the assignment, newest first."""

    def decide(self, form: DecisionForm, who: str) -> str:
        """Writes a decision into the ledger; says what stands there."""

    def revoke(self, decision: str, who: str, why: str) -> str:
        """Takes a decision back."""

    def exports(self, assignment: str) -> Sequence[ExportFile]:
        """Files that were made and can be downloaded."""

    def export(self, form: ExportForm) -> ExportReport:
        """Makes one."""

    def export_file(self, assignment: str, name: str) -> bytes | None:
        """One of them."""


class OfService:
    """The running service as the pages ask it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._records: dict[str, tuple[float, Sequence[Record]]] = {}
        self._lock = threading.Lock()
        self.students_view, self.instructors_view, self.submission = service.students_view, service.instructors_view, service.submission
        self.record, self.cancel, self.rerun, self.start_held = service.record, service.cancel, service.rerun, service.start_held
        self.curves, self.try_curve, self.apply_curves = service.curves.views, service.curves.try_out, service.apply_curves
        decisions, exports = DecisionDesk(service.office), ExportDesk(service.office)
        self.decisions, self.decide, self.revoke = decisions.views, decisions.decide, decisions.revoke
        self.exports, self.export, self.export_file = exports.files, exports.make, exports.read

    def records(self, assignment: str) -> Sequence[Record]:
        """Read anew after five seconds: many instructors may look at a class of hundreds at the same time."""
        with self._lock:
            known = self._records.get(assignment)
            if known is None or time.monotonic() - known[0] > _FRESH_S:
                profile = self._service.office.course.default_profile
                known = time.monotonic(), tuple(self._service.office.store.latest(profile, assignment))
                self._records[assignment] = known
            return known[1]

    def names(self) -> Mapping[str, str]:
        return read_names(self._service.office.store.root)

    def audits(self, assignment: str) -> AuditView | None:
        return audit_view(audit_store(self._service.office.store).of_records(self.records(assignment)))

    def write_report(self, assignment: str) -> None:
        course, paths, store = self._service.office.course, self._service.office.paths, self._service.office.store
        profile = resolve_profile(course, find_assignment(course, assignment), None)
        records = list(store.latest(profile.name, assignment, choose_students(store, profile.name, assignment, ())))
        audits = audit_store(store).of_records(records)
        write_report(course, paths, assignment, profile, store, records, gradebook_url(paths), audits)

    def feedback(self, receipt: str) -> str | None:
        page = self._service.feedback_on(receipt)
        return page.read_text(encoding="utf-8") if page is not None and page.is_file() else None

    def notebook(self, receipt: str) -> dict[str, Any] | None:
        path = self._service.notebook(receipt)
        found: dict[str, Any] | None = json.loads(path.read_bytes()) if path is not None else None
        return found

    def report(self, assignment: str, similar: bool = False) -> str | None:
        try:
            page = self._service.office.paths.report(find_assignment(self._service.office.course, assignment).id)
        except UsageError:
            return None
        page = page.with_name(similar_address(assignment)) if similar else page
        return page.read_text(encoding="utf-8") if page.is_file() else None
