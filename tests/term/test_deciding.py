"""What is said against a decision before it is written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from autograder import Assignment, Course, Late, Profile
from autograder.errors import UsageError
from autograder.term.deciding import Wish, decided, revocation
from autograder.term.decisions import Decision, Frozen, revoked
from autograder.term.facts import Facts, policy_of
from tests.term.samples import attempt, facts, madrid

COURSE = Course(
    id="c", title="C", datasets=[], timezone="Europe/Madrid", late=Late(per_day=0.1, closes="7 days"),
    assignments=[
        Assignment("tiny", due="2027-02-12 23:59", profiles={"full": Profile(dataset="digits")}),
        Assignment("open", due="2027-02-12 23:59", late=Late(per_day=0.1), profiles={"full": Profile(dataset="digits")}),
        Assignment("dateless", profiles={"full": Profile(dataset="digits")}),
    ],
)  # fmt: skip
KNOWN = frozenset({"ana", "bo"})
LATER, LATEST = madrid("2027-02-14 12:00"), madrid("2027-02-25 12:00")
ANA: tuple[str, ...] = ("ana",)


def wish(
    kind: Any, students: tuple[str, ...] | None = ANA, until: datetime | None = None, score: float | None = None, **changes: Any
) -> Wish:
    known: dict[str, Any] = {"who": "garcia", "why": "illness", "assignment": "tiny"}
    return Wish(kind=kind, students=students, until=until, score=score, **(known | changes))


BEFORE_DUE, LATE, CLOSED = "2027-02-12T09:00:00+01:00", "2027-02-14T09:00:00+01:00", "2027-02-20T09:00:00+01:00"


def write(*wishes: Wish | tuple[str, str], at: str = LATE) -> list[Decision]:
    entries: list[Decision] = []
    for each in wishes:
        if isinstance(each, Wish):
            entries.append(decided(each, COURSE, KNOWN, entries, at))
        else:
            entries.append(revocation(each[1], "garcia", "a slip", entries, "2027-02-14T10:00:00+01:00"))
    return entries


def final(students: tuple[str, ...] = ("ana", "bo"), early: bool = True, **handed_in: Facts) -> Wish:
    known = {name: handed_in.get(name, Facts()) for name in students}
    return wish("finalise", None, frozen=Frozen(policy_of(COURSE, "tiny"), known), early=early)


def test_entries_get_ids_in_order() -> None:
    entries = write(wish("extend", until=LATER), wish("withhold"), ("revoke", "d2"), wish("withhold"), wish("override", ("bo",), score=70))
    assert [each.id for each in entries] == ["d1", "d2", "d3", "d4", "d5"]
    assert revoked(entries) == {"d2"}


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ([wish("extend", until=LATER, why="  ")], "a decision needs a reason"),
        ([wish("extend")], "extend needs a date"),
        ([wish("excuse", until=LATER)], "excuse takes no date"),
        ([wish("override")], "override needs a score"),
        ([wish("excuse", score=3)], "excuse takes no score"),
        ([wish("override", score=101)], "lies outside 0 to 100"),
        ([wish("override", score=float("nan"))], "lies outside 0 to 100"),
        ([wish("override", score=-1)], "lies outside 0 to 100"),
        ([wish("override", None, score=50)], "about students who are named"),
        ([wish("withhold", None)], "about students who are named"),
        ([wish("extend", ("anna",), LATER)], "'anna' (did you mean 'ana'?)"),
        ([wish("extend", until=LATER, assignment="tyni")], "no assignment 'tyni'"),
        ([wish("extend", until=LATER, assignment="dateless")], "no due date that could be extended"),
        ([wish("extend", until=madrid("2027-02-12 23:59"))], "ana has until 2027-02-12 23:59 already"),
        ([wish("extend", until=LATER), wish("extend", until=LATER)], "ana has until 2027-02-14 12:00 already"),
        ([wish("extend", None, LATER), wish("extend", until=LATER)], "ana has until 2027-02-14 12:00 already"),
        ([wish("extend", None, LATER), wish("extend", None, LATER)], "everybody has until 2027-02-14 12:00 already"),
        ([wish("excuse"), wish("excuse")], "excuse holds for ana already (d1, garcia on 2027-02-14)"),
        ([wish("excuse", None), wish("excuse", None)], "excuse holds for everybody already"),
        ([wish("waive_late"), wish("waive_late")], "waive_late holds for ana already"),
        ([wish("withhold"), wish("withhold")], "withhold holds for ana already"),
        ([wish("override", score=70), wish("override", score=80)], "override 70 holds for ana already"),
        ([wish("excuse"), wish("override", score=80)], "ana is excused by d1: revoke that first"),
        ([wish("excuse"), wish("extend", until=LATER)], "ana is excused by d1"),
        ([wish("override", score=70), wish("excuse")], "ana has the score 70 by d1"),
        ([wish("override", score=70), wish("excuse", None)], "ana has the score 70 by d1: revoke that first"),
        ([wish("reopen", until=LATEST, assignment="open")], "never closes"),
        ([wish("reopen", until=LATEST), wish("reopen", until=LATEST)], "open for ana until 2027-02-25 12:00 already"),
        ([final(), final()], "the score of ana is final already"),
        ([("revoke", "d1")], "There is no decision 'd1'"),
        ([wish("excuse"), ("revoke", "d1"), ("revoke", "d1")], "d1 is revoked already"),
        ([wish("excuse"), ("revoke", "d1"), ("revoke", "d2")], "d2 took d1 back, and is not taken back itself"),
    ],
)
def test_what_speaks_against_a_decision(wishes: list[Any], words: str) -> None:
    write(*wishes[:-1])
    with pytest.raises(UsageError) as caught:
        write(*wishes)
    assert words in str(caught.value)


def test_everything_is_said_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        write(wish("extend", ("ana", "bo"), LATER), wish("extend", ("ana", "bo"), LATER, why=""))
    for words in ("needs a reason", "ana has until", "bo has until"):
        assert words in str(caught.value)


@pytest.mark.parametrize(("wishes", "cure"), [([wish("extend")], "--help"), ([wish("withhold"), wish("withhold")], "autograder decisions")])
def test_the_cure_belongs_to_what_is_wrong(wishes: list[Wish], cure: str) -> None:
    with pytest.raises(UsageError) as caught:
        write(*wishes)
    assert cure in caught.value.cure


def test_what_goes_together() -> None:
    write(wish("extend", until=LATER), wish("excuse"))  # fell ill after all
    write(wish("extend", None, LATER), wish("extend", until=LATEST))
    write(wish("excuse"), ("revoke", "d1"), wish("override", score=80))
    write(wish("override", score=80), ("revoke", "d1"), wish("override", score=80, assignment="open"), wish("excuse", None))
    write(wish("withhold"), wish("override", score=80))
    write(final(("ana",)), wish("reopen", until=LATEST, assignment="tiny"), final(("ana", "bo")))
    write(wish("override", score=0), ("revoke", "d1"), wish("override", score=100))


IN_TIME = facts(attempt("2027-02-12 08:00"))


@pytest.mark.parametrize(
    ("before", "at", "said"),
    [
        ([], BEFORE_DUE, ["ana may still hand something in, until 2027-02-12 23:59", "bo may still hand something in, until 2027-02-19"]),
        ([], LATE, ["bo may still hand something in, until 2027-02-19 23:59 (wait for that, or add --early)"]),
        ([wish("extend", until=LATEST)], CLOSED, ["ana may still hand something in, until 2027-02-25 12:00"]),
        ([wish("reopen", ("bo",), until=LATEST)], CLOSED, ["bo may still hand something in, until 2027-02-25 12:00"]),
        ([wish("reopen", until=LATEST)], CLOSED, []),  # Ana has a score, which is looked at again
        ([wish("excuse", ("bo",))], LATE, []),
        ([wish("override", ("bo",), score=5)], LATE, []),
        ([], CLOSED, []),
    ],
)
def test_nothing_is_final_while_something_may_come_in(before: list[Wish], at: str, said: list[str]) -> None:
    write(*before, final(ana=IN_TIME), at=at)
    if not said:
        write(*before, final(ana=IN_TIME, early=False), at=at)
        return
    with pytest.raises(UsageError) as caught:
        write(*before, final(ana=IN_TIME, early=False), at=at)
    assert all(words in str(caught.value) for words in said)
    assert str(caught.value).count("may still") == len(said)


def test_where_an_assignment_never_closes_the_due_date_counts() -> None:
    rest = Frozen(policy_of(COURSE, "open"), {"ana": Facts()})
    with pytest.raises(UsageError, match="ana may still hand something in, until 2027-02-12 23:59"):
        write(wish("finalise", None, assignment="open", frozen=rest), at=BEFORE_DUE)
    write(wish("finalise", None, assignment="open", frozen=rest))
    write(wish("finalise", None, assignment="dateless", frozen=Frozen(policy_of(COURSE, "dateless"), {"ana": Facts()})))


def test_a_class_that_may_still_hand_in_is_one_sentence() -> None:
    many = tuple(f"s{number}" for number in range(9))
    with pytest.raises(UsageError, match="written: s0, s1, s2, s3, s4 and 4 more may still hand something in, until 2027-02-19 23:59"):
        write(final(many, early=False))


def test_a_revocation_names_the_students_of_what_it_takes_back() -> None:
    assert write(wish("excuse", ("ana", "bo")), ("revoke", "d1"))[1].students == ("ana", "bo")
