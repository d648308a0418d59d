"""The doctor's look at a submission, before it is graded: what would cost points, within a second."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.course.profile import RunLimits, resolve_profile
from autograder.course.settings import Assignment, Course
from autograder.doctor.examine import Surroundings, examine
from autograder.errors import AutograderError, SubmissionError
from autograder.hub.state import Checked, Receipt
from autograder.intake.choosing import choose_notebook
from autograder.intake.collect import Intake, take_in
from autograder.intake.versions import as_fetched
from autograder.records import Submission


def check_submission(
    course: Course, assignment: Assignment, receipt: Receipt, submission: Submission, releases: Mapping[int, dict[str, Any]], at: datetime
) -> Checked:
    """What the doctor finds in a kept submission. Never raises for what is in it. `releases`: release versions by number, perhaps none."""
    limits = resolve_profile(course, assignment, None).limits
    try:
        taken = take_in(submission, assignment, limits)
        name, data = _chosen(taken, assignment, releases[max(releases)] if releases else None, limits)
        release = releases[as_fetched(data, releases)] if releases else None
        return Checked(receipt.id, at, examine(data, release, _around(assignment, limits, name, taken)))
    except SubmissionError as error:
        return Checked(receipt.id, at, problem=f"{error.message} {error.cure}".strip())
    except AutograderError:
        raise
    except Exception as error:  # a bug of ours must not keep a submission from being graded
        return Checked(receipt.id, at, problem=f"It could not be checked beforehand ({type(error).__name__}); it is graded all the same.")


def _chosen(taken: Intake, assignment: Assignment, release: dict[str, Any] | None, limits: RunLimits) -> tuple[str, bytes]:
    """The notebook by its name, else the first one. Raises SubmissionError, as grading will, where none has a cell of the assignment."""
    if release is not None:
        choose_notebook(taken.notebooks, assignment.id, release, limits.submission_bytes)
    wanted = f"{assignment.id}.ipynb"
    name = wanted if wanted in taken.notebooks else min(taken.notebooks)
    return name, taken.notebooks[name]


def _around(assignment: Assignment, limits: RunLimits, name: str, taken: Intake) -> Surroundings:
    return Surroundings(
        name=Path(name).name,
        assignment=assignment.id,
        siblings=tuple(sorted({*taken.notebooks, *taken.files} - {name})),
        allowed=tuple(assignment.files),
        submission_bytes=limits.submission_bytes,
        literal_bytes=limits.literal_bytes,
    )
