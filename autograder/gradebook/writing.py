"""Writes records into nbgrader's gradebook, and reads back what people graded by hand.

A regrade changes automatic scores only. Manual scores, extra credit and manual comments belong to the person who wrote them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autograder.errors import UsageError
from autograder.gradebook.session import gradebook_is_missing, open_gradebook
from autograder.records import GradeCell, Record

_NO_RESPONSE = "No response."


@dataclass(frozen=True)
class GradebookSummary:
    """What was written: students in order; of those, who has cells that wait for a person; grade ids the gradebook lacks."""

    students: tuple[str, ...] = ()
    needs_manual_grade: tuple[str, ...] = ()
    unknown_cells: tuple[str, ...] = ()


@dataclass(frozen=True)
class ManualGrade:
    """What a person gave for one cell; None where they gave nothing."""

    manual_score: float | None
    extra_credit: float | None
    comment: str | None


def write_gradebook(url: str, records: Sequence[Record], unanswered: Mapping[str, Iterable[str]] | None = None) -> GradebookSummary:
    """Writes automatic scores, one commit per student, so that a kill leaves whole students.

    A None score, and a cell that the record does not name, keep what the gradebook had and wait for a person; so do manual
    cells. `unanswered`: by student, the solution cells that were left as released; their comment becomes "No response.".
    Raises UsageError when an assignment was never released, before anything is written.
    """
    if not records:
        return GradebookSummary()
    with open_gradebook(url) as gradebook:
        for assignment in sorted({record.assignment for record in records}):
            _require_released(gradebook, assignment)
        written = [_write(gradebook, record, None if unanswered is None else unanswered.get(record.student)) for record in records]
    pairs = list(zip(records, written, strict=True))
    return GradebookSummary(
        students=tuple(record.student for record in records),
        needs_manual_grade=tuple(record.student for record, each in pairs if each.waits),
        unknown_cells=tuple(dict.fromkeys(f"{record.assignment}: {name}" for record, each in pairs for name in each.unknown)),
    )


@dataclass(frozen=True)
class _Written:
    waits: bool
    unknown: tuple[str, ...]


def _require_released(gradebook: Any, assignment: str) -> None:
    from nbgrader.api import MissingEntry

    try:
        gradebook.find_notebook(assignment, assignment)
    except MissingEntry:
        raise UsageError(f"The gradebook does not know '{assignment}'.", f"Run `autograder release {assignment}` first.") from None


def _write(gradebook: Any, record: Record, unanswered: Iterable[str] | None) -> _Written:
    submission = _submission(gradebook, record)
    submitted_at = _utc(record.submitted_at)
    handed_in_again = None not in (submitted_at, submission.timestamp) and submitted_at != submission.timestamp
    submission.timestamp = submitted_at or submission.timestamp
    cells = {cell.grade_id: cell for cell in record.grade_cells}
    grades = _grades(gradebook, submission)
    for name, grade in grades.items():
        _write_grade(grade, cells.get(name), handed_in_again)
    if unanswered is not None:
        _write_comments(gradebook, submission, frozenset(unanswered))
    waits = any(grade.needs_manual_grade for grade in grades.values())
    gradebook.db.commit()
    return _Written(waits, tuple(name for name in cells if name not in grades))


def _submission(gradebook: Any, record: Record) -> Any:
    from nbgrader.api import MissingEntry

    try:
        return gradebook.find_submission(record.assignment, record.student)
    except MissingEntry:
        gradebook.update_or_create_student(record.student)
        return gradebook.add_submission(record.assignment, record.student)


def _utc(text: str | None) -> datetime | None:
    """A submission's time as nbgrader stores it, UTC without a time zone; None for what is no time."""
    from nbgrader.utils import parse_utc

    try:
        parsed: datetime | None = parse_utc(text)
    except (ValueError, OverflowError):
        return None
    return parsed


def _grades(gradebook: Any, submission: Any) -> dict[str, Any]:
    from nbgrader.api import BaseCell, Grade, SubmittedNotebook

    rows = (
        gradebook.db.query(BaseCell.name, Grade)
        .join(BaseCell, BaseCell.id == Grade.cell_id)
        .join(SubmittedNotebook, SubmittedNotebook.id == Grade.notebook_id)
        .filter(SubmittedNotebook.assignment_id == submission.id)
    )
    return {str(name): grade for name, grade in rows}


def _write_grade(grade: Any, cell: GradeCell | None, handed_in_again: bool) -> None:
    """One rule for all cells: what nobody scored waits for a person; what a person scored waits again only when it changed."""
    score = None if cell is None or cell.manual else cell.score
    changed = handed_in_again or (score is not None and score != grade.auto_score)
    if grade.manual_score is None:
        grade.needs_manual_grade = score is None
    elif changed:
        grade.needs_manual_grade = True
    if score is not None:
        grade.auto_score = score


def _write_comments(gradebook: Any, submission: Any, unanswered: frozenset[str]) -> None:
    """Sets nbgrader's own automatic comment and takes it away again; any other automatic comment stays."""
    from nbgrader.api import BaseCell, Comment, SubmittedNotebook

    rows = (
        gradebook.db.query(BaseCell.name, Comment)
        .join(BaseCell, BaseCell.id == Comment.cell_id)
        .join(SubmittedNotebook, SubmittedNotebook.id == Comment.notebook_id)
        .filter(SubmittedNotebook.assignment_id == submission.id)
    )
    for name, comment in rows:
        if name in unanswered:
            comment.auto_comment = _NO_RESPONSE
        elif comment.auto_comment == _NO_RESPONSE:
            comment.auto_comment = None


def read_manual_scores(url: str, assignment: str) -> dict[str, dict[str, ManualGrade]]:
    """What people graded by hand, by student and cell id; cells without any of it are left out. No gradebook: nothing."""
    if gradebook_is_missing(url):
        return {}
    with open_gradebook(url) as gradebook:
        comments = {(student, cell): text for student, cell, text in _manual_comments(gradebook, assignment)}
        grades = {(student, cell): (score, extra) for student, cell, score, extra in _manual_grades(gradebook, assignment)}
    found: dict[str, dict[str, ManualGrade]] = {}
    for student, cell in sorted({*comments, *grades}):
        score, extra = grades.get((student, cell), (None, None))
        found.setdefault(student, {})[cell] = ManualGrade(score, extra, comments.get((student, cell)))
    return found


def _manual_grades(gradebook: Any, assignment: str) -> list[Any]:
    from nbgrader.api import Grade
    from sqlalchemy import or_

    given = or_(Grade.manual_score.is_not(None), Grade.extra_credit.is_not(None))
    return _of_assignment(gradebook, assignment, Grade, (Grade.manual_score, Grade.extra_credit), given)


def _manual_comments(gradebook: Any, assignment: str) -> list[Any]:
    from nbgrader.api import Comment

    return _of_assignment(gradebook, assignment, Comment, (Comment.manual_comment,), Comment.manual_comment != "")


def _of_assignment(gradebook: Any, assignment: str, table: Any, columns: tuple[Any, ...], condition: Any) -> list[Any]:
    """Rows (student, cell id, *columns) of a table that hangs on submitted notebooks."""
    from nbgrader.api import Assignment, BaseCell, SubmittedAssignment, SubmittedNotebook

    query = (
        gradebook.db.query(SubmittedAssignment.student_id, BaseCell.name, *columns)
        .select_from(table)
        .join(BaseCell, BaseCell.id == table.cell_id)
        .join(SubmittedNotebook, SubmittedNotebook.id == table.notebook_id)
        .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .filter(Assignment.name == assignment, condition)
    )
    return list(query)
