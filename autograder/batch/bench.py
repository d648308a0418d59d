"""One machine, and what of it is in use: whoever executes submissions there takes a part of it, for however many batches."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from autograder.execution.devices import Slot

_ROUNDING = 1e-9


class SlotsClosed(Exception):
    """There will be no more slots: the batch has ended."""


@dataclass(eq=False)
class _Turn:
    """Somebody who waits for one of these slots, and for that part of the machine."""

    free: deque[Slot]
    part: float


class Bench:
    """Safe to use from several threads. Who came first is next, so that nobody who needs much is passed by for ever."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[_Turn] = []
        self._used = 0.0
        self._gpus: dict[str, float] = {}

    @contextmanager
    def take(self, free: deque[Slot], part: float, closed: Callable[[], bool]) -> Iterator[Slot]:
        """One of the `free` slots, as soon as that part of the machine and the slot's share of its GPU are free.

        `part`: 1 is the whole machine, with nothing beside it. Raises SlotsClosed when `closed` says so before.
        """
        slot = self._awaited(_Turn(free, part), closed)
        try:
            yield slot
        finally:
            with self._changed:
                self._occupy(slot, part, -1)
                free.append(slot)
                self._changed.notify_all()

    def wake(self) -> None:
        """Those who wait look again whether they are to wait."""
        with self._changed:
            self._changed.notify_all()

    def _awaited(self, turn: _Turn, closed: Callable[[], bool]) -> Slot:
        with self._changed:
            self._waiting.append(turn)
            try:
                self._changed.wait_for(lambda: closed() or self._is_next(turn))
                slot = self._fitting(turn)
                if closed() or slot is None:
                    raise SlotsClosed
                turn.free.remove(slot)
                self._occupy(slot, turn.part, 1)
                return slot
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()

    def _is_next(self, turn: _Turn) -> bool:
        """The first of those whose own batch has a slot for them, and there is room for it."""
        return turn is next((each for each in self._waiting if each.free), None) and self._fitting(turn) is not None

    def _fitting(self, turn: _Turn) -> Slot | None:
        if self._used + turn.part > 1 + _ROUNDING:
            return None
        return next((each for each in turn.free if self._gpus.get(each.gpu or "", 0.0) + each.gpu_share <= 1 + _ROUNDING), None)

    def _occupy(self, slot: Slot, part: float, sign: int) -> None:
        self._used += sign * part
        if slot.gpu is not None:
            self._gpus[slot.gpu] = self._gpus.get(slot.gpu, 0.0) + sign * slot.gpu_share
