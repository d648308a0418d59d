"""`autograder marking`: who marks what by hand, how far they are, and a second marking of a sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import click

from autograder.cli.options import Common, common_options

if TYPE_CHECKING:
    from autograder.batch.store import Store
    from autograder.term.marking import Difference, Marking, MarkingEntry, Part

_NAMED = 10


@click.group()
def marking() -> None:
    """Marking by hand: allocation to assistants, progress, answers beside their mark schemes, second marking."""


@marking.command()
@click.argument("assignment")
@click.option("--by-section", is_flag=True, help="To the assistants whom the roster names, by student or by section.")
@click.option("--evenly", is_flag=True, help="As many to each assistant.")
@click.option("--assistant", "assistants", metavar="NAME", multiple=True, help="--evenly: an assistant (default: all in the roster).")
@click.option("--again", is_flag=True, help="Allocate anew whatever is not marked yet.")
@common_options
def allocate(common: Common, assignment: str, by_section: bool, evenly: bool, assistants: tuple[str, ...], again: bool) -> None:
    """Give the submissions of ASSIGNMENT to assistants. Who has an assistant keeps them, so call it again when more came in."""
    from autograder.errors import UsageError
    from autograder.term import marking as term

    if by_section == evenly or (by_section and assistants):
        raise UsageError("Say how: --by-section or --evenly; --assistant goes with --evenly.", "The roster says who assists whom.")
    store, parts, known = _opened(common, assignment)
    names = _names(assistants) or sorted(_assistants(store))
    if evenly and not names:
        raise UsageError("Nobody is there to mark: the roster names no assistant.", "Name them with --assistant NAME, each once.")
    fixed = _marked(parts) & known.markers.keys() if again else frozenset(known.markers)
    wanted = sorted({part.student for part in parts} - fixed)
    kept = {student: name for student, name in known.markers.items() if student in fixed}
    if evenly:
        given = term.evenly(assignment, wanted, names, kept)
    else:
        given, problems = term.by_section(wanted, _roster(store))
        if problems:
            cure = "Give them an assistant in the class list and import it again, or allocate evenly."
            raise UsageError(f"Nobody is allocated, because some have no assistant: {'; '.join(problems)}.", cure)
    given = {student: name for student, name in given.items() if known.markers.get(student) != name}
    if given:
        _write(common, store, "allocate", assignment, markers=given)
    common.say(f"{len(given)} submission(s) of '{assignment}' allocated, {len(known.markers.keys() - given.keys())} as before.")
    _progress(common, assignment, *_opened(common, assignment)[1:])


@marking.command()
@click.argument("assignment")
@click.option("--assistant", metavar="NAME", help="What this assistant still has to mark.")
@common_options
def progress(common: Common, assignment: str, assistant: str | None) -> None:
    """Show how far everybody is with ASSIGNMENT."""
    from autograder.cli.tables import print_table

    _, parts, known = _opened(common, assignment)
    if assistant is None:
        _progress(common, assignment, parts, known)
        return
    _require_assistant(assistant, known)
    mine = [each for each in parts if known.markers.get(each.student) == assistant and each.open]
    print_table(common, f"{assignment}: {len(mine)} part(s) for {assistant}", ("student", "part", "points"), [_row(each) for each in mine])
    common.write_json([asdict(each) for each in mine])


@marking.command()
@click.argument("assignment")
@click.option("--assistant", "assistants", metavar="NAME", multiple=True, help="Only for this assistant; may be given several times.")
@common_options
def sheet(common: Common, assignment: str, assistants: tuple[str, ...]) -> None:
    """Write a page for each assistant, with every answer beside its mark scheme: marking/<assignment>.<assistant>.html.

    Formgrader shows the schemes too; these pages are for second markers, who should not see the first marks, and for paper.
    """
    from autograder.feedback.marking import Sheet, render_sheet
    from autograder.files import write_atomic
    from autograder.term.dates import now_in

    store, parts, known = _opened(common, assignment)
    for name in assistants:
        _require_assistant(name, known)
    chosen = _names(assistants) or sorted({*known.markers.values(), *known.second.values()})
    answers, written = _answers(common, store, assignment, parts, known), []
    for name in chosen:
        page = Sheet(common.course.title, assignment, name, now_in(common.course.timezone)[:16].replace("T", " "), answers.get(name, []))
        written.append(common.paths.root / "marking" / f"{assignment}.{_file_name(name)}.html")
        write_atomic(written[-1], render_sheet(page), mode=0o640)
    common.say(f"{len(written)} page(s){f', the first: {written[0]}' if written else ': nobody has anything to mark; allocate first'}")
    common.write_json([str(path) for path in written])


@marking.command()
@click.argument("assignment")
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), default=0.1, show_default=True, help="Of each assistant's submissions."
)
@click.option("--assistant", "assistants", metavar="NAME", multiple=True, help="Who marks a second time (default: all who mark).")
@common_options
def sample(common: Common, assignment: str, share: float, assistants: tuple[str, ...]) -> None:
    """Draw submissions of ASSIGNMENT for a second marking by somebody else, at least one of each assistant's.

    The same are drawn whenever it is called; a larger share adds to them.
    """
    from autograder.data.seed import read_seed
    from autograder.errors import UsageError
    from autograder.term.marking import draw_sample

    store, parts, known = _opened(common, assignment)
    have = {part.student for part in parts}
    markers = {student: name for student, name in known.markers.items() if student in have}
    if not markers:
        raise UsageError(f"Nothing of '{assignment}' is allocated yet.", f"Run: autograder marking allocate {assignment} --evenly")
    seconds = _names(assistants) or sorted(set(markers.values()))
    if len({*seconds, *markers.values()}) < 2:
        raise UsageError("A second marking needs somebody else than the first marker.", "Name them with --assistant NAME.")
    secret = read_seed(common.paths, store.root, lambda text: click.echo(text, err=True))
    drawn = draw_sample(assignment, markers, seconds, share, secret, known.second)
    if drawn:
        _write(common, store, "sample", assignment, markers=drawn)
    for student, name in sorted(drawn.items()):
        common.say(f"{student}: marked by {markers[student]}, a second time by {name}")
    common.say(f"{len(drawn)} drawn, {len(known.second)} were there before. Pages to mark from: autograder marking sheet {assignment}")
    common.write_json({**known.second, **drawn})


@marking.command()
@click.argument("assignment")
@click.argument("student")
@click.argument("cell")
@click.argument("score", type=float)
@click.option("--who", metavar="NAME", help="The second marker (default: you).")
@click.option("--comment", default="", metavar="TEXT", help="Why.")
@click.option("--again", is_flag=True, help="In place of a second mark that is there already.")
@common_options
def second(common: Common, assignment: str, student: str, cell: str, score: float, who: str | None, comment: str, again: bool) -> None:
    """Write down the second mark of one part. It is compared with the first one, and changes no score."""
    from autograder.term.dates import now_in, who_am_i
    from autograder.term.marking import MarkingEntry, marking_journal, marking_of

    store, parts, _ = _opened(common, assignment)
    person = who or who_am_i()
    entry = MarkingEntry(
        "second", now_in(common.course.timezone), person, assignment, {}, student, cell, score, comment=" ".join(comment.split())
    )

    def make(entries: Sequence[MarkingEntry]) -> MarkingEntry:
        _require_sound(parts, marking_of(entries, assignment), entry, again)
        return entry

    marking_journal(store.root).append(make, _warn)
    part = next(each for each in parts if (each.student, each.cell) == (student, cell))
    first = "not marked yet" if part.open or part.score is None else f"{part.score:g}"
    common.say(f"{student}, {cell}: {score:g} of {part.max_score:g} by {person}; the first mark is {first}.")


@marking.command()
@click.argument("assignment")
@click.option(
    "--tolerance", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Share of a part's points that two may differ by."
)
@common_options
def compare(common: Common, assignment: str, tolerance: float) -> None:
    """Show where first and second marks of ASSIGNMENT differ, the largest difference first."""
    from autograder.cli.tables import print_table
    from autograder.term.marking import differences

    _, parts, known = _opened(common, assignment)
    found = differences(parts, known)
    columns = ("student", "part", "of", "first", "", "second", "", "difference", "", "comment")
    rows = [_compared(each, tolerance) for each in found]
    print_table(common, f"{assignment}: {len(found)} part(s) in the sample", columns, rows, ("of", "difference"))
    both = [(each, each.difference) for each in found if each.difference is not None]
    beyond = [each for each, difference in both if abs(difference) > tolerance * each.max_score + 1e-9]
    summary = {
        "parts": len(found),
        "marked_twice": len(both),
        "beyond_tolerance": len(beyond),
        "mean_difference": round(sum(difference for _, difference in both) / len(both), 3) if both else None,
        "mean_absolute_difference": round(sum(abs(difference) for _, difference in both) / len(both), 3) if both else None,
    }
    if both:
        common.say(
            f"{len(both)} of {len(found)} marked twice: second minus first {summary['mean_difference']:+g} points on average, "
            f"{summary['mean_absolute_difference']:g} apart; {len(beyond)} beyond {tolerance:.0%} of the part's points."
        )
        common.say("No score changed: correct the first mark in formgrader, or decide.")
    else:
        common.say(f"0 of {len(found)} marked twice.")
    common.write_json({**summary, "differences": [{**asdict(each), "difference": each.difference} for each in found]})


# --- what they share --------------------------------------------------------------------------------------------------


def _opened(common: Common, assignment: str) -> tuple[Store, list[Part], Marking]:
    """The store, what there is to mark, and who marks it. Raises UsageError for an assignment that is not graded yet."""
    from autograder.batch.plan import store_of
    from autograder.batch.store import choose_students
    from autograder.course.profile import find_assignment
    from autograder.gradebook.late import hand_grades
    from autograder.gradebook.location import gradebook_url
    from autograder.term.marking import marking_journal, marking_of, parts_of
    from autograder.term.scores import facts_by_student

    find_assignment(common.course, assignment)
    store = store_of(common.course, common.paths, common.store)
    choose_students(store, common.course.default_profile, assignment, ())
    parts = parts_of(facts_by_student(common.course, store, assignment, hand_grades(gradebook_url(common.paths), assignment)))
    return store, parts, marking_of(marking_journal(store.root).read(_warn), assignment)


def _warn(text: str) -> None:
    click.echo(text, err=True)


def _write(common: Common, store: Store, kind: Literal["allocate", "sample"], assignment: str, markers: dict[str, str]) -> None:
    from autograder.term.dates import now_in, who_am_i
    from autograder.term.marking import MarkingEntry, marking_journal

    entry = MarkingEntry(kind, now_in(common.course.timezone), who_am_i(), assignment, markers)
    marking_journal(store.root).append(lambda _: entry, _warn)


def _names(given: Sequence[str]) -> list[str]:
    return sorted({" ".join(each.split()) for each in given if each.strip()})


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


def _require_sound(parts: Sequence[Part], known: Marking, mark: MarkingEntry, again: bool) -> None:
    """Raises UsageError with what speaks against a second mark."""
    from autograder.errors import UsageError

    if mark.student not in known.second:
        some = ", ".join(sorted(known.second)[:_NAMED]) or "nobody"
        raise UsageError(f"'{mark.student}' is not in the sample. Nothing was written.", f"In the sample: {some}.")
    part = next((each for each in parts if (each.student, each.cell) == (mark.student, mark.cell)), None)
    if part is None:
        cells = ", ".join(each.cell for each in parts if each.student == mark.student) or "none"
        raise UsageError(f"'{mark.student}' has no part '{mark.cell}' to mark. Nothing was written.", f"There are: {cells}.")
    problems = []
    if mark.score is None or not 0 <= mark.score <= part.max_score:
        problems.append(f"{mark.score:g} lies outside 0 to {part.max_score:g}, the points of '{mark.cell}'")
    if mark.who == known.markers.get(mark.student):
        problems.append(f"{mark.who} marked {mark.student} the first time; a second mark is somebody else's (--who)")
    before = known.marks.get((mark.student, mark.cell))
    if before is not None and not again:
        problems.append(f"{before.who} gave {before.score:g} on {before.at[:10]} already (--again puts yours in its place)")
    if problems:
        raise UsageError(f"Nothing was written: {'; '.join(problems)}.")


def _compared(each: Difference, tolerance: float) -> tuple[str, ...]:
    def mark(value: float | None) -> str:
        return "open" if value is None else f"{value:g}"

    difference = each.difference
    look = "look at it" if difference is not None and abs(difference) > tolerance * each.max_score + 1e-9 else ""
    return (
        each.student,
        each.cell,
        f"{each.max_score:g}",
        each.first,
        mark(each.first_score),
        each.second,
        mark(each.second_score),
        "" if difference is None else f"{difference:+g}",
        look,
        each.comment,
    )
