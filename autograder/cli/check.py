"""`autograder check`: everything that is wrong with the course, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.course.settings import Assignment
    from autograder.errors import Problem
    from autograder.records import Declarations


@click.command()
@click.argument("assignment", required=False)
@common_options
def check(common: Common, assignment: str | None) -> None:
    """Check the configuration, source notebooks and graders (of one ASSIGNMENT, or of all).

    Runs no notebook. Exit status 1 when something is wrong; a warning, about a calibration or that there is none, is not.
    """
    from dataclasses import asdict

    from autograder.course.checking import check_assignment
    from autograder.course.profile import find_assignment
    from autograder.errors import AutograderError
    from autograder.execution.environment import require_safe_keras
    from autograder.grading.scoring import read_declarations

    require_safe_keras()
    chosen = [find_assignment(common.course, assignment)] if assignment else common.course.assignments
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for each in chosen:
        try:
            declared = read_declarations(common.paths.graders(each.id), common.paths.state / "declarations")
        except AutograderError as error:
            problems += check_assignment(common.paths, each, error)
        else:
            found = check_assignment(common.paths, each, declared)
            problems += found
            warnings += [] if found else _warnings(common, each, declared)
    common.write_json([asdict(problem) for problem in problems] + [{**asdict(warning), "warning": True} for warning in warnings])
    for problem in problems:
        click.echo(str(problem), err=common.json_file == "-")
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=common.json_file == "-")
    count = len(chosen)
    common.say(f"{len(problems)} problem(s) in {count} assignment(s)." if problems else f"{count} assignment(s) checked, nothing is wrong.")
    raise click.exceptions.Exit(1 if problems else 0)


def _warnings(common: Common, assignment: Assignment, declarations: Declarations) -> list[Problem]:
    """Of an assignment without problems: where its calibration is missing or no longer fits."""
    from autograder.course.calibrated import calibration_warnings
    from autograder.course.notebook import grade_cells, read_notebook
    from autograder.course.profile import resolve_backend
    from autograder.execution.environment import versions

    specs = grade_cells(read_notebook(common.paths.source_notebook(assignment.id)))
    installed = versions(resolve_backend(common.course, assignment))
    return calibration_warnings(common.paths, assignment, specs, declarations, installed, common.course.default_profile)
