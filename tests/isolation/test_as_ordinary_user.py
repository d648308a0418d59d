"""Everything in this folder once more as an account that owns nothing: what root's sandbox shows says nothing about an ordinary user's.

Collected for root alone; an ordinary user runs the other files anyway.
"""

from __future__ import annotations

from tests.isolation.ordinary_user import run_again

NOT_TWICE = "not same_record and not collected_outside"  # what does not depend on the account, and takes long


def test_the_same_holds_for_an_ordinary_user() -> None:
    run_again("tests/isolation", NOT_TWICE, "[2")
