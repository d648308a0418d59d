"""Writes the roster's names into nbgrader's gradebook, where it shows "None, None" without them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autograder.gradebook.session import gradebook_is_missing, open_gradebook
from autograder.term.students_csv import Student


def write_names(url: str, students: Iterable[Student]) -> int:
    """Makes these students known to the gradebook, by name, e-mail address and LMS id; returns how many rows changed.

    What the roster leaves empty stays as it is, and so does everybody else. No gradebook yet: nothing, 0.
    """
    if gradebook_is_missing(url):
        return 0
    from nbgrader.api import Student as Row

    with open_gradebook(url) as gradebook:
        there = {row.id: row for row in gradebook.db.query(Row)}
        changed = 0
        for student in students:
            known = {key: value for key, value in _columns(student).items() if value}
            row = there.get(student.id)
            if row is None:
                gradebook.db.add(Row(id=student.id, **known))
                changed += 1
            elif any(getattr(row, key) != value for key, value in known.items()):
                for key, value in known.items():
                    setattr(row, key, value)
                changed += 1
        gradebook.db.commit()
    return changed


def _columns(student: Student) -> dict[str, Any]:
    return {
        "first_name": student.first_name,
        "last_name": student.last_name,
        "email": student.email,
        "lms_user_id": student.lms_id,
    }
