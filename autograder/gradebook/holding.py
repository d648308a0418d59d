"""Whose feedback page waits until people have marked, by `feedback_when` of the assignment or the course."""

from __future__ import annotations

from autograder.batch.store import Store
from autograder.course.profile import find_assignment
from autograder.course.settings import Course
from autograder.gradebook.late import hand_grades
from autograder.term.decisions import final_students
from autograder.term.marking import parts_of
from autograder.term.scores import facts_by_student


def held_back(course: Course, store: Store, assignment: str, url: str) -> dict[str, str]:
    """By student, why there is no page yet; of a score that is final there always is one. `url`: the gradebook with the manual grades."""
    when = find_assignment(course, assignment).feedback_when or course.feedback_when
    if when == "graded":
        return {}
    facts = facts_by_student(course, store, assignment, hand_grades(url, assignment))
    open_parts: dict[str, list[str]] = {}
    for part in parts_of(facts):
        if part.open:
            open_parts.setdefault(part.student, []).append(part.cell)
    for student in final_students(store.root, assignment, open_parts):
        del open_parts[student]
    if when == "marked" or not open_parts:
        return {student: f"a person still has to mark {', '.join(cells)}" for student, cells in open_parts.items()}
    final = final_students(store.root, assignment, facts)
    return {student: f"{len(open_parts)} of the class are not marked yet" for student in facts if student not in final}
