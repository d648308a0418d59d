"""The class: who is in it, who joined late and who dropped, when. Kept in `roster.jsonl` in the store; nothing is ever removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from autograder.errors import UsageError
from autograder.term.journal import Journal
from autograder.term.students_csv import ClassList, Student

_MANY = 0.25  # of the class missing from a list: more likely a list of one section than so many drops


@dataclass(frozen=True)
class RosterChange:
    """What one import changed: students who joined (or came back), whose data changed, and ids of those who dropped."""

    at: str
    who: str
    source: str
    joined: tuple[Student, ...] = ()
    changed: tuple[Student, ...] = ()
    dropped: tuple[str, ...] = ()
    schema: Literal[1] = 1


@dataclass(frozen=True)
class Member:
    """A student as last known, and what happened when: ("joined" | "dropped", at)."""

    student: Student
    history: tuple[tuple[str, str], ...]

    @property
    def active(self) -> bool:
        """Whether the student is in the class now."""
        return self.history[-1][0] == "joined"


def roster_journal(store: Path) -> Journal[RosterChange]:
    """The roster's file in a results store."""
    return Journal(store / "roster.jsonl", RosterChange)


def members(changes: Sequence[RosterChange]) -> dict[str, Member]:
    """Everybody who ever was in the class, by id, in the order of ids."""
    found: dict[str, Member] = {}
    for change in changes:
        strangers = tuple(each for each in change.changed if each.id not in found)  # only where somebody edited the file
        for student in (*change.joined, *strangers):
            before = found[student.id].history if student.id in found else ()
            found[student.id] = Member(student, (*before, ("joined", change.at)))
        for student in change.changed:
            found[student.id] = Member(student, found[student.id].history)
        for name in found.keys() & set(change.dropped):
            found[name] = Member(found[name].student, (*found[name].history, ("dropped", change.at)))
    return dict(sorted(found.items()))


def compare(known: Mapping[str, Member], found: ClassList, at: str, who: str, source: str, partial: bool) -> RosterChange:
    """What a class list changes. What it has no column for stays as it was. `partial`: it does not name everybody, so nobody drops."""
    listed = [_completed(each, known[each.id].student, found.fields) if each.id in known else each for each in found.students]
    joined = tuple(each for each in listed if each.id not in known or not known[each.id].active)
    changed = tuple(each for each in listed if each.id in known and known[each.id].active and known[each.id].student != each)
    names = {each.id for each in listed}
    dropped = () if partial else tuple(name for name, member in known.items() if member.active and name not in names)
    return RosterChange(at, who, source, joined, changed, dropped)


def _completed(listed: Student, known: Student, named: Set[str]) -> Student:
    return replace(known, **{name: getattr(listed, name) for name in named})


def require_no_mistake(known: Mapping[str, Member], change: RosterChange, drop_many: bool) -> None:
    """Raises UsageError for what a list cannot mean beside the roster that there is.

    So many drops that it is probably the list of a section or of another course; one person under two ids.
    """
    active = sum(member.active for member in known.values())
    if not drop_many and len(change.dropped) > max(3, _MANY * active):
        some = ", ".join(change.dropped[:5]) + (", …" if len(change.dropped) > 5 else "")
        raise UsageError(
            f"{len(change.dropped)} of {active} students do not stand in '{change.source}' ({some}). Nothing was changed.",
            "Is it the list of one section? Then add --partial. Have they really dropped? Then add --drop-many.",
        )
    folded = {name.casefold(): name for name in known}
    for student in change.joined:
        there = folded.get(student.id.casefold(), student.id)
        if there != student.id:
            raise UsageError(f"'{student.id}' and '{there}', who is in the roster, differ in capitals only.", "Write the id the same way.")
    _require_nobody_twice(known, change)


def _require_nobody_twice(known: Mapping[str, Member], change: RosterChange) -> None:
    """Two ids with one e-mail address or LMS id are mostly one person, whose id was mistyped."""
    after = {name: member.student for name, member in known.items() if member.active and name not in change.dropped}
    after |= {student.id: student for student in (*change.joined, *change.changed)}
    for key, title in (("email", "e-mail address"), ("lms_id", "LMS id")):
        owners: dict[str, str] = {}
        for name, student in after.items():
            value = getattr(student, key)
            other = owners.setdefault(value.casefold(), name) if value else name
            if other != name:
                said = f"'{other}' and '{name}' would have the same {title} in the roster, {value}. Nothing was changed."
                raise UsageError(said, "Is it one person? Then write the id that stands in the roster (`autograder roster show`).")
