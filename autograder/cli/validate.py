"""`autograder validate`: the command for CI. Do the known answers come out right, and do the graders notice mistakes?"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.course.settings import Assignment
    from autograder.quality.results import Validation


@click.command()
@click.argument("assignment", required=False)
@click.option("--junit", metavar="FILE", help="Write the result as JUnit XML, for CI services.")
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, metavar="N", help="Seeds with which the reference is tried.")
@click.option(
    "--mutants",
    type=click.IntRange(0),
    metavar="N",
    help="At most so many mutants of each assignment; by default one of every kind of mistake and one in every cell, at least 40.",
)
@click.option("--full", is_flag=True, help="Run each mutant in its whole notebook too, and compare.")
@click.option("--force", is_flag=True, help="Execute again what was validated before.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Executions side by side (default: one more than cores).")
@common_options
def validate(
    common: Common, assignment: str | None, junit: str | None, seeds: int, mutants: int | None, full: bool, force: bool, jobs: int | None
) -> None:
    """Validate the graders of ASSIGNMENT, or of all assignments, with known answers and with mutants of the reference.

    Profile: smoke where the assignment has it. Release, gradebook and records of the course stay as they are.
    """
    from autograder.cli.display import print_validations
    from autograder.course.profile import find_assignment
    from autograder.execution.environment import require_safe_keras
    from autograder.files import write_atomic
    from autograder.quality.junit import to_junit
    from autograder.quality.validating import Extent

    require_safe_keras()
    chosen = [find_assignment(common.course, assignment)] if assignment else common.course.assignments
    found = _validate_all(common, chosen, Extent(seeds, mutants, full), force, jobs)
    if junit:
        write_atomic(Path(junit), to_junit(found))
    common.write_json([each.to_dict() for each in found])
    if not common.quiet:
        print_validations(found)
    _explain(found, to_stderr=common.json_file == "-")
    if any(each.machine_failed for each in found):
        raise click.exceptions.Exit(3)
    raise click.exceptions.Exit(0 if all(each.holds for each in found) else 1)


def _validate_all(common: Common, assignments: Sequence[Assignment], extent: object, force: bool, jobs: int | None) -> list[Validation]:
    from autograder.cli.display import open_progress
    from autograder.isolation.choice import choose_sandbox
    from autograder.quality.cases import Bench, ColdSandbox
    from autograder.quality.validating import validate_assignment
    from autograder.quality.workplace import open_workplace, prepare, require_sound

    workplace = open_workplace(common.paths, common.store)
    require_sound(workplace, assignments)
    if force:
        shutil.rmtree(workplace.place / "stores", ignore_errors=True)
    found = []
    # The instructor's own code alone is executed, so whatever isolation the machine offers is enough.
    with choose_sandbox(0, trust=True) as sandbox, ColdSandbox(sandbox) as cold:
        for assignment in assignments:
            common.say(f"Validating '{assignment.id}' …")
            plan = prepare(common.course, workplace, assignment, common.profile, common.data, common.say)
            bench = Bench(workplace, plan, sandbox, cold, jobs, lambda count: open_progress(count, common.quiet))
            found.append(validate_assignment(bench, extent))  # type: ignore[arg-type]  # an Extent, imported late
    return found


def _explain(found: list[Validation], to_stderr: bool) -> None:
    """Everything that does not hold, mutants that survived with their diffs, and kinds of mistakes that were not tried."""
    for each in found:
        lines = [f"{answer.kind} '{answer.name}': {answer.message}" for answer in each.answers if not answer.holds]
        lines += list(each.problems)
        for mutant in each.mutants:
            if mutant.verdict == "survived":
                lines.append(f"no grader notices: {mutant.about} ({mutant.id})\n{mutant.diff}")
            elif mutant.verdict == "grader_error":
                lines.append(f"a grader fails on a mutant, and must not: {mutant.id}: {mutant.reason}\n{mutant.diff}")
            elif mutant.verdict == "machine":
                lines.append(f"the machine failed: {mutant.id}: {mutant.reason}")
        if each.mutants and each.left_out:
            lines.append(f"not tried, more mutants would (--mutants): {', '.join(each.left_out)}")
        for line in lines:
            click.echo(f"{each.assignment}: " + line.replace("\n", "\n    "), err=to_stderr)
