"""How scores spread: students by tenths of the points."""

from __future__ import annotations

from collections.abc import Sequence

Spread = list[tuple[str, int]]


def spread_of(shares: Sequence[float]) -> Spread:
    """Shares of the points (0 to 1) by tenths; full points stand alone. Nothing for nobody."""
    if not shares:
        return []
    counts = [0] * 11
    for each in shares:
        counts[min(10, max(0, int(each * 10 + 1e-9)))] += 1
    labels = [f"{ten * 10}–{ten * 10 + 9}" for ten in range(10)]
    return list(zip([*labels, "100"], counts, strict=True))
