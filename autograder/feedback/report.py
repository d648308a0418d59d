"""The page that instructors read after a batch: `render_report(ReportPage(...))`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from markupsafe import Markup

from autograder.batch.contest import Entry
from autograder.course.settings import Curve
from autograder.feedback import summary
from autograder.feedback.audits import audit_view
from autograder.feedback.charts import histogram
from autograder.feedback.clean import line
from autograder.feedback.difficulty import difficulties, metric_views
from autograder.feedback.items import Item, item_analysis
from autograder.feedback.leaderboard import Leaderboard, leaderboard, leaderboard_address
from autograder.feedback.pages import percent, render_page
from autograder.feedback.student import ManualGrade
from autograder.feedback.words import NOTHING_TO_READ, in_words
from autograder.grading.audit import Audit
from autograder.quality.similarity import Similarity
from autograder.records import Record


@dataclass(frozen=True)
class ReportPage:
    """All that a report is made of.

    Of several records of a student the newest is shown; `manual` by student, then grade id; `curves` by metric, of the
    profile; `due` with its time zone; who has `pass_fraction` of the automatic points has passed; `similar` pairs are listed;
    `audits` of these records; `contest` is the metric of the leaderboard, if there is one, and `entries` are its students; `names` by
    student, from the roster; `extended` has the due date of those for whom it is another one; `reached` has the grade cells up to each
    student's last answer.
    """

    course_title: str
    assignment: str
    profile: str
    records: Sequence[Record]
    generated_at: str
    curves: Mapping[str, Curve] = field(default_factory=dict)
    manual: Mapping[str, Mapping[str, ManualGrade | None]] = field(default_factory=dict)
    due: datetime | None = None
    pass_fraction: float = 0.5
    similar: Similarity = field(default_factory=Similarity)
    audits: Sequence[Audit] = ()
    contest: str | None = None
    entries: Sequence[Entry] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    extended: Mapping[str, datetime] = field(default_factory=dict)
    reached: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def items(self) -> tuple[Item, ...]:
        """The item analysis."""
        return item_analysis(summary.newest(self.records), self.manual, self.reached)

    @property
    def board(self) -> Leaderboard | None:
        """The contest's places; None for an assignment without one."""
        return leaderboard(self.entries) if self.contest else None


@dataclass(frozen=True)
class StudentRow:
    """One line of the table of students. `feedback` is a relative address, empty when there can be none; `name` too may be empty."""

    student: str
    name: str
    score: float | None
    max_score: float
    extra: float
    share: float
    note: str
    waiting: int
    outcome: str
    flags: tuple[str, ...]
    late: str
    attempt: int
    seconds: float
    feedback: str


def render_report(page: ReportPage) -> str:
    """One self-contained HTML file for any number of records; flags and grader errors included, so never for students."""
    records = summary.newest(page.records)
    rows = _rows(page, records)
    shares = [found for found in map(summary.share, records) if found is not None]
    return render_page(
        "report.html",
        page=page,
        title=in_words(page.assignment),
        summary=summary.summary(records, page.pass_fraction, sum(row.waiting > 0 for row in rows)),
        grader_errors=summary.grader_errors(records),
        machine_errors=summary.machine_errors(records),
        scores=Markup(histogram([100 * found for found in shares], 0, 100, marks=(100 * page.pass_fraction,))) if shares else "",
        tests=difficulties(records),
        items=page.items,
        metrics=metric_views(records, page.curves),
        outcomes=summary.outcomes(records),
        without_gpu=sum(record.usage.fell_back for record in records),
        flags=summary.flags(records),
        audit=audit_view(page.audits),
        parts_of_time=summary.parts(records),
        cpu=sum(record.usage.cpu_s for record in records),
        memory=max((record.usage.peak_memory_mib for record in records), default=0.0),
        rows=rows,
        similar_page=similar_address(page.assignment),
        board=page.board,
        board_page=leaderboard_address(page.assignment),
    )


def render_similar(page: ReportPage) -> str:
    """The notebooks of the similar pairs side by side, as one self-contained HTML file."""
    return render_page(
        "similar.html",
        title=in_words(page.assignment),
        course_title=page.course_title,
        generated_at=page.generated_at,
        report=f"{quote(page.assignment, safe='', errors='replace')}.html",
        pairs=list(zip(page.similar.pairs, page.similar.rows, strict=False)),
    )


def similar_address(assignment: str) -> str:
    """Name of the page with the pairs side by side, beside the report."""
    return f"{quote(assignment, safe='', errors='replace')}.similar.html"


def _rows(page: ReportPage, records: Sequence[Record]) -> list[StudentRow]:
    """Unscored ones first, because somebody must act; then by score, highest first, then by name."""
    rows = [_row(page, record) for record in records]
    return sorted(rows, key=lambda row: (row.score is not None, -(row.score or 0.0), row.student))


def _row(page: ReportPage, record: Record) -> StudentRow:
    return StudentRow(
        student=line(record.student, 60),
        name=line(page.names.get(record.student, ""), 80),
        score=record.score,
        max_score=record.max_score,
        extra=record.extra_credit,
        share=percent(record.score or 0.0, record.max_score),
        note=line(record.reason or record.grading_reason, 200) if record.score is None else "",
        waiting=_waiting(record, page.manual.get(record.student, {})),
        outcome=in_words(record.outcome),
        flags=tuple(dict.fromkeys(in_words(flag.kind) for flag in record.flags)),
        late=summary.lateness(record, page.extended.get(record.student, page.due)),
        attempt=record.attempt,
        seconds=record.usage.wall_s,
        feedback=feedback_address(record.student, record.assignment),
    )


def _waiting(record: Record, manual: Mapping[str, ManualGrade | None]) -> int:
    """How many of its cells a person still has to grade."""
    if record.outcome in NOTHING_TO_READ:
        return 0
    grades = [(cell, manual.get(cell.grade_id)) for cell in record.grade_cells if cell.manual and cell.score is None]
    return sum(grade is None or grade.score is None for _, grade in grades)


def feedback_address(student: str, assignment: str) -> str:
    """Where the student's page lies, seen from `reports/`; empty for a name that is no folder."""
    if not student or student in (".", "..") or not assignment:
        return ""
    folder, file = quote(student, safe="", errors="replace"), quote(assignment, safe="", errors="replace")
    return f"../feedback/{folder}/{file}/{file}.html"
