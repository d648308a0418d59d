"""Fills scores into a file that an LMS exported: the right column, the right rows, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autograder.errors import UsageError
from autograder.exports.scores import Score, number
from autograder.exports.table import Table
from autograder.intake.roster import Person, Roster


@dataclass(frozen=True)
class Filled:
    """The file with its new cells, who is in it, and by student why somebody is not."""

    data: bytes
    written: tuple[str, ...]
    missing: Mapping[str, str]


@dataclass(frozen=True)
class Places:
    """Where things stand in a template.

    `keys`: columns that identify a student, best first, each with what of a person stands there (`id`, `canvas`, `email`); `target`: the
    column of the scores; `students`: the rows of students; `locked`: of these the ones that must not change, with why; `points`: what
    the template counts, and `capped` says that it takes no more.
    """

    keys: Sequence[tuple[int, str]]
    target: int
    students: Sequence[int]
    locked: Mapping[int, str]
    points: float | None = None
    capped: bool = False


def fill(table: Table, places: Places, scores: Iterable[Score], roster: Roster | None, scale: bool) -> Filled:
    """Writes each score that there is into its student's row. Cells of those without a score keep what they have.

    Raises UsageError when the template counts other points than the assignment and nothing is to be scaled.
    """
    scored = [score for score in scores if score.points is not None]
    rows, missing = _rows(table, places, scored, roster)
    values: dict[tuple[int, int], str] = {}
    for score in scored:
        points, row = _scaled(score, places.points, scale), rows.get(score.student)
        if row is None:
            continue
        if row in places.locked:
            missing[score.student] = places.locked[row]
        elif places.target >= len(table.rows[row]):
            missing[score.student] = "their row in the template ends before the column"
        elif places.capped and places.points is not None and points > places.points:
            missing[score.student] = f"{number(points)} points are more than the {number(places.points)} allowed"
        else:
            values[row, places.target] = number(points)
    written = [score.student for score in scored if score.student not in missing]
    return Filled(table.replace(values), tuple(written), missing)


def _scaled(score: Score, points: float | None, scale: bool) -> float:
    assert score.points is not None
    if points is None or abs(points - score.max_score) < 0.005:
        return score.points
    if not scale or not score.max_score:
        raise UsageError(
            f"The template counts {number(points)} points, '{score.assignment}' has {number(score.max_score)}.",
            "Give both the same points, or let the scores be scaled to the template's with --scale.",
        )
    return score.points * points / score.max_score


def _rows(table: Table, places: Places, scores: Sequence[Score], roster: Roster | None) -> tuple[dict[str, int], dict[str, str]]:
    """The row of each student, and why the others have none: nobody is matched by likeness, and no row belongs to two."""
    where: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row in places.students:
        for column, _ in places.keys:
            if value := table.value(row, column):
                where[column, value].append(row)
    found: dict[str, int] = {}
    missing: dict[str, str] = {}
    for score in scores:
        person = (roster.get(score.student) if roster else None) or Person(score.student)
        rows = {row for column, kind in places.keys for row in where.get((column, getattr(person, kind)), ())}
        if len(rows) == 1:
            found[score.student] = rows.pop()
        else:
            missing[score.student] = f"{len(rows)} rows of the template have this id" if rows else "not in the template"
    owners: dict[int, list[str]] = defaultdict(list)
    for student, row in found.items():
        owners[row].append(student)
    for students in owners.values():
        for student in students if len(students) > 1 else ():
            del found[student]
            missing[student] = f"the same row of the template would belong to {', '.join(sorted(students))}"
    return found, missing
