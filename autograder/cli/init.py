"""`autograder init`: a course to begin with."""

from __future__ import annotations

import click


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--force", is_flag=True, help="Also into a folder that is not empty; nothing that lies there is replaced.")
@click.option("--quiet", is_flag=True, help="Say nothing.")
def init(folder: str, force: bool, quiet: bool) -> None:
    """Make a small course in DIR: one assignment with graders, right and wrong answers, configuration and CI files.

    Its first `check`, `validate` and `release` work at once.
    """
    from pathlib import Path

    from autograder.course.starting import start_course

    started = start_course(Path(folder), force)
    if quiet:
        return
    for name in started.kept:
        click.echo(f"Kept as it was: {name}", err=True)
    click.echo(f"Made the course '{started.course_id}' in {folder}: {len(started.written)} files. Go on with:", err=True)
    for line in (f"cd {folder}", "autograder check", "autograder validate", "autograder release first_network"):
        click.echo(f"    {line}", err=True)
