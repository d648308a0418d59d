"""What a student reads of the final score: the sum, and nothing that instructors wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autograder.feedback.settled import settled
from autograder.feedback.student import render_feedback
from autograder.records import Record
from autograder.term.decisions import Decision, Frozen
from autograder.term.facts import Facts
from autograder.term.score import Final
from tests.term.samples import attempt, decision, facts, madrid, policy, score

from .samples import page, read, record

LATE = facts(attempt("2027-02-14 10:00"))
CLOSED = facts(attempt("2027-02-13 10:00", 50.0), attempt("2027-02-20 10:00", 90.0, 2))


def of(final: Final) -> Record:
    """The record that counts."""
    return replace(record(), submission_id=final.submission_id or "0" * 16)


def text(final: Final) -> str:
    return read(render_feedback(page(record=of(final), final=final))).text


def test_a_late_submission_shows_the_sum() -> None:
    said = text(score(LATE))
    for words in (
        "Score so far: 70.4 of 100 points.",
        "Automatic checks 80",
        "Graded by hand 8",
        "Late -17.6",
        "2 started periods of 24 hours",
    ):
        assert words in said


@pytest.mark.parametrize("kind", ["extend", "waive_late", "override", "excuse", "finalise"])
def test_reasons_of_decisions_stay_with_those_who_made_them(kind: Any) -> None:
    values: dict[str, Any] = {"extend": {"until": madrid("2027-02-14 12:00")}, "override": {"score": 75.0}}.get(kind, {})
    values |= {"frozen": Frozen(policy(), {"ana": LATE})} if kind == "finalise" else {}
    entry: Decision = decision(kind, **values)
    said = text(score(LATE, None, entry))
    assert "illness" not in said
    assert "garcia" not in said
    expected = {
        "extend": "in time: due 2027-02-14 12:00",
        "waive_late": "waived",
        "override": "your instructor set the whole score",
        "excuse": "You are excused: this assignment does not count for you.",
        "finalise": "Final score: 70.4 of 100 points.",
    }
    assert expected[kind] in said


def test_what_came_too_late_is_said() -> None:
    said = text(score(CLOSED, policy(closes_s=48 * 3600.0)))
    assert "attempt 2 of 2027-02-20 10:00 does not count: the assignment was closed" in said


@pytest.mark.parametrize(
    "final",
    [score(facts(attempt())), score(facts(attempt(), why=None)), score(Facts()), score(LATE, None, decision("withhold")), None],
    ids=["in time", "waiting", "missing", "withheld", "unknown"],
)
def test_where_the_page_says_it_all_nothing_is_added(final: Final | None) -> None:
    assert settled(final, of(final) if final else record()) is None


def test_another_attempt_that_counts_is_said() -> None:
    known = facts(attempt(score=90.0), attempt("2027-02-13 10:00", 50.0, 2))
    best = score(known, policy(counting="best"))
    found = settled(best, replace(record(), submission_id=f"{2:016x}"))
    assert found is not None
    assert found.lines[0].why == "attempt 1 of 2, the best one counts"
