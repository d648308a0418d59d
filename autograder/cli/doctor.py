"""`autograder doctor`: what would cost points in a notebook, before it is submitted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.text import Text

    from autograder.doctor.finding import Finding

_NOT_COMPARED = (
    "The released notebook is not at hand, so deleted, copied, moved or changed cells were not looked for. "
    "Name it with --release FILE; in a course folder it is found by itself."
)


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--release", metavar="FILE", type=click.Path(path_type=Path), help="The notebook as it was handed out, to compare with.")
@click.option("--course", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the course (default: here, where there is one).")
@click.option("--json", "json_file", metavar="FILE", help="Write the findings as JSON; '-' is standard output.")
@click.option("--quiet", is_flag=True, help="No list; only the exit status.")
def doctor(notebook: Path, release: Path | None, course: Path | None, json_file: str | None, quiet: bool) -> None:
    """Say what would cost points in NOTEBOOK, and what is worth knowing, without running it.

    Exit status 1 when something would cost points, 2 when the file cannot be read.
    """
    from autograder.doctor.files import examine_file

    examined = examine_file(notebook, release, course)
    if json_file:
        _write_json(json_file, notebook, examined.compared, examined.findings)
    if not quiet and json_file != "-":
        _print(notebook, examined.findings, examined.compared is not None)
    raise click.exceptions.Exit(1 if any(each.costly for each in examined.findings) else 0)


def _write_json(target: str, notebook: Path, compared: Path | None, findings: tuple[Finding, ...]) -> None:
    from dataclasses import asdict

    from autograder.files import write_atomic

    listed: list[dict[str, Any]] = [asdict(each) for each in findings]
    text = json.dumps({"notebook": str(notebook), "release": str(compared) if compared else None, "findings": listed}, indent=1) + "\n"
    if target == "-":
        click.echo(text, nl=False)
    else:
        write_atomic(Path(target), text)


def _print(notebook: Path, findings: tuple[Finding, ...], compared: bool) -> None:
    """Each finding with place, reason and cure, worst first; at the end what that means."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from autograder.doctor.finding import summed

    console = Console(highlight=False)
    colours = console.color_system is not None
    for each in findings:
        mark = ("✗ ", "bold red") if each.costly else ("• ", "bold")
        console.print(Text.assemble(mark, (_clean(str(each.place)), "bold")))
        console.print(Padding(_code(each.reason, colours), (0, 0, 0, 2), expand=False))
        console.print(Padding(Text("→ ") + _code(each.cure, colours), (0, 0, 1, 2), expand=False))
    console.print(Text(_clean(f"{notebook.name}: {summed(findings)}"), "bold"), soft_wrap=True)
    if not compared:
        console.print(Text(_NOT_COMPARED))


def _code(text: str, colours: bool) -> Text:
    """Text with `code` in a colour of its own, where there are colours; nothing in it is markup."""
    from rich.text import Text

    if not colours:
        return Text(_clean(text))
    return Text.assemble(*((part, "cyan") if index % 2 else part for index, part in enumerate(_clean(text).split("`"))))


def _clean(text: str) -> str:
    """One line without control characters: places and names come from students."""
    return "".join(character if character.isprintable() else " " for character in text)
