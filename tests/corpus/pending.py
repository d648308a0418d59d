"""Entries that do not hold yet, with the reason; the tests expect each of them to fail, and fail when one holds.

To switch one on, take its line away.
"""

from __future__ import annotations

PENDING: dict[str, str] = {
    "class_that_claims_its_parameters": "a model of a class of its own is not opened yet",
    "honest_layer_of_ones_own": "a model with a layer of its own is not opened yet",
    "renamed_among_others": "a renamed notebook is found only where it is alone",
    "utf_16": "only UTF-8 is read",
    "crash_at_the_very_end": "questions are not asked again after the kernel's end",
}
