"""The arithmetic of final scores: examples that a person can check, and what holds for all of them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.term.decisions import Decision, Frozen, standing
from autograder.term.facts import Attempt, CellPoints, Facts, HandGrade, Policy
from autograder.term.score import accepts, final_score, lateness
from tests.fuzz.mutations import fuzz
from tests.term.samples import DUE, attempt, decision, facts, holding, madrid, policy, score, why

NOBODY = holding()


def test_the_sum_of_a_submission_in_time() -> None:
    found = score(facts(attempt(), extra=2))
    assert (found.state, found.score) == ("scored", 90.0)
    assert (found.automatic, found.manual, found.late, found.extra) == (80.0, 8.0, 0.0, 2.0)
    assert [(line.what, line.points) for line in found.lines] == [("automatic", 80), ("by hand", 8), ("late", 0), ("extra", 2)]
    assert "in time: due 2027-02-12 23:59" in why(found, "late")


def test_lateness_takes_of_automatic_and_manual_points_and_not_of_extra_credit() -> None:
    found = score(facts(attempt("2027-02-14 10:12"), extra=2))
    assert found.late == 17.6
    assert found.score == 80 + 8 - 17.6 + 2
    assert (
        why(found, "late")
        == "handed in 2027-02-14 10:12, 34 h 13 min after 2027-02-12 23:59: 2 started periods of 24 hours × 0.1, of 88 points"
    )


def test_lateness_does_not_take_of_what_graders_gave_on_top() -> None:
    late = attempt("2027-02-14 10:12")
    cells = (*late.cells, CellPoints("contest_points", 3.5, 4, False, extra=True))
    found = score(facts(replace(late, cells=cells), extra=2))
    assert (found.automatic, found.manual, found.late, found.extra) == (80, 8, 17.6, 5.5)
    assert found.score == 80 + 8 - 17.6 + 5.5
    corrected = score(facts(replace(late, cells=cells), extra=2, contest_points=HandGrade(4)))
    assert (corrected.automatic, corrected.manual, corrected.extra) == (80, 8, 6)


@pytest.mark.parametrize(
    ("at", "periods"),
    [
        ("2027-02-12 23:59", 0),
        ("2027-02-12 23:59:00.000001", 1),
        ("2027-02-13 23:59", 1),
        ("2027-02-13 23:59:01", 2),
        ("2027-03-30 12:00", 46),
    ],
)
def test_periods_begin_right_after_the_deadline(at: str, periods: int) -> None:
    found = lateness(policy(), NOBODY, madrid(at))
    assert found.periods == periods
    assert found.share == min(0.5, 0.1 * periods)


@pytest.mark.parametrize(("at", "periods"), [("2027-02-13 00:14", 0), ("2027-02-13 00:14:01", 1), ("2027-02-14 00:14", 1)])
def test_periods_begin_after_the_grace(at: str, periods: int) -> None:
    assert lateness(policy(grace_s=15 * 60), NOBODY, madrid(at)).periods == periods


def test_the_night_that_has_23_hours() -> None:
    """Clocks go from 02:00 to 03:00 on 28 March: the same time on the next day is 23 hours later, so a day is not over yet."""
    rules = policy(madrid("2027-03-27 23:59"))
    assert lateness(rules, NOBODY, madrid("2027-03-28 23:59")).periods == 1
    assert lateness(rules, NOBODY, madrid("2027-03-29 00:59")).periods == 1
    assert lateness(rules, NOBODY, madrid("2027-03-29 00:59:01")).periods == 2
    assert lateness(policy(madrid("2027-03-28 01:30"), grace_s=3600), NOBODY, madrid("2027-03-28 03:30")).periods == 0


def test_the_night_that_has_25_hours() -> None:
    """Clocks go back from 03:00 to 02:00 on 31 October: the same time on the next day is 25 hours later."""
    rules = policy(madrid("2027-10-30 23:59"))
    assert lateness(rules, NOBODY, madrid("2027-10-31 22:59")).periods == 1
    assert lateness(rules, NOBODY, madrid("2027-10-31 23:59")).periods == 2
    twice = policy(madrid("2027-10-31 02:30"))
    assert lateness(twice, NOBODY, madrid("2027-10-31 02:30")).periods == 0
    assert lateness(twice, NOBODY, madrid("2027-10-31 02:30", fold=1)).seconds == 3600


def test_a_submission_without_a_time_counts_from_its_receipt_and_says_so() -> None:
    found = score(facts(attempt("2027-02-13 10:00", stamped=False)))
    assert found.late == 8.8
    assert "received (it brought no readable time of submission) 2027-02-13 10:00" in why(found, "late")


def test_a_manual_grade_after_grading_changes_sum_and_penalty() -> None:
    late = attempt("2027-02-13 10:00")
    before = score(facts(late, why=None))
    assert (before.state, before.score) == ("waiting", None)
    assert "why" in why(before, "waiting")
    after = score(facts(late, why=10.0))
    assert (after.state, after.late, after.score) == ("scored", 9.0, 81.0)


def test_a_persons_score_stands_in_place_of_an_automatic_one() -> None:
    found = score(facts(attempt(score=10.0), code=HandGrade(70.0)))
    assert (found.automatic, found.manual, found.score) == (0.0, 78.0, 78.0)
    settled = score(facts(attempt(score=None), code=HandGrade(70.0)))
    assert (settled.state, settled.score) == ("scored", 78.0)


def test_a_cell_that_waits_again_leaves_the_score_open() -> None:
    found = score(facts(attempt(), why=None, why_again=HandGrade(5.0, waits=True)))
    assert found.score is None
    assert why(found, "waiting") == "for a person to grade why, why_again"


def test_a_cell_that_the_submitted_version_lacks_waits_for_nobody() -> None:
    """An erratum added it, and nbgrader's gradebook has a row of it for everybody."""
    found = score(facts(attempt(), added=HandGrade(waits=True)))
    assert (found.state, found.score) == ("scored", 88.0)
    given = score(facts(attempt(), added=HandGrade(2.0, waits=True)))
    assert (given.state, why(given, "waiting")) == ("waiting", "for a person to grade added")


