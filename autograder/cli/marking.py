"""`autograder marking`: who marks what by hand, how far they are, and a second marking of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from autograder.cli.marking_parts import opened, write
from autograder.cli.marking_twice import compare, sample, second
from autograder.cli.options import NAME, Common, common_options

if TYPE_CHECKING:
    from autograder.batch.store import Store
    from autograder.term.marking import Marking, Part

_NAMED = 10


@click.group()
def marking() -> None:
    """Marking by hand: allocation to assistants, progress, answers beside their mark schemes, second marking."""


for command in (sample, second, compare):
    marking.add_command(command)


@marking.command()
@click.argument("assignment")
@click.option("--by-section", is_flag=True, help="To the assistants whom the roster names, by student or by section.")
@click.option("--evenly", is_flag=True, help="As many to each assistant.")
@click.option("--assistant", "assistants", type=NAME, metavar="NAME", multiple=True, help="--evenly: whom (default: all in the roster).")
@click.option("--again", is_flag=True, help="Allocate anew whatever is not marked yet.")
@common_options
def allocate(common: Common, assignment: str, by_section: bool, evenly: bool, assistants: tuple[str, ...], again: bool) -> None:
    """Give the submissions of ASSIGNMENT to assistants. Who has an assistant keeps them, so call it again when more came in."""
    from autograder.errors import UsageError
    from autograder.term import marking as term

    if by_section == evenly or (by_section and assistants):
        raise UsageError("Say how: --by-section or --evenly; --assistant goes with --evenly.", "The roster says who assists whom.")
    store, parts, known = opened(common, assignment)
    names = sorted(set(assistants)) or sorted(_assistants(store))
    if evenly and not names:
        raise UsageError("Nobody is there to mark: the roster names no assistant.", "Name them with --assistant NAME, each once.")
    fixed = _marked(parts) & known.markers.keys() if again else frozenset(known.markers)
    wanted = sorted({part.student for part in parts} - fixed)
    kept = {student: name for student, name in known.markers.items() if student in fixed}
    if evenly:
        given, problems = term.evenly(assignment, wanted, names, kept, known.second_markers)
        cure = "Name somebody else too, with --assistant NAME."
    else:
        given, problems = term.by_section(wanted, _roster(store), known.second_markers)
        cure = "Give them an assistant in the class list and import it again, or allocate evenly."
    if problems:
        raise UsageError(f"Nobody is allocated, because some have no assistant: {'; '.join(problems)}.", cure)
    given = {student: name for student, name in given.items() if known.markers.get(student) != name}
    if given:
        write(common, store, "allocate", assignment, markers=given)
    common.say(f"{len(given)} submission(s) of '{assignment}' allocated, {len(known.markers.keys() - given.keys())} as before.")
    _progress(common, assignment, *opened(common, assignment)[1:])


@marking.command()
@click.argument("assignment")
@click.option("--assistant", type=NAME, metavar="NAME", help="What this assistant still has to mark.")
@common_options
def progress(common: Common, assignment: str, assistant: str | None) -> None:
    """Show how far everybody is with ASSIGNMENT."""
    from autograder.cli.tables import print_table

    _, parts, known = opened(common, assignment)
    if assistant is None:
        _progress(common, assignment, parts, known)
        return
    _require_assistant(assistant, known)
    mine = [each for each in parts if known.markers.get(each.student) == assistant and each.open]
    print_table(common, f"{assignment}: {len(mine)} part(s) for {assistant}", ("student", "part", "points"), [_row(each) for each in mine])
    common.write_json([asdict(each) for each in mine])


@marking.command()
@click.argument("assignment")
@click.option("--assistant", "assistants", type=NAME, metavar="NAME", multiple=True, help="Only for this one; may be given several times.")
@common_options
def sheet(common: Common, assignment: str, assistants: tuple[str, ...]) -> None:
    """Write a page for each assistant, with every answer beside its mark scheme: marking/<assignment>.<assistant>.html.

    Formgrader shows the schemes too; these pages are for second markers, who should not see the first marks, and for paper.
    """
    from autograder.feedback.marking import Sheet, render_sheet
    from autograder.files import write_atomic
    from autograder.term.dates import now_in

    store, parts, known = opened(common, assignment)
    for name in assistants:
        _require_assistant(name, known)
    chosen = sorted(set(assistants)) or sorted({*known.markers.values(), *known.second.values()})
    answers, written = _answers(common, store, assignment, parts, known), []
    for name in chosen:
        page = Sheet(common.course.title, assignment, name, now_in(common.course.timezone)[:16].replace("T", " "), answers.get(name, []))
        written.append(common.paths.root / "marking" / f"{assignment}.{_file_name(name)}.html")
        write_atomic(written[-1], render_sheet(page), mode=0o640)
    common.say(f"{len(written)} page(s){f', the first: {written[0]}' if written else ': nobody has anything to mark; allocate first'}")
    common.write_json([str(path) for path in written])


def _roster(store: Store) -> dict[str, Any]:
    from autograder.term.roster import members, roster_journal

    return members(roster_journal(store.root).read())


def _assistants(store: Store) -> set[str]:
    return {each.student.assistant for each in _roster(store).values() if each.active and each.student.assistant}


def _marked(parts: Sequence[Part]) -> frozenset[str]:
    """Students of whom somebody marked something: their assistant stays."""
    return frozenset(part.student for part in parts if part.score is not None)


def _require_assistant(name: str, known: Marking) -> None:
    from autograder.errors import UsageError

    there = sorted({*known.markers.values(), *known.second.values()})
    if name not in there:
        raise UsageError(f"'{name}' has nothing to mark.", f"There are: {', '.join(there) or 'none; see `autograder marking allocate`'}.")


def _progress(common: Common, assignment: str, parts: Sequence[Part], known: Marking) -> None:
    from autograder.cli.tables import print_table
    from autograder.term.marking import piles_of

    piles = piles_of(parts, known)
    columns = ("assistant", "submissions", "parts", "marked", "open", "submissions still open")
    rows = [
        (
            each.assistant or "nobody",
            str(len(each.students)),
            str(each.parts),
            str(each.parts - each.open_parts),
            str(each.open_parts),
            ", ".join(each.open_students[:_NAMED]) + (", …" if len(each.open_students) > _NAMED else ""),
        )
        for each in piles
    ]
    done = sum(not part.open for part in parts)
    print_table(common, f"{assignment}: {done} of {len(parts)} part(s) marked", columns, rows, columns[1:5])
    common.write_json([asdict(each) for each in piles])


def _row(part: Part) -> tuple[str, str, str]:
    return part.student, part.cell, f"{part.max_score:g}"


def _answers(common: Common, store: Store, assignment: str, parts: Sequence[Part], known: Marking) -> Mapping[str, list[Any]]:
    """What each assistant marks, first and second time, with the answers as they were executed."""
    from autograder.course.notebook import read_notebook
    from autograder.course.schemes import MarkScheme, mark_schemes
    from autograder.feedback.marking import Answer, answers_of
    from autograder.term.names import called, read_names

    schemes, names = mark_schemes(read_notebook(common.paths.source_notebook(assignment))), read_names(store.root)
    found: dict[str, list[Any]] = {}
    texts: dict[str, dict[str, str] | None] = {}
    for part in parts:
        if part.student not in texts:
            record = store.present(common.course.default_profile, assignment, part.student)
            counted = next((run.run_key for run in record.runs if run.counted), None) if record else None
            texts[part.student] = answers_of(store.run(counted).notebook()) if counted else None
        scheme = schemes.get(part.cell, MarkScheme(part.cell, part.max_score, "", ""))
        whole = texts[part.student]
        text = None if whole is None else whole.get(part.cell, "")
        for marker, again in ((known.markers.get(part.student), False), (known.second.get(part.student), True)):
            if marker is not None:
                found.setdefault(marker, []).append(Answer(part.student, called(names, part.student), scheme, text, again))
    return found


def _file_name(assistant: str) -> str:
    from urllib.parse import quote

    return quote(assistant, safe=" ").replace(" ", "_")
