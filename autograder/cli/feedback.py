"""`autograder feedback`: one page for each student."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.batch.store import Store
    from autograder.course.profile import RunProfile
    from autograder.records import Record


@click.command()
@click.argument("assignment")
@click.option("--student", "students", metavar="ID", multiple=True, help="Only this student; may be given several times.")
@click.option("--gradebook", metavar="URL", help="Gradebook with the manual grades (default: the course's).")
@common_options
def feedback(common: Common, assignment: str, students: tuple[str, ...], gradebook: str | None) -> None:
    """Write the feedback pages of ASSIGNMENT from its records.

    They lie where nbgrader has them: feedback/<student>/<assignment>/<assignment>.html.
    """
    store, profile, records = latest_records(common, assignment, students)
    pages = write_feedback(common, assignment, profile, store, records, gradebook)
    common.write_json([str(page) for page in pages])
    common.say(f"{len(pages)} feedback page(s), the first: {pages[0]}")


def latest_records(common: Common, assignment: str, students: tuple[str, ...]) -> tuple[Store, RunProfile, list[Record]]:
    """Store, profile and newest records. Raises UsageError when there are none."""
    from autograder.batch.plan import store_of
    from autograder.course.profile import find_assignment, resolve_profile

    profile = resolve_profile(common.course, find_assignment(common.course, assignment), common.profile)
    store = store_of(common.course, common.paths, common.store)
    return store, profile, newest_records(store, profile.name, assignment, students)


def newest_records(store: Store, profile: str, assignment: str, students: tuple[str, ...]) -> list[Record]:
    """The newest record of each chosen student. Raises UsageError when there are none, or one of those named has none."""
    from autograder.errors import UsageError

    found = store.latest(profile, assignment)
    absent = sorted(set(students) - {record.student for record in found})
    if not found or absent:
        whose = f" from {', '.join(absent)}" if found else ""
        raise UsageError(f"There is no record of '{assignment}'{whose} in profile '{profile}'.", f"Run: autograder grade {assignment}")
    return [record for record in found if not students or record.student in students]


def write_feedback(
    common: Common, assignment: str, profile: RunProfile, store: Store, records: Sequence[Record], gradebook: str | None = None
) -> list[Path]:
    """Writes one page for each record and returns their paths, in the same order."""
    from autograder.batch.evidence import evidence_of
    from autograder.feedback.student import FeedbackPage, render_feedback
    from autograder.files import write_atomic

    manual, due = manual_grades(common, assignment, gradebook), due_time(common, assignment)
    pages = []
    for record in records:
        page = FeedbackPage(
            record=record,
            course_title=common.course.title,
            notebook=_notebook(store, record),
            evidence=evidence_of(store, record),
            curves=profile.curves,
            manual=manual.get(record.student, {}),
            after_due=due is not None and datetime.now(UTC) > due,
            due=due.strftime("%d %B %Y, %H:%M") if due else None,
            timezone=common.course.timezone,
        )
        pages.append(common.paths.feedback(record.student, assignment))
        write_atomic(pages[-1], render_feedback(page))
    return pages


def manual_grades(common: Common, assignment: str, gradebook: str | None) -> dict[str, dict[str, Any]]:
    """What people graded by hand, by student and grade id; nothing when there is no gradebook yet."""
    from autograder.errors import UsageError
    from autograder.feedback.student import ManualGrade
    from autograder.gradebook.writing import read_manual_scores

    try:
        found = read_manual_scores(gradebook or common.paths.gradebook_url, assignment)
    except UsageError:
        return {}
    return {
        student: {name: ManualGrade(each.manual_score, each.extra_credit or 0.0, each.comment or "") for name, each in grades.items()}
        for student, grades in found.items()
    }


def due_time(common: Common, assignment: str) -> datetime | None:
    """The deadline in the course's time zone, or None."""
    from autograder.course import profile

    due = profile.find_assignment(common.course, assignment).due
    return profile.due_time(common.course, due) if due else None


def _notebook(store: Store, record: Record) -> dict[str, Any] | None:
    counted = next((run.run_key for run in record.runs if run.counted), None)
    return store.run(counted).notebook() if counted else None
