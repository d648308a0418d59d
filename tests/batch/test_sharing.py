"""Whose turn it is at workers that several batches share."""

from __future__ import annotations

from autograder.batch.sharing import Sharing


def test_the_worker_with_most_room_is_chosen_whoever_uses_the_others() -> None:
    sharing = Sharing()
    sharing.use("a", "one", 0.5)
    assert sharing.chosen("b", {"one": 0.25, "two": 0.25}) == "two"
    sharing.use("b", "two", 0.75)
    assert sharing.chosen("b", {"one": 0.25, "two": 0.25}) == "one"
    sharing.leave("b")
    assert sharing.chosen("a", {"one": 0.25, "two": 0.25}) == "two"


def test_what_is_full_is_nobodys_until_something_ends() -> None:
    sharing = Sharing()
    for _ in range(3):
        assert sharing.chosen("a", {"one": 1 / 3}) == "one"
        sharing.use("a", "one", 1 / 3)
    assert sharing.chosen("a", {"one": 1 / 3}) is None
    sharing.use("a", "one", -1 / 3)
    assert sharing.chosen("a", {"one": 1 / 3}) == "one"


def test_who_needs_a_whole_worker_is_not_passed_by_for_ever() -> None:
    """Suspects run alone: the worker that one waits for is left to run empty, and the other one goes on."""
    sharing, parts = Sharing(), {"one": 0.5, "two": 0.5}
    for address in ("one", "one", "two", "two"):
        sharing.use("many", address, 0.5)
    assert sharing.chosen("alone", {"one": 1.0, "two": 1.0}) is None
    for address in ("one", "two"):
        sharing.use("many", address, -0.5)
    assert sharing.chosen("many", parts) == "two"
    sharing.use("many", "two", 0.5)
    assert sharing.chosen("many", parts) is None
    assert sharing.chosen("alone", {"one": 1.0, "two": 1.0}) is None
    sharing.use("many", "one", -0.5)
    assert sharing.chosen("many", parts) is None
    assert sharing.chosen("alone", {"one": 1.0, "two": 1.0}) == "one"


def test_batches_that_wait_for_the_same_worker_take_turns() -> None:
    sharing, served = Sharing(), []
    sharing.use("a", "one", 1.0)
    for batch in ("a", "b"):
        assert sharing.chosen(batch, {"one": 1.0}) is None
    user = "a"
    for _ in range(4):
        sharing.use(user, "one", -1.0)
        user = next(batch for batch in ("b", "a") if sharing.chosen(batch, {"one": 1.0}))
        sharing.use(user, "one", 1.0)
        assert sharing.chosen(user, {"one": 1.0}) is None
        served.append(user)
    assert served == ["a", "b", "a", "b"]


def test_nothing_is_kept_for_who_has_nothing_to_send_any_more() -> None:
    sharing = Sharing()
    sharing.use("a", "one", 0.5)
    assert sharing.chosen("b", {"one": 1.0}) is None
    assert sharing.chosen("a", {"one": 0.5}) is None
    sharing.waits_no_more("b")
    assert sharing.chosen("a", {"one": 0.5}) == "one"
