"""`autograder report`: one page about the whole class."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from autograder.cli.feedback import due_time, latest_records, manual_grades
from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.course.profile import RunProfile
    from autograder.records import Record


@click.command()
@click.argument("assignment")
@click.option("--gradebook", metavar="URL", help="Gradebook with the manual grades (default: the course's).")
@common_options
def report(common: Common, assignment: str, gradebook: str | None) -> None:
    """Write the report of ASSIGNMENT from its records: reports/<assignment>.html."""
    _, profile, records = latest_records(common, assignment, ())
    page = write_report(common, assignment, profile, records, gradebook)
    common.write_json(str(page))
    common.say(f"Report: {page}")


def write_report(common: Common, assignment: str, profile: RunProfile, records: Sequence[Record], gradebook: str | None = None) -> Path:
    """Writes the page for instructors and returns its path."""
    from autograder.feedback.report import ReportPage, render_report
    from autograder.files import write_atomic

    page = ReportPage(
        course_title=common.course.title,
        assignment=assignment,
        profile=profile.name,
        records=records,
        generated_at=datetime.now(ZoneInfo(common.course.timezone)).strftime("%d %B %Y, %H:%M"),
        curves=profile.curves,
        manual=manual_grades(common, assignment, gradebook),
        due=due_time(common, assignment),
    )
    path = common.paths.report(assignment)
    write_atomic(path, render_report(page))
    return path
