"""`autograder forget`: erases one person."""

from __future__ import annotations

import sys
from contextlib import nullcontext

import click

from autograder.cli.options import Common, common_options


@click.command()
@click.argument("student")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased, and what would remain.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--gradebook", metavar="URL", help="Gradebook from which the student is removed (default: the course's).")
@common_options
def forget(common: Common, student: str, dry_run: bool, yes: bool, gradebook: str | None) -> None:
    """Erase STUDENT from records, submissions, gradebook, decisions and roster. It cannot be undone.

    An interrupted call is simply repeated.
    """
    from autograder.batch.plan import store_of
    from autograder.cli.gradebook import url_to_read
    from autograder.errors import UsageError
    from autograder.keeping.forget import find_person
    from autograder.keeping.forget import forget as erase
    from autograder.term.dates import now_in, who_am_i

    store, url = store_of(common.course, common.paths, common.store), url_to_read(common, gradebook)
    with nullcontext() if dry_run else store.out_of_use(served=False):  # what is found is what is erased
        found = find_person(common.course, common.paths, store, url, student, common.say)
        would = "Would be erased" if dry_run else "To be erased"
        click.echo(f"{would} of '{student}' in {common.course.title}:", err=True)
        for what, count in found.counts.items():
            click.echo(f"  {count:>5} {what}", err=True)
        if not found.counts:
            click.echo("  nothing is left", err=True)
        click.echo("Remains:", err=True)
        for said in found.remains:
            click.echo(f"  - {said}", err=True)
        if not dry_run:
            if not yes and not sys.stdin.isatty():
                raise UsageError("Nothing was erased: nobody can be asked here.", "Add --yes if you are sure; it cannot be undone.")
            if not yes and not click.confirm(f"Erase '{student}' for ever?", err=True):
                raise UsageError("Nothing was erased.")
            erase(store, found, now_in(common.course.timezone), who_am_i())
            click.echo(f"'{student}' is erased. Run `autograder report` again where you publish reports.", err=True)
    common.write_json({"pseudonym": found.pseudonym, "erased": found.counts, "remains": list(found.remains), "dry_run": dry_run})
