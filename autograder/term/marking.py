"""Who marks what by hand: parts, who of the assistants has which submissions, and a second marking of a sample.

Everything that people say about it is kept in `marking.jsonl` in the store, where nothing is ever changed. A second mark is there to be
compared; it changes no score.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from autograder.term.facts import Attempt, Facts
from autograder.term.journal import Journal
from autograder.term.roster import Member


@dataclass(frozen=True)
class MarkingEntry:
    """One line. `allocate` and `sample`: `markers` by student; `second`: the `score` that `who` gave for `cell` of `student`."""

    kind: Literal["allocate", "sample", "second"]
    at: str
    who: str
    assignment: str
    markers: dict[str, str] = field(default_factory=dict)
    student: str = ""
    cell: str = ""
    score: float | None = None
    comment: str = ""
    schema: Literal[1] = 1


@dataclass(frozen=True)
class Part:
    """One cell of one student that a person grades. `score` is what was given; `open`: nothing yet, or it has to be looked at again."""

    student: str
    cell: str
    max_score: float
    score: float | None
    open: bool


@dataclass(frozen=True)
class Marking:
    """What holds of one assignment: who marks whom, who marks a second time, and the second marks by (student, cell)."""

    markers: dict[str, str]
    second: dict[str, str]
    marks: dict[tuple[str, str], MarkingEntry]

    @property
    def second_markers(self) -> dict[str, set[str]]:
        """By student, who marks a second time, or has: they are never the first."""
        found: dict[str, set[str]] = defaultdict(set)
        for student, name in (*self.second.items(), *((each.student, each.who) for each in self.marks.values())):
            found[student].add(name)
        return dict(found)


@dataclass(frozen=True)
class Pile:
    """One assistant's work, or what nobody has ("")."""

    assistant: str
    students: tuple[str, ...]
    open_students: tuple[str, ...]
    parts: int
    open_parts: int


@dataclass(frozen=True)
class Difference:
    """One part that two people were to mark; None where one of them has not."""

    student: str
    cell: str
    max_score: float
    first: str
    first_score: float | None
    second: str
    second_score: float | None
    comment: str

    @property
    def difference(self) -> float | None:
        """Second minus first, in points."""
        return None if self.first_score is None or self.second_score is None else round(self.second_score - self.first_score, 2)


def marking_journal(store: Path) -> Journal[MarkingEntry]:
    """The file in a results store."""
    return Journal(store / "marking.jsonl", MarkingEntry)


def marking_of(entries: Iterable[MarkingEntry], assignment: str) -> Marking:
    """Later lines stand in place of earlier ones about the same student, or the same cell."""
    found = Marking({}, {}, {})
    for each in entries:
        if each.assignment != assignment:
            continue
        if each.kind == "second":
            found.marks[each.student, each.cell] = each
        else:
            (found.markers if each.kind == "allocate" else found.second).update(each.markers)
    return found


def parts_of(facts: Mapping[str, Facts]) -> list[Part]:
    """What people have to mark, by student and cell: of each student's last attempt that could be read."""
    found = []
    for student, known in sorted(facts.items()):
        for cell in known.attempts[-1].cells if known.attempts and _readable(known.attempts[-1]) else ():
            given = known.hand.get(cell.grade_id)
            score = given.score if given else None
            if cell.manual or score is not None:
                found.append(Part(student, cell.grade_id, cell.max_score, score, score is None or (given is not None and given.waits)))
    return found


def _readable(attempt: Attempt) -> bool:
    """Of what could not be read no cell has a score, and there is nothing for anybody to look at."""
    automatic = [each for each in attempt.cells if not each.manual]
    return bool(attempt.cells) and (not automatic or any(each.score is not None for each in automatic))


def evenly(
    assignment: str, students: Iterable[str], assistants: Sequence[str], already: Mapping[str, str], second: Mapping[str, Set[str]]
) -> tuple[dict[str, str], list[str]]:
    """Each of these students to the assistant who has least, and why somebody has none. Names alone decide the order.

    `second`: who marks a second time and is nobody's first marker, by student.
    """
    piles = Counter(dict.fromkeys(assistants, 0))
    piles.update(name for name in already.values() if name in piles)
    found: dict[str, str] = {}
    without: dict[str, list[str]] = defaultdict(list)
    for student in sorted(students, key=lambda name: hashlib.sha256(f"{assignment}\0{name}".encode("utf-8", "surrogatepass")).digest()):
        others = [name for name in piles if name not in second.get(student, ())]
        if others:
            found[student] = min(others, key=lambda name: (piles[name], name))
            piles[found[student]] += 1
        else:
            without[_marks_twice(sorted(piles))].append(student)
    return found, _reasons(without)


