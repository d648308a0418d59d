"""Final scores with what people graded in formgrader, and the late penalty mirrored into nbgrader, whose own goes stale.

nbgrader stores a penalty when it grades and never again; a manual grade or an extension afterwards leaves it wrong. Ours is written
over it whenever scores are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograder.batch.store import Store
from autograder.course.settings import Course
from autograder.gradebook.session import gradebook_is_missing, open_gradebook
from autograder.term.decisions import ledger
from autograder.term.facts import HandGrade
from autograder.term.score import Final
from autograder.term.scores import HandGrades, compute_scores, keep_scores


def refresh_scores(course: Course, store: Store, assignment: str, url: str, say: Callable[[str], None] = lambda _: None) -> list[Final]:
    """Computes everybody's final score, keeps them in the store and mirrors the penalties. Called before scores are shown or sent."""
    entries = ledger(store.root).read(say)
    if gradebook_is_missing(url):
        scores = compute_scores(course, store, assignment, {}, entries)
    else:
        with open_gradebook(url) as gradebook:
            scores = compute_scores(course, store, assignment, _hand_grades(gradebook, assignment), entries)
            mirror_penalties(gradebook, assignment, scores)
    keep_scores(store, assignment, scores)
    return scores


def hand_grades(url: str, assignment: str) -> HandGrades:
    """What people gave, by student and grade id, and which cells wait for them; nothing without a gradebook."""
    if gradebook_is_missing(url):
        return {}
    with open_gradebook(url) as gradebook:
        return _hand_grades(gradebook, assignment)


def _hand_grades(gradebook: Any, assignment: str) -> dict[str, dict[str, HandGrade]]:
    from nbgrader.api import Assignment, BaseCell, Grade, SubmittedAssignment, SubmittedNotebook

    query = (
        gradebook.db.query(SubmittedAssignment.student_id, BaseCell.name, Grade.manual_score, Grade.extra_credit, Grade.needs_manual_grade)
        .select_from(Grade)
        .join(BaseCell, BaseCell.id == Grade.cell_id)
        .join(SubmittedNotebook, SubmittedNotebook.id == Grade.notebook_id)
        .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .filter(Assignment.name == assignment)
    )
    found: dict[str, dict[str, HandGrade]] = {}
    for student, cell, score, extra, waits in query:
        if score is not None or extra or waits:
            found.setdefault(student, {})[cell] = HandGrade(score, extra or 0.0, bool(waits))
    return found


def mirror_penalties(gradebook: Any, assignment: str, scores: Sequence[Final]) -> int:
    """Writes each score's late points where nbgrader keeps its penalty, for its own exports; returns how many changed.

    Excused and withheld students have no penalty there: nbgrader knows neither, so their grade must not be taken from it.
    """
    from nbgrader.api import Assignment, SubmittedAssignment, SubmittedNotebook

    ours = {each.student: each.late or 0.0 for each in scores}
    query = (
        gradebook.db.query(SubmittedAssignment.student_id, SubmittedNotebook.id, SubmittedNotebook.late_submission_penalty)
        .select_from(SubmittedNotebook)
        .join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
        .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
        .filter(Assignment.name == assignment)
    )
    stale = [
        {"id": row, "late_submission_penalty": ours[student]}
        for student, row, penalty in query
        if student in ours and (penalty or 0.0) != ours[student]
    ]
    gradebook.db.bulk_update_mappings(SubmittedNotebook, stale)
    gradebook.db.commit()
    return len(stale)
