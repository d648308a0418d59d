"""Whose feedback page waits until people have marked, by `feedback_when` of the assignment or the course."""

from __future__ import annotations

from autograder.batch.store import Store
from autograder.course.profile import find_assignment
from autograder.course.settings import Course
from autograder.gradebook.late import hand_grades
from autograder.term.decisions import ledger, standing
from autograder.term.marking import parts_of
from autograder.term.roster import members, roster_journal
from autograder.term.scores import facts_by_student


def held_back(course: Course, store: Store, assignment: str, url: str) -> dict[str, str]:
    """By student, why there is no page yet; whose score is final, or who is excused, waits for nobody, and nobody for them.

    `url`: the gradebook with the manual grades.
    """
    when = find_assignment(course, assignment).feedback_when or course.feedback_when
    if when == "graded":
        return {}
    facts = facts_by_student(course, store, assignment, hand_grades(url, assignment))
    open_parts: dict[str, list[str]] = {}
    for part in parts_of(facts):
        if part.open:
            open_parts.setdefault(part.student, []).append(part.cell)
    entries = ledger(store.root).read()
    settled = {student for student in facts if (held := standing(entries, student, assignment)).final is not None or held.of("excuse")}
    own = {student: f"a person still has to mark {', '.join(cells)}" for student, cells in open_parts.items() if student not in settled}
    roster = members(roster_journal(store.root).read())
    count = sum(student not in roster or roster[student].active for student in own)  # nobody waits for those who dropped
    if when == "marked" or not count:
        return own
    return {student: f"{count} of the class are not marked yet" for student in facts if student not in settled}
