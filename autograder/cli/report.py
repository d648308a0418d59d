from __future__ import annotations

import click

from autograder.cli.options import Common, common_options


@click.command()
@click.argument("assignment")
@common_options
def report(common: Common, assignment: str) -> None:
    """todo"""
