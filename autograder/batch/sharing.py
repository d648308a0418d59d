"""Workers that several batches of one process share: what of each is in use, and whose turn it is."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from itertools import takewhile

_ROUNDING = 1e-9


class Sharing:
    """Safe to use from several threads. A worker divides itself among its batches anyway (see `bench`); this keeps a submission from
    waiting there while another worker is idle.

    Who has waited longest is first: the worker that it waits for is kept for it, so that nobody who needs much of one waits for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[str, dict[str, float]] = {}
        self._waits: dict[str, str] = {}  # a worker's address by batch, in the order in which they began to wait

    def take(self, batch: str, parts: Mapping[str, float]) -> str | None:
        """Takes its part of the worker with most room, and gives its address; None where that is not enough, and it is kept for this batch.

        `parts`: what one submission takes of each worker that may be chosen, by address; 1 is all of it.
        """
        with self._lock:
            kept = {self._waits[each] for each in takewhile(lambda each: each != batch, self._waits)}
            rooms = {address: (address not in kept, self._free(address) / part) for address, part in parts.items()}
            if not rooms:
                self._waits.pop(batch, None)
                return None
            best = max(rooms, key=lambda address: rooms[address])
            may, room = rooms[best]
            if not may or room + _ROUNDING < 1:
                self._waits[batch] = best  # which leaves its place in the order as it is
                return None
            self._waits.pop(batch, None)
            used = self._used.setdefault(batch, {})
            used[best] = used.get(best, 0.0) + parts[best]
            return best

    def waits_no_more(self, batch: str) -> None:
        """It has nothing to send."""
        with self._lock:
            self._waits.pop(batch, None)

    def give_back(self, batch: str, address: str, part: float) -> None:
        """A submission there has ended."""
        with self._lock:
            self._used[batch][address] -= part

    def leave(self, batch: str) -> None:
        """It has ended."""
        with self._lock:
            self._used.pop(batch, None)
            self._waits.pop(batch, None)

    def _free(self, address: str) -> float:
        return 1.0 - sum(used.get(address, 0.0) for used in self._used.values())
