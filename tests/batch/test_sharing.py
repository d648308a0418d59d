"""Whose turn it is at workers that several batches share."""

from __future__ import annotations

from autograder.batch.sharing import Sharing


def test_the_worker_with_most_room_is_taken_whoever_uses_the_others() -> None:
    sharing, parts = Sharing(), {"one": 0.25, "two": 0.25}
    assert sharing.take("a", {"one": 0.5}) == "one"
    assert [sharing.take("b", parts) for _ in range(4)] == ["two", "two", "one", "two"]
    sharing.leave("b")
    assert sharing.take("a", parts) == "two"


def test_what_is_full_is_nobodys_until_something_ends() -> None:
    sharing = Sharing()
    assert [sharing.take("a", {"one": 1 / 3}) for _ in range(4)] == ["one", "one", "one", None]
    sharing.give_back("a", "one", 1 / 3)
    assert sharing.take("a", {"one": 1 / 3}) == "one"


def test_who_needs_a_whole_worker_is_not_passed_by_for_ever() -> None:
    """Suspects run alone: the worker that one waits for is left to run empty, and the other one goes on."""
    sharing, parts, whole = Sharing(), {"one": 0.5, "two": 0.5}, {"one": 1.0, "two": 1.0}
    assert [sharing.take("many", parts) for _ in range(4)] == ["one", "two", "one", "two"]
    assert sharing.take("alone", whole) is None
    for address in ("one", "two"):
        sharing.give_back("many", address, 0.5)
    assert [sharing.take("many", parts) for _ in range(2)] == ["two", None]
    assert sharing.take("alone", whole) is None
    sharing.give_back("many", "one", 0.5)
    assert sharing.take("many", parts) is None
    assert sharing.take("alone", whole) == "one"
    assert sharing.take("many", parts) is None


def test_batches_that_wait_for_the_same_worker_take_turns() -> None:
    sharing, whole, served = Sharing(), {"one": 1.0}, []
    assert sharing.take("a", whole) == "one"
    assert [sharing.take(batch, whole) for batch in ("a", "b")] == [None, None]
    user = "a"
    for _ in range(4):
        sharing.give_back(user, "one", 1.0)
        user = next(batch for batch in ("b", "a") if sharing.take(batch, whole))
        assert sharing.take(user, whole) is None
        served.append(user)
    assert served == ["a", "b", "a", "b"]


def test_nothing_is_kept_for_who_has_nothing_to_send_any_more() -> None:
    sharing = Sharing()
    assert sharing.take("a", {"one": 0.5}) == "one"
    assert sharing.take("b", {"one": 1.0}) is None
    assert sharing.take("a", {"one": 0.5}) is None
    sharing.waits_no_more("b")
    assert sharing.take("a", {"one": 0.5}) == "one"
