"""What stands on a feedback page beside the record: what people graded by hand, the due date, and the final score.

It changes without any new record: when somebody marks or decides, and when the due date passes. So who keeps pages up to date compares it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from autograder.batch.store import Store
from autograder.course.settings import Course
from autograder.errors import UsageError
from autograder.feedback.student import ManualGrade
from autograder.gradebook.writing import read_manual_scores
from autograder.term.decisions import ledger
from autograder.term.score import Final
from autograder.term.scores import due_for


@dataclass(frozen=True)
class Beside:
    """Of one student's page: manual grades by grade id, the student's own due date, whether it is over, the final score where known."""

    manual: Mapping[str, ManualGrade] = field(default_factory=dict)
    due: datetime | None = None
    after_due: bool = False
    final: Final | None = None

    def digest(self) -> str:
        """SHA-256 of all of it, hex; in an instructors' file alone, since reasons that students are not told go into it."""
        due = self.due.isoformat() if self.due else ""
        return hashlib.sha256(repr((sorted(self.manual.items()), due, self.after_due, self.final)).encode()).hexdigest()


def look_beside(
    course: Course, store: Store, assignment: str, gradebook_url: str, finals: Mapping[str, Final], now: datetime
) -> Callable[[str], Beside]:
    """Reads gradebook and ledger once; what it gives says of each student what their page has to say at the moment `now`."""
    manual, entries = manual_grades(gradebook_url, assignment), ledger(store.root).read()

    def beside(student: str) -> Beside:
        due = due_for(course, assignment, student, entries)
        return Beside(manual.get(student, {}), due, due is not None and now > due, finals.get(student))

    return beside


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
