"""`autograder collect`: submissions from an LMS's download into nbgrader's layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.intake.lms_zip import Collected, Download


@click.command()
@click.argument("assignment", required=False)
@click.option("--zip", "archive", metavar="FILE", required=True, help="The LMS's download of all submissions.")
@click.option("--from", "source", type=click.Choice(["canvas", "moodle", "auto"]), default="auto", show_default=True, help="Which LMS.")
@click.option("--into", metavar="DIR", help="Where submissions lie (default: submitted/).")
@click.option("--students", metavar="FILE", help="CSV with the course's ids and what the LMS calls the same students.")
@click.option("--id-column", metavar="NAME", help="The column of --students with the course's ids (default: id).")
@click.option(
    "--times",
    type=click.Choice(["auto", "archive", "none"]),
    default="auto",
    show_default=True,
    help="Whether the archive's times are those of the submissions; auto: if they lie further apart than a download takes.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@common_options
def collect(
    common: Common,
    assignment: str | None,
    archive: str,
    source: str,
    into: str | None,
    students: str | None,
    id_column: str | None,
    times: str,
    dry_run: bool,
) -> None:
    """Bring the submissions of ASSIGNMENT from a download of Canvas or Moodle into submitted/<student>/<assignment>/.

    Whoever cannot be told for certain is named and left out. An earlier submission that differs is kept aside.
    """
    from typing import cast
    from zoneinfo import ZoneInfo

    from autograder.course.profile import find_assignment
    from autograder.errors import UsageError
    from autograder.intake.lms import Lms
    from autograder.intake.lms_zip import Times, bring, open_download
    from autograder.intake.roster import read_roster

    known = [each.id for each in common.course.assignments]
    if assignment is None and len(known) != 1:
        raise UsageError("Whose submissions these are must be said.", f"Name one of: {', '.join(known)}.")
    wanted = find_assignment(common.course, assignment or known[0])
    roster = read_roster(Path(students), id_column) if students else None
    lms = cast(Lms, source) if source != "auto" else None
    target = Path(into) if into else common.paths.submitted
    zone = ZoneInfo(common.course.timezone)
    with open_download(Path(archive), wanted, lms, roster, common.paths.state / "unpacked", zone) as download:
        for line in download.refused:
            click.echo(line, err=True)
        collected = list(bring(download, wanted.id, target, dry_run, cast(Times, times)))
    if not common.quiet:
        _print(collected, f"{wanted.id} from {download.lms.capitalize()}{', nothing is written' if dry_run else ''}")
    receipt = _receipt(download, collected, Path(archive), wanted.id)
    if not dry_run:
        _keep(common, receipt, wanted.id)
    common.write_json(receipt)
    if roster is None and collected:
        common.say("Without a list of students (--students) the names in the LMS are their ids here.")
    _finish(common, collected)


def _receipt(download: Download, collected: Sequence[Collected], archive: Path, assignment: str) -> dict[str, Any]:
    import hashlib

    from autograder.records import to_dict

    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "assignment": assignment,
        "from": download.lms,
        "archive": archive.name,
        "sha256": digest,
        "time_source": "archive entries" if any(each.submitted_at for each in collected) else None,
        "submissions": [to_dict(each) for each in collected],
        "refused": list(download.refused),
    }


def _keep(common: Common, receipt: dict[str, Any], assignment: str) -> None:
    """What was collected from which file, and where times come from: beside the submissions, which hold nothing but their own files."""
    import json
    from datetime import UTC, datetime

    from autograder.files import write_atomic

    path = common.paths.state / "collected" / f"{assignment}.{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.json"
    write_atomic(path, json.dumps(receipt, indent=1, ensure_ascii=False) + "\n")
    common.say(f"What was collected is noted in {path}")


def _print(collected: Sequence[Collected], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for name in ("in the LMS", "student", "files", "submitted (archive)", "", "notes"):
        table.add_column(name, overflow="fold")
    for each in collected:
        notes = [*(["late, says the LMS"] if each.late else []), *each.notes, *([f"before: {each.aside}"] if each.aside else [])]
        shown = (f"{each.lms_name} ({each.lms_number})", each.student or "–", ", ".join(each.files), each.submitted_at or "", each.state)
        table.add_row(*(Text(cell) for cell in (*shown, "; ".join(notes))))
    Console(stderr=True).print(table)


def _finish(common: Common, collected: Sequence[Collected]) -> None:
    """Names whoever is not there: status 3 where that is the machine's fault, else 1."""
    from collections import Counter

    failed = [each for each in collected if each.state == "failed"]
    doubtful = [each for each in collected if each.state == "left out"]
    for each in (*failed, *doubtful):
        click.echo(f"{each.lms_name!r} ({each.lms_number}) is left out: {each.notes[0]}", err=True)
    placed = [each for each in collected if each.state in ("new", "replaced")]
    counts = Counter(each.state for each in collected)
    common.say(", ".join(f"{count} {state}" for state, count in counts.items()) or "No submission.")
    if placed and not any(each.submitted_at for each in placed):
        common.say(
            "The archive does not say when something was submitted, or says only when it was downloaded: no timestamp.txt is written."
        )
    if failed or doubtful:
        raise click.exceptions.Exit(3 if failed else 1)