def test_the_maximum_is_that_of_the_version_that_was_handed_in() -> None:
    """Where an erratum raised the points, who has the older version can still reach all of its own."""
    older = attempt(score=45.0)
    cells = (*(replace(each, max_score=each.max_score / 2) for each in older.cells), CellPoints("more", 1.0, 4.0, False, extra=True))
    found = score(facts(replace(older, cells=cells), why=5.0))
    assert (found.score, found.max_score) == (51, 50)
    assert score(facts(replace(older, cells=()))).max_score == 100
    assert score(facts(replace(older, cells=cells)), None, decision("override", score=90.0)).max_score == 100


def test_what_is_not_scored_is_never_0() -> None:
    assert (score(facts(attempt(score=None))).state, score(facts(attempt(score=None))).score) == ("unscored", None)
    unread = replace(attempt(), cells=())
    assert (score(facts(unread)).state, score(facts(unread)).score) == ("unscored", None)
    assert (score(Facts()).state, score(Facts()).score) == ("missing", None)
    assert score(facts(attempt()), None, decision("excuse")).state == "excused"
    assert score(facts(attempt()), None, decision("excuse")).score is None
    withheld = score(facts(attempt()), None, decision("withhold"))
    assert (withheld.state, withheld.score, withheld.automatic) == ("withheld", None, 80.0)


def test_an_extension_after_grading() -> None:
    known = facts(attempt("2027-02-14 10:00"))
    assert score(known).late == 17.6
    until = decision("extend", until=madrid("2027-02-13 23:59"))
    found = score(known, None, until)
    assert found.late == 8.8
    assert "until 2027-02-13 23:59, decided by garcia on 2027-02-14 (d1): illness" in why(found, "extend")
    for_all = decision("extend", 2, None, until=madrid("2027-02-14 12:00"))
    assert score(known, None, until, for_all).late == 0
    assert score(known, None, until, for_all, decision("revoke", 3, None, revokes="d2")).late == 8.8
    assert score(known, None, decision("extend", students=("bo",), until=madrid("2027-02-20 12:00"))).late == 17.6


def test_an_extension_moves_the_grace_too() -> None:
    late = facts(attempt("2027-02-14 12:10"))
    assert score(late, policy(grace_s=900), decision("extend", until=madrid("2027-02-14 12:00"))).late == 0


