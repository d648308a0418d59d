"""A source of views and a hub that knows some tokens, for tests of the pages without either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jupyterhub.services.auth import HubOAuth

from autograder.batch.regraded import Regraded
from autograder.doctor.finding import Finding, Place
from autograder.errors import UsageError
from autograder.feedback.audits import AuditRow, AuditView
from autograder.feedback.report import render_report
from autograder.feedback.student import render_feedback
from autograder.hub.curves import CurveView, Effect, as_line, parse_curve
from autograder.hub.deciding import DecisionForm, DecisionView
from autograder.hub.exports import ExportFile, ExportForm, ExportReport
from autograder.hub.state import (
    AssignmentView,
    BatchView,
    Checked,
    FlaggedView,
    InstructorsView,
    Rank,
    ScoreView,
    Settings,
    StudentsView,
    SubmissionView,
)
from autograder.hub.web.app import connect
from autograder.records import Record
from autograder.term.score import Line
from tests.feedback import samples

PREFIX = "/services/autograder/"
GROUP = "formgrade-keras-digits"
NOW = datetime(2027, 2, 12, 18, 30, tzinfo=ZoneInfo("Europe/Madrid"))
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
DIGEST = "7d" * 32

TOKENS = {
    "ada-token": ("ada", ()),
    "bo-token": ("bo", ()),
    "prof-token": ("prof", (GROUP,)),
    "other-token": ("visitor", ("formgrade-other",)),
}


class FakeHub(HubOAuth):  # type: ignore[misc]
    """Knows who holds which token, and gives a code for a token once."""

    codes: Any = None
    broken = False

    async def user_for_token(self, token: str, use_cache: bool = True, session_id: str = "", *, sync: bool = True) -> dict[str, Any] | None:  # type: ignore[override]
        from tornado.web import HTTPError

        if self.broken:
            raise HTTPError(502, "Failed to check authorization")
        if token not in TOKENS:
            return None
        name, groups = TOKENS[token]
        return {"name": name, "kind": "user", "groups": list(groups), "scopes": ["access:services!service=autograder"], "admin": False}

    async def token_for_code(self, code: str, *, code_verifier: str | None = None, sync: bool = True) -> str:  # type: ignore[override]
        return {"code-of-ada": "ada-token", "code-of-bo": "bo-token"}[code]


def hub() -> FakeHub:
    """A hub at an address where nobody listens."""
    there = Settings(exchange=Path(), prefix=PREFIX, api_url="http://127.0.0.1:1/hub/api", api_token="t" * 40)
    made = connect(there, FakeHub)
    assert isinstance(made, FakeHub)
    return made


def settings(exchange: Path) -> Settings:
    return Settings(exchange=exchange, prefix=PREFIX, instructors=GROUP)


def submission(receipt: str, student: str, phase: Any = "graded", **changes: Any) -> SubmissionView:
    """One that arrived an hour ago."""
    at = NOW - timedelta(hours=1)
    base = SubmissionView(
        receipt, student, receipt.partition(".")[0], phase, "", at, at + timedelta(seconds=2), DIGEST, f"{receipt}'s id", 48_213,
        attempt=1,
        checked=Checked(receipt, at),
    )  # fmt: skip
    return replace(base, **changes)


FINDINGS = (
    Finding(
        "legacy", "costs points", Place(7, "train", "", 3), "`Sequential.predict_classes` is gone.", "Use `predict(...).argmax(axis=1)`."
    ),
    Finding("order", "worth knowing", Place(4, None, MARKUP), "The cells ran in another order.", "Restart and run all."),
)
GRADED = submission("first_dense_network.3", "ada", score=72.5, max_score=90.0, outcome="completed",
                    checked=Checked("first_dense_network.3", NOW, FINDINGS))  # fmt: skip
BEFORE = submission("first_dense_network.1", "ada", "superseded", note="A newer one came before its turn.")
RUNNING = submission("hidden_layers.2", "ada", "running", note="Your notebook runs.", elapsed_s=42.0, cell=7, cells=19, checked=None)
REFUSED = submission("training_choices.1", "ada", "refused", note="The assignment closed on 1 February 2027.", attempt=None, checked=None)
QUEUED_BO = submission("first_dense_network.4", "bo", "queued", note="It has a place in the queue.", place=3, wait_s=140.0)
HOSTILE = submission("first_dense_network.5", MARKUP, note=MARKUP, score=10.0, max_score=90.0, outcome="completed")
HELD = submission("convolutional_digits.1", "bo", "held", note="Your instructor starts the grading.")
EVERYBODY = (HELD, GRADED, BEFORE, RUNNING, REFUSED, QUEUED_BO, HOSTILE)


@dataclass
class FakeSource:
    """Some students with all kinds of luck; `orders` are those that came through."""

    folder: Path
    orders: list[tuple[str, str, str]] = field(default_factory=list)

    def students_view(self, user: str) -> StudentsView:
        due = NOW + timedelta(hours=5, minutes=29)
        mine = [one for one in EVERYBODY if one.student == user]

        def view(assignment: str, title: str, state: Any, note: str, **changes: Any) -> AssignmentView:
            found = tuple(one for one in mine if one.assignment == assignment)
            base = AssignmentView(
                assignment, title, 100.0, state if found else "not_submitted", note if found else "", due, submissions=found
            )
            return replace(base, **changes)

        lines = (Line("Automatic checks", 72.5, ""), Line("Late", -7.25, "handed in 3 h after the due date: 10 % of the points"))
        score = ScoreView(65.25, 90.0, "Score so far: 65.25 of 90 points.", lines) if user == "ada" else None
        feedback = self.folder / f"{user}.html"
        attempts = {"attempts_allowed": 5, "attempts_left": 3, "next_attempt_at": NOW + timedelta(minutes=10), "grace_s": 900.0}
        page = feedback if feedback.is_file() else None
        about = {"feedback": page, "feedback_about": GRADED.submission_id} if page else {}
        first = view("first_dense_network", "First dense network", "graded", "", score=score, **attempts, **about)
        board = (Rank(1, "Frida", "0.9912"), Rank(2, MARKUP, "0.9876", own=True))
        return StudentsView(user, user.title(), "keras-digits", "Deep learning with Keras", NOW, "Europe/Madrid", 1, (
            first,
            view("hidden_layers", "Hidden layers", "running", "Your notebook runs.", closes=due + timedelta(days=7)),
            view("training_choices", "Training choices", "refused", REFUSED.note, due=NOW - timedelta(days=14)),
            view("convolutional_digits", "Convolutional digits", "not_submitted", "", leaderboard=board if user == "ada" else None),
        ))  # fmt: skip

    def instructors_view(self) -> InstructorsView:
        def batch(assignment: str, title: str, **changes: Any) -> BatchView:
            found = tuple(one for one in EVERYBODY if one.assignment == assignment)
            counts: dict[Any, int] = {}
            for one in found:
                counts[one.phase] = counts.get(one.phase, 0) + 1
            running = tuple(one for one in found if one.phase == "running")
            queue = tuple(one for one in found if one.phase == "queued")
            base = BatchView(assignment, title, NOW + timedelta(hours=5), 30, len(found), counts, running, queue, found)
            return replace(base, **changes)

        batches = (
            batch("first_dense_network", "First dense network", done_s=240.0),
            batch("hidden_layers", "Hidden layers"),
            batch("training_choices", "Training choices", paused="A grader is broken: `test_model.py` cannot be imported."),
            batch("convolutional_digits", "Convolutional digits"),
        )
        flags = (FlaggedView("first_dense_network.5", MARKUP, "first_dense_network", "receipt", "backdated", MARKUP),)
        problems = ("The exchange `/srv/nbgrader/exchange` can be read by nobody else: make its mode 1777.",)
        return InstructorsView(
            "keras-digits", "Deep learning with Keras", NOW, "Europe/Madrid", 1, 2, "this machine", batches, flags, problems, 1, 2
        )

    def records(self, assignment: str) -> Sequence[Record]:
        return samples.batch() if assignment == "first_dense_network" else []

    def names(self) -> Mapping[str, str]:
        return {"ada": "Ada Núñez"}

    def submission(self, receipt: str) -> SubmissionView | None:
        return next((one for one in EVERYBODY if one.receipt == receipt), None)

    def report(self, assignment: str, similar: bool = False) -> str | None:
        return render_report(samples.report(*samples.batch())) if assignment == "first_dense_network" and not similar else None

    def record(self, receipt: str) -> Record | None:
        return {"first_dense_network.3": samples.record(), "first_dense_network.5": hostile_record()}.get(receipt)

    def feedback(self, receipt: str) -> str | None:
        return render_feedback(samples.page(notebook=hostile_notebook())) if self.record(receipt) else None

    def notebook(self, receipt: str) -> dict[str, Any] | None:
        return hostile_notebook() if self.record(receipt) else None

    def cancel(self, receipt: str, who: str) -> None:
        self.orders.append(("cancel", receipt, who))

    def rerun(self, receipt: str, who: str) -> None:
        if receipt == RUNNING.receipt:
            raise UsageError("It runs at the moment.", "Wait until it is graded.")
        self.orders.append(("rerun", receipt, who))

    def start_held(self, assignment: str, who: str) -> int:
        self.orders.append(("start", assignment, who))
        return 1

    def audits(self, assignment: str) -> AuditView | None:
        row = AuditRow(MARKUP, "fell", "test_accuracy", "0.946", "0.007", "0.896", "")
        return AuditView(12, 11, (row,)) if assignment == "first_dense_network" else None

    def write_report(self, assignment: str) -> None:
        self.orders.append(("report", assignment, ""))

    def curves(self, assignment: str) -> Sequence[CurveView]:
        if assignment == "hidden_layers":
            raise UsageError("grading_config.py cannot be used.", MARKUP)
        found = CurveView("test_accuracy", "0.85: 0, 0.9: 1", "0.8: 0, 0.88: 1", '"test_accuracy": Curve({0.85: 0, 0.9: 1})')
        return (found,) if assignment == "first_dense_network" else ()

    def try_curve(self, assignment: str, metric: str, points: str) -> Effect:
        if "full" in points:
            raise UsageError(f"'{points}' is no point of a curve.", "Write metric: fraction pairs.")
        changes = (
            Regraded("ada", 72.5, 80.0, changed=True),
            Regraded(MARKUP, 40.0, 12.25, changed=True),
            Regraded("bo", 90.0, 90.0),
            Regraded("eve", 30.0, 30.0, needs_execution=MARKUP),
        )
        return Effect((as_line(metric, parse_curve(points)),), 90.0, changes)

    def apply_curves(self, assignment: str, who: str) -> Effect:
        self.orders.append(("curves", assignment, who))
        return self.try_curve(assignment, "test_accuracy", "0.8: 0, 0.88: 1")

    def decisions(self, assignment: str) -> Sequence[DecisionView]:
        return (
            DecisionView("d2", "2027-02-12 10:15", "garcia", "waive late", MARKUP, MARKUP, ""),
            DecisionView("d1", "2027-02-10 09:00", "garcia", "extend until 2027-02-14 23:59", "", "the hub was down", "d3"),
        )

    def decide(self, form: DecisionForm, who: str) -> str:
        if form.students == "nobody":
            raise UsageError("Nobody of the course is called 'nobody'. Nothing was done.")
        self.orders.append((form.kind, form.students or "everybody", who))
        return "d4 is in the ledger."

    def revoke(self, decision: str, who: str, why: str) -> str:
        self.orders.append(("revoke", f"{decision}: {why}", who))
        return "d5 is in the ledger."

    def exports(self, assignment: str) -> Sequence[ExportFile]:
        return (ExportFile("first_dense_network.nbgrader.csv", "nbgrader", NOW, 2_048),)

    def export(self, form: ExportForm) -> ExportReport:
        if form.form == "canvas" and not form.template:
            raise UsageError("Canvas imports only into a gradebook that it exported.", "Give it as the template.")
        self.orders.append(("export", form.form, form.template.decode()))
        reasons = {MARKUP: "waits for a person to grade why", "bo": MARKUP}
        return ExportReport(f"{form.assignment}.{form.form}.csv", 12, reasons, {"eve": "no row"}, ("zoe (first_dense_network)",))

    def export_file(self, assignment: str, name: str) -> bytes | None:
        return b"student_id,score\nada,80\n" if name == "first_dense_network.nbgrader.csv" else None


def hostile_record() -> Record:
    return samples.record(student=MARKUP, reason=MARKUP, grade_cells=(replace(samples.grade_cells()[0], grade_id=MARKUP),))


def hostile_notebook() -> dict[str, Any]:
    """Every way of putting markup into a notebook that a browser might take seriously."""
    html = {"output_type": "display_data", "metadata": {}, "data": {"text/html": MARKUP, "image/svg+xml": f"<svg>{MARKUP}</svg>"}}
    script = {"output_type": "display_data", "metadata": {}, "data": {"application/javascript": "alert(3)", "text/plain": MARKUP}}
    return samples.notebook(
        samples.markdown("# Title " + MARKUP), samples.code(MARKUP, html, script, samples.stream(MARKUP), samples.error(MARKUP, MARKUP))
    )
