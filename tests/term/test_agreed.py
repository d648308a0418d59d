"""By which `Term(…)` term grades are final, and that only a decision puts another one in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autograder import Assignment, Course, Profile, Term
from autograder.errors import UsageError
from autograder.term.agreed import agreed, disagreements, require_agreed, term_decision
from autograder.term.deciding import Wish, decided, revocation
from autograder.term.decisions import Decision, Frozen
from autograder.term.facts import Facts, policy_of
from autograder.term.rules import differences, rules_of

AT = "2027-06-02T10:00:00+02:00"
KNOWN = frozenset({"ana", "bo"})


def course(**changes: Any) -> Course:
    settings: dict[str, Any] = {"weights": {"sums": 1, "essay": 2, "warmup": 0}, "drop_lowest": 0}
    assignments = [Assignment(name, profiles={"full": Profile(dataset="digits")}) for name in ("sums", "essay", "warmup")]
    return Course(id="c", title="C", datasets=[], assignments=assignments, term=Term(**(settings | changes)))


COURSE = course()


class Ledger(list[Decision]):
    """Entries as the commands add them."""

    def decide(self, kind: Any, assignment: str, by: Course = COURSE, students: tuple[str, ...] | None = ("ana",)) -> None:
        frozen = Frozen(policy_of(by, assignment), dict.fromkeys(students or KNOWN, Facts())) if kind == "finalise" else None
        self.append(decided(Wish("garcia", "agreed", kind, assignment, students, frozen=frozen), by, KNOWN, self, AT))

    def accept(self, by: Course) -> None:
        self.append(term_decision(by, "garcia", "the faculty", self, AT))

    def revoke(self, named: str) -> None:
        self.append(revocation(named, "garcia", "a slip", self, AT))


def final() -> Ledger:
    entries = Ledger()
    for name in ("sums", "essay"):
        entries.decide("finalise", name, students=None)
    return entries


def test_the_entry_that_made_the_last_score_final_has_the_rules() -> None:
    entries = Ledger()
    assert agreed(entries, "ana") is None
    entries.decide("finalise", "sums", course(drop_lowest=1))  # may still change
    assert agreed(entries, "ana") is None
    entries.decide("finalise", "essay")
    found = agreed(entries, "ana")
    assert found is not None
    assert (found.id, found.term) == ("d2", rules_of(COURSE))
    assert agreed(entries, "bo") is None


def test_who_is_excused_from_the_rest_has_a_final_grade() -> None:
    entries = Ledger()
    entries.decide("finalise", "sums")
    entries.decide("excuse", "essay")
    found = agreed(entries, "ana")
    assert found is not None
    assert found.id == "d1"


def test_without_a_final_score_there_is_nothing_to_compare() -> None:
    entries = final()
    entries.revoke("d2")
    assert agreed(entries, "ana") is None
    older = [replace(each, term=None) for each in final()]  # as it was written before rules were kept
    assert agreed(older, "ana") is None
    assert disagreements(course(drop_lowest=1), older) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weights": {"sums": 10, "essay": 20, "warmup": 0}}, []),  # in the same relation
        ({"weights": {"sums": 1, "essay": 3, "warmup": 0}}, ["weight of 'essay' 2, now 3"]),
        ({"weights": {"sums": 1, "essay": 2, "warmup": 1}}, ["weight of 'warmup' 0, now 1"]),
        ({"weights": {"sums": 1, "essay": 0, "warmup": 0}}, ["weight of 'essay' 2, now 0"]),
        ({"drop_lowest": 1}, ["drop_lowest 0, now 1"]),
        ({"never_drop": ["essay"]}, ["never_drop nothing, now essay"]),
        ({"extra_at_most": 5}, ["extra_at_most without limit, now 5"]),
        ({"points": 10, "decimals": 1}, ["points 100, now 10", "decimals 2, now 1"]),
    ],
)
def test_every_difference_is_named(changes: dict[str, Any], said: list[str]) -> None:
    then = rules_of(COURSE)
    assert then is not None
    assert differences(then, rules_of(course(**changes))) == said


def test_another_term_is_refused_until_somebody_decides_it() -> None:
    entries, changed = final(), course(drop_lowest=1)
    require_agreed(COURSE, entries, KNOWN)
    with pytest.raises(UsageError) as caught:
        require_agreed(changed, entries, KNOWN)
    assert "2 term grades (ana, bo) became final by d2 of 2027-06-02 with another Term(…): drop_lowest 0, now 1." in caught.value.message
    assert "autograder decide term" in caught.value.cure
    entries.accept(changed)
    require_agreed(changed, entries, KNOWN)
    with pytest.raises(UsageError, match="became final by d3"):
        require_agreed(COURSE, entries, KNOWN)
    entries.revoke("d3")
    require_agreed(COURSE, entries, KNOWN)


def test_no_other_term_comes_in_by_finalising_one_student_again() -> None:
    entries, changed = final(), course(drop_lowest=1)
    entries.append(replace(entries[0], id="d3", kind="reopen", students=("ana",), frozen=None, term=None))
    entries.decide("finalise", "sums")
    entries.append(replace(entries[0], id="d5", kind="reopen", students=("ana",), frozen=None, term=None))
    with pytest.raises(UsageError, match="drop_lowest 0, now 1"):
        entries.decide("finalise", "sums", changed)
    assert disagreements(COURSE, entries) == []


def test_what_cannot_be_decided_about_a_term() -> None:
    with pytest.raises(UsageError, match="No final term grade rests on another"):
        final().accept(COURSE)
    with pytest.raises(UsageError, match="No final term grade rests on another"):
        Ledger().accept(course(drop_lowest=1))
    with pytest.raises(UsageError, match="no Term"):
        final().accept(without_term(COURSE))
    with pytest.raises(UsageError, match="needs a reason"):
        term_decision(course(drop_lowest=1), "garcia", " ", final(), AT)


def without_term(found: Course) -> Course:
    """The course without term grade."""
    return Course(id="c", title="C", datasets=[], assignments=found.assignments)
