"""Who is who: a CSV with the course's ids beside what an LMS calls the same students.

Columns are known by the names that nbgrader (`nbgrader db student import`), Canvas (an exported gradebook), Moodle (a grading worksheet)
and `autograder roster import` give them, so that those files can be used as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import Problem, UsageError
from autograder.intake.class_list import FIELD_OF, Table, clean, read_table, refused, title_key

_ID = "id"
_CANVAS_NAME = "Student"  # which in a list of one's own is the id
_LMS_IDS = {
    "canvas": ("lms_user_id", "ID"),
    "moodle": ("Identifier",),
}  # Moodle's number in a download is no user id
_OUR_LMS_IDS = ("lmsid", "lms", "canvasid")  # in a class list of one's own


@dataclass(frozen=True)
class Person:
    """One student: `id` is the course's; the others are an LMS's words for the same person, empty where the file has none."""

    id: str
    canvas: str = ""
    moodle: str = ""
    email: str = ""
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Roster:
    """The students of a course, each id once. Nothing is looked up by likeness: an id is equal, or a name in full is one student's only."""

    people: tuple[Person, ...]

    def find(self, lms: str, number: str, name: str) -> tuple[str | None, str]:
        """The id of whom an LMS calls so, by number first and by full name else; or None, and why."""
        by_number = [person for person in self.people if number and getattr(person, lms) == number]
        if len(by_number) == 1:
            return self._checked(by_number[0], lms, number, name)
        if by_number:
            return None, f"{len(by_number)} students of the list have the number {number}"
        by_name = [person for person in self.people if name_key(name) in person.names]
        if len(by_name) > 1:
            return None, f"{len(by_name)} students of the list have this name: {', '.join(sorted(person.id for person in by_name))}"
        if not by_name:
            return None, "no student of the list has this number or name"
        other = getattr(by_name[0], lms)
        if number and other:
            return None, f"the list gives {by_name[0].id}, who has this name, the number {other}"
        return by_name[0].id, ""

    def _checked(self, person: Person, lms: str, number: str, name: str) -> tuple[str | None, str]:
        """Moodle's number may be a group's, which some participant has by chance: there the name must not say otherwise."""
        if lms == "moodle" and name and person.names and name_key(name) not in person.names:
            return None, f"the list gives {person.id} the number {number}, and another name"
        return person.id, ""

    def get(self, student: str) -> Person | None:
        """The person with that id."""
        return next((person for person in self.people if person.id == student), None)


def name_key(name: str) -> str:
    """A name without what an LMS drops from it: spaces, signs, capitals."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


def read_roster(path: Path, id_column: str | None = None) -> Roster:
    """Reads the CSV. `id_column` names the column with the course's ids (default: `id`).

    Raises UsageError with what is missing, and with the lines of ids that stand there twice: nobody knows which of them is meant.
    """
    table, wanted = read_table(path), id_column or _ID
    if wanted not in table.header:
        shown = ", ".join(f"'{name}'" for name in table.header if name) or "none"
        cure = "Name the column with --id-column."
        raise UsageError(f"'{path.name}' has no column '{wanted}' with the students' ids; it has: {shown}.", cure)
    if (count := table.header.count(wanted)) > 1:
        raise UsageError(f"'{path.name}' has {count} columns '{wanted}'; nobody knows which holds the ids.", "Leave one of them out.")
    lines = [(number, dict(zip(table.header, row, strict=False))) for number, row in table.rows]
    people = [(number, _person(row, wanted)) for number, row in lines if row.get(wanted, "").strip()]
    _require_once(table, people)
    return Roster(tuple(person for _, person in people))


def _require_once(table: Table, people: Iterable[tuple[int, Person]]) -> None:
    seen: dict[str, int] = {}
    problems = []
    for number, person in people:
        before = seen.setdefault(person.id, number)
        if before != number:
            said = f"id {person.id!r} stands in line {before} already"
            problems.append(Problem(f"{table.file.name}:{number}", said, "Leave one line for each student."))
    if problems:
        raise refused(table.file, problems)


def _person(row: Mapping[str, str], id_column: str) -> Person:
    others = {title: clean(value) for title, value in row.items() if title != id_column}

    def first(titles: Iterable[str]) -> str:
        return next((value for title in titles if (value := others.get(title, ""))), "")

    def of(*fields: str) -> list[str]:
        return [value for title, value in others.items() if FIELD_OF.get(title_key(title)) in fields and value]

    names = [*of("name"), others.get(_CANVAS_NAME, "")]
    names += [f"{last} {given}" for name in names for given, _, last in [name.rpartition(" ")] if given]  # Canvas begins with the last name
    parts = [(given, last) for given in of("first_name") for last in of("last_name")]
    parts += [(given, last) for name in names for last, comma, given in [name.partition(",")] if comma]
    names += [name for given, last in parts if given and last for name in (f"{given} {last}", f"{last} {given}")]
    return Person(
        id=row[id_column].strip(),
        canvas=first(_LMS_IDS["canvas"])
        or next((value for title, value in others.items() if title_key(title) in _OUR_LMS_IDS and value), ""),
        moodle=re.sub(r"^\D+", "", first(_LMS_IDS["moodle"])),  # "Participant 12345", in the site's language
        email=next(iter(of("email")), ""),
        names=frozenset(name_key(name) for name in names if name_key(name)),
    )
