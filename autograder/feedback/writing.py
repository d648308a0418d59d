"""Writes the feedback pages and the report from records, beside what people graded by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from autograder.batch.evidence import evidence_of
from autograder.batch.store import Store
from autograder.course.notebook import read_notebook
from autograder.course.paths import CoursePaths
from autograder.course.profile import RunProfile, due_time, find_assignment
from autograder.course.settings import Course
from autograder.errors import UsageError
from autograder.feedback.report import ReportPage, render_report, render_similar, similar_address
from autograder.feedback.student import FeedbackPage, ManualGrade, render_feedback
from autograder.files import write_atomic
from autograder.gradebook.writing import read_manual_scores
from autograder.grading.audit import Audit
from autograder.quality.similarity import Similarity, compare_notebooks
from autograder.records import Record


def write_feedback(
    course: Course, paths: CoursePaths, assignment: str, profile: RunProfile, store: Store, records: Iterable[Record], gradebook_url: str
) -> list[Path]:
    """Writes one page for each record and returns their paths, in the same order."""
    manual, due = manual_grades(gradebook_url, assignment), due_of(course, assignment)
    pages = []
    for record in records:
        counted = next((run.run_key for run in record.runs if run.counted), None)
        page = FeedbackPage(
            record=record,
            course_title=course.title,
            notebook=store.run(counted).notebook() if counted else None,
            evidence=evidence_of(store, record),
            curves=profile.curves,
            manual=manual.get(record.student, {}),
            after_due=due is not None and datetime.now(UTC) > due,
            due=due.strftime("%d %B %Y, %H:%M") if due else None,
            timezone=course.timezone,
        )
        pages.append(paths.feedback(record.student, assignment))
        write_atomic(pages[-1], render_feedback(page))
    return pages


def write_report(
    course: Course,
    paths: CoursePaths,
    assignment: str,
    profile: RunProfile,
    store: Store,
    records: Sequence[Record],
    gradebook_url: str,
    audits: Sequence[Audit] = (),
) -> Path:
    """Writes the page for instructors, beside it one with similar submissions if there are any, and returns the first one's path."""
    page = ReportPage(
        course_title=course.title,
        assignment=assignment,
        profile=profile.name,
        records=records,
        generated_at=datetime.now(ZoneInfo(course.timezone)).strftime("%d %B %Y, %H:%M"),
        curves=profile.curves,
        manual=manual_grades(gradebook_url, assignment),
        due=due_of(course, assignment),
        similar=_similarity(paths, assignment, store, records),
        audits=audits,
    )
    path = paths.report(assignment)
    similar = path.with_name(similar_address(assignment))
    if page.similar.pairs:
        write_atomic(similar, render_similar(page))
    else:
        similar.unlink(missing_ok=True)  # of an earlier report
    write_atomic(path, render_report(page))
    return path


def _similarity(paths: CoursePaths, assignment: str, store: Store, records: Sequence[Record]) -> Similarity:
    """The executed notebooks compared with each other; nothing without a release version, since what it gave is not the students'."""
    release = paths.release_notebook(assignment)
    if not release.is_file():
        return Similarity()
    counted = {record.student: run.run_key for record in records for run in record.runs if run.counted}
    notebooks = {student: notebook for student, key in counted.items() if (notebook := store.run(key).notebook()) is not None}
    return compare_notebooks(notebooks, read_notebook(release))


def manual_grades(gradebook_url: str, assignment: str) -> dict[str, dict[str, ManualGrade]]:
    """What people graded by hand, by student and grade id; nothing when there is no gradebook yet."""
    try:
        found = read_manual_scores(gradebook_url, assignment)
    except UsageError:
        return {}
    return {
        student: {name: ManualGrade(each.manual_score, each.extra_credit or 0.0, each.comment or "") for name, each in grades.items()}
        for student, grades in found.items()
    }


def due_of(course: Course, assignment: str) -> datetime | None:
    """The deadline in the course's time zone, or None."""
    due = find_assignment(course, assignment).due
    return due_time(course, due) if due else None
