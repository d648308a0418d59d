"""Writes records into nbgrader's gradebook, and reads back what people graded by hand.

A regrade changes automatic scores only. Manual scores, extra credit and manual comments belong to the person who wrote them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from autograder.errors import UsageError
from autograder.gradebook.session import gradebook_is_missing, open_gradebook
from autograder.records import GradeCell, Record

_NO_RESPONSE = "No response."
_ATTEMPTS = 5
_OVERTAKEN = ("40001", "40P01")  # PostgreSQL's codes for transactions that should be tried again; the second is a deadlock


@dataclass(frozen=True)
class GradebookSummary:
    """Who has cells that wait for a person, the grade ids that the gradebook lacks, and whose rows changed."""

    needs_manual_grade: tuple[str, ...] = ()
    unknown_cells: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ManualGrade:
    """What a person gave for one cell; None where they gave nothing."""

    manual_score: float | None
    extra_credit: float | None
    comment: str | None


def write_records(gradebook: Any, records: Sequence[Record], unanswered: Mapping[str, Iterable[str]] | None = None) -> GradebookSummary:
    """Writes automatic scores in one transaction, so that a kill leaves the gradebook as it was; only what changed is touched.

    A None score keeps what the gradebook had and waits for a person; so do manual cells, and all cells of a record that names none. A cell
    that a record does not name among others is none of its submission, which began as an older release version: it has no automatic score,
    and waits only where a person gave points for it. `unanswered`: by student, the solution cells that were left as released; their comment
    becomes "No response.".
    Raises UsageError when an assignment was never released, before anything is written.
    """
    for assignment in sorted({record.assignment for record in records}):
        _require_released(gradebook, assignment)
    for _ in range(_ATTEMPTS - 1):
        with _unless_overtaken(gradebook):
            return _write(gradebook, records, unanswered or {})
    return _write(gradebook, records, unanswered or {})


@contextmanager
def _unless_overtaken(gradebook: Any) -> Iterator[None]:
    """Takes everything back when somebody else added the same student or submission just now, or waits for us as we wait for them."""
    from sqlalchemy.exc import DBAPIError, IntegrityError

    try:
        yield
    except DBAPIError as error:
        if not isinstance(error, IntegrityError) and getattr(error.orig, "sqlstate", None) not in _OVERTAKEN:
            raise
        gradebook.db.rollback()


def _write(gradebook: Any, records: Sequence[Record], unanswered: Mapping[str, Iterable[str]]) -> GradebookSummary:
    _begin(gradebook)
    changed = dict.fromkeys(_add_submissions(gradebook, records))
    pages = _pages(gradebook, records)
    waiting: list[str] = []
    unknown: dict[str, None] = {}
    submissions: list[dict[str, Any]] = []
    grades: list[dict[str, Any]] = []
    comments: list[dict[str, Any]] = []
    for record in records:
        before = len(submissions) + len(grades) + len(comments)
        page = pages[record.assignment, record.student]
        cells = {cell.grade_id: cell for cell in record.grade_cells}
        submitted_at = _utc(record.submitted_at)
        handed_in_again = None not in (submitted_at, page.timestamp) and submitted_at != page.timestamp
        if submitted_at is not None and submitted_at != page.timestamp:
            submissions.append({"id": page.submission_id, "timestamp": submitted_at})
        lacks = {grade.cell for grade in page.grades if cells and grade.cell not in cells}  # which a later release version added
        after = [_grade_after(grade, cells.get(grade.cell), grade.cell in lacks, handed_in_again) for grade in page.grades]
        grades += [grade.as_row() for grade, old in zip(after, page.grades, strict=True) if grade != old]
        if record.student in unanswered:
            comments += _comment_changes(page.comments, frozenset(unanswered[record.student]))
        if any(grade.needs_manual_grade for grade in after):
            waiting.append(record.student)
        if len(submissions) + len(grades) + len(comments) > before:
            changed[record.student] = None
        unknown |= dict.fromkeys(f"{record.assignment}: {name}" for name in cells if name not in {grade.cell for grade in page.grades})
    _update(gradebook, submissions, grades, comments)
    return GradebookSummary(tuple(waiting), tuple(unknown), tuple(changed))


def _require_released(gradebook: Any, assignment: str) -> None:
    from nbgrader.api import MissingEntry

    try:
        gradebook.find_notebook(assignment, assignment)
    except MissingEntry:
        raise UsageError(f"The gradebook does not know '{assignment}'.", f"Run `autograder release {assignment}` first.") from None


def _add_submissions(gradebook: Any, records: Sequence[Record]) -> list[str]:
    """Students and submissions that the gradebook lacks: the rows of nbgrader's `add_submission`, which commits each one by itself.

    Returns whose submissions these are.
    """
    from nbgrader.api import Comment, Grade, Student, SubmittedAssignment, SubmittedNotebook, new_uuid

    known = {(name, student) for name, student, *_ in _submissions(gradebook, records)}
    missing = [record for record in records if (record.assignment, record.student) not in known]
    if not missing:
        return []
    assignments = {name: gradebook.find_assignment(name) for name in {record.assignment for record in missing}}
    notebooks = {name: [_cells(notebook) for notebook in assignment.notebooks] for name, assignment in assignments.items()}
    students = {record.student for record in missing}
    students -= {student for (student,) in gradebook.db.query(Student.id).filter(Student.id.in_(students))}
    submissions, pages, grades, comments = [], [], [], []
    for record in missing:
        submission = new_uuid()
        submissions.append({"id": submission, "assignment_id": assignments[record.assignment].id, "student_id": record.student})
        for notebook, graded, commented in notebooks[record.assignment]:
            page = new_uuid()
            pages.append({"id": page, "assignment_id": submission, "notebook_id": notebook})
            grades += [{"notebook_id": page, "cell_id": cell} for cell in graded]
            comments += [{"notebook_id": page, "cell_id": cell} for cell in commented]
    gradebook.db.bulk_insert_mappings(Student, [{"id": student} for student in sorted(students)])
    for table, rows in ((SubmittedAssignment, submissions), (SubmittedNotebook, pages), (Grade, grades), (Comment, comments)):
        gradebook.db.bulk_insert_mappings(table, rows)
    return [record.student for record in missing]


def _cells(notebook: Any) -> tuple[str, list[str], list[str]]:
    """A notebook of the gradebook: itself, its cells with a grade, its cells with a comment."""
    graded, commented, tasks = notebook.grade_cells, notebook.solution_cells, notebook.task_cells
    return notebook.id, [cell.id for cell in (*graded, *tasks)], [cell.id for cell in (*commented, *tasks)]


def _begin(gradebook: Any) -> None:
    """A new transaction. SQLite would lock the file only at the first change, and what was read before could be outdated by then."""
    from sqlalchemy import text

    gradebook.db.commit()
    if gradebook.engine.dialect.name == "sqlite":
        gradebook.db.execute(text("BEGIN IMMEDIATE"))


@dataclass(frozen=True)
class _Grade:
    """One row of the gradebook's grades."""

    id: str
    cell: str
    auto_score: float | None
    manual_score: float | None
    needs_manual_grade: bool

    def as_row(self) -> dict[str, Any]:
        """What we may change of it: never what a person gave."""
        return {"id": self.id, "auto_score": self.auto_score, "needs_manual_grade": self.needs_manual_grade}


