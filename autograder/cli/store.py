"""`autograder store`: looks after the folder with runs and records."""

from __future__ import annotations

import click

from autograder.cli.options import Common, common_options


@click.group()
def store() -> None:
    """Look after the results store."""


@store.command()
@click.option("--repair", is_flag=True, help="Move what is broken aside and write the pointers to present records anew.")
@common_options
def check(common: Common, repair: bool) -> None:
    """Say whether all runs and records of the store are whole and in their place.

    Removes no run and no record that is complete. Exit status 1 when something does not hold and was not put right.
    """
    from dataclasses import asdict

    from autograder.batch.check import check_store
    from autograder.batch.plan import store_of

    found = check_store(store_of(common.course, common.paths, common.store), repair)
    for finding in found.findings:
        click.echo(f"{finding.place}: {finding.message}\n  → {'put right: ' if finding.repaired else ''}{finding.cure}.", err=True)
    for note in found.notes:
        common.say(f"• {note}")
    open_ones = sum(not finding.repaired for finding in found.findings)
    common.say(
        f"{found.store}: {found.records} record(s), {found.runs} run(s), {len(found.findings)} problem(s), {open_ones} not put right."
    )
    common.write_json(asdict(found) | {"holds": found.holds})
    raise click.exceptions.Exit(0 if found.holds else 1)