def test_waived_lateness_is_still_explained() -> None:
    found = score(facts(attempt("2027-02-20 10:00")), None, decision("waive_late"))
    assert (found.late, found.score) == (0.0, 88.0)
    assert why(found, "late").endswith("waived")
    assert "illness" in why(found, "waive late")


def test_an_override_is_the_whole_score_and_says_what_it_replaces() -> None:
    found = score(facts(attempt("2027-02-14 10:00")), None, decision("override", score=75.0))
    assert (found.state, found.score) == ("scored", 75.0)
    assert "in place of 70.4" in why(found, "override")
    assert score(Facts(), None, decision("override", score=50.0)).score == 50.0
    assert score(facts(attempt(score=None)), None, decision("override", score=50.0)).score == 50.0


def test_the_last_attempt_counts_or_the_best() -> None:
    known = facts(attempt(score=90.0), attempt("2027-02-13 10:00", 85.0, 2), attempt("2027-02-14 10:00", None, 3))
    assert (score(known).attempt, score(known).state) == (3, "unscored")
    best = score(known, policy(counting="best"))
    assert (best.attempt, best.score) == (1, 98.0)
    assert why(best, "automatic") == "attempt 1 of 3, the best one counts"
    second = facts(attempt("2027-02-13 10:00", 50.0, 1), attempt("2027-02-13 11:00", 90.0, 2))
    assert (score(second).attempt, score(second).score) == (2, round(98 * 0.9, 2))


def test_a_closed_assignment_takes_nothing_until_it_is_reopened() -> None:
    rules = policy(closes_s=48 * 3600)
    early, late = attempt(score=50.0), attempt("2027-02-15 10:00", 90.0, 2)
    found = score(facts(early, late), rules)
    assert (found.attempt, found.score) == (1, 58.0)
    assert "attempt 2 of 2027-02-15 10:00 does not count" in why(found, "too late")
    assert score(facts(late), rules).state == "missing"
    again = score(facts(early, late), rules, decision("reopen", until=madrid("2027-02-16 23:59")))
    assert (again.attempt, again.late) == (2, pytest.approx(29.4))


def finalised(known: Facts, rules: Policy, number: int = 5) -> Decision:
    return decision("finalise", number, None, frozen=Frozen(rules, {"ana": known}))


def test_a_final_score_changes_by_decisions_only() -> None:
    rules, known = policy(), facts(attempt("2027-02-14 10:00"))
    final = finalised(known, rules)
    regraded = facts(attempt("2027-02-14 10:00", 20.0), attempt("2027-02-20 10:00", 90.0, 2))
    cheaper = policy(per_day=0.0)
    found = score(regraded, cheaper, final)
    assert (found.score, found.final, found.would_be) == (70.4, "d5", 98.0)
    assert "would give 98; that changes nothing" in why(found, "since then")
    extended = score(regraded, cheaper, final, decision("extend", 6, until=madrid("2027-02-14 23:59")))
    assert (extended.score, extended.final) == (88.0, "d5")
    assert score(regraded, rules, final, decision("override", 6, score=60.0)).score == 60.0
    assert score(regraded, cheaper, final, decision("reopen", 6, until=madrid("2027-03-01 12:00"))).score == 98.0
    assert score(regraded, cheaper, final, decision("revoke", 6, None, revokes="d5")).score == 98.0
    assert score(known, rules, final).would_be is None


def test_final_without_a_submission_is_0_and_somebody_who_came_later_is_not_final() -> None:
    final = decision("finalise", 5, None, frozen=Frozen(policy(), {"ana": Facts()}))
    assert (score(Facts(), None, final).state, score(Facts(), None, final).score) == ("scored", 0.0)
    late_join = final_score("bo", "tiny", facts(attempt()), policy(), standing([final], "bo", "tiny"), 100.0)
    assert (late_join.final, late_join.score) == (None, 88.0)
    excused = score(Facts(), None, final, decision("excuse", 6))
    assert (excused.state, excused.score) == ("excused", None)


# --- what holds for all of them ----------------------------------------------------------------------------------------

