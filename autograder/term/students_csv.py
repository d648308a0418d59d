"""Reads a class list as registrars, LMS and spreadsheets write it, and finds everything that is wrong with it at once."""

from __future__ import annotations

import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from autograder.errors import Problem, UsageError

_BYTES = 20 * 2**20
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


# What columns are called, without capitals, spaces and signs.
_CALLED = {
    "id": ("id", "studentid", "student", "username", "user", "userid", "login", "loginid", "netid", "sisloginid"),
    "name": ("name", "fullname", "studentname", "displayname"),
    "first_name": ("firstname", "first", "givenname", "forename", "vorname", "nombre", "prenom"),
    "last_name": ("lastname", "last", "surname", "familyname", "nachname", "apellidos", "apellido", "nom"),
    "email": ("email", "emailaddress", "mail", "correo"),
    "lms_id": ("lmsid", "lms", "lmsuserid", "idnumber", "canvasid", "moodleid", "sisuserid"),
    "section": ("section", "group", "class", "grupo", "gruppe"),
    "assistant": ("teachingassistant", "assistant", "ta", "tutor", "grader"),
}
_FIELD_OF = {name: key for key, names in _CALLED.items() for name in names}
_JOINERS = "\u200c\u200d"
_NEEDED_ONCE = ("id", "email", "lms_id")


def read_class_list(file: Path, ignore_unknown: bool = False) -> tuple[tuple[Student, ...], list[str]]:
    """The students of a CSV file, and remarks about how it was read.

    UTF-8 (with or without byte-order mark), UTF-16 or Latin-1; separated by commas, semicolons or tabs. Raises UsageError for a file
    that is none, and with every problem and its line for one that cannot be used as it is.
    """
    text, remarks = _decode(_bytes(file))
    lines = list(_lines(file, text))
    if not lines:
        raise UsageError(f"'{file}' is empty.", "A first line names the columns, such as: id,name,email")
    number, header = lines[0]
    columns, problems = _columns(file.name, number, header, ignore_unknown)
    students = []
    for number, row in lines[1:]:
        place = f"{file.name}:{number}"
        if len(row) != len(header):
            cure = "Put values with the separator in them into quotes."
            problems.append(Problem(place, f"{len(row)} values stand there, the first line names {len(header)} columns", cure))
            continue
        student = _student({key: _clean(row[index]) for key, index in columns.items()})
        problems += _bad_values(place, student) if "id" in columns else []
        students.append((place, student))
    if "id" in columns:
        problems += _bad_twice(students)
    if not lines[1:]:
        problems.append(Problem(file.name, "no student stands in it"))
    if problems:
        raise _refused(file, problems)
    return tuple(student for _, student in students), remarks


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(_BYTES + 1)
    except OSError as error:
        raise UsageError(f"'{file}' cannot be read: {error.strerror}.", "Name a CSV file.") from error
    if len(data) > _BYTES or data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UsageError(f"'{file}' is no CSV file.", "Save the table as CSV, with one student in each line.")
    return data


def _decode(data: bytes) -> tuple[str, list[str]]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace"), ["It is in UTF-16."]
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        remark = "It is not in UTF-8 and was read as Latin-1: look at the names with `autograder roster show`."
        try:
            return data.decode("cp1252"), [remark]  # what Windows calls Latin-1, with its quotes and dashes
        except UnicodeDecodeError:
            return data.decode("latin-1"), [remark]


def _lines(file: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines that say something, each with the number at which it begins."""
    first = text.partition("\n")[0]
    named = re.fullmatch(r"sep=(.)\s*", first)  # spreadsheets write that before the header
    delimiter = named[1] if named else max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    began = 1
    try:
        for row in reader:
            if any(value.strip() for value in row) and not (named and began == 1):
                yield began, row
            began = reader.line_num + 1
    except csv.Error as error:
        raise _refused(file, [Problem(f"{file.name}:{began}", f"this line is no CSV: {error}", "Is a quote left open?")]) from None


def _refused(file: Path, problems: list[Problem]) -> UsageError:
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return UsageError(f"'{file}' has {count}; nothing was changed:\n\n" + "\n".join(str(each) for each in problems))


def _columns(file: str, number: int, header: list[str], ignore_unknown: bool) -> tuple[dict[str, int], list[Problem]]:
    """Where each field stands. Without an id, or with name and its parts both, nothing can be read."""
    columns: dict[str, int] = {}
    problems = []
    for index, title in enumerate(header):
        key = _FIELD_OF.get(re.sub(r"[\W_]", "", title).casefold())
        if key is None and not ignore_unknown:
            close = difflib.get_close_matches(re.sub(r"[\W_]", "", title).casefold(), _FIELD_OF, n=1)
            cure = f"Did you mean {_FIELD_OF[close[0]]!r}? " if close else ""
            cure += "Leave columns that are not known out with --ignore-unknown."
            problems.append(Problem(f"{file}:{number}", f"column {title.strip()!r} is not known", cure))
        elif key in columns:
            there = header[columns[key]].strip()
            problems.append(Problem(f"{file}:{number}", f"columns {there!r} and {title.strip()!r} both hold the {_title(key)}"))
        elif key is not None:
            columns[key] = index
    if "id" not in columns:
        problems.append(Problem(f"{file}:{number}", "no column holds the student's id", "Name it 'id', as the folders in submitted/."))
    return columns, problems


def _clean(value: str) -> str:
    """White space as single spaces; no invisible marks, but for the two joiners that some names are written with."""
    return " ".join("".join(sign for sign in value if unicodedata.category(sign) != "Cf" or sign in _JOINERS).split())


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
        problems.append(Problem(place, "the id is missing"))
    elif student.id.startswith(".") or re.search(r"[/\\\x00-\x1f\x7f]", student.id):
        problems.append(Problem(place, f"id {student.id!r} is no folder name", "Write it as the folders in submitted/ are called."))
    if student.email and not re.fullmatch(r"[^@\s]+@[^@\s]+", student.email):
        problems.append(Problem(place, f"{student.email!r} is no e-mail address"))
    for key, value in ((each.name, getattr(student, each.name)) for each in fields(student)):
        if len(value) > _LENGTH or not all(sign.isprintable() or sign in _JOINERS for sign in value):
            problems.append(Problem(place, f"the {_title(key)} has {len(value)} characters, or some that cannot be shown"))
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
                    problems.append(Problem(place, f"{_title(key)} {value!r} stands in line {before.rpartition(':')[2]} already{written}"))
    return problems


def _title(key: str) -> str:
    return {"email": "e-mail address", "lms_id": "LMS id", "assistant": "teaching assistant"}.get(key, key.replace("_", " "))
