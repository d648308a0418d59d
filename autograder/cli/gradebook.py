"""`autograder gradebook`: brings nbgrader's gradebook up to date from the results store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.batch.store import Store
    from autograder.gradebook.publishing import Published

_NAMED = 5  # students in a line for people; --json has all


@click.group()
def gradebook() -> None:
    """The gradebook, beside the results store that it is written from."""


@gradebook.command()
@click.argument("assignment", required=False)
@click.option("--gradebook", "named", metavar="URL", help="Write this gradebook, whatever the profile (default: the one of nbgrader).")
@common_options
def sync(common: Common, assignment: str | None, named: str | None) -> None:
    """Write what is recorded of ASSIGNMENT (default: of all) into the gradebook, as far as it is not there yet.

    Executes nothing. What people graded or commented by hand stays.
    """
    from autograder.batch.plan import store_of
    from autograder.batch.store import choose_students
    from autograder.course.profile import find_assignment
    from autograder.errors import UsageError

    url = url_to_write(common, named)
    if url is None:
        raise UsageError(
            f"Only profile '{common.course.default_profile}' is written to the course's gradebook.",
            f"Leave --profile {common.profile} out, or name another gradebook with --gradebook URL.",
        )
    profile, store = common.profile or common.course.default_profile, store_of(common.course, common.paths, common.store)
    if assignment is not None:
        find_assignment(common.course, assignment)
        choose_students(store, profile, assignment, ())  # a name that was mistyped must not look up to date
    names = [each.id for each in common.course.assignments] if assignment is None else [assignment]
    done = [_sync_one(common, store, profile, name, url) for name in names if store.students(profile, name)]
    common.write_json([as_json(each) for each in done])
    if not done:
        common.say(f"Nothing is recorded in profile '{profile}'.")
    statuses = [tell(common, each, all_of_it=True) for each in done]
    if any(statuses):
        raise click.exceptions.Exit(max(statuses))


def _sync_one(common: Common, store: Store, profile: str, assignment: str, url: str) -> Published:
    from autograder.cli.display import open_counter
    from autograder.course.notebook import read_notebook
    from autograder.errors import UsageError
    from autograder.gradebook.location import shown_url
    from autograder.gradebook.publishing import Published, publish

    students = store.students(profile, assignment)
    try:
        release = read_notebook(common.paths.release_notebook(assignment))
    except UsageError as error:
        problem = UsageError(error.message, f"Run `autograder release {assignment}` first.")
        return Published(assignment, profile, shown_url(url), len(students), not_written=tuple(students), problem=problem)
    with open_counter(len(students), f"{assignment} in the gradebook", common.quiet) as counted:
        return publish(common.paths, store, release, profile, assignment, students, url, counted)


def url_to_write(common: Common, named: str | None) -> str | None:
    """The gradebook that results of this call go to; None when its profile is not the one that counts. Raises UsageError."""
    from autograder.gradebook.location import gradebook_url

    if named is None and (common.profile or common.course.default_profile) != common.course.default_profile:
        return None
    return gradebook_url(common.paths, named)


def url_to_read(common: Common, named: str | None) -> str:
    """The gradebook that a call needs as it is. Raises UsageError for one that was named and is not there: nothing would be found in it."""
    from autograder.errors import UsageError
    from autograder.gradebook.location import gradebook_url, shown_url
    from autograder.gradebook.session import gradebook_is_missing

    url = gradebook_url(common.paths, named)
    if named and gradebook_is_missing(url):
        raise UsageError(f"There is no gradebook '{shown_url(url)}'. Nothing was done.", "Look at --gradebook, or leave it out.")
    return url


def tell(common: Common, published: Published, all_of_it: bool = False) -> int:
    """Says what was not written and how it will be; quiet keeps that. Returns the exit status: 0, or whose fault it is.

    `all_of_it`: also what was written, and whose record cannot be read, which `grade` and `regrade` say themselves.
    """
    for cell in published.unknown_cells:
        common.say(f"The gradebook has no cell {cell}: run `autograder release` again.")
    if all_of_it:
        common.say(_counts(published))
    unreadable = published.unreadable if all_of_it else ()
    if unreadable:
        cure = f"run `autograder grade {published.assignment}`"
        click.echo(f"{_names(unreadable)}: the record cannot be read, the gradebook keeps what it had; {cure}.", err=True)
    if published.problem is not None:
        options = [name for name, value in (("--profile", common.profile), ("--store", common.store)) if value]
        again = f"autograder gradebook sync {published.assignment}" + (f" (with the same {' and '.join(options)})" if options else "")
        click.echo(
            f"{len(published.not_written)} of {published.students} results of '{published.assignment}' are not in the gradebook yet: "
            f"{_names(published.not_written)}. They are recorded, none is lost.\n{published.problem}\n"
            f"  → Afterwards this writes them to {published.gradebook}: {again}",
            err=True,
        )
        return published.problem.exit_status
    return 3 if unreadable else 0


def _counts(published: Published) -> str:
    written, waiting = published.written, len(published.needs_manual_grade)
    named = f" ({_names(written)})" if written else ""
    same = published.students - len(written) - len(published.not_written) - len(published.unreadable)
    said = f"{published.assignment}: {len(written)} of {published.students} written{named}, {same} up to date"
    return f"{said}, {waiting} with cells to grade by hand" if waiting else said


def _names(students: tuple[str, ...]) -> str:
    more = len(students) - _NAMED
    return ", ".join(students[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def as_json(published: Published) -> dict[str, Any]:
    """Plain values; the problem as message and cure."""
    from dataclasses import asdict

    problem = published.problem
    return asdict(published) | {"problem": problem and {"message": problem.message, "cure": problem.cure}}
