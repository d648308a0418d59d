"""The announced wait, on cases that can be counted by hand."""

from __future__ import annotations

import pytest

from autograder.batch.waiting import expected_wait


@pytest.mark.parametrize(
    ("ahead", "elapsed", "slots", "wait"),
    [
        (0, [], 2, 0),  # a free slot
        (0, [4.0], 2, 0),
        (0, [4.0], 1, 6),  # what the running one has left
        (1, [4.0], 1, 16),
        (2, [4.0, 2.0], 2, 16),  # slots are free after 6 and 8 s, then after 16 and 18
        (3, [4.0, 2.0], 2, 18),
        (0, [12.0], 1, 5),  # longer than any before: half of what is usual
    ],
)
def test_slots_are_given_out_in_order(ahead: int, elapsed: list[float], slots: int, wait: float) -> None:
    assert expected_wait(ahead, elapsed, slots, [10.0, 10.0]) == pytest.approx(wait)


def test_what_runs_long_already_is_compared_with_those_that_took_longer() -> None:
    assert expected_wait(0, [20.0], 1, [10.0, 10.0, 10.0, 50.0]) == pytest.approx(30)


def test_lost_slots_and_missing_figures_still_give_a_number() -> None:
    assert expected_wait(0, [4.0, 2.0, 1.0], 1, [10.0]) == pytest.approx(9)
    assert expected_wait(5, [], 0, []) > 0
