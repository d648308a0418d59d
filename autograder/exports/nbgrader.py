"""The gradebook as CSV, with the columns of `nbgrader export` (nbgrader 0.9, `nbgrader/plugins/export.py`).

Where nbgrader writes 0 for who has no submission, or whose points nobody has given yet, the cells stay empty here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from autograder.exports.scores import Score
from autograder.exports.table import to_csv
from autograder.gradebook.session import gradebook_is_missing, open_gradebook

COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
    "raw_score", "late_submission_penalty", "score", "max_score",
)  # fmt: skip


@dataclass(frozen=True)
class Student:
    """A student as the gradebook knows them; empty where it does not."""

    id: str
    last_name: str = ""
    first_name: str = ""
    email: str = ""


def read_students(url: str) -> list[Student]:
    """Everybody in the gradebook; nobody when there is none."""
    if gradebook_is_missing(url):
        return []
    with open_gradebook(url) as gradebook:
        return [Student(each.id, each.last_name or "", each.first_name or "", each.email or "") for each in gradebook.students]


def to_nbgrader(scores: Mapping[str, Mapping[str, Score]], due: Mapping[str, datetime | None], students: Iterable[Student]) -> bytes:
    """One line for each student of each assignment. `scores` by assignment, then student; `due` in UTC without a zone."""
    known = {student.id: student for student in students}
    people = [*known.values(), *(Student(name) for name in sorted({name for found in scores.values() for name in found} - known.keys()))]
    most = {assignment: max((score.max_score for score in found.values()), default=0.0) for assignment, found in scores.items()}
    rows = [
        _row(assignment, due.get(assignment), student, found.get(student.id, Score(student.id, assignment, most[assignment])))
        for assignment, found in scores.items()
        for student in people
    ]
    return to_csv(COLUMNS, rows)


def _row(assignment: str, due: datetime | None, student: Student, score: Score) -> list[str]:
    scored = score.points is not None
    return [
        assignment,
        str(due or ""),
        _time(score.submitted_at),
        student.id,
        student.last_name,
        student.first_name,
        student.email,
        str(score.raw) if scored else "",
        str(score.penalty) if scored else "",
        str(score.points) if scored else "",
        str(score.max_score),
    ]


def _time(submitted_at: str | None) -> str:
    """As Python prints the time that nbgrader keeps."""
    try:
        return str(datetime.fromisoformat(submitted_at)) if submitted_at else ""
    except ValueError:
        return ""
