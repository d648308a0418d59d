"""Moodle: its grade import (Grades → Import → CSV file), or the grading worksheet of one assignment, filled in.

What Moodle reads: https://docs.moodle.org/en/Grade_import and `grade/import/csv` of https://github.com/moodle/moodle; for the worksheet
`mod/assign/feedback/offline` there. In the import an empty grade erases the one that is there, and one unknown student cancels all. So
those without a score are left out of the file. The worksheet leaves students alone whose grade is empty or unchanged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from autograder.errors import UsageError
from autograder.exports.filling import Filled, Places, fill
from autograder.exports.scores import Score, number
from autograder.exports.table import harmless, read_table, to_csv
from autograder.intake.roster import Roster

_KEYS = (("Username", "id"), ("ID number", "id"), ("Email address", "id"), ("Email address", "email"))


def grade_import(assignment: str, scores: Sequence[Score], roster: Roster | None = None) -> Filled:
    """A file for Moodle's grade import: the student's id as `username`, with a list of students the e-mail address, and the points."""
    rows, missing = [], {}
    scored = [score for score in scores if score.points is not None]
    people = {score.student: person for score in scored if roster and (person := roster.get(score.student))}
    addresses = Counter(person.email for person in people.values())
    for score in scored:
        assert score.points is not None
        person = people.get(score.student)
        if harmless(score.student) != score.student:
            missing[score.student] = "a spreadsheet would take the id for a formula"
        elif roster and person is None:
            missing[score.student] = "the id does not stand in the list of students"
        elif person and not person.email:
            missing[score.student] = "the list of students has no e-mail address of theirs"
        elif person and addresses[person.email] > 1:
            missing[score.student] = f"the list of students gives {addresses[person.email]} students the address {person.email}"
        else:
            rows.append([score.student, *([person.email] if person else []), number(score.points)])
    header = ["username", *(["email"] if roster else []), assignment]
    return Filled(to_csv(header, rows), tuple(row[0] for row in rows), missing)


def fill_worksheet(
    template: bytes,
    scores: Iterable[Score],
    column: str | None = None,
    id_column: str | None = None,
    roster: Roster | None = None,
    scale: bool = False,
) -> Filled:
    """Scores in the column *Grade* of a grading worksheet. `column` and `id_column` name the two columns where they are called otherwise.

    Raises UsageError when they are not there.
    """
    table = read_table(template)
    target = table.column(column or "Grade")
    keys = [(place, kind) for name, kind in ((id_column, "id"), *_KEYS) if name and (place := table.column(name)) is not None]
    if target is None or not keys or (id_column and table.column(id_column) is None):
        there = ", ".join(f"'{name}'" for name in table.header)
        raise UsageError(
            f"The template lacks the column '{column or 'Grade'}', or one with the students' ids; it has: {there}.",
            "Download the grading worksheet again; name the columns with --column and --id-column when Moodle speaks another language.",
        )
    changeable, most = table.column("Grade can be changed"), table.column("Maximum Grade")
    rows = range(len(table.rows))
    locked = {
        row: "Moodle says that the grade cannot be changed"
        for row in rows
        if changeable is not None and table.value(row, changeable) == "No"
    }
    points = {table.value(row, most) for row in rows if table.value(row, most)} if most is not None else set()
    return fill(table, Places(keys, target, list(rows), locked, _points(points), capped=True), scores, roster, scale)


def _points(said: set[str]) -> float | None:
    """The maximum that all rows name."""
    if len(said) != 1 or not re.fullmatch(r"\d+([.,]\d+)?", found := said.pop()):
        return None
    return float(found.replace(",", "."))
