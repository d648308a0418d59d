"""`autograder release`: student versions from source notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.release.erratum import Erratum

_SHOWN = 30  # names in one line


@click.command()
@click.argument("assignment")
@click.option("--gradebook", metavar="URL", help="Gradebook to register the assignment in (default: the course's gradebook.db).")
@click.option("--erratum", is_flag=True, help="Afterwards, say who has an older version and which cells changed.")
@click.option("--migrate", metavar="DIR", help="Write notebooks handed in as an older version there, as the new one with their work.")
@click.option("--exchange", metavar="DIR", help="nbgrader's exchange, to look who submitted (default: as nbgrader is configured).")
@common_options
def release(common: Common, assignment: str, gradebook: str | None, erratum: bool, migrate: str | None, exchange: str | None) -> None:
    """Make the student version of ASSIGNMENT and register it in the gradebook.

    Nothing is published when the leak check finds a line of a solution in it.
    """
    released = release_one(common, assignment, gradebook)
    common.say(f"Released '{assignment}': {released['notebook']}, release version {released['version']}")
    if erratum or migrate:
        released |= _erratum(common, assignment, exchange, migrate)
    elif released["version"] != "1":
        common.say("Who has an older version, and what changed since: add --erratum.")
    common.write_json(released)


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


def _erratum(common: Common, assignment: str, exchange: str | None, into: str | None) -> dict[str, object]:
    from autograder.batch.plan import store_of
    from autograder.errors import MachineError
    from autograder.gradebook.exchange import course_id, exchange_root
    from autograder.records import to_dict
    from autograder.release.erratum import erratum, migrate

    store = store_of(common.course, common.paths, common.store)
    inbound = exchange_root(common.paths, exchange) / (course_id(common.paths) or common.course.id) / "inbound"
    found = erratum(common.course, common.paths, store, assignment, inbound)
    _say(common, found)
    written: list[Path] = []
    if into:
        try:
            written = migrate(common.course, common.paths, assignment, inbound, Path(into))
        except OSError as error:
            raise MachineError(f"'{into}' cannot be written: {error.strerror}.", "Name another folder with --migrate.") from error
        common.say(f"{len(written)} notebooks as version {found.version}, with the students' work: '{into}'. What was handed in stays.")
    return {"erratum": to_dict(found), "migrated": [str(path) for path in written]}


def _say(common: Common, found: Erratum) -> None:
    older = {number: names for number, names in found.holders.items() if number != found.version}
    if not older:
        common.say("It is the first version: nobody has an older one.")
        return
    for number, names in older.items():
        common.say(f"\nVersion {number} → {found.version}. Handed in as version {number}: {_names(names)}.")
        for each in found.changes[number]:
            stays = "the new cell counts for everybody" if each.migrates else "who has the older version is graded by its own"
            common.say(f"  {each.grade_id}: {each.what}; {stays if each.what != 'gone' else 'it stays for who has the older version'}")
        if not found.changes[number]:
            common.say("  No cell changed.")
    common.say(f"\nHanded in as version {found.version}: {_names(found.holders[found.version])}.")
    if found.unknown:
        common.say(f"Of no version for certain: {_names(found.unknown)}. Who is graded so gets the flag 'unknown_release'.")
    if found.silent:
        common.say(f"Handed nothing in yet, so nobody knows which version they have: {_names(found.silent)}.")


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) + more) if names else "nobody"
