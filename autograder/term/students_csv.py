"""The students of a class list, and everything that is wrong with it at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from autograder.errors import Problem
from autograder.intake.class_list import FIELD_OF, JOINERS, clean, read_table, refused, title_key

_LENGTH = 128  # of a column in nbgrader's gradebook


@dataclass(frozen=True)
class Student:
    """One line of a class list; everything but the id may be empty. `id` is the name of the student's folder in `submitted/`."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_id: str = ""
    section: str = ""
    assistant: str = ""


@dataclass(frozen=True)
class ClassList:
    """What a list says: its students, of which of their fields it has a column, and remarks about how it was read."""

    students: tuple[Student, ...]
    fields: frozenset[str]
    remarks: tuple[str, ...] = ()


_NEEDED_ONCE = ("id", "email", "lms_id")


def read_class_list(file: Path, ignore_unknown: bool = False) -> ClassList:
    """A CSV file, read as `intake.class_list` does it.

    Raises UsageError for a file that is none, and with every problem and its line for one that cannot be used as it is.
    """
    table = read_table(file)
    columns, problems = _columns(file.name, table.number, table.header, ignore_unknown)
    students = []
    for number, row in table.rows:
        place = f"{file.name}:{number}"
        if len(row) != len(table.header):
            cure = "Put values with the separator in them into quotes."
            problems.append(Problem(place, f"{len(row)} values stand there, the first line names {len(table.header)} columns", cure))
            continue
        student = _student({key: clean(row[index]) for key, index in columns.items()})
        problems += _bad_values(place, student) if "id" in columns else []
        students.append((place, student))
    if "id" in columns:
        problems += _bad_twice(students)
    if not table.rows:
        problems.append(Problem(file.name, "no student stands in it", "Write one line for each student below the titles."))
    if problems:
        raise refused(file, problems)
    named = {*columns, *(("first_name", "last_name") if "name" in columns else ())} - {"name"}
    return ClassList(tuple(student for _, student in students), frozenset(named), table.remarks)


def _columns(file: str, number: int, header: Sequence[str], ignore_unknown: bool) -> tuple[dict[str, int], list[Problem]]:
    """Where each field stands. Without an id, or with name and its parts both, nothing can be read."""
    columns: dict[str, int] = {}
    problems = []
    for index, title in enumerate(header):
        key = FIELD_OF.get(title_key(title))
        if key is None and not ignore_unknown:
            close = difflib.get_close_matches(title_key(title), FIELD_OF, n=1)
            cure = f"Did you mean {FIELD_OF[close[0]]!r}? " if close else ""
            cure += "Leave columns that are not known out with --ignore-unknown."
            problems.append(Problem(f"{file}:{number}", f"column {title.strip()!r} is not known", cure))
        elif key in columns:
            there = header[columns[key]].strip()
            problems.append(
                Problem(
                    f"{file}:{number}", f"columns {there!r} and {title.strip()!r} both hold the {_title(key)}", "Leave one of them out."
                )
            )
        elif key is not None:
            columns[key] = index
    if "id" not in columns:
        titles = ", ".join(repr(title.strip()) for title in header)
        cure = "Call the column 'id' that has the names of the folders in submitted/."
        problems.append(Problem(f"{file}:{number}", f"no column holds the student's id; there are {titles}", cure))
    return columns, problems


def _student(values: dict[str, str]) -> Student:
    """A name in one column is 'Last, First', or its last word is the last name."""
    first, last = values.get("first_name", ""), values.get("last_name", "")
    whole = values.pop("name", "")
    if whole and not (first or last):
        if "," in whole:
            last, _, first = (part.strip() for part in whole.partition(","))
        else:
            first, _, last = whole.rpartition(" ")
    return Student(**{"id": "", **values, "first_name": first, "last_name": last})


def _bad_values(place: str, student: Student) -> list[Problem]:
    problems = []
    if not student.id:
        problems.append(Problem(place, "the id is missing", "Write it, or leave the line out."))
    elif student.id.startswith(".") or re.search(r"[/\\\x00-\x1f\x7f]", student.id):
        problems.append(Problem(place, f"id {student.id!r} is no folder name", "Write it as the folders in submitted/ are called."))
    if student.email and not re.fullmatch(r"[^@\s]+@[^@\s]+", student.email):
        problems.append(Problem(place, f"{student.email!r} is no e-mail address", "Write it as name@host, or leave it empty."))
    for key, value in ((each.name, getattr(student, each.name)) for each in fields(student)):
        if len(value) > _LENGTH or not all(sign.isprintable() or sign in JOINERS for sign in value):
            said = f"the {_title(key)} has {len(value)} characters, or some that cannot be shown"
            problems.append(Problem(place, said, f"Write it with at most {_LENGTH} characters that can be read."))
    return problems


def _bad_twice(students: Iterable[tuple[str, Student]]) -> list[Problem]:
    """Two lines about one student. Ids that differ in capitals only would share a folder on some machines."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    problems = []
    for place, student in students:
        for key in _NEEDED_ONCE:
            value = getattr(student, key)
            if value:
                before, there = seen.setdefault((key, value.casefold()), (place, value))
                if before != place:
                    written = "" if there == value else f" (there {there!r})"
                    said = f"{_title(key)} {value!r} stands in line {before.rpartition(':')[2]} already{written}"
                    problems.append(Problem(place, said, "Leave one line for each student."))
    return problems


def _title(key: str) -> str:
    return {"email": "e-mail address", "lms_id": "LMS id", "assistant": "teaching assistant"}.get(key, key.replace("_", " "))
