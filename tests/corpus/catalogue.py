"""The classes in which the corpus is graded: every level that this account can reach, warm; the best one also cold."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tests.corpus import accidents, forgeries, harming, models, reading
from tests.corpus.entry import ENTRIES, Entry
from tests.isolation.running import PROTECTED

FAMILIES = (forgeries, models, reading, harming, accidents)
_ONLY = os.environ.get("CORPUS_ONLY", "").split()  # names, to try a few


@dataclass(frozen=True)
class Class:
    """One class: its level, how its processes start, who is in it."""

    level: int
    cold: bool

    @property
    def name(self) -> str:
        return f"level{self.level}-{'cold' if self.cold else 'warm'}"

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(
            each
            for each in ENTRIES
            if self.level in each.levels and (each.cold or not self.cold) and (not _ONLY or any(word in each.name for word in _ONLY))
        )


CLASSES = [each for each in (*(Class(level, False) for level in PROTECTED), Class(PROTECTED[0], True)) if each.entries]
