"""Checks of what only some kinds of layers have: dropout rates, kernels, pools. Imported by `autograder.checks`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeGuard

from autograder._check_failed import fail, many, show
from autograder._check_models import Indexed, _described, _expect_count, _named
from autograder.records import ModelDescription

_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")
_POOLS = {
    "max": ("MaxPooling1D", "MaxPooling2D", "MaxPooling3D"),
    "average": ("AveragePooling1D", "AveragePooling2D", "AveragePooling3D"),
}


def expect_dropout(model: Any, rates: Sequence[float]) -> None:
    """Rates of all Dropout layers, in order; an empty list says that there is none."""
    layers = _of_kinds(_described(model), ["Dropout"])
    _expect_count(layers, len(rates), "of dropout")
    for indexed, expected in zip(layers, rates, strict=True):
        got = indexed[1].config.get("rate")
        if not _is_number(got) or not math.isclose(got, expected, abs_tol=1e-6):
            fail(_named(indexed), f"drops out a share of {show(got)}", f"{expected:g}", _rate_reason(got, expected))


def _rate_reason(got: Any, expected: float) -> str:
    if _is_number(got) and math.isclose(got, 1 - expected):
        return "the rate is the share that is switched off, not the share that stays"
    return "the rate is a fraction, not a percentage" if _is_number(got) and got > 1 else ""


def expect_convolutions(
    model: Any, filters: Sequence[int], kernel: Sequence[int], padding: str = "valid", strides: Sequence[int] | None = None
) -> None:
    """Filters of all convolutions in order, and the one size of kernel that all of them have; strides are 1 unless given."""
    layers = _of_kinds(_described(model), _CONVOLUTIONS)
    _expect_count(layers, len(filters), "of convolution")
    for indexed, expected in zip(layers, filters, strict=True):
        config = indexed[1].config
        if config.get("filters") != expected:
            fail(
                _named(indexed),
                f"has {_many(config.get('filters'), 'filter')}",
                str(expected),
                "each filter makes one channel of the output",
            )
        _expect_sides(indexed, "kernel_size", "a kernel of", kernel)
        _expect_sides(indexed, "strides", "strides of", strides or [1] * len(kernel))
        if config.get("padding") != padding:
            fail(_named(indexed), f"has padding {show(config.get('padding'))}", repr(padding), _padding_reason(padding))


def _padding_reason(expected: str) -> str:
    return {
        "valid": "a border of zeros is added, so that its output is larger than where the kernel fits in",
        "same": "without a border of zeros the output is smaller than the input",
    }.get(expected, "")


def expect_pooling(model: Any, sizes: Sequence[Sequence[int]], kind: str = "max") -> None:
    """Sizes of all pools in order, all of this kind ('max' or 'average'), each moved by its own size."""
    layers = _of_kinds(_described(model), [each for kinds in _POOLS.values() for each in kinds])
    _expect_count(layers, len(sizes), "of pooling")
    for indexed, expected in zip(layers, sizes, strict=True):
        if indexed[1].kind not in _POOLS[kind]:
            fail(_named(indexed), f"is {indexed[1].kind}", f"{kind} pooling")
        _expect_sides(indexed, "pool_size", "a pool of", expected)
        _expect_sides(indexed, "strides", "strides of", expected)


def _expect_sides(indexed: Indexed, key: str, noun: str, expected: Sequence[int]) -> None:
    """Compares what Keras keeps as one number for each axis: (5, 5)."""
    got = indexed[1].config.get(key)
    if list(got if isinstance(got, list | tuple) else [got]) != list(expected):
        shown = _sides(got) if isinstance(got, list | tuple) else show(got)
        fail(_named(indexed), f"has {noun} {shown}", _sides(expected), _strides_reason(key))


def _strides_reason(key: str) -> str:
    return "strides say by how many pixels it moves on" if key == "strides" else ""


def _sides(sides: Sequence[Any]) -> str:
    """'5 × 5'"""
    return " × ".join(show(side) for side in sides)


def _of_kinds(model: ModelDescription, kinds: Sequence[str]) -> list[Indexed]:
    """Layers of these classes with their position from 1 on."""
    return [each for each in enumerate(model.layers, start=1) if each[1].kind in kinds]


def _many(number: Any, noun: str) -> str:
    return many(number, noun) if isinstance(number, int) else f"{show(number)} {noun}s"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
