"""`autograder release`: student versions from source notebooks."""

from __future__ import annotations

import click

from autograder.cli.options import Common, common_options


@click.command()
@click.argument("assignment")
@click.option("--gradebook", metavar="URL", help="Gradebook to register the assignment in (default: the course's gradebook.db).")
@common_options
def release(common: Common, assignment: str, gradebook: str | None) -> None:
    """Make the student version of ASSIGNMENT and register it in the gradebook.

    Nothing is published when the leak check finds a line of a solution in it.
    """
    released = release_one(common, assignment, gradebook)
    common.write_json(released)
    common.say(f"Released '{assignment}': {released['notebook']}")


def release_one(common: Common, assignment: str, gradebook: str | None) -> dict[str, object]:
    """Checks and releases one assignment. Raises ConfigurationError with what is wrong."""
    from dataclasses import asdict

    from autograder.course.checking import check_assignment
    from autograder.course.profile import due_utc, find_assignment
    from autograder.errors import ConfigurationError
    from autograder.gradebook.location import gradebook_url
    from autograder.grading.scoring import read_declarations
    from autograder.release.build import release_assignment

    chosen = find_assignment(common.course, assignment)
    declared = read_declarations(common.paths.graders(chosen.id), common.paths.state / "declarations")
    problems = check_assignment(common.paths, chosen, declared)
    if problems:
        raise ConfigurationError(problems)
    url = gradebook_url(common.paths, gradebook)
    done = release_assignment(common.paths, chosen.id, common.course.id, url, due=due_utc(common.course, chosen))
    return {key: str(value) for key, value in asdict(done).items()}
