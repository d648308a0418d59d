"""The ledger of decisions, `decisions.jsonl` in the store: what people decided about students, and what holds now.

Nothing is ever changed in it. A decision is taken back by a later entry that names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from autograder.term.facts import Facts, Policy
from autograder.term.journal import Journal
from autograder.term.rules import TermRules

Kind = Literal["extend", "excuse", "reopen", "waive_late", "withhold", "override", "finalise", "term", "revoke"]


@dataclass(frozen=True)
class Frozen:
    """What a finalised assignment rests on, by student. `points`: what it had then; None in entries that did not keep it."""

    policy: Policy
    facts: dict[str, Facts] = field(default_factory=dict)
    points: float | None = None


@dataclass(frozen=True)
class Decision:
    """One entry. `at` with its zone; `students` None is everybody; `until` and `score` where the kind has them.

    `revokes` is the id of the entry that a revocation takes back. `frozen` is what a finalised score rests on, and `term` by what final
    scores make the term grade; a decision `term` is about that alone, and about no assignment.
    """

    id: str
    at: str
    who: str
    why: str
    kind: Kind
    assignment: str
    students: tuple[str, ...] | None = None
    until: datetime | None = None
    score: float | None = None
    revokes: str | None = None
    frozen: Frozen | None = None
    term: TermRules | None = None
    schema: Literal[1] = 1

    def concerns(self, student: str, assignment: str) -> bool:
        """Whether it is about this student in this assignment."""
        return self.assignment == assignment and (self.students is None or student in self.students)


@dataclass(frozen=True)
class Standing:
    """The decisions that hold for one student in one assignment, oldest first, and the one that made the score final, if any."""

    decisions: tuple[Decision, ...] = ()
    final: Decision | None = None

    def of(self, kind: Kind) -> tuple[Decision, ...]:
        """Those of one kind."""
        return tuple(each for each in self.decisions if each.kind == kind)


def ledger(store: Path) -> Journal[Decision]:
    """The ledger of a results store."""
    return Journal(store / "decisions.jsonl", Decision)


def next_id(entries: Sequence[Decision]) -> str:
    """d1, d2, …: one more than the highest."""
    numbers = [int(each.id[1:]) for each in entries if re.fullmatch(r"d[0-9]{1,9}", each.id)]
    return f"d{max(numbers, default=0) + 1}"


def revoked(entries: Iterable[Decision]) -> frozenset[str]:
    """Ids of the entries that later ones took back."""
    return frozenset(each.revokes for each in entries if each.revokes is not None)


def standing(entries: Sequence[Decision], student: str, assignment: str) -> Standing:
    """What holds for a student in an assignment. Entries about other students or assignments make no difference."""
    gone = revoked(entries)
    holds: list[Decision] = []
    final: Decision | None = None
    for each in entries:
        if each.id in gone or each.kind == "revoke" or not each.concerns(student, assignment):
            continue
        if each.kind == "finalise":
            final = each if each.frozen is not None and student in each.frozen.facts else final
        else:
            holds.append(each)
            final = None if each.kind == "reopen" else final  # what was handed in and graded since then counts again
    return Standing(tuple(holds), final)


def final_students(store: Path, assignment: str, students: Iterable[str]) -> frozenset[str]:
    """Those of them whose score of the assignment is final: only decisions change it."""
    entries = ledger(store).read()
    return frozenset(student for student in students if standing(entries, student, assignment).final is not None)
