"""What becomes of submissions: attempts, cool-down, closing, newer ones, and whose turn it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from autograder.hub.rules import Fate, Graded, Rules, Situation, attempts_left, fates, in_fair_order, next_attempt_at
from autograder.hub.state import Order, Receipt
from autograder.term.decisions import Frozen
from autograder.term.facts import Facts
from tests.hub.world import BEGIN
from tests.term.samples import decision, holding, policy

DUE = datetime(2026, 2, 1, 18, 0, tzinfo=BEGIN.tzinfo)


def receipt(number: int = 1, minutes: float = 0, work: str | None = None, student: str = "ana", **more: Any) -> Receipt:
    """A submission so many minutes after the beginning; `work` tells equal ones."""
    at = BEGIN + timedelta(minutes=minutes)
    return Receipt(f"tiny.{number}", student, "tiny", at, at, "", f"{student}{number}", work or f"work {number}", f"id {number}", **more)


def rules(counting: str = "last", closes_s: float | None = None, standing: Any = None, **more: Any) -> Rules:
    return Rules(policy(DUE, counting=counting, closes_s=closes_s), standing or holding(), **more)


def around(*done: int, minutes: float = 60, counts: bool = True, final: bool = True, **more: Any) -> Situation:
    known = Graded(final, counts, "completed", 1.0, 1.0, BEGIN)
    return Situation(BEGIN + timedelta(minutes=minutes), {f"id {number}": known for number in done}, **more)


def order(kind: Any, number: int = 1) -> Order:
    return Order(kind, f"tiny.{number}", "garcia", BEGIN)


def phases(found: Sequence[Fate]) -> list[str]:
    return [each.phase for each in found]


def test_two_submissions_the_newer_one_counts_and_the_older_costs_no_attempt() -> None:
    found = fates([receipt(1), receipt(2, 1)], [], rules(attempts=1), around())
    assert phases(found) == ["superseded", "queued"]
    assert [each.newest for each in found] == [False, True]
    assert attempts_left(found, rules(attempts=1), around()) == 0


def test_the_older_one_stays_superseded_when_the_newer_is_graded() -> None:
    assert phases(fates([receipt(1), receipt(2, 1)], [], rules(), around(2))) == ["superseded", "graded"]


def test_where_the_best_counts_each_is_graded() -> None:
    found = fates([receipt(1), receipt(2, 1)], [], rules("best"), around())
    assert phases(found) == ["queued", "queued"]
    assert [each.attempt for each in found] == [1, 2]


def test_what_runs_is_not_superseded() -> None:
    found = fates([receipt(1), receipt(2, 1)], [], rules(), around(running=frozenset({"tiny.1"})))
    assert phases(found) == ["running", "queued"]


def test_attempts_are_used_up_by_what_was_graded() -> None:
    found = fates([receipt(1), receipt(2, 1), receipt(3, 2)], [], rules(attempts=2), around(1, 2))
    assert phases(found) == ["graded", "graded", "refused"]
    assert found[2].note == "All 2 attempts are used up."
    assert attempts_left(found, rules(attempts=2), around(1, 2)) == 0


def test_a_graders_error_and_the_machines_cost_no_attempt() -> None:
    assert phases(fates([receipt(1), receipt(2, 1)], [], rules(attempts=1), around(1, counts=False))) == ["graded", "queued"]
    assert phases(fates([receipt(1)], [], rules(attempts=1), around(1, final=False))) == ["queued"]


def test_the_same_work_again_is_not_graded_again() -> None:
    found = fates([receipt(1, work="w"), receipt(2, 1, work="w"), receipt(3, 2, work="w")], [], rules(attempts=2), around(1))
    assert phases(found) == ["graded", "repeated", "repeated"]
    assert attempts_left(found, rules(attempts=2), around(1)) == 1


def test_going_back_to_earlier_work_is_a_new_attempt() -> None:
    found = fates([receipt(1, work="a"), receipt(2, 1, work="b"), receipt(3, 2, work="a")], [], rules(), around(1, 2))
    assert phases(found) == ["graded", "graded", "queued"]


def test_after_closing_nothing_counts_and_what_came_before_still_does() -> None:
    closing = rules(closes_s=3600)
    found = fates([receipt(1), receipt(2, 7 * 60 + 1)], [], closing, around(minutes=500))
    assert phases(found) == ["queued", "refused"]
    assert "closed" in found[1].note
    assert closing.closes == DUE + timedelta(hours=1)


def test_an_extension_opens_it_again() -> None:
    extended = rules(closes_s=3600, standing=holding(decision("extend", until=DUE + timedelta(days=2))))
    assert phases(fates([receipt(1, 24 * 60)], [], extended, around())) == ["queued"]
    assert extended.closes == DUE + timedelta(days=2, hours=1)
    reopened = rules(closes_s=3600, standing=holding(decision("reopen", until=DUE + timedelta(days=3))))
    assert phases(fates([receipt(1, 24 * 60)], [], reopened, around())) == ["queued"]
    assert reopened.closes == DUE + timedelta(days=3)


def test_nothing_is_graded_of_a_final_score_until_it_is_reopened() -> None:
    finalise = decision("finalise", frozen=Frozen(policy(DUE), {"ana": Facts()}))
    settled = rules(standing=holding(finalise))
    found = fates([receipt(1), receipt(2, 1)], [order("rerun")], settled, around(1))
    assert phases(found) == ["graded", "refused"]
    assert "final" in found[1].note
    again = rules(standing=holding(finalise, decision("reopen", 2, until=DUE + timedelta(days=3))))
    assert phases(fates([receipt(1), receipt(2, 1)], [order("rerun")], again, around(1))) == ["queued", "queued"]


def test_the_cool_down_holds_the_next_one_back_until_it_is_over() -> None:
    cool = rules(cool_down_s=1800)
    found = fates([receipt(1), receipt(2, 5)], [], cool, around(1, minutes=10))
    assert (found[1].phase, found[1].not_before) == ("queued", BEGIN + timedelta(minutes=30))
    assert next_attempt_at(found, cool, BEGIN + timedelta(minutes=10)) == BEGIN + timedelta(minutes=30)
    later = fates([receipt(1), receipt(2, 5)], [], cool, around(1, minutes=31))
    assert later[1].not_before is None
    assert next_attempt_at(later, cool, BEGIN + timedelta(minutes=31)) is None


def test_held_ones_wait_for_a_start_and_the_newest_is_held() -> None:
    held = rules(instant=False)
    both = [receipt(1), receipt(2, 1)]
    assert phases(fates(both, [], held, around())) == ["superseded", "held"]
    assert phases(fates(both, [order("start", 2)], held, around())) == ["superseded", "queued"]


def test_an_order_goes_beyond_attempts_and_cool_down() -> None:
    strict = rules(attempts=1, cool_down_s=3600)
    found = fates([receipt(1), receipt(2, 1)], [order("rerun", 2)], strict, around(1, minutes=2))
    assert phases(found) == ["graded", "queued"]
    assert (found[1].force, found[1].not_before) == (True, None)


def test_a_rerun_is_done_once_and_a_cancelled_one_keeps_its_record() -> None:
    assert phases(fates([receipt(1)], [order("rerun")], rules(), around(1))) == ["queued"]
    assert phases(fates([receipt(1)], [order("rerun"), order("done")], rules(), around(1))) == ["graded"]
    assert phases(fates([receipt(1)], [order("rerun"), order("cancel")], rules(), around(1))) == ["graded"]


def test_cancelling_the_newer_one_lets_the_older_have_its_turn() -> None:
    found = fates([receipt(1), receipt(2, 1)], [order("cancel", 2)], rules(), around())
    assert phases(found) == ["queued", "cancelled"]
    assert found[0].newest


def test_the_same_work_after_a_cancelled_one_is_graded() -> None:
    found = fates([receipt(1, work="w"), receipt(2, 1, work="w")], [order("cancel", 1)], rules(), around())
    assert phases(found) == ["cancelled", "queued"]


def test_a_try_waits_for_its_time() -> None:
    at = BEGIN + timedelta(minutes=70)
    assert phases(fates([receipt(1)], [], rules(), around(retries={"tiny.1": at}))) == ["retrying"]
    assert phases(fates([receipt(1)], [], rules(), around(minutes=70, retries={"tiny.1": at}))) == ["queued"]


def test_whoever_lost_files_is_asked_to_submit_again() -> None:
    found = fates([receipt(1)], [], rules(), around(lost=frozenset({"tiny.1"})))
    assert (found[0].phase, "submit again" in found[0].note) == ("refused", True)


def waits(number: int, student: str, minutes: float = 0, until: float | None = None) -> Fate:
    not_before = BEGIN + timedelta(minutes=until) if until is not None else None
    return Fate(receipt(number, minutes, student=student), "queued", not_before=not_before)


def test_turns_go_around() -> None:
    waiting = [waits(1, "ana", 0), waits(2, "ana", 1), waits(3, "ben", 2), waits(4, "eve", 3)]
    assert [each.receipt.id for each in in_fair_order(waiting, {}, BEGIN)] == ["tiny.1", "tiny.3", "tiny.4", "tiny.2"]
    assert [each.receipt.id for each in in_fair_order(waiting, {"ana": 1}, BEGIN)] == ["tiny.3", "tiny.4", "tiny.1", "tiny.2"]


def test_who_has_to_wait_anyway_holds_up_nobody() -> None:
    waiting = [waits(1, "ana", 0, until=30), waits(2, "ben", 1), waits(3, "eve", 2, until=-5)]
    assert [each.receipt.student for each in in_fair_order(waiting, {}, BEGIN)] == ["ben", "eve", "ana"]


@given(
    some.lists(some.tuples(some.integers(0, 300), some.sampled_from("abc"), some.booleans(), some.booleans()), max_size=8),
    some.sampled_from(["last", "best"]),
    some.one_of(some.none(), some.integers(1, 4)),
    some.booleans(),
)
def test_whatever_comes_attempts_are_never_exceeded_and_nobody_is_forgotten(
    given_: list[tuple[int, str, bool, bool]], counting: str, attempts: int | None, instant: bool
) -> None:
    """Grading the queue to its end grades at most as many as are allowed, and leaves nobody waiting."""
    receipts = [
        receipt(number, minutes, work, refused="no" if refused else "") for number, (minutes, work, refused, _) in enumerate(given_, 1)
    ]
    orders = [order("cancel", number) for number, each in enumerate(given_, 1) if each[3]]
    what, done = rules(counting, attempts=attempts, instant=instant), set[int]()
    for _ in range(len(receipts) + 1):
        found = fates(receipts, orders, what, around(*done))
        waiting = [each for each in found if each.phase == "queued"]
        assert (attempts_left(found, what, around(*done)) or 0) >= 0
        if not waiting:
            break
        done.add(int(waiting[0].receipt.id.rpartition(".")[2]))
    assert not waiting
    assert attempts is None or len(done) <= attempts
    assert len(found) == len(receipts)
    counted = [each for each in found if each.phase in ("graded", "held")]
    acceptable = [each for number, each in enumerate(receipts, 1) if not each.refused and not given_[number - 1][3]]
    assert bool(counted) == bool(acceptable)
    if counted and attempts is None:
        assert counted[-1].newest