hours = st.floats(min_value=-200, max_value=5_000, allow_nan=False)
points = st.integers(0, 9_000).map(lambda cents: cents / 100)
shares = st.integers(0, 100).map(lambda percent: percent / 100)
policies = st.builds(
    policy,
    due=st.sampled_from([DUE, madrid("2027-03-27 23:59"), madrid("2027-10-31 02:30"), madrid("2027-10-31 02:30", fold=1)]),
    per_day=shares,
    at_most=shares,
    grace_s=st.integers(0, 100_000).map(float),
    counting=st.sampled_from(["last", "best"]),
)


def handed_in(rules: Policy, after: float, automatic: float, number: int = 1) -> Attempt:
    """So many hours of real time after the due date."""
    at = (rules.due or DUE).astimezone(UTC) + timedelta(hours=after)
    cells = (CellPoints("code", automatic, 90.0, False), CellPoints("why", None, 10.0, True))
    return Attempt(f"{number:016x}", number, at, True, cells)


@fuzz(150)
@given(policies, hours, points, st.integers(0, 1000).map(lambda cents: cents / 100))
def test_lateness_never_takes_more_than_there_is(rules: Policy, after: float, automatic: float, by_hand: float) -> None:
    found = score(facts(handed_in(rules, after, automatic), why=by_hand), rules)
    assert found.score is not None
    assert found.late is not None
    assert 0 <= found.late <= round(automatic + by_hand, 2)
    assert found.late <= rules.at_most * (automatic + by_hand) + 0.0051  # half a cent of rounding
    assert found.score >= 0
    assert found.score == round(automatic + by_hand - found.late, 2)


@fuzz(150)
@given(policies, hours, hours, points)
def test_later_is_never_better(rules: Policy, one: float, other: float, automatic: float) -> None:
    early, late = (score(facts(handed_in(rules, each, automatic)), rules).score for each in sorted((one, other)))
    assert early is not None
    assert late is not None
    assert early >= late


@fuzz(150)
@given(policies, st.lists(st.tuples(hours, points), min_size=1, max_size=4), hours, st.sampled_from([None, 86_400.0, 400_000.0]))
def test_an_extension_never_lowers_a_score(rules: Policy, handed: list[tuple[float, float]], until: float, closes: float | None) -> None:
    """Where the last attempt counts, a closed assignment is left out: there an extension may let in a later, worse attempt."""
    rules = replace(rules, closes_s=closes if rules.counting == "best" else None)
    known = facts(*(handed_in(rules, after, automatic, number) for number, (after, automatic) in enumerate(sorted(handed), 1)))
    entry = decision("extend", until=(rules.due or DUE) + timedelta(hours=until))
    before, after = score(known, rules).score, score(known, rules, entry).score
    assert (after if after is not None else -1) >= (before if before is not None else -1)


@fuzz(150)
@given(policies, hours, st.sampled_from([None, 86_400.0, 400_000.0]), hours)
def test_an_extension_never_closes_anything(rules: Policy, after: float, closes: float | None, until: float) -> None:
    rules = replace(rules, closes_s=closes)
    at: datetime = handed_in(rules, after, 1.0).at
    entry = decision("extend", until=(rules.due or DUE) + timedelta(hours=until))
    assert accepts(rules, holding(entry), at) >= accepts(rules, NOBODY, at)


one_decision = st.tuples(
    st.sampled_from(["ana", "bo", "eva"]), st.sampled_from(["extend", "waive_late", "withhold", "excuse", "override"]), hours, points
)


@fuzz(150)
@given(st.lists(one_decision, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_entries_about_different_students_makes_no_difference(
    made: list[tuple[str, str, float, float]], chance: random.Random
) -> None:
    entries = [
        decision(
            kind,
            number,
            (student,),
            until=DUE + timedelta(hours=after) if kind == "extend" else None,
            score=given_points if kind == "override" else None,
        )
        for number, (student, kind, after, given_points) in enumerate(made, 1)
    ]
    queues = {name: [each for each in entries if each.students == (name,)] for name in ("ana", "bo", "eva")}
    mixed = []
    while any(queues.values()):
        mixed.append(queues[chance.choice([name for name in queues if queues[name]])].pop(0))
    known = facts(attempt("2027-02-15 10:00"))
    for name in queues:
        one, other = (final_score(name, "tiny", known, policy(), standing(each, name, "tiny"), 100.0) for each in (entries, mixed))
        assert one == other
