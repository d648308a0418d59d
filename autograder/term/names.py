"""How students are called on pages and in tables: by name where the roster knows one, by pseudonym where nobody should be known."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from autograder.term.roster import members, roster_journal
from autograder.term.students_csv import Student


def read_names(store: Path) -> dict[str, str]:
    """'Ada Lovelace' by id, for everybody in the roster who has a name; empty without a roster."""
    known = {name: full_name(member.student) for name, member in members(roster_journal(store).read()).items()}
    return {name: called for name, called in known.items() if called}


def full_name(student: Student) -> str:
    """First and last name, or nothing."""
    return f"{student.first_name} {student.last_name}".strip()


def called(names: Mapping[str, str], student: str) -> str:
    """'Ada Lovelace (ada)', or the id alone."""
    return f"{names[student]} ({student})" if student in names else student


def pseudonym(seed: bytes, student: str) -> str:
    """'S-4XQ2M7KD': always the same for a course's secret and a student; without the secret nobody gets from one to the other."""
    mac = hmac.new(seed, b"pseudonym\0" + student.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return f"S-{base64.b32encode(mac[:5]).decode()}"
