"""Reads lists of students as registrars, LMS and spreadsheets write them: the one place that knows encodings, separators and titles.

What a list must hold is for those to say who use it: a roster refuses what an LMS's export is full of.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.errors import Problem, UsageError
from autograder.files import read_bounded

_BYTES = 50 * 2**20
_BINARY = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # spreadsheets' own files

# What columns are called, without capitals, spaces and signs.
CALLED = {
    "id": ("id", "studentid", "student", "username", "user", "userid", "login", "loginid", "netid", "sisloginid"),
    "name": ("name", "fullname", "studentname", "displayname"),
    "first_name": ("firstname", "first", "givenname", "forename", "vorname", "nombre", "prenom"),
    "last_name": ("lastname", "last", "surname", "familyname", "nachname", "apellidos", "apellido", "nom"),
    "email": ("email", "emailaddress", "mail", "correo"),
    "lms_id": ("lmsid", "lms", "lmsuserid", "idnumber", "canvasid", "moodleid", "sisuserid"),
    "section": ("section", "group", "class", "grupo", "gruppe"),
    "assistant": ("teachingassistant", "assistant", "ta", "tutor", "grader"),
}
FIELD_OF = {name: key for key, names in CALLED.items() for name in names}
JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class Table:
    """A list as it was read: titles with the number of their line, every line that says something with the one at which it begins.

    `remarks` say how it was read. Lines may have more or fewer values than there are titles.
    """

    file: Path
    number: int
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    remarks: tuple[str, ...] = ()


def read_table(file: Path) -> Table:
    """A CSV file in UTF-8 (with or without byte-order mark), UTF-16 or Latin-1, separated by commas, semicolons or tabs.

    Raises UsageError for a file that is none, and for an empty one.
    """
    text, remarks = _decode(_bytes(file))
    lines = list(_lines(file, text))
    if not lines:
        raise UsageError(f"'{file}' is empty.", "A first line names the columns, such as: id,name,email")
    number, header = lines[0]
    return Table(file, number, tuple(header), tuple((at, tuple(row)) for at, row in lines[1:]), remarks)


def title_key(title: str) -> str:
    """A column's title as `CALLED` writes it."""
    return re.sub(r"[\W_]", "", title).casefold()


def clean(value: str) -> str:
    """White space as single spaces; no invisible marks, but for the two joiners that some names are written with."""
    return " ".join("".join(sign for sign in value if unicodedata.category(sign) != "Cf" or sign in JOINERS).split())


def refused(file: Path, problems: list[Problem]) -> UsageError:
    """All that is wrong with a list, in one error."""
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return UsageError(f"'{file.name}' has {count}; nothing was changed:\n\n" + "\n".join(str(each) for each in problems))


def _bytes(file: Path) -> bytes:
    try:
        data = read_bounded(file.resolve(), _BYTES)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"The list of students cannot be read: '{file}': {reason}.", "Name a CSV file.") from error
    if data.startswith(_BINARY):
        raise UsageError(f"'{file}' is no CSV file.", "Save the table as CSV, with one student in each line.")
    return data


def _decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace"), ("It is in UTF-16.",)
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        remark = "It is not in UTF-8 and was read as Latin-1: look at the names in it."
        try:
            return data.decode("cp1252"), (remark,)  # what Windows calls Latin-1, with its quotes and dashes
        except UnicodeDecodeError:
            return data.decode("latin-1"), (remark,)


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
        raise refused(file, [Problem(f"{file.name}:{began}", f"this line is no CSV: {error}", "Is a quote left open?")]) from None
