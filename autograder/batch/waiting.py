"""How long a submission will wait, from what others took: the figure that students are told, and that sizing advice is made from."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

REMEMBERED = 20  # of the last submissions, whose times tell: what another assignment took, or a cold start, is soon forgotten
_DEFAULT_S = 60.0  # before anything was measured


def expected_wait(ahead: int, elapsed: Sequence[float], slots: int, taken: Sequence[float]) -> float:
    """Seconds until a submission with `ahead` others before it begins.

    `elapsed`: how long each of the running ones has run; `slots`: how many may run at the same time; `taken`: what finished ones took,
    all in seconds. Each running one is expected to need what those of `taken` that took longer than it needed beyond its time, on average;
    each waiting one the average. Slots are then given out in order.
    """
    typical = sum(taken) / len(taken) if taken else _DEFAULT_S
    free = [_left(each, taken, typical) for each in elapsed]
    slots = max(1, slots)
    free += [0.0] * (slots - len(free))
    heapq.heapify(free)
    while len(free) > slots:  # more run than may: slots were lost, and the first that end are not given out again
        heapq.heappop(free)
    for _ in range(ahead):
        heapq.heapreplace(free, free[0] + typical)
    return free[0]


def _left(elapsed: float, taken: Sequence[float], typical: float) -> float:
    longer = [each - elapsed for each in taken if each > elapsed]
    return sum(longer) / len(longer) if longer else typical / 2
