"""The corpus once more as an account that owns nothing, whose sandbox is another one than root's. Collected for root alone."""

from __future__ import annotations

from tests.isolation.ordinary_user import run_again


def test_the_corpus_holds_for_an_ordinary_user() -> None:
    """At the level that root never uses: bubblewrap with a user namespace."""
    run_again("tests/corpus", "level2-warm", "[level2")
