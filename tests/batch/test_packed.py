"""Records of a large class take little memory, and come out as they went in."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable, Iterator, Sized
from dataclasses import replace
from itertools import chain

import pytest

from autograder.batch.packed import PackedRecords
from autograder.records import Record, from_json, to_json
from tests.feedback.samples import record


def test_they_come_out_as_they_went_in_in_the_order_asked_for() -> None:
    ana, bo, cy = (replace(record(), student=name, score=float(at)) for at, name in enumerate(("ana", "bo", "cy")))
    packed = PackedRecords([cy, ana])
    packed.add(bo)
    assert list(packed) == [cy, ana, bo]
    assert list(packed.of(["ana", "bo"])) == [ana, bo]
    assert (packed[0], packed[-1], packed[1:], len(packed)) == (cy, bo, [ana, bo], 3)
    assert packed.has("bo")
    assert not packed.has("dan")
    with pytest.raises(KeyError):
        packed.of(["dan"])


def test_a_later_record_of_a_student_takes_the_place_of_the_earlier_one() -> None:
    packed = PackedRecords([replace(record(), student=name) for name in ("ana", "bo")])
    again = PackedRecords([replace(record(), student="ana", score=math.inf)])
    packed.update(again)
    assert [(each.student, each.score == math.inf) for each in packed] == [("ana", True), ("bo", False)]


def test_they_take_a_tenth_of_the_memory() -> None:
    text = to_json(record())
    short = replace(record(), student="rejected", grade_cells=(), runs=(), score=None)  # what the first one looks like decides nothing

    def bytes_of(make: Callable[[Iterator[Record]], Sized]) -> int:
        tracemalloc.start()
        alike = (replace(from_json(Record, text), student=str(number)) for number in range(200))
        held = make(chain([short], alike))
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(held) == 201
        return size

    bytes_of(list)  # makes the converters, once
    assert bytes_of(PackedRecords) < bytes_of(list) / 10
