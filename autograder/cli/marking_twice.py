"""`autograder marking sample|second|compare`: a second marking by somebody else, which changes no score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from autograder.cli.marking_parts import opened, warn, write
from autograder.cli.options import NAME, Common, common_options

if TYPE_CHECKING:
    from autograder.term.marking import Difference, Marking, MarkingEntry, Part

_NAMED = 10


@click.command()
@click.argument("assignment")
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), default=0.1, show_default=True, help="Of each assistant's submissions."
)
@click.option("--assistant", "assistants", type=NAME, metavar="NAME", multiple=True, help="Who marks again (default: all who mark).")
@common_options
def sample(common: Common, assignment: str, share: float, assistants: tuple[str, ...]) -> None:
    """Draw submissions of ASSIGNMENT for a second marking by somebody else, at least one of each assistant's.

    The same are drawn whenever it is called; a larger share adds to them.
    """
    from autograder.data.seed import read_seed
    from autograder.errors import UsageError
    from autograder.term.marking import draw_sample

    store, parts, known = opened(common, assignment)
    have = {part.student for part in parts}
    markers = {student: name for student, name in known.markers.items() if student in have}
    if not markers:
        raise UsageError(f"Nothing of '{assignment}' is allocated yet.", f"Run: autograder marking allocate {assignment} --evenly")
    seconds = sorted(set(assistants)) or sorted(set(markers.values()))
    if len({*seconds, *markers.values()}) < 2:
        raise UsageError("A second marking needs somebody else than the first marker.", "Name them with --assistant NAME.")
    secret = read_seed(common.paths, store.root, lambda text: click.echo(text, err=True))
    drawn = draw_sample(assignment, markers, seconds, share, secret, known.second)
    if drawn:
        write(common, store, "sample", assignment, markers=drawn)
    for student, name in sorted(drawn.items()):
        common.say(f"{student}: marked by {markers[student]}, a second time by {name}")
    common.say(f"{len(drawn)} drawn, {len(known.second)} were there before. Pages to mark from: autograder marking sheet {assignment}")
    common.write_json({**known.second, **drawn})


@click.command()
@click.argument("assignment")
@click.argument("student")
@click.argument("cell")
@click.argument("score", type=float)
@click.option("--who", type=NAME, metavar="NAME", help="The second marker (default: you).")
@click.option("--comment", default="", metavar="TEXT", help="Why.")
@click.option("--again", is_flag=True, help="In place of a second mark that is there already.")
@common_options
def second(common: Common, assignment: str, student: str, cell: str, score: float, who: str | None, comment: str, again: bool) -> None:
    """Write down the second mark of one part. It is compared with the first one, and changes no score."""
    from autograder.term.dates import now_in, who_am_i
    from autograder.term.marking import MarkingEntry, marking_journal, marking_of

    store, parts, _ = opened(common, assignment)
    person = who or who_am_i()
    entry = MarkingEntry(
        "second", now_in(common.course.timezone), person, assignment, {}, student, cell, score, comment=" ".join(comment.split())
    )

    def make(entries: Sequence[MarkingEntry]) -> MarkingEntry:
        _require_sound(parts, marking_of(entries, assignment), entry, again)
        return entry

    marking_journal(store.root).append(make, warn)
    part = next(each for each in parts if (each.student, each.cell) == (student, cell))
    first = "there is no first mark yet" if part.open or part.score is None else f"the first mark is {part.score:g}"
    common.say(f"{student}, {cell}: {score:g} of {part.max_score:g} by {person}; {first}.")


@click.command()
@click.argument("assignment")
@click.option(
    "--tolerance", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Share of a part's points that two may differ by."
)
@common_options
def compare(common: Common, assignment: str, tolerance: float) -> None:
    """Show where first and second marks of ASSIGNMENT differ, the largest difference first."""
    from autograder.cli.tables import print_table
    from autograder.term.marking import differences

    _, parts, known = opened(common, assignment)
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