def by_section(students: Iterable[str], roster: Mapping[str, Member], second: Mapping[str, Set[str]]) -> tuple[dict[str, str], list[str]]:
    """Each student to the assistant whom the roster names, else to the one of the section; and why somebody has none.

    `second`: who marks a second time and is nobody's first marker, by student.
    """
    of_section: dict[str, set[str]] = defaultdict(set)
    for member in roster.values():
        if member.student.section and member.student.assistant:
            of_section[member.student.section].add(member.student.assistant)
    found: dict[str, str] = {}
    without: dict[str, list[str]] = defaultdict(list)
    for student in sorted(students):
        about = roster[student].student if student in roster else None
        one = next(iter(of_section[about.section])) if about is not None and len(of_section[about.section]) == 1 else ""
        name = about.assistant or one if about is not None else ""
        if not name:
            without[_why_nobody(about.section if about else None, of_section)].append(student)
        elif name in second.get(student, ()):
            without[_marks_twice([name])].append(student)
        else:
            found[student] = name
    return found, _reasons(without)


def _reasons(without: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{why}: {', '.join(sorted(names)[:10])}{', …' if len(names) > 10 else ''}" for why, names in without.items()]


def _marks_twice(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} already {'marks' if len(names) == 1 else 'mark'} a second time"


def _why_nobody(section: str | None, of_section: Mapping[str, set[str]]) -> str:
    if section is None:
        return "not in the roster"
    if not section:
        return "neither section nor assistant in the roster"
    several = ", ".join(sorted(of_section.get(section, ())))
    return f"section '{section}' has several assistants ({several})" if several else f"section '{section}' has no assistant"


def draw_sample(
    assignment: str, markers: Mapping[str, str], seconds: Sequence[str], share: float, secret: bytes, drawn: Mapping[str, str]
) -> dict[str, str]:
    """Second markers of a `share` of each assistant's submissions (at least one), never the first marker; without those drawn already.

    The order of drawing is that of a keyed digest: the same again and again, a larger share only adds to it, and no marker can know it.
    """
    piles: dict[str, list[str]] = defaultdict(list)
    for student, first in markers.items():
        piles[first].append(student)
    load = Counter(dict.fromkeys(seconds, 0))
    load.update(name for name in drawn.values() if name in load)
    found = {}
    for first, students in sorted(piles.items()):
        others = [name for name in seconds if name != first]
        order = sorted(
            students, key=lambda name: hmac.new(secret, f"second\0{assignment}\0{name}".encode("utf-8", "surrogatepass"), "sha256").digest()
        )
        for student in order[: math.ceil(share * len(students))]:
            if student not in drawn and others:
                found[student] = min(others, key=lambda name: (load[name], name))
                load[found[student]] += 1
    return found


def piles_of(parts: Sequence[Part], marking: Marking) -> list[Pile]:
    """Everybody's work by name, and what nobody has at the end."""
    grouped: dict[str, list[Part]] = {name: [] for name in sorted(set(marking.markers.values()))}
    for part in parts:
        grouped.setdefault(marking.markers.get(part.student, ""), []).append(part)
    return [_pile(name, found) for name, found in sorted(grouped.items(), key=lambda each: (each[0] == "", each[0]))]


def _pile(name: str, parts: Sequence[Part]) -> Pile:
    students = tuple(dict.fromkeys(part.student for part in parts))
    waiting = tuple(dict.fromkeys(part.student for part in parts if part.open))
    return Pile(name, students, waiting, len(parts), sum(part.open for part in parts))


def differences(parts: Sequence[Part], marking: Marking) -> list[Difference]:
    """Every part of the sample, the largest difference first, and then those that one of the two has not marked yet."""
    found = []
    for part in parts:
        if part.student in marking.second:
            mark = marking.marks.get((part.student, part.cell))
            second = mark.who if mark else marking.second[part.student]
            first = marking.markers.get(part.student, "")
            given = None if part.open else part.score
            found.append(
                Difference(
                    part.student,
                    part.cell,
                    part.max_score,
                    first,
                    given,
                    second,
                    mark.score if mark else None,
                    mark.comment if mark else "",
                )
            )
    return sorted(found, key=lambda each: (each.difference is None, -abs(each.difference or 0.0), each.student, each.cell))