@dataclass(frozen=True)
class _Page:
    """One submission in the gradebook; comments are (row, cell, automatic comment)."""

    submission_id: str
    timestamp: datetime | None
    grades: list[_Grade] = field(default_factory=list)
    comments: list[tuple[str, str, str | None]] = field(default_factory=list)


def _pages(gradebook: Any, records: Sequence[Record]) -> dict[tuple[str, str], _Page]:
    """What the gradebook has of these records' submissions, by assignment and student."""
    from nbgrader.api import BaseCell, Comment, Grade, SubmittedNotebook

    pages = {(name, student): _Page(key, timestamp) for name, student, key, timestamp in _submissions(gradebook, records)}
    by_id = {page.submission_id: page for page in pages.values()}

    def rows(table: Any, *columns: Any) -> Any:
        return (
            gradebook.db.query(SubmittedNotebook.assignment_id, table.id, BaseCell.name, *columns)
            .select_from(table)
            .join(BaseCell, BaseCell.id == table.cell_id)
            .join(SubmittedNotebook, SubmittedNotebook.id == table.notebook_id)
            .filter(SubmittedNotebook.assignment_id.in_(by_id))
            .with_for_update(of=table)
        )

    for submission, *grade in rows(Grade, Grade.auto_score, Grade.manual_score, Grade.needs_manual_grade):
        by_id[submission].grades.append(_Grade(*grade))
    for submission, *comment in rows(Comment, Comment.auto_comment):
        by_id[submission].comments.append((comment[0], comment[1], comment[2]))
    return pages


def _submissions(gradebook: Any, records: Sequence[Record]) -> list[tuple[str, str, str, datetime | None]]:
    """(assignment, student, submission's row, its timestamp) of those that are there."""
    from nbgrader.api import Assignment, SubmittedAssignment

    query = (
        gradebook.db.query(Assignment.name, SubmittedAssignment.student_id, SubmittedAssignment.id, SubmittedAssignment.timestamp)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .filter(Assignment.name.in_({record.assignment for record in records}))
        .filter(SubmittedAssignment.student_id.in_({record.student for record in records}))
    )
    return [tuple(row) for row in query]


def _utc(text: str | None) -> datetime | None:
    """A submission's time as nbgrader stores it, UTC without a time zone; None for what is no time."""
    from nbgrader.utils import parse_utc

    try:
        parsed: datetime | None = parse_utc(text)
    except (ValueError, OverflowError):
        return None
    return parsed


def _grade_after(grade: _Grade, cell: GradeCell | None, lacks: bool, handed_in_again: bool) -> _Grade:
    """What nobody scored waits for a person, unless the submission `lacks` the cell; what a person scored only when it changed."""
    score = None if cell is None or cell.manual else cell.score
    changed = handed_in_again or (score is not None and score != grade.auto_score)
    waits = score is None and not lacks if grade.manual_score is None else changed or grade.needs_manual_grade
    return replace(grade, needs_manual_grade=waits, auto_score=grade.auto_score if score is None and not lacks else score)


def _comment_changes(comments: Iterable[tuple[str, str, str | None]], unanswered: frozenset[str]) -> list[dict[str, Any]]:
    """Sets nbgrader's own automatic comment and takes it away again; any other automatic comment stays."""
    changes: list[dict[str, Any]] = []
    for row, cell, said in comments:
        if cell in unanswered and said != _NO_RESPONSE:
            changes.append({"id": row, "auto_comment": _NO_RESPONSE})
        elif cell not in unanswered and said == _NO_RESPONSE:
            changes.append({"id": row, "auto_comment": None})
    return changes


def _update(gradebook: Any, submissions: list[dict[str, Any]], grades: list[dict[str, Any]], comments: list[dict[str, Any]]) -> None:
    from nbgrader.api import Comment, Grade, SubmittedAssignment

    for table, changes in ((SubmittedAssignment, submissions), (Grade, grades), (Comment, comments)):
        gradebook.db.bulk_update_mappings(table, changes)
    gradebook.db.commit()


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
