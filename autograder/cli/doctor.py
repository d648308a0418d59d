"""`autograder doctor`: what would cost points in a notebook, before it is submitted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.text import Text

    from autograder.doctor.examine import Surroundings
    from autograder.doctor.finding import Finding

_NOT_COMPARED = (
    "The released notebook is not at hand, so deleted, copied, moved or changed cells were not looked for. "
    "Name it with --release FILE; in a course folder it is found by itself."
)
_MAX_BYTES = 500 * 2**20


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
    from autograder.course.notebook import read_notebook
    from autograder.doctor.examine import examine
    from autograder.errors import SubmissionError, UsageError

    data = _read(notebook)
    try:
        compared, around = _look_around(notebook, data, release, course)
        findings = examine(data, read_notebook(compared) if compared else None, around)
    except SubmissionError as error:
        raise UsageError(f"'{notebook}': {error.message}", error.cure) from None
    if json_file:
        _write_json(json_file, notebook, compared, findings)
    if not quiet and json_file != "-":
        _print(notebook, findings, compared is not None)
    raise click.exceptions.Exit(1 if any(each.costly for each in findings) else 0)


def _read(notebook: Path) -> bytes:
    from autograder.errors import UsageError
    from autograder.files import read_bounded

    try:
        return read_bounded(notebook.resolve(), _MAX_BYTES)
    except FileNotFoundError:
        raise UsageError(f"The notebook '{notebook}' does not exist.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"'{notebook}' cannot be read: {error}", "Name the notebook's file, which ends in .ipynb.") from None


def _look_around(notebook: Path, data: bytes, release: Path | None, course: Path | None) -> tuple[Path | None, Surroundings]:
    """The released notebook to compare with, if there is one, and what is known beside the notebook."""
    from autograder.doctor.examine import Surroundings

    here = Surroundings(name=notebook.name, siblings=_siblings(notebook))
    root = course or Path()
    if course is None and not (root / "grading_config.py").is_file():
        return release, here
    return _in_course(root, data, release, here)


def _siblings(notebook: Path) -> tuple[str, ...]:
    try:
        return tuple(sorted(path.name for path in notebook.absolute().parent.iterdir()))
    except OSError:
        return ()


def _in_course(root: Path, data: bytes, release: Path | None, here: Surroundings) -> tuple[Path | None, Surroundings]:
    """The release with the notebook's grade ids, in the version that it began as, and what the course says of its assignment."""
    from dataclasses import replace

    from autograder.course.loading import load_course
    from autograder.course.profile import find_assignment, resolve_profile
    from autograder.course.versions import read_versions, versions
    from autograder.intake.parsing import parse_notebook
    from autograder.intake.versions import as_fetched

    loaded, paths = load_course(root)
    released = {each.id: paths.release_notebook(each.id) for each in loaded.assignments if paths.release_notebook(each.id).is_file()}
    own = {cell.grade_id for cell in parse_notebook(data).cells if cell.grade_id}
    shared = {name: len(own & _grade_ids(path)) for name, path in released.items()}
    name = max(shared, key=lambda each: shared[each], default=None)
    if name is None or not shared[name]:
        return release, here
    assignment = find_assignment(loaded, name)
    limits = resolve_profile(loaded, assignment, None).limits
    allowed = tuple(assignment.files)
    begun = as_fetched(data, read_versions(paths, name))
    fetched = next(each.notebook(name) for each in versions(paths, name) if each.number == begun)
    return release or fetched, replace(
        here, assignment=name, allowed=allowed, submission_bytes=limits.submission_bytes, literal_bytes=limits.literal_bytes
    )


def _grade_ids(release: Path) -> set[str]:
    from autograder.course.notebook import read_notebook
    from autograder.intake.restore import grade_id_of

    return {grade_id for cell in read_notebook(release)["cells"] if (grade_id := grade_id_of(cell))}


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

    console = Console(highlight=False)
    colours = console.color_system is not None
    for each in findings:
        mark = ("✗ ", "bold red") if each.costly else ("• ", "bold")
        console.print(Text.assemble(mark, (_clean(str(each.place)), "bold")))
        console.print(Padding(_code(each.reason, colours), (0, 0, 0, 2), expand=False))
        console.print(Padding(Text("→ ") + _code(each.cure, colours), (0, 0, 1, 2), expand=False))
    costly = sum(each.costly for each in findings)
    console.print(Text(_clean(f"{notebook.name}: {_sum(costly, len(findings) - costly)}"), "bold"), soft_wrap=True)
    if not compared:
        console.print(Text(_NOT_COMPARED))


def _sum(costly: int, others: int) -> str:
    if not costly and not others:
        return "nothing was found that would cost points."
    cost = "1 thing would cost points" if costly == 1 else f"{costly or 'nothing'} {'things ' if costly else ''}would cost points"
    return f"{cost} (✗), {others} worth knowing (•)." if others else f"{cost} (✗)."


def _code(text: str, colours: bool) -> Text:
    """Text with `code` in a colour of its own, where there are colours; nothing in it is markup."""
    from rich.text import Text

    if not colours:
        return Text(_clean(text))
    return Text.assemble(*((part, "cyan") if index % 2 else part for index, part in enumerate(_clean(text).split("`"))))


def _clean(text: str) -> str:
    """One line without control characters: places and names come from students."""
    return "".join(character if character.isprintable() else " " for character in text)
