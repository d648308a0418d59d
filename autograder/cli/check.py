"""`autograder check`: everything that is wrong with the course, at once."""

from __future__ import annotations

import click

from autograder.cli.options import Common, common_options


@click.command()
@click.argument("assignment", required=False)
@common_options
def check(common: Common, assignment: str | None) -> None:
    """Check the configuration, source notebooks and graders (of one ASSIGNMENT, or of all).

    Runs no notebook. Exit status 1 when something is wrong.
    """
    from dataclasses import asdict

    from autograder.course.checking import check_assignment
    from autograder.course.profile import find_assignment
    from autograder.errors import AutograderError, Problem
    from autograder.execution.environment import require_safe_keras
    from autograder.grading.scoring import read_declarations

    require_safe_keras()
    chosen = [find_assignment(common.course, assignment)] if assignment else common.course.assignments
    problems: list[Problem] = []
    for each in chosen:
        try:
            declared = read_declarations(common.paths.graders(each.id), common.paths.state / "declarations")
        except AutograderError as error:
            problems += check_assignment(common.paths, each, error)
        else:
            problems += check_assignment(common.paths, each, declared)
    common.write_json([asdict(problem) for problem in problems])
    for problem in problems:
        click.echo(str(problem), err=common.json_file == "-")
    count = len(chosen)
    common.say(f"{len(problems)} problem(s) in {count} assignment(s)." if problems else f"{count} assignment(s) checked, nothing is wrong.")
    raise click.exceptions.Exit(1 if problems else 0)
