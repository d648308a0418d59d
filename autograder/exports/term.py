"""The term grades as a table: one line for each student, with every assignment's score; empty where there is none, never 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autograder.exports.scores import Score, number
from autograder.exports.table import to_csv
from autograder.term.grade import Part, TermGrade
from autograder.term.students_csv import Student

_ABOUT = ("id", "last name", "first name", "e-mail", "LMS id", "section")


def to_term_csv(grades: Sequence[TermGrade], students: Mapping[str, Student]) -> bytes:
    """UTF-8. For each assignment its score and what became of it in the grade; then the grade, its maximum, and what it is."""
    names = [part.assignment for part in grades[0].parts] if grades else []
    columns = [column for name in names for column in (name, f"{name}: part")]
    return to_csv([*_ABOUT, *columns, "term", "of", "state"], [_row(each, students.get(each.student)) for each in grades])


def as_scores(grades: Sequence[TermGrade], name: str) -> list[Score]:
    """The grades as points of one column, for what an LMS exported."""
    return [Score(each.student, name, each.points, raw=each.grade, points=each.grade, reason=reason(each)) for each in grades]


def reason(grade: TermGrade) -> str:
    """Why there is no grade, or nothing."""
    return "" if grade.grade is not None else grade.lines[-1].why


def state(grade: TermGrade) -> str:
    """'final' when only decisions can change it, else 'so far', 'open' or 'excused'."""
    return grade.state if grade.grade is None else "final" if grade.settled else "so far"


def _row(grade: TermGrade, student: Student | None) -> list[str]:
    known = student or Student(grade.student)
    about = [grade.student, known.last_name, known.first_name, known.email, known.lms_id, known.section]
    scores = [cell for part in grade.parts for cell in (_number(part.final.score), _part(part))]
    return [*about, *scores, _number(grade.grade), number(grade.points), state(grade)]


def _part(part: Part) -> str:
    return part.final.state if part.state == "open" else part.state


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")
