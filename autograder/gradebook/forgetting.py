"""Takes a student out of nbgrader's gradebook, with everything that hangs on them."""

from __future__ import annotations

from autograder.gradebook.session import gradebook_is_missing, open_gradebook


def gradebook_rows(url: str, student: str) -> int:
    """How many submissions of a student the gradebook has, and 1 for the student; 0 for somebody it does not know."""
    if gradebook_is_missing(url):
        return 0
    with open_gradebook(url) as gradebook:
        from nbgrader.api import Student, SubmittedAssignment

        rows = gradebook.db.query(SubmittedAssignment).filter(SubmittedAssignment.student_id == student).count()
        return int(rows) + int(gradebook.db.query(Student).filter(Student.id == student).count())


def remove_student(url: str, student: str) -> None:
    """Removes the student with submissions, grades and comments; nothing happens for somebody unknown.

    nbgrader commits one submission after the other; after a kill the rest is still there, and a second call removes it.
    """
    if gradebook_rows(url, student) == 0:
        return
    with open_gradebook(url) as gradebook:
        gradebook.remove_student(student)
