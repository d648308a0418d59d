"""Entries that do not hold yet, with the reason; the tests expect each of them to fail, and fail when one holds.

To switch one on, take its line away.
"""

from __future__ import annotations

PENDING: dict[str, str] = {}
