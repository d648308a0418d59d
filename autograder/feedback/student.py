"""The page that one student reads: `render_feedback(FeedbackPage(...))`. Never flags, instructors' checks or hidden images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autograder.course.settings import Curve
from autograder.feedback.advice import further_findings
from autograder.feedback.cells import NotebookCell, Output, first_heading, headings, notebook_cells
from autograder.feedback.clean import line, paragraph
from autograder.feedback.evidence import history_views, matrix_views
from autograder.feedback.explained import Explanation, explain_first_failure
from autograder.feedback.metrics import MetricBar, metric_bar
from autograder.feedback.mistakes import Images, mistake_views
from autograder.feedback.pages import percent, render_page
from autograder.feedback.settled import settled
from autograder.feedback.words import (
    NOTHING_TO_READ,
    clock,
    explain_error,
    in_words,
    outcome_words,
    rerun_words,
    test_title,
    told_reason,
    unscored_reason,
)
from autograder.records import Evidence, GradeCell, Record, TestResult
from autograder.term.score import Final


@dataclass(frozen=True)
class ManualGrade:
    """What a person gave for a cell. `score` None: not graded yet; on an automatic cell it stands in place of its score."""

    score: float | None = None
    extra_credit: float = 0.0
    comment: str = ""


@dataclass(frozen=True)
class FeedbackPage:
    """All that a student's page is made of.

    `notebook` is the executed one, as nbformat 4 JSON, or None; `manual` by grade id; `curves` by metric, of the record's
    profile; `after_due` says whether the tests of that visibility may be shown; `due` is the date as the page should write it;
    `images` are the visible ones, to which the evidence's mistakes refer; `final` is the score with lateness and decisions.
    """

    record: Record
    course_title: str = ""
    notebook: dict[str, Any] | None = None
    evidence: Evidence = field(default_factory=Evidence)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    manual: Mapping[str, ManualGrade | None] = field(default_factory=dict)
    after_due: bool = False
    due: str | None = None
    timezone: str = "UTC"
    images: Images | None = None
    final: Final | None = None


@dataclass(frozen=True)
class CheckView:
    """One test as a student sees it. `state`: full, part, none or unscored."""

    title: str
    state: str
    fraction: float | None
    message: str
    hint: str
    metrics: tuple[MetricBar, ...]


@dataclass(frozen=True)
class GradeView:
    """One grade cell. `state`: full, part, none, waiting (for a person) or unscored; `later` counts the checks shown after the due date."""

    title: str
    grade_id: str
    score: float | None
    max_score: float
    state: str
    checks: tuple[CheckView, ...]
    later: int
    unseen: bool
    replaces: float | None
    manual: ManualGrade
    place: int | None
    extra: bool = False

    @property
    def share(self) -> float:
        """Score in percent, for the bar."""
        return percent(self.score or 0.0, self.max_score)

    @property
    def open(self) -> bool:
        """Whether it stands open: where points were lost, somebody wrote something, or a person will grade."""
        return bool(self.manual.comment) or self.state in ("part", "none", "waiting") or (self.state == "unscored" and bool(self.checks))


@dataclass(frozen=True)
class Totals:
    """The sums in the header; `together` is None while anything is unscored."""

    waiting: tuple[GradeView, ...]
    waiting_points: float
    by_hand: bool
    together: float | None
    possible: float


def render_feedback(page: FeedbackPage) -> str:
    """One self-contained HTML file: no script, no address but its own anchors, everything from students as text."""
    record = page.record
    explained = explain_first_failure(page.notebook, record.first_error)
    cells = _with_help(notebook_cells(page.notebook), explained)
    grades = _grades(page, cells)
    return render_page(
        "student.html",
        page=page,
        record=record,
        title=first_heading(page.notebook) or in_words(record.assignment),
        student=line(record.student),
        submitted=clock(record.submitted_at, page.timezone),
        share=percent(record.score or 0.0, record.max_score),
        unscored=unscored_reason(record) if record.score is None else "",
        totals=_totals(grades),
        settled=settled(page.final, record),
        outcome=outcome_words(record),
        reason=told_reason(record),
        reruns=rerun_words(record),
        error=_first_error(page, cells, explained),
        advice=_advice(page, cells, explained),
        grades=grades,
        histories=history_views(page.evidence.histories),
        matrices=matrix_views(page.evidence.confusions),
        mistakes=mistake_views(page.evidence.mistakes, page.images),
        cells=cells,
    )


def _grades(page: FeedbackPage, cells: Sequence[NotebookCell]) -> tuple[GradeView, ...]:
    titles = headings(page.notebook)
    places = {cell.grade_id: cell.number for cell in cells if cell.grade_id}
    return tuple(_grade(cell, titles.get(cell.grade_id, ""), places.get(cell.grade_id), page) for cell in page.record.grade_cells)


def _grade(cell: GradeCell, title: str, place: int | None, page: FeedbackPage) -> GradeView:
    manual = page.manual.get(cell.grade_id) or ManualGrade()
    score = cell.score if manual.score is None else manual.score
    replaced = cell.score if manual.score is not None and not cell.manual and manual.score != cell.score else None
    return GradeView(
        title=title or in_words(cell.grade_id),
        grade_id=line(cell.grade_id),
        score=score,
        max_score=cell.max_score,
        state=_state(score, cell, page.record),
        checks=_checks([test for test in cell.tests if _shown(test, page.after_due)], page.curves),
        later=sum(test.visibility == "after_due" for test in cell.tests) if not page.after_due else 0,
        unseen=any(test.visibility == "instructor" for test in cell.tests),
        replaces=replaced,
        manual=manual,
        place=place,
        extra=cell.extra,
    )


def _state(score: float | None, cell: GradeCell, record: Record) -> str:
    if score is None:
        return "waiting" if cell.manual and record.outcome not in NOTHING_TO_READ else "unscored"
    if score >= cell.max_score:
        return "full"
    return "part" if score > 0 else "none"


def _shown(test: TestResult, after_due: bool) -> bool:
    return test.visibility == "visible" or (test.visibility == "after_due" and after_due)


def _checks(tests: Sequence[TestResult], curves: Mapping[str, Curve]) -> tuple[CheckView, ...]:
    """The cases of one parametrised test are told apart by number, never by their arguments."""
    titles = [test_title(test.name) for test in tests]
    cases = Counter(titles)
    seen: Counter[str] = Counter()
    views = []
    for title, test in zip(titles, tests, strict=True):
        seen[title] += 1
        of = f" (case {seen[title]} of {cases[title]})" if cases[title] > 1 else ""
        views.append(_check(test, title + of, curves))
    return tuple(views)


def _check(test: TestResult, title: str, curves: Mapping[str, Curve]) -> CheckView:
    if test.fraction is None:  # the grader failed; what it says is for the instructor
        return CheckView(title, "unscored", None, "This check is itself broken. Your instructor mends it; you lose nothing.", "", ())
    full = test.passed and test.fraction >= 1
    state = "full" if full else "part" if test.fraction > 0 else "none"
    hint = "" if full else paragraph(test.hint or "", 1_000)
    bars = tuple(metric_bar(name, value, curves) for name, value in test.measured.items())
    return CheckView(title, state, test.fraction, paragraph(test.message), hint, bars)


def _totals(grades: Sequence[GradeView]) -> Totals:
    waiting = tuple(grade for grade in grades if grade.state == "waiting")
    scores = [grade.score + grade.manual.extra_credit for grade in grades if grade.score is not None]
    return Totals(
        waiting=waiting,
        waiting_points=sum(grade.max_score for grade in waiting),
        by_hand=any(grade.manual.score is not None or grade.manual.extra_credit for grade in grades),
        together=sum(scores) if len(scores) == len(grades) else None,
        possible=sum(grade.max_score for grade in grades if not grade.extra),
    )


def _with_help(cells: Sequence[NotebookCell], explained: Explanation | None) -> tuple[NotebookCell, ...]:
    """The explanation of the first error also stands at the cell that failed."""
    if explained is None:
        return tuple(cells)
    told = Output("help", "", explained.text)
    return tuple(replace(cell, outputs=(*cell.outputs, told)) if cell.number == explained.cell else cell for cell in cells)


def _first_error(page: FeedbackPage, cells: Sequence[NotebookCell], explained: Explanation | None) -> dict[str, Any] | None:
    error = page.record.first_error
    if error is None:
        return None
    title = headings(page.notebook).get(error.cell) or (f"cell {error.cell}" if error.cell.isdigit() else in_words(error.cell))
    return {
        "where": line(title),
        "name": line(error.name, 80),
        "message": paragraph(error.message, 1_000),
        "explanation": explained.text if explained else explain_error(error),
        "line": explained.cause.line if explained else None,
        "elsewhere": explained.elsewhere if explained and any(cell.number == explained.elsewhere for cell in cells) else None,
        "later": explained.later if explained else 0,
        "place": next((cell.number for cell in cells if cell.failed), None),
    }


def _advice(page: FeedbackPage, cells: Sequence[NotebookCell], explained: Explanation | None) -> list[dict[str, Any]]:
    """What else the doctor would mend: where it stands, and in words."""
    shown = {cell.number for cell in cells}
    return [
        {
            "where": line(str(each.place), 120),
            "place": each.place.cell if each.place.cell in shown else None,
            "text": f"{each.reason} {each.cure}",
        }
        for each in further_findings(page.notebook, page.record.first_error, explained)
    ]
