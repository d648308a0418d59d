"""Who is who: a CSV with the course's ids beside what an LMS calls the same students.

Columns are known by the names that nbgrader (`nbgrader db student import`), Canvas (an exported gradebook) and Moodle (a grading
worksheet) give them, so that those files can be used as they are.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import UsageError
from autograder.files import read_bounded

_BYTES = 50 * 2**20
_ID = "id"
_LMS_IDS = {"canvas": ("lms_user_id", "ID"), "moodle": ("Identifier",)}  # Moodle's number in a download is not its user id
_NAMES = ("name", "Full name", "Student")
_NAME_PARTS = (("first_name", "last_name"), ("First name", "Last name"), ("First name", "Surname"), ("FirstName", "LastName"))
_EMAILS = ("email", "Email address")


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
    """The students of a course. Nothing is ever looked up by likeness: an id is equal, or a name in full belongs to one student only."""

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
        """The person with that id, if exactly one has it."""
        found = [person for person in self.people if person.id == student]
        return found[0] if len(found) == 1 else None


def name_key(name: str) -> str:
    """A name without what an LMS drops from it: spaces, signs, capitals."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


def read_roster(path: Path, id_column: str | None = None) -> Roster:
    """Reads the CSV. `id_column` names the column with the course's ids (default: `id`). Raises UsageError with what is missing."""
    try:
        text = read_bounded(path, _BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"'{path}' is not UTF-8 text.", "Save it as CSV in UTF-8.") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"The list of students cannot be read: {error}.", "Name a CSV file with --students FILE.") from None
    wanted = id_column or _ID
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True))
    except csv.Error as error:
        raise UsageError(f"'{path}' is no CSV file that can be read: {error}.", "Save it as CSV again.") from None
    columns = list(rows[0]) if rows else []
    if wanted not in columns:
        shown = ", ".join(f"'{name}'" for name in columns if name) or "none"
        raise UsageError(f"'{path}' has no column '{wanted}' with the students' ids; it has: {shown}.", "Name the column with --id-column.")
    return Roster(tuple(_person(row, wanted) for row in rows if (row[wanted] or "").strip()))


def _delimiter(text: str) -> str:
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def _person(row: dict[str, str | None], id_column: str) -> Person:
    def first(columns: Iterable[str]) -> str:
        return next((value for column in columns if column != id_column and (value := (row.get(column) or "").strip())), "")

    names = [first([column]) for column in _NAMES]
    names += [f"{last} {given}" for name in names for given, _, last in [name.rpartition(" ")] if given]  # Canvas begins with the last name
    parts = [(first([given]), first([last])) for given, last in _NAME_PARTS]
    parts += [(given, last) for name in names for last, comma, given in [name.partition(",")] if comma]
    names += [name for given, last in parts if given and last for name in (f"{given} {last}", f"{last} {given}")]
    return Person(
        id=str(row[id_column]).strip(),
        canvas=first(_LMS_IDS["canvas"]),
        moodle=re.sub(r"^\D+", "", first(_LMS_IDS["moodle"])),  # "Participant 12345", in the site's language
        email=first(_EMAILS),
        names=frozenset(name_key(name) for name in names if name_key(name)),
    )
