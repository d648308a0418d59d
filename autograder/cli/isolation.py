"""`autograder isolation`: which level of isolation this machine offers, and what is missing for more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from autograder.isolation.choice import Examination


@click.command()
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; '-' is standard output.")
def isolation(json_file: str | None) -> None:
    """Try to get out of each kind of sandbox that this account can make, and say what each level holds.

    Runs no submission and needs no course. Exit status 1 when no level above 0 holds.
    """
    from dataclasses import asdict
    from pathlib import Path

    from autograder.files import write_atomic
    from autograder.isolation.choice import candidates, cures, examine

    examined = [examine(level) for level in candidates()]
    offered = next((each.level for each in examined if each.holds), 0)
    text = json.dumps({"level": offered, "examined": [asdict(each) | {"holds": each.holds} for each in examined]}, indent=1) + "\n"
    if json_file == "-":
        click.echo(text, nl=False)
    elif json_file:
        write_atomic(Path(json_file), text)
    if json_file != "-":
        _print(examined, offered)
        for advice in cures(examined):
            click.echo(f"• {advice}")
    raise click.exceptions.Exit(0 if offered else 1)


def _print(examined: list[Examination], offered: int) -> None:
    """A table of probes by level, then what that means."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    names = list(dict.fromkeys(name for each in examined for name in each.probes))
    if names:
        table = Table("probe", *(f"level {each.level}" for each in examined if each.probes))
        for name in names:
            table.add_row(name, *(each.results()[name] for each in examined if each.probes))
        console.print(table)
    for each in examined:
        state = "[green]holds[/]" if each.holds else f"[red]does not hold[/]: {each.obstacle}"
        console.print(f"Level {each.level} ({each.meaning}) {state}", highlight=False)
    console.print(f"Submissions are executed at level {offered}.", style="bold", highlight=False)
